//! The tree agrees with a matcher that is too simple to be wrong.
//!
//! The reference turns each pattern into one regex over the whole path, as aiohttp does, tries all,
//! and orders those that match by comparing what they are made of from left to right.

use std::collections::BTreeSet;

use dunlin_router::{Outcome, Pattern, Router, UrlBuilder, check_escapes, decode};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use regex::Regex;

/// A part of a pattern. The fields of captures are regexes.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Part {
    Text(&'static str),
    Capture(Option<&'static str>),
}

use Part::{Capture, Text};

/// Segments that a table is made of; `/` comes between them.
fn segments() -> Vec<Vec<Part>> {
    vec![
        vec![Text("")],
        vec![Text("a")],
        vec![Text("ab")],
        vec![Text("1")],
        vec![Text("é")],
        vec![Text("a%2Fb")],
        vec![Capture(None)],
        vec![Capture(None)],
        vec![Capture(Some("[ab]+"))],
        vec![Capture(Some("[0-9]{1,2}"))],
        vec![Capture(Some("a|bb"))],
        vec![Capture(Some("(?:ab)*"))],
        vec![Capture(Some("[^/b]+"))],
        vec![Text("a"), Capture(None)],
        vec![Capture(None), Text("b")],
        vec![Capture(None), Text("-"), Capture(None)],
        vec![Capture(None), Text("a"), Capture(None), Text("b")],
        vec![Capture(Some("[ab]*")), Text("-"), Capture(None)],
        vec![Capture(Some("[0-9]+")), Capture(Some("[ab]*"))],
    ]
}

#[derive(Clone, Debug)]
struct Shape {
    segments: Vec<Vec<Part>>,
    /// The regex of a tail after the last slash.
    tail: Option<&'static str>,
}

impl Shape {
    /// Builds with names that follow from the shape, so that equal shapes have equal names.
    fn render(
        &self,
        capture: impl Fn(usize, Option<&str>) -> String,
        text: fn(&str) -> String,
    ) -> String {
        let mut out = String::new();
        let mut index = 0;
        let tail = self.tail.map(|tail| vec![Capture(Some(tail))]);
        for segment in self.segments.iter().chain(&tail) {
            out.push('/');
            for part in segment {
                match part {
                    Text(literal) => out.push_str(&text(literal)),
                    Capture(regex) => {
                        out.push_str(&capture(index, *regex));
                        index += 1;
                    }
                }
            }
        }
        out
    }

    fn pattern(&self) -> String {
        let capture = |index, regex: Option<&str>| match regex {
            Some(regex) => format!("{{c{index}:{regex}}}"),
            None => format!("{{c{index}}}"),
        };
        self.render(capture, str::to_owned)
    }

    fn regex(&self) -> Regex {
        let capture = |_, regex: Option<&str>| format!("({})", regex.unwrap_or("[^/]+"));
        Regex::new(&format!(r"\A(?s:{})\z", self.render(capture, regex::escape))).unwrap()
    }

    /// What stands from left to right: of two shapes that match, the lesser list is tried first.
    fn tokens(&self) -> Vec<Token> {
        let mut tokens = Vec::new();
        for segment in &self.segments {
            tokens.push(Token::Byte(b'/'));
            let capture = segment.iter().position(|part| matches!(part, Capture(_)));
            let (text, dynamic) = segment.split_at(capture.unwrap_or(segment.len()));
            for part in text {
                let Text(text) = part else { unreachable!() };
                tokens.extend(text.bytes().map(Token::Byte));
            }
            match dynamic {
                [] => {}
                [Capture(None)] => tokens.push(Token::Free),
                parts => tokens.push(Token::Segment(usize::MAX, format!("{parts:?}"))),
            }
        }
        match self.tail {
            Some(".+") => tokens.extend([Token::Byte(b'/'), Token::Tail]),
            Some(_) => tokens.extend([Token::Byte(b'/'), Token::EmptyTail]),
            None => tokens.insert(tokens.len(), Token::End),
        }
        tokens
    }
}

/// In the order in which alternatives are tried.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Token {
    End,
    Byte(u8),
    /// With the number of the first route that has it at this place.
    Segment(usize, String),
    Free,
    Tail,
    EmptyTail,
}

