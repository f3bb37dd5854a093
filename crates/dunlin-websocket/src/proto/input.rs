//! Bytes that have come and are not decoded yet.

use bytes::{Buf, Bytes, BytesMut};

/// From this size on a payload is handed out of the input's own memory wherever it lies.
const SPLIT_MIN: usize = 4 * 1024;

/// Bytes that have come and are not decoded yet.
///
/// Knows how much memory they hold, so that a small message that is kept does not keep all that came
/// along with it.
#[derive(Debug, Default)]
pub struct Input {
    bytes: BytesMut,
    /// Bytes of the allocation behind them.
    size: usize,
}

impl Input {
    /// Appends what came.
    pub fn extend(&mut self, bytes: &[u8]) {
        if self.bytes.is_empty() {
            *self = Self { bytes: BytesMut::from(bytes), size: bytes.len() };
        } else {
            let mut joined = BytesMut::with_capacity(self.bytes.len() + bytes.len());
            joined.extend_from_slice(&self.bytes);
            joined.extend_from_slice(bytes);
            *self = Self { size: joined.len(), bytes: joined };
        }
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Forgets all, and its memory.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    pub(super) fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }

    /// Takes `len` bytes off the front: without a copy where they are large, or most of what there is.
    pub(super) fn take(&mut self, len: usize) -> Bytes {
        if len < SPLIT_MIN && 4 * len < self.size {
            let copy = Bytes::copy_from_slice(&self.bytes[..len]);
            self.bytes.advance(len);
            copy
        } else if len == self.bytes.len() {
            std::mem::take(&mut self.bytes).freeze()
        } else {
            self.bytes.split_to(len).freeze()
        }
    }
}

impl From<&[u8]> for Input {
    fn from(bytes: &[u8]) -> Self {
        let mut input = Self::default();
        input.extend(bytes);
        input
    }
}
