//! Faults of real servers, each mended by its own switch.

use proptest::prelude::*;

use super::*;
use crate::{Facts, FramingError, HeadError, Limits, ResponseHeadDecoder};

type Decoded = Result<Option<(dunlin_core::ResponseHead, Facts)>, HeadError>;

fn decode(leniency: Leniency, wire: &[u8]) -> Decoded {
    decode_on(&mut ResponseHeadDecoder::new().lenient(leniency), wire)
}

/// What is to be had of a response that has a body.
fn decode_on(decoder: &mut ResponseHeadDecoder, mut wire: &[u8]) -> Decoded {
    let decoded = decoder.decode(&mut wire, &Limits::default())?;
    if let Some((_, facts)) = &decoded {
        facts.response_framing(200, crate::Method::Get)?;
    }
    Ok(decoded)
}

/// The fields of a response with these lines, which no other leniency lets through.
fn fields_with(leniency: Leniency, lines: &str) -> Vec<(String, String)> {
    let wire = format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n");
    let error = decode(Leniency::default(), wire.as_bytes()).unwrap_err();
    let head = decode(leniency, wire.as_bytes()).unwrap().unwrap().0;
    let mut others = Leniency::ALL;
    for (switch, on) in [
        (&mut others.obs_fold, leniency.obs_fold),
        (&mut others.blank_before_colon, leniency.blank_before_colon),
        (&mut others.value_controls, leniency.value_controls),
        (&mut others.invalid_lines, leniency.invalid_lines),
        (&mut others.equal_lengths, leniency.equal_lengths),
    ] {
        *switch &= !on;
    }
    assert_eq!(decode(others, wire.as_bytes()).unwrap_err(), error, "{lines:?}");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    head.headers.iter().map(|(name, value)| (text(name), text(value))).collect()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|&(name, value)| (name.into(), value.into())).collect()
}

#[test]
fn each_fault_is_mended_by_its_own_switch() {
    let none = Leniency::default();
    assert_eq!(
        fields_with(none.obs_fold(true), "A: b \r\n\t c\r\n d\r\nE: f"),
        pairs(&[("A", "b  c d"), ("E", "f")])
    );
    let fold = none.obs_fold(true);
    assert_eq!(fields_with(fold, "A: b\r\n \r\nE: f"), pairs(&[("A", "b"), ("E", "f")]));
    let blank = none.blank_before_colon(true);
    assert_eq!(fields_with(blank, "A \t: b"), pairs(&[("A", "b")]));
    let controls = none.value_controls(true);
    assert_eq!(fields_with(controls, "A: \x01b\x7fc\td\x0b"), pairs(&[("A", "b c\td")]));
    let invalid = none.invalid_lines(true);
    assert_eq!(fields_with(invalid, "no colon\r\nA: b\r\n(x): y\r\n: z"), pairs(&[("A", "b")]));
    let equal = none.equal_lengths(true);
    let length = pairs(&[("Content-Length", "5"), ("A", "b")]);
    assert_eq!(fields_with(equal, "Content-Length: 5\r\nA: b\r\ncontent-length:5"), length);
    assert_eq!(fields_with(equal, "Content-Length: 5, 5,5\r\nA: b"), length);
}

#[test]
fn faults_of_the_status_line_are_mended_by_their_switches() {
    let none = Leniency::default();
    for (wire, leniency) in [
        ("HTTP/1.1  200  OK\r\n\r\n", none.status_blanks(true)),
        ("HTTP/1.2 200 OK\r\n\r\n", none.minor_version(true)),
        ("\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", none.leading_empty_lines(true)),
    ] {
        assert!(decode(none, wire.as_bytes()).is_err(), "{wire:?}");
        let (head, facts) = decode(leniency, wire.as_bytes()).unwrap().unwrap();
        assert_eq!((head.status.as_u16(), head.version), (200, http::Version::HTTP_11));
        assert!(!facts.keep_alive(), "{wire:?}");
    }
    for wire in ["HTTP/2.0 200 OK", "HTTP/1.10 200 OK", "http/1.1 200 OK", "ICY 200 OK"] {
        let wire = format!("{wire}\r\n\r\n");
        let strict = decode(none, wire.as_bytes()).unwrap_err();
        assert_eq!(decode(Leniency::ALL, wire.as_bytes()).unwrap_err(), strict, "{wire:?}");
    }
}

