//! What can be wrong with a table of routes, told all at once.

use std::fmt;
use std::panic::Location;

use crate::host::HostError;

/// A reason to reject a path pattern, with its place in the pattern in bytes.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PatternError {
    /// It is not empty and does not begin with a slash.
    #[error("pattern does not begin with `/`")]
    NoSlash,
    /// It is longer than any path one would want to serve.
    #[error("pattern of {len} bytes is longer than 4096")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// A capture is opened and not closed.
    #[error("capture opened at byte {at} is never closed")]
    Unclosed {
        /// Place of the `{`.
        at: usize,
    },
    /// A closing brace stands outside a capture.
    #[error("`}}` at byte {at} closes nothing")]
    StrayBrace {
        /// Place of the `}`.
        at: usize,
    },
    /// The name of a capture is not an identifier.
    #[error("`{name}` at byte {at} is not a name for a capture")]
    BadName {
        /// Place of the name.
        at: usize,
        /// The name as written.
        name: Box<str>,
    },
    /// Two captures have the same name.
    #[error("capture `{name}` at byte {at} has the name of an earlier one")]
    DuplicateName {
        /// Place of the second name.
        at: usize,
        /// The name.
        name: Box<str>,
    },
    /// A colon is followed by nothing.
    #[error("constraint at byte {at} is empty")]
    EmptyConstraint {
        /// Where the constraint should be.
        at: usize,
    },
    /// The constraint is no regex.
    #[error("constraint is not a regex at byte {at}: {reason}")]
    BadConstraint {
        /// Place of the mistake.
        at: usize,
        /// What the regex parser says about it.
        reason: Box<str>,
    },
    /// The constraint could match a slash, but a capture is one segment.
    #[error("constraint `{constraint}` at byte {at} could match `/`")]
    MatchesSlash {
        /// Place of the constraint.
        at: usize,
        /// The constraint.
        constraint: Box<str>,
    },
    /// The compiled constraint is too large.
    #[error("constraint at byte {at} compiles to more than {limit} bytes")]
    TooBig {
        /// Place of the constraint.
        at: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Something follows a tail.
    #[error("tail capture at byte {at} is not the last part")]
    TailNotLast {
        /// Place of the tail.
        at: usize,
    },
    /// A tail shares its first segment with another capture.
    #[error("tail capture at byte {at} follows another capture in the same segment")]
    TailAfterCapture {
        /// Place of the tail.
        at: usize,
    },
    /// A `%` is not followed by two hex digits.
    #[error("`%` at byte {at} is not followed by two hex digits")]
    BadEscape {
        /// Place of the `%`.
        at: usize,
    },
    /// A literal is not UTF-8 once decoded.
    #[error("literal at byte {at} is not UTF-8 once decoded")]
    NotUtf8 {
        /// Place of the literal.
        at: usize,
    },
    /// `?` or `#` stands in a literal, where the path of a URL ends.
    #[error("`{found}` at byte {at} cannot be part of a path")]
    NotPath {
        /// Place of the character.
        at: usize,
        /// The character.
        found: char,
    },
}

