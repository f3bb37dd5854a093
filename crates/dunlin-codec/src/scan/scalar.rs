//! The portable scanner: eight bytes a step in a general register, a table for the rest.
//!
//! The arithmetic on words tells exactly where the *first* hit is: a borrow out of a hit can only
//! disturb the bytes above it, and those are looked at again from behind the hit.

use core::ops::Range;

use super::class::{CLASSES, FIELD, NAME, TARGET, TOKEN};

/// The first offset, from `from` on, of a byte that is no token's (RFC 9110 §5.6.2), or the input's
/// length where there is none.
#[inline]
pub(crate) fn token_end(input: &[u8], from: usize) -> usize {
    let Some(rest) = input.get(from..) else { return from };
    counted(from, from + run_of(rest, TOKEN, unusual_in_token))
}

/// The same for what is let through in a request target: visible ASCII but `#`.
///
/// That is more than RFC 3986 §2 allows: ``"<>\^`{|}`` stand in targets that browsers and
/// libraries send, and no two parsers disagree on where such a target ends.
#[inline]
pub(crate) fn target_end(input: &[u8], from: usize) -> usize {
    let Some(rest) = input.get(from..) else { return from };
    counted(from, from + run_of(rest, TARGET, unusual_in_target))
}

/// The same for field values (RFC 9110 §5.5): HTAB, SP, visible ASCII and bytes above 0x7f.
#[inline]
pub(crate) fn field_end(input: &[u8], from: usize) -> usize {
    // Most values end within two words. The others are worth a test on whole blocks, which compilers
    // turn into vector code on every target that has any.
    let (Some(value), words) = (input.get(from..), 2 * WORD) else { return from };
    let run = match run_of_words(value, FIELD, unusual_in_field, words) {
        Ok(run) => run,
        Err(run) => run + long_field_run(value.get(run..).unwrap_or_default()),
    };
    counted(from, from + run)
}

/// The end of a run, which tests count together with the byte behind it.
#[inline(always)]
fn counted(_from: usize, end: usize) -> usize {
    #[cfg(test)]
    super::work::add(end - _from + 1);
    end
}

/// Length of the run of field bytes at the start of a value that has proved to be long.
fn long_field_run(value: &[u8]) -> usize {
    let mut rest = value;
    while let Some((block, tail)) = rest.split_first_chunk::<BLOCK>() {
        if block.iter().fold(false, |hit, &byte| hit | (byte < b' ') | (byte == DEL)) {
            break;
        }
        rest = tail;
    }
    value.len() - rest.len() + run_of(rest, FIELD, unusual_in_field)
}

/// Length of the run of bytes in `class` at the start of `input`.
#[inline(always)]
fn run_of(input: &[u8], class: u8, unusual: fn(u64) -> u64) -> usize {
    match run_of_words(input, class, unusual, usize::MAX) {
        Ok(run) | Err(run) => run,
    }
}

/// As [`run_of`], but gives up with `Err` where `most` bytes or more are in the class.
///
/// `unusual` marks, in the top bit of each byte of a word, all bytes outside the class and perhaps
/// rare ones inside it; the table decides on what was marked.
#[inline(always)]
fn run_of_words(
    input: &[u8],
    class: u8,
    unusual: fn(u64) -> u64,
    most: usize,
) -> Result<usize, usize> {
    let mut rest = input;
    while let Some((word, tail)) = rest.split_first_chunk::<WORD>() {
        let word = u64::from_le_bytes(*word);
        let marks = unusual(word);
        if marks == 0 {
            rest = tail;
            let run = input.len() - rest.len();
            if run >= most {
                return Err(run);
            }
            continue;
        }
        // A mark is the top bit of its byte: rounding down finds the bit where that byte starts.
        let bit = marks.trailing_zeros() & !7;
        let run = (bit / 8) as usize;
        if CLASSES[usize::from((word >> bit) as u8)] & class == 0 {
            return Ok(input.len() - rest.len() + run);
        }
        rest = rest.get(run + 1..).unwrap_or_default();
    }
    let run = rest.iter().take_while(|&&byte| CLASSES[usize::from(byte)] & class != 0).count();
    Ok(input.len() - rest.len() + run)
}

/// Offset of the first `byte` in `range` of `input`, or the range's end.
#[inline]
pub(super) fn find(input: &[u8], range: Range<usize>, byte: u8) -> usize {
    let mut rest = input.get(range.clone()).unwrap_or_default();
    while let Some((word, tail)) = rest.split_first_chunk::<WORD>() {
        let marks = zero_bytes(u64::from_le_bytes(*word) ^ splat(byte));
        if marks != 0 {
            return range.end - rest.len() + (marks.trailing_zeros() / 8) as usize;
        }
        rest = tail;
    }
    let run = rest.iter().take_while(|&&other| other != byte).count();
    range.end - rest.len() + run
}

