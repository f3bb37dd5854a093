use http::header::{ACCEPT, HOST};
use proptest::prelude::*;

use super::*;
use crate::HeadBlock;

fn received(fields: &[(&str, &str)]) -> Headers {
    let mut block = HeadBlock::take();
    let mut bytes = Vec::new();
    for (name, value) in fields {
        let name_start = bytes.len() as u16;
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        let value_start = bytes.len() as u16;
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
        block.spans_mut().push(FieldSpan {
            name_start,
            name_len: name.len() as u16,
            value_start,
            value_len: value.len() as u16,
        });
    }
    block.into_headers(&bytes)
}

#[test]
fn headers_are_forty_bytes() {
    assert_eq!(size_of::<Headers>(), 40);
}

#[test]
fn names_compare_without_case_and_keep_their_case() {
    let headers = received(&[("HoSt", "a"), ("X-A", "1"), ("x-a", "2")]);
    assert_eq!(headers.get(HOST), Some(&b"a"[..]));
    assert_eq!(headers.get_all("X-a").collect::<Vec<_>>(), [b"1", b"2"]);
    assert_eq!(headers.iter().next(), Some((&b"HoSt"[..], &b"a"[..])));
    assert!(!headers.contains("x-b"));
}

#[test]
fn a_map_is_built_once_and_dropped_at_the_next_change() {
    let mut headers = received(&[("Host", "a")]);
    let first: *const HeaderMap = headers.as_map();
    assert!(std::ptr::eq(first, headers.as_map()));
    headers.append(ACCEPT, HeaderValue::from_static("*/*"));
    assert_eq!(headers.as_map()[ACCEPT], "*/*");
    assert_eq!(headers.as_map()[HOST], "a");
}

#[test]
fn insert_replaces_every_value_in_the_place_of_the_first() {
    let mut headers = received(&[("Accept", "1"), ("Host", "a"), ("accept", "2")]);
    headers.insert(ACCEPT, HeaderValue::from_static("3"));
    let fields: Vec<_> = headers.iter().collect();
    assert_eq!(fields, [(&b"accept"[..], &b"3"[..]), (&b"host"[..], &b"a"[..])]);
}

#[test]
fn remove_takes_every_value_and_returns_the_first() {
    for mut headers in [
        received(&[("Accept", "1"), ("Host", "a"), ("accept", "2")]),
        Headers::from(received(&[("Accept", "1"), ("Host", "a"), ("accept", "2")]).into_map()),
    ] {
        assert_eq!(headers.remove(&ACCEPT).unwrap(), "1");
        assert_eq!(headers.len(), 1);
        assert_eq!(headers.remove(&ACCEPT), None);
    }
}

/// The same fields in every storage; the first value of a list is marked as sensitive.
fn in_every_storage(fields: &[(&str, &str)]) -> [Headers; 4] {
    let typed = |is_sensitive: bool| -> Headers {
        let fields = fields.iter().map(|(name, value)| {
            let mut value = HeaderValue::from_str(value).unwrap();
            value.set_sensitive(is_sensitive);
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), value)
        });
        fields.collect()
    };
    let mut map = typed(false);
    map.as_map_mut();
    [received(fields), typed(false), typed(true), map]
}

#[test]
fn fields_that_were_set_are_lines() {
    let [block, lines, list, map] =
        in_every_storage(&[("Accept", "1"), ("x-a", ""), ("accept", "2")]);
    let view = lines.lines().unwrap();
    assert_eq!(view.as_bytes(), b"accept: 1\r\nx-a: \r\naccept: 2\r\n");
    assert_eq!(view.names(), NameSet::of(&["accept", "x-a"]));
    assert_eq!(view.repeated(), NameSet::of(&["accept"]));
    assert!([&block, &list, &map].iter().all(|headers| headers.lines().is_none()));
    assert_eq!(Headers::new().lines().unwrap().as_bytes(), b"");
}

