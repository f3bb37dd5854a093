//! Requests over sockets, by a client that says exactly what it likes: expectations, limits, forms that
//! break off, clients that go.
#![cfg(all(feature = "server", feature = "multipart"))]
#![allow(missing_docs)]

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use dunlin::server::{Running, Server};
use dunlin::web::{
    App, BuiltApp, Form, FormData, FormLimits, HttpError, Multipart, Next, Result, UploadedFile,
    get, group, post,
};
use dunlin::{Body, Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

async fn serve(app: App) -> (Running<BuiltApp>, SocketAddr) {
    let server = Server::builder().bind("127.0.0.1:0").start(app).await.unwrap();
    let address = server.addresses()[0].to_string().parse().unwrap();
    (server, address)
}

/// Sends bytes, closes its half where it is told to, and reads to the end: requests say `close`.
async fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>, finish: bool) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that has answered may read no further.
    let _ = stream.write_all(bytes.as_ref()).await;
    if finish {
        let _ = stream.shutdown().await;
    }
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut answer));
    let _ = read.await.expect("the server answers and closes");
    String::from_utf8_lossy(&answer).into_owned()
}

fn head(target: &str, fields: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n")
}

async fn len(body: String) -> String {
    body.len().to_string()
}

#[tokio::test]
async fn a_body_past_the_limit_of_app_group_or_route_is_413_before_a_byte_of_it_comes() {
    async fn form(_: Form<Vec<(String, String)>>) {}

    let app = App::new().client_max_size(30).add_post("/app", len).add_post("/form", form).group(
        group("/group")
            .client_max_size(20)
            .add_post("/of", len)
            .routes([post("/route", len).client_max_size(10)]),
    );
    let (server, address) = serve(app).await;
    for (target, limit) in [("/app", 30), ("/group/of", 20), ("/group/route", 10)] {
        // The declared length: nothing of the body is sent, and nothing is asked for.
        let declared = format!("Content-Length: {}\r\nExpect: 100-continue\r\n", limit + 1);
        let answer = exchange(address, head(target, &declared), false).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains(&format!("limit of {limit} bytes")), "{answer}");
        // The bytes: of a body that declares nothing.
        let chunk = |len: usize| format!("{len:x}\r\n{}\r\n", "x".repeat(len));
        let chunked = |last: usize| {
            head(target, "Transfer-Encoding: chunked\r\n")
                + &chunk(limit - 1)
                + &chunk(last)
                + "0\r\n\r\n"
        };
        let answer = exchange(address, chunked(2), false).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        let answer = exchange(address, chunked(1), false).await;
        assert!(answer.ends_with(&format!("\r\n\r\n{limit}")), "{answer}");
    }
    let fields = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 31\r\nExpect: 100-continue\r\n";
    let answer = exchange(address, head("/form", fields), false).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_route_decides_on_an_expectation_before_the_body_is_read() {
    async fn members(req: Request, next: Next) -> Result {
        if !req.headers().contains("authorization") {
            return Err(HttpError::unauthorized());
        }
        Ok(next.run(req).await)
    }
    let app = App::new().routes([post("/open", len), post("/closed", len).middleware(members)]);
    let (server, address) = serve(app).await;
    let expects = |target: &str, expectation: &str, version: &str, body: &str| {
        let fields = format!("Expect: {expectation}\r\nContent-Length: 2\r\n");
        head(target, &fields).replace("HTTP/1.1", version) + body
    };
    // 401 in place of 100: the body is never asked for.
    let answer = exchange(address, expects("/closed", "100-continue", "HTTP/1.1", ""), false).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    // 417 for what nobody can meet.
    let answer = exchange(address, expects("/open", "200-ok", "HTTP/1.1", ""), false).await;
    assert!(answer.starts_with("HTTP/1.1 417 "), "{answer}");
    // HTTP/1.0 knows no 100.
    let answer = exchange(address, expects("/open", "100-continue", "HTTP/1.0", "ab"), false).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n2"), "{answer}");
    // 100 once the handler reads.
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = expects("/open", "100-Continue", "HTTP/1.1", "");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"ab").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    server.shutdown().await.unwrap();
}

