//! The client's side of one connection: keep-alive, interim responses, upgrade, early answers.

use std::sync::Arc;

use dunlin_core::{Headers, RequestHead, ResponseHead};
use http::StatusCode;

use super::client_event::{ClientError, ClientEvent, ClientPhase};
use super::event::{SendError, owned};
use super::offer::Offer;
use crate::body::{BodyDecoder, BodyEvent};
use crate::encode::{BodyEncoder, BodyKind, BodyLen, RequestCtx, append_request};
use crate::error::HeadError;
use crate::framing::{Facts, Framing};
use crate::head::{Leniency, Method, ResponseHeadDecoder};
use crate::limits::Limits;

/// One client-side connection.
///
/// The mirror of [`ServerConn`](super::ServerConn): it owns no socket and no buffer, input is lent as a
/// slice that [`next_event`](Self::next_event) advances past what it has used, output is appended to a
/// `Vec`. Requests go out one at a time: the next may be sent once the last one is through and its
/// response has ended. There is no pipelining, because a server that stops in the middle leaves open
/// which requests it has seen.
///
/// ```text
///         send_head         final head          body ended, request sent
///   Idle ───────────▶ Head ────────────▶ Body ────────────────────────────▶ Idle
///    │  ╲ Expect       ▲ │                │ ╲                                ▲
///    │   ▶ Continue ───┘ │ 101, or        │  ╲ body ended before             │ request
///    │     100, or body  │ 2xx to CONNECT │   ▶ Send ────────────────────────┘ sent
///    │     sent anyway   ▼                │      │
///    │                Upgrade             │      │ given up
///    ▼ unsolicited bytes                  ▼      ▼
///   Close ◀─── close said, until close, framing lost, request cut
/// ```
///
/// A 1xx changes nothing but `Continue`. The final response may come while the request's body is still
/// being sent: sending may go on, or [stop](Self::stop_sending), after which the connection closes. A
/// final response in `Continue` ends the request there: its body is never sent.
///
/// Bytes that come while nothing is owed are an error, so whoever keeps connections gives an idle one
/// what its socket has, before the next request is sent on it.
///
/// ```
/// use dunlin_codec::{BodyLen, ClientConn, ClientEvent, Limits};
/// use dunlin_core::RequestHead;
///
/// let mut conn = ClientConn::new(Limits::default().into());
/// let head = RequestHead::new(http::Method::GET, "http://a.example/".parse()?);
/// let mut out = Vec::new();
/// conn.send_whole(&head, b"", Default::default(), &mut out)?;
/// assert_eq!(out, b"GET / HTTP/1.1\r\nhost: a.example\r\n\r\n");
///
/// let mut input = &b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"[..];
/// let Some(ClientEvent::Head { head, .. }) = conn.next_event(&mut input)? else { panic!() };
/// assert_eq!(head.status, 200);
/// assert!(matches!(conn.next_event(&mut input)?, Some(ClientEvent::Data(b"hello"))));
/// assert!(matches!(conn.next_event(&mut input)?, Some(ClientEvent::End)));
/// assert!(conn.is_reusable());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ClientConn {
    limits: Arc<Limits>,
    leniency: Leniency,
    receiving: Receiving,
    sending: Sending,
    exchange: Exchange,
}

#[derive(Debug)]
enum Receiving {
    /// No response is owed.
    Idle,
    Head(ResponseHeadDecoder),
    Body(BodyDecoder),
    /// The response has ended, the request has not.
    Complete,
    /// The response has ended, and bytes stand behind it.
    Surplus,
    Upgraded,
    /// Where the next message starts is unknown, or none is wanted.
    Closed,
}

#[derive(Debug)]
enum Sending {
    /// No request has begun.
    Idle,
    /// The body waits for `100 Continue`.
    Held(BodyEncoder),
    Body(BodyEncoder),
    Complete,
    /// The request ends before its body does: the server cannot tell where the next one starts.
    Cut,
}

/// What the response must know of its request, and the connection of both.
#[derive(Debug)]
struct Exchange {
    /// GET stands for all methods but HEAD and CONNECT: those alone matter here.
    method: Method<'static>,
    offer: Option<Offer>,
    keep_alive: bool,
    /// A byte of a response has come.
    is_begun: bool,
    interims: u16,
}

impl ClientConn {
    /// A connection on which nothing has been sent.
    pub fn new(limits: Arc<Limits>) -> Self {
        Self {
            limits,
            leniency: Leniency::default(),
            receiving: Receiving::Idle,
            sending: Sending::Idle,
            exchange: Exchange {
                method: Method::Get,
                offer: None,
                keep_alive: true,
                is_begun: false,
                interims: 0,
            },
        }
    }

