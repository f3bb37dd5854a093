//! Request heads (RFC 9112 §3).

use core::{fmt, mem::MaybeUninit};

use super::parser::{HeadParser, parse_once};
use super::request_line::{LineSpans, UsualLine, method_in};
use super::{Field, FieldSink, Method, Span, Text, Version};
use crate::{
    error::{FramingError, HeadError},
    framing::Facts,
    limits::Limits,
    scan::FieldSlots,
    target::Target,
};

/// Parses the request head at the start of `input` in one go, with its fields in `slots`.
///
/// `Ok(None)` means that the head is not complete; a [`RequestParser`] goes on where it stopped. What
/// stands behind the head is not looked at, and neither are the fields' meanings: see
/// [`ParsedRequest::facts`].
///
/// ```
/// use std::mem::MaybeUninit;
/// use dunlin_codec::{Limits, Method, parse_request};
///
/// let mut slots = [MaybeUninit::uninit(); 32];
/// let input = b"GET /birds HTTP/1.1\r\nHost: a.example\r\n\r\n";
/// let (head, fields) = parse_request(input, &mut slots, &Limits::default())?.expect("whole");
/// assert_eq!((head.method(), head.path()), (Method::Get, &b"/birds"[..]));
/// assert_eq!(head.field(fields[0]), (&b"Host"[..], &b"a.example"[..]));
/// # Ok::<(), dunlin_codec::HeadError>(())
/// ```
///
/// # Errors
///
/// [`HeadError`] for input outside the grammar or past a limit, and for more fields than slots.
#[inline]
pub fn parse_request<'i, 'f>(
    input: &'i [u8],
    slots: &'f mut [MaybeUninit<Field>],
    limits: &Limits,
) -> Result<Option<(ParsedRequest<'i>, &'f [Field])>, HeadError> {
    parse_once::<LineSpans>(input, slots, limits)
}

/// The same for a head that is not as most are.
#[cold]
#[inline(never)]
pub(super) fn parse_unusual_request<'i, 'f>(
    mut input: &'i [u8],
    mut fields: FieldSlots<'f>,
    limits: &Limits,
) -> Result<Option<(ParsedRequest<'i>, &'f [Field])>, HeadError> {
    let head = RequestParser::new().parse(&mut input, limits, &mut fields)?;
    Ok(head.map(|head| (head, fields.into_slice())))
}

/// Parses request heads, each from as many pieces as it comes in.
///
/// ```text
///   ┌── empty line, skipped
///   ▼ │
///  Line ── method, target, version ──▶ Fields ── empty line ──▶ Line (of the next request)
/// ```
///
/// ```
/// use dunlin_codec::{Limits, Method, RequestParser};
///
/// let mut input = &b"GET /birds?page=2 HTTP/1.1\r\nHost: a.example\r\n\r\nGET /nex"[..];
/// let (mut parser, mut fields) = (RequestParser::new(), Vec::new());
/// let head = parser.parse(&mut input, &Limits::default(), &mut fields)?.expect("all there");
/// assert_eq!((head.method(), head.path()), (Method::Get, &b"/birds"[..]));
/// assert_eq!(head.field(fields[0]), (&b"Host"[..], &b"a.example"[..]));
/// assert_eq!(input, b"GET /nex");
/// # Ok::<(), dunlin_codec::HeadError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct RequestParser {
    head: HeadParser<LineSpans>,
    empty_lines: u8,
}

