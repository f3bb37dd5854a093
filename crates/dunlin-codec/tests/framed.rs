//! The codecs inside of a `Framed`: what somebody without the rest of the toolkit relies on.

#![allow(missing_docs)]

use std::io;

use bytes::{Bytes, BytesMut};
use dunlin_codec::{
    BodyError, BodyLen, ClientCodec, ClientError, ClientPhase, CodecError, ConnError, Limits,
    Phase, RequestEvent, ResponseEvent, SendError, ServerCodec, Signature,
};
use dunlin_core::{Headers, RequestHead, ResponseHead};
use futures_util::{FutureExt, SinkExt, StreamExt};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::codec::{Decoder, Encoder, Framed};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn fields(fields: &[(&'static str, &'static str)]) -> Headers {
    fields
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
}

fn response(status: u16, with: &[(&'static str, &'static str)], len: BodyLen) -> ResponseEvent {
    let mut head = ResponseHead::default();
    head.status = StatusCode::from_u16(status).unwrap();
    head.headers = fields(with);
    ResponseEvent::Head { head, len }
}

fn request(method: Method, with: &[(&'static str, &'static str)], len: BodyLen) -> RequestEvent {
    let mut head = RequestHead::new(method, "http://a.example/x".parse().unwrap());
    *head.headers_mut() = fields(with);
    RequestEvent::Head { head, len }
}

fn heard(event: &RequestEvent) -> String {
    match event {
        RequestEvent::Head { head, len } => format!("{} {} {len:?}", head.method(), head.target()),
        RequestEvent::Data(data) => String::from_utf8(data.to_vec()).unwrap(),
        RequestEvent::Trailers(trailers) => format!("{trailers:?}"),
        RequestEvent::End => "end".into(),
        _ => "close".into(),
    }
}

/// What a codec makes of bytes that come `read` at a time, and then no more.
fn decode_all(codec: &mut ServerCodec, wire: &[u8], read: usize) -> (Vec<String>, BytesMut) {
    let (mut src, mut log, mut data) = (BytesMut::new(), Vec::new(), String::new());
    for piece in wire.chunks(read) {
        src.extend_from_slice(piece);
        while let Some(event) = codec.decode(&mut src).unwrap() {
            match event {
                RequestEvent::Data(_) => data += &heard(&event),
                event => {
                    log.extend((!data.is_empty()).then(|| std::mem::take(&mut data)));
                    log.push(heard(&event));
                }
            }
        }
    }
    (log, src)
}

fn answer(codec: &mut ServerCodec, event: ResponseEvent) -> String {
    let mut out = BytesMut::new();
    codec.encode(event, &mut out).unwrap();
    answer_end(codec, out)
}

fn answer_end(codec: &mut ServerCodec, mut out: BytesMut) -> String {
    codec.encode(ResponseEvent::End, &mut out).unwrap();
    String::from_utf8(out.to_vec()).unwrap()
}

#[test]
fn reads_do_not_matter_and_every_message_has_an_end() {
    let wire = format!(
        "{GET}POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
         3\r\nabc\r\n2\r\nde\r\n0\r\nx: y\r\n\r\nPUT /c HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\
         Connection: close\r\n\r\nxyzGET / HTTP"
    );
    for read in 1..wire.len() {
        let (log, rest) = decode_all(&mut ServerCodec::default(), wire.as_bytes(), read);
        let expected = [
            "GET / Exact(0)",
            "end",
            "POST /b Unknown",
            "abcde",
            r#"{"x": "y"}"#,
            "end",
            "PUT /c Exact(3)",
            "xyz",
            "end",
            "close",
        ];
        assert_eq!((&log[..], &rest[..]), (&expected.map(String::from)[..], &b""[..]), "{read}");
    }
}

