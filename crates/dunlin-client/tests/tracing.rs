//! The hooks: which are called, in which order, with what.
#![allow(missing_docs)]

mod util;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use dunlin_client::{Client, Error, PoolLimits, Request, Resolve, Resolving, Trace, Tracer, Url};
use dunlin_core::{Body, Headers};
use http::{Method, StatusCode};
use util::{Server, answer, ok, target};

type Log = Arc<Mutex<Vec<String>>>;

/// Notes down what it is told.
#[derive(Clone, Default)]
struct Notes(Log);

/// What a request brings to be seen by its tracer.
#[derive(Clone)]
struct Tag(&'static str);

impl Tracer for Notes {
    fn trace(&self, request: &Request) -> Option<Arc<dyn Trace>> {
        let tag = request.extensions().get::<Tag>().map_or("", |tag| tag.0);
        (tag != "quiet").then(|| Arc::new(Noting { log: Arc::clone(&self.0), tag }) as _)
    }
}

struct Noting {
    log: Log,
    tag: &'static str,
}

impl Noting {
    fn note(&self, text: impl Into<String>) {
        self.log.lock().unwrap().push(format!("{}{}", self.tag, text.into()));
    }
}

impl Trace for Noting {
    fn request_start(&self, method: &Method, url: &Url, _: &Headers) {
        self.note(format!("start {method} {}", url.path()));
    }
    fn request_headers_sent(&self, method: &Method, url: &Url, headers: &Headers) {
        assert!(headers.contains("user-agent"));
        self.note(format!("headers {method} {}", url.path()));
    }
    fn request_chunk_sent(&self, chunk: &[u8]) {
        self.note(format!("sent {}", String::from_utf8_lossy(chunk)));
    }
    fn response_chunk_received(&self, chunk: &[u8]) {
        self.note(format!("got {}", String::from_utf8_lossy(chunk)));
    }
    fn request_redirect(&self, from: &Url, status: StatusCode, to: &Url) {
        self.note(format!("redirect {} {} {}", from.path(), status.as_u16(), to.path()));
    }
    fn request_end(&self, url: &Url, status: StatusCode, headers: &Headers) {
        assert!(headers.contains("content-length"));
        self.note(format!("end {} {}", url.path(), status.as_u16()));
    }
    fn request_exception(&self, error: &Error) {
        self.note(format!("exception {:?}", error.phase()));
    }
    fn connection_queued_start(&self) {
        self.note("queued");
    }
    fn connection_queued_end(&self) {
        self.note("queued end");
    }
    fn connection_create_start(&self) {
        self.note("create");
    }
    fn connection_create_end(&self) {
        self.note("create end");
    }
    fn connection_reuse(&self) {
        self.note("reuse");
    }
    fn dns_resolve_start(&self, host: &str) {
        self.note(format!("resolve {host}"));
    }
    fn dns_resolve_end(&self, host: &str) {
        self.note(format!("resolve end {host}"));
    }
    fn dns_cache_hit(&self, host: &str) {
        self.note(format!("hit {host}"));
    }
    fn dns_cache_miss(&self, host: &str) {
        self.note(format!("miss {host}"));
    }
    fn connection_ready(&self, local: Option<SocketAddr>, peer: Option<SocketAddr>) {
        assert!(local.is_some() && peer.is_some_and(|peer| peer.port() > 0));
        self.note("ready");
    }
}

struct Home;

impl Resolve for Home {
    fn resolve(&self, _: &str) -> Resolving {
        Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) })
    }
}

fn take(notes: &Notes) -> Vec<String> {
    std::mem::take(&mut *notes.0.lock().unwrap())
}

