//! One request's answer: the handler, the body that it reads and the body that it sends.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use dunlin_codec::{Event, Framing, Phase, SendCtx, SendError, Signature};
use dunlin_core::{Body, BodyError, OnUpgrade, Refusal, Response, Service};
use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite};

use super::h1::{Closed, DRAIN_MAX, Link, Step, Turn};
use super::output::COPY_MAX;
use super::wait::Wait;

/// Request bodies up to this length that have arrived with their head are handed over whole.
const WHOLE_MAX: u64 = 16 * 1024;

/// Bytes of a request body that may wait for the handler.
const QUEUE_MAX: usize = 64 * 1024;

thread_local! {
    /// Server and Date lines of the server that answered last on this thread, and its number.
    static SIGNATURE: RefCell<Option<(u64, Signature)>> = const { RefCell::new(None) };
}

/// What is still to be sent after the head; boxed, because idle connections pay for its size.
#[derive(Debug)]
pub(super) enum Outgoing {
    None,
    Stream(Box<Body>),
    Upgrade(Box<OnUpgrade>),
}

/// What became of the request's body in one look at it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Incoming {
    /// Something reached the handler.
    Moved,
    /// The handler wants more than has come.
    Starved,
    /// The handler does not want any now.
    Unwanted,
    /// The connection broke.
    Broken,
}

/// The body of a request whose head was just parsed: whole where it has arrived with it, otherwise
/// the end of a channel that the driver feeds.
pub(super) fn begin_body<T>(link: &mut Link<T>, framing: Framing, turn: &mut Turn<'_>) -> Body {
    if framing.is_empty() {
        return Body::empty();
    }
    let len = match framing {
        Framing::Length(len) => Some(len),
        _ => None,
    };
    if let Some(len @ ..=WHOLE_MAX) = len
        && turn.input.bytes().len() as u64 >= len
    {
        let mut bytes = turn.input.bytes();
        if let Ok(Some(Event::Data(data))) = link.conn.next_event(&mut bytes) {
            let body = data.to_vec();
            let end = link.conn.next_event(&mut bytes);
            debug_assert!(matches!(end, Ok(Some(Event::End))), "the body was all there");
            turn.input.consume(body.len());
            return body.into();
        }
    }
    let (sender, body) = Body::channel_with_len(QUEUE_MAX, len);
    link.incoming = Some(sender);
    body
}

