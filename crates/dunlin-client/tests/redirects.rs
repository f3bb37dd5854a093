//! Redirects: which are followed, how the next request differs, and what never goes to a stranger.
#![allow(missing_docs)]

mod util;

use std::sync::Arc;
use std::time::Duration;

use dunlin_client::cookies::CookieJar;
use dunlin_client::{
    Client, Error, ErrorKind, Phase, RedirectAction, Redirects, RequestBody, Response, Timeouts,
};
use dunlin_core::Body;
use http::Method;
use util::{Server, answer, field, ok, target};

/// Redirects `/STATUS/...` to `/...`, and answers anything else with its head and body.
async fn hops() -> Server {
    Server::answering(|head, body| {
        let path = target(head).to_owned();
        let mut parts = path.splitn(3, '/').skip(1);
        let (first, rest) = (parts.next().unwrap_or(""), parts.next());
        match (first.parse::<u16>(), rest) {
            (Ok(status), Some(rest)) => {
                answer(&format!("{status} Hop"), &format!("Location: /{rest}\r\n"), "")
            }
            _ => ok(&format!("{head}{}", String::from_utf8_lossy(body))),
        }
    })
    .await
}

/// Redirects everything to `to`.
async fn to(location: String) -> Server {
    Server::answering(move |_, _| answer("302 Found", &format!("Location: {location}\r\n"), ""))
        .await
}

async fn text(response: Result<Response, Error>) -> String {
    response.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn methods_and_bodies_change_as_the_standard_says() {
    let server = hops().await;
    let client = Client::new();
    for (status, method, becomes) in [
        (301, Method::GET, "GET"),
        (301, Method::POST, "GET"),
        (301, Method::PUT, "PUT"),
        (302, Method::POST, "GET"),
        (302, Method::DELETE, "DELETE"),
        (303, Method::POST, "GET"),
        (303, Method::PUT, "GET"),
        (307, Method::POST, "POST"),
        (308, Method::POST, "POST"),
        (308, Method::PATCH, "PATCH"),
    ] {
        let request = client
            .request(method.clone(), server.url(&format!("/{status}/x")))
            .header("content-language", "en")
            .header("x-own", "1")
            .json(&"body");
        let seen = text(request.send().await).await;
        assert!(seen.starts_with(&format!("{becomes} /x ")), "{status} {method}: {seen}");
        let head = seen.split("\r\n\r\n").next().unwrap();
        let keeps = becomes != "GET" || method == Method::GET;
        assert_eq!(seen.ends_with("\"body\""), keeps, "{status} {method}: {seen}");
        for name in ["content-type", "content-length", "content-language"] {
            assert_eq!(field(head, name).is_some(), keeps, "{status} {method} {name}: {seen}");
        }
        assert_eq!(field(head, "x-own"), Some("1"));
    }
    for status in [301, 303, 307] {
        let response = client.head(server.url(&format!("/{status}/x"))).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), response.history()[0].method.clone()),
            (200, Method::HEAD)
        );
        assert_eq!(response.bytes().await.unwrap(), "");
    }
}

#[tokio::test]
async fn only_five_statuses_with_a_location_redirect() {
    let server = hops().await;
    for status in [300, 304, 305, 306, 201, 404] {
        let response = Client::new().get(server.url(&format!("/{status}/x"))).send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.history().len()), (status, 0));
    }
    let bare = Server::answering(|_, _| answer("302 Found", "URI: /x\r\n", "here")).await;
    let response = Client::new().get(bare.url("/")).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.text().await.unwrap()), (302, "here".into()));
}

#[tokio::test]
async fn the_history_tells_each_hop() {
    let server = hops().await;
    let response = Client::new().post(server.url("/307/303/x")).body("a").send().await.unwrap();
    let history: Vec<_> = response
        .history()
        .iter()
        .map(|hop| (hop.method.as_str(), hop.url.path(), hop.status.as_u16()))
        .collect();
    assert_eq!(history, [("POST", "/307/303/x", 307), ("POST", "/303/x", 303)]);
    assert_eq!(response.history()[1].headers.get_str("location"), Some("/x"));
    assert_eq!(response.url().path(), "/x");
    assert_eq!(server.connections(), 1, "every hop on the same connection");
}

