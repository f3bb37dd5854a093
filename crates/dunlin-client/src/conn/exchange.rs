//! One request and the head of its response, on one connection.
//!
//! ```text
//!   poll ──▶ deadlines ──▶ write: unsent, then the body's next piece ──▶ read, parse
//!                            ╲ held back for 100 Continue                  ╲ interim: tell, go on
//!                                                                           ╲ head: done
//! ```
//!
//! Reading goes on while the request's body is being written: a server may answer early, and one that
//! refuses a body may close without reading it, so a failed write is only told where no answer came.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use dunlin_codec::{BodyLen, ClientEvent, ClientPhase, RequestCtx};
use dunlin_core::{Body, Headers, RequestHead, ResponseHead, Scratch};
use http::HeaderMap;
use http_body::Body as _;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Instant;

use super::{Connection, poll_write};
use crate::error::{Error, ErrorKind, Phase, Stale};
use crate::settings::OnInterim;
use crate::timeouts::Timeouts;
use crate::trace::Traces;

/// Most bytes of a body that are copied behind the head, so that both leave in one write.
const COPY_MAX: usize = 16 * 1024;

/// Read at a time while a head is awaited; what comes of the body with it is copied.
const HEAD_READ: usize = 16 * 1024;

/// Bodies of at most so many bytes that came with the head are handed out whole, and their connection
/// is free at once.
const WHOLE_MAX: usize = 16 * 1024;

/// What is left to send of a request, besides what the connection has rendered.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    body: Option<Body>,
    trailers: Option<Box<HeaderMap>>,
    /// Whether the body was asked for a piece.
    begun: bool,
}

impl Outgoing {
    /// The body, where it was held back until now; it is not sent then.
    pub(crate) fn unbegun(&mut self) -> Option<Body> {
        self.body.take_if(|_| !self.begun)
    }

    /// Whether nothing is left to send but what the connection has rendered.
    pub(crate) fn is_sent(&self) -> bool {
        self.body.is_none()
    }

    /// Whether all of the body has been handed to the connection, which may still have to send it.
    pub(crate) fn is_handed_over(&self) -> bool {
        self.body.as_ref().is_none_or(|body| body.as_whole() == Some(&[]))
    }
}

/// The terms of an exchange that hold until its body has been read.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) timeouts: Timeouts,
    /// The end of the whole request.
    pub(crate) deadline: Option<Instant>,
    pub(crate) traces: Traces,
}

/// A response's head, and what is known of its body by now.
#[derive(Debug)]
pub(crate) enum Answer {
    /// All of it is here, and the connection is free.
    Whole(ResponseHead, Bytes),
    /// The body has to be read.
    Streaming(ResponseHead, Option<u64>),
    /// The connection belongs to another protocol, or is a tunnel.
    Upgraded(ResponseHead),
}

/// Sends a request and waits for its response's head.
pub(crate) struct Exchange<'e> {
    conn: &'e mut Connection,
    outgoing: &'e mut Outgoing,
    terms: &'e Terms,
    on_interim: Option<&'e OnInterim>,
    /// When the silence of the peer began, or a byte of ours went out.
    waits: Waits,
}

/// Deadlines that depend on what is waited for, as far as any is set.
#[derive(Debug, Default)]
struct Waits {
    read: Option<Instant>,
    write: Option<Instant>,
    head: Option<Instant>,
    go_on: Option<Instant>,
}

impl Connection {
    /// Renders a request: its head, and its body where that is all here.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Send`] for one that breaks the rules of HTTP; the connection is then as it was.
    pub(crate) fn begin(
        &mut self,
        head: &RequestHead,
        authority: &str,
        body: Body,
        trailers: Option<Box<HeaderMap>>,
    ) -> Result<Outgoing, Error> {
        let mut lent = Scratch::lend();
        let out = &mut lent.output;
        let via_proxy = self.info.via_proxy;
        let ctx = RequestCtx::default().via_proxy(via_proxy).authority(authority);
        let bad = |error| Error::new(ErrorKind::Send(error), Phase::Request);
        let is_plain = trailers.is_none() && !head.headers().contains("expect");
        let mut outgoing = Outgoing::default();
        match body.as_whole() {
            Some(whole) if is_plain && whole.len() <= COPY_MAX => {
                self.proto.send_whole(head, whole, ctx, out).map_err(bad)?;
            }
            _ => {
                let len = match body.exact_len() {
                    // Trailers need chunks (RFC 9112 §7.1.2).
                    Some(len) if trailers.is_none() => BodyLen::Exact(len),
                    _ => BodyLen::Unknown,
                };
                self.proto.send_head(head, len, ctx, out).map_err(bad)?;
                let (body, begun) = match body.try_into_whole() {
                    // What is here goes along with the head, from where it is.
                    Ok(whole) if is_plain => {
                        self.push(whole).map_err(bad)?;
                        (Body::default(), true)
                    }
                    Ok(whole) => (whole.into(), false),
                    Err(body) => (body, false),
                };
                outgoing = Outgoing { body: Some(body), trailers, begun };
            }
        }
        self.requests += 1;
        self.sent = 0;
        // Most sockets take a small request at once.
        let body = &mut self.unsent.body;
        let written = match poll_write(&mut self.io, &mut noop(), out, body, &[]) {
            Poll::Ready(Ok(n)) => {
                self.sent = n as u64;
                body.advance(n.saturating_sub(out.len()));
                n.min(out.len())
            }
            Poll::Ready(Err(error)) => {
                self.write_failed = Some(error);
                out.len()
            }
            Poll::Pending => 0,
        };
        if written < out.len() {
            self.unsent.head = out[written..].to_vec();
            self.unsent.at = 0;
        }
        Ok(outgoing)
    }

