//! The connection as a state machine that is polled; [`WebSocket`](super::WebSocket) and the halves of a
//! split one are thin around it.
//!
//! ```text
//!            close() ─────▶ Closing ── peer's close, or it failed ──┐
//!   Open ──┤  or shutdown      └─────── no answer in time ──┐       │
//!            peer's close, or it failed ──▶ Ending ◀─────────────────┘
//!                                             └── TCP ended ──▶ Ended
//! ```

mod deadlines;
mod rooms;

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use dunlin_core::Upgraded;
use tokio::time::{Instant, Sleep, sleep};

use super::ending::Ending;
use super::heartbeat::Heartbeat;
use super::served::Home;
use super::transport::{Filled, Mark, Transport};
use crate::close::{CloseCode, CloseFrame};
use crate::config::{Config, Role};
use crate::error::Error;
use crate::handshake::Agreed;
use crate::message::{Message, Part};
use crate::proto::{Compress, Decoder, Encoder, Event, Input, Outbox, ProtocolError};
use crate::room::Seat;

pub(super) struct Core {
    role: Role,
    transport: Transport,
    decoder: Decoder,
    encoder: Encoder,
    input: Input,
    out: Outbox,
    state: State,
    /// Parts of a message were handed out, and not its last.
    in_parts: bool,
    heartbeat: Option<Heartbeat>,
    ping: Option<(Bytes, Instant)>,
    rtt: Option<Duration>,
    /// What is rarely looked at, so that an idle connection's future is small.
    rest: Box<Rest>,
}

struct Rest {
    config: Config,
    protocol: Option<Box<str>>,
    is_compressed: bool,
    close_frame: Option<CloseFrame>,
    pings: u64,
    /// Whoever sees to the end of a socket that is dropped before it.
    home: Option<Weak<Home>>,
    /// Its places in rooms.
    seats: Vec<Arc<Seat>>,
    /// Bytes of pongs that were queued since the queue was empty, or more than there are left.
    pongs: usize,
    /// The end of our ping or close frame, until it is written.
    leaving: Option<Mark>,
    /// Reads since the close deadline.
    late_reads: u8,
}

enum State {
    Open,
    /// We have said close and wait for the peer to.
    Closing(Pin<Box<Sleep>>),
    Ending(Box<Ending>),
    Ended,
}

impl Core {
    pub(super) fn new(io: Upgraded, role: Role, config: Config, agreed: Agreed) -> Self {
        let (decoder, encoder) = agreed.codec(role, config.limits);
        let heartbeat = config
            .heartbeat
            .filter(|interval| !interval.is_zero())
            .map(|interval| Heartbeat::new(interval, config.pong_timeout.unwrap_or(interval / 2)));
        let is_compressed = agreed.is_compressed();
        let protocol = agreed.protocol;
        Self {
            role,
            transport: Transport::new(io, config.write_timeout),
            decoder,
            encoder,
            input: Input::default(),
            out: Outbox::default(),
            state: State::Open,
            in_parts: false,
            heartbeat,
            ping: None,
            rtt: None,
            rest: Box::new(Rest {
                config,
                protocol,
                is_compressed,
                close_frame: None,
                pings: 0,
                home: None,
                seats: Vec::new(),
                pongs: 0,
                leaving: None,
                late_reads: 0,
            }),
        }
    }

    pub(super) fn set_home(&mut self, home: Weak<Home>) {
        self.rest.home = Some(home);
    }

    /// What is left behind by one that goes home.
    fn ended(role: Role) -> Self {
        let io = Upgraded::new(tokio::io::empty(), Bytes::new());
        let mut core = Self::new(io, role, Config::default(), Agreed::default());
        core.end();
        core
    }

    pub(super) fn protocol(&self) -> Option<&str> {
        self.rest.protocol.as_deref()
    }

    pub(super) fn is_compressed(&self) -> bool {
        self.rest.is_compressed
    }

    pub(super) fn close_frame(&self) -> Option<&CloseFrame> {
        self.rest.close_frame.as_ref()
    }

