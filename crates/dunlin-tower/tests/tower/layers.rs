use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use dunlin_core::{Body, GoingAway, Goodbye, Request, Response, Service, StateKey};
use dunlin_tower::{TowerError, into_tower};
use dunlin_web::{App, HttpError, State, get, group, layer};
use futures_util::StreamExt;
use futures_util::stream;
use http::{HeaderValue, StatusCode};
use http_body_util::BodyExt;
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::compression::CompressionLayer;
use tower_http::cors::CorsLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

use crate::services::{speaks, ws_app};
use crate::{asked, build, with_field};

fn named(value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::appending(
        http::HeaderName::from_static("x-layer"),
        HeaderValue::from_static(value),
    )
}

#[tokio::test]
async fn layers_stand_on_apps_groups_and_routes() {
    let hello = || async { "hello" };
    let app = build(
        App::new().middleware(layer(named("app"))).add_get("/", hello).group(
            group("/group")
                .middleware(layer(named("group")))
                .routes([get("/route", hello).middleware(layer(named("route")))]),
        ),
    );
    for (target, layers) in
        [("/", &["app"][..]), ("/group/route", &["route", "group", "app"]), ("/nothing", &["app"])]
    {
        let response = app.call(crate::get(target)).await;
        let got: Vec<_> = response.headers().get_all("x-layer").map(<[u8]>::to_vec).collect();
        assert_eq!(got, layers.iter().map(|l| l.as_bytes()).collect::<Vec<_>>(), "{target}");
    }
}

#[tokio::test]
async fn behind_a_layer_route_state_and_names_are_there() {
    static GREETING: StateKey<String> = StateKey::new("greeting");
    async fn hello(greeting: State<String>, req: Request) -> String {
        let url = req.url_for("hello", [("name", "b")]).unwrap();
        format!("{} {} {url}", *greeting, req.param("name").unwrap())
    }
    let app = build(
        App::new()
            .state(&GREETING, "hi".to_owned())
            .middleware(layer(TraceLayer::new_for_http()))
            .routes([get("/{name}", hello).name("hello")]),
    );
    assert_eq!(asked(&app, "/a").await, "200 hi a /b");
}

#[tokio::test]
async fn bodies_are_compressed_for_those_who_ask() {
    let big = || async { "dunlin ".repeat(1000) };
    let app = build(App::new().middleware(layer(CompressionLayer::new())).add_get("/", big));
    let req = with_field(crate::get("/"), "accept-encoding", "gzip");
    let response = app.call(req).await;
    assert_eq!(response.headers().get_str("content-encoding"), Some("gzip"));
    let bytes = response.into_body().bytes().await.unwrap();
    assert!(bytes.starts_with(&[0x1f, 0x8b]) && bytes.len() < 1000, "{}", bytes.len());
    assert_eq!(asked(&app, "/").await, format!("200 {}", "dunlin ".repeat(1000)));
}

#[tokio::test]
async fn cors_answers_for_itself() {
    let app = build(
        App::new().middleware(layer(CorsLayer::permissive())).add_get("/", || async { "hello" }),
    );
    let mut req = Request::new(http::Method::OPTIONS, http::Uri::from_static("/"), ());
    for (name, value) in [("origin", "https://a.example"), ("access-control-request-method", "GET")]
    {
        req = with_field(req, name, value);
    }
    let response = app.call(req).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers().get_str("access-control-allow-origin"), Some("*"));
}

#[tokio::test]
async fn a_timeout_cuts_the_handler() {
    let status = StatusCode::GATEWAY_TIMEOUT;
    let limit = TimeoutLayer::with_status_code(status, Duration::from_millis(20));
    let app = build(App::new().middleware(layer(limit)).add_get("/", std::future::pending::<()>));
    assert_eq!(asked(&app, "/").await, "504 ");
}

