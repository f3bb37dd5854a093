//! What heads say of their bodies.

use alloc::{format, string::String};

use super::*;
use crate::{Limits, RequestParser, ResponseParser};

/// Facts of a request with these field lines.
fn facts_in(version: &str, lines: &[&str]) -> Result<Facts, FramingError> {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let head = format!("POST / HTTP/{version}\r\nHost: a\r\n{lines}\r\n");
    let mut fields = alloc::vec::Vec::new();
    let parsed = RequestParser::new()
        .parse(&mut head.as_bytes(), &Limits::default(), &mut fields)
        .unwrap()
        .expect("complete");
    parsed.facts(&fields)
}

fn facts(lines: &[&str]) -> Result<Facts, FramingError> {
    facts_in("1.1", lines)
}

fn framing(lines: &[&str]) -> Result<Framing, FramingError> {
    facts(lines).map(|facts| facts.framing())
}

#[test]
fn every_byte_of_a_name_counts_but_not_its_case() {
    let name = b"transfer-encoding";
    assert!(is(&name.to_ascii_uppercase(), name) && is(b"HOST", b"host"));
    for at in 0..name.len() {
        let mut other = *name;
        other[at] = b'x';
        assert!(!is(&other, name), "{at}");
    }
    for at in 0..7 {
        let mut other = *b"upgrade";
        other[at] = b'x';
        assert!(!is(&other, b"upgrade"), "{at}");
    }
    assert!(!is(b"hos", b"host"));
}

#[test]
fn a_length_is_one_run_of_digits() {
    assert_eq!(framing(&["cOnTeNt-LeNgTh: 5"]), Ok(Framing::Length(5)));
    assert_eq!(framing(&["Content-Length: 005"]), Ok(Framing::Length(5)));
    assert_eq!(framing(&["Content-Length: 0"]), Ok(Framing::Length(0)));
    for value in
        ["", "+5", "-5", "-0", "0x5", "5.0", "five", "5 5", "5e0", "0_5", "5;a", "5,", "5, 5"]
    {
        let line = format!("Content-Length: {value}");
        assert_eq!(framing(&[&line]), Err(FramingError::ContentLength), "{value}");
    }
}

#[test]
fn a_length_fits_in_64_bits() {
    assert_eq!(framing(&["Content-Length: 18446744073709551615"]), Ok(Framing::Length(u64::MAX)));
    for value in ["18446744073709551616", "18446744073709551621", "1000000000000000000000000"] {
        let line = format!("Content-Length: {value}");
        assert_eq!(framing(&[&line]), Err(FramingError::LengthOverflow), "{value}");
    }
}

#[test]
fn singletons_stand_once_even_if_equal() {
    for name in [
        "content-length",
        "content-type",
        "content-range",
        "content-location",
        "max-forwards",
        "user-agent",
        "etag",
        "server",
    ] {
        let line = format!("{}: 5", name.to_ascii_uppercase());
        assert_eq!(framing(&[&line, "X: y", &line]), Err(FramingError::Repeated { name }));
    }
}

#[test]
fn chunked_is_the_only_coding() {
    assert_eq!(framing(&["transfer-encoding: ChUnKeD"]), Ok(Framing::Chunked));
    for value in ["xchunked", "chunkedchunked", "identity", "gzip, chunked", "gzip;q=1 , chunked"] {
        let line = format!("Transfer-Encoding: {value}");
        assert_eq!(framing(&[&line]), Err(FramingError::UnknownEncoding), "{value}");
    }
    for value in [
        "",
        "chunked, gzip",
        "chunked, chunked",
        "chunked,",
        ", chunked",
        "chunked;q=1",
        "chunked ;q=1",
        "\"chunked\"",
        "\u{a0}chunked",
    ] {
        let line = format!("Transfer-Encoding: {value}");
        assert_eq!(framing(&[&line]), Err(FramingError::TransferEncoding), "{value}");
    }
    let line = "Transfer-Encoding: chunked";
    let repeated = FramingError::Repeated { name: "transfer-encoding" };
    assert_eq!(framing(&[line, line]), Err(repeated));
    assert_eq!(framing(&[line, "Transfer-Encoding: identity"]), Err(repeated));
}

#[test]
fn length_and_coding_exclude_each_other_in_either_order() {
    let (length, coding) = ("Content-Length: 0", "Transfer-Encoding: chunked");
    assert_eq!(framing(&[length, coding]), Err(FramingError::LengthAndEncoding));
    assert_eq!(framing(&[coding, length]), Err(FramingError::LengthAndEncoding));
    assert_eq!(facts_in("1.0", &[coding]).unwrap_err(), FramingError::EncodingInHttp10);
}

#[test]
fn connect_has_no_body_that_a_tunnel_could_be_taken_for() {
    let connect = |line: &str| {
        let head = format!("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n{line}\r\n");
        let mut fields = alloc::vec::Vec::new();
        let parsed =
            RequestParser::new().parse(&mut head.as_bytes(), &Limits::default(), &mut fields);
        parsed.unwrap().expect("complete").facts(&fields).map(|facts| facts.framing())
    };
    assert_eq!(connect(""), Ok(Framing::None));
    assert_eq!(connect("Content-Length: 0\r\n"), Ok(Framing::Length(0)));
    for line in ["Content-Length: 1\r\n", "Transfer-Encoding: chunked\r\n"] {
        assert_eq!(connect(line), Err(FramingError::BodyForbidden), "{line}");
    }
}

