//! What a client's connection says: events, phases, errors.

use dunlin_core::{Headers, ResponseHead};

use crate::error::{BodyError, HeadError};
use crate::framing::Framing;

/// What a server has sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientEvent<'i> {
    /// A 1xx besides 101: the response is still to come (RFC 9110 §15.2).
    Interim(ResponseHead),
    /// The response. Its body's events follow, unless `framing` says that there is none.
    Head {
        /// Status, version and fields.
        head: ResponseHead,
        /// How the body is delimited.
        framing: Framing,
    },
    /// Bytes of the body.
    Data(&'i [u8]),
    /// Fields after a chunked body.
    Trailers(Headers),
    /// The body has ended.
    End,
    /// A 101, or a 2xx to CONNECT: the next byte of the input, and of the output, belongs to the other
    /// protocol or to the tunnel.
    Upgrade(ResponseHead),
}

/// What a client's connection waits for; each has its own deadline.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ClientPhase {
    /// The next request: none is under way. The server may close, and may send nothing.
    Idle,
    /// A `100 Continue`, and the body is held back for it: where neither it nor a final status comes
    /// in a while, send the body all the same (RFC 9110 §10.1.1).
    Continue,
    /// The head of the response.
    Head,
    /// The rest of the response's body.
    Body,
    /// The response has ended, the request has not: send on, or give up and close.
    Send,
    /// The other protocol, from the next byte on.
    Upgrade,
    /// Nothing: the connection is to be closed.
    Close,
}

/// What a server sent, or left out, so that the connection has to close.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The head is malformed, or passes a limit.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The body is malformed, cut, or passes a limit.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The connection ended before the final response's head did, but not before its first byte: the
    /// server was at work on the request.
    #[error("the connection ended before the response's head did")]
    HeadCut,
    /// The connection ended before any byte of a response: what happens to one that the server closed
    /// for idleness while the request was on its way. A request with an idempotent method may be sent
    /// again on another (RFC 9110 §9.2.2, RFC 9112 §9.3.1).
    #[error("the connection ended without a response")]
    Unanswered,
    /// Bytes to which no request was sent, or behind the end of a response. They are never taken for
    /// the answer to a later request (response splitting).
    #[error("bytes that answer no request")]
    Unsolicited,
    /// More 1xx than [`Limits::max_interims`](crate::Limits::max_interims) before the response.
    #[error("more than {limit} interim responses")]
    TooManyInterims {
        /// The bound that was passed.
        limit: u16,
    },
    /// A 101 without an upgrade asked for, to a protocol that was not offered or not named, or before
    /// the request was through (RFC 9110 §7.8, §15.2.2).
    #[error("101 Switching Protocols that the request did not ask for")]
    Upgrade,
}