#[tokio::test]
async fn ten_are_followed_and_the_eleventh_is_an_error() {
    let server = hops().await;
    let path = |hops: usize| format!("{}/x", "/302".repeat(hops));
    let client = Client::new();
    let response = client.get(server.url(&path(10))).send().await.unwrap();
    assert_eq!(response.history().len(), 10);
    let error = client.get(server.url(&path(11))).send().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooManyRedirects { limit: 10 }), "{error}");
    assert!(error.is_redirect() && error.phase() == Phase::Redirect);
    assert!(error.requested_url().unwrap().as_str().ends_with("/302/x"), "{error}");

    let get = |hops: usize, policy| client.get(server.url(&path(hops))).redirects(policy).send();
    assert!(get(2, Redirects::follow(1)).await.is_err());
    assert!(get(1, Redirects::follow(0)).await.is_err());
    let response = get(2, Redirects::none()).await.unwrap();
    assert_eq!((response.status().as_u16(), response.url().path()), (302, "/302/302/x"));
}

#[tokio::test]
async fn a_policy_of_ones_own_follows_stops_and_refuses() {
    let server = hops().await;
    let policy = Redirects::custom(|attempt| match attempt.to().path() {
        "/stop" => RedirectAction::Stop,
        "/refuse" => RedirectAction::Refuse,
        _ if attempt.history().len() > 12 => RedirectAction::Stop,
        _ => RedirectAction::Follow,
    });
    let client = Client::builder().redirects(policy).build().unwrap();
    let get = |path: &str| client.get(server.url(path)).send();
    assert_eq!(get("/302/302/go").await.unwrap().status(), 200);
    assert_eq!(get("/302/302/stop").await.unwrap().status(), 302);
    let error = get("/302/refuse").await.unwrap_err();
    assert!(error.is_redirect() && error.to_string().contains("/refuse"), "{error}");
    assert_eq!(get(&format!("{}/x", "/302".repeat(20))).await.unwrap().history().len(), 13);
}

#[tokio::test]
async fn a_body_that_went_out_once_cannot_follow() {
    let server = hops().await;
    let once = || Body::from_stream(futures_util::stream::iter([Ok::<_, std::io::Error>("a")]));
    let client = Client::new();
    // The server reads no chunks: it takes their bytes for the next request, so each is alone.
    let get = client.post(server.url("/303/x")).body(once()).header("content-length", "1");
    assert!(text(get.send().await).await.starts_with("GET /x "));
    let kept = client.post(server.url("/307/x")).body(once()).header("content-length", "1");
    let error = kept.send().await.unwrap_err();
    assert!(error.is_redirect() && error.to_string().contains("replayable"), "{error}");
    let again = RequestBody::replayable(move || {
        Body::from_stream(futures_util::stream::iter([Ok::<_, std::io::Error>("a")]))
    });
    let kept = client.post(server.url("/307/x")).body(again).header("content-length", "1");
    assert!(text(kept.send().await).await.ends_with("\r\n\r\na"));
}

#[tokio::test]
async fn a_location_is_read_against_the_url_and_inherits_its_fragment() {
    for (location, path, query, fragment) in [
        ("other", "/dir/other", None, Some("top")),
        ("?q", "/dir/page", Some("q"), Some("top")),
        ("/abs#own", "/abs", None, Some("own")),
        ("../up", "/up", None, Some("top")),
        ("/caf\u{e9} x", "/caf%C3%A9%20x", None, Some("top")),
        ("/%41+b", "/%41+b", None, Some("top")),
    ] {
        let server = Server::answering(move |head, _| match target(head) {
            "/dir/page" | "/dir/page?first=1" => {
                answer("302 Found", &format!("Location: {location}\r\n"), "")
            }
            _ => ok(""),
        })
        .await;
        let request = Client::new().get(server.url("/dir/page#top")).query(&[("first", "1")]);
        let policy = Redirects::custom(|attempt| match attempt.history().len() {
            0 => RedirectAction::Follow,
            _ => RedirectAction::Stop,
        });
        let response = request.redirects(policy).send().await.unwrap();
        let url = response.url();
        assert_eq!(
            (url.path(), url.query(), url.fragment()),
            (path, query, fragment),
            "{location}"
        );
    }
}

