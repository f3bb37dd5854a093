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

proptest! {
    /// The three storages answer every question alike.
    #[test]
    fn storages_cannot_be_told_apart(fields in proptest::collection::vec(("[a-cA-C]{1,2}", "[!-~]{0,6}"), 0..12)) {
        let pairs: Vec<_> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let block = received(&pairs);
        let list: Headers = pairs.iter().map(|(n, v)| {
            (HeaderName::from_bytes(n.as_bytes()).unwrap(), HeaderValue::from_str(v).unwrap())
        }).collect();
        let mut map = received(&pairs);
        map.as_map_mut();
        prop_assert_eq!(&block, &list);
        for (name, _) in &pairs {
            let of = |h: &Headers| h.get_all(*name).map(<[u8]>::to_vec).collect::<Vec<_>>();
            prop_assert_eq!(of(&block), of(&list));
            prop_assert_eq!(of(&block), of(&map));
        }
        prop_assert_eq!(block.as_map(), map.as_map());
        prop_assert_eq!(list.as_map(), map.as_map());
    }
}
