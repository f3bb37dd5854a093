use dunlin_compress::encode_all;
use dunlin_core::{Body, Request, Response, Service};
use dunlin_web::{App, BuiltApp, Coding, Decompress, Result, post};

use crate::common::{build, field, posted, shown, with_field};

async fn echo(req: Request) -> Result {
    let coded =
        req.headers().contains("content-encoding") || req.headers().contains("content-length");
    assert!(!coded, "what is said of the encoded body does not reach the handler");
    Ok(Response::new(req.bytes().await?))
}

async fn count(mut req: Request) -> Result<String> {
    let mut len = 0;
    while let Some(piece) = req.body_mut().chunk().await {
        len += piece?.len();
    }
    Ok(len.to_string())
}

fn app(settings: Decompress) -> BuiltApp {
    let routes =
        [post("/echo", echo), post("/count", count), post("/ignore", || async { "ignored" })];
    build(App::new().middleware(settings).routes(routes))
}

async fn sent(app: &BuiltApp, target: &str, coding: &str, body: impl Into<Body>) -> Response {
    let body = body.into();
    let len = body.exact_len().unwrap().to_string();
    let req = with_field(posted(target, "text/plain", body), "content-length", &len);
    app.call(with_field(req, "content-encoding", coding)).await
}

fn all(coding: Coding, bytes: &[u8]) -> Vec<u8> {
    encode_all(coding, 1, bytes).unwrap()
}

#[tokio::test]
async fn handlers_see_what_was_encoded() {
    let app = app(Decompress::new());
    for coding in Coding::ALL {
        for name in [coding.name().to_owned(), coding.name().to_uppercase()] {
            let response = sent(&app, "/echo", &name, all(coding, b"hello")).await;
            assert_eq!(shown(response).await, "200 hello", "{name}");
        }
    }
    let twice = all(Coding::Brotli, &all(Coding::Gzip, b"hello"));
    assert_eq!(shown(sent(&app, "/echo", "gzip, br", twice).await).await, "200 hello");
    let members = [all(Coding::Gzip, b"one, "), all(Coding::Gzip, b"two")].concat();
    assert_eq!(shown(sent(&app, "/echo", "x-gzip", members).await).await, "200 one, two");
    assert_eq!(shown(sent(&app, "/echo", "gzip", "").await).await, "200 ");
    let plain = app.call(posted("/echo", "text/plain", "plain")).await;
    assert_eq!(shown(plain).await, "200 plain");
    let plain = with_field(posted("/echo", "text/plain", "plain"), "content-encoding", "identity");
    assert_eq!(shown(app.call(plain).await).await, "200 plain");
}

#[tokio::test]
async fn an_unknown_coding_is_415_with_what_is_known() {
    let app = app(Decompress::new());
    for coding in ["compress", "gzip, pack200", "gzip, gzip, gzip, gzip"] {
        let response = sent(&app, "/echo", coding, "x").await;
        assert_eq!(response.status(), 415, "{coding}");
        assert_eq!(field(&response, "accept-encoding"), Some("gzip, deflate, br, zstd"));
    }
}

#[tokio::test]
async fn what_is_corrupt_cut_or_followed_by_anything_is_400() {
    let app = app(Decompress::new());
    for coding in Coding::ALL {
        let good = all(coding, b"hello, hello, hello");
        let mut corrupt = good.clone();
        corrupt[0] ^= 0x55;
        let cut = good[..good.len() - 1].to_vec();
        let more = [&good[..], b"x"].concat();
        let padded = [&good[..], &[0; 4]].concat();
        for (what, body) in [("corrupt", corrupt), ("cut", cut), ("more", more), ("padded", padded)]
        {
            let response = sent(&app, "/echo", coding.name(), body).await;
            assert_eq!(response.status(), 400, "{what} {coding:?}");
        }
    }
    let many = all(Coding::Gzip, b"1").repeat(1_025);
    assert_eq!(sent(&app, "/echo", "gzip", many).await.status(), 400);
}

