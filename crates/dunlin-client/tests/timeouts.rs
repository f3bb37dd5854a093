//! Each deadline alone, and what a request that is given up leaves behind.
#![allow(missing_docs)]

mod util;

use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use bytes::Bytes;
use dunlin_client::{Client, Error, Next, Phase, Request, Resolve, Resolving, Response, Timeouts};
use dunlin_core::Body;
use util::{Server, ok};

const SHORT: Option<Duration> = Some(Duration::from_millis(60));

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Takes requests and says nothing.
async fn mute() -> Server {
    Server::start(|mut conn| async move { while conn.request().await.is_some() {} }).await
}

/// The error of a request, which has to come soon.
async fn soon(request: dunlin_client::RequestBuilder) -> Error {
    let start = Instant::now();
    let outcome = async { request.send().await?.bytes().await };
    let error = outcome.await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert!((ms(55)..ms(600)).contains(&start.elapsed()), "{:?}", start.elapsed());
    error
}

#[tokio::test]
async fn a_silent_server_meets_the_total_the_head_and_the_read_deadline() {
    let server = mute().await;
    let client = Client::new();
    for (timeouts, name) in [
        (Timeouts { total: SHORT, ..Timeouts::NONE }, "total"),
        (Timeouts { head: SHORT, ..Timeouts::NONE }, "head"),
        (Timeouts { read: SHORT, ..Timeouts::NONE }, "read"),
    ] {
        let error = soon(client.get(server.url("/")).timeouts(timeouts)).await;
        assert_eq!((error.phase(), error.peer()), (Phase::Exchange, Some(server.address)));
        assert!(
            error.to_string().starts_with(&format!("no success within 60ms ({name} timeout)")),
            "{error}"
        );
        assert_eq!(client.pool_metrics().open, 0);
    }
    let error = soon(client.get(server.url("/")).timeout(ms(60))).await;
    assert!(error.to_string().contains("total timeout"));
}

#[tokio::test]
async fn a_body_that_stops_meets_the_total_and_the_read_deadline() {
    let server = Server::start(|mut conn| async move {
        while conn.request().await.is_some() {
            let _ = conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello").await;
        }
    })
    .await;
    for (timeouts, name) in [
        (Timeouts { total: SHORT, ..Timeouts::NONE }, "total"),
        (Timeouts { read: SHORT, ..Timeouts::NONE }, "read"),
    ] {
        let error = soon(Client::new().get(server.url("/")).timeouts(timeouts)).await;
        assert_eq!((error.phase(), error.is_body()), (Phase::Body, true));
        assert!(error.to_string().contains(&format!("({name} timeout)")), "{error}");
    }
}

#[tokio::test]
async fn a_slow_server_meets_the_total_deadline_and_never_that_of_silence() {
    let server = Server::start(|mut conn| async move {
        let _ = conn.request().await;
        let _ = conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 80\r\n\r\n").await;
        for _ in 0..80 {
            tokio::time::sleep(ms(20)).await;
            let _ = conn.send(b"x").await;
        }
    })
    .await;
    // Long beside the server's pauses, for machines that stand still now and then, and short beside the whole.
    let patient = Timeouts { read: Some(ms(800)), ..Timeouts::NONE };
    let response = Client::new().get(server.url("/")).timeouts(patient).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "x".repeat(80));
    let hurried = Timeouts { total: Some(ms(800)), ..patient };
    let response = Client::new().get(server.url("/")).timeouts(hurried).send().await.unwrap();
    assert!(response.text().await.unwrap_err().to_string().contains("total timeout"));
}

#[tokio::test]
async fn a_program_that_is_slow_itself_is_not_held_to_the_servers_deadlines() {
    let server = Server::start(|mut conn| async move {
        let _ = conn.head().await;
        let _ = conn.until(b"0\r\n\r\n").await;
        let _ = conn.send(&ok(&"x".repeat(200_000))).await;
        let _ = conn.request().await;
    })
    .await;
    let timeouts = Timeouts { read: SHORT, head: SHORT, write: SHORT, ..Timeouts::NONE };
    let (mut sender, body) = Body::channel(1);
    tokio::spawn(async move {
        for _ in 0..3 {
            tokio::time::sleep(ms(80)).await;
            sender.send("a").await.unwrap();
        }
        sender.finish();
    });
    let request = Client::new().post(server.url("/")).body(body).timeouts(timeouts);
    let mut response = request.send().await.unwrap();
    let mut bytes = 0;
    while let Some(chunk) = response.chunk().await.unwrap() {
        if bytes == 0 {
            tokio::time::sleep(ms(100)).await;
        }
        bytes += chunk.len();
    }
    assert_eq!(bytes, 200_000);
}

#[tokio::test]
async fn a_server_that_takes_nothing_meets_the_write_deadline() {
    let server = Server::start(|conn| async move {
        tokio::time::sleep(ms(900)).await;
        drop(conn);
    })
    .await;
    let timeouts = Timeouts { write: SHORT, read: SHORT, ..Timeouts::NONE };
    let body = Bytes::from(vec![b'x'; 30 << 20]);
    let error = soon(Client::new().post(server.url("/")).body(body).timeouts(timeouts)).await;
    assert!(error.to_string().contains("(write timeout)"), "{error}");
}

