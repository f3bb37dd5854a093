//! The part of a segment from its first capture on: `{id}`, `{name}.{ext}`, `{a:\d+}-{b}`.
//!
//! One capture is matched by cutting off what follows it; several free ones by looking for the
//! literals between them from the right; only a segment with several captures, some of them
//! constrained or without a literal between them, is compiled to a regex. All three read the
//! segment a bounded number of times, whatever a peer sends, and all three take as much as they can
//! for the leftmost capture, as a regex does.

use crate::constraint::{Constraint, ConstraintError, anchored};
use crate::params::Captures;

/// Begins with a capture and ends where the segment ends.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    parts: Box<[Part]>,
    matcher: Matcher,
}

#[derive(Clone, Debug)]
pub(crate) enum Part {
    Capture(Capture),
    /// In normal form.
    Literal(Box<str>),
}

/// What one capture takes; its name stands in the pattern.
#[derive(Clone, Debug)]
pub(crate) enum Capture {
    /// One byte or more, no slash.
    Free,
    Constrained(Constraint),
}

#[derive(Clone, Debug)]
enum Matcher {
    One {
        suffix: Box<str>,
    },
    /// The literal after each capture; only the last may be empty.
    Free {
        literals: Box<[Box<str>]>,
    },
    Regex(regex::bytes::Regex),
}

impl Capture {
    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        match self {
            Self::Free => !text.is_empty(),
            Self::Constrained(constraint) => constraint.matches(text),
        }
    }

    fn key(&self) -> &str {
        match self {
            Self::Free => "[^/]+",
            Self::Constrained(constraint) => constraint.key(),
        }
    }

    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Free, Self::Free) => true,
            (Self::Constrained(ours), Self::Constrained(theirs)) => ours.covers(theirs),
            _ => false,
        }
    }
}

impl Segment {
    pub(crate) fn new(parts: Vec<Part>) -> Result<Self, ConstraintError> {
        let matcher = match &parts[..] {
            [Part::Capture(_)] => Matcher::One { suffix: "".into() },
            [Part::Capture(_), Part::Literal(suffix)] => Matcher::One { suffix: suffix.clone() },
            parts => match literals_between_free(parts) {
                Some(literals) => Matcher::Free { literals },
                None => Matcher::Regex(anchored(&regex_of(parts))?),
            },
        };
        Ok(Self { parts: parts.into(), matcher })
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// A single capture without constraint or literal.
    pub(crate) fn is_free(&self) -> bool {
        matches!(&*self.parts, [Part::Capture(Capture::Free)])
    }

    /// Matches all of `segment`, appending the ranges of its captures, moved up by `offset`.
    ///
    /// Where it does not match, nothing is appended.
    pub(crate) fn matches(&self, segment: &[u8], offset: usize, captures: &mut Captures) -> bool {
        match &self.matcher {
            Matcher::One { suffix } => {
                let text = match suffix.as_bytes() {
                    [] => Some(segment),
                    suffix => segment.strip_suffix(suffix),
                };
                let Some(text) = text else { return false };
                let Some(Part::Capture(capture)) = self.parts.first() else { return false };
                let matches = capture.matches(text);
                if matches {
                    captures.push(offset, offset + text.len());
                }
                matches
            }
            Matcher::Free { literals } => match_free(literals, segment, offset, captures),
            Matcher::Regex(regex) => {
                let Some(groups) = regex.captures(segment) else { return false };
                for group in groups.iter().skip(1).flatten() {
                    captures.push(offset + group.start(), offset + group.end());
                }
                true
            }
        }
    }

    /// Whether both accept the same texts and split them alike.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.aligned(other, |ours, theirs| ours.key() == theirs.key())
    }

    /// Whether every text that `other` accepts is known to be accepted here.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.aligned(other, Capture::covers)
    }

    fn aligned(&self, other: &Self, captures: impl Fn(&Capture, &Capture) -> bool) -> bool {
        self.parts.len() == other.parts.len()
            && self.parts.iter().zip(&other.parts).all(|parts| match parts {
                (Part::Capture(ours), Part::Capture(theirs)) => captures(ours, theirs),
                (Part::Literal(ours), Part::Literal(theirs)) => ours == theirs,
                _ => false,
            })
    }
}

/// The literals after each capture, where all are free and stand apart.
fn literals_between_free(parts: &[Part]) -> Option<Box<[Box<str>]>> {
    parts
        .chunks(2)
        .enumerate()
        .map(|(i, pair)| match pair {
            [Part::Capture(Capture::Free), Part::Literal(literal)] => Some(literal.clone()),
            [Part::Capture(Capture::Free)] if 2 * i + 1 == parts.len() => Some("".into()),
            _ => None,
        })
        .collect()
}

