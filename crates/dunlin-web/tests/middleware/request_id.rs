use std::collections::HashSet;

use dunlin_core::Service;
use dunlin_web::{App, BuiltApp, RequestId, RequestIds};
use http::HeaderName;

use crate::common::{build, field, request, send, with_field};

fn app(ids: RequestIds) -> BuiltApp {
    build(App::new().middleware(ids).add_get("/", |id: RequestId| async move { id.to_string() }))
}

#[tokio::test]
async fn every_request_has_an_id_that_handler_and_client_see() {
    let app = app(RequestIds::new());
    let mut seen = HashSet::new();
    for _ in 0..100 {
        let response = send(&app, "GET", "/").await;
        let id = field(&response, "x-request-id").unwrap().to_owned();
        assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
        assert_eq!(response.into_body().text().await.unwrap(), id);
        assert!(seen.insert(id));
    }
    assert!(field(&send(&app, "GET", "/missing").await, "x-request-id").is_some());
}

#[tokio::test]
async fn a_proper_id_is_kept_and_any_other_replaced() {
    let app = app(RequestIds::new());
    let long = "x".repeat(129);
    for (id, is_kept) in [
        ("0190-ab_c.D~e+/=:@", true),
        (&long[..128], true),
        (&long, false),
        ("", false),
        ("a b", false),
        ("a\"b", false),
        ("a\\nb", false),
        ("<script>", false),
    ] {
        let response = app.call(with_field(request("GET", "/"), "x-request-id", id)).await;
        assert_eq!(field(&response, "x-request-id") == Some(id), is_kept, "{id}");
    }
    let strict = build(App::new().middleware(RequestIds::new().accept(false)));
    let response = strict.call(with_field(request("GET", "/"), "x-request-id", "mine")).await;
    assert_ne!(field(&response, "x-request-id"), Some("mine"));
}

#[tokio::test]
async fn field_and_ids_may_be_others() {
    let header = HeaderName::from_static("traceparent");
    let app = app(RequestIds::new().header(header).generate(|| "t-1".into()));
    let response = send(&app, "GET", "/").await;
    assert_eq!(
        (field(&response, "traceparent"), field(&response, "x-request-id")),
        (Some("t-1"), None)
    );
    // What cannot be a field's value is left out, and splits nothing.
    let odd = build(App::new().middleware(RequestIds::new().generate(|| "a\r\nb".into())));
    assert_eq!(field(&send(&odd, "GET", "/").await, "x-request-id"), None);
}