#[tokio::test]
async fn every_step_is_told_in_its_order() {
    let server = Server::answering(|head, _| match target(head) {
        "/go" => answer("307 Hop", "Location: /there\r\n", ""),
        _ => ok("hello"),
    })
    .await;
    let notes = Notes::default();
    let client = Client::builder().resolver(Home).tracer(notes.clone()).build().unwrap();
    let url = |path: &str| format!("http://birds.test:{}{path}", server.address.port());
    let response = client.post(url("/go")).body("body").send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "hello");
    let created =
        ["create", "miss birds.test", "resolve birds.test", "resolve end birds.test", "create end"];
    let expected = [
        &["start POST /go"][..],
        &created,
        &["ready", "headers POST /go", "sent body", "redirect /go 307 /there"],
        &["reuse", "ready", "headers POST /there", "sent body", "got hello", "end /there 200"],
    ]
    .concat();
    assert_eq!(take(&notes), expected);

    client.close_idle();
    client.get(url("/")).send().await.unwrap();
    assert_eq!(take(&notes)[1..4], ["create", "hit birds.test", "create end"]);

    let pieces = ["ab", "cd"].map(Ok::<_, std::io::Error>);
    let body = Body::from_stream(futures_util::stream::iter(pieces));
    let request = client.post(url("/")).body(body).header("content-length", "4");
    request.send().await.unwrap();
    let sent: Vec<_> = take(&notes).into_iter().filter(|note| note.starts_with("sent")).collect();
    assert_eq!(sent, ["sent ab", "sent cd"]);
}

/// Bodies that leave with their head, from where they are, and behind the server's consent.
#[tokio::test]
async fn a_whole_body_is_told_once_however_it_leaves() {
    let server = Server::start(|mut conn| async move {
        while let Some((head, body)) = conn.request().await {
            conn.send(&ok(&format!("{} {}", target(&head), body.len()))).await.unwrap();
        }
    })
    .await;
    let notes = Notes::default();
    let client = Client::builder().tracer(notes.clone()).build().unwrap();
    for (len, expects) in [(10, false), (100_000, false), (10, true), (100_000, true)] {
        let request = client.post(server.url("/")).body("x".repeat(len));
        let request = if expects { request.expect_continue() } else { request };
        let text = request.send().await.unwrap().text().await.unwrap();
        assert_eq!(text, format!("/ {len}"));
        let notes = take(&notes);
        let sent: Vec<_> = notes.iter().filter(|note| note.starts_with("sent")).collect();
        assert_eq!(sent.iter().map(|note| note.len() - 5).collect::<Vec<_>>(), [len], "{expects}");
    }
}

#[tokio::test]
async fn waiting_for_a_place_is_told_and_failures_are() {
    let server = Server::start(|mut conn| async move {
        while let Some((head, _)) = conn.request().await {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            if target(&head) == "/fail" || conn.send(&ok("")).await.is_err() {
                break;
            }
        }
    })
    .await;
    let notes = Notes::default();
    let limits = PoolLimits { total: 1, ..PoolLimits::default() };
    let client = Client::builder().pool(limits).tracer(notes.clone()).build().unwrap();
    let first = client.get(server.url("/")).extension(Tag("1 ")).send();
    let second = client.get(server.url("/")).extension(Tag("2 ")).send();
    let (first, second) = tokio::join!(first, second);
    first.and(second).unwrap();
    let second: Vec<_> = take(&notes).into_iter().filter(|note| note.starts_with("2 ")).collect();
    assert_eq!(second[..4], ["2 start GET /", "2 queued", "2 queued end", "2 reuse"]);

    let error = client.post(server.url("/fail")).send().await.unwrap_err();
    assert_eq!(take(&notes).last().unwrap(), &format!("exception {:?}", error.phase()));

    client.get(server.url("/")).extension(Tag("quiet")).send().await.unwrap();
    assert_eq!(take(&notes), [""; 0]);
}

#[tokio::test]
async fn several_tracers_are_told_one_after_the_other() {
    let server = Server::answering(|_, _| ok("")).await;
    let log = Log::default();
    struct Named(Log, &'static str);
    impl Tracer for Named {
        fn trace(&self, _: &Request) -> Option<Arc<dyn Trace>> {
            Some(Arc::new(Noting { log: Arc::clone(&self.0), tag: self.1 }))
        }
    }
    let client = Client::builder()
        .tracer(Named(Arc::clone(&log), "a "))
        .tracer(Named(Arc::clone(&log), "b "))
        .build()
        .unwrap();
    client.get(server.url("/")).send().await.unwrap();
    let log = log.lock().unwrap();
    for pair in log.chunks(2) {
        assert_eq!(pair[0].strip_prefix("a "), pair[1].strip_prefix("b "), "{pair:?}");
    }
}
