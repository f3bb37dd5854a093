//! Credentials: where they come from, whom they go to, and answers to digest challenges.
#![allow(missing_docs)]

mod util;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use dunlin_client::Client;
use dunlin_client::auth::{DigestAuth, Netrc};
use dunlin_client::cookies::CookieJar;
use dunlin_core::Body;
use http::Method;
use sha2::{Digest, Sha256};
use util::{Server, answer, field, ok};

/// Answers with the Authorization of each request.
async fn showing() -> Server {
    Server::answering(|head, _| ok(field(head, "authorization").unwrap_or("none"))).await
}

async fn text(request: dunlin_client::RequestBuilder) -> String {
    request.send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn basic_and_bearer_are_sent_and_a_url_has_credentials_of_its_own() {
    let server = showing().await;
    let client = Client::new();
    let get = || client.get(server.url("/"));
    // base64 of user:pass word, then of \u{e9}: alone.
    assert_eq!(text(get().basic_auth("user", "pass word")).await, "Basic dXNlcjpwYXNzIHdvcmQ=");
    assert_eq!(text(get().basic_auth("\u{e9}", "")).await, "Basic w6k6");
    assert_eq!(text(get().bearer_auth("abc.def")).await, "Bearer abc.def");
    let url = server.url("/").replace("http://", "http://us%65r:pass%20word@");
    assert_eq!(text(client.get(&url)).await, "Basic dXNlcjpwYXNzIHdvcmQ=");
    assert_eq!(text(client.get(&url).bearer_auth("x")).await, "Bearer x", "what is set goes first");
    assert_eq!(text(get().basic_auth("a", "b").bearer_auth("x")).await, "Bearer x", "the last");
    for bad in [get().basic_auth("a:b", ""), client.get(url.replace("us%65r", "a%3Ab"))] {
        assert!(bad.send().await.unwrap_err().is_request());
    }
}

#[tokio::test]
async fn netrc_fills_in_by_host_where_nothing_else_is_said() {
    let server = showing().await;
    let netrc = "machine known.test login user password secret\ndefault login any password body";
    let client = Client::builder()
        .connector(server.for_any_host())
        .netrc(Netrc::parse(netrc).unwrap())
        .build()
        .unwrap();
    let (known, default) = ("Basic dXNlcjpzZWNyZXQ=", "Basic YW55OmJvZHk=");
    assert_eq!(text(client.get("http://KNOWN.test./")).await, known);
    assert_eq!(text(client.get("http://other.test/")).await, default);
    assert_eq!(text(client.get("http://known.test/").bearer_auth("x")).await, "Bearer x");
    assert_eq!(text(client.get("http://u:p@known.test/")).await, "Basic dTpw");
    assert_eq!(text(Client::new().get(server.url("/"))).await, "none");
    let bad = Netrc::parse("machine known.test login a:b password c").unwrap();
    let error = client.get("http://known.test/").netrc(bad).send().await.unwrap_err();
    assert!(error.is_request() && error.to_string().contains("the netrc entry"), "{error}");
}

#[tokio::test]
async fn netrc_is_asked_anew_for_the_host_of_each_hop() {
    let server = Server::answering(|head, _| match field(head, "host") {
        Some("first.test") => answer("302 Found", "Location: http://second.test/\r\n", ""),
        _ => ok(field(head, "authorization").unwrap_or("none")),
    })
    .await;
    for (second, seen) in [("machine second.test login u password p", "Basic dTpw"), ("", "none")] {
        let netrc = format!("machine first.test login a password b\n{second}");
        let client = Client::builder()
            .connector(server.for_any_host())
            .netrc(Netrc::parse(&netrc).unwrap())
            .build()
            .unwrap();
        assert_eq!(text(client.get("http://first.test/")).await, seen);
    }
}

/// What the next test runs in a process of its own, whose environment names a netrc file.
#[tokio::test]
#[ignore = "run by the_environment_is_trusted_only_where_that_is_said"]
async fn child() {
    let server = showing().await;
    let trusting = Client::builder().trust_env().build().unwrap();
    assert_eq!(text(trusting.get(server.url("/"))).await, "Basic dTpw");
    assert_eq!(text(Client::new().get(server.url("/"))).await, "none");
}

#[test]
fn the_environment_is_trusted_only_where_that_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("netrc");
    std::fs::write(&path, "machine 127.0.0.1 login u password p").unwrap();
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored"])
        .env("NETRC", &path)
        .env_remove("HTTP_PROXY")
        .env_remove("http_proxy")
        .env_remove("ALL_PROXY")
        .env_remove("all_proxy")
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hash(algorithm: &str, text: &str) -> String {
    match algorithm {
        "MD5" => hex(&md5::Md5::digest(text)),
        _ => hex(&Sha256::digest(text)),
    }
}

/// Parameters of a Digest field.
fn params(value: &str) -> Option<HashMap<String, String>> {
    let pairs = value.strip_prefix("Digest ")?.split(", ");
    pairs
        .map(|pair| pair.split_once('='))
        .map(|pair| pair.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())))
        .collect()
}

