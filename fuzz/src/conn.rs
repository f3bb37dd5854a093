//! Both sides of a connection: where reads split a conversation does not matter.

use dunlin_codec::{
    BodyLen, ClientConn, ClientError, ClientEvent, ClientPhase, Event, Leniency, Limits, Phase,
    RequestCtx, SendCtx, SendError, ServerConn,
};
use dunlin_core::{RequestHead, ResponseHead};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};

use crate::{prefixes, reads};

/// Any input: whole and in reads of any size, the same requests with the same bodies get the same
/// answers, the same error ends it, and every call makes progress. Answers take turns: whole, in
/// chunks with a trailer, before the request's body, without a body, and an upgrade where asked for.
pub fn server_conn(data: &[u8]) {
    let (read, wire) = reads(data);
    assert_eq!(converse(wire, usize::MAX), converse(wire, read), "in reads of {read}");
}

/// What was received, and what was answered to it. At last the client closes its half, and a server
/// hears of that before it has asked for what it knows already.
fn converse(wire: &[u8], read: usize) -> (Vec<String>, Vec<u8>) {
    let limits = Limits::default().max_head_bytes(512).max_line_bytes(128).max_headers(8);
    let mut talk = Talk {
        conn: ServerConn::new(limits.into()),
        log: Vec::new(),
        out: Vec::new(),
        body: 0,
        exchange: 0,
        has_ended: false,
    };
    let mut start = 0;
    for end in prefixes(wire, read.min(wire.len().max(1))) {
        let mut input = &wire[start..end];
        while end < wire.len() || !input.is_empty() {
            match talk.take(&mut input) {
                Some(true) => {}
                Some(false) => break,
                None => return (talk.log, talk.out),
            }
        }
        start = end - input.len();
    }
    let was_in_body = talk.conn.is_receiving_body();
    talk.has_ended = false;
    let eof = talk.conn.handle_eof();
    while talk.take(&mut &b""[..]).expect("a close breaks no grammar") {}
    assert_eq!(was_in_body && eof.is_ok(), talk.has_ended, "a whole body ends, a cut one does not");
    assert_eq!(was_in_body && eof.is_err(), talk.conn.body_left().is_none());
    assert!(!talk.conn.keep_alive() && !talk.conn.owes_continue());
    let Talk { conn, mut log, out, body, .. } = talk;
    log.push(format!("{:?} {} {body} {eof:?}", conn.phase(), wire.len() - start));
    (log, out)
}

struct Talk {
    conn: ServerConn,
    log: Vec<String>,
    out: Vec<u8>,
    body: usize,
    exchange: usize,
    has_ended: bool,
}

impl Talk {
    /// Takes the next event; `false` where there is none, `None` behind an error.
    fn take(&mut self, input: &mut &[u8]) -> Option<bool> {
        let Self { conn, log, out, body, exchange, has_ended } = self;
        match conn.next_event(input) {
            Ok(Some(Event::Head { head, framing })) => {
                log.push(format!("{head:?} {framing:?}"));
                (*body, *exchange) = (0, *exchange + 1);
                if *exchange % 5 == 1 {
                    conn.send_continue(out);
                }
                if framing.is_empty() || *exchange % 5 == 2 {
                    answer(conn, *exchange, out);
                }
            }
            Ok(Some(Event::Data(piece))) => {
                assert!(!piece.is_empty(), "a piece is progress");
                *body += piece.len();
            }
            Ok(Some(Event::Trailers(trailers))) => log.push(format!("{trailers:?}")),
            Ok(Some(_)) => {
                log.push(format!("{body} bytes"));
                *has_ended = true;
                if conn.phase() == Phase::Exchange {
                    answer(conn, *exchange, out);
                }
            }
            Ok(None) => return Some(false),
            Err(error) => {
                log.push(error.to_string());
                if conn.refuse() {
                    answer(conn, 0, out);
                    assert_eq!(conn.phase(), Phase::Close);
                }
                assert!(matches!(conn.next_event(input), Ok(None)));
                return None;
            }
        }
        Some(true)
    }
}

