//! Where lines and their names end: offsets found a block ahead of whoever asks for them.

use core::{mem::MaybeUninit, slice};

/// Bytes that are classified at a time, one bit each.
pub(super) const BLOCK: usize = 64;

/// Enough for the lines of most heads; longer ones are marked in several rounds.
const FULL: usize = 96;

/// Offsets from which lines are cut: the end of a name, the end of its line, and so on in turns,
/// ascending.
///
/// In a section without errors that is what they are. Elsewhere they may be anything, so whoever
/// takes a pair must look at the bytes that stand there.
pub(crate) struct Marks {
    /// Those before `len` are written.
    offsets: [MaybeUninit<u16>; FULL + BLOCK],
    len: usize,
    taken: usize,
}

impl Marks {
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self { offsets: [const { MaybeUninit::uninit() }; FULL + BLOCK], len: 0, taken: 0 }
    }

    #[inline(always)]
    pub(super) fn clear(&mut self) {
        (self.len, self.taken) = (0, 0);
    }

    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Slots for the marks of a block, the first of them number `len`; none where there are fewer.
    #[inline(always)]
    pub(super) fn slots_from(&mut self, len: usize) -> Option<&mut Slots> {
        if len > FULL {
            return None;
        }
        self.offsets.get_mut(len..)?.first_chunk_mut()
    }

    /// Takes over what was written into slots.
    ///
    /// # Safety
    ///
    /// All slots before `len` must be written.
    #[inline(always)]
    pub(super) unsafe fn set_len(&mut self, len: usize) {
        debug_assert!(len <= self.offsets.len());
        self.len = len;
    }

    /// Takes the next pair.
    #[inline(always)]
    pub(super) fn take_pair(&mut self) -> Option<(usize, usize)> {
        let [[first, second]] = self.pairs(1) else { return None };
        // One load of both would have to wait until the two stores behind it are done.
        // SAFETY: references may be read.
        let pair =
            unsafe { ((&raw const *first).read_volatile(), (&raw const *second).read_volatile()) };
        self.taken += 2;
        Some((usize::from(pair.0), usize::from(pair.1)))
    }

    /// The next pairs, as many as there are but at most so many.
    #[inline(always)]
    pub(super) fn pairs(&self, most: usize) -> &[[u16; 2]] {
        let count = ((self.len - self.taken) / 2).min(most);
        // SAFETY: `taken` never passes `len`, nor `len` the slots; those before it are written, and
        // two offsets in a row are a pair.
        unsafe { slice::from_raw_parts(self.offsets.as_ptr().add(self.taken).cast(), count) }
    }

    /// Takes so many pairs.
    ///
    /// # Safety
    ///
    /// There must be as many.
    #[inline(always)]
    pub(super) unsafe fn take_pairs(&mut self, count: usize) {
        self.taken += 2 * count;
        debug_assert!(self.taken <= self.len);
    }

    /// The offset that has no partner.
    #[cfg(test)]
    pub(super) fn odd(&self) -> Option<usize> {
        // SAFETY: it is before `len`.
        (self.len - self.taken == 1)
            .then(|| usize::from(unsafe { self.offsets[self.taken].assume_init() }))
    }

    /// Makes room where pairs were taken.
    pub(super) fn make_room(&mut self) {
        let left = self.len - self.taken;
        self.offsets.copy_within(self.taken..self.len, 0);
        (self.len, self.taken) = (left, 0);
    }
}

/// Room for the marks of one block.
pub(super) type Slots = [MaybeUninit<u16>; BLOCK];

/// Writes the places of the set bits, each as its distance from `base`.
///
/// Four at a time whether they are there or not: a block seldom has more, and a loop over single bits
/// would end at an unforeseeable turn.
#[inline(always)]
pub(super) fn write_bits(slots: &mut Slots, base: usize, bits: u64) {
    let mut rest = bits;
    for four in slots.as_chunks_mut::<4>().0 {
        for slot in four {
            slot.write((base + rest.trailing_zeros() as usize) as u16);
            rest &= rest.wrapping_sub(1);
        }
        if rest == 0 {
            break;
        }
    }
}
