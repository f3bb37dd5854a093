use dunlin_core::{FieldSpan, HeadBlock, RequestLine};
use http::{HeaderName, HeaderValue};

use super::*;

/// A head with a target as it is, and fields.
fn request(method: &str, target: &str, fields: &[(&'static str, &str)]) -> RequestHead {
    in_version(http::Version::HTTP_11, method, target, fields)
}

fn old(method: &str, target: &str, fields: &[(&'static str, &str)]) -> RequestHead {
    in_version(http::Version::HTTP_10, method, target, fields)
}

fn in_version(
    version: http::Version,
    method: &str,
    target: &str,
    fields: &[(&'static str, &str)],
) -> RequestHead {
    let line = RequestLine {
        method: method.parse().unwrap(),
        version,
        target: 0..target.len() as u16,
        path: 0..0,
        query: None,
    };
    let mut head = HeadBlock::take().into_request(target.as_bytes(), line);
    *head.headers_mut() = fields
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), value.parse::<HeaderValue>().unwrap()))
        .collect();
    head
}

fn encode_in(
    head: &RequestHead,
    len: impl Into<BodyLen>,
    ctx: RequestCtx<'_>,
) -> Result<(String, BodyEncoder), EncodeError> {
    let mut out = b"before".to_vec();
    match encode_request(head, len.into(), &ctx, &mut out) {
        Ok(body) => {
            let text = String::from_utf8(out).unwrap();
            Ok((text.strip_prefix("before").unwrap().into(), body))
        }
        Err(error) => {
            assert_eq!(out, b"before");
            Err(error)
        }
    }
}

fn encode(head: &RequestHead, len: impl Into<BodyLen>) -> (String, BodyEncoder) {
    encode_in(head, len, RequestCtx::default().authority("a")).unwrap()
}

/// Everything behind the Host line.
fn fields(method: &str, wishes: &[(&'static str, &str)], len: Option<u64>) -> String {
    let (text, _) = encode(&request(method, "/", wishes), len);
    text.split_once("host: a\r\n").unwrap().1.into()
}

fn error(method: &str, wishes: &[(&'static str, &str)], len: Option<u64>) -> EncodeError {
    let ctx = RequestCtx::default().authority("a");
    encode_in(&request(method, "/", wishes), len, ctx).unwrap_err()
}

#[test]
fn a_request_is_its_line_host_fields_and_framing() {
    let head = request("POST", "http://h:8/a?b", &[("x-a", "1"), ("host", "h:8"), ("x-b", "2")]);
    let (text, body) = encode(&head, Some(5));
    assert_eq!(
        text,
        "POST /a?b HTTP/1.1\r\nhost: h:8\r\nx-a: 1\r\nx-b: 2\r\ncontent-length: 5\r\n\r\n"
    );
    assert_eq!((body.kind(), body.keep_alive()), (BodyKind::Length { left: 5 }, true));
}

#[test]
fn host_is_the_users_or_the_targets_or_the_contexts() {
    let host = |head: &RequestHead, ctx| {
        let text = encode_in(head, Some(0), ctx)?.0;
        Ok(text.lines().nth(1).unwrap().strip_prefix("host: ").unwrap().to_owned())
    };
    let ctx = RequestCtx::default().authority("ctx");
    assert_eq!(host(&request("GET", "/", &[("host", "own")]), ctx), Ok("own".into()));
    assert_eq!(host(&request("GET", "http://t/", &[("host", "own")]), ctx), Ok("own".into()));
    assert_eq!(host(&request("GET", "http://t/", &[]), ctx), Ok("t".into()));
    assert_eq!(host(&request("GET", "/", &[]), ctx), Ok("ctx".into()));
    let none = RequestCtx::default();
    assert_eq!(host(&request("GET", "/", &[]), none), Err(EncodeError::MissingHost));
    for wrong in ["a b", "u@a", "a/b", "a:x"] {
        assert_eq!(host(&request("GET", "/", &[("host", wrong)]), ctx), Err(EncodeError::Host));
        assert_eq!(host(&request("GET", "/", &[]), none.authority(wrong)), Err(EncodeError::Host));
    }
    assert_eq!(
        error("GET", &[("host", "a"), ("host", "a")], Some(0)),
        EncodeError::Repeated { name: SingletonField::Host }
    );
}

#[test]
fn a_host_of_the_user_goes_first_from_wherever_it_stands() {
    let (host, others) = (("host", "own"), [("etag", "1"), ("x-b", "2"), ("from", "3")]);
    for at in 0..=others.len() {
        let mut wishes = others.to_vec();
        wishes.insert(at, host);
        let in_run = "GET / HTTP/1.1\r\nhost: own\r\netag: 1\r\nx-b: 2\r\nfrom: 3\r\n";
        let (text, _) = encode(&request("GET", "/", &wishes), Some(0));
        assert_eq!(text, format!("{in_run}\r\n"));
        wishes.insert(at, ("content-length", "0"));
        let (text, _) = encode(&request("GET", "/", &wishes), Some(0));
        assert_eq!(text, format!("{in_run}content-length: 0\r\n\r\n"));
        wishes.remove(at);
        wishes.push(host);
        assert_eq!(
            error("GET", &wishes, Some(0)),
            EncodeError::Repeated { name: SingletonField::Host }
        );
    }
}

#[test]
fn no_name_is_taken_for_host() {
    for number in 0..200 {
        let name = format!("x-{number}");
        let mut head = request("GET", "/", &[]);
        let typed = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        head.headers_mut().insert(typed, http::HeaderValue::from_static("1"));
        let (text, _) = encode(&head, Some(0));
        assert!(text.ends_with(&format!("\r\nhost: a\r\n{name}: 1\r\n\r\n")), "{text}");
    }
}

#[test]
fn host_and_an_authority_that_both_go_out_are_the_same() {
    let ctx = RequestCtx::default().via_proxy(true);
    let head = request("GET", "http://h:8/a", &[("host", "H:8")]);
    assert_eq!(
        encode_in(&head, Some(0), ctx).unwrap().0,
        "GET http://h:8/a HTTP/1.1\r\nhost: H:8\r\n\r\n"
    );
    let other = [("host", "other")];
    let head = request("GET", "http://h:8/a", &other);
    assert_eq!(encode_in(&head, Some(0), ctx), Err(EncodeError::Host));
    assert_eq!(encode_in(&request("CONNECT", "h:8", &other), Some(0), ctx), Err(EncodeError::Host));
    assert_eq!(
        encode_in(&request("CONNECT", "h:8", &[]), Some(0), ctx).unwrap().0,
        "CONNECT h:8 HTTP/1.1\r\nhost: h:8\r\n\r\n"
    );
}

#[test]
fn a_body_of_no_bytes_is_told_where_one_was_expected() {
    for method in ["POST", "PUT", "PATCH"] {
        assert_eq!(fields(method, &[], Some(0)), "content-length: 0\r\n\r\n");
    }
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "QUERY"] {
        assert_eq!(fields(method, &[], Some(0)), "\r\n", "{method}");
    }
    assert_eq!(fields("GET", &[("content-length", "0")], Some(0)), "content-length: 0\r\n\r\n");
}

#[test]
fn a_length_of_the_user_agrees_or_is_an_error() {
    let told = [("content-length", "5")];
    assert_eq!(fields("PUT", &told, Some(5)), "content-length: 5\r\n\r\n");
    assert_eq!(fields("PUT", &told, None), "content-length: 5\r\n\r\n");
    for wrong in ["6", "", "+5", "5, 5", "18446744073709551616"] {
        let wrong = [("content-length", wrong)];
        assert_eq!(error("PUT", &wrong, Some(5)), EncodeError::ContentLength);
    }
    assert_eq!(
        error("PUT", &[told[0], told[0]], Some(5)),
        EncodeError::Repeated { name: SingletonField::ContentLength }
    );
}

#[test]
fn an_unknown_length_is_chunked_in_11_and_refused_in_10() {
    let chunked = [("transfer-encoding", "Chunked"), ("trailer", "x-sum")];
    assert_eq!(fields("PUT", &[], None), "transfer-encoding: chunked\r\n\r\n");
    assert_eq!(
        fields("PUT", &chunked, None),
        "trailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    assert_eq!(fields("PUT", &chunked, Some(5)), "content-length: 5\r\n\r\n");
    let ctx = RequestCtx::default();
    let head = old("PUT", "http://a/", &[]);
    assert_eq!(encode_in(&head, None, ctx), Err(EncodeError::UnknownLength));
    let gzip = [("transfer-encoding", "gzip, chunked")];
    assert_eq!(error("PUT", &gzip, None), EncodeError::TransferEncoding);
}

#[test]
fn connect_and_trace_have_no_body() {
    for (method, target) in [("CONNECT", "a:1"), ("TRACE", "/")] {
        for len in [Some(1), None] {
            let ctx = RequestCtx::default().authority("a");
            let head = request(method, target, &[]);
            assert_eq!(encode_in(&head, len, ctx), Err(EncodeError::BodyForbidden));
        }
    }
    assert_eq!(fields("TRACE", &[("content-length", "0")], Some(0)), "\r\n");
}

#[test]
fn persistence_is_said_where_it_is_not_the_default() {
    let head = request("GET", "/", &[]);
    let ctx = RequestCtx::default().authority("a").close(true);
    let (text, body) = encode_in(&head, Some(0), ctx).unwrap();
    assert!(text.ends_with("connection: close\r\n\r\n") && !body.keep_alive());
    let (text, body) = encode(&old("GET", "http://a/", &[]), Some(0));
    assert_eq!(text, "GET / HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n");
    assert!(body.keep_alive());
    let (text, body) = encode(&old("GET", "/", &[("connection", "close")]), Some(0));
    assert!(text.ends_with("connection: close\r\n\r\n") && !body.keep_alive());
}

#[test]
fn connection_options_of_the_user_are_merged() {
    let wishes = [("connection", "x, Close,,TE, upgrade"), ("keep-alive", "5"), ("te", "Trailers")];
    assert_eq!(fields("GET", &wishes, Some(0)), "te: Trailers\r\nconnection: close, te, x\r\n\r\n");
    assert_eq!(fields("GET", &[("connection", "keep-alive")], Some(0)), "\r\n");
    assert_eq!(fields("GET", &[("proxy-connection", "keep-alive")], Some(0)), "\r\n");
    assert_eq!(error("GET", &[("connection", "a b")], Some(0)), EncodeError::ConnectionOption);
    assert_eq!(error("GET", &[("te", "gzip, trailers")], Some(0)), EncodeError::Te);
}

#[test]
fn upgrade_brings_its_option() {
    let wishes = [("upgrade", "websocket"), ("upgrade", "x/2")];
    assert_eq!(
        fields("GET", &wishes, Some(0)),
        "upgrade: websocket\r\nupgrade: x/2\r\nconnection: upgrade\r\n\r\n"
    );
    assert_eq!(fields("GET", &[("connection", "upgrade")], Some(0)), "\r\n");
}

#[test]
fn an_expectation_goes_out_with_a_body_alone() {
    let wish = [("expect", "100-Continue")];
    assert_eq!(fields("PUT", &wish, Some(5)), "expect: 100-continue\r\ncontent-length: 5\r\n\r\n");
    assert_eq!(fields("PUT", &wish, Some(0)), "content-length: 0\r\n\r\n");
    assert!(fields("PUT", &wish, None).starts_with("expect: "));
    assert_eq!(error("PUT", &[("expect", "200-ok")], Some(5)), EncodeError::Expectation);
}

#[test]
fn http_10_is_told_nothing_that_it_does_not_know() {
    let wishes = [
        ("expect", "100-continue"),
        ("upgrade", "websocket"),
        ("te", "trailers"),
        ("trailer", "x-sum"),
        ("connection", "upgrade"),
    ];
    let (text, _) = encode(&old("PUT", "http://a/", &wishes), Some(5));
    assert_eq!(
        text,
        "PUT / HTTP/1.0\r\nhost: a\r\ncontent-length: 5\r\nconnection: keep-alive\r\n\r\n"
    );
    let (text, _) = encode_in(&old("GET", "/", &[]), Some(0), RequestCtx::default()).unwrap();
    assert_eq!(text, "GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n");
}

#[test]
fn singletons_stand_once() {
    for name in
        ["content-type", "content-range", "content-location", "max-forwards", "user-agent", "etag"]
            .into_iter()
            .chain(["server", "expect", "te", "transfer-encoding", "content-length", "host"])
    {
        let value = match name {
            "expect" => "100-continue",
            "te" => "trailers",
            "transfer-encoding" => "chunked",
            "host" => "a",
            _ => "5",
        };
        let twice = [(name, value), (name, value)];
        let EncodeError::Repeated { name: repeated } = error("PUT", &twice, Some(5)) else {
            panic!("{name} went out twice");
        };
        assert_eq!(repeated.as_str(), name);
    }
}

#[test]
fn fields_that_never_were_checked_do_not_get_out() {
    for bytes in [&b"a:b\r\nc"[..], b"a:b\0", b"(:b", b":b", b"transfer\rencoding:chunked"] {
        let colon = bytes.iter().position(|&byte| byte == b':').unwrap() as u16;
        let mut block = HeadBlock::take();
        block.spans_mut().push(FieldSpan {
            name_start: 0,
            name_len: colon,
            value_start: colon + 1,
            value_len: bytes.len() as u16 - colon - 1,
        });
        let mut head = request("GET", "/", &[]);
        *head.headers_mut() = block.into_headers(bytes);
        let ctx = RequestCtx::default().authority("a");
        assert_eq!(encode_in(&head, None, ctx), Err(EncodeError::Field { index: 0 }));
    }
}

/// As a proxy sends on what it received: Host first, all else as it is, whatever stands before the fields.
#[test]
fn fields_as_received_are_sent_on_as_they_are() {
    let target = "/t".repeat(40);
    let fields = "Accept: */*\r\nHost: a.example\r\nX-A: \u{e9}\r\n";
    let wire = format!("GET {target} HTTP/1.1\r\n{fields}\r\n");
    let mut decoder = crate::HeadDecoder::new();
    let decoded = decoder.decode(&mut wire.as_bytes(), &crate::Limits::default());
    let (head, _) = decoded.unwrap().unwrap();
    assert!(head.headers().is_checked());
    let mut out = Vec::new();
    let _ = encode_request(&head, BodyLen::Exact(0), &RequestCtx::default(), &mut out).unwrap();
    let sent = String::from_utf8(out).unwrap();
    let expected =
        format!("GET {target} HTTP/1.1\r\nhost: a.example\r\nAccept: */*\r\nX-A: \u{e9}\r\n\r\n");
    assert_eq!(sent, expected);
}
