//! Lines, which is all that a head and a chunk's frame are made of.

use alloc::vec::Vec;

/// Appends a field line. Makes no room for the whole of it first: the buffers of connections have it,
/// and four checks of a branch that is never taken cost less than five.
#[inline(always)]
pub(super) fn append_field(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends a number in hex and CRLF: the size line of a chunk (RFC 9112 §7.1).
#[inline]
pub(super) fn append_size_line(size: u64, out: &mut Vec<u8>) {
    let Ok(low) = u32::try_from(size) else { return append_long_size_line(size, out) };
    let digits = 8 - (low | 1).leading_zeros() / 4;
    // The unused digits are shifted out at the top; CRLF moves up behind the last one. What is
    // written behind that is taken back.
    let line = (u128::from(hex(low)) << 64 | u128::from(CRLF) << 48) << (64 - 8 * digits);
    let end = out.len() + digits as usize + 2;
    out.extend_from_slice(&line.to_be_bytes());
    out.truncate(end);
}

const CRLF: u16 = u16::from_be_bytes(*b"\r\n");

#[cold]
fn append_long_size_line(size: u64, out: &mut Vec<u8>) {
    append_size_line(size >> 32, out);
    out.truncate(out.len() - 2);
    out.extend_from_slice(&hex(size as u32).to_be_bytes());
    out.extend_from_slice(b"\r\n");
}

/// All eight hex digits, the first one in the top byte: every half byte is moved to a byte of its own,
/// then all are made digits at once.
#[inline(always)]
const fn hex(number: u32) -> u64 {
    let mut word = number as u64;
    word = (word | word << 16) & 0x0000_ffff_0000_ffff;
    word = (word | word << 8) & 0x00ff_00ff_00ff_00ff;
    word = (word | word << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // Six more carries ten and above, and those alone, into the upper half of their bytes.
    let letters = (word + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    word + 0x3030_3030_3030_3030 + letters * (b'a' - b'0' - 10) as u64
}

/// The decimal digits of a number below ten to the eighth, the first one in the lowest byte, and how
/// many they are.
#[cfg(feature = "std")]
#[inline(always)]
pub(super) fn decimal(number: u64) -> Option<(u64, u32)> {
    match number {
        0..10_000 => Some(short_decimal(number as u32)),
        10_000..100_000_000 => Some(middling_decimal(number as u32)),
        _ => None,
    }
}

/// Of a number below ten to the fourth, as nearly all are.
#[cfg(feature = "std")]
#[inline(always)]
fn short_decimal(number: u32) -> (u64, u32) {
    // Not counted in the digits, which come late: whoever is to write behind them waits for the count.
    let count = 1 + u32::from(number > 9) + u32::from(number > 99) + u32::from(number > 999);
    let hundreds = (number * 5243) >> 19;
    let rest = number - 100 * hundreds;
    let digits = u32::from(PAIRS[hundreds as usize]) | u32::from(PAIRS[rest as usize]) << 16;
    (u64::from(digits >> (8 * (4 - count))), count)
}

#[cfg(feature = "std")]
#[inline(never)]
fn middling_decimal(number: u32) -> (u64, u32) {
    let (high, high_count) = short_decimal(number / 10_000);
    let low = number % 10_000;
    let pairs =
        u64::from(PAIRS[(low / 100) as usize]) | u64::from(PAIRS[(low % 100) as usize]) << 16;
    (high | pairs << (8 * high_count), high_count + 4)
}

/// The digits of the numbers below a hundred, the first one in the lower byte.
#[cfg(feature = "std")]
static PAIRS: [u16; 100] = {
    let mut pairs = [0; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number as usize] = u16::from_le_bytes([b'0' + number / 10, b'0' + number % 10]);
        number += 1;
    }
    pairs
};

#[cfg(test)]
mod tests {
    use alloc::{format, vec};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn size_lines_at_the_edges_are_plain_hex() {
        for size in (0..64).flat_map(|bit| [(1 << bit) - 1, 1 << bit]).chain([u64::MAX]) {
            let mut out = Vec::new();
            append_size_line(size, &mut out);
            assert_eq!(out, format!("{size:x}\r\n").as_bytes());
        }
    }

    #[cfg(feature = "std")]
    #[test]
    fn decimals_at_the_edges_are_plain() {
        for number in (0..8).flat_map(|power| [10u64.pow(power) - 1, 10u64.pow(power)]) {
            assert_plain(number);
        }
        // Every pair of digits, in every place.
        for number in (0..10_000).flat_map(|half| [half, half * 10_000, half * 10_001]) {
            assert_plain(number);
        }
        assert_eq!((decimal(100_000_000), decimal(u64::MAX)), (None, None));
    }

    #[cfg(feature = "std")]
    fn assert_plain(number: u64) {
        let (digits, count) = decimal(number).unwrap();
        assert_eq!(&digits.to_le_bytes()[..count as usize], format!("{number}").as_bytes());
    }

    proptest! {
        /// As `{:x}` writes them.
        #[test]
        fn size_lines_are_plain_hex(size: u64, shift in 0..64) {
            let mut out = vec![b'!'];
            append_size_line(size >> shift, &mut out);
            prop_assert_eq!(out, format!("!{:x}\r\n", size >> shift).into_bytes());
        }
    }
}
