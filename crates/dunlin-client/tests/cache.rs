//! The cache at work: what is kept, where, and for how long.

mod util;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use dunlin_client::auth::DigestAuth;
use dunlin_client::cache::{Cache, CacheStatus, CacheStore, DiskStore, MemoryStore};
use dunlin_client::{Client, InProcess, Middleware, Response, SingleFlight};
use dunlin_core::{Body, Request};
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, ETAG, VARY, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Method, StatusCode};

type Answer = dunlin_core::Response;

/// A store that the test sees too.
type Shared = Arc<MemoryStore>;

struct Setup {
    client: Client,
    cache: Cache,
    store: Shared,
    clock: Arc<AtomicU64>,
    sent: Arc<AtomicUsize>,
}

impl Setup {
    fn new(service: impl Fn(usize, Request) -> Answer + Send + Sync + 'static) -> Self {
        let store = Arc::new(MemoryStore::new(1 << 20));
        let clock = Arc::new(AtomicU64::new(1_000_000_000));
        let seconds = Arc::clone(&clock);
        let cache = Cache::new(store.clone())
            .clock(move || UNIX_EPOCH + Duration::from_secs(seconds.load(Ordering::Relaxed)));
        Self::with(cache, store, clock, service)
    }

    fn with(
        cache: Cache,
        store: Shared,
        clock: Arc<AtomicU64>,
        service: impl Fn(usize, Request) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let sent = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&sent);
        let service = move |req: Request| {
            let answer = service(count.fetch_add(1, Ordering::SeqCst) + 1, req);
            async { answer }
        };
        let client =
            Client::builder().with(cache.clone()).with(InProcess::new(service)).build().unwrap();
        Self { client, cache, store, clock, sent }
    }

    fn wait(&self, seconds: u64) {
        self.clock.fetch_add(seconds, Ordering::Relaxed);
    }

    fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }

    async fn get(&self, url: &str) -> (Option<CacheStatus>, String) {
        let response = self.client.get(url).send().await.unwrap();
        (status(&response), response.text().await.unwrap())
    }
}

fn status(response: &Response) -> Option<CacheStatus> {
    response.extensions().get().copied()
}

fn fresh(body: impl Into<Body>) -> Answer {
    Answer::new(body).with_header(CACHE_CONTROL, HeaderValue::from_static("max-age=60"))
}

fn streamed(chunks: &'static [&'static str]) -> Body {
    Body::from_stream(stream::iter(chunks.iter().map(|chunk| Ok::<_, std::io::Error>(*chunk))))
}

const HIT: Option<CacheStatus> = Some(CacheStatus::Hit);
const MISS: Option<CacheStatus> = Some(CacheStatus::Miss);

#[tokio::test]
async fn a_stream_is_stored_once_it_has_been_read_to_its_end() {
    let setup = Setup::new(|_, _| fresh(streamed(&["ab", "", "cd"])));
    let mut response = setup.client.get("http://a/").send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "ab");
    assert_eq!(setup.get("http://a/").await, (MISS, "abcd".into()));
    assert_eq!(setup.get("http://a/").await, (HIT, "abcd".into()));
    drop(response);
    assert_eq!(setup.sent(), 2);
}

#[tokio::test]
async fn what_is_dropped_or_breaks_off_is_not_stored() {
    let setup = Setup::new(|n, _| match n {
        1 => fresh(streamed(&["ab", "cd"])),
        2 => {
            let (mut sender, body) = Body::channel_with_len(64, Some(4));
            sender.push(Bytes::from_static(b"ab")).unwrap();
            fresh(body)
        }
        _ => fresh("abcd"),
    });
    let mut response = setup.client.get("http://a/").send().await.unwrap();
    response.chunk().await.unwrap();
    drop(response);
    let response = setup.client.get("http://a/").send().await.unwrap();
    assert!(response.bytes().await.unwrap_err().is_body());
    assert_eq!(setup.get("http://a/").await, (MISS, "abcd".into()));
    assert_eq!(setup.get("http://a/").await, (HIT, "abcd".into()));
}

#[tokio::test]
async fn what_is_too_long_passes_through_and_is_not_stored() {
    for body in [|| Body::from("abcde"), || streamed(&["abc", "de"])] {
        let setup = Setup::new(move |_, _| fresh(body()));
        let cache = setup.cache.clone().max_body(4);
        let service = move |_: Request| async move { fresh(body()) };
        let client = Client::builder().with(cache).with(InProcess::new(service)).build().unwrap();
        for _ in 0..2 {
            let response = client.get("http://a/").send().await.unwrap();
            assert_eq!(status(&response), MISS);
            assert_eq!(response.text().await.unwrap(), "abcde");
        }
        assert_eq!(setup.store.size(), 0);
    }
}

