//! Bytes that have come and are not decoded yet.

use bytes::{Buf, Bytes, BytesMut};

use super::mask::{apply_mask, unmasked};

/// A payload is handed out where it lies if the memory that it holds on to is at most so many times its size.
const PIN_MAX: usize = 4;

/// Bytes that have come and are not decoded yet.
///
/// Knows how much memory they hold, so that neither a small message that is kept nor a beginning that waits for
/// its rest keeps all that came along with it.
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

    /// What came, with the allocation of `size` bytes that it lies in.
    pub(crate) fn new(bytes: BytesMut, size: usize) -> Self {
        Self { bytes, size }
    }

    /// The memory, for more to be read behind what it holds, where it has `size` bytes.
    pub(crate) fn buffer(&mut self, size: usize) -> Option<&mut BytesMut> {
        (self.size >= size).then_some(&mut self.bytes)
    }

    /// Takes the memory away, and what it holds.
    pub(crate) fn take_buffer(&mut self) -> BytesMut {
        self.size = 0;
        std::mem::take(&mut self.bytes)
    }

    /// What is left.
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes
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

    /// Takes a payload of `len` bytes off the front and unmasks it: without a copy where it is most of what there
    /// is.
    pub(super) fn take(&mut self, len: usize, key: Option<[u8; 4]>) -> Bytes {
        if PIN_MAX * len < self.size {
            let payload = &self.bytes[..len];
            let copy = key.map_or_else(|| payload.to_vec(), |key| unmasked(payload, key));
            self.bytes.advance(len);
            return copy.into();
        }
        let mut payload = if len == self.bytes.len() {
            std::mem::take(&mut self.bytes)
        } else {
            self.bytes.split_to(len)
        };
        if let Some(key) = key {
            apply_mask(&mut payload, key);
        }
        payload.freeze()
    }
}

impl From<&[u8]> for Input {
    fn from(bytes: &[u8]) -> Self {
        let mut input = Self::default();
        input.extend(bytes);
        input
    }
}
