//! Cuts a section into lines by masks of 64 bits, without a branch that depends on the bytes.

use super::{
    FieldSlots, Vectors, mark,
    marks::{BLOCK, Marks, Slots},
    stands_at,
};
use crate::head::{Field, Span};

/// What the bytes of a block are, a bit each, the first byte's lowest. Bits beyond the input are 0 in
/// `control`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Masks {
    /// Token bytes (RFC 9110 §5.6.2), or the most usual of them.
    pub(super) token: u64,
    /// Controls and DEL, but for HTAB: what stands in no value (RFC 9110 §5.5).
    pub(super) control: u64,
}

/// How far a section has been marked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk {
    at: usize,
    /// Controls of the block before `at`, of which the last two bytes count.
    control: u64,
    /// 1 where a name goes on at `at`.
    in_name: u64,
    /// Marks of the block before `at` that are still to be written.
    pending: Option<u64>,
    /// Where the empty line starts; [`NO_END`] while unknown.
    end: usize,
}

const NO_END: usize = usize::MAX;

impl Walk {
    /// From the start of a line.
    #[inline(always)]
    fn from(at: usize) -> Self {
        Self { at, control: u64::MAX, in_name: 0, pending: None, end: NO_END }
    }

    /// Where the block starts whose marks are written next.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(super) fn at(&self) -> usize {
        self.at - if self.pending.is_some() { BLOCK } else { 0 }
    }

    /// Marks blocks until the section, the input, or the room for marks ends.
    ///
    /// `write` writes the places of the set bits into slots, each as its distance from a base, which
    /// grows by a block with each call.
    ///
    /// # Safety
    ///
    /// `write` must have written as many slots as there are bits.
    #[inline(always)]
    pub(super) unsafe fn run(
        &mut self,
        input: &[u8],
        marks: &mut Marks,
        whole: impl Fn(&[u8; BLOCK]) -> Masks,
        last: impl Fn(&[u8], usize) -> Masks,
        mut write: impl FnMut(&mut Slots, usize, u64),
    ) {
        let (mut walk, mut len) = (*self, marks.len());
        let rest = input.get(walk.at..).unwrap_or_default();
        let (blocks, short) = rest.as_chunks::<BLOCK>();
        'marks: {
            if let Some(ends) = walk.pending.take()
                && let Some(slots) = marks.slots_from(len)
            {
                write(slots, walk.at - BLOCK, ends);
                len += ends.count_ones() as usize;
            }
            for block in blocks {
                let Some(slots) = marks.slots_from(len) else { break 'marks };
                let (ends, empty_line) = walk.step(whole(block));
                if empty_line != 0 {
                    len += walk.finish(slots, ends, empty_line, &mut write);
                    break 'marks;
                }
                write(slots, walk.at, ends);
                len += ends.count_ones() as usize;
                walk.at += BLOCK;
            }
            if let Some(slots) = marks.slots_from(len)
                && !short.is_empty()
            {
                let (ends, empty_line) = walk.step(last(input, walk.at));
                if empty_line != 0 {
                    len += walk.finish(slots, ends, empty_line, &mut write);
                    break 'marks;
                }
                // A name that runs to the end of the input has not ended.
                let ends = ends & !(u64::MAX << short.len());
                write(slots, walk.at, ends);
                len += ends.count_ones() as usize;
                walk.at += short.len();
            }
        }
        #[cfg(test)]
        super::work::add(walk.at.max(walk.end.wrapping_add(1)) - self.at);
        *self = walk;
        // SAFETY: as many were written in each turn as `len` has grown by.
        unsafe { marks.set_len(len) };
    }

    /// Goes on by a block. Returns the ends of names and lines in it, and the bits of empty lines, of
    /// which the lowest counts.
    ///
    /// This is arithmetic alone, without a branch. A line starts behind a run of controls, and adding
    /// that bit to the token mask carries it through the name, to the first byte that is none of a
    /// token's. A line ends where a run of controls starts. The third control in a row is that of an
    /// empty line.
    #[inline(always)]
    fn step(&mut self, Masks { token, control }: Masks) -> (u64, u64) {
        let behind_control = control << 1 | self.control >> 63;
        let behind_two = control << 2 | self.control >> 62;
        self.control = control;
        // A name goes on behind a token byte, a line starts behind a control: never both at once.
        let starts = behind_control & !control | self.in_name;
        let (names, goes_on) = token.overflowing_add(starts);
        self.in_name = u64::from(goes_on);
        let ends = names & !token | control & !behind_control;
        (ends, control & behind_control & behind_two)
    }

    /// Writes what is left before the empty line, and says how much that is.
    #[inline(always)]
    fn finish(
        &mut self,
        slots: &mut Slots,
        ends: u64,
        empty_line: u64,
        mut write: impl FnMut(&mut Slots, usize, u64),
    ) -> usize {
        let ends = ends & (empty_line - 1) & !empty_line;
        write(slots, self.at, ends);
        self.end = self.at + empty_line.trailing_zeros() as usize;
        ends.count_ones() as usize
    }
}

