//! Field lines, in heads and trailer sections alike (RFC 9112 §5).

use alloc::vec::Vec;
use core::ops::Range;

use crate::{
    error::HeadError,
    scan::{Scan, is_token_byte, stands_at},
};

/// A run of bytes in a head, counted from the head's first byte.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u16,
    /// Number of bytes.
    pub len: u16,
}

impl Span {
    /// The same as a range, to slice with.
    #[inline]
    pub const fn range(self) -> Range<usize> {
        self.start as usize..self.start as usize + self.len as usize
    }

    /// The bytes that the span marks in `head`.
    ///
    /// # Panics
    ///
    /// Like any slicing: where `head` is not the input that the span came from and shorter.
    #[inline]
    pub fn of(self, head: &[u8]) -> &[u8] {
        &head[self.range()]
    }

    /// From offsets that the section's bound of 65,536 bytes keeps within 16 bits.
    #[inline]
    pub(crate) const fn between(start: usize, end: usize) -> Self {
        debug_assert!(start <= end && end < crate::limits::MAX_SECTION);
        Self { start: start as u16, len: (end - start) as u16 }
    }
}

/// Where one field's name and value stand in a head.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Field {
    /// The name, as sent: a token, in whatever case.
    pub name: Span,
    /// The value, without the whitespace around it.
    pub value: Span,
}

/// Takes the fields of a head, in wire order, as the parser finds them.
///
/// A head that arrives in pieces is parsed over several calls, and every call continues with the
/// same sink. What a sink holds after an error is of no use.
pub trait FieldSink {
    /// Takes the next field.
    fn push(&mut self, field: Field);
}

impl FieldSink for Vec<Field> {
    #[inline]
    fn push(&mut self, field: Field) {
        Self::push(self, field);
    }
}

/// Drops the fields, for those who need the start line and [`Facts`](crate::Facts) alone.
impl FieldSink for () {
    #[inline]
    fn push(&mut self, _: Field) {}
}

impl<S: FieldSink + ?Sized> FieldSink for &mut S {
    #[inline]
    fn push(&mut self, field: Field) {
        (**self).push(field);
    }
}

/// The bounds that field lines are held to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldLimits {
    pub(crate) line: usize,
    pub(crate) count: u16,
}

/// Where the parser of field lines stands between two calls.
///
/// Every byte is scanned once: a call that runs out of input notes the line it is in, the colon if
/// it has been seen, and how far it has looked.
///
/// The verdict on a prefix depends on its bytes alone, never on how they arrived. So a bound and a
/// grammar error in one line are decided by which comes first.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FieldLines {
    line: u32,
    /// Offset of the colon in this line; at `line` while unknown.
    colon: u32,
    scanned: u32,
    count: u16,
}

/// How far a call came.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lines {
    /// To the end of the section.
    Ended {
        /// Offset behind the empty line.
        end: usize,
        count: u16,
    },
    /// To the end of the input.
    Paused(FieldLines),
}

impl FieldLines {
    /// A parser for the section whose first line starts at `start`.
    #[inline]
    pub(crate) fn at(start: usize) -> Self {
        let start = start as u32;
        Self { line: start, colon: start, scanned: start, count: 0 }
    }

