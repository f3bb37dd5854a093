use std::sync::{Arc, Mutex};
use std::time::Duration;

use dunlin_core::{Body, BoxError, IntoResponse, Request, Service};
use dunlin_server::Server;
use dunlin_web::{AccessLog, App, BuiltApp, RequestIds};
use futures_util::stream;
use http::{HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::{build, request, send, with_field};

type Lines = Arc<Mutex<Vec<String>>>;

fn log(format: &str) -> (AccessLog, Lines) {
    let lines = Lines::default();
    let own = Arc::clone(&lines);
    let log = AccessLog::with(move |entry| {
        own.lock()
            .unwrap()
            .push(format!("{entry} {}", if entry.complete { "whole" } else { "cut" }));
    });
    (log.format(format), lines)
}

fn app(log: AccessLog) -> App {
    let tagged = || async {
        "hello"
            .into_response()
            .with_header(HeaderName::from_static("x-a"), HeaderValue::from_static("b"))
    };
    let pieces =
        |pieces: Vec<Result<&'static str, BoxError>>| Body::from_stream(stream::iter(pieces));
    App::new()
        .middleware(log)
        .add_get("/", tagged)
        .add_get("/stream", move || async move { pieces(vec![Ok("one"), Ok("three")]) })
        .add_get("/fails", move || async move { pieces(vec![Ok("one"), Err("gone".into())]) })
        .add_get("/endless", || async {
            Body::from_stream(stream::repeat_with(|| Ok::<_, BoxError>(vec![b'x'; 64 * 1024])))
        })
        .add_get("/panics", || async { panic!("oh") as () })
        .add_get("/slow", || async { std::future::pending::<()>().await })
}

async fn eventually(lines: &Lines, count: usize) -> Vec<String> {
    for _ in 0..1_000 {
        if lines.lock().unwrap().len() >= count {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    lines.lock().unwrap().clone()
}

fn taken(lines: &Lines) -> Vec<String> {
    std::mem::take(&mut *lines.lock().unwrap())
}

async fn read(app: &BuiltApp, req: Request) {
    let _ = app.call(req).await.into_body().bytes().await;
}

#[tokio::test]
async fn a_line_is_written_once_the_answer_is_over_with_what_became_of_it() {
    let (log, lines) = log("%r %s %b %{X-A}o");
    let app = build(app(log));
    for (method, target, want) in [
        ("GET", "/", "GET / HTTP/1.1 200 5 b whole"),
        ("HEAD", "/", "HEAD / HTTP/1.1 200 0 b whole"),
        ("GET", "/stream?q", "GET /stream?q HTTP/1.1 200 8 - whole"),
        ("GET", "/fails", "GET /fails HTTP/1.1 200 3 - cut"),
        ("GET", "/none", "GET /none HTTP/1.1 404 15 - whole"),
        ("PUT", "/", "PUT / HTTP/1.1 405 24 - whole"),
        ("GET", "/panics", "GET /panics HTTP/1.1 500 27 - whole"),
    ] {
        read(&app, request(method, target)).await;
        assert_eq!(taken(&lines), [want]);
    }
    // Not before the end.
    let mut response = send(&app, "GET", "/stream").await;
    response.body_mut().chunk().await.unwrap().unwrap();
    assert_eq!(taken(&lines), [""; 0]);
    drop(response);
    assert_eq!(taken(&lines), ["GET /stream HTTP/1.1 200 3 - cut"]);
    // A client that goes while the handler runs.
    let slow = tokio::time::timeout(Duration::from_millis(10), send(&app, "GET", "/slow")).await;
    assert!(slow.is_err());
    assert_eq!(taken(&lines), ["GET /slow HTTP/1.1 499 0 - cut"]);
}

#[tokio::test]
async fn a_log_that_panics_harms_no_answer() {
    let app = build(app(AccessLog::with(|_| panic!("no log"))));
    for (target, text) in [("/", "hello"), ("/stream", "onethree")] {
        let response = send(&app, "GET", target).await;
        assert_eq!(response.into_body().text().await.unwrap(), text);
    }
}

#[tokio::test]
async fn what_a_peer_sends_forges_no_line() {
    let (log, lines) = log("%r \"%{User-Agent}i\" %a");
    let app = build(app(log));
    let evil = with_field(request("GET", "/"), "user-agent", "x\" 200 \\ \u{85}\u{202e}\tevil");
    read(&app, evil).await;
    let want = r#"GET / HTTP/1.1 "x\" 200 \\ \xc2\x85\xe2\x80\xae\x09evil" - whole"#;
    assert_eq!(taken(&lines), [want]);
}

#[tokio::test]
async fn some_requests_have_no_line_and_ids_are_in_json() {
    let (log, lines) = log("");
    let log = log.json().skip(|head| head.path() == "/stream");
    let app = build(app(log).middleware(RequestIds::new()));
    read(&app, request("GET", "/stream")).await;
    read(&app, with_field(request("GET", "/"), "x-request-id", "id-7")).await;
    let lines = taken(&lines);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains(r#""request_id":"id-7","status":200,"bytes":5"#), "{}", lines[0]);
}

#[tokio::test]
async fn over_a_socket_bytes_are_those_that_went_out_and_a_client_that_goes_is_told() {
    let (log, lines) = log("%a %r %s");
    let server = Server::builder().bind("127.0.0.1:0").start(app(log)).await.unwrap();
    let mut io = TcpStream::connect(server.addresses()[0]).await.unwrap();
    io.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    io.read_to_end(&mut Vec::new()).await.unwrap();
    drop(io);
    let want = ["127.0.0.1 GET / HTTP/1.1 200 whole", "127.0.0.1 GET /stream HTTP/1.1 200 whole"];
    assert_eq!(eventually(&lines, 2).await, want);
    taken(&lines);
    let mut io = TcpStream::connect(server.addresses()[0]).await.unwrap();
    io.write_all(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    io.read_exact(&mut [0; 1_000]).await.unwrap();
    assert_eq!(taken(&lines), [""; 0]);
    drop(io);
    assert_eq!(eventually(&lines, 1).await, ["127.0.0.1 GET /endless HTTP/1.1 200 cut"]);
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn functions_are_told_the_pattern_for_metrics() {
    let told = Lines::default();
    let own = Arc::clone(&told);
    let log = AccessLog::with(move |entry| own.lock().unwrap().push(entry.pattern.to_owned()));
    let inner = App::new().add_get("/{id}", || async { "found" });
    let app = build(App::new().middleware(log).nest("/notes", inner));
    read(&app, request("GET", "/notes/7")).await;
    read(&app, request("GET", "/none")).await;
    assert_eq!(taken(&told), ["/notes/{id}", ""]);
}

/// What nobody may read: the kernel sends the file in its place.
struct Unread(u64);

impl http_body::Body for Unread {
    type Data = bytes::Bytes;
    type Error = dunlin_core::BodyError;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
        panic!("the file was read, and not sent by the kernel");
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.0)
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_is_sent_by_the_kernel_and_counted_all_the_same() {
    use std::io::{Seek, Write};

    const LEN: u64 = 64 * 1024 * 1024;
    let (outer, lines) = log("%s %b");
    let (inner, inner_lines) = log("%b");
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"0123456789").unwrap();
    file.set_len(LEN).unwrap();
    file.rewind().unwrap();
    let file = Arc::new(file);
    let part = move |offset, len| {
        let file = Arc::clone(&file);
        move || {
            let region = dunlin_core::FileRegion::new(Arc::clone(&file), offset, len);
            async move { Body::from_file(region, Unread(len)) }
        }
    };
    let app = App::new()
        .middleware(outer)
        .middleware(inner)
        .add_get("/part", part(3, 5))
        .add_get("/none", part(9, 0))
        .add_get("/all", part(0, LEN));
    let server = Server::builder()
        .bind("127.0.0.1:0")
        .shutdown_timeout(Duration::from_secs(1))
        .on_fault(|_| {})
        .start(app)
        .await
        .unwrap();
    let dial = async |path: &str| {
        let mut stream = TcpStream::connect(server.addresses()[0]).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    };
    let mut answer = String::new();
    dial("/part").await.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("\r\n\r\n34567"), "{answer}");
    dial("/none").await.read_to_string(&mut answer).await.unwrap();
    let mut all = Vec::new();
    dial("/all").await.read_to_end(&mut all).await.unwrap();
    assert!(all.len() as u64 > LEN && all.len() as u64 <= LEN + 1024);
    assert_eq!(
        lines.lock().unwrap().drain(..).collect::<Vec<_>>(),
        ["200 5 whole".to_owned(), "200 0 whole".to_owned(), format!("200 {LEN} whole"),]
    );
    assert_eq!(inner_lines.lock().unwrap().len(), 3);
    // A client that goes after some of it.
    let mut stream = dial("/all").await;
    stream.read_exact(&mut [0; 100_000]).await.unwrap();
    drop(stream);
    server.shutdown().await.unwrap();
    let cut = lines.lock().unwrap().pop().unwrap();
    let sent: u64 =
        cut.strip_prefix("200 ").and_then(|l| l.strip_suffix(" cut")).unwrap().parse().unwrap();
    assert!((90_000..LEN).contains(&sent), "{sent}");
    assert_eq!(inner_lines.lock().unwrap().pop(), Some(format!("{sent} cut")));
}
