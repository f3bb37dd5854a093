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
/// many they are: halves, where there are more than four, then quarters and digits are split off in all
/// lanes at once.
#[cfg(feature = "std")]
#[inline(always)]
pub(super) const fn decimal(number: u64) -> Option<(u64, u32)> {
    let (word, width) = match number {
        0..10_000 => (number, 4),
        10_000..100_000_000 => ((number / 10_000) | ((number % 10_000) << 32), 8),
        _ => return None,
    };
    let hundreds = ((word * 5243) >> 19) & 0x0000_007f_0000_007f;
    let word = hundreds | ((word - 100 * hundreds) << 16);
    let tens = ((word * 103) >> 10) & 0x000f_000f_000f_000f;
    let word = tens | ((word - 10 * tens) << 8);
    let count = digit_count(number as u32);
    Some(((word + 0x3030_3030_3030_3030) >> (8 * (width - count)), count))
}

/// Number of decimal digits. Not taken from the digits, which come late: whoever waits for the number, to
/// write behind it, would wait for them.
#[cfg(feature = "std")]
#[inline(always)]
const fn digit_count(number: u32) -> u32 {
    /// By the number's highest bit: what adds up with it to the count, in the high half.
    const BY_BIT: [u64; 32] = {
        let mut by_bit = [0; 32];
        let mut bit = 0;
        while bit < 32 {
            // Numbers with that bit have as many digits as its power of two, or one more.
            let digits = (1u64 << bit).ilog10() + 1;
            let next = 10u64.pow(digits);
            by_bit[bit] = match next >> bit {
                1 => ((digits as u64 + 1) << 32) - next,
                _ => (digits as u64) << 32,
            };
            bit += 1;
        }
        by_bit
    };
    ((number as u64 + BY_BIT[(number | 1).ilog2() as usize]) >> 32) as u32
}

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
