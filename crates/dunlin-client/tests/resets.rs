//! Servers that break off anywhere: no wrong success, and nothing sent twice that must not be.
#![allow(missing_docs)]

mod util;

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use dunlin_client::{Client, PoolLimits, RequestBody};
use dunlin_core::Body;
use http::Method;
use util::{Conn, Server, ok};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Filler: abc\r\n\r\nhello";
const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    Close,
    Reset,
}

async fn end(mut conn: Conn, end: End) {
    // What was sent is to arrive before a reset does.
    tokio::time::sleep(Duration::from_millis(2)).await;
    match end {
        End::Close => drop(conn.send(b"").await),
        End::Reset => conn.reset(),
    }
}

#[tokio::test]
async fn a_response_that_is_cut_anywhere_is_an_error() {
    for answer in [ANSWER, CHUNKED] {
        for cut in 0..answer.len() {
            for how in [End::Close, End::Reset] {
                let server = Server::start(move |mut conn| async move {
                    if conn.request().await.is_some() {
                        conn.send(&answer[..cut]).await.unwrap();
                        end(conn, how).await;
                    }
                })
                .await;
                let client = Client::new();
                let outcome = async { client.get(server.url("/")).send().await?.bytes().await };
                assert!(outcome.await.is_err(), "{how:?} behind {cut} bytes");
                // On a connection that had never answered before.
                assert_eq!(server.seen.requests.load(SeqCst), 1, "{how:?} behind {cut} bytes");
                assert_eq!(client.pool_metrics().open, 0);
            }
        }
    }
}

/// The first request of each connection is answered; the second breaks off behind `cut` bytes of its
/// answer. Returns how many requests came, and whether the second had success.
async fn second(
    method: Method,
    body: RequestBody,
    key: bool,
    cut: usize,
    how: End,
) -> (usize, bool) {
    let server = Server::start(move |mut conn| async move {
        let nth = conn.nth;
        while conn.head().await.is_some() {
            let first = nth == 0 && conn.nth == 0;
            conn.nth = usize::MAX;
            if first || nth > 0 {
                conn.send(&ok("hello")).await.unwrap();
            } else {
                conn.send(&ANSWER[..cut]).await.unwrap();
                return end(conn, how).await;
            }
        }
    })
    .await;
    let client = Client::new();
    client.get(server.url("/")).send().await.unwrap();
    let mut request = client.request(method, server.url("/")).body(body);
    if key {
        request = request.header("idempotency-key", "1");
    }
    let success = match request.send().await {
        Ok(response) => response.bytes().await.is_ok(),
        Err(_) => false,
    };
    (server.seen.requests.load(SeqCst) - 1, success)
}

#[tokio::test]
async fn only_what_may_be_repeated_is_and_only_before_a_byte_of_the_answer() {
    let once = || {
        RequestBody::from(Body::from_stream(futures_util::stream::iter([Ok::<_, std::io::Error>(
            "",
        )])))
    };
    for how in [End::Close, End::Reset] {
        for (method, body, key, repeated) in [
            (Method::GET, RequestBody::empty(), false, true),
            (Method::DELETE, RequestBody::empty(), false, true),
            (Method::PUT, RequestBody::empty(), false, true),
            (Method::POST, RequestBody::empty(), false, false),
            (Method::PATCH, RequestBody::empty(), false, false),
            (Method::POST, RequestBody::empty(), true, true),
            (Method::PUT, once(), false, false),
        ] {
            let what = format!("{how:?} {method} {body:?} {key}");
            let (sent, success) = second(method, body, key, 0, how).await;
            assert_eq!((sent, success), if repeated { (2, true) } else { (1, false) }, "{what}");
        }
        for cut in [1, 20, ANSWER.len() - 1] {
            let sent = second(Method::GET, RequestBody::empty(), false, cut, how).await;
            assert_eq!(sent, (1, false), "{how:?} behind {cut} bytes");
        }
    }
}

#[tokio::test]
async fn what_must_not_be_repeated_is_not_sent_on_a_connection_that_is_closed() {
    let server = Server::start(|mut conn| async move {
        if conn.request().await.is_some() {
            // Says nothing of closing, and closes.
            conn.send(&ok("hello")).await.unwrap();
        }
    })
    .await;
    let client = Client::new();
    for _ in 0..20 {
        let response = client.post(server.url("/")).body("x").send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "hello");
        while server.seen.open.load(SeqCst) > 0 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(server.seen.requests.load(SeqCst), 20);
}

#[tokio::test]
async fn the_switch_turns_repeating_off() {
    let server = Server::start(|mut conn| async move {
        if conn.nth == 0 && conn.request().await.is_some() {
            conn.send(&ok("hello")).await.unwrap();
            let _ = conn.request().await;
        }
    })
    .await;
    let client = Client::new();
    client.get(server.url("/")).send().await.unwrap();
    let error = client.get(server.url("/")).replay(false).send().await.unwrap_err();
    assert!(error.to_string().contains("without a response"), "{error}");
    assert_eq!(server.seen.requests.load(SeqCst), 2);
}

#[tokio::test]
async fn a_server_that_answers_early_and_closes_is_heard() {
    let server = Server::start(|mut conn| async move {
        if conn.head().await.is_some() {
            conn.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")
                .await
                .unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let body = vec![b'x'; 20 << 20];
    let response = Client::new().post(server.url("/")).body(body).send().await.unwrap();
    assert_eq!(response.status(), 413);
    assert_eq!(response.text().await.unwrap(), "big");
}

/// As Apache does where it has more connections than threads.
#[tokio::test]
async fn a_server_that_closes_every_kept_connection_answers_all_the_same_under_load() {
    let server = Server::start(|mut conn| async move {
        if conn.request().await.is_some() {
            conn.send(&ok("hello")).await.unwrap();
            // Time enough for the next request to be on its way.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    let limits = PoolLimits { total: 10, ..PoolLimits::default() };
    let client = Client::builder().pool(limits).build().unwrap();
    let many = (0..500).map(|_| async { client.get(server.url("/")).send().await?.text().await });
    for answer in futures_util::future::join_all(many).await {
        assert_eq!(answer.unwrap(), "hello");
    }
    assert!(client.pool_metrics().reused > 0, "some were sent on connections about to close");
}