/// Bytes that most levels classify in one go.
pub(super) const HALF: usize = 32;

/// The masks of a block, by a function that returns what is no token byte, in which controls need not
/// be, and controls.
#[inline(always)]
pub(super) fn masks(block: &[u8; BLOCK], classify: impl Fn(&[u8; HALF]) -> (u32, u32)) -> Masks {
    let (first, second) = halves(block);
    joined(classify(first), classify(second), HALF)
}

/// The masks of the first block of an input, which has at least half of one.
#[inline(always)]
pub(super) fn first_masks(
    input: &[u8],
    classify: impl Fn(&[u8; HALF]) -> (u32, u32),
) -> Option<Masks> {
    let first = input.first_chunk()?;
    // In a shorter block, the halves overlap.
    let distance = (input.len() - HALF).min(HALF);
    let second = input.get(distance..)?.first_chunk()?;
    Some(joined(classify(first), classify(second), distance))
}

/// The masks of the bytes from `at` on in `input`, fewer than a block. Nothing outside of the input is
/// read.
#[inline(always)]
pub(super) fn last_masks(
    input: &[u8],
    at: usize,
    classify: impl Fn(&[u8; HALF]) -> (u32, u32),
) -> Masks {
    let Some(rest) = input.get(at..) else { return Masks::default() };
    let mut padded;
    // Blocks overlap what is before them.
    let (first, second, distance, before) = if let Some(block) = input.last_chunk::<BLOCK>() {
        let (first, second) = halves(block);
        (first, second, HALF, BLOCK - rest.len())
    } else if let (Some(first), Some(second)) = (input.first_chunk(), input.last_chunk()) {
        (first, second, input.len() - HALF, at)
    } else {
        // Blanks are in neither class.
        padded = [b' '; HALF];
        for (to, from) in padded.iter_mut().zip(rest) {
            *to = *from;
        }
        (&padded, &padded, 0, 0)
    };
    let Masks { token, control } = joined(classify(first), classify(second), distance);
    Masks { token: token >> before, control: control >> before }
}

#[inline(always)]
fn halves(block: &[u8; BLOCK]) -> (&[u8; HALF], &[u8; HALF]) {
    let (halves, _) = block.as_chunks::<HALF>();
    (&halves[0], &halves[1])
}

/// Masks of which the second starts so many bytes behind the first.
#[inline(always)]
fn joined(first: (u32, u32), second: (u32, u32), distance: usize) -> Masks {
    let join = |first, second| u64::from(first) | u64::from(second) << distance;
    let (others, control) = (join(first.0, second.0), join(first.1, second.1));
    Masks { token: !(others | control), control }
}

/// The lines of a section, from a line's start up to the empty line or the end of the input.
pub(crate) struct MarkedLines<'i> {
    input: &'i [u8],
    marks: Marks,
    walk: Walk,
}

