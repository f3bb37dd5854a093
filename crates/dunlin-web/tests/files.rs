//! `respond::file` and `Representation`, called as a service and over real sockets.
#![cfg(feature = "files")]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use common::{build, field, request, shown, with_field};
use dunlin_core::{Request, Response, Service};
use dunlin_web::respond::{self, Representation};
use dunlin_web::{App, BuiltApp, ConditionalGet, ETag, Result};
use http::{HeaderValue, StatusCode};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A folder with files whose time is long past, so that their tags are strong.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        write(&folder.path().join(name), content);
    }
    folder
}

fn write(path: &Path, content: &[u8]) {
    std::fs::write(path, content).unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(1000);
    std::fs::File::options().write(true).open(path).unwrap().set_modified(long_ago).unwrap();
}

/// An app that answers every path below `/` with the file of that name, dots and all.
fn app(folder: &TempDir) -> BuiltApp {
    let root: Arc<PathBuf> = Arc::new(folder.path().to_owned());
    build(App::new().add_any("/{name:.*}", move |req: Request| {
        let path = root.join(&*req.param("name").unwrap());
        async move { respond::file(&req, path).await }
    }))
}

async fn ask(app: &BuiltApp, method: &str, target: &str, fields: &[(&str, &str)]) -> Response {
    let req = request(method, target);
    app.call(fields.iter().fold(req, |req, (name, value)| with_field(req, name, value))).await
}

fn large() -> Vec<u8> {
    (0..300_000u32).map(|i| (i / 7) as u8).collect()
}

