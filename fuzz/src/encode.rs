//! Heads on their way out: what is passed is refused, or it is what gets read.

use dunlin_codec::{
    BodyKind, BodyLen, EncodeCtx, Framing, HeadDecoder, Limits, RequestCtx, ResponseHeadDecoder,
    Signature, encode_request, encode_response,
};
use dunlin_core::{
    FieldSpan, HeadBlock, Headers, ReasonPhrase, RequestHead, RequestLine, ResponseHead,
};
use http::{HeaderName, HeaderValue, Method, StatusCode, Version};

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// Any bytes as target and fields, nobody having checked them: the encoder refuses them and writes
/// nothing, or writes a head that our decoder takes, with the same fields and the framing that was
/// asked for.
///
/// The first byte picks method, length, way and how the fields are stored; the second what a response
/// answers, its status, the version, and whether a request expects a 100 and a response has a reason of its
/// own; then come the target, and a name and a value in turn, each behind a byte with its length.
///
/// Where bits of the first byte say so, a response is signed, and has those fields alone that `http` takes,
/// set one by one: the way of most responses, which has shorter cuts.
pub fn encode_round_trip(data: &[u8]) {
    let (&choice, rest) = data.split_first().unwrap_or((&0, data));
    let (&how, rest) = rest.split_first().unwrap_or((&0, rest));
    let mut parts = Parts(rest);
    let target = parts.next().unwrap_or_default();
    let mut fields = Vec::new();
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        fields.push((name, value));
    }
    let len = match choice >> 3 & 3 {
        0 => BodyLen::Exact(0),
        1 => BodyLen::Exact(5),
        _ => BodyLen::Unknown,
    };
    response(choice, how, &fields, len);
    if how & 128 != 0 {
        fields.push((b"Expect", b"100-Continue"));
    }
    request(choice, how, target, &fields, len);
}

struct Parts<'d>(&'d [u8]);

impl<'d> Iterator for Parts<'d> {
    type Item = &'d [u8];

    fn next(&mut self) -> Option<&'d [u8]> {
        let (&len, rest) = self.0.split_first()?;
        let (part, rest) = rest.split_at(usize::from(len).min(rest.len()));
        self.0 = rest;
        Some(part)
    }
}

fn request(choice: u8, how: u8, target: &[u8], fields: &[(&[u8], &[u8])], len: BodyLen) {
    let method = match choice & 7 {
        0 => Method::GET,
        1 => Method::POST,
        2 => Method::CONNECT,
        3 => Method::OPTIONS,
        4 => Method::TRACE,
        _ => Method::from_bytes(b"M!").expect("a token"),
    };
    let version = if how & OLD == 0 { Version::HTTP_11 } else { Version::HTTP_10 };
    let head = decoded(method, version, target, fields, choice & 128 != 0);
    let via_proxy = choice & 32 != 0;
    let mut ctx = RequestCtx::default().via_proxy(via_proxy);
    ctx.authority = (choice & 64 != 0).then_some("a.example");
    let mut wire = b"before".to_vec();
    let Ok(body) = encode_request(&head, len, &ctx, &mut wire) else {
        assert_eq!(wire, b"before");
        return;
    };
    let mut input = &wire[6..];
    let decoded = HeadDecoder::new().decode(&mut input, &limits());
    let Ok(Some((decoded, facts))) = decoded else {
        panic!("{decoded:?}: {}", wire.escape_ascii())
    };
    assert_eq!((input, decoded.method()), (&b""[..], head.method()));
    assert_eq!(decoded.target(), target_on_wire(&head, via_proxy));
    let mut sent = others(head.headers());
    if how & OLD != 0 {
        // What a server of that age would not understand stays here.
        sent.retain(|(name, _)| name != b"te" && name != b"upgrade");
    }
    assert_eq!(others(decoded.headers()), sent);
    assert_eq!(facts.keep_alive(), body.keep_alive());
    assert_eq!(http::Version::from(facts.version()), version);
    let framing = facts.framing();
    match body.kind() {
        BodyKind::Length { left: 0 } => assert!(framing.is_empty()),
        BodyKind::Length { left } => assert_eq!(framing, Framing::Length(left)),
        BodyKind::Chunked => assert_eq!(framing, Framing::Chunked),
        kind => panic!("{kind:?} is no request's"),
    }
    let declared = has(&head, b"content-length");
    match len {
        BodyLen::Exact(len) => assert_eq!(body.kind(), BodyKind::Length { left: len }),
        BodyLen::Unknown => assert_eq!(body.kind() == BodyKind::Chunked, !declared),
    }
    let expects = has(&head, b"expect") && how & OLD == 0 && !framing.is_empty();
    assert_eq!(facts.expects_continue(), expects);
}