/// A status without a body would let what is in the body pass for the next response.
#[test]
fn a_status_is_never_cut_out_of_something_else() {
    for line in ["1.1 2045 OK", "1.1 3049", "1.1 204OK", "1.1204 OK", "1.1 1030 X", "1.1 204,"] {
        let wire = format!("HTTP/{line}\r\nContent-Length: 42\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
        let strict = decode(Leniency::default(), wire.as_bytes()).unwrap_err();
        assert_eq!(decode(Leniency::ALL, wire.as_bytes()).unwrap_err(), strict, "{line:?}");
    }
    let (head, _) = decode(Leniency::ALL, b"HTTP/1.1 \t404\t \r\n\r\n").unwrap().unwrap();
    assert_eq!((head.status.as_u16(), head.reason), (404, None));
}

#[test]
fn a_fault_that_no_switch_mends_is_left_to_who_looks_for_a_body() {
    let two = b"HTTP/1.1 204 X\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nHTTP";
    for leniency in [Leniency::default(), Leniency::ALL] {
        let (mut decoder, mut input) = (ResponseHeadDecoder::new().lenient(leniency), &two[..]);
        let (head, facts) = decoder.decode(&mut input, &Limits::default()).unwrap().unwrap();
        assert_eq!((head.headers.len(), input), (2, &b"HTTP"[..]));
        assert!(!facts.keep_alive() && !decoder.is_within_head());
    }
}

#[test]
fn what_could_move_the_end_of_a_message_is_never_mended() {
    for lines in [
        "Content-Length : 5",
        "Content-Length: 5\r\n 6",
        "Content-Length: 5, 6",
        "Content-Length: 5\r\nContent-Length: 05",
        "Content-Length: 5\r\n\t",
        "Content-Length: \x015",
        "Content-Length 5",
        "(Content-Length: 5",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding: chunked\r\n x",
        "Transfer-\x01Encoding: chunked",
        "Transfer-Encoding",
        "Connection : close",
        "Upgrade: a\r\n b",
        "A: b\nC: d",
        "A: b\rC: d",
        "A: b\0c",
        "bad\0: c",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Transfer-Encoding: identity",
        "A: b\r\n Content-Length: 5",
        "A\r\n\tContent-Length: 5",
        "X Content-Length: 5",
        "(x): y\r\n\tTransfer-Encoding: chunked",
    ] {
        let wire = format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n");
        let strict = decode(Leniency::default(), wire.as_bytes()).unwrap_err();
        assert_eq!(decode(Leniency::ALL, wire.as_bytes()).unwrap_err(), strict, "{lines:?}");
    }
    let bare = b"HTTP/1.1 200 OK\nA: b\n\n";
    assert!(decode(Leniency::ALL, bare).unwrap_err() == HeadError::LineEnd { at: 15 });
}

#[test]
fn bounds_hold_for_heads_that_are_mended_too() {
    let limits = Limits::default().max_head_bytes(256).max_headers(2);
    let mut decoder = ResponseHeadDecoder::new().lenient(Leniency::ALL);
    let endless = format!("HTTP/1.1 200 OK\r\nA : {}", "b".repeat(300));
    let error = decoder.decode(&mut endless.as_bytes(), &limits).unwrap_err();
    assert_eq!(error, HeadError::TooLarge { limit: 256 });
    let many = b"HTTP/1.1 200 OK\r\nA : 1\r\nB: 2\r\nC: 3\r\n\r\n";
    let mut decoder = ResponseHeadDecoder::new().lenient(Leniency::ALL);
    let error = decoder.decode(&mut &many[..], &limits).unwrap_err();
    assert_eq!(error, HeadError::TooManyFields { limit: 2 });
    let fold = format!("A: b\r\n {}\r\n", "c".repeat(4200)).repeat(2);
    for (head, limit) in [
        (format!("1.1  200 {}\r\n", " ".repeat(8190)), HeadError::LineTooLong { limit: 8190 }),
        (
            format!("1.1 200 OK\r\n{}\r\n", "x".repeat(8189)),
            HeadError::FieldTooLong { limit: 8190 },
        ),
        (format!("1.1 200 OK\r\n{}", "x\r\n".repeat(129)), HeadError::TooManyFields { limit: 128 }),
        (
            format!("1.1 200 OK\r\n{}", fold.replacen("\r\nA: b", "", 1)),
            HeadError::FieldTooLong { limit: 8190 },
        ),
    ] {
        let wire = format!("HTTP/{head}\r\n");
        assert_eq!(decode(Leniency::ALL, wire.as_bytes()).unwrap_err(), limit);
    }
    let whole = format!("HTTP/1.1 200 OK\r\n{fold}{}\r\n", "x\r\n".repeat(126));
    assert!(decode(Leniency::ALL, whole.as_bytes()).unwrap().is_some());
    let empty = "\r\n".repeat(9);
    let error = decode(Leniency::ALL, format!("{empty}HTTP/1.1 200 OK\r\n\r\n").as_bytes());
    assert_eq!(error.unwrap_err(), HeadError::EmptyLines { limit: 8 });
    let two = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n";
    let error = decode(Leniency::ALL, two).unwrap_err();
    assert_eq!(error, FramingError::Repeated { name: "content-length" }.into());
}

fn piece() -> impl Strategy<Value = &'static str> {
    let pieces = [
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.3  204 \r\n",
        "A: b\r\n",
        "A : b\r\n",
        " folded\r\n",
        "\t\r\n",
        "nothing\r\n",
        "B: \x01\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close\r\n",
        "\r\n",
        "\n",
        "\r",
        "\0",
    ];
    proptest::sample::select(pieces.to_vec())
}

proptest! {
    /// Leniency takes more heads, and never takes one otherwise; where it ends is where the first
    /// empty line ends, and reads do not matter.
    #[test]
    fn what_is_strict_stays_as_it_is(
        pieces in proptest::collection::vec(piece(), 0..8),
        step in 1usize..9,
    ) {
        let wire = format!("{}{}", "HTTP/1.1 200 OK\r\n", pieces.concat());
        let wire = wire.as_bytes();
        let shown = |decoded: &Decoded| format!("{decoded:?}");
        let strict = decode(Leniency::default(), wire);
        let lenient = decode(Leniency::ALL, wire);
        if strict.is_ok() {
            prop_assert_eq!(shown(&lenient), shown(&strict));
        }
        let (mut rest, limits) = (wire, Limits::default());
        if let Ok(Some(_)) =
            ResponseHeadDecoder::new().lenient(Leniency::ALL).decode(&mut rest, &limits)
        {
            prop_assert_eq!(Some(wire.len() - rest.len()), head_end(wire, 0));
        }
        let mut decoder = ResponseHeadDecoder::new().lenient(Leniency::ALL);
        let mut split = Ok(None);
        for end in (step..wire.len()).step_by(step).chain([wire.len()]) {
            split = decode_on(&mut decoder, &wire[..end]);
            if !matches!(split, Ok(None)) {
                break;
            }
        }
        prop_assert_eq!(shown(&split), shown(&lenient));
    }
}
