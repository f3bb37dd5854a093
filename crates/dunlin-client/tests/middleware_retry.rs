//! Requests that are sent again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use dunlin_client::cookies::CookieJar;
use dunlin_client::{
    Client, Error, ErrorKind, InProcess, Next, Phase, Retry, RetryBudget, Verdict,
};
use dunlin_core::{Body, Request, Response};
use futures_util::stream;
use http::header::{RETRY_AFTER, SET_COOKIE};
use http::{HeaderValue, Method, StatusCode};
use tokio::time::Instant;

/// A client whose server answers by the list, then with 200, and the times of its requests in
/// milliseconds since the start.
fn server(retry: Retry, statuses: &'static [u16]) -> (Client, Arc<Mutex<Vec<u128>>>) {
    let (times, start) = (Arc::new(Mutex::new(Vec::new())), Instant::now());
    let seen = Arc::clone(&times);
    let service = move |req: Request| {
        let n = {
            let mut seen = seen.lock().unwrap();
            seen.push(start.elapsed().as_millis());
            seen.len() - 1
        };
        async move {
            let status = statuses.get(n).map_or(200, |status| *status);
            let after = req.headers().get_str("x-after").map(ToOwned::to_owned);
            let text = req.text().await.unwrap();
            let mut response =
                Response::new(text).with_status(StatusCode::from_u16(status).unwrap());
            if let Some(after) = after {
                response = response.with_header(RETRY_AFTER, HeaderValue::try_from(after).unwrap());
            }
            response
        }
    };
    let client = Client::builder().with(retry).with(InProcess::new(service)).build().unwrap();
    (client, times)
}

fn whole() -> Retry {
    Retry::new().jitter(|| 1.0)
}

fn taken(times: &Mutex<Vec<u128>>) -> Vec<u128> {
    std::mem::take(&mut times.lock().unwrap())
}

#[tokio::test(start_paused = true)]
async fn waits_double_and_attempts_are_bounded() {
    let (client, times) = server(whole().attempts(4), &[503; 9]);
    let response = client.put("http://a/").body("b").send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (503, "b"));
    assert_eq!(taken(&times), [0, 100, 300, 700]);
}

#[tokio::test(start_paused = true)]
async fn a_success_is_returned_with_its_own_body() {
    let (client, times) = server(whole(), &[502, 504]);
    let response = client.put("http://a/").body("b").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!((response.text().await.unwrap().as_str(), taken(&times).len()), ("b", 3));
}

#[tokio::test(start_paused = true)]
async fn cookies_of_what_failed_go_along() {
    let count = Arc::new(AtomicUsize::new(0));
    let service = move |req: Request| {
        let nth = count.fetch_add(1, Ordering::SeqCst);
        let cookies = req.headers().get_str("cookie").unwrap_or("none").to_owned();
        let status = if nth < 2 { StatusCode::BAD_GATEWAY } else { StatusCode::OK };
        let set = HeaderValue::try_from(format!("nth={nth}")).unwrap();
        async move { Response::new(cookies).with_status(status).with_header(SET_COOKIE, set) }
    };
    let client = Client::builder().with(whole()).with(InProcess::new(service));
    let client = client.cookies(CookieJar::new()).build().unwrap();
    let get = || client.get("http://a/").cookie("own", "x").send();
    assert_eq!(get().await.unwrap().text().await.unwrap(), "nth=1; own=x");
    assert_eq!(get().await.unwrap().text().await.unwrap(), "nth=2; own=x");
}

