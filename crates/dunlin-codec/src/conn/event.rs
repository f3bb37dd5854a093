//! What a server's connection says and is told: events, phases, errors.

use dunlin_core::{Headers, RequestHead};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::body::Trailers;
use crate::encode::{BodyEncodeError, EncodeError, Signature};
use crate::error::{BodyError, HeadError};
use crate::framing::Framing;

/// What a client has sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'i> {
    /// A request. Its body's events follow, unless `framing` says that there is none.
    Head {
        /// Method, target, version and fields.
        head: RequestHead,
        /// How the body is delimited.
        framing: Framing,
    },
    /// Bytes of the body.
    Data(&'i [u8]),
    /// Fields after a chunked body.
    Trailers(Headers),
    /// The body has ended.
    End,
}

/// What a connection waits for; each has its own deadline.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Phase {
    /// The next request, of which no byte has come.
    Idle,
    /// The rest of a request's head.
    Head,
    /// A request is being answered.
    Exchange,
    /// The answer is sent, the request's body has not ended: read on, or give up and close.
    Drain,
    /// The other protocol, or the tunnel, from the next byte on.
    Upgrade,
    /// Nothing: the connection is to be closed.
    Close,
}

/// What a client sent cannot be understood. The connection closes after an answer with
/// [`status`](Self::status).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnError {
    /// The head is malformed, or passes a limit.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The body is malformed, or passes a limit.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The connection ended inside a head.
    #[error("the connection ended before the head did")]
    HeadCut,
}

impl ConnError {
    /// The status that answers it.
    pub fn status(&self) -> StatusCode {
        let code = match self {
            Self::Head(error) => error.status(),
            Self::Body(error) => error.status(),
            Self::HeadCut => 400,
        };
        StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_REQUEST)
    }
}

/// A message that cannot be sent as it is. Nothing of it has been written.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// No request waits for an answer, or its answer has begun already; to a client, the last request
    /// or its response has not ended, or the connection is to be closed.
    #[error("no such part of a message is due: it was not asked for, or is out already")]
    OutOfTurn,
    /// The request asked for no upgrade, so that the client would not understand 101.
    #[error("101 Switching Protocols without an upgrade asked for")]
    UpgradeNotAsked,
    /// A 101 to a protocol that the request did not offer (RFC 9110 §7.8).
    #[error("101 Switching Protocols to a protocol that the request does not offer")]
    UpgradeNotOffered,
    /// A 101 has to name the protocol (RFC 9110 §15.2.2).
    #[error("101 Switching Protocols without an Upgrade field")]
    UpgradeUnnamed,
    /// A 101 before the request's body has been read to its end: the other protocol starts behind it
    /// (RFC 9110 §7.8).
    #[error("101 Switching Protocols before the request's body has been read")]
    UpgradeUnread,
    /// A 1xx goes before the final response and cannot be it: the client would take the next one for
    /// the answer to this request (RFC 9110 §15.2).
    #[error("{0} is no final status")]
    Interim(StatusCode),
    /// Only a 1xx goes before the final response; 100 and 101 have calls of their own.
    #[error("{0} is no interim status, or one that is sent in another way")]
    NotInterim(StatusCode),
    /// The head breaks a rule.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The body is another one than its head announced, or a trailer breaks a rule.
    #[error(transparent)]
    EncodeBody(#[from] BodyEncodeError),
}

/// How to send a response.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SendCtx<'a> {
    /// The Server and Date fields. Default: none are sent.
    pub signature: Option<&'a Signature>,
    /// Close the connection after this response. Default: only where the request or the response
    /// says so.
    pub close: bool,
}

impl<'a> SendCtx<'a> {
    /// Sends those Server and Date fields.
    #[must_use]
    pub const fn signature(mut self, signature: &'a Signature) -> Self {
        self.signature = Some(signature);
        self
    }

    /// Closes the connection after the response.
    #[must_use]
    pub const fn close(mut self, close: bool) -> Self {
        self.close = close;
        self
    }
}

/// Trailer fields as headers of their own.
pub(super) fn owned(trailers: &Trailers<'_>) -> Headers {
    trailers
        .iter()
        .filter_map(|(name, value)| {
            // The decoder has checked both by the same rules.
            Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?))
        })
        .collect()
}
