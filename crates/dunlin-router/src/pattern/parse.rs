//! The grammar of patterns.
//!
//! ```text
//! pattern    = "" | "/" *( char | capture ) [ tail ]
//! capture    = "{" name [ ":" regex ] "}"
//! tail       = "{" name ":" ( ".*" | ".+" ) "}"
//! name       = ( "_" | letter ) *( "_" | letter | digit )
//! ```

use std::sync::Arc;

use crate::constraint::{Constraint, ConstraintError, Parsed, SIZE_LIMIT};
use crate::error::PatternError;
use crate::escape::{DecodeError, normalise};
use crate::pattern::{Capture, Part, Pattern, Piece, Segment};

/// Bound on a pattern in bytes, and with it on the depth of a tree.
const MAX_LEN: usize = 4096;

pub(super) fn parse(source: &str) -> Result<Pattern, PatternError> {
    if source.len() > MAX_LEN {
        return Err(PatternError::TooLong { len: source.len() });
    }
    if !source.is_empty() && !source.starts_with('/') {
        return Err(PatternError::NoSlash);
    }
    let mut parser = Parser { source, ..Parser::default() };
    let mut at = 0;
    while let Some(&byte) = source.as_bytes().get(at) {
        at = match byte {
            b'{' => parser.capture(at)?,
            b'}' => return Err(PatternError::StrayBrace { at }),
            b'?' | b'#' => return Err(PatternError::NotPath { at, found: byte.into() }),
            b'/' => parser.slash(at)?,
            _ => parser.literal(at)?,
        };
    }
    parser.end_segment()?;
    parser.flush();
    let prefix_len = source.find('{').unwrap_or(source.len());
    Ok(Pattern {
        source: source.into(),
        pieces: parser.pieces.into(),
        names: Arc::from(parser.names),
        prefix_len,
    })
}

/// What has been read. The methods take the place of what they read, and return where it ends.
#[derive(Default)]
struct Parser<'s> {
    source: &'s str,
    pieces: Vec<Piece>,
    names: Vec<Box<str>>,
    /// Literal text that is not in `pieces` yet.
    literal: String,
    /// The open segment from its first capture on.
    parts: Vec<Part>,
    /// Place of the first capture in `parts`.
    segment_at: usize,
}

impl Parser<'_> {
    fn slash(&mut self, at: usize) -> Result<usize, PatternError> {
        self.end_segment()?;
        self.literal.push('/');
        Ok(at + 1)
    }

    fn literal(&mut self, at: usize) -> Result<usize, PatternError> {
        let rest = &self.source[at..];
        let len = rest.find(['{', '}', '?', '#', '/']).unwrap_or(rest.len());
        let bytes = normalise(&rest.as_bytes()[..len]).map_err(|error| match error {
            DecodeError::BadEscape { at: inner } => PatternError::BadEscape { at: at + inner },
            DecodeError::NotUtf8 { .. } => PatternError::NotUtf8 { at },
        })?;
        let text = String::from_utf8(bytes).map_err(|_| PatternError::NotUtf8 { at })?;
        if self.parts.is_empty() {
            self.literal.push_str(&text);
        } else {
            self.parts.push(Part::Literal(text.into()));
        }
        Ok(at + len)
    }

    fn capture(&mut self, at: usize) -> Result<usize, PatternError> {
        let inner = at + 1;
        let end = closing_brace(self.source, inner).ok_or(PatternError::Unclosed { at })?;
        let text = &self.source[inner..end];
        let (name, constraint) = match text.split_once(':') {
            Some((name, constraint)) => (name, Some(constraint)),
            None => (text, None),
        };
        if !is_identifier(name) {
            return Err(PatternError::BadName { at: inner, name: name.into() });
        }
        if self.names.iter().any(|other| **other == *name) {
            return Err(PatternError::DuplicateName { at: inner, name: name.into() });
        }
        self.names.push(name.into());
        let constraint_at = inner + name.len() + 1;
        match constraint {
            Some(".*") => self.tail(at, end, true)?,
            Some(".+") => self.tail(at, end, false)?,
            _ => {
                let capture = match constraint {
                    Some(source) => constrained(source, constraint_at)?,
                    None => Capture::Free,
                };
                if self.parts.is_empty() {
                    self.flush();
                    self.segment_at = at;
                }
                self.parts.push(Part::Capture(capture));
            }
        }
        Ok(end + 1)
    }

    fn tail(&mut self, at: usize, end: usize, may_be_empty: bool) -> Result<(), PatternError> {
        if !self.parts.is_empty() {
            return Err(PatternError::TailAfterCapture { at });
        }
        if end + 1 != self.source.len() {
            return Err(PatternError::TailNotLast { at });
        }
        self.flush();
        self.pieces.push(Piece::Tail { may_be_empty });
        Ok(())
    }

    fn end_segment(&mut self) -> Result<(), PatternError> {
        if !self.parts.is_empty() {
            let segment = Segment::new(std::mem::take(&mut self.parts))
                .map_err(|error| constraint_error(error, "", self.segment_at))?;
            self.pieces.push(Piece::Segment(segment));
        }
        Ok(())
    }

    fn flush(&mut self) {
        if !self.literal.is_empty() {
            self.pieces.push(Piece::Literal(std::mem::take(&mut self.literal).into()));
        }
    }
}

