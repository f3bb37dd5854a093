//! The server's side of one connection: keep-alive, pipelining, `100 Continue`, upgrade.

use std::sync::Arc;

use dunlin_core::{Headers, RequestHead, ResponseHead};
use http::StatusCode;

use super::event::{ConnError, Event, Phase, SendCtx, SendError, owned};
use super::offer::Offer;
use crate::body::{BodyDecoder, BodyEvent};
use crate::encode::{BodyEncoder, BodyLen, EncodeCtx, encode_response};
use crate::framing::Facts;
use crate::head::{HeadDecoder, Version};
use crate::limits::Limits;

/// One server-side connection.
///
/// It owns no socket and no buffer: input is lent as a slice that [`next_event`](Self::next_event)
/// advances past what it has used, output is appended to a `Vec`. Requests come one at a time: the
/// next head is read once the last response is sent and the last body has ended.
///
/// ```text
///          head                 response sent, body ended
///   Idle ────────▶ Exchange ─────────────────────────────────▶ Idle
///    │ ▲               │ ╲                                      │
///    ▼ │               │  ╲ response sent, body has not ended   │ close said, or
///   Head               │   ▶ Drain ─────────────────────────────┤ framing lost
///                      ▼                                        ▼
///                   Upgrade (101 sent,                        Close
///                            or 2xx to CONNECT)
/// ```
///
/// A CONNECT that is answered in any other way closes the connection: its client may have sent on, for
/// the tunnel.
///
/// ```
/// use dunlin_codec::{BodyLen, Event, Limits, ServerConn};
/// use dunlin_core::ResponseHead;
///
/// let mut conn = ServerConn::new(Limits::default().into());
/// let mut input = &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..];
/// let Ok(Some(Event::Head { head, .. })) = conn.next_event(&mut input) else { panic!() };
/// assert_eq!(head.path(), "/");
///
/// let mut out = Vec::new();
/// conn.send_head(&ResponseHead::default(), BodyLen::Exact(5), Default::default(), &mut out)?;
/// conn.send_data(b"hello", &mut out)?;
/// conn.send_end(None, &mut out)?;
/// assert!(out.starts_with(b"HTTP/1.1 200 OK\r\n") && out.ends_with(b"\r\n\r\nhello"));
/// # Ok::<(), dunlin_codec::SendError>(())
/// ```
#[derive(Debug)]
pub struct ServerConn {
    limits: Arc<Limits>,
    receiving: Receiving,
    sending: Sending,
    request: Current,
    /// What the last request that offered an upgrade offered.
    offer: Option<Offer>,
}

#[derive(Debug)]
enum Receiving {
    Head(HeadDecoder),
    Body(BodyDecoder),
    /// The message has ended; what follows belongs to the next.
    Complete,
    /// The body ends here for us, before its end: where the next message starts is unknown.
    Cut,
    /// No message is wanted, or where one would start is unknown.
    Closed,
}

#[derive(Debug)]
enum Sending {
    /// No request has asked for a response yet.
    Idle,
    /// A response is owed.
    Head,
    Body(BodyEncoder),
    Complete,
    Upgraded,
}

/// What the response must know of its request.
#[derive(Clone, Copy, Debug, Default)]
struct Current {
    facts: Facts,
    keep_alive: bool,
    /// The client waits for `100 Continue` before it sends the body.
    continue_owed: bool,
}

impl ServerConn {
    /// A connection on which nothing has been sent.
    pub fn new(limits: Arc<Limits>) -> Self {
        Self {
            limits,
            receiving: Receiving::Head(HeadDecoder::new()),
            sending: Sending::Idle,
            request: Current::default(),
            offer: None,
        }
    }

    /// What the connection waits for.
    pub fn phase(&self) -> Phase {
        match (&self.sending, &self.receiving) {
            (Sending::Upgraded, _) => Phase::Upgrade,
            (Sending::Idle, Receiving::Head(decoder)) if decoder.is_within_head() => Phase::Head,
            (Sending::Idle, Receiving::Head(_)) => Phase::Idle,
            (Sending::Head | Sending::Body(_), _) => Phase::Exchange,
            (Sending::Complete, Receiving::Body(_)) => Phase::Drain,
            (Sending::Complete | Sending::Idle, _) => Phase::Close,
        }
    }

