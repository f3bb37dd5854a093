//! The server's side of a connection as a codec.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use dunlin_core::Headers;
use http::{Method, StatusCode};
use tokio_util::codec::{Decoder, Encoder};

use super::{CodecError, RequestEvent, ResponseEvent, body_len, take_data};
use crate::conn::{Event, Phase, SendCtx, ServerConn};
use crate::encode::{BodyLen, Signature};
use crate::limits::Limits;

/// A server's connection for `tokio_util::codec::Framed`: decodes [`RequestEvent`]s, encodes
/// [`ResponseEvent`]s.
///
/// Framing, keep-alive and persistence are [`ServerConn`]'s. Responses go out in the order of their
/// requests; a `Connection: close` on either side ends with [`RequestEvent::Close`].
///
/// ```
/// use dunlin_codec::{BodyLen, RequestEvent, ResponseEvent, ServerCodec};
/// use dunlin_core::ResponseHead;
/// use futures_util::{SinkExt, StreamExt};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// use tokio_util::codec::Framed;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), dunlin_codec::CodecError> {
/// let (mut client, socket) = tokio::io::duplex(1024);
/// client.write_all(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n").await?;
/// client.write_all(b"GET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await?;
///
/// let mut framed = Framed::new(socket, ServerCodec::default());
/// let mut path = String::new();
/// while let Some(event) = framed.next().await {
///     match event? {
///         RequestEvent::Head { head, .. } => path = head.path().to_owned(),
///         RequestEvent::End => {
///             let len = BodyLen::Exact(path.len() as u64);
///             let data = std::mem::take(&mut path).into();
///             framed.feed(ResponseEvent::Head { head: ResponseHead::default(), len }).await?;
///             framed.feed(ResponseEvent::Data(data)).await?;
///             framed.send(ResponseEvent::End).await?;
///         }
///         RequestEvent::Close => break,
///         _ => {}
///     }
/// }
/// drop(framed);
///
/// let mut answers = String::new();
/// client.read_to_string(&mut answers).await?;
/// assert!(answers.starts_with("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n/aHTTP/1.1 200 OK"));
/// # Ok(())
/// # }
/// ```
///
/// # Reading ahead
///
/// A `Framed` calls its decoder again only after it has read something. So that no pipelined request
/// waits in the buffer for bytes that never come, events are decoded as fast as they are asked for, also
/// while responses are owed: a reader that does not wait for its writer bounds itself how many requests
/// are under way. Each costs one [`ServerConn`] here.
///
/// Not so behind a request that [offers an upgrade](ServerConn::offers_upgrade), or a CONNECT: what
/// follows may be another protocol's, and is from a 101, or a 2xx to CONNECT, on: the connection is in
/// [`Phase::Upgrade`] then, no `End` is to be sent, and the buffer is left as it is. Answer it before asking for the next event; who has asked, and
/// then answered in HTTP, wakes the `Framed` with `Framed::from_parts(framed.into_parts())`.
///
/// # Errors
///
/// After an error the stream ends, and no further request is decoded. Where no response has begun, the
/// answer with [`CodecError::status`] is due, behind those owed before; it closes the connection. A
/// connection that ends within a request is an error too.
///
/// # Waiting
///
/// A client may hold its body back until [`ResponseEvent::continue_100`] is sent (RFC 9110 §10.1.1);
/// sending that to others does nothing. A codec has no clock: [`conn`](Self::conn) says what is waited
/// for, and the caller keeps the deadlines.
#[derive(Debug)]
pub struct ServerCodec {
    limits: Arc<Limits>,
    signature: Option<Signature>,
    /// One for each request under way, in their order: the first is answered, the last is read. Never
    /// empty.
    conns: VecDeque<ServerConn>,
    /// What stands behind the last request may not be HTTP.
    is_barred: bool,
    /// A head without body was handed out, its `End` was not.
    end_due: bool,
    /// Nothing more is decoded.
    is_closed: bool,
    /// They go out with the end.
    trailers: Option<Headers>,
    /// What a [`ServerConn`] appends to.
    scratch: Vec<u8>,
}

impl ServerCodec {
    /// A codec for a connection on which nothing has been sent.
    pub fn new(limits: Arc<Limits>) -> Self {
        Self {
            conns: VecDeque::from([ServerConn::new(limits.clone())]),
            limits,
            signature: None,
            is_barred: false,
            end_due: false,
            is_closed: false,
            trailers: None,
            scratch: Vec::new(),
        }
    }

    /// Sends those Server and Date fields with every response. Default: none are sent.
    #[must_use]
    pub fn with_signature(mut self, signature: Signature) -> Self {
        self.signature = Some(signature);
        self
    }

    /// The Server and Date fields, to tell them the time: [`Signature::at`].
    pub const fn signature_mut(&mut self) -> Option<&mut Signature> {
        self.signature.as_mut()
    }

    /// The connection, as seen by the request whose response is due or being sent.
    pub fn conn(&self) -> &ServerConn {
        &self.conns[0]
    }

    /// Takes no further request, and makes an answer due to what was begun, such as 408 at a deadline; it
    /// closes the connection. `false` where there is none to give.
    pub fn refuse(&mut self) -> bool {
        self.is_closed = true;
        self.end_due = false;
        self.reading().refuse()
    }

    fn reading(&mut self) -> &mut ServerConn {
        let last = self.conns.len() - 1;
        &mut self.conns[last]
    }

    fn fail(&mut self, error: impl Into<CodecError>) -> CodecError {
        self.refuse();
        error.into()
    }