#[tokio::test]
async fn urls_are_told_apart_but_for_fragment_and_credentials() {
    let setup = Setup::new(|n, _| fresh(n.to_string()));
    for (url, expected) in [
        ("http://a/b", (MISS, "1")),
        ("http://a/b#c", (HIT, "1")),
        ("http://a:80/b", (HIT, "1")),
        ("http://a/b?", (MISS, "2")),
        ("https://a/b", (MISS, "3")),
        ("http://a:81/b", (MISS, "4")),
        ("http://u:p@a/b", (MISS, "5")),
        ("http://u:p@a/b", (HIT, "5")),
    ] {
        assert_eq!(setup.get(url).await, (expected.0, expected.1.to_owned()), "{url}");
    }
    let unix = setup.client.get("http://a/b").unix_socket("/s").send().await.unwrap();
    assert_eq!(status(&unix), MISS);
    setup.cache.forget(&"http://a/b".parse().unwrap()).await;
    assert_eq!(setup.get("http://a/b").await.0, MISS);
}

#[tokio::test]
async fn a_304_makes_it_fresh_and_changes_its_fields() {
    let setup = Setup::new(|n, req| {
        let tagged = |answer: Answer| {
            let n = HeaderValue::from(n);
            answer
                .with_header(ETAG, HeaderValue::from_static("W/\"v\""))
                .with_header(HeaderName::from_static("x-n"), n)
        };
        match req.headers().get_str("if-none-match") {
            Some("W/\"v\"") => tagged(
                fresh("")
                    .with_status(StatusCode::NOT_MODIFIED)
                    .with_header(CONTENT_LENGTH, HeaderValue::from_static("0"))
                    .with_header(
                        HeaderName::from_static("content-type"),
                        HeaderValue::from_static("no/no"),
                    ),
            ),
            _ => tagged(
                fresh("body")
                    .with_header(
                        HeaderName::from_static("content-type"),
                        HeaderValue::from_static("a/b"),
                    )
                    .with_header(HeaderName::from_static("x-old"), HeaderValue::from_static("1")),
            ),
        }
    });
    setup.get("http://a/").await;
    setup.wait(61);
    for (expected, n) in [(CacheStatus::Revalidated, "2"), (CacheStatus::Hit, "2")] {
        let response = setup.client.get("http://a/").send().await.unwrap();
        assert_eq!((response.status().as_u16(), status(&response)), (200, Some(expected)));
        let field = |name| response.header(name).unwrap().to_owned();
        let found = ["x-n", "x-old", "content-length", "content-type", "age"].map(field);
        assert_eq!(found, [n, "1", "4", "a/b", "0"]);
        assert_eq!(response.text().await.unwrap(), "body");
    }
}

#[tokio::test]
async fn a_304_of_another_response_is_asked_again_without_condition() {
    let setup = Setup::new(|n, req| {
        let tag = if n == 1 { "\"old\"" } else { "\"new\"" };
        let answer = fresh(n.to_string()).with_header(ETAG, HeaderValue::from_static(tag));
        match req.headers().contains("if-none-match") {
            true => answer.with_status(StatusCode::NOT_MODIFIED),
            false => answer,
        }
    });
    setup.get("http://a/").await;
    setup.wait(60);
    assert_eq!(setup.get("http://a/").await, (MISS, "3".into()));
    assert_eq!(setup.get("http://a/").await, (HIT, "3".into()));
}

#[tokio::test]
async fn successful_changes_remove_what_they_speak_of() {
    let setup = Setup::new(|n, req| match (req.method(), req.query()) {
        (&Method::GET, _) => fresh(n.to_string()),
        (_, Some("fail")) => Answer::new("").with_status(StatusCode::INTERNAL_SERVER_ERROR),
        _ => Answer::new("")
            .with_status(StatusCode::CREATED)
            .with_header(http::header::LOCATION, HeaderValue::from_static("/named"))
            .with_header(
                http::header::CONTENT_LOCATION,
                HeaderValue::from_static("http://other/named"),
            ),
    });
    let urls = ["http://a/x", "http://a/named", "http://other/named", "http://a/y"];
    for url in urls {
        assert_eq!(setup.get(url).await.0, MISS);
    }
    setup.client.delete("http://a/x?fail").send().await.unwrap();
    setup.client.request(Method::OPTIONS, "http://a/x").send().await.unwrap();
    for url in urls {
        assert_eq!(setup.get(url).await.0, HIT, "{url}");
    }
    setup.client.request("PURGE".parse().unwrap(), "http://a/x").send().await.unwrap();
    for (url, expected) in urls.into_iter().zip([MISS, MISS, HIT, HIT]) {
        assert_eq!(setup.get(url).await.0, expected, "{url}");
    }
}

