//! Patterns: a path with captures in it, parsed once.

mod parse;
mod segment;

use std::fmt;
use std::sync::Arc;

use crate::error::PatternError;
pub(crate) use parse::is_identifier;
pub(crate) use segment::{Capture, Part, Segment};

/// A parsed path pattern: literals and captures. Cheap to clone.
///
/// The [crate documentation](crate#patterns) has the syntax.
///
/// ```
/// use dunlin_router::Pattern;
///
/// let pattern = Pattern::parse(r"/users/{id:\d+}/{file}.{ext}")?;
/// assert_eq!(pattern.names().len(), 3);
/// assert_eq!(pattern.literal_prefix(), "/users/");
/// # Ok::<(), dunlin_router::PatternError>(())
/// ```
#[derive(Clone)]
pub struct Pattern {
    source: Arc<str>,
    pieces: Arc<[Piece]>,
    names: Arc<[Box<str>]>,
    prefix_len: usize,
}

/// What a pattern is made of, in the order in which the tree holds it.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    /// Any number of segments and parts of segments, in normal form.
    Literal(Box<str>),
    /// From the first capture in a segment to the end of that segment.
    Segment(Segment),
    /// All the rest, slashes included; always last.
    Tail { may_be_empty: bool },
}

impl Pattern {
    /// Parses `source`.
    ///
    /// # Errors
    ///
    /// [`PatternError`] with the place of the first mistake.
    pub fn parse(source: &str) -> Result<Self, PatternError> {
        parse::parse(source)
    }

    /// The text of `pattern` below `prefix`, as when a table is mounted under a path.
    ///
    /// Slashes at the end of `prefix` are dropped; an empty `pattern` stands for the prefix itself.
    /// Nothing is checked here: parsing the result does that.
    ///
    /// ```
    /// use dunlin_router::Pattern;
    ///
    /// assert_eq!(Pattern::join("/admin", "/users/{id}"), "/admin/users/{id}");
    /// assert_eq!(Pattern::join("/{org}/", "/"), "/{org}/");
    /// assert_eq!(Pattern::join("/admin/", ""), "/admin");
    /// ```
    pub fn join(prefix: &str, pattern: &str) -> String {
        format!("{}{pattern}", prefix.trim_end_matches('/'))
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// The names of its captures, from left to right.
    pub fn names(&self) -> &Arc<[Box<str>]> {
        &self.names
    }

    /// What stands before the first capture, as written: all of it where there is none.
    pub fn literal_prefix(&self) -> &str {
        &self.source[..self.prefix_len]
    }

    /// Whether there is no capture in it.
    pub fn is_literal(&self) -> bool {
        self.names.is_empty()
    }

    /// The path that it matches, in normal form, where it captures nothing.
    pub(crate) fn literal(&self) -> Option<Vec<u8>> {
        let mut path = Vec::new();
        for piece in &*self.pieces {
            match piece {
                Piece::Literal(text) => path.extend_from_slice(text.as_bytes()),
                Piece::Segment(_) | Piece::Tail { .. } => return None,
            }
        }
        Some(path)
    }

    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The dynamic segments, from left to right.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Segment(segment) => Some(segment),
            _ => None,
        })
    }

    /// The pattern with its constraints blanked out: two that differ only in constraints are equal.
    pub(crate) fn skeleton(&self) -> String {
        let mut skeleton = String::with_capacity(self.source.len());
        for piece in &*self.pieces {
            match piece {
                Piece::Literal(text) => skeleton.push_str(text),
                Piece::Tail { .. } => skeleton.push_str("{/}"),
                Piece::Segment(segment) => {
                    for part in segment.parts() {
                        match part {
                            Part::Literal(text) => skeleton.push_str(text),
                            Part::Capture(Capture::Free) => skeleton.push_str("{}"),
                            Part::Capture(Capture::Constrained(_)) => skeleton.push_str("{:}"),
                        }
                    }
                }
            }
        }
        skeleton
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.source).finish()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.source)
    }
}

impl std::str::FromStr for Pattern {
    type Err = PatternError;

    fn from_str(source: &str) -> Result<Self, Self::Err> {
        Self::parse(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_literal_prefix_ends_at_the_first_capture() {
        for (source, prefix) in [
            ("/a/b", "/a/b"),
            ("/a/{b}", "/a/"),
            ("/img-{id}.png", "/img-"),
            ("/{t:.*}", "/"),
            ("", ""),
        ] {
            assert_eq!(Pattern::parse(source).unwrap().literal_prefix(), prefix);
        }
    }

    #[test]
    fn joined_patterns_parse_as_one() {
        let joined = Pattern::join("/{org}", "/users/{id}");
        let pattern = Pattern::parse(&joined).unwrap();
        assert!(pattern.names().iter().map(|name| &**name).eq(["org", "id"]));
    }
}
