//! The one face behind which bytes are classified.
//!
//! Two ways lead through a section. [`MarkedLines`] marks the ends of names and lines a block of 64 bytes
//! ahead, with the vectors that this machine has, which is found out once per process and asked once
//! per head. The functions of
//! `scalar` go run by run, needs no vectors and knows what is wrong where: it is the
//! way on machines without, and for every line that the other does not take. So vectors decide how
//! fast a head is parsed and never how it is judged; tests hold all levels equal.
//!
//! All `unsafe` code of the crate is here.

// Without vectors there is nobody to mark lines.
#![cfg_attr(
    not(any(target_feature = "sse2", target_feature = "neon")),
    allow(dead_code, unused_variables)
)]

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod avx2;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod avx512;
mod class;
mod level;
mod lines;
mod marks;
#[cfg(all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"))]
mod neon;
mod scalar;
mod slots;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod sse2;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod work;

use core::ops::Range;

pub use level::Level;
pub(crate) use lines::MarkedLines;
pub(crate) use lines::{Masks, Walk};
pub(crate) use marks::Marks;
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
use scalar as best;
pub(crate) use scalar::{field_end, is_token_byte, target_end, token_end};
pub use slots::FieldSlots;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use sse2 as best;

/// What vectors are for.
pub(crate) trait Vectors {
    /// Marks lines as far as there is room.
    fn mark(&self, input: &[u8], walk: &mut Walk, marks: &mut Marks);

    /// The masks of the first block of an input, unless that is too short for the vectors.
    fn first_masks(&self, input: &[u8]) -> Option<Masks>;

    /// Looks at the bytes in `range` of `input`, among which are no controls but HTAB, as a request
    /// target: where its query starts, or its end where it has none. `None` where a byte may not stand
    /// in a target.
    fn target(&self, input: &[u8], range: Range<usize>) -> Option<usize>;
}

/// What is to be done with the vectors of this machine: a closure cannot be generic.
pub(crate) trait WithVectors {
    type Output;

    /// To be inlined: only then it is compiled for the vectors that it gets.
    fn run(self, vectors: &impl Vectors) -> Self::Output;
}

/// Does `work` with the vectors of this machine, in one piece of code for each level.
#[inline(always)]
pub(crate) fn with_vectors<W: WithVectors>(work: W) -> W::Output {
    // SAFETY: a level in use is available.
    unsafe { with_level(Level::in_use(), work) }
}

/// Does `work` with the vectors of `level`.
///
/// # Safety
///
/// The level must be available.
#[inline(always)]
unsafe fn with_level<W: WithVectors>(level: Level, work: W) -> W::Output {
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    if level == Level::Avx512 {
        // SAFETY: the level is available: the processor has what the function needs.
        return unsafe { avx512::run(work) };
    } else if level == Level::Avx2 {
        // SAFETY: as above.
        return unsafe { avx2::run(work) };
    } else if level == Level::Sse2 {
        // SAFETY: as above.
        return unsafe { sse2::run(work) };
    }
    #[cfg(all(target_arch = "aarch64", target_feature = "neon", target_endian = "little"))]
    if level == Level::Neon {
        // SAFETY: as above.
        return unsafe { neon::run(work) };
    }
    work.run(&NoVectors)
}

/// Vectors of which the functions are closures, which are compiled for what their place is compiled
/// for.
struct Closures<F, M, T> {
    first: F,
    mark: M,
    target: T,
}

impl<F, M, T> Vectors for Closures<F, M, T>
where
    F: Fn(&[u8]) -> Option<Masks>,
    M: Fn(&[u8], &mut Walk, &mut Marks),
    T: Fn(&[u8], Range<usize>) -> Option<usize>,
{
    #[inline(always)]
    fn first_masks(&self, input: &[u8]) -> Option<Masks> {
        (self.first)(input)
    }

    #[inline(always)]
    fn mark(&self, input: &[u8], walk: &mut Walk, marks: &mut Marks) {
        (self.mark)(input, walk, marks);
    }

    #[inline(always)]
    fn target(&self, input: &[u8], range: Range<usize>) -> Option<usize> {
        (self.target)(input, range)
    }
}

/// Marks nothing, which leaves all to those who go run by run.
struct NoVectors;

impl Vectors for NoVectors {
    fn first_masks(&self, _: &[u8]) -> Option<Masks> {
        None
    }

    fn mark(&self, _: &[u8], _: &mut Walk, _: &mut Marks) {}

    fn target(&self, _: &[u8], _: Range<usize>) -> Option<usize> {
        None
    }
}

/// Marks lines as far as there is room.
fn mark(input: &[u8], walk: &mut Walk, marks: &mut Marks) {
    struct Mark<'m>(&'m [u8], &'m mut Walk, &'m mut Marks);

    impl WithVectors for Mark<'_> {
        type Output = ();

        #[inline(always)]
        fn run(self, vectors: &impl Vectors) {
            vectors.mark(self.0, self.1, self.2);
        }
    }

    with_vectors(Mark(input, walk, marks));
}

/// Whether `bytes` is a token (RFC 9110 §5.6.2).
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && token_end(bytes, 0) == bytes.len()
}

/// Whether `bytes` may stand in a field value (RFC 9110 §5.5).
pub(crate) fn is_field_value(bytes: &[u8]) -> bool {
    field_end(bytes, 0) == bytes.len()
}

/// Whether `bytes` stand in `input` at `from`: with one or two compares of what fills a register, which
/// comparing arrays or slices is not.
#[inline(always)]
pub(crate) fn stands_at<const N: usize>(input: &[u8], from: usize, bytes: &[u8; N]) -> bool {
    let Some(found) = input.get(from..).and_then(<[u8]>::first_chunk::<N>) else { return false };
    match (found.first_chunk(), bytes.first_chunk(), found.last_chunk(), bytes.last_chunk()) {
        // The two words may overlap.
        (Some(first), Some(wanted_first), Some(last), Some(wanted_last)) if N <= 16 => {
            u64::from_le_bytes(*first) == u64::from_le_bytes(*wanted_first)
                && u64::from_le_bytes(*last) == u64::from_le_bytes(*wanted_last)
        }
        _ => match (found.as_slice(), bytes.as_slice()) {
            (&[a, b], &[c, d]) => u16::from_le_bytes([a, b]) == u16::from_le_bytes([c, d]),
            (&[a, b, c, d], &[e, f, g, h]) => {
                u32::from_le_bytes([a, b, c, d]) == u32::from_le_bytes([e, f, g, h])
            }
            _ => found == bytes,
        },
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
