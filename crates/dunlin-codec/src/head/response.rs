//! Response heads (RFC 9112 §4).

use core::{fmt, mem::MaybeUninit};

use super::request::incomplete;
use super::{Field, FieldLimits, FieldLines, FieldSink, Lines, Span, Taken, Version};
use crate::{
    error::{FramingError, HeadError},
    framing::Facts,
    limits::{Limits, MAX_SECTION},
    scan::{FieldSlots, MarkedLines, Vectors, WithVectors, field_end, stands_at, with_vectors},
};

/// Parses the response head at the start of `input` in one go, with its fields in `slots`.
///
/// The counterpart of [`parse_request`](super::parse_request).
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
    with_vectors(OneShot { input, slots, limits })
}

/// All of [`parse_response`], as one piece of code for each level.
struct OneShot<'i, 'f, 'l> {
    input: &'i [u8],
    slots: &'f mut [MaybeUninit<Field>],
    limits: &'l Limits,
}

impl<'i, 'f> WithVectors for OneShot<'i, 'f, '_> {
    type Output = Result<Option<(ParsedResponse<'i>, &'f [Field])>, HeadError>;

    #[inline(always)]
    fn run(self, vectors: &impl Vectors) -> Self::Output {
        let Self { input, slots, limits } = self;
        let bytes = &input[..input.len().min(limits.max_head_bytes.min(MAX_SECTION))];
        let (mut lines, mut fields) = (MarkedLines::of(bytes), FieldSlots::new(slots));
        let bounds = FieldLimits::of_head(limits, &fields);
        let usual = Usual { bytes, lines: &mut lines, limits, bounds, slots: &mut fields };
        let Some((line, taken)) = usual.run(vectors) else {
            return parse_unusual_response(input, fields, limits);
        };
        match taken.parse_rest(bytes, &mut lines, bounds, &mut fields)? {
            Lines::Ended { end } => {
                let head = ParsedResponse { bytes: &bytes[..end], line: line.spans() };
                Ok(Some((head, fields.into_slice())))
            }
            Lines::Paused(_) => incomplete(input, limits),
        }
    }
}

#[cold]
#[inline(never)]
fn parse_unusual_response<'i, 'f>(
    mut input: &'i [u8],
    mut fields: FieldSlots<'f>,
    limits: &Limits,
) -> Result<Option<(ParsedResponse<'i>, &'f [Field])>, HeadError> {
    let head = ResponseParser::new().parse(&mut input, limits, &mut fields)?;
    Ok(head.map(|head| (head, fields.into_slice())))
}

/// The part of a head that is as nearly every head is: its status line, and fields up to the first that
/// is not, for which the number taken and the place of the next are returned.
struct Usual<'u, 'i, 's> {
    bytes: &'i [u8],
    lines: &'u mut MarkedLines<'i>,
    limits: &'u Limits,
    bounds: FieldLimits,
    slots: &'u mut FieldSlots<'s>,
}

impl WithVectors for Usual<'_, '_, '_> {
    type Output = Option<(UsualLine, Taken)>;

    #[inline(always)]
    fn run(self, vectors: &impl Vectors) -> Self::Output {
        let Self { bytes, lines, limits, bounds, slots } = self;
        lines.mark_with(vectors);
        let (_, end) = lines.next_line()?;
        let (line, start) = UsualLine::of(bytes, end, limits)?;
        Some((line, FieldLines::at(start).take_usual(lines, bounds, slots)))
    }
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
/// let facts = head.facts(&fields)?;
/// assert_eq!(facts.response_framing(200, Method::Get), Framing::Length(5));
/// # Ok::<(), dunlin_codec::HeadError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ResponseParser {
    state: State,
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
    #[inline(always)]
    pub fn parse<'i>(
        &mut self,
        input: &mut &'i [u8],
        limits: &Limits,
        fields: &mut impl FieldSink,
    ) -> Result<Option<ParsedResponse<'i>>, HeadError> {
        let bytes: &'i [u8] = &input[..input.len().min(limits.max_head_bytes.min(MAX_SECTION))];
        let mut lines = MarkedLines::of(bytes);
        if self.is_within_head() {
            return self.parse_on(input, bytes, &mut lines, limits, fields);
        }
        let bounds = FieldLimits::of_head(limits, fields);
        let usual = fields
            .fill(|slots| with_vectors(Usual { bytes, lines: &mut lines, limits, bounds, slots }));
        let (line, progress) = if let Some((line, taken)) = usual {
            (line, taken.parse_rest(bytes, &mut lines, bounds, fields)?)
        } else {
            return self.parse_on(input, bytes, &mut lines, limits, fields);
        };
        match progress {
            Lines::Ended { end } => {
                *input = &input[end..];
                Ok(Some(ParsedResponse { bytes: &bytes[..end], line: line.spans() }))
            }
            Lines::Paused(fields) => {
                self.state = State::Fields { line: line.spans(), fields };
                incomplete(input, limits)
            }
        }
    }

    /// The same where a head has been begun, or has an unusual status line.
    #[cold]
    #[inline(never)]
    fn parse_on<'i>(
        &mut self,
        input: &mut &'i [u8],
        bytes: &'i [u8],
        lines: &mut MarkedLines<'_>,
        limits: &Limits,
        sink: &mut impl FieldSink,
    ) -> Result<Option<ParsedResponse<'i>>, HeadError> {
        let (line, fields) = match &mut self.state {
            State::Fields { line, fields } => (*line, *fields),
            State::Line { scanned } => match status_line(bytes, scanned, limits)? {
                Some((line, start)) => (line, FieldLines::at(start)),
                None => return incomplete(input, limits),
            },
        };
        let bounds = FieldLimits::of_head(limits, sink);
        match fields.parse(bytes, lines, bounds, sink)? {
            Lines::Ended { end } => {
                *self = Self::new();
                *input = &input[end..];
                Ok(Some(ParsedResponse { bytes: &bytes[..end], line }))
            }
            Lines::Paused(fields) => {
                self.state = State::Fields { line, fields };
                incomplete(input, limits)
            }
        }
    }

    /// Whether a head has been begun: bytes of it were seen by [`parse`](Self::parse).
    pub fn is_within_head(&self) -> bool {
        !matches!(self.state, State::Line { scanned: 0 })
    }
}

