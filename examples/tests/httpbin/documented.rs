//! What httpbin's documentation promises, each route at least once.

use std::time::{Duration, Instant};

use dunlin::client::auth::DigestAuth;
use dunlin::client::cookies::CookieJar;
use dunlin::client::multipart::{Form, Part};
use dunlin::http::Method;
use serde_json::{Value, json};

use super::{Site, json};

#[tokio::test]
async fn requests_come_back() {
    let site = Site::start();
    let client = site.client();
    let got = client.get("/get?a=1&b=2&a=3").header("x-bird", "dunlin").send().await.unwrap();
    let got: Value = got.json().await.unwrap();
    assert_eq!(got["args"], json!({ "a": ["1", "3"], "b": "2" }));
    assert_eq!(got["headers"]["X-Bird"], "dunlin");
    assert_eq!(got["origin"], "127.0.0.1");
    assert_eq!(got["url"], format!("{}/get?a=1&b=2&a=3", site.url));
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        for path in [format!("/{}", method.to_lowercase()), "/anything/at/all".into()] {
            let sent = client.request(Method::try_from(method).unwrap(), &path);
            let sent: Value = sent.json(&json!([1])).send().await.unwrap().json().await.unwrap();
            assert_eq!((&sent["json"], &sent["data"]), (&json!([1]), &json!("[1]")), "{path}");
        }
    }
    let traced = client.request(Method::TRACE, "/anything").send().await.unwrap();
    assert_eq!(traced.json::<Value>().await.unwrap()["method"], "TRACE");
    let form = client.post("/post").form(&[("k", "v w"), ("k", "2")]).send().await.unwrap();
    assert_eq!(form.json::<Value>().await.unwrap()["form"], json!({ "k": ["v w", "2"] }));
    let file = |bytes: &'static [u8]| Part::bytes(bytes).file_name("f").content_type("image/png");
    let form = Form::new().text("title", "x").part("a", file(b"text")).part("b", file(b"\xff"));
    let sent = client.post("/post").multipart(form).send().await.unwrap();
    let sent: Value = sent.json().await.unwrap();
    assert_eq!(sent["form"], json!({ "title": "x" }));
    assert_eq!(sent["files"], json!({ "a": "text", "b": "data:image/png;base64,/w==" }));
    let behind = |path: &str| client.get(path).header("x-forwarded-for", "192.0.2.1").send();
    let told: Value = behind("/headers").await.unwrap().json().await.unwrap();
    assert_eq!(told["headers"].get("X-Forwarded-For"), None);
    let told: Value = behind("/headers?show_env").await.unwrap().json().await.unwrap();
    assert_eq!(told["headers"]["X-Forwarded-For"], "192.0.2.1");
    assert_eq!(json(&client, "/ip").await["origin"], "127.0.0.1");
    let agent = client.get("/user-agent").header("user-agent", "bird/1").send().await.unwrap();
    assert_eq!(agent.json::<Value>().await.unwrap(), json!({ "user-agent": "bird/1" }));
}

#[tokio::test]
async fn statuses_are_as_asked() {
    let site = Site::start();
    let client = site.client();
    for (codes, status) in [
        ("200", 200),
        ("204", 204),
        ("304", 304),
        ("401", 401),
        ("406", 406),
        ("407", 407),
        ("418", 418),
        ("599", 599),
        ("503:1", 503),
        ("500:0,503:2", 503),
        ("404,404", 404),
        ("abc", 400),
        ("200:x", 400),
        ("200,x", 400),
        ("", 404),
        ("100", 400),
        ("600", 400),
    ] {
        let response = client.get(format!("/status/{codes}")).send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{codes}");
    }
    let of = async |status: u16| client.put(format!("/status/{status}")).send().await.unwrap();
    assert_eq!(of(301).await.header("location"), Some("/redirect/1"));
    assert_eq!(of(401).await.header("www-authenticate"), Some("Basic realm=\"Fake Realm\""));
    assert_eq!(of(407).await.header("proxy-authenticate"), Some("Basic realm=\"Fake Realm\""));
    assert!(of(418).await.text().await.unwrap().contains("TEAPOT"));
    let both = async || client.get("/status/200:3,503:1").send().await.unwrap().status().as_u16();
    let mut seen = std::collections::HashMap::<u16, u32>::new();
    for _ in 0..300 {
        *seen.entry(both().await).or_default() += 1;
    }
    // 225 and 75 are to be expected; this is ten standard deviations away.
    assert!(seen.len() == 2 && seen[&200] > 150, "{seen:?}");
}