fn answer(conn: &mut ServerConn, exchange: usize, out: &mut Vec<u8>) {
    let (mut head, ctx) = (ResponseHead::default(), SendCtx::default());
    match exchange % 5 {
        0 | 2 => conn.send_whole(&head, b"ok", ctx, out).expect("an answer is due"),
        1 => {
            conn.send_head(&head, BodyLen::Unknown, ctx, out).expect("an answer is due");
            if conn.phase() == Phase::Upgrade {
                // To a CONNECT: the tunnel is open.
                return;
            }
            for piece in [b"o", b"k"] {
                conn.send_data(piece, out).expect("no length was declared");
            }
            let name = HeaderName::from_static("x-sum");
            let trailers = [(name, HeaderValue::from_static("1"))].into_iter().collect();
            conn.send_end(Some(&trailers), out).expect("a valid trailer");
        }
        3 => {
            head.status = StatusCode::NOT_MODIFIED;
            conn.send_head(&head, BodyLen::Exact(2), ctx, out).expect("an answer is due");
            assert!(!conn.is_sending_body());
            conn.send_end(None, out).expect("there is no body");
        }
        _ => {
            head.status = StatusCode::SWITCHING_PROTOCOLS;
            head.headers.insert(header::UPGRADE, HeaderValue::from_static("x"));
            let len = out.len();
            if let Err(error) = conn.send_head(&head, BodyLen::Exact(0), ctx, out) {
                assert_eq!(out.len(), len);
                assert_eq!(conn.offers_upgrade(), error != SendError::UpgradeNotAsked);
                return answer(conn, 0, out);
            }
            assert!(conn.offers_upgrade() && conn.phase() == Phase::Upgrade);
            assert!(out[len..].ends_with(b"\r\nconnection: upgrade\r\n\r\n"));
        }
    }
    assert_ne!(conn.phase(), Phase::Exchange);
}

/// Any input: whole and in reads of any size, the same responses answer the same requests, the same
/// error or end of the connection ends it, and every call makes progress.
///
/// Each exchange has a byte that picks its request, and what comes as its answer, up to two bytes 0xff:
/// then the next request is sent, where the connection lets it.
pub fn client_conn(data: &[u8]) {
    let (read, answers) = reads(data);
    assert_eq!(ask(answers, usize::MAX), ask(answers, read), "in reads of {read}");
}

/// What was received, and what went out.
fn ask(answers: &[u8], read: usize) -> (Vec<String>, Vec<u8>) {
    let limits = Limits::default().max_head_bytes(512).max_line_bytes(128).max_headers(8);
    let mut conn = ClientConn::new(limits.max_interims(2).into());
    if answers.first().is_some_and(|request| request & 8 != 0) {
        conn = conn.lenient(Leniency::ALL);
    }
    let (mut log, mut out) = (Vec::new(), Vec::new());
    let mut rest = answers;
    loop {
        let (answer, next) = match rest.windows(2).position(|two| two == [0xff; 2]) {
            Some(at) => (&rest[..at], Some(&rest[at + 2..])),
            None => (rest, None),
        };
        let Some(left) = exchange(&mut conn, answer, read, &mut log, &mut out) else {
            return (log, out);
        };
        match next.filter(|_| conn.is_reusable()) {
            Some(next) => rest = next,
            None => {
                finish(&mut conn, left, answer.len() < 2, &mut log, &mut out);
                return (log, out);
            }
        }
    }
}

/// Sends a request and takes its answer, unless that is an error: how many bytes of it were left, and
/// how many of its body have come.
fn exchange(
    conn: &mut ClientConn,
    answer: &[u8],
    read: usize,
    log: &mut Vec<String>,
    out: &mut Vec<u8>,
) -> Option<(usize, usize)> {
    let (&request, wire) = answer.split_first().unwrap_or((&0, answer));
    let (mut start, mut body) = (0, 0);
    send(conn, request, out);
    for end in prefixes(wire, read.min(wire.len().max(1))) {
        let mut input = &wire[start..end];
        if !listen(conn, &mut input, log, &mut body, out) {
            return None;
        }
        start = end - input.len();
    }
    Some((wire.len() - start, body))
}

/// The connection ends behind an answer, which was there or not.
fn finish(
    conn: &mut ClientConn,
    (left, mut body): (usize, usize),
    is_unanswered: bool,
    log: &mut Vec<String>,
    out: &mut Vec<u8>,
) {
    if conn.phase() == ClientPhase::Upgrade {
        log.push(format!("{left} bytes of another protocol"));
    }
    let begun = conn.is_response_begun();
    let eof = conn.handle_eof();
    log.push(format!("{eof:?} {begun}"));
    assert_eq!(eof == Err(ClientError::Unanswered), is_unanswered);
    listen(conn, &mut &b""[..], log, &mut body, out);
    assert!(matches!(conn.phase(), ClientPhase::Close | ClientPhase::Upgrade));
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
