//! One request's answer: the handler, the body that it reads and the body that it sends.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use dunlin_codec::{Event, Framing, Phase, SendCtx, SendError, Signature};
use dunlin_core::{Body, BodyError, OnUpgrade, Refusal, Response, Service};
use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite};

use super::h1::{Closed, DRAIN_MAX, Link, Step, Turn};
use super::output::COPY_MAX;
use super::pace::Pace;
use super::sendfile::{FileSend, Sent};
use super::wait::Wait;
use crate::error::Fault;

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
    File(Box<FileSend>),
    Upgrade(Box<OnUpgrade>),
}

/// What became of the request's body in one look at it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Incoming {
    /// Something reached the handler.
    Moved,
    /// The handler waits for more than has come.
    Starved,
    /// There is room for more than has come, and the handler has not come to wait for it.
    Ahead,
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
    link.pace = Pace::default();
    body
}

impl<T> Link<T>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
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
                if self.info.has_interim() {
                    self.send_interim(None, turn);
                }
                if self.is_lost() {
                    return Step::Done;
                }
                return self.respond(service, &mut response, turn);
            }
            if self.info.has_interim() {
                self.send_interim(Some(cx.waker()), turn);
            }
        } else {
            match self.stream(cx, turn) {
                Step::Park(Wait::Handler) => {}
                step => return step,
            }
        }
        match self.feed(cx, turn) {
            Incoming::Moved => Step::Again,
            Incoming::Starved => Step::Park(Wait::Body),
            Incoming::Ahead => Step::Park(Wait::Handler),
            Incoming::Broken => Step::Done,
            Incoming::Unwanted => self.watch_peer(cx, turn),
        }
    }

    /// Renders the interim responses that the handler has sent; without a waker, the last of them.
    #[cold]
    fn send_interim(&mut self, waker: Option<&Waker>, turn: &mut Turn<'_>) {
        for head in self.info.take_interim(waker) {
            if !self.is_lost()
                && let Err(error) = self.conn.send_interim(&head, turn.output.buf)
            {
                self.config.report(&Fault::Response(&error));
            }
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
        // Copies of the right size, since a queue of small pieces must not pin large buffers; and the
        // pieces of one read as one, since each would cost a queue entry and a poll of the handler.
        let mut data = Vec::new();
        let event = loop {
            let mut bytes = turn.input.bytes();
            let before = bytes.len();
            let event = self.conn.next_event(&mut bytes);
            let used = before - bytes.len();
            let more = match event {
                Ok(Some(Event::Data(piece))) => {
                    data.extend_from_slice(piece);
                    data.len() < QUEUE_MAX
                }
                Ok(None) if data.is_empty() => {
                    turn.input.consume(used);
                    return self.feed_on(cx, turn);
                }
                Ok(None) => false,
                Ok(Some(Event::Trailers(trailers))) => {
                    turn.input.consume(used);
                    break Ok(Some(trailers));
                }
                Ok(Some(_)) => {
                    turn.input.consume(used);
                    break Ok(None);
                }
                Err(error) => break Err(error),
            };
            turn.input.consume(used);
            if !more {
                self.pace.receive(data.len());
                let _ = incoming.push(data.into());
                return Incoming::Moved;
            }
        };
        let _ = incoming.push(data.into());
        if let Some(incoming) = self.incoming.take() {
            match event {
                Ok(None) => incoming.finish(),
                Ok(Some(trailers)) => incoming.finish_with_trailers(trailers.into_map()),
                Err(error) => incoming.fail(BodyError::malformed(error.status(), error)),
            }
        }
        Incoming::Moved
    }

    /// There is room for bytes that have not come.
    fn feed_on(&mut self, cx: &mut Context<'_>, turn: &mut Turn<'_>) -> Incoming {
        self.conn.send_continue(turn.output.buf);
        match self.poll_fill(cx, turn, usize::MAX) {
            Poll::Ready(Ok(())) => Incoming::Moved,
            Poll::Pending => match self.incoming.as_mut().map(|incoming| incoming.poll_awaited(cx))
            {
                Some(Poll::Pending) => Incoming::Ahead,
                _ => Incoming::Starved,
            },
            Poll::Ready(Err(Closed::Broken)) => Incoming::Broken,
            Poll::Ready(Err(Closed::Half)) => {
                let _cut = self.conn.handle_eof();
                self.tell_gone();
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
        if self.conn.owes_continue() && self.is_incoming_wanted() {
            // The response may be made of the body: waiting for it, neither side would go on.
            self.conn.send_continue(turn.output.buf);
        }
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
                // A 101 with a body of bytes hands the connection to nobody.
                Some(_) if head.status == StatusCode::SWITCHING_PROTOCOLS => {
                    Err(SendError::Interim(head.status))
                }
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
            Err(mut body) => {
                if self.closing {
                    body.say_goodbye();
                }
                self.outgoing = match FileSend::of(body, self.io.as_ref()) {
                    Ok(file) => Outgoing::File(file),
                    Err(body) => Outgoing::Stream(Box::new(body)),
                };
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
        let fault = Fault::Response(error);
        if matches!(error, SendError::OutOfTurn) || self.failed {
            return self.abandon(Some(fault));
        }
        self.config.report(&fault);
        self.failed = true;
        self.conn.close_input();
        let why = Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the server could not send its response",
        );
        self.respond(service, &mut service.refuse(why), turn)
    }

    /// Whether the connection has to end with this response: the server shuts down, or more of the
    /// request's body is to come than is worth reading for nobody.
    fn must_close(&self) -> bool {
        self.closing
            || (self.conn.is_receiving_body()
                && self.conn.body_left().is_some_and(|left| left > DRAIN_MAX)
                && !self.is_incoming_wanted())
    }

    /// Whether somebody still holds the request's body.
    fn is_incoming_wanted(&self) -> bool {
        self.incoming.as_ref().is_some_and(|incoming| !incoming.is_closed())
    }

    /// Ends the connection after what is rendered: answers that were given before still go out, and the
    /// response that is being sent stays cut.
    pub(super) fn abandon(&mut self, fault: Option<Fault<'_>>) -> Step {
        if let Some(fault) = fault {
            self.config.report(&fault);
        }
        self.outgoing = Outgoing::None;
        self.cut_incoming();
        self.conn.abandon();
        Step::Again
    }

    fn end(&mut self, turn: &mut Turn<'_>) -> Step {
        match self.conn.send_end(None, turn.output.buf) {
            Ok(()) => Step::Again,
            Err(error) => self.abandon(Some(Fault::Response(&error))),
        }
    }

    /// Sends a large piece of the body from where it is.
    fn send_uncopied(&mut self, bytes: Bytes, turn: &mut Turn<'_>) -> Step {
        let len = bytes.len();
        if let Err(error) = self.conn.send_prefix(len, turn.output.buf) {
            return self.abandon(Some(Fault::Response(&error)));
        }
        let suffix = turn.output.set_tail(bytes);
        self.conn.send_suffix(len, suffix);
        Step::Again
    }

    /// Renders what the response's body has ready. A body that fails is cut: its end is never sent, so
    /// that nobody takes it for whole.
    fn stream(&mut self, cx: &mut Context<'_>, turn: &mut Turn<'_>) -> Step {
        let body = match &mut self.outgoing {
            Outgoing::Stream(body) => body,
            Outgoing::File(_) => return self.send_file(cx, turn),
            _ => return self.abandon(None),
        };
        // Nothing of the body is looked at again after a panic, which must not take with it what was rendered before.
        let polled = catch_unwind(AssertUnwindSafe(|| {
            http_body::Body::poll_frame(Pin::new(&mut **body), cx)
        }));
        let polled = polled.unwrap_or_else(|payload| Poll::Ready(Some(Err(panicked(&*payload)))));
        let frame = match polled {
            Poll::Pending => return Step::Park(Wait::Handler),
            Poll::Ready(None) => {
                self.outgoing = Outgoing::None;
                return self.end(turn);
            }
            Poll::Ready(Some(Err(error))) => {
                return self.abandon(Some(Fault::ResponseBody(&error)));
            }
            Poll::Ready(Some(Ok(frame))) => frame,
        };
        match frame.into_data() {
            Ok(data) if data.len() <= COPY_MAX => {
                match self.conn.send_data(&data, turn.output.buf) {
                    Ok(()) => Step::Again,
                    Err(error) => self.abandon(Some(Fault::Response(&error))),
                }
            }
            Ok(data) => self.send_uncopied(data, turn),
            Err(frame) => match frame.into_trailers() {
                Ok(trailers) => {
                    self.outgoing = Outgoing::None;
                    match self.conn.send_end(Some(&trailers.into()), turn.output.buf) {
                        Ok(()) => Step::Again,
                        Err(error) => self.abandon(Some(Fault::Response(&error))),
                    }
                }
                Err(_) => Step::Again,
            },
        }
    }

    /// Has the kernel send what the socket takes of a file, behind everything that is rendered.
    fn send_file(&mut self, cx: &mut Context<'_>, turn: &mut Turn<'_>) -> Step {
        match self.poll_flush(cx, turn) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return Step::Done,
            Poll::Pending => return Step::Park(Wait::Write),
        }
        let (Outgoing::File(file), Some(io)) = (&mut self.outgoing, &self.io) else {
            return Step::Done;
        };
        let sent = match file.poll_send(io, cx) {
            Poll::Ready(sent) => sent,
            Poll::Pending => return Step::Park(Wait::Write),
        };
        match sent {
            Sent::Some { n, blocked } => {
                self.progress = true;
                let is_done = file.is_done();
                // Writes nothing: the length of a file is declared in the head.
                if let Err(error) = self.conn.send_prefix(n as usize, turn.output.buf) {
                    return self.abandon(Some(Fault::Response(&error)));
                }
                if is_done {
                    self.outgoing = Outgoing::None;
                    return self.end(turn);
                }
                if !blocked {
                    // The other connections of this thread first.
                    cx.waker().wake_by_ref();
                }
                Step::Park(Wait::Write)
            }
            Sent::Unfit => {
                if let Outgoing::File(file) = std::mem::replace(&mut self.outgoing, Outgoing::None)
                {
                    self.outgoing = Outgoing::Stream(Box::new(file.into_body()));
                }
                Step::Again
            }
            Sent::Shrunk(error) => self.abandon(Some(Fault::ResponseBody(&error))),
            Sent::Broken => Step::Done,
        }
    }
}

/// A body's source panicked, with this.
#[cold]
fn panicked(payload: &(dyn Any + Send)) -> BodyError {
    let text = payload.downcast_ref::<&'static str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    BodyError::source(format!("it panicked: {}", text.unwrap_or("with something that is no text")))
}
