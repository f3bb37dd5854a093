//! Hosts that are asked by `https` alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use dunlin_client::cookies::{CookieJar, SetCookie};
use dunlin_client::{Client, Hsts, HstsError, InProcess};
use dunlin_core::{Request, Response};
use http::header::{LOCATION, STRICT_TRANSPORT_SECURITY};
use http::{HeaderValue, StatusCode};

/// Says what the query asks for, and repeats the request's cookies.
async fn service(req: Request) -> Response {
    let cookies = req.headers().get_str("cookie").unwrap_or_default().to_owned();
    let mut response = Response::new(cookies);
    match req.path() {
        "/say" => {
            let value = req.query().unwrap_or_default().replace("%20", " ");
            let value = HeaderValue::try_from(value).unwrap();
            response.headers_mut().append(STRICT_TRANSPORT_SECURITY, value);
            response
                .headers_mut()
                .append(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=0"));
        }
        "/set" => {
            let cookie = HeaderValue::from_static("set=4; Secure");
            response.headers_mut().append(http::header::SET_COOKIE, cookie);
        }
        "/go" => {
            *response.head_mut() = Response::new("").with_status(StatusCode::FOUND).head().clone();
            response.headers_mut().append(LOCATION, HeaderValue::from_static("there"));
        }
        _ => {}
    }
    response
}

fn client(hsts: &Hsts) -> Client {
    Client::builder().with(hsts.clone()).with(InProcess::new(service)).build().unwrap()
}

async fn url(client: &Client, url: &str) -> String {
    client.get(url).send().await.unwrap().url().to_string()
}

#[tokio::test]
async fn a_host_that_said_so_is_asked_by_https() {
    let hsts = Hsts::new();
    let client = client(&hsts);
    // By http it says nothing, and neither does an address.
    for said in ["http://a.test/say?max-age=9", "https://127.0.0.1/say?max-age=9"] {
        client.get(said).send().await.unwrap();
    }
    assert!(hsts.is_empty());
    client.get("https://a.test/say?max-age=9;includeSubDomains").send().await.unwrap();
    for (asked, sent) in [
        ("http://a.test/b?c#d", "https://a.test/b?c#d"),
        ("http://A.test.:80/", "https://a.test./"),
        ("http://x.a.test:8080/", "https://x.a.test:8080/"),
        ("http://b.test/", "http://b.test/"),
        ("http://127.0.0.1/", "http://127.0.0.1/"),
    ] {
        assert_eq!(url(&client, asked).await, sent);
    }
    client.get("https://a.test/say?max-age=0").send().await.unwrap();
    assert_eq!(url(&client, "http://a.test/").await, "http://a.test/");
}

#[tokio::test]
async fn redirects_start_from_the_url_that_answered() {
    let hsts = Hsts::new();
    hsts.add("a.test", Duration::from_secs(9), false);
    assert_eq!(url(&client(&hsts), "http://a.test/go").await, "https://a.test/there");
}

#[tokio::test]
async fn secure_cookies_are_sent_after_the_change() {
    let (hsts, jar) = (Hsts::new(), CookieJar::new());
    hsts.add("a.test", Duration::from_secs(9), false);
    let site = "https://a.test/".parse().unwrap();
    jar.add(SetCookie::parse(b"secret=1; Secure").unwrap(), &site).unwrap();
    jar.add(SetCookie::parse(b"plain=2").unwrap(), &site).unwrap();
    let client =
        Client::builder().cookies(jar).with(hsts).with(InProcess::new(service)).build().unwrap();
    let response = client.get("http://a.test/").cookie("own", "3").send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "secret=1; plain=2; own=3");
    // And taken: who answered may set them.
    client.get("http://a.test/set").send().await.unwrap();
    let response = client.get("http://a.test/").send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "secret=1; plain=2; set=4");
}

#[tokio::test]
async fn hosts_expire_and_survive_a_restart_until_then() {
    let seconds = Arc::new(AtomicU64::new(1_000));
    let clock = Arc::clone(&seconds);
    let now = move || UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::Relaxed));
    let hsts = Hsts::new().clock(now.clone());
    hsts.add("a.test", Duration::from_secs(10), true);
    hsts.add("b.test", Duration::from_secs(20), false);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hsts.json");
    hsts.save(&path).await.unwrap();

    seconds.store(1_010, Ordering::Relaxed);
    assert!(!hsts.is_known("a.test") && hsts.is_known("b.test"));
    let later = Hsts::new().clock(now);
    later.load(&path).await.unwrap();
    assert!(later.is_known("b.test") && !later.is_known("x.b.test"));
    assert_eq!(later.len(), 1);

    assert!(matches!(later.load(dir.path().join("none")).await, Err(HstsError::Io(_))));
    assert!(matches!(later.load_json("{}"), Err(HstsError::Json(_))));
    let version = r#"{"version":2,"hosts":[]}"#;
    assert!(matches!(later.load_json(version), Err(HstsError::Version(2))));
}
