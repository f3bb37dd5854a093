use std::time::Duration;

use bytes::Bytes;
use dunlin_compress::{Decoding, decode};
use dunlin_core::{Body, BoxError, IntoResponse, Response, Service};
use dunlin_web::{App, BuiltApp, Coding, Compress, HttpError, NoCompress, Result, get};
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::common::{build, field, request, with_field};

fn typed(media: &'static str, body: impl Into<Body>) -> Response {
    Response::new(body).with_header(CONTENT_TYPE, HeaderValue::from_static(media))
}

fn text() -> String {
    "all the same, ".repeat(500)
}

async fn asked(app: &BuiltApp, method: &str, target: &str, accept: &str) -> Response {
    let req = request(method, target);
    app.call(if accept.is_empty() { req } else { with_field(req, "accept-encoding", accept) }).await
}

async fn decoded(response: Response) -> Vec<u8> {
    let coding = field(&response, "content-encoding").and_then(Coding::from_name);
    let codings: Vec<_> = coding.into_iter().collect();
    decode(response.into_body(), &codings, &Decoding::default().max_ratio(None))
        .into_vec()
        .await
        .unwrap()
}

fn app(settings: Compress, handler: fn() -> Response) -> BuiltApp {
    build(App::new().middleware(settings).add_get("/", move || async move { handler() }))
}

#[tokio::test]
async fn a_body_is_compressed_as_the_client_rates_codings() {
    let app = app(Compress::new(), || text().into_response());
    for (accept, coding) in [
        ("gzip", Some("gzip")),
        ("deflate", Some("deflate")),
        ("br", Some("br")),
        ("zstd", Some("zstd")),
        ("gzip;q=0.4, deflate;q=0.5, br;q=0.3", Some("deflate")),
        ("gzip, deflate, br, zstd", Some("zstd")),
        ("identity;q=0, gzip", Some("gzip")),
        ("", None),
        ("identity", None),
        ("gzip;q=0", None),
        ("*;q=0", None),
    ] {
        let response = asked(&app, "GET", "/", accept).await;
        assert_eq!(field(&response, "content-encoding"), coding, "{accept}");
        assert_eq!(field(&response, "vary"), Some("Accept-Encoding"), "{accept}");
        let len = response.body().exact_len().expect("short bodies keep their length");
        assert_eq!(len < 400, coding.is_some(), "{accept}: {len}");
        assert_eq!(decoded(response).await, text().into_bytes());
    }
}

#[tokio::test]
async fn settings_choose_codings_levels_sizes_and_types() {
    let gzip_only = Compress::new().codings([Coding::Gzip]);
    let response = asked(&app(gzip_only, || text().into_response()), "GET", "/", "br, gzip").await;
    assert_eq!(field(&response, "content-encoding"), Some("gzip"));

    let numbers = || (0..3_000).map(|n| (n * n).to_string()).collect::<String>().into_response();
    let mut lens = Vec::new();
    for level in [1, 9, 1_000] {
        let app = app(Compress::new().level(Coding::Gzip, level), numbers);
        lens.push(asked(&app, "GET", "/", "gzip").await.body().exact_len().unwrap());
    }
    assert!(lens[0] > lens[1] && lens[1] == lens[2], "{lens:?}");

    let image = || typed("image/png", vec![0; 5_000]);
    let response = asked(&app(Compress::new(), image), "GET", "/", "gzip").await;
    assert!(field(&response, "content-encoding").is_none() && field(&response, "vary").is_none());
    let all = Compress::new().types(|media| media == "image/png");
    let response = asked(&app(all, image), "GET", "/", "gzip").await;
    assert_eq!(field(&response, "content-encoding"), Some("gzip"));

    let short = || "x".repeat(1_023).into_response();
    let response = asked(&app(Compress::new(), short), "GET", "/", "gzip").await;
    assert_eq!(
        (field(&response, "content-encoding"), field(&response, "vary")),
        (None, Some("Accept-Encoding"))
    );
    let response = asked(&app(Compress::new(), short), "GET", "/", "gzip, identity;q=0").await;
    assert_eq!(field(&response, "content-encoding"), Some("gzip"));
    let response = asked(&app(Compress::new().min_size(1_000), short), "GET", "/", "gzip").await;
    assert_eq!(field(&response, "content-encoding"), Some("gzip"));
}