/// Where the query of the target in `range` starts, if all bytes there may stand in one.
#[inline]
pub(super) fn target(input: &[u8], range: Range<usize>) -> Option<usize> {
    let target = input.get(range.clone())?;
    (target_end(target, 0) == target.len()).then(|| find(input, range, b'?'))
}

/// Length of the run of name bytes at the start of `input`.
#[inline]
pub(super) fn name_run(input: &[u8]) -> usize {
    input.iter().take_while(|&&byte| CLASSES[usize::from(byte)] & NAME != 0).count()
}

/// Whether a token may hold `byte` (RFC 9110 §5.6.2).
#[inline]
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    CLASSES[byte as usize] & TOKEN != 0
}

/// Marks what is neither letter nor `-`: digits and the other token bytes are rare in names.
#[inline(always)]
fn unusual_in_token(word: u64) -> u64 {
    let folded = (word | splat(0x20)) & !HIGH;
    let from_a = folded + splat(0x80 - b'a');
    let past_z = folded + splat(0x7f - b'z');
    let letter = from_a & !past_z & !word;
    (!letter & HIGH) & !zero_bytes_exact(word ^ splat(b'-'))
}

/// Marks blanks, controls, DEL, `#` and bytes above 0x7f.
#[inline(always)]
fn unusual_in_target(word: u64) -> u64 {
    let low = word.wrapping_sub(splat(b' ' + 1));
    (low | word) & HIGH | zero_bytes(word ^ splat(DEL)) | zero_bytes(word ^ splat(b'#'))
}

/// Marks controls, HTAB among them, and DEL.
#[inline(always)]
fn unusual_in_field(word: u64) -> u64 {
    let low = word.wrapping_sub(splat(b' ')) & !word & HIGH;
    low | zero_bytes(word ^ splat(DEL))
}

/// Marks zero bytes; exact up to and with the first.
#[inline(always)]
const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(splat(1)) & !word & HIGH
}

/// Marks zero bytes; exact in every byte, for where marks are taken away instead of added.
#[inline(always)]
const fn zero_bytes_exact(word: u64) -> u64 {
    !(((word & !HIGH) + !HIGH) | word) & HIGH
}

#[inline(always)]
const fn splat(byte: u8) -> u64 {
    byte as u64 * 0x0101_0101_0101_0101
}

const HIGH: u64 = splat(0x80);
const WORD: usize = size_of::<u64>();
const BLOCK: usize = 32;
const DEL: u8 = 0x7f;

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn by_table(input: &[u8], from: usize, class: u8) -> usize {
        let run = input[from..].iter().take_while(|&&byte| CLASSES[byte as usize] & class != 0);
        from + run.count()
    }

    #[test]
    fn every_byte_stops_at_every_place_of_a_block_exactly_where_the_table_says() {
        for byte in 0..=u8::MAX {
            for at in 0..BLOCK + WORD {
                for filler in *b"a-Z" {
                    let mut input = [filler; 2 * BLOCK];
                    input[at] = byte;
                    assert_eq!(
                        token_end(&input, 0),
                        by_table(&input, 0, TOKEN),
                        "{byte:#x} at {at}"
                    );
                    assert_eq!(
                        target_end(&input, 0),
                        by_table(&input, 0, TARGET),
                        "{byte:#x} {at}"
                    );
                    assert_eq!(
                        field_end(&input, 0),
                        by_table(&input, 0, FIELD),
                        "{byte:#x} at {at}"
                    );
                }
            }
        }
    }

    proptest! {
        /// Words and blocks never change what the table says, whatever stands around.
        #[test]
        fn words_agree_with_the_table(input: Vec<u8>, from in 0usize..64) {
            let from = from.min(input.len());
            prop_assert_eq!(token_end(&input, from), by_table(&input, from, TOKEN));
            prop_assert_eq!(target_end(&input, from), by_table(&input, from, TARGET));
            prop_assert_eq!(field_end(&input, from), by_table(&input, from, FIELD));
        }

        /// The same where stops are rare, as in real heads.
        #[test]
        fn words_agree_with_the_table_on_text(input in "[ -~\\t\u{80}\r]{0,80}", from in 0usize..16) {
            let input = input.as_bytes();
            let from = from.min(input.len());
            prop_assert_eq!(token_end(input, from), by_table(input, from, TOKEN));
            prop_assert_eq!(target_end(input, from), by_table(input, from, TARGET));
            prop_assert_eq!(field_end(input, from), by_table(input, from, FIELD));
            prop_assert_eq!(find(input, from..input.len(), b'?'), input.iter().skip(from).position(|&b| b == b'?').map_or(input.len(), |at| from + at));
        }
    }
}
