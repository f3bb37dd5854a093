//! Content codings on the wire: taken off responses, put on requests, and bombs.
#![cfg(feature = "compress")]
#![allow(missing_docs)]

mod util;

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use dunlin_client::{Client, Coding, Error, RequestBody};
use dunlin_core::Body;
use util::{Server, field, target};

const ALL: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn coded(coding: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Sends this body in this coding to everybody.
async fn sending(coding: &'static str, body: Vec<u8>) -> Server {
    Server::answering(move |_, _| coded(coding, &body)).await
}

/// Sends a request's body back as it came, in its coding.
async fn mirror() -> Server {
    Server::answering(|head, body| {
        coded(field(head, "content-encoding").unwrap_or("identity"), body)
    })
    .await
}

async fn text(client: &Client, server: &Server) -> Result<String, Error> {
    client.get(server.url("/")).send().await?.text().await
}

fn birds() -> String {
    "dunlin, knot, sanderling; ".repeat(4_000)
}

#[tokio::test]
async fn what_a_request_is_compressed_to_is_what_a_response_is_decoded_from() {
    let server = mirror().await;
    let client = Client::new();
    for coding in ALL {
        let request = client.post(server.url("/")).body(birds()).compress(coding);
        let response = request.send().await.unwrap();
        assert_eq!(response.header("content-encoding"), Some(coding.name()), "as it came");
        let sent: usize = response.header("content-length").unwrap().parse().unwrap();
        assert!(sent < birds().len() / 20, "{coding:?} made {sent} bytes");
        assert_eq!(response.content_length(), None, "of the decoded body");
        assert_eq!(response.text().await.unwrap(), birds());
        let raw = client.post(server.url("/")).body(birds()).compress(coding).decompress(false);
        let raw = raw.send().await.unwrap();
        assert_eq!(raw.content_length(), Some(sent as u64));
        assert_eq!(raw.bytes().await.unwrap().len(), sent);
    }
}

#[tokio::test]
async fn a_stream_is_compressed_as_it_goes() {
    let server = Server::start(|mut conn| async move {
        let head = conn.head().await.unwrap();
        assert_eq!(field(&head, "transfer-encoding"), Some("chunked"));
        assert_eq!(field(&head, "content-length"), None);
        let mut sent = format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: {}\r\n\r\n",
            field(&head, "content-encoding").unwrap()
        )
        .into_bytes();
        sent.extend(conn.until(b"\r\n0\r\n\r\n").await.unwrap());
        conn.send(&sent).await.unwrap();
    })
    .await;
    for coding in ALL {
        let pieces =
            || ["dunlin", " ", "knot"].map(|piece| Ok::<_, std::io::Error>(Bytes::from(piece)));
        let body = move || Body::from_stream(futures_util::stream::iter(pieces()));
        for body in [RequestBody::from(body()), RequestBody::replayable(body)] {
            let request = Client::new().post(server.url("/")).header("content-length", "11");
            let response = request.body(body).compress(coding).send().await.unwrap();
            assert_eq!(response.text().await.unwrap(), "dunlin knot", "{coding:?}");
        }
    }
}

#[tokio::test]
async fn an_empty_body_is_not_compressed_and_a_compressed_one_not_twice() {
    let server = mirror().await;
    let request = Client::new().post(server.url("/")).compress(Coding::Gzip);
    let response = request.send().await.unwrap();
    assert_eq!(response.header("content-encoding"), Some("identity"));
    let twice = Client::new().post(server.url("/")).header("content-encoding", "br").body("x");
    let error = twice.compress(Coding::Gzip).send().await.unwrap_err();
    assert!(error.is_request() && error.to_string().contains("twice"), "{error}");
}

#[tokio::test]
async fn codings_are_known_in_any_case_and_one_upon_another() {
    let client = Client::new();
    for (coding, body) in [
        ("GZip", gzip(b"birds")),
        ("x-gzip", gzip(b"birds")),
        ("gzip, gzip", gzip(&gzip(b"birds"))),
        ("identity", b"birds".to_vec()),
        ("klingon", b"birds".to_vec()),
        ("gzip, klingon", b"birds".to_vec()),
    ] {
        assert_eq!(text(&client, &sending(coding, body).await).await.unwrap(), "birds", "{coding}");
    }
}