impl<'i> MarkedLines<'i> {
    /// No lines of `input` yet. What is behind 65,536 bytes, which marks cannot tell, is left out.
    #[inline(always)]
    pub(crate) fn of(input: &'i [u8]) -> Self {
        let input = &input[..input.len().min(1 << 16)];
        Self { input, marks: Marks::new(), walk: Walk::from(0) }
    }

    /// Marks the lines from `start` on; none on machines without vectors.
    pub(crate) fn start_at(&mut self, start: usize) {
        self.walk = Walk::from(start);
        self.marks.clear();
        mark(self.input, &mut self.walk, &mut self.marks);
    }

    /// Marks the lines of the whole input with the caller's vectors, unless the section ends in its first
    /// block, whose marks need not leave the register.
    #[inline(always)]
    pub(crate) fn start_with(&mut self, vectors: &impl Vectors) -> Option<OneBlock<'i>> {
        let mut walk = Walk::from(0);
        self.marks.clear();
        if let Some(masks) = vectors.first_masks(self.input) {
            let (ends, empty_line) = walk.step(masks);
            if empty_line != 0 {
                let end = empty_line.trailing_zeros() as usize;
                return Some(OneBlock { input: self.input, ends: ends & !(u64::MAX << end), end });
            }
            if self.input.len() >= BLOCK {
                (walk.at, walk.pending) = (BLOCK, Some(ends));
            } else {
                walk = Walk::from(0);
            }
        }
        vectors.mark(self.input, &mut walk, &mut self.marks);
        self.walk = walk;
        None
    }

    /// Takes the next line: where its first token ends, and where its first control is.
    ///
    /// One that is not as it should be makes all that follow worthless.
    #[inline(always)]
    pub(crate) fn next_line(&mut self) -> Option<(usize, usize)> {
        self.marks.take_pair().or_else(|| self.next_round())
    }

    #[cold]
    #[inline(never)]
    fn next_round(&mut self) -> Option<(usize, usize)> {
        if self.walk.end != NO_END {
            return None;
        }
        self.marks.make_room();
        mark(self.input, &mut self.walk, &mut self.marks);
        self.marks.take_pair()
    }

    /// Takes lines, the first of which starts at `line`, as long as they are as nearly every sender
    /// writes them: `: ` behind the name, no blank next to the value, CRLF. Returns where the next line
    /// starts, and how many were taken.
    ///
    /// At most `most`, none longer than `longest`, and perhaps fewer than there are.
    #[inline(always)]
    pub(crate) fn take_usual(
        &mut self,
        line: usize,
        longest: usize,
        most: usize,
        fields: &mut FieldSlots<'_>,
    ) -> (usize, usize) {
        let input = self.input;
        let mut pairs = self.marks.pairs(most);
        // A byte behind the line is read with it. Where there is an empty line, that is one.
        if self.walk.end == NO_END {
            while let [before @ .., last] = pairs
                && usize::from(last[1]) + 3 > input.len()
            {
                pairs = before;
            }
        }
        let pairs = pairs.iter().map(|&[name_end, end]| (name_end.into(), end.into()));
        // SAFETY: marks ascend, so that what holds for the last of these holds for all.
        let (line, taken) = unsafe { usual_fields(input, pairs, line, longest, fields) };
        // SAFETY: each turn was one of these pairs.
        unsafe { self.marks.take_pairs(taken) };
        (line, taken)
    }

    /// All marks, and where the empty line is.
    #[cfg(test)]
    pub(super) fn all_marks(
        &mut self,
        vectors: &impl Vectors,
    ) -> (alloc::vec::Vec<usize>, Option<usize>) {
        let mut all = alloc::vec::Vec::new();
        loop {
            while let Some((first, second)) = self.marks.take_pair() {
                all.extend([first, second]);
            }
            if self.walk.end != NO_END || self.walk.at >= self.input.len() {
                all.extend(self.marks.odd());
                return (all, Some(self.walk.end).filter(|end| *end != NO_END));
            }
            self.marks.make_room();
            vectors.mark(self.input, &mut self.walk, &mut self.marks);
        }
    }

    /// Whether the section ends with an empty line at `line`.
    #[inline]
    pub(crate) fn end_at(&self, line: usize) -> bool {
        self.walk.end == line && stands_at(self.input, line, b"\r\n")
    }
}

