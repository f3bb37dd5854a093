//! Response heads (RFC 9112 §4).

use core::{fmt, mem::MaybeUninit};

use super::parser::{HeadParser, parse_once};
use super::status_line::{StatusLine, UsualLine};
use super::{Field, FieldSink, Text, Version};
use crate::{error::HeadError, framing::Facts, limits::Limits, scan::FieldSlots};

/// Parses the response head at the start of `input` in one go, with its fields in `slots`.
///
/// The counterpart of [`parse_request`](super::parse_request).
///
/// ```
/// use std::mem::MaybeUninit;
/// use dunlin_codec::{Limits, parse_response};
///
/// let mut slots = [MaybeUninit::uninit(); 32];
/// let input = b"HTTP/1.1 204 No Content\r\nETag: \"1\"\r\n\r\n";
/// let (head, fields) = parse_response(input, &mut slots, &Limits::default())?.expect("whole");
/// assert_eq!((head.status(), head.field(fields[0])), (204, (&b"ETag"[..], &b"\"1\""[..])));
/// # Ok::<(), dunlin_codec::HeadError>(())
/// ```
///
/// # Errors
///
/// [`HeadError`] for input outside the grammar or past a limit, and for more fields than slots.
#[inline]
pub fn parse_response<'i, 'f>(
    input: &'i [u8],
    slots: &'f mut [MaybeUninit<Field>],
    limits: &Limits,
) -> Result<Option<(ParsedResponse<'i>, &'f [Field])>, HeadError> {
    parse_once::<StatusLine>(input, slots, limits)
}

/// The same for a head that is not as most are.
#[cold]
#[inline(never)]
pub(super) fn parse_unusual_response<'i, 'f>(
    mut input: &'i [u8],
    mut fields: FieldSlots<'f>,
    limits: &Limits,
) -> Result<Option<(ParsedResponse<'i>, &'f [Field])>, HeadError> {
    let head = ResponseParser::new().parse(&mut input, limits, &mut fields)?;
    Ok(head.map(|head| (head, fields.into_slice())))
}

/// Parses response heads, each from as many pieces as it comes in.
///
/// The counterpart of [`RequestParser`](super::RequestParser), with the same rules for fields. An
/// empty line before the status line is refused: only a server is asked to skip one.
///
/// ```
/// use dunlin_codec::{Framing, Limits, Method, ResponseParser};
///
/// let mut input = &b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"[..];
/// let (mut parser, mut fields) = (ResponseParser::new(), Vec::new());
/// let head = parser.parse(&mut input, &Limits::default(), &mut fields)?.expect("whole");
/// assert_eq!((head.status(), head.reason()), (200, &b"OK"[..]));
/// let facts = head.facts(&fields);
/// assert_eq!(facts.response_framing(200, Method::Get)?, Framing::Length(5));
/// # Ok::<(), dunlin_codec::HeadError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ResponseParser {
    head: HeadParser<StatusLine>,
}

impl ResponseParser {
    /// A parser at the start of a head.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses the head at the front of `input`; on success, takes it off there and hands its
    /// fields to `fields`.
    ///
    /// `Ok(None)` means that the head is not complete. `input` is then left alone: append bytes
    /// and call again with the same front, limits and sink.
    ///
    /// After a head, the parser is ready for the next, which may be the final response after a
    /// `100 Continue`.
    ///
    /// # Errors
    ///
    /// [`HeadError`] for input outside the grammar or past a limit. The connection must then
    /// close, and the parser is of no further use.
    #[inline]
    pub fn parse<'i>(
        &mut self,
        input: &mut &'i [u8],
        limits: &Limits,
        fields: &mut impl FieldSink,
    ) -> Result<Option<ParsedResponse<'i>>, HeadError> {
        let usual = |_: &mut _, bytes, line: UsualLine| {
            Ok(Some(ParsedResponse { bytes, line: line.into() }))
        };
        self.head.parse_then(input, limits, fields, usual, |_, head, _| head)
    }

    /// Whether a head has been begun: bytes of it were seen by [`parse`](Self::parse).
    pub fn is_within_head(&self) -> bool {
        self.head.is_within_head()
    }
}

/// A complete response head, borrowed from the input it was parsed from.
#[derive(Clone, Copy)]
pub struct ParsedResponse<'i> {
    bytes: &'i [u8],
    line: StatusLine,
}

impl<'i> ParsedResponse<'i> {
    #[inline(always)]
    pub(super) fn new(bytes: &'i [u8], line: StatusLine) -> Self {
        Self { bytes, line }
    }

