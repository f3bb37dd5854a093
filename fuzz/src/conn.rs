//! The server's side of a connection: where reads split a conversation does not matter.

use dunlin_codec::{BodyLen, Event, Limits, Phase, SendCtx, ServerConn};
use dunlin_core::ResponseHead;

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
