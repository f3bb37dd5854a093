//! Errors that every layer shares.

use std::borrow::Cow;
use std::sync::Arc;

use http::StatusCode;

use crate::{IntoResponse, Response};

/// Any error that can cross threads.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a body could not be read to its end.
///
/// A body that breaks off is always an error: nothing that was cut looks whole.
#[non_exhaustive]
#[derive(Clone, Debug, thiserror::Error)]
pub enum BodyError {
    /// The body is longer than the limit of the app, group or route; 413.
    #[error("the body exceeds the limit of {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The peer closed the connection before the body's end; 400.
    #[error("the connection ended before the body did")]
    Incomplete,
    /// The peer sent nothing for too long, or too little in all; 408.
    #[error("the body did not arrive in time")]
    TimedOut,
    /// The body breaks the rules of its framing; the status is the decoder's, mostly 400.
    #[error("malformed body: {reason}")]
    Malformed {
        /// What answers it.
        status: StatusCode,
        /// What is wrong and where.
        reason: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// Text was asked for and the body is not UTF-8; 415.
    #[error("the body is not valid UTF-8 at byte {at}")]
    NotUtf8 {
        /// Offset of the first byte that is not part of a character.
        at: usize,
    },
    /// Text was asked for in a charset that is not known; 415.
    #[error("the charset `{name}` is not known")]
    UnknownCharset {
        /// What was named, at most 40 characters of it.
        name: Box<str>,
    },
    /// Text was asked for and the body is not in the charset that it names; 415.
    #[error("the body is not valid {charset}")]
    Undecodable {
        /// The charset's name.
        charset: &'static str,
    },
    /// A line, or what stands before a separator, is longer than its reader takes; 400.
    #[error("a line or piece of the body exceeds the limit of {limit} bytes")]
    PieceTooLong {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The body ended before all the bytes that its reader needed; 400.
    #[error("the body ended after {found} of {expected} bytes that were expected")]
    TooShort {
        /// What was needed, in bytes.
        expected: u64,
        /// What there was, in bytes.
        found: u64,
    },
    /// The program's own producer failed or was dropped before it finished; 500.
    #[error("the body's source failed: {0}")]
    Source(Arc<dyn std::error::Error + Send + Sync>),
}

impl BodyError {
    /// A failure of the program's own producer.
    pub fn source(error: impl Into<BoxError>) -> Self {
        Self::Source(error.into().into())
    }

    /// A body that broke its framing, answered with `status`.
    pub fn malformed(status: StatusCode, reason: impl Into<BoxError>) -> Self {
        Self::Malformed { status, reason: reason.into().into() }
    }

    /// The status that answers a request whose body failed so.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Incomplete | Self::PieceTooLong { .. } | Self::TooShort { .. } => {
                StatusCode::BAD_REQUEST
            }
            Self::TimedOut => StatusCode::REQUEST_TIMEOUT,
            Self::Malformed { status, .. } => *status,
            Self::NotUtf8 { .. } | Self::UnknownCharset { .. } | Self::Undecodable { .. } => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            Self::Source(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Something that a server answers before there is a request to hand on: a head that does not parse,
/// a limit that is passed, a deadline that ends.
///
/// [`Service::refuse`](crate::Service::refuse) turns it into the response, so that these answers look
/// like the program's others.
#[derive(Clone, Debug)]
pub struct Refusal {
    status: StatusCode,
    reason: Cow<'static, str>,
}

impl Refusal {
    /// A refusal with its status, and what was wrong in words for the peer.
    pub fn new(status: StatusCode, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { status, reason: reason.into() }
    }

    /// 400, 408, 413, 414, 417, 431, 501, 503 or 505.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What was wrong, in words that the peer may see.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// `STATUS: REASON` as plain text. The refusal stays in the response's extensions, where an app's error
/// renderer finds it.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Refused");
        let text = format!("{}: {title}\n{}\n", self.status.as_str(), self.reason);
        let mut response = (self.status, text).into_response();
        response.extensions_mut().insert(self);
        response
    }
}
