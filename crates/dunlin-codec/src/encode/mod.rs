//! Writing messages into a buffer.
//!
//! Everything is appended to a `Vec<u8>`, so that the answers to pipelined requests go out in one
//! write. Whatever a caller passes, no byte gets out that would end a line, a head or a chunk early:
//! targets, names and values are checked here, not trusted.

mod body;
#[cfg(feature = "std")]
mod connection;
#[cfg(feature = "std")]
mod fields;
#[cfg(feature = "std")]
mod request;
#[cfg(feature = "std")]
mod response;
#[cfg(feature = "std")]
mod signature;
#[cfg(feature = "std")]
mod target;
mod write;

pub use body::{BodyEncoder, BodyKind};
#[cfg(feature = "std")]
pub(crate) use request::append_request;
#[cfg(feature = "std")]
pub use request::{RequestCtx, encode_request};
#[cfg(feature = "std")]
pub use response::{EncodeCtx, encode_response};
#[cfg(feature = "std")]
pub use signature::Signature;
use thiserror::Error;

use crate::scan;

/// How much body a message has.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BodyLen {
    /// So many bytes.
    Exact(u64),
    /// To be seen when it ends.
    Unknown,
}

#[cfg(feature = "std")]
impl From<Option<u64>> for BodyLen {
    fn from(len: Option<u64>) -> Self {
        len.map_or(Self::Unknown, Self::Exact)
    }
}

/// A reason why a message cannot be written as asked. It is the caller's mistake, not the peer's.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, Error)]
pub enum EncodeError {
    /// A field's name is not a token, or its value holds a control byte (RFC 9110 §5.1, §5.5).
    #[error("header field at index {index}: name that is no token, or value with a control byte")]
    Field {
        /// Which one, in the order that they are stored in, from 0.
        index: usize,
    },
    /// An option in a Connection field is not a token (RFC 9110 §7.6.1).
    #[error("connection option that is no token")]
    ConnectionOption,
    /// The reason phrase holds a control byte (RFC 9112 §4).
    #[error("reason phrase with a control byte")]
    Reason,
    /// A field that may stand in a request once stands there again: its readers would disagree
    /// (RFC 9110 §5.3).
    #[error("{name} given more than once")]
    Repeated {
        /// The field's name, in lower case.
        name: &'static str,
    },
    /// The method is not a token (RFC 9110 §9.1).
    #[error("invalid method")]
    Method,
    /// The request target is empty, longer than 65,535 bytes, or holds a control, non-ASCII byte,
    /// blank or `#` (RFC 9112 §3.2).
    #[error("invalid request target at byte {at}")]
    Target {
        /// Where, from the start of the target.
        at: usize,
    },
    /// The request target has none of the forms that the method and the way to the server allow
    /// (RFC 9112 §3.2.1 to §3.2.4).
    #[error("request target in a form that does not fit the request")]
    TargetForm,
    /// The authority of the request target is missing or malformed, or has userinfo, which no
    /// message may have (RFC 9110 §4.2.4).
    #[error("invalid authority in request target")]
    Authority,
    /// Neither the target nor the caller names a host (RFC 9112 §3.2).
    #[error("host missing")]
    MissingHost,
    /// Host is not `host[:port]`, or another than that in the target (RFC 9112 §3.2, §3.2.2).
    #[error("invalid host")]
    Host,
    /// An expectation besides `100-continue` (RFC 9110 §10.1.1).
    #[error("expectation other than 100-continue")]
    Expectation,
    /// A TE besides `trailers`: no transfer coding but chunked would be understood
    /// (RFC 9110 §10.1.4).
    #[error("te other than trailers")]
    Te,
    /// A Content-Length that is no number, or not the body's (RFC 9110 §8.6).
    #[error("content-length does not agree with the body")]
    ContentLength,
    /// A Transfer-Encoding that the encoder would not have chosen: it knows `chunked` alone.
    #[error("transfer-encoding other than chunked")]
    TransferEncoding,
    /// A body with a method that has none: CONNECT or TRACE (RFC 9110 §9.3.6, §9.3.8).
    #[error("body with a method that has none")]
    BodyForbidden,
    /// A body of unknown length in an HTTP/1.0 request: it has no chunks, and a request cannot end
    /// where the connection does (RFC 9112 §6.3).
    #[error("body of unknown length in an HTTP/1.0 request")]
    UnknownLength,
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
    /// A trailer's name is not a token, or its value holds a control byte (RFC 9110 §5.1, §5.5).
    #[error("trailer field at index {index}: name that is no token, or value with a control byte")]
    Trailer {
        /// Which one, in the order that they are given in, from 0.
        index: usize,
    },
    /// A trailer has a name that may not stand in trailers (RFC 9110 §6.5.1), such as Content-Length.
    #[error("trailer field at index {index}: name that may stand in the head alone")]
    ForbiddenTrailer {
        /// Which one, in the order that they are given in, from 0.
        index: usize,
    },
}

/// Whether name and value make a field line (RFC 9110 §5.1, §5.5).
#[inline]
fn is_field(name: &[u8], value: &[u8]) -> bool {
    scan::is_token(name) && scan::is_field_value(value)
}

/// Whether `name` is `lower` but for case.
///
/// Setting one bit turns letters to lower case and leaves `-` and digits alone. It would also turn CR
/// into `-`, so it must be a token.
#[cfg(feature = "std")]
#[inline(always)]
fn is_name<const N: usize>(name: &[u8], lower: &[u8; N]) -> bool {
    name.len() == N
        && name.first_chunk::<N>().is_some_and(|name| name.map(|byte| byte | 0x20) == *lower)
}

/// A Content-Length's value (RFC 9110 §8.6).
#[cfg(feature = "std")]
fn parse_length(value: &[u8]) -> Option<u64> {
    let add = |sum: u64, digit: &u8| match digit {
        b'0'..=b'9' => sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    };
    if value.is_empty() { None } else { value.iter().try_fold(0, add) }
}

/// Appends a Content-Length field.
#[cfg(feature = "std")]
#[inline(always)]
fn append_length(length: u64, out: &mut alloc::vec::Vec<u8>) {
    append_open_length(length, out);
    out.extend_from_slice(b"\r\n");
}

/// The same without the end of its line.
///
/// Below ten to the eighth it is written as one piece of fixed size and what stands behind the last
/// digit is taken back: copies whose size is known are no calls.
#[cfg(feature = "std")]
#[inline(always)]
fn append_open_length(length: u64, out: &mut alloc::vec::Vec<u8>) {
    const NAME: &[u8; 16] = b"content-length: ";
    let Some((digits, count)) = write::decimal(length) else {
        return append_long_length(length, out);
    };
    let mut field = [0; 24];
    field[..16].copy_from_slice(NAME);
    field[16..].copy_from_slice(&digits.to_le_bytes());
    let end = out.len() + NAME.len() + count as usize;
    out.extend_from_slice(&field);
    out.truncate(end);
}

#[cfg(feature = "std")]
#[cold]
fn append_long_length(length: u64, out: &mut alloc::vec::Vec<u8>) {
    out.extend_from_slice(b"content-length: ");
    out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
}
