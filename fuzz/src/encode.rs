//! Heads on their way out: what is passed is refused, or it is what gets read.

use dunlin_codec::{
    BodyLen, EncodeCtx, Framing, HeadDecoder, Limits, RequestCtx, ResponseHeadDecoder,
    encode_request, encode_response,
};
use dunlin_core::{FieldSpan, HeadBlock, Headers, RequestHead, RequestLine, ResponseHead};
use http::{Method, Version};

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// Any bytes as target and fields, nobody having checked them: the encoder refuses them and writes
/// nothing, or writes a head that our decoder takes, with the same fields and the framing that was
/// asked for.
///
/// The first byte picks method, length, way and how the fields are stored; then the target, and a name and a value in turn, each
/// behind a byte with its length.
pub fn encode_round_trip(data: &[u8]) {
    let (&choice, rest) = data.split_first().unwrap_or((&0, data));
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
    request(choice, target, &fields, len);
    response(choice, &fields, len);
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

fn request(choice: u8, target: &[u8], fields: &[(&[u8], &[u8])], len: BodyLen) {
    let method = match choice & 7 {
        0 => Method::GET,
        1 => Method::POST,
        2 => Method::CONNECT,
        3 => Method::OPTIONS,
        4 => Method::TRACE,
        _ => Method::from_bytes(b"M!").expect("a token"),
    };
    let head = unchecked(method, target, fields, choice & 128 != 0);
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
    assert_eq!(others(decoded.headers()), others(head.headers()));
    assert_eq!(facts.keep_alive(), body.keep_alive());
    match len {
        BodyLen::Exact(0) => assert!(facts.framing().is_empty()),
        BodyLen::Exact(len) => assert_eq!(facts.framing(), Framing::Length(len)),
        BodyLen::Unknown => {}
    }
}

fn response(choice: u8, fields: &[(&[u8], &[u8])], len: BodyLen) {
    let mut head = ResponseHead::default();
    head.headers = unchecked(Method::GET, b"", fields, choice & 128 != 0).headers().clone();
    let mut wire = b"before".to_vec();
    let ctx = EncodeCtx::default().keep_alive(true);
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
    assert_eq!(others(&decoded.headers), others(&head.headers));
    assert_eq!(facts.keep_alive(), body.keep_alive());
    match len {
        BodyLen::Exact(len) => assert_eq!(facts.content_length(), Some(len)),
        BodyLen::Unknown => {}
    }
}

/// No bound that only a large input would reach.
fn limits() -> Limits {
    Limits::default().max_line_bytes(1 << 16).max_headers(u16::MAX)
}

/// The fields as they would go out, which an encoder copies at once, or with nothing between them.
fn unchecked(
    method: Method,
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
    let version = Version::HTTP_11;
    block.into_request(&bytes, RequestLine { method, version, target, path: 0..0, query: None })
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
