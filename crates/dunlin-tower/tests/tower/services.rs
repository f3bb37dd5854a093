use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::{Extension, Path};
use bytes::Bytes;
use dunlin_core::{Body, FromRequest, IntoResponse, Request, Response, Service, Upgraded};
use dunlin_server::Server;
use dunlin_tower::{TowerError, from_tower, into_tower};
use dunlin_web::websocket::{Config, Role, WebSocket};
use dunlin_web::{App, HttpError, WsUpgrade, any};
use futures_util::stream;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::{ServiceExt, service_fn};

use crate::{asked, build, get, post, shown, with_field};

fn router() -> Router {
    Router::new()
        .route("/birds/{name}", axum::routing::get(|Path(name): Path<String>| async move { name }))
        .route("/echo", axum::routing::post(|body: axum::body::Body| async move { body }))
        .route(
            "/extension",
            axum::routing::get(|Extension(value): Extension<u8>| async move { value.to_string() }),
        )
}

#[tokio::test]
async fn axum_routers_are_handlers_services_and_fallbacks() {
    let app = build(
        App::new()
            .add_get("/", || async { "dunlin" })
            .add_any("/birds/{rest:.*}", from_tower(router()))
            .fallback(from_tower(Router::new().fallback(|| async { "axum's" }))),
    );
    assert_eq!(asked(&app, "/").await, "200 dunlin");
    assert_eq!(asked(&app, "/birds/knot").await, "200 knot");
    assert_eq!(asked(&app, "/other").await, "200 axum's");
    assert_eq!(asked(&from_tower(router()), "/birds/ruff").await, "200 ruff");
    assert_eq!(asked(&from_tower(router()), "/other").await, "404 ");
}

#[tokio::test]
async fn dunlin_apps_mount_inside_of_axum_routers() {
    let app = App::new()
        .add_get("/{name}", |dunlin_web::Path(name): dunlin_web::Path<String>| async move { name })
        .add_get("/missing/{name}", || async { Err::<(), _>(HttpError::gone()) });
    let router: Router = router().nest_service("/app", into_tower(app).unwrap());
    for (target, status, text) in [
        ("/app/knot", 200, "knot"),
        ("/app/missing/x", 410, "410: Gone\n"),
        ("/birds/ruff", 200, "ruff"),
    ] {
        let req = http::Request::get(target).body(axum::body::Body::empty()).unwrap();
        let response = router.clone().oneshot(req).await.unwrap();
        assert_eq!(response.status(), status);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, text);
    }
    let twice = App::new().add_get("/", || async {}).add_get("/", || async {});
    assert!(into_tower(twice).is_err(), "mistakes are told when it is built");
}

#[tokio::test]
async fn over_a_socket_bodies_stream_through_axum() {
    let app = App::new().fallback(from_tower(router()));
    let server = Server::builder().bind("127.0.0.1:0").start(app).await.unwrap();
    let mut io = tokio::net::TcpStream::connect(server.addresses()[0]).await.unwrap();
    let head =
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n\r\n";
    io.write_all(head.as_bytes()).await.unwrap();
    let mut got = String::new();
    let mut buf = [0; 1024];
    // Each chunk is back before the next is sent.
    for chunk in ["one", "two"] {
        io.write_all(format!("3\r\n{chunk}\r\n").as_bytes()).await.unwrap();
        while !got.contains(chunk) {
            let read = tokio::time::timeout(Duration::from_secs(5), io.read(&mut buf));
            let n = read.await.unwrap().unwrap();
            assert!(n > 0, "{got}");
            got.push_str(std::str::from_utf8(&buf[..n]).unwrap());
        }
    }
    io.write_all(b"0\r\nx-sum: 7\r\n\r\n").await.unwrap();
    while !got.ends_with("\r\n\r\n") || !got.contains("\r\n0\r\n") {
        let n = io.read(&mut buf).await.unwrap();
        assert!(n > 0, "{got}");
        got.push_str(std::str::from_utf8(&buf[..n]).unwrap());
    }
    assert!(got.starts_with("HTTP/1.1 200 OK\r\n"), "{got}");
    assert!(got.ends_with("\r\n0\r\nx-sum: 7\r\n\r\n"), "{got}");
    drop(io);
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn trailers_go_through_both_ways() {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("7"));
    let echo = |req: Request| async move { Response::new(req.into_body()) };
    // Dunlin, axum, Dunlin.
    let router: Router = Router::new().route_service("/", into_tower(echo).unwrap());
    let (mut sender, body) = Body::channel(64);
    sender.send("hello").await.unwrap();
    sender.finish_with_trailers(trailers.clone());
    let response = from_tower(router).call(post("/", body)).await;
    let collected = response.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers(), Some(&trailers));
    assert_eq!(collected.to_bytes(), "hello");
}

