//! The client against httpbin, from PyPI: every endpoint that says something about a client.
//!
//! Run by `python3 -m pip install httpbin`, or with `HTTPBIN_PYTHON` naming a Python that has it;
//! without, the tests say so and pass.
#![allow(missing_docs)]
#![cfg(unix)]

mod real;

use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use dunlin_client::auth::DigestAuth;
use dunlin_client::cookies::CookieJar;
use dunlin_client::multipart::{Form, Part};
use dunlin_client::{Client, Redirects, Timeouts};
use http::Method;
use real::Site;
use serde_json::{Value, json};

/// One server for all tests; it ends with the process.
static SITE: LazyLock<Option<Site>> = LazyLock::new(|| {
    let python = std::env::var("HTTPBIN_PYTHON").unwrap_or_else(|_| "python3".into());
    let found = Command::new(&python).args(["-c", "import httpbin"]).stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        eprintln!("skipped: {python} has no httpbin");
        return None;
    }
    let serve = "import sys, threading, os\n\
        from werkzeug.serving import make_server, WSGIRequestHandler\n\
        WSGIRequestHandler.protocol_version = 'HTTP/1.1'\n\
        from httpbin import app\n\
        threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()\n\
        make_server('127.0.0.1', int(sys.argv[1]), app, threaded=True).serve_forever()";
    real::start_kept(&python, |_, port| {
        let mut command = Command::new(&python);
        command.args(["-c", serve, &port.to_string()]);
        command
    })
});

/// A client of the server; `None` where there is no server.
fn client() -> Option<Client> {
    let site = SITE.as_ref()?;
    Some(Client::builder().base_url(&site.base).build().unwrap())
}

async fn get(client: &Client, path: &str) -> Value {
    client.get(path).send().await.unwrap().ok().unwrap().json().await.unwrap()
}

#[tokio::test]
async fn methods_queries_headers_and_bodies_come_back() {
    let Some(client) = client() else { return };
    let got = client.get("/get").query(&[("a", "1"), ("b", "\u{e9} &")]).header("x-bird", "dunlin");
    let got: Value = got.send().await.unwrap().json().await.unwrap();
    assert_eq!(got["args"], json!({ "a": "1", "b": "\u{e9} &" }));
    assert_eq!(got["headers"]["X-Bird"], "dunlin");
    assert!(got["headers"]["User-Agent"].as_str().unwrap().starts_with("dunlin/"));
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let path = format!("/{}", method.as_str().to_lowercase());
        let sent = client.request(method.clone(), &path).json(&json!({ "n": [1, 2] }));
        let sent: Value = sent.send().await.unwrap().json().await.unwrap();
        assert_eq!(sent["json"], json!({ "n": [1, 2] }), "{method}");
        let sent = client.request(method, "/anything/x").body("plain \u{e9}");
        let sent: Value = sent.send().await.unwrap().json().await.unwrap();
        assert_eq!(sent["data"], "plain \u{e9}");
    }
    let form = client.post("/post").form(&[("k", "v w"), ("k", "2")]).send().await.unwrap();
    assert_eq!(form.json::<Value>().await.unwrap()["form"], json!({ "k": ["v w", "2"] }));
    assert!(get(&client, "/ip").await["origin"].as_str().unwrap().starts_with("127.0.0.1"));
    assert_eq!(get(&client, "/uuid").await["uuid"].as_str().unwrap().len(), 36);
}

#[tokio::test]
async fn files_are_uploaded() {
    let Some(client) = client() else { return };
    let file = Part::bytes("content").file_name("a \u{e9}.txt").content_type("text/plain");
    let form = Form::new().text("title", "x").part("file", file);
    let sent = client.post("/post").multipart(form).send().await.unwrap();
    let sent: Value = sent.json().await.unwrap();
    assert_eq!((&sent["form"]["title"], &sent["files"]["file"]), (&json!("x"), &json!("content")));
}