    /// Sends as much of the request as the peer takes.
    pub(super) fn poll_send(
        &mut self,
        outgoing: &mut Outgoing,
        terms: &Terms,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        loop {
            if self.write_failed.is_some() {
                return Poll::Ready(Ok(()));
            }
            match ready!(self.poll_unsent(cx)) {
                Ok(()) => {}
                Err(error) => {
                    self.write_failed = Some(error);
                    return Poll::Ready(Ok(()));
                }
            }
            if !self.proto.is_sending_body() {
                outgoing.body = None;
                return Poll::Ready(Ok(()));
            }
            if self.proto.is_body_held() {
                return Poll::Pending;
            }
            let Some(body) = &mut outgoing.body else { return Poll::Ready(Ok(())) };
            outgoing.begun = true;
            let frame = ready!(Pin::new(&mut *body).poll_frame(cx));
            let sent = match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => Ok(()),
                    Ok(data) => {
                        terms.traces.emit(|trace| trace.request_chunk_sent(&data));
                        self.push(data)
                    }
                    Err(frame) => {
                        if let Ok(trailers) = frame.into_trailers() {
                            outgoing.trailers.get_or_insert_default().extend(trailers);
                        }
                        Ok(())
                    }
                },
                Some(Err(error)) => {
                    let kind = ErrorKind::RequestBody(error);
                    return Poll::Ready(Err(Error::new(kind, Phase::Exchange)));
                }
                None => {
                    outgoing.body = None;
                    let trailers = outgoing.trailers.take().map(|map| Headers::from(*map));
                    self.proto.send_end(trailers.as_ref(), &mut self.unsent.head)
                }
            };
            if let Err(error) = sent {
                let error = Error::new(ErrorKind::Send(error), Phase::Exchange);
                return Poll::Ready(Err(error));
            }
        }
    }

    /// Queues a piece of body, to be sent from where it is.
    fn push(&mut self, data: Bytes) -> Result<(), dunlin_codec::SendError> {
        self.proto.send_prefix(data.len(), &mut self.unsent.head)?;
        self.proto.send_suffix(data.len(), &mut self.unsent.suffix);
        self.unsent.body = data;
        Ok(())
    }

    /// The error of a connection that ended or broke.
    fn broken(&mut self, phase: Phase, error: Error) -> Error {
        let unanswered = !self.proto.is_response_begun();
        let failed = self.write_failed.is_some();
        // A reset while writing says more than the end that was read behind it.
        let error = match self.write_failed.take() {
            Some(write) if unanswered => Error::io(phase, write),
            _ => error,
        };
        let error = error.with_peer(self.info.peer);
        let how = match failed && self.sent == 0 {
            true => Stale::Unsent,
            false => Stale::Unanswered,
        };
        if unanswered && self.requests > 1 { error.stale(how) } else { error }
    }

    /// Sends on while the response's body is read; nothing but an end of the request's own body is an
    /// error then.
    pub(super) fn poll_send_on(
        &mut self,
        outgoing: &mut Outgoing,
        terms: &Terms,
        cx: &mut Context<'_>,
    ) -> Result<(), Error> {
        match self.poll_send(outgoing, terms, cx) {
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        }
    }
}

fn noop() -> Context<'static> {
    Context::from_waker(std::task::Waker::noop())
}

impl<'e> Exchange<'e> {
    pub(crate) fn new(
        conn: &'e mut Connection,
        outgoing: &'e mut Outgoing,
        terms: &'e Terms,
        on_interim: Option<&'e OnInterim>,
    ) -> Self {
        Self { conn, outgoing, terms, on_interim, waits: Waits::default() }
    }

    /// Parses what is there, up to the response's head.
    fn parse(&mut self, input: &mut &[u8]) -> Result<Option<Answer>, Error> {
        loop {
            let event = self.conn.proto.next_event(input).map_err(|error| {
                Error::protocol(Phase::Exchange, error).with_peer(self.conn.info.peer)
            })?;
            match event {
                None => return Ok(None),
                Some(ClientEvent::Interim(head)) => {
                    if let Some(hook) = self.on_interim {
                        hook(&head);
                    }
                }
                Some(ClientEvent::Head { head, .. }) => return self.finish(head, input).map(Some),
                Some(ClientEvent::Upgrade(head)) => return Ok(Some(Answer::Upgraded(head))),
                // No body before its head.
                Some(_) => {}
            }
        }
    }

