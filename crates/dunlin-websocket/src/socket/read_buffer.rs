//! The buffer that a thread's connections read into.

use std::cell::Cell;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::{BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::proto::{Decoder, Input};

/// Bytes of the buffer, and so of one read at most.
pub(super) const SIZE: usize = 64 * 1024;

/// A read that brings at least so much leaves the buffer to the connection until that is decoded. What is less is
/// copied out of it.
const KEEP_MIN: usize = SIZE / 4;

thread_local!(static SPARE: Cell<BytesMut> = Cell::default());

/// Reads once, `max` bytes at most, behind what is left in `input`, and says how much came.
///
/// Small reads cost a copy and large ones the loan of the buffer, so a connection that waits holds neither.
pub(super) fn poll_read(
    cx: &mut Context<'_>,
    io: &mut (impl AsyncRead + Unpin),
    decoder: &mut Decoder,
    input: &mut Input,
    max: usize,
) -> Poll<io::Result<usize>> {
    let mut buffer = input.reuse(SIZE).unwrap_or_else(|| {
        let mut spare = SPARE.try_with(Cell::take).unwrap_or_default();
        spare.extend_from_slice(input.as_slice());
        spare
    });
    // A decoder leaves half a buffer at most.
    let room = max.min(SIZE - buffer.len().min(SIZE / 2));
    // Where no message lies in it any more, this is the same memory again.
    if !buffer.try_reclaim(room) {
        let mut fresh = BytesMut::with_capacity(SIZE);
        fresh.extend_from_slice(&buffer);
        buffer = fresh;
    }
    let result = pin!(io.read_buf(&mut (&mut buffer).limit(room))).poll(cx);
    if buffer.len() >= KEEP_MIN && !result.is_pending() {
        *input = Input::new(buffer, SIZE);
        return result;
    }
    if buffer.len() != input.as_slice().len() {
        *input = Input::from(&buffer[..]);
    }
    if result.is_pending() {
        decoder.release(input);
    }
    buffer.clear();
    let _ = SPARE.try_with(|spare| spare.set(buffer));
    result
}