#[tokio::test]
async fn nobody_reads_ahead_of_who_asks() {
    let produced = Arc::new(Mutex::new(0));
    let count = Arc::clone(&produced);
    let source = stream::repeat_with(move || {
        *count.lock().unwrap() += 1;
        Ok::<_, io::Error>(Bytes::from_static(&[0; 1000]))
    });
    let app = from_tower(router());
    let mut body = app.call(post("/echo", Body::from_stream(source))).await.into_body();
    assert_eq!(*produced.lock().unwrap(), 0);
    for n in 1..=3 {
        body.chunk().await.unwrap().unwrap();
        assert_eq!(*produced.lock().unwrap(), n);
    }
}

#[tokio::test]
async fn extensions_limits_and_reasons_come_along() {
    let mut req = get("/extension");
    req.extensions_mut().insert(7u8);
    assert_eq!(shown(from_tower(router()).call(req).await).await, "200 7");

    // Through tower and back, the route's limit of the body holds.
    let inner = |req: Request| async move {
        match String::from_request(req).await {
            Ok(text) => text.into_response(),
            Err(error) => error.into_response(),
        }
    };
    let handler = from_tower(into_tower(inner).unwrap());
    let app = App::new().routes([any("/{x}", handler).client_max_size(3)]);
    let app = build(app);
    assert_eq!(shown(app.call(post("/a", "123")).await).await, "200 123");
    assert_eq!(app.call(post("/a", "1234")).await.status(), 413);

    let worded = |_: Request| async {
        let mut response = Response::new("");
        response.head_mut().reason = dunlin_core::ReasonPhrase::new("Fine").ok();
        response.extensions_mut().insert(9u16);
        response
    };
    let response = from_tower(into_tower(worded).unwrap()).call(get("/")).await;
    assert_eq!(response.head().reason.as_ref().unwrap().as_bytes(), b"Fine");
    assert_eq!(response.extensions().get::<u16>(), Some(&9));
}

/// Ready after it was asked twice; remembers having been called unasked.
#[derive(Clone)]
struct Slow {
    asked: u8,
    unready: Arc<AtomicBool>,
}

impl tower::Service<http::Request<Body>> for Slow {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.asked += 1;
        if self.asked < 2 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<Body>) -> Self::Future {
        self.unready.fetch_or(self.asked != 2, Ordering::SeqCst);
        std::future::ready(Ok(http::Response::new("ready".into())))
    }
}

#[tokio::test]
async fn a_service_is_called_once_it_is_ready() {
    let unready = Arc::new(AtomicBool::new(false));
    let app = from_tower(Slow { asked: 0, unready: Arc::clone(&unready) });
    for _ in 0..3 {
        assert_eq!(asked(&app, "/").await, "200 ready");
    }
    assert!(!unready.load(Ordering::SeqCst));
}

