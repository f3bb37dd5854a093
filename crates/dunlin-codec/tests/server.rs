//! What a server's connection lets pass, by itself: where bodies are cut, and how it is left.

#![cfg(feature = "std")]
#![allow(missing_docs)]

use dunlin_codec::{BodyLen, Event, Limits, Phase, SendCtx, SendError, ServerConn};
use dunlin_core::ResponseHead;
use http::{HeaderValue, StatusCode, header};

/// A connection that has read the head at the front of `wire`, and what is left behind it.
fn begun(mut wire: &[u8]) -> (ServerConn, &[u8]) {
    let mut conn = ServerConn::new(Limits::default().into());
    assert!(matches!(conn.next_event(&mut wire), Ok(Some(Event::Head { .. }))));
    (conn, wire)
}

const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";

#[test]
fn the_last_request_keeps_its_body() {
    let (mut conn, _) = begun(POST);
    conn.close_input();
    assert_eq!((conn.body_left(), conn.keep_alive()), (Some(5), false));
    let mut input = &b"helloGET"[..];
    assert!(matches!(conn.next_event(&mut input), Ok(Some(Event::Data(b"hello")))));
    assert!(matches!(conn.next_event(&mut input), Ok(Some(Event::End))));
    let mut out = Vec::new();
    conn.send_whole(&ResponseHead::default(), b"", SendCtx::default(), &mut out).unwrap();
    assert!(out.escape_ascii().to_string().contains("connection: close"));
    assert!(matches!(conn.next_event(&mut input), Ok(None)));
    assert_eq!((conn.phase(), input), (Phase::Close, &b"GET"[..]));
}

#[test]
fn a_body_that_is_cut_is_not_taken_for_whole() {
    for cut in [ServerConn::cut_input, ServerConn::abandon, |conn: &mut ServerConn| {
        conn.refuse();
    }] {
        let (mut conn, _) = begun(POST);
        cut(&mut conn);
        let mut input = &b"hello"[..];
        assert!(matches!(conn.next_event(&mut input), Ok(None)));
        assert_eq!((input.len(), conn.body_left()), (5, None));
        assert!(!conn.is_receiving_body() && !conn.keep_alive());
    }
}

#[test]
fn the_answer_to_a_body_that_was_cut_closes() {
    let (mut conn, _) = begun(POST);
    conn.cut_input();
    let mut out = Vec::new();
    conn.send_whole(&ResponseHead::default(), b"", SendCtx::default(), &mut out).unwrap();
    assert!(out.escape_ascii().to_string().contains("connection: close"));
    assert_eq!(conn.phase(), Phase::Close);
}

#[test]
fn an_answer_of_the_wrong_length_reads_nothing_more() {
    let (mut conn, _) = begun(POST);
    let mut out = Vec::new();
    let head = ResponseHead::default();
    conn.send_head(&head, BodyLen::Exact(1), SendCtx::default(), &mut out).unwrap();
    assert!(conn.send_end(None, &mut out).is_err());
    assert_eq!((conn.phase(), conn.body_left()), (Phase::Close, None));
}

#[test]
fn continue_is_owed_only_while_a_body_is_received() {
    let expecting = |framing| {
        format!("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n{framing}\r\n\r\n")
    };
    let wire = expecting("Content-Length: 1");
    let (mut conn, _) = begun(wire.as_bytes());
    assert!(conn.owes_continue() && conn.handle_eof().is_err() && !conn.owes_continue());
    let mut out = Vec::new();
    conn.send_continue(&mut out);
    assert_eq!(out, b"");

    let wire = expecting("Transfer-Encoding: chunked") + "0\r\n\r\n";
    let (mut conn, mut rest) = begun(wire.as_bytes());
    assert!(conn.owes_continue());
    assert!(matches!(conn.next_event(&mut rest), Ok(Some(Event::End))));
    assert!(!conn.owes_continue());
}