#[tokio::test]
async fn deflate_is_read_with_and_without_its_wrapping() {
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(b"birds").unwrap();
    let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    raw.write_all(b"birds").unwrap();
    for body in [zlib.finish().unwrap(), raw.finish().unwrap()] {
        let server = sending("deflate", body).await;
        assert_eq!(text(&Client::new(), &server).await.unwrap(), "birds");
    }
}

#[tokio::test]
async fn a_coded_body_that_breaks_off_or_is_wrong_is_an_error_and_an_empty_one_is_none() {
    let client = Client::new();
    let whole = gzip(birds().as_bytes());
    for body in [&whole[..whole.len() - 1], &whole[..20], b"no such thing"] {
        // The framing is whole: only the coding tells.
        let error = text(&client, &sending("gzip", body.to_vec()).await).await.unwrap_err();
        assert!(error.is_body() && error.to_string().contains("gzip"), "{error}");
    }
    assert_eq!(text(&client, &sending("gzip", Vec::new()).await).await.unwrap(), "");
    let server = sending("gzip", whole).await;
    let head = client.request(http::Method::HEAD, server.url("/"));
    // The server here sends a body with HEAD too, on a connection that is then of no more use.
    assert_eq!(head.send().await.unwrap().bytes().await.unwrap(), "");
}

#[tokio::test]
async fn a_bomb_is_defused_by_ratio_and_by_length() {
    let zeros = vec![0; 9 << 17];
    let bomb = gzip(&gzip(&zeros));
    assert!(bomb.len() < 1_000);
    let server = sending("gzip, gzip", bomb).await;
    let client = Client::new();
    let error = text(&client, &server).await.map(|text| text.len()).unwrap_err();
    assert!(error.is_body() && error.to_string().contains("1100"), "{error}");
    let get = || client.get(server.url("/"));
    let response = get().max_ratio(None).send().await.unwrap();
    assert_eq!(response.bytes().await.unwrap().len(), zeros.len());
    let response = get().max_ratio(None).max_body(1 << 20).send().await.unwrap();
    let error = response.bytes().await.unwrap_err();
    assert!(error.to_string().contains("limit of 1048576 bytes"), "{error}");
    let strict = Client::builder().max_ratio(10).build().unwrap();
    let server = sending("gzip", gzip(&zeros)).await;
    assert!(text(&strict, &server).await.unwrap_err().to_string().contains("more than 10 times"));
}

#[tokio::test]
async fn what_has_been_sent_is_decoded_before_there_is_more() {
    let server = Server::start(|mut conn| async move {
        let head = conn.request().await.unwrap().0;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n").await.unwrap();
        for line in ["one\n", "two\n"] {
            encoder.write_all(line.as_bytes()).unwrap();
            encoder.flush().unwrap();
            conn.send(&std::mem::take(encoder.get_mut())).await.unwrap();
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
        assert_eq!(target(&head), "/");
        conn.send(&encoder.finish().unwrap()).await.unwrap();
    })
    .await;
    let start = std::time::Instant::now();
    let mut lines = Client::new().get(server.url("/")).send().await.unwrap().lines();
    assert_eq!(lines.next().await.unwrap().unwrap(), "one");
    assert!(start.elapsed() < Duration::from_millis(60));
    assert_eq!(lines.next().await.unwrap().unwrap(), "two");
    assert_eq!(lines.next().await.unwrap(), None);
}

#[tokio::test]
async fn a_body_is_compressed_whenever_it_is_set() {
    let server = mirror().await;
    let text = "dunlin ".repeat(500);
    let post = || Client::new().post(server.url("/"));
    for request in [
        post().compress(Coding::Gzip).body(text.clone()),
        post().body("other").compress(Coding::Brotli).body(text.clone()),
        post().compress(Coding::Brotli).body(text.clone()).compress(Coding::Zstd),
    ] {
        let response = request.send().await.unwrap();
        assert_ne!(response.header("content-encoding"), Some("identity"));
        let sent: usize = response.header("content-length").unwrap().parse().unwrap();
        assert!(sent < 500);
        assert_eq!(response.text().await.unwrap(), text);
    }
}