impl RequestParser {
    /// A parser at the start of a head.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses the head at the front of `input`; on success, takes it off there and hands its
    /// fields to `fields`.
    ///
    /// Empty lines before the request line are taken off first (RFC 9112 §2.2). `Ok(None)` means
    /// that the head is not complete. What is left of `input` must then be there again, with more
    /// bytes behind it, at the next call with the same limits and sink.
    ///
    /// After a head, the parser is ready for the next.
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
    ) -> Result<Option<ParsedRequest<'i>>, HeadError> {
        let usual = |_: &mut _, bytes, line: UsualLine| {
            Ok(Some(ParsedRequest { bytes, line: line.into() }))
        };
        self.parse_then(input, limits, fields, usual, |_, head, _| head)
    }

    /// The same, and hands the head to one of two functions: see `HeadParser::parse_then`.
    #[inline(always)]
    pub(super) fn parse_then<'i, S: FieldSink, R>(
        &mut self,
        input: &mut &'i [u8],
        limits: &Limits,
        sink: &mut S,
        usual: impl FnOnce(&mut S, &'i [u8], UsualLine) -> R,
        other: impl FnOnce(&mut S, Result<Option<ParsedRequest<'i>>, HeadError>, bool) -> R,
    ) -> R {
        match input.first() {
            Some(b'\r') => {
                if !self.is_within_head()
                    && let Err(error) = self.skip_empty_lines(input, limits)
                {
                    return other(sink, Err(error), false);
                }
            }
            // Nothing has come, so what came last was still an empty line.
            None => {}
            Some(_) => self.empty_lines = 0,
        }
        self.head.parse_then(input, limits, sink, usual, other)
    }

    /// Whether a head has been begun: bytes of it were seen by [`parse`](Self::parse).
    pub fn is_within_head(&self) -> bool {
        self.head.is_within_head()
    }

    /// Takes empty lines off the front; leaves a CR there whose LF is still to come.
    #[cold]
    fn skip_empty_lines(&mut self, input: &mut &[u8], limits: &Limits) -> Result<(), HeadError> {
        while let [b'\r', rest @ ..] = *input {
            match rest {
                [] => break,
                [b'\n', ..] if self.empty_lines == limits.max_empty_lines => {
                    return Err(HeadError::EmptyLines { limit: limits.max_empty_lines });
                }
                [b'\n', rest @ ..] => {
                    self.empty_lines += 1;
                    *input = rest;
                }
                _ => return Err(HeadError::LineEnd { at: 1 }),
            }
        }
        Ok(())
    }
}

/// A complete request head, borrowed from the input it was parsed from.
#[derive(Clone, Copy)]
pub struct ParsedRequest<'i> {
    bytes: &'i [u8],
    line: LineSpans,
}

impl<'i> ParsedRequest<'i> {
    #[inline(always)]
    pub(super) fn new(bytes: &'i [u8], line: LineSpans) -> Self {
        Self { bytes, line }
    }