#[tokio::test]
async fn variants_stand_beside_each_other_up_to_a_bound() {
    let setup = Setup::new(|_, req| {
        let lang = req.headers().get_str("accept-language").unwrap_or("none").to_owned();
        fresh(lang).with_header(http::header::VARY, HeaderValue::from_static("Accept-Language"))
    });
    let get = async |lang: String| {
        let request = setup.client.get("http://a/").header("accept-language", lang.as_str());
        let response = request.send().await.unwrap();
        let status = status(&response);
        assert_eq!(response.text().await.unwrap(), lang);
        status
    };
    for n in 0..8 {
        assert_eq!(get(n.to_string()).await, MISS);
    }
    let full = setup.store.size();
    assert_eq!(get("0".into()).await, HIT);
    assert_eq!(get("8".into()).await, MISS);
    assert_eq!(setup.store.size(), full);
    assert_eq!((get("0".into()).await, get("5".into()).await), (MISS, HIT));
}

#[tokio::test]
async fn cookies_and_fields_of_the_connection_are_not_kept() {
    let setup = Setup::new(|_, _| {
        let mut answer = fresh("a");
        for (name, value) in [
            ("set-cookie", "id=7"),
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("x-kept", "caf\u{e9}"),
            ("keep-alive", "timeout=5"),
        ] {
            let name = HeaderName::from_static(name);
            answer.headers_mut().append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        answer
    });
    setup.get("http://a/").await;
    let response = setup.client.get("http://a/").send().await.unwrap();
    assert_eq!(status(&response), HIT);
    for name in ["set-cookie", "connection", "x-hop", "keep-alive"] {
        assert!(!response.headers().contains(name), "{name}");
    }
    assert_eq!(response.headers().get("x-kept"), Some("caf\u{e9}".as_bytes()));
    assert!(response.headers().contains("date"));
}

#[tokio::test]
async fn head_freshens_or_removes_what_is_stored() {
    let length = Arc::new(Mutex::new("4"));
    let now = Arc::clone(&length);
    let setup = Setup::new(move |_, req| {
        let answer = fresh("body");
        match *req.method() {
            Method::HEAD => {
                answer.with_header(CONTENT_LENGTH, HeaderValue::from_static(*now.lock().unwrap()))
            }
            _ => answer,
        }
    });
    setup.get("http://a/").await;
    setup.wait(60);
    assert_eq!(status(&setup.client.head("http://a/").send().await.unwrap()), MISS);
    assert_eq!(setup.get("http://a/").await, (HIT, "body".into()));
    *length.lock().unwrap() = "5";
    setup.wait(60);
    setup.client.head("http://a/").send().await.unwrap();
    assert_eq!(setup.store.size(), 0);
    // What HEAD answers is not taken for what GET would.
    setup.client.head("http://b/").send().await.unwrap();
    assert_eq!(setup.get("http://b/").await, (MISS, "body".into()));
}

#[tokio::test(start_paused = true)]
async fn a_stale_answer_is_validated_behind_it_once() {
    let setup = Setup::new(|n, _| {
        let control = HeaderValue::from_static("max-age=60, stale-while-revalidate=60");
        Answer::new(n.to_string()).with_header(CACHE_CONTROL, control)
    });
    setup.get("http://a/").await;
    setup.wait(70);
    for _ in 0..5 {
        assert_eq!(setup.get("http://a/").await, (Some(CacheStatus::Stale), "1".into()));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((setup.get("http://a/").await, setup.sent()), ((HIT, "2".into()), 2));
}

#[tokio::test]
async fn a_stale_answer_stands_in_for_a_connection_that_fails() {
    let setup = Setup::new(|_, _| {
        let control = HeaderValue::from_static("max-age=60, stale-if-error=60");
        Answer::new("a").with_header(CACHE_CONTROL, control)
    });
    setup.get("http://127.0.0.1:1/").await;
    let down = Client::builder().with(setup.cache.clone()).build().unwrap();
    setup.wait(119);
    let response = down.get("http://127.0.0.1:1/").send().await.unwrap();
    assert_eq!(status(&response), Some(CacheStatus::Stale));
    setup.wait(2);
    assert!(down.get("http://127.0.0.1:1/").send().await.unwrap_err().is_connect());
}

#[tokio::test]
async fn what_the_store_forgot_or_damaged_is_asked_again() {
    let setup = Setup::new(|n, _| fresh(n.to_string()));
    setup.get("http://a/").await;
    for damage in ["", "{}", "{\"version\":1,\"entries\":[{}]}", "\u{0}"] {
        setup.store.put("http://a/", Bytes::from_static(damage.as_bytes())).await;
        assert_eq!(setup.get("http://a/").await.0, MISS, "{damage}");
        assert_eq!(setup.get("http://a/").await.0, HIT, "{damage}");
    }
    let index = setup.store.get("http://a/").await.unwrap();
    let fields: serde_json::Value = serde_json::from_slice(&index).unwrap();
    let body = format!("http://a/#{}", fields["entries"][0]["id"].as_str().unwrap());
    setup.store.put(&body, Bytes::from_static(b"longer")).await;
    assert_eq!(setup.get("http://a/").await.0, MISS);
    // The index alone is left.
    let index = setup.store.get("http://a/").await.unwrap();
    let small = Arc::new(MemoryStore::new(index.len() as u64 + 200));
    small.put("http://a/", index).await;
    let clock = Arc::clone(&setup.clock);
    let now = move || UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::Relaxed));
    let cache = Cache::new(small.clone()).clock(now);
    let setup = Setup::with(cache, small, Arc::default(), |_, _| fresh("new"));
    assert_eq!(setup.get("http://a/").await, (MISS, "new".into()));
}

