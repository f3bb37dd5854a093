use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dunlin_core::{Connection, Request, Response, Service};
use dunlin_web::{App, BuiltApp, RateLimit};

use crate::common::{build, field, request, with_field};

fn by(peer: &str) -> Request {
    let mut connection = Connection::default();
    connection.peer = Some(peer.parse::<SocketAddr>().unwrap());
    let mut req = request("GET", "/");
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
