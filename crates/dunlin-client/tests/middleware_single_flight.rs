//! Equal requests that share one exchange.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use dunlin_client::cookies::{CookieJar, CookieStore, SameSiteContext};
use dunlin_client::{
    Client, Error, ErrorKind, InProcess, Middleware, Next, Phase, Response, SingleFlight, Timeouts,
};
use dunlin_core::{Body, Request, ResponseHead};
use futures_util::future::join_all;
use http::HeaderValue;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, SET_COOKIE};

/// Answers after a second with the number of the request, and as many bytes as the query says.
fn service(calls: &Arc<AtomicUsize>) -> InProcess {
    let calls = Arc::clone(calls);
    InProcess::new(move |req: Request| {
        let n = calls.fetch_add(1, Ordering::SeqCst) + 1;
        async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let len = req.query().and_then(|query| query.parse().ok()).unwrap_or(0);
            dunlin_core::Response::new(format!("{n}{}", "x".repeat(len)))
                .with_header("x-n".parse().unwrap(), HeaderValue::from(n))
        }
    })
}

fn client(flight: SingleFlight) -> (Client, Arc<AtomicUsize>) {
    let calls = Arc::default();
    let client = Client::builder().with(flight).with(service(&calls)).build().unwrap();
    (client, calls)
}