#[tokio::test]
async fn memory_is_bounded() {
    let setup = Setup::new(|_, _| fresh(vec![0; 10_000]));
    for n in 0..500 {
        setup.get(&format!("http://a/{n}")).await;
    }
    assert!(setup.store.size() <= 1 << 20);
    assert_eq!(setup.get("http://a/499").await.0, HIT);
    assert_eq!(setup.get("http://a/0").await.0, MISS);
}

/// Over a directory.
async fn disk(dir: &std::path::Path, max: u64) -> (Client, Arc<AtomicUsize>) {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let service = move |_: Request| {
        count.fetch_add(1, Ordering::SeqCst);
        async { fresh(vec![b'x'; 1000]) }
    };
    let cache = Cache::new(DiskStore::open(dir, max).await.unwrap());
    let client = Client::builder().with(cache).with(InProcess::new(service)).build().unwrap();
    (client, sent)
}

fn files(dir: &std::path::Path) -> (usize, u64) {
    let files = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().metadata().unwrap().len());
    files.fold((0, 0), |(count, sum), len| (count + 1, sum + len))
}

#[tokio::test]
async fn a_directory_outlives_the_program_and_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cache");
    let get = async |client: &Client, n: usize| {
        let response = client.get(format!("http://a/{n}")).send().await.unwrap();
        let status = status(&response);
        assert_eq!(response.bytes().await.unwrap(), vec![b'x'; 1000]);
        status
    };
    let (client, sent) = disk(&path, 1 << 20).await;
    assert_eq!((get(&client, 1).await, get(&client, 1).await), (MISS, HIT));
    assert_eq!((sent.load(Ordering::SeqCst), files(&path).0), (1, 2));

    let (client, sent) = disk(&path, 1 << 20).await;
    assert_eq!((get(&client, 1).await, sent.load(Ordering::SeqCst)), (HIT, 0));

    for file in std::fs::read_dir(&path).unwrap() {
        let file = file.unwrap().path();
        let bytes = std::fs::read(&file).unwrap();
        std::fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    }
    assert_eq!((get(&client, 1).await, get(&client, 1).await), (MISS, HIT));

    let (client, _) = disk(&path, 20_000).await;
    for n in 0..50 {
        get(&client, n).await;
    }
    assert!(files(&path).1 <= 20_000);
    assert_eq!((get(&client, 49).await, get(&client, 0).await), (HIT, MISS));
    disk(&path, 0).await;
    assert_eq!(files(&path).0, 0);
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let (client, _) = disk(dir.path(), 1 << 20).await;
    client.get("http://a/").send().await.unwrap().bytes().await.unwrap();
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test]
async fn what_comes_by_the_network_in_pieces_is_kept_and_told_from_what_broke_off() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let head = "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ntransfer-encoding: chunked\r\n\r\n";
    let (tell, mut told) = tokio::sync::mpsc::channel(2);
    let server = tokio::spawn(async move {
        for end in ["", "2\r\ncd\r\n0\r\n\r\n"] {
            let (mut conn, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                asked.push(conn.read_u8().await.unwrap());
            }
            conn.write_all(format!("{head}2\r\nab\r\n").as_bytes()).await.unwrap();
            // The client has the head by then.
            told.recv().await.unwrap();
            conn.write_all(end.as_bytes()).await.unwrap();
        }
    });
    let cache = Cache::new(MemoryStore::new(1 << 20));
    let client = Client::builder().with(cache).build().unwrap();
    let response = client.get(&url).send().await.unwrap();
    tell.send(()).await.unwrap();
    assert!(response.text().await.unwrap_err().is_body());
    for expected in [MISS, HIT, HIT] {
        let response = client.get(&url).send().await.unwrap();
        assert_eq!(status(&response), expected);
        if expected == MISS {
            tell.send(()).await.unwrap();
        }
        assert_eq!(response.text().await.unwrap(), "abcd");
    }
    server.await.unwrap();
}

