//! Thirty-two bytes a step, classified by look-ups in two tables of sixteen, one for each half of a
//! byte.

use core::{arch::x86_64::*, ops::Range};

use super::{
    Closures, WithVectors,
    class::{NIBBLE_CONTROL, NIBBLES},
    lines::{HALF, Walk, first_masks, last_masks, masks},
    marks::{Marks, write_bits},
    sse2,
};

/// Does `work` with these vectors.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn run<W: WithVectors>(work: W) -> W::Output {
    let splat = |byte: u8| _mm256_set1_epi8(byte as i8);
    let mask = |bytes| _mm256_movemask_epi8(bytes) as u32;
    let (low, high) = (twice(&NIBBLES.low), twice(&NIBBLES.high));
    let (half_byte, control, zero) = (splat(0x0f), splat(NIBBLE_CONTROL), splat(0));
    let classify = |bytes: &[u8; HALF]| {
        let bytes = load(bytes);
        // Shuffles take bytes above 0x7f for no entry, which is right: they are in no class.
        let upper = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), half_byte);
        let classes =
            _mm256_and_si256(_mm256_shuffle_epi8(low, bytes), _mm256_shuffle_epi8(high, upper));
        let others = _mm256_cmpeq_epi8(classes, zero);
        let no_control = _mm256_cmpeq_epi8(_mm256_and_si256(classes, control), zero);
        (mask(others), !mask(no_control))
    };
    let first = |input: &[u8]| first_masks(input, classify);
    let mark = |input: &[u8], walk: &mut Walk, marks: &mut Marks| {
        let whole = |block: &_| masks(block, classify);
        let last = |input: &_, at| last_masks(input, at, classify);
        // SAFETY: `write_bits` writes a slot for each bit.
        unsafe { walk.run(input, marks, whole, last, write_bits) };
    };
    let target = |input: &[u8], Range { start: mut at, end }: Range<usize>| {
        let mut mark = end;
        while at < end {
            let Some(block) = input.get(at..).and_then(<[u8]>::first_chunk) else {
                return Some(mark.min(sse2::target(input, at..end)?));
            };
            // What stands behind the range is looked at as well, and does not count.
            let there = if end - at < HALF { !(u32::MAX << (end - at)) } else { u32::MAX };
            let block = load(block);
            // Blanks and, as compares are signed, bytes above 0x7f.
            let low = _mm256_cmpgt_epi8(splat(b' ' + 1), block);
            let others = _mm256_or_si256(low, _mm256_cmpeq_epi8(block, splat(b'#')));
            if mask(others) & there != 0 {
                return None;
            }
            let marks = mask(_mm256_cmpeq_epi8(block, splat(b'?'))) & there;
            if marks != 0 {
                mark = mark.min(at + marks.trailing_zeros() as usize);
            }
            at += HALF;
        }
        Some(mark)
    };
    work.run(&Closures { first, mark, target })
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; HALF]) -> __m256i {
    // SAFETY: the pointer is to 32 bytes; no alignment is asked for.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// A table for both lanes.
#[inline]
#[target_feature(enable = "avx2")]
fn twice(table: &[u8; 16]) -> __m256i {
    // SAFETY: the pointer is to 16 bytes; no alignment is asked for.
    _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(table.as_ptr().cast()) })
}
