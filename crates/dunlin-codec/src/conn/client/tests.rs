use http::{HeaderName, HeaderValue, Method};

use super::*;
use crate::{BodyEncodeError, BodyError, EncodeError, HeadError};

fn conn() -> ClientConn {
    ClientConn::new(Limits::default().into())
}

fn head(method: Method, fields: &[(&'static str, &'static str)]) -> RequestHead {
    let target = if method == Method::CONNECT { "a.example:443" } else { "http://a.example/" };
    let mut head = RequestHead::new(method, target.parse().unwrap());
    head.headers_mut().extend(
        fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))),
    );
    head
}

/// A connection on which that request was sent, without body.
fn asked(method: Method, fields: &[(&'static str, &'static str)]) -> ClientConn {
    let mut conn = conn();
    conn.send_whole(&head(method, fields), b"", RequestCtx::default(), &mut Vec::new()).unwrap();
    conn
}

/// A connection on which that request's head was sent, with a body to follow.
fn sending(fields: &[(&'static str, &'static str)], len: impl Into<BodyLen>) -> ClientConn {
    let mut conn = conn();
    let head = head(Method::POST, fields);
    conn.send_head(&head, len.into(), RequestCtx::default(), &mut Vec::new()).unwrap();
    conn
}

/// All events in `wire`, and what was left of it.
fn events(conn: &mut ClientConn, wire: &str) -> (Vec<String>, usize) {
    let (mut input, mut log) = (wire.as_bytes(), Vec::new());
    loop {
        log.push(match conn.next_event(&mut input) {
            Ok(Some(ClientEvent::Interim(head))) => format!("interim {}", head.status.as_u16()),
            Ok(Some(ClientEvent::Head { head, framing })) => {
                format!("{} {framing:?}", head.status.as_u16())
            }
            Ok(Some(ClientEvent::Data(data))) => String::from_utf8_lossy(data).into(),
            Ok(Some(ClientEvent::Trailers(trailers))) => format!("{trailers:?}"),
            Ok(Some(ClientEvent::End)) => "end".into(),
            Ok(Some(ClientEvent::Upgrade(head))) => format!("upgrade {}", head.status.as_u16()),
            Ok(None) => return (log, input.len()),
            Err(error) => {
                log.push(format!("{error:?}"));
                return (log, input.len());
            }
        });
    }
}

