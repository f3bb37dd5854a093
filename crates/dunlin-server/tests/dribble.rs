//! Many heads that dribble in at once. `cargo bench -p dunlin-benches --bench dribble` has ten thousand.

mod util;

use std::time::{Duration, Instant};

use dunlin_core::{IntoResponse, Request, Response};
use dunlin_server::Server;
use futures_util::future::join_all;
use util::sockets::{dial_to, start, within};

async fn hello(_: Request) -> Response {
    "hello".into_response()
}

#[tokio::test]
async fn two_hundred_heads_that_dribble_in_are_each_cut_in_time_and_hold_up_nobody() {
    let deadline = Duration::from_secs(1);
    let server = start(Server::builder().head_timeout(deadline), hello).await;
    let dribblers = join_all((0..200).map(async |_| {
        let client = dial_to(&server).await;
        let began = Instant::now();
        let (mut near, mut far) = client.split();
        near.send("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ").await;
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