impl<T> Link<T>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    /// Drives the exchange until neither handler nor bodies move.
    #[inline]
    pub(super) fn answer<S: Service>(
        &mut self,
        service: &S,
        mut handler: Pin<&mut Option<S::Future>>,
        cx: &mut Context<'_>,
        turn: &mut Turn<'_>,
    ) -> Step {
        if let Some(future) = handler.as_mut().as_pin_mut() {
            if let Poll::Ready(mut response) = future.poll(cx) {
                handler.set(None);
                return self.respond(service, &mut response, turn);
            }
        } else {
            match self.stream(cx, turn) {
                Step::Park(_) => {}
                step => return step,
            }
        }
        match self.feed(cx, turn) {
            Incoming::Moved => Step::Again,
            Incoming::Starved => Step::Park(Wait::Body),
            Incoming::Broken => Step::Done,
            Incoming::Unwanted => self.watch_peer(cx, turn),
        }
    }

    /// Reads, decodes and hands on the request's body while the handler wants it.
    pub(super) fn feed(&mut self, cx: &mut Context<'_>, turn: &mut Turn<'_>) -> Incoming {
        let Some(incoming) = &mut self.incoming else { return Incoming::Unwanted };
        match incoming.poll_wanted(cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => {
                self.incoming = None;
                return Incoming::Unwanted;
            }
            Poll::Pending => return Incoming::Unwanted,
        }
        let mut bytes = turn.input.bytes();
        let before = bytes.len();
        let event = self.conn.next_event(&mut bytes);
        let used = before - bytes.len();
        match event {
            Ok(Some(Event::Data(data))) => {
                // A copy of the right size: a queue of small pieces must not pin large buffers.
                let _ = incoming.push(Bytes::copy_from_slice(data));
            }
            Ok(Some(Event::Trailers(trailers))) => {
                if let Some(incoming) = self.incoming.take() {
                    incoming.finish_with_trailers(trailers.into_map());
                }
            }
            Ok(Some(_)) => {
                if let Some(incoming) = self.incoming.take() {
                    incoming.finish();
                }
            }
            Ok(None) => {
                turn.input.consume(used);
                return self.feed_on(cx, turn);
            }
            Err(error) => {
                if let Some(incoming) = self.incoming.take() {
                    incoming.fail(BodyError::malformed(error.status(), error));
                }
            }
        }
        turn.input.consume(used);
        Incoming::Moved
    }

    /// The handler wants bytes that have not come.
    fn feed_on(&mut self, cx: &mut Context<'_>, turn: &mut Turn<'_>) -> Incoming {
        self.conn.send_continue(turn.output.buf);
        match self.poll_fill(cx, turn, usize::MAX) {
            Poll::Ready(Ok(())) => Incoming::Moved,
            Poll::Pending => Incoming::Starved,
            Poll::Ready(Err(Closed::Broken)) => Incoming::Broken,
            Poll::Ready(Err(Closed::Half)) => {
                let _cut = self.conn.handle_eof();
                if let Some(incoming) = self.incoming.take() {
                    incoming.fail(BodyError::Incomplete);
                }
                Incoming::Moved
            }
        }
    }

    /// Renders a response: whole where its body is here, otherwise its head, with the body to follow.
    pub(super) fn respond<S: Service>(
        &mut self,
        service: &S,
        response: &mut Response,
        turn: &mut Turn<'_>,
    ) -> Step {
        let (head, body) = (response.head(), response.body());
        let close = self.must_close();
        let sent = SIGNATURE.with_borrow_mut(|last| {
            let signature = match last {
                Some((id, signature)) if *id == self.config.id => signature,
                other => &mut other.insert((self.config.id, self.config.signature())).1,
            };
            let signature = signature.at(self.sweep.clock.unix());
            let ctx = SendCtx::default().signature(signature).close(close);
            match body.as_whole() {
                Some(whole) if whole.len() <= COPY_MAX => {
                    self.conn.send_whole(head, whole, ctx, turn.output.buf)
                }
                _ => self.conn.send_head(head, body.exact_len().into(), ctx, turn.output.buf),
            }
        });
        if let Err(error) = sent {
            return self.respond_failed(service, &error, turn);
        }
        if self.conn.phase() != Phase::Exchange {
            // Sent whole; or handed over, once that is flushed.
            if let Some(then) = response.body_mut().take_upgrade() {
                self.outgoing = Outgoing::Upgrade(Box::new(then));
            }
            return Step::Again;
        }
        if !self.conn.is_sending_body() {
            return self.end(turn);
        }
        match std::mem::take(response.body_mut()).try_into_whole() {
            Ok(bytes) => match self.send_uncopied(bytes, turn) {
                Step::Again => self.end(turn),
                step => step,
            },
            Err(body) => {
                self.outgoing = Outgoing::Stream(Box::new(body));
                Step::Again
            }
        }
    }

    /// The program's response breaks a rule: 500 in its place, once.
    fn respond_failed<S: Service>(
        &mut self,
        service: &S,
        error: &SendError,
        turn: &mut Turn<'_>,
    ) -> Step {
        if matches!(error, SendError::OutOfTurn) || self.failed {
            return Step::Done;
        }
        self.failed = true;
        self.conn.close_input();
        let why = Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("the response cannot be sent: {error}"),
        );
        self.respond(service, &mut service.refuse(why), turn)
    }

    /// Whether the connection has to end with this response: the server shuts down, or more of the
    /// request's body is to come than is worth reading for nobody.
    fn must_close(&self) -> bool {
        let unwanted = || self.incoming.as_ref().is_none_or(|incoming| incoming.is_closed());
        self.closing
            || (self.conn.is_receiving_body()
                && self.conn.body_left().is_some_and(|left| left > DRAIN_MAX)
                && unwanted())
    }

    fn end(&mut self, turn: &mut Turn<'_>) -> Step {
        match self.conn.send_end(None, turn.output.buf) {
            Ok(()) => Step::Again,
            Err(_) => Step::Done,
        }
    }

    /// Sends a large piece of the body from where it is.
    fn send_uncopied(&mut self, bytes: Bytes, turn: &mut Turn<'_>) -> Step {
        let len = bytes.len();
        if self.conn.send_prefix(len, turn.output.buf).is_err() {
            return Step::Done;
        }
        let suffix = turn.output.set_tail(bytes);
        self.conn.send_suffix(len, suffix);
        Step::Again
    }

    /// Renders what the response's body has ready. A body that fails is cut: its end is never sent, so
    /// that nobody takes it for whole.
    fn stream(&mut self, cx: &mut Context<'_>, turn: &mut Turn<'_>) -> Step {
        let Outgoing::Stream(body) = &mut self.outgoing else { return Step::Done };
        let frame = match http_body::Body::poll_frame(Pin::new(&mut **body), cx) {
            Poll::Pending => return Step::Park(Wait::Handler),
            Poll::Ready(None) => {
                self.outgoing = Outgoing::None;
                return self.end(turn);
            }
            Poll::Ready(Some(Err(_))) => return Step::Done,
            Poll::Ready(Some(Ok(frame))) => frame,
        };
        match frame.into_data() {
            Ok(data) if data.len() <= COPY_MAX => {
                match self.conn.send_data(&data, turn.output.buf) {
                    Ok(()) => Step::Again,
                    Err(_) => Step::Done,
                }
            }
            Ok(data) => self.send_uncopied(data, turn),
            Err(frame) => match frame.into_trailers() {
                Ok(trailers) => {
                    self.outgoing = Outgoing::None;
                    match self.conn.send_end(Some(&trailers.into()), turn.output.buf) {
                        Ok(()) => Step::Again,
                        Err(_) => Step::Done,
                    }
                }
                Err(_) => Step::Again,
            },
        }
    }
}