#[tokio::test]
async fn a_limit_of_concurrency_holds_over_all_requests() {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, peak) = (Arc::clone(&running), Arc::clone(&most));
    let work = move || {
        let (now, peak) = (Arc::clone(&now), Arc::clone(&peak));
        async move {
            peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(5)).await;
            now.fetch_sub(1, Ordering::SeqCst);
        }
    };
    let few = ConcurrencyLimitLayer::new(2);
    let app = build(App::new().middleware(layer(few)).add_get("/", work));
    let all = stream::iter(0..10).map(|_| asked(&app, "/")).buffer_unordered(10);
    assert_eq!(all.collect::<Vec<_>>().await, vec!["200 "; 10]);
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn web_sockets_open_through_layers_that_wrap_bodies() {
    let app = ws_app()
        .middleware(layer(TraceLayer::new_for_http()))
        .middleware(layer(CompressionLayer::new()));
    speaks(&build(app), "/ws").await;
}

#[tokio::test]
async fn a_stream_behind_a_layer_hears_of_the_servers_end() {
    let notice: Arc<Mutex<Option<GoingAway>>> = Arc::default();
    let keep = Arc::clone(&notice);
    let endless = move || {
        let (goodbye, going_away) = Goodbye::pair();
        *keep.lock().unwrap() = Some(going_away);
        let body = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        async move { Response::new(body.with_goodbye(goodbye)) }
    };
    let layered = App::new().middleware(layer(TraceLayer::new_for_http())).add_get("/", endless);
    let mut response = build(layered).call(crate::get("/")).await;
    assert!(!notice.lock().unwrap().as_ref().unwrap().is_said());
    response.body_mut().say_goodbye();
    assert!(notice.lock().unwrap().as_ref().unwrap().is_said());
}

/// A layer that does with the request as it pleases.
#[derive(Clone)]
struct Forgetful;

impl<S> Layer<S> for Forgetful
where
    S: tower::Service<http::Request<Body>, Response = http::Response<Body>>
        + Clone
        + Send
        + 'static,
    S::Error: Send,
    S::Future: Send,
{
    type Service =
        tower::util::BoxCloneSyncService<http::Request<Body>, http::Response<Body>, S::Error>;

    fn layer(&self, inner: S) -> Self::Service {
        let inner = Mutex::new(inner);
        let inner = Arc::new(inner);
        tower::util::BoxCloneSyncService::new(service_fn(move |_| {
            let inner = inner.lock().unwrap().clone();
            inner.oneshot(http::Request::new(Body::empty()))
        }))
    }
}

#[tokio::test]
async fn a_layer_that_loses_the_request_is_told() {
    let told = Arc::new(Mutex::new(None));
    let log = Arc::clone(&told);
    let app =
        App::new().middleware(layer(Forgetful)).add_get("/", || async {}).on_error(move |view| {
            let error = std::error::Error::source(view.error).unwrap();
            *log.lock().unwrap() = error.downcast_ref::<TowerError>().cloned();
        });
    assert_eq!(asked(&build(app), "/").await, "500 500: Internal Server Error\n");
    assert!(matches!(*told.lock().unwrap(), Some(TowerError::Lost)));
}

#[tokio::test]
async fn errors_of_handlers_pass_through_layers_to_the_apps_words() {
    let app = build(
        App::new()
            .render_errors(|view| Response::new(format!("oh: {}", view.error)))
            .middleware(layer(TraceLayer::new_for_http()))
            .add_get("/", || async { Err::<(), _>(HttpError::conflict().with_message("twice")) }),
    );
    assert_eq!(asked(&app, "/").await, "409 oh: 409 Conflict: twice");
}

#[tokio::test]
async fn layers_run_around_dunlin_apps_in_tower_too() {
    let app = into_tower(App::new().add_get("/", || async { "dunlin" })).unwrap();
    let service = (named("outer"), CompressionLayer::new()).layer(app);
    let response = service.oneshot(crate::get("/").into_http()).await.unwrap();
    assert_eq!(response.headers()["x-layer"], "outer");
    let body = response.into_body().collect().await;
    assert_eq!(body.ok().unwrap().to_bytes(), "dunlin");
}