fn response(status: u16, upgrade: Option<&'static str>) -> ResponseHead {
    let mut head = ResponseHead::default();
    head.status = StatusCode::from_u16(status).unwrap();
    if let Some(protocol) = upgrade {
        head.headers.insert(header::UPGRADE, HeaderValue::from_static(protocol));
    }
    head
}

#[test]
fn only_what_was_offered_is_switched_to() {
    let offer = |fields: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let (asked, named) =
        ("Connection: upgrade\r\nUpgrade: x, web/1\r\nUpgrade: y\r\n", "Upgrade: x\r\n");
    for (fields, protocol, error) in [
        (asked, Some("Y"), None),
        (asked, Some("web/1, x"), None),
        (asked, Some("web/2"), Some(SendError::UpgradeNotOffered)),
        (asked, Some("x, z"), Some(SendError::UpgradeNotOffered)),
        (asked, Some(" ,"), Some(SendError::UpgradeNotOffered)),
        (asked, None, Some(SendError::UpgradeUnnamed)),
        (named, Some("x"), Some(SendError::UpgradeNotAsked)),
    ] {
        let wire = offer(fields);
        let (mut conn, _) = begun(wire.as_bytes());
        let (head, mut out) = (response(101, protocol), Vec::new());
        let sent = conn.send_head(&head, BodyLen::Exact(0), SendCtx::default(), &mut out);
        assert_eq!((sent.err(), out.is_empty()), (error.clone(), error.is_some()), "{protocol:?}");
        let phase = if error.is_some() { Phase::Exchange } else { Phase::Upgrade };
        assert_eq!(conn.phase(), phase);
    }
}

#[test]
fn another_protocol_waits_for_the_end_of_the_body() {
    let wire = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\n";
    let (mut conn, _) = begun(wire);
    let switch = |conn: &mut ServerConn| {
        conn.send_head(
            &response(101, Some("x")),
            BodyLen::Exact(0),
            SendCtx::default(),
            &mut Vec::new(),
        )
    };
    assert_eq!(switch(&mut conn), Err(SendError::UpgradeUnread));
    let mut input = &b"b"[..];
    while let Ok(Some(_)) = conn.next_event(&mut input) {}
    assert_eq!((switch(&mut conn), conn.phase()), (Ok(()), Phase::Upgrade));
    let (mut conn, _) = begun(wire);
    conn.cut_input();
    assert_eq!(switch(&mut conn), Err(SendError::UpgradeUnread));
}

#[test]
fn interim_responses_go_before_the_final_one_and_not_to_the_old() {
    for (version, expected) in [("1.1", "HTTP/1.1 103 Early Hints\r\n\r\n"), ("1.0", "")] {
        let wire = format!("GET / HTTP/{version}\r\nHost: a\r\n\r\n");
        let (mut conn, _) = begun(wire.as_bytes());
        let mut out = Vec::new();
        conn.send_interim(&response(103, None), &mut out).unwrap();
        assert_eq!(out, expected.as_bytes());
        for status in [100, 101, 200] {
            let head = response(status, None);
            let refused = SendError::NotInterim(head.status);
            assert_eq!(conn.send_interim(&head, &mut out), Err(refused));
        }
        assert_eq!((out.len(), conn.phase()), (expected.len(), Phase::Exchange));
        conn.send_whole(&ResponseHead::default(), b"", SendCtx::default(), &mut out).unwrap();
        assert_eq!(conn.send_interim(&response(103, None), &mut out), Err(SendError::OutOfTurn));
    }
}

#[test]
fn too_many_trailers_are_told_with_the_bound_that_was_set() {
    let limits = Limits::default().max_headers(4);
    let mut conn = ServerConn::new(limits.into());
    let wire = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n";
    let mut input = &wire[..];
    assert!(matches!(conn.next_event(&mut input), Ok(Some(Event::Head { .. }))));
    let error = conn.next_event(&mut input).unwrap_err();
    assert_eq!(error.to_string(), "trailer section: more than 4 field lines");
}