#[tokio::test]
async fn the_types_that_become_smaller_are_compressed() {
    for (media, is_compressed) in [
        ("text/html; charset=utf-8", true),
        ("TEXT/CSS", true),
        ("application/json", true),
        ("application/problem+json", true),
        ("text/javascript", true),
        ("application/javascript", true),
        ("image/svg+xml", true),
        ("application/wasm", true),
        ("text/event-stream", true),
        ("image/x-icon", true),
        ("image/jpeg", false),
        ("video/mp4", false),
        ("application/zip", false),
        ("application/octet-stream", false),
        ("multipart/mixed; boundary=x", false),
    ] {
        let handler = move || async move {
            typed("a/b", text()).with_header(CONTENT_TYPE, HeaderValue::from_static(media))
        };
        let app = build(App::new().middleware(Compress::new()).add_get("/", handler));
        let response = asked(&app, "GET", "/", "gzip").await;
        assert_eq!(field(&response, "content-encoding").is_some(), is_compressed, "{media}");
    }
    let untyped = asked(&app(Compress::new(), || Response::new(text())), "GET", "/", "gzip").await;
    assert_eq!(field(&untyped, "content-encoding"), None);
}

#[tokio::test]
async fn what_must_stay_as_it_is_does() {
    let cases: [fn() -> Response; 7] = [
        || text().into_response().with_status(StatusCode::PARTIAL_CONTENT),
        || {
            StatusCode::NO_CONTENT
                .into_response()
                .with_header(CONTENT_TYPE, HeaderValue::from_static("text/plain"))
        },
        || text().into_response().with_status(StatusCode::RESET_CONTENT),
        || text().into_response().with_header(CONTENT_ENCODING, HeaderValue::from_static("gzip")),
        || {
            text()
                .into_response()
                .with_header(CACHE_CONTROL, HeaderValue::from_static("max-age=1, No-Transform"))
        },
        || {
            text()
                .into_response()
                .with_header(http::header::CONTENT_RANGE, HeaderValue::from_static("bytes 0-9/10"))
        },
        || {
            let mut response = text().into_response();
            response.extensions_mut().insert(NoCompress);
            response
        },
    ];
    for (n, case) in cases.into_iter().enumerate() {
        let plain = case();
        let response = asked(&app(Compress::new(), case), "GET", "/", "gzip").await;
        assert_eq!(response.headers(), plain.headers(), "case {n}");
        assert_eq!(response.body().exact_len(), plain.body().exact_len(), "case {n}");
    }
}

