//! All that comes along, one around the other, over a socket: what each says must hold of what goes out.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dunlin_core::{Body, BoxError, IntoResponse, Request, Response};
use dunlin_server::Server;
use dunlin_web::respond::Representation;
use dunlin_web::{
    AccessLog, App, Compress, ConditionalGet, Cors, Decompress, NormalizePath, RateLimit,
    RequestIds, SecurityHeaders, Timeout, TrustedProxies,
};
use futures_util::stream::{self, StreamExt};
use http::{HeaderValue, StatusCode, header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn text() -> String {
    "dunlin ".repeat(1_000)
}

fn typed(body: impl Into<Body>) -> Response {
    let text = HeaderValue::from_static("text/plain");
    Response::new(body).with_header(header::CONTENT_TYPE, text)
}

fn handlers() -> App {
    App::new()
        .add_get("/text", async || typed(text()))
        .add_get("/part", async |req: Request| {
            let text_type = HeaderValue::from_static("text/plain");
            Representation::new(text()).hashed().content_type(text_type).respond(&req)
        })
        .add_get("/none", async || StatusCode::NO_CONTENT)
        .add_get("/panics", async || -> &'static str {
            assert!(std::hint::black_box(false), "no such luck");
            ""
        })
        .add_get("/slow", async || tokio::time::sleep(Duration::from_secs(60)).await)
        .add_get("/stream-fails", async || {
            let pieces: Vec<Result<String, BoxError>> = vec![Ok(text()), Err("gone".into())];
            typed(Body::from_stream(stream::iter(pieces)))
        })
        .add_get("/stream-panics", async || {
            let pieces = stream::iter(0..3).map(|n| {
                assert!(n < 2, "no such luck");
                Ok::<_, BoxError>(text())
            });
            typed(Body::from_stream(pieces))
        })
        .add_post("/echo", async |text: String| typed(text).into_response())
}

#[tokio::test]
async fn what_goes_out_of_all_middleware_together_is_whole_or_cut_and_logged_once() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let own = Arc::clone(&lines);
    let log = AccessLog::with(move |entry| {
        let ended = if entry.complete { "whole" } else { "cut" };
        own.lock().unwrap().push(format!("{entry} {ended}"));
    });
    let app = handlers()
        .on_error(|_| {})
        .middleware(TrustedProxies::hops(1))
        .middleware(log.format("%r %s"))
        .middleware(RequestIds::new())
        .middleware(Compress::new())
        .middleware(SecurityHeaders::new())
        .middleware(Cors::new().origin("https://app.example"))
        .middleware(NormalizePath::new())
        .middleware(RateLimit::new(1_000, Duration::from_secs(60)))
        .middleware(Timeout::new(Duration::from_millis(200)))
        .middleware(Decompress::new())
        .middleware(ConditionalGet::new());
    let server = Server::builder().bind("127.0.0.1:0").on_fault(|_| {}).start(app).await.unwrap();
    let ask = async |head: &str, fields: &str| {
        let mut stream = TcpStream::connect(server.addresses()[0]).await.unwrap();
        let head = format!(
            "{head} HTTP/1.1\r\nHost: a\r\nOrigin: https://app.example\r\nConnection: close\r\n{fields}\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer));
        read.await.expect("the server answers and closes").unwrap();
        let at = answer
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap_or_else(|| panic!("a head for {head}: {answer:?}"));
        let head = String::from_utf8(answer[..at].to_vec()).unwrap().to_lowercase();
        (head, answer[at + 4..].to_vec())
    };
    let gzip = "Accept-Encoding: gzip\r\n";
    for (line, fields, status, coding, len, ended) in [
        ("GET /text", "", 200, false, Some(7_000), "whole"),
        ("GET /text", gzip, 200, true, None, "whole"),
        ("HEAD /text", "", 200, false, Some(0), "whole"),
        ("HEAD /text", gzip, 200, true, Some(0), "whole"),
        (
            "GET /part",
            "Range: bytes=0-6\r\nAccept-Encoding: gzip\r\n",
            206,
            false,
            Some(7),
            "whole",
        ),
        ("GET /part", "Range: bytes=9000-\r\n", 416, false, None, "whole"),
        (
            "GET /part",
            "If-None-Match: *\r\nAccept-Encoding: gzip\r\n",
            304,
            false,
            Some(0),
            "whole",
        ),
        ("GET /none", gzip, 204, false, Some(0), "whole"),
        ("GET /panics", gzip, 500, false, None, "whole"),
        ("GET /slow", "", 503, false, None, "whole"),
        ("GET /missing", gzip, 404, false, None, "whole"),
        ("PUT /text", "", 405, false, None, "whole"),
        ("GET /stream-fails", "", 200, false, None, "cut"),
        ("GET /stream-fails", gzip, 200, true, None, "cut"),
        ("GET /stream-panics", "", 200, false, None, "cut"),
        ("GET /stream-panics", gzip, 200, true, None, "cut"),
    ] {
        let (head, body) = ask(line, fields).await;
        let told = format!("{line} {fields:?}: {head}");
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{told}");
        for name in [
            "x-request-id",
            "x-content-type-options",
            "ratelimit",
            "access-control-allow-origin",
            "date",
        ] {
            let count = head.lines().filter(|line| line.starts_with(&format!("{name}:"))).count();
            assert_eq!(count, 1, "{name}: {told}");
        }
        assert_eq!(head.contains("content-encoding: gzip"), coding, "{told}");
        if let Some(len) = len {
            assert_eq!(body.len(), len, "{told}");
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if let (Some(length), false) = (length, line.starts_with("HEAD") || status == 304) {
            assert_eq!(length.parse::<usize>().unwrap(), body.len(), "{told}");
        }
        if head.contains("transfer-encoding: chunked") && !line.starts_with("HEAD") {
            assert_eq!(body.ends_with(b"0\r\n\r\n"), ended == "whole", "{told}");
        }
        // The line is written where the answer ends.
        let mut logged = Vec::new();
        for _ in 0..200 {
            logged = std::mem::take(&mut *lines.lock().unwrap());
            if !logged.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(logged, [format!("{line} HTTP/1.1 {status} {ended}")], "{told}");
    }
    let fields =
        "Content-Type: text/plain\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello";
    let (head, _) = ask("POST /echo", fields).await;
    assert!(head.starts_with("http/1.1 400 "), "{head}");
    for _ in 0..200 {
        if server.connections() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(server.connections(), 0, "nobody is left");
    assert_eq!(server.shutdown().await.unwrap(), dunlin_server::Ended::default());
}