#[tokio::test]
async fn redirects_lead_on() {
    let site = Site::start();
    let (stays, follows) = (site.client(), site.client_with(|client| client));
    for path in
        ["/redirect/4", "/redirect/4?absolute=true", "/relative-redirect/4", "/absolute-redirect/4"]
    {
        let response = follows.get(path).send().await.unwrap();
        assert_eq!(response.history().len(), 4, "{path}");
        assert_eq!(response.url().path(), "/get");
    }
    let first = async |path: &str| {
        let response = stays.get(path).send().await.unwrap();
        (response.status().as_u16(), response.header("location").map(str::to_owned))
    };
    let to = |status: u16, location: &str| (status, Some(location.to_owned()));
    assert_eq!(first("/redirect/2").await, to(302, "/relative-redirect/1"));
    let absolute = format!("{}/absolute-redirect/1", site.url);
    assert_eq!(first("/absolute-redirect/2").await, to(302, &absolute));
    assert_eq!(first("/redirect-to?url=/x&status_code=307").await, to(307, "/x"));
    assert_eq!(first("/redirect-to?url=/x&status_code=200").await, to(302, "/x"));
    assert_eq!(first("/redirect-to?url=%0d%0ax:y").await, to(302, "%0D%0Ax:y"));
    for path in
        ["/redirect/0", "/redirect-to", "/redirect-to?url=", "/redirect-to?url=/&status_code=x"]
    {
        assert_eq!(first(path).await.0, 400, "{path}");
    }
    let form = stays.post("/redirect-to").form(&[("url", "/y"), ("status_code", "303")]);
    assert_eq!(form.send().await.unwrap().status(), 303);
}

#[tokio::test]
async fn cookies_are_kept_and_removed() {
    let site = Site::start();
    let client = site.client_with(|client| client.cookies(CookieJar::new()));
    assert_eq!(
        json(&client, "/cookies/set?a=1&b=2").await,
        json!({ "cookies": { "a": "1", "b": "2" } })
    );
    json(&client, "/cookies/set/c/3").await;
    json(&client, "/cookies/delete?a&b").await;
    assert_eq!(json(&client, "/cookies").await, json!({ "cookies": { "c": "3" } }));
    let bad = client.get("/cookies/set?a=x%3B%20Domain%3Dy").send().await.unwrap();
    assert_eq!(bad.status(), 400);
}

#[tokio::test]
async fn credentials_are_judged() {
    let site = Site::start();
    let client = site.client();
    let basic = async |path: &str, password: &str| {
        client.get(path).basic_auth("u", password).send().await.unwrap().status().as_u16()
    };
    assert_eq!(basic("/basic-auth/u/p", "p").await, 200);
    assert_eq!(basic("/basic-auth/u/p", "q").await, 401);
    assert_eq!(basic("/hidden-basic-auth/u/p", "p").await, 200);
    assert_eq!(basic("/hidden-basic-auth/u/p", "q").await, 404);
    let bearer = client.get("/bearer").bearer_auth("t").send().await.unwrap();
    assert_eq!(
        bearer.json::<Value>().await.unwrap(),
        json!({ "authenticated": true, "token": "t" })
    );
    let refused = client.get("/bearer").send().await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), refused.header("www-authenticate")),
        (401, Some("Bearer"))
    );
}