#[test]
fn data_is_a_slice_of_what_was_read() {
    let mut src = BytesMut::from("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    let place = src[src.len() - 5..].as_ptr();
    let mut codec = ServerCodec::default();
    codec.decode(&mut src).unwrap();
    let Some(RequestEvent::Data(data)) = codec.decode(&mut src).unwrap() else { panic!() };
    assert_eq!((data.as_ptr(), &data[..]), (place, &b"hello"[..]));
}

/// A `Framed` asks its decoder again only once it has read: a request kept back would never be told.
#[tokio::test]
async fn a_reader_that_does_not_wait_for_its_writer_misses_no_request() {
    let (mut client, socket) = tokio::io::duplex(1024);
    client.write_all(GET.repeat(3).as_bytes()).await.unwrap();
    let mut framed = Framed::new(socket, ServerCodec::default());
    for expected in ["GET / Exact(0)", "end"].repeat(3) {
        let event = framed.next().now_or_never().expect("it is not kept back");
        assert_eq!(heard(&event.unwrap().unwrap()), expected);
    }
    assert!(framed.next().now_or_never().is_none());
    for status in [201, 202, 203] {
        framed.feed(response(status, &[], BodyLen::Exact(0))).await.unwrap();
        framed.send(ResponseEvent::End).await.unwrap();
    }
    assert_eq!(framed.codec().conn().phase(), Phase::Idle);
    let error = framed.send(response(200, &[], BodyLen::Exact(0))).await.unwrap_err();
    assert!(matches!(error, CodecError::Send(SendError::OutOfTurn)));
    client.write_all(GET.as_bytes()).await.unwrap();
    assert_eq!(heard(&framed.next().await.unwrap().unwrap()), "GET / Exact(0)");
    drop(framed);
    let mut text = String::new();
    client.read_to_string(&mut text).await.unwrap();
    let statuses: Vec<_> = text.lines().filter(|line| line.starts_with("HTTP")).collect();
    assert_eq!(statuses.len(), 3);
    assert!(statuses[0].contains("201") && statuses[2].contains("203"));
}

#[test]
fn a_response_that_closes_drops_the_requests_behind_it() {
    let mut codec = ServerCodec::default();
    let (log, mut src) = decode_all(&mut codec, GET.repeat(2).as_bytes(), 1024);
    assert_eq!(log.len(), 4);
    let text = answer(&mut codec, response(200, &[("connection", "close")], BodyLen::Exact(0)));
    assert!(text.contains("connection: close"), "{text}");
    assert_eq!(heard(&codec.decode(&mut src).unwrap().unwrap()), "close");
    let mut out = BytesMut::new();
    assert!(codec.encode(response(200, &[], BodyLen::Exact(0)), &mut out).is_err());
    src.extend_from_slice(GET.as_bytes());
    assert!(codec.decode(&mut src).unwrap().is_none() && src.is_empty() && out.is_empty());
}

#[test]
fn a_response_may_come_before_the_request_has_ended() {
    let mut codec = ServerCodec::default();
    let mut src = BytesMut::from("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n");
    codec.decode(&mut src).unwrap();
    answer(&mut codec, response(200, &[], BodyLen::Exact(0)));
    src.extend_from_slice(b"hi");
    src.extend_from_slice(GET.as_bytes());
    let mut log = Vec::new();
    while let Some(event) = codec.decode(&mut src).unwrap() {
        log.push(heard(&event));
    }
    assert_eq!(log, ["hi", "end", "GET / Exact(0)", "end"]);
}

#[tokio::test]
async fn after_an_error_comes_the_refusal_and_nothing_else() {
    let (mut client, socket) = tokio::io::duplex(1024);
    client.write_all(format!("{GET}GE T / HTTP/1.1\r\n\r\n{GET}").as_bytes()).await.unwrap();
    let mut framed = Framed::new(socket, ServerCodec::default());
    framed.next().await.unwrap().unwrap();
    framed.next().await.unwrap().unwrap();
    let error = framed.next().await.unwrap().unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::BAD_REQUEST));
    assert!(framed.next().await.is_none());
    // The one owed before, then the refusal.
    framed.feed(response(200, &[], BodyLen::Exact(0))).await.unwrap();
    framed.feed(ResponseEvent::End).await.unwrap();
    framed.feed(response(400, &[], BodyLen::Exact(0))).await.unwrap();
    framed.send(ResponseEvent::End).await.unwrap();
    assert_eq!(framed.codec().conn().phase(), Phase::Close);
    client.write_all(GET.as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    assert!(framed.next().await.is_none() && framed.read_buffer().is_empty());
    drop(framed);
    let mut text = String::new();
    client.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200") && text.contains("HTTP/1.1 400"), "{text}");
    assert!(text.contains("connection: close"));
}

