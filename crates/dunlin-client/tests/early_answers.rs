//! Answers that come before the request is through.
#![allow(missing_docs)]

mod util;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use dunlin_client::{Client, Timeouts};
use futures_util::StreamExt;
use util::Server;

/// Fifty pieces of 100 bytes, one a millisecond.
fn slow_pieces() -> impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> {
    futures_util::stream::iter(0..50).then(|_| async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok(Bytes::from_static(&[b'x'; 100]))
    })
}

/// A server that answers the head of a request with this, and then reads all of its chunked body.
async fn answering_early(answer: &'static str) -> (Server, Arc<AtomicUsize>) {
    let read = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&read);
    let server = Server::start(move |mut conn| {
        let count = Arc::clone(&count);
        async move {
            while conn.head().await.is_some() {
                conn.send(answer.as_bytes()).await.unwrap();
                if let Some(body) = conn.until(b"0\r\n\r\n").await {
                    count.fetch_add(body.iter().filter(|byte| **byte == b'x').count(), SeqCst);
                }
            }
        }
    })
    .await;
    (server, read)
}

#[tokio::test]
async fn an_early_answer_without_content_ends_and_lets_the_upload_go_on() {
    for answer in
        ["HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]
    {
        let (server, read) = answering_early(answer).await;
        let client = Client::new();
        let sent = async {
            let response = client.post(server.url("/")).stream(slow_pieces()).send().await?;
            response.bytes().await
        };
        let body = tokio::time::timeout(Duration::from_secs(5), sent).await.expect("no hang");
        assert!(body.unwrap().is_empty());
        assert_eq!(client.pool_metrics().idle, 1, "{answer:?}");
        // A second request shows that the server has read the first to its end.
        client
            .post(server.url("/"))
            .stream(slow_pieces())
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap();
        assert!(read.load(SeqCst) >= 5_000, "{}", read.load(SeqCst));
    }
}

#[tokio::test]
async fn an_early_success_does_not_cut_the_upload_short() {
    let (server, read) = answering_early("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let client = Client::new();
    let response = client.post(server.url("/")).stream(slow_pieces()).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "ok");
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(read.load(SeqCst), 5_000);
}

#[tokio::test]
async fn an_early_refusal_ends_the_upload_even_where_the_server_closes() {
    let server = Server::start(|mut conn| async move {
        if conn.head().await.is_some() {
            conn.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
                .await
                .unwrap();
        }
    })
    .await;
    let client = Client::new();
    let sent = async {
        let response = client.post(server.url("/")).stream(slow_pieces()).send().await?;
        let status = response.status();
        response.bytes().await.map(|_| status)
    };
    let status = tokio::time::timeout(Duration::from_secs(5), sent).await.expect("no hang");
    assert_eq!(status.unwrap(), 413);
    assert_eq!(client.pool_metrics().open, 0);
}

#[tokio::test]
async fn the_total_deadline_holds_for_a_body_that_never_lets_one_wait() {
    let server = Server::start(|mut conn| async move {
        if conn.request().await.is_some() {
            conn.send(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let flood = vec![b'x'; 64 * 1024];
            while conn.send(&flood).await.is_ok() {}
        }
    })
    .await;
    let total = Some(Duration::from_millis(200));
    let timeouts = Timeouts { total, ..Timeouts::default() };
    let began = std::time::Instant::now();
    let mut response = Client::new().get(server.url("/")).timeouts(timeouts).send().await.unwrap();
    let error = loop {
        match response.chunk().await {
            Ok(Some(_)) => std::thread::sleep(Duration::from_millis(1)),
            Ok(None) => panic!("the flood has no end"),
            Err(error) => break error,
        }
    };
    assert!(error.is_timeout() && error.is_body(), "{error}");
    assert!(began.elapsed() < Duration::from_secs(2));
    assert!(response.chunk().await.is_err(), "never taken for whole afterwards");
}

#[tokio::test]
async fn times_that_cannot_be_told_are_no_deadlines() {
    let server = Server::answering(|_, _| util::ok("hello")).await;
    let for_ever = Some(Duration::MAX);
    let timeouts = Timeouts {
        total: for_ever,
        pool: for_ever,
        connect: for_ever,
        head: for_ever,
        read: for_ever,
        write: for_ever,
        expect_continue: Duration::MAX,
    };
    let limits = dunlin_client::PoolLimits {
        idle_timeout: Duration::MAX,
        max_age: for_ever,
        ..Default::default()
    };
    let client =
        Client::builder().timeouts(timeouts).pool(limits).dns_ttl(Duration::MAX).build().unwrap();
    let url = server.url("/").replace("127.0.0.1", "localhost");
    for _ in 0..2 {
        let text = client.get(&url).send().await.unwrap().text().await.unwrap();
        assert_eq!(text, "hello");
    }
    assert_eq!(client.pool_metrics().reused, 1);
}

#[tokio::test]
async fn middleware_that_asks_for_something_of_its_own_is_not_run_again_for_its_failure() {
    use dunlin_client::{Error, Next, Request, Response};
    // The first request of each connection is answered, the second breaks it.
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    let server = Server::start(move |mut conn| {
        let seen = Arc::clone(&seen);
        async move {
            for nth in 0.. {
                let Some((head, _)) = conn.request().await else { return };
                seen.lock().unwrap().push(head.lines().next().unwrap_or_default().to_owned());
                if nth > 0 {
                    return conn.reset();
                }
                conn.send(&util::ok("x")).await.unwrap();
            }
        }
    })
    .await;
    let token = server.url("/token");
    let middleware = move |request: Request, next: Next| {
        let token = token.clone();
        async move {
            let own = next.client().post(&token).middleware([]);
            own.send().await?;
            next.run(request).await as Result<Response, Error>
        }
    };
    let client = Client::builder().with(middleware).build().unwrap();
    // Leaves a kept connection behind, on which the token's POST then breaks.
    client.get(server.url("/first")).middleware([]).send().await.unwrap();
    client.get(server.url("/")).send().await.unwrap_err();
    let posts = heads.lock().unwrap().iter().filter(|head| head.starts_with("POST")).count();
    assert_eq!(posts, 1, "{:?}", heads.lock().unwrap());
}