#[test]
fn connection_options_are_found_over_lines_and_in_any_case() {
    let keeps = |version, lines: &[&str]| facts_in(version, lines).unwrap().keep_alive();
    assert!(keeps("1.1", &[]));
    assert!(keeps("1.1", &["Connection: x-foo"]));
    assert!(!keeps("1.1", &["Connection: CLOSE"]));
    assert!(!keeps("1.1", &["Connection: x-foo ,\tclose"]));
    assert!(!keeps("1.1", &["Connection: x-foo", "connection: close"]));
    assert!(!keeps("1.1", &["Connection: keep-alive, close"]));
    assert!(!keeps("1.0", &[]));
    assert!(keeps("1.0", &["Connection: Keep-Alive"]));
    assert!(!keeps("1.0", &["Connection: keep-alive", "Connection: close"]));
}

#[test]
fn an_upgrade_counts_with_its_connection_option_and_version() {
    let upgrade = |version, lines: &[&str]| {
        let facts = facts_in(version, lines).unwrap();
        facts.upgrade().map(|span| span.len)
    };
    let (field, option) = ("Upgrade: websocket", "Connection: keep-alive, Upgrade");
    assert_eq!(upgrade("1.1", &[field, option]), Some(9));
    assert_eq!(upgrade("1.1", &[field]), None);
    assert_eq!(upgrade("1.1", &[option]), None);
    assert_eq!(upgrade("1.0", &[field, option]), None);
}

#[test]
fn continue_is_the_only_expectation_and_needs_a_body() {
    let expects =
        |version, lines: &[&str]| facts_in(version, lines).map(|facts| facts.expects_continue());
    let (line, length) = ("Expect: 100-Continue", "Content-Length: 5");
    assert_eq!(expects("1.1", &[line, length]), Ok(true));
    assert_eq!(expects("1.1", &[line]), Ok(false));
    for list in ["Expect: 100-continue, 100-CONTINUE", "Expect: ,100-continue ,"] {
        assert_eq!(expects("1.1", &[list, length]), Ok(true), "{list}");
    }
    assert_eq!(expects("1.1", &[line, line, length]), Ok(true));
    assert_eq!(expects("1.1", &["Expect:", "Expect: , ,", length]), Ok(false));
    let mixed = expects("1.1", &["Expect: 100-continue, b", length]);
    assert_eq!(mixed, Err(FramingError::UnknownExpectation));
    assert_eq!(expects("1.0", &[line, length]), Ok(false));
    assert_eq!(expects("1.1", &["Expect: 200-ok"]), Err(FramingError::UnknownExpectation));
    assert_eq!(expects("1.0", &["Expect: 200-ok"]), Ok(false));
}

#[test]
fn a_response_is_framed_by_status_method_and_fields() {
    let framing = |head: &str, method| {
        let (mut input, mut fields) = (head.as_bytes(), alloc::vec::Vec::new());
        let head = ResponseParser::new().parse(&mut input, &Limits::default(), &mut fields);
        let head = head.unwrap().unwrap();
        let facts = head.facts(&fields);
        (facts.response_framing(head.status(), method), facts.keep_alive())
    };
    let length = "Content-Length: 5\r\n\r\n";
    let of = |status: u16| format!("HTTP/1.1 {status} X\r\n{length}");
    let (length, none) = (Ok(Framing::Length(5)), Ok(Framing::None));
    assert_eq!(framing(&of(200), Method::Get), (length, true));
    assert_eq!(framing(&of(200), Method::Head), (none, true));
    assert_eq!(framing(&of(200), Method::Connect), (none, true));
    assert_eq!(framing(&of(400), Method::Connect), (length, true));
    for status in [100, 101, 204, 304] {
        assert_eq!(framing(&of(status), Method::Get), (none, true));
    }
    let until_close = Ok(Framing::UntilClose);
    assert_eq!(framing("HTTP/1.1 200 \r\n\r\n", Method::Get), (until_close, true));
}

#[test]
fn what_frames_no_body_is_not_refused_but_ends_the_connection() {
    use FramingError::{
        ContentLength, LengthAndEncoding, LengthOverflow, Repeated, UnknownEncoding,
    };
    let repeated = Repeated { name: "content-length" };
    for (lines, fault) in [
        ("Content-Length: 5\r\nContent-Length: 5", repeated),
        ("Content-Length: x", ContentLength),
        ("Content-Length: 18446744073709551616", LengthOverflow),
        ("Transfer-Encoding: gzip, chunked", UnknownEncoding),
        ("Transfer-Encoding: chunked\r\nContent-Length: 3", LengthAndEncoding),
    ] {
        for (status, method, has_body) in [
            (200, Method::Get, true),
            (200, Method::Head, false),
            (200, Method::Connect, false),
            (502, Method::Connect, true),
            (103, Method::Get, false),
            (204, Method::Get, false),
            (304, Method::Get, false),
        ] {
            let head = format!("HTTP/1.1 {status} X\r\n{lines}\r\nX: y\r\n\r\n");
            let (mut input, mut fields) = (head.as_bytes(), alloc::vec::Vec::new());
            let parsed = ResponseParser::new().parse(&mut input, &Limits::default(), &mut fields);
            let facts = parsed.unwrap().unwrap().facts(&fields);
            let expected = if has_body { Err(fault) } else { Ok(Framing::None) };
            assert_eq!(facts.response_framing(status, method), expected, "{lines} {status}");
            assert_eq!((facts.keep_alive(), facts.content_length()), (false, None));
            assert_eq!(facts.field_count() as usize, fields.len());
        }
    }
}
