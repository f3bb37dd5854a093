//! Header fields as they were received: one run of bytes and a table of offsets into it.

use bytes::Bytes;

use super::pool::{self, Pool};
use crate::media_type::is_token;

/// Where one field stands in its block, as byte offsets; a head is at most 64 KiB.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FieldSpan {
    /// First byte of the name.
    pub name_start: u16,
    /// Bytes in the name.
    pub name_len: u16,
    /// First byte of the value, without leading white space.
    pub value_start: u16,
    /// Bytes in the value, without trailing white space.
    pub value_len: u16,
}

impl FieldSpan {
    /// Name and value of the field in `bytes`. One that points outside reads as empty rather than as a
    /// panic: spans come from whoever filled a block.
    #[inline(always)]
    pub fn of(self, bytes: &[u8]) -> (&[u8], &[u8]) {
        (
            slice(bytes, self.name_start, self.name_len),
            slice(bytes, self.value_start, self.value_len),
        )
    }
}

#[inline(always)]
fn slice(bytes: &[u8], start: u16, len: u16) -> &[u8] {
    let start = usize::from(start);
    bytes.get(start..start + usize::from(len)).unwrap_or_default()
}

/// Capacities above these are not kept for the next head.
const KEEP_BYTES: usize = 8 * 1024;
const KEEP_SPANS: usize = 256;

thread_local!(static SPARE: Pool<Box<Block>> = const { Pool::new() });

/// A head's bytes and its span table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Block {
    bytes: BlockBytes,
    pub(crate) spans: Vec<FieldSpan>,
    /// The decoder has vouched for every name and value.
    is_checked: bool,
}

#[derive(Clone, Debug)]
enum BlockBytes {
    /// Copied out of a lent buffer, so that a handler that waits pins no more than its own head.
    Copied(Vec<u8>),
    /// A slice of the reader's own buffer.
    Shared(Bytes),
}

impl Default for BlockBytes {
    fn default() -> Self {
        Self::Copied(Vec::new())
    }
}

impl Block {
    /// An empty block, from this thread's list where it has one.
    pub(crate) fn take() -> Box<Self> {
        pool::take(&SPARE).unwrap_or_default()
    }

    /// Empties the block; capacity beyond a usual head's is let go.
    pub(crate) fn recycle(&mut self) {
        match &mut self.bytes {
            BlockBytes::Copied(bytes) if bytes.capacity() <= KEEP_BYTES => bytes.clear(),
            bytes => *bytes = BlockBytes::default(),
        }
        if self.spans.capacity() > KEEP_SPANS {
            self.spans = Vec::new();
        }
        self.spans.clear();
        self.is_checked = false;
    }

    /// Gives the block to this thread's list.
    pub(crate) fn give(mut self: Box<Self>) {
        self.recycle();
        pool::give(&SPARE, self);
    }

    /// The same fields in storage of this thread.
    pub(super) fn copy(&self) -> Box<Self> {
        let mut copy = Self::take();
        copy.spans.extend_from_slice(&self.spans);
        copy.copy_from(self.bytes());
        copy.is_checked = self.is_checked;
        copy
    }

    /// Takes the decoder's word for every name and value.
    pub(crate) fn vouch(&mut self) {
        debug_assert!(self.spans.iter().all(|span| is_field(span.of(self.bytes()))));
        self.is_checked = true;
    }

    pub(super) const fn is_checked(&self) -> bool {
        self.is_checked
    }

    pub(crate) fn copy_from(&mut self, bytes: &[u8]) {
        match &mut self.bytes {
            BlockBytes::Copied(own) => {
                own.clear();
                own.extend_from_slice(bytes);
            }
            shared => *shared = BlockBytes::Copied(bytes.to_vec()),
        }
    }

    pub(crate) fn share(&mut self, bytes: Bytes) {
        self.bytes = BlockBytes::Shared(bytes);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.bytes {
            BlockBytes::Copied(bytes) => bytes,
            BlockBytes::Shared(bytes) => bytes,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// `len` bytes from `start` on; empty where that points outside.
    pub(crate) fn slice(&self, start: u16, len: u16) -> &[u8] {
        slice(self.bytes(), start, len)
    }
}

/// Whether `http`'s types take both; asked without making them, which would allocate.
fn is_field((name, value): (&[u8], &[u8])) -> bool {
    let is_value = |&byte: &u8| byte == b'\t' || (byte >= b' ' && byte != 0x7f);
    std::str::from_utf8(name).is_ok_and(is_token) && value.iter().all(is_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_given_back_comes_again_empty() {
        let mut block = Block::take();
        block.copy_from(b"a: 1");
        block.spans.push(FieldSpan {
            name_len: 1,
            value_start: 3,
            value_len: 1,
            ..FieldSpan::default()
        });
        assert_eq!(block.spans[0].of(block.bytes()), (&b"a"[..], &b"1"[..]));
        block.give();
        let again = Block::take();
        assert_eq!((again.bytes(), again.len()), (&b""[..], 0));
    }

    #[test]
    fn a_span_outside_the_block_reads_as_empty() {
        let mut block = Block::take();
        block.copy_from(b"a: 1");
        assert_eq!(block.slice(3, 9), b"");
    }

    #[test]
    fn a_large_block_does_not_stay_in_the_list() {
        let mut block = Block::take();
        block.copy_from(&vec![b'x'; 2 * KEEP_BYTES]);
        block.give();
        match &Block::take().bytes {
            BlockBytes::Copied(bytes) => assert!(bytes.capacity() <= KEEP_BYTES),
            BlockBytes::Shared(_) => panic!("a block from the list shares nothing"),
        }
    }
}