    /// Takes a small body that came along.
    fn finish(&mut self, head: ResponseHead, input: &mut &[u8]) -> Result<Answer, Error> {
        let proto = &mut self.conn.proto;
        let left = proto.body_left();
        let fits = left.is_some_and(|left| left <= WHOLE_MAX.min(input.len()) as u64);
        if !fits || proto.is_sending_body() {
            return Ok(Answer::Streaming(head, left));
        }
        let mut body = Bytes::new();
        while proto.is_receiving_body() {
            let event = proto.next_event(input);
            match event.map_err(|error| Error::protocol(Phase::Body, error))? {
                Some(ClientEvent::Data(data)) => {
                    self.terms.traces.emit(|trace| trace.response_chunk_received(data));
                    body = Bytes::copy_from_slice(data);
                }
                Some(_) => {}
                None => break,
            }
        }
        Ok(Answer::Whole(head, body))
    }

    /// Looks at the clocks; wakes the task when the next of them has run out.
    fn poll_deadlines(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let timeouts = &self.terms.timeouts;
        let is_writing = self.conn.is_writing();
        let set = |slot: &mut Option<Instant>, wanted: bool, timeout, anew| match timeout {
            Some(timeout) if wanted => {
                if slot.is_none() || anew {
                    *slot = Instant::now().checked_add(timeout);
                }
            }
            _ => *slot = None,
        };
        let moved = std::mem::take(&mut self.conn.progress);
        let held = self.conn.proto.phase() == ClientPhase::Continue;
        // While the program makes its body, the server owes nothing.
        let is_owing = !is_writing && (held || self.outgoing.body.is_none());
        set(&mut self.waits.read, is_owing, timeouts.read, moved);
        set(&mut self.waits.write, is_writing, timeouts.write, moved);
        set(&mut self.waits.head, self.outgoing.body.is_none(), timeouts.head, false);
        set(&mut self.waits.go_on, held, Some(timeouts.expect_continue), false);
        let Waits { read, write, head, go_on } = self.waits;
        let next = [self.terms.deadline, read, write, head, go_on].into_iter().flatten().min();
        if self.conn.timer.poll(cx, next).is_pending() {
            return Ok(());
        }
        if go_on.is_some() && next == go_on {
            // Nobody said yes or no: the body goes out (RFC 9110 §10.1.1).
            let went = self.conn.proto.send_data(b"", &mut self.conn.unsent.head);
            went.map_err(|error| Error::new(ErrorKind::Send(error), Phase::Exchange))?;
            self.conn.progress = true;
            cx.waker().wake_by_ref();
            return Ok(());
        }
        let (setting, after) = if next == self.terms.deadline {
            ("total", timeouts.total)
        } else if next == read {
            ("read", timeouts.read)
        } else if next == write {
            ("write", timeouts.write)
        } else {
            ("head", timeouts.head)
        };
        let error = Error::timeout(Phase::Exchange, setting, after.unwrap_or_default());
        Err(error.with_peer(self.conn.info.peer))
    }
}

impl Future for Exchange<'_> {
    type Output = Result<Answer, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Poll::Ready(Err(error)) = this.conn.poll_send(this.outgoing, this.terms, cx) {
            return Poll::Ready(Err(error));
        }
        let mut lent = Scratch::lend();
        loop {
            let mut buf = ReadBuf::new(&mut lent.input[..HEAD_READ]);
            match Pin::new(&mut this.conn.io).poll_read(cx, &mut buf) {
                Poll::Pending => break,
                Poll::Ready(Err(error)) => {
                    let error = Error::io(Phase::Exchange, error);
                    return Poll::Ready(Err(this.conn.broken(Phase::Exchange, error)));
                }
                Poll::Ready(Ok(())) => {}
            }
            let read = buf.filled();
            if read.is_empty() {
                let ended = this.conn.proto.handle_eof().err();
                let ended = ended.unwrap_or(dunlin_codec::ClientError::Unanswered);
                let error = Error::protocol(Phase::Exchange, ended);
                return Poll::Ready(Err(this.conn.broken(Phase::Exchange, error)));
            }
            this.conn.progress = true;
            let mut rest = std::mem::take(&mut this.conn.rest);
            let answer = if rest.is_empty() {
                let mut input = read;
                let answer = this.parse(&mut input)?;
                rest.extend_from_slice(input);
                answer
            } else {
                rest.extend_from_slice(read);
                let mut input = &rest[..];
                let answer = this.parse(&mut input)?;
                let used = rest.len() - input.len();
                rest.advance(used);
                answer
            };
            this.conn.rest = rest;
            if let Some(answer) = answer {
                return Poll::Ready(Ok(answer));
            }
            // A `100 Continue` lets the body go.
            if let Poll::Ready(Err(error)) = this.conn.poll_send(this.outgoing, this.terms, cx) {
                return Poll::Ready(Err(error));
            }
        }
        this.poll_deadlines(cx)?;
        Poll::Pending
    }
}

impl std::fmt::Debug for Exchange<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").field("conn", &self.conn).finish_non_exhaustive()
    }
}