#[tokio::test]
async fn a_file_comes_with_type_length_and_validators() {
    let folder = folder(&[("a.txt", b"hello\n"), ("b.bin", &large())]);
    let app = app(&folder);
    let response = ask(&app, "GET", "/a.txt", &[]).await;
    assert_eq!(field(&response, "content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(field(&response, "accept-ranges"), Some("bytes"));
    assert!(field(&response, "last-modified").unwrap().ends_with(" GMT"));
    assert!(field(&response, "etag").unwrap().starts_with('"'));
    assert!(!response.headers().contains("vary"));
    assert_eq!(shown(response).await, "200 hello");
    let response = ask(&app, "GET", "/b.bin", &[]).await;
    assert_eq!(response.body().exact_len(), Some(300_000));
    assert!(response.body().file_region().is_some(), "the kernel may send it");
    assert!(response.into_body().bytes().await.unwrap() == large());
}

#[tokio::test]
async fn preconditions_are_answered_by_tag_and_by_date() {
    let folder = folder(&[("a.txt", b"hello\n")]);
    let app = app(&folder);
    let first = ask(&app, "GET", "/a.txt", &[]).await;
    let (tag, date) = (field(&first, "etag").unwrap(), field(&first, "last-modified").unwrap());
    for (name, value, want) in [
        ("if-none-match", tag, 304),
        ("if-none-match", "\"other\"", 200),
        ("if-modified-since", date, 304),
        ("if-match", tag, 200),
        ("if-match", "\"other\"", 412),
        ("if-unmodified-since", date, 200),
        ("if-unmodified-since", "Sun, 09 Sep 2001 01:46:40 GMT", 412),
    ] {
        for method in ["GET", "HEAD"] {
            let response = ask(&app, method, "/a.txt", &[(name, value)]).await;
            assert_eq!(response.status(), want, "{method} {name}: {value}");
            if want == 304 {
                assert_eq!(field(&response, "etag"), Some(tag));
                assert_eq!(field(&response, "last-modified"), Some(date));
                assert!(response.body().is_empty() && !response.headers().contains("content-type"));
            }
        }
    }
    let range = [("range", "bytes=0-1"), ("if-range", tag)];
    assert_eq!(shown(ask(&app, "GET", "/a.txt", &range).await).await, "206 he");
    let range = [("range", "bytes=0-1"), ("if-range", date)];
    assert_eq!(shown(ask(&app, "GET", "/a.txt", &range).await).await, "206 he");
    // The file changes: what the client has a part of is no more.
    write(&folder.path().join("a.txt"), b"HELLO\n");
    let range = [("range", "bytes=0-1"), ("if-range", tag)];
    assert_eq!(shown(ask(&app, "GET", "/a.txt", &range).await).await, "200 HELLO");
}

#[tokio::test]
async fn ranges_of_a_file_come_single_and_several() {
    let folder = folder(&[("b.bin", &large())]);
    let app = app(&folder);
    let response = ask(&app, "GET", "/b.bin", &[("range", "bytes=100000-199999")]).await;
    assert_eq!(field(&response, "content-range"), Some("bytes 100000-199999/300000"));
    assert!(response.into_body().bytes().await.unwrap() == large()[100_000..200_000]);
    let response = ask(&app, "GET", "/b.bin", &[("range", "bytes=-3,0-2")]).await;
    let media = field(&response, "content-type").unwrap().to_owned();
    let boundary = media.strip_prefix("multipart/byteranges; boundary=").unwrap().to_owned();
    let declared = response.body().exact_len().unwrap();
    let body = response.into_body().bytes().await.unwrap();
    assert_eq!(declared, body.len() as u64);
    let parts = body.windows(boundary.len()).filter(|window| *window == boundary.as_bytes());
    assert_eq!(parts.count(), 3);
    assert!(body.windows(3).any(|window| *window == large()[299_997..]));
    let response = ask(&app, "GET", "/b.bin", &[("range", "bytes=300000-")]).await;
    assert_eq!(response.status(), 416);
    assert_eq!(field(&response, "content-range"), Some("bytes */300000"));
    let response = ask(&app, "GET", "/b.bin", &[("range", "bytes=x")]).await;
    assert_eq!(response.status(), 416);
    let response = ask(&app, "HEAD", "/b.bin", &[("range", "bytes=0-1")]).await;
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn siblings_go_to_those_who_rate_them_and_have_tags_of_their_own() {
    let folder = folder(&[
        ("a.js", b"plain"),
        ("a.js.gz", b"gz"),
        ("a.js.br", b"br"),
        ("a.js.zst", b"zst"),
        ("b.js", b"only"),
    ]);
    let app = app(&folder);
    let mut tags = Vec::new();
    for (accept, coding, text) in [
        ("gzip", Some("gzip"), "gz"),
        ("gzip, br, zstd", Some("br"), "br"),
        ("gzip;q=0.5, zstd;q=0.9, br;q=0", Some("zstd"), "zst"),
        ("identity", None, "plain"),
        ("*;q=0", None, "plain"),
    ] {
        let response = ask(&app, "GET", "/a.js", &[("accept-encoding", accept)]).await;
        assert_eq!(field(&response, "content-encoding"), coding, "{accept}");
        assert_eq!(field(&response, "vary"), Some("accept-encoding"), "{accept}");
        assert_eq!(field(&response, "content-type"), Some("text/javascript; charset=utf-8"));
        tags.push(field(&response, "etag").unwrap().to_owned());
        assert_eq!(shown(response).await, format!("200 {text}"));
    }
    tags.dedup();
    assert_eq!(tags.len(), 4);
    let response = ask(&app, "GET", "/b.js", &[("accept-encoding", "gzip")]).await;
    assert!(!response.headers().contains("vary"));
    assert_eq!(shown(response).await, "200 only");
    // One that is asked for by its own name is served as what it is.
    let response = ask(&app, "GET", "/a.js.gz", &[("accept-encoding", "gzip, br")]).await;
    assert_eq!(field(&response, "content-type"), Some("application/gzip"));
    assert!(!response.headers().contains("content-encoding"));
}

#[cfg(unix)]
#[tokio::test]
async fn a_sibling_that_is_a_link_is_never_sent() {
    let folder = folder(&[("a.js", b"plain"), ("secret", b"secret")]);
    std::os::unix::fs::symlink(folder.path().join("secret"), folder.path().join("a.js.gz"))
        .unwrap();
    let response = ask(&app(&folder), "GET", "/a.js", &[("accept-encoding", "gzip")]).await;
    assert_eq!(shown(response).await, "200 plain");
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_no_readable_file_is_403_and_what_is_not_there_404() {
    let folder = folder(&[("a.txt", b"hello")]);
    std::fs::create_dir(folder.path().join("dir")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    let fifo = folder.path().join("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    std::os::unix::fs::symlink("loop", folder.path().join("loop")).unwrap();
    let app = app(&folder);
    let long = format!("/{}", "x".repeat(300));
    for (target, want) in [
        ("/dir", 403),
        ("/socket", 403),
        ("/fifo", 403),
        ("/none", 404),
        ("/a.txt/none", 404),
        ("/a.txt%00", 404),
        ("/loop", 404),
        (&*long, 404),
        ("/a.txt", 200),
    ] {
        let asked = ask(&app, "GET", target, &[]);
        let response = tokio::time::timeout(Duration::from_secs(20), asked).await.unwrap();
        assert_eq!(response.status(), want, "{target}");
    }
}

#[tokio::test]
async fn settings_reach_the_response() {
    let folder = folder(&[("a.txt", b"hello"), ("a.txt.gz", b"gz")]);
    let path = folder.path().join("a.txt");
    let app = build(App::new().add_get("/", move |req: Request| {
        let path = path.clone();
        async move {
            respond::file(&req, path)
                .attachment("report.txt")
                .content_type(HeaderValue::from_static("text/x-report"))
                .cache_control(HeaderValue::from_static("max-age=60"))
                .precompressed(false)
                .max_ranges(0)
                .await
        }
    }));
    let fields = [("accept-encoding", "gzip"), ("range", "bytes=0-1")];
    let response = ask(&app, "GET", "/", &fields).await;
    assert_eq!(
        field(&response, "content-disposition"),
        Some("attachment; filename=\"report.txt\"")
    );
    assert_eq!(field(&response, "content-type"), Some("text/x-report"));
    assert_eq!(field(&response, "cache-control"), Some("max-age=60"));
    assert_eq!(shown(response).await, "200 hello");
}

#[tokio::test]
async fn an_error_page_keeps_its_status() {
    let folder = folder(&[("404.html", b"<h1>gone</h1>")]);
    let path = folder.path().join("404.html");
    let app = build(App::new().fallback(move |req: Request| {
        let path = path.clone();
        async move { respond::file(&req, path).status(StatusCode::NOT_FOUND).await }
    }));
    let response = ask(&app, "GET", "/x", &[("if-none-match", "*")]).await;
    assert_eq!(shown(response).await, "404 <h1>gone</h1>");
}

async fn ten(req: Request) -> Result {
    Ok(Representation::new("0123456789").etag(ETag::strong("ten").unwrap()).respond(&req))
}

/// Sends bytes to a server of the app on a real socket, and reads to the end of the connection.
async fn exchange(app: App, wire: &str) -> Vec<u8> {
    let server = dunlin_server::Server::builder().bind("127.0.0.1:0").start(app).await.unwrap();
    let mut socket = tokio::net::TcpStream::connect(server.addresses()[0]).await.unwrap();
    socket.write_all(wire.as_bytes()).await.unwrap();
    let mut got = Vec::new();
    let read = socket.read_to_end(&mut got);
    tokio::time::timeout(Duration::from_secs(60), read).await.unwrap().unwrap();
    drop(socket);
    server.shutdown().await.unwrap();
    got
}

#[tokio::test]
async fn over_a_socket_a_file_arrives_whole_and_the_connection_goes_on() {
    let folder = folder(&[("b.bin", &large())]);
    let path = folder.path().join("b.bin");
    let app = App::new().add_get("/ten", ten).add_get("/b", move |req: Request| {
        let path = path.clone();
        async move { respond::file(&req, path).await }
    });
    let wire = "HEAD /b HTTP/1.1\r\nHost: a\r\n\r\n\
        GET /b HTTP/1.1\r\nHost: a\r\n\r\n\
        GET /ten HTTP/1.1\r\nHost: a\r\nRange: bytes=2-3\r\nIf-Range: \"ten\"\r\n\r\n\
        GET /b HTTP/1.1\r\nHost: a\r\nRange: bytes=0-2,-3\r\nConnection: close\r\n\r\n";
    let got = exchange(app, wire).await;
    let find = |needle: &[u8]| got.windows(needle.len()).position(|window| window == needle);
    let text = String::from_utf8_lossy(&got);
    assert_eq!(text.matches("content-length: 300000\r\n").count(), 2);
    assert!(find(&large()).is_some());
    assert!(
        text.contains("content-range: bytes 2-3/10\r\n") && text.contains("\r\n\r\n23HTTP/1.1 206")
    );
    assert!(text.ends_with("--\r\n"));
}

#[tokio::test]
async fn conditional_get_tags_what_handlers_make() {
    async fn hello() -> &'static str {
        "hello"
    }
    async fn tagged() -> Response {
        let tag = ETag::strong("mine").unwrap().to_value();
        Response::new("tagged").with_header(http::header::ETAG, tag)
    }
    async fn secret() -> Response {
        let never = HeaderValue::from_static("private, no-store");
        Response::new("secret").with_header(http::header::CACHE_CONTROL, never)
    }
    let app = App::new()
        .middleware(ConditionalGet::new().max_body(10))
        .add_get("/hello", hello)
        .add_get("/tagged", tagged)
        .add_get("/secret", secret)
        .add_get("/long", || async { "longer than ten" })
        .add_get("/missing", || async { StatusCode::NOT_FOUND })
        .add_post("/hello", hello);
    let app = build(app);
    let first = ask(&app, "GET", "/hello", &[]).await;
    let tag = field(&first, "etag").unwrap();
    assert!(tag.starts_with("W/\""));
    assert_eq!(field(&ask(&app, "HEAD", "/hello", &[]).await, "etag"), Some(tag));
    for (method, target, fields, want) in [
        ("GET", "/hello", [("if-none-match", tag)], 304),
        ("HEAD", "/hello", [("if-none-match", tag)], 304),
        ("GET", "/hello", [("if-none-match", "\"x\"")], 200),
        ("GET", "/hello", [("if-match", "\"x\"")], 412),
        ("POST", "/hello", [("if-none-match", tag)], 200),
        ("GET", "/tagged", [("if-none-match", "W/\"mine\"")], 304),
        ("GET", "/tagged", [("if-match", "\"mine\"")], 200),
        ("GET", "/missing", [("if-none-match", "*")], 404),
    ] {
        let response = ask(&app, method, target, &fields).await;
        assert_eq!(response.status(), want, "{method} {target} {fields:?}");
        assert!(want != 304 || response.body().is_empty());
    }
    for untagged in ["/secret", "/long", "/missing"] {
        assert!(!ask(&app, "GET", untagged, &[]).await.headers().contains("etag"), "{untagged}");
    }
    assert!(!ask(&app, "POST", "/hello", &[]).await.headers().contains("etag"));
}

#[tokio::test]
async fn a_range_by_date_is_never_of_another_coding() {
    let folder =
        folder(&[("a.js", b"0123456789"), ("a.js.gz", b"ABCDEFGHIJ"), ("b.js", b"0123456789")]);
    let app = app(&folder);
    // As `gzip -k` leaves it: the same time, and long enough ago to be strong.
    let then = SystemTime::now() - Duration::from_secs(1_000);
    for name in ["a.js", "a.js.gz", "b.js"] {
        let file = std::fs::File::options().write(true).open(folder.path().join(name)).unwrap();
        file.set_modified(then).unwrap();
    }
    let date = httpdate::fmt_http_date(then);
    let part = async |target: &str, accept: &str, version: &str| {
        let fields = [("range", "bytes=2-3"), ("if-range", version), ("accept-encoding", accept)];
        let response = ask(&app, "GET", target, &fields).await;
        let tag = field(&response, "etag").unwrap().to_owned();
        (shown(response).await, tag)
    };
    let (whole, plain) = part("/a.js", "identity", &date).await;
    assert_eq!(whole, "200 0123456789");
    let (whole, packed) = part("/a.js", "gzip", &date).await;
    assert_eq!(whole, "200 ABCDEFGHIJ", "the first half of it may have been the other coding's");
    assert_eq!(part("/a.js", "gzip", &packed).await.0, "206 CD");
    assert_eq!(part("/a.js", "gzip", &plain).await.0, "200 ABCDEFGHIJ");
    assert_eq!(part("/a.js", "identity", &plain).await.0, "206 23");
    assert_eq!(part("/b.js", "gzip", &date).await.0, "206 23", "there is no other");
}
