//! The pool under load and under cancellation: limits, order, nothing lost.
#![allow(missing_docs)]

mod util;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use dunlin_client::{Client, Leniency, Limits, Phase, PoolLimits, Timeouts};
use util::{Server, ok, target};

fn limited(total: usize) -> Client {
    let limits = PoolLimits { total, ..PoolLimits::default() };
    Client::builder().pool(limits).build().unwrap()
}

/// Number behind the slash of a request's target.
fn number(head: &str) -> usize {
    let target = head.split(' ').nth(1).unwrap_or_default();
    target.trim_start_matches('/').parse().unwrap_or(usize::MAX)
}

#[tokio::test]
async fn ten_thousand_at_once_go_through_a_hundred_connections_in_order() {
    const N: usize = 10_000;
    let order = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&order);
    let server = Server::answering(move |head, _| {
        seen.lock().unwrap().push(number(head));
        ok("hello")
    })
    .await;
    let client = limited(100);
    let mut requests = tokio::task::JoinSet::new();
    for n in 0..N {
        let request = client.get(server.url(&format!("/{n}")));
        requests.spawn(async move { request.send().await.unwrap().text().await.unwrap() });
    }
    while let Some(text) = requests.join_next().await {
        assert_eq!(text.unwrap(), "hello");
    }
    assert!(server.seen.most_open.load(SeqCst) <= 100);
    assert_eq!(client.pool_metrics().waiting, 0);
    let order = order.lock().unwrap();
    assert_eq!(order.len(), N);
    // Those on their way at the same time may overtake each other; nobody else may.
    for (at, n) in order.iter().enumerate() {
        assert!(at.abs_diff(*n) <= 200, "request {n} came as number {at}");
    }
}

#[tokio::test]
async fn cancelling_half_of_them_leaks_nothing() {
    const N: usize = 4_000;
    let server = Server::start(|mut conn| async move {
        while conn.request().await.is_some() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            if conn.send(&ok("hello")).await.is_err() {
                break;
            }
        }
    })
    .await;
    let client = limited(20);
    let done = Arc::new(AtomicUsize::new(0));
    let mut requests = Vec::new();
    for _ in 0..N {
        let request = client.get(server.url("/"));
        let done = Arc::clone(&done);
        requests.push(tokio::spawn(async move {
            request.send().await.unwrap().bytes().await.unwrap();
            done.fetch_add(1, SeqCst);
        }));
    }
    for (n, request) in requests.iter().enumerate() {
        if n % 2 == 1 {
            // Some before they began, some in the queue, some under way.
            if n % 101 == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            request.abort();
        }
    }
    for (n, request) in requests.into_iter().enumerate() {
        let ended = request.await;
        assert!(ended.is_ok() || n % 2 == 1);
    }
    assert!(done.load(SeqCst) >= N / 2);
    assert!(server.seen.most_open.load(SeqCst) <= 20 + 20, "closing takes the server a moment");
    let metrics = client.pool_metrics();
    assert_eq!((metrics.waiting, metrics.open), (0, metrics.idle));
    assert!(metrics.open <= 20);
    // Every place is there again.
    let again = futures_util::future::join_all((0..40).map(|_| client.get(server.url("/")).send()));
    assert!(again.await.into_iter().all(|answer| answer.is_ok()));
}

#[tokio::test]
async fn a_place_in_the_queue_has_a_deadline_of_its_own() {
    let server = Server::start(|mut conn| async move {
        let _ = conn.request().await;
        std::future::pending::<()>().await;
    })
    .await;
    let client = limited(1);
    let held = tokio::spawn(client.get(server.url("/")).send());
    while client.pool_metrics().open == 0 {
        tokio::task::yield_now().await;
    }
    let pool = Some(Duration::from_millis(50));
    let timeouts = Timeouts { pool, ..Timeouts::default() };
    let error = client.get(server.url("/")).timeouts(timeouts).send().await.unwrap_err();
    assert!(error.is_timeout() && error.phase() == Phase::Queue, "{error}");
    assert_eq!(client.pool_metrics().waiting, 0);
    held.abort();
    let _ = held.await;
    assert_eq!(client.pool_metrics().open, 0);
}