#[tokio::test]
async fn bombs_are_413_by_the_bodys_limit_by_ratio_and_by_size() {
    let zeros = vec![0; 5 << 18];
    for coding in Coding::ALL {
        let bomb = all(coding, &zeros);
        let apps = [
            // What is gathered is bounded by the app's own limit, decoded.
            (app(Decompress::new()), "/echo"),
            (app(Decompress::new()), "/count"),
            (app(Decompress::new().max_ratio(None).max_size(1 << 20)), "/count"),
        ];
        for (app, target) in apps {
            let response = sent(&app, target, coding.name(), bomb.clone()).await;
            assert_eq!(response.status(), 413, "{coding:?} {target}");
        }
        let open = app(Decompress::new().max_ratio(None).max_size(None));
        let response = sent(&open, "/count", coding.name(), bomb).await;
        assert_eq!(shown(response).await, format!("200 {}", 5 << 18), "{coding:?}");
    }
    // Declared too long: refused before any of it is asked for.
    let response = sent(&app(Decompress::new().max_size(10)), "/ignore", "gzip", vec![0; 11]).await;
    assert_eq!(response.status(), 413);
}

#[tokio::test]
async fn a_body_that_nobody_reads_is_not_decoded() {
    let response = sent(&app(Decompress::new()), "/ignore", "gzip", "no gzip at all").await;
    assert_eq!(shown(response).await, "200 ignored");
}

/// Sends a request as it stands and reads to the end of the connection.
async fn exchanged(app: Decompress, request: Vec<u8>) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let routes = [post("/echo", echo), post("/count", count)];
    let app = App::new().middleware(app).routes(routes);
    let server = dunlin_server::Server::builder().bind("127.0.0.1:0").start(app).await.unwrap();
    let mut io = tokio::net::TcpStream::connect(server.addresses()[0]).await.unwrap();
    let (mut reader, mut writer) = io.split();
    let mut answer = Vec::new();
    let read = async {
        let _ = reader.read_to_end(&mut answer).await;
    };
    // The server may stop reading before all is written.
    let write = async {
        let _ = writer.write_all(&request).await;
    };
    tokio::join!(read, write);
    drop(io);
    server.shutdown().await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn head(target: &str, coding: &str, more: &str) -> Vec<u8> {
    format!(
        "POST {target} HTTP/1.1\r\nHost: x\r\nContent-Encoding: {coding}\r\nConnection: close\r\n{more}\r\n"
    )
    .into_bytes()
}

#[tokio::test]
async fn an_unknown_coding_is_refused_before_its_body_is_asked_for() {
    let expects = head("/echo", "pack200", "Content-Length: 10\r\nExpect: 100-continue\r\n");
    let answer = exchanged(Decompress::new(), expects).await;
    assert!(answer.starts_with("HTTP/1.1 415 "), "{answer}");
    assert!(answer.contains("accept-encoding: gzip, deflate, br, zstd\r\n"), "{answer}");
}

#[tokio::test]
async fn over_a_socket_bodies_come_decoded_and_bombs_get_a_413_that_can_be_read() {
    for coding in Coding::ALL {
        let body = all(coding, b"hello");
        let length = format!("Content-Length: {}\r\n", body.len());
        let request = [head("/echo", coding.name(), &length), body].concat();
        let answer = exchanged(Decompress::new(), request).await;
        assert!(
            answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nhello"),
            "{answer}"
        );

        let bomb = all(coding, &vec![0; 5 << 18]);
        let chunked = format!("{:x}\r\n", bomb.len()).into_bytes();
        let chunked = [&chunked[..], &bomb, b"\r\n0\r\n\r\n"].concat();
        let request =
            [head("/count", coding.name(), "Transfer-Encoding: chunked\r\n"), chunked].concat();
        let answer = exchanged(Decompress::new(), request).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{coding:?} {answer}");
    }
}