    pub(super) fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// How far it is on the way to its end.
    pub(super) fn phase(&self) -> &'static str {
        match self.state {
            State::Open => "open",
            State::Closing(_) => "closing",
            State::Ending(_) => "ending",
            State::Ended => "ended",
        }
    }

    pub(super) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Message, Error>>> {
        loop {
            // Who has had some of a message in parts and asks for a whole one does not want the rest.
            let is_rest = self.in_parts;
            self.decoder.set_parts(is_rest);
            match ready!(self.poll_next(cx)) {
                Some(Ok(_)) if is_rest => {}
                next => return Poll::Ready(next.map(|next| next.map(|part| part.data))),
            }
        }
    }

    pub(super) fn poll_receive_part(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Part, Error>>> {
        self.decoder.set_parts(true);
        self.poll_next(cx)
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Part, Error>>> {
        loop {
            match &mut self.state {
                State::Open | State::Closing(_) => {}
                State::Ending(ending) => {
                    ready!(ending.poll(cx, self.role, &mut self.transport, &mut self.out));
                    let error = ending.error.take();
                    self.end();
                    return Poll::Ready(error.map(Err));
                }
                State::Ended => return Poll::Ready(None),
            }
            match self.decoder.decode(&mut self.input) {
                Ok(Some(Event::Message(data))) if self.is_open() => {
                    self.in_parts = false;
                    return Poll::Ready(Some(Ok(Part { data, is_last: true })));
                }
                Ok(Some(event)) => {
                    if let Some(part) = self.handle(event) {
                        return Poll::Ready(Some(Ok(part)));
                    }
                }
                Ok(None) => match ready!(self.poll_more(cx)) {
                    Ok(Some(part)) => return Poll::Ready(Some(Ok(part))),
                    Ok(None) => {}
                    Err(error) => {
                        self.end();
                        return Poll::Ready(Some(Err(error)));
                    }
                },
                Err(error) => self.fail(error),
            }
        }
    }

    /// There is no whole frame: writes what is queued, then reads. The whole order of things that keeps
    /// many answers in one write, and silence from being told before what has come is looked at.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Part>, Error>> {
        self.take_leave();
        if self.is_overdue() {
            return Poll::Ready(Err(Error::CloseTimeout));
        }
        if self.transport.is_in_burst()
            && self.rest.seats.is_empty()
            && let Poll::Ready(filled) = self.poll_fill(cx)
        {
            if filled.is_err() {
                // A peer that has ended its half may still read: its answers leave, as far as they do at once.
                let _ = self.transport.poll_write(cx, &mut self.out, 0);
            }
            return Poll::Ready(filled);
        }
        self.encoder.end_burst();
        let is_crowded = !self.rest.seats.is_empty() && self.hear(cx);
        let written = self.transport.poll_write(cx, &mut self.out, 0);
        self.notice_leaving();
        // What reading adds to the queue are pongs: a peer that pings and never reads must not make it grow. One
        // that is told more than it reads is still listened to: it may wait for us as we wait for it.
        let may_read = self.rest.pongs.min(self.out.len()) <= self.rest.config.high_water;
        let mut is_written = false;
        match written {
            Poll::Ready(Err(error)) if self.is_open() => {
                // What the peer said before it went is there to be read, its close frame perhaps.
                let is_gone = matches!(error, Error::Io(_)) && may_read;
                return match is_gone.then(|| self.poll_fill(cx)) {
                    Some(Poll::Ready(filled)) => Poll::Ready(filled),
                    _ => Poll::Ready(Err(error)),
                };
            }
            // A peer that has its close frame may be gone already.
            Poll::Ready(_) => is_written = true,
            Poll::Pending if !may_read => return self.poll_deadlines(cx),
            Poll::Pending => {}
        }
        match self.poll_fill(cx) {
            // To be polled again, and take what there was no room for.
            Poll::Pending if is_crowded && is_written => Poll::Ready(Ok(None)),
            Poll::Pending => self.poll_deadlines(cx),
            filled => filled,
        }
    }

    /// Reads once, and gives what of it the program is to have without a look at the input.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Part>, Error>> {
        match ready!(self.transport.poll_fill(cx, &mut self.decoder, &mut self.input)) {
            Err(error) => Poll::Ready(Err(lost(error))),
            Ok(Filled::Eof) => Poll::Ready(Err(Error::Lost)),
            Ok(filled) => {
                if let Some(heartbeat) = &mut self.heartbeat {
                    heartbeat.alive();
                }
                Poll::Ready(Ok(match filled {
                    Filled::Direct(Ok(Some(event))) => self.handle(event),
                    Filled::Direct(Err(error)) => {
                        self.fail(error);
                        None
                    }
                    _ => None,
                }))
            }
        }
    }

    /// Acts on an event, and gives what the program is to have of it.
    fn handle(&mut self, event: Event) -> Option<Part> {
        match event {
            // What comes after we have said close is of no use to anybody.
            Event::Message(data) => {
                self.in_parts = false;
                return self.is_open().then_some(Part { data, is_last: true });
            }
            Event::Part(data) => {
                self.in_parts = true;
                return self.is_open().then_some(Part { data, is_last: false });
            }
            Event::Ping(payload) => {
                if self.is_open() {
                    let before = self.out.len();
                    self.encoder.pong(&payload, &mut self.out);
                    self.rest.pongs = self.rest.pongs.min(before) + self.out.len() - before;
                }
            }
            Event::Pong(payload) => {
                if let Some((_, sent)) = self.ping.take_if(|(expected, _)| *expected == payload) {
                    self.rtt = Some(sent.elapsed());
                }
            }
            Event::Close(frame) => {
                if self.is_open() {
                    let code = frame.as_ref().map(|frame| frame.code);
                    self.encoder.close(code, "", &mut self.out);
                }
                self.rest.close_frame = frame;
                self.leave_rooms();
                self.start_ending(None);
            }
        }
        None
    }

    /// Tells the peer what it did wrong and ends the connection.
    fn fail(&mut self, error: ProtocolError) {
        if self.is_open() {
            self.encoder.close(Some(error.close_code()), "", &mut self.out);
        }
        self.leave_rooms();
        self.start_ending(Some(error.into()));
    }

    fn start_ending(&mut self, error: Option<Error>) {
        // Nothing more is compressed: the state is for others.
        self.encoder.set_compressor(None);
        let mark = self.transport.mark(&self.out);
        let ending = Ending::new(error, self.rest.config.linger, mark);
        self.state = State::Ending(Box::new(ending));
    }

    fn end(&mut self) {
        self.leave_rooms();
        self.state = State::Ended;
        self.encoder.set_compressor(None);
        self.transport.close();
        self.out = Outbox::default();
        self.input.clear();
        self.heartbeat = None;
    }

    /// Says close where the server shuts down.
    fn take_leave(&mut self) {
        if self.transport.is_going_away() {
            self.start_close(CloseCode::GOING_AWAY, "");
        }
    }

    /// Says close as far as it can be written at once, and ends.
    pub(super) fn cut(&mut self, code: CloseCode) {
        self.start_close(code, "");
        let _ = self.poll_flush(&mut Context::from_waker(Waker::noop()));
        self.end();
    }

    /// Waits until there is room in the queue.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.take_leave();
        if !self.is_open() {
            return Poll::Ready(Err(Error::Closed));
        }
        let high_water = self.rest.config.high_water;
        if self.out.len() >= high_water.max(1) {
            // A peer that is slow to read keeps no state from others.
            self.encoder.end_burst();
            let result = ready!(self.transport.poll_write(cx, &mut self.out, high_water / 2));
            self.give_up_on_timeout(result)?;
        }
        // Before what comes next is queued: there are no more pongs than that.
        self.rest.pongs = self.rest.pongs.min(self.out.len());
        Poll::Ready(Ok(()))
    }

    pub(super) fn start_send(&mut self, message: Message, compress: Compress) -> Result<(), Error> {
        if !self.is_open() {
            return Err(Error::Closed);
        }
        if self.encoder.is_in_message() {
            return Err(Error::Unfinished);
        }
        self.encoder.message(message, compress, &mut self.out);
        Ok(())
    }

    pub(super) fn start_send_part(
        &mut self,
        part: Message,
        is_last: bool,
        compress: Compress,
    ) -> Result<(), Error> {
        if !self.is_open() {
            return Err(Error::Closed);
        }
        self.encoder.part(part, is_last, compress, &mut self.out).map_err(|part| Error::WrongKind {
            expected: if part.as_text().is_some() { "binary" } else { "text" },
        })
    }

    pub(super) fn start_ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        if !self.is_open() {
            return Err(Error::Closed);
        }
        let payload = &payload[..payload.len().min(crate::proto::MAX_CONTROL)];
        self.encoder.ping(payload, &mut self.out);
        self.ping = Some((Bytes::copy_from_slice(payload), Instant::now()));
        Ok(())
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if matches!(self.state, State::Ended) {
            return Poll::Ready(Err(Error::Closed));
        }
        self.encoder.end_burst();
        let result = ready!(self.transport.poll_write(cx, &mut self.out, 0));
        Poll::Ready(self.give_up_on_timeout(result))
    }

    /// Ends the connection of a peer that takes nothing: half a frame may have left.
    fn give_up_on_timeout(&mut self, result: Result<(), Error>) -> Result<(), Error> {
        if let Err(Error::WriteTimeout) = result {
            self.end();
        }
        result
    }

    /// Queues a close frame, unless there was one.
    pub(super) fn start_close(&mut self, code: CloseCode, reason: &str) {
        if self.is_open() {
            self.leave_rooms();
            self.encoder.close(Some(code), reason, &mut self.out);
            self.rest.leaving = Some(self.transport.mark(&self.out));
            self.state = State::Closing(Box::pin(sleep(self.rest.config.close_timeout)));
        }
    }

    /// Waits for the end.
    pub(super) fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            match ready!(self.poll_receive(cx)) {
                None => return Poll::Ready(Ok(())),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(error)),
            }
        }
    }
}

/// A socket of a server goes home, to be closed there as it should.
impl Drop for Core {
    fn drop(&mut self) {
        self.leave_rooms();
        let Some(home) = self.rest.home.take().and_then(|home| home.upgrade()) else { return };
        let is_over = matches!(self.state, State::Ended);
        let core = (!is_over).then(|| Box::new(std::mem::replace(self, Self::ended(self.role))));
        home.come_back(core);
    }
}

/// A peer that is gone shows as an end or as an error, by chance.
fn lost(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => Error::Lost,
        _ => Error::Io(error),
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("role", &self.role)
            .field("state", &self.phase())
            .field("protocol", &self.rest.protocol)
            .field("is_compressed", &self.rest.is_compressed)
            .finish_non_exhaustive()
    }
}