#[tokio::test]
async fn statuses_are_told() {
    let Some(client) = client() else { return };
    for status in [200, 204, 304, 400, 404, 418, 500, 503] {
        let response = client.get(format!("/status/{status}")).send().await.unwrap();
        assert_eq!(response.status().as_u16(), status);
    }
    let refused = client.get("/status/418").raise_for_status(true).send().await.unwrap_err();
    assert_eq!(refused.status().unwrap().as_u16(), 418);
}

#[tokio::test]
async fn credentials_are_accepted() {
    let Some(client) = client() else { return };
    let basic = |path| client.get(path).basic_auth("u", "p w").send();
    assert_eq!(basic("/basic-auth/u/p w").await.unwrap().status(), 200);
    assert_eq!(basic("/basic-auth/u/other").await.unwrap().status(), 401);
    assert_eq!(basic("/hidden-basic-auth/u/p w").await.unwrap().status(), 200);
    let bearer = client.get("/bearer").bearer_auth("t0ken").send().await.unwrap();
    assert_eq!(bearer.json::<Value>().await.unwrap()["token"], "t0ken");
    let in_url = client.get("/").build().unwrap().url().as_str().replacen("//", "//u:p%20w@", 1);
    let response = client.get(format!("{in_url}basic-auth/u/p w")).send().await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn digest_challenges_are_answered() {
    let Some(site) = SITE.as_ref() else { return };
    for algorithm in ["MD5", "SHA-256", "SHA-512"] {
        for qop in ["auth", "auth-int", "undefined"] {
            for stale in ["never", "1"] {
                let digest = DigestAuth::new("u", "p").unwrap();
                let client = Client::builder().base_url(&site.base).with(digest);
                let client = client.cookies(CookieJar::new()).build().unwrap();
                let path = format!("/digest-auth/{qop}/u/p/{algorithm}/{stale}");
                for _ in 0..2 {
                    let response = client.get(&path).send().await.unwrap();
                    assert_eq!(response.status(), 200, "{path}");
                }
            }
        }
    }
    let wrong = Client::builder().base_url(&site.base).with(DigestAuth::new("u", "x").unwrap());
    let refused = wrong.build().unwrap().get("/digest-auth/auth/u/p").send().await.unwrap();
    assert_eq!(refused.status(), 401);
}

#[cfg(feature = "compress")]
#[tokio::test]
async fn codings_come_off() {
    let Some(client) = client() else { return };
    assert_eq!(get(&client, "/gzip").await["gzipped"], true);
    assert_eq!(get(&client, "/deflate").await["deflated"], true);
    assert_eq!(get(&client, "/brotli").await["brotli"], true);
    let raw = client.get("/gzip").decompress(false).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(raw[..2], [0x1f, 0x8b]);
}

#[tokio::test]
async fn content_of_many_kinds_is_read() {
    let Some(client) = client() else { return };
    let text = async |path: &str| client.get(path).send().await.unwrap().text().await.unwrap();
    assert!(text("/encoding/utf8").await.contains("\u{2200}x\u{2208}\u{211d}"));
    assert!(text("/html").await.contains("Herman Melville"));
    assert!(text("/xml").await.starts_with("<?xml"));
    assert!(text("/robots.txt").await.contains("Disallow"));
    assert!(text("/base64/ZHVubGlu").await.contains("dunlin"));
    assert!(get(&client, "/json").await["slideshow"].is_object());
    for (kind, magic) in [("png", &b"\x89PNG"[..]), ("jpeg", b"\xff\xd8"), ("webp", b"RIFF")] {
        let image = client.get("/image").accept(&format!("image/{kind}")).send().await.unwrap();
        assert_eq!(image.content_type(), Some(format!("image/{kind}").as_str()));
        assert!(image.bytes().await.unwrap().starts_with(magic));
    }
    let links = text("/links/10/0").await;
    assert_eq!(links.matches("<a href").count(), 9);
}

#[tokio::test]
async fn redirects_are_followed_and_counted() {
    let Some(client) = client() else { return };
    for kind in ["redirect", "relative-redirect", "absolute-redirect"] {
        let response = client.get(format!("/{kind}/5")).send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.history().len()), (200, 5), "{kind}");
    }
    let many = client.get("/redirect/6").redirects(Redirects::follow(5)).send().await.unwrap_err();
    assert!(many.is_redirect() && many.to_string().contains("more than 5"), "{many}");
    let first = client.get("/redirect/2").redirects(Redirects::none()).send().await.unwrap();
    assert_eq!(first.status(), 302);
    for (status, method) in [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")]
    {
        let to = client
            .post("/redirect-to")
            .query(&[("url", "/anything"), ("status_code", &status.to_string())]);
        let reached: Value = to.body("x").send().await.unwrap().json().await.unwrap();
        assert_eq!(reached["method"], method, "{status}");
        assert_eq!(reached["data"], if method == "POST" { "x" } else { "" }, "{status}");
    }
}

