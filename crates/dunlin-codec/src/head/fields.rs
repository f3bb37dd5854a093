//! Field lines, in heads and trailer sections alike (RFC 9112 §5).

use alloc::vec::Vec;
use core::{mem::MaybeUninit, ops::Range};

use crate::{
    error::HeadError,
    limits::Limits,
    scan::{FieldSlots, MarkedLines, field_end, is_token_byte, stands_at, token_end},
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

    /// Takes several fields. Default: one after the other.
    fn push_all(&mut self, fields: &[Field]) {
        for field in fields {
            self.push(*field);
        }
    }

    /// Lends slots to the parser, which fills them faster than it calls functions, and takes what they
    /// hold then. For this crate alone: nobody else can name the last argument's type.
    #[doc(hidden)]
    #[inline(always)]
    fn fill<R>(&mut self, fill: impl FnOnce(&mut FieldSlots<'_>) -> R, _: sealed::Ours) -> R
    where
        Self: Sized,
    {
        let mut slots = [const { MaybeUninit::uninit() }; 80];
        let mut slots = FieldSlots::new(&mut slots);
        let result = fill(&mut slots);
        self.push_all(slots.as_slice());
        result
    }

    /// How many more fields there is room for: a head with more is refused, as one with more than
    /// [`Limits::max_headers`](crate::Limits::max_headers) is. Default: any number.
    #[inline]
    fn room(&self) -> usize {
        usize::MAX
    }
}

/// What keeps a method of a public trait to this crate.
pub(crate) mod sealed {
    /// See [`FieldSink::fill`](super::FieldSink::fill).
    #[derive(Clone, Copy, Debug)]
    pub struct Ours;
}

impl FieldSink for Vec<Field> {
    #[inline]
    fn push(&mut self, field: Field) {
        Self::push(self, field);
    }

    #[inline]
    fn push_all(&mut self, fields: &[Field]) {
        self.extend_from_slice(fields);
    }
}

/// Drops the fields, for those who need the start line and [`Facts`](crate::Facts) alone.
impl FieldSink for () {
    #[inline]
    fn push(&mut self, _: Field) {}

    #[inline]
    fn push_all(&mut self, _: &[Field]) {}
}

impl<S: FieldSink + ?Sized> FieldSink for &mut S {
    #[inline]
    fn push(&mut self, field: Field) {
        (**self).push(field);
    }

    #[inline]
    fn push_all(&mut self, fields: &[Field]) {
        (**self).push_all(fields);
    }

    #[inline]
    fn room(&self) -> usize {
        (**self).room()
    }
}

/// The bounds that field lines are held to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldLimits {
    pub(crate) line: usize,
    pub(crate) count: u16,
}

impl FieldLimits {
    /// Those of a head whose fields go to `sink`, which has taken `taken` of them.
    #[inline]
    pub(crate) fn of_head(limits: &Limits, sink: &impl FieldSink, taken: FieldLines) -> Self {
        let room = usize::from(taken.count).saturating_add(sink.room());
        let room = u16::try_from(room).unwrap_or(u16::MAX);
        Self { line: limits.max_field_bytes, count: limits.max_headers.min(room) }
    }
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

    /// Goes through the lines in `input` and hands each field to `sink`.
    pub(crate) fn parse(
        mut self,
        input: &[u8],
        lines: &mut MarkedLines<'_>,
        limits: FieldLimits,
        sink: &mut impl FieldSink,
    ) -> Result<Lines, HeadError> {
        if self.scanned > self.line {
            // An earlier call has begun this line.
            match self.parse_line(input, limits)? {
                Line::Field(field) => sink.push(field),
                Line::End { end } => return Ok(Lines::Ended { end }),
                Line::Cut => return Ok(Lines::Paused(self)),
            }
        }
        lines.start_at(self.line as usize);
        self.parse_marked(input, lines, limits, sink)
    }

    /// The same for lines that are marked from this one's start on.
    #[inline(never)]
    fn parse_marked(
        self,
        input: &[u8],
        lines: &mut MarkedLines<'_>,
        limits: FieldLimits,
        sink: &mut impl FieldSink,
    ) -> Result<Lines, HeadError> {
        let taken = sink.fill(|slots| self.take_usual(lines, limits, slots), sealed::Ours);
        taken.parse_rest(input, lines, limits, sink)
    }

    /// Takes lines as long as they are as nearly every line is.
    #[inline(always)]
    pub(crate) fn take_usual(
        self,
        lines: &mut MarkedLines<'_>,
        limits: FieldLimits,
        slots: &mut FieldSlots<'_>,
    ) -> Taken {
        let most = usize::from(limits.count.saturating_sub(self.count));
        let (line, taken) = lines.take_usual(self.line as usize, limits.line, most, slots);
        Taken { line, count: usize::from(self.count) + taken, is_end: lines.end_at(line) }
    }

    /// Goes on at a line that is not as nearly every line is, or not there as a whole.
    #[cold]
    #[inline(never)]
    fn parse_unusual(
        mut self,
        input: &[u8],
        lines: &mut MarkedLines<'_>,
        limits: FieldLimits,
        sink: &mut impl FieldSink,
    ) -> Result<Lines, HeadError> {
        while let Some((_, end)) = lines.next_line() {
            let line = self.line as usize;
            let is_in_bounds = end + 2 - line <= limits.line && self.count < limits.count;
            let Some(field) = unusual_field(input, line, end).filter(|_| is_in_bounds) else {
                break;
            };
            sink.push(field);
            let next = Self { count: self.count + 1, ..Self::at(end + 2) };
            self = sink.fill(|slots| next.take_usual(lines, limits, slots), sealed::Ours).into();
        }
        let line = self.line as usize;
        if lines.end_at(line) {
            return Ok(Lines::Ended { end: line + 2 });
        }
        self.parse_by_line(input, limits, sink)
    }

    /// The same, one line after the other.
    #[cold]
    pub(crate) fn parse_by_line(
        mut self,
        input: &[u8],
        limits: FieldLimits,
        sink: &mut impl FieldSink,
    ) -> Result<Lines, HeadError> {
        loop {
            match self.parse_line(input, limits)? {
                Line::Field(field) => sink.push(field),
                Line::End { end } => return Ok(Lines::Ended { end }),
                Line::Cut => return Ok(Lines::Paused(self)),
            }
        }
    }

    /// Goes through one line, or what is there of it.
    fn parse_line(&mut self, input: &[u8], limits: FieldLimits) -> Result<Line, HeadError> {
        let line = self.line as usize;
        if self.colon == self.line {
            if input.get(line) == Some(&b'\r') {
                return match input.get(line + 1) {
                    Some(b'\n') => Ok(Line::End { end: line + 2 }),
                    Some(_) => Err(HeadError::LineEnd { at: line + 1 }),
                    // Perhaps the empty line, which no bound on fields is for.
                    None => Ok(Line::Cut),
                };
            }
            let colon = token_end(input, self.scanned as usize);
            match input.get(colon) {
                Some(b':') if colon > line => {}
                Some(&byte) => return Err(name_error(line, colon, byte, limits)),
                None => return self.cut(colon, input, limits),
            }
            self.colon = colon as u32;
            self.scanned = colon as u32 + 1;
        }
        let end = field_end(input, self.scanned as usize);
        if !stands_at(input, end, b"\r\n") {
            return match value_error(input, line, end, limits) {
                Some(error) => Err(error),
                None => self.cut(end, input, limits),
            };
        }
        if end + 2 - line > limits.line {
            return Err(HeadError::FieldTooLong { limit: limits.line });
        }
        if self.count >= limits.count {
            return Err(HeadError::TooManyFields { limit: limits.count });
        }
        let colon = self.colon as usize;
        let name = Span::between(line, colon);
        *self = Self { count: self.count + 1, ..Self::at(end + 2) };
        Ok(Line::Field(Field { name, value: trimmed(input, colon + 1, end) }))
    }

    /// Notes how far this line has been looked at, unless it is too long already.
    fn cut(
        &mut self,
        scanned: usize,
        input: &[u8],
        limits: FieldLimits,
    ) -> Result<Line, HeadError> {
        if input.len() - self.line as usize >= limits.line {
            return Err(HeadError::FieldTooLong { limit: limits.line });
        }
        self.scanned = scanned as u32;
        Ok(Line::Cut)
    }
}

/// Where the lines that were taken end, and how many there are. In machine words, which go from one
/// function to the next in registers.
#[derive(Clone, Copy)]
pub(crate) struct Taken {
    line: usize,
    count: usize,
    /// Whether the empty line is next.
    is_end: bool,
}

impl Taken {
    /// All lines there are, `count` of them, and the empty one at `line`.
    #[inline(always)]
    pub(crate) fn all(line: usize, count: usize) -> Self {
        Self { line, count, is_end: true }
    }

    /// Goes on from there.
    #[inline(always)]
    pub(crate) fn parse_rest(
        self,
        input: &[u8],
        lines: &mut MarkedLines<'_>,
        limits: FieldLimits,
        sink: &mut impl FieldSink,
    ) -> Result<Lines, HeadError> {
        if self.is_end {
            return Ok(Lines::Ended { end: self.line + 2 });
        }
        FieldLines::from(self).parse_unusual(input, lines, limits, sink)
    }
}

impl From<Taken> for FieldLines {
    fn from(taken: Taken) -> Self {
        Self { count: taken.count as u16, ..Self::at(taken.line) }
    }
}

/// What one line was.
enum Line {
    Field(Field),
    /// The empty one, up to `end`.
    End {
        end: usize,
    },
    /// Not there as a whole.
    Cut,
}

/// The field of a line with more whitespace or less, or with rare bytes in its name.
#[cold]
fn unusual_field(input: &[u8], line: usize, end: usize) -> Option<Field> {
    let colon = token_end(input, line);
    let is_field =
        colon > line && input.get(colon) == Some(&b':') && stands_at(input, end, b"\r\n");
    is_field
        .then(|| Field { name: Span::between(line, colon), value: trimmed(input, colon + 1, end) })
}

/// Where in a line its value stands, without the whitespace around it.
fn trimmed(input: &[u8], mut start: usize, mut end: usize) -> Span {
    let is_blank = |at: usize| matches!(input.get(at), Some(b' ' | b'\t'));
    while start < end && is_blank(start) {
        start += 1;
    }
    while start < end && is_blank(end - 1) {
        end -= 1;
    }
    Span::between(start, end)
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
        let value = trimmed(self.lines, colon + 1, end);
        let item = (&self.lines[..colon], value.of(self.lines));
        self.lines = self.lines.get(end + 2..).unwrap_or_default();
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    const LIMITS: FieldLimits = FieldLimits { line: 32, count: 3 };

    type Pairs<'i> = Vec<(&'i [u8], &'i [u8])>;

    fn parse(input: &[u8]) -> Result<Option<Pairs<'_>>, HeadError> {
        let mut fields = Vec::new();
        let done =
            FieldLines::default().parse(input, &mut MarkedLines::of(input), LIMITS, &mut fields)?;
        let pair = |field: &Field| (field.name.of(input), field.value.of(input));
        Ok(matches!(done, Lines::Ended { .. }).then(|| fields.iter().map(pair).collect()))
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
