//! Captures: byte ranges of a path, in pattern order.

use std::fmt;
use std::ops::Range;

/// Captures held without allocation.
const INLINE: usize = 4;

/// Where the captures of a match lie in the path as it was received, in pattern order.
///
/// Ranges, not slices, so that a request may own its path and its captures side by side. Up to four
/// are held in place; only patterns with more allocate. The text is still percent-encoded: see
/// [`decode`](crate::decode).
///
/// ```
/// # use dunlin_router::Router;
/// let mut routes = Router::builder();
/// routes.add("/{user}/{repo}", ());
/// let path = "/ada/engine";
/// let router = routes.build()?;
/// let captures = router.at(path).unwrap().into_captures();
/// assert_eq!(captures.get(1), Some(5..11));
/// assert_eq!(captures.slice(0, path), Some("ada"));
/// # Ok::<(), dunlin_router::BuildErrors>(())
/// ```
#[derive(Clone)]
pub struct Captures {
    spans: [(u32, u32); INLINE],
    /// How many of them there are.
    len: u32,
    /// All of them, once there are too many.
    spilled: Option<Box<Spilled>>,
}

/// Behind one pointer, since hardly any pattern has that many.
#[derive(Clone)]
struct Spilled {
    spans: Vec<(u32, u32)>,
}

impl Captures {
    /// No captures, as of a pattern that is all literal.
    #[inline]
    pub const fn new() -> Self {
        Self { spans: [(0, 0); INLINE], len: 0, spilled: None }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The byte range of capture `index`.
    pub fn get(&self, index: usize) -> Option<Range<usize>> {
        self.as_slice().get(index).map(to_range)
    }

    /// Capture `index` as a slice of `path`, which must be the path that was matched.
    ///
    /// `None` also where the range does not lie in `path`.
    pub fn slice<'p>(&self, index: usize, path: &'p str) -> Option<&'p str> {
        path.get(self.get(index)?)
    }

    /// All ranges, in pattern order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Range<usize>> + '_ {
        self.as_slice().iter().map(to_range)
    }

    /// Appends a range. Paths over 4 GiB are turned away before they are matched.
    #[inline]
    pub(crate) fn push(&mut self, start: usize, end: usize) {
        let span = (start as u32, end as u32);
        match self.spans.get_mut(self.len as usize) {
            Some(place) if self.spilled.is_none() => {
                *place = span;
                self.len += 1;
            }
            _ => self.spill(span),
        }
    }

    #[cold]
    fn spill(&mut self, span: (u32, u32)) {
        let inline = self.spans;
        let new = || Box::new(Spilled { spans: inline.into() });
        self.spilled.get_or_insert_with(new).spans.push(span);
    }

    pub(crate) fn set(&mut self, index: usize, start: usize, end: usize) {
        if let Some(span) = self.as_mut_slice().get_mut(index) {
            *span = (start as u32, end as u32);
        }
    }

    /// Forgets what was pushed after there were `to` captures.
    pub(crate) fn truncate(&mut self, to: usize) {
        match &mut self.spilled {
            Some(spilled) => spilled.spans.truncate(to),
            None => self.len = self.len.min(to as u32),
        }
    }

    pub(crate) fn map(&mut self, mut f: impl FnMut(Range<usize>) -> Range<usize>) {
        for span in self.as_mut_slice() {
            let range = f(to_range(span));
            *span = (range.start as u32, range.end as u32);
        }
    }

    fn as_mut_slice(&mut self) -> &mut [(u32, u32)] {
        match &mut self.spilled {
            Some(spilled) => &mut spilled.spans,
            None => &mut self.spans[..self.len as usize],
        }
    }

    fn as_slice(&self) -> &[(u32, u32)] {
        match &self.spilled {
            Some(spilled) => &spilled.spans,
            None => &self.spans[..self.len as usize],
        }
    }
}

fn to_range(&(start, end): &(u32, u32)) -> Range<usize> {
    start as usize..end as usize
}

impl Default for Captures {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Captures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for Captures {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Captures {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_stay_small_enough_to_be_moved_around() {
        assert_eq!(size_of::<Captures>(), 48);
    }

    #[test]
    fn captures_beyond_the_inline_ones_spill_in_order() {
        let mut captures = Captures::new();
        for i in 0..9 {
            captures.push(i, 2 * i);
        }
        assert_eq!(captures.len(), 9);
        assert!(captures.iter().eq((0..9).map(|i| i..2 * i)));
        captures.truncate(3);
        assert_eq!(captures.get(2), Some(2..4));
        assert_eq!(captures.get(3), None);
    }

    #[test]
    fn equality_ignores_where_ranges_are_held() {
        let mut spilled = Captures::new();
        (0..6).for_each(|i| spilled.push(i, i));
        spilled.truncate(1);
        let mut inline = Captures::new();
        inline.push(0, 0);
        assert_eq!(spilled, inline);
    }

    #[test]
    fn a_range_outside_the_path_gives_no_slice() {
        let mut captures = Captures::new();
        captures.push(2, 9);
        assert_eq!(captures.slice(0, "/é"), None);
        assert_eq!(captures.slice(1, "/é"), None);
    }
}
