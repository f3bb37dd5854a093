//! Request lines: method, target, version (RFC 9112 §3).

use super::parser::StartLine;
use super::request::{ParsedRequest, parse_unusual_request};
use super::{Field, Method, Span, Version, unusual_version};
use crate::{
    error::HeadError,
    limits::Limits,
    scan::{self, FieldSlots, Vectors, stands_at},
    target::Target,
};

/// What a request line holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineSpans {
    pub(super) method: Span,
    pub(super) target: Target,
    pub(super) version: Version,
}

impl StartLine for LineSpans {
    type Usual = UsualLine;
    type Begun = RequestLine;
    type Head<'i> = ParsedRequest<'i>;

    #[inline(always)]
    fn usual(
        input: &[u8],
        (method_end, end): (usize, usize),
        limits: &Limits,
        vectors: &impl Vectors,
    ) -> Option<(UsualLine, usize)> {
        let target_end = end.checked_sub(VERSION)?;
        let minor = if stands_at(input, target_end, b" HTTP/1.1\r\n") {
            1
        } else if stands_at(input, target_end, b" HTTP/1.0\r\n") {
            0
        } else {
            return None;
        };
        if method_end > limits.max_method_bytes || end + 2 > limits.max_line_bytes {
            return None;
        }
        // A path, and for a method that takes one.
        let is_connect = method_end == 7 && stands_at(input, 0, b"CONNECT ");
        if method_end == 0 || is_connect || !stands_at(input, method_end, b" /") {
            return None;
        }
        let mark = vectors.target(input, method_end + 1..target_end)?;
        Some((UsualLine { method_end, mark, target_end, minor }, end + 2))
    }

    fn parse(
        begun: &mut RequestLine,
        input: &[u8],
        limits: &Limits,
    ) -> Result<Option<(Self, usize)>, HeadError> {
        begun.parse(input, limits)
    }

    fn is_begun(begun: &RequestLine) -> bool {
        begun.scanned > 0
    }

    #[inline(always)]
    fn head(self, bytes: &[u8]) -> ParsedRequest<'_> {
        ParsedRequest::new(bytes, self)
    }

    fn parse_unusual<'i, 'f>(
        input: &'i [u8],
        slots: FieldSlots<'f>,
        limits: &Limits,
    ) -> Result<Option<(ParsedRequest<'i>, &'f [Field])>, HeadError> {
        parse_unusual_request(input, slots, limits)
    }
}

/// A request line with a path in it, of HTTP/1.1 or 1.0, and within all bounds.
#[derive(Clone, Copy)]
pub(super) struct UsualLine {
    method_end: usize,
    mark: usize,
    target_end: usize,
    minor: usize,
}

impl UsualLine {
    /// The method, which starts `head`.
    #[cfg(feature = "std")]
    #[inline(always)]
    pub(super) fn method(self, head: &[u8]) -> Method<'_> {
        method_in(head, Span::between(0, self.method_end))
    }

    #[inline(always)]
    pub(super) fn version(self) -> Version {
        if self.minor == 1 { Version::Http11 } else { Version::Http10 }
    }

    /// Where the target starts, where its path ends and where it ends itself.
    #[cfg(feature = "std")]
    #[inline(always)]
    pub(super) fn target(self) -> (u16, u16, u16) {
        (self.method_end as u16 + 1, self.mark as u16, self.target_end as u16)
    }
}

impl From<UsualLine> for LineSpans {
    #[inline(always)]
    fn from(line: UsualLine) -> Self {
        Self {
            method: Span::between(0, line.method_end),
            target: Target::origin(line.method_end + 1, line.mark, line.target_end),
            version: line.version(),
        }
    }
}

/// Bytes of ` HTTP/1.1`.
const VERSION: usize = 9;

/// Where the parser stands in the request line.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RequestLine {
    /// Offset of the blank behind the method; 0 while unknown, as no method is empty.
    method_end: usize,
    /// Offset of the blank behind the target; 0 while unknown.
    target_end: usize,
    scanned: usize,
}

