//! The client's side of a connection as a codec.

use std::sync::Arc;

use bytes::{Buf, BytesMut};
use dunlin_core::Headers;
use tokio_util::codec::{Decoder, Encoder};

use super::{CodecError, RequestEvent, ResponseEvent, body_len, take_data};
use crate::conn::{ClientConn, ClientEvent, ClientPhase};
use crate::encode::RequestCtx;
use crate::limits::Limits;

/// A client's connection for `tokio_util::codec::Framed`: encodes [`RequestEvent`]s, decodes
/// [`ResponseEvent`]s.
///
/// Framing, keep-alive and the check for bytes that nobody asked for are [`ClientConn`]'s. Requests go
/// out one at a time: the next once the last is through and its response has ended.
///
/// ```
/// use dunlin_codec::{BodyLen, ClientCodec, RequestEvent, ResponseEvent};
/// use dunlin_core::RequestHead;
/// use futures_util::{SinkExt, StreamExt};
/// use tokio::io::AsyncWriteExt;
/// use tokio_util::codec::Framed;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (socket, mut server) = tokio::io::duplex(1024);
/// let mut framed = Framed::new(socket, ClientCodec::default());
///
/// let head = RequestHead::new(http::Method::GET, "http://a.example/birds".parse()?);
/// framed.feed(RequestEvent::Head { head, len: BodyLen::Exact(0) }).await?;
/// framed.send(RequestEvent::End).await?;
///
/// server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ndunlin").await?;
/// let mut body = Vec::new();
/// while let Some(event) = framed.next().await {
///     match event? {
///         ResponseEvent::Head { head, .. } => assert_eq!(head.status, 200),
///         ResponseEvent::Data(data) => body.extend_from_slice(&data),
///         ResponseEvent::End => break,
///         _ => {}
///     }
/// }
/// assert_eq!(body, b"dunlin");
/// assert!(framed.codec().conn().is_reusable());
/// # Ok(())
/// # }
/// ```
///
/// # Waiting
///
/// A request with `Expect: 100-continue` is in [`ClientPhase::Continue`] behind its head: wait for an
/// `Interim` with 100, or for as long as seems right, then send the body. A final response instead ends
/// the request; `Data` is then refused, since the body may not be sent any more.
///
/// # Errors
///
/// After an error the stream ends, and no further response is decoded; the connection is to be closed. A
/// connection that ends within a response, or before one that is owed, is an error too.
#[derive(Debug)]
pub struct ClientCodec {
    conn: ClientConn,
    limit: usize,
    authority: Option<Box<str>>,
    via_proxy: bool,
    /// A head without body was handed out, its `End` was not.
    end_due: bool,
    /// The server has closed its side.
    is_eof: bool,
    /// They go out with the end.
    trailers: Option<Headers>,
    /// What [`ClientConn`] appends to.
    scratch: Vec<u8>,
}

impl ClientCodec {
    /// A codec for a connection on which nothing has been sent.
    pub fn new(limits: Arc<Limits>) -> Self {
        Self {
            limit: limits.max_head_bytes,
            conn: ClientConn::new(limits),
            authority: None,
            via_proxy: false,
            end_due: false,
            is_eof: false,
            trailers: None,
            scratch: Vec::new(),
        }
    }

    /// Sets `host[:port]` for Host where neither a request's target nor its fields have it. Default: none.
    #[must_use]
    pub fn with_authority(mut self, authority: impl Into<Box<str>>) -> Self {
        self.authority = Some(authority.into());
        self
    }

    /// Sets whether a proxy gets the requests, which has to be told the whole URI (RFC 9112 §3.2.2).
    /// Default: no.
    #[must_use]
    pub const fn via_proxy(mut self, via_proxy: bool) -> Self {
        self.via_proxy = via_proxy;
        self
    }

    /// The connection: what it waits for, whether it may be used again.
    pub const fn conn(&self) -> &ClientConn {
        &self.conn
    }

    /// Ends the request before its body has ended: [`ClientConn::stop_sending`].
    pub fn stop_sending(&mut self) {
        self.conn.stop_sending();
    }
}

impl Default for ClientCodec {
    /// With the default [`Limits`].
    fn default() -> Self {
        Self::new(Arc::default())
    }
}

impl Decoder for ClientCodec {
    type Item = ResponseEvent;
    type Error = CodecError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<ResponseEvent>, CodecError> {
        if std::mem::take(&mut self.end_due) {
            return Ok(Some(ResponseEvent::End));
        }
        match self.conn.phase() {
            ClientPhase::Upgrade if src.len() > self.limit => {
                self.conn.abandon();
                return Err(CodecError::Unread { limit: self.limit });
            }
            _ => {}
        }
        let mut input = &src[..];
        let event = self.conn.next_event(&mut input)?;
        let used = src.len() - input.len();
        let event = match event {
            Some(ClientEvent::Data(data)) => {
                let len = data.len();
                return Ok(Some(ResponseEvent::Data(take_data(src, used, len))));
            }
            Some(ClientEvent::Head { head, framing }) => {
                self.end_due = framing.is_empty();
                Some(ResponseEvent::Head { head, len: body_len(framing) })
            }
            Some(ClientEvent::Interim(head)) => Some(ResponseEvent::Interim(head)),
            Some(ClientEvent::Trailers(trailers)) => Some(ResponseEvent::Trailers(trailers)),
            Some(ClientEvent::End) => Some(ResponseEvent::End),
            Some(ClientEvent::Upgrade(head)) => Some(ResponseEvent::Upgrade(head)),
            None => None,
        };
        src.advance(used);
        if event.is_none() && self.conn.phase() == ClientPhase::Close {
            // Never to be told, so never to be kept.
            src.clear();
        }
        Ok(event)
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<ResponseEvent>, CodecError> {
        if let Some(event) = self.decode(src)? {
            return Ok(Some(event));
        }
        if std::mem::replace(&mut self.is_eof, true) {
            return Ok(None);
        }
        self.conn.handle_eof()?;
        // A body until close has ended by this.
        self.decode(src)
    }
}

impl Encoder<RequestEvent> for ClientCodec {
    type Error = CodecError;

    fn encode(&mut self, event: RequestEvent, dst: &mut BytesMut) -> Result<(), CodecError> {
        let (conn, out) = (&mut self.conn, &mut self.scratch);
        out.clear();
        match event {
            RequestEvent::Head { head, len } => {
                let mut ctx = RequestCtx::default().via_proxy(self.via_proxy);
                ctx.authority = self.authority.as_deref();
                conn.send_head(&head, len, ctx, out)?;
                self.trailers = None;
            }
            RequestEvent::Data(data) => {
                conn.send_prefix(data.len(), out)?;
                dst.extend_from_slice(out);
                dst.extend_from_slice(&data);
                out.clear();
                conn.send_suffix(data.len(), out);
            }
            RequestEvent::Trailers(trailers) => self.trailers = Some(trailers),
            RequestEvent::End => conn.send_end(self.trailers.take().as_ref(), out)?,
            RequestEvent::Close => {}
        }
        dst.extend_from_slice(out);
        Ok(())
    }
}