#[test]
fn only_what_a_decoder_vouches_for_is_checked() {
    let block = || {
        let mut block = HeadBlock::take();
        let span = FieldSpan { name_start: 0, name_len: 1, value_start: 3, value_len: 1 };
        block.spans_mut().push(span);
        block
    };
    let checked = block().into_vouched_headers(b"a: b\r\n");
    assert!(checked.is_checked() && checked.clone().is_checked());
    drop(checked);
    // The storage comes again, the word for it does not.
    let unchecked = block().into_headers(b"a: b\r\n");
    assert!(!unchecked.is_checked() && !unchecked.clone().is_checked());
    let mut changed = unchecked;
    changed.append(ACCEPT, HeaderValue::from_static("*/*"));
    assert!(changed.is_checked());
}

#[test]
fn fields_are_copied_between_all_storages() {
    let fields = [("Accept", "1"), ("x-a", "a"), ("accept", "2")];
    for from in in_every_storage(&fields).iter().chain([&received(&fields).clone()]) {
        for mut to in
            in_every_storage(&[("x-b", "b"), ("accept", "3"), ("accept", "4"), ("x-c", "")])
        {
            assert!(to.copy_from(from, ACCEPT) && !to.copy_from(from, HOST));
            let copied: Vec<_> = to.as_map().get_all(ACCEPT).iter().collect();
            assert_eq!(copied, from.as_map().get_all(ACCEPT).iter().collect::<Vec<_>>());
            assert_eq!(
                copied.iter().map(|value| value.is_sensitive()).collect::<Vec<_>>(),
                from.as_map()
                    .get_all(ACCEPT)
                    .iter()
                    .map(HeaderValue::is_sensitive)
                    .collect::<Vec<_>>()
            );
            assert_eq!(to.len(), 4);
        }
        let mut empty = Headers::new();
        assert!(empty.copy_from(from, ACCEPT) && empty.is_checked());
    }
    assert!(!Headers::new().copy_from(&Headers::new(), ACCEPT));
}

#[test]
fn what_nobody_vouches_for_is_not_copied_as_it_is() {
    let mut block = HeadBlock::take();
    let bytes = b"accept: a\r\nx: y";
    let span = FieldSpan { name_start: 0, name_len: 6, value_start: 8, value_len: 7 };
    block.spans_mut().push(span);
    let forged = block.into_headers(bytes);
    assert_eq!(forged.get(ACCEPT), Some(&b"a\r\nx: y"[..]));
    let mut headers = Headers::new();
    assert!(!headers.copy_from(&forged, ACCEPT) && headers.is_empty());
}

#[test]
fn a_copy_past_64_kib_keeps_all() {
    let long = HeaderValue::from_bytes(&[b'v'; 40_000]).unwrap();
    let from = Headers::from_iter([(ACCEPT, long.clone())]);
    let mut to = Headers::from_iter([(HOST, long)]);
    assert!(to.copy_from(&from, ACCEPT));
    assert_eq!((to.get(HOST).unwrap().len(), to.get(ACCEPT).unwrap().len()), (40_000, 40_000));
}

#[test]
fn a_value_stays_sensitive() {
    let mut secret = HeaderValue::from_static("s");
    secret.set_sensitive(true);
    let mut headers = Headers::new();
    headers.insert(HOST, HeaderValue::from_static("a"));
    headers.append(ACCEPT, secret);
    assert!(headers.as_map()[ACCEPT].is_sensitive() && !headers.as_map()[HOST].is_sensitive());
    assert!(headers.remove(&ACCEPT).unwrap().is_sensitive());
    assert_eq!(headers.get(HOST), Some(&b"a"[..]));
}

#[test]
fn more_than_64_kib_is_kept() {
    let long = HeaderValue::from_str(&"v".repeat(40_000)).unwrap();
    let mut headers = Headers::new();
    headers.insert(HOST, long.clone());
    headers.insert(HOST, HeaderValue::from_static("a"));
    headers.insert(ACCEPT, long.clone());
    assert!(headers.lines().is_some());
    headers.append(ACCEPT, long.clone());
    headers.insert(HOST, long.clone());
    assert_eq!(headers.get_all(ACCEPT).map(<[u8]>::len).collect::<Vec<_>>(), [40_000; 2]);
    assert_eq!((headers.len(), headers.get(HOST)), (3, Some(long.as_bytes())));
}

