//! Response heads (RFC 9112 §4).

use core::fmt;

use super::{Field, FieldLimits, FieldLines, FieldSink, Lines, Method, Span, Version};
use crate::{
    error::HeadError,
    framing::{Facts, Framing},
    limits::{Limits, MAX_SECTION},
    scan::{Scan, WithScan, with_scan},
};

/// Parses response heads, each from as many pieces as it comes in.
///
/// The counterpart of [`RequestParser`](super::RequestParser), with the same rules for fields. An
/// empty line before the status line is refused: only a server is asked to skip one.
///
/// ```
/// use dunlin_codec::{Framing, Limits, Method, ResponseParser};
///
/// let mut input = &b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"[..];
/// let head = ResponseParser::new().parse(&mut input, &Limits::default(), &mut ())?.expect("whole");
/// assert_eq!((head.status(), head.reason()), (200, &b"OK"[..]));
/// assert_eq!(head.framing(Method::Get), Framing::Length(5));
/// # Ok::<(), dunlin_codec::HeadError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ResponseParser {
    state: State,
    facts: Facts,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// In the status line, scanned so far.
    Line {
        scanned: u32,
    },
    Fields {
        line: LineSpans,
        fields: FieldLines,
    },
}

impl Default for State {
    fn default() -> Self {
        Self::Line { scanned: 0 }
    }
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
        let bound = limits.max_head_bytes.min(MAX_SECTION);
        let bytes: &'i [u8] = &input[..input.len().min(bound)];
        match with_scan(bytes, Parse { parser: self, bytes, limits, fields })? {
            Some(head) => {
                *input = &input[head.bytes.len()..];
                Ok(Some(head))
            }
            None if bytes.len() == bound => Err(HeadError::TooLarge { limit: bound }),
            None => Ok(None),
        }
    }

    /// Whether a head has been begun: bytes of it were seen by [`parse`](Self::parse).
    pub fn is_within_head(&self) -> bool {
        !matches!(self.state, State::Line { scanned: 0 })
    }

    #[inline]
    fn step<'i>(
        &mut self,
        bytes: &'i [u8],
        mut scan: impl Scan,
        limits: &Limits,
        sink: &mut impl FieldSink,
    ) -> Result<Option<ParsedResponse<'i>>, HeadError> {
        let (line, lines) = match self.state {
            State::Fields { line, fields } => (line, fields),
            State::Line { mut scanned } => {
                match status_line(bytes, &mut scanned, &mut scan, limits)? {
                    Some((line, version, start)) => {
                        self.facts = Facts::of_response(version);
                        (line, FieldLines::at(start))
                    }
                    None => {
                        self.state = State::Line { scanned };
                        return Ok(None);
                    }
                }
            }
        };
        let bounds = FieldLimits { line: limits.max_field_bytes, count: limits.max_headers };
        let facts = &mut self.facts;
        let progress = lines.parse(bytes, &mut scan, bounds, |name, value, field| {
            facts.response_field(name, value, field.value)?;
            sink.push(field);
            Ok(())
        })?;
        let (end, count) = match progress {
            Lines::Ended { end, count } => (end, count),
            Lines::Paused(fields) => {
                self.state = State::Fields { line, fields };
                return Ok(None);
            }
        };
        self.facts.end_response(count)?;
        let head = ParsedResponse { bytes: &bytes[..end], line, facts: self.facts };
        self.state = State::default();
        Ok(Some(head))
    }
}

struct Parse<'p, 'i, S> {
    parser: &'p mut ResponseParser,
    bytes: &'i [u8],
    limits: &'p Limits,
    fields: &'p mut S,
}

impl<'i, S: FieldSink> WithScan for Parse<'_, 'i, S> {
    type Output = Result<Option<ParsedResponse<'i>>, HeadError>;

    #[inline]
    fn run(self, scan: impl Scan) -> Self::Output {
        self.parser.step(self.bytes, scan, self.limits, self.fields)
    }
}

/// A complete response head, borrowed from the input it was parsed from.
#[derive(Clone, Copy)]
pub struct ParsedResponse<'i> {
    bytes: &'i [u8],
    line: LineSpans,
    facts: Facts,
}

#[derive(Clone, Copy, Debug)]
struct LineSpans {
    status: u16,
    reason: Span,
}