/// A complete response head, borrowed from the input it was parsed from.
#[derive(Clone, Copy)]
pub struct ParsedResponse<'i> {
    bytes: &'i [u8],
    line: LineSpans,
}

#[derive(Clone, Copy, Debug)]
struct LineSpans {
    version: Version,
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
        self.line.version
    }

    /// Framing, persistence and what else `fields`, all of this head's, say about the message itself.
    ///
    /// # Errors
    ///
    /// [`FramingError`] where they leave open where the message ends. The connection must then close.
    #[inline]
    pub fn facts(&self, fields: &[Field]) -> Result<Facts, FramingError> {
        Facts::of_response(self.version(), self.bytes, fields.iter().copied())
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
            .field("version", &self.line.version)
            .finish_non_exhaustive()
    }
}

/// Bytes of `HTTP/1.1 200`.
const STATUS_END: usize = 12;

/// A status line that is as most are: all its parts there and all bounds kept.
#[derive(Clone, Copy)]
struct UsualLine {
    minor: usize,
    status: usize,
    end: usize,
}

impl UsualLine {
    /// The line up to `end`, and where the next starts. `None` where [`status_line`] has to look.
    #[inline(always)]
    fn of(input: &[u8], end: usize, limits: &Limits) -> Option<(Self, usize)> {
        let (version, status) = version_and_status(input)?;
        let usual = end > STATUS_END
            && input.get(STATUS_END) == Some(&b' ')
            && stands_at(input, end, b"\r\n")
            && end + 2 <= limits.max_line_bytes;
        let minor = usize::from(version == Version::Http11);
        usual.then_some((Self { minor, status: usize::from(status), end }, end + 2))
    }

    #[inline(always)]
    fn spans(self) -> LineSpans {
        LineSpans {
            version: if self.minor == 1 { Version::Http11 } else { Version::Http10 },
            status: self.status as u16,
            reason: Span::between(STATUS_END + 1, self.end),
        }
    }
}

/// What the first twelve bytes say, where they say what they should.
#[inline]
fn version_and_status(input: &[u8]) -> Option<(Version, u16)> {
    let &[b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ (b'0' | b'1'), b' ', a, b, c] =
        input.first_chunk::<STATUS_END>()?
    else {
        return None;
    };
    let version = if minor == b'1' { Version::Http11 } else { Version::Http10 };
    let [a, b, c] = [a, b, c].map(|digit| u16::from(digit.wrapping_sub(b'0')));
    (matches!(a, 1..=9) && b <= 9 && c <= 9).then_some((version, a * 100 + b * 10 + c))
}

/// Returns the line's parts and the offset behind it, once it has ended.
fn status_line(
    input: &[u8],
    scanned: &mut u32,
    limits: &Limits,
) -> Result<Option<(LineSpans, usize)>, HeadError> {
    let Some((version, status)) = version_and_status(input) else {
        return unusual_line(input, scanned, limits);
    };
    // The blank before the reason is required by the grammar and left out by some servers.
    let blank = match input.get(STATUS_END) {
        Some(b' ') => 1,
        Some(b'\r' | b'\n') | None => 0,
        Some(_) => return Err(fail(STATUS_END, HeadError::Status { at: STATUS_END }, limits)),
    };
    let start = STATUS_END + blank;
    let end = field_end(input, (*scanned as usize).max(start));
    match input.get(end..).and_then(<[u8]>::first_chunk::<2>) {
        Some(b"\r\n") if end + 2 <= limits.max_line_bytes => {
            let line = LineSpans { version, status, reason: Span::between(start, end) };
            Ok(Some((line, end + 2)))
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