/// Numbers the segments of each route by the first route that has the same up to there.
fn ordered(shapes: &[&Shape]) -> Vec<Vec<Token>> {
    let mut all: Vec<Vec<Token>> = shapes.iter().map(|shape| shape.tokens()).collect();
    let plain = all.clone();
    for (route, tokens) in all.iter_mut().enumerate() {
        for (i, token) in tokens.iter_mut().enumerate() {
            if let Token::Segment(order, _) = token {
                let prefix = &plain[route][..=i];
                *order = plain.iter().position(|other| other.starts_with(prefix)).unwrap();
            }
        }
    }
    all
}

fn shape() -> impl Strategy<Value = Shape> {
    let tail = prop_oneof![4 => Just(None), 1 => Just(Some(".*")), 1 => Just(Some(".+"))];
    (prop::collection::vec(select(segments()), 0..3), tail).prop_map(|(mut segments, tail)| {
        if segments.is_empty() && tail.is_none() {
            segments.push(vec![Text("a")]);
        }
        Shape { segments, tail }
    })
}

/// Routes that build together: method and shape.
fn table() -> impl Strategy<Value = Vec<(&'static str, Shape)>> {
    let method = select(vec!["GET", "POST", "*"]);
    prop::collection::vec((method, shape()), 1..16).prop_map(|candidates| {
        let mut kept: Vec<(&'static str, Shape)> = Vec::new();
        for candidate in candidates {
            kept.push(candidate);
            if build(&kept).is_none() {
                kept.pop();
            }
        }
        kept
    })
}

fn build(table: &[(&'static str, Shape)]) -> Option<Router<usize>> {
    let mut builder = Router::builder();
    for (i, (method, shape)) in table.iter().enumerate() {
        let id = builder.add_method(method, &shape.pattern(), i);
        builder.answer_head(id, false);
    }
    builder.build().ok()
}

/// What a path is made from: a route, texts for its captures, and bytes to escape needlessly.
type Seed = (Index, Vec<&'static str>, Vec<bool>);

fn seed() -> impl Strategy<Value = Seed> {
    let texts =
        ["a", "b", "ab", "abab", "bb", "1", "12", "a-b", "ba-1", "é", "-", "", "1a%2Fb", "a/b"];
    let texts = prop::collection::vec(select(texts.to_vec()), 6);
    (any::<Index>(), texts, prop::collection::vec(prop::bool::weighted(0.1), 24))
}

/// A path that is likely to match a route of `table`, and others beside it.
fn path(table: &[(&'static str, Shape)], (route, texts, escapes): &Seed) -> String {
    let (_, shape) = route.get(table);
    let path = shape.render(|i, _| texts[i % texts.len()].to_owned(), str::to_owned);
    let mut escaped = String::new();
    for (c, &escape) in path.chars().zip(escapes.iter().chain(std::iter::repeat(&false))) {
        if escape && !"/%2F".contains(c) {
            let mut bytes = [0; 4];
            c.encode_utf8(&mut bytes).bytes().for_each(|b| escaped.push_str(&format!("%{b:02x}")));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Decodes all but `%2F` and `%25`.
fn normal(path: &str) -> String {
    let kept = path.replace("%2f", "%2F").replace("%2F", "\0s").replace("%25", "\0p");
    decode(&kept).unwrap().replace("\0s", "%2F").replace("\0p", "%25")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// The same route with the same captures, or the same refusal.
    #[test]
    fn tree_and_reference_agree(
        table in table(),
        seeds in prop::collection::vec(seed(), 1..16),
        method in select(vec!["GET", "POST"]),
    ) {
        let router = build(&table).unwrap();
        let order = ordered(&table.iter().map(|(_, shape)| shape).collect::<Vec<_>>());
        let regexes: Vec<Regex> = table.iter().map(|(_, shape)| shape.regex()).collect();
        for path in seeds.iter().map(|seed| path(&table, seed)) {
            let path = &path;
            let text = normal(path);
            let mut matching: Vec<usize> =
                (0..table.len()).filter(|&i| regexes[i].is_match(&text)).collect();
            matching.sort_by_key(|&i| order[i].clone());
            let answers = |i: &&usize| table[**i].0 == method || table[**i].0 == "*";
            match (router.find(method, path), matching.iter().find(answers)) {
                (Outcome::Found(found), Some(&expected)) => {
                    prop_assert_eq!(*found.value(), expected, "{}", path);
                    let groups = regexes[expected].captures(&text).unwrap();
                    for (i, group) in groups.iter().skip(1).enumerate() {
                        let raw = found.get(&format!("c{i}")).unwrap();
                        prop_assert_eq!(normal(raw), group.unwrap().as_str(), "{}", path);
                    }
                }
                (Outcome::MethodNotAllowed(allow), None) => {
                    let expected: BTreeSet<_> = matching.iter().map(|&i| table[i].0).collect();
                    prop_assert!(allow.iter().eq(expected), "{} {}", path, allow);
                }
                (Outcome::NotFound, None) => prop_assert!(matching.is_empty(), "{}", path),
                (outcome, expected) => prop_assert!(false, "{path}: {outcome:?}, not {expected:?}"),
            }
            let first = router.at(path).map(|found| order[*found.value()].clone());
            prop_assert_eq!(first.as_ref(), matching.first().map(|&i| &order[i]));
        }
    }

    /// What a URL was made from is what matching it gives back.
    #[test]
    fn urls_give_their_values_back(
        shape in shape(),
        values in prop::collection::vec("[ab1é/%. -]{0,4}|\\PC{0,6}", 12),
    ) {
        let pattern = Pattern::parse(&shape.pattern()).unwrap();
        let params = pattern.names().iter().zip(&values);
        let Ok(url) = UrlBuilder::new(&pattern).params(params.clone()).build() else {
            return Ok(());
        };
        let mut builder = Router::builder();
        builder.add(pattern.as_str(), ());
        let router = builder.build().unwrap();
        let found = router.at(&url).unwrap();
        for (name, value) in params {
            prop_assert_eq!(found.decoded(name).unwrap().unwrap(), value.as_str(), "{}", url);
        }
    }

    /// No text, however odd, makes matching or decoding panic.
    #[test]
    fn any_text_is_answered(
        table in table(),
        paths in prop::collection::vec("/?(\\PC|%[0-9A-F]{2}|%25|%2f|/|%|a){0,40}", 16),
    ) {
        let router = build(&table).unwrap();
        for path in paths {
            match router.find("GET", &path) {
                Outcome::Malformed(_) => prop_assert!(check_escapes(&path).is_err()),
                Outcome::Found(found) => {
                    for name in found.names().iter() {
                        // The range lies on the borders of characters, so there is a slice.
                        prop_assert!(found.get(name).is_some());
                        let _ = found.decoded(name);
                    }
                }
                _ => {}
            }
        }
    }

    /// Any text is a pattern or an error whose place lies within it.
    #[test]
    fn any_text_is_a_pattern_or_an_error(
        text in "/?(\\PC|\\{[a-c]:|\\{|\\}|%4|[/\\[\\]()+*.a-c]){0,30}",
    ) {
        let mut builder = Router::builder();
        builder.add(&text, ());
        match (Pattern::parse(&text), builder.build()) {
            (Ok(_), Ok(_)) => {}
            (Err(error), Err(errors)) => {
                prop_assert!(error.at() <= text.len());
                prop_assert!(!errors.to_string().is_empty() && !error.hint().is_empty());
            }
            (pattern, _) => prop_assert!(false, "{text}: {pattern:?}"),
        }
    }
}
