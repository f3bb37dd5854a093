use std::time::Duration;

use dunlin_core::{Request, Response, Service};
use dunlin_web::{App, BuiltApp, Cors};
use http::{HeaderName, Method, header};

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
