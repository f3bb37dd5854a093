//! The one face behind which bytes are classified.
//!
//! A parser asks "where does this run of token bytes end" and never looks at how that is found.
//! The faces are made once per head and chosen once per head, so that an implementation may keep
//! what it learnt about a block of bytes for the next question.
//!
//! Vectors are used where every processor of the target has them, and a test holds them equal to
//! the portable scanner, byte for byte. They are the only `unsafe` code in the crate.

mod scalar;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[allow(unsafe_code)]
mod sse2;

use core::ops::Range;

#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
use scalar::{self as best, Scalar as Best};
pub(crate) use scalar::{Scalar, is_token_byte};
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use sse2::{self as best, Sse2 as Best};

/// Finds where runs of one byte class end.
///
/// Every method takes `from <= input.len()` and returns the first offset, at or after `from`, of a
/// byte outside the class, or the input's length where there is none. `from` never decreases by
/// more than the run that the last question stopped at.
pub(crate) trait Scan {
    /// Token bytes: field names and methods (RFC 9110 §5.6.2).
    fn token_end(&mut self, from: usize) -> usize;

    /// Bytes let through in a request target: visible ASCII but `#`.
    ///
    /// That is more than RFC 3986 §2 allows: ``"<>\^`{|}`` stand in targets that browsers and
    /// libraries send, and no two parsers disagree on where such a target ends.
    fn target_end(&mut self, from: usize) -> usize;

    /// Field value bytes (RFC 9110 §5.5): HTAB, SP, visible ASCII and bytes above 0x7f.
    fn field_end(&mut self, from: usize) -> usize;
}

/// What is done with a scanner, whichever it turns out to be: a closure cannot be generic.
pub(crate) trait WithScan {
    type Output;

    fn run(self, scan: impl Scan) -> Self::Output;
}

/// Picks the scanner for this machine and runs `work` with it over `input`.
#[inline]
pub(crate) fn with_scan<W: WithScan>(input: &[u8], work: W) -> W::Output {
    work.run(Best::new(input))
}

/// Whether `bytes` is a token (RFC 9110 §5.6.2).
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && Scalar::new(bytes).token_end(0) == bytes.len()
}

/// Whether `bytes` may stand in a field value (RFC 9110 §5.5).
pub(crate) fn is_field_value(bytes: &[u8]) -> bool {
    Scalar::new(bytes).field_end(0) == bytes.len()
}

/// Whether `bytes` stand in `input` at `from`: as one compare where they fill a register, which
/// comparing arrays or slices is not.
#[inline(always)]
pub(crate) fn stands_at<const N: usize>(input: &[u8], from: usize, bytes: &[u8; N]) -> bool {
    let Some(found) = input.get(from..).and_then(<[u8]>::first_chunk::<N>) else { return false };
    let (words, rest) = found.as_chunks::<8>();
    let (wanted_words, wanted_rest) = bytes.as_chunks::<8>();
    let differ = |a: &[u8; 8], b: &[u8; 8]| u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
    let words = words.iter().zip(wanted_words).fold(0, |all, (a, b)| all | differ(a, b));
    words == 0 && padded(rest) == padded(wanted_rest)
}

#[inline(always)]
fn padded(bytes: &[u8]) -> u64 {
    match *bytes {
        [] => 0,
        [a, b] => u64::from(u16::from_le_bytes([a, b])),
        [a, b, c, d] => u64::from(u32::from_le_bytes([a, b, c, d])),
        _ => bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte)),
    }
}

/// Offset of the first `byte` in `range` of `input`, or the range's end.
#[inline]
pub(crate) fn find(input: &[u8], range: Range<usize>, byte: u8) -> usize {
    best::find(input, range, byte)
}

/// Length of the run, at the start of `input`, of what host names and IPv4 addresses are made of:
/// letters, digits, `-` and `.`.
#[inline]
pub(crate) fn name_run(input: &[u8]) -> usize {
    best::name_run(input)
}