#[tokio::test]
async fn what_is_private_is_kept_from_who_has_other_cookies() {
    let setup = Setup::new(|_, req| {
        let whose = req.headers().get_str("cookie").unwrap_or("nobody").to_owned();
        let control = if req.path() == "/mine" { "private, max-age=60" } else { "max-age=60" };
        Answer::new(whose).with_header(CACHE_CONTROL, HeaderValue::from_static(control))
    });
    let get = async |path: &str, whose: &str| {
        let request = setup.client.get(format!("http://a{path}")).cookie("who", whose);
        let response = request.send().await.unwrap();
        (status(&response), response.text().await.unwrap())
    };
    assert_eq!(get("/mine", "ada").await, (MISS, "who=ada".into()));
    assert_eq!(get("/mine", "bob").await, (MISS, "who=bob".into()));
    assert_eq!(get("/mine", "ada").await, (HIT, "who=ada".into()));
    // The server says that it is everybody's.
    assert_eq!(get("/ours", "ada").await, (MISS, "who=ada".into()));
    assert_eq!(get("/ours", "bob").await, (HIT, "who=ada".into()));
}

#[tokio::test]
async fn what_came_in_plain_answers_nobody_who_asked_for_tls() {
    let server = util::Server::answering(|_, _| {
        util::answer("200 OK", "Cache-Control: max-age=60\r\n", "plain")
    })
    .await;
    let cache = Cache::new(MemoryStore::new(1 << 20));
    let client = Client::builder().with(cache).with(SingleFlight::new()).build().unwrap();
    let get = || client.get(server.url("/"));
    assert_eq!(get().send().await.unwrap().text().await.unwrap(), "plain");
    assert_eq!(status(&get().send().await.unwrap()), HIT);
    assert!(get().https_only(true).send().await.unwrap_err().is_request());
}

#[tokio::test]
async fn who_logs_in_behind_the_cache_has_answers_of_their_own() {
    let setup = Setup::new(|_, _| Answer::new(""));
    let service: Arc<dyn Middleware> = Arc::new(InProcess::new(move |req: Request| {
        let answer = match req.headers().get_str("authorization") {
            Some(value) => fresh(value.split('"').nth(1).unwrap().to_owned()),
            None => Answer::new("").with_status(StatusCode::UNAUTHORIZED).with_header(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Digest realm=\"r\", nonce=\"n\", qop=\"auth\""),
            ),
        };
        async { answer }
    }));
    let cache: Arc<dyn Middleware> = Arc::new(setup.cache.clone());
    let get = async |who: &str| {
        let login: Arc<dyn Middleware> = Arc::new(DigestAuth::new(who, "x").unwrap());
        let chain = [Arc::clone(&cache), login, Arc::clone(&service)];
        let response = setup.client.get("http://a/me").middleware(chain).send().await.unwrap();
        (status(&response), response.text().await.unwrap())
    };
    assert_eq!(get("ada").await, (MISS, "ada".into()));
    assert_eq!(get("bob").await, (MISS, "bob".into()));
    assert_eq!(get("ada").await, (HIT, "ada".into()));
    assert_eq!(get("bob").await, (HIT, "bob".into()));
}

