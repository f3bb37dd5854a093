//! WebSocket from end to end: an app, a server, a client.
#![cfg(all(feature = "server", feature = "client", feature = "websocket"))]
#![allow(missing_docs)]

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use dunlin::client::{Client, ErrorKind};
use dunlin::core::{Response, StateKey};
use dunlin::server::Server;
use dunlin::web::{App, ErrorView, State, WsUpgrade};
use dunlin::websocket::{CloseCode, Room, WebSocket};

static ROOM: StateKey<Room> = StateKey::new("room");
static PANICS: AtomicUsize = AtomicUsize::new(0);

async fn join(room: State<Room>, ws: WsUpgrade) -> Response {
    let room = Room::clone(&room);
    ws.protocols(["chat"]).on_upgrade(async move |mut ws| {
        let member = room.join(&mut ws);
        while let Some(Ok(message)) = ws.receive().await {
            assert_ne!(message.as_text(), Some("panic"));
            member.broadcast_to_others(message);
        }
    })
}

async fn text(ws: &mut WebSocket) -> String {
    ws.receive_text().await.unwrap().unwrap().as_str().to_owned()
}

#[tokio::test]
async fn an_app_and_a_client_talk_until_the_server_shuts_down() {
    let room = Room::default();
    let app = App::new()
        .state(&ROOM, room.clone())
        .on_error(|_: &ErrorView<'_>| {
            PANICS.fetch_add(1, SeqCst);
        })
        .add_get("/room", join);
    let server = Server::builder().bind("127.0.0.1:0").start(app).await.unwrap();
    let base = format!("ws://{}/", server.addresses()[0]);
    let client = Client::builder().base_url(base.as_str()).build().unwrap();
    let connect = || client.ws_connect("room").protocols(["chat"]).send();
    let (mut ada, mut ben) = (connect().await.unwrap(), connect().await.unwrap());
    assert_eq!(ada.protocol(), Some("chat"));
    while room.len() < 2 {
        tokio::task::yield_now().await;
    }
    ada.send("hello").await.unwrap();
    assert_eq!(text(&mut ben).await, "hello");

    let mut panicking = connect().await.unwrap();
    panicking.send("panic").await.unwrap();
    assert!(panicking.receive().await.is_none());
    assert_eq!(panicking.close_frame().unwrap().code, CloseCode::INTERNAL);
    while PANICS.load(SeqCst) == 0 {
        tokio::task::yield_now().await;
    }

    let stranger = client.ws_connect("room").origin("https://evil.example").send().await;
    let ErrorKind::Handshake(refusal) = stranger.unwrap_err().kind().clone() else { panic!() };
    assert_eq!(refusal.status(), 403);
    assert!(refusal.body().starts_with(b"403: Forbidden"), "{:?}", refusal.body());

    let clients = tokio::spawn(async move {
        for mut ws in [ada, ben] {
            assert!(ws.receive().await.is_none());
            assert_eq!(ws.close_frame().unwrap().code, CloseCode::GOING_AWAY);
        }
    });
    assert_eq!(server.shutdown().await.unwrap().cut, 0);
    clients.await.unwrap();
    assert!(room.is_empty());
}
