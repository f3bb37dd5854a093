//! Routes that open WebSockets, over connections in memory.
#![cfg(feature = "websocket")]

mod common;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use common::{build, field, request, shown, with_field};
use dunlin_core::{IntoResponse, Request, Response, Service, Upgraded};
use dunlin_web::websocket::{
    CloseCode, Config, Limits, Origins, Role, ServerHandshake, WebSocket, can_upgrade,
};
use dunlin_web::{App, BuiltApp, ErrorView, Panic, WsUpgrade, get};
use http::StatusCode;
use tokio::io::duplex;

const FIELDS: [(&str, &str); 5] = [
    ("host", "a.example"),
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

fn asking(path: &str) -> Request {
    FIELDS.iter().fold(request("GET", path), |req, (name, value)| with_field(req, name, value))
}

/// What a driver does once the 101 is sent: the client's end.
fn open(mut response: Response) -> WebSocket {
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let (server, client) = duplex(1 << 16);
    let upgrade = response.body_mut().take_upgrade().unwrap();
    tokio::spawn(upgrade.run(Upgraded::new(server, Bytes::new())));
    WebSocket::new(client, Role::Client, Config::default())
}

async fn echo(ws: WsUpgrade) -> Response {
    let limits = Limits { max_message: 1000, ..Limits::default() };
    ws.config(Config { limits, ..Config::default() }).protocols(["v2", "v1"]).on_upgrade(
        |mut ws| async move {
            while let Some(Ok(message)) = ws.receive().await {
                ws.send(message).await.unwrap();
            }
        },
    )
}

fn app() -> BuiltApp {
    build(App::new().add_get("/ws", echo))
}

#[tokio::test]
async fn a_route_opens_a_socket_with_its_settings() {
    let req = with_field(asking("/ws"), "sec-websocket-protocol", "v3, v1, v2");
    let response = app().call(req).await;
    assert_eq!(field(&response, "sec-websocket-protocol"), Some("v1"), "the client's first choice");
    let mut ws = open(response);
    ws.send("hello").await.unwrap();
    assert_eq!(ws.receive_text().await.unwrap().unwrap(), "hello");
    ws.send(vec![0; 1001]).await.unwrap();
    assert!(ws.receive().await.is_none());
    assert_eq!(ws.close_frame().unwrap().code, CloseCode::TOO_LARGE);
}

#[tokio::test]
async fn what_asks_for_no_socket_is_told_what_is_spoken() {
    let response = app().call(request("GET", "/ws")).await;
    assert_eq!(field(&response, "upgrade"), Some("websocket"));
    assert_eq!(field(&response, "sec-websocket-version"), Some("13"));
    let told = shown(response).await;
    assert!(told.starts_with("426 426: Upgrade Required\nthis address speaks WebSocket"), "{told}");

    let mut wrong = asking("/ws");
    wrong.headers_mut().remove(&http::header::SEC_WEBSOCKET_KEY);
    let told = shown(app().call(wrong).await).await;
    assert!(told.starts_with("400 ") && told.contains("Sec-WebSocket-Key"), "{told}");

    let response = app().call(request("HEAD", "/ws")).await;
    assert_eq!((response.status().as_u16(), field(&response, "allow")), (405, Some("GET")));
    assert_eq!(app().call(request("POST", "/ws")).await.status(), 405);
}

#[tokio::test]
async fn pages_of_other_hosts_are_kept_out_unless_they_are_let_in() {
    async fn open(ws: WsUpgrade) -> Response {
        ws.origins(Origins::Any).on_upgrade(|_| async {})
    }
    let app = build(App::new().add_get("/ws", echo).add_get("/open", open));
    let from = |path, origin| with_field(asking(path), "origin", origin);
    let told = shown(app.call(from("/ws", "https://evil.example")).await).await;
    assert!(told.starts_with("403 "), "{told}");
    assert_eq!(app.call(from("/ws", "https://a.example")).await.status(), 101);
    assert_eq!(app.call(from("/open", "https://evil.example")).await.status(), 101);
}

#[tokio::test]
async fn one_path_has_a_page_and_a_socket() {
    async fn page(ws: Option<WsUpgrade>) -> Response {
        match ws {
            Some(ws) => ws.handshake(&ServerHandshake::default()).on_upgrade(|_| async {}),
            None => "a page".into_response(),
        }
    }
    let app = build(App::new().add_get("/", page));
    assert_eq!(shown(app.call(request("GET", "/")).await).await, "200 a page");
    let mut ws = open(app.call(asking("/")).await);
    assert!(ws.receive().await.is_none());
    assert_eq!(ws.close_frame().unwrap().code, CloseCode::NORMAL);
}

#[tokio::test]
async fn who_asks_wrongly_where_there_is_a_page_too_is_told_by_a_route_of_its_own() {
    async fn page() -> &'static str {
        "a page"
    }
    let app = build(App::new().routes([get("/", echo).guard(can_upgrade), get("/", page)]));
    assert_eq!(shown(app.call(request("GET", "/")).await).await, "200 a page");
    assert_eq!(app.call(asking("/")).await.status(), 101);
    let mut old = asking("/");
    old.headers_mut().remove(&http::header::SEC_WEBSOCKET_VERSION);
    let response = app.call(with_field(old, "sec-websocket-version", "8")).await;
    assert_eq!(response.status(), 426);
    assert_eq!(field(&response, "sec-websocket-version"), Some("13"));
}

#[tokio::test]
async fn a_subprotocol_that_cannot_be_one_is_the_programs_mistake() {
    async fn broken(ws: WsUpgrade) -> Response {
        ws.protocols(["not a token"]).on_upgrade(|_| async {})
    }
    let app = build(App::new().add_get("/", broken));
    let told = shown(app.call(asking("/")).await).await;
    assert_eq!(told, "500 500: Internal Server Error");
}

#[tokio::test]
async fn one_renderer_words_refused_handshakes_too() {
    let app = build(
        App::new()
            .render_errors(|view: &ErrorView<'_>| {
                format!("<{}>", view.error.message().unwrap_or_default()).into_response()
            })
            .add_get("/ws", echo),
    );
    let response = app.call(request("GET", "/ws")).await;
    assert_eq!(field(&response, "upgrade"), Some("websocket"));
    assert_eq!(shown(response).await, "426 <this address speaks WebSocket>");
}

#[tokio::test]
async fn a_panic_is_1011_to_the_peer_and_told_as_any_other() {
    async fn panics(ws: WsUpgrade) -> Response {
        ws.on_upgrade(|mut ws| async move {
            ws.receive().await;
            panic!("after a message");
        })
    }
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = told.clone();
    let app = build(
        App::new()
            .on_error(move |view: &ErrorView<'_>| {
                let cause = std::error::Error::source(view.error).unwrap();
                let panic = cause.downcast_ref::<Panic>().unwrap().message.clone();
                let path = view.request.unwrap().path().to_owned();
                tell.lock().unwrap().push((panic, path, view.pattern.to_owned()));
            })
            .add_get("/{name}", panics),
    );
    let mut ws = open(app.call(asking("/ws")).await);
    ws.send("go").await.unwrap();
    assert!(ws.receive().await.is_none());
    assert_eq!(ws.close_frame().unwrap().code, CloseCode::INTERNAL);
    // It is told once the socket has come to its end.
    while told.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let expected = ("after a message".to_owned(), "/ws".to_owned(), "/{name}".to_owned());
    assert_eq!(*told.lock().unwrap(), [expected]);
}
