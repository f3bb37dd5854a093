//! Writing messages into a buffer.
//!
//! Everything is appended to a `Vec<u8>`, so that the answers to pipelined requests go out in one
//! write. Whatever a caller passes, no byte gets out that would end a field, a head or a chunk
//! early: names and values are checked here, not trusted.

mod body;
#[cfg(feature = "std")]
mod head;
#[cfg(feature = "std")]
mod signature;

use alloc::vec::Vec;

pub use body::{BodyEncoder, BodyKind};
#[cfg(feature = "std")]
pub use head::{BodyLen, EncodeCtx, encode_response};
#[cfg(feature = "std")]
pub use signature::Signature;
use thiserror::Error;

use crate::scan;

/// A reason why a message cannot be written as asked. It is the caller's mistake, not the peer's.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, Error)]
pub enum EncodeError {
    /// A field's name is not a token, or its value holds a control byte (RFC 9110 §5.1, §5.5).
    #[error("invalid header field")]
    Field,
    /// A Content-Length that is no number, or not the body's (RFC 9110 §8.6).
    #[error("content-length does not agree with the body")]
    ContentLength,
    /// A Transfer-Encoding that the encoder would not have chosen: it knows `chunked` alone.
    #[error("transfer-encoding other than chunked")]
    TransferEncoding,
    /// More data than Content-Length declared.
    #[error("body {excess} bytes longer than its declared length")]
    TooLong {
        /// Bytes beyond the declared length.
        excess: u64,
    },
    /// The body ended before its declared length.
    #[error("body {missing} bytes shorter than its declared length")]
    TooShort {
        /// Bytes that did not come.
        missing: u64,
    },
    /// A trailer's name or value is outside the grammar, or its name forbidden in trailers.
    #[error("invalid trailer field")]
    Trailer,
}

/// Appends a field line.
#[inline]
fn append_field(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.reserve(name.len() + value.len() + 4);
    for part in [name, b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// Whether name and value make a field line (RFC 9110 §5.1, §5.5).
#[inline]
fn is_field(name: &[u8], value: &[u8]) -> bool {
    scan::is_token(name) && scan::is_field_value(value)
}