/// Fills slots with the fields of usual lines, the first of which starts at `line`. Returns where the next
/// starts, and how many there were.
///
/// # Safety
///
/// Each pair must be of ascending offsets, of which the second has two bytes of the input behind it.
#[inline(always)]
unsafe fn usual_fields(
    input: &[u8],
    pairs: impl Iterator<Item = (usize, usize)>,
    mut line: usize,
    longest: usize,
    fields: &mut FieldSlots<'_>,
) -> (usize, usize) {
    let mut taken = 0;
    for (slot, (name_end, end)) in fields.free().iter_mut().zip(pairs) {
        // SAFETY: as the caller promises.
        let is_usual = unsafe { is_usual(input, name_end, end) };
        if !is_usual || name_end <= line || end + 2 - line > longest {
            break;
        }
        let name = Span::between(line, name_end);
        slot.write(Field { name, value: Span::between(name_end + 2, end) });
        line = end + 2;
        taken += 1;
    }
    // SAFETY: each turn of the loop has written one.
    unsafe { fields.add_written(taken) };
    (line, taken)
}

/// A section that ends in its first block.
pub(crate) struct OneBlock<'i> {
    input: &'i [u8],
    /// Marks before the empty line.
    ends: u64,
    /// Where that starts.
    end: usize,
}

impl OneBlock<'_> {
    /// Takes the next line, as [`MarkedLines::next_line`] does.
    #[inline(always)]
    pub(crate) fn next_line(&mut self) -> Option<(usize, usize)> {
        take_bits(&mut self.ends)
    }

    #[cfg(test)]
    pub(super) fn end(&self) -> usize {
        self.end
    }

    /// The mark that has no partner.
    #[cfg(test)]
    pub(super) fn odd(&self) -> Option<usize> {
        (self.ends != 0).then_some(self.ends.trailing_zeros() as usize)
    }

    /// Takes all lines, of which the first starts at `line`, if they are as nearly every sender writes
    /// them. Returns where the empty line starts, and how many there were before.
    #[inline(always)]
    pub(crate) fn take_all(
        mut self,
        line: usize,
        longest: usize,
        most: usize,
        fields: &mut FieldSlots<'_>,
    ) -> Option<(usize, usize)> {
        let pairs = core::iter::from_fn(|| take_bits(&mut self.ends)).take(most);
        // SAFETY: bits ascend, and all are before the third control in a row.
        let (line, taken) = unsafe { usual_fields(self.input, pairs, line, longest, fields) };
        (line == self.end && stands_at(self.input, line, b"\r\n")).then_some((line, taken))
    }
}

/// Takes the lowest two bits.
#[inline(always)]
fn take_bits(bits: &mut u64) -> Option<(usize, usize)> {
    let above = *bits & bits.wrapping_sub(1);
    if above == 0 {
        return None;
    }
    let pair = (bits.trailing_zeros() as usize, above.trailing_zeros() as usize);
    *bits = above & above.wrapping_sub(1);
    Some(pair)
}

/// Whether there is `: ` at the one place and CRLF at the other, and no blank next to the value.
///
/// # Safety
///
/// `name_end` must be less than `end`, and at least three bytes must be there from `end` on.
#[inline(always)]
unsafe fn is_usual(input: &[u8], name_end: usize, end: usize) -> bool {
    debug_assert!(name_end < end && end + 3 <= input.len());
    // SAFETY: there is a byte before `end` and three from there on, and so four from `name_end` on.
    // Whatever stands there may be read as bytes or pairs of them.
    unsafe {
        let (before, behind) = (input.as_ptr().add(name_end), input.as_ptr().add(end));
        before.cast::<[u8; 2]>().read() == *b": "
            && before.add(2).read() > b' '
            && behind.cast::<[u8; 2]>().read() == *b"\r\n"
            && behind.sub(1).read() > b' '
    }
}
