//! What parsers of request and response heads have in common: a line of their kind, then fields.

use core::{marker::PhantomData, mem::MaybeUninit};

use super::fields::sealed;
use super::{Field, FieldLimits, FieldLines, FieldSink, Lines, Taken};
use crate::{
    error::HeadError,
    limits::Limits,
    scan::{FieldSlots, MarkedLines, Vectors, WithVectors, with_vectors},
};

/// The line that a head starts with.
pub(super) trait StartLine: Copy {
    /// The line, if it is as most are. In machine words, which stay in registers until somebody wants the
    /// line that they make.
    type Usual: Copy + Into<Self>;
    /// Where a parser stands in the line between two calls; its default is the line's start.
    type Begun: Default;
    /// What a line and the bytes of its head make.
    type Head<'i>;

    /// The line of which the first token and the line itself end at `ends`; returns where the next starts
    /// as well. `None` where [`parse`](Self::parse) has to look.
    fn usual(
        input: &[u8],
        ends: (usize, usize),
        limits: &Limits,
        vectors: &impl Vectors,
    ) -> Option<(Self::Usual, usize)>;

    /// Goes on with a line of any kind; once it has ended, returns it and where the next starts.
    fn parse(
        begun: &mut Self::Begun,
        input: &[u8],
        limits: &Limits,
    ) -> Result<Option<(Self, usize)>, HeadError>;

    /// Whether bytes of a line have been seen.
    fn is_begun(begun: &Self::Begun) -> bool;

    fn head(self, bytes: &[u8]) -> Self::Head<'_>;

    /// What [`parse_once`] does with a head that is not as most are.
    fn parse_unusual<'i, 'f>(
        input: &'i [u8],
        slots: FieldSlots<'f>,
        limits: &Limits,
    ) -> Parsed<'i, 'f, Self>;
}

/// A whole head and its fields, or nothing yet, or what is wrong.
pub(super) type Parsed<'i, 'f, L> =
    Result<Option<(<L as StartLine>::Head<'i>, &'f [Field])>, HeadError>;

/// Parses the head at the start of `input` in one go.
#[inline(always)]
pub(super) fn parse_once<'i, 'f, L: StartLine>(
    input: &'i [u8],
    slots: &'f mut [MaybeUninit<Field>],
    limits: &Limits,
) -> Parsed<'i, 'f, L> {
    with_vectors(Once::<L> { input, slots, limits, kind: PhantomData })
}

/// All of [`parse_once`], as one piece of code for each level of vectors.
struct Once<'i, 'f, 'l, L: StartLine> {
    input: &'i [u8],
    slots: &'f mut [MaybeUninit<Field>],
    limits: &'l Limits,
    kind: PhantomData<L>,
}

impl<'i, 'f, L: StartLine> WithVectors for Once<'i, 'f, '_, L> {
    type Output = Parsed<'i, 'f, L>;

    #[inline(always)]
    fn run(self, vectors: &impl Vectors) -> Self::Output {
        let Self { input, slots, limits, .. } = self;
        let bytes = &input[..input.len().min(limits.head_bound())];
        let (mut lines, mut fields) = (MarkedLines::of(bytes), FieldSlots::new(slots));
        let bounds = FieldLimits::of_head(limits, &fields, FieldLines::default());
        let usual = Usual { bytes, lines: &mut lines, limits, bounds, slots: &mut fields };
        let Some((line, taken)) = usual.run_for::<L>(vectors) else {
            fields.clear();
            return L::parse_unusual(input, fields, limits);
        };
        match taken.parse_rest(bytes, &mut lines, bounds, &mut fields)? {
            Lines::Ended { end } => {
                Ok(Some((line.into().head(&bytes[..end]), fields.into_slice())))
            }
            Lines::Paused(_) => incomplete(input, limits),
        }
    }
}

/// The part of a head that is as nearly every head is: its first line, and fields up to the first that is
/// not, for which the number taken and the place of the next are returned.
struct Usual<'u, 'i, 's> {
    bytes: &'i [u8],
    lines: &'u mut MarkedLines<'i>,
    limits: &'u Limits,
    bounds: FieldLimits,
    slots: &'u mut FieldSlots<'s>,
}

impl Usual<'_, '_, '_> {
    #[inline(always)]
    fn run_for<L: StartLine>(self, vectors: &impl Vectors) -> Option<(L::Usual, Taken)> {
        let Self { bytes, lines, limits, bounds, slots } = self;
        if let Some(mut block) = lines.start_with(vectors) {
            let held = slots.as_slice().len();
            let (line, start) = L::usual(bytes, block.next_line()?, limits, vectors)?;
            let most = usize::from(bounds.count);
            if let Some((line_end, count)) = block.take_all(start, bounds.line, most, slots) {
                return Some((line, Taken::all(line_end, count)));
            }
            slots.truncate(held);
            lines.start_at(0);
        }
        let (line, start) = L::usual(bytes, lines.next_line()?, limits, vectors)?;
        Some((line, FieldLines::at(start).take_usual(lines, bounds, slots)))
    }
}