impl RequestLine {
    /// Returns the line's parts and the offset behind it.
    fn parse(
        &mut self,
        input: &[u8],
        limits: &Limits,
    ) -> Result<Option<(LineSpans, usize)>, HeadError> {
        let Self { mut method_end, mut target_end, mut scanned } = *self;
        if method_end == 0 {
            // Most requests are a GET: one compare finds the end of that.
            method_end = match stands_at(input, 0, b"GET ") {
                true => 3,
                false => scan::token_end(input, scanned),
            };
            if method_end > limits.max_method_bytes {
                let error = HeadError::MethodTooLong { limit: limits.max_method_bytes };
                return Err(fail(limits.max_method_bytes, error, limits));
            }
            match input.get(method_end) {
                Some(b' ') if method_end > 0 => scanned = method_end + 1,
                // An empty line whose LF is still to come.
                Some(b'\r') if input.len() == 1 => return Ok(None),
                Some(&byte) => {
                    let error = HeadError::Method { byte, at: method_end };
                    return Err(fail(method_end, error, limits));
                }
                None => {
                    return self.pause(
                        input,
                        Self { scanned: method_end, ..Self::default() },
                        limits,
                    );
                }
            }
        }
        if target_end == 0 {
            target_end = scan::target_end(input, scanned);
            match input.get(target_end) {
                Some(b' ') if target_end > method_end + 1 => {}
                // A line that ends here is HTTP/0.9, which has no version.
                Some(b'\r') if target_end > method_end + 1 => {
                    return Err(fail(target_end, HeadError::Version { at: target_end }, limits));
                }
                Some(&byte) => {
                    let error = HeadError::Target { byte, at: target_end };
                    return Err(fail(target_end, error, limits));
                }
                None => {
                    return self.pause(
                        input,
                        Self { method_end, target_end: 0, scanned: target_end },
                        limits,
                    );
                }
            }
        }
        let version = if stands_at(input, target_end + 1, b"HTTP/1.1\r\n") {
            Version::Http11
        } else {
            let rest = input.get(target_end + 1..).unwrap_or_default();
            match unusual_version(rest, target_end + 1) {
                Ok(Some(version)) => version,
                Ok(None) => {
                    return self.pause(
                        input,
                        Self { method_end, target_end, scanned: target_end },
                        limits,
                    );
                }
                Err(error) => return Err(version_error(error, target_end, limits)),
            }
        };
        let end = target_end + 11;
        if end > limits.max_line_bytes {
            return Err(HeadError::LineTooLong { limit: limits.max_line_bytes });
        }
        let span = Span::between(0, method_end);
        let method = method_in(input, span);
        let target = Target::parse(method, input, Span::between(method_end + 1, target_end))?;
        Ok(Some((LineSpans { method: span, target, version }, end)))
    }

    /// Notes how far the line has been scanned.
    #[cold]
    fn pause<T>(
        &mut self,
        input: &[u8],
        here: Self,
        limits: &Limits,
    ) -> Result<Option<T>, HeadError> {
        if input.len() >= limits.max_line_bytes {
            return Err(HeadError::LineTooLong { limit: limits.max_line_bytes });
        }
        *self = here;
        Ok(None)
    }
}

/// The method that stands at `span`, the start of `head`, with a blank behind it.
#[inline(always)]
pub(super) fn method_in(head: &[u8], span: Span) -> Method<'_> {
    match stands_at(head, 0, b"GET ") {
        true => Method::Get,
        false => Method::new(span.of(head)),
    }
}

/// The error for a bad byte at `at`: the line's bound where that comes first.
#[cold]
fn fail(at: usize, error: HeadError, limits: &Limits) -> HeadError {
    if at >= limits.max_line_bytes {
        return HeadError::LineTooLong { limit: limits.max_line_bytes };
    }
    error
}

#[cold]
fn version_error(error: HeadError, target_end: usize, limits: &Limits) -> HeadError {
    match error {
        HeadError::Version { at } | HeadError::LineEnd { at } => fail(at, error, limits),
        // Stands at the line's last byte.
        _ => fail(target_end + 10, error, limits),
    }
}
