//! Bytes that have been read and not yet used: in the worker's buffer during a poll, in the
//! connection's own only while it waits with some left over.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// Most bytes of one read while heads are awaited: enough for sixteen large requests.
pub(super) const HEAD_READ: usize = 16 * 1024;

/// The unread input of a connection for the length of one poll.
///
/// Bytes are read straight into the lent buffer and parsed there. Where some were left over from the
/// last poll, reading goes on behind them in the connection's own buffer, so that a head which comes
/// byte by byte is copied once.
#[derive(Debug)]
pub(super) struct Input<'a> {
    lent: &'a mut [u8],
    start: usize,
    end: usize,
    rest: Vec<u8>,
    /// Bytes of `rest` that have been used.
    used: usize,
}

impl<'a> Input<'a> {
    pub(super) fn new(lent: &'a mut [u8], rest: Vec<u8>) -> Self {
        Self { lent, start: 0, end: 0, rest, used: 0 }
    }

    /// What has been read and not used.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        if self.rest.is_empty() {
            &self.lent[self.start..self.end]
        } else {
            &self.rest[self.used..]
        }
    }

    /// Takes `n` bytes off the front.
    #[inline]
    pub(super) fn consume(&mut self, n: usize) {
        if self.rest.is_empty() {
            self.start = (self.start + n).min(self.end);
        } else {
            self.used += n;
            if self.used >= self.rest.len() {
                // The buffer goes, not just its content: an idle connection owns none.
                self.rest = Vec::new();
                self.used = 0;
            }
        }
    }

    /// Reads more, at most `max` bytes; 0 is the end of the stream.
    pub(super) fn poll_fill<T: AsyncRead + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
        max: usize,
    ) -> Poll<io::Result<usize>> {
        if self.start < self.end {
            self.keep();
        }
        let len = self.lent.len().min(max);
        let mut buf = ReadBuf::new(&mut self.lent[..len]);
        ready!(Pin::new(io).poll_read(cx, &mut buf))?;
        let n = buf.filled().len();
        if self.rest.is_empty() {
            (self.start, self.end) = (0, n);
        } else {
            self.rest.extend_from_slice(&self.lent[..n]);
        }
        Poll::Ready(Ok(n))
    }

    /// Moves what is in the lent buffer to the connection's own.
    fn keep(&mut self) {
        self.rest.extend_from_slice(&self.lent[self.start..self.end]);
        (self.start, self.end) = (0, 0);
    }

    /// What the connection keeps until its next poll.
    pub(super) fn into_rest(mut self) -> Vec<u8> {
        if self.start < self.end {
            self.keep();
        } else if self.used > 0 {
            self.rest.drain(..self.used);
        }
        self.rest
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn fill(input: &mut Input<'_>, mut from: &[u8]) {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(input.poll_fill(&mut from, &mut cx, HEAD_READ).is_ready());
    }

    #[test]
    fn what_is_used_up_leaves_no_buffer_behind() {
        let mut lent = [0; 64];
        let mut input = Input::new(&mut lent, Vec::new());
        fill(&mut input, b"hello");
        input.consume(5);
        assert_eq!(input.into_rest().capacity(), 0);
        let mut input = Input::new(&mut lent, b"hello".to_vec());
        input.consume(5);
        assert_eq!(input.into_rest().capacity(), 0);
    }

    #[test]
    fn reading_goes_on_behind_what_was_left_over() {
        let mut lent = [0; 64];
        let mut input = Input::new(&mut lent, Vec::new());
        fill(&mut input, b"GET / HT");
        input.consume(4);
        let rest = input.into_rest();
        assert_eq!(rest, b"/ HT");
        let mut input = Input::new(&mut lent, rest);
        fill(&mut input, b"TP/1.1");
        assert_eq!(input.bytes(), b"/ HTTP/1.1");
        input.consume(2);
        fill(&mut input, b"\r\n");
        assert_eq!(input.into_rest(), b"HTTP/1.1\r\n");
    }

    #[test]
    fn filling_twice_in_one_poll_keeps_the_order() {
        let mut lent = [0; 64];
        let mut input = Input::new(&mut lent, Vec::new());
        fill(&mut input, b"abc");
        input.consume(1);
        fill(&mut input, b"def");
        assert_eq!(input.bytes(), b"bcdef");
    }
}
