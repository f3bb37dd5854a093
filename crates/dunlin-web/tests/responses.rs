//! What leaves over the wire: framing, lengths, cookies, streams.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dunlin_core::{Body, BoxError, IntoResponse, Response};
use dunlin_server::Server;
use dunlin_web::respond::{self, ResponseExt, SetCookie};
use dunlin_web::{App, Result};
use futures_util::stream;
use http::header::{CONTENT_LENGTH, DATE, SERVER, TRANSFER_ENCODING};
use http::{HeaderValue, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn pieces() -> impl futures_util::Stream<Item = Result<&'static str, BoxError>> + Send {
    stream::iter(["one", "two"].map(Ok))
}

fn value(text: &'static str) -> HeaderValue {
    HeaderValue::from_static(text)
}

fn app() -> App {
    App::new()
        .add_get("/text", || async { "text" })
        .add_get("/bare", || async { Response::new("bare") })
        .add_get("/mine", || async {
            "mine".into_response().with_header(DATE, value("then")).with_header(SERVER, value("me"))
        })
        .add_get("/stream", || async { respond::stream(pieces()) })
        .add_get("/len", || async { respond::stream_with_len(6, pieces()) })
        .add_get("/short", || async { respond::stream_with_len(9, pieces()) })
        .add_get("/over", || async { respond::stream_with_len(4, pieces()) })
        .add_get("/wrong", || async {
            "text".into_response().with_header(CONTENT_LENGTH, value("9"))
        })
        .add_get("/chunked", || async {
            "text".into_response().with_header(TRANSFER_ENCODING, value("chunked"))
        })
        .add_get("/204", || async { (StatusCode::NO_CONTENT, "dropped") })
        .add_get("/304", || async { (StatusCode::NOT_MODIFIED, "dropped") })
        .add_get("/cookies", cookies)
}

async fn cookies() -> Result {
    Ok(Response::new("")
        .with_cookie(&SetCookie::new("a", "1"))?
        .with_cookie(&SetCookie::new("b", "2").http_only())?
        .with_cookie(&SetCookie::remove("a"))?)
}

/// The answer to one request on a connection of its own, and the faults that the server told.
async fn ask(line: &str) -> (String, Vec<String>) {
    let faults = Arc::new(Mutex::new(Vec::new()));
    let told = faults.clone();
    let builder =
        Server::builder().on_fault(move |fault| told.lock().unwrap().push(fault.to_string()));
    let server = builder.bind("127.0.0.1:0").start(app()).await.unwrap();
    let mut socket = tokio::net::TcpStream::connect(server.addresses()[0]).await.unwrap();
    let wire = format!("{line}\r\nHost: a\r\nConnection: close\r\n\r\n");
    socket.write_all(wire.as_bytes()).await.unwrap();
    let mut got = Vec::new();
    let read = socket.read_to_end(&mut got);
    tokio::time::timeout(Duration::from_secs(60), read).await.unwrap().unwrap();
    drop(socket);
    server.shutdown().await.unwrap();
    let faults = faults.lock().unwrap().clone();
    (String::from_utf8(got).unwrap(), faults)
}

async fn get(path: &str) -> String {
    ask(&format!("GET {path} HTTP/1.1")).await.0
}

#[tokio::test]
async fn date_and_server_are_there_and_the_programs_own_win() {
    let got = get("/text").await;
    assert!(got.contains("\r\nserver: dunlin\r\n") && got.contains("\r\ndate: "), "{got}");
    assert!(got.contains("content-type: text/plain; charset=utf-8\r\n"), "{got}");
    assert!(
        !get("/bare").await.contains("content-type"),
        "a body of one's own says its type itself"
    );
    let got = get("/mine").await;
    assert!(got.contains("date: then\r\n") && got.contains("server: me\r\n"), "{got}");
    assert_eq!((got.matches("date:").count(), got.matches("server:").count()), (1, 1));
}

#[tokio::test]
async fn a_body_without_length_is_chunked_or_ends_with_the_connection() {
    let got = get("/stream").await;
    assert!(got.contains("transfer-encoding: chunked\r\n"), "{got}");
    assert!(got.ends_with("3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"), "{got}");
    let (got, _) = ask("GET /stream HTTP/1.0").await;
    assert!(!got.contains("transfer-encoding") && got.ends_with("\r\n\r\nonetwo"), "{got}");
    let got = get("/chunked").await;
    assert!(got.contains("content-length: 4\r\n") && !got.contains("transfer-encoding"), "{got}");
}

#[tokio::test]
async fn a_declared_length_is_kept_or_the_connection_is_cut() {
    let got = get("/len").await;
    assert!(got.contains("content-length: 6\r\n") && got.ends_with("\r\n\r\nonetwo"), "{got}");
    let (got, faults) = ask("GET /short HTTP/1.1").await;
    assert!(got.contains("content-length: 9\r\n") && got.ends_with("onetwo"), "{got}");
    assert!(faults[0].contains("3 bytes before its declared length"), "{faults:?}");
    let (got, faults) = ask("GET /over HTTP/1.1").await;
    assert!(got.ends_with("\r\n\r\none"), "nothing beyond the length: {got}");
    assert!(faults[0].contains("longer than its declared length"), "{faults:?}");
}

#[tokio::test]
async fn a_length_that_is_not_the_bodys_is_never_sent() {
    let (got, faults) = ask("GET /wrong HTTP/1.1").await;
    assert!(got.starts_with("HTTP/1.1 500 ") && !got.contains("content-length: 9"), "{got}");
    assert_eq!(faults.len(), 1);
}

#[tokio::test]
async fn what_has_no_body_gets_none() {
    for path in ["/204", "/304"] {
        let got = get(path).await;
        assert!(got.ends_with("\r\n\r\n") && !got.contains("transfer-encoding"), "{got}");
    }
    assert!(!get("/204").await.contains("content-length"));
    let (got, _) = ask("HEAD /len HTTP/1.1").await;
    assert!(got.contains("content-length: 6\r\n") && got.ends_with("\r\n\r\n"), "{got}");
}

#[tokio::test]
async fn cookies_go_out_one_a_line_and_the_last_of_a_name_stands() {
    let got = get("/cookies").await;
    assert_eq!(got.matches("set-cookie: ").count(), 2, "{got}");
    assert!(got.contains("set-cookie: b=2; Path=/; HttpOnly\r\n"), "{got}");
    let removed = "set-cookie: a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0\r\n";
    assert!(got.contains(removed), "{got}");
}

#[tokio::test]
async fn a_stream_is_asked_for_no_more_than_the_client_reads() {
    let asked = Arc::new(Mutex::new(0u64));
    let count = asked.clone();
    let endless = move || {
        let count = count.clone();
        async move {
            Body::from_stream(stream::repeat_with(move || {
                *count.lock().unwrap() += 1;
                Ok::<_, BoxError>(vec![0u8; 64 * 1024])
            }))
        }
    };
    let app = App::new().add_get("/", endless);
    let server = Server::builder().bind("127.0.0.1:0").start(app).await.unwrap();
    let mut socket = tokio::net::TcpStream::connect(server.addresses()[0]).await.unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut head = [0; 16];
    socket.read_exact(&mut head).await.unwrap();
    // The sockets' buffers fill up, and then nothing moves any more.
    let mut before = u64::MAX;
    while before != *asked.lock().unwrap() {
        before = *asked.lock().unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert!(before * 64 * 1024 < 64 * 1024 * 1024, "{before} pieces");
    drop(socket);
    server.shutdown().await.unwrap();
}