async fn text(request: dunlin_client::RequestBuilder) -> String {
    request.send().await.unwrap().text().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn equal_requests_share_one_exchange() {
    let (client, calls) = client(SingleFlight::new());
    let texts = join_all((0..10).map(|_| text(client.get("http://a/b")))).await;
    assert_eq!((texts, calls.load(Ordering::SeqCst)), (vec!["1".to_owned(); 10], 1));
    // Nothing is kept.
    assert_eq!(text(client.get("http://a/b")).await, "2");
}

#[tokio::test(start_paused = true)]
async fn requests_that_differ_do_not_share() {
    let (client, calls) = client(SingleFlight::new());
    join_all([
        text(client.get("http://a/b")),
        text(client.get("http://a/b#c")),
        text(client.get("http://a/c")),
        text(client.get("http://b/b")),
        text(client.head("http://a/b")),
        text(client.get("http://a/b").header("x-a", "b")),
        text(client.get("http://a/b").body("b")),
        text(client.get("http://a/b").unix_socket("/a")),
        text(client.post("http://a/b")),
        text(client.post("http://a/b")),
    ])
    .await;
    assert_eq!(calls.load(Ordering::SeqCst), 9);
}

#[tokio::test(start_paused = true)]
async fn chosen_fields_alone_tell_requests_apart() {
    let (client, calls) = client(SingleFlight::new().fields([ACCEPT]));
    join_all([
        text(client.get("http://a/").header("x-id", "1")),
        text(client.get("http://a/").header("x-id", "2")),
        text(client.get("http://a/").accept("text/html")),
        text(client.get("http://a/").bearer_auth("a")),
        text(client.get("http://a/").bearer_auth("b")),
    ])
    .await;
    assert_eq!(calls.load(Ordering::SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn a_long_body_goes_to_the_first_and_the_others_go_by_themselves() {
    let (client, calls) = client(SingleFlight::new().max_body(10));
    let texts = join_all((0..3).map(|_| text(client.get("http://a/?9")))).await;
    assert_eq!((texts[0].as_str(), calls.load(Ordering::SeqCst)), ("1xxxxxxxxx", 1));
    let texts = join_all((0..3).map(|_| text(client.get("http://a/?10")))).await;
    assert_eq!(calls.load(Ordering::SeqCst), 4);
    assert!(texts.iter().all(|text| text.len() == 11) && texts[0] != texts[1]);
}

#[tokio::test(start_paused = true)]
async fn where_the_first_is_cancelled_another_is_sent() {
    let (client, calls) = client(SingleFlight::new());
    let first = tokio::spawn(text(client.get("http://a/")));
    tokio::time::sleep(Duration::from_millis(500)).await;
    let second = tokio::spawn(text(client.get("http://a/")));
    tokio::task::yield_now().await;
    first.abort();
    assert_eq!((second.await.unwrap().as_str(), calls.load(Ordering::SeqCst)), ("2", 2));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_first_is_not_that_of_the_others() {
    let (client, _) = client(SingleFlight::new());
    let first = client.get("http://a/").timeout(Duration::from_millis(300)).send();
    let (first, second) = tokio::join!(first, text(client.get("http://a/")));
    assert!(first.unwrap_err().is_timeout());
    assert_eq!(second, "2");
}

#[tokio::test(start_paused = true)]
async fn errors_are_shared() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let fail = move |_: dunlin_client::Request, _: Next| {
        let n = counted.fetch_add(1, Ordering::SeqCst);
        async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Err::<Response, _>(Error::other(format!("failure {n}")))
        }
    };
    let client = Client::builder().with(SingleFlight::new()).with(fail).build().unwrap();
    let results = join_all((0..3).map(|_| client.get("http://a/").send())).await;
    assert!(results.iter().all(|r| r.as_ref().unwrap_err().to_string() == "failure 0"));
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_fails_all_who_wait() {
    let service = |_: Request| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (mut sender, body) = Body::channel(64);
        sender.push(Bytes::from_static(b"a")).unwrap();
        dunlin_core::Response::new(body)
    };
    let client =
        Client::builder().with(SingleFlight::new()).with(InProcess::new(service)).build().unwrap();
    let results = join_all((0..3).map(|_| client.get("http://a/").send())).await;
    assert!(results.iter().all(|result| result.as_ref().is_err_and(Error::is_body)));
}

#[tokio::test(start_paused = true)]
async fn an_endless_stream_is_not_waited_for() {
    let service = |_: Request| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (mut sender, body) = Body::channel(64);
        sender.push(Bytes::from_static(b"data: a\n\n")).unwrap();
        tokio::spawn(async move {
            let _held = sender;
            std::future::pending::<()>().await
        });
        dunlin_core::Response::new(body)
            .with_header(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"))
    };
    let client =
        Client::builder().with(SingleFlight::new()).with(InProcess::new(service)).build().unwrap();
    for result in join_all((0..3).map(|_| client.get("http://a/").send())).await {
        assert_eq!(result.unwrap().chunk().await.unwrap().unwrap(), "data: a\n\n");
    }
}

#[tokio::test(start_paused = true)]
async fn alone_a_body_is_streamed() {
    let service = |_: Request| async {
        let (mut sender, body) = Body::channel(64);
        sender.push(Bytes::from_static(b"a")).unwrap();
        tokio::spawn(async move {
            let _held = sender;
            std::future::pending::<()>().await
        });
        dunlin_core::Response::new(body)
    };
    let client =
        Client::builder().with(SingleFlight::new()).with(InProcess::new(service)).build().unwrap();
    let request = client.get("http://a/").timeout(Duration::from_secs(1));
    assert_eq!(request.send().await.unwrap().chunk().await.unwrap().unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn the_error_of_a_deadline_of_its_own_is_not_shared() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let fail = move |_: dunlin_client::Request, _: Next| {
        let n = counted.fetch_add(1, Ordering::SeqCst);
        async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let setting = if n == 0 { "total" } else { "head" };
            let kind = ErrorKind::Timeout { after: Duration::from_secs(1), setting };
            Err::<Response, _>(Error::new(kind, Phase::Exchange))
        }
    };
    let client = Client::builder().with(SingleFlight::new()).with(fail).build().unwrap();
    let results = join_all((0..3).map(|_| client.get("http://a/").send())).await;
    let texts = results.iter().map(|result| result.as_ref().unwrap_err().to_string());
    let found: Vec<_> = texts.map(|text| text.contains("total timeout")).collect();
    assert_eq!((found, calls.load(Ordering::SeqCst)), (vec![true, false, false], 2));
}

/// A middleware that adds a token, as credentials do.
fn token(token: &'static str) -> Arc<dyn Middleware> {
    Arc::new(move |mut request: dunlin_client::Request, next: Next| {
        request.insert_header(AUTHORIZATION, HeaderValue::from_static(token));
        next.run(request)
    })
}

#[tokio::test(start_paused = true)]
async fn who_is_sent_for_by_other_middleware_has_an_answer_of_its_own() {
    let flight: Arc<dyn Middleware> = Arc::new(SingleFlight::new());
    let echo: Arc<dyn Middleware> = Arc::new(InProcess::new(|req: Request| async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        dunlin_core::Response::new(req.headers().get_str("authorization").unwrap().to_owned())
    }));
    let client = Client::new();
    let of = |name| {
        let chain = [Arc::clone(&flight), token(name), Arc::clone(&echo)];
        text(client.get("http://a/me").middleware(chain))
    };
    let (ada, bob) = tokio::join!(of("ada"), of("bob"));
    assert_eq!((ada.as_str(), bob.as_str()), ("ada", "bob"));
}

#[tokio::test(start_paused = true)]
async fn who_keeps_other_cookies_is_not_handed_those_of_the_first() {
    let n = AtomicUsize::new(0);
    let service = move |_: Request| {
        let session = format!("session={}", n.fetch_add(1, Ordering::SeqCst));
        async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            dunlin_core::Response::new("")
                .with_header(SET_COOKIE, HeaderValue::try_from(session).unwrap())
        }
    };
    let client =
        Client::builder().with(SingleFlight::new()).with(InProcess::new(service)).build().unwrap();
    let jars: [Arc<CookieJar>; 2] = std::array::from_fn(|_| Arc::new(CookieJar::new()));
    let of = |jar: &Arc<CookieJar>| {
        let store: Arc<dyn CookieStore> = jar.clone();
        text(client.get("http://a.test/").cookie_store(store))
    };
    tokio::join!(of(&jars[0]), of(&jars[1]));
    let url = "http://a.test/".parse().unwrap();
    let [one, other] = jars.map(|jar| jar.header(&url, SameSiteContext::default()).unwrap());
    assert_ne!(one, other, "two people share a session");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_first_does_not_cut_the_body_of_the_others() {
    let service = |_: Request| async {
        let (mut sender, body) = Body::channel(64);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            sender.push(Bytes::from_static(b"whole")).unwrap();
            sender.finish();
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
        dunlin_core::Response::new(body)
    };
    // Reads the body by the deadline of the request, as a connection does.
    let cut = |request: dunlin_client::Request, next: Next| async move {
        let hurried = request.headers().contains("x-hurried");
        let mut response = next.run(request).await?;
        if hurried {
            let body = std::mem::take(response.body_mut());
            let late = async move {
                let after = Duration::from_millis(300);
                let read = tokio::time::timeout(after, body.bytes()).await;
                let kind = ErrorKind::Timeout { after, setting: "total" };
                read.map_err(|_| Error::new(kind, Phase::Body))?.map_err(Error::from)
            };
            *response.body_mut() = Body::from_stream(futures_util::stream::once(late));
        }
        Ok(response)
    };
    let client = Client::builder()
        .with(SingleFlight::new().fields([ACCEPT]))
        .with(cut)
        .with(InProcess::new(service))
        .build()
        .unwrap();
    let first = client.get("http://a/").header("x-hurried", "1").send();
    let (first, second) = tokio::join!(first, client.get("http://a/").send());
    assert!(first.is_err_and(|error| error.is_timeout()));
    assert_eq!(second.unwrap().text().await.unwrap(), "whole");
}

#[tokio::test(start_paused = true)]
async fn a_timeout_that_the_first_set_for_itself_is_not_that_of_the_others() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let slow = move |request: dunlin_client::Request, _: Next| {
        let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if first {
                let kind = ErrorKind::Timeout { after: Duration::from_secs(1), setting: "read" };
                return Err(Error::new(kind, Phase::Exchange));
            }
            let url = request.url().clone();
            Ok(Response::from_parts(ResponseHead::default(), Body::empty(), url))
        }
    };
    let client = Client::builder().with(SingleFlight::new()).with(slow).build().unwrap();
    let hurried = Timeouts { read: Some(Duration::from_secs(1)), ..Timeouts::default() };
    let first = client.get("http://a/").timeouts(hurried).send();
    let (first, second) = tokio::join!(first, client.get("http://a/").send());
    assert!(first.is_err_and(|error| error.is_timeout()));
    assert_eq!(second.unwrap().status(), 200);
}