fn log(conn: &mut ClientConn, wire: &str) -> Vec<String> {
    events(conn, wire).0
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn a_response_is_framed_by_method_and_status() {
    for (method, wire, expected) in [
        (Method::GET, OK, "200 Length(2)"),
        (Method::HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "200 None"),
        (Method::HEAD, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "200 None"),
        (Method::GET, "HTTP/1.1 204 No Content\r\n\r\n", "204 None"),
        (Method::GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", "304 None"),
        (Method::GET, "HTTP/1.1 200 OK\r\n\r\n", "200 UntilClose"),
        (Method::CONNECT, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "upgrade 200"),
        (Method::CONNECT, "HTTP/1.1 407 X\r\nContent-Length: 0\r\n\r\n", "407 Length(0)"),
    ] {
        let mut conn = asked(method.clone(), &[]);
        assert_eq!(log(&mut conn, wire)[0], expected, "{method} {wire}");
    }
}

#[test]
fn framing_that_frames_nothing_is_overlooked_and_not_trusted() {
    for fields in [
        "Transfer-Encoding: gzip, chunked",
        "Content-Length: x",
        "Content-Length: 1\r\nContent-Length: 1",
        "Transfer-Encoding: chunked\r\nContent-Length: 3",
    ] {
        for (method, status, expected) in [
            (Method::CONNECT, 200, "upgrade 200"),
            (Method::HEAD, 200, "200 None"),
            (Method::GET, 204, "204 None"),
            (Method::GET, 304, "304 None"),
        ] {
            let mut conn = asked(method.clone(), &[]);
            let wire = format!("HTTP/1.1 {status} X\r\n{fields}\r\n\r\n");
            assert_eq!(log(&mut conn, &wire)[0], expected, "{method} {wire}");
            let is_tunnel = method == Method::CONNECT;
            let phase = if is_tunnel { ClientPhase::Upgrade } else { ClientPhase::Close };
            assert_eq!((conn.phase(), conn.keep_alive()), (phase, false));
        }
        let mut conn = asked(Method::GET, &[]);
        let wire = format!("HTTP/1.1 103 X\r\n{fields}\r\n\r\n{OK}");
        assert_eq!(log(&mut conn, &wire), ["interim 103", "200 Length(2)", "ok", "end"]);
        assert_eq!(conn.phase(), ClientPhase::Close);
        let mut conn = asked(Method::GET, &[]);
        let wire = format!("HTTP/1.1 200 X\r\n{fields}\r\n\r\n");
        assert!(matches!(conn.next_event(&mut wire.as_bytes()), Err(ClientError::Head(_))));
    }
}

#[test]
fn a_tunnel_does_not_persist_as_http() {
    let mut conn = asked(Method::CONNECT, &[]);
    assert!(conn.keep_alive());
    assert_eq!(log(&mut conn, "HTTP/1.1 200 OK\r\n\r\n"), ["upgrade 200"]);
    assert!(!conn.keep_alive());
}

#[test]
fn a_connection_persists_where_both_sides_and_the_framing_let_it() {
    for (fields, wire, persists) in [
        (&[][..], OK, true),
        (&[("connection", "close")], OK, false),
        (&[], "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", false),
        (&[], "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false),
        (&[], "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", true),
        (&[], "HTTP/1.1 204 No Content\r\n\r\n", true),
        (&[], "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", false),
    ] {
        let mut conn = asked(Method::GET, fields);
        log(&mut conn, wire);
        let phase = if persists { ClientPhase::Idle } else { ClientPhase::Close };
        assert_eq!(
            (conn.phase(), conn.is_reusable(), conn.keep_alive()),
            (phase, persists, persists)
        );
    }
}

#[test]
fn requests_go_one_after_the_other() {
    let mut conn = asked(Method::GET, &[]);
    let mut out = Vec::new();
    let get = head(Method::GET, &[]);
    let again = conn.send_whole(&get, b"", RequestCtx::default(), &mut out);
    assert_eq!((again, out.as_slice()), (Err(SendError::OutOfTurn), &b""[..]));
    assert_eq!(log(&mut conn, OK), ["200 Length(2)", "ok", "end"]);
    conn.send_whole(&get, b"", RequestCtx::default(), &mut out).unwrap();
    assert!(!conn.is_response_begun());
    assert_eq!(log(&mut conn, OK), ["200 Length(2)", "ok", "end"]);
}

#[test]
fn a_request_that_breaks_a_rule_can_be_replaced() {
    let (mut conn, mut out) = (conn(), Vec::new());
    let wrong = head(Method::GET, &[("te", "gzip")]);
    let error = conn.send_whole(&wrong, b"", RequestCtx::default(), &mut out);
    assert_eq!(error, Err(SendError::Encode(EncodeError::Te)));
    assert!(conn.is_reusable() && out.is_empty());
    conn.send_whole(&head(Method::GET, &[]), b"", RequestCtx::default(), &mut out).unwrap();
}

#[test]
fn interim_responses_come_before_the_final_one_in_a_bounded_number() {
    let mut conn = asked(Method::GET, &[]);
    let wire = format!("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 C\r\n\r\n{OK}");
    assert_eq!(log(&mut conn, &wire), ["interim 103", "interim 100", "200 Length(2)", "ok", "end"]);
    let mut conn = ClientConn::new(Limits::default().max_interims(1).into());
    conn.send_whole(&head(Method::GET, &[]), b"", RequestCtx::default(), &mut Vec::new()).unwrap();
    assert_eq!(log(&mut conn, &wire)[1..], ["TooManyInterims { limit: 1 }"]);
    assert_eq!(conn.phase(), ClientPhase::Close);
}

const EXPECT: &[(&str, &str)] = &[("expect", "100-continue")];

#[test]
fn a_body_is_held_until_the_server_wants_it() {
    let mut conn = sending(EXPECT, Some(2));
    assert_eq!((conn.phase(), conn.is_body_held()), (ClientPhase::Continue, true));
    assert_eq!(log(&mut conn, "HTTP/1.1 103 E\r\n\r\n"), ["interim 103"]);
    assert!(conn.is_body_held());
    assert_eq!(log(&mut conn, "HTTP/1.1 100 Continue\r\n\r\n"), ["interim 100"]);
    assert_eq!((conn.phase(), conn.is_body_held()), (ClientPhase::Head, false));
    let mut out = Vec::new();
    conn.send_data(b"ab", &mut out).unwrap();
    conn.send_end(None, &mut out).unwrap();
    assert_eq!(log(&mut conn, OK), ["200 Length(2)", "ok", "end"]);
    assert!(conn.is_reusable());
}

#[test]
fn a_held_body_can_be_sent_without_having_been_asked_for() {
    let mut conn = sending(EXPECT, Some(2));
    conn.send_data(b"ab", &mut Vec::new()).unwrap();
    assert_eq!(conn.phase(), ClientPhase::Head);
    conn.send_end(None, &mut Vec::new()).unwrap();
    let wire = format!("HTTP/1.1 100 Continue\r\n\r\n{OK}");
    assert_eq!(log(&mut conn, &wire), ["interim 100", "200 Length(2)", "ok", "end"]);
    assert!(conn.is_reusable());
}

#[test]
fn a_final_response_to_a_held_body_ends_the_request() {
    let mut conn = sending(EXPECT, Some(2));
    let wire = "HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\n";
    assert_eq!(log(&mut conn, wire), ["417 Length(2)"]);
    assert!(!conn.is_sending_body() && !conn.keep_alive());
    assert_eq!(conn.send_data(b"ab", &mut Vec::new()), Err(SendError::OutOfTurn));
    assert_eq!(log(&mut conn, "ok"), ["ok", "end"]);
    assert_eq!(conn.phase(), ClientPhase::Close);
}

#[test]
fn an_early_response_leaves_the_choice_to_send_on() {
    let mut conn = sending(&[], Some(4));
    conn.send_data(b"ab", &mut Vec::new()).unwrap();
    assert_eq!(log(&mut conn, OK), ["200 Length(2)", "ok", "end"]);
    assert_eq!(conn.phase(), ClientPhase::Send);
    conn.send_data(b"cd", &mut Vec::new()).unwrap();
    conn.send_end(None, &mut Vec::new()).unwrap();
    assert!(conn.is_reusable());
}

#[test]
fn an_early_response_leaves_the_choice_to_stop() {
    for read in [38, OK.len()] {
        let mut conn = sending(&[], None);
        conn.send_data(b"ab", &mut Vec::new()).unwrap();
        log(&mut conn, &OK[..read]);
        conn.stop_sending();
        log(&mut conn, &OK[read..]);
        assert_eq!(conn.phase(), ClientPhase::Close);
        assert_eq!(conn.send_data(b"ab", &mut Vec::new()), Err(SendError::OutOfTurn));
    }
}

#[test]
fn an_early_response_that_closes_ends_the_request_too() {
    let mut conn = sending(&[], Some(4));
    let wire = "HTTP/1.1 413 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(log(&mut conn, wire), ["413 Length(0)"]);
    assert_eq!((conn.phase(), conn.is_sending_body()), (ClientPhase::Close, false));
}

#[test]
fn a_request_that_is_cut_short_gets_no_response() {
    let mut conn = sending(&[], Some(4));
    let error = conn.send_end(None, &mut Vec::new());
    assert_eq!(error, Err(SendError::EncodeBody(BodyEncodeError::TooShort { missing: 4 })));
    assert_eq!(conn.phase(), ClientPhase::Close);
}

#[test]
fn bytes_that_answer_nothing_are_never_taken_for_an_answer() {
    let mut idle = conn();
    assert_eq!(log(&mut idle, OK), ["Unsolicited"]);
    assert_eq!(idle.phase(), ClientPhase::Close);
    for wire in [
        format!("{OK}{OK}"),
        format!("{OK}\r\n"),
        format!("HTTP/1.1 204 N\r\n\r\n{OK}"),
        "HTTP/1.1 204 N\r\nContent-Length: 2\r\n\r\nok".into(),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nx".into(),
    ] {
        let mut conn = asked(Method::GET, &[]);
        let (events, left) = events(&mut conn, &wire);
        assert_eq!(events.last().unwrap(), "Unsolicited", "{wire}");
        assert!(left > 0 && conn.phase() == ClientPhase::Close);
        let next = head(Method::GET, &[]);
        let sent = conn.send_whole(&next, b"", RequestCtx::default(), &mut Vec::new());
        assert_eq!(sent, Err(SendError::OutOfTurn));
    }
}

#[test]
fn surplus_bytes_end_the_connection_before_anybody_asks_for_them() {
    let mut conn = asked(Method::HEAD, &[]);
    let mut input = OK.as_bytes();
    let event = conn.next_event(&mut input).unwrap();
    assert!(matches!(event, Some(ClientEvent::Head { .. })));
    assert_eq!((conn.is_reusable(), conn.phase()), (false, ClientPhase::Close));
}

#[test]
fn surplus_bytes_behind_an_early_response_are_no_answer_either() {
    let mut conn = sending(&[], Some(4));
    log(&mut conn, OK);
    assert_eq!(log(&mut conn, OK), ["Unsolicited"]);
    assert_eq!(conn.send_data(b"ab", &mut Vec::new()), Err(SendError::OutOfTurn));
}

#[test]
fn an_upgrade_leaves_the_bytes_behind_it_to_the_other_protocol() {
    let offer = [("upgrade", "websocket, x/2")];
    for named in ["websocket", "WebSocket", "x/2"] {
        let mut conn = asked(Method::GET, &offer);
        let wire = format!("HTTP/1.1 101 S\r\nUpgrade: {named}\r\nConnection: upgrade\r\n\r\n!!!");
        assert_eq!(events(&mut conn, &wire), (vec!["upgrade 101".into()], 3));
        assert_eq!(conn.phase(), ClientPhase::Upgrade);
        assert_eq!(conn.handle_eof(), Ok(()));
    }
    let mut tunnel = asked(Method::CONNECT, &[]);
    assert_eq!(events(&mut tunnel, "HTTP/1.1 200 OK\r\n\r\n!!!").1, 3);
    assert_eq!(tunnel.phase(), ClientPhase::Upgrade);
}

#[test]
fn an_upgrade_that_was_not_asked_for_is_refused() {
    let offer = [("upgrade", "websocket")];
    for (fields, wire) in [
        (&[][..], "Upgrade: websocket\r\nConnection: upgrade\r\n"),
        (&offer, "Upgrade: h2c\r\nConnection: upgrade\r\n"),
        (&offer, "Upgrade: websocket, h2c\r\nConnection: upgrade\r\n"),
        (&offer, "Upgrade: websocket\r\nUpgrade: h2c\r\nConnection: upgrade\r\n"),
        (&offer, "Upgrade: websocket\r\n"),
        (&offer, "Upgrade: \r\nConnection: upgrade\r\n"),
        (&offer, ""),
    ] {
        let mut conn = asked(Method::GET, fields);
        assert_eq!(log(&mut conn, &format!("HTTP/1.1 101 S\r\n{wire}\r\n")), ["Upgrade"]);
        assert_eq!(conn.phase(), ClientPhase::Close);
    }
}

#[test]
fn an_upgrade_before_the_request_is_through_is_refused() {
    let mut conn = sending(&[("upgrade", "x"), ("expect", "100-continue")], Some(2));
    let wire = "HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n";
    assert_eq!(log(&mut conn, wire), ["Upgrade"]);
}

#[test]
fn an_upgrade_can_be_declined() {
    let mut conn = asked(Method::GET, &[("upgrade", "websocket")]);
    assert_eq!(log(&mut conn, OK), ["200 Length(2)", "ok", "end"]);
    assert!(conn.is_reusable());
}

#[test]
fn the_end_of_the_connection_ends_a_body_until_close() {
    let mut conn = asked(Method::GET, &[]);
    assert_eq!(log(&mut conn, "HTTP/1.1 200 OK\r\n\r\nall"), ["200 UntilClose", "all"]);
    assert!(!conn.keep_alive());
    assert_eq!(conn.handle_eof(), Ok(()));
    assert_eq!(log(&mut conn, ""), ["end"]);
    assert_eq!(conn.phase(), ClientPhase::Close);
}

#[test]
fn the_end_of_the_connection_cuts_what_was_declared() {
    for (wire, error) in [
        ("HTTP/1.1 200", ClientError::HeadCut),
        ("HTTP/1.1 100 C\r\n\r\n", ClientError::HeadCut),
        (&OK[..OK.len() - 1], ClientError::Body(BodyError::Short { missing: 1 })),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
            ClientError::Body(BodyError::Unterminated),
        ),
    ] {
        let mut conn = asked(Method::GET, &[]);
        log(&mut conn, wire);
        assert_eq!(conn.handle_eof(), Err(error));
        assert_eq!(conn.phase(), ClientPhase::Close);
    }
}

#[test]
fn the_end_of_the_connection_before_a_response_tells_that_none_has_begun() {
    let mut conn = asked(Method::GET, &[]);
    assert!(!conn.is_response_begun());
    assert_eq!(conn.handle_eof(), Err(ClientError::Unanswered));
    let mut conn = asked(Method::GET, &[]);
    log(&mut conn, "H");
    assert!(conn.is_response_begun());
    assert_eq!(conn.handle_eof(), Err(ClientError::HeadCut));
    let mut idle = super::ClientConn::new(Limits::default().into());
    assert_eq!((idle.handle_eof(), idle.phase()), (Ok(()), ClientPhase::Close));
}

#[test]
fn trailers_count_on_from_the_fields_of_the_head() {
    let limits = Limits::default().max_headers(2);
    for (trailers, is_error) in [("a: 1\r\n", false), ("a: 1\r\nb: 2\r\n", true)] {
        let mut conn = ClientConn::new(limits.into());
        let get = head(Method::GET, &[]);
        conn.send_whole(&get, b"", RequestCtx::default(), &mut Vec::new()).unwrap();
        let start = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let log = log(&mut conn, &format!("{start}0\r\n{trailers}\r\n"));
        assert_eq!(log.last().unwrap().contains("TooManyFields"), is_error);
        assert_eq!(conn.is_reusable(), !is_error);
    }
}

#[test]
fn a_malformed_response_closes_the_connection() {
    let mut conn = asked(Method::GET, &[]);
    let mut input = &b"HTTP/1.1 200 OK\r\na b: c\r\n\r\n"[..];
    let error = conn.next_event(&mut input).unwrap_err();
    assert!(matches!(error, ClientError::Head(HeadError::FieldName { .. })));
    assert_eq!((conn.phase(), conn.keep_alive()), (ClientPhase::Close, false));
}

#[test]
fn a_server_that_needs_leniency_gets_no_second_request() {
    let folded = "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n";
    let mut strict = asked(Method::GET, &[]);
    assert!(matches!(strict.next_event(&mut folded.as_bytes()), Err(ClientError::Head(_))));
    let lenient = || {
        let mut conn = conn().lenient(crate::Leniency::ALL);
        let head = head(Method::GET, &[]);
        conn.send_whole(&head, b"", RequestCtx::default(), &mut Vec::new()).unwrap();
        conn
    };
    let mut conn = lenient();
    let (log, left) = events(&mut conn, folded);
    assert_eq!((&log[..], left), (&["200 Length(0)".to_owned()][..], 0));
    assert!(!conn.is_reusable());
    let interim = "HTTP/1.1  103 Early\r\n\r\nHTTP/1.1 204 No\r\n\r\n";
    let mut conn = lenient();
    assert_eq!(events(&mut conn, interim).0, ["interim 103", "204 None"]);
    assert!(!conn.is_reusable());
    let mut conn = lenient();
    assert_eq!(events(&mut conn, "\r\nHTTP/1.1 204 No\r\n\r\n").0, ["204 None"]);
    let mut conn = lenient();
    let mut between = &b"HTTP/1.1 103 Early\r\n\r\n\r\nHTTP/1.1 204 No\r\n\r\n"[..];
    assert!(matches!(conn.next_event(&mut between), Ok(Some(ClientEvent::Interim(_)))));
    assert!(matches!(conn.next_event(&mut between), Err(ClientError::Head(_))), "only the first");
}