#[tokio::test]
async fn digests_are_judged_and_nonces_go_stale() {
    let site = Site::start();
    let with = |password: &str| {
        let digest = DigestAuth::new("u", password).unwrap();
        site.client_with(|client| client.with(digest).cookies(CookieJar::new()))
    };
    for algorithm in ["", "/MD5", "/SHA-256", "/SHA-512"] {
        for qop in ["auth", "auth-int", "either"] {
            let path = format!("/digest-auth/{qop}/u/p{algorithm}?require-cookie=1");
            let told = json(&with("p"), &path).await;
            assert_eq!(told, json!({ "authenticated": true, "user": "u" }), "{path}");
            assert_eq!(with("q").get(&path).send().await.unwrap().status(), 401, "{path}");
        }
    }
    // Good for two requests: the third is told that its nonce is stale, and answers that.
    let client = with("p");
    for _ in 0..5 {
        assert_eq!(json(&client, "/digest-auth/auth/u/p/MD5/2").await["authenticated"], true);
    }
    let plain = site.client();
    let asked = plain.get("/digest-auth/auth/u/p/MD5/0").send().await.unwrap();
    assert!(asked.header("www-authenticate").unwrap().contains("stale=FALSE"));
    let stale = plain.get("/digest-auth/auth/u/p").header("authorization", "Digest nonce=\"n\"");
    let stale = stale.header("cookie", "stale_after=0").send().await.unwrap();
    assert!(stale.header("www-authenticate").unwrap().contains("stale=TRUE"));
    for broken in ["Digest", "Digest =", "Digest a=\"", "Digest a", "Digest a=\"\\"] {
        let sent = plain.get("/digest-auth/auth/u/p").header("authorization", broken);
        assert_eq!(sent.send().await.unwrap().status(), 401, "{broken}");
    }
    let no_cookie = plain.get("/digest-auth/auth/u/p?require-cookie=1");
    let no_cookie = no_cookie.header("authorization", "Digest a=b").header("cookie", "c=d");
    assert_eq!(no_cookie.send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn documents_have_their_types_and_codings() {
    let site = Site::start();
    let client = site.client();
    for (path, media) in [
        ("/", "text/html; charset=utf-8"),
        ("/html", "text/html; charset=utf-8"),
        ("/forms/post", "text/html; charset=utf-8"),
        ("/encoding/utf8", "text/html; charset=utf-8"),
        ("/links/3/1", "text/html; charset=utf-8"),
        ("/json", "application/json"),
        ("/xml", "application/xml"),
        ("/robots.txt", "text/plain"),
        ("/deny", "text/plain"),
        ("/image", "image/png"),
        ("/image/png", "image/png"),
        ("/image/jpeg", "image/jpeg"),
        ("/image/webp", "image/webp"),
        ("/image/svg", "image/svg+xml"),
        ("/static/favicon.svg", "image/svg+xml"),
    ] {
        let response = client.get(path).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), response.header("content-type")),
            (200, Some(media)),
            "{path}"
        );
        assert!(!response.bytes().await.unwrap().is_empty(), "{path}");
    }
    for (path, coding, word) in [
        ("/gzip", "gzip", "gzipped"),
        ("/deflate", "deflate", "deflated"),
        ("/brotli", "br", "brotli"),
    ] {
        let raw = client.get(path).decompress(false).send().await.unwrap();
        assert_eq!(raw.header("content-encoding"), Some(coding));
        assert_eq!(json(&client, path).await[word], true, "{path}");
    }
    for (accepted, media) in [
        ("image/webp", "image/webp"),
        ("image/svg+xml, */*", "image/svg+xml"),
        ("image/jpeg", "image/jpeg"),
        ("image/*", "image/png"),
        ("text/html", "application/json"),
    ] {
        let response = client.get("/image").header("accept", accepted).send().await.unwrap();
        assert_eq!(response.header("content-type"), Some(media), "{accepted}");
    }
    assert_eq!(json(&client, "/json").await["slideshow"]["author"], "Yours Truly");
}

#[tokio::test]
async fn bytes_are_made_as_asked_and_take_their_time() {
    let site = Site::start();
    let client = site.client();
    let bytes = async |path: &str| client.get(path).send().await.unwrap().bytes().await.unwrap();
    let status = async |path: &str| client.get(path).send().await.unwrap().status().as_u16();
    assert_eq!(bytes("/bytes/200000").await.len(), 100 * 1024);
    assert_eq!(
        bytes("/bytes/64?seed=7").await,
        bytes("/stream-bytes/64?seed=7&chunk_size=5").await
    );
    assert_ne!(bytes("/bytes/64").await, bytes("/bytes/64").await);
    let lines = client.get("/stream/3").send().await.unwrap().text().await.unwrap();
    let ids: Vec<_> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].clone())
        .collect();
    assert_eq!(ids, [0, 1, 2]);
    let began = Instant::now();
    let mut drip =
        client.get("/drip?numbytes=4&duration=0.4&delay=0.1&code=503").send().await.unwrap();
    assert_eq!((drip.status().as_u16(), drip.content_length()), (503, Some(4)));
    let (mut pieces, mut all) = (0, 0);
    while let Some(piece) = drip.chunk().await.unwrap() {
        (pieces, all) = (pieces + 1, all + piece.len());
    }
    assert!(pieces > 1 && all == 4, "{pieces} pieces of {all} bytes");
    assert!(began.elapsed() >= Duration::from_millis(350), "{:?}", began.elapsed());
    assert_eq!(bytes("/drip?numbytes=100000&duration=0.05").await.len(), 100_000);
    for path in [
        "/drip?numbytes=0",
        "/drip?numbytes=-1",
        "/drip?duration=-1",
        "/drip?duration=NaN",
        "/drip?code=99",
        "/delay/-1",
        "/delay/x",
        "/bytes/1?seed=x",
    ] {
        assert_eq!(status(path).await, 400, "{path}");
    }
    let began = Instant::now();
    let delayed = client.post("/delay/0.2").body("x").send().await.unwrap();
    assert_eq!(delayed.json::<Value>().await.unwrap()["data"], "x");
    assert!(began.elapsed() >= Duration::from_millis(200));
    let uuid = json(&client, "/uuid").await["uuid"].as_str().unwrap().to_owned();
    assert_eq!((uuid.len(), &uuid[14..15], uuid.split('-').count()), (36, "4", 5), "{uuid}");
    assert!("89ab".contains(&uuid[19..20]), "{uuid}");
    assert_eq!(bytes("/base64/SFRUUEJJTiBpcyBhd2Vzb21l").await, "HTTPBIN is awesome");
    assert!(bytes("/base64/x").await.starts_with(b"Incorrect"));
    let page = client.get("/links/3/1").send().await.unwrap().text().await.unwrap();
    assert_eq!(page.matches("<a href='/links/3/").count(), 2);
    let first = client.get("/links/3").send().await.unwrap();
    assert_eq!(first.header("location"), Some("/links/3/0"));
}