    /// The bytes of the head, its closing empty line included; every [`Span`](super::Span) counts from here.
    #[inline]
    pub fn bytes(&self) -> &'i [u8] {
        self.bytes
    }

    /// The status code, 100 to 999.
    #[inline]
    pub fn status(&self) -> u16 {
        self.line.status
    }

    /// The reason phrase, often empty.
    #[inline]
    pub fn reason(&self) -> &'i [u8] {
        &self.bytes[self.line.reason.range()]
    }

    /// The protocol version.
    #[inline]
    pub fn version(&self) -> Version {
        self.line.version
    }

    /// Framing, persistence and what else `fields`, all of this head's, say about the message itself.
    /// Whether they leave open where it ends is told by [`Facts::response_framing`].
    #[inline]
    pub fn facts(&self, fields: &[Field]) -> Facts {
        Facts::of_response(self.version(), self.bytes, fields.iter().copied())
    }

    /// Name and value of one of this head's fields.
    ///
    /// # Panics
    ///
    /// As slicing does: for a field of another head that is longer.
    #[inline]
    pub fn field(&self, field: Field) -> (&'i [u8], &'i [u8]) {
        (&self.bytes[field.name.range()], &self.bytes[field.value.range()])
    }
}

impl fmt::Debug for ParsedResponse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParsedResponse")
            .field("status", &self.line.status)
            .field("reason", &Text(self.reason()))
            .field("version", &self.line.version)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec::Vec};

    use super::*;

    fn parse(text: &[u8]) -> Result<Option<ParsedResponse<'_>>, HeadError> {
        ResponseParser::new().parse(&mut &*text, &Limits::default(), &mut ())
    }

    /// The error of a response with this status line.
    fn error(line: &str) -> HeadError {
        parse(format!("{line}\r\n\r\n").as_bytes()).unwrap_err()
    }

    #[test]
    fn a_head_falls_into_its_parts() {
        let mut input = &b"HTTP/1.0 404 Not \xe9\tFound\r\nA:b\r\n\r\nrest"[..];
        let (mut parser, mut fields) = (ResponseParser::new(), Vec::new());
        let head = parser.parse(&mut input, &Limits::default(), &mut fields).unwrap().unwrap();
        assert_eq!((head.status(), head.version()), (404, Version::Http10));
        assert_eq!(head.reason(), b"Not \xe9\tFound");
        assert_eq!(head.field(fields[0]), (&b"A"[..], &b"b"[..]));
        assert_eq!(input, b"rest");
    }

    #[test]
    fn the_reason_and_its_blank_are_optional() {
        for line in ["HTTP/1.1 200", "HTTP/1.1 200 "] {
            let head = format!("{line}\r\n\r\n");
            assert_eq!(parse(head.as_bytes()).unwrap().unwrap().reason(), b"", "{line:?}");
        }
    }

    #[test]
    fn a_status_is_three_digits() {
        for (status, at) in
            [("20", 11), ("2000", 12), ("099", 9), ("+20", 9), ("2x0", 10), ("20 ", 11)]
        {
            assert_eq!(
                error(&format!("HTTP/1.1 {status} X")),
                HeadError::Status { at },
                "{status}"
            );
        }
        assert_eq!(parse(b"HTTP/1.1 999 X\r\n\r\n").unwrap().unwrap().status(), 999);
    }

    #[test]
    fn versions_are_one_digit_each_and_known() {
        let unsupported = HeadError::UnsupportedVersion { major: 2, minor: 0 };
        assert_eq!(error("HTTP/2.0 200 OK"), unsupported);
        assert_eq!(error("http/1.1 200 OK"), HeadError::Version { at: 0 });
        assert_eq!(error("HTTP/1.1  200 OK"), HeadError::Status { at: 9 });
        assert_eq!(error("HTTP/1.1\t200 OK"), HeadError::Version { at: 8 });
        assert_eq!(error("ICY 200 OK"), HeadError::Version { at: 0 });
        assert_eq!(error("\r\nHTTP/1.1 200 OK"), HeadError::Version { at: 0 });
    }

    #[test]
    fn the_line_holds_no_controls_and_ends_with_crlf() {
        assert_eq!(error("HTTP/1.1 200 a\0b"), HeadError::Reason { byte: 0, at: 14 });
        assert_eq!(error("HTTP/1.1 200 a\rb"), HeadError::LineEnd { at: 15 });
        assert_eq!(error("HTTP/1.1 200 a\nb"), HeadError::LineEnd { at: 14 });
        assert_eq!(error("HTTP/1.1 200\nb"), HeadError::LineEnd { at: 12 });
        let long = format!("HTTP/1.1 200 {}", "r".repeat(9000));
        assert_eq!(error(&long), HeadError::LineTooLong { limit: 8190 });
        let mut parser = ResponseParser::new();
        let partial = parser.parse(&mut &long.as_bytes()[..8190], &Limits::default(), &mut ());
        assert_eq!(partial.unwrap_err(), HeadError::LineTooLong { limit: 8190 });
    }

    #[test]
    fn interim_and_final_heads_follow_each_other() {
        let mut input = &b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"[..];
        let mut parser = ResponseParser::new();
        for status in [100, 200] {
            let head = parser.parse(&mut input, &Limits::default(), &mut ()).unwrap().unwrap();
            assert_eq!(head.status(), status);
            assert!(!parser.is_within_head());
        }
    }
}
