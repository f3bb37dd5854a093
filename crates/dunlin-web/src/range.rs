//! Which parts of a representation a request asks for (RFC 9110 §14).

use std::ops::Range;

use dunlin_core::Headers;
use http::header::RANGE;

/// Ranges that a request may list where nothing else is said; past it the field is not looked at.
pub(crate) const MAX_RANGES: usize = 32;

/// What is to be sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Selected {
    /// All of it.
    Whole,
    /// These parts, at least one, none of which is empty or overlaps another.
    Parts(Vec<Range<u64>>),
    /// 416: the field is malformed, or every range lies behind the end.
    Unsatisfiable,
}

/// One range as it was asked for, both ends included.
#[derive(Clone, Copy)]
enum Spec {
    FromTo(u64, u64),
    Last(u64),
}

impl Selected {
    /// What `headers` ask for of `len` bytes.
    ///
    /// A field that is not about bytes, that comes twice, or that lists more than `max` ranges is passed
    /// over, as RFC 9110 §14.2 has it. What overlaps or touches is joined; otherwise the order is the
    /// request's. Parts with a small gap between them stay two, though RFC 9110 §15.3.7.2 would let them be
    /// joined: whoever asked for two is surest to understand two.
    pub(crate) fn of(headers: &Headers, len: u64, max: usize) -> Self {
        let mut lines = headers.get_all(RANGE);
        let (Some(line), None) = (lines.next(), lines.next()) else { return Self::Whole };
        let Some(list) = strip_unit(line) else { return Self::Whole };
        let specs = || list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        if specs().filter(|spec| !spec.is_empty()).count() > max {
            return Self::Whole;
        }
        let mut parts: Vec<Range<u64>> = Vec::new();
        let mut is_any = false;
        for spec in specs().filter(|spec| !spec.is_empty()) {
            let Some(spec) = Spec::parse(spec) else { return Self::Unsatisfiable };
            is_any = true;
            match spec.within(len) {
                Some(part) if part.is_empty() => return Self::Whole,
                Some(part) => join(&mut parts, part),
                None => {}
            }
        }
        match parts.is_empty() || !is_any {
            true => Self::Unsatisfiable,
            false => Self::Parts(parts),
        }
    }
}

fn strip_unit(line: &[u8]) -> Option<&[u8]> {
    let (unit, list) = line.split_at(line.iter().position(|byte| *byte == b'=')?);
    unit.eq_ignore_ascii_case(b"bytes").then_some(&list[1..])
}

impl Spec {
    fn parse(spec: &[u8]) -> Option<Self> {
        let (first, last) = spec.split_at(spec.iter().position(|byte| *byte == b'-')?);
        match (first, &last[1..]) {
            (b"", last) => Some(Self::Last(number(last)?)),
            (first, b"") => Some(Self::FromTo(number(first)?, u64::MAX)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::FromTo(first, last))
            }
        }
    }

    /// What it means for `len` bytes; `None` where it lies behind their end.
    fn within(self, len: u64) -> Option<Range<u64>> {
        match self {
            Self::FromTo(first, last) => {
                (first < len).then(|| first..last.saturating_add(1).min(len))
            }
            Self::Last(0) => None,
            Self::Last(n) => Some(len.saturating_sub(n)..len),
        }
    }
}

/// ASCII digits; what does not fit in 64 bits is larger than any file.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |n: u64, d: &u8| n.saturating_mul(10).saturating_add(u64::from(d - b'0'));
    Some(digits.iter().fold(0, digit))
}

