use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dunlin_client::{ErrorKind, Redirects};
use dunlin_core::{Body, IntoResponse, Request, Response};
use dunlin_test::{Elsewhere, TestClient, TestClientBuilder};
use dunlin_web::websocket::CloseCode;
use dunlin_web::{App, Redirect, Sse, SseEvent, Tasks, WsUpgrade};
use futures_util::{StreamExt, stream};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};

use crate::Log;

async fn echo(req: Request) -> Response {
    Response::new(req.into_body())
}

async fn login() -> Response {
    let cookie = HeaderValue::from_static("session=1; Secure; HttpOnly");
    "in".into_response().with_header(SET_COOKIE, cookie)
}

async fn who(req: Request) -> String {
    req.headers().get_str("cookie").unwrap_or("nobody").to_owned()
}

async fn ws(upgrade: WsUpgrade) -> Response {
    upgrade.on_upgrade(|mut ws| async move {
        while let Some(Ok(message)) = ws.receive().await {
            ws.send(message).await.unwrap();
        }
    })
}

fn app(log: &Log) -> App {
    log.app()
        .add_post("/echo", echo)
        .add_get("/login", login)
        .add_get("/who", who)
        .add_get("/ws", ws)
        .add_get("/home", || async { Redirect::found("/who") })
        .add_get("/away", || async { Redirect::found("http://other.example/") })
        .add_get("/events", || async {
            let first = stream::iter([Ok::<_, std::convert::Infallible>(SseEvent::new("one"))]);
            Sse::new(first.chain(stream::pending()))
        })
}

/// Over a socket, and in memory.
async fn both(settings: impl Fn(TestClientBuilder) -> TestClientBuilder) -> [(TestClient, Log); 2] {
    let (a, b) = (Log::default(), Log::default());
    let start = || settings(TestClient::builder());
    let tcp = start().start(app(&a)).await.unwrap();
    let memory = start().in_memory(app(&b)).await.unwrap();
    assert!(tcp.server().is_some() && memory.server().is_none());
    [(tcp, a), (memory, b)]
}

#[tokio::test]
async fn an_app_is_asked_by_path_from_startup_to_cleanup() {
    for (client, log) in both(|builder| builder).await {
        assert_eq!(log.text(), "startup");
        assert_eq!(client.get("/").send().await.unwrap().text().await.unwrap(), "hello");
        let response = client.get("/nothing").send().await.unwrap();
        assert_eq!(response.status(), 404);
        // An idle connection that somebody else keeps holds nothing up.
        let kept = client.client().clone();
        let report = client.stop().await.unwrap();
        assert_eq!((report.cut, report.faults.len()), (0, 0));
        assert_eq!(log.text(), "startup shutdown cleanup");
        assert!(kept.get("/").send().await.unwrap_err().is_connect());
    }
}

#[tokio::test]
async fn bodies_stream_both_ways_with_trailers() {
    for (client, _) in both(|builder| builder).await {
        let chunks = stream::iter((0..1000).map(|_| Ok::<_, std::io::Error>(vec![b'x'; 1000])));
        let response = client.post("/echo").stream(chunks).send().await.unwrap();
        assert_eq!(response.bytes().await.unwrap().len(), 1_000_000);

        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", HeaderValue::from_static("7"));
        let body = Body::from_stream(stream::iter([Ok::<_, std::io::Error>("a")]));
        let request = client.post("/echo").body(body).trailers(trailers);
        let mut response = request.send().await.unwrap();
        while response.chunk().await.unwrap().is_some() {}
        let got = response.trailers().and_then(|fields| fields.get("x-sum"));
        assert_eq!(got.map(HeaderValue::as_bytes), Some(&b"7"[..]));
    }
}

#[tokio::test]
async fn cookies_are_kept_secure_ones_too() {
    for (client, _) in both(|builder| builder).await {
        assert_eq!(client.get("/who").send().await.unwrap().text().await.unwrap(), "nobody");
        client.get("/login").send().await.unwrap();
        assert_eq!(client.get("/home").send().await.unwrap().text().await.unwrap(), "session=1");
    }
}

#[tokio::test]
async fn nothing_goes_to_other_hosts() {
    for (client, _) in both(|builder| builder).await {
        for path in ["/away", "http://other.example/", "ws://127.0.0.1:1/"] {
            let error = client.get(path).send().await.unwrap_err();
            let ErrorKind::Other(source) = error.kind() else { panic!("{error}") };
            let refused = source.downcast_ref::<Elsewhere>().unwrap();
            assert!(refused.app.starts_with("http://"), "{}", refused.app);
            assert!(error.source().is_some() && error.to_string().contains("TestNetwork"));
        }
        let away = client.get("/away").redirects(Redirects::none()).send().await.unwrap();
        assert_eq!(away.headers().get_str("location"), Some("http://other.example/"));
    }
}