    /// The same, and overlooks these faults of response heads. Default: none.
    #[must_use]
    pub fn lenient(mut self, leniency: Leniency) -> Self {
        self.leniency = leniency;
        self
    }

    /// What the connection waits for.
    pub fn phase(&self) -> ClientPhase {
        match (&self.receiving, &self.sending) {
            (Receiving::Idle, _) => ClientPhase::Idle,
            (Receiving::Head(_), Sending::Held(_)) => ClientPhase::Continue,
            (Receiving::Head(_), _) => ClientPhase::Head,
            (Receiving::Body(_), _) => ClientPhase::Body,
            (Receiving::Complete, _) => ClientPhase::Send,
            (Receiving::Upgraded, _) => ClientPhase::Upgrade,
            (Receiving::Surplus | Receiving::Closed, _) => ClientPhase::Close,
        }
    }

    /// Whether the next request may be sent.
    pub fn is_reusable(&self) -> bool {
        matches!(self.receiving, Receiving::Idle)
    }

    /// Whether the connection is to persist, as far as request and response have said by now. Not as a
    /// tunnel, or in another protocol: it then is none of HTTP's.
    pub fn keep_alive(&self) -> bool {
        use Receiving::{Closed, Surplus, Upgraded};
        self.exchange.keep_alive && !matches!(self.receiving, Surplus | Closed | Upgraded)
    }

    /// Whether a byte of the response, interim or final, has come. Where none has, the server may not
    /// have seen the request; with an idempotent method it may then go out again on another connection.
    pub fn is_response_begun(&self) -> bool {
        self.exchange.is_begun
    }

    /// Appends the head of a request.
    ///
    /// # Errors
    ///
    /// [`SendError`] where the connection is not [reusable](Self::is_reusable) or the head breaks a rule;
    /// nothing is appended then, and another head may be tried.
    pub fn send_head(
        &mut self,
        head: &RequestHead,
        len: BodyLen,
        ctx: RequestCtx<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        if !self.is_reusable() {
            return Err(SendError::OutOfTurn);
        }
        let sent = append_request(head, len, &ctx, out)?;
        self.exchange = Exchange {
            method: match Method::from(head.method()) {
                Method::Head => Method::Head,
                Method::Connect => Method::Connect,
                _ => Method::Get,
            },
            offer: sent.offers_upgrade.then(|| Offer::of(head.headers())),
            keep_alive: sent.body.keep_alive(),
            is_begun: false,
            interims: 0,
        };
        self.sending = match sent.expects_continue {
            true => Sending::Held(sent.body),
            false => Sending::Body(sent.body),
        };
        self.receiving = Receiving::Head(ResponseHeadDecoder::new().lenient(self.leniency));
        Ok(())
    }

    /// Appends a request whose body is all there: [`send_head`](Self::send_head), the body and its end,
    /// in one go. It waits for no `100 Continue`.
    ///
    /// # Errors
    ///
    /// As [`send_head`](Self::send_head).
    pub fn send_whole(
        &mut self,
        head: &RequestHead,
        body: &[u8],
        ctx: RequestCtx<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.send_head(head, BodyLen::Exact(body.len() as u64), ctx, out)?;
        out.extend_from_slice(body);
        self.sending = Sending::Complete;
        Ok(())
    }

    /// Whether the body waits for `100 Continue`, with or without having been asked for yet. Sending
    /// some of it ends the wait.
    pub fn is_body_held(&self) -> bool {
        matches!(self.sending, Sending::Held(_))
    }

    /// Whether the request's body, or its end, is still to be sent. It is no longer where a final
    /// response came instead of `100 Continue`.
    pub fn is_sending_body(&self) -> bool {
        matches!(self.sending, Sending::Held(_) | Sending::Body(_))
    }

    /// Appends bytes of the request's body.
    ///
    /// # Errors
    ///
    /// [`SendError`] where [no body is being sent](Self::is_sending_body), or it passes its declared
    /// length.
    pub fn send_data(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), SendError> {
        Ok(self.open_body()?.data(data, out)?)
    }

    /// Appends what goes before `len` bytes of the body that are sent from where they are;
    /// [`send_suffix`](Self::send_suffix) goes behind them.
    ///
    /// # Errors
    ///
    /// As [`send_data`](Self::send_data).
    pub fn send_prefix(&mut self, len: usize, out: &mut Vec<u8>) -> Result<(), SendError> {
        Ok(self.open_body()?.chunk_prefix(len, out)?)
    }