#[tokio::test]
async fn a_location_that_cannot_be_requested_is_told() {
    for (location, why) in [
        ("ftp://a.test/", "scheme is ftp"),
        ("javascript:alert(1)", "scheme is javascript"),
        ("http://", "host"),
        ("http://127.1/", "odd spelling"),
        ("//0x7f.1/", "odd spelling"),
        ("http://a:99999/", "port"),
    ] {
        let server = to(location.to_owned()).await;
        let error = Client::new().get(server.url("/")).send().await.unwrap_err();
        assert!(error.is_redirect() && matches!(error.kind(), ErrorKind::Redirect(_)), "{error}");
        assert!(error.to_string().contains(why), "{location}: {error}");
        assert_eq!(error.requested_url().unwrap().as_str(), server.url("/"));
    }
}

/// A pair of servers: `first` sends `/away` to the other, `other` sends `/back` to the first; both
/// answer anything else with its head.
async fn pair() -> (Server, Server) {
    let first = Arc::new(std::sync::OnceLock::<String>::new());
    let home = Arc::clone(&first);
    let other = Server::answering(move |head, _| match target(head) {
        "/back" => answer("307 Hop", &format!("Location: {}/seen\r\n", home.get().unwrap()), ""),
        _ => ok(head),
    })
    .await;
    let away = other.url("");
    let own = Server::answering(move |head, _| match target(head) {
        "/away" => answer("307 Hop", &format!("Location: {away}/seen\r\n"), ""),
        "/round" => answer("307 Hop", &format!("Location: {away}/back\r\n"), ""),
        "/near" => answer("307 Hop", "Location: /seen\r\n", ""),
        "/whole" => {
            let host = field(head, "host").unwrap();
            answer("307 Hop", &format!("Location: http://{host}/seen\r\n"), "")
        }
        _ => ok(head),
    })
    .await;
    first.set(own.url("")).unwrap();
    (own, other)
}

const SECRET: [(&str, &str); 5] = [
    ("authorization", "Bearer secret"),
    ("proxy-authorization", "Basic c2VjcmV0"),
    ("cookie", "secret=1"),
    ("x-api-key", "secret"),
    ("x-auth-token", "secret"),
];

#[tokio::test]
async fn secrets_of_the_request_stay_at_its_origin_for_good() {
    let (own, _other) = pair().await;
    for (path, stays) in [("/near", true), ("/whole", true), ("/away", false), ("/round", false)] {
        let mut request = Client::new().get(own.url(path)).header("x-own", "1");
        for (name, value) in SECRET {
            request = request.header(name, value);
        }
        let head = text(request.cookie("more", "2").send().await).await;
        assert_eq!(head.contains("secret") && head.contains("more=2"), stays, "{path}: {head}");
        assert!(!head.contains("c2VjcmV0"), "{path}: for a proxy, and there is none: {head}");
        assert_eq!(field(&head, "x-own"), Some("1"), "{path}: what is no secret goes along");
    }
}

#[tokio::test]
async fn secrets_of_the_client_stay_at_the_first_origin_too() {
    let (own, _other) = pair().await;
    let mut builder = Client::builder().default_header("x-own", "1");
    for (name, value) in SECRET {
        builder = builder.default_header(name, value);
    }
    let client = builder.build().unwrap();
    for (path, stays) in [("/near", true), ("/away", false), ("/round", false)] {
        let head = text(client.get(own.url(path)).send().await).await;
        assert_eq!(head.contains("secret"), stays, "{path}: {head}");
        assert!(!head.contains("c2VjcmV0"), "{path}: for a proxy, and there is none: {head}");
        assert_eq!(field(&head, "x-own"), Some("1"));
        assert!(field(&head, "user-agent").is_some());
    }
}

