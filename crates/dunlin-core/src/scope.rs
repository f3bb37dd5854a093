//! What an app tells a request about the route that it took.

use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use crate::BoxError;

/// A typed name for a value that an app keeps for its handlers.
///
/// A key is its name and its type: two statics with the same name and type are the same key.
///
/// ```
/// use dunlin_core::StateKey;
///
/// pub static LIMIT: StateKey<usize> = StateKey::new("limit");
/// assert_eq!(LIMIT.name(), "limit");
/// ```
pub struct StateKey<T: ?Sized> {
    name: &'static str,
    value: PhantomData<fn() -> Box<T>>,
}

impl<T: ?Sized> StateKey<T> {
    /// A key of that name.
    pub const fn new(name: &'static str) -> Self {
        Self { name, value: PhantomData }
    }

    /// The name it was made with.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<T: ?Sized> Clone for StateKey<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for StateKey<T> {}

impl<T: ?Sized> fmt::Debug for StateKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateKey<{}>({:?})", type_name::<T>(), self.name)
    }
}

/// The route that a request took, as its app describes it; core knows neither router nor app.
pub trait Scope: Send + Sync {
    /// The route's pattern, such as `/users/{id}`; for logs and metrics.
    fn pattern(&self) -> &str;

    /// Names of the pattern's captures, in its order.
    fn capture_names(&self) -> &[Box<str>];

    /// The value kept under a type and, where given, a name: the innermost app's first.
    fn state(&self, ty: TypeId, name: Option<&str>) -> Option<&(dyn Any + Send + Sync)>;

    /// The URL of a named route, its captures filled with `params`.
    ///
    /// # Errors
    ///
    /// Where no route has that name, or the parts do not fit its pattern.
    fn url_for(&self, name: &str, params: &[(&str, &str)]) -> Result<String, BoxError>;
}

/// Where a route's captures stand in the path, as offsets; the first four without allocation.
#[derive(Clone, Debug, Default)]
pub struct Captures {
    inline: [(u16, u16); Self::INLINE],
    len: u8,
    more: Option<Box<[(u16, u16)]>>,
}

impl Captures {
    const INLINE: usize = 4;

    /// The captured range at `index`, in the pattern's order.
    pub fn get(&self, index: usize) -> Option<Range<usize>> {
        let (start, end) = match &self.more {
            Some(all) => *all.get(index)?,
            None => *self.inline[..usize::from(self.len)].get(index)?,
        };
        Some(usize::from(start)..usize::from(end))
    }

    /// Number of captures.
    pub fn len(&self) -> usize {
        self.more.as_ref().map_or_else(|| usize::from(self.len), |all| all.len())
    }

    /// Whether the route captures nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// From ranges into a path of at most 64 KiB, in the pattern's order.
impl<R: Into<Range<usize>>> FromIterator<R> for Captures {
    fn from_iter<I: IntoIterator<Item = R>>(ranges: I) -> Self {
        let narrow = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        let mut captures = Self::default();
        let mut more = Vec::new();
        for range in ranges {
            let range = range.into();
            let span = (narrow(range.start), narrow(range.end));
            let len = usize::from(captures.len);
            if len < Self::INLINE {
                captures.inline[len] = span;
                captures.len += 1;
            } else {
                if more.is_empty() {
                    more.extend_from_slice(&captures.inline);
                }
                more.push(span);
            }
        }
        captures.more = (!more.is_empty()).then(|| more.into());
        captures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_past_the_fourth_are_kept_too() {
        for count in [0, 1, 4, 5, 9] {
            let captures: Captures = (0..count).map(|n| n..n + 1).collect();
            assert_eq!(captures.len(), count);
            for n in 0..count {
                assert_eq!(captures.get(n), Some(n..n + 1));
            }
            assert_eq!(captures.get(count), None);
        }
    }
}