    /// Appends what goes behind `len` bytes of the body that were sent from where they are.
    pub fn send_suffix(&self, len: usize, out: &mut Vec<u8>) {
        if let Sending::Body(encoder) = &self.sending {
            encoder.chunk_suffix(len, out);
        }
    }

    /// Lets a body go that was held back.
    fn release_body(&mut self) {
        if self.is_body_held()
            && let Sending::Held(encoder) = std::mem::replace(&mut self.sending, Sending::Cut)
        {
            self.sending = Sending::Body(encoder);
        }
    }

    fn open_body(&mut self) -> Result<&mut BodyEncoder, SendError> {
        self.release_body();
        match &mut self.sending {
            Sending::Body(encoder) => Ok(encoder),
            _ => Err(SendError::OutOfTurn),
        }
    }

    /// Appends the end of the request's body.
    ///
    /// # Errors
    ///
    /// [`SendError`] where the body is shorter than its declared length, or a trailer breaks a rule: the
    /// request is then [cut](Self::stop_sending).
    pub fn send_end(
        &mut self,
        trailers: Option<&Headers>,
        out: &mut Vec<u8>,
    ) -> Result<(), SendError> {
        self.release_body();
        match std::mem::replace(&mut self.sending, Sending::Complete) {
            Sending::Body(encoder) => match encoder.finish(trailers.into_iter().flatten(), out) {
                Ok(()) => {
                    self.turn();
                    Ok(())
                }
                Err(error) => {
                    self.cut_request();
                    Err(error.into())
                }
            },
            other => {
                self.sending = other;
                Err(SendError::OutOfTurn)
            }
        }
    }

    /// Ends the request before its body has ended. Where the final response has begun it can still be
    /// read; else none will come, and the connection is to be closed at once.
    pub fn stop_sending(&mut self) {
        if self.is_sending_body() && !matches!(self.receiving, Receiving::Upgraded) {
            self.cut_request();
        }
    }

    fn cut_request(&mut self) {
        self.sending = Sending::Cut;
        self.exchange.keep_alive = false;
        if !matches!(self.receiving, Receiving::Body(_)) {
            self.receiving = Receiving::Closed;
        }
    }

