//! Heads and chunks on their way out.
//!
//! The rivals write what hyper 1.12 writes, the way it does (`proto/h1/role.rs`, `proto/h1/encode.rs`),
//! from an `http::HeaderMap`. Filling it and our own fields is left out, but for the race that says
//! otherwise: work must not win by being done earlier.

use std::fmt;
use std::hint::black_box;
use std::io::Write as _;

use dunlin_codec::{
    BodyEncoder, BodyKind, BodyLen, EncodeCtx, Limits, RequestCtx, ResponseHeadDecoder, Signature,
    encode_request, encode_response,
};
use dunlin_core::{RequestHead, ResponseHead};
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

use crate::race::{Race, Runner, buffers};

pub(crate) fn races() -> Vec<Race> {
    vec![
        response("plaintext response", &PLAINTEXT, Shape::default()),
        response("plaintext, 404", &PLAINTEXT, Shape { status: 404, ..Shape::default() }),
        response("plaintext, chunked", &PLAINTEXT, Shape { len: None, ..Shape::default() }),
        response("plaintext, closing", &PLAINTEXT, Shape { keep_alive: false, ..Shape::default() }),
        response("cached response", &CACHED, Shape { len: Some(18_245), ..Shape::default() }),
        filled_response(
            "cached, fields set",
            &CACHED,
            Shape { len: Some(18_245), ..Shape::default() },
        ),
        response("own length", &OWN_LENGTH, Shape { len: Some(18_245), ..Shape::default() }),
        received_response(
            "as received",
            &CACHED,
            "",
            Shape { len: Some(18_245), ..Shape::default() },
        ),
        received_response(
            "as received, signed",
            &SIGNED,
            "",
            Shape { len: None, ..Shape::default() },
        ),
        received_response(
            "as received, hop",
            &SIGNED,
            HOP,
            Shape { len: None, ..Shape::default() },
        ),
        received_response(
            "as received, chunks",
            &DATED,
            CHUNKED,
            Shape { len: None, ..Shape::default() },
        ),
        request("request, host set", Host::Field),
        request("request, host given", Host::Authority),
        chunk_lines("chunk header"),
    ]
}

type Fields = [(HeaderName, &'static str)];

/// What a response is like besides its fields.
#[derive(Clone, Copy)]
struct Shape {
    status: u16,
    /// Bytes of the body; it goes in chunks where they are not known.
    len: Option<u64>,
    keep_alive: bool,
}

impl Default for Shape {
    fn default() -> Self {
        Self { status: 200, len: Some(13), keep_alive: true }
    }
}

const SERVER: &str = "dunlin";
const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const SECOND: u64 = 784_111_777;

const AUTHORITY: &str = "api.example.com";

const PLAINTEXT: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];

const CACHED: [(HeaderName, &str); 4] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (header::CACHE_CONTROL, "public, max-age=300"),
    (header::ETAG, "\"5f3e-61a2b3c4d5e6f\""),
    (header::VARY, "Accept-Encoding"),
];

/// With a field that the encoder has to look at.
const OWN_LENGTH: [(HeaderName, &str); 2] =
    [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_LENGTH, "18245")];

/// As most servers send it: with Date and a length of its own.
const SIGNED: [(HeaderName, &str); 4] = [
    (header::DATE, DATE),
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (header::CONTENT_LENGTH, "18245"),
    (header::ETAG, "\"5f3e-61a2b3c4d5e6f\""),
];

/// The same without one.
const DATED: [(HeaderName, &str); 3] = [
    (header::DATE, DATE),
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (header::ETAG, "\"5f3e-61a2b3c4d5e6f\""),
];

/// Lines that end at whoever receives them.
const HOP: &str = "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n";
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

const REQUEST: [(HeaderName, &str); 5] = [
    (header::HOST, AUTHORITY),
    (header::USER_AGENT, "dunlin/0.1"),
    (header::ACCEPT, "application/json"),
    (header::ACCEPT_ENCODING, "gzip, deflate, br"),
    (header::AUTHORIZATION, "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTYifQ"),
];

fn map_of(fields: &Fields) -> HeaderMap {
    let field = |(name, value): &(HeaderName, &'static str)| {
        (name.clone(), HeaderValue::from_static(value))
    };
    fields.iter().map(field).collect()
}