async fn emptied(dir: &Path) {
    for _ in 0..1000 {
        if std::fs::read_dir(dir).unwrap().next().is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("files are left");
}

#[tokio::test]
async fn forms_that_break_off_or_never_end_are_refused_and_leave_nothing() {
    #[derive(serde::Deserialize)]
    struct Upload {
        title: String,
        file: UploadedFile,
    }
    async fn typed(Form(upload): Form<Upload>) -> String {
        format!("{} {}", upload.title, upload.file.len())
    }
    async fn parts(mut multipart: Multipart) -> Result<String> {
        let mut len = 0;
        while let Some(mut part) = multipart.next_part().await? {
            while let Some(chunk) = part.chunk().await? {
                len += chunk.len();
            }
        }
        Ok(len.to_string())
    }
    async fn data(form: FormData) -> String {
        form.len().to_string()
    }
    let dir = tempfile::tempdir().unwrap();
    let limits = FormLimits::default().memory_bytes(1000).temp_dir(dir.path());
    let app = App::new().group(group("").middleware(limits.max_total_bytes(200_000)).routes([
        post("/typed", typed),
        post("/data", data),
        post("/parts", parts),
    ]));
    let (server, address) = serve(app).await;
    let title = "--b\r\nContent-Disposition: form-data; name=title\r\n\r\nsea\r\n";
    let file = "--b\r\nContent-Disposition: form-data; name=file; filename=f\r\n\r\n";
    let body = format!("{title}{file}{}\r\n--b--\r\n", "x".repeat(100_000));
    let typed = |more: &str| format!("Content-Type: multipart/form-data; boundary=b\r\n{more}");
    let whole = typed(&format!("Content-Length: {}\r\n", body.len()));

    let answer = exchange(address, head("/typed", &whole) + &body, false).await;
    assert!(answer.ends_with("\r\n\r\nsea 100000"), "{answer}");
    emptied(dir.path()).await;
    for target in ["/typed", "/data", "/parts"] {
        for cut in [0, 10, 60, 50_000, body.len() - 6] {
            let answer = exchange(address, head(target, &whole) + &body[..cut], true).await;
            assert!(answer.starts_with("HTTP/1.1 400 "), "{target} {cut}: {answer}");
        }
        // The framing is whole and the form is not.
        let short = typed(&format!("Content-Length: {}\r\n", body.len() - 6));
        let answer = exchange(address, head(target, &short) + &body[..body.len() - 6], false).await;
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("--b--"), "{answer}");
    }
    emptied(dir.path()).await;

    // Chunks without end.
    for target in ["/typed", "/data"] {
        let (mut read, mut write) = TcpStream::connect(address).await.unwrap().into_split();
        let begin = head(target, &typed("Transfer-Encoding: chunked\r\n"));
        let begin = format!("{begin}{:x}\r\n{file}\r\n", file.len());
        let sender = tokio::spawn(async move {
            write.write_all(begin.as_bytes()).await.unwrap();
            let chunk = format!("2710\r\n{}\r\n", "x".repeat(10_000));
            while write.write_all(chunk.as_bytes()).await.is_ok() {}
        });
        let mut status = [0; 13];
        read.read_exact(&mut status).await.unwrap();
        assert_eq!(&status, b"HTTP/1.1 413 ");
        let ended = tokio::time::timeout(Duration::from_secs(60), sender).await;
        ended.expect("the server reads on for ever").unwrap();
        emptied(dir.path()).await;
    }
    server.shutdown().await.unwrap();
}

/// Sends when it is dropped.
struct Ends(mpsc::UnboundedSender<&'static str>, &'static str);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.send(self.1);
    }
}

#[tokio::test]
async fn routes_choose_whether_their_handlers_outlive_their_clients() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let handler = move |req: Request| {
        let tell = tell.clone();
        async move {
            let mut ends = Ends(tell, "dropped");
            let _ = ends.0.send("begun");
            req.disconnected().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            ends.1 = "ended";
            Response::new("nobody reads this")
        }
    };
    let app = App::new().run_to_completion(true).routes([
        get("/ends", handler.clone()),
        get("/dropped", handler.clone()).run_to_completion(false),
    ]);
    let app =
        app.group(group("/group").run_to_completion(false).routes([
            get("/dropped", handler.clone()),
            get("/ends", handler).run_to_completion(true),
        ]));
    let (server, address) = serve(app).await;
    for (target, became) in [
        ("/ends", "ended"),
        ("/dropped", "dropped"),
        ("/group/dropped", "dropped"),
        ("/group/ends", "ended"),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(told.recv().await, Some("begun"), "{target}");
        stream.set_zero_linger().unwrap();
        drop(stream);
        assert_eq!(told.recv().await, Some(became), "{target}");
    }
    // A client that half closes is told of, and gets its answer.
    let request = "GET /dropped HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = exchange(address, request, true).await;
    assert!(answer.ends_with("nobody reads this"), "{answer}");
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn bodies_are_read_by_lines_however_they_come() {
    async fn count(body: Body) -> Result<String> {
        let mut reader = body.reader().max_len(100);
        let mut lines = Vec::new();
        while let Some(line) = reader.line().await? {
            lines.push(line.len().to_string());
        }
        Ok(lines.join(","))
    }
    let (server, address) = serve(App::new().add_post("/", count)).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let request = head("/", "Content-Length: 14\r\n") + "one\r\n\nthree\nlast";
    for byte in request.as_bytes()[..request.len() - 2].chunks(1) {
        stream.write_all(byte).await.unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("\r\n\r\n3,0,5,2"), "{answer}");
    let long = "x".repeat(101);
    let answer = exchange(address, head("/", "Content-Length: 101\r\n") + &long, false).await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("limit of 100"), "{answer}");
    server.shutdown().await.unwrap();
}
