use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dunlin_core::{Connection, Request, Response, Service};
use dunlin_web::{App, BuiltApp, RateLimit, get, group};

use crate::common::{build, field, request, with_field};

fn by(peer: &str) -> Request {
    at("/", peer)
}

fn at(path: &str, peer: &str) -> Request {
    let mut connection = Connection::default();
    connection.peer = Some(peer.parse::<SocketAddr>().unwrap());
    let mut req = request("GET", path);
    req.set_connection(Arc::new(connection));
    req
}

async fn asked(app: &BuiltApp, req: Request) -> Response {
    app.call(req).await
}

#[tokio::test]
async fn a_client_that_asks_too_often_is_told_when_to_come_back() {
    let limit = RateLimit::new(3, Duration::from_secs(300));
    let app = build(App::new().middleware(limit).add_get("/", || async { "hello" }));
    for left in [2, 1, 0] {
        let response = asked(&app, by("192.0.2.1:1")).await;
        assert_eq!(response.status(), 200);
        assert_eq!(field(&response, "ratelimit-policy"), Some("\"default\";q=3;w=300"));
        let state = field(&response, "ratelimit").unwrap();
        assert!(state.starts_with(&format!("\"default\";r={left};t=")), "{state}");
    }
    let response = asked(&app, by("192.0.2.1:2")).await;
    assert_eq!((response.status().as_u16(), field(&response, "retry-after")), (429, Some("100")));
    assert!(field(&response, "ratelimit").unwrap().starts_with("\"default\";r=0;t="));
    // Others have buckets of their own; a customer's IPv6 addresses share one.
    assert_eq!(asked(&app, by("192.0.2.2:1")).await.status(), 200);
    for n in 0..3 {
        assert_eq!(asked(&app, by(&format!("[2001:db8:0:1::{n}]:1"))).await.status(), 200);
    }
    assert_eq!(asked(&app, by("[2001:db8:0:1:ffff::9]:1")).await.status(), 429);
    assert_eq!(asked(&app, by("[2001:db8:0:2::9]:1")).await.status(), 200);
    assert_eq!(asked(&app, by("[::ffff:192.0.2.1]:1")).await.status(), 429);
}

#[tokio::test]
async fn keys_are_what_the_program_says_and_none_is_not_limited() {
    let limit = RateLimit::new(1, Duration::from_secs(60))
        .key(|req| req.headers().get_str("x-token").map(str::to_owned));
    let app = build(App::new().middleware(limit.burst(2)).add_get("/", || async { "hello" }));
    let token = |token| with_field(request("GET", "/"), "x-token", token);
    for (req, status) in [
        (token("a"), 200),
        (token("a"), 200),
        (token("a"), 429),
        (token("b"), 200),
        (request("GET", "/"), 200),
        (request("GET", "/"), 200),
    ] {
        assert_eq!(asked(&app, req).await.status(), status);
    }
    let unlimited = asked(&app, request("GET", "/")).await;
    assert_eq!(field(&unlimited, "ratelimit"), None);
}

#[tokio::test]
async fn limits_of_app_group_and_route_count_each_for_itself_and_are_all_told() {
    let minute = Duration::from_secs(60);
    let login = RateLimit::new(1, minute).name("login");
    let hello = || async { "hello" };
    let app = App::new()
        .middleware(RateLimit::new(100, minute).name("all"))
        .group(
            group("/account")
                .middleware(RateLimit::new(3, minute).name("account"))
                // A clone shares its buckets: one login a minute, whichever way.
                .routes([get("/login", hello).middleware(login.clone())])
                .routes([get("/token", hello).middleware(login)])
                .add_get("/", hello),
        )
        .add_get("/", hello);
    let app = build(app);
    let ask = async |path: &str| {
        let response = asked(&app, at(path, "192.0.2.1:1")).await;
        let names = response.headers().get_all("ratelimit-policy");
        let names: Vec<String> = names
            .map(|value| String::from_utf8_lossy(value).split('"').nth(1).unwrap().to_owned())
            .collect();
        (response.status().as_u16(), names.join(" "))
    };
    for (path, status, told) in [
        ("/account/login", 200, "login account all"),
        ("/account/token", 429, "login account all"),
        ("/account/", 200, "account all"),
        ("/account/", 429, "account all"),
        ("/account/login", 429, "account all"),
        ("/", 200, "all"),
    ] {
        assert_eq!(ask(path).await, (status, told.to_owned()), "{path}");
    }
}
