//! Sixteen bytes a step, in the vectors that every x86_64 processor has (some bare-metal targets do
//! without them).
//!
//! What is left when a block no longer fits goes to the portable scanner: nothing is read outside
//! the input. All classification is arithmetic that is safe to call; `unsafe` is only the step into
//! functions that the compiler may use the vectors in.

use core::{
    arch::x86_64::{
        __m128i, _mm_add_epi8, _mm_and_si128, _mm_andnot_si128, _mm_cmpeq_epi8, _mm_cmpgt_epi8,
        _mm_cmplt_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x,
        _mm_set1_epi8,
    },
    ops::Range,
};

use super::{Scan, is_token_byte, scalar, scalar::Scalar};

/// Scans `input` with SSE2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sse2<'i> {
    input: &'i [u8],
}

impl<'i> Sse2<'i> {
    #[inline]
    pub(crate) fn new(input: &'i [u8]) -> Self {
        Self { input }
    }
}

impl Scan for Sse2<'_> {
    #[inline]
    fn token_end(&mut self, from: usize) -> usize {
        // SAFETY: this module is there only where the target has SSE2.
        unsafe { token_end(self.input, from) }
    }

    #[inline]
    fn target_end(&mut self, from: usize) -> usize {
        // SAFETY: this module is there only where the target has SSE2.
        unsafe { target_end(self.input, from) }
    }

    #[inline]
    fn field_end(&mut self, from: usize) -> usize {
        // SAFETY: this module is there only where the target has SSE2.
        unsafe { field_end(self.input, from) }
    }
}

/// Offset of the first `byte` in `range` of `input`, or the range's end.
#[inline]
pub(super) fn find(input: &[u8], range: Range<usize>, byte: u8) -> usize {
    // SAFETY: this module is there only where the target has SSE2.
    unsafe { find_in_blocks(input, range, byte) }
}

/// Length of the run of name bytes at the start of `input`.
#[inline]
pub(super) fn name_run(input: &[u8]) -> usize {
    // SAFETY: this module is there only where the target has SSE2.
    unsafe { name_run_in_blocks(input) }
}

#[inline]
#[target_feature(enable = "sse2")]
fn token_end(input: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(block) = block_at(input, at) {
        let marks = unusual_in_token(block);
        if marks == 0 {
            at += BLOCK;
            continue;
        }
        at += first(marks);
        if !is_token_byte(input[at]) {
            return at;
        }
        at += 1;
    }
    token_end_of_rest(input, at)
}

#[inline]
#[target_feature(enable = "sse2")]
fn target_end(input: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(block) = block_at(input, at) {
        let stops = outside_target(block);
        if stops != 0 {
            return at + first(stops);
        }
        at += BLOCK;
    }
    target_end_of_rest(input, at)
}

#[inline]
#[target_feature(enable = "sse2")]
fn field_end(input: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(block) = block_at(input, at) {
        let stops = outside_field(block);
        if stops != 0 {
            return at + first(stops);
        }
        at += BLOCK;
    }
    field_end_of_rest(input, at)
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

// Not worth a copy at every place that asks.

#[inline(never)]
fn token_end_of_rest(input: &[u8], from: usize) -> usize {
    Scalar::new(input).token_end(from)
}

#[inline(never)]
fn target_end_of_rest(input: &[u8], from: usize) -> usize {
    Scalar::new(input).target_end(from)
}

#[inline(never)]
fn field_end_of_rest(input: &[u8], from: usize) -> usize {
    Scalar::new(input).field_end(from)
}

/// Marks what is neither letter nor `-`: digits and the other token bytes are rare in names.
#[inline]
#[target_feature(enable = "sse2")]
fn unusual_in_token(block: __m128i) -> u32 {
    !mask(_mm_or_si128(letters(block), _mm_cmpeq_epi8(block, splat(b'-')))) & ALL
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

/// Marks controls but for HTAB, and DEL.
#[inline]
#[target_feature(enable = "sse2")]
fn outside_field(block: __m128i) -> u32 {
    let low = _mm_cmpeq_epi8(_mm_min_epu8(block, splat(b' ' - 1)), block);
    let control = _mm_andnot_si128(_mm_cmpeq_epi8(block, splat(b'\t')), low);
    mask(_mm_or_si128(control, _mm_cmpeq_epi8(block, splat(DEL))))
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
    let (low, high) = input.get(at..at + BLOCK)?.split_first_chunk::<8>()?;
    let high = high.first_chunk::<8>()?;
    Some(_mm_set_epi64x(i64::from_le_bytes(*high), i64::from_le_bytes(*low)))
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
        let (mut ours, mut scalar) = (Sse2::new(input), Scalar::new(input));
        prop_assert_eq!(ours.token_end(from), scalar.token_end(from));
        prop_assert_eq!(ours.target_end(from), scalar.target_end(from));
        prop_assert_eq!(ours.field_end(from), scalar.field_end(from));
        prop_assert_eq!(name_run(&input[from..]), scalar::name_run(&input[from..]));
        for end in from..=input.len() {
            prop_assert_eq!(find(input, from..end, b'?'), scalar::find(input, from..end, b'?'));
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
