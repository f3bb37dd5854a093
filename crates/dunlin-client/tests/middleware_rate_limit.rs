//! Requests that wait for their turn.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dunlin_client::{Client, ErrorKind, InProcess, RateLimit, RateLimited};
use dunlin_core::{Request, Response};
use futures_util::future::join_all;
use tokio::time::Instant;

type Seen = Arc<Mutex<Vec<(String, u128)>>>;

/// A client, and the paths that its server saw with the milliseconds since the start.
fn client(limit: RateLimit) -> (Client, Seen) {
    let (seen, start) = (Seen::default(), Instant::now());
    let list = Arc::clone(&seen);
    let service = move |req: Request| {
        list.lock().unwrap().push((req.path().to_owned(), start.elapsed().as_millis()));
        async { Response::new("") }
    };
    (Client::builder().with(limit).with(InProcess::new(service)).build().unwrap(), seen)
}

fn times(seen: &Seen) -> Vec<u128> {
    std::mem::take(&mut *seen.lock().unwrap()).into_iter().map(|(_, at)| at).collect()
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_burst_goes_at_once_and_the_rest_evenly_and_in_order() {
    let (client, seen) = client(RateLimit::new(4, SECOND).burst(2));
    join_all((0..5).map(|n| client.get(format!("http://a/{n}")).send())).await;
    let expected: Vec<_> =
        [(0, 0), (1, 0), (2, 250), (3, 500), (4, 750)].map(|(n, at)| (format!("/{n}"), at)).into();
    assert_eq!(*seen.lock().unwrap(), expected);
    times(&seen);
    // A pause fills it again, and no further than its room.
    tokio::time::advance(10 * SECOND).await;
    join_all((0..3).map(|_| client.get("http://a/").send())).await;
    assert_eq!(times(&seen), [10_750, 10_750, 11_000]);
}

#[tokio::test(start_paused = true)]
async fn origins_count_by_themselves_where_asked_for() {
    let urls = ["http://a/", "https://a/", "http://b/", "http://a/b"];
    let (apart, seen) = client(RateLimit::new(1, SECOND).per_origin());
    join_all(urls.map(|url| apart.get(url).send())).await;
    assert_eq!(times(&seen), [0, 0, 0, 1000]);
    let (together, seen) = client(RateLimit::new(1, SECOND));
    join_all(urls.map(|url| together.get(url).send())).await;
    assert_eq!(times(&seen), [0, 1000, 2000, 3000]);
}

#[tokio::test(start_paused = true)]
async fn who_would_wait_for_too_long_fails_at_once() {
    let (client, seen) = client(RateLimit::new(1, SECOND).max_wait(2 * SECOND));
    let start = Instant::now();
    let waiting: Vec<_> = (0..3).map(|_| tokio::spawn(client.get("http://a/").send())).collect();
    tokio::task::yield_now().await;
    let error = client.get("http://a/x").send().await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::ZERO);
    let ErrorKind::Other(source) = error.kind() else { panic!("{error}") };
    let limited: &RateLimited = source.downcast_ref().unwrap();
    assert_eq!((limited.wait, limited.max), (3 * SECOND, 2 * SECOND));
    assert!(error.to_string().contains("http://a/x"), "{error}");
    for request in waiting {
        request.await.unwrap().unwrap();
    }
    assert_eq!(times(&seen), [0, 1000, 2000]);
}

#[tokio::test(start_paused = true)]
async fn who_is_cancelled_takes_no_token() {
    let (client, seen) = client(RateLimit::new(1, SECOND));
    client.get("http://a/").send().await.unwrap();
    let waiting: Vec<_> = (0..4).map(|_| tokio::spawn(client.get("http://a/").send())).collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    // The first in the queue, and one further behind.
    waiting[0].abort();
    waiting[2].abort();
    for request in waiting {
        let _ = request.await;
    }
    assert_eq!(times(&seen), [0, 1000, 2000]);
}

#[tokio::test(start_paused = true)]
async fn who_comes_as_a_token_does_stands_behind_who_waits() {
    let (client, seen) = client(RateLimit::new(1, SECOND));
    client.get("http://a/0").send().await.unwrap();
    // Its timer is the first to fire then.
    let late = client.get("http://a/late");
    let late = tokio::spawn(async move {
        tokio::time::sleep(SECOND).await;
        late.send().await
    });
    tokio::task::yield_now().await;
    let early = tokio::spawn(client.get("http://a/early").send());
    early.await.unwrap().unwrap();
    late.await.unwrap().unwrap();
    let expected = [("/0", 0), ("/early", 1000), ("/late", 2000)];
    assert_eq!(*seen.lock().unwrap(), expected.map(|(path, at)| (path.to_owned(), at)));
}

#[tokio::test(start_paused = true)]
async fn the_wait_counts_against_the_deadline() {
    let (client, seen) = client(RateLimit::new(1, SECOND));
    client.get("http://a/").send().await.unwrap();
    let error = client.get("http://a/").timeout(SECOND / 2).send().await.unwrap_err();
    assert!(error.is_timeout());
    client.get("http://a/").send().await.unwrap();
    assert_eq!(times(&seen), [0, 1000]);
}