#[test]
fn a_request_that_is_cut_is_an_error() {
    let cases = [
        ("", None),
        ("\r\n", None),
        ("GET / HTTP/1.1\r\nHo", Some(ConnError::HeadCut)),
        (
            "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nx",
            Some(ConnError::Body(BodyError::Short { missing: 2 })),
        ),
        (
            "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
            Some(ConnError::Body(BodyError::Unterminated)),
        ),
    ];
    for (wire, expected) in cases {
        let mut codec = ServerCodec::default();
        let mut src = BytesMut::from(wire);
        let error = loop {
            match codec.decode_eof(&mut src) {
                Ok(Some(_)) => {}
                Ok(None) => break None,
                Err(CodecError::Request(error)) => break Some(error),
                Err(other) => panic!("{other}"),
            }
        };
        assert_eq!(error, expected, "{wire:?}");
        assert!(codec.decode_eof(&mut src).unwrap().is_none());
        if let Some(error) = error {
            let error = io::Error::from(CodecError::from(error));
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
    }
}

#[test]
fn a_client_that_closes_its_half_gets_its_answer() {
    let mut codec = ServerCodec::default();
    let mut src = BytesMut::from(GET);
    for expected in ["GET / Exact(0)", "end"] {
        assert_eq!(heard(&codec.decode_eof(&mut src).unwrap().unwrap()), expected);
    }
    assert!(codec.decode_eof(&mut src).unwrap().is_none());
    let text = answer(&mut codec, response(200, &[], BodyLen::Exact(0)));
    assert!(text.contains("connection: close"));
}

#[test]
fn continue_goes_out_once_and_only_where_it_is_waited_for() {
    let mut codec = ServerCodec::default();
    let head = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    let (_, mut src) = decode_all(&mut codec, head.as_bytes(), 1024);
    assert!(codec.conn().owes_continue());
    let mut out = BytesMut::new();
    for _ in 0..2 {
        codec.encode(ResponseEvent::continue_100(), &mut out).unwrap();
    }
    assert_eq!(&out[..], b"HTTP/1.1 100 Continue\r\n\r\n");
    src.extend_from_slice(b"hi");
    assert_eq!(heard(&codec.decode(&mut src).unwrap().unwrap()), "hi");
    let mut early = ResponseHead::default();
    early.status = StatusCode::from_u16(103).unwrap();
    out.clear();
    codec.encode(ResponseEvent::Interim(early), &mut out).unwrap();
    assert_eq!(&out[..], b"HTTP/1.1 103 Early Hints\r\n\r\n");

    // An answer instead: whether the body comes is unknown, so nothing more is read.
    let mut codec = ServerCodec::default();
    let (_, mut src) = decode_all(&mut codec, head.as_bytes(), 1024);
    answer(&mut codec, response(413, &[], BodyLen::Exact(0)));
    assert_eq!(heard(&codec.decode(&mut src).unwrap().unwrap()), "close");
}

#[test]
fn bytes_behind_an_offer_to_upgrade_wait_for_the_answer() {
    let wire = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nGET /2 ";
    let mut codec = ServerCodec::default();
    let (log, src) = decode_all(&mut codec, wire.as_bytes(), 1024);
    assert_eq!((log.len(), &src[..]), (2, &b"GET /2 "[..]));
    let mut out = BytesMut::new();
    let upgrade = [("upgrade", "x"), ("connection", "upgrade")];
    codec.encode(response(101, &upgrade, BodyLen::Exact(0)), &mut out).unwrap();
    assert_eq!(codec.conn().phase(), Phase::Upgrade);
    let mut src = src;
    assert!(codec.decode(&mut src).unwrap().is_none());
    assert!(codec.decode_eof(&mut src).unwrap().is_none());
    assert_eq!(&src[..], b"GET /2 ");

    let mut codec = ServerCodec::default();
    let (_, mut src) = decode_all(&mut codec, wire.as_bytes(), 1024);
    answer(&mut codec, response(200, &[], BodyLen::Exact(0)));
    src.extend_from_slice(b"HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(heard(&codec.decode(&mut src).unwrap().unwrap()), "GET /2 Exact(0)");
}

/// Who has asked before he answered is not told by the next read alone.
#[tokio::test]
async fn a_framed_put_together_again_looks_at_what_it_holds() {
    let (mut client, socket) = tokio::io::duplex(1024);
    let offer = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n";
    client.write_all(format!("{offer}{GET}").as_bytes()).await.unwrap();
    let mut framed = Framed::new(socket, ServerCodec::default());
    framed.next().await.unwrap().unwrap();
    framed.next().await.unwrap().unwrap();
    assert!(framed.next().now_or_never().is_none());
    framed.feed(response(200, &[], BodyLen::Exact(0))).await.unwrap();
    framed.send(ResponseEvent::End).await.unwrap();
    assert!(framed.next().now_or_never().is_none());
    let mut framed = Framed::from_parts(framed.into_parts());
    assert_eq!(heard(&framed.next().await.unwrap().unwrap()), "GET / Exact(0)");
}

#[test]
fn nobody_is_made_to_keep_what_nobody_may_read() {
    for answered in [None, Some(200), Some(502)] {
        let mut codec = ServerCodec::new(Limits::default().max_head_bytes(100).into());
        let wire = "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n\x16\x03";
        let (log, mut src) = decode_all(&mut codec, wire.as_bytes(), 1024);
        assert_eq!((log.len(), &src[..]), (2, &b"\x16\x03"[..]));
        let mut out = BytesMut::new();
        if let Some(status) = answered {
            codec.encode(response(status, &[], BodyLen::Exact(0)), &mut out).unwrap();
        }
        if answered == Some(200) {
            assert_eq!(
                (&out[..], codec.conn().phase()),
                (&b"HTTP/1.1 200 OK\r\n\r\n"[..], Phase::Upgrade)
            );
            assert!(codec.encode(ResponseEvent::End, &mut out).is_err());
        }
        if answered == Some(502) {
            answer_end(&mut codec, out);
            assert_eq!(heard(&codec.decode(&mut src).unwrap().unwrap()), "close");
            continue;
        }
        assert!(codec.decode(&mut src).unwrap().is_none());
        assert_eq!(&src[..], b"\x16\x03");
        src.extend_from_slice(&[0; 200]);
        let error = codec.decode(&mut src).unwrap_err();
        assert!(matches!(error, CodecError::Unread { limit: 100 }));
        assert!(codec.decode(&mut src).unwrap().is_none() && src.is_empty());
    }
}

#[test]
fn what_has_no_body_sends_none() {
    let mut codec = ServerCodec::default().with_signature(Signature::new(b"me"));
    codec.signature_mut().unwrap().at(784_111_777);
    let wire = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
    decode_all(&mut codec, wire.as_bytes(), 1024);
    let mut out = BytesMut::new();
    codec.encode(response(200, &[], BodyLen::Exact(5)), &mut out).unwrap();
    codec.encode(ResponseEvent::Data(Bytes::from_static(b"hello")), &mut out).unwrap();
    assert_eq!(
        answer_end(&mut codec, out),
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nserver: me\r\n\
         date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n"
    );
}

#[test]
fn a_body_that_breaks_its_length_ends_the_connection() {
    let mut codec = ServerCodec::default();
    let (_, mut src) = decode_all(&mut codec, GET.repeat(2).as_bytes(), 1024);
    let mut out = BytesMut::new();
    codec.encode(response(200, &[], BodyLen::Exact(5)), &mut out).unwrap();
    let len = out.len();
    assert!(codec.encode(ResponseEvent::Data(Bytes::from_static(b"too long")), &mut out).is_err());
    assert!(codec.encode(ResponseEvent::End, &mut out).is_err());
    assert_eq!((out.len(), codec.conn().phase()), (len, Phase::Close));
    assert_eq!(heard(&codec.decode(&mut src).unwrap().unwrap()), "close");
}

#[tokio::test]
async fn client_and_server_understand_each_other() {
    // Room for what the echo says before the request has ended.
    let (near, far) = tokio::io::duplex(512);
    let mut client = Framed::new(near, ClientCodec::default().with_authority("a.example"));
    let server = tokio::spawn(async move {
        let mut framed = Framed::new(far, ServerCodec::default());
        // An echo: what a proxy does, events are passed on as they come.
        while let Some(event) = framed.next().await {
            let back = match event? {
                RequestEvent::Head { head, len } => {
                    assert_eq!(head.headers().get_str("host"), Some("a.example"));
                    framed.send(ResponseEvent::continue_100()).await?;
                    ResponseEvent::Head { head: ResponseHead::default(), len }
                }
                RequestEvent::Data(data) => ResponseEvent::Data(data),
                RequestEvent::Trailers(trailers) => ResponseEvent::Trailers(trailers),
                RequestEvent::End => ResponseEvent::End,
                _ => break,
            };
            framed.send(back).await?;
        }
        Ok::<_, CodecError>(())
    });
    for (with, len) in [
        (&[][..], BodyLen::Exact(10)),
        (&[], BodyLen::Unknown),
        (&[("expect", "100-continue")], BodyLen::Unknown),
        (&[("connection", "close")], BodyLen::Exact(10)),
    ] {
        client.send(request(Method::PUT, with, len)).await.unwrap();
        if client.codec().conn().phase() == ClientPhase::Continue {
            let event = client.next().await.unwrap().unwrap();
            assert!(matches!(event, ResponseEvent::Interim(head) if head.status == 100));
        }
        client.send(RequestEvent::Data(Bytes::from_static(b"01234"))).await.unwrap();
        client.send(RequestEvent::Data(Bytes::from_static(b"56789"))).await.unwrap();
        client.feed(RequestEvent::Trailers(fields(&[("x", "y")]))).await.unwrap();
        client.send(RequestEvent::End).await.unwrap();
        let (mut body, mut trailers) = (Vec::new(), Headers::new());
        loop {
            match client.next().await.unwrap().unwrap() {
                ResponseEvent::Head { head, len: told } => {
                    assert_eq!((head.status, told), (StatusCode::OK, len));
                }
                ResponseEvent::Data(data) => body.extend_from_slice(&data),
                ResponseEvent::Trailers(fields) => trailers = fields,
                ResponseEvent::End => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((&body[..], trailers.len()), (&b"0123456789"[..], len_of(len)));
        assert_eq!(client.codec().conn().is_reusable(), with != [("connection", "close")]);
    }
    server.await.unwrap().unwrap();
}

/// Trailers there are with a body that has a place for them.
fn len_of(len: BodyLen) -> usize {
    usize::from(len == BodyLen::Unknown)
}

fn asked(method: Method, with: &[(&'static str, &'static str)]) -> ClientCodec {
    let mut codec = ClientCodec::default();
    let mut out = BytesMut::new();
    codec.encode(request(method, with, BodyLen::Exact(0)), &mut out).unwrap();
    codec.encode(RequestEvent::End, &mut out).unwrap();
    codec
}

/// What comes out of bytes after which the server closes.
fn client_hears(codec: &mut ClientCodec, src: &mut BytesMut) -> (String, Option<ClientError>) {
    let mut log = String::new();
    loop {
        match codec.decode_eof(src) {
            Ok(Some(ResponseEvent::Head { head, len })) => {
                log += &format!("{} {len:?} ", head.status.as_u16());
            }
            Ok(Some(ResponseEvent::Data(data))) => log += std::str::from_utf8(&data).unwrap(),
            Ok(Some(ResponseEvent::Upgrade(_))) => log += "upgrade",
            Ok(Some(ResponseEvent::End)) => log += " end",
            Ok(Some(other)) => panic!("{other:?}"),
            Ok(None) => return (log, None),
            Err(CodecError::Response(error)) => return (log, Some(error)),
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn a_response_that_is_cut_is_an_error_but_for_one_until_close() {
    use ClientError::{Body, HeadCut, Unanswered};
    for (wire, log, error) in [
        ("", "", Some(Unanswered)),
        ("HTTP/1.1 200 O", "", Some(HeadCut)),
        ("HTTP/1.1 204 No Content\r\n\r\n", "204 Exact(0)  end", None),
        ("HTTP/1.1 200 OK\r\n\r\nall", "200 Unknown all end", None),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nall",
            "200 Exact(4) all",
            Some(Body(BodyError::Short { missing: 1 })),
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nall\r\n",
            "200 Unknown all",
            Some(Body(BodyError::Unterminated)),
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nallHTTP/1.1 200 OK\r\n\r\n",
            "200 Exact(3) all",
            Some(ClientError::Unsolicited),
        ),
    ] {
        let (mut codec, mut src) = (asked(Method::GET, &[]), BytesMut::from(wire));
        let (found, why) = client_hears(&mut codec, &mut src);
        // Surplus is told at the end of the response, or right behind it.
        assert_eq!((found.trim_end_matches(" end"), why), (log.trim_end_matches(" end"), error));
        assert!(codec.decode_eof(&mut src).unwrap().is_none(), "{wire:?}");
        assert_eq!(&src[..], b"", "{wire:?}");
    }
}

#[test]
fn what_stands_behind_an_upgrade_stays_in_the_buffer() {
    let offer = [("upgrade", "x"), ("connection", "upgrade")];
    let mut codec = asked(Method::GET, &offer);
    let wire = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nmore";
    let mut src = BytesMut::from(wire);
    assert_eq!(client_hears(&mut codec, &mut src), ("upgrade".into(), None));
    assert_eq!((&src[..], codec.conn().phase()), (&b"more"[..], ClientPhase::Upgrade));
}

#[test]
fn a_final_response_instead_of_continue_forbids_the_body() {
    let mut codec = ClientCodec::default();
    let mut out = BytesMut::new();
    let expects = [("expect", "100-continue")];
    codec.encode(request(Method::PUT, &expects, BodyLen::Exact(2)), &mut out).unwrap();
    let mut src = BytesMut::from("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
    assert!(matches!(codec.decode(&mut src).unwrap(), Some(ResponseEvent::Head { .. })));
    let error = codec.encode(RequestEvent::Data(Bytes::from_static(b"hi")), &mut out).unwrap_err();
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::InvalidInput);
    assert!(matches!(codec.decode(&mut src).unwrap(), Some(ResponseEvent::End)));
    assert!(!codec.conn().is_reusable());
}