#[tokio::test(start_paused = true)]
async fn which_statuses_and_methods_are_tried_again() {
    for (status, method, key, sent) in [
        (429, Method::GET, false, 2),
        (429, Method::POST, false, 2),
        (500, Method::GET, false, 1),
        (502, Method::GET, false, 2),
        (502, Method::POST, false, 1),
        (502, Method::POST, true, 2),
        (503, Method::DELETE, false, 2),
        (504, Method::PATCH, false, 1),
        (404, Method::GET, false, 1),
        (200, Method::GET, false, 1),
    ] {
        let statuses = Box::leak(Box::new([status]));
        let (client, times) = server(whole(), statuses);
        let mut request = client.request(method.clone(), "http://a/");
        if key {
            request = request.header("idempotency-key", "1");
        }
        request.send().await.unwrap();
        assert_eq!(taken(&times).len(), sent, "{method} {status}");
    }
    let (client, times) = server(whole().statuses([StatusCode::NOT_FOUND]), &[404, 503]);
    assert_eq!(client.get("http://a/").send().await.unwrap().status(), 503);
    assert_eq!(taken(&times).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_not_sent_again() {
    let (client, times) = server(whole(), &[503]);
    let body = stream::iter([Ok::<_, std::io::Error>("a")]);
    assert_eq!(client.put("http://a/").stream(body).send().await.unwrap().status(), 503);
    assert_eq!(taken(&times).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_for_up_to_its_bound() {
    let (client, times) = server(whole(), &[429, 429]);
    let response = client.get("http://a/").header("x-after", "7").send().await.unwrap();
    assert_eq!((response.status().as_u16(), taken(&times)), (200, vec![0, 7_000, 14_000]));

    let (client, times) = server(whole(), &[503]);
    let past = client.get("http://a/").header("x-after", "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!((past.send().await.unwrap().status().as_u16(), taken(&times)), (200, vec![0, 0]));

    let (client, times) = server(whole().max_retry_after(Duration::from_secs(6)), &[503]);
    let response = client.get("http://a/").header("x-after", "7").send().await.unwrap();
    assert_eq!((response.status().as_u16(), taken(&times).len()), (503, 1));
}

#[tokio::test(start_paused = true)]
async fn no_retry_begins_behind_the_deadline() {
    let (client, times) = server(whole(), &[503, 503]);
    let start = Instant::now();
    let request = client.get("http://a/").timeout(Duration::from_millis(250));
    assert_eq!(request.send().await.unwrap().status(), 503);
    assert_eq!((taken(&times).len(), start.elapsed().as_millis()), (2, 100));
}

#[tokio::test(start_paused = true)]
async fn the_budget_is_shared_and_holds_retries_to_a_part() {
    let retry = whole().budget(RetryBudget::new(10, 0)).backoff(Duration::ZERO, Duration::ZERO);
    let (client, times) = server(retry, &[503; 1000]);
    for _ in 0..200 {
        client.get("http://a/").send().await.unwrap();
    }
    assert_eq!(taken(&times).len(), 220);
}

#[tokio::test(start_paused = true)]
async fn the_response_before_is_dropped_before_the_wait() {
    let held = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    struct Held(Arc<AtomicUsize>);
    impl Drop for Held {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let (count, peak) = (Arc::clone(&held), Arc::clone(&most));
    let service = move |_: Request| {
        peak.fetch_max(count.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let body = stream::unfold(Held(Arc::clone(&count)), |held| async {
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b"x")), held))
        });
        async { Response::new(Body::from_stream(body)).with_status(StatusCode::BAD_GATEWAY) }
    };
    let client = Client::builder().with(whole()).with(InProcess::new(service)).build().unwrap();
    let request = tokio::spawn(client.get("http://a/").send());
    tokio::time::sleep(Duration::from_millis(50)).await;
    // It waits for the second attempt.
    assert_eq!((held.load(Ordering::SeqCst), most.load(Ordering::SeqCst)), (0, 1));
    let response = request.await.unwrap().unwrap();
    assert_eq!((held.load(Ordering::SeqCst), most.load(Ordering::SeqCst)), (1, 1));
    drop(response);
}

/// How often a request is sent that fails with this each time.
async fn sent(method: Method, error: fn() -> Error) -> usize {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let fail = move |_: dunlin_client::Request, _: Next| {
        count.fetch_add(1, Ordering::SeqCst);
        async move { Err::<dunlin_client::Response, _>(error()) }
    };
    let client = Client::builder().with(whole()).with(fail).build().unwrap();
    client.request(method, "http://a/").send().await.unwrap_err();
    sent.load(Ordering::SeqCst)
}

fn source() -> Arc<dyn std::error::Error + Send + Sync> {
    Arc::new(std::io::Error::other("x"))
}

fn timeout(setting: &'static str, phase: Phase) -> Error {
    Error::new(ErrorKind::Timeout { after: Duration::from_secs(1), setting }, phase)
}

fn io(phase: Phase) -> Error {
    Error::new(ErrorKind::Io(Arc::new(std::io::ErrorKind::ConnectionReset.into())), phase)
}

#[tokio::test(start_paused = true)]
async fn which_errors_are_tried_again() {
    type Case = (fn() -> Error, usize, usize);
    let cases: [Case; 12] = [
        (|| Error::new(ErrorKind::Connect(source()), Phase::Connect), 3, 3),
        (|| Error::new(ErrorKind::Resolve(source()), Phase::Resolve), 3, 3),
        (|| timeout("connect", Phase::Connect), 3, 3),
        (|| timeout("pool", Phase::Queue), 3, 3),
        (|| io(Phase::Tls), 3, 3),
        (|| io(Phase::Exchange), 3, 1),
        (|| timeout("head", Phase::Exchange), 3, 1),
        (|| timeout("total", Phase::Exchange), 1, 1),
        (|| Error::new(ErrorKind::Tls(source()), Phase::Tls), 1, 1),
        (|| Error::new(ErrorKind::Refused(source()), Phase::Connect), 1, 1),
        (|| Error::new(ErrorKind::Closed, Phase::Queue), 1, 1),
        (|| Error::other("x"), 1, 1),
    ];
    for (error, get, post) in cases {
        assert_eq!(sent(Method::GET, error).await, get, "{:?}", error());
        assert_eq!(sent(Method::POST, error).await, post, "{:?}", error());
    }
}

#[tokio::test(start_paused = true)]
async fn a_verdict_goes_before_all_else() {
    let retry = whole().classify(|request, outcome| match (request.url().path(), outcome) {
        ("/always", _) => Verdict::Retry,
        ("/never", Ok(_)) => Verdict::Return,
        _ => Verdict::Default,
    });
    for (path, method, statuses, sent) in [
        ("/always", Method::POST, &[200, 200][..], 3),
        ("/never", Method::GET, &[503], 1),
        ("/other", Method::GET, &[503], 2),
    ] {
        let (client, times) = server(retry.clone(), Box::leak(statuses.into()));
        client.request(method, format!("http://a{path}")).send().await.unwrap();
        assert_eq!(taken(&times).len(), sent, "{path}");
    }
}

#[tokio::test]
async fn a_refused_connection_is_tried_again_and_its_error_returned() {
    let (waits, retry) = (Arc::new(AtomicUsize::new(0)), Retry::new());
    let count = Arc::clone(&waits);
    let retry = retry.jitter(move || {
        count.fetch_add(1, Ordering::SeqCst);
        0.0
    });
    let client = Client::builder().with(retry).build().unwrap();
    let error = client.post("http://127.0.0.1:1/").send().await.unwrap_err();
    assert!(error.is_connect(), "{error}");
    assert_eq!(waits.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_retry_gets_the_connection_of_the_response_before() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        // The one connection: another would wait for ever.
        let (mut conn, _) = listener.accept().await.unwrap();
        for status in ["503 Unavailable", "200 OK"] {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(conn.read_u8().await.unwrap());
            }
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 1\r\n\r\nx");
            conn.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let retry = Retry::new().backoff(Duration::from_millis(1), Duration::from_millis(1));
    let client = Client::builder().with(retry).build().unwrap();
    let response = client.get(url).timeout(Duration::from_secs(20)).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (200, "x"));
    server.await.unwrap();
}
