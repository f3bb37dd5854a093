//! The HTTP/1.1 driver: joins a transport, the codec's state machine and a service.
//!
//! A hand-written future, because what it holds between polls is paid for by every idle connection,
//! and because it borrows its buffers from the thread for the length of one poll.
//!
//! ```text
//!            ┌──────────────── Again ────────────────┐
//!   poll ──▶ step ──▶ receive: parse, else flush, read
//!                 ──▶ answer:  poll handler and body, render        (exchange.rs)
//!                 ──▶ close:   flush, say FIN, read the peer's
//!
//!   a peer that goes while a handler runs                            (peer.rs)
//! ```
//!
//! It parses on while a whole head is there and writes when there is none, so that pipelined
//! requests are answered by one write. Nothing is read for a body before the handler asks.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use dunlin_codec::{Event, Phase, ServerConn};
use dunlin_core::{
    BodyError, BodySender, Connection, OnUpgrade, Refusal, Request, Scratch, Service,
};
use http::StatusCode;
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite};

use super::exchange::{Incoming, Outgoing, begin_body};
use super::input::{HEAD_READ, Input};
use super::output::{Backlog, Output};
use super::pace::Pace;
use super::upgraded::Handed;
use super::wait::Wait;
use crate::config::Config;
use crate::timer::{Slot, Sweep};
use crate::tracker::Tracked;

/// Most bytes of an unwanted body that are read so that the connection can go on.
pub(super) const DRAIN_MAX: u64 = 64 * 1024;

pin_project! {
    /// Drives one connection to its end, the protocol that it is handed over to included.
    ///
    /// Spawned as it is: an `async` block around it would hold it twice.
    pub(crate) struct Http1<S: Service, T> {
        #[pin]
        handler: Option<S::Future>,
        service: Arc<S>,
        link: Link<T>,
        rest: Vec<u8>,
        upgraded: Option<Handed>,
        _tracked: Option<Tracked>,
    }
}

/// Everything of a connection but the service and its future.
pub(super) struct Link<T> {
    pub(super) io: Option<T>,
    pub(super) conn: ServerConn,
    pub(super) config: Arc<Config>,
    pub(super) sweep: Arc<Sweep>,
    slot: Arc<Slot>,
    pub(super) info: Arc<Connection>,
    pub(super) backlog: Backlog,
    pub(super) incoming: Option<BodySender>,
    /// How fast it comes.
    pub(super) pace: Pace,
    pub(super) outgoing: Outgoing,
    wait: Wait,
    /// Identity of the waker that the slot holds.
    waker: usize,
    drained: u64,
    /// The peer has closed its half.
    pub(super) eof: bool,
    /// The server shuts down: the present response is the last.
    pub(super) closing: bool,
    /// Bytes moved since the last wait began.
    pub(super) progress: bool,
    /// Our half is closed.
    shut: bool,
    /// A request has come: from here on the connection may idle.
    served: bool,
    /// A response could not be sent; its replacement is the last try.
    pub(super) failed: bool,
}

/// The buffers of one poll.
pub(super) struct Turn<'a> {
    pub(super) input: Input<'a>,
    pub(super) output: Output<'a>,
}

/// What a step leads to.
pub(super) enum Step {
    /// The next step.
    Again,
    /// Wait, after everything rendered has been written.
    Park(Wait),
    /// The end.
    Done,
    Upgrade(OnUpgrade),
}

impl<S, T> Http1<S, T>
where
    S: Service,
    T: AsyncRead + AsyncWrite + Unpin,
{
    pub(crate) fn new(
        io: T,
        service: Arc<S>,
        info: Connection,
        config: Arc<Config>,
        sweep: Arc<Sweep>,
        tracked: Option<Tracked>,
    ) -> Self {
        let slot = sweep.register();
        let link = Link {
            io: Some(io),
            conn: ServerConn::new(Arc::clone(&config.limits)),
            config,
            sweep,
            slot,
            info: Arc::new(info),
            backlog: Backlog::default(),
            incoming: None,
            pace: Pace::default(),
            outgoing: Outgoing::None,
            wait: Wait::Fresh,
            waker: 0,
            drained: 0,
            eof: false,
            closing: false,
            progress: false,
            shut: false,
            served: false,
            failed: false,
        };
        Self { handler: None, service, link, rest: Vec::new(), upgraded: None, _tracked: tracked }
    }

    /// The same with bytes that were read before.
    pub(crate) fn with_read_ahead(self, rest: Vec<u8>) -> Self {
        Self { rest, ..self }
    }
}

