//! What a request looks like on the wire, and what is refused before a byte of it leaves.
#![allow(missing_docs)]

mod util;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use dunlin_client::cookies::{CookieJar, SameSiteContext, SetCookie};
use dunlin_client::multipart::{Form, Part};
use dunlin_client::{
    Client, ClientBuilder, Error, ErrorKind, Next, Phase, Request, RequestBody, Response, file_part,
};
use dunlin_core::Body;
use http::header::{ACCEPT_ENCODING, USER_AGENT};
use http::{HeaderMap, Method, Version};
use util::{Server, all, answer, field, ok, target};

async fn mirrored(response: Result<Response, Error>) -> String {
    response.unwrap().text().await.unwrap()
}

fn chunks(pieces: &[&'static str]) -> Body {
    let pieces: Vec<_> =
        pieces.iter().map(|piece| Ok::<_, io::Error>(Bytes::from(*piece))).collect();
    Body::from_stream(futures_util::stream::iter(pieces))
}

#[test]
fn clients_requests_and_their_futures_cross_threads() {
    fn shared<T: Send + Sync + Clone + 'static>() {}
    fn sent<T: Send>(_: T) {}
    shared::<Client>();
    shared::<Error>();
    shared::<Request>();
    sent(Client::new().get("http://a/").send());
    fn builds<T: Default + Send>() {}
    builds::<ClientBuilder>();
}

#[tokio::test]
async fn clones_share_their_connections_and_a_one_shot_request_has_its_own() {
    let server = Server::mirror().await;
    let client = Client::new();
    for client in [client.clone(), client.clone(), client] {
        mirrored(client.get(server.url("/")).send().await).await;
    }
    assert_eq!(server.connections(), 1);
    mirrored(dunlin_client::get(server.url("/")).send().await).await;
    let head = mirrored(dunlin_client::request(Method::PUT, server.url("/")).send().await).await;
    assert!(head.starts_with("PUT / HTTP/1.1\r\n"));
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn text_is_joined_to_the_base_url_and_a_whole_url_stands_for_itself() {
    let (server, other) = (Server::mirror().await, Server::mirror().await);
    let client = Client::builder().base_url(server.url("/v1/")).build().unwrap();
    for (given, asked) in [("birds?a", "/v1/birds?a"), ("/birds", "/birds"), ("", "/v1/")] {
        assert_eq!(target(&mirrored(client.get(given).send().await).await), asked);
    }
    mirrored(client.get(other.url("/")).send().await).await;
    assert_eq!((server.connections(), other.connections()), (1, 1));
    let error = Client::builder().base_url("/v1/").build().unwrap_err();
    assert!(error.is_request(), "{error}");
}

#[tokio::test]
async fn every_method_goes_out_as_it_is_spelt() {
    let server = Server::answering(|head, _| {
        let method = head.split(' ').next().unwrap().to_owned();
        answer("200 OK", &format!("X-Method: {method}\r\n"), "")
    })
    .await;
    let client = Client::new();
    let url = server.url("/");
    for (request, method) in [
        (client.get(&url), "GET"),
        (client.post(&url), "POST"),
        (client.put(&url), "PUT"),
        (client.patch(&url), "PATCH"),
        (client.delete(&url), "DELETE"),
        (client.head(&url), "HEAD"),
        (client.options(&url), "OPTIONS"),
        (client.request(Method::from_bytes(b"purge").unwrap(), &url), "purge"),
    ] {
        assert_eq!(request.send().await.unwrap().header("x-method"), Some(method));
    }
    assert!(Method::from_bytes(b"GET /").is_err());
}

#[tokio::test]
async fn the_requests_fields_come_first_and_in_place_of_the_clients() {
    let server = Server::mirror().await;
    let client = Client::builder().default_header("x-team", "birds").build().unwrap();
    let head = mirrored(
        client
            .get(server.url("/"))
            .header("x-b", "1")
            .header("x-a", "2")
            .header("x-b", "3")
            .header("accept", "text/html")
            .send()
            .await,
    )
    .await;
    let names: Vec<_> = head.lines().skip(1).filter_map(|l| l.split_once(':')).collect();
    let names: Vec<_> = names.iter().map(|(name, _)| *name).collect();
    assert_eq!(&names[..5], ["host", "x-b", "x-a", "x-b", "accept"], "{head}");
    assert_eq!(all(&head, "x-b"), ["1", "3"]);
    assert_eq!(
        (field(&head, "accept"), field(&head, "x-team")),
        (Some("text/html"), Some("birds"))
    );

    let mut fields = HeaderMap::new();
    fields.insert("x-b", "4".parse().unwrap());
    let request = client.get(server.url("/")).header("x-b", "1").headers(fields);
    assert_eq!(all(&mirrored(request.send().await).await, "x-b"), ["4"]);
}

#[tokio::test]
async fn fields_that_go_out_by_themselves_can_be_changed_and_left_out() {
    let server = Server::mirror().await;
    let head = mirrored(Client::new().get(server.url("/")).send().await).await;
    assert_eq!(field(&head, "accept"), Some("*/*"));
    assert!(field(&head, "user-agent").unwrap().starts_with("dunlin/"));
    let codings = cfg!(feature = "compress").then_some("gzip, deflate, br, zstd");
    assert_eq!(field(&head, "accept-encoding"), codings);

    let client = Client::builder().user_agent("knot/1").without_header(ACCEPT_ENCODING).build();
    let client = client.unwrap();
    let head = mirrored(client.get(server.url("/")).send().await).await;
    assert_eq!(
        (field(&head, "user-agent"), field(&head, "accept-encoding")),
        (Some("knot/1"), None)
    );
    let bare = client.get(server.url("/")).without_header(USER_AGENT);
    let bare = mirrored(bare.without_header("accept".parse().unwrap()).send().await).await;
    assert_eq!(bare.lines().skip(1).filter(|line| !line.is_empty()).count(), 1, "{bare}");
}

#[tokio::test]
async fn host_has_a_port_where_it_is_not_the_schemes_and_no_final_dot() {
    let server = Server::mirror().await;
    let client = Client::builder().connector(server.for_any_host()).build().unwrap();
    for (url, host) in [
        ("http://example.test/", "example.test"),
        ("http://example.test:80/", "example.test"),
        ("http://example.test:8080/", "example.test:8080"),
        ("http://Example.TEST./", "example.test"),
        ("http://[::1]:81/", "[::1]:81"),
        ("http://b\u{fc}cher.example/", "xn--bcher-kva.example"),
        ("http://user:secret@example.test/", "example.test"),
    ] {
        let head = mirrored(client.get(url).send().await).await;
        assert_eq!(field(&head, "host"), Some(host), "{url}");
    }
    let own = client.get("http://a.test/").header("host", "b.test").send().await;
    assert_eq!(field(&mirrored(own).await, "host"), Some("b.test"));
}

#[tokio::test]
async fn what_must_be_quoted_is_and_what_is_quoted_stays() {
    let server = Server::mirror().await;
    for (url, asked) in [
        ("/a b/\u{e4}?q=\u{fc} x#top", "/a%20b/%C3%A4?q=%C3%BC%20x"),
        ("/%7Euser/%41%2f?x=%41+%2B", "/%7Euser/%41%2f?x=%41+%2B"),
        ("/a/../b/./c", "/b/c"),
        ("/x\r\n y: z", "/x%20y:%20z"),
        ("?only=query", "/?only=query"),
    ] {
        let head = mirrored(Client::new().get(server.url(url)).send().await).await;
        assert_eq!(target(&head), asked, "{url}");
    }
}

#[tokio::test]
async fn pairs_maps_and_structs_are_added_to_the_query() {
    #[derive(serde::Serialize)]
    struct Search {
        q: &'static str,
        page: u8,
        #[serde(skip_serializing_if = "Option::is_none")]
        lang: Option<&'static str>,
    }
    let server = Server::mirror().await;
    let client = Client::new();
    let url = server.url("/?a=1#x");
    for (request, asked) in [
        (client.get(&url).query(&[("b", "2"), ("b", "\u{e4} &")]), "/?a=1&b=2&b=%C3%A4+%26"),
        (client.get(&url).query(&BTreeMap::from([("k", 1)])), "/?a=1&k=1"),
        (client.get(&url).query(&Search { q: "x", page: 2, lang: None }), "/?a=1&q=x&page=2"),
        (client.get(&url).query::<[(&str, &str)]>(&[]), "/?a=1"),
    ] {
        assert_eq!(target(&mirrored(request.send().await).await), asked);
    }
}

#[tokio::test]
async fn what_cannot_be_requested_is_told_before_anything_is_sent() {
    let server = Server::mirror().await;
    let client = Client::builder().connector(server.for_any_host()).build().unwrap();
    for (url, reason) in [
        ("ftp://a.test/", "scheme is ftp"),
        ("/birds", "base_url"),
        ("http://", "host"),
        ("http://2130706433/", "odd spelling"),
        ("http://0177.0.0.1/", "odd spelling"),
        ("http://a.test:99999/", "port"),
        ("http://a.test:0/", "port 0"),
        ("http://a b.test/", "invalid"),
    ] {
        let error = client.get(url).send().await.unwrap_err();
        assert!(error.is_request() && error.phase() == Phase::Request, "{url}: {error}");
        assert!(error.to_string().contains(reason), "{url}: {error}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn no_field_cookie_or_credential_splits_the_head() {
    let server = Server::mirror().await;
    let client = Client::new();
    let get = || client.get(server.url("/"));
    for request in [
        get().header("x-a", "1\r\nx-b: 2"),
        get().header("x-a", "1\n"),
        get().header("x-a", "\0"),
        get().header("x a", "1"),
        get().header("x-a:", "1"),
        get().header("", "1"),
        get().cookie("a", "1\r\nx-b: 2"),
        get().accept("text/html\r\nx-b: 2"),
        get().bearer_auth("a\r\nx-b: 2"),
        get().basic_auth("a:b", "c"),
    ] {
        let error = request.send().await.unwrap_err();
        assert!(error.is_request(), "{error}");
    }
    for builder in
        [Client::builder().user_agent("a\r\nb"), Client::builder().default_header("x\n", "1")]
    {
        assert!(builder.build().is_err());
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_body_has_its_length_or_goes_in_chunks() {
    let server = Server::mirror().await;
    let client = Client::new();
    let sent = async |method: Method, body: RequestBody| {
        let head = mirrored(client.request(method, server.url("/")).body(body).send().await).await;
        let of = |name| field(&head, name).map(str::to_owned);
        (of("content-length"), of("transfer-encoding"))
    };
    let long = |n: usize| (Some(n.to_string()), None);
    assert_eq!(sent(Method::GET, RequestBody::empty()).await, (None, None));
    assert_eq!(sent(Method::DELETE, RequestBody::empty()).await, (None, None));
    assert_eq!(sent(Method::POST, RequestBody::empty()).await, long(0));
    assert_eq!(sent(Method::PUT, RequestBody::empty()).await, long(0));
    assert_eq!(sent(Method::PATCH, RequestBody::empty()).await, long(0));
    assert_eq!(sent(Method::GET, "abc".into()).await, long(3));
    assert_eq!(sent(Method::POST, vec![b'x'; 100_000].into()).await, long(100_000));

    let server = Server::start(|mut conn| async move {
        let head = conn.head().await.unwrap();
        assert_eq!(field(&head, "transfer-encoding"), Some("chunked"));
        let body = conn.until(b"0\r\n\r\n").await.unwrap();
        conn.send(&ok(&String::from_utf8(body).unwrap())).await.unwrap();
    })
    .await;
    let request = client.post(server.url("/")).body(chunks(&["ab", "", "cde"]));
    let text = request.send().await.unwrap().text().await.unwrap();
    assert_eq!(text, "2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n");
}

#[tokio::test]
async fn a_declared_length_must_be_the_bodys() {
    let server = Server::answering(|_, body| ok(std::str::from_utf8(body).unwrap())).await;
    let client = Client::new();
    let declared = |length: &str, body: RequestBody| {
        client.post(server.url("/")).header("content-length", length).body(body)
    };
    let text = declared("5", chunks(&["ab", "cde"]).into()).send().await.unwrap().text().await;
    assert_eq!(text.unwrap(), "abcde");
    for length in ["4", "6", "+5", "5, 5"] {
        let error = declared(length, "abcde".into()).send().await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Send(_)), "{error}");
        assert!(error.is_request(), "{error}");
    }
    // None of those cost the connection.
    assert_eq!(client.pool_metrics().opened, 1);
    for length in ["4", "6"] {
        let error = declared(length, chunks(&["ab", "cde"]).into()).send().await.unwrap_err();
        assert!(error.to_string().contains("its declared length"), "{error}");
    }

    // A coding asked for beside a length is a wish: a server never gets both.
    let server = Server::mirror().await;
    let both = client
        .post(server.url("/"))
        .header("content-length", "5")
        .header("transfer-encoding", "chunked")
        .body("abcde");
    let head = mirrored(both.send().await).await;
    assert_eq!(field(&head, "content-length"), Some("5"));
    assert_eq!(field(&head, "transfer-encoding"), None);
}

#[tokio::test]
async fn json_and_forms_name_their_type_unless_one_is_set() {
    let server = Server::answering(|head, body| {
        let body = String::from_utf8_lossy(body);
        ok(&format!("{} {body}", field(head, "content-type").unwrap_or("-")))
    })
    .await;
    let client = Client::new();
    let post = || client.post(server.url("/"));
    for (request, seen) in [
        (post().json(&["a"]), "application/json [\"a\"]"),
        (post().header("content-type", "text/x").json(&1), "text/x 1"),
        (
            post().form(&[("a", "1 &"), ("a", "\u{e4}")]),
            "application/x-www-form-urlencoded a=1+%26&a=%C3%A4",
        ),
        (post().body("text"), "- text"),
        // The last counts, in whatever order they are said.
        (post().json(&1).header("content-type", "text/x"), "text/x 1"),
        (post().json(&1).form(&[("a", 1)]), "application/x-www-form-urlencoded a=1"),
        (post().form(&[("a", 1)]).json(&1), "application/json 1"),
        (post().multipart(Form::new()).json(&1), "application/json 1"),
        (post().json(&1).body("text"), "- text"),
    ] {
        assert_eq!(mirrored(request.send().await).await, seen);
    }
    let error = post().json(&BTreeMap::from([((1, 2), 3)])).send().await.unwrap_err();
    assert!(error.is_request() && error.to_string().contains("no JSON form"), "{error}");
}

#[tokio::test]
async fn forms_with_files_are_streamed_with_their_length() {
    let server = Server::answering(|head, body| {
        assert!(field(head, "content-length").is_some());
        ok(&format!("{}\n{}", field(head, "content-type").unwrap(), String::from_utf8_lossy(body)))
    })
    .await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("dunlin.txt");
    std::fs::write(&path, "wader").unwrap();
    let form =
        || async { Form::new().text("title", "a").part("photo", file_part(&path).await.unwrap()) };
    let client = Client::new();
    let seen = mirrored(client.post(server.url("/")).multipart(form().await).send().await).await;
    assert!(seen.starts_with("multipart/form-data; boundary="), "{seen}");
    assert!(seen.contains("name=\"title\"\r\n\r\na\r\n"), "{seen}");
    assert!(
        seen.contains("filename=\"dunlin.txt\"") && seen.contains("\r\n\r\nwader\r\n"),
        "{seen}"
    );

    let bad =
        Form::new().part("a\r\nb", Part::text("x")).part("c", Part::text("y").file_name("\0"));
    let error = client.post(server.url("/")).multipart(bad).send().await.unwrap_err();
    assert!(error.is_request(), "{error}");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn trailers_follow_a_body_in_chunks() {
    let server = Server::start(|mut conn| async move {
        let head = conn.head().await.unwrap();
        assert_eq!(field(&head, "transfer-encoding"), Some("chunked"));
        let body = conn.until(b"\r\n\r\n").await.unwrap();
        conn.send(&ok(&String::from_utf8(body).unwrap())).await.unwrap();
    })
    .await;
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "42".parse().unwrap());
    let request = Client::new().post(server.url("/")).body("abc").trailers(trailers);
    assert_eq!(mirrored(request.send().await).await, "3\r\nabc\r\n0\r\nx-sum: 42\r\n\r\n");
}

#[tokio::test]
async fn a_body_that_fails_fails_the_request_with_its_own_reason() {
    let server = Server::start(|mut conn| async move {
        let _ = conn.head().await;
        let _ = conn.until(b"0\r\n\r\n").await;
    })
    .await;
    let pieces = [Ok(Bytes::from("ab")), Err(io::Error::other("the disk is on fire"))];
    let body = Body::from_stream(futures_util::stream::iter(pieces));
    let client = Client::new();
    let error = client.post(server.url("/")).body(body).send().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::RequestBody(_)), "{error}");
    assert!(error.to_string().contains("the disk is on fire"), "{error}");
    assert_eq!(client.pool_metrics().open, 0);
}

#[tokio::test]
async fn a_body_is_written_while_the_response_is_read() {
    let server = Server::start(|mut conn| async move {
        let _ = conn.head().await;
        conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
        for _ in 0..3 {
            let chunk = conn.until(b"!\r\n").await.unwrap();
            conn.send(&chunk).await.unwrap();
        }
        conn.until(b"0\r\n\r\n").await.unwrap();
        conn.send(b"0\r\n\r\n").await.unwrap();
    })
    .await;
    let (mut sender, body) = Body::channel(1);
    let client = Client::new();
    let mut response = client.post(server.url("/")).body(body).send().await.unwrap();
    for text in ["one!", "two!", "six!"] {
        sender.send(text).await.unwrap();
        assert_eq!(response.chunk().await.unwrap().as_deref(), Some(text.as_bytes()));
    }
    sender.finish();
    assert_eq!(response.chunk().await.unwrap(), None);
}

#[tokio::test]
async fn a_request_in_http_1_0_is_sent_as_such_and_never_in_chunks() {
    let server = Server::mirror().await;
    let client = Client::builder().version(Version::HTTP_10).build().unwrap();
    let head = mirrored(client.get(server.url("/a?b")).send().await).await;
    assert!(head.starts_with("GET /a?b HTTP/1.0\r\n"), "{head}");
    let newer = client.get(server.url("/")).version(Version::HTTP_11);
    assert!(mirrored(newer.send().await).await.starts_with("GET / HTTP/1.1\r\n"));
    let error = client.post(server.url("/")).body(chunks(&["a"])).send().await.unwrap_err();
    assert!(error.to_string().contains("unknown length"), "{error}");
}

#[tokio::test]
async fn cookies_of_the_jar_of_the_request_and_of_the_field_go_out_in_one() {
    let server = Server::mirror().await;
    let jar = Arc::new(CookieJar::new());
    let url = url::Url::parse(&server.url("/")).unwrap();
    jar.add(SetCookie::parse(b"kept=1; SameSite=Strict").unwrap(), &url).unwrap();
    let client = Client::builder().cookies(Arc::clone(&jar)).build().unwrap();
    let get = || client.get(server.url("/"));
    let request = get().header("cookie", "a=2").header("cookie", "b=3").cookie("c", "4");
    let head = mirrored(request.send().await).await;
    assert_eq!(field(&head, "cookie"), Some("kept=1; a=2; b=3; c=4"));
    let head = mirrored(get().cookie_store(None).send().await).await;
    assert_eq!(field(&head, "cookie"), None);
    let foreign = get().same_site(SameSiteContext::CrossSite);
    assert_eq!(field(&mirrored(foreign.send().await).await, "cookie"), None);
}

#[tokio::test]
async fn middleware_can_change_the_request_and_its_length_follows() {
    async fn shout(mut request: Request, next: Next) -> Result<Response, Error> {
        request.set_body("LOUDER");
        request.insert_header("x-seen".parse().unwrap(), "1".parse().unwrap());
        next.run(request).await
    }
    let server = Server::answering(|head, body| {
        ok(&format!("{:?} {}", field(head, "x-seen"), String::from_utf8_lossy(body)))
    })
    .await;
    let client = Client::builder().with(shout).build().unwrap();
    let text = mirrored(client.post(server.url("/")).body("quiet").send().await).await;
    assert_eq!(text, "Some(\"1\") LOUDER");
    let text =
        mirrored(client.post(server.url("/")).body("quiet").middleware([]).send().await).await;
    assert_eq!(text, "None quiet");
}

#[tokio::test]
async fn a_cookie_is_of_the_host_that_answered_and_not_of_the_one_first_asked() {
    let server = Server::answering(|_, _| answer("200 OK", "Set-Cookie: a=1\r\n", "")).await;
    let jar = Arc::new(CookieJar::new());
    let elsewhere = |mut request: Request, next: Next| async move {
        request.set_url(dunlin_client::Url::parse("http://other.test/")?);
        next.run(request).await
    };
    let client = Client::builder()
        .connector(server.for_any_host())
        .cookies(Arc::clone(&jar))
        .with(elsewhere)
        .build()
        .unwrap();
    client.get("http://first.test/").send().await.unwrap();
    let kept: Vec<_> = jar.cookies().iter().map(|cookie| cookie.domain().to_owned()).collect();
    assert_eq!(kept, ["other.test"]);
}

/// How a server that was sent an expectation goes on.
async fn expecting(reply: &'static [u8], wait: Duration) -> (Server, Arc<Mutex<Vec<u8>>>) {
    let got = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&got);
    let server = Server::start(move |mut conn| {
        let seen = Arc::clone(&seen);
        async move {
            let head = conn.head().await.unwrap();
            assert_eq!(field(&head, "expect"), Some("100-continue"));
            tokio::time::sleep(wait).await;
            let _ = conn.send(reply).await;
            let body = conn.exactly(4).await.unwrap_or_default();
            seen.lock().unwrap().extend_from_slice(&body);
            if !body.is_empty() {
                let _ = conn.send(&ok("done")).await;
            }
        }
    })
    .await;
    (server, got)
}

#[tokio::test]
async fn a_held_body_goes_once_it_is_asked_for() {
    let (server, got) = expecting(b"HTTP/1.1 100 Continue\r\n\r\n", Duration::ZERO).await;
    let request = Client::new().post(server.url("/")).body("body").expect_continue();
    assert_eq!(mirrored(request.send().await).await, "done");
    assert_eq!(&got.lock().unwrap()[..], b"body");
}

#[tokio::test]
async fn a_held_body_stays_where_the_final_status_comes_first() {
    let refusal = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n";
    let (server, got) = expecting(refusal, Duration::ZERO).await;
    let client = Client::new();
    let response = client.post(server.url("/")).body("body").expect_continue().send().await;
    assert_eq!(response.unwrap().status(), 413);
    // The server may wait for a body that never comes.
    assert_eq!(client.pool_metrics().open, 0);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(got.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_held_body_goes_by_itself_where_nobody_answers() {
    let (server, got) = expecting(b"", Duration::ZERO).await;
    let timeouts = dunlin_client::Timeouts {
        expect_continue: Duration::from_millis(60),
        ..Default::default()
    };
    let start = std::time::Instant::now();
    let request = Client::new().post(server.url("/")).body("body").timeouts(timeouts);
    assert_eq!(mirrored(request.expect_continue().send().await).await, "done");
    assert!(start.elapsed() >= Duration::from_millis(60));
    assert_eq!(&got.lock().unwrap()[..], b"body");
}

#[tokio::test]
async fn an_expectation_that_nobody_meets_is_given_up() {
    for (nobody, then) in [("", ""), ("Connection: close\r\n", "Connection: close\r\n")] {
        let server = Server::start(move |mut conn| async move {
            while let Some(head) = conn.head().await {
                if field(&head, "expect").is_some() {
                    conn.send(&answer("417 Expectation Failed", nobody, "")).await.unwrap();
                    if !nobody.is_empty() {
                        return;
                    }
                    continue;
                }
                let body = conn.exactly(4).await.unwrap();
                let body = String::from_utf8(body).unwrap();
                conn.send(&answer("200 OK", then, &body)).await.unwrap();
            }
        })
        .await;
        let client = Client::new();
        let post = || client.post(server.url("/")).expect_continue();
        let response = post().body("many").send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.text().await.unwrap(), "many");
        // A stream of which nothing has gone out is as good as new.
        let (mut sender, once) = Body::channel_with_len(64, Some(4));
        sender.push(Bytes::from_static(b"once")).unwrap();
        sender.finish();
        let response = post().body(once).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.text().await.unwrap(), "once");
        assert_eq!(server.seen.requests.load(std::sync::atomic::Ordering::SeqCst), 4);
    }
}

#[tokio::test]
async fn a_417_that_nobody_expected_is_the_answer() {
    let server = Server::answering(|_, _| answer("417 Expectation Failed", "", "")).await;
    let client = Client::new();
    for request in [client.post(server.url("/")), client.post(server.url("/")).expect_continue()] {
        assert_eq!(request.body("x").send().await.unwrap().status(), 417);
    }
    assert_eq!(server.seen.requests.load(std::sync::atomic::Ordering::SeqCst), 3);
}