    /// Goes through the lines in `input` and hands each field to `each`.
    #[inline]
    pub(crate) fn parse<'i>(
        self,
        input: &'i [u8],
        scan: &mut impl Scan,
        limits: FieldLimits,
        mut each: impl FnMut(&'i [u8], &'i [u8], Field) -> Result<(), HeadError>,
    ) -> Result<Lines, HeadError> {
        let mut line = self.line as usize;
        let mut colon = self.colon as usize;
        let mut scanned = self.scanned as usize;
        let mut count = self.count;
        loop {
            if colon == line {
                if input.get(line) == Some(&b'\r') {
                    return match input.get(line + 1) {
                        Some(b'\n') => Ok(Lines::Ended { end: line + 2, count }),
                        Some(_) => Err(HeadError::LineEnd { at: line + 1 }),
                        None => Self::at_end(line, line, line, count).pause(input, limits),
                    };
                }
                colon = scan.token_end(scanned);
                match input.get(colon) {
                    Some(b':') if colon > line => {}
                    Some(&byte) => return Err(name_error(line, colon, byte, limits)),
                    None => {
                        return Self::at_end(line, line, colon, count).pause(input, limits);
                    }
                }
                scanned = colon + 1;
            }
            let end = scan.field_end(scanned);
            if !stands_at(input, end, b"\r\n") {
                return match value_error(input, line, end, limits) {
                    Some(error) => Err(error),
                    None => Self::at_end(line, colon, end, count).pause(input, limits),
                };
            }
            if end + 2 - line > limits.line {
                return Err(HeadError::FieldTooLong { limit: limits.line });
            }
            if count == limits.count {
                return Err(HeadError::TooManyFields { limit: limits.count });
            }
            let value = trim(input, colon + 1, end);
            let field = Field {
                name: Span::between(line, colon),
                value: Span::between(value.start, value.end),
            };
            each(&input[line..colon], &input[value], field)?;
            count += 1;
            line = end + 2;
            colon = line;
            scanned = line;
        }
    }

    #[inline]
    fn at_end(line: usize, colon: usize, scanned: usize, count: u16) -> Self {
        Self { line: line as u32, colon: colon as u32, scanned: scanned as u32, count }
    }

    /// Where to go on when there is more input, unless the line is too long already.
    #[inline]
    fn pause(self, input: &[u8], limits: FieldLimits) -> Result<Lines, HeadError> {
        if input.len() - self.line as usize >= limits.line {
            return Err(HeadError::FieldTooLong { limit: limits.line });
        }
        Ok(Lines::Paused(self))
    }
}

/// The value between the colon and the end of the line, without the whitespace around it.
#[inline]
fn trim(input: &[u8], start: usize, end: usize) -> Range<usize> {
    // One blank in front and none behind: what nearly every sender writes. All else goes the other
    // way, an empty value too: of the bytes that end or fill a value, blanks and CR are the lowest.
    let first = start + usize::from(input[start] == b' ');
    if input[first] <= b' ' || input[end - 1] <= b' ' {
        return trim_rare(input, start, end);
    }
    first..end
}

#[cold]
fn trim_rare(input: &[u8], mut start: usize, mut end: usize) -> Range<usize> {
    while start < end && is_blank(input[start]) {
        start += 1;
    }
    while start < end && is_blank(input[end - 1]) {
        end -= 1;
    }
    start..end
}

#[inline]
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// What is wrong with a line whose name ends at `at`, with `byte` there.
#[cold]
fn name_error(line: usize, at: usize, byte: u8, limits: FieldLimits) -> HeadError {
    if at - line >= limits.line {
        return HeadError::FieldTooLong { limit: limits.line };
    }
    match byte {
        b' ' | b'\t' if at == line => HeadError::Folded { at },
        b'\r' => HeadError::MissingColon { at },
        b'\n' => HeadError::LineEnd { at },
        _ => HeadError::FieldName { byte, at },
    }
}

/// What is wrong with a line whose value ends at `at`, if anything is yet.
#[cold]
fn value_error(input: &[u8], line: usize, at: usize, limits: FieldLimits) -> Option<HeadError> {
    let (at, error) = match (*input.get(at)?, input.get(at + 1)) {
        (b'\r', None) => return None,
        (b'\r', Some(_)) => (at + 1, HeadError::LineEnd { at: at + 1 }),
        (b'\n', _) => (at, HeadError::LineEnd { at }),
        (byte, _) => (at, HeadError::FieldValue { byte, at }),
    };
    if at - line >= limits.line {
        return Some(HeadError::FieldTooLong { limit: limits.line });
    }
    Some(error)
}

/// Splits a section that [`FieldLines`] accepted, without checking it again.
#[derive(Clone, Debug)]
pub(crate) struct Accepted<'i> {
    lines: &'i [u8],
}

impl<'i> Accepted<'i> {
    pub(crate) fn new(lines: &'i [u8]) -> Self {
        Self { lines }
    }
}

