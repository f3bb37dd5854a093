//! The codec against httparse, and against what a server makes of httparse's output.
//!
//! `cargo bench -p dunlin-benches --bench codec`

use std::hint::black_box;
use std::mem::MaybeUninit;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dunlin_codec::{
    BodyDecoder, BodyEncoder, BodyEvent, BodyKind, BodyLen, EncodeCtx, Framing, HeadDecoder,
    Limits, RequestParser, Signature, encode_response,
};
use dunlin_core::ResponseHead;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Uri};

/// A load generator's request.
const SHORT: &str = "GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

/// A browser's request.
const BROWSER: &str = "\
GET /articles/2026/11/zero-copy?ref=feed&page=2 HTTP/1.1\r\n\
Host: www.example.com\r\n\
Connection: keep-alive\r\n\
Cache-Control: max-age=0\r\n\
Upgrade-Insecure-Requests: 1\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36\r\n\
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
Sec-Fetch-Site: same-origin\r\n\
Sec-Fetch-Mode: navigate\r\n\
Sec-Fetch-Dest: document\r\n\
Referer: https://www.example.com/articles\r\n\
Accept-Encoding: gzip, deflate, br, zstd\r\n\
Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
Cookie: session=4f1c2a9b7e3d; theme=dark; consent=necessary\r\n\r\n";

/// Bytes to borrowed parts.
fn heads_borrowed(c: &mut Criterion) {
    for (name, head) in [("short", SHORT), ("browser", BROWSER)] {
        let mut group = c.benchmark_group(format!("head borrowed/{name}"));
        group.throughput(Throughput::Bytes(head.len() as u64));
        let limits = Limits::default();
        let mut fields = Vec::with_capacity(64);
        group.bench_function("dunlin", |b| {
            b.iter(|| {
                fields.clear();
                let mut input = black_box(head.as_bytes());
                RequestParser::new().parse(&mut input, &limits, &mut fields).unwrap().is_some()
            });
        });
        group.bench_function("httparse", |b| {
            b.iter(|| {
                let mut headers = [MaybeUninit::uninit(); 64];
                let mut request = httparse::Request::new(&mut []);
                request
                    .parse_with_uninit_headers(black_box(head.as_bytes()), &mut headers)
                    .unwrap()
                    .is_complete()
            });
        });
        group.finish();
    }
}

/// Bytes to a head that outlives its buffer; the rival is how a server makes `http` types of
/// httparse's output.
fn heads_owned(c: &mut Criterion) {
    for (name, head) in [("short", SHORT), ("browser", BROWSER)] {
        let mut group = c.benchmark_group(format!("head owned/{name}"));
        group.throughput(Throughput::Bytes(head.len() as u64));
        let limits = Limits::default();
        let mut decoder = HeadDecoder::new();
        group.bench_function("dunlin", |b| {
            b.iter(|| {
                let mut input = black_box(head.as_bytes());
                decoder.decode(&mut input, &limits).unwrap().unwrap()
            });
        });
        group.bench_function("httparse to http types", |b| {
            b.iter(|| {
                let mut headers = [MaybeUninit::uninit(); 64];
                let mut request = httparse::Request::new(&mut []);
                request
                    .parse_with_uninit_headers(black_box(head.as_bytes()), &mut headers)
                    .unwrap();
                let mut map = HeaderMap::with_capacity(request.headers.len());
                for header in &*request.headers {
                    let name = HeaderName::from_bytes(header.name.as_bytes()).unwrap();
                    map.append(name, HeaderValue::from_bytes(header.value).unwrap());
                }
                (request.path.unwrap().parse::<Uri>().unwrap(), map)
            });
        });
        group.finish();
    }
}

fn encoding(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode");
    let mut head = ResponseHead::default();
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    let signature = Signature::new(b"dunlin");
    let ctx = EncodeCtx::default().keep_alive(true).signature(&signature);
    let mut out = Vec::with_capacity(4096);
    group.bench_function("response head", |b| {
        b.iter(|| {
            out.clear();
            encode_response(black_box(&head), BodyLen::Exact(13), &ctx, &mut out).unwrap()
        });
    });
    let chunk = [b'x'; 256];
    group.bench_function("chunk of 256 bytes", |b| {
        b.iter(|| {
            out.clear();
            BodyEncoder::new(BodyKind::Chunked).data(black_box(&chunk), &mut out).unwrap();
        });
    });
    group.finish();
}

fn chunked_bodies(c: &mut Criterion) {
    let mut wire = Vec::new();
    let mut encoder = BodyEncoder::new(BodyKind::Chunked);
    for _ in 0..64 {
        encoder.data(&[b'x'; 256], &mut wire).unwrap();
    }
    encoder.finish([], &mut wire).unwrap();
    let mut group = c.benchmark_group("chunked body");
    group.throughput(Throughput::Bytes(wire.len() as u64));
    group.bench_function("64 chunks of 256 bytes", |b| {
        b.iter(|| {
            let mut input = black_box(&wire[..]);
            let mut decoder = BodyDecoder::new(Framing::Chunked, &Limits::default());
            let mut bytes = 0;
            while let Some(event) = decoder.decode(&mut input).unwrap() {
                match event {
                    BodyEvent::Data(data) => bytes += data.len(),
                    BodyEvent::Trailers(_) => {}
                    BodyEvent::End => break,
                }
            }
            assert_eq!(bytes, 64 * 256);
        });
    });
    group.finish();
}

criterion_group!(benches, heads_borrowed, heads_owned, encoding, chunked_bodies);
criterion_main!(benches);
