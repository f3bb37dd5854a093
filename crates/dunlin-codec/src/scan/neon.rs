//! Sixteen bytes a step in the vectors that every aarch64 processor has, classified by look-ups in
//! two tables of sixteen, one for each half of a byte.

use core::arch::aarch64::*;

use super::{
    Closures, WithVectors,
    class::{NIBBLE_CONTROL, NIBBLE_TOKEN, NIBBLES},
    lines::{HALF, Walk, first_masks, last_masks, masks},
    marks::{Marks, write_bits},
    scalar,
};

/// Does `work` with these vectors.
#[target_feature(enable = "neon")]
pub(super) fn run<W: WithVectors>(work: W) -> W::Output {
    let (low, high) = (load(&NIBBLES.low), load(&NIBBLES.high));
    let (half_byte, bits) = (vdupq_n_u8(0x0f), load(&BITS));
    let (token, control) = (vdupq_n_u8(NIBBLE_TOKEN), vdupq_n_u8(NIBBLE_CONTROL));
    let classify = |bytes: &[u8; HALF]| {
        let classes = |bytes: &[u8; 16]| {
            let bytes = load(bytes);
            let lower = vqtbl1q_u8(low, vandq_u8(bytes, half_byte));
            vandq_u8(lower, vqtbl1q_u8(high, vshrq_n_u8::<4>(bytes)))
        };
        let (halves, _) = bytes.as_chunks();
        let (first, second) = (classes(&halves[0]), classes(&halves[1]));
        // Each byte keeps the bit of its place among eight; adding neighbours thrice leaves the bits
        // of eight in one byte.
        let mask = |class| {
            let place = |classes| vandq_u8(vtstq_u8(classes, class), bits);
            let sum = vpaddq_u8(place(first), place(second));
            let sum = vpaddq_u8(sum, sum);
            let sum = vpaddq_u8(sum, sum);
            vgetq_lane_u32::<0>(vreinterpretq_u32_u8(sum))
        };
        (!mask(token), mask(control))
    };
    let first = |input: &[u8]| first_masks(input, classify);
    let mark = |input: &[u8], walk: &mut Walk, marks: &mut Marks| {
        let whole = |block: &_| masks(block, classify);
        let last = |input: &_, at| last_masks(input, at, classify);
        // SAFETY: `write_bits` writes a slot for each bit.
        unsafe { walk.run(input, marks, whole, last, write_bits) };
    };
    let target = |input: &[u8], range| scalar::target(input, range);
    work.run(&Closures { first, mark, target })
}

#[inline]
#[target_feature(enable = "neon")]
fn load(bytes: &[u8; 16]) -> uint8x16_t {
    // SAFETY: the pointer is to 16 bytes; no alignment is asked for.
    unsafe { vld1q_u8(bytes.as_ptr()) }
}

const BITS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];