#[tokio::test]
async fn a_304_that_forbids_to_store_removes_what_it_confirms() {
    let setup = Setup::new(|n, _| {
        let control = if n == 2 { "no-store, max-age=60" } else { "max-age=60" };
        let answer = Answer::new(if n == 2 { String::new() } else { n.to_string() })
            .with_header(CACHE_CONTROL, HeaderValue::from_static(control))
            .with_header(ETAG, HeaderValue::from_static("\"v\""));
        if n == 2 { answer.with_status(StatusCode::NOT_MODIFIED) } else { answer }
    });
    setup.get("http://a/").await;
    setup.wait(60);
    assert_eq!(setup.get("http://a/").await, (Some(CacheStatus::Revalidated), "1".into()));
    assert_eq!(setup.get("http://a/").await, (MISS, "3".into()));
}

#[tokio::test]
async fn a_304_that_varies_by_more_holds_for_the_request_that_got_it() {
    let setup = Setup::new(|n, _| {
        let mut answer = fresh(if n == 2 { String::new() } else { n.to_string() })
            .with_header(ETAG, HeaderValue::from_static("\"v\""));
        if n > 1 {
            answer = answer.with_header(VARY, HeaderValue::from_static("accept-language"));
        }
        if n == 2 { answer.with_status(StatusCode::NOT_MODIFIED) } else { answer }
    });
    let get = async |language: &'static str| {
        let request = setup.client.get("http://a/").header("accept-language", language);
        let response = request.send().await.unwrap();
        (status(&response), response.text().await.unwrap())
    };
    get("de").await;
    setup.wait(60);
    assert_eq!(get("de").await, (Some(CacheStatus::Revalidated), "1".into()));
    assert_eq!(get("fr").await, (MISS, "3".into()));
    assert_eq!(get("de").await, (HIT, "1".into()));
}

#[tokio::test]
async fn what_was_stored_by_a_clock_that_ran_ahead_is_asked_again() {
    let setup = Setup::new(|n, _| fresh(n.to_string()));
    setup.wait(100_000_000);
    assert_eq!(setup.get("http://a/").await, (MISS, "1".into()));
    setup.clock.fetch_sub(100_000_000, Ordering::Relaxed);
    assert_eq!(setup.get("http://a/").await, (MISS, "2".into()));
    assert_eq!(setup.get("http://a/").await, (HIT, "2".into()));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_under_way_while_it_was_changed_is_not_stored() {
    let state = Arc::new(AtomicUsize::new(0));
    let service = move |req: Request| {
        let seen = match *req.method() {
            Method::GET => state.load(Ordering::SeqCst),
            _ => state.fetch_add(1, Ordering::SeqCst) + 1,
        };
        let is_get = req.method() == Method::GET;
        async move {
            // Made before the change, and on its way for longer.
            tokio::time::sleep(Duration::from_millis(if is_get { 1_000 } else { 10 })).await;
            fresh(seen.to_string())
        }
    };
    let cache = Cache::new(MemoryStore::new(1 << 20));
    let client = Client::builder().with(cache).with(InProcess::new(service)).build().unwrap();
    let get = async || client.get("http://a/").send().await.unwrap().text().await.unwrap();
    let change = async || {
        tokio::time::sleep(Duration::from_millis(100)).await;
        client.post("http://a/").send().await.unwrap()
    };
    let (before, _) = tokio::join!(get(), change());
    assert_eq!(before, "0");
    assert_eq!(get().await, "1", "the change was made by this very client");
}

#[tokio::test]
async fn the_longest_deadline_is_none_and_no_panic() {
    let control = HeaderValue::from_static("max-age=60, stale-while-revalidate=600");
    let setup = Setup::new(move |n, _| {
        Answer::new(n.to_string()).with_header(CACHE_CONTROL, control.clone())
    });
    for expected in [MISS, Some(CacheStatus::Stale)] {
        let request = setup.client.get("http://a/").timeout(Duration::MAX);
        let response = request.send().await.unwrap();
        assert_eq!(status(&response), expected);
        response.bytes().await.unwrap();
        setup.wait(61);
    }
    while setup.sent() < 2 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_damaged_status_is_no_success() {
    let setup = Setup::new(|n, _| fresh(n.to_string()).with_status(StatusCode::NOT_FOUND));
    setup.get("http://a/").await;
    let index = setup.store.get("http://a/").await.unwrap();
    let damaged = String::from_utf8(index.to_vec()).unwrap().replace(":404", ":40");
    setup.store.put("http://a/", damaged.into()).await;
    let response = setup.client.get("http://a/").send().await.unwrap();
    assert_eq!((status(&response), response.status()), (MISS, StatusCode::NOT_FOUND));
}