fn signature() -> Signature {
    let mut signature = Signature::new(SERVER.as_bytes());
    signature.at(SECOND);
    signature
}

fn response(input: &'static str, fields: &Fields, shape: Shape) -> Race {
    let signature = signature();
    let (mut head, mut map) = (ResponseHead::default(), map_of(fields));
    head.status = StatusCode::from_u16(shape.status).unwrap();
    for (name, value) in &map {
        head.headers.insert(name.clone(), value.clone());
    }
    map.insert(header::SERVER, HeaderValue::from_static(SERVER));

    let ours = move |out: &mut Vec<u8>| encode(black_box(&head), shape, &signature, out);
    let rivals = move |out: &mut Vec<u8>| response_as_hyper(black_box(&map), shape, out);
    race(input, ours, rivals)
}

/// The same from the fields on: what a handler sets, and the head is gone at the end.
fn filled_response(input: &'static str, fields: &Fields, shape: Shape) -> Race {
    let signature = signature();
    let map = map_of(fields);
    let for_ours: Vec<_> = map.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let mut for_rival = for_ours.clone();
    for_rival.push((header::SERVER, HeaderValue::from_static(SERVER)));

    let ours = move |out: &mut Vec<u8>| {
        let mut head = ResponseHead::default();
        for (name, value) in black_box(&for_ours) {
            head.headers.insert(name.clone(), value.clone());
        }
        encode(&head, shape, &signature, out);
    };
    let rivals = move |out: &mut Vec<u8>| {
        let mut map = HeaderMap::with_capacity(for_rival.len());
        for (name, value) in black_box(&for_rival) {
            map.insert(name.clone(), value.clone());
        }
        response_as_hyper(&map, shape, out);
    };
    race(input, ours, rivals)
}

/// A head that came from another server and is sent on, as a proxy does: its decoder has vouched for the fields, so
/// that only their names are looked at. The rival's map is without those that end here.
fn received_response(input: &'static str, fields: &Fields, hop: &str, shape: Shape) -> Race {
    let signature = signature();
    let mut map = map_of(fields);
    let lines = map.iter().map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap()));
    let wire = format!("HTTP/1.1 200 OK\r\n{}{hop}\r\n", lines.collect::<String>());
    let decoded = ResponseHeadDecoder::new().decode(&mut wire.as_bytes(), &Limits::default());
    let (head, _) = decoded.unwrap().unwrap();
    map.insert(header::SERVER, HeaderValue::from_static(SERVER));

    let ours = move |out: &mut Vec<u8>| encode(black_box(&head), shape, &signature, out);
    let rivals = move |out: &mut Vec<u8>| response_as_hyper(black_box(&map), shape, out);
    race(input, ours, rivals)
}

#[inline(always)]
fn encode(head: &ResponseHead, shape: Shape, signature: &Signature, out: &mut Vec<u8>) {
    let Shape { len, keep_alive, .. } = *black_box(&shape);
    let ctx = black_box(EncodeCtx::default().keep_alive(keep_alive).signature(signature));
    let _ = black_box(encode_response(head, len.into(), &ctx, out).unwrap());
}

/// Where our side has Host from; the rival has a field of it, and writes the same.
#[derive(Clone, Copy)]
enum Host {
    Field,
    Authority,
}

fn request(input: &'static str, host: Host) -> Race {
    let uri = || Uri::from_static("/v2/items/8841?expand=owner&limit=50");
    let mut head = RequestHead::new(Method::GET, uri());
    let fields = match host {
        Host::Field => &REQUEST[..],
        Host::Authority => &REQUEST[1..],
    };
    for (name, value) in fields {
        head.headers_mut().insert(name.clone(), HeaderValue::from_static(value));
    }
    let ctx = match host {
        Host::Field => RequestCtx::default(),
        Host::Authority => RequestCtx::default().authority(AUTHORITY),
    };
    let (uri, map) = (uri(), map_of(&REQUEST));

    let ours = move |out: &mut Vec<u8>| {
        let (head, ctx) = (black_box(&head), black_box(&ctx));
        let _ = black_box(encode_request(head, BodyLen::Exact(0), ctx, out).unwrap());
    };
    let rivals = move |out: &mut Vec<u8>| {
        request_as_hyper(black_box(&Method::GET), black_box(&uri), black_box(&map), out);
    };
    race(input, ours, rivals)
}

