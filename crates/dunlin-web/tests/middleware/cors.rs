use std::time::Duration;

use dunlin_core::{Request, Response, Service};
use dunlin_server::Server;
use dunlin_web::{App, BuiltApp, Cors, HttpError, get, group, header_is, put, resource};
use http::{HeaderName, Method, header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::common::{build, field, request, with_field};

const ACAO: &str = "access-control-allow-origin";

fn app(cors: Cors) -> BuiltApp {
    build(App::new().middleware(cors).add_get("/", || async { "read" }))
}

fn from(origin: &str) -> Request {
    with_field(request("GET", "/"), "origin", origin)
}

async fn asked(app: &BuiltApp, origin: &str, method: &str, headers: &str) -> Response {
    let req = with_field(request("OPTIONS", "/"), "origin", origin);
    let req = with_field(req, "access-control-request-method", method);
    let req = match headers {
        "" => req,
        _ => with_field(req, "access-control-request-headers", headers),
    };
    app.call(with_field(req, "access-control-request-private-network", "true")).await
}

#[tokio::test]
async fn origins_are_let_in_by_name_pattern_or_predicate_and_no_others() {
    let cors = Cors::new()
        .origin("https://APP.example/")
        .origin_pattern(r"https://[a-z]+\.preview\.example|http://localhost:\d+")
        .unwrap()
        .origin_if(|origin| origin == "https://odd.example");
    let app = app(cors);
    for (origin, is_in) in [
        ("https://app.example", true),
        ("https://a.preview.example", true),
        ("http://localhost:8080", true),
        ("https://odd.example", true),
        ("http://app.example", false),
        ("https://app.example:8443", false),
        ("https://app.example.evil.example", false),
        ("https://evil.example/?https://app.example", false),
        ("https://a.preview.example.evil.example", false),
        ("https://evil.example/https://a.preview.example", false),
        ("http://localhost:8080evil", false),
        ("null", false),
    ] {
        let response = app.call(from(origin)).await;
        assert_eq!(response.status(), 200);
        assert_eq!(field(&response, ACAO), is_in.then_some(origin), "{origin}");
        assert_eq!(field(&response, "vary"), Some("Origin"));
        assert_eq!(field(&response, "access-control-allow-credentials"), None);
        let preflight = asked(&app, origin, "GET", "").await;
        assert_eq!(preflight.status(), if is_in { 204 } else { 403 }, "{origin}");
        assert_eq!(field(&preflight, ACAO), is_in.then_some(origin), "{origin}");
    }
    let plain = app.call(request("GET", "/")).await;
    assert_eq!((field(&plain, ACAO), field(&plain, "vary")), (None, Some("Origin")));
    assert!(Cors::new().origin_pattern("(").is_err());
}

#[tokio::test]
async fn a_preflight_tells_what_is_allowed_and_refuses_what_is_not() {
    let cors = Cors::new()
        .origin("https://a.example")
        .methods([Method::GET, Method::PUT])
        .headers([header::AUTHORIZATION, HeaderName::from_static("x-token")])
        .credentials(true)
        .private_network(true)
        .max_age(Duration::from_secs(60));
    let app = app(cors);
    let response = asked(&app, "https://a.example", "PUT", "Authorization, X-TOKEN,accept").await;
    assert_eq!(response.status(), 204);
    for (name, value) in [
        (ACAO, "https://a.example"),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-methods", "GET, PUT"),
        ("access-control-allow-headers", "authorization, x-token"),
        ("access-control-max-age", "60"),
        ("access-control-allow-private-network", "true"),
    ] {
        assert_eq!(field(&response, name), Some(value), "{name}");
    }
    let vary: Vec<_> = response.headers().get_all("vary").collect();
    let names = ["Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"];
    assert_eq!(vary, names.map(str::as_bytes));
    for (method, headers) in
        [("DELETE", ""), ("put", ""), ("GET", "x-other"), ("GET", "content-type")]
    {
        let response = asked(&app, "https://a.example", method, headers).await;
        assert_eq!(response.status(), 403, "{method} {headers}");
        assert_eq!(field(&response, ACAO), None);
        assert_eq!(response.headers().get_all("vary").count(), 3);
    }
    // A preflight has both fields; what has not is an OPTIONS request like any other.
    let req = with_field(request("OPTIONS", "/"), "origin", "https://a.example");
    assert_eq!(app.call(req).await.status(), 405);
}

#[tokio::test]
async fn everybody_is_let_in_without_credentials_alone() {
    let app = app(Cors::new().any_origin().credentials(true).any_header());
    let response = app.call(from("https://a.example")).await;
    assert_eq!(field(&response, ACAO), Some("*"));
    assert_eq!(field(&response, "access-control-allow-credentials"), None);
    assert_eq!(field(&response, "vary"), None, "the same for everybody");
    let response = asked(&app, "null", "POST", "x-a, x-b").await;
    assert_eq!(field(&response, ACAO), Some("*"));
    assert_eq!(field(&response, "access-control-allow-headers"), Some("x-a, x-b"));
    assert_eq!(field(&response, "access-control-allow-credentials"), None);
    assert_eq!(field(&response, "access-control-allow-private-network"), None);
    assert_eq!(field(&response, "access-control-max-age"), Some("600"));
}

#[tokio::test]
async fn errors_may_be_read_too_and_fields_are_exposed_by_name() {
    let cors = Cors::new().origin("https://a.example").expose([header::ETAG, header::LINK]);
    let app = app(cors);
    let missing = app.call(with_field(request("GET", "/no"), "origin", "https://a.example")).await;
    assert_eq!(
        (missing.status().as_u16(), field(&missing, ACAO)),
        (404, Some("https://a.example"))
    );
    assert_eq!(field(&missing, "access-control-expose-headers"), Some("etag, link"));
    let other = app.call(from("https://b.example")).await;
    assert_eq!(field(&other, "access-control-expose-headers"), None);
}

/// An app with a policy, groups and routes with others, and what asks for credentials in between.
fn policies() -> App {
    async fn closed(req: Request, next: dunlin_web::Next) -> dunlin_web::Result {
        if req.headers().contains("authorization") {
            return Ok(next.run(req).await);
        }
        Err(HttpError::unauthorized())
    }
    let only = |origin: &str| Cors::new().origin(origin);
    App::new()
        .middleware(only("https://app.example"))
        .add_get("/", || async { "read" })
        .group(
            group("/public")
                .middleware(Cors::new().any_origin())
                .add_get("/birds/{id}", || async { "read" })
                .routes([resource("/birds")
                    .get(|| async { "read" })
                    .middleware(only("https://list.example"))])
                .routes([put("/birds", || async { "written" })
                    .middleware(only("https://write.example").methods([Method::PUT]))]),
        )
        .group(group("/own").middleware(Cors::new()).add_get("/", || async { "read" }))
        .group(
            group("/closed")
                .middleware(closed)
                .middleware(only("https://in.example").headers([header::AUTHORIZATION]))
                .add_get("/", || async { "read" }),
        )
        .group(
            group("/guarded").routes([get("/", || async { "2" })
                .guard(header_is("x-version", "2"))
                .middleware(only("https://two.example"))]),
        )
        .nest(
            "/nested",
            App::new().middleware(only("https://nested.example")).add_get("/", || async { "n" }),
        )
}

#[tokio::test]
async fn the_innermost_policy_counts_and_a_preflight_is_answered_by_that_of_the_route_it_asks_about()
 {
    let server = Server::builder().bind("127.0.0.1:0").start(policies()).await.unwrap();
    let address = server.addresses()[0];
    let ask = async |method: &str, path: &str, fields: &str| {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status: u16 = answer[9..12].parse().unwrap();
        let line =
            |line: &str| line.strip_prefix("access-control-allow-origin: ").map(str::to_owned);
        let origin: Vec<_> = answer.to_lowercase().lines().filter_map(line).collect();
        (status, origin.join(" and "))
    };
    for (path, method, origin, said) in [
        ("/", "GET", "https://app.example", "https://app.example"),
        ("/", "GET", "https://else.example", ""),
        ("/public/birds/1", "GET", "https://else.example", "*"),
        ("/public/birds", "GET", "https://list.example", "https://list.example"),
        ("/public/birds", "GET", "https://app.example", ""),
        ("/public/birds", "PUT", "https://write.example", "https://write.example"),
        ("/public/birds", "PUT", "https://list.example", ""),
        ("/own/", "GET", "https://app.example", ""),
        ("/closed/", "GET", "https://in.example", "https://in.example"),
        ("/closed/", "GET", "https://app.example", ""),
        ("/guarded/", "GET", "https://two.example", "https://two.example"),
        ("/nested/", "GET", "https://nested.example", "https://nested.example"),
        ("/nested/", "GET", "https://app.example", ""),
    ] {
        let fields = format!("Origin: {origin}\r\nAccess-Control-Request-Method: {method}\r\n");
        let status = if said.is_empty() { 403 } else { 204 };
        let preflight = ask("OPTIONS", path, &fields).await;
        assert_eq!(preflight, (status, said.to_owned()), "preflight {method} {path} {origin}");
        let fields = format!("Origin: {origin}\r\nAuthorization: x\r\nX-Version: 2\r\n");
        let answer = ask(method, path, &fields).await;
        assert_eq!(answer, (200, said.to_owned()), "{method} {path} {origin}");
    }
    // What stands between two policies is read by whom the inner one lets in.
    let refused = ask("GET", "/closed/", "Origin: https://in.example\r\n").await;
    assert_eq!(refused, (401, "https://in.example".to_owned()));
    // No route, so that the app's own policy counts.
    let fields = "Origin: https://app.example\r\nAccess-Control-Request-Method: GET\r\n";
    assert_eq!(ask("OPTIONS", "/none", fields).await, (204, "https://app.example".to_owned()));
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_policy_of_a_route_alone_answers_preflights_and_leaves_other_options_alone() {
    let route = get("/birds/{id}", || async { "read" }).middleware(Cors::new().any_origin());
    let app = build(App::new().routes([route]).add_get("/plain", || async { "read" }));
    let preflight = |path: &str, method: &str| {
        let req = with_field(request("OPTIONS", path), "origin", "https://app.example");
        with_field(req, "access-control-request-method", method)
    };
    let granted = app.call(preflight("/birds/1", "GET")).await;
    assert_eq!((granted.status().as_u16(), field(&granted, ACAO)), (204, Some("*")));
    for (req, status) in [
        (preflight("/birds/1", "DELETE"), 405),
        (preflight("/plain", "GET"), 405),
        (request("OPTIONS", "/birds/1"), 405),
        (preflight("/none", "GET"), 404),
    ] {
        let response = app.call(req).await;
        assert_eq!(response.status(), status);
        let allow = (status == 405).then_some("GET, HEAD");
        assert_eq!((field(&response, "allow"), field(&response, ACAO)), (allow, None));
    }
}
