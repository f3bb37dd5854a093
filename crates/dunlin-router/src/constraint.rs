//! Constraints: what `{name:regex}` lets through.
//!
//! A constraint is compiled once, anchored at both ends, and limited in size. The usual ones never
//! reach the regex engine: a repeated character class is a set of bytes with a length, and a choice
//! of words is a list. `\d`, `\w` and `\s` mean their ASCII members, because `/users/٣` is not what
//! anyone who writes `\d+` expects to serve.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

/// Bound on one compiled regex, in bytes.
pub(crate) const SIZE_LIMIT: usize = 1 << 20;

#[derive(Clone, Debug)]
pub(crate) struct Constraint {
    /// The regex in one canonical spelling: equal keys accept equal texts.
    key: Box<str>,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    Class { set: ByteSet, min: usize, max: usize },
    Words(Box<[Box<[u8]>]>),
    Regex(regex::bytes::Regex),
}

/// What a constraint turned out to be.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// No constraint beyond that of every capture: not empty, no slash.
    Free,
    Constrained(Constraint),
}

#[derive(Debug)]
pub(crate) enum ConstraintError {
    Syntax { offset: usize, reason: Box<str> },
    MatchesSlash,
    TooBig,
}

impl Constraint {
    pub(crate) fn parse(source: &str) -> Result<Parsed, ConstraintError> {
        // Once as written, so that offsets in an error are those of the caller's text.
        let parser = || ParserBuilder::new().build();
        parser().parse(source).map_err(syntax_error)?;
        let hir = without_groups(parser().parse(&ascii_classes(source)).map_err(syntax_error)?);
        if can_match_slash(&hir) {
            return Err(ConstraintError::MatchesSlash);
        }
        let key = hir.to_string();
        let test = match Test::without_regex(&hir) {
            Some(Test::Class { set: ByteSet::ALL_BUT_SLASH, min: 1, max: usize::MAX }) => {
                return Ok(Parsed::Free);
            }
            Some(test) => test,
            None => Test::Regex(anchored(&key)?),
        };
        Ok(Parsed::Constrained(Self { key: key.into(), test }))
    }

    /// A regex, in canonical spelling and without groups.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Whether all of `text`, which is in normal form, is accepted.
    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        match &self.test {
            Test::Class { set, min, max } => {
                (*min..=*max).contains(&text.len()) && text.iter().all(|&byte| set.contains(byte))
            }
            Test::Words(words) => words.iter().any(|word| **word == *text),
            Test::Regex(regex) => regex.is_match(text),
        }
    }

    /// Whether every text that `other` accepts is known to be accepted here.
    ///
    /// `false` may also mean that nobody knows.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        match (&self.test, &other.test) {
            _ if self.key == other.key => true,
            (_, Test::Words(words)) => words.iter().all(|word| self.matches(word)),
            (Test::Class { set, min, max }, Test::Class { set: set2, min: min2, max: max2 }) => {
                min <= min2 && max2 <= max && set.includes(set2)
            }
            _ => false,
        }
    }
}

/// Compiles `key` so that it must match from end to end.
pub(crate) fn anchored(key: &str) -> Result<regex::bytes::Regex, ConstraintError> {
    regex::bytes::RegexBuilder::new(&format!(r"\A(?:{key})\z"))
        .size_limit(SIZE_LIMIT)
        .dfa_size_limit(SIZE_LIMIT)
        .build()
        .map_err(|_| ConstraintError::TooBig)
}

fn syntax_error(error: regex_syntax::Error) -> ConstraintError {
    let (offset, reason) = match &error {
        regex_syntax::Error::Parse(error) => {
            (error.span().start.offset, error.kind().to_string().into())
        }
        regex_syntax::Error::Translate(error) => {
            (error.span().start.offset, error.kind().to_string().into())
        }
        _ => (0, "not a regex".into()),
    };
    ConstraintError::Syntax { offset, reason }
}

