//! Why a message cannot be written as asked: the caller's mistakes, not the peer's.

use core::fmt;

use thiserror::Error;

/// A reason why a head cannot be written as asked. It is the caller's mistake, not the peer's.
///
/// It is of eight bytes, indexes and positions among them: beside it the encoder that is returned lies in parts
/// which are moved one by one.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, Error)]
pub enum EncodeError {
    /// A field's name is not a token, or its value holds a control byte (RFC 9110 §5.1, §5.5).
    #[error("header field at index {index}: name that is no token, or value with a control byte")]
    Field {
        /// Which one, in the order that they are stored in, from 0.
        index: u32,
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
        /// The field's name.
        name: SingletonField,
    },
    /// The method is not a token (RFC 9110 §9.1).
    #[error("invalid method")]
    Method,
    /// The request target is empty, longer than 65,535 bytes, or holds a control, non-ASCII byte,
    /// blank or `#` (RFC 9112 §3.2).
    #[error("invalid request target at byte {at}")]
    Target {
        /// Where, from the start of the target.
        at: u32,
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
    #[error("content-length is no number, or does not agree with the body or with another one")]
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
}

/// A reason why a body, or the trailers at its end, cannot be written as asked.
///
/// The head has announced another body then, and the connection must close.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, Error)]
pub enum BodyEncodeError {
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

/// A field of which a request may have one alone (RFC 9110 §5.5).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SingletonField {
    /// `content-length`
    ContentLength,
    /// `content-location`
    ContentLocation,
    /// `content-range`
    ContentRange,
    /// `content-type`
    ContentType,
    /// `etag`
    Etag,
    /// `expect`
    Expect,
    /// `host`
    Host,
    /// `max-forwards`
    MaxForwards,
    /// `server`
    Server,
    /// `te`
    Te,
    /// `transfer-encoding`
    TransferEncoding,
    /// `user-agent`
    UserAgent,
}

impl SingletonField {
    /// The field's name, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ContentLength => "content-length",
            Self::ContentLocation => "content-location",
            Self::ContentRange => "content-range",
            Self::ContentType => "content-type",
            Self::Etag => "etag",
            Self::Expect => "expect",
            Self::Host => "host",
            Self::MaxForwards => "max-forwards",
            Self::Server => "server",
            Self::Te => "te",
            Self::TransferEncoding => "transfer-encoding",
            Self::UserAgent => "user-agent",
        }
    }
}

impl fmt::Display for SingletonField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BodyEncoder;

    /// The error lies in the encoder's place: there is no tag beside the two to be written and looked at.
    #[test]
    fn what_encoders_return_is_no_larger_than_an_encoder() {
        assert_eq!(size_of::<Result<BodyEncoder, EncodeError>>(), size_of::<BodyEncoder>());
    }

    #[test]
    fn singletons_have_the_names_that_they_are() {
        for (field, name) in [
            (SingletonField::ContentLength, "content-length"),
            (SingletonField::Host, "host"),
            (SingletonField::TransferEncoding, "transfer-encoding"),
        ] {
            assert_eq!((field.as_str(), &*alloc::format!("{field}")), (name, name));
        }
    }
}