fn constrained(source: &str, at: usize) -> Result<Capture, PatternError> {
    if source.is_empty() {
        return Err(PatternError::EmptyConstraint { at });
    }
    match Constraint::parse(source) {
        Ok(Parsed::Free) => Ok(Capture::Free),
        Ok(Parsed::Constrained(constraint)) => Ok(Capture::Constrained(constraint)),
        Err(error) => Err(constraint_error(error, source, at)),
    }
}

fn constraint_error(error: ConstraintError, source: &str, at: usize) -> PatternError {
    match error {
        ConstraintError::Syntax { offset, reason } => {
            PatternError::BadConstraint { at: at + offset, reason }
        }
        ConstraintError::MatchesSlash => {
            PatternError::MatchesSlash { at, constraint: source.into() }
        }
        ConstraintError::TooBig => PatternError::TooBig { at, limit: SIZE_LIMIT },
    }
}

/// The place of the brace that closes the capture whose inside begins at `from`.
///
/// Braces within the regex count, unless they are escaped or stand in brackets.
fn closing_brace(source: &str, from: usize) -> Option<usize> {
    let bytes = source.as_bytes();
    let (mut braces, mut brackets) = (0_usize, 0_usize);
    let mut at = from;
    loop {
        match *bytes.get(at)? {
            b'\\' => at += 1,
            b'[' => {
                brackets += 1;
                // `[]a]` and `[^]a]`: a bracket that comes first is a member.
                at += usize::from(bytes.get(at + 1) == Some(&b'^'));
                at += usize::from(bytes.get(at + 1) == Some(&b']'));
            }
            b']' => brackets = brackets.saturating_sub(1),
            b'{' if brackets == 0 => braces += 1,
            b'}' if brackets == 0 => match braces.checked_sub(1) {
                Some(left) => braces = left,
                None => return Some(at),
            },
            _ => {}
        }
        at += 1;
    }
}

pub(crate) fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first == b'_' || first.is_ascii_alphabetic())
        && bytes.all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(source: &str) -> Vec<String> {
        Pattern::parse(source).unwrap().names().iter().map(ToString::to_string).collect()
    }

    fn error(source: &str) -> PatternError {
        Pattern::parse(source).unwrap_err()
    }

    #[test]
    fn captures_are_named_from_left_to_right() {
        assert_eq!(names(r"/{b}/x-{a}.{_c1:\d+}/{d:.*}"), ["b", "a", "_c1", "d"]);
        assert_eq!(names("/a//b/"), [""; 0]);
        assert_eq!(names(""), [""; 0]);
    }

    #[test]
    fn a_constraint_may_hold_braces_brackets_and_colons() {
        for constraint in [r"\d{2,4}", "[{}]+", r"\{\}", "(?:a{2}){3}", "[]}]", "[^]}/]+", "a:b"] {
            assert_eq!(names(&format!("/{{x:{constraint}}}")), ["x"], "{constraint}");
        }
    }

    #[test]
    fn spellings_of_a_literal_parse_alike() {
        let literal = |source| match Pattern::parse(source).unwrap().pieces() {
            [Piece::Literal(text)] => text.to_string(),
            pieces => panic!("{pieces:?}"),
        };
        assert_eq!(literal("/caf%C3%A9"), "/café");
        assert_eq!(literal("/a%2fb%2520"), "/a%2Fb%2520");
    }

    #[test]
    fn every_mistake_has_its_place() {
        use PatternError as E;
        assert_eq!(error("users"), E::NoSlash);
        assert_eq!(error("/a/{id"), E::Unclosed { at: 3 });
        assert_eq!(error("/a/{id:[a-z}"), E::Unclosed { at: 3 });
        assert_eq!(error("/a}"), E::StrayBrace { at: 2 });
        assert_eq!(error("/{}"), E::BadName { at: 2, name: "".into() });
        assert_eq!(error("/{1a}"), E::BadName { at: 2, name: "1a".into() });
        assert_eq!(error("/{a}/{a}"), E::DuplicateName { at: 6, name: "a".into() });
        assert_eq!(error("/{a:}"), E::EmptyConstraint { at: 4 });
        assert_eq!(error("/{a:x.}"), E::MatchesSlash { at: 4, constraint: "x.".into() });
        assert_eq!(error("/{a:.*}/b"), E::TailNotLast { at: 1 });
        assert_eq!(error("/{a}{b:.*}"), E::TailAfterCapture { at: 4 });
        assert_eq!(error("/a%2"), E::BadEscape { at: 2 });
        assert_eq!(error("/a/%FF"), E::NotUtf8 { at: 3 });
        assert_eq!(error("/a?b"), E::NotPath { at: 2, found: '?' });
        assert_eq!(error(&"/".repeat(5000)), E::TooLong { len: 5000 });
        assert!(matches!(error(r"/{a:\d+(}"), E::BadConstraint { at: 7, .. }));
        assert!(matches!(error("/{a:(?:[^/]{900}-){900}}"), E::TooBig { at: 4, .. }));
    }

    #[test]
    fn a_tail_may_follow_a_literal_in_its_segment() {
        assert_eq!(names("/static{path:.*}"), ["path"]);
    }
}
