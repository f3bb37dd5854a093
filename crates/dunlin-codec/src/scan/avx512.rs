//! Sixty-four bytes a step: a table look-up classifies them, and one instruction turns a mask into
//! the places of its bits.

use core::{arch::x86_64::*, ops::Range};

use super::{
    Closures, WithVectors,
    class::ASCII,
    lines::{Masks, Walk},
    marks::{BLOCK, Marks, Slots},
};

/// Does `work` with these vectors.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn run<W: WithVectors>(work: W) -> W::Output {
    let splat = |byte: u8| _mm512_set1_epi8(byte as i8);
    let blanks = splat(b' ');
    let (low, high) = ASCII.split_at(BLOCK);
    let (low, high) = (load(low, blanks), load(high, blanks));
    let classify = |block| {
        // Only the lower seven bits of a byte count in the look-up. The top bit of a class is the one
        // that is asked for, and bytes above 0x7f have none.
        let classes = _mm512_permutex2var_epi8(low, block, high);
        let next = _mm512_add_epi8(classes, classes);
        Masks {
            token: _mm512_movepi8_mask(_mm512_andnot_si512(block, classes)),
            control: _mm512_movepi8_mask(_mm512_andnot_si512(block, next)),
        }
    };
    let first = |input: &[u8]| Some(classify(load(input, blanks)));
    let mark = |input: &[u8], walk: &mut Walk, marks: &mut Marks| {
        let places = load(&PLACES, blanks);
        let whole = |block: &[u8; BLOCK]| classify(load(block, blanks));
        let last = |input: &[u8], at| classify(load(input.get(at..).unwrap_or_default(), blanks));
        // Adding to a vector costs less than filling one anew.
        let mut base = _mm512_set1_epi16(walk.at() as i16);
        let write = |slots: &mut Slots, _: usize, bits: u64| {
            let bytes = _mm512_maskz_compress_epi8(bits, places);
            let from = base;
            let widened = |half| _mm512_add_epi16(_mm512_cvtepu8_epi16(half), from);
            base = _mm512_add_epi16(base, _mm512_set1_epi16(BLOCK as i16));
            let first = widened(_mm512_castsi512_si256(bytes));
            // SAFETY: there is room for two vectors of 32.
            unsafe { _mm512_storeu_si512(slots.as_mut_ptr().cast(), first) };
            if bits.count_ones() > 32 {
                let second = widened(_mm512_extracti64x4_epi64::<1>(bytes));
                // SAFETY: as before; the second vector fills the slots behind the first.
                unsafe { _mm512_storeu_si512(slots.as_mut_ptr().add(32).cast(), second) };
            }
        };
        // SAFETY: `write` writes all slots, or the first 32 where there are no more bits.
        unsafe { walk.run(input, marks, whole, last, write) };
    };
    let target = |input: &[u8], range: Range<usize>| {
        let Range { start: mut at, end } = range;
        let mut mark = end;
        while at < end {
            let block = load(input.get(at..end)?, splat(b'/'));
            // Blanks and, as compares are signed, bytes above 0x7f.
            let low = _mm512_cmplt_epi8_mask(block, splat(b' ' + 1));
            if low | _mm512_cmpeq_epi8_mask(block, splat(b'#')) != 0 {
                return None;
            }
            let marks = _mm512_cmpeq_epi8_mask(block, splat(b'?'));
            if marks != 0 {
                mark = mark.min(at + marks.trailing_zeros() as usize);
            }
            at += BLOCK;
        }
        Some(mark)
    };
    work.run(&Closures { first, mark, target })
}

/// The first 64 bytes, or as many as there are and `others` behind them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load(bytes: &[u8], others: __m512i) -> __m512i {
    if let Some(block) = bytes.first_chunk::<BLOCK>() {
        // SAFETY: the pointer is to 64 bytes; no alignment is asked for.
        return unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
    }
    let there = (1 << bytes.len()) - 1;
    // SAFETY: the mask leaves out all bytes behind the slice, which are then not accessed.
    unsafe { _mm512_mask_loadu_epi8(others, there, bytes.as_ptr().cast()) }
}

/// The numbers of a block's bytes.
static PLACES: [u8; BLOCK] = {
    let mut places = [0; BLOCK];
    let mut i = 0;
    while i < BLOCK {
        places[i] = i as u8;
        i += 1;
    }
    places
};
