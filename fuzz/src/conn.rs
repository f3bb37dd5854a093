//! Both sides of a connection: where reads split a conversation does not matter.

use dunlin_codec::{
    BodyLen, ClientConn, ClientError, ClientEvent, ClientPhase, Event, Limits, Phase, RequestCtx,
    SendCtx, ServerConn,
};
use dunlin_core::{RequestHead, ResponseHead};
use http::{HeaderValue, Method, header};

use crate::{prefixes, reads};

/// Any input: whole and in reads of any size, the same requests with the same bodies get the same
/// answers, the same error ends it, and every call makes progress.
pub fn server_conn(data: &[u8]) {
    let (read, wire) = reads(data);
    assert_eq!(converse(wire, usize::MAX), converse(wire, read), "in reads of {read}");
}

/// What was received, and what was answered to it.
fn converse(wire: &[u8], read: usize) -> (Vec<String>, Vec<u8>) {
    let limits = Limits::default().max_head_bytes(512).max_line_bytes(128).max_headers(8);
    let mut conn = ServerConn::new(limits.into());
    let (mut log, mut out, mut body) = (Vec::new(), Vec::new(), 0);
    let mut start = 0;
    for end in prefixes(wire, read.min(wire.len().max(1))) {
        let mut input = &wire[start..end];
        loop {
            match conn.next_event(&mut input) {
                Ok(Some(Event::Head { head, framing })) => {
                    log.push(format!("{head:?} {framing:?}"));
                    body = 0;
                    if framing.is_empty() {
                        answer(&mut conn, &mut out);
                    }
                }
                Ok(Some(Event::Data(piece))) => {
                    assert!(!piece.is_empty(), "a piece is progress");
                    body += piece.len();
                }
                Ok(Some(Event::Trailers(trailers))) => log.push(format!("{trailers:?}")),
                Ok(Some(_)) => {
                    log.push(format!("{body} bytes"));
                    answer(&mut conn, &mut out);
                }
                Ok(None) => break,
                Err(error) => {
                    log.push(error.to_string());
                    if conn.refuse() {
                        answer(&mut conn, &mut out);
                    }
                    return (log, out);
                }
            }
        }
        start = end - input.len();
    }
    (log, out)
}

fn answer(conn: &mut ServerConn, out: &mut Vec<u8>) {
    let head = ResponseHead::default();
    conn.send_head(&head, BodyLen::Exact(2), SendCtx::default(), out).expect("an answer is due");
    if conn.is_sending_body() {
        conn.send_data(b"ok", out).expect("two bytes were declared");
    }
    conn.send_end(None, out).expect("they were sent");
    assert!(matches!(conn.phase(), Phase::Idle | Phase::Close | Phase::Drain));
}

/// Any input: whole and in reads of any size, the same response answers the request that the second
/// byte picks, the same error or end of the connection ends it, and every call makes progress.
pub fn client_conn(data: &[u8]) {
    let (read, data) = reads(data);
    let (&request, wire) = data.split_first().unwrap_or((&0, data));
    let whole = ask(wire, usize::MAX, request);
    assert_eq!(whole, ask(wire, read, request), "in reads of {read}");
}

/// What was received, and what went out.
fn ask(wire: &[u8], read: usize, request: u8) -> (Vec<String>, Vec<u8>) {
    let limits = Limits::default().max_head_bytes(512).max_line_bytes(128).max_headers(8);
    let mut conn = ClientConn::new(limits.max_interims(2).into());
    let (mut log, mut out, mut body, mut start) = (Vec::new(), Vec::new(), 0, 0);
    send(&mut conn, request, &mut out);
    for end in prefixes(wire, read.min(wire.len().max(1))) {
        let mut input = &wire[start..end];
        if !listen(&mut conn, &mut input, &mut log, &mut body, &mut out) {
            return (log, out);
        }
        start = end - input.len();
    }
    if conn.phase() == ClientPhase::Upgrade {
        log.push(format!("{} bytes of another protocol", wire.len() - start));
    }
    let begun = conn.is_response_begun();
    let eof = conn.handle_eof();
    log.push(format!("{eof:?} {begun}"));
    assert_eq!(eof == Err(ClientError::Unanswered), wire.is_empty());
    listen(&mut conn, &mut &b""[..], &mut log, &mut body, &mut out);
    assert!(matches!(conn.phase(), ClientPhase::Close | ClientPhase::Upgrade));
    (log, out)
}

/// Takes every event that is there; `false` at an error.
fn listen(
    conn: &mut ClientConn,
    input: &mut &[u8],
    log: &mut Vec<String>,
    body: &mut usize,
    out: &mut Vec<u8>,
) -> bool {
    loop {
        match conn.next_event(input) {
            Ok(None) => return true,
            Ok(Some(ClientEvent::Data(piece))) => {
                assert!(!piece.is_empty(), "a piece is progress");
                *body += piece.len();
            }
            Ok(Some(event)) => {
                log.push(format!("{event:?} after {} bytes", std::mem::take(body)));
                if conn.phase() == ClientPhase::Head && conn.is_sending_body() {
                    conn.send_data(b"ok", out).expect("two bytes were declared");
                    conn.send_end(None, out).expect("they were sent");
                }
            }
            Err(error) => {
                log.push(error.to_string());
                assert!(!conn.keep_alive() && conn.phase() == ClientPhase::Close);
                assert!(matches!(conn.next_event(input), Ok(None)));
                return false;
            }
        }
    }
}

fn send(conn: &mut ClientConn, request: u8, out: &mut Vec<u8>) {
    let (method, target) = match request & 3 {
        0 => (Method::GET, "http://a.example/"),
        1 => (Method::HEAD, "http://a.example/"),
        2 => (Method::CONNECT, "a.example:443"),
        _ => (Method::PUT, "http://a.example/"),
    };
    let has_body = method == Method::PUT;
    let mut head = RequestHead::new(method, target.parse().expect("a target"));
    if request & 4 != 0 {
        head.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket, x"));
    }
    if has_body {
        head.headers_mut().insert(header::EXPECT, HeaderValue::from_static("100-continue"));
    }
    let len = BodyLen::Exact(if has_body { 2 } else { 0 });
    conn.send_head(&head, len, RequestCtx::default(), out).expect("a valid head");
    if !has_body {
        conn.send_end(None, out).expect("no body");
    }
}
