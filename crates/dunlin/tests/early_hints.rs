//! Interim responses over sockets: read raw, and by Dunlin's own client.
#![cfg(all(feature = "server", feature = "client"))]
#![allow(missing_docs)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dunlin::client::Client;
use dunlin::core::{Interim, InterimError, ResponseHead};
use dunlin::http::StatusCode;
use dunlin::server::{Running, Server};
use dunlin::web::{App, BuiltApp, EarlyHints, Next, Result, get};
use dunlin::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

const CSS: &str = "</app.css>; rel=preload; as=style";
const HINT: &str = "HTTP/1.1 103 Early Hints\r\nLink: </app.css>; rel=preload; as=style\r\n\r\n";

async fn serve(app: App) -> Running<BuiltApp> {
    Server::builder().bind("127.0.0.1:0").start(app).await.unwrap()
}

async fn dial(server: &Running<BuiltApp>) -> TcpStream {
    TcpStream::connect(server.addresses()[0]).await.unwrap()
}

/// Reads until `end` has come.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    let reading = async {
        while !read.ends_with(end.as_bytes()) {
            let mut byte = [0];
            let n = stream.read(&mut byte).await.unwrap();
            assert!(n > 0, "ended after {:?}", String::from_utf8_lossy(&read));
            read.push(byte[0]);
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reading).await.expect("in time");
    // Fields have the names' case of whoever wrote them.
    String::from_utf8(read).unwrap().replace("\r\nlink:", "\r\nLink:")
}

async fn hinted(hints: EarlyHints) -> Result<&'static str> {
    hints.send([CSS])?;
    Ok("done")
}

#[tokio::test]
async fn hints_arrive_while_the_handler_is_still_at_work() {
    let go_on = Arc::new(Notify::new());
    let waits = Arc::clone(&go_on);
    let app = App::new().add_get("/", move |hints: EarlyHints| {
        let waits = Arc::clone(&waits);
        async move {
            hints.send([CSS]).unwrap();
            waits.notified().await;
            "done"
        }
    });
    let server = serve(app).await;
    let mut stream = dial(&server).await;
    for _ in 0..2 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        assert_eq!(read_until(&mut stream, "\r\n\r\n").await, HINT);
        go_on.notify_one();
        assert!(read_until(&mut stream, "done").await.starts_with("HTTP/1.1 200 OK\r\n"));
    }
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_task_of_the_handlers_may_send_them_and_wakes_the_connection() {
    let go_on = Arc::new(Notify::new());
    let waits = Arc::clone(&go_on);
    let work = move |req: Request| {
        let (interim, waits) = (req.interim(), Arc::clone(&waits));
        async move {
            tokio::spawn(async move {
                // By then the handler waits, and nothing but this wakes its connection.
                tokio::time::sleep(Duration::from_millis(100)).await;
                interim.early_hints([CSS]).unwrap();
            });
            waits.notified().await;
            "done"
        }
    };
    let server = serve(App::new().add_get("/", work)).await;
    let mut stream = dial(&server).await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert_eq!(read_until(&mut stream, "\r\n\r\n").await, HINT);
    go_on.notify_one();
    read_until(&mut stream, "done").await;
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn clients_of_http10_get_the_response_alone() {
    let server = serve(App::new().add_get("/", hinted)).await;
    let mut stream = dial(&server).await;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let answer = read_until(&mut stream, "done").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && !answer.contains("Link"), "{answer}");
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn nothing_follows_the_beginning_of_the_response_nor_reaches_the_next_request() {
    let (keep, mut kept) = mpsc::unbounded_channel::<Interim>();
    let handler = move |req: Request| {
        keep.send(req.interim()).unwrap();
        async { "done" }
    };
    let slow = async || {
        tokio::time::sleep(Duration::from_millis(100)).await;
        "slow"
    };
    let server = serve(App::new().add_get("/", handler).add_get("/slow", slow)).await;
    let mut stream = dial(&server).await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    read_until(&mut stream, "done").await;
    stream.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let late = kept.recv().await.unwrap();
    assert!(matches!(late.early_hints([CSS]), Err(InterimError::TooLate)));
    assert!(read_until(&mut stream, "slow").await.starts_with("HTTP/1.1 200 OK\r\n"));
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_interim_response_says_nothing_of_a_body_and_may_be_another_than_103() {
    async fn framed(req: Request) -> &'static str {
        let mut head = ResponseHead::default();
        head.status = StatusCode::PROCESSING;
        head.headers.insert(
            dunlin::http::header::CONTENT_LENGTH,
            dunlin::http::HeaderValue::from_static("5"),
        );
        req.interim().send(head).unwrap();
        "done"
    }
    let server = serve(App::new().add_get("/", framed)).await;
    let mut stream = dial(&server).await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let answer = read_until(&mut stream, "done").await;
    assert!(answer.starts_with("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n"), "{answer}");
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn dunlins_client_is_told_of_hints_and_returns_the_response() {
    /// Middleware may send some too.
    async fn preconnect(req: Request, next: Next) -> Result<Response> {
        req.interim().early_hints(["<https://cdn.example>; rel=preconnect"])?;
        Ok(next.run(req).await)
    }
    let server = serve(App::new().middleware(preconnect).routes([get("/", hinted)])).await;
    let url = format!("http://{}/", server.addresses()[0]);
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = Arc::clone(&told);
    let client = Client::new();
    let request = client.get(&url).on_interim(move |head| {
        let link = head.headers.get_str("link").unwrap_or("").to_owned();
        telling.lock().unwrap().push((head.status, link));
    });
    let response = request.send().await.unwrap();
    assert_eq!(
        (response.status(), response.text().await.unwrap()),
        (StatusCode::OK, "done".into())
    );
    let told = told.lock().unwrap().clone();
    assert!(told.iter().all(|(status, _)| *status == StatusCode::EARLY_HINTS));
    let links: Vec<_> = told.into_iter().map(|(_, link)| link).collect();
    assert_eq!(links, ["<https://cdn.example>; rel=preconnect", CSS]);
    // Without a hook they are passed over.
    assert_eq!(client.get(&url).send().await.unwrap().text().await.unwrap(), "done");
    drop(client);
    server.shutdown().await.unwrap();
}