/// The bit of an HTTP/1.0 request.
const OLD: u8 = 4;

fn has(head: &RequestHead, name: &[u8]) -> bool {
    head.headers().iter().any(|(other, _)| other.eq_ignore_ascii_case(name))
}

fn response(choice: u8, how: u8, fields: &[(&[u8], &[u8])], len: BodyLen) {
    let mut head = ResponseHead::default();
    let status = [200, 101, 103, 204, 205, 304, 426, 502][usize::from(how >> 4 & 7)];
    head.status = StatusCode::from_u16(status).expect("three digits");
    let storage = decoded(Method::GET, Version::HTTP_11, b"", fields, choice & 128 != 0);
    head.headers = storage.headers().clone();
    if choice & 32 != 0 {
        head.headers = Headers::new();
        for (name, value) in fields {
            if let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
            {
                head.headers.append(name, value);
            }
        }
    }
    if how & 128 != 0 {
        head.reason = ReasonPhrase::new(b"Own words").ok();
    }
    let signature = (choice & 64 != 0).then(|| Signature::new(b"fuzz"));
    let (method, asked) = match how & 3 {
        1 => (dunlin_codec::Method::Head, "HEAD /"),
        2 => (dunlin_codec::Method::Connect, "CONNECT a:1"),
        _ => (dunlin_codec::Method::Get, "GET /"),
    };
    let version = if how & OLD == 0 { "1.1" } else { "1.0" };
    let asked = format!("{asked} HTTP/{version}\r\nHost: a:1\r\n\r\n");
    let decoded = HeadDecoder::new().decode(&mut asked.as_bytes(), &limits());
    let Ok(Some((_, asked))) = decoded else { panic!("{decoded:?}") };
    let mut ctx = EncodeCtx::answering(&asked).keep_alive(how & 8 == 0);
    ctx.signature = signature.as_ref();

    let mut wire = b"before".to_vec();
    let Ok(body) = encode_response(&head, len, &ctx, &mut wire) else {
        assert_eq!(wire, b"before");
        return;
    };
    let mut input = &wire[6..];
    let decoded = ResponseHeadDecoder::new().decode(&mut input, &limits());
    let Ok(Some((decoded, facts))) = decoded else {
        panic!("{decoded:?}: {}", wire.escape_ascii())
    };
    assert_eq!((input, decoded.status), (&b""[..], head.status));
    assert_eq!(decoded.reason, head.reason);
    let mut sent = others(&head.headers);
    let is_interim = head.status.is_informational();
    for (name, value) in
        [(&b"server"[..], &b"fuzz"[..]), (b"date", b"Thu, 01 Jan 1970 00:00:00 GMT")]
    {
        if signature.is_some() && !is_interim && !sent.iter().any(|(other, _)| other == name) {
            sent.push((name.into(), value.into()));
        }
    }
    assert_eq!(others(&decoded.headers), sent);
    assert_eq!(facts.keep_alive(), body.keep_alive());
    let framing = facts.response_framing(status, method);
    match body.kind() {
        BodyKind::Empty => assert!(framing.is_ok_and(|framing| framing.is_empty())),
        BodyKind::Length { left } => assert_eq!(framing, Ok(Framing::Length(left))),
        BodyKind::Chunked => assert_eq!(framing, Ok(Framing::Chunked)),
        BodyKind::UntilClose => assert_eq!(framing, Ok(Framing::UntilClose)),
        kind => panic!("{kind:?} is new"),
    }
    let is_tunnel = method == dunlin_codec::Method::Connect && head.status.is_success();
    if status < 205 && status != 200 || is_tunnel {
        assert!(facts.content_length().is_none() && facts.framing() == Framing::None);
    } else if let BodyLen::Exact(len) = len
        && matches!(status, 200 | 426 | 502)
        && method == dunlin_codec::Method::Get
    {
        assert_eq!(facts.content_length(), Some(len));
    }
    let upgrades = decoded.headers.get_all("upgrade").next().is_some();
    let options = decoded.headers.get_all("connection").collect::<Vec<_>>().join(&b", "[..]);
    let says = options.split(|&byte| byte == b',').any(|one| one.trim_ascii() == b"upgrade");
    assert_eq!(upgrades, says, "{}", wire.escape_ascii());
}

