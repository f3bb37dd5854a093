//! A chat: one room and one page.
//!
//! Run `cargo run --example chat`, then open http://127.0.0.1:8080 in two windows.

use dunlin::Response;
use dunlin::web::{App, Html, State, StateKey, WsUpgrade};
use dunlin::websocket::{Config, Deflate, Room};

static ROOM: StateKey<Room> = StateKey::new("room");

#[tokio::main]
async fn main() -> dunlin::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".into());
    let app = App::new().state(&ROOM, Room::default()).add_get("/", page).add_get("/ws", chat);
    dunlin::run_app(app).bind(address).await
}

async fn page() -> Html<&'static str> {
    Html(include_str!("page.html"))
}

async fn chat(room: State<Room>, ws: WsUpgrade) -> Response {
    let room = Room::clone(&room);
    let config = Config { deflate: Some(Deflate::default()), ..Config::default() };
    ws.config(config).on_upgrade(async move |mut ws| {
        let _member = room.join(&mut ws);
        while let Some(Ok(message)) = ws.receive().await {
            room.broadcast(message);
        }
    })
}