#[tokio::test]
async fn cookies_are_kept_sent_and_deleted() {
    let Some(site) = SITE.as_ref() else { return };
    let jar = Arc::new(CookieJar::new());
    let client = Client::builder().base_url(&site.base).cookies(Arc::clone(&jar)).build().unwrap();
    let set = get(&client, "/cookies/set?a=1&b=2").await;
    assert_eq!(set["cookies"], json!({ "a": "1", "b": "2" }));
    assert_eq!(get(&client, "/cookies/set/c/3").await["cookies"]["c"], "3");
    assert_eq!(get(&client, "/cookies/delete?a&c").await["cookies"], json!({ "b": "2" }));
    assert_eq!(jar.len(), 1);
    let own = client.get("/cookies").cookie("d", "4").send().await.unwrap();
    assert_eq!(own.json::<Value>().await.unwrap()["cookies"], json!({ "b": "2", "d": "4" }));
}

#[tokio::test]
async fn slow_and_streamed_answers_are_read_within_their_deadlines() {
    let Some(client) = client() else { return };
    let read = Some(Duration::from_millis(300));
    let timeouts = Timeouts { read, ..Timeouts::default() };
    let began = Instant::now();
    let late = client.get("/delay/3").timeouts(timeouts).send().await.unwrap_err();
    assert!(late.is_timeout() && began.elapsed() < Duration::from_secs(2), "{late}");
    let drip = client.get("/drip?numbytes=5&duration=1&delay=0").timeout(Duration::from_secs(20));
    assert_eq!(drip.send().await.unwrap().bytes().await.unwrap().len(), 5);

    let mut lines = client.get("/stream/20").send().await.unwrap().lines();
    let mut count = 0;
    while let Some(line) = lines.next().await.unwrap() {
        let line: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(line["id"], count);
        count += 1;
    }
    assert_eq!(count, 20);
    for path in ["/bytes/5000?seed=1", "/stream-bytes/5000?seed=1&chunk_size=700"] {
        let bytes = client.get(path).send().await.unwrap().bytes().await.unwrap();
        assert_eq!(bytes.len(), 5_000, "{path}");
    }
}

#[tokio::test]
async fn ranges_validators_and_fields_are_seen() {
    let Some(client) = client() else { return };
    let part = client.get("/range/26").header("range", "bytes=5-9").send().await.unwrap();
    assert_eq!((part.status().as_u16(), part.text().await.unwrap().as_str()), (206, "fghij"));
    let past = client.get("/range/26").header("range", "bytes=50-").send().await.unwrap();
    assert_eq!(past.status(), 416);
    let same = client.get("/etag/abc").header("if-none-match", "abc").send().await.unwrap();
    assert_eq!(same.status(), 304);
    let other = client.get("/etag/abc").header("if-match", "xyz").send().await.unwrap();
    assert_eq!(other.status(), 412);
    let cached = client.get("/cache").header("if-modified-since", "x").send().await.unwrap();
    assert_eq!(cached.status(), 304);
    let aged = client.get("/cache/60").send().await.unwrap();
    assert_eq!(aged.header("cache-control"), Some("public, max-age=60"));
    let fields = client.get("/response-headers?x-a=1&x-a=2").send().await.unwrap();
    assert_eq!(fields.headers().get_all("x-a").count(), 2);
    let agent = get(&client, "/user-agent").await;
    assert!(agent["user-agent"].as_str().unwrap().starts_with("dunlin/"));
    assert!(get(&client, "/headers").await["headers"]["Accept"] == "*/*");
}
