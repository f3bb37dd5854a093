//! Both ends of a connection as codecs for `tokio_util::codec::Framed` (feature `codec`).
//!
//! [`ServerConn`](crate::ServerConn) and [`ClientConn`](crate::ClientConn) decide; here stand only the
//! item types, and what a `Framed` needs beside: events that own their bytes, an end to every message,
//! silence after an error.

mod client;
mod server;

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use dunlin_core::{Headers, RequestHead, ResponseHead};
use http::StatusCode;
use thiserror::Error;

pub use self::client::ClientCodec;
pub use self::server::ServerCodec;
use crate::conn::{ClientError, ConnError, SendError};
use crate::encode::BodyLen;
use crate::error::BodyError;
use crate::framing::Framing;

/// A piece of a request: what [`ServerCodec`] decodes and [`ClientCodec`] encodes.
///
/// Every request is a head, any number of `Data`, perhaps `Trailers`, and `End`, also where there is no
/// body. Instead of `End` there may be `Close`, where an earlier answer has closed the connection: that
/// request is not to be answered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RequestEvent {
    /// Method, target, version and fields.
    Head {
        /// The head.
        head: RequestHead,
        /// How much body comes; zero for none.
        len: BodyLen,
    },
    /// Bytes of the body; as decoded never empty, and a slice of the buffer that they were read into.
    Data(Bytes),
    /// Fields after a chunked body. To be sent they go before `End`; a body that is not chunked has no
    /// place for them, and they are dropped.
    Trailers(Headers),
    /// The request has ended.
    End,
    /// No request follows: the connection is to be closed once what is owed has been sent. Comes at most
    /// once, and not after an error or where the client closes first. Encoded it is nothing.
    Close,
}

/// A piece of a response: what [`ClientCodec`] decodes and [`ServerCodec`] encodes.
///
/// Every response is a head, any number of `Data`, perhaps `Trailers`, and `End`, also where there is no
/// body; any number of `Interim` go before.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ResponseEvent {
    /// A 1xx besides 101: the response is still to come (RFC 9110 §15.2). To be sent, 100 goes out only
    /// where the client [waits for it](crate::ServerConn::owes_continue), and none to HTTP/1.0.
    Interim(ResponseHead),
    /// Status, version and fields. To be sent, `Connection: close` among the fields closes the connection
    /// afterwards.
    Head {
        /// The head.
        head: ResponseHead,
        /// How much body comes; zero for none.
        len: BodyLen,
    },
    /// Bytes of the body; as decoded never empty, and a slice of the buffer that they were read into. To
    /// be sent behind a head that has no body, to HEAD for example, they are dropped.
    Data(Bytes),
    /// Fields after a chunked body. To be sent they go before `End`; a body that is not chunked has no
    /// place for them, and they are dropped.
    Trailers(Headers),
    /// The response has ended.
    End,
    /// A 101, or a 2xx to CONNECT: the next byte belongs to the other protocol or to the tunnel. Take the
    /// `Framed` apart, its read buffer may hold some; no `End` follows.
    Upgrade(ResponseHead),
}

impl ResponseEvent {
    /// `100 Continue`.
    pub fn continue_100() -> Self {
        let mut head = ResponseHead::default();
        head.status = StatusCode::CONTINUE;
        Self::Interim(head)
    }
}

/// Why a codec has given up on a connection, or refused to send an event.
///
/// One type for both directions, because who holds a `Framed` reads and writes in one function.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CodecError {
    /// What the client sent cannot be understood. The answer with [`status`](Self::status) is due.
    #[error(transparent)]
    Request(#[from] ConnError),
    /// What the server sent cannot be understood. The connection is to be closed.
    #[error(transparent)]
    Response(#[from] ClientError),
    /// The event cannot be sent. Nothing of it has been written.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The peer sent on although it has to wait whether the connection leaves HTTP, and the bytes cannot
    /// be told yet, or the connection has left it, and the `Framed` was polled on.
    #[error("more than {limit} bytes that may belong to another protocol")]
    Unread {
        /// The bound that was passed: [`Limits::max_head_bytes`](crate::Limits::max_head_bytes).
        limit: usize,
    },
    /// The transport failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl CodecError {
    /// The status that answers what a client sent; `None` where there is nothing to answer.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Request(error) => Some(error.status()),
            Self::Unread { .. } => Some(StatusCode::BAD_REQUEST),
            Self::Response(_) | Self::Send(_) | Self::Io(_) => None,
        }
    }
}

/// `UnexpectedEof` where the peer closed too early, `InvalidInput` for what cannot be sent,
/// `InvalidData` for the rest; the [`CodecError`] is its source.
impl From<CodecError> for io::Error {
    fn from(error: CodecError) -> Self {
        let kind = match &error {
            CodecError::Request(
                ConnError::HeadCut
                | ConnError::Body(BodyError::Short { .. } | BodyError::Unterminated),
            )
            | CodecError::Response(
                ClientError::HeadCut
                | ClientError::Unanswered
                | ClientError::Body(BodyError::Short { .. } | BodyError::Unterminated),
            ) => io::ErrorKind::UnexpectedEof,
            CodecError::Request(_) | CodecError::Response(_) | CodecError::Unread { .. } => {
                io::ErrorKind::InvalidData
            }
            CodecError::Send(_) => io::ErrorKind::InvalidInput,
            CodecError::Io(_) => io::ErrorKind::Other,
        };
        match error {
            CodecError::Io(error) => error,
            error => Self::new(kind, error),
        }
    }
}

fn body_len(framing: Framing) -> BodyLen {
    match framing {
        Framing::None => BodyLen::Exact(0),
        Framing::Length(len) => BodyLen::Exact(len),
        Framing::Chunked | Framing::UntilClose => BodyLen::Unknown,
    }
}

/// Takes `used` bytes off the front of `src` and returns the last `len` of them, uncopied.
fn take_data(src: &mut BytesMut, used: usize, len: usize) -> Bytes {
    src.advance(used - len);
    src.split_to(len).freeze()
}