impl<S, T> Future for Http1<S, T>
where
    S: Service,
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let link = this.link;
        let mut refusal = None;
        let mut stalled = false;
        match link.attend(cx) {
            Attend::Go => {}
            Attend::Refuse(why) => refusal = Some(why),
            Attend::Stalled if link.outlived_by(&*this.handler) => stalled = true,
            Attend::Stalled | Attend::Gone => return Poll::Ready(()),
        }
        if let Some(upgraded) = this.upgraded {
            return upgraded.poll(cx, link.closing);
        }
        // Taken, not borrowed: a handler polled here may drive a connection of its own.
        let mut lent = Scratch::lend();
        let Scratch { input, output, .. } = &mut *lent;
        let mut turn = Turn {
            input: Input::new(input, std::mem::take(this.rest)),
            output: Output::new(output),
        };

        if stalled {
            link.lose(&mut turn);
        }

        loop {
            let step = if let Some(why) = refusal.take() {
                link.refuse(&**this.service, why, &mut turn)
            } else if !link.backlog.is_empty() || turn.output.is_full() {
                match link.poll_flush(cx, &mut turn) {
                    Poll::Ready(Ok(())) => Step::Again,
                    Poll::Ready(Err(_)) => Step::Done,
                    Poll::Pending => Step::Park(Wait::Write),
                }
            } else {
                match link.conn.phase() {
                    phase @ (Phase::Idle | Phase::Head) if turn.input.bytes().is_empty() => {
                        link.read_on(&**this.service, phase, cx, &mut turn)
                    }
                    Phase::Idle | Phase::Head | Phase::Drain => {
                        link.receive(&**this.service, this.handler.as_mut(), cx, &mut turn)
                    }
                    Phase::Exchange => {
                        link.answer(&**this.service, this.handler.as_mut(), cx, &mut turn)
                    }
                    Phase::Upgrade => link.upgrade(cx, &mut turn),
                    // Also from a phase of which this driver has not heard.
                    _ => link.close(cx, &mut turn),
                }
            };
            match step {
                Step::Again => {}
                Step::Park(wait) => {
                    if wait != Wait::Write && !turn.output.is_empty() {
                        match link.poll_flush(cx, &mut turn) {
                            Poll::Ready(Ok(())) => {}
                            Poll::Ready(Err(_)) if link.outlived_by(&*this.handler) => {
                                link.lose(&mut turn);
                                continue;
                            }
                            Poll::Ready(Err(_)) => return Poll::Ready(()),
                            Poll::Pending => {
                                link.park(Wait::Write);
                                *this.rest = turn.input.into_rest();
                                return Poll::Pending;
                            }
                        }
                    }
                    link.park(wait);
                    *this.rest = turn.input.into_rest();
                    return Poll::Pending;
                }
                Step::Done if link.outlived_by(&*this.handler) => link.lose(&mut turn),
                Step::Done => return Poll::Ready(()),
                Step::Upgrade(then) => {
                    link.park(Wait::Handler);
                    let read_ahead = Bytes::from(turn.input.into_rest());
                    let Some(io) = link.io.take() else { return Poll::Ready(()) };
                    let handed = Handed::over(then, io, read_ahead);
                    return this.upgraded.insert(handed).poll(cx, link.closing);
                }
            }
        }
    }
}

/// A body that is still read elsewhere ends where its connection does, and who waits for that end is told.
impl<T> Drop for Link<T> {
    fn drop(&mut self) {
        self.cut_incoming();
        self.info.set_gone();
    }
}

impl<T> Link<T> {
    /// Fails the request's body for whoever still reads it.
    pub(super) fn cut_incoming(&mut self) {
        if let Some(incoming) = self.incoming.take() {
            incoming.fail(BodyError::Incomplete);
        }
    }
}

/// What the sweep or the shutdown asks of a connection.
enum Attend {
    Go,
    Refuse(Refusal),
    /// The peer reads nothing.
    Stalled,
    Gone,
}