    /// Takes the next event off the front of `input`.
    ///
    /// `Ok(None)` means that no event is there: in the phases [`Idle`](Phase::Idle),
    /// [`Head`](Phase::Head) and [`Drain`](Phase::Drain), and in [`Exchange`](Phase::Exchange) while
    /// the body has not ended, append bytes after those left in `input` and call again.
    ///
    /// # Errors
    ///
    /// [`ConnError`] for input outside the grammar or past a limit. Answer with
    /// [`refuse`](Self::refuse) where no response has begun; the connection then closes.
    pub fn next_event<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<Event<'i>>, ConnError> {
        match &mut self.receiving {
            Receiving::Head(decoder) => match decoder.decode(input, &self.limits) {
                Ok(None) => Ok(None),
                Ok(Some((head, facts))) => Ok(Some(self.begin(head, &facts))),
                Err(error) => Err(self.lose(error)),
            },
            Receiving::Body(decoder) => match decoder.decode(input) {
                Ok(None) => Ok(None),
                Ok(Some(event)) => Ok(Some(match event {
                    BodyEvent::Data(data) => {
                        self.request.continue_owed = false;
                        Event::Data(data)
                    }
                    BodyEvent::Trailers(trailers) => Event::Trailers(owned(&trailers)),
                    BodyEvent::End => {
                        self.receiving = Receiving::Complete;
                        self.turn();
                        Event::End
                    }
                })),
                Err(error) => Err(self.lose(error)),
            },
            Receiving::Complete | Receiving::Cut | Receiving::Closed => Ok(None),
        }
    }

    fn begin<'i>(&mut self, head: RequestHead, facts: &Facts) -> Event<'i> {
        let framing = facts.framing();
        self.request = Current {
            facts: *facts,
            keep_alive: facts.keep_alive(),
            continue_owed: facts.expects_continue(),
        };
        if facts.upgrade().is_some() {
            self.offer = Some(Offer::of(head.headers()));
        }
        self.sending = Sending::Head;
        // Assigned twice, so that no decoder is moved where there is none.
        if framing.is_empty() {
            self.receiving = Receiving::Complete;
        } else {
            self.receiving = Receiving::Body(BodyDecoder::of_request(facts, &self.limits));
        }
        Event::Head { head, framing }
    }

    fn lose(&mut self, error: impl Into<ConnError>) -> ConnError {
        self.cut_input();
        error.into()
    }

    /// The peer has closed its half, behind all that [`next_event`](Self::next_event) was given and has
    /// taken: ask for events until there is none before, since requests that are still in the input,
    /// pipelined behind the one that is being answered, are not read any more. That one still gets its
    /// answer, and a body of which every byte was taken its [`Event::End`].
    ///
    /// # Errors
    ///
    /// [`ConnError`] where a head or a body was cut.
    pub fn handle_eof(&mut self) -> Result<(), ConnError> {
        self.request.keep_alive = false;
        let result = match &mut self.receiving {
            Receiving::Head(decoder) if decoder.is_within_head() => Err(ConnError::HeadCut),
            Receiving::Body(decoder) => match decoder.eof() {
                Ok(()) => return Ok(()),
                Err(error) => Err(ConnError::Body(error)),
            },
            Receiving::Head(_) | Receiving::Complete | Receiving::Cut | Receiving::Closed => Ok(()),
        };
        self.cut_input();
        result
    }

    /// Takes no further request: the one that is being answered is the last. Its body is still read.
    pub fn close_input(&mut self) {
        if matches!(self.receiving, Receiving::Head(_)) {
            self.receiving = Receiving::Closed;
        }
        self.request.keep_alive = false;
    }

    /// Takes nothing more, not even the rest of a body that is being received: it never gets its
    /// [`Event::End`]. The answer can still be sent, and closes the connection where it has not begun.
    pub fn cut_input(&mut self) {
        self.close_input();
        if self.is_receiving_body() {
            self.receiving = Receiving::Cut;
        }
    }

    /// Whether the request's body has yet to end.
    pub fn is_receiving_body(&self) -> bool {
        matches!(self.receiving, Receiving::Body(_))
    }

    /// Bytes of the body that have yet to come. `None` where their number was not declared, and where the
    /// body was cut: then none of them will be read, however many there are.
    pub fn body_left(&self) -> Option<u64> {
        match &self.receiving {
            Receiving::Body(decoder) => decoder.remaining(),
            Receiving::Cut => None,
            Receiving::Head(_) | Receiving::Complete | Receiving::Closed => Some(0),
        }
    }

    /// Whether the connection is to persist, as far as request and response have said by now.
    pub fn keep_alive(&self) -> bool {
        match self.receiving {
            // Nothing has been said yet.
            Receiving::Head(_) => true,
            Receiving::Cut | Receiving::Closed => false,
            Receiving::Body(_) | Receiving::Complete => self.request.keep_alive,
        }
    }

    /// Whether the request offers to go on in another protocol, so that a 101 to one of those may answer
    /// it (RFC 9110 §7.8).
    pub fn offers_upgrade(&self) -> bool {
        self.request.facts.upgrade().is_some()
    }

    /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1). Not once
    /// the body has ended or was cut.
    pub fn owes_continue(&self) -> bool {
        self.is_body_in_doubt() && matches!(self.sending, Sending::Head)
    }

    /// Appends `100 Continue` where the client waits for it.
    pub fn send_continue(&mut self, out: &mut Vec<u8>) {
        if self.owes_continue() {
            self.request.continue_owed = false;
            out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
    }

    /// Appends the head of an interim response: a 1xx besides 100, which
    /// [`send_continue`](Self::send_continue) sends, and 101, which is a final one to
    /// [`send_head`](Self::send_head). Appends nothing where the client speaks HTTP/1.0 and would not
    /// understand it (RFC 9110 §15.2).
    ///
    /// # Errors
    ///
    /// [`SendError`] for another status, where no response is due, and for a head that breaks a rule;
    /// nothing is appended then.
    pub fn send_interim(
        &mut self,
        head: &ResponseHead,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        if !matches!(self.sending, Sending::Head) {
            return Err(SendError::OutOfTurn);
        }
        if !head.status.is_informational() || matches!(head.status.as_u16(), 100 | 101) {
            return Err(SendError::NotInterim(head.status));
        }
        if self.request.facts.version() == Version::Http11 {
            let _no_body = encode_response(
                head,
                BodyLen::Exact(0),
                &self.encode_ctx(SendCtx::default(), true),
                out,
            )?;
        }
        Ok(())
    }

    /// Whether a client was promised a body that it need not send: it waits for `100 Continue`, and the
    /// answer came first. Whether the body comes is then unknown, so the connection must close.
    pub fn is_body_in_doubt(&self) -> bool {
        self.request.continue_owed && self.is_receiving_body()
    }

    /// Appends the head of the response.
    ///
    /// Behind a 101, and behind a 2xx to CONNECT, the connection is in [`Phase::Upgrade`]: what follows,
    /// both ways, is the caller's, and nothing more is sent here.
    ///
    /// # Errors
    ///
    /// [`SendError`] where no response is due or the head breaks a rule; nothing is appended then, and
    /// another head may be tried.
    #[inline]
    pub fn send_head(
        &mut self,
        head: &ResponseHead,
        len: BodyLen,
        ctx: SendCtx<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        if !matches!(self.sending, Sending::Head) {
            return Err(SendError::OutOfTurn);
        }
        if head.status.is_informational() {
            return self.send_upgrade(head, ctx, out);
        }
        let is_connect = self.request.facts.is_connect();
        if is_connect && head.status.is_success() {
            return self.leave_http(head, ctx, out);
        }
        let close = ctx.close || !self.request.keep_alive || is_connect || self.is_body_in_doubt();
        let encoder = encode_response(head, len, &self.encode_ctx(ctx, !close), out)?;
        self.request.keep_alive = encoder.keep_alive();
        self.sending = Sending::Body(encoder);
        Ok(())
    }

    /// Appends a response whose body is all there: [`send_head`](Self::send_head), the body where the
    /// response has one, and its end, in one go.
    ///
    /// # Errors
    ///
    /// As [`send_head`](Self::send_head).
    #[inline]
    pub fn send_whole(
        &mut self,
        head: &ResponseHead,
        body: &[u8],
        ctx: SendCtx<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.send_head(head, BodyLen::Exact(body.len() as u64), ctx, out)?;
        if let Sending::Body(encoder) = &self.sending {
            if !encoder.is_empty() {
                out.extend_from_slice(body);
            }
            self.sending = Sending::Complete;
            self.turn();
        }
        Ok(())
    }

    /// A 101 hands the connection over, to a protocol that the client knows.
    fn send_upgrade(
        &mut self,
        head: &ResponseHead,
        ctx: SendCtx<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        if head.status != StatusCode::SWITCHING_PROTOCOLS {
            return Err(SendError::Interim(head.status));
        }
        if !head.headers.contains("upgrade") {
            return Err(SendError::UpgradeUnnamed);
        }
        match &self.offer {
            _ if !self.offers_upgrade() => Err(SendError::UpgradeNotAsked),
            None => Err(SendError::UpgradeNotAsked),
            Some(offer) if !offer.holds_all_of(&head.headers) => Err(SendError::UpgradeNotOffered),
            // It must not be taken for the other protocol's, and neither must what was cut.
            Some(_) if !matches!(self.receiving, Receiving::Complete) => {
                Err(SendError::UpgradeUnread)
            }
            Some(_) => self.leave_http(head, ctx, out),
        }
    }

    /// Appends the last head before another protocol or a tunnel: what follows is none of ours.
    fn leave_http(
        &mut self,
        head: &ResponseHead,
        ctx: SendCtx<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        let _no_body = encode_response(head, BodyLen::Exact(0), &self.encode_ctx(ctx, true), out)?;
        self.receiving = Receiving::Closed;
        self.sending = Sending::Upgraded;
        Ok(())
    }

    fn encode_ctx<'a>(&self, ctx: SendCtx<'a>, keep_alive: bool) -> EncodeCtx<'a> {
        let mut encode = EncodeCtx::answering(&self.request.facts).keep_alive(keep_alive);
        encode.signature = ctx.signature;
        encode
    }

    /// Whether the response being sent has a body at all: none goes out after HEAD, 204 or 304.
    pub fn is_sending_body(&self) -> bool {
        matches!(&self.sending, Sending::Body(encoder) if !encoder.is_empty())
    }

    /// Appends bytes of the response's body.
    ///
    /// # Errors
    ///
    /// [`SendError`] where no body is being sent, or it passes its declared length.
    pub fn send_data(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), SendError> {
        match &mut self.sending {
            Sending::Body(encoder) => Ok(encoder.data(data, out)?),
            _ => Err(SendError::OutOfTurn),
        }
    }

    /// Appends what goes before `len` bytes of the body that are sent from where they are;
    /// [`send_suffix`](Self::send_suffix) goes behind them.
    ///
    /// # Errors
    ///
    /// As [`send_data`](Self::send_data).
    pub fn send_prefix(&mut self, len: usize, out: &mut Vec<u8>) -> Result<(), SendError> {
        match &mut self.sending {
            Sending::Body(encoder) => Ok(encoder.chunk_prefix(len, out)?),
            _ => Err(SendError::OutOfTurn),
        }
    }

    /// Appends what goes behind `len` bytes of the body that were sent from where they are.
    pub fn send_suffix(&self, len: usize, out: &mut Vec<u8>) {
        if let Sending::Body(encoder) = &self.sending {
            encoder.chunk_suffix(len, out);
        }
    }

    /// Appends the end of the response's body.
    ///
    /// # Errors
    ///
    /// [`SendError`] where the body is shorter than its declared length: the connection must be cut, so
    /// that the client does not take it for whole.
    pub fn send_end(
        &mut self,
        trailers: Option<&Headers>,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        match std::mem::replace(&mut self.sending, Sending::Complete) {
            Sending::Body(encoder) => match encoder.finish(trailers.into_iter().flatten(), out) {
                Ok(()) => {
                    self.turn();
                    Ok(())
                }
                Err(error) => {
                    self.cut_input();
                    Err(error.into())
                }
            },
            other => {
                self.sending = other;
                Err(SendError::OutOfTurn)
            }
        }
    }

    /// Makes the answer to a [`ConnError`], or to a deadline, due: nothing more is read, and the next head
    /// sent closes the connection. `false` where a response has begun, which then can only be cut.
    pub fn refuse(&mut self) -> bool {
        if matches!(self.sending, Sending::Idle) {
            self.request = Current::default();
            self.sending = Sending::Head;
        }
        self.cut_input();
        matches!(self.sending, Sending::Head)
    }

    /// Gives up on what is under way: nothing more is read, and a response that has begun stays cut. The
    /// connection is to be closed once what was appended has been written.
    pub fn abandon(&mut self) {
        self.cut_input();
        self.sending = Sending::Complete;
    }

    /// Moves on to the next request once both halves of this one are over.
    fn turn(&mut self) {
        if let (Receiving::Complete, Sending::Complete) = (&self.receiving, &self.sending) {
            if self.request.keep_alive {
                self.receiving = Receiving::Head(HeadDecoder::new());
                self.sending = Sending::Idle;
            } else {
                self.receiving = Receiving::Closed;
            }
        }
    }
}
