//! The body of a response, read from its connection by whoever wants it.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes, BytesMut};
use dunlin_codec::ClientEvent;
use dunlin_core::BodyError;
use http_body::{Frame, SizeHint};
use tokio::time::Instant;
use tokio_util::io::poll_read_buf;

use super::exchange::{Outgoing, Terms};
use crate::error::{Error, Phase};
use crate::pool::Lease;
use crate::timeouts::Timeouts;
use crate::url::Url;

/// Room for one read of a body: what a socket that is kept busy holds.
const READ: usize = 128 * 1024;

/// Room below which a read is not worth its call.
const MIN_ROOM: usize = 16 * 1024;

/// Most bytes that are read for nothing when a body is dropped, so that its connection can be kept.
const DRAIN_MAX: usize = 64 * 1024;

/// Reads a response's body. The connection goes back to the pool at its end, and is closed where this
/// is dropped before, unless the rest is there already.
pub(crate) struct ConnBody {
    /// Gone at the end.
    lease: Option<Lease>,
    outgoing: Outgoing,
    terms: Terms,
    url: Url,
    left: Option<u64>,
    /// The status says that the request was taken.
    is_accepted: bool,
    buf: BytesMut,
    /// Read and not decoded.
    input: Bytes,
    silent_since: Option<Instant>,
    /// When the server began to take nothing of what is left of the request.
    stuck_since: Option<Instant>,
}