    /// What to do with a message that has ended, before its answer has.
    fn between(&mut self, src: &mut BytesMut) -> Result<Next, CodecError> {
        let limit = self.limits.max_head_bytes;
        let is_barred = self.is_barred;
        let conn = self.reading();
        let phase = conn.phase();
        if matches!(phase, Phase::Idle | Phase::Head) {
            return Ok(Next::Read);
        }
        if conn.is_receiving_body() {
            // The body may never come, and nobody asks for it any more.
            let is_lost = phase == Phase::Drain && conn.is_body_in_doubt();
            return Ok(if is_lost { Next::Close } else { Next::Read });
        }
        if is_barred || phase == Phase::Upgrade {
            if src.len() > limit {
                return Err(self.fail(CodecError::Unread { limit }));
            }
            return Ok(Next::Wait);
        }
        if phase == Phase::Close || !conn.keep_alive() {
            return Ok(Next::Close);
        }
        if src.is_empty() {
            return Ok(Next::Wait);
        }
        self.conns.push_back(ServerConn::new(self.limits.clone()));
        Ok(Next::Read)
    }

    /// Moves on once the first response is through, or the connection is to end with it.
    fn turn(&mut self) {
        if self.conns.len() == 1 {
            return;
        }
        if self.conns[0].phase() == Phase::Idle {
            self.conns.pop_front();
        } else if !self.conns[0].keep_alive() {
            // No request is processed behind a response that closes (RFC 9112 §9.6).
            self.conns.truncate(1);
            self.end_due = false;
            self.is_barred = false;
        }
    }
}

enum Next {
    Read,
    Wait,
    Close,
}

impl Default for ServerCodec {
    /// With the default [`Limits`].
    fn default() -> Self {
        Self::new(Arc::default())
    }
}

impl Decoder for ServerCodec {
    type Item = RequestEvent;
    type Error = CodecError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<RequestEvent>, CodecError> {
        if std::mem::take(&mut self.end_due) {
            return Ok(Some(RequestEvent::End));
        }
        if self.is_closed {
            src.clear();
            return Ok(None);
        }
        match self.between(src)? {
            Next::Read => {}
            Next::Wait => return Ok(None),
            Next::Close => {
                self.is_closed = true;
                src.clear();
                return Ok(Some(RequestEvent::Close));
            }
        }
        let mut input = &src[..];
        let conn = self.reading();
        let event = match conn.next_event(&mut input) {
            Ok(event) => event,
            Err(error) => return Err(self.fail(error)),
        };
        let used = src.len() - input.len();
        let event = match event {
            Some(Event::Data(data)) => {
                let len = data.len();
                return Ok(Some(RequestEvent::Data(take_data(src, used, len))));
            }
            Some(Event::Head { head, framing }) => {
                self.is_barred = *head.method() == Method::CONNECT || conn.offers_upgrade();
                self.end_due = framing.is_empty();
                Some(RequestEvent::Head { head, len: body_len(framing) })
            }
            Some(Event::Trailers(trailers)) => Some(RequestEvent::Trailers(trailers)),
            Some(Event::End) => Some(RequestEvent::End),
            None => None,
        };
        src.advance(used);
        Ok(event)
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<RequestEvent>, CodecError> {
        if let Some(event) = self.decode(src)? {
            return Ok(Some(event));
        }
        if !self.is_closed {
            let conn = self.reading();
            if let Err(error) = conn.handle_eof() {
                return Err(self.fail(error));
            }
            // Bytes behind a barrier stay: they may be all that the other protocol sends.
            self.is_closed = !self.is_barred;
        }
        Ok(None)
    }
}

impl Encoder<ResponseEvent> for ServerCodec {
    type Error = CodecError;

    fn encode(&mut self, event: ResponseEvent, dst: &mut BytesMut) -> Result<(), CodecError> {
        let is_last = self.conns.len() == 1;
        let conn = &mut self.conns[0];
        let out = &mut self.scratch;
        out.clear();
        let (head, len) = match event {
            ResponseEvent::Head { head, len } => (head, len),
            ResponseEvent::Upgrade(head) => (head, BodyLen::Exact(0)),
            ResponseEvent::Interim(head) if head.status == StatusCode::CONTINUE => {
                conn.send_continue(out);
                dst.extend_from_slice(out);
                return Ok(());
            }
            ResponseEvent::Interim(head) => {
                conn.send_interim(&head, out)?;
                dst.extend_from_slice(out);
                return Ok(());
            }
            ResponseEvent::Data(data) => {
                conn.send_prefix(data.len(), out)?;
                dst.extend_from_slice(out);
                if conn.is_sending_body() {
                    dst.extend_from_slice(&data);
                }
                out.clear();
                conn.send_suffix(data.len(), out);
                dst.extend_from_slice(out);
                return Ok(());
            }
            ResponseEvent::Trailers(trailers) => {
                self.trailers = Some(trailers);
                return Ok(());
            }
            ResponseEvent::End => {
                let result = conn.send_end(self.trailers.take().as_ref(), out);
                dst.extend_from_slice(out);
                self.turn();
                return Ok(result?);
            }
        };
        let ctx = SendCtx { signature: self.signature.as_ref(), close: false };
        conn.send_head(&head, len, ctx, out)?;
        dst.extend_from_slice(out);
        self.trailers = None;
        if is_last && conn.phase() != Phase::Upgrade {
            self.is_barred = false;
        }
        self.turn();
        Ok(())
    }
}