/// Lets in who knows that the password of `user` is `secret`; a nonce serves `uses` requests.
async fn guarded(algorithm: &'static str, uses: usize) -> (Server, Arc<AtomicUsize>) {
    let refusals = Arc::new(AtomicUsize::new(0));
    let (count, used) = (Arc::clone(&refusals), Arc::new(AtomicUsize::new(0)));
    let server = Server::answering(move |head, body| {
        let mut words = head.split(' ');
        let (method, uri) = (words.next().unwrap(), words.next().unwrap());
        let nonce = format!("n{}", used.load(SeqCst) / uses);
        let sent = field(head, "authorization").and_then(params);
        let is_known = sent.as_ref().is_some_and(|sent| {
            let h = |text: String| hash(algorithm, &text);
            let a1 = h("user:birds:secret".into());
            let a2 = h(format!("{method}:{uri}"));
            let (nc, cnonce, qop) = (&sent["nc"], &sent["cnonce"], &sent["qop"]);
            sent["username"] == "user"
                && sent["uri"] == uri
                && sent["opaque"] == "o"
                && sent["algorithm"] == algorithm
                && sent["response"] == h(format!("{a1}:{}:{nc}:{cnonce}:{qop}:{a2}", sent["nonce"]))
        });
        if is_known && sent.as_ref().is_some_and(|sent| sent["nonce"] == nonce) {
            used.fetch_add(1, SeqCst);
            return ok(&format!("welcome {}", String::from_utf8_lossy(body)));
        }
        count.fetch_add(1, SeqCst);
        let stale = if is_known { ", stale=true" } else { "" };
        let challenge = format!(
            "WWW-Authenticate: Basic realm=\"x\", Digest realm=\"birds\", qop=\"auth\", \
             algorithm={algorithm}, nonce=\"{nonce}\", opaque=\"o\"{stale}\r\n"
        );
        answer("401 Unauthorized", &challenge, "who are you")
    })
    .await;
    (server, refusals)
}

fn digesting(password: &str) -> Client {
    Client::builder().with(DigestAuth::new("user", password).unwrap()).build().unwrap()
}

#[tokio::test]
async fn a_digest_challenge_is_answered_and_later_requests_bring_the_answer_along() {
    for algorithm in ["MD5", "SHA-256"] {
        let (server, refusals) = guarded(algorithm, usize::MAX).await;
        let client = digesting("secret");
        for (nth, path) in ["/a?b=c", "/", "/x%20y"].iter().enumerate() {
            let request = client.request(Method::POST, server.url(path)).body(format!("{nth}"));
            assert_eq!(text(request).await, format!("welcome {nth}"), "{algorithm}");
        }
        assert_eq!(refusals.load(SeqCst), 1, "{algorithm}: asked once");
    }
}

#[tokio::test]
async fn a_stale_nonce_is_replaced_and_a_wrong_password_tried_once() {
    let (server, refusals) = guarded("SHA-256", 2).await;
    let client = digesting("secret");
    for _ in 0..5 {
        assert_eq!(text(client.get(server.url("/"))).await, "welcome ");
    }
    assert_eq!(refusals.load(SeqCst), 1 + 2, "once unknown, twice stale");

    let (server, refusals) = guarded("MD5", usize::MAX).await;
    let response = digesting("wrong").get(server.url("/")).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.text().await.unwrap()),
        (401, "who are you".into())
    );
    assert_eq!(refusals.load(SeqCst), 2);
}

#[tokio::test]
async fn cookies_of_a_challenge_go_along_with_its_answer() {
    let challenged = Arc::new(AtomicUsize::new(0));
    let server = Server::answering(move |head, _| {
        if field(head, "authorization").is_some() && challenged.load(SeqCst) >= 2 {
            return ok(field(head, "cookie").unwrap_or("none"));
        }
        // The second one is of a nonce that is stale.
        let nth = challenged.fetch_add(1, SeqCst);
        let old = if nth == 0 { "old=1" } else { "old=; Max-Age=0" };
        let challenge = format!(
            "WWW-Authenticate: Digest realm=\"x\", qop=\"auth\", nonce=\"{nth}\", stale=true\r\n\
             Set-Cookie: nth={nth}\r\nSet-Cookie: {old}\r\n"
        );
        answer("401 Unauthorized", &challenge, "")
    })
    .await;
    let client = Client::builder().with(DigestAuth::new("user", "secret").unwrap());
    let client = client.cookies(CookieJar::new()).build().unwrap();
    let got = text(client.get(server.url("/")).cookie("own", "2")).await;
    assert_eq!(got, "nth=1; own=2");
    let without_jar = digesting("secret").get(server.url("/")).cookie("own", "2");
    assert_eq!(text(without_jar).await, "own=2");
}

#[tokio::test]
async fn a_digest_is_answered_to_its_first_origin_alone() {
    let (stranger, refusals) = guarded("MD5", usize::MAX).await;
    let (home, _) = guarded("MD5", usize::MAX).await;
    let client = digesting("secret");
    assert_eq!(text(client.get(home.url("/"))).await, "welcome ");
    assert_eq!(client.get(stranger.url("/")).send().await.unwrap().status(), 401);
    let away = stranger.url("/");
    let redirecting =
        Server::answering(move |_, _| answer("307 Hop", &format!("Location: {away}\r\n"), ""))
            .await;
    // The credentials are pinned to the redirecting server by the origin that is named.
    let auth = DigestAuth::new("user", "secret").unwrap();
    let auth = auth.origin(format!("http://{}", redirecting.address));
    let client = Client::builder().with(auth).build().unwrap();
    assert_eq!(client.get(redirecting.url("/")).send().await.unwrap().status(), 401);
    assert_eq!(refusals.load(SeqCst), 2, "each was asked once and answered nothing");
}

#[tokio::test]
async fn a_body_that_cannot_go_again_leaves_the_challenge_to_the_program() {
    let (server, refusals) = guarded("MD5", usize::MAX).await;
    let once = || Body::from_stream(futures_util::stream::iter([Ok::<_, std::io::Error>("x")]));
    let client = digesting("secret");
    let post = || client.post(server.url("/")).header("content-length", "1").body(once());
    assert_eq!(post().send().await.unwrap().status(), 401);
    assert_eq!(text(client.get(server.url("/"))).await, "welcome ");
    assert_eq!(text(post()).await, "welcome x", "now the answer goes along unasked");
    assert_eq!(refusals.load(SeqCst), 2);
}