impl<'i> ParsedResponse<'i> {
    /// The bytes of the head, its closing empty line included; every [`Span`] counts from here.
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
        self.facts.version()
    }

    /// Persistence and what else the fields said about the message itself.
    #[inline]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// How the body of this response to a request with `method` is delimited (RFC 9112 §6.3).
    #[inline]
    pub fn framing(&self, method: Method<'_>) -> Framing {
        self.facts.response_framing(self.line.status, method)
    }

    /// Name and value of one of this head's fields.
    #[inline]
    pub fn field(&self, field: Field) -> (&'i [u8], &'i [u8]) {
        (&self.bytes[field.name.range()], &self.bytes[field.value.range()])
    }
}

impl fmt::Debug for ParsedResponse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParsedResponse")
            .field("status", &self.line.status)
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

/// Bytes of `HTTP/1.1 200`.
const STATUS_END: usize = 12;

/// Returns the line's parts and the offset behind it, once it has ended.
#[inline]
fn status_line(
    input: &[u8],
    scanned: &mut u32,
    scan: &mut impl Scan,
    limits: &Limits,
) -> Result<Option<(LineSpans, Version, usize)>, HeadError> {
    let (version, status) = match input.first_chunk::<STATUS_END>() {
        Some(&[b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ (b'0' | b'1'), b' ', a, b, c])
            if matches!(a, b'1'..=b'9') && b.is_ascii_digit() && c.is_ascii_digit() =>
        {
            let version = if minor == b'1' { Version::Http11 } else { Version::Http10 };
            (version, [a, b, c].iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0')))
        }
        _ => return unusual_line(input, scanned, limits),
    };
    // The blank before the reason is required by the grammar and left out by some servers.
    let blank = match input.get(STATUS_END) {
        Some(b' ') => 1,
        Some(b'\r' | b'\n') | None => 0,
        Some(_) => return Err(fail(STATUS_END, HeadError::Status { at: STATUS_END }, limits)),
    };
    let start = STATUS_END + blank;
    let end = scan.field_end((*scanned as usize).max(start));
    match input.get(end..).and_then(<[u8]>::first_chunk::<2>) {
        Some(b"\r\n") if end + 2 <= limits.max_line_bytes => {
            let line = LineSpans { status, reason: Span::between(start, end) };
            Ok(Some((line, version, end + 2)))
        }
        Some(b"\r\n") => Err(HeadError::LineTooLong { limit: limits.max_line_bytes }),
        _ => {
            let (at, error) = match (input.get(end), input.get(end + 1)) {
                (None, _) | (Some(b'\r'), None) => return pause(input, end, scanned, limits),
                (Some(b'\r'), Some(_)) => (end + 1, HeadError::LineEnd { at: end + 1 }),
                (Some(b'\n'), _) => (end, HeadError::LineEnd { at: end }),
                (Some(&byte), _) => (end, HeadError::Reason { byte, at: end }),
            };
            Err(fail(at, error, limits))
        }
    }
}

/// A line that is short of, or has none of, the usual first twelve bytes.
#[cold]
fn unusual_line<T>(
    input: &[u8],
    scanned: &mut u32,
    limits: &Limits,
) -> Result<Option<T>, HeadError> {
    for (at, &byte) in input.iter().take(STATUS_END).enumerate() {
        let error = match at {
            5 | 7 if byte.is_ascii_digit() => continue,
            8 if (input[5], input[7]) != (b'1', b'0') && (input[5], input[7]) != (b'1', b'1') => {
                let (major, minor) = (input[5] - b'0', input[7] - b'0');
                HeadError::UnsupportedVersion { major, minor }
            }
            9 if matches!(byte, b'1'..=b'9') => continue,
            10 | 11 if byte.is_ascii_digit() => continue,
            9..=11 => HeadError::Status { at },
            _ if byte == b"HTTP/0.0 "[at] => continue,
            _ => HeadError::Version { at },
        };
        return Err(fail(at, error, limits));
    }
    pause(input, input.len(), scanned, limits)
}

/// Notes how far the line has been scanned.
#[cold]
fn pause<T>(
    input: &[u8],
    end: usize,
    scanned: &mut u32,
    limits: &Limits,
) -> Result<Option<T>, HeadError> {
    if input.len() >= limits.max_line_bytes {
        return Err(HeadError::LineTooLong { limit: limits.max_line_bytes });
    }
    *scanned = end as u32;
    Ok(None)
}

/// The error for a bad byte at `at`: the line's bound where that comes first.
#[cold]
fn fail(at: usize, error: HeadError, limits: &Limits) -> HeadError {
    if at >= limits.max_line_bytes {
        return HeadError::LineTooLong { limit: limits.max_line_bytes };
    }
    error
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
