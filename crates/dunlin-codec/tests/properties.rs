//! What holds for all messages: reads do not matter, what is encoded decodes to the same, and nothing
//! that a caller passes becomes more than it was.

#![cfg(feature = "std")]
#![allow(missing_docs)]

use dunlin_codec::{
    BodyEncoder, BodyKind, BodyLen, ClientConn, ClientEvent, ConnError, EncodeCtx, Event, Framing,
    HeadDecoder, Limits, RequestCtx, ResponseHeadDecoder, SendCtx, ServerConn, encode_request,
    encode_response,
};
use dunlin_core::{
    FieldSpan, HeadBlock, Headers, ReasonPhrase, RequestHead, RequestLine, ResponseHead,
};
use http::{HeaderName, HeaderValue, StatusCode, Version};
use proptest::{collection::vec, prelude::*, string::string_regex};

type Fields = Vec<(String, String)>;

/// A head whose bytes nobody has checked.
fn raw_request(
    method: &str,
    target: &[u8],
    fields: &[(Vec<u8>, Vec<u8>)],
    as_lines: bool,
) -> RequestHead {
    let mut bytes = target.to_vec();
    let mut block = HeadBlock::take();
    raw_fields(&mut block, &mut bytes, fields, as_lines);
    let line = RequestLine {
        method: method.parse().unwrap(),
        version: Version::HTTP_11,
        target: 0..target.len() as u16,
        path: 0..0,
        query: None,
    };
    block.into_request(&bytes, line)
}

/// The fields as they would go out, which an encoder copies at once, or with nothing between them.
fn raw_fields(
    block: &mut HeadBlock,
    bytes: &mut Vec<u8>,
    fields: &[(Vec<u8>, Vec<u8>)],
    as_lines: bool,
) {
    let [colon, end] = if as_lines { [&b": "[..], b"\r\n"] } else { [&b""[..]; 2] };
    for (name, value) in fields {
        let start = bytes.len() as u16;
        block.spans_mut().push(FieldSpan {
            name_start: start,
            name_len: name.len() as u16,
            value_start: start + (name.len() + colon.len()) as u16,
            value_len: value.len() as u16,
        });
        for part in [name, colon, value, end] {
            bytes.extend_from_slice(part);
        }
    }
}

fn typed(fields: &Fields) -> Headers {
    typed_pairs(fields).collect()
}

fn typed_pairs(fields: &Fields) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    fields.iter().map(|(name, value)| {
        (name.parse().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    })
}

fn bytes_of(headers: &Headers) -> Vec<(Vec<u8>, Vec<u8>)> {
    headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.to_vec())).collect()
}

/// Without what the encoder adds or decides.
fn users(headers: &Headers) -> Vec<(Vec<u8>, Vec<u8>)> {
    const OURS: [&[u8]; 8] = [
        b"host",
        b"content-length",
        b"transfer-encoding",
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"expect",
        b"trailer",
    ];
    let mut fields = bytes_of(headers);
    fields.retain(|(name, _)| !OURS.contains(&&name[..]));
    fields
}

fn text(pattern: &'static str) -> impl Strategy<Value = String> {
    string_regex(pattern).unwrap()
}

/// Fields that mean nothing to the codec, with values that no reader trims.
fn fields() -> impl Strategy<Value = Fields> {
    let name = text("x-[a-z0-9!#$%&'*+.^_`|~-]{0,20}");
    let value = text("([!-~\u{80}-\u{ff}]([ -~\t\u{80}-\u{ff}]{0,60}[!-~])?)?");
    vec((name, value), 0..12)
}

fn method() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("GET".to_owned()),
        Just("HEAD".to_owned()),
        Just("POST".to_owned()),
        Just("OPTIONS".to_owned()),
        text("[A-Za-z0-9!#$%&'*+.^_`|~-]{1,20}")
            .prop_filter("have rules of their own", |m| m != "CONNECT" && m != "TRACE"),
    ]
}

fn len() -> impl Strategy<Value = BodyLen> {
    prop_oneof![
        Just(BodyLen::Unknown),
        Just(BodyLen::Exact(0)),
        any::<u64>().prop_map(BodyLen::Exact),
    ]
}