/// Both write into a buffer that has room for it, as that of a busy connection.
fn race(
    input: &'static str,
    ours: impl Fn(&mut Vec<u8>) + 'static,
    rivals: impl Fn(&mut Vec<u8>) + 'static,
) -> Race {
    let (mut out, mut rivals_out) = (Vec::new(), Vec::new());
    ours(&mut out);
    rivals(&mut rivals_out);
    // The order of the fields is each side's own.
    assert_eq!(sorted_lines(&out), sorted_lines(&rivals_out), "the same is written");
    let bytes = out.len();
    let runners = vec![runner("dunlin", ours), runner("as hyper writes it", rivals)];
    Race { group: "encoding", input, bytes, inputs: 1, runners }
}

fn runner(name: &'static str, write: impl Fn(&mut Vec<u8>) + 'static) -> Runner {
    Runner::over(name, buffers(), move |out| {
        out.clear();
        write(out);
        black_box(out);
    })
}

/// The line before a chunk, for lengths of one to five digits.
fn chunk_lines(input: &'static str) -> Race {
    const LENS: [usize; 8] = [5, 16, 200, 256, 1460, 4096, 16_384, 65_536];
    let ours = |out: &mut Vec<u8>| {
        let mut encoder = BodyEncoder::new(BodyKind::Chunked);
        for len in black_box(LENS) {
            encoder.chunk_prefix(len, out).unwrap();
        }
    };
    let rivals = |out: &mut Vec<u8>| {
        for len in black_box(LENS) {
            write!(out, "{len:x}\r\n").unwrap();
        }
    };
    let race = race(input, ours, rivals);
    Race { inputs: LENS.len(), bytes: race.bytes / LENS.len(), ..race }
}

fn sorted_lines(head: &[u8]) -> Vec<&str> {
    let mut lines: Vec<_> = str::from_utf8(head).unwrap().split("\r\n").collect();
    lines.sort_unstable();
    lines
}

fn response_as_hyper(headers: &HeaderMap, shape: Shape, out: &mut Vec<u8>) {
    let Shape { status, len, keep_alive } = *black_box(&shape);
    let status = StatusCode::from_u16(status).unwrap();
    out.reserve(30 + headers.len() * 30);
    if status == StatusCode::OK {
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
    } else {
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(status.as_str().as_bytes());
        out.extend_from_slice(b" ");
        out.extend_from_slice(status.canonical_reason().unwrap_or("<none>").as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    let (mut has_length, mut has_date) = (false, false);
    for (name, value) in headers {
        match *name {
            header::CONTENT_LENGTH | header::TRANSFER_ENCODING => has_length = true,
            header::CONNECTION | header::TRAILER => panic!("not among these fields"),
            header::DATE => has_date = true,
            _ => {}
        }
        append_field(name, value, out);
    }
    match len {
        _ if has_length => {}
        Some(len) => {
            out.extend_from_slice(b"content-length: ");
            out.extend_from_slice(itoa::Buffer::new().format(len).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        None => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
    }
    if !keep_alive {
        out.extend_from_slice(b"connection: close\r\n");
    }
    if has_date {
        out.extend_from_slice(b"\r\n");
    } else {
        out.reserve(DATE.len() + 8);
        out.extend_from_slice(b"date: ");
        out.extend_from_slice(black_box(DATE).as_bytes());
        out.extend_from_slice(b"\r\n\r\n");
    }
}

fn request_as_hyper(method: &Method, uri: &Uri, headers: &HeaderMap, out: &mut Vec<u8>) {
    /// Spares the formatter the errors of I/O.
    struct Appending<'o>(&'o mut Vec<u8>);
    impl fmt::Write for Appending<'_> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.extend_from_slice(text.as_bytes());
            Ok(())
        }
    }
    out.reserve(30 + headers.len() * 30);
    out.extend_from_slice(method.as_str().as_bytes());
    out.extend_from_slice(b" ");
    fmt::Write::write_fmt(&mut Appending(out), format_args!("{uri} ")).unwrap();
    out.extend_from_slice(b"HTTP/1.1");
    out.extend_from_slice(b"\r\n");
    for (name, value) in headers {
        append_field(name, value, out);
    }
    out.extend_from_slice(b"\r\n");
}

#[inline(always)]
fn append_field(name: &HeaderName, value: &HeaderValue, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}
