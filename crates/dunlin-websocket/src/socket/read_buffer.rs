//! The buffer that a thread's connections read into.

use std::cell::Cell;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::proto::{Decoder, IN_PLACE_MAX, Input};

/// Bytes of the buffer, and so of one read at most: what is read is looked at once more, and should still lie in
/// the first-level cache then. Two messages of 16 KiB fit.
pub(super) const SIZE: usize = IN_PLACE_MAX + 2048;

/// A read that brings at least so much leaves the buffer to the connection until that is decoded. What is less is
/// copied out of it.
const KEEP_MIN: usize = SIZE / 4;

thread_local!(static SPARE: Cell<BytesMut> = Cell::default());

/// What a read has brought.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read {
    pub(super) count: usize,
    /// No more was asked for: more may have come.
    pub(super) is_full: bool,
}

/// Reads once, `max` bytes at most, behind what is left in `input`, and says how much came.
///
/// Small reads cost a copy and large ones the loan of the buffer, so a connection that waits holds neither.
pub(super) fn poll_read(
    cx: &mut Context<'_>,
    io: &mut (impl AsyncRead + Unpin),
    decoder: &mut Decoder,
    input: &mut Input,
    max: usize,
) -> Poll<io::Result<Read>> {
    if let Some(buffer) = input.buffer(SIZE) {
        let result = fill(cx, io, decoder, buffer, max);
        if buffer.len() >= KEEP_MIN && !result.is_pending() {
            return result;
        }
        let buffer = input.take_buffer();
        *input = Input::from(&buffer[..]);
        return put_back(buffer, decoder, input, result);
    }
    let mut buffer = SPARE.try_with(Cell::take).unwrap_or_default();
    buffer.extend_from_slice(input.as_slice());
    let result = fill(cx, io, decoder, &mut buffer, max);
    if buffer.len() >= KEEP_MIN && !result.is_pending() {
        *input = Input::new(buffer, SIZE);
        return result;
    }
    if buffer.len() != input.as_slice().len() {
        *input = Input::from(&buffer[..]);
    }
    put_back(buffer, decoder, input, result)
}

/// Reads once behind what is in the buffer.
fn fill(
    cx: &mut Context<'_>,
    io: &mut (impl AsyncRead + Unpin),
    decoder: &Decoder,
    buffer: &mut BytesMut,
    max: usize,
) -> Poll<io::Result<Read>> {
    let room = SIZE - buffer.len().min(IN_PLACE_MAX);
    let room = max.min(decoder.read_hint(buffer.len(), room));
    // Where no message lies in it any more, this is the same memory again.
    if !buffer.try_reclaim(room) {
        let mut fresh = BytesMut::with_capacity(SIZE);
        fresh.extend_from_slice(buffer);
        *buffer = fresh;
    }
    let count = ready!(pin!(io.read_buf(&mut buffer.limit(room))).poll(cx))?;
    Poll::Ready(Ok(Read { count, is_full: count == room }))
}

/// Gives the buffer to the thread's next connection.
fn put_back(
    mut buffer: BytesMut,
    decoder: &mut Decoder,
    input: &mut Input,
    result: Poll<io::Result<Read>>,
) -> Poll<io::Result<Read>> {
    if result.is_pending() {
        decoder.release(input);
    }
    buffer.clear();
    let _ = SPARE.try_with(|spare| spare.set(buffer));
    result
}