impl PatternError {
    /// The place in the pattern, in bytes.
    pub fn at(&self) -> usize {
        match *self {
            Self::NoSlash => 0,
            Self::TooLong { .. } => 4096,
            Self::Unclosed { at }
            | Self::StrayBrace { at }
            | Self::BadName { at, .. }
            | Self::DuplicateName { at, .. }
            | Self::EmptyConstraint { at }
            | Self::BadConstraint { at, .. }
            | Self::MatchesSlash { at, .. }
            | Self::TooBig { at, .. }
            | Self::TailNotLast { at }
            | Self::TailAfterCapture { at }
            | Self::BadEscape { at }
            | Self::NotUtf8 { at }
            | Self::NotPath { at, .. } => at,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoSlash => "begin it with `/`",
            Self::TooLong { .. } => "shorten it",
            Self::Unclosed { .. } => "add `}`, and close brackets within the constraint",
            Self::StrayBrace { .. } => "remove it, or write `%7D` for a literal brace",
            Self::BadName { name, .. } if name.starts_with('*') || name.ends_with("...") => {
                "write `{name:.*}` for the rest of the path"
            }
            Self::BadName { .. } => "use letters, digits and `_`, not beginning with a digit",
            Self::DuplicateName { .. } => "rename it",
            Self::EmptyConstraint { .. } => "add a regex, or remove the `:`",
            Self::BadConstraint { .. } => "mend the regex",
            Self::MatchesSlash { .. } => {
                "exclude `/`, as in `[^/]`, or take the rest of the path with `{name:.*}`"
            }
            Self::TooBig { .. } => "repeat less, and check length in the handler",
            Self::TailNotLast { .. } => "move it to the end, or constrain it to a segment: `[^/]*`",
            Self::TailAfterCapture { .. } => "put a `/` between them",
            Self::BadEscape { .. } => "write `%25` for a literal `%`",
            Self::NotUtf8 { .. } => "write text as it is; escapes are not needed",
            Self::NotPath { found: '?', .. } => "leave the query to the handler, or write `%3F`",
            Self::NotPath { .. } => "no client sends fragments; write `%23` for the character",
        }
    }
}

/// One mistake in a table, and where it was made.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BuildError {
    /// The pattern does not parse.
    #[error("{at}: pattern `{pattern}`: {source}{}", Caret(pattern, source))]
    Pattern {
        /// Where it was registered.
        at: &'static Location<'static>,
        /// The pattern as written.
        pattern: Box<str>,
        /// What is wrong with it.
        source: PatternError,
    },
    /// The method is not a token (RFC 9110 §9.1).
    #[error("{at}: `{method}` is not a method")]
    BadMethod {
        /// Where it was registered.
        at: &'static Location<'static>,
        /// The method as written.
        method: Box<str>,
    },
    /// The pattern has this method already.
    #[error("{at}: `{pattern}` already has {method} (registered at {first}): remove one")]
    DuplicateMethod {
        /// Where it was registered.
        at: &'static Location<'static>,
        /// Where the other one was registered.
        first: &'static Location<'static>,
        /// The pattern as written.
        pattern: Box<str>,
        /// The method, `*` for any.
        method: Box<str>,
    },
    /// A route for any method stands beside a route for one, so that one of them is never reached.
    #[error("{at}: `{pattern}` has both `*` and {method} (registered at {first})")]
    AnyBesideMethod {
        /// Where it was registered.
        at: &'static Location<'static>,
        /// Where the other one was registered.
        first: &'static Location<'static>,
        /// The pattern as written.
        pattern: Box<str>,
        /// The method that is not `*`.
        method: Box<str>,
    },
    /// An earlier pattern matches the same paths under other capture names.
    #[error(
        "{at}: `{pattern}` names the captures of `{other}` otherwise (registered at {first}): give them the same names"
    )]
    NamesDiffer {
        /// Where it was registered.
        at: &'static Location<'static>,
        /// Where the other one was registered.
        first: &'static Location<'static>,
        /// The pattern as written.
        pattern: Box<str>,
        /// The other pattern.
        other: Box<str>,
    },
    /// An earlier pattern takes every path that this one could match.
    #[error(
        "{at}: `{pattern}` is never reached, `{other}` comes first (registered at {first}): register it before that, or remove it"
    )]
    Shadowed {
        /// Where it was registered.
        at: &'static Location<'static>,
        /// Where the other one was registered.
        first: &'static Location<'static>,
        /// The pattern as written.
        pattern: Box<str>,
        /// The other pattern.
        other: Box<str>,
    },
    /// The name of a route is not words joined by `.`, `:` or `-`.
    #[error("{at}: `{name}` is not a route name: join identifiers by `.`, `:` or `-`")]
    BadName {
        /// Where the route was registered.
        at: &'static Location<'static>,
        /// The name as written.
        name: Box<str>,
    },
    /// Two patterns have the same name.
    #[error("{at}: `{pattern}` has the name `{name}` of `{other}` (registered at {first})")]
    DuplicateName {
        /// Where it was registered.
        at: &'static Location<'static>,
        /// Where the other one was registered.
        first: &'static Location<'static>,
        /// The name.
        name: Box<str>,
        /// The pattern as written.
        pattern: Box<str>,
        /// The other pattern.
        other: Box<str>,
    },
    /// A host pattern does not parse.
    #[error("{at}: host `{host}`: {source}")]
    Host {
        /// Where it was registered.
        at: &'static Location<'static>,
        /// The host as written.
        host: Box<str>,
        /// What is wrong with it.
        source: HostError,
    },
    /// A host is registered twice.
    #[error("{at}: host `{host}` is already registered at {first}")]
    DuplicateHost {
        /// Where it was registered.
        at: &'static Location<'static>,
        /// Where the other one was registered.
        first: &'static Location<'static>,
        /// The host as written.
        host: Box<str>,
    },
}

