//! Heads of responses, as they go out.

use dunlin_core::ReasonPhrase;
use http::{HeaderName, HeaderValue, StatusCode};

use super::*;

fn response(status: u16, fields: &[(&'static str, &str)]) -> ResponseHead {
    let mut head = ResponseHead::default();
    head.status = StatusCode::from_u16(status).unwrap();
    for (name, value) in fields {
        let value = HeaderValue::from_str(value).unwrap();
        head.headers.append(HeaderName::from_static(name), value);
    }
    head
}

fn ctx() -> EncodeCtx<'static> {
    EncodeCtx::default().keep_alive(true)
}

/// The head's text behind its status line, and the encoder.
fn encode(
    head: &ResponseHead,
    len: impl Into<BodyLen>,
    ctx: EncodeCtx<'_>,
) -> (String, BodyEncoder) {
    let mut out = b"before".to_vec();
    let encoder = encode_response(head, len.into(), &ctx, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let (line, rest) = text.strip_prefix("before").unwrap().split_once("\r\n").unwrap();
    assert!(line.starts_with("HTTP/1.1 "));
    (rest.into(), encoder)
}

fn fields(status: u16, wishes: &[(&'static str, &str)], len: Option<u64>) -> String {
    encode(&response(status, wishes), len, ctx()).0
}

fn error(wishes: &[(&'static str, &str)], len: Option<u64>) -> EncodeError {
    let mut out = b"before".to_vec();
    let error = encode_response(&response(200, wishes), len.into(), &ctx(), &mut out);
    assert_eq!(out, b"before");
    error.unwrap_err()
}

/// One way for usual heads, one for all: whatever the first takes, it writes as the second.
#[test]
fn usual_heads_are_written_as_all_others() {
    let mut signature = Signature::new(b"dunlin");
    signature.at(784_111_777);
    let all = |bits: u8| {
        let is_set = |bit: u8| bits & 1 << bit != 0;
        let version = if is_set(0) { Version::Http11 } else { Version::Http10 };
        let (is_head, is_connect, keep_alive) = (is_set(1), is_set(2), is_set(3));
        let signature = is_set(4).then_some(&signature);
        (EncodeCtx { version, is_head, is_connect, keep_alive, signature }, is_set(5))
    };
    let mut usual = 0;
    for (status, bits) in (100..600).flat_map(|status| (0..64).map(move |bits| (status, bits))) {
        let (ctx, has_reason) = all(bits);
        let mut head = response(status, &[("content-type", "text/plain"), ("vary", "*")]);
        head.reason = has_reason.then(|| ReasonPhrase::new("Own").unwrap());
        let lines = head.headers.lines().unwrap();
        for len in [BodyLen::Exact(0), BodyLen::Exact(123_456_789), BodyLen::Unknown] {
            let (mut one, mut other) = (Vec::new(), Vec::new());
            let encoder = append_other(&head, Some(lines.as_bytes()), len, &ctx, &mut other);
            let encoded = encode_response(&head, len, &ctx, &mut one);
            assert_eq!(encoded, encoder, "{status} {len:?} {ctx:?}");
            let text = [one.escape_ascii().to_string(), other.escape_ascii().to_string()];
            assert_eq!(text[0], text[1], "{status} {len:?} {ctx:?}");
            usual += usize::from(append_usual(&head, lines, len, &ctx, &mut Vec::new()).is_some());
        }
    }
    // 23 statuses, three lengths, with and without a signature, on connections that go on and that do not.
    assert_eq!(usual, 23 * 3 * 2 * 2);
}

/// Every context that a Content-Length of the user may be sent in.
fn all_contexts(signature: &Signature) -> impl Iterator<Item = EncodeCtx<'_>> {
    (0..32u8).map(move |bits| {
        let is_set = |bit: u8| bits & 1 << bit != 0;
        let version = if is_set(0) { Version::Http11 } else { Version::Http10 };
        let (is_head, is_connect, keep_alive) = (is_set(1), is_set(2), is_set(3));
        let signature = is_set(4).then_some(signature);
        EncodeCtx { version, is_head, is_connect, keep_alive, signature }
    })
}

#[test]
fn a_length_of_the_user_is_written_as_in_all_other_heads() {
    let mut signature = Signature::new(b"dunlin");
    signature.at(784_111_777);
    let mut short = 0;
    let values = ["7", "0", "18245", "99999999", "100000000", "07", "x"];
    let signature = &signature;
    let contexts =
        |value| (0..3).flat_map(move |at| all_contexts(signature).map(move |ctx| (value, at, ctx)));
    for (value, at, ctx) in values.into_iter().flat_map(contexts) {
        let mut fields = vec![("vary", "*"), ("etag", "\"e\"")];
        fields.insert(at, ("content-length", value));
        for status in [200, 204, 206, 304, 404, 599] {
            let head = response(status, &fields);
            for len in [BodyLen::Unknown, BodyLen::Exact(7), BodyLen::Exact(18_245)] {
                let (mut one, mut other) = (Vec::new(), Vec::new());
                let encoded = encode_response(&head, len, &ctx, &mut one);
                let expected = append_other(&head, None, len, &ctx, &mut other);
                assert_eq!(encoded, expected, "{status} {value} {len:?} {ctx:?}");
                if encoded.is_ok() {
                    let text = [one.escape_ascii().to_string(), other.escape_ascii().to_string()];
                    assert_eq!(text[0], text[1], "{status} {value} {len:?} {ctx:?}");
                }
                let taken = append_with_length(&head, len, &ctx, &mut Vec::new());
                short += usize::from(taken.is_some());
            }
        }
    }
    // Four contexts of HTTP/1.1 that are neither HEAD nor CONNECT, three places; three of the statuses are
    // common ones with a body; of unknown length "7", "0", "18245" and "99999999", and of each length the
    // one that agrees.
    assert_eq!(short, 4 * 3 * 3 * (4 + 2));
}

#[test]
fn a_length_of_the_user_beside_what_is_looked_at_goes_the_long_way() {
    let mut signature = Signature::new(b"x");
    let signed = ctx().signature(signature.at(784_111_777));
    let length = ("content-length", "7");
    let sent = |other: (&'static str, &str)| {
        let head = response(200, &[length, other]);
        assert!(append_with_length(&head, BodyLen::Exact(7), &signed, &mut Vec::new()).is_none());
        let text = encode(&head, Some(7), signed).0;
        assert_eq!(text.matches("content-length: 7\r\n").count(), 1, "{text}");
        text
    };
    assert!(!sent(("transfer-encoding", "chunked")).contains("chunked"));
    assert!(!sent(("keep-alive", "5")).contains("keep-alive"));
    assert!(!sent(("proxy-connection", "close")).contains("proxy"));
    assert!(sent(("connection", "close, y")).contains("connection: close, y\r\n"));
    assert!(sent(("upgrade", "y")).contains("connection: upgrade\r\n"));
    assert_eq!(sent(("date", "d")).matches("date: ").count(), 1);
    assert_eq!(sent(("server", "s")).matches("server: ").count(), 1);
}

/// Up to 64 bytes of lines are copied with what is behind them.
#[test]
fn lines_of_any_length_go_out_whole() {
    for len in 0..150 {
        let value = "v".repeat(len);
        let (text, _) = encode(&response(200, &[("x", &value)]), Some(7), ctx());
        assert_eq!(text, format!("x: {value}\r\ncontent-length: 7\r\n\r\n"));
        let wire = format!("HTTP/1.1 200 OK\r\nX: {value}\r\n\r\n{}", "b".repeat(200));
        let mut decoder = crate::ResponseHeadDecoder::new();
        let decoded = decoder.decode(&mut wire.as_bytes(), &crate::Limits::default());
        let (text, _) = encode(&decoded.unwrap().unwrap().0, Some(7), ctx());
        assert_eq!(text, format!("X: {value}\r\ncontent-length: 7\r\n\r\n"));
    }
}

#[test]
fn fields_as_received_are_sent_on_as_they_are() {
    let head = decode("HTTP/1.1 200 OK\r\nX-A: 1\r\nAge: \u{e9}\r\nx-a: 2\r\n\r\n");
    assert!(head.headers.is_checked());
    let (text, _) = encode(&head, Some(7), ctx());
    assert_eq!(text, "X-A: 1\r\nAge: \u{e9}\r\nx-a: 2\r\ncontent-length: 7\r\n\r\n");
    // Behind a status line that is longer than what few lines are copied with, and with a length.
    let reason = "r".repeat(80);
    let wire = format!("HTTP/1.1 404 {reason}\r\nAge: 1\r\nContent-Length: 7\r\nVia: x\r\n\r\n");
    let mut head = decode(&wire);
    head.reason = None;
    let (text, encoder) = encode(&head, None, ctx());
    assert_eq!(text, "Age: 1\r\nContent-Length: 7\r\nVia: x\r\n\r\n");
    assert_eq!(encoder.kind(), BodyKind::Length { left: 7 });
    let mut head = decode(&wire.replace("Content-Length: 7\r\n", ""));
    head.reason = None;
    assert_eq!(encode(&head, Some(0), ctx()).0, "Age: 1\r\nVia: x\r\ncontent-length: 0\r\n\r\n");
    // The options that nearly every server sends are this hop's own.
    for (option, keep_alive) in [("Keep-Alive", true), ("keep-alive", true), ("CLOSE", false)] {
        let wire = format!("HTTP/1.1 200 OK\r\nConnection: {option}\r\nKeep-Alive: 5\r\n\r\n");
        let (text, encoder) = encode(&decode(&wire), Some(7), ctx());
        let close = if keep_alive { "" } else { "connection: close\r\n" };
        assert_eq!(text, format!("{close}content-length: 7\r\n\r\n"));
        assert_eq!(encoder.keep_alive(), keep_alive);
    }
    // Those that this hop decides on are still looked at, in whatever case.
    let head = decode(
        "HTTP/1.1 200 OK\r\nVia: x\r\nKEEP-ALIVE: 5\r\nConnection: Keep-Alive, X-B\r\n\
         Date:\td\r\nTransfer-Encoding: Chunked\r\n\r\n",
    );
    let mut ours = Signature::new(b"x");
    let (text, _) = encode(&head, None, ctx().signature(ours.at(0)));
    assert_eq!(
        text,
        "Via: x\r\nDate: d\r\nconnection: X-B\r\ntransfer-encoding: chunked\r\n\
         server: x\r\n\r\n"
    );
}

/// One way for those that go out as they stand, one for all.
#[test]
fn heads_as_received_are_written_as_all_others() {
    const FIELDS: [&str; 13] = [
        "Via: x\r\n",
        "Date: d\r\n",
        "SERVER: s\r\n",
        "Content-Length: 7\r\n",
        "content-length: 07\r\n",
        "Content-Type:text/plain\r\n",
        "Age:\t1\r\n",
        "Vary: * \r\n",
        "Connection: close, X-B\r\n",
        "Keep-Alive: 5\r\n",
        "Proxy-Connection: close\r\n",
        "Upgrade: y\r\n",
        "Transfer-Encoding: chunked\r\n",
    ];
    let mut signature = Signature::new(b"dunlin");
    let signature = signature.at(784_111_777);
    let mut taken = 0;
    let all = FIELDS.iter().flat_map(|one| FIELDS.iter().map(move |other| format!("{one}{other}")));
    let all = all.flat_map(|two| [format!("{two}ETag: e\r\n"), format!("ETag: e\r\n{two}")]);
    for fields in all.filter(|fields| fields.matches("ength").count() < 2) {
        for ctx in all_contexts(signature) {
            let mut head = decode(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n"));
            for (status, len) in [200, 204, 304].into_iter().flat_map(|status| {
                [BodyLen::Unknown, BodyLen::Exact(7), BodyLen::Exact(8)].map(|len| (status, len))
            }) {
                head.status = StatusCode::from_u16(status).unwrap();
                let (mut one, mut other) = (b"before".to_vec(), b"before".to_vec());
                let encoded = encode_response(&head, len, &ctx, &mut one);
                let expected = append_other(&head, None, len, &ctx, &mut other);
                assert_eq!(encoded, expected, "{fields} {status} {len:?} {ctx:?}");
                if encoded.is_ok() {
                    let text = [one.escape_ascii().to_string(), other.escape_ascii().to_string()];
                    assert_eq!(text[0], text[1], "{fields} {status} {len:?} {ctx:?}");
                }
                let encoder = append_as_received(&head, len, &ctx, &mut Vec::new());
                taken += usize::from(encoder.is_some());
            }
        }
    }
    // The pairs of Via, Date, Server, Keep-Alive, Proxy-Connection, Transfer-Encoding and a plain length, but
    // not of two lengths, in both places and two contexts; of three lengths, or the two that agree; with and
    // without a signature, but not with one where a Server is there and no Date.
    assert_eq!(taken, 932);
}

/// More than there are bits for; what the last field says counts all the same.
#[test]
fn fields_are_looked_at_however_many_stand_before_them() {
    let mut ours = Signature::new(b"x");
    let signed = ctx().signature(ours.at(784_111_777));
    for count in [0, 1, 62, 63, 64, 65, 90] {
        let fields = "a: b\r\n".repeat(count);
        let last = |last: &str, len: Option<u64>| {
            let head = decode(&format!("HTTP/1.1 200 OK\r\n{fields}{last}\r\n\r\n"));
            let mut out = Vec::new();
            let encoded = encode_response(&head, len.into(), &signed, &mut out);
            encoded.map(|encoder| {
                let text = String::from_utf8(out).unwrap();
                let behind = text.strip_prefix("HTTP/1.1 200 OK\r\n").unwrap();
                (behind.strip_prefix(&fields).unwrap().to_owned(), encoder.keep_alive())
            })
        };
        let text = "Date: d\r\ncontent-length: 7\r\nserver: x\r\n\r\n";
        assert_eq!(last("Date: d", Some(7)), Ok((text.into(), true)), "{count}");
        let text = "connection: close\r\ncontent-length: 7\r\nserver: x\r\n\
            date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";
        assert_eq!(last("Connection: close", Some(7)), Ok((text.into(), false)), "{count}");
        let text = "Content-Length: 7\r\nserver: x\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";
        assert_eq!(last("Content-Length: 7", None), Ok((text.into(), true)), "{count}");
        assert_eq!(last("Content-Length: 7", Some(8)), Err(EncodeError::ContentLength));
        assert_eq!(last("Transfer-Encoding: gzip", None), Err(EncodeError::TransferEncoding));
    }
}

/// Written down rather than compared, since all ways to write a head may err alike.
#[test]
fn one_length_goes_out_whatever_the_user_says_of_it() {
    let length = |values: &[&str], status: u16, ctx: EncodeCtx<'_>| {
        let mut fields = vec![("age", "1")];
        fields.extend(values.iter().map(|value| ("content-length", *value)));
        fields.push(("vary", "*"));
        let lines = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        let mut received = decode(&format!("HTTP/1.1 200 OK\r\n{}\r\n", lines.collect::<String>()));
        received.status = StatusCode::from_u16(status).unwrap();
        let texts = [response(status, &fields), received].map(|head| encode(&head, None, ctx).0);
        assert_eq!(texts[0], texts[1]);
        texts[0].clone()
    };
    let stands = "age: 1\r\ncontent-length: 7\r\nvary: *\r\n\r\n";
    for values in [&["7"][..], &["7", "7"], &["7", "07"], &["007", "7"], &["7", "7", "7"]] {
        assert_eq!(length(values, 200, ctx()), stands, "{values:?}");
        assert_eq!(length(values, 304, ctx()), stands, "{values:?}");
        let none = "age: 1\r\nvary: *\r\n\r\n";
        assert_eq!(length(values, 204, ctx()), none, "{values:?}");
        assert_eq!(length(values, 103, ctx()), none, "{values:?}");
        assert_eq!(length(values, 200, EncodeCtx { is_connect: true, ..ctx() }), none);
        let nothing = "age: 1\r\nvary: *\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(length(values, 205, ctx()), nothing, "{values:?}");
    }
    let moved = "age: 1\r\nvary: *\r\ncontent-length: 7\r\n\r\n";
    for values in [&["07"][..], &["0000007"], &["07", "007"]] {
        assert_eq!(length(values, 200, ctx()), moved, "{values:?}");
    }
}

/// Tables of spans that leave something out, say it twice or say it otherwise: what they name goes out, each
/// field as a line, and nothing of what lies between.
#[test]
fn only_what_spans_name_goes_out() {
    use dunlin_core::{FieldSpan, HeadBlock};
    let split = b"a: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\nc: d\r\n";
    let far = split.len() as u16 - 6;
    for (bytes, spans, text) in [
        (&split[..], &[[0, 1, 3, 1], [far, 1, far + 3, 1]][..], "a: b\r\nc: d\r\n"),
        (split, &[[far, 1, far + 3, 1], [0, 1, 3, 1]], "c: d\r\na: b\r\n"),
        (b"a: b\r\n", &[[0, 1, 3, 1], [0, 1, 3, 1]], "a: b\r\na: b\r\n"),
        (b"a: b--c: d\r\n", &[[0, 1, 3, 1], [6, 1, 9, 1]], "a: b\r\nc: d\r\n"),
        (b"a: b\r-c: d\r\n", &[[0, 1, 3, 1], [6, 1, 9, 1]], "a: b\r\nc: d\r\n"),
        (b"a--b\r\nc: d\r\n", &[[0, 1, 3, 1], [6, 1, 9, 1]], "a: b\r\nc: d\r\n"),
        (b"a:  b\r\nc: d\r\n", &[[0, 1, 4, 1], [7, 1, 10, 1]], "a: b\r\nc: d\r\n"),
        (b"a: b\r\nc: d\r\n", &[[0, 1, 9, 1], [6, 1, 9, 1]], "a: d\r\nc: d\r\n"),
        (b"a: b\r\n", &[[0, 1, 3, 1], [6, 1, 9, 1]], "a: b\r\n"),
    ] {
        let block = || {
            let mut block = HeadBlock::take();
            for &[name_start, name_len, value_start, value_len] in spans {
                block.spans_mut().push(FieldSpan { name_start, name_len, value_start, value_len });
            }
            block
        };
        let is_whole = spans.iter().all(|span| usize::from(span[2]) < bytes.len());
        let mut head = ResponseHead::default();
        head.headers = block().into_headers(bytes);
        let mut out = Vec::new();
        let encoded = encode_response(&head, BodyLen::Exact(7), &ctx(), &mut out);
        let expected = format!("HTTP/1.1 200 OK\r\n{text}content-length: 7\r\n\r\n");
        if is_whole {
            let _ = encoded.unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
            head.headers = block().into_vouched_headers(bytes);
            let text = encode(&head, Some(7), ctx()).0;
            assert_eq!(format!("HTTP/1.1 200 OK\r\n{text}"), expected);
        } else {
            assert_eq!(encoded, Err(EncodeError::Field { index: 1 }));
        }
    }
}

#[test]
fn an_interim_response_keeps_its_connection_options() {
    let text = fields(103, &[("connection", "x"), ("link", "y")], None);
    assert_eq!(text, "link: y\r\nconnection: x\r\n\r\n");
}

fn decode(wire: &str) -> ResponseHead {
    let decoded =
        crate::ResponseHeadDecoder::new().decode(&mut wire.as_bytes(), &crate::Limits::default());
    decoded.unwrap().unwrap().0
}

#[test]
fn every_status_line_has_the_registered_reason() {
    for status in 100..1000 {
        let mut head = response(status, &[]);
        let mut rare = Vec::new();
        append_rare_status(&head, &mut rare).unwrap();
        let mut common = Vec::new();
        append_status(&head, &mut common).unwrap();
        assert_eq!(common, rare);
        head.reason = Some(ReasonPhrase::new("Own words").unwrap());
        let mut own = Vec::new();
        append_status(&head, &mut own).unwrap();
        assert_eq!(own, format!("HTTP/1.1 {status} Own words\r\n").as_bytes());
    }
}

/// However long it is: short ones are copied along with what surrounds them.
#[test]
fn names_of_any_length_are_signed_with() {
    for len in 0..80 {
        let name = "n".repeat(len);
        let mut signature = Signature::new(name.as_bytes());
        signature.at(784_111_777);
        let line = if len == 0 { String::new() } else { format!("server: {name}\r\n") };
        let end = format!("{line}date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n");
        let (text, _) = encode(&response(200, &[]), Some(7), ctx().signature(&signature));
        assert_eq!(text, format!("content-length: 7\r\n{end}"));
        let (text, _) =
            encode(&response(200, &[("connection", "x")]), Some(7), ctx().signature(&signature));
        assert_eq!(text, format!("connection: x\r\ncontent-length: 7\r\n{end}"));
    }
}

#[test]
fn a_whole_response_has_its_length_date_and_server() {
    let mut signature = Signature::new(b"dunlin");
    let ctx = ctx().signature(signature.at(784_111_777));
    let (text, encoder) = encode(&response(200, &[("x-a", "1"), ("x-a", "2")]), Some(13), ctx);
    assert_eq!(
        text,
        "x-a: 1\r\nx-a: 2\r\ncontent-length: 13\r\nserver: dunlin\r\n\
         date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n"
    );
    assert_eq!(encoder.kind(), BodyKind::Length { left: 13 });
    assert!(encoder.keep_alive());
}

#[test]
fn date_and_server_of_the_user_replace_ours() {
    let signature = Signature::new(b"dunlin");
    let ctx = ctx().signature(&signature);
    let (text, _) = encode(&response(200, &[("server", "s"), ("date", "d")]), Some(0), ctx);
    assert_eq!(text, "server: s\r\ndate: d\r\ncontent-length: 0\r\n\r\n");
}

#[test]
fn an_unknown_length_is_chunked_to_11_and_until_close_to_10() {
    let (text, encoder) = encode(&response(200, &[]), None, ctx());
    assert_eq!(text, "transfer-encoding: chunked\r\n\r\n");
    assert_eq!((encoder.kind(), encoder.keep_alive()), (BodyKind::Chunked, true));
    let old = EncodeCtx { version: Version::Http10, ..ctx() };
    let (text, encoder) = encode(&response(200, &[]), None, old);
    assert_eq!(text, "connection: close\r\n\r\n");
    assert_eq!((encoder.kind(), encoder.keep_alive()), (BodyKind::UntilClose, false));
}

#[test]
fn persistence_is_said_where_it_is_not_the_default() {
    let old = EncodeCtx { version: Version::Http10, ..ctx() };
    assert!(encode(&response(200, &[]), Some(0), old).0.contains("connection: keep-alive\r\n"));
    let (text, encoder) = encode(&response(200, &[]), Some(0), ctx().keep_alive(false));
    assert!(text.contains("connection: close\r\n") && !encoder.keep_alive());
}

#[test]
fn connection_options_of_the_user_are_merged() {
    let wishes = [("connection", "Close, y"), ("connection", "x,,keep-alive")];
    let (text, encoder) = encode(&response(400, &wishes), Some(0), ctx());
    assert_eq!(text, "connection: close, y, x\r\ncontent-length: 0\r\n\r\n");
    assert!(!encoder.keep_alive());
    let text = fields(200, &[("connection", "keep-alive"), ("keep-alive", "5")], Some(0));
    assert_eq!(text, "content-length: 0\r\n\r\n");
    assert_eq!(error(&[("connection", "a b")], Some(0)), EncodeError::ConnectionOption);
}

#[test]
fn a_switch_of_protocols_says_nothing_else_of_the_connection() {
    let ours = Signature::new(b"x");
    for wishes in [
        &[("upgrade", "websocket"), ("connection", "Upgrade, close")][..],
        &[("upgrade", "websocket")],
    ] {
        let (text, encoder) = encode(&response(101, wishes), Some(0), ctx().signature(&ours));
        assert_eq!(text, "upgrade: websocket\r\nconnection: upgrade\r\n\r\n");
        assert_eq!(encoder.kind(), BodyKind::Empty);
    }
}

#[test]
fn an_upgrade_and_its_option_go_together() {
    let text = fields(426, &[("upgrade", "tls/1.2, x")], Some(0));
    assert_eq!(text, "upgrade: tls/1.2, x\r\nconnection: upgrade\r\ncontent-length: 0\r\n\r\n");
    let closing = ctx().keep_alive(false);
    let (text, _) = encode(&response(426, &[("upgrade", "x")]), Some(0), closing);
    assert_eq!(text, "upgrade: x\r\nconnection: close, upgrade\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(fields(200, &[("connection", "upgrade")], Some(0)), "content-length: 0\r\n\r\n");
}

#[test]
fn a_length_of_the_user_agrees_or_is_an_error() {
    assert_eq!(fields(200, &[("content-length", "5")], Some(5)), "content-length: 5\r\n\r\n");
    assert_eq!(fields(200, &[("content-length", "5")], None), "content-length: 5\r\n\r\n");
    for wrong in ["6", "", "+5", "5, 5", "18446744073709551616"] {
        assert_eq!(error(&[("content-length", wrong)], Some(5)), EncodeError::ContentLength);
    }
    let twice = [("content-length", "5"), ("content-length", "6")];
    assert_eq!(error(&twice, None), EncodeError::ContentLength);
}

#[test]
fn a_transfer_encoding_of_the_user_never_goes_out() {
    let text = fields(200, &[("transfer-encoding", "chunked")], Some(5));
    assert_eq!(text, "content-length: 5\r\n\r\n");
    assert_eq!(error(&[("transfer-encoding", "gzip")], None), EncodeError::TransferEncoding);
}

#[test]
fn responses_without_body_drop_it() {
    for status in [100, 103, 204] {
        let (text, mut encoder) =
            encode(&response(status, &[("content-length", "5")]), Some(5), ctx());
        assert_eq!(text, "\r\n", "{status}");
        let mut out = Vec::new();
        encoder.data(b"hello", &mut out).unwrap();
        encoder.finish([], &mut out).unwrap();
        assert_eq!(out, b"");
    }
    assert_eq!(fields(304, &[], Some(0)), "\r\n");
    assert_eq!(fields(304, &[("content-length", "9")], Some(0)), "content-length: 9\r\n\r\n");
    assert_eq!(fields(205, &[], Some(5)), "content-length: 0\r\n\r\n");
}

#[test]
fn the_answer_to_head_has_the_length_of_get() {
    let head = EncodeCtx { is_head: true, ..ctx() };
    let (text, encoder) = encode(&response(200, &[]), Some(13), head);
    assert_eq!((text.as_str(), encoder.kind()), ("content-length: 13\r\n\r\n", BodyKind::Empty));
    let wish = [("content-length", "99")];
    assert_eq!(encode(&response(200, &wish), Some(0), head).0, "content-length: 99\r\n\r\n");
    assert_eq!(encode(&response(200, &[]), None, head).0, "\r\n");
}

#[test]
fn a_tunnel_has_no_framing_and_no_word_on_persistence() {
    let connect = EncodeCtx { is_connect: true, ..ctx() };
    assert_eq!(encode(&response(200, &[]), Some(5), connect).0, "\r\n");
    assert_eq!(encode(&response(502, &[]), Some(5), connect).0, "content-length: 5\r\n\r\n");
    let mut ours = Signature::new(b"x");
    let old = EncodeCtx { version: Version::Http10, ..connect };
    for ctx in [connect.keep_alive(false), old, old.signature(ours.at(784_111_777))] {
        let (text, encoder) = encode(&response(299, &[("connection", "close")]), None, ctx);
        let signed = "server: x\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";
        assert_eq!(text, if ctx.signature.is_some() { signed } else { "\r\n" });
        assert!(encoder.keep_alive());
    }
}

#[test]
fn fields_that_never_were_checked_do_not_get_out() {
    use dunlin_core::{FieldSpan, HeadBlock};
    for bytes in [&b"a:b\r\nc"[..], b"a:b\0", b"(:b", b":b"] {
        let colon = bytes.iter().position(|&byte| byte == b':').unwrap() as u16;
        let mut block = HeadBlock::take();
        block.spans_mut().push(FieldSpan {
            name_start: 0,
            name_len: colon,
            value_start: colon + 1,
            value_len: bytes.len() as u16 - colon - 1,
        });
        let mut head = ResponseHead::default();
        head.headers = block.into_headers(bytes);
        let result = encode_response(&head, BodyLen::Unknown, &ctx(), &mut Vec::new());
        assert_eq!(result, Err(EncodeError::Field { index: 0 }));
    }
    // As lines and not, by a byte in the name and one in the value.
    for bytes in [&b"a: b\r\nc: \0\r\n"[..], b"a: b\r\n(: d\r\n", b"a: b--c: \0--", b"a: b--(: d--"]
    {
        let mut block = HeadBlock::take();
        for start in [0, 6] {
            let span =
                FieldSpan { name_start: start, name_len: 1, value_start: start + 3, value_len: 1 };
            block.spans_mut().push(span);
        }
        let mut head = ResponseHead::default();
        head.headers = block.into_headers(bytes);
        let result = encode_response(&head, BodyLen::Unknown, &ctx(), &mut Vec::new());
        assert_eq!(result, Err(EncodeError::Field { index: 1 }));
    }
}