#[tokio::test]
async fn caches_and_downloads_find_what_they_go_by() {
    let site = Site::start();
    let client = site.client();
    let cached = client.get("/cache").send().await.unwrap();
    assert!(cached.header("etag").is_some() && cached.header("last-modified").is_some());
    let again = client.get("/cache").header("if-none-match", "\"x\"").send().await.unwrap();
    assert_eq!(again.status(), 304);
    let public = client.get("/cache/60").send().await.unwrap();
    assert_eq!(public.header("cache-control"), Some("public, max-age=60"));
    for (name, value, status) in [
        ("if-none-match", "\"e\"", 304),
        ("if-none-match", "W/\"e\"", 304),
        ("if-none-match", "*", 304),
        ("if-none-match", "\"f\"", 200),
        ("if-match", "\"e\"", 200),
        ("if-match", "*", 200),
        ("if-match", "\"f\"", 412),
        ("x-none", "", 200),
    ] {
        let response = client.get("/etag/e").header(name, value).send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{name}: {value}");
    }
    let part = async |path: &str, range: &str| {
        let response = client.get(path).header("range", range).send().await.unwrap();
        let range = response.header("content-range").unwrap_or_default().to_owned();
        (response.status().as_u16(), range, response.text().await.unwrap())
    };
    let is = |range: &str, text: &str| (206, range.to_owned(), text.to_owned());
    assert_eq!(part("/range/26", "bytes=3-5").await, is("bytes 3-5/26", "def"));
    let slow = "/range/26?duration=0.26&chunk_size=2";
    let began = Instant::now();
    assert_eq!(part(slow, "bytes=-5").await, is("bytes 21-25/26", "vwxyz"));
    assert!(began.elapsed() >= Duration::from_millis(40), "{:?}", began.elapsed());
    assert_eq!(part("/range/26", "bytes=26-").await.0, 416);
    assert_eq!(part("/range/0", "bytes=0-").await.0, 404);
    let set = client.get("/response-headers?x-bird=dunlin&x-bird=knot").send().await.unwrap();
    assert_eq!(set.headers().get_all("x-bird").count(), 2);
    let length = set.content_length().unwrap().to_string();
    let told: Value = set.json().await.unwrap();
    assert_eq!(
        (&told["X-Bird"], &told["Content-Length"]),
        (&json!(["dunlin", "knot"]), &json!(length))
    );
    for query in ["content-length=5", "transfer-encoding=chunked", "a%20b=c", "a=%0d%0ab:c"] {
        let refused = client.get(format!("/response-headers?{query}")).send().await.unwrap();
        assert_eq!(refused.status(), 400, "{query}");
    }
}

#[tokio::test]
async fn every_page_may_read_answers() {
    let site = Site::start();
    let client = site.client();
    let asked = client
        .request(Method::OPTIONS, "/anything")
        .header("origin", "http://a.example")
        .header("access-control-request-headers", "x-bird");
    let asked = asked.send().await.unwrap();
    assert_eq!(asked.status(), 200);
    assert_eq!(asked.header("access-control-allow-origin"), Some("http://a.example"));
    assert_eq!(asked.header("access-control-allow-headers"), Some("x-bird"));
    assert!(asked.header("allow").unwrap().contains("PATCH"));
    let plain = client.get("/get").send().await.unwrap();
    assert_eq!(plain.header("access-control-allow-origin"), Some("*"));
    assert_eq!(client.request(Method::OPTIONS, "/none").send().await.unwrap().status(), 404);
    assert_eq!(client.post("/get").send().await.unwrap().status(), 405);
}
