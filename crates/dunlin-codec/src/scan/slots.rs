//! Room for fields that nobody has to clear first.

use core::{fmt, mem::MaybeUninit};

use crate::head::{Field, FieldSink, sealed};

/// Fields in slots that need not be initialised: a sink for those who want no allocation.
///
/// ```
/// use std::mem::MaybeUninit;
/// use dunlin_codec::{FieldSlots, Limits, RequestParser};
///
/// let mut slots = [MaybeUninit::uninit(); 16];
/// let mut fields = FieldSlots::new(&mut slots);
/// let mut input = &b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"[..];
/// let head = RequestParser::new().parse(&mut input, &Limits::default(), &mut fields)?;
/// assert_eq!(head.expect("whole").field(fields.as_slice()[0]), (&b"Host"[..], &b"a.example"[..]));
/// # Ok::<(), dunlin_codec::HeadError>(())
/// ```
pub struct FieldSlots<'f> {
    /// Those before `len` are written.
    slots: &'f mut [MaybeUninit<Field>],
    len: usize,
}

impl<'f> FieldSlots<'f> {
    /// No fields yet, and room for as many as there are slots.
    #[inline]
    pub fn new(slots: &'f mut [MaybeUninit<Field>]) -> Self {
        Self { slots, len: 0 }
    }

    /// The fields so far.
    #[inline]
    pub fn as_slice(&self) -> &[Field] {
        // SAFETY: `len` slots were written, and a slot has the layout of what it holds.
        unsafe { &*(self.slots.get_unchecked(..self.len) as *const [_] as *const [Field]) }
    }

    /// The fields, for as long as the slots live.
    #[inline]
    pub fn into_slice(self) -> &'f [Field] {
        // SAFETY: as in `as_slice`.
        unsafe { &*(self.slots.get_unchecked(..self.len) as *const [_] as *const [Field]) }
    }

    /// Slots that are free.
    #[inline(always)]
    pub(super) fn free(&mut self) -> &mut [MaybeUninit<Field>] {
        self.slots.get_mut(self.len..).unwrap_or_default()
    }

    /// Takes over so many of the slots that are free, from the first on.
    ///
    /// # Safety
    ///
    /// They must be written.
    #[inline(always)]
    pub(super) unsafe fn add_written(&mut self, count: usize) {
        self.len += count;
    }

    /// Forgets the fields, for the next head.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Forgets all but so many.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }
}

impl FieldSink for FieldSlots<'_> {
    #[inline]
    fn push(&mut self, field: Field) {
        if let Some(slot) = self.slots.get_mut(self.len) {
            slot.write(field);
            self.len += 1;
        }
    }

    #[inline(always)]
    fn fill<R>(&mut self, fill: impl FnOnce(&mut FieldSlots<'_>) -> R, _: sealed::Ours) -> R {
        fill(self)
    }

    #[inline]
    fn room(&self) -> usize {
        self.slots.len() - self.len
    }
}

impl fmt::Debug for FieldSlots<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FieldSlots").field(&self.as_slice()).finish()
    }
}
