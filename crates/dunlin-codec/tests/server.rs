//! What a server's connection lets pass, by itself: where bodies are cut, and how it is left.

#![cfg(feature = "std")]
#![allow(missing_docs)]

use dunlin_codec::{BodyLen, Event, Limits, Phase, SendCtx, ServerConn};
use dunlin_core::ResponseHead;

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
