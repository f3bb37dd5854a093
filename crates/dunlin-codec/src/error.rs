//! What the decoders refuse, and which status answers it.
//!
//! One enum per operation. A message says what was wrong and at which byte, counted from the start
//! of the section; none repeats the peer's bytes, so that a message may go into a log or a response
//! as it is.

use thiserror::Error;

/// A reason to reject a message head. Every variant is fatal to the connection, because where the
/// next message would start is unknown.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, Error)]
pub enum HeadError {
    /// The method holds a byte that is not a token's, or is empty (RFC 9110 §9.1).
    #[error("invalid byte 0x{byte:02x} in method at byte {at}")]
    Method {
        /// The byte found.
        byte: u8,
        /// Where, from the start of the head.
        at: usize,
    },
    /// The method is longer than [`Limits::max_method_bytes`](crate::Limits::max_method_bytes).
    #[error("method longer than {limit} bytes")]
    MethodTooLong {
        /// The bound that was passed.
        limit: usize,
    },
    /// The request target holds a control, non-ASCII byte, blank or `#`, or is empty
    /// (RFC 9112 §3.2).
    #[error("invalid byte 0x{byte:02x} in request target at byte {at}")]
    Target {
        /// The byte found.
        byte: u8,
        /// Where, from the start of the head.
        at: usize,
    },
    /// The request target has none of the forms that its method allows (RFC 9112 §3.2.1 to
    /// §3.2.4).
    #[error("request target in a form that the method does not allow")]
    TargetForm,
    /// The request target is an absolute or authority form without a valid host
    /// (RFC 9110 §4.2, RFC 3986 §3.2.2).
    #[error("invalid authority in request target")]
    TargetAuthority,
    /// What stands at the protocol version's place is none (RFC 9112 §2.3).
    #[error("invalid protocol version at byte {at}")]
    Version {
        /// Where, from the start of the head.
        at: usize,
    },
    /// A protocol version other than 1.0 and 1.1 (RFC 9110 §15.6.6).
    #[error("unsupported protocol version HTTP/{major}.{minor}")]
    UnsupportedVersion {
        /// The digit before the dot.
        major: u8,
        /// The digit after the dot.
        minor: u8,
    },
    /// The status is not three digits from 100 to 999 (RFC 9112 §4).
    #[error("invalid status code at byte {at}")]
    Status {
        /// Where, from the start of the head.
        at: usize,
    },
    /// The reason phrase holds a control byte (RFC 9112 §4).
    #[error("invalid byte 0x{byte:02x} in reason phrase at byte {at}")]
    Reason {
        /// The byte found.
        byte: u8,
        /// Where, from the start of the head.
        at: usize,
    },
    /// A CR without LF or an LF without CR (RFC 9112 §2.2).
    #[error("line not ended by CRLF at byte {at}")]
    LineEnd {
        /// Where, from the start of the section.
        at: usize,
    },
    /// More empty lines before the request line than
    /// [`Limits::max_empty_lines`](crate::Limits::max_empty_lines).
    #[error("more than {limit} empty lines before the request line")]
    EmptyLines {
        /// The bound that was passed.
        limit: u8,
    },
    /// The start line is longer than [`Limits::max_line_bytes`](crate::Limits::max_line_bytes).
    #[error("start line longer than {limit} bytes")]
    LineTooLong {
        /// The bound that was passed.
        limit: usize,
    },
    /// A field name holds a byte that is not a token's, is empty, or is followed by whitespace
    /// (RFC 9112 §5.1).
    #[error("invalid byte 0x{byte:02x} in field name at byte {at}")]
    FieldName {
        /// The byte found.
        byte: u8,
        /// Where, from the start of the section.
        at: usize,
    },
    /// A field line without a colon (RFC 9112 §5).
    #[error("field line without colon at byte {at}")]
    MissingColon {
        /// Where the line ends, from the start of the section.
        at: usize,
    },
    /// A line that starts with whitespace: obsolete folding (RFC 9112 §5.2), or whitespace before
    /// the first field (§2.2).
    #[error("line starts with whitespace at byte {at}")]
    Folded {
        /// Where, from the start of the section.
        at: usize,
    },
    /// A field value holds a control byte (RFC 9110 §5.5).
    #[error("invalid byte 0x{byte:02x} in field value at byte {at}")]
    FieldValue {
        /// The byte found.
        byte: u8,
        /// Where, from the start of the section.
        at: usize,
    },
    /// A field line is longer than [`Limits::max_field_bytes`](crate::Limits::max_field_bytes).
    #[error("field line longer than {limit} bytes")]
    FieldTooLong {
        /// The bound that was passed.
        limit: usize,
    },
    /// More field lines than [`Limits::max_headers`](crate::Limits::max_headers), those of the head
    /// counted with those of the trailer section, or than there were slots for.
    #[error("more than {limit} field lines")]
    TooManyFields {
        /// The bound that was passed.
        limit: u16,
    },
    /// The section is longer than [`Limits::max_head_bytes`](crate::Limits::max_head_bytes) or
    /// [`Limits::max_trailer_bytes`](crate::Limits::max_trailer_bytes).
    #[error("section longer than {limit} bytes")]
    TooLarge {
        /// The bound that was passed.
        limit: usize,
    },
    /// The fields are well formed, but leave open where the message ends or whom it is for.
    #[error(transparent)]
    Framing(#[from] FramingError),
}

impl HeadError {
    /// The status code that answers this request: 400, 413, 414, 417, 431, 501 or 505.
    pub const fn status(&self) -> u16 {
        match self {
            Self::MethodTooLong { .. } => 501,
            Self::UnsupportedVersion { .. } => 505,
            Self::LineTooLong { .. } => 414,
            Self::FieldTooLong { .. } | Self::TooManyFields { .. } | Self::TooLarge { .. } => 431,
            Self::Framing(error) => error.status(),
            _ => 400,
        }
    }