    /// The bytes of the head, its closing empty line included; every [`Span`] counts from here.
    #[inline]
    pub fn bytes(&self) -> &'i [u8] {
        self.bytes
    }

    /// The method.
    #[inline]
    pub fn method(&self) -> Method<'i> {
        method_in(self.bytes, self.line.method)
    }

    /// Where the method stands.
    #[inline]
    pub fn method_span(&self) -> Span {
        self.line.method
    }

    /// Where the target's parts stand, and which form it has.
    #[inline]
    pub fn target(&self) -> Target {
        self.line.target
    }

    /// The target's path, not decoded; empty for `http://a.example` and for CONNECT.
    #[inline]
    pub fn path(&self) -> &'i [u8] {
        &self.bytes[self.line.target.path().range()]
    }

    /// The target's query, not decoded, without its `?`.
    #[inline]
    pub fn query(&self) -> Option<&'i [u8]> {
        self.line.target.query().map(|span| &self.bytes[span.range()])
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
    /// [`FramingError`] where they leave open where the message ends or whom it is for. It is to be
    /// answered and the connection to be closed, as for a head that does not parse.
    #[inline]
    pub fn facts(&self, fields: &[Field]) -> Result<Facts, FramingError> {
        let mut facts = Facts::of_request_line(self.method(), self.version());
        facts.add_request_fields(self.bytes, fields.iter().copied())?;
        Ok(facts)
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

impl fmt::Debug for ParsedRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParsedRequest")
            .field("method", &self.method())
            .field("target", &Text(&self.bytes[self.line.target.whole().range()]))
            .field("version", &self.line.version)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::String, vec::Vec};

    use super::*;
    use crate::{error::FramingError, target::TargetForm};

    fn parse(text: &[u8]) -> Result<Option<ParsedRequest<'_>>, HeadError> {
        RequestParser::new().parse(&mut &*text, &Limits::default(), &mut ())
    }

    fn facts(text: &[u8]) -> Result<Facts, FramingError> {
        let mut slots = [MaybeUninit::uninit(); 8];
        let (head, fields) = parse_request(text, &mut slots, &Limits::default()).unwrap().unwrap();
        head.facts(fields)
    }

    fn error(text: &[u8]) -> HeadError {
        parse(text).unwrap_err()
    }

    /// The error of a GET with this request line.
    fn line_error(line: &str) -> HeadError {
        error(format!("{line}\r\nHost: a\r\n\r\n").as_bytes())
    }

    #[test]
    fn a_head_falls_into_its_parts() {
        let mut input = &b"PUT /a/b?c=d HTTP/1.0\r\nHost: x\r\nETag:  \"1\" \r\n\r\nrest"[..];
        let mut fields = Vec::new();
        let head = RequestParser::new()
            .parse(&mut input, &Limits::default(), &mut fields)
            .unwrap()
            .unwrap();
        assert_eq!((head.method(), head.version()), (Method::Put, Version::Http10));
        assert_eq!((head.path(), head.query()), (&b"/a/b"[..], Some(&b"c=d"[..])));
        assert_eq!(head.target().form(), TargetForm::Origin);
        assert_eq!(head.facts(&fields).unwrap().field_count(), 2);
        assert_eq!(head.field(fields[1]), (&b"ETag"[..], &b"\"1\""[..]));
        assert_eq!(head.bytes().last_chunk(), Some(b"\r\n\r\n"));
        assert_eq!(input, b"rest");
    }

    #[test]
    fn a_head_shows_its_text() {
        let head =
            parse(b"BREW /a HTTP/1.1\r\nHost: a\r\nCookie: secret\r\n\r\n").unwrap().unwrap();
        assert_eq!(
            format!("{head:?}"),
            r#"ParsedRequest { method: BREW, target: "/a", version: Http11, .. }"#
        );
        let method = Method::Other(b"a\n");
        assert_eq!(format!("{method} {:?}", Method::Get), "a\\n GET");
    }

    #[test]
    fn empty_lines_are_counted_over_reads_that_bring_nothing() {
        let (mut parser, limits) = (RequestParser::new(), Limits::default());
        for read in [&b"\r\n"[..], b"", b"\r\n", b""].repeat(4) {
            assert!(parser.parse(&mut &*read, &limits, &mut ()).unwrap().is_none());
        }
        let error = parser.parse(&mut &b"\r\n"[..], &limits, &mut ()).unwrap_err();
        assert_eq!(error, HeadError::EmptyLines { limit: 8 });
    }

    #[test]
    fn one_call_is_enough_for_a_head_that_is_there() {
        let limits = Limits::default();
        let mut slots = [MaybeUninit::uninit(); 2];
        let whole = b"\r\nGET /a HTTP/1.1\r\nHost:x\r\nA: b\r\n\r\nrest";
        let (head, fields) = parse_request(whole, &mut slots, &limits).unwrap().unwrap();
        assert_eq!((head.path(), fields.len()), (&b"/a"[..], 2));
        assert_eq!(head.field(fields[0]), (&b"Host"[..], &b"x"[..]));
        for end in 0..whole.len() - 4 {
            let part = parse_request(&whole[..end], &mut slots, &limits).unwrap();
            assert!(part.is_none(), "{end}");
        }
        let error = parse_request(whole, &mut slots[..1], &limits).unwrap_err();
        assert_eq!(error, HeadError::TooManyFields { limit: 1 });
    }

    #[test]
    fn slots_keep_what_they_hold_and_refuse_what_they_have_no_room_for() {
        for value in ["A:b", "A: b"] {
            let text = format!("GET / HTTP/1.0\r\n{value}\r\nC: d\r\n\r\n");
            let mut slots = [MaybeUninit::uninit(); 5];
            let mut fields = FieldSlots::new(&mut slots);
            let mut parser = RequestParser::new();
            for count in [2, 4] {
                let head = parser.parse(&mut text.as_bytes(), &Limits::default(), &mut fields);
                assert!(head.unwrap().is_some());
                assert_eq!(fields.as_slice().len(), count, "{value}");
            }
            let head = parser.parse(&mut text.as_bytes(), &Limits::default(), &mut fields);
            assert_eq!(head.unwrap_err(), HeadError::TooManyFields { limit: 1 });
        }
    }

    #[test]
    fn a_method_is_a_token_of_bounded_length() {
        assert_eq!(
            parse(b"get / HTTP/1.0\r\n\r\n").unwrap().unwrap().method(),
            Method::Other(b"get")
        );
        assert_eq!(line_error(" / HTTP/1.1"), HeadError::Method { byte: b' ', at: 0 });
        assert_eq!(line_error("G\0T / HTTP/1.1"), HeadError::Method { byte: 0, at: 1 });
        assert_eq!(line_error("G=T / HTTP/1.1"), HeadError::Method { byte: b'=', at: 1 });
        assert_eq!(line_error("GET\t/ HTTP/1.1"), HeadError::Method { byte: b'\t', at: 3 });
        assert_eq!(error(b"\x16\x03\x01"), HeadError::Method { byte: 0x16, at: 0 });
        assert_eq!(error(b"\nGET / HTTP/1.1"), HeadError::Method { byte: b'\n', at: 0 });
        assert_eq!(line_error("BAD"), HeadError::Method { byte: b'\r', at: 3 });
        let long = "M".repeat(33);
        assert_eq!(error(long.as_bytes()), HeadError::MethodTooLong { limit: 32 });
        assert!(parse(format!("{} / HTTP/1.0\r\n\r\n", &long[1..]).as_bytes()).unwrap().is_some());
    }

    #[test]
    fn a_target_is_visible_ascii_without_fragment() {
        for (target, byte, at) in [
            (" /", b' ', 4),
            ("/a\0", 0, 6),
            ("/a\rb", b'\r', 6),
            ("/a\nb", b'\n', 6),
            ("/a#b", b'#', 6),
            ("/a\x7f", 0x7f, 6),
            ("/\u{e9}", 0xc3, 5),
        ] {
            let expected = match byte {
                b'\r' => HeadError::Version { at },
                byte => HeadError::Target { byte, at },
            };
            assert_eq!(line_error(&format!("GET {target} HTTP/1.1")), expected, "{target:?}");
        }
        assert!(parse(b"GET /\"<>\\^`{|} HTTP/1.0\r\n\r\n").unwrap().is_some());
        assert_eq!(line_error("GET plain HTTP/1.1"), HeadError::TargetForm);
        assert_eq!(line_error("GET /a b HTTP/1.1"), HeadError::Version { at: 7 });
    }

    #[test]
    fn versions_are_one_digit_each_and_known() {
        for (version, at) in
            [("http/1.1", 0), ("HTTP/1.1x", 8), ("HTTP/1.10", 8), ("HTTP/01.1", 6), ("HTTP/1", 6)]
        {
            let expected = HeadError::Version { at: at + 6 };
            assert_eq!(line_error(&format!("GET / {version}")), expected, "{version}");
        }
        assert_eq!(line_error("GET / HTTP/1.1 "), HeadError::Version { at: 14 });
        assert_eq!(line_error("GET /"), HeadError::Version { at: 5 });
        for (major, minor) in [(1, 2), (2, 0), (0, 9)] {
            let expected = HeadError::UnsupportedVersion { major, minor };
            assert_eq!(line_error(&format!("GET / HTTP/{major}.{minor}")), expected);
        }
        assert_eq!(
            error(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
            HeadError::UnsupportedVersion { major: 2, minor: 0 }
        );
    }

    #[test]
    fn the_request_line_ends_with_both_cr_and_lf() {
        assert_eq!(error(b"GET / HTTP/1.1\nHost: a\n\n"), HeadError::LineEnd { at: 14 });
        assert_eq!(error(b"GET / HTTP/1.1\rHost: a\r\r"), HeadError::LineEnd { at: 15 });
    }

    #[test]
    fn a_few_empty_lines_before_a_request_are_skipped() {
        let request = "GET / HTTP/1.0\r\n\r\n";
        let after = |lines: usize| format!("{}{request}", "\r\n".repeat(lines));
        assert_eq!(parse(after(8).as_bytes()).unwrap().unwrap().method(), Method::Get);
        assert_eq!(error(after(9).as_bytes()), HeadError::EmptyLines { limit: 8 });
        assert_eq!(error(b"\r\n\rGET"), HeadError::LineEnd { at: 1 });
        let (mut parser, limits) = (RequestParser::new(), Limits::default());
        let mut input = &b"\r\n\r"[..];
        assert!(parser.parse(&mut input, &limits, &mut ()).unwrap().is_none());
        assert!(input == b"\r" && !parser.is_within_head());
        let mut input = &b"\r\nG"[..];
        assert!(parser.parse(&mut input, &limits, &mut ()).unwrap().is_none());
        assert!(input == b"G" && parser.is_within_head());
        let mut parser = RequestParser::new();
        for read in [&*"\r\n".repeat(8), request].repeat(4) {
            let head = parser.parse(&mut read.as_bytes(), &limits, &mut ()).unwrap();
            assert_eq!(head.is_some(), read == request, "they count anew before each head");
        }
    }

    #[test]
    fn every_bound_has_its_status() {
        let line = |n: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(n - 16));
        assert!(parse(line(8190).as_bytes()).unwrap().is_some());
        assert_eq!(error(line(8191).as_bytes()).status(), 414);
        assert_eq!(error(&line(9000).as_bytes()[..8190]).status(), 414);
        let fields = |field: &str, n: usize| {
            error(format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", field.repeat(n)).as_bytes())
        };
        assert_eq!(fields("a:b\r\n", 128), HeadError::TooManyFields { limit: 128 });
        assert_eq!(fields(&"n".repeat(9000), 1), HeadError::FieldTooLong { limit: 8190 });
        let field = format!("a: {}\r\n", "v".repeat(8000));
        assert_eq!(fields(&field, 9), HeadError::TooLarge { limit: 65_536 });
    }

    #[test]
    fn the_largest_head_has_positions_that_fit() {
        let field = format!("a: {}\r\n", "v".repeat(8000));
        let mut head = format!("GET / HTTP/1.0\r\n{}b: ", field.repeat(8));
        head.extend(core::iter::repeat_n('w', 65_536 - 4 - head.len()));
        head.push_str("\r\n\r\n");
        let mut fields = Vec::new();
        let parsed = RequestParser::new()
            .parse(&mut head.as_bytes(), &Limits::default(), &mut fields)
            .unwrap()
            .unwrap();
        assert_eq!(parsed.bytes().len(), 65_536);
        assert!(parsed.field(fields[8]).1.iter().all(|&byte| byte == b'w'));
        head.insert(20, 'v');
        assert_eq!(error(head.as_bytes()), HeadError::TooLarge { limit: 65_536 });
    }

    #[test]
    fn host_is_there_once_and_valid() {
        let hosts = |hosts: &[&str]| {
            let lines: String = hosts.iter().map(|host| format!("Host: {host}\r\n")).collect();
            facts(format!("GET / HTTP/1.1\r\n{lines}\r\n").as_bytes()).map(|_| ())
        };
        assert_eq!(hosts(&[]), Err(FramingError::MissingHost));
        assert_eq!(hosts(&["a", "a"]), Err(FramingError::Repeated { name: "host" }));
        assert_eq!(hosts(&["a b"]), Err(FramingError::Host));
        assert_eq!(hosts(&[""]), Ok(()));
        assert!(facts(b"GET / HTTP/1.0\r\n\r\n").unwrap().host().is_none());
    }
}
