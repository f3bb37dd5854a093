//! Buffers that a connection borrows from its thread for the length of one poll.
//!
//! A connection that waits owns none: what it could not use up it copies out first.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};

/// Bytes of each of the two buffers.
pub const SCRATCH_LEN: usize = 64 * 1024;

thread_local!(static SPARE: Cell<Option<Box<Scratch>>> = const { Cell::new(None) });

/// A pair of buffers, one to read into and one to write from.
#[derive(Debug)]
#[non_exhaustive]
pub struct Scratch {
    /// [`SCRATCH_LEN`] bytes to read into; what they hold is left from earlier use.
    pub input: Box<[u8]>,
    /// Empty at first; grows past [`SCRATCH_LEN`] where one message asks for it, and shrinks again.
    pub output: Vec<u8>,
}

impl Scratch {
    /// Borrows this thread's buffers until the guard is dropped. Whoever asks while they are out (a
    /// handler that drives a connection of its own inside a poll) gets a fresh pair.
    pub fn lend() -> Lent {
        let scratch = SPARE.try_with(Cell::take).ok().flatten().unwrap_or_else(|| {
            Box::new(Self {
                input: vec![0; SCRATCH_LEN].into(),
                output: Vec::with_capacity(SCRATCH_LEN),
            })
        });
        Lent(Some(scratch))
    }
}

/// The guard that gives the buffers back.
#[derive(Debug)]
pub struct Lent(Option<Box<Scratch>>);

impl Deref for Lent {
    type Target = Scratch;

    #[inline]
    fn deref(&self) -> &Scratch {
        self.0.as_ref().expect("the buffers are lent until the guard is dropped")
    }
}

impl DerefMut for Lent {
    #[inline]
    fn deref_mut(&mut self) -> &mut Scratch {
        self.0.as_mut().expect("the buffers are lent until the guard is dropped")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(mut scratch) = self.0.take() {
            scratch.output.clear();
            scratch.output.shrink_to(2 * SCRATCH_LEN);
            let _ = SPARE.try_with(|spare| spare.set(Some(scratch)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_buffers_come_again_and_a_second_borrower_gets_its_own() {
        let first = Scratch::lend().input.as_ptr();
        let mut lent = Scratch::lend();
        assert_eq!(lent.input.as_ptr(), first);
        assert_ne!(Scratch::lend().input.as_ptr(), first);
        lent.output.extend_from_slice(b"left over");
        drop(lent);
        assert!(Scratch::lend().output.is_empty());
    }
}