/// Spells out the ASCII members of `\d`, `\w`, `\s` and their negations.
///
/// A bracketed class is valid wherever such a class is, within brackets too.
fn ascii_classes(source: &str) -> String {
    let mut out = String::with_capacity(source.len() + 16);
    let mut chars = source.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('d') => out.push_str("[0-9]"),
            Some('D') => out.push_str("[^0-9]"),
            Some('w') => out.push_str("[0-9A-Za-z_]"),
            Some('W') => out.push_str("[^0-9A-Za-z_]"),
            Some('s') => out.push_str(r"[\t\n\x0B\f\r\x20]"),
            Some('S') => out.push_str(r"[^\t\n\x0B\f\r\x20]"),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

/// Drops the user's groups: the router counts its own.
fn without_groups(hir: Hir) -> Hir {
    match hir.into_kind() {
        HirKind::Capture(capture) => without_groups(*capture.sub),
        HirKind::Concat(subs) => Hir::concat(subs.into_iter().map(without_groups).collect()),
        HirKind::Alternation(subs) => {
            Hir::alternation(subs.into_iter().map(without_groups).collect())
        }
        HirKind::Repetition(mut repetition) => {
            repetition.sub = Box::new(without_groups(*repetition.sub));
            Hir::repetition(repetition)
        }
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(class) => Hir::class(class),
        HirKind::Look(look) => Hir::look(look),
        HirKind::Empty => Hir::empty(),
    }
}

fn can_match_slash(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => false,
        HirKind::Literal(literal) => literal.0.contains(&b'/'),
        HirKind::Class(class) => class_set(class).0.contains(b'/'),
        HirKind::Repetition(repetition) => can_match_slash(&repetition.sub),
        HirKind::Capture(capture) => can_match_slash(&capture.sub),
        HirKind::Concat(subs) | HirKind::Alternation(subs) => subs.iter().any(can_match_slash),
    }
}

impl Test {
    /// The test that needs no regex engine, if there is one.
    fn without_regex(hir: &Hir) -> Option<Self> {
        match hir.kind() {
            HirKind::Class(class) => Self::class(class, 1, Some(1)),
            HirKind::Repetition(repetition) => match repetition.sub.kind() {
                HirKind::Class(class) => Self::class(class, repetition.min, repetition.max),
                _ => None,
            },
            HirKind::Literal(literal) => Some(Self::Words([literal.0.clone()].into())),
            HirKind::Alternation(subs) => subs
                .iter()
                .map(|sub| match sub.kind() {
                    HirKind::Literal(literal) => Some(literal.0.clone()),
                    _ => None,
                })
                .collect::<Option<_>>()
                .map(Self::Words),
            _ => None,
        }
    }

    fn class(class: &Class, min: u32, max: Option<u32>) -> Option<Self> {
        let (set, beyond_ascii) = class_set(class);
        let as_bytes = match beyond_ascii {
            Beyond::None => true,
            // A character is several bytes here, which matters only where they are counted.
            Beyond::All => min <= 1 && max.is_none(),
            Beyond::Some => false,
        };
        let max = max.map_or(usize::MAX, |max| max as usize);
        as_bytes.then_some(Self::Class { set, min: min as usize, max })
    }
}

/// How much of what lies beyond ASCII a class takes.
enum Beyond {
    None,
    Some,
    All,
}

/// The ASCII members of `class`, with all bytes from 0x80 on where it takes every other character.
fn class_set(class: &Class) -> (ByteSet, Beyond) {
    let mut set = ByteSet::default();
    let mut beyond = Beyond::None;
    let ranges: Vec<(u32, u32)> = match class {
        Class::Unicode(class) => {
            class.iter().map(|range| (range.start().into(), range.end().into())).collect()
        }
        Class::Bytes(class) => {
            class.iter().map(|range| (range.start().into(), range.end().into())).collect()
        }
    };
    for (start, end) in ranges {
        (start..=end.min(0x7F)).for_each(|byte| set.insert(byte as u8));
        if end > 0x7F {
            let all = start <= 0x80 && end == u32::from(char::MAX);
            beyond = if all { Beyond::All } else { Beyond::Some };
        }
    }
    if let Beyond::All = beyond {
        (0x80..=0xFF).for_each(|byte| set.insert(byte));
    }
    (set, beyond)
}