#[tokio::test]
async fn failures_keep_their_source_and_the_peer_does_not_hear_it() {
    let fails = service_fn(|_: http::Request<Body>| async {
        Err::<http::Response<Body>, _>(io::Error::other("password file missing"))
    });
    let told = Arc::new(Mutex::new(String::new()));
    let log = Arc::clone(&told);
    let app = App::new().add_get("/", from_tower(fails)).on_error(move |view| {
        let tower = view.error.source().unwrap().downcast_ref::<TowerError>().unwrap();
        assert!(tower.source().unwrap().is::<io::Error>());
        *log.lock().unwrap() = tower.to_string();
    });
    assert_eq!(asked(&build(app), "/").await, "500 500: Internal Server Error\n");
    assert_eq!(*told.lock().unwrap(), "a tower service failed: password file missing");

    let response = from_tower(fails).call(get("/")).await;
    assert!(matches!(TowerError::of(&response), Some(TowerError::Service(_))));
    assert!(!shown(response).await.contains("password"));
}

async fn echo(upgrade: WsUpgrade) -> Response {
    upgrade.on_upgrade(|mut ws| async move {
        while let Some(Ok(message)) = ws.receive().await {
            ws.send(message).await.unwrap();
        }
    })
}

fn ws_request(target: &str) -> Request {
    [
        ("host", "a.example"),
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ]
    .into_iter()
    .fold(get(target), |req, (name, value)| with_field(req, name, value))
}

pub(crate) async fn speaks(service: &impl Service, target: &str) {
    let mut response = service.call(ws_request(target)).await;
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let (server, client) = tokio::io::duplex(1 << 16);
    let upgrade = response.body_mut().take_upgrade().unwrap();
    tokio::spawn(upgrade.run(Upgraded::new(server, Bytes::new())));
    let mut ws = WebSocket::new(client, Role::Client, Config::default());
    ws.send("hello").await.unwrap();
    assert_eq!(ws.receive_text().await.unwrap().unwrap(), "hello");
}

pub(crate) fn ws_app() -> App {
    App::new().add_get("/ws", echo)
}

#[tokio::test]
async fn web_sockets_open_through_axum_under_a_dunlin_server_and_nowhere_else() {
    let router: Router = Router::new().nest_service("/app", into_tower(ws_app()).unwrap());
    speaks(&from_tower(router.clone()), "/app/ws").await;

    let foreign = router.oneshot(ws_request("/app/ws").into_http()).await.unwrap();
    assert_eq!(foreign.status(), StatusCode::NOT_IMPLEMENTED);
}

/// Dunlin takes more characters in a target than `http::Uri`, and the service must not see another target.
#[tokio::test]
async fn a_target_that_http_does_not_take_is_refused() {
    for (target, status) in [
        ("/a{b}|^?c={d}|^", 200),
        ("/a<b", 400),
        ("/a>b", 400),
        ("/a`b", 400),
        ("/a?b=<c>", 400),
        ("/a?b=\"c\"", 400),
    ] {
        let seen = service_fn(|req: http::Request<Body>| async move {
            Ok::<_, Infallible>(http::Response::new(Body::from(req.uri().to_string())))
        });
        let (mut ours, theirs) = tokio::io::duplex(4096);
        let serving = tokio::spawn(Server::builder().serve_io(from_tower(seen), theirs));
        let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        ours.write_all(head.as_bytes()).await.unwrap();
        let mut got = String::new();
        ours.read_to_string(&mut got).await.unwrap();
        assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{target}: {got}");
        assert_eq!(got.ends_with(&format!("\r\n\r\n{target}")), status == 200, "{target}: {got}");
        // The server lingers for our end.
        drop(ours);
        serving.await.unwrap();
    }
}

#[tokio::test]
async fn pinned_boxes_are_services_too() {
    type Answer = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;
    let boxed = service_fn(|_: http::Request<Body>| -> Answer {
        Box::pin(async { Ok(http::Response::new("boxed".into())) })
    });
    assert_eq!(asked(&from_tower(boxed), "/").await, "200 boxed");
}