    /// Takes the next event off the front of `input`.
    ///
    /// `Ok(None)` means that no event is there: append bytes after those left in `input` and call
    /// again, in every [`phase`](Self::phase) but [`Upgrade`](ClientPhase::Upgrade) and
    /// [`Close`](ClientPhase::Close).
    ///
    /// # Errors
    ///
    /// [`ClientError`] for input outside the grammar, past a limit, or that nobody asked for. The
    /// connection is then to be closed.
    pub fn next_event<'i>(
        &mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<ClientEvent<'i>>, ClientError> {
        let event = match &mut self.receiving {
            Receiving::Closed | Receiving::Upgraded => return Ok(None),
            Receiving::Surplus => return Err(self.lose(ClientError::Unsolicited)),
            Receiving::Idle | Receiving::Complete | Receiving::Head(_) if input.is_empty() => {
                return Ok(None);
            }
            Receiving::Idle | Receiving::Complete => {
                return Err(self.lose(ClientError::Unsolicited));
            }
            Receiving::Head(decoder) => {
                self.exchange.is_begun = true;
                match decoder.decode(input, &self.limits) {
                    Ok(None) => return Ok(None),
                    Ok(Some((head, facts))) => {
                        self.leniency.leading_empty_lines = false;
                        self.exchange.keep_alive &= facts.keep_alive();
                        self.take_head(head, &facts)?
                    }
                    Err(error) => return Err(self.lose(error.into())),
                }
            }
            Receiving::Body(decoder) => match decoder.decode(input) {
                Ok(None) => return Ok(None),
                Ok(Some(BodyEvent::Data(data))) => ClientEvent::Data(data),
                Ok(Some(BodyEvent::Trailers(trailers))) => ClientEvent::Trailers(owned(&trailers)),
                Ok(Some(BodyEvent::End)) => {
                    self.receiving = Receiving::Complete;
                    ClientEvent::End
                }
                Err(error) => return Err(self.lose(error.into())),
            },
        };
        self.turn();
        // Seen now, because the caller may send the next request before it asks again.
        if matches!(self.receiving, Receiving::Idle | Receiving::Complete) && !input.is_empty() {
            self.receiving = Receiving::Surplus;
        }
        Ok(Some(event))
    }

    fn take_head<'i>(
        &mut self,
        head: ResponseHead,
        facts: &Facts,
    ) -> Result<ClientEvent<'i>, ClientError> {
        if head.status.is_informational() {
            return self.take_interim(head, facts);
        }
        let is_tunnel = self.exchange.method == Method::Connect && head.status.is_success();
        if is_tunnel {
            self.receiving = Receiving::Upgraded;
            return Ok(ClientEvent::Upgrade(head));
        }
        let framing = facts
            .response_framing(head.status.as_u16(), self.exchange.method)
            .map_err(|error| self.lose(HeadError::Framing(error).into()))?;
        self.exchange.keep_alive &= framing != Framing::UntilClose;
        if matches!(self.sending, Sending::Held(_)) {
            // The server may or may not wait for the body by now.
            self.sending = Sending::Cut;
            self.exchange.keep_alive = false;
        }
        self.receiving = if framing.is_empty() {
            Receiving::Complete
        } else {
            Receiving::Body(BodyDecoder::behind_head(framing, facts, &self.limits))
        };
        Ok(ClientEvent::Head { head, framing })
    }

    fn take_interim<'i>(
        &mut self,
        head: ResponseHead,
        facts: &Facts,
    ) -> Result<ClientEvent<'i>, ClientError> {
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            let offer = self.exchange.offer.as_ref().filter(|_| facts.upgrade().is_some());
            let is_offered = offer.is_some_and(|offer| offer.holds_all_of(&head.headers));
            if !is_offered || !self.is_request_sent() {
                return Err(self.lose(ClientError::Upgrade));
            }
            self.receiving = Receiving::Upgraded;
            return Ok(ClientEvent::Upgrade(head));
        }
        let limit = self.limits.max_interims;
        if self.exchange.interims >= limit {
            return Err(self.lose(ClientError::TooManyInterims { limit }));
        }
        self.exchange.interims += 1;
        if head.status == StatusCode::CONTINUE {
            self.release_body();
        }
        Ok(ClientEvent::Interim(head))
    }

    /// Whether every byte of the request is out, the end of an empty body included.
    fn is_request_sent(&self) -> bool {
        match &self.sending {
            Sending::Complete => true,
            Sending::Body(encoder) => encoder.kind() == BodyKind::Length { left: 0 },
            Sending::Idle | Sending::Held(_) | Sending::Cut => false,
        }
    }

    /// The peer has closed its half, behind all that [`next_event`](Self::next_event) was given and
    /// has taken. A body until close has then ended: its [`End`](ClientEvent::End) is the next event.
    ///
    /// # Errors
    ///
    /// [`ClientError::Unanswered`] where no byte of a response has come, and others where a head or a
    /// body was cut.
    pub fn handle_eof(&mut self) -> Result<(), ClientError> {
        self.exchange.keep_alive = false;
        match &mut self.receiving {
            Receiving::Head(_) if self.exchange.is_begun => Err(self.lose(ClientError::HeadCut)),
            Receiving::Head(_) => Err(self.lose(ClientError::Unanswered)),
            Receiving::Body(decoder) => match decoder.eof() {
                Ok(()) => Ok(()),
                Err(error) => Err(self.lose(error.into())),
            },
            Receiving::Idle | Receiving::Complete | Receiving::Surplus | Receiving::Closed => {
                self.abandon();
                Ok(())
            }
            Receiving::Upgraded => Ok(()),
        }
    }

    /// Whether the response's body has yet to end.
    pub fn is_receiving_body(&self) -> bool {
        matches!(self.receiving, Receiving::Body(_))
    }

    /// Bytes of the response's body that have yet to come, where their number was declared.
    pub fn body_left(&self) -> Option<u64> {
        match &self.receiving {
            Receiving::Body(decoder) => decoder.remaining(),
            _ => Some(0),
        }
    }

    /// Gives up on what is under way: nothing more is read or sent. The connection is to be closed.
    pub fn abandon(&mut self) {
        self.exchange.keep_alive = false;
        self.receiving = Receiving::Closed;
        if !matches!(self.sending, Sending::Idle | Sending::Complete) {
            self.sending = Sending::Cut;
        }
    }

    fn lose(&mut self, error: ClientError) -> ClientError {
        self.abandon();
        error
    }

    /// Moves on to the next request once both halves of this one are over, or closes where there will
    /// be none: what is left of the request then helps nobody.
    fn turn(&mut self) {
        match (&self.receiving, &self.sending) {
            (Receiving::Complete, _) if !self.exchange.keep_alive => self.abandon(),
            (Receiving::Complete, Sending::Complete) => {
                self.receiving = Receiving::Idle;
                self.sending = Sending::Idle;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
