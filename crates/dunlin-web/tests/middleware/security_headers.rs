use std::time::Duration;

use dunlin_core::IntoResponse;
use dunlin_web::{App, SecurityHeaders};
use http::header::{HeaderName, HeaderValue, X_FRAME_OPTIONS};

use crate::common::{build, field, send};

#[tokio::test]
async fn the_defaults_break_no_page_and_misses_have_them_too() {
    let app =
        build(App::new().middleware(SecurityHeaders::new()).add_get("/", || async { "hello" }));
    for target in ["/", "/missing"] {
        let response = send(&app, "GET", target).await;
        for (name, value) in [
            ("x-content-type-options", Some("nosniff")),
            ("referrer-policy", Some("strict-origin-when-cross-origin")),
            ("x-frame-options", Some("SAMEORIGIN")),
            ("cross-origin-opener-policy", Some("same-origin")),
            ("strict-transport-security", None),
            ("content-security-policy", None),
        ] {
            assert_eq!(field(&response, name), value, "{target} {name}");
        }
    }
}

#[tokio::test]
async fn each_can_be_set_left_out_and_overruled_by_the_handler() {
    let headers = SecurityHeaders::new()
        .hsts(Duration::from_secs(63_072_000), true)
        .content_security_policy(HeaderValue::from_static("default-src 'self'"))
        .referrer_policy(None)
        .opener_policy(None)
        .frame_options(Some(HeaderValue::from_static("DENY")))
        .field(
            HeaderName::from_static("permissions-policy"),
            HeaderValue::from_static("camera=()"),
        );
    let framed = || async {
        "page".into_response().with_header(X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"))
    };
    let app =
        App::new().middleware(headers).add_get("/", || async { "page" }).add_get("/framed", framed);
    let app = build(app);
    let response = send(&app, "GET", "/").await;
    for (name, value) in [
        ("strict-transport-security", Some("max-age=63072000; includeSubDomains")),
        ("content-security-policy", Some("default-src 'self'")),
        ("referrer-policy", None),
        ("cross-origin-opener-policy", None),
        ("x-frame-options", Some("DENY")),
        ("permissions-policy", Some("camera=()")),
    ] {
        assert_eq!(field(&response, name), value, "{name}");
    }
    assert_eq!(field(&send(&app, "GET", "/framed").await, "x-frame-options"), Some("SAMEORIGIN"));
}