/// No bound that only a large input would reach.
fn limits() -> Limits {
    Limits::default().max_line_bytes(1 << 16).max_headers(u16::MAX)
}

/// The fields as they would go out, which an encoder copies at once, or with nothing between them. Whoever has
/// decoded them vouches for an odd number of fields, if they are such.
fn decoded(
    method: Method,
    version: Version,
    target: &[u8],
    fields: &[(&[u8], &[u8])],
    as_lines: bool,
) -> RequestHead {
    let [colon, end] = if as_lines { [&b": "[..], b"\r\n"] } else { [&b""[..]; 2] };
    let (mut block, mut bytes) = (HeadBlock::take(), target.to_vec());
    for (name, value) in fields {
        // A head is at most 64 KiB: what stands behind that is nowhere.
        let Ok(name_start) = u16::try_from(bytes.len()) else { break };
        let (name_len, value_len) = (name.len() as u16, value.len() as u16);
        let Ok(value_start) = u16::try_from(bytes.len() + name.len() + colon.len()) else { break };
        block.spans_mut().push(FieldSpan { name_start, name_len, value_start, value_len });
        for part in [name, colon, value, end] {
            bytes.extend_from_slice(part);
        }
    }
    let target = 0..target.len() as u16;
    let line = RequestLine { method, version, target, path: 0..0, query: None };
    let is_sound = |(name, value): &(&[u8], &[u8])| {
        HeaderName::from_bytes(name).is_ok() && HeaderValue::from_bytes(value).is_ok()
    };
    let is_whole = block.spans_mut().len() == fields.len();
    if fields.len() % 2 == 1 && is_whole && fields.iter().all(is_sound) {
        block.into_vouched_request(&bytes, line)
    } else {
        block.into_request(&bytes, line)
    }
}

/// Path and query alone, unless a proxy is to get all.
fn target_on_wire(head: &RequestHead, via_proxy: bool) -> String {
    let target = head.target();
    match target.split_once("://") {
        Some((_, rest)) if !via_proxy && !target.starts_with('/') => {
            let rest = &rest[rest.find(['/', '?']).unwrap_or(rest.len())..];
            match rest {
                "" if head.method() == Method::OPTIONS => "*".into(),
                _ if rest.starts_with('/') => rest.into(),
                _ => format!("/{rest}"),
            }
        }
        _ => target.into(),
    }
}

/// The fields that the encoder does not decide on, without the blanks around their values.
fn others(headers: &Headers) -> Fields {
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
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let mut fields = Vec::new();
    for (name, value) in headers {
        let start = value.iter().position(|byte| !blank(byte)).unwrap_or(value.len());
        let end = value.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
        let name = name.to_ascii_lowercase();
        if !OURS.contains(&&name[..]) {
            fields.push((name, value[start..end].to_vec()));
        }
    }
    fields
}