#[tokio::test]
async fn fields_about_the_bytes_go_and_a_strong_tag_becomes_weak() {
    let tagged = || {
        let mut response =
            text().into_response().with_header(ETAG, HeaderValue::from_static("\"v1\""));
        for (name, value) in [
            ("content-length", "7000"),
            ("accept-ranges", "bytes"),
            ("content-md5", "x"),
            ("repr-digest", "sha-256=:x:"),
            ("content-digest", "sha-256=:x:"),
            ("vary", "Cookie"),
        ] {
            response
                .headers_mut()
                .insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        response
    };
    let response = asked(&app(Compress::new(), tagged), "GET", "/", "gzip").await;
    assert_eq!(field(&response, "etag"), Some("W/\"v1\""));
    for gone in ["content-length", "accept-ranges", "content-md5", "repr-digest", "content-digest"]
    {
        assert_eq!(field(&response, gone), None, "{gone}");
    }
    let vary: Vec<_> = response.headers().get_all("vary").collect();
    assert_eq!(vary, [&b"Cookie"[..], b"Accept-Encoding"]);
    // Uncompressed it promises what it promised.
    let response = asked(&app(Compress::new(), tagged), "GET", "/", "identity").await;
    assert_eq!(
        (field(&response, "etag"), field(&response, "accept-ranges")),
        (Some("\"v1\""), Some("bytes"))
    );

    let not_modified = || {
        StatusCode::NOT_MODIFIED
            .into_response()
            .with_header(ETAG, HeaderValue::from_static("\"v1\""))
    };
    let response = asked(&app(Compress::new(), not_modified), "GET", "/", "gzip").await;
    assert_eq!(field(&response, "etag"), Some("W/\"v1\""));
    assert_eq!(
        (field(&response, "vary"), field(&response, "content-encoding")),
        (Some("Accept-Encoding"), None)
    );
}

#[tokio::test]
async fn vary_is_not_said_twice() {
    for said in ["Accept-Encoding", "*", "Cookie, accept-encoding"] {
        let handler = move || async move {
            text().into_response().with_header(http::header::VARY, HeaderValue::from_static(said))
        };
        let app = build(App::new().middleware(Compress::new()).add_get("/", handler));
        let response = asked(&app, "GET", "/", "gzip").await;
        assert_eq!(response.headers().get_all("vary").count(), 1, "{said}");
    }
}

#[tokio::test]
async fn a_route_switches_it_off_or_has_settings_of_its_own() {
    let app = build(App::new().middleware(Compress::new()).routes([
        get("/on", || async { text() }),
        get("/off", || async { text() }).middleware(Compress::off()),
        get("/own", || async { text() }).middleware(Compress::new().codings([Coding::Deflate])),
    ]));
    for (target, coding) in [("/on", Some("br")), ("/off", None), ("/own", Some("deflate"))] {
        let response = asked(&app, "GET", target, "deflate;q=0.5, br").await;
        assert_eq!(field(&response, "content-encoding"), coding, "{target}");
    }
    assert_eq!(field(&asked(&app, "GET", "/off", "br").await, "vary"), None);
}

#[tokio::test]
async fn head_has_the_fields_and_nothing_is_compressed_for_it() {
    let app = app(Compress::new(), || text().into_response());
    let response = asked(&app, "HEAD", "/", "gzip").await;
    assert_eq!(
        (field(&response, "content-encoding"), field(&response, "vary")),
        (Some("gzip"), Some("Accept-Encoding"))
    );
    assert!(response.body().as_whole().is_none(), "nobody polls it");
}

#[tokio::test]
async fn errors_are_compressed_like_any_answer_and_keep_their_wording() {
    async fn fail() -> Result<&'static str> {
        Err(HttpError::conflict().with_message("x".repeat(2_000)))
    }
    let app = App::new()
        .middleware(Compress::new())
        .render_errors(|view| view.error.to_string().into_response())
        .add_get("/", fail);
    let response = asked(&build(app), "GET", "/", "gzip").await;
    assert_eq!(
        (response.status().as_u16(), field(&response, "content-encoding")),
        (409, Some("gzip"))
    );
    assert!(String::from_utf8(decoded(response).await).unwrap().starts_with("409 Conflict: xxx"));
}

#[tokio::test]
async fn a_long_body_is_streamed_and_a_stream_is_flushed_when_its_source_waits() {
    let long = app(Compress::new(), || {
        vec![b'x'; 1 << 20]
            .into_response()
            .with_header(CONTENT_TYPE, HeaderValue::from_static("text/plain"))
    });
    for coding in Coding::ALL {
        let response = asked(&long, "GET", "/", coding.name()).await;
        assert_eq!(response.body().exact_len(), None);
        assert_eq!(decoded(response).await, vec![b'x'; 1 << 20], "{coding:?}");
    }

    let (mut sender, body) = Body::channel(1 << 16);
    let body = std::sync::Mutex::new(Some(body));
    let handler = move || {
        let body = body.lock().unwrap().take().unwrap();
        async move { typed("text/plain", body) }
    };
    let handler = std::sync::Arc::new(handler);
    let app = App::new().middleware(Compress::new()).add_get("/", move || handler());
    let mut response = asked(&build(app), "GET", "/", "gzip").await;
    let (mut wire, at_client) = Body::channel(1 << 16);
    let mut client = decode(at_client, &[Coding::Gzip], &Decoding::default());
    for token in ["one ", "two ", "three"] {
        sender.send(token).await.unwrap();
        let mut got = Bytes::new();
        while got.is_empty() {
            let wait = Duration::from_secs(5);
            let piece = tokio::time::timeout(wait, response.body_mut().chunk()).await;
            wire.push(piece.expect("flushed while the source waits").unwrap().unwrap()).unwrap();
            let soon = tokio::time::timeout(Duration::from_millis(20), client.chunk()).await;
            got = soon.map_or(Bytes::new(), |piece| piece.unwrap().unwrap());
        }
        assert_eq!(got, token);
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_does_not_look_whole() {
    let app = build(App::new().middleware(Compress::new()).add_get("/", || async {
        let pieces = [Ok("begun"), Err(BoxError::from("cut"))];
        typed("text/plain", Body::from_stream(futures_util::stream::iter(pieces)))
    }));
    let response = asked(&app, "GET", "/", "gzip").await;
    assert!(response.into_body().bytes().await.is_err());
}