proptest! {
    /// A request that was encoded is decoded to the same.
    #[test]
    fn requests_round_trip(
        method in method(),
        authority in text("[a-z0-9.-]{1,20}(:[0-9]{1,4})?"),
        path in text("/[!-\"$->@-~]{0,40}"),
        query in proptest::option::of(text("[!-\"$-~]{0,20}")),
        is_absolute: bool,
        via_proxy: bool,
        close: bool,
        fields in fields(),
        len in len(),
    ) {
        let query = query.map_or(String::new(), |query| format!("?{query}"));
        let origin = format!("{path}{query}");
        let absolute = format!("http://{authority}{origin}");
        let given = if is_absolute || via_proxy { &absolute } else { &origin };
        let mut head = raw_request(&method, given.as_bytes(), &[], true);
        *head.headers_mut() = typed(&fields);
        let ctx = RequestCtx::default().via_proxy(via_proxy).authority(&authority).close(close);
        let mut wire = Vec::new();
        let body = encode_request(&head, len, &ctx, &mut wire).unwrap();

        let mut input = &wire[..];
        let (decoded, facts) =
            HeadDecoder::new().decode(&mut input, &Limits::default()).unwrap().unwrap();
        prop_assert!(input.is_empty());
        prop_assert_eq!(decoded.method().as_str(), &method);
        prop_assert_eq!(decoded.target(), if via_proxy { &absolute } else { &origin });
        prop_assert_eq!(decoded.headers().iter().next(), Some((&b"host"[..], authority.as_bytes())));
        prop_assert_eq!(users(decoded.headers()), users(head.headers()));
        prop_assert_eq!((facts.keep_alive(), body.keep_alive()), (!close, !close));
        let expected = match len {
            BodyLen::Exact(0) if method != "POST" => Framing::None,
            BodyLen::Exact(len) => Framing::Length(len),
            BodyLen::Unknown => Framing::Chunked,
        };
        prop_assert_eq!(facts.framing(), expected);
    }

    /// A response that was encoded is decoded to the same.
    #[test]
    fn responses_round_trip(
        status in 200..1000u16,
        reason in proptest::option::of(text("[!-~][ -~\t]{0,20}")),
        fields in fields(),
        len in len(),
        keep_alive: bool,
    ) {
        let mut head = ResponseHead::default();
        head.status = StatusCode::from_u16(status).unwrap();
        head.reason = reason.map(|reason| ReasonPhrase::new(reason).unwrap());
        head.headers = typed(&fields);
        let mut wire = Vec::new();
        let ctx = EncodeCtx::default().keep_alive(keep_alive);
        let body = encode_response(&head, len, &ctx, &mut wire).unwrap();

        let mut input = &wire[..];
        let (decoded, facts) =
            ResponseHeadDecoder::new().decode(&mut input, &Limits::default()).unwrap().unwrap();
        prop_assert!(input.is_empty());
        prop_assert_eq!(decoded.status, head.status);
        let reason = |head: &ResponseHead| head.reason.as_ref().map(|r| r.as_bytes().to_vec());
        let registered = head.status.canonical_reason().unwrap_or_default().as_bytes().to_vec();
        prop_assert_eq!(
            reason(&decoded).unwrap_or_else(|| registered.clone()),
            reason(&head).unwrap_or(registered)
        );
        prop_assert_eq!(users(&decoded.headers), users(&head.headers));
        prop_assert_eq!((facts.keep_alive(), body.keep_alive()), (keep_alive, keep_alive));
        let expected = match (status, len) {
            (204 | 304, _) => Framing::None,
            (205, _) => Framing::Length(0),
            (_, BodyLen::Exact(len)) => Framing::Length(len),
            (_, BodyLen::Unknown) => Framing::Chunked,
        };
        let framing = facts.response_framing(status, dunlin_codec::Method::Get);
        prop_assert_eq!(framing, Ok(expected));
    }

    /// How fields are stored never changes what goes out, or that nothing does.
    #[test]
    fn storages_go_out_alike(
        fields in vec((text(NAMES), text(VALUES)), 0..8),
        len in len(),
        status in prop_oneof![Just(200u16), 101..600u16],
    ) {
        let received = || -> Headers {
            let (mut block, mut bytes) = (HeadBlock::take(), Vec::new());
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, value)| (name.to_ascii_lowercase().into(), value.clone().into()))
                .collect();
            raw_fields(&mut block, &mut bytes, &fields, true);
            block.into_headers(&bytes)
        };
        let lines = typed(&fields);
        let mut list = Headers::new();
        for (name, mut value) in typed_pairs(&fields) {
            value.set_sensitive(true);
            list.append(name, value);
        }
        prop_assert!(lines.lines().is_some() && (list.lines().is_none() || fields.is_empty()));
        let request = |headers: Headers| {
            let mut head = raw_request("POST", b"/", &[], true);
            *head.headers_mut() = headers;
            let mut wire = Vec::new();
            let ctx = RequestCtx::default().authority("a");
            (encode_request(&head, len, &ctx, &mut wire), wire)
        };
        let response = |headers: Headers| {
            let mut head = ResponseHead::default();
            (head.status, head.headers) = (StatusCode::from_u16(status).unwrap(), headers);
            let mut wire = Vec::new();
            let ctx = EncodeCtx::default().keep_alive(true);
            (encode_response(&head, len, &ctx, &mut wire), wire)
        };
        for other in [list, received()] {
            prop_assert_eq!(request(other.clone()), request(lines.clone()));
            prop_assert_eq!(response(other), response(lines.clone()));
        }
    }

    /// Whatever bytes are passed as target and fields: they are refused, or they are what is read.
    #[test]
    fn nothing_in_a_request_becomes_more_than_it_was(
        method in method(),
        target in prop_oneof![
            3 => nearly("/[a-z?]{0,10}"),
            2 => nearly("https?://[a-z]{1,3}(:[0-9]{0,2})?(/[a-z?]{0,10})?"),
            1 => nearly("(https?://[a-z:@]{0,5})?/[a-z?#]{0,10}|\\*|[a-z]{1,3}:[0-9]{0,3}"),
        ],
        fields in vec(prop_oneof![
            4 => (nearly("x-[a-z]{0,4}"), nearly("[ -~]{0,12}")),
            1 => (nearly(NAMES), nearly(VALUES)),
        ], 0..5),
        authority in prop_oneof![
            4 => Just(Some("a:1".to_owned())),
            1 => proptest::option::of(text("[a-z:@ \r\n]{0,5}")),
        ],
        via_proxy: bool,
        as_lines: bool,
        len in len(),
    ) {
        let head = raw_request(&method, &target, &fields, as_lines);
        let mut ctx = RequestCtx::default().via_proxy(via_proxy);
        ctx.authority = authority.as_deref();
        let mut wire = b"before".to_vec();
        if encode_request(&head, len, &ctx, &mut wire).is_err() {
            prop_assert_eq!(wire, b"before");
            return Ok(());
        }
        let mut input = &wire[6..];
        let (decoded, facts) = HeadDecoder::new()
            .decode(&mut input, &Limits::default())
            .map_err(|error| TestCaseError::fail(format!("{error}: {}", wire.escape_ascii())))?
            .expect("a whole head");
        prop_assert!(input.is_empty());
        prop_assert_eq!(decoded.method(), head.method());
        prop_assert_eq!(decoded.target(), target_on_wire(&head, via_proxy));
        prop_assert_eq!(trimmed(users(decoded.headers())), trimmed(users(head.headers())));
        if let BodyLen::Exact(len) = len {
            prop_assert!(matches!(facts.framing(), Framing::Length(l) if l == len)
                || (len == 0 && facts.framing() == Framing::None));
        }
    }

    /// Whatever bytes are passed as fields: they are refused, or they are what is read.
    #[test]
    fn nothing_in_a_response_becomes_more_than_it_was(
        fields in vec((nearly(NAMES), nearly(VALUES)), 0..6),
        as_lines: bool,
        len in len(),
    ) {
        let (mut block, mut bytes) = (HeadBlock::take(), Vec::new());
        raw_fields(&mut block, &mut bytes, &fields, as_lines);
        let mut head = ResponseHead::default();
        head.headers = block.into_headers(&bytes);
        let mut wire = b"before".to_vec();
        if encode_response(&head, len, &EncodeCtx::default(), &mut wire).is_err() {
            prop_assert_eq!(wire, b"before");
            return Ok(());
        }
        let mut input = &wire[6..];
        let (decoded, _) = ResponseHeadDecoder::new()
            .decode(&mut input, &Limits::default())
            .map_err(|error| TestCaseError::fail(format!("{error}: {}", wire.escape_ascii())))?
            .expect("a whole head");
        prop_assert!(input.is_empty());
        prop_assert_eq!(
            trimmed(users(&decoded.headers)),
            trimmed(users(&head.headers))
        );
    }

    /// Where reads split what clients send never changes what a server makes of it.
    #[test]
    fn reads_do_not_matter_to_a_server(
        bodies in vec((any::<bool>(), vec(any::<u8>(), 0..60)), 1..4),
        flip in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
        read in 1usize..40,
    ) {
        let mut wire = Vec::new();
        for (is_chunked, body) in &bodies {
            let len = if *is_chunked { BodyLen::Unknown } else { (Some(body.len() as u64)).into() };
            let head = raw_request("POST", b"http://a.example/", &[], true);
            let mut encoder =
                encode_request(&head, len, &RequestCtx::default(), &mut wire).unwrap();
            for piece in body.chunks(7) {
                encoder.data(piece, &mut wire).unwrap();
            }
            encoder.finish([], &mut wire).unwrap();
        }
        damage(&mut wire, flip);
        prop_assert_eq!(serve(&wire, read), serve(&wire, usize::MAX));
    }

    /// A body that is all there ends, however early the close behind it is heard; one that is cut is
    /// an error, and never ends.
    #[test]
    fn a_close_ends_whole_bodies_and_no_others(
        is_chunked: bool,
        has_trailer: bool,
        body in vec(any::<u8>(), 0..60),
        cut in any::<prop::sample::Index>(),
        read in 1usize..40,
    ) {
        let len = if is_chunked { BodyLen::Unknown } else { (Some(body.len() as u64)).into() };
        let (mut wire, head) = (Vec::new(), raw_request("POST", b"http://a.example/", &[], true));
        let mut encoder = encode_request(&head, len, &RequestCtx::default(), &mut wire).unwrap();
        let head_len = wire.len();
        for piece in body.chunks(7) {
            encoder.data(piece, &mut wire).unwrap();
        }
        let trailers = has_trailer.then_some((&b"x-sum"[..], &b"1"[..]));
        encoder.finish(trailers, &mut wire).unwrap();

        prop_assert_eq!(serve_closed(&wire, read), (true, true, Ok(()), Some(0)));
        let cut = cut.index(wire.len());
        let (has_head, has_ended, eof, left) = serve_closed(&wire[..cut], read);
        prop_assert_eq!((has_head, has_ended), (cut >= head_len, false));
        match eof {
            Ok(()) => prop_assert_eq!((cut, left), (0, Some(0))),
            Err(ConnError::HeadCut) => prop_assert!(cut > 0 && cut < head_len),
            Err(ConnError::Body(_)) => prop_assert!(cut >= head_len && left.is_none()),
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    /// Where reads split what a server sends never changes what a client makes of it.
    #[test]
    fn reads_do_not_matter_to_a_client(
        interims in 0..3usize,
        kind in prop_oneof![Just(BodyKind::Chunked), Just(BodyKind::UntilClose)],
        body in vec(any::<u8>(), 0..100),
        surplus in vec(any::<u8>(), 0..3),
        flip in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
        read in 1usize..40,
    ) {
        let mut wire = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(interims);
        wire.extend_from_slice(match kind {
            BodyKind::Chunked => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            _ => b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n",
        });
        let mut encoder = BodyEncoder::new(kind);
        for piece in body.chunks(7) {
            encoder.data(piece, &mut wire).unwrap();
        }
        encoder.finish([(&b"x-sum"[..], &b"1"[..])], &mut wire).unwrap();
        wire.extend_from_slice(&surplus);
        damage(&mut wire, flip);
        prop_assert_eq!(fetch(&wire, read), fetch(&wire, usize::MAX));
    }
}

const NAMES: &str = "x-[a-z]{0,4}|host|connection|content-length|transfer-encoding|te|expect|upgrade\
    |trailer|etag|user-agent|content-type|keep-alive|Server|date|Max-Forwards";
const VALUES: &str = "[ -~]{0,12}|close|chunked|[0-9]{1,3}|upgrade, x|trailers|100-continue|a:1|0";

/// Bytes of that shape, mostly: some have a byte that was never meant to be there.
fn nearly(pattern: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let odd = prop_oneof![
        8 => Just(None),
        1 => (any::<prop::sample::Index>(), prop_oneof![
            any::<u8>(), Just(b'\r'), Just(b'\n'), Just(b' '), Just(0), Just(b':'), Just(b'#')
        ]).prop_map(Some),
    ];
    (text(pattern), odd).prop_map(|(text, odd)| {
        let mut bytes = text.into_bytes();
        if let Some((at, byte)) = odd {
            bytes.insert(at.index(bytes.len() + 1), byte);
        }
        bytes
    })
}

/// Blanks around a value are no part of it (RFC 9112 §5).
fn trimmed(fields: Vec<(Vec<u8>, Vec<u8>)>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let trim = |value: Vec<u8>| {
        let start = value.iter().position(|byte| !blank(byte)).unwrap_or(value.len());
        let end = value.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
        value[start..end].to_vec()
    };
    fields.into_iter().map(|(name, value)| (name, trim(value))).collect()
}

fn damage(wire: &mut [u8], flip: Option<(prop::sample::Index, u8)>) {
    if let Some((at, byte)) = flip {
        *at.get_mut(wire) = byte;
    }
}

/// Path and query alone, unless a proxy is to get all.
fn target_on_wire(head: &RequestHead, via_proxy: bool) -> String {
    let target = head.target();
    match target.split_once("://") {
        Some((_, rest)) if !via_proxy && !target.starts_with('/') => {
            let rest = &rest[rest.find(['/', '?']).unwrap_or(rest.len())..];
            match rest {
                "" if head.method() == "OPTIONS" => "*".into(),
                _ if rest.starts_with('/') => rest.into(),
                _ => format!("/{rest}"),
            }
        }
        _ => target.into(),
    }
}

/// Hands `wire` over in reads of that size; `take` takes one event, or says that there is none.
fn in_reads(wire: &[u8], read: usize, mut take: impl FnMut(&mut &[u8]) -> bool) {
    let (mut start, mut end) = (0, 0);
    while end < wire.len() {
        end = end.saturating_add(read).min(wire.len());
        let mut input = &wire[start..end];
        while take(&mut input) {}
        start = end - input.len();
    }
}

fn serve(wire: &[u8], read: usize) -> Vec<String> {
    let mut conn = ServerConn::new(Limits::default().into());
    let (mut log, mut data, mut out) = (Vec::new(), Vec::new(), Vec::new());
    let mut take = |conn: &mut ServerConn, input: &mut &[u8]| {
        let is_over = match conn.next_event(input) {
            Ok(None) => return false,
            Ok(Some(Event::Head { head, framing })) => {
                log.push(format!("{head:?} {framing:?}"));
                framing.is_empty()
            }
            Ok(Some(Event::Data(piece))) => {
                data.extend_from_slice(piece);
                false
            }
            Ok(Some(Event::Trailers(trailers))) => {
                log.push(format!("{trailers:?}"));
                false
            }
            Ok(Some(_)) => true,
            Err(error) => {
                log.push(format!("{data:?} {error:?}"));
                return false;
            }
        };
        if is_over {
            log.push(format!("{:?}", std::mem::take(&mut data)));
            conn.send_whole(&ResponseHead::default(), b"", SendCtx::default(), &mut out).unwrap();
        }
        true
    };
    in_reads(wire, read, |input| take(&mut conn, input));
    let eof = conn.handle_eof();
    while take(&mut conn, &mut &b""[..]) {}
    log.push(format!("{data:?} {:?} {eof:?}", conn.phase()));
    log
}

/// Whether a request that closes behind `wire` got its head, and its end; the close is heard as soon as
/// every byte has been taken, before anybody asks for an event that needs none. And what was said to it.
fn serve_closed(wire: &[u8], read: usize) -> (bool, bool, Result<(), ConnError>, Option<u64>) {
    let mut conn = ServerConn::new(Limits::default().into());
    let (mut has_head, mut has_ended) = (false, false);
    let mut take = |conn: &mut ServerConn, input: &mut &[u8]| {
        match conn.next_event(input).unwrap() {
            Some(Event::Head { framing, .. }) => (has_head, has_ended) = (true, framing.is_empty()),
            Some(Event::Data(_) | Event::Trailers(_)) => {}
            Some(_) => has_ended = true,
            None => return false,
        }
        true
    };
    in_reads(wire, read, |input| !input.is_empty() && take(&mut conn, input));
    let eof = conn.handle_eof();
    while take(&mut conn, &mut &b""[..]) {}
    (has_head, has_ended, eof, conn.body_left())
}

fn fetch(wire: &[u8], read: usize) -> Vec<String> {
    let mut conn = ClientConn::new(Limits::default().into());
    let head = raw_request("GET", b"http://a.example/", &[], true);
    conn.send_whole(&head, b"", RequestCtx::default(), &mut Vec::new()).unwrap();
    let (mut log, mut data) = (Vec::new(), Vec::new());
    let mut take = |conn: &mut ClientConn, input: &mut &[u8]| {
        match conn.next_event(input) {
            Ok(None) => return false,
            Ok(Some(ClientEvent::Data(piece))) => data.extend_from_slice(piece),
            Ok(Some(event)) => log.push(format!("{event:?} {:?}", std::mem::take(&mut data))),
            Err(error) => {
                log.push(format!("{error:?} {:?}", std::mem::take(&mut data)));
                return false;
            }
        }
        true
    };
    in_reads(wire, read, |input| take(&mut conn, input));
    let eof = conn.handle_eof();
    while take(&mut conn, &mut &b""[..]) {}
    log.push(format!("{data:?} {eof:?} {:?}", conn.phase()));
    log
}