#[test]
fn a_change_past_64_kib_keeps_what_is_there() {
    let half = HeaderValue::from_str(&"v".repeat(33_000)).unwrap();
    for last in [HOST, ACCEPT] {
        let mut headers = Headers::new();
        headers.insert(ACCEPT, half.clone());
        headers.insert(HOST, HeaderValue::from_static("a"));
        headers.insert(last.clone(), HeaderValue::from_str(&"w".repeat(60_000)).unwrap());
        assert_eq!((headers.len(), headers.get(&last).unwrap().len()), (2, 60_000));
    }
}

#[test]
fn secrets_stay_out_of_debug_output() {
    let text = format!("{:?}", received(&[("Cookie", "id=s3cret"), ("Host", "a")]));
    assert!(!text.contains("s3cret") && text.contains("Host"));
}

#[test]
fn a_clone_shares_nothing() {
    let mut headers = received(&[("Host", "a")]);
    let copy = headers.clone();
    headers.clear();
    assert_eq!(copy.get(HOST), Some(&b"a"[..]));
}

fn pairs(headers: &Headers) -> Vec<(Vec<u8>, Vec<u8>)> {
    headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.to_vec())).collect()
}

/// What can be done to fields.
#[derive(Clone, Debug)]
enum Change {
    Insert(String, String),
    Append(String, String),
    Remove(String),
}

fn change() -> impl Strategy<Value = Change> {
    (0..3, "[a-c]{1,2}", "[!-~]{0,6}").prop_map(|(kind, name, value)| match kind {
        0 => Change::Insert(name, value),
        1 => Change::Append(name, value),
        _ => Change::Remove(name),
    })
}

proptest! {
    /// The four storages answer every question alike.
    #[test]
    fn storages_cannot_be_told_apart(
        fields in proptest::collection::vec(("[a-cA-C]{1,2}", "[!-~]{0,6}"), 0..12),
        changes in proptest::collection::vec(change(), 0..6),
    ) {
        let given: Vec<_> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let mut all = in_every_storage(&given);
        for change in [None].into_iter().chain(changes.into_iter().map(Some)) {
            let name = |name: String| HeaderName::from_bytes(name.as_bytes()).unwrap();
            let value = |value: String| HeaderValue::from_str(&value).unwrap();
            let removed = all.each_mut().map(|headers| match change.clone() {
                Some(Change::Insert(n, v)) => { headers.insert(name(n), value(v)); None }
                Some(Change::Append(n, v)) => { headers.append(name(n), value(v)); None }
                Some(Change::Remove(n)) => headers.remove(&name(n)),
                None => None,
            });
            let [block, lines, list, map] = &all;
            prop_assert!(removed.iter().all(|value| *value == removed[0]));
            prop_assert_eq!(pairs(block), pairs(lines));
            prop_assert_eq!(pairs(list), pairs(lines));
            prop_assert_eq!(pairs(&lines.clone()), pairs(lines));
            for headers in [block, lines] {
                let (bytes, spans) = headers.as_spans().unwrap();
                let fields = spans.iter().map(|span| span.of(bytes));
                prop_assert!(fields.eq(headers));
            }
            if let Some(view) = lines.lines() {
                let expected: Vec<u8> = lines.iter()
                    .flat_map(|(n, v)| [n, b": ", v, b"\r\n"].concat())
                    .collect();
                prop_assert_eq!(view.as_bytes(), expected);
                for (n, _) in lines {
                    let n = NameSet::of(&[std::str::from_utf8(n).unwrap()]);
                    prop_assert!(view.names().meets(n));
                }
            }
            for (n, _) in lines {
                let n = std::str::from_utf8(n).unwrap();
                let of = |h: &Headers| h.get_all(n).map(<[u8]>::to_vec).collect::<Vec<_>>();
                prop_assert_eq!(of(lines), of(map));
                if let Some(view) = lines.lines().filter(|_| of(lines).len() > 1) {
                    prop_assert!(view.repeated().meets(NameSet::of(&[n])));
                }
            }
            for headers in [block, lines, list] {
                prop_assert_eq!(headers.as_map(), map.as_map());
            }
        }
    }
}