/// 256 bits, one a byte.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct ByteSet([u64; 4]);

impl ByteSet {
    const ALL_BUT_SLASH: Self = Self([!(1 << b'/'), u64::MAX, u64::MAX, u64::MAX]);

    fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }

    fn includes(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(ours, theirs)| theirs & !ours == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constraint(source: &str) -> Constraint {
        match Constraint::parse(source).unwrap() {
            Parsed::Constrained(constraint) => constraint,
            Parsed::Free => panic!("{source} is free"),
        }
    }

    #[test]
    fn common_classes_need_no_regex_engine() {
        for source in [r"\d+", r"[a-z0-9-]+", r"\w{2,8}", "[^/.]+", "(en|de|fr)", "abc", "[0-9]"] {
            let regex = matches!(constraint(source).test, Test::Regex(_));
            assert!(!regex, "{source}");
        }
        for source in [r"\d{4}-\d{2}", "(?:ab)+", "[é-ü]+", "[^/]{3}"] {
            assert!(matches!(constraint(source).test, Test::Regex(_)), "{source}");
        }
    }

    #[test]
    fn a_constraint_is_anchored_at_both_ends() {
        for source in [r"\d+", r"\d\d*", "1|12", "^12$"] {
            assert!(constraint(source).matches(b"12"), "{source}");
            for text in ["a12", "12a", "12\n"] {
                assert!(!constraint(source).matches(text.as_bytes()), "{source} took {text:?}");
            }
        }
    }

    #[test]
    fn digits_and_words_are_ascii() {
        assert!(!constraint(r"\d+").matches("٣".as_bytes()));
        assert!(!constraint(r"[\w-]+").matches("é".as_bytes()));
        assert!(constraint(r"\w\w?").matches(b"a_"));
        assert!(constraint(r"\\d+").matches(br"\dd"));
    }

    #[test]
    fn lengths_count_characters() {
        assert!(constraint(r"[^/]{2}").matches("éa".as_bytes()));
        assert!(!constraint(r"[^/]{2}").matches("é".as_bytes()));
        assert!(constraint(r"\d{2,3}").matches(b"123"));
        assert!(!constraint(r"\d{2,3}").matches(b"1234"));
        assert!(constraint(r"\d*").matches(b""));
    }

    #[test]
    fn a_constraint_that_could_match_a_slash_is_refused() {
        for source in [".", ".{3}", "[^-]+", "a/b", r"\D+", "(?:x|[!-9])+", r"\W"] {
            let refused = matches!(Constraint::parse(source), Err(ConstraintError::MatchesSlash));
            assert!(refused, "{source}");
        }
    }

    #[test]
    fn anything_but_a_slash_is_no_constraint() {
        assert!(matches!(Constraint::parse("[^/]+"), Ok(Parsed::Free)));
        assert!(matches!(Constraint::parse("([^/]+)"), Ok(Parsed::Free)));
    }

    #[test]
    fn a_syntax_error_has_its_place() {
        let Err(ConstraintError::Syntax { offset, reason }) = Constraint::parse(r"\d+(") else {
            panic!("accepted")
        };
        assert_eq!((offset, &*reason), (3, "unclosed group"));
    }

    #[test]
    fn a_constraint_that_compiles_too_large_is_refused() {
        let source = "(?:[^/]{900}-){900}";
        assert!(matches!(Constraint::parse(source), Err(ConstraintError::TooBig)));
    }

    #[test]
    fn spelling_does_not_matter_for_equality() {
        assert_eq!(constraint(r"\d+").key(), constraint("([0-9]+)").key());
    }

    #[test]
    fn wider_classes_cover_narrower_ones() {
        assert!(constraint("[a-z0-9]+").covers(&constraint(r"\d{2}")));
        assert!(!constraint(r"\d{2}").covers(&constraint(r"\d+")));
        assert!(constraint("[a-z]+").covers(&constraint("en|de")));
        assert!(!constraint("[a-z]+").covers(&constraint("en|d2")));
    }

    #[test]
    fn case_insensitive_constraints_work() {
        assert!(constraint("(?i)abc").matches(b"aBC"));
    }
}