/// Adds a part, at the place of the first of those that it is joined with.
fn join(parts: &mut Vec<Range<u64>>, mut part: Range<u64>) {
    let mut at = parts.len();
    let touches =
        |other: &Range<u64>, part: &Range<u64>| other.start <= part.end && part.start <= other.end;
    // Grown by one, it may touch another: at most once for each that there is.
    while let Some(found) = parts.iter().position(|other| touches(other, &part)) {
        let other = parts.remove(found);
        part = part.start.min(other.start)..part.end.max(other.end);
        at = at.min(found).min(parts.len());
    }
    parts.insert(at, part);
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn select(line: &str, len: u64) -> Selected {
        let headers = Headers::from_iter([(RANGE, HeaderValue::try_from(line).unwrap())]);
        Selected::of(&headers, len, MAX_RANGES)
    }

    fn parts(ranges: &[Range<u64>]) -> Selected {
        Selected::Parts(ranges.to_vec())
    }

    fn part(range: Range<u64>) -> Selected {
        parts(std::slice::from_ref(&range))
    }

    #[test]
    fn single_ranges_are_cut_to_what_there_is() {
        for (line, want) in [
            ("bytes=0-0", 0..1),
            ("bytes=0-9", 0..10),
            ("Bytes=3-", 3..10),
            ("bytes=-4", 6..10),
            ("bytes=-99", 0..10),
            ("bytes=9-99999999999999999999999", 9..10),
            ("bytes= 1-2 , ", 1..3),
            ("bytes=10-,2-3", 2..4),
        ] {
            assert_eq!(select(line, 10), part(want), "{line}");
        }
    }

    #[test]
    fn what_is_malformed_or_behind_the_end_is_unsatisfiable() {
        for line in [
            "bytes=10-",
            "bytes=-0",
            "bytes=5-2",
            "bytes=",
            "bytes=,",
            "bytes=a-b",
            "bytes=1",
            "bytes=--1",
            "bytes=1-2-3",
            "bytes=+1-2",
            "bytes=1 -2",
            "bytes=0-1,x",
            "bytes=99999999999999999999-",
        ] {
            assert_eq!(select(line, 10), Selected::Unsatisfiable, "{line}");
        }
        // Digits of other scripts are none (CVE-2025-69225).
        let arabic = HeaderValue::from_bytes("bytes=١-٢".as_bytes()).unwrap();
        let headers = Headers::from_iter([(RANGE, arabic)]);
        assert_eq!(Selected::of(&headers, 10, 9), Selected::Unsatisfiable);
    }

    #[test]
    fn what_is_not_about_bytes_or_comes_twice_is_passed_over() {
        for line in ["lines=0-1", "bytes", "0-1", ""] {
            assert_eq!(select(line, 10), Selected::Whole, "{line}");
        }
        let twice = ["bytes=0-1", "bytes=2-3"].map(|v| (RANGE, HeaderValue::from_static(v)));
        assert_eq!(Selected::of(&Headers::from_iter(twice), 10, 9), Selected::Whole);
        assert_eq!(Selected::of(&Headers::new(), 10, 9), Selected::Whole);
    }

    #[test]
    fn nothing_can_be_asked_of_an_empty_representation() {
        assert_eq!(select("bytes=0-", 0), Selected::Unsatisfiable);
        assert_eq!(select("bytes=-5", 0), Selected::Whole);
    }

    #[test]
    fn more_ranges_than_the_limit_get_the_whole() {
        let list = |n: usize| format!("bytes={}", vec!["0-1"; n].join(","));
        assert_eq!(select(&list(MAX_RANGES), 10), part(0..2));
        assert_eq!(select(&list(MAX_RANGES + 1), 10), Selected::Whole);
    }

    #[test]
    fn parts_keep_their_order_and_neighbours_are_joined() {
        assert_eq!(select("bytes=5000-5009,0-9", 10_000), parts(&[5000..5010, 0..10]));
        assert_eq!(select("bytes=0-9,10-99", 10_000), part(0..100));
        assert_eq!(select("bytes=0-9,11-99", 10_000), parts(&[0..10, 11..100]));
        let list = "bytes=0-9,5000-5009,400-499,5-450";
        assert_eq!(select(list, 10_000), parts(&[0..500, 5000..5010]));
    }

    proptest! {
        /// Parts cover what was asked for, lie within the length, and do not touch.
        #[test]
        fn parts_cover_what_was_asked_for(
            specs in proptest::collection::vec((0u64..3000, 0u64..200), 1..20),
            len in 1u64..3000,
        ) {
            let list: Vec<String> =
                specs.iter().map(|(at, n)| format!("{at}-{}", at + n)).collect();
            let asked = |byte: u64| specs.iter().any(|(at, n)| (*at..=at + n).contains(&byte));
            match select(&format!("bytes={}", list.join(",")), len) {
                Selected::Whole => prop_assert!(false, "every list is within the limit"),
                Selected::Unsatisfiable => prop_assert!((0..len).all(|byte| !asked(byte))),
                Selected::Parts(parts) => {
                    let sent = |byte: u64| parts.iter().any(|part| part.contains(&byte));
                    prop_assert!((0..len).all(|byte| sent(byte) || !asked(byte)));
                    prop_assert!(parts.iter().all(|part| part.start < part.end && part.end <= len));
                    for (i, a) in parts.iter().enumerate() {
                        for b in &parts[i + 1..] {
                            prop_assert!(a.end < b.start || b.end < a.start);
                        }
                    }
                }
            }
        }
    }
}