struct Never;

impl Resolve for Never {
    fn resolve(&self, _: &str) -> Resolving {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_name_that_is_not_found_in_time_meets_the_connect_deadline() {
    let client = Client::builder().resolver(Never).build().unwrap();
    for (timeouts, name) in [
        (Timeouts { connect: SHORT, ..Timeouts::NONE }, "connect"),
        (Timeouts { total: SHORT, ..Timeouts::default() }, "total"),
    ] {
        let error = soon(client.get("http://a.test/").timeouts(timeouts)).await;
        assert!(error.is_connect() && error.phase() == Phase::Connect);
        assert!(error.to_string().contains(&format!("({name} timeout)")), "{error}");
    }
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn a_handshake_that_hangs_meets_the_connect_deadline() {
    let server = mute().await;
    let timeouts = Timeouts { connect: SHORT, ..Timeouts::NONE };
    let url = server.url("/").replace("http:", "https:");
    let error = soon(Client::new().get(url).timeouts(timeouts)).await;
    assert!(error.is_connect(), "{error}");
}

#[tokio::test]
async fn what_middleware_waits_for_counts() {
    async fn dawdle(request: Request, next: Next) -> Result<Response, Error> {
        tokio::time::sleep(ms(500)).await;
        next.run(request).await
    }
    let server = mute().await;
    let client = Client::builder().with(dawdle).build().unwrap();
    let error = soon(client.get(server.url("/")).timeout(ms(60))).await;
    assert!(error.to_string().contains("total timeout"), "{error}");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn the_requests_deadlines_replace_all_of_the_clients() {
    let server = mute().await;
    let client = Client::builder()
        .timeouts(Timeouts { head: Some(ms(1)), ..Timeouts::default() })
        .build()
        .unwrap();
    let request = client.get(server.url("/")).timeouts(Timeouts { read: SHORT, ..Timeouts::NONE });
    assert!(soon(request).await.to_string().contains("(read timeout)"));
    let defaults = Timeouts::default();
    assert_eq!((defaults.total, defaults.connect), (Some(ms(300_000)), Some(ms(30_000))));
    assert_eq!(
        (defaults.pool, defaults.head, defaults.read, defaults.write),
        (None, None, None, None)
    );
}

#[tokio::test]
async fn a_request_that_is_given_up_anywhere_leaves_nothing_open() {
    let server = Server::start(|mut conn| async move {
        while conn.request().await.is_some() {
            tokio::time::sleep(ms(3)).await;
            let _ = conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na").await;
            tokio::time::sleep(ms(3)).await;
            let _ = conn.send(b"b").await;
        }
    })
    .await;
    let client = Client::new();
    for wait in 0..40 {
        let work = async { client.get(server.url("/")).send().await.unwrap().text().await };
        if let Ok(text) = tokio::time::timeout(Duration::from_micros(wait * 200), work).await {
            assert_eq!(text.unwrap(), "ab");
        }
        // Whatever came of it, the next one is answered, and by its own answer.
        let next = client.get(server.url("/")).send().await.unwrap().text().await.unwrap();
        assert_eq!(next, "ab");
        let metrics = client.pool_metrics();
        assert_eq!((metrics.open, metrics.waiting), (metrics.idle, 0));
    }
    drop(client);
    tokio::time::sleep(ms(50)).await;
    assert_eq!(server.seen.open.load(SeqCst), 0);
}

#[tokio::test]
async fn deadlines_too_far_to_be_told_are_none() {
    let server = Server::start(|mut conn| async move {
        conn.head().await;
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        conn.send(&[b'x'; 20_000]).await.unwrap();
    })
    .await;
    let far = Some(Duration::MAX);
    let timeouts = Timeouts {
        total: far,
        pool: far,
        connect: far,
        head: far,
        read: far,
        write: far,
        expect_continue: Duration::MAX,
    };
    let request = Client::new().get(server.url("/")).timeouts(timeouts);
    assert_eq!(request.send().await.unwrap().bytes().await.unwrap().len(), 20_000);
}

#[tokio::test]
async fn an_upload_that_goes_on_behind_its_answer_meets_the_write_deadline() {
    let server = Server::start(|mut conn| async move {
        conn.head().await;
        let _ = conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        tokio::time::sleep(ms(3_000)).await;
    })
    .await;
    let timeouts = Timeouts { write: SHORT, ..Timeouts::NONE };
    let body = Body::from_stream(futures_util::stream::repeat_with(|| {
        Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 1 << 16]))
    }));
    let sent = async {
        let request = Client::new().post(server.url("/")).body(body).timeouts(timeouts);
        request.send().await?.bytes().await
    };
    let error = tokio::time::timeout(ms(2_000), sent).await.expect("a deadline").unwrap_err();
    assert!(error.to_string().contains("(write timeout)"), "{error}");
}