#[tokio::test]
async fn web_sockets_open_and_hear_of_the_end() {
    for (client, _) in both(|builder| builder).await {
        let mut ws = client.ws_connect("/ws").send().await.unwrap();
        ws.send("hello").await.unwrap();
        assert_eq!(ws.receive_text().await.unwrap().unwrap(), "hello");
        let closing = tokio::spawn(async move {
            let end = ws.receive().await;
            (end.is_none(), ws.close_frame().map(|frame| frame.code))
        });
        assert_eq!(client.stop().await.unwrap().cut, 0);
        assert_eq!(closing.await.unwrap(), (true, Some(CloseCode::GOING_AWAY)));
    }
}

#[tokio::test]
async fn streams_without_an_end_end_with_the_app() {
    for (client, _) in both(|builder| builder).await {
        let response = client.get("/events").send().await.unwrap();
        let reading = tokio::spawn(async move { response.text().await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(client.stop().await.unwrap().cut, 0);
        assert!(reading.await.unwrap().unwrap().contains("data: one"));
    }
}

#[tokio::test]
async fn what_does_not_end_is_cut() {
    let app = || App::new().add_get("/", std::future::pending::<()>);
    let start = || TestClient::builder().shutdown_timeout(Duration::from_millis(50));
    for client in [start().start(app()).await.unwrap(), start().in_memory(app()).await.unwrap()] {
        let asked = client.get("/");
        let asked = tokio::spawn(async move { asked.send().await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(client.stop().await.unwrap().cut, 1);
        assert!(asked.await.unwrap().is_err());
    }
}

#[tokio::test]
async fn settings_of_both_ends_count() {
    let settings = |builder: TestClientBuilder| {
        builder
            .client(|client| client.raise_for_status(true).user_agent("tester"))
            .server(|server| server.server_name(Some(HeaderValue::from_static("under-test"))))
    };
    for (client, _) in both(settings).await {
        let response = client.get("/").send().await.unwrap();
        assert_eq!(response.headers().get_str("server"), Some("under-test"));
        assert!(client.get("/nothing").send().await.unwrap_err().is_status());
    }
}

#[tokio::test]
async fn an_app_in_memory_that_is_dropped_is_cleaned_up_after() {
    let log = Log::default();
    drop(TestClient::in_memory(app(&log)).await.unwrap());
    let ended = async {
        while log.text() != "startup shutdown cleanup" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), ended).await.unwrap();
}

#[tokio::test]
async fn a_panic_of_a_bare_function_is_told() {
    let panics = |req: Request| async move {
        assert_ne!(req.path(), "/", "on purpose");
        Response::default()
    };
    let client = TestClient::in_memory(panics).await.unwrap();
    assert!(client.get("/").send().await.is_err());
    let report = client.stop().await.unwrap();
    assert!(report.faults[0].contains("panic"), "{:?}", report.faults);
}

#[tokio::test]
async fn a_connection_that_the_app_breaks_is_not_hidden_by_another_try() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    // The first answer keeps the connection, the second breaks it.
    let app = move |_: Request| {
        let turn = count.fetch_add(1, Ordering::SeqCst);
        async move {
            assert_eq!(turn, 0, "on purpose");
            Response::new("kept")
        }
    };
    let client = TestClient::in_memory(app).await.unwrap();
    assert_eq!(client.get("/").send().await.unwrap().text().await.unwrap(), "kept");
    assert!(client.get("/").send().await.is_err());
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn background_tasks_are_waited_for_and_those_that_hang_are_counted() {
    let app = || {
        App::new()
            .on_error(|_| {})
            .add_get("/short", async |tasks: Tasks| {
                tasks.spawn(tokio::time::sleep(Duration::from_millis(100)));
            })
            .add_get("/endless", async |tasks: Tasks| {
                tasks.spawn(std::future::pending::<()>());
            })
    };
    let settings = || TestClient::builder().shutdown_timeout(Duration::from_millis(500));
    for client in
        [settings().start(app()).await.unwrap(), settings().in_memory(app()).await.unwrap()]
    {
        client.get("/short").send().await.unwrap();
        client.get("/endless").send().await.unwrap();
        let report = client.stop().await.unwrap();
        assert_eq!((report.cut, report.cut_tasks), (0, 1));
    }
}