impl<T> Link<T>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    /// Looks at what was signalled since the last poll.
    fn attend(&mut self, cx: &Context<'_>) -> Attend {
        let waker = cx.waker().data() as usize;
        if self.waker != waker {
            self.waker = waker;
            self.slot.set_waker(cx.waker());
        }
        let signals = self.slot.signals();
        if signals.abort() {
            return Attend::Gone;
        }
        if signals.close() && !self.closing {
            self.closing = true;
            if let Outgoing::Stream(body) = &mut self.outgoing {
                body.say_goodbye();
            }
        }
        if !signals.expired() {
            return Attend::Go;
        }
        match self.wait {
            Wait::Head if self.conn.phase() == Phase::Head => Attend::Refuse(Refusal::new(
                StatusCode::REQUEST_TIMEOUT,
                "the request's head did not arrive in time",
            )),
            Wait::KeepAlive => {
                // Closed once there is nothing to read: a request may have come this very moment.
                self.closing = true;
                Attend::Go
            }
            Wait::Write => Attend::Stalled,
            Wait::Head | Wait::Linger => Attend::Gone,
            Wait::Body | Wait::Kept => {
                if let Some(incoming) = self.incoming.take() {
                    incoming.fail(BodyError::TimedOut);
                }
                self.conn.cut_input();
                Attend::Go
            }
            Wait::Fresh | Wait::Handler => Attend::Go,
        }
    }

    /// Sets the deadline of what is waited for now.
    fn park(&mut self, wait: Wait) {
        let anew = self.progress && matches!(wait, Wait::Body | Wait::Kept | Wait::Write);
        if self.wait != wait || anew {
            if self.wait == Wait::Body {
                self.pace.end_wait(self.sweep.clock.tick());
            }
            self.wait = wait;
            let mut timeout = wait.timeout(&self.config);
            if wait == Wait::Body {
                self.pace.begin_wait(self.sweep.clock.tick());
                timeout = timeout.into_iter().chain(self.pace.left(&self.config)).min();
            }
            match timeout {
                Some(timeout) => self.slot.set_deadline(&self.sweep.clock, timeout),
                None => self.slot.clear_deadline(),
            }
        }
        self.progress = false;
    }

    pub(super) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        turn: &mut Turn<'_>,
    ) -> Poll<std::io::Result<()>> {
        let Some(io) = &mut self.io else { return Poll::Ready(Ok(())) };
        ready!(self.backlog.poll_flush(io, cx, &mut self.progress))?;
        turn.output.poll_flush(io, cx, &mut self.backlog, &mut self.progress)
    }

    /// Reads more input; [`Closed`] at the end of the stream, and where reading fails.
    pub(super) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        turn: &mut Turn<'_>,
        max: usize,
    ) -> Poll<Result<(), Closed>> {
        let Some(io) = &mut self.io else { return Poll::Ready(Err(Closed::Broken)) };
        if self.eof {
            return Poll::Ready(Err(Closed::Half));
        }
        match ready!(turn.input.poll_fill(io, cx, max)) {
            Ok(0) => {
                self.eof = true;
                Poll::Ready(Err(Closed::Half))
            }
            Ok(_) => {
                self.progress = true;
                if self.wait == Wait::Body {
                    // Here, and not once it is parked again: what the handler does meanwhile is its own.
                    self.pace.end_wait(self.sweep.clock.tick());
                }
                Poll::Ready(Ok(()))
            }
            Err(_) => Poll::Ready(Err(Closed::Broken)),
        }
    }

    /// Parses the next request, or reads what it lacks.
    fn receive<S: Service>(
        &mut self,
        service: &S,
        mut handler: Pin<&mut Option<S::Future>>,
        cx: &mut Context<'_>,
        turn: &mut Turn<'_>,
    ) -> Step {
        if self.incoming.is_some() {
            return self.feed_late(cx, turn);
        }
        let mut bytes = turn.input.bytes();
        let before = bytes.len();
        let event = self.conn.next_event(&mut bytes);
        let used = before - bytes.len();
        match event {
            Ok(Some(Event::Head { head, framing })) => {
                turn.input.consume(used);
                self.wait = Wait::Fresh;
                self.served = true;
                self.drained = 0;
                self.info.begin_request();
                let body = begin_body(self, framing, turn);
                let mut req = Request::from_head(head, body);
                req.set_connection(Arc::clone(&self.info));
                handler.set(Some(service.call(req)));
                self.answer(service, handler, cx, turn)
            }
            // Events of a body that nobody wants any more.
            Ok(Some(_)) => {
                turn.input.consume(used);
                self.drained += used as u64;
                if self.drained > DRAIN_MAX {
                    self.conn.cut_input();
                }
                Step::Again
            }
            Ok(None) => {
                turn.input.consume(used);
                self.read_on(service, self.conn.phase(), cx, turn)
            }
            Err(error) => {
                self.refuse(service, Refusal::new(error.status(), error.to_string()), turn)
            }
        }
    }

    /// There is no whole event: writes what is rendered, then reads.
    fn read_on<S: Service>(
        &mut self,
        service: &S,
        phase: Phase,
        cx: &mut Context<'_>,
        turn: &mut Turn<'_>,
    ) -> Step {
        match self.poll_flush(cx, turn) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return Step::Done,
            Poll::Pending => return Step::Park(Wait::Write),
        }
        match self.poll_fill(cx, turn, HEAD_READ) {
            // While the server shuts down, a request that has arrived is still answered.
            Poll::Pending if phase == Phase::Idle && self.closing => {
                // Over TLS the peer must be told that this is the end, as far as it can be without waiting.
                if let Some(io) = &mut self.io {
                    let _ = Pin::new(io).poll_shutdown(cx);
                }
                Step::Done
            }
            Poll::Pending if phase == Phase::Drain && self.config.linger.is_zero() => Step::Done,
            Poll::Ready(Ok(())) => Step::Again,
            Poll::Ready(Err(Closed::Broken)) => Step::Done,
            Poll::Ready(Err(Closed::Half)) => match self.conn.handle_eof() {
                Err(error) if phase == Phase::Head => {
                    self.refuse(service, Refusal::new(error.status(), error.to_string()), turn)
                }
                Ok(()) | Err(_) => Step::Done,
            },
            Poll::Pending => Step::Park(match phase {
                Phase::Drain => Wait::Linger,
                Phase::Head => Wait::Head,
                // The deadline for the first head runs from the accept.
                _ if !self.served => Wait::Head,
                _ => Wait::KeepAlive,
            }),
        }
    }

    /// The response is sent and its request's body is still read, by a task of the program's own.
    fn feed_late(&mut self, cx: &mut Context<'_>, turn: &mut Turn<'_>) -> Step {
        match self.feed(cx, turn) {
            Incoming::Moved => Step::Again,
            Incoming::Broken => Step::Done,
            Incoming::Unwanted if self.incoming.is_none() => Step::Again,
            // Whoever keeps a body and does not read it must not keep the connection for ever.
            Incoming::Unwanted | Incoming::Ahead => Step::Park(Wait::Kept),
            Incoming::Starved => Step::Park(Wait::Body),
        }
    }

    /// Answers what cannot become a request, and closes.
    fn refuse<S: Service>(&mut self, service: &S, why: Refusal, turn: &mut Turn<'_>) -> Step {
        if !self.conn.refuse() {
            return self.abandon(None);
        }
        self.respond(service, &mut service.refuse(why), turn)
    }

    fn upgrade(&mut self, cx: &mut Context<'_>, turn: &mut Turn<'_>) -> Step {
        match self.poll_flush(cx, turn) {
            Poll::Ready(Ok(())) => match std::mem::replace(&mut self.outgoing, Outgoing::None) {
                Outgoing::Upgrade(then) => Step::Upgrade(*then),
                _ => self.abandon(None),
            },
            Poll::Ready(Err(_)) => Step::Done,
            Poll::Pending => Step::Park(Wait::Write),
        }
    }

    /// Writes what is left, closes our half, and reads until the peer closes its own: closing with
    /// unread input would reset the connection and could destroy the answer on its way (RFC 9112
    /// §9.6).
    fn close(&mut self, cx: &mut Context<'_>, turn: &mut Turn<'_>) -> Step {
        match self.poll_flush(cx, turn) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return Step::Done,
            Poll::Pending => return Step::Park(Wait::Write),
        }
        let Some(io) = &mut self.io else { return Step::Done };
        if self.eof {
            return Step::Done;
        }
        if !self.shut {
            match Pin::new(io).poll_shutdown(cx) {
                Poll::Ready(Ok(())) => self.shut = true,
                Poll::Ready(Err(_)) => return Step::Done,
                Poll::Pending => return Step::Park(Wait::Write),
            }
        }
        if self.config.linger.is_zero() {
            return Step::Done;
        }
        let unread = turn.input.bytes().len();
        turn.input.consume(unread);
        match self.poll_fill(cx, turn, usize::MAX) {
            Poll::Ready(Ok(())) => Step::Again,
            Poll::Ready(Err(_)) => Step::Done,
            Poll::Pending => Step::Park(Wait::Linger),
        }
    }
}

/// Why nothing more can be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Closed {
    /// The peer has closed its half.
    Half,
    /// The connection is gone.
    Broken,
}