    /// Where the byte stands that is wrong, from the start of the head or trailer section; `None` where
    /// it is no single byte, as with a bound that was passed.
    pub const fn at(&self) -> Option<usize> {
        match *self {
            Self::Method { at, .. }
            | Self::Target { at, .. }
            | Self::Version { at }
            | Self::Status { at }
            | Self::Reason { at, .. }
            | Self::LineEnd { at }
            | Self::FieldName { at, .. }
            | Self::MissingColon { at }
            | Self::Folded { at }
            | Self::FieldValue { at, .. } => Some(at),
            _ => None,
        }
    }
}

/// A reason to reject a head whose fields each parse, but on whose meaning two parties could
/// disagree.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, Error)]
pub enum FramingError {
    /// An HTTP/1.1 request without Host (RFC 9112 §3.2).
    #[error("host missing")]
    MissingHost,
    /// Host is not `host[:port]` (RFC 9112 §3.2, RFC 3986 §3.2.2).
    #[error("invalid host")]
    Host,
    /// A field that may stand in a head once stands there again, equal or not (RFC 9110 §5.3).
    #[error("{name} given more than once")]
    Repeated {
        /// The field's name, in lower case.
        name: &'static str,
    },
    /// Content-Length is not one run of digits (RFC 9112 §6.3, rule 5).
    #[error("invalid content-length")]
    ContentLength,
    /// Content-Length does not fit in 64 bits (RFC 9110 §8.6).
    #[error("content-length overflows 64 bits")]
    LengthOverflow,
    /// Both Content-Length and Transfer-Encoding (RFC 9112 §6.3, rule 3).
    #[error("both content-length and transfer-encoding")]
    LengthAndEncoding,
    /// Transfer-Encoding is not a list of codings in which `chunked` stands once and last
    /// (RFC 9112 §6.1).
    #[error("invalid transfer-encoding")]
    TransferEncoding,
    /// Transfer-Encoding names a coding besides `chunked` (RFC 9112 §6.1).
    #[error("transfer-encoding other than chunked")]
    UnknownEncoding,
    /// Transfer-Encoding in an HTTP/1.0 message (RFC 9112 §6.1).
    #[error("transfer-encoding in an HTTP/1.0 message")]
    EncodingInHttp10,
    /// A CONNECT request with a body: whether it belongs to the request or to the tunnel would be
    /// anybody's guess (RFC 9110 §9.3.6).
    #[error("body with CONNECT")]
    BodyForbidden,
    /// Expect asks for something besides `100-continue` (RFC 9110 §10.1.1).
    #[error("expectation other than 100-continue")]
    UnknownExpectation,
}

impl FramingError {
    /// The status code that answers this request: 400, 413, 417 or 501.
    pub const fn status(&self) -> u16 {
        match self {
            Self::LengthOverflow => 413,
            Self::UnknownExpectation => 417,
            Self::UnknownEncoding => 501,
            _ => 400,
        }
    }
}

/// A reason to reject a chunked body. Every variant is fatal to the connection.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, Error)]
pub enum ChunkError {
    /// The size holds a byte that is no hex digit, or is empty (RFC 9112 §7.1).
    #[error("invalid byte 0x{0:02x} in chunk size")]
    Size(u8),
    /// The size does not fit in 64 bits (RFC 9112 §7.1).
    #[error("chunk size overflows 64 bits")]
    SizeOverflow,
    /// The extension holds a byte that its grammar does not allow there (RFC 9112 §7.1.1).
    #[error("invalid byte 0x{0:02x} in chunk extension")]
    Extension(u8),
    /// The size line is longer than
    /// [`Limits::max_chunk_line_bytes`](crate::Limits::max_chunk_line_bytes).
    #[error("chunk size line longer than {limit} bytes")]
    LineTooLong {
        /// The bound that was passed.
        limit: usize,
    },
    /// The extensions of this body are longer than
    /// [`Limits::max_chunk_ext_bytes`](crate::Limits::max_chunk_ext_bytes) together.
    #[error("chunk extensions longer than {limit} bytes")]
    ExtensionsTooLong {
        /// The bound that was passed.
        limit: usize,
    },
    /// The size line is not ended by CRLF (RFC 9112 §2.2).
    #[error("chunk size line not ended by CRLF")]
    LineEnd,
    /// The chunk's data is not followed by CRLF (RFC 9112 §7.1).
    #[error("chunk data not followed by CRLF")]
    MissingCrlf,
    /// The trailer section is malformed or too large (RFC 9112 §7.1.2).
    #[error("trailer section: {0}")]
    Trailers(HeadError),
}

impl ChunkError {
    /// The status code that answers this request: 400, 413 or 431.
    pub const fn status(&self) -> u16 {
        match self {
            Self::SizeOverflow => 413,
            Self::Trailers(error) => error.status(),
            _ => 400,
        }
    }
}

/// A reason why a body cannot be read to its end. Every variant is fatal to the connection.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, Error)]
pub enum BodyError {
    /// The chunked coding is malformed.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// The peer closed before the declared length was through (RFC 9112 §8).
    #[error("body cut {missing} bytes short of its declared length")]
    Short {
        /// How many bytes were still to come.
        missing: u64,
    },
    /// The peer closed before the last chunk and trailer section were through (RFC 9112 §8).
    #[error("chunked body cut before its last chunk")]
    Unterminated,
}

impl BodyError {
    /// The status code that answers this request: 400, 413 or 431.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Chunk(error) => error.status(),
            Self::Short { .. } | Self::Unterminated => 400,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn messages_name_the_byte_and_its_place() {
        let error = HeadError::FieldName { byte: b' ', at: 40 };
        assert_eq!(error.to_string(), "invalid byte 0x20 in field name at byte 40");
        let error = ChunkError::Trailers(HeadError::LineEnd { at: 7 });
        assert_eq!(error.to_string(), "trailer section: line not ended by CRLF at byte 7");
    }

    #[test]
    fn every_family_of_errors_has_its_status() {
        assert_eq!(HeadError::LineTooLong { limit: 1 }.status(), 414);
        assert_eq!(HeadError::from(FramingError::UnknownExpectation).status(), 417);
        assert_eq!(HeadError::from(FramingError::UnknownEncoding).status(), 501);
        assert_eq!(HeadError::UnsupportedVersion { major: 2, minor: 0 }.status(), 505);
        assert_eq!(BodyError::from(ChunkError::SizeOverflow).status(), 413);
        let flood = HeadError::TooManyFields { limit: 1 };
        assert_eq!(BodyError::from(ChunkError::Trailers(flood)).status(), 431);
    }
}
