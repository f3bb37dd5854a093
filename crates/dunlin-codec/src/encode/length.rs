//! Content-Length, read and written (RFC 9110 §8.6).

use alloc::vec::Vec;

use super::write::decimal;

/// A Content-Length's value.
pub(super) fn parse_length(value: &[u8]) -> Option<u64> {
    let add = |sum: u64, digit: &u8| match digit {
        b'0'..=b'9' => sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    };
    if value.is_empty() { None } else { value.iter().try_fold(0, add) }
}

/// Whether the encoder would write this Content-Length so.
pub(super) fn is_plain_length(value: &[u8]) -> bool {
    value.first() != Some(&b'0') || value.len() == 1
}

/// The number that the last `len` bytes of `line` are, where the encoder would write it just so, and
/// where they are at most eight, as of nearly every length.
///
/// All digits at once: those of `line` before the number become zeros.
#[inline(always)]
pub(super) fn short_length(line: &[u8], len: usize) -> Option<u64> {
    const ZEROS: u64 = u64::from_ne_bytes([b'0'; 8]);
    if !(1..=8).contains(&len) {
        return None;
    }
    let unused = 8 * (8 - len as u32);
    let word = u64::from_le_bytes(*line.last_chunk()?);
    if word >> unused & 0xff == u64::from(b'0') && len > 1 {
        return None;
    }
    let number = u64::MAX << unused;
    let digits = (word & number | ZEROS & !number) ^ ZEROS;
    // Ten and above reach the upper half of a byte with six more, or are there before.
    let is_plain = (digits | digits.wrapping_add(0x0606_0606_0606_0606)) & 0xf0f0_f0f0_f0f0_f0f0;
    if is_plain != 0 {
        return None;
    }
    // Pairs, then pairs of pairs, each in a lane of twice the width; the first digit is the lowest byte.
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

/// Appends a Content-Length field.
#[inline(always)]
pub(super) fn append_length(length: u64, out: &mut Vec<u8>) {
    append_open_length(*b"content-length: ????????", length, out);
    out.extend_from_slice(b"\r\n");
}

/// Appends what leads up to a length, and the length in place of the eight bytes behind it.
///
/// Below ten to the eighth it is written as one piece of fixed size and what stands behind the last
/// digit is taken back: copies whose size is known are no calls.
#[inline(always)]
pub(super) fn append_open_length<const N: usize>(
    mut text: [u8; N],
    length: u64,
    out: &mut Vec<u8>,
) {
    let lead = const { N - size_of::<u64>() };
    let Some((digits, count)) = decimal(length) else {
        return append_long_length(&text[..lead], length, out);
    };
    text[lead..].copy_from_slice(&digits.to_le_bytes());
    let end = out.len() + lead + count as usize;
    out.extend_from_slice(&text);
    out.truncate(end);
}

#[cold]
fn append_long_length(lead: &[u8], length: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(lead);
    out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::String};

    use proptest::prelude::*;

    use super::*;

    fn short(value: &str) -> Option<u64> {
        short_length(format!("content-length: {value}").as_bytes(), value.len())
    }

    #[test]
    fn short_lengths_are_those_that_would_be_written_so() {
        for power in 0..8 {
            for number in [10u64.pow(power) - 1, 10u64.pow(power), 12_345_678 / 10u64.pow(power)] {
                assert_eq!(short(&format!("{number}")), Some(number));
            }
        }
        for value in ["", "00", "05", "0000", "123456789", "100000000"] {
            assert_eq!(short(value), None, "{value}");
        }
    }

    /// Every byte in every place of a number.
    #[test]
    fn short_lengths_are_of_digits_alone() {
        for (len, at, byte) in (1..=8)
            .flat_map(|len| (0..len).flat_map(move |at| (0..=255).map(move |b| (len, at, b))))
        {
            let mut line = b"content-length: 77777777"[..16 + len].to_vec();
            line[16 + at] = byte;
            let parsed = short_length(&line, len);
            let expected = parse_length(&line[16..]).filter(|_| byte != b'0' || at > 0 || len == 1);
            assert_eq!(parsed, expected, "{byte} at {at} of {len}");
        }
    }

    proptest! {
        #[test]
        fn short_lengths_are_as_parsed(value in "[0-9]{1,9}") {
            let expected = parse_length(value.as_bytes());
            let expected = expected.filter(|n| format!("{n}") == value && value.len() <= 8);
            prop_assert_eq!(short(&value), expected);
        }
    }

    #[test]
    fn a_length_is_a_line() {
        for number in [0, 9_999, 10_000, 99_999_999, 100_000_000, u64::MAX] {
            let mut out = Vec::new();
            append_length(number, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!("content-length: {number}\r\n"));
        }
    }
}