/// [`Usual`] for a kind of line.
struct UsualOf<'u, 'i, 's, L>(Usual<'u, 'i, 's>, PhantomData<L>);

impl<L: StartLine> WithVectors for UsualOf<'_, '_, '_, L> {
    type Output = Option<(L::Usual, Taken)>;

    #[inline(always)]
    fn run(self, vectors: &impl Vectors) -> Self::Output {
        self.0.run_for::<L>(vectors)
    }
}

/// What to say of a head that has not ended in `input`.
#[cold]
fn incomplete<T>(input: &[u8], limits: &Limits) -> Result<Option<T>, HeadError> {
    let bound = limits.head_bound();
    if input.len() >= bound { Err(HeadError::TooLarge { limit: bound }) } else { Ok(None) }
}

/// Parses heads, each from as many pieces as it comes in.
#[derive(Clone, Copy, Debug)]
pub(super) enum HeadParser<L: StartLine> {
    /// In the first line.
    Line(L::Begun),
    /// Behind it.
    Fields { line: L, fields: FieldLines },
}

impl<L: StartLine> Default for HeadParser<L> {
    fn default() -> Self {
        Self::Line(L::Begun::default())
    }
}

impl<L: StartLine> HeadParser<L> {
    /// Whether bytes of a head have been seen.
    pub(super) fn is_within_head(&self) -> bool {
        match self {
            Self::Line(begun) => L::is_begun(begun),
            Self::Fields { .. } => true,
        }
    }

    /// Parses the head at the front of `input`; on success, takes it off there and is ready for the next.
    ///
    /// Hands the head to one of two functions: a usual one in machine words, which a result of many parts
    /// would have to put into memory; all else to the other, together with whether a head has been begun.
    #[inline(always)]
    pub(super) fn parse_then<'i, S: FieldSink, R>(
        &mut self,
        input: &mut &'i [u8],
        limits: &Limits,
        sink: &mut S,
        usual: impl FnOnce(&mut S, &'i [u8], L::Usual) -> R,
        other: impl FnOnce(&mut S, Result<Option<L::Head<'i>>, HeadError>, bool) -> R,
    ) -> R {
        let bytes: &'i [u8] = &input[..input.len().min(limits.head_bound())];
        let mut lines = MarkedLines::of(bytes);
        if self.is_within_head() {
            let head = self.parse_on(input, bytes, &mut lines, limits, sink);
            return other(sink, head, self.is_within_head());
        }
        let bounds = FieldLimits::of_head(limits, sink, FieldLines::default());
        let taken = sink.fill(
            |slots| {
                let usual = Usual { bytes, lines: &mut lines, limits, bounds, slots };
                with_vectors(UsualOf::<L>(usual, PhantomData))
            },
            sealed::Ours,
        );
        let Some((line, taken)) = taken else {
            let head = self.parse_on(input, bytes, &mut lines, limits, sink);
            return other(sink, head, self.is_within_head());
        };
        match taken.parse_rest(bytes, &mut lines, bounds, sink) {
            Ok(Lines::Ended { end }) => {
                *input = &input[end..];
                usual(sink, &bytes[..end], line)
            }
            Ok(Lines::Paused(fields)) => {
                *self = Self::Fields { line: line.into(), fields };
                other(sink, incomplete(input, limits), true)
            }
            Err(error) => other(sink, Err(error), true),
        }
    }

    /// The same where a head has been begun, or has an unusual first line.
    #[cold]
    #[inline(never)]
    fn parse_on<'i>(
        &mut self,
        input: &mut &'i [u8],
        bytes: &'i [u8],
        lines: &mut MarkedLines<'_>,
        limits: &Limits,
        sink: &mut impl FieldSink,
    ) -> Result<Option<L::Head<'i>>, HeadError> {
        let (line, fields) = match self {
            Self::Fields { line, fields } => (*line, *fields),
            Self::Line(begun) => match L::parse(begun, bytes, limits)? {
                Some((line, start)) => (line, FieldLines::at(start)),
                None => return incomplete(input, limits),
            },
        };
        let bounds = FieldLimits::of_head(limits, sink, fields);
        match fields.parse(bytes, lines, bounds, sink)? {
            Lines::Ended { end } => {
                *self = Self::default();
                *input = &input[end..];
                Ok(Some(line.head(&bytes[..end])))
            }
            Lines::Paused(fields) => {
                *self = Self::Fields { line, fields };
                incomplete(input, limits)
            }
        }
    }
}
