//! Bytes to be written: rendered into the worker's buffer during a poll, and copied to the
//! connection only where the socket takes no more.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;

/// Bodies and chunks up to this length are copied behind their head, so that one write takes both;
/// longer ones are written from where they are.
pub(super) const COPY_MAX: usize = 16 * 1024;

/// Answers are gathered up to this length before they are written.
pub(super) const GATHER_MAX: usize = 64 * 1024;

/// What a connection could not write yet.
#[derive(Debug)]
struct Unsent {
    buf: Vec<u8>,
    written: usize,
    tail: Tail,
}

/// Bytes that are written from where they are, after what is in the buffer, and what follows them.
#[derive(Debug, Default)]
struct Tail {
    body: Bytes,
    suffix: Vec<u8>,
}

/// The output of a connection between polls; empty and without a buffer while it is idle.
#[derive(Debug, Default)]
pub(super) struct Backlog(Option<Box<Unsent>>);

impl Backlog {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Writes what was left over from an earlier poll.
    pub(super) fn poll_flush<T: AsyncWrite + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
        progress: &mut bool,
    ) -> Poll<io::Result<()>> {
        if let Some(unsent) = &mut self.0 {
            let Unsent { buf, written, tail } = &mut **unsent;
            ready!(poll_write_all(io, cx, buf, written, tail, progress))?;
            self.0 = None;
        }
        Poll::Ready(Ok(()))
    }
}

/// The output of one poll.
#[derive(Debug)]
pub(super) struct Output<'a> {
    /// Where heads and small bodies are rendered.
    pub(super) buf: &'a mut Vec<u8>,
    tail: Tail,
}

impl<'a> Output<'a> {
    pub(super) fn new(buf: &'a mut Vec<u8>) -> Self {
        Self { buf, tail: Tail::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.buf.is_empty() && self.tail.body.is_empty()
    }

    /// Whether it is time to write: enough is gathered, or a tail waits that nothing may follow.
    pub(super) fn is_full(&self) -> bool {
        self.buf.len() >= GATHER_MAX || !self.tail.body.is_empty()
    }

    /// Sends `body` uncopied after what is rendered so far; what goes behind it is appended to the
    /// result. The output is full then.
    pub(super) fn set_tail(&mut self, body: Bytes) -> &mut Vec<u8> {
        debug_assert!(self.tail.body.is_empty(), "one tail at a time");
        self.tail.body = body;
        &mut self.tail.suffix
    }

    /// Throws away what nobody will read.
    pub(super) fn clear(&mut self) {
        self.buf.clear();
        self.tail = Tail::default();
    }

    /// Writes everything. What the socket does not take goes into the backlog: the output is empty
    /// afterwards either way.
    pub(super) fn poll_flush<T: AsyncWrite + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
        backlog: &mut Backlog,
        progress: &mut bool,
    ) -> Poll<io::Result<()>> {
        debug_assert!(backlog.is_empty(), "the backlog goes first");
        if self.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let mut written = 0;
        let poll = poll_write_all(io, cx, self.buf, &mut written, &mut self.tail, progress);
        if poll.is_pending() {
            backlog.0 = Some(Box::new(Unsent {
                buf: self.buf[written..].to_vec(),
                written: 0,
                tail: std::mem::take(&mut self.tail),
            }));
        }
        self.buf.clear();
        poll
    }
}

fn poll_write_all<T: AsyncWrite + Unpin>(
    io: &mut T,
    cx: &mut Context<'_>,
    buf: &[u8],
    written: &mut usize,
    tail: &mut Tail,
    progress: &mut bool,
) -> Poll<io::Result<()>> {
    loop {
        let head = &buf[*written..];
        let n = if tail.body.is_empty() && tail.suffix.is_empty() {
            if head.is_empty() {
                // A socket keeps nothing back; TLS may.
                return Pin::new(io).poll_flush(cx);
            }
            ready!(Pin::new(&mut *io).poll_write(cx, head))?
        } else {
            let slices = [IoSlice::new(head), IoSlice::new(&tail.body), IoSlice::new(&tail.suffix)];
            ready!(Pin::new(&mut *io).poll_write_vectored(cx, &slices))?
        };
        if n == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        *progress = true;
        let of_head = n.min(head.len());
        *written += of_head;
        let of_body = (n - of_head).min(tail.body.len());
        tail.body.advance(of_body);
        tail.suffix.drain(..n - of_head - of_body);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Takes `room` bytes in all, three at a time.
    struct Narrow {
        taken: Vec<u8>,
        room: usize,
    }

    impl AsyncWrite for Narrow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            let n = buf.len().min(3).min(self.room);
            if n == 0 {
                return Poll::Pending;
            }
            self.taken.extend_from_slice(&buf[..n]);
            self.room -= n;
            Poll::Ready(Ok(n))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn whatever_the_socket_takes_at_a_time_the_bytes_come_in_order() {
        for room in 0..20 {
            let mut io = Narrow { taken: Vec::new(), room };
            let mut cx = Context::from_waker(Waker::noop());
            let (mut buf, mut backlog, mut progress) =
                (b"head".to_vec(), Backlog::default(), false);
            let mut output = Output::new(&mut buf);
            output.set_tail(Bytes::from_static(b"the body")).extend_from_slice(b"\r\n");
            let poll = output.poll_flush(&mut io, &mut cx, &mut backlog, &mut progress);
            assert_eq!(poll.is_ready(), room >= 14);
            assert!(output.is_empty());
            io.room = 100;
            assert!(backlog.poll_flush(&mut io, &mut cx, &mut progress).is_ready());
            assert_eq!(io.taken, b"headthe body\r\n");
            assert!(backlog.is_empty() && progress);
        }
    }
}
