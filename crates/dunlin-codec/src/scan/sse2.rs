//! Sixteen bytes a step, in the vectors that every x86_64 processor has (some bare-metal targets do
//! without them).
//!
//! What is left when a block no longer fits goes to the portable scanner: nothing is read outside
//! the input. All classification is arithmetic that is safe to call; `unsafe` is only the step into
//! functions that the compiler may use the vectors in.

use core::{
    arch::x86_64::{
        __m128i, _mm_add_epi8, _mm_and_si128, _mm_andnot_si128, _mm_cmpeq_epi8, _mm_cmpgt_epi8,
        _mm_cmplt_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
        _mm_set_epi64x, _mm_set1_epi8,
    },
    ops::Range,
};

use super::{
    Closures, WithVectors,
    lines::{HALF, Walk, first_masks, last_masks, masks},
    marks::{Marks, write_bits},
    scalar,
};

/// Does `work` with these vectors.
#[target_feature(enable = "sse2")]
pub(super) fn run<W: WithVectors>(work: W) -> W::Output {
    let classify = |bytes: &[u8; HALF]| {
        let (Some(first), Some(second)) = (block_at(bytes, 0), block_at(bytes, BLOCK)) else {
            return (0, 0);
        };
        let join = |first, second| mask(first) | mask(second) << BLOCK;
        let tokens = join(usual_in_token(first), usual_in_token(second));
        (!tokens, join(controls(first), controls(second)))
    };
    let first = |input: &[u8]| first_masks(input, classify);
    let mark = |input: &[u8], walk: &mut Walk, marks: &mut Marks| {
        let whole = |block: &_| masks(block, classify);
        let last = |input: &_, at| last_masks(input, at, classify);
        // SAFETY: `write_bits` writes a slot for each bit.
        unsafe { walk.run(input, marks, whole, last, write_bits) };
    };
    let target = |input: &[u8], range| target_in_blocks(input, range);
    work.run(&Closures { first, mark, target })
}

/// Offset of the first `byte` in `range` of `input`, or the range's end.
#[inline]
pub(super) fn find(input: &[u8], range: Range<usize>, byte: u8) -> usize {
    // SAFETY: this module is there only where the target has SSE2.
    unsafe { find_in_blocks(input, range, byte) }
}

/// Where the query of the target in `range` starts, if all bytes there may stand in one.
#[inline]
pub(super) fn target(input: &[u8], range: Range<usize>) -> Option<usize> {
    // SAFETY: this module is there only where the target has SSE2.
    unsafe { target_in_blocks(input, range) }
}

/// Length of the run of name bytes at the start of `input`.
#[inline]
pub(super) fn name_run(input: &[u8]) -> usize {
    // SAFETY: this module is there only where the target has SSE2.
    unsafe { name_run_in_blocks(input) }
}

#[inline]
#[target_feature(enable = "sse2")]
fn find_in_blocks(input: &[u8], range: Range<usize>, byte: u8) -> usize {
    let mut at = range.start;
    while let Some(block) = block_at(input, at) {
        let hits = mask(_mm_cmpeq_epi8(block, splat(byte)));
        // What stands behind the range is looked at as well, and does not count.
        if hits != 0 {
            return range.end.min(at + first(hits));
        }
        at += BLOCK;
        if at >= range.end {
            return range.end;
        }
    }
    scalar::find(input, at..range.end, byte)
}

#[inline]
#[target_feature(enable = "sse2")]
fn name_run_in_blocks(input: &[u8]) -> usize {
    // Two words that overlap make a block of what is shorter than one.
    if input.len() <= BLOCK
        && let Some(head) = input.first_chunk::<8>()
        && let Some(tail) = input.last_chunk::<8>()
    {
        let stops =
            outside_name(_mm_set_epi64x(i64::from_le_bytes(*tail), i64::from_le_bytes(*head)));
        let stops = stops & 0xff | (stops >> 8) << (input.len() - 8);
        return if stops == 0 { input.len() } else { first(stops) };
    }
    scalar::name_run(input)
}

#[inline]
#[target_feature(enable = "sse2")]
fn target_in_blocks(input: &[u8], range: Range<usize>) -> Option<usize> {
    let Range { start: mut at, end } = range;
    let mut mark = end;
    while at < end {
        let Some(block) = block_at(input, at) else {
            return Some(mark.min(scalar::target(input, at..end)?));
        };
        // What stands behind the range is looked at as well, and does not count.
        let there = !(u32::MAX << (end - at).min(BLOCK));
        if outside_target(block) & there != 0 {
            return None;
        }
        let marks = mask(_mm_cmpeq_epi8(block, splat(b'?'))) & there;
        if marks != 0 {
            mark = mark.min(at + first(marks));
        }
        at += BLOCK;
    }
    Some(mark)
}