impl BuildError {
    /// Where the mistake was made.
    pub fn location(&self) -> &'static Location<'static> {
        match self {
            Self::Pattern { at, .. }
            | Self::BadMethod { at, .. }
            | Self::DuplicateMethod { at, .. }
            | Self::AnyBesideMethod { at, .. }
            | Self::NamesDiffer { at, .. }
            | Self::Shadowed { at, .. }
            | Self::BadName { at, .. }
            | Self::DuplicateName { at, .. }
            | Self::Host { at, .. }
            | Self::DuplicateHost { at, .. } => at,
        }
    }
}

/// Points at the mistake in a second and third line.
struct Caret<'e>(&'e str, &'e PatternError);

impl fmt::Display for Caret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(pattern, error) = *self;
        if pattern.len() > 200 {
            return write!(f, "; {}", error.hint());
        }
        let column = pattern.char_indices().take_while(|(at, _)| *at < error.at()).count();
        write!(f, "\n    {pattern}\n    {:column$}^ {}", "", error.hint())
    }
}

/// Every mistake in a table, in the order of registration. Never empty.
///
/// `Display` gives each its own line, beginning with the file and line where it was made.
///
/// ```
/// let mut routes = dunlin_router::Router::builder();
/// routes.add("users", 1);
/// routes.add("/users/{id", 2);
/// let errors = routes.build().unwrap_err();
/// assert_eq!(errors.iter().count(), 2);
/// assert!(errors.to_string().contains("capture opened at byte 7 is never closed"));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BuildErrors(Vec<BuildError>);

impl BuildErrors {
    /// `Err` with `errors` unless there are none: for those who collect from several tables.
    ///
    /// # Errors
    ///
    /// All of `errors`.
    pub fn check(errors: impl IntoIterator<Item = BuildError>) -> Result<(), Self> {
        let errors: Vec<_> = errors.into_iter().collect();
        if errors.is_empty() { Ok(()) } else { Err(Self(errors)) }
    }

    /// The mistakes.
    pub fn iter(&self) -> std::slice::Iter<'_, BuildError> {
        self.0.iter()
    }
}

impl fmt::Display for BuildErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for BuildErrors {}

impl IntoIterator for BuildErrors {
    type Item = BuildError;
    type IntoIter = std::vec::IntoIter<BuildError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'e> IntoIterator for &'e BuildErrors {
    type Item = &'e BuildError;
    type IntoIter = std::slice::Iter<'e, BuildError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn display(pattern: &str, source: PatternError) -> String {
        let at = Location::caller();
        let line = BuildError::Pattern { at, pattern: pattern.into(), source }.to_string();
        line.replacen(&at.to_string(), "here", 1)
    }

    #[test]
    fn the_caret_stands_below_the_mistake() {
        assert_eq!(
            display("/é/{id", PatternError::Unclosed { at: 4 }),
            "here: pattern `/é/{id`: capture opened at byte 4 is never closed\n    \
             /é/{id\n       ^ add `}`, and close brackets within the constraint"
        );
    }

    #[test]
    fn overlong_patterns_are_not_drawn() {
        let pattern = "/".repeat(5000);
        let text = display(&pattern, PatternError::TooLong { len: 5000 });
        assert!(!text.contains('^'));
    }

    #[test]
    fn no_errors_are_no_error() {
        assert_eq!(BuildErrors::check([]), Ok(()));
    }
}