impl ConnBody {
    pub(crate) fn new(
        mut lease: Lease,
        outgoing: Outgoing,
        terms: Terms,
        url: Url,
        left: Option<u64>,
        is_accepted: bool,
    ) -> Self {
        let input = std::mem::take(&mut lease.conn().rest).freeze();
        Self {
            lease: Some(lease),
            outgoing,
            terms,
            url,
            left,
            is_accepted,
            buf: BytesMut::new(),
            input,
            silent_since: None,
            stuck_since: None,
        }
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        loop {
            let Some(lease) = &mut self.lease else { return Poll::Ready(None) };
            let conn = lease.conn();
            let peer = conn.info.peer;
            let mut rest = &self.input[..];
            let event = match conn.proto.next_event(&mut rest) {
                Ok(event) => event,
                Err(error) => {
                    let error = Error::protocol(Phase::Body, error).with_peer(peer);
                    return Poll::Ready(Some(Err(self.fail(error))));
                }
            };
            let used = self.input.len() - rest.len();
            match event {
                Some(ClientEvent::Data(data)) => {
                    let data = self.input.slice_ref(data);
                    self.input.advance(used);
                    self.silent_since = None;
                    if let Some(left) = &mut self.left {
                        *left = left.saturating_sub(data.len() as u64);
                    }
                    self.terms.traces.emit(|trace| trace.response_chunk_received(&data));
                    self.end_early();
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(ClientEvent::Trailers(trailers)) => {
                    self.input.advance(used);
                    return Poll::Ready(Some(Ok(Frame::trailers(trailers.into_map()))));
                }
                Some(ClientEvent::End) => self.input.advance(used),
                Some(_) => continue,
                None => self.input.advance(used),
            }
            let Some(lease) = &mut self.lease else { return Poll::Ready(None) };
            // A response without content has no end of its own.
            if !lease.conn().proto.is_receiving_body() {
                ready!(self.poll_upload(cx)).map_err(|error| self.fail(error))?;
                self.release();
                return Poll::Ready(None);
            }
            match ready!(self.poll_read(cx)) {
                Ok(()) => {}
                Err(error) => {
                    let error = error.with_peer(peer);
                    return Poll::Ready(Some(Err(self.fail(error))));
                }
            }
        }
    }

    /// The response has ended: sends the rest of the request, where the server took it and wants more on
    /// this connection. What it refused, or will not read, is cut.
    fn poll_upload(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(lease) = &mut self.lease else { return Poll::Ready(Ok(())) };
        let conn = lease.conn();
        if !self.is_accepted || !conn.proto.keep_alive() || self.outgoing.is_sent() {
            return Poll::Ready(Ok(()));
        }
        match conn.poll_send(&mut self.outgoing, &self.terms, cx) {
            Poll::Ready(sent) => Poll::Ready(sent),
            Poll::Pending => {
                let timeouts = &self.terms.timeouts;
                if std::mem::take(&mut conn.progress) || !conn.is_writing() {
                    self.stuck_since = None;
                }
                let write = timeouts.write.filter(|_| conn.is_writing()).and_then(|timeout| {
                    let since = self.stuck_since.get_or_insert_with(Instant::now);
                    since.checked_add(timeout)
                });
                let next = [self.terms.deadline, write].into_iter().flatten().min();
                ready!(conn.timer.poll(cx, next));
                if next == self.terms.deadline {
                    return Poll::Ready(Err(self.late()));
                }
                let after = timeouts.write.unwrap_or_default();
                Poll::Ready(Err(Error::timeout(Phase::Body, "write", after)))
            }
        }
    }

    fn late(&self) -> Error {
        let after = self.terms.timeouts.total.unwrap_or_default();
        Error::timeout(Phase::Body, "total", after)
    }

    /// A body whose length is known is over with its last byte: nobody has to ask for the end before
    /// the connection is free.
    fn end_early(&mut self) {
        if let (Some(0), Some(lease)) = (self.left, &mut self.lease) {
            let mut rest = &self.input[..];
            let ended = lease.conn().proto.next_event(&mut rest);
            // Where the request is still being sent, the end waits for it.
            if matches!(ended, Ok(Some(ClientEvent::End))) && self.outgoing.is_sent() {
                self.release();
            }
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(lease) = &mut self.lease else { return Poll::Ready(Ok(())) };
        // Looked at before each read: data that is always there never lets the timer wake anybody.
        if self.terms.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Poll::Ready(Err(self.late()));
        }
        let conn = lease.conn();
        conn.poll_send_on(&mut self.outgoing, &self.terms, cx)?;
        // A buffer whose pieces are gone is used again. Those that the program keeps share theirs, so a
        // new one is taken only when it is full.
        let wanted = self.left.map_or(READ, |left| usize::try_from(left).unwrap_or(READ)).min(READ);
        let wanted = self.input.len() + wanted.max(1);
        let room = self.buf.capacity() - self.buf.len();
        if !self.buf.try_reclaim(wanted) && room < wanted.min(self.input.len() + MIN_ROOM) {
            self.buf.reserve(wanted);
        }
        if !self.input.is_empty() {
            self.buf.extend_from_slice(&self.input);
            self.input = Bytes::new();
        }
        match poll_read_buf(Pin::new(&mut conn.io), cx, &mut self.buf) {
            Poll::Ready(Ok(0)) => {
                self.input = self.buf.split().freeze();
                let ended = conn.proto.handle_eof();
                Poll::Ready(ended.map_err(|error| Error::protocol(Phase::Body, error)))
            }
            Poll::Ready(Ok(_)) => {
                self.input = self.buf.split().freeze();
                self.silent_since = None;
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(Error::io(Phase::Body, error))),
            Poll::Pending => {
                self.input = self.buf.split().freeze();
                let timeouts = &self.terms.timeouts;
                let read = timeouts.read.and_then(|timeout| {
                    let since = self.silent_since.get_or_insert_with(Instant::now);
                    since.checked_add(timeout)
                });
                let next = [self.terms.deadline, read].into_iter().flatten().min();
                ready!(conn.timer.poll(cx, next));
                let (setting, after) = match next == self.terms.deadline {
                    true => ("total", timeouts.total),
                    false => ("read", timeouts.read),
                };
                Poll::Ready(Err(Error::timeout(Phase::Body, setting, after.unwrap_or_default())))
            }
        }
    }

    /// The body has ended: the connection may serve another request, unless this one is still being
    /// sent.
    fn release(&mut self) {
        if let Some(mut lease) = self.lease.take() {
            let conn = lease.conn();
            conn.rest = BytesMut::from(&self.input[..]);
            lease.release();
        }
        self.buf = BytesMut::new();
    }

    fn fail(&mut self, error: Error) -> Error {
        // Dropped unreleased, the connection closes.
        self.lease = None;
        self.buf = BytesMut::new();
        error.with_url(&self.url)
    }
}

impl http_body::Body for ConnBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(self.get_mut().poll_event(cx));
        Poll::Ready(frame.map(|frame| frame.map_err(BodyError::from)))
    }

    fn is_end_stream(&self) -> bool {
        self.lease.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.left {
            Some(left) => SizeHint::with_exact(left),
            None if self.lease.is_none() => SizeHint::with_exact(0),
            None => SizeHint::default(),
        }
    }
}

/// What is there already is read, so that a response whose body nobody wants does not cost its
/// connection.
impl Drop for ConnBody {
    fn drop(&mut self) {
        if self.lease.is_none() || self.left.is_some_and(|left| left > DRAIN_MAX as u64) {
            return;
        }
        if !self.outgoing.is_sent() {
            // The program's own stream is not polled from here.
            return;
        }
        // No timer is set here: there may be no runtime to set it on.
        self.terms.deadline = None;
        self.terms.timeouts = Timeouts::NONE;
        let mut cx = Context::from_waker(Waker::noop());
        let mut drained = 0;
        while drained <= DRAIN_MAX {
            match self.poll_event(&mut cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    drained += frame.data_ref().map_or(0, Bytes::len);
                }
                Poll::Ready(_) | Poll::Pending => break,
            }
        }
    }
}

impl fmt::Debug for ConnBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnBody").field("left", &self.left).finish_non_exhaustive()
    }
}