fn regex_of(parts: &[Part]) -> String {
    parts
        .iter()
        .map(|part| match part {
            Part::Capture(capture) => format!("({})", capture.key()),
            Part::Literal(literal) => regex_syntax::escape(literal),
        })
        .collect()
}

/// Places each literal as far right as it goes, from the last to the first.
///
/// That leaves the leftmost capture the most, and reads each byte once per literal it is compared
/// with: no literal is ever moved again.
fn match_free(
    literals: &[Box<str>],
    segment: &[u8],
    offset: usize,
    captures: &mut Captures,
) -> bool {
    let Some((last, between)) = literals.split_last() else { return false };
    let Some(text) = segment.strip_suffix(last.as_bytes()) else { return false };
    let before = captures.len();
    // Ranges are found from the right but stand in pattern order: reserve, then fill in.
    literals.iter().for_each(|_| captures.push(offset, offset));
    let mut end = text.len();
    for (i, literal) in between.iter().enumerate().rev() {
        // At least one byte has to be left for the capture on either side.
        let Some(at) = end.checked_sub(1).and_then(|end| rfind(&text[..end], literal.as_bytes()))
        else {
            captures.truncate(before);
            return false;
        };
        captures.set(before + i + 1, offset + at + literal.len(), offset + end);
        end = at;
    }
    if end == 0 {
        captures.truncate(before);
        return false;
    }
    captures.set(before, offset, offset + end);
    true
}

fn rfind(text: &[u8], literal: &[u8]) -> Option<usize> {
    text.windows(literal.len()).rposition(|window| window == literal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::{Pattern, Piece};

    /// Captures of the only segment of `pattern` in `text`.
    fn split<'t>(pattern: &str, text: &'t str) -> Option<Vec<&'t str>> {
        let pattern = Pattern::parse(&format!("/{pattern}")).unwrap();
        let Some(Piece::Segment(segment)) = pattern.pieces().last() else { panic!("no segment") };
        let mut captures = Captures::new();
        let matches = segment.matches(text.as_bytes(), 0, &mut captures);
        assert!(matches || captures.is_empty());
        matches.then(|| captures.iter().map(|range| &text[range]).collect())
    }

    #[test]
    fn one_capture_takes_what_its_literals_leave() {
        assert_eq!(split("{id}.png", "7.png"), Some(vec!["7"]));
        assert_eq!(split("{id}.png", ".png"), None);
        assert_eq!(split("{id}.png", "7.jpg"), None);
        assert_eq!(split(r"{id:\d*}.png", ".png"), Some(vec![""]));
    }

    #[test]
    fn the_leftmost_capture_takes_as_much_as_it_can() {
        for between in ["{a}-{b}", "{a}-{b:[^/]+}", "{a}-{b:[a-z-]+}"] {
            assert_eq!(split(between, "x-y-z"), Some(vec!["x-y", "z"]), "{between}");
            assert_eq!(split(between, "x--z"), Some(vec!["x-", "z"]), "{between}");
            assert_eq!(split(between, "x-y-"), Some(vec!["x", "y-"]), "{between}");
            for text in ["-y", "x-", "-", "xy", ""] {
                assert_eq!(split(between, text), None, "{between} {text}");
            }
        }
    }

    #[test]
    fn free_captures_agree_with_a_regex() {
        let regex = regex::Regex::new(r"\A([^/]+)ab([^/]+)a([^/]+)b\z").unwrap();
        let mut texts = vec![String::new()];
        for _ in 0..9 {
            for i in 0..texts.len() {
                texts.push(format!("{}a", texts[i]));
                texts.push(format!("{}b", texts[i]));
            }
            texts.sort();
            texts.dedup();
        }
        for text in &texts {
            let expected = regex
                .captures(text)
                .map(|groups| (1..=3).map(|i| groups.get(i).unwrap().as_str()).collect());
            assert_eq!(split("{x}ab{y}a{z}b", text), expected, "{text}");
        }
    }

    #[test]
    fn constrained_captures_need_no_literal_between_them() {
        assert_eq!(split(r"{y:\d{4}}{m:\d\d}", "202607"), Some(vec!["2026", "07"]));
        assert_eq!(split(r"{word:[a-z]+}{n:\d*}", "abc12"), Some(vec!["abc", "12"]));
    }

    #[test]
    fn groups_of_the_user_do_not_shift_captures() {
        assert_eq!(split(r"{a:(x|(y))+}-{b}", "xy-z"), Some(vec!["xy", "z"]));
        assert_eq!(split(r"{a:x|yz}{b:1|2}", "yz2"), Some(vec!["yz", "2"]));
    }

    #[test]
    fn literals_may_be_any_text() {
        assert_eq!(split("{a}é{b}", "éééé"), Some(vec!["éé", "é"]));
        assert_eq!(split("{a}.{b:x}", "y+x"), None);
    }
}