impl<'i> Iterator for Accepted<'i> {
    type Item = (&'i [u8], &'i [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let colon = self.lines.iter().position(|&byte| !is_token_byte(byte))?;
        let end = crate::scan::find(self.lines, 0..self.lines.len(), b'\r');
        // The empty line: its CR is where a name would start.
        if end <= colon {
            return None;
        }
        let value = trim(self.lines, colon + 1, end);
        let item = (&self.lines[..colon], &self.lines[value]);
        self.lines = self.lines.get(end + 2..).unwrap_or_default();
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::scan::Scalar;

    const LIMITS: FieldLimits = FieldLimits { line: 32, count: 3 };

    type Pairs<'i> = Vec<(&'i [u8], &'i [u8])>;

    fn parse(input: &[u8]) -> Result<Option<Pairs<'_>>, HeadError> {
        let mut fields = Vec::new();
        let done =
            FieldLines::default().parse(input, &mut Scalar::new(input), LIMITS, |n, v, _| {
                fields.push((n, v));
                Ok(())
            })?;
        Ok(matches!(done, Lines::Ended { .. }).then_some(fields))
    }

    fn error(input: &[u8]) -> HeadError {
        parse(input).unwrap_err()
    }

    #[test]
    fn whitespace_around_a_value_is_trimmed_and_inside_kept() {
        let fields = parse(b"A: \t v w\t \r\nb:v\r\nc:\r\n\r\n").unwrap().unwrap();
        assert_eq!(fields, [(&b"A"[..], &b"v w"[..]), (b"b", b"v"), (b"c", b"")]);
    }

    #[test]
    fn a_value_may_hold_colons_tabs_and_high_bytes() {
        let fields = parse(b"A: a:b\tc\xe9\r\n\r\n").unwrap().unwrap();
        assert_eq!(fields, [(&b"A"[..], &b"a:b\tc\xe9"[..])]);
    }

    #[test]
    fn names_outside_the_grammar_are_rejected_where_they_leave_it() {
        assert_eq!(error(b"a : b\r\n\r\n"), HeadError::FieldName { byte: b' ', at: 1 });
        assert_eq!(error(b": b\r\n\r\n"), HeadError::FieldName { byte: b':', at: 0 });
        assert_eq!(error(b"a\xe9: b\r\n\r\n"), HeadError::FieldName { byte: 0xe9, at: 1 });
        assert_eq!(error(b"a\0: b\r\n\r\n"), HeadError::FieldName { byte: 0, at: 1 });
        assert_eq!(error(b"nocolon\r\n\r\n"), HeadError::MissingColon { at: 7 });
        assert_eq!(error(b"a: b\r\n c\r\n\r\n"), HeadError::Folded { at: 6 });
        assert_eq!(error(b"\ta: b\r\n\r\n"), HeadError::Folded { at: 0 });
    }

    #[test]
    fn every_line_ends_with_both_cr_and_lf() {
        assert_eq!(error(b"a: b\nc: d\r\n\r\n"), HeadError::LineEnd { at: 4 });
        assert_eq!(error(b"a: b\rc: d\r\n\r\n"), HeadError::LineEnd { at: 5 });
        assert_eq!(error(b"a: b\r\n\n"), HeadError::LineEnd { at: 6 });
        assert_eq!(error(b"a: b\r\n\rx"), HeadError::LineEnd { at: 7 });
    }

    #[test]
    fn controls_in_values_are_rejected() {
        for byte in (0..b' ').chain([0x7f]).filter(|byte| !b"\t\r\n".contains(byte)) {
            let input = [b'a', b':', b'b', byte, b'c', b'\r', b'\n', b'\r', b'\n'];
            assert_eq!(error(&input), HeadError::FieldValue { byte, at: 3 });
        }
    }

    #[test]
    fn a_line_may_fill_its_bound_and_not_pass_it() {
        let line = |len: usize| [b"a:", &[b'v'; 64][..len - 4], b"\r\n\r\n"].concat();
        assert!(parse(&line(32)).unwrap().is_some());
        assert_eq!(error(&line(33)), HeadError::FieldTooLong { limit: 32 });
        // Also while the line has not ended, in the name, and before an error behind the bound.
        assert_eq!(error(&line(33)[..32]), HeadError::FieldTooLong { limit: 32 });
        assert_eq!(error(&[b'n'; 32]), HeadError::FieldTooLong { limit: 32 });
        assert_eq!(error(&[&[b'n'; 32][..], b"("].concat()), HeadError::FieldTooLong { limit: 32 });
        assert!(parse(&[b'n'; 31]).unwrap().is_none());
    }

    #[test]
    fn fields_are_counted() {
        assert!(parse(b"a:\r\nb:\r\nc:\r\n\r\n").unwrap().is_some());
        assert_eq!(error(b"a:\r\nb:\r\nc:\r\nd:\r\n\r\n"), HeadError::TooManyFields { limit: 3 });
    }

    #[test]
    fn an_accepted_section_splits_into_the_same_fields() {
        let input = b"A: \t v w\t \r\nb:v\r\nc:\r\n\r\n";
        let fields = parse(input).unwrap().unwrap();
        assert_eq!(Accepted::new(input).collect::<Vec<_>>(), fields);
    }
}
