//! Message heads: start line and fields (RFC 9112 §2 to §5).
//!
//! One pass over the bytes finds every name and value and checks the grammar; a second, over the
//! names alone, gathers the [`Facts`](crate::Facts) about framing. Nothing is copied: what comes out
//! are offsets.
//!
//! A head that arrives in pieces is parsed from where the last call stopped, and the result is
//! the same as in one piece.

use core::fmt;

mod fields;
#[cfg(feature = "std")]
mod lenient;
#[cfg(feature = "std")]
mod owned;
#[cfg(feature = "std")]
mod owned_response;
mod parser;
mod request;
mod request_line;
mod response;
mod status_line;
#[cfg(test)]
mod tests;

pub(crate) use fields::sealed;
pub(crate) use fields::{Accepted, FieldLimits, FieldLines, Lines, Taken};
pub use fields::{Field, FieldSink, Span};
#[cfg(feature = "std")]
pub use lenient::Leniency;
#[cfg(feature = "std")]
pub use owned::HeadDecoder;
#[cfg(feature = "std")]
pub use owned_response::ResponseHeadDecoder;
pub use request::{ParsedRequest, RequestParser, parse_request};
pub use response::{ParsedResponse, ResponseParser, parse_response};

/// Protocol version of a message; a codec for HTTP/1 knows no others.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    #[default]
    Http11,
}

/// A request's method, borrowed from its head.
///
/// Methods are case-sensitive (RFC 9110 §9.1): `get` is an [`Other`](Self::Other).
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Method<'i> {
    /// GET
    Get,
    /// HEAD
    Head,
    /// POST
    Post,
    /// PUT
    Put,
    /// DELETE
    Delete,
    /// CONNECT
    Connect,
    /// OPTIONS
    Options,
    /// TRACE
    Trace,
    /// PATCH (RFC 5789)
    Patch,
    /// Any other token.
    Other(&'i [u8]),
}

impl<'i> Method<'i> {
    /// The method that `token` names.
    #[inline]
    pub const fn new(token: &'i [u8]) -> Self {
        // The rest is worth a jump by length; this is worth one compare.
        if matches!(token, b"GET") { Self::Get } else { Self::not_get(token) }
    }

    #[inline(never)]
    const fn not_get(token: &'i [u8]) -> Self {
        match token {
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"CONNECT" => Self::Connect,
            b"OPTIONS" => Self::Options,
            b"TRACE" => Self::Trace,
            b"PATCH" => Self::Patch,
            other => Self::Other(other),
        }
    }

    /// The token, as on the wire.
    pub const fn as_bytes(&self) -> &'i [u8] {
        match self {
            Self::Get => b"GET",
            Self::Head => b"HEAD",
            Self::Post => b"POST",
            Self::Put => b"PUT",
            Self::Delete => b"DELETE",
            Self::Connect => b"CONNECT",
            Self::Options => b"OPTIONS",
            Self::Trace => b"TRACE",
            Self::Patch => b"PATCH",
            Self::Other(token) => token,
        }
    }
}

/// The token, with escapes where it is none.
impl fmt::Display for Method<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().escape_ascii().fmt(f)
    }
}

/// As [`Display`](fmt::Display).
impl fmt::Debug for Method<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A peer's bytes, shown as text in quotes.
pub(crate) struct Text<'b>(pub(crate) &'b [u8]);

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// What the ten bytes `HTTP/d.dCRLF` at the start of `rest` say, as far as they are there.
///
/// `Ok(None)` where they may still become a version; errors stand at the first byte that rules
/// every version out, and count from `at`.
#[cold]
fn unusual_version(rest: &[u8], at: usize) -> Result<Option<Version>, crate::HeadError> {
    use crate::HeadError;
    for (i, &byte) in rest.iter().take(10).enumerate() {
        let expected = match i {
            5 | 7 => byte.is_ascii_digit(),
            8 | 9 if byte != b"\r\n"[i - 8] && (i == 9 || byte == b'\n') => {
                return Err(HeadError::LineEnd { at: at + i });
            }
            _ => byte == b"HTTP/0.0\r\n"[i],
        };
        if !expected {
            return Err(HeadError::Version { at: at + i });
        }
    }
    match rest.first_chunk::<10>() {
        None => Ok(None),
        Some(b"HTTP/1.1\r\n") => Ok(Some(Version::Http11)),
        Some(b"HTTP/1.0\r\n") => Ok(Some(Version::Http10)),
        Some(line) => Err(HeadError::UnsupportedVersion {
            major: line[5].wrapping_sub(b'0'),
            minor: line[7].wrapping_sub(b'0'),
        }),
    }
}
