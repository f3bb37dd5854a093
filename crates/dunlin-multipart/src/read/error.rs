//! Why a body could not be read as multipart.

use http::StatusCode;

use crate::boundary::BoundaryError;

/// What is wrong with a multipart body. Every variant ends the reading.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ReadError {
    /// The content type is absent or is not `multipart/*`; 415.
    #[error("the content type is not multipart")]
    NotMultipart,
    /// The content type names no boundary, or names two; 400.
    #[error("the content type needs one parameter `boundary`")]
    NoBoundary,
    /// The boundary is outside the grammar; 400.
    #[error("boundary: {0}")]
    Boundary(#[from] BoundaryError),
    /// A line begins with the delimiter and goes on with something else than blanks or `--`; 400.
    #[error("a delimiter line goes on behind the boundary with byte 0x{0:02x}")]
    MalformedDelimiter(u8),
    /// The body ended before its closing delimiter; 400.
    #[error("the body ended before its closing delimiter `--{boundary}--`")]
    Unterminated {
        /// The boundary that was waited for.
        boundary: String,
    },
    /// A header line does not end with CRLF; 400.
    #[error("part {part}: a header line ends without CRLF")]
    BareLineEnd {
        /// The number of the part, from 0.
        part: usize,
    },
    /// A header line is no field: it has no colon, its name is no token, or its value has a control
    /// character; 400.
    #[error("part {part}: header line {line} is malformed")]
    MalformedHeader {
        /// The number of the part, from 0.
        part: usize,
        /// The number of the line, from 1.
        line: usize,
    },
    /// `Content-Disposition` is malformed, doubled, or in form data absent, without a name or other
    /// than `form-data`; 400.
    #[error("part {part}: {reason}")]
    Disposition {
        /// The number of the part, from 0.
        part: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The part's `Content-Transfer-Encoding` is none of 7bit, 8bit, binary, base64 and
    /// quoted-printable; 415.
    #[error("part {part}: its content transfer encoding is unknown")]
    UnknownTransferEncoding {
        /// The number of the part, from 0.
        part: usize,
    },
    /// The part is not in the transfer encoding that it names; 400.
    #[error("part {part}: byte 0x{byte:02x} is not {encoding}")]
    MalformedTransferEncoding {
        /// The number of the part, from 0.
        part: usize,
        /// The encoding's name.
        encoding: &'static str,
        /// The first byte that is wrong; 0 where the end came too soon.
        byte: u8,
    },
    /// A header line passes its limit; 400.
    #[error("part {part}: a header line exceeds the limit of {limit} bytes")]
    HeaderLineTooLong {
        /// The number of the part, from 0.
        part: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The headers of a part pass their limit; 400.
    #[error("part {part}: its headers exceed the limit of {limit} bytes")]
    HeadersTooLong {
        /// The number of the part, from 0.
        part: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A part has too many header fields; 400.
    #[error("part {part}: more than {limit} header fields")]
    TooManyHeaders {
        /// The number of the part, from 0.
        part: usize,
        /// The limit.
        limit: usize,
    },
    /// What stands around the parts passes its limit; 400.
    #[error("more than {limit} bytes stand before the first part or behind the last")]
    TooMuchPadding {
        /// The limit in bytes.
        limit: u64,
    },
    /// The body has too many parts; 413.
    #[error("the body has more than {limit} parts")]
    TooManyParts {
        /// The limit.
        limit: usize,
    },
    /// Multipart bodies stand too deep inside each other; 413.
    #[error("multipart bodies stand more than {limit} deep inside each other")]
    TooDeep {
        /// The limit, the outermost included.
        limit: usize,
    },
    /// The body is too long; 413.
    #[error("the body exceeds the limit of {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
}

impl ReadError {
    /// The status that answers a request whose body is such: 400, 413 or 415.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotMultipart | Self::UnknownTransferEncoding { .. } => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            Self::TooManyParts { .. } | Self::TooDeep { .. } | Self::TooLarge { .. } => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            _ => StatusCode::BAD_REQUEST,
        }
    }
}