/// All ones for letters, digits and `-`: the others of a token are rare in names.
#[inline]
#[target_feature(enable = "sse2")]
fn usual_in_token(block: __m128i) -> __m128i {
    let digits = _mm_cmplt_epi8(_mm_add_epi8(block, splat(0x80 - b'0')), splat(0x80 + 10));
    let others = _mm_or_si128(digits, _mm_cmpeq_epi8(block, splat(b'-')));
    _mm_or_si128(letters(block), others)
}

/// All ones for controls but for HTAB, and for DEL.
#[inline]
#[target_feature(enable = "sse2")]
fn controls(block: __m128i) -> __m128i {
    let low = _mm_cmpeq_epi8(_mm_min_epu8(block, splat(b' ' - 1)), block);
    let control = _mm_andnot_si128(_mm_cmpeq_epi8(block, splat(b'\t')), low);
    _mm_or_si128(control, _mm_cmpeq_epi8(block, splat(DEL)))
}

/// Marks blanks, controls, DEL, `#` and bytes above 0x7f.
#[inline]
#[target_feature(enable = "sse2")]
fn outside_target(block: __m128i) -> u32 {
    // Compares are signed: bytes above 0x7f come out as low.
    let low = _mm_cmplt_epi8(block, splat(b' ' + 1));
    let others =
        _mm_or_si128(_mm_cmpeq_epi8(block, splat(DEL)), _mm_cmpeq_epi8(block, splat(b'#')));
    mask(_mm_or_si128(low, others))
}

/// Marks what is neither letter nor digit, `-` or `.`.
#[inline]
#[target_feature(enable = "sse2")]
fn outside_name(block: __m128i) -> u32 {
    // From `-` to `9` there are these and `/`.
    let others = _mm_and_si128(
        _mm_cmpgt_epi8(block, splat(b'-' - 1)),
        _mm_cmplt_epi8(block, splat(b'9' + 1)),
    );
    let others = _mm_andnot_si128(_mm_cmpeq_epi8(block, splat(b'/')), others);
    !mask(_mm_or_si128(letters(block), others)) & ALL
}

/// All ones where a letter stands, in either case.
#[inline]
#[target_feature(enable = "sse2")]
fn letters(block: __m128i) -> __m128i {
    // Moved so that `a` is the lowest number there is: one signed compare is left.
    let folded = _mm_or_si128(block, splat(0x20));
    _mm_cmplt_epi8(_mm_add_epi8(folded, splat(0x80 - b'a')), splat(0x80 + 26))
}

/// The block at `at`, if it lies within the input as a whole.
#[inline]
#[target_feature(enable = "sse2")]
fn block_at(input: &[u8], at: usize) -> Option<__m128i> {
    let block = input.get(at..)?.first_chunk::<BLOCK>()?;
    // SAFETY: the pointer is to 16 bytes; no alignment is asked for.
    Some(unsafe { _mm_loadu_si128(block.as_ptr().cast()) })
}

#[inline]
#[target_feature(enable = "sse2")]
fn splat(byte: u8) -> __m128i {
    _mm_set1_epi8(byte as i8)
}

/// The top bits of all bytes, the first byte's lowest.
#[inline]
#[target_feature(enable = "sse2")]
fn mask(block: __m128i) -> u32 {
    _mm_movemask_epi8(block) as u32
}

/// Which byte the lowest mark is for.
#[inline]
fn first(marks: u32) -> usize {
    marks.trailing_zeros() as usize
}

const BLOCK: usize = size_of::<__m128i>();
const ALL: u32 = 0xffff;
const DEL: u8 = 0x7f;

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// Asks both scanners every question about `input` from `from` on.
    fn same(input: &[u8], from: usize) -> Result<(), TestCaseError> {
        prop_assert_eq!(name_run(&input[from..]), scalar::name_run(&input[from..]));
        for end in from..=input.len() {
            prop_assert_eq!(find(input, from..end, b'?'), scalar::find(input, from..end, b'?'));
            prop_assert_eq!(target(input, from..end), scalar::target(input, from..end));
        }
        Ok(())
    }

    #[test]
    fn every_byte_at_every_place_is_what_the_portable_scanner_says() {
        for byte in 0..=u8::MAX {
            for len in [1, 7, 8, 13, BLOCK, BLOCK + 1, 2 * BLOCK + 3] {
                for at in 0..len {
                    let mut input = [b'a'; 3 * BLOCK];
                    input[at] = byte;
                    same(&input[..len], 0).unwrap();
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_what_the_portable_scanner_says(
            input in proptest::collection::vec(any::<u8>(), 0..80),
            from in 0usize..80,
        ) {
            same(&input, from.min(input.len()))?;
        }

        /// The same where stops are rare, as in real heads.
        #[test]
        fn text_is_what_the_portable_scanner_says(
            input in "[a-zA-Z0-9.-]{0,40}[ -~\\t\u{80}\r]{0,4}[a-z?]{0,40}",
            from in 0usize..40,
        ) {
            let input: Vec<u8> = input.into();
            same(&input, from.min(input.len()))?;
        }
    }
}
