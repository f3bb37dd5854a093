//! Streams of events that are asked for again.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use dunlin_client::sse::{Event, EventLimits, EventSource};
use dunlin_client::{Client, ErrorKind, InProcess, Next, Redirects};
use dunlin_core::{Body, Request, Response};
use futures_util::{StreamExt, stream};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, StatusCode};
use tokio::time::Instant;

/// What the server does with a connection.
#[derive(Clone, Copy)]
enum Does {
    /// Sends it and ends.
    Sends(&'static str),
    /// Sends it and breaks off.
    Breaks(&'static str),
    /// Sends it and stays.
    Stays(&'static str),
    /// Answers with this status, this type, and one event.
    Answers(u16, &'static str),
    /// Does not come about.
    Fails,
}
use Does::{Answers, Breaks, Fails, Sends, Stays};

/// Milliseconds since the start, and what `Last-Event-ID` was.
type Seen = Arc<Mutex<Vec<(u128, Option<String>)>>>;

fn source(script: &'static [Does]) -> (EventSource, Seen) {
    let (seen, start) = (Seen::default(), Instant::now());
    let list = Arc::clone(&seen);
    let attempts = Arc::clone(&seen);
    // Answers what the service cannot: a connection that fails.
    let fail = move |request: dunlin_client::Request, next: Next| {
        let id = request.headers().get_str("last-event-id").map(ToOwned::to_owned);
        let n = {
            let mut list = list.lock().unwrap();
            list.push((start.elapsed().as_millis(), id));
            list.len() - 1
        };
        let does = script.get(n).copied();
        async move {
            if let Some(Fails) = does {
                let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
                let kind = ErrorKind::Connect(Arc::new(refused));
                return Err(dunlin_client::Error::new(kind, dunlin_client::Phase::Connect));
            }
            next.run(request).await
        }
    };
    let service = move |req: Request| {
        assert_eq!(req.headers().get_str("accept"), Some("text/event-stream"));
        assert_eq!(req.headers().get_str("cache-control"), Some("no-store"));
        let does = script.get(attempts.lock().unwrap().len() - 1).copied();
        async move {
            let text = |body: Body| {
                let name = HeaderValue::from_static("Text/Event-Stream; charset=utf-8");
                Response::new(body).with_header(CONTENT_TYPE, name)
            };
            match does {
                None => Response::new("").with_status(StatusCode::NO_CONTENT),
                Some(Sends(events)) => text(Body::from(events)),
                Some(Breaks(events)) => {
                    let (mut sender, body) = Body::channel(1024);
                    sender.push(Bytes::from_static(events.as_bytes())).unwrap();
                    text(body)
                }
                Some(Stays(events)) => {
                    let first = stream::iter([Ok::<_, std::io::Error>(events)]);
                    text(Body::from_stream(first.chain(stream::pending())))
                }
                Some(Answers(status, kind)) => Response::new("data: a\n\n")
                    .with_status(StatusCode::from_u16(status).unwrap())
                    .with_header(CONTENT_TYPE, HeaderValue::from_static(kind))
                    .with_header(LOCATION, HeaderValue::from_static("/")),
                Some(Fails) => unreachable!("it did not come here"),
            }
        }
    };
    let client = Client::builder()
        .redirects(Redirects::none())
        .with(fail)
        .with(InProcess::new(service))
        .build()
        .unwrap();
    (client.get("http://a/").events().unwrap().jitter(|| 1.0), seen)
}

fn taken(seen: &Seen) -> Vec<(u128, Option<String>)> {
    std::mem::take(&mut seen.lock().unwrap())
}

async fn all(source: EventSource) -> Vec<String> {
    source.map(|event| event.map_or_else(|e| format!("error: {e}"), |e| e.data)).collect().await
}

#[tokio::test(start_paused = true)]
async fn it_goes_on_behind_the_last_event_and_204_ends_it() {
    let (source, seen) = source(&[
        Sends("id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\ndata: cut off"),
        Breaks("data: c\n\nid: \u{e9}\n\n"),
        Sends("id\ndata: d\n\n"),
    ]);
    assert_eq!(all(source).await, ["a", "b", "c", "d"]);
    // The breach is a failure, and so its wait is the longer one.
    let id = |id: &str| Some(id.to_owned());
    let seen = taken(&seen);
    assert_eq!(seen[..2], [(0, None), (3_000, id("2"))]);
    // No text in ASCII, but UTF-8.
    assert_eq!((seen[2].0, seen[3].clone()), (9_000, (12_000, None)));
}

#[tokio::test(start_paused = true)]
async fn ids_are_sent_as_utf8_and_only_where_they_fit() {
    for (id, sent) in [("\u{e9}", true), ("a\u{7}", false), ("a b", true)] {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&seen);
        let service = move |req: Request| {
            list.lock().unwrap().push(req.headers().get("last-event-id").map(<[u8]>::to_vec));
            async { Response::new("").with_status(StatusCode::NO_CONTENT) }
        };
        let client = Client::builder().with(InProcess::new(service)).build().unwrap();
        let request = client.get("http://a/").build().unwrap();
        let mut source =
            EventSource::new(client, request).last_event_id(id).limits(EventLimits::default());
        assert_eq!(source.last_id(), id);
        assert!(source.next().await.is_none());
        assert_eq!(*seen.lock().unwrap(), [sent.then(|| id.as_bytes().to_vec())], "{id:?}");
    }
    let (source, seen) = source(&[]);
    let long = "x".repeat(5000);
    all(source.last_event_id("a\nb").last_event_id(&long)).await;
    assert_eq!(taken(&seen), [(0, None)]);
}

#[tokio::test(start_paused = true)]
async fn the_server_sets_the_wait_within_bounds() {
    let (source, seen) = source(&[
        Sends("retry: 500\n\n"),
        Sends("data: a\n\n"),
        Sends("retry: 0\n\n"),
        Sends("retry: 999999999999\n\n"),
    ]);
    assert_eq!(all(source).await, ["a"]);
    let times: Vec<_> = taken(&seen).into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, [0, 500, 1_000, 1_100, 3_601_100]);
}

#[tokio::test(start_paused = true)]
async fn the_wait_grows_with_failures_until_something_comes() {
    let (source, seen) =
        source(&[Fails, Fails, Fails, Fails, Fails, Stays(": hello\n\ndata: a\n\n")]);
    let mut source = source.retry(Duration::from_secs(1)).max_wait(Duration::from_secs(10));
    assert_eq!(source.next().await.unwrap().unwrap().data, "a");
    let times: Vec<_> = taken(&seen).into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, [0, 2_000, 6_000, 14_000, 24_000, 34_000]);
    assert!(source.is_open() && source.last_failure().unwrap().is_connect());
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_are_bounded_where_asked_for() {
    let (source, seen) = source(&[Fails, Sends("data: a\n\n"), Fails, Fails, Fails]);
    let events = all(source.max_failures(2)).await;
    assert!(events[0] == "a" && events[1].starts_with("error: cannot connect"), "{events:?}");
    assert_eq!((events.len(), taken(&seen).len()), (2, 5));
}

#[tokio::test(start_paused = true)]
async fn another_status_or_type_is_an_error_that_ends_it() {
    for (script, text) in [
        (&[Answers(404, "text/event-stream")][..], "the server answered 404"),
        (&[Answers(503, "text/event-stream")], "the server answered 503"),
        (&[Answers(307, "text/event-stream")], "the server answered 307"),
        (&[Answers(200, "text/plain")], "text/event-stream: it is text/plain"),
        (&[Answers(200, ";")], "it is of no type"),
    ] {
        let (mut source, seen) = source(script);
        let error = source.next().await.unwrap().unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
        assert!(source.next().await.is_none() && source.next().await.is_none());
        assert_eq!(taken(&seen).len(), 1, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_would_fail_again_ends_it() {
    let client = Client::new();
    let body = stream::iter([Ok::<_, std::io::Error>("a")]);
    let request = client.post("http://127.0.0.1:1/").stream(body).build().unwrap();
    let mut source = EventSource::new(client.clone(), request.clone());
    client.close();
    assert!(matches!(source.next().await.unwrap().unwrap_err().kind(), ErrorKind::Closed));
    assert!(source.next().await.is_none());
    // The body has gone with the first attempt.
    let mut source = EventSource::new(Client::new(), request);
    assert!(source.next().await.unwrap().unwrap_err().is_request());
}

#[tokio::test(start_paused = true)]
async fn an_event_past_the_limits_ends_it() {
    let (source, seen) = source(&[Stays("data: a\n\ndata: 12345678901\n\n")]);
    let events = all(source.limits(EventLimits::default().max_event_bytes(10))).await;
    assert!(events[0] == "a" && events[1].contains("exceeds 10 bytes"), "{events:?}");
    assert_eq!((events.len(), taken(&seen).len()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn dropping_the_wait_for_an_event_loses_nothing() {
    let (mut source, seen) = source(&[Fails, Sends("data: a\n\n"), Stays("data: b\n\n")]);
    let mut events = Vec::new();
    for _ in 0..200 {
        let next = tokio::time::timeout(Duration::from_millis(100), source.next()).await;
        events.extend(next.ok().flatten().map(|event: Result<Event, _>| event.unwrap().data));
    }
    assert_eq!((events, taken(&seen).len()), (vec!["a".to_owned(), "b".to_owned()], 3));
}

#[tokio::test(start_paused = true)]
async fn it_outlives_the_total_deadline_and_close_ends_it() {
    let (sender, body) = Body::channel(64);
    let body = Mutex::new(Some(body));
    let service = move |_: Request| {
        let body = body.lock().unwrap().take().unwrap();
        let kind = HeaderValue::from_static("text/event-stream");
        async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            Response::new(body).with_header(CONTENT_TYPE, kind)
        }
    };
    let client = Client::builder().with(InProcess::new(service)).build().unwrap();
    let request = client.get("http://a/").timeout(Duration::from_secs(1)).build().unwrap();
    let mut source = EventSource::new(client, request);
    tokio::spawn(async move {
        let mut sender = sender;
        tokio::time::sleep(Duration::from_secs(3600)).await;
        sender.send(Bytes::from_static(b"data: late\n\n")).await.unwrap();
        std::future::pending::<()>().await
    });
    assert_eq!(source.next().await.unwrap().unwrap().data, "late");
    source.close();
    assert!(source.next().await.is_none() && !source.is_open());
}