#[tokio::test]
async fn a_host_has_its_limit_and_the_idle_of_one_make_room_for_another() {
    let a = Server::answering(|_, _| ok("a")).await;
    let b = Server::answering(|_, _| ok("b")).await;
    let limits = PoolLimits { total: 2, per_host: 1, ..PoolLimits::default() };
    let client = Client::builder().pool(limits).build().unwrap();
    let many = (0..50).map(|n| {
        let server = if n % 2 == 0 { &a } else { &b };
        client.get(server.url("/")).send()
    });
    for answer in futures_util::future::join_all(many).await {
        answer.unwrap();
    }
    assert_eq!(a.seen.most_open.load(SeqCst), 1);
    assert_eq!(b.seen.most_open.load(SeqCst), 1);

    let client = limited(1);
    for n in 0..10 {
        let server = if n % 2 == 0 { &a } else { &b };
        client.get(server.url("/")).send().await.unwrap();
    }
    assert_eq!(client.pool_metrics().open, 1);
    assert_eq!(client.pool_metrics().opened, 10);
}

#[tokio::test]
async fn no_host_starves_while_another_is_busy() {
    let busy = Server::answering(|_, _| ok("busy")).await;
    let other = Server::answering(|_, _| ok("other")).await;
    let client = limited(1);
    let mut load = Vec::new();
    for _ in 0..200 {
        load.push(tokio::spawn(client.get(busy.url("/")).send()));
    }
    while client.pool_metrics().waiting < 199 {
        tokio::task::yield_now().await;
    }
    let late = tokio::spawn(client.get(other.url("/")).send());
    while client.pool_metrics().waiting < 150 {
        tokio::task::yield_now().await;
    }
    for _ in 0..200 {
        load.push(tokio::spawn(client.get(busy.url("/")).send()));
    }
    late.await.unwrap().unwrap();
    for request in load {
        request.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn idle_connections_are_closed_in_time_and_old_ones_not_used_again() {
    let server = Server::answering(|_, _| ok("x")).await;
    let limits = PoolLimits { idle_timeout: Duration::from_millis(60), ..PoolLimits::default() };
    let client = Client::builder().pool(limits).build().unwrap();
    client.get(server.url("/")).send().await.unwrap();
    assert_eq!(client.pool_metrics().idle, 1);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(client.pool_metrics().open, 0);
    assert_eq!(server.seen.open.load(SeqCst), 0);

    let limits = PoolLimits { max_age: Some(Duration::ZERO), ..PoolLimits::default() };
    let client = Client::builder().pool(limits).build().unwrap();
    for _ in 0..3 {
        client.get(server.url("/")).send().await.unwrap();
    }
    assert_eq!(client.pool_metrics().opened, 3);
    assert_eq!(client.pool_metrics().reused, 0);

    let limits = PoolLimits { idle: 0, ..PoolLimits::default() };
    let client = Client::builder().pool(limits).build().unwrap();
    client.get(server.url("/")).send().await.unwrap();
    assert_eq!(client.pool_metrics().open, 0);
}

#[tokio::test]
async fn bytes_on_an_idle_connection_end_it() {
    let server = Server::start(|mut conn| async move {
        let nth = conn.nth;
        while conn.request().await.is_some() {
            conn.send(&ok(&nth.to_string())).await.unwrap();
            if nth == 0 {
                tokio::time::sleep(Duration::from_millis(30)).await;
                conn.send(&ok("EVIL")).await.unwrap();
            }
        }
    })
    .await;
    let client = Client::new();
    let text = async || client.get(server.url("/")).send().await.unwrap().text().await.unwrap();
    assert_eq!(text().await, "0");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!((text().await, text().await), ("1".into(), "1".into()));
}

#[tokio::test]
async fn a_closed_client_serves_nobody() {
    let server = Server::answering(|_, _| ok("x")).await;
    let client = Client::new();
    client.get(server.url("/")).send().await.unwrap();
    client.close_idle();
    assert_eq!(client.pool_metrics().open, 0);
    client.close();
    let error = client.get(server.url("/")).send().await.unwrap_err();
    assert!(error.to_string().contains("closed"), "{error}");
}

/// A tracer that panics while a place is in its hands.
#[tokio::test]
async fn a_panic_between_queue_and_connection_costs_no_place() {
    struct Panics;
    impl dunlin_client::Tracer for Panics {
        fn trace(&self, _: &dunlin_client::Request) -> Option<Arc<dyn dunlin_client::Trace>> {
            Some(Arc::new(Self))
        }
    }
    impl dunlin_client::Trace for Panics {
        fn connection_queued_end(&self) {
            panic!("as a test wants it");
        }
    }
    let server = Server::answering(|_, _| ok("x")).await;
    let client = limited(1);
    let queued = client.get(server.url("/")).tracer(Panics);
    let (first, second) =
        tokio::join!(client.get(server.url("/")).send(), tokio::spawn(queued.send()));
    first.unwrap();
    assert!(second.unwrap_err().is_panic());
    client.get(server.url("/")).send().await.unwrap();
    assert_eq!(client.pool_metrics().open, 1);
}

#[tokio::test]
async fn many_hosts_that_wait_cost_no_more_than_their_number() {
    let server = Server::answering(|_, _| ok("x")).await;
    let limits = PoolLimits { total: 4, per_host: 1, ..PoolLimits::default() };
    let localhost = [std::net::IpAddr::from([127, 0, 0, 1])];
    let client = Client::builder().pool(limits).resolve_to("*", &localhost).build().unwrap();
    let port = server.address.port();
    let many = (0..3_000).map(|n| client.get(format!("http://h{}.test:{port}/", n % 1_500)).send());
    let began = std::time::Instant::now();
    for answer in futures_util::future::join_all(many).await {
        answer.unwrap();
    }
    // A scan of all hosts for each request took ten times as long.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(server.seen.most_open.load(SeqCst) <= 4 + 4, "closing takes the server a moment");
}

#[tokio::test]
async fn unsolicited_bytes_are_seen_before_the_runtime_has_heard_of_them() {
    let (sent, evil) = std::sync::mpsc::channel();
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for stream in server.incoming() {
            let mut stream = stream.unwrap();
            let sent = sent.clone();
            std::thread::spawn(move || {
                let mut piece = [0; 4096];
                while stream.read(&mut piece).is_ok_and(|n| n > 0) {
                    stream.write_all(&ok("good")).unwrap();
                    std::thread::sleep(Duration::from_millis(20));
                    let _ = stream.write_all(&ok("EVIL"));
                    let _ = sent.send(());
                }
            });
        }
    });
    let client = Client::new();
    for _ in 0..5 {
        let response = client.get(format!("http://{address}/")).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "good");
        // Blocks the one thread of the runtime, so that it looks at no socket.
        evil.recv().unwrap();
    }
    assert_eq!(client.pool_metrics().reused, 0);
}

#[tokio::test]
async fn a_request_that_is_read_by_other_rules_has_a_connection_of_its_own() {
    let server = Server::answering(|head, _| match target(head) {
        "/folds" => b"HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n".to_vec(),
        _ => ok(""),
    })
    .await;
    let client = Client::new();
    let strict = |path| client.get(server.url(path));
    let folding = |path| {
        let mut leniency = Leniency::default();
        leniency.obs_fold = true;
        strict(path).leniency(leniency)
    };
    let short = || strict("/").limits(Limits::default().max_head_bytes(20));
    for _ in 0..2 {
        assert_eq!(strict("/").send().await.unwrap().status(), 200);
        assert_eq!(folding("/").send().await.unwrap().status(), 200);
    }
    assert_eq!(server.connections(), 2);
    assert!(short().send().await.is_err());
    assert!(strict("/folds").send().await.is_err());
    assert_eq!(folding("/folds").send().await.unwrap().header("x-a"), Some("1 2"));
    assert_eq!(server.connections(), 3);
    let error = strict("/").https_only(true).send().await.unwrap_err();
    assert!(error.is_request() && error.to_string().contains("https alone"), "{error}");
}