#[tokio::test]
async fn credentials_of_a_url_are_for_its_origin_alone() {
    let (own, _other) = pair().await;
    let basic = Some("Basic dTpw");
    for (path, wanted) in [("/near", basic), ("/whole", basic), ("/away", None), ("/round", None)] {
        let url = own.url(path).replace("http://", "http://u:p@");
        let head = text(Client::new().get(url).send().await).await;
        assert_eq!(field(&head, "authorization"), wanted, "{path}");
        assert!(!head.contains("u:p"), "{head}");
    }
    // Those of a Location are for the hop that it names, and not beside ones that were set.
    let server = hops().await;
    let location = server.url("/seen").replace("http://", "http://u:p@");
    let first = to(location).await;
    let head = text(Client::new().get(first.url("/")).bearer_auth("x").send().await).await;
    assert_eq!(field(&head, "authorization"), basic);
}

#[tokio::test]
async fn cookies_are_chosen_anew_for_each_hop() {
    let server = Server::answering(|head, _| match target(head) {
        "/set" => answer("302 Found", "Location: /seen\r\nSet-Cookie: a=1; Path=/\r\n", ""),
        "/drop" => {
            answer("302 Found", "Location: /seen\r\nSet-Cookie: a=; Max-Age=0; Path=/\r\n", "")
        }
        _ => ok(field(head, "cookie").unwrap_or("none")),
    })
    .await;
    let client = Client::builder().cookies(CookieJar::new()).build().unwrap();
    for (path, cookies) in [("/seen", "none"), ("/set", "a=1"), ("/seen", "a=1"), ("/drop", "none")]
    {
        assert_eq!(text(client.get(server.url(path)).send().await).await, cookies, "{path}");
    }
}

#[tokio::test]
async fn a_host_that_was_set_by_hand_is_for_the_first_origin() {
    let (own, other) = pair().await;
    let request = Client::new().get(own.url("/away")).header("host", "virtual.test");
    let head = text(request.send().await).await;
    assert_eq!(field(&head, "host"), Some(&*other.address.to_string()));
}

#[tokio::test]
async fn one_deadline_spans_all_hops() {
    let slow = Server::start(|mut conn| async move {
        while conn.request().await.is_some() {
            tokio::time::sleep(Duration::from_millis(40)).await;
            let _ = conn.send(&answer("302 Found", "Location: /again\r\n", "")).await;
        }
    })
    .await;
    let timeouts = Timeouts { total: Some(Duration::from_millis(100)), ..Timeouts::default() };
    let error = Client::new().get(slow.url("/")).timeouts(timeouts).send().await.unwrap_err();
    assert!(error.is_timeout() && error.to_string().contains("total timeout"), "{error}");
}

#[tokio::test]
async fn the_body_of_a_redirect_costs_the_connection_only_where_it_is_long() {
    let short = Server::answering(|head, _| match target(head) {
        "/" => answer("302 Found", "Location: /x\r\n", &"x".repeat(30_000)),
        _ => ok(""),
    })
    .await;
    Client::new().get(short.url("/")).send().await.unwrap();
    assert!(short.connections() <= 2);
    let endless = Server::start(|mut conn| async move {
        while let Some((head, _)) = conn.request().await {
            let sent = match target(&head) {
                "/" => b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 9999999\r\n\r\n"
                    .to_vec(),
                _ => ok("done"),
            };
            let _ = conn.send(&sent).await;
        }
    })
    .await;
    assert_eq!(text(Client::new().get(endless.url("/")).send().await).await, "done");
    assert_eq!(endless.connections(), 2);
}
