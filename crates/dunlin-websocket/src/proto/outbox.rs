//! Bytes that wait to be written, in order.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

/// Payloads of at least this many bytes are queued as they are; shorter ones are copied behind their
/// header, so that many leave by one plain write.
pub(super) const QUEUE_MIN: usize = 16 * 1024;

/// Bytes that wait to be written, in order: whole payloads, then what was rendered since.
#[derive(Debug, Default)]
pub struct Outbox {
    chunks: VecDeque<Bytes>,
    /// Bytes in `chunks`.
    queued: usize,
    tail: Vec<u8>,
    /// Bytes of `tail` that are written.
    done: usize,
}

impl Outbox {
    /// Bytes that wait.
    pub fn len(&self) -> usize {
        self.queued + self.tail.len() - self.done
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the next bytes are rendered to.
    pub(super) fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.tail
    }

    /// Copies what is encoded already behind what is rendered.
    pub(crate) fn copy(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
    }

    /// Queues a payload behind what is rendered, without a copy.
    pub(crate) fn push(&mut self, payload: Bytes) {
        if payload.is_empty() {
            return;
        }
        if !self.tail.is_empty() {
            let mut rendered = Bytes::from(std::mem::take(&mut self.tail));
            rendered.advance(std::mem::take(&mut self.done));
            self.push(rendered);
        }
        self.queued += payload.len();
        self.chunks.push_back(payload);
    }

    /// The first bytes to write.
    pub fn first(&self) -> &[u8] {
        self.chunks.front().map_or(&self.tail[self.done..], |chunk| chunk)
    }

    /// Fills `slices` for a vectored write and says how many it filled.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let tail = &self.tail[self.done..];
        let all = self.chunks.iter().map(|chunk| &chunk[..]);
        let all = all.chain((!tail.is_empty()).then_some(tail));
        let mut filled = 0;
        for (slot, bytes) in slices.iter_mut().zip(all) {
            *slot = IoSlice::new(bytes);
            filled += 1;
        }
        filled
    }

    /// Takes off what was written. The memory goes with it: an idle connection holds none.
    pub fn advance(&mut self, mut count: usize) {
        while let Some(chunk) = self.chunks.front_mut() {
            if count < chunk.len() {
                chunk.advance(count);
                self.queued -= count;
                return;
            }
            count -= chunk.len();
            self.queued -= chunk.len();
            self.chunks.pop_front();
        }
        self.done += count;
        if self.is_empty() {
            *self = Self::default();
        } else if self.done >= QUEUE_MIN && self.done >= self.tail.len() / 2 {
            // A peer that reads slowly may never let it become empty. What is moved is no more than what left.
            self.tail.drain(..self.done);
            self.done = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_in_order_however_it_is_written() {
        for step in 1..12 {
            let mut out = Outbox::default();
            out.tail().extend_from_slice(b"ab");
            out.push(Bytes::from_static(b"cdef"));
            out.push(Bytes::from_static(b"ghi"));
            out.tail().extend_from_slice(b"jk");
            assert_eq!(out.len(), 11);
            let mut slices = [IoSlice::new(b""); 8];
            assert_eq!(out.slices(&mut slices), 4);
            let mut seen = Vec::new();
            while !out.is_empty() {
                let take = out.first().len().min(step);
                seen.extend_from_slice(&out.first()[..take]);
                out.advance(take);
            }
            assert_eq!(seen, b"abcdefghijk");
        }
    }

    #[test]
    fn what_left_is_let_go_of_where_something_always_waits() {
        let mut out = Outbox::default();
        out.tail().extend_from_slice(&[7; 10_000]);
        for nth in 0..1000u32 {
            out.tail().extend_from_slice(&[nth as u8; 1000]);
            assert_eq!(out.first()[0], nth.checked_sub(10).map_or(7, |nth| nth as u8));
            out.advance(1000);
            assert_eq!(out.len(), 10_000);
            assert!(out.tail.capacity() <= 64 * 1024, "{}", out.tail.capacity());
        }
    }
}
