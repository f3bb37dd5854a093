//! Status lines: version, status, reason (RFC 9112 §4).

use super::parser::StartLine;
use super::response::{ParsedResponse, parse_unusual_response};
use super::{Field, Span, Version};
use crate::{
    error::HeadError,
    limits::Limits,
    scan::{FieldSlots, Vectors, field_end, stands_at},
};

/// What a status line holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct StatusLine {
    pub(super) version: Version,
    pub(super) status: u16,
    pub(super) reason: Span,
}

impl StartLine for StatusLine {
    type Usual = UsualLine;
    /// How far it has been scanned.
    type Begun = u32;
    type Head<'i> = ParsedResponse<'i>;

    #[inline(always)]
    fn usual(
        input: &[u8],
        (_, end): (usize, usize),
        limits: &Limits,
        _: &impl Vectors,
    ) -> Option<(UsualLine, usize)> {
        let (version, status) = version_and_status(input)?;
        let usual = end > STATUS_END
            && input.get(STATUS_END) == Some(&b' ')
            && stands_at(input, end, b"\r\n")
            && end + 2 <= limits.max_line_bytes;
        let minor = usize::from(version == Version::Http11);
        usual.then_some((UsualLine { minor, status: usize::from(status), end }, end + 2))
    }

    fn parse(
        scanned: &mut u32,
        input: &[u8],
        limits: &Limits,
    ) -> Result<Option<(Self, usize)>, HeadError> {
        parse(input, scanned, limits)
    }

    fn is_begun(scanned: &u32) -> bool {
        *scanned > 0
    }

    #[inline(always)]
    fn head(self, bytes: &[u8]) -> ParsedResponse<'_> {
        ParsedResponse::new(bytes, self)
    }

    fn parse_unusual<'i, 'f>(
        input: &'i [u8],
        slots: FieldSlots<'f>,
        limits: &Limits,
    ) -> Result<Option<(ParsedResponse<'i>, &'f [Field])>, HeadError> {
        parse_unusual_response(input, slots, limits)
    }
}

/// A status line with all its parts, and within all bounds.
#[derive(Clone, Copy)]
pub(super) struct UsualLine {
    minor: usize,
    status: usize,
    end: usize,
}

impl From<UsualLine> for StatusLine {
    #[inline(always)]
    fn from(line: UsualLine) -> Self {
        Self {
            version: if line.minor == 1 { Version::Http11 } else { Version::Http10 },
            status: line.status as u16,
            reason: Span::between(STATUS_END + 1, line.end),
        }
    }
}

/// Bytes of `HTTP/1.1 200`.
const STATUS_END: usize = 12;

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
fn parse(
    input: &[u8],
    scanned: &mut u32,
    limits: &Limits,
) -> Result<Option<(StatusLine, usize)>, HeadError> {
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
            let line = StatusLine { version, status, reason: Span::between(start, end) };
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
