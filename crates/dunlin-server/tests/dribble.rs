//! Many heads and bodies that dribble in at once. `cargo bench -p dunlin-benches --bench dribble` has ten thousand.

mod util;

use std::time::{Duration, Instant};

use dunlin_core::{IntoResponse, Lifecycle, Request, Response, Service};
use dunlin_server::{Running, Server};
use futures_util::future::join_all;
use util::sockets::{dial_to, start, within};

async fn hello(_: Request) -> Response {
    "hello".into_response()
}

#[tokio::test]
async fn two_hundred_heads_that_dribble_in_are_each_cut_in_time_and_hold_up_nobody() {
    let deadline = Duration::from_secs(1);
    let server = start(Server::builder().head_timeout(deadline), hello).await;
    cut_in_time(server, "GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ", deadline).await;
}

#[tokio::test]
async fn two_hundred_bodies_that_dribble_in_are_each_cut_in_time_and_hold_up_nobody() {
    async fn count(req: Request) -> Response {
        match req.bytes().await {
            Ok(body) if body.is_empty() => "hello".into_response(),
            Ok(body) => body.len().to_string().into_response(),
            Err(error) => error.into_response(),
        }
    }
    let grace = Duration::from_secs(1);
    let server = start(Server::builder().min_body_rate(100, grace), count).await;
    // Twenty bytes a second, none of them late by itself.
    cut_in_time(server, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n", grace).await;
}

/// Sends two hundred starts of a request, then a byte now and then, and asks for something else beside.
async fn cut_in_time<S: Service + Lifecycle>(server: Running<S>, start: &str, deadline: Duration) {
    let dribblers = join_all((0..200).map(async |_| {
        let client = dial_to(&server).await;
        let began = Instant::now();
        let (mut near, mut far) = client.split();
        near.send(start).await;
        let dribble = async {
            loop {
                tokio::time::sleep(Duration::from_millis(50)).await;
                near.send("x").await;
            }
        };
        tokio::select! {
            answer = far.answer() => (answer.expect("a 408").status, began.elapsed()),
            () = dribble => unreachable!("it has no end"),
        }
    }));
    let fresh = async {
        let mut slowest = Duration::ZERO;
        for _ in 0..50 {
            let began = Instant::now();
            assert_eq!(dial_to(&server).await.get("/").await.text(), "hello");
            slowest = slowest.max(began.elapsed());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        slowest
    };
    let (cut, slowest) = within(20, async { tokio::join!(dribblers, fresh) }).await;
    for (status, after) in cut {
        assert_eq!(status, 408);
        assert!(after > deadline / 2 && after < 2 * deadline, "{after:?}");
    }
    assert!(slowest < Duration::from_millis(500), "{slowest:?}");
    within(5, server.shutdown()).await.unwrap();
}
