//! `dunlin get` against servers that run: what it shows, saves, goes on with, and how it ends.

mod util;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use dunlin::http::{HeaderValue, StatusCode};
use dunlin::test::TestServer;
use dunlin::web::respond::Representation;
use dunlin::web::{App, ETag, Redirect, get, post, respond};
use dunlin::{Body, Request, Response};
use futures_util::{StreamExt, stream};
use tokio::io::AsyncReadExt;
use util::{dunlin, fails, ok};

/// A file whose content the test may change, served with ranges and conditions.
#[derive(Clone)]
struct Remote {
    content: Arc<std::sync::Mutex<Vec<u8>>>,
    /// Sends so many bytes and breaks off, once.
    cut_at: Arc<AtomicUsize>,
    /// No entity tag.
    bare: bool,
    asked: Arc<std::sync::Mutex<Vec<Asked>>>,
}

/// `Range`, `If-Range`, and what was answered.
type Asked = (Option<String>, Option<String>, StatusCode);

impl Remote {
    fn new(content: &[u8]) -> Self {
        Self {
            content: Arc::new(std::sync::Mutex::new(content.to_vec())),
            cut_at: Arc::default(),
            bare: false,
            asked: Arc::default(),
        }
    }

    fn app(&self) -> App {
        let this = self.clone();
        App::new().add_get("/big.bin", move |req: Request| {
            let this = this.clone();
            async move { this.answer(&req) }
        })
    }

    fn answer(&self, req: &Request) -> Response {
        let content = self.content.lock().unwrap().clone();
        let tag = ETag::of_content(&content);
        let mut file = Representation::new(content.clone());
        if !self.bare {
            file = file.etag(tag.clone());
        }
        let response = file.respond(req);
        let field = |name| req.headers().get_str(name).map(str::to_owned);
        self.asked.lock().unwrap().push((field("range"), field("if-range"), response.status()));
        match self.cut_at.swap(0, Relaxed) {
            0 => response,
            at => {
                let pieces: [Result<Vec<u8>, &str>; 2] = [Ok(content[..at].to_vec()), Err("cut")];
                let body = Body::from_stream(stream::iter(pieces));
                let mut response = Response::new(body);
                if !self.bare {
                    let tag = HeaderValue::try_from(tag.to_string()).unwrap();
                    response = response.with_header(dunlin::http::header::ETAG, tag);
                }
                response
            }
        }
    }

    fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 % 251) as u8).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_piped_answer_is_what_was_sent() {
    let json = r#"{"b":1,"a":[2.50]}"#;
    let app = App::new().add_get("/json", move || async move {
        Response::new(json).with_header(
            dunlin::http::header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        )
    });
    let server = TestServer::new(app).await.unwrap();
    let out = ok(&["get", &server.url("/json")]).await;
    assert_eq!(out.stdout, json);
    assert_eq!(out.stderr, "");
    // Without a scheme, and painted because it was asked for.
    let url = format!("{}/json", server.address());
    let out = ok(&["get", "--color", "always", &url]).await;
    assert!(out.stdout.starts_with("{\n  \x1b[34m\"b\"\x1b[0m: \x1b[36m1\x1b[0m,\n"), "{out:?}");
    let out = ok(&["get", "-i", &url]).await;
    let (head, body) = out.stdout.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
    assert_eq!(body, json);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_an_end_is_shown_as_it_comes() {
    let app = App::new().add_get("/", || async {
        let first = stream::once(async { Ok::<_, &str>("no line break") });
        Body::from_stream(first.chain(stream::pending()))
    });
    let builder = TestServer::builder().shutdown_timeout(Duration::ZERO);
    let server = builder.server(|server| server.on_fault(|_| {})).start(app).await.unwrap();
    let mut child = dunlin(&["get", &server.url("/")]).spawn().unwrap();
    let mut shown = [0; 13];
    let mut read = child.stdout.take().unwrap();
    let reading = tokio::time::timeout(Duration::from_secs(20), read.read_exact(&mut shown));
    reading.await.expect("it is shown while the answer goes on").unwrap();
    assert_eq!(&shown, b"no line break");
    child.kill().await.unwrap();
    let _ = server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn method_fields_and_body_are_sent_as_given() {
    async fn echo(req: Request) -> String {
        let field = |name| req.headers().get_str(name).unwrap_or("-");
        let told = [field("content-type"), field("x-bird"), field("user-agent")].join(" ");
        format!("{} {told} {}", req.method().clone(), req.text().await.unwrap())
    }
    let app = App::new().routes([get("/", echo), post("/", echo), dunlin::web::put("/", echo)]);
    let server = TestServer::new(app).await.unwrap();
    let url = server.url("/");
    let agent = concat!("dunlin-cli/", env!("CARGO_PKG_VERSION"));
    let shown = async |args: &[&str]| ok(&[&["get", &*url], args].concat()).await.stdout;

    assert_eq!(shown(&["-H", "X-Bird: dunlin"]).await, format!("GET - dunlin {agent} "));
    let form = "application/x-www-form-urlencoded";
    assert_eq!(shown(&["-d", "a=1"]).await, format!("POST {form} - {agent} a=1"));
    assert_eq!(
        shown(&["-X", "PUT", "--json", "{\"a\": 1}"]).await,
        format!("PUT application/json - {agent} {{\"a\": 1}}")
    );
    assert_eq!(
        shown(&["-d", "x", "-H", "content-type: text/plain"]).await,
        format!("POST text/plain - {agent} x")
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "from a file").unwrap();
    let at = format!("@{}", file.path().display());
    assert_eq!(shown(&["-d", &at]).await, format!("POST {form} - {agent} from a file"));

    let out = ok(&["get", "-v", &url]).await;
    for line in
        ["* connected to 127.0.0.1:", "> GET / HTTP/1.1", "> user-agent: dunlin-cli", "< 200 OK"]
    {
        assert!(out.stderr.to_lowercase().contains(&line.to_lowercase()), "{line}: {}", out.stderr);
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn proxies_and_credentials_are_those_of_the_environment() {
    let app = App::new().add_get("/bird", |req: Request| async move {
        let credentials = req.headers().get_str("authorization").map(str::to_owned);
        format!("{} {}", req.host(), credentials.unwrap_or_default())
    });
    let server = TestServer::new(app).await.unwrap();
    let netrc = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(netrc.path(), "machine a.invalid login ada password wing\n").unwrap();
    let mut command = dunlin(&["get", "http://a.invalid/bird"]);
    command.env("http_proxy", format!("http://{}", server.address())).env("NETRC", netrc.path());
    let out = util::Out::from(command.output().await.unwrap());
    assert_eq!((out.code, &*out.stdout), (0, "a.invalid Basic YWRhOndpbmc="), "{out:?}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_followed_unless_told_otherwise() {
    let app = App::new()
        .add_get("/old", || async { Redirect::found("/new") })
        .add_get("/new", || async { "here" });
    let server = TestServer::new(app).await.unwrap();
    assert_eq!(ok(&["get", &server.url("/old")]).await.stdout, "here");
    let out = ok(&["get", "-i", "--no-follow", &server.url("/old")]).await;
    assert!(out.stdout.starts_with("HTTP/1.1 302 Found\r\n"), "{out:?}");
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_has_its_exit_code() {
    let app = App::new()
        .add_get("/slow", || async {
            tokio::time::sleep(Duration::from_secs(30)).await;
        })
        .add_get("/cut", || async {
            let pieces = [Ok::<_, &str>("abc"), Err("cut")];
            Body::from_stream(stream::iter(pieces))
        });
    let builder = TestServer::builder().server(|server| server.on_fault(|_| {}));
    let server = builder.shutdown_timeout(Duration::ZERO).start(app).await.unwrap();

    let out = fails(8, &["get", &server.url("/none")]).await;
    assert!(out.stderr.contains("404 Not Found"), "{out:?}");
    assert!(!out.stdout.is_empty(), "the page of the 404 is shown");
    let out = fails(5, &["get", "--timeout", "0.2", &server.url("/slow")]).await;
    assert!(out.stderr.contains("--timeout"), "{out:?}");
    let out = fails(6, &["get", &server.url("/cut")]).await;
    assert_eq!(out.stdout, "abc", "what came is shown");

    let free = util::free_port();
    let out = fails(3, &["get", &format!("127.0.0.1:{free}")]).await;
    assert!(out.stderr.contains("refused") && out.stderr.contains(&free.to_string()), "{out:?}");
    let out = fails(3, &["get", "http://no-such-host.invalid/"]).await;
    assert!(out.stderr.contains("no-such-host.invalid"), "{out:?}");
    // No TLS is spoken there.
    let url = format!("https://{}/", server.address());
    fails(4, &["get", "--timeout", "5", &url]).await;

    for args in [
        &["http://"][..],
        &["ftp://a.test/"],
        &["a.test", "-H", "no colon"],
        &["a.test", "--json", "{"],
        &["a.test", "-C"],
        &["a.test", "-d", "x", "--json", "1"],
        &["a.test/", "-O"],
        &["a.test", "-o", "x", "-i"],
        &["a.test", "--timeout", "0"],
        &[],
    ] {
        let out = fails(2, &[&["get"], args].concat()).await;
        assert!(!out.stderr.is_empty(), "{args:?}");
    }
    fails(7, &["get", "a.test", "-d", "@/no/such/file"]).await;
    fails(7, &["get", &server.url("/"), "-o", "/no/such/dir/file"]).await;
    fails(7, &["get", &server.url("/"), "-o", "/"]).await;
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_saved_whole_or_not_at_all() {
    let remote = Remote::new(&bytes(300_000));
    let server = TestServer::new(remote.app()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let out = dunlin(&["get", "-O", &server.url("/big.bin?v=1")]).current_dir(dir.path()).output();
    let out = util::Out::from(out.await.unwrap());
    assert_eq!(out.code, 0, "{out:?}");
    assert!(out.stdout.is_empty() && out.stderr.contains("big.bin: 293.0 KiB"), "{out:?}");
    assert_eq!(std::fs::read(dir.path().join("big.bin")).unwrap(), bytes(300_000));

    // A 404 is not saved over it.
    let file = dir.path().join("big.bin");
    let out = fails(8, &["get", &server.url("/none"), "-o", file.to_str().unwrap()]).await;
    assert!(out.stderr.contains("nothing was saved"), "{out:?}");
    assert_eq!(std::fs::read(&file).unwrap().len(), 300_000);
    assert_eq!(util::names(dir.path()), ["big.bin"]);

    // Into what is no file, bytes go as they are.
    ok(&["get", &server.url("/big.bin"), "-o", "/dev/null"]).await;
    assert!(!std::path::Path::new("/dev/null.part").exists());
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_goes_on_where_it_broke_off() {
    let remote = Remote::new(&bytes(300_000));
    remote.cut_at.store(100_000, Relaxed);
    let server = quiet(remote.app()).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f");
    // A password is sent, and not written down.
    let url = server.url("/big.bin").replace("http://", "http://ada:wing@");
    let args = ["get", &url, "-C", "-o", file.to_str().unwrap()];

    let out = fails(6, &args).await;
    assert!(out.stderr.contains("97.7 KiB are kept in") && out.stderr.contains("-C"), "{out:?}");
    assert_eq!(util::names(dir.path()), ["f.part", "f.part.json"]);
    let described = std::fs::read_to_string(dir.path().join("f.part.json")).unwrap();
    assert!(described.contains("/big.bin") && !described.contains("wing"), "{described}");
    remote.asked();

    let out = ok(&args).await;
    assert!(out.stderr.contains("going on behind 97.7 KiB"), "{out:?}");
    assert_eq!(std::fs::read(&file).unwrap(), bytes(300_000));
    assert_eq!(util::names(dir.path()), ["f"]);
    let tag = ETag::of_content(bytes(300_000)).to_string();
    let expected = (Some("bytes=100000-".into()), Some(tag), StatusCode::PARTIAL_CONTENT);
    assert_eq!(remote.asked(), [expected]);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_goes_on_where_it_was_killed() {
    // It sends a part, and the rest when asked for a range.
    let content = bytes(2_000_000);
    let whole = content.clone();
    let app = App::new().add_get("/f", move |req: Request| {
        let content = whole.clone();
        async move {
            let tag = ETag::of_content(&content);
            if req.headers().contains("range") {
                return Representation::new(content).etag(tag).respond(&req);
            }
            let first = stream::once(async move { Ok::<_, &str>(content[..700_000].to_vec()) });
            let body = Body::from_stream(first.chain(stream::pending()));
            let tag = HeaderValue::try_from(tag.to_string()).unwrap();
            Response::new(body).with_header(dunlin::http::header::ETAG, tag)
        }
    });
    let builder = TestServer::builder().shutdown_timeout(Duration::ZERO);
    let server = builder.server(|server| server.on_fault(|_| {})).start(app).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (file, part) = (dir.path().join("f"), dir.path().join("f.part"));
    let args = ["get", &server.url("/f"), "-C", "-o", file.to_str().unwrap()];
    let mut child = dunlin(&args).spawn().unwrap();
    while std::fs::metadata(&part).map_or(0, |found| found.len()) < 700_000 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    child.kill().await.unwrap();
    let out = ok(&args).await;
    assert!(out.stderr.contains("going on behind 683.6 KiB"), "{out:?}");
    assert_eq!(std::fs::read(&file).unwrap(), content);
    assert_eq!(util::names(dir.path()), ["f"]);
    let _ = server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_may_send_less_of_a_range_than_was_asked_for() {
    let app = App::new().add_get("/f", |req: Request| async move {
        let first = match req.headers().get_str("range") {
            Some(range) => range["bytes=".len()..].trim_end_matches('-').parse().unwrap(),
            None => 0,
        };
        let content = bytes(5_000);
        let last = (first + 2_000).min(content.len());
        let field = format!("bytes {first}-{}/5000", last - 1);
        Response::new(content[first..last].to_vec())
            .with_status(StatusCode::PARTIAL_CONTENT)
            .with_header(dunlin::http::header::CONTENT_RANGE, field.try_into().unwrap())
            .with_header(dunlin::http::header::ETAG, HeaderValue::from_static("\"v1\""))
    });
    let server = TestServer::new(app).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f");
    let url = server.url("/f");
    let args = ["get", &url, "-C", "-o", file.to_str().unwrap()];
    let out = fails(6, &args).await;
    assert!(out.stderr.contains("where the whole was asked for"), "{out:?}");
    assert!(util::names(dir.path()).is_empty());

    std::fs::write(dir.path().join("f.part"), &bytes(5_000)[..1_000]).unwrap();
    let origin = serde_json::json!({ "url": url, "validator": "\"v1\"", "size": 5_000 });
    std::fs::write(dir.path().join("f.part.json"), origin.to_string()).unwrap();
    let out = fails(6, &args).await;
    assert!(out.stderr.contains("no more than 2.9 KiB of 4.9 KiB"), "{out:?}");
    ok(&args).await;
    assert_eq!(std::fs::read(&file).unwrap(), bytes(5_000));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_has_changed_is_fetched_from_the_beginning() {
    let remote = Remote::new(&bytes(300_000));
    remote.cut_at.store(100_000, Relaxed);
    let server = quiet(remote.app()).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f");
    let args = ["get", &server.url("/big.bin"), "-C", "-o", file.to_str().unwrap()];
    fails(6, &args).await;

    let other: Vec<u8> = bytes(200_000).into_iter().rev().collect();
    remote.content.lock().unwrap().clone_from(&other);
    let out = ok(&args).await;
    assert!(out.stderr.contains("another one by now"), "{out:?}");
    assert_eq!(std::fs::read(&file).unwrap(), other);
    assert_eq!(util::names(dir.path()), ["f"]);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_is_whole_gets_its_name() {
    let remote = Remote::new(&bytes(5_000));
    let server = TestServer::new(remote.app()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f");
    let url = server.url("/big.bin");
    // As it lies there where the program was killed before the last step.
    std::fs::write(dir.path().join("f.part"), bytes(5_000)).unwrap();
    let tag = ETag::of_content(bytes(5_000)).to_string();
    let origin = serde_json::json!({ "url": url, "validator": tag, "size": 5_000 });
    std::fs::write(dir.path().join("f.part.json"), origin.to_string()).unwrap();

    ok(&["get", &url, "-C", "-o", file.to_str().unwrap()]).await;
    assert_eq!(remote.asked()[0].2, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(std::fs::read(&file).unwrap(), bytes(5_000));
    assert_eq!(util::names(dir.path()), ["f"]);
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_something_else_is_not_gone_on_with() {
    let remote = Remote::new(&bytes(5_000));
    let server = TestServer::new(remote.app()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f");
    let tag = ETag::of_content(bytes(5_000)).to_string();
    // Of another URL; longer than the file; with a description that is none.
    let url = server.url("/big.bin");
    let origins = [
        (100, serde_json::json!({ "url": "http://a.test/", "validator": tag }).to_string()),
        (9_000, serde_json::json!({ "url": url, "validator": tag, "size": 9_000 }).to_string()),
        (100, "{".to_owned()),
    ];
    for (len, origin) in origins {
        std::fs::write(dir.path().join("f.part"), vec![0; len]).unwrap();
        std::fs::write(dir.path().join("f.part.json"), &origin).unwrap();
        ok(&["get", &url, "-C", "-o", file.to_str().unwrap()]).await;
        assert_eq!(std::fs::read(&file).unwrap(), bytes(5_000), "{origin}");
        assert_eq!(util::names(dir.path()), ["f"]);
        std::fs::remove_file(&file).unwrap();
    }
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_whole_is_left_alone_until_it_changes() {
    let served = tempfile::tempdir().unwrap();
    let path = served.path().join("f");
    std::fs::write(&path, bytes(5_000)).unwrap();
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(3_600);
    let touch =
        |at| std::fs::File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
    touch(long_ago);
    let from = path.clone();
    let app = App::new().add_get("/f", move |req: Request| {
        let from = from.clone();
        async move { respond::file(&req, from).await }
    });
    let server = TestServer::new(app).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f");
    let args = ["get", &server.url("/f"), "-C", "-o", file.to_str().unwrap()];

    ok(&args).await;
    let saved = std::fs::metadata(&file).unwrap().modified().unwrap();
    let age = saved.duration_since(long_ago).unwrap_or_else(|error| error.duration());
    assert!(age < Duration::from_secs(1), "it has the server's time");
    let out = ok(&args).await;
    assert!(out.stderr.contains("nothing to do"), "{out:?}");
    assert_eq!(util::names(dir.path()), ["f"]);

    std::fs::write(&path, bytes(6_000)).unwrap();
    touch(long_ago + Duration::from_secs(60));
    let out = ok(&args).await;
    assert!(out.stderr.contains("another one by now"), "{out:?}");
    assert_eq!(std::fs::read(&file).unwrap(), bytes(6_000));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_kept_of_a_version_that_cannot_be_told_from_the_next() {
    let remote = Remote { bare: true, ..Remote::new(&bytes(300_000)) };
    remote.cut_at.store(100_000, Relaxed);
    let server = quiet(remote.app()).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f");
    let args = ["get", &server.url("/big.bin"), "-C", "-o", file.to_str().unwrap()];
    let out = fails(6, &args).await;
    assert!(!out.stderr.contains("kept"), "{out:?}");
    assert!(util::names(dir.path()).is_empty());
    ok(&args).await;
    assert_eq!(std::fs::read(&file).unwrap(), bytes(300_000));
    server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_written_by_one_at_a_time() {
    let waits = Arc::new(tokio::sync::Notify::new());
    let begun = Arc::new(AtomicBool::new(false));
    let (gate, flag) = (Arc::clone(&waits), Arc::clone(&begun));
    let app = App::new().add_get("/f", move || {
        let (gate, flag) = (Arc::clone(&gate), Arc::clone(&flag));
        async move {
            flag.store(true, Relaxed);
            gate.notified().await;
            "late"
        }
    });
    let server = TestServer::new(app).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f");
    let url = server.url("/f");
    let args = ["get", &url, "-o", file.to_str().unwrap()];
    let first = dunlin(&args).spawn().unwrap();
    while !begun.load(Relaxed) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let out = fails(7, &args).await;
    assert!(out.stderr.contains("another dunlin is writing"), "{out:?}");
    waits.notify_one();
    assert!(first.wait_with_output().await.unwrap().status.success());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "late");
    server.stop().await.unwrap();
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_sees_colours_a_bar_and_no_bytes_that_are_no_text() {
    let app = Remote::new(&bytes(3_000_000))
        .app()
        .add_get("/json", || async { dunlin::web::Json(serde_json::json!({ "a": 1 })) })
        .add_get("/title", || async {
            let name = dunlin::http::HeaderName::from_static("x-title");
            let value = HeaderValue::from_bytes("a\u{9b}31m".as_bytes()).unwrap();
            Response::new("text").with_header(name, value)
        })
        .add_get("/zeros", || async { vec![0u8; 64] });
    let server = TestServer::new(app).await.unwrap();
    let shown = util::on_terminal(&["get", &server.url("/json")]).await;
    assert!(shown.contains("\x1b[34m\"a\""), "{shown:?}");
    let shown = util::on_terminal(&["get", &server.url("/zeros")]).await;
    assert!(shown.contains("save it with -o FILE") && !shown.contains('\0'), "{shown:?}");
    let shown = util::on_terminal(&["get", "-i", &server.url("/title")]).await;
    assert!(shown.contains("x-title: a\\u{9b}31m\r\n") && shown.ends_with("\r\ntext"), "{shown:?}");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f");
    let args = ["get", &server.url("/big.bin"), "-o", file.to_str().unwrap()];
    let shown = util::on_terminal(&args).await;
    assert!(shown.contains("2.86 MiB") && shown.contains('%'), "{shown:?}");
    std::fs::remove_file(&file).unwrap();
    let shown = util::on_terminal(&[&args[..], &["-q"]].concat()).await;
    assert_eq!(shown, "");
    server.stop().await.unwrap();
}

/// A server whose answers are meant to break off.
async fn quiet(app: App) -> TestServer {
    TestServer::builder().server(|server| server.on_fault(|_| {})).start(app).await.unwrap()
}
