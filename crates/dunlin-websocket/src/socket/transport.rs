//! Bytes between the protocol and the transport.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BufMut;
use dunlin_core::{Scratch, Upgraded};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::read_buffer::{self, Read};
use crate::error::Error;
use crate::proto::{Decoder, Event, Input, Outbox, ProtocolError};

/// Slices of one vectored write: headers and payloads of eight large messages.
const SLICES: usize = 16;

/// Most bytes of a read where a large message is expected: its header and little more, so that the rest can be
/// read where it belongs.
const HEADER_READ: usize = 4 * 1024;

/// Most bytes of a read into a large message itself: over sockets fewer, larger reads cost less.
const DIRECT_MAX: usize = 256 * 1024;

/// Once so much was read, what is queued is written before more is read. Reads are small, so that what they
/// bring is still in the first-level cache when it is looked at; writes need not be.
const ANSWER_AFTER: usize = 64 * 1024;

/// The transport; gone once the connection has ended.
pub(super) struct Transport {
    io: Option<Upgraded>,
    /// Something was written since the last flush of the transport itself.
    is_dirty: bool,
    /// The last read brought the end of a large message. Who sends one often sends another.
    was_large: bool,
    /// The last read brought all that was asked for, so there may be more.
    was_full: bool,
    /// Bytes that were read since all that was queued was written.
    unanswered: usize,
    /// Bytes that were written, all in all.
    written: u64,
    write_timeout: Duration,
    /// Runs while the peer takes nothing of what waits to be written.
    stalled: Option<Pin<Box<Sleep>>>,
}

/// A place in what is to be written: the end of a frame that the peer has to answer.
#[derive(Debug)]
pub(super) struct Mark {
    end: u64,
    /// Bytes that were written when this was looked at last.
    seen: u64,
}

/// What a read has brought.
pub(super) enum Filled {
    /// Bytes for the decoder.
    Input,
    /// Bytes of a large payload, and with its last ones perhaps a message.
    Direct(Result<Option<Event>, ProtocolError>),
    /// The end.
    Eof,
}

impl Transport {
    pub(super) fn new(io: Upgraded, write_timeout: Duration) -> Self {
        Self {
            io: Some(io),
            is_dirty: false,
            was_large: false,
            was_full: false,
            unanswered: 0,
            written: 0,
            write_timeout,
            stalled: None,
        }
    }

    fn io(&mut self) -> io::Result<&mut Upgraded> {
        self.io.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Whether the server that it belongs to shuts down.
    pub(super) fn is_going_away(&self) -> bool {
        self.io.as_ref().is_some_and(Upgraded::is_going_away)
    }

    pub(super) fn poll_going_away(&self, cx: &Context<'_>) -> Poll<()> {
        self.io.as_ref().map_or(Poll::Pending, |io| io.poll_going_away(cx))
    }

    /// Closes it.
    pub(super) fn close(&mut self) {
        self.io = None;
    }

    /// Whether to read on before what is queued is written: as if one larger read had brought all of it.
    pub(super) fn is_in_burst(&self) -> bool {
        self.was_full && self.unanswered < ANSWER_AFTER
    }

    /// Reads once, into a buffer that is lent by the thread: a connection that waits owns none. The rest of a
    /// large payload is read where it belongs.
    pub(super) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        decoder: &mut Decoder,
        input: &mut Input,
    ) -> Poll<io::Result<Filled>> {
        let io = self.io.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        if input.is_empty()
            && let Some((payload, max)) = decoder.direct()
        {
            let asked = max.min(DIRECT_MAX);
            let count = ready!(pin!(io.read_buf(&mut payload.limit(asked))).poll(cx))?;
            self.was_large = count == max;
            self.was_full = count == asked;
            self.unanswered += count;
            return Poll::Ready(Ok(match count {
                0 => Filled::Eof,
                count => Filled::Direct(decoder.direct_read(count)),
            }));
        }
        let max = if self.was_large { HEADER_READ } else { read_buffer::SIZE };
        let Read { count, is_full } = ready!(read_buffer::poll_read(cx, io, decoder, input, max))?;
        self.was_large = false;
        self.was_full = is_full;
        self.unanswered += count;
        Poll::Ready(Ok(if count == 0 { Filled::Eof } else { Filled::Input }))
    }

    /// Reads and forgets, up to the end.
    pub(super) fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let io = self.io()?;
        let mut lent = Scratch::lend();
        loop {
            let mut room = ReadBuf::new(&mut lent.input);
            ready!(Pin::new(&mut *io).poll_read(cx, &mut room))?;
            if room.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Writes until no more than `max` bytes wait; with 0 it flushes the transport as well.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], and [`Error::WriteTimeout`] where the peer takes nothing for too long.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Outbox,
        max: usize,
    ) -> Poll<Result<(), Error>> {
        if out.is_empty() && !self.is_dirty {
            self.unanswered = 0;
            return Poll::Ready(Ok(()));
        }
        let before = out.len();
        match self.poll_write_all(cx, out, max) {
            Poll::Ready(result) => {
                self.stalled = None;
                self.unanswered = 0;
                Poll::Ready(result.map_err(Error::Io))
            }
            Poll::Pending => {
                if out.len() < before {
                    self.stalled = None;
                }
                let stalled =
                    self.stalled.get_or_insert_with(|| Box::pin(sleep(self.write_timeout)));
                stalled.as_mut().poll(cx).map(|()| Err(Error::WriteTimeout))
            }
        }
    }

    fn poll_write_all(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Outbox,
        max: usize,
    ) -> Poll<io::Result<()>> {
        let is_dirty = &mut self.is_dirty;
        let io = self.io.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        while out.len() > max {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = out.slices(&mut slices);
            let count = if filled > 1 && io.is_write_vectored() {
                ready!(Pin::new(&mut *io).poll_write_vectored(cx, &slices[..filled]))?
            } else {
                ready!(Pin::new(&mut *io).poll_write(cx, out.first()))?
            };
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *is_dirty = true;
            self.written += count as u64;
            out.advance(count);
        }
        if max == 0 && *is_dirty {
            ready!(Pin::new(io).poll_flush(cx))?;
            *is_dirty = false;
        }
        Poll::Ready(Ok(()))
    }

    /// The end of what waits now.
    pub(super) fn mark(&self, out: &Outbox) -> Mark {
        Mark { end: self.written + out.len() as u64, seen: self.written }
    }

    /// Whether all up to the mark is written.
    pub(super) fn has_passed(&self, mark: &Mark) -> bool {
        self.written >= mark.end
    }

    /// Whether the peer has taken something since this was asked last, of what waits before the mark.
    pub(super) fn is_moving(&self, mark: &mut Mark) -> bool {
        let is_moving = !self.has_passed(mark) && self.written > mark.seen;
        mark.seen = self.written;
        is_moving
    }

    /// Says that nothing more will be written.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.io()?).poll_shutdown(cx)
    }
}
