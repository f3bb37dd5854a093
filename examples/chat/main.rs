//! A chat: one room, names, who is there, and one page.
//!
//! Run `cargo run --example chat`, then open http://127.0.0.1:8080 in two windows.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use dunlin::Response;
use dunlin::web::{App, Html, Query, State, StateKey, WsUpgrade};
use dunlin::websocket::{Config, Deflate, Limits, Membership, Room};
use serde::Serialize;

static CHAT: StateKey<Arc<Chat>> = StateKey::new("chat");

/// What pages are told; `Connect` is the first thing that one hears: who it is, and who is there.
#[derive(Serialize)]
#[serde(tag = "action", rename_all = "lowercase")]
enum Event<'a> {
    Connect { name: &'a str, names: Vec<String> },
    Join { name: &'a str },
    Sent { name: &'a str, text: &'a str },
    Disconnect { name: &'a str },
}

#[derive(Default)]
struct Chat {
    room: Room,
    names: Mutex<BTreeSet<String>>,
}

impl Chat {
    /// Gives somebody the name that is wished for, or one like it, and tells all others.
    fn enter(&self, wish: &str, member: &Membership) -> (String, Vec<String>) {
        let wish: String = wish.trim().chars().filter(|c| !c.is_control()).take(24).collect();
        let wish = if wish.is_empty() { "guest" } else { &wish };
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let mut like_it =
            (1..).map(|n| if n == 1 { wish.to_owned() } else { format!("{wish} {n}") });
        let name = like_it.find(|name| !names.contains(name)).unwrap_or_default();
        names.insert(name.clone());
        // Under the lock, so that what is told fits the lists; events have a form in JSON.
        let _ = member.broadcast_json_to_others(&Event::Join { name: &name });
        (name, names.iter().cloned().collect())
    }

    fn leave(&self, name: &str) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.remove(name);
        let _ = self.room.broadcast_json(&Event::Disconnect { name });
    }
}

#[tokio::main]
async fn main() -> dunlin::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".into());
    let page = async || Html(include_str!("page.html"));
    let app = App::new().state(&CHAT, Arc::default()).add_get("/", page).add_get("/ws", join);
    dunlin::run_app(app).bind(address).await
}

async fn join(
    chat: State<Arc<Chat>>,
    Query(query): Query<HashMap<String, String>>,
    ws: WsUpgrade,
) -> Response {
    let chat = Arc::clone(&chat);
    let limits = Limits { max_message: 16 * 1024, ..Limits::default() };
    let config = Config { limits, deflate: Some(Deflate::default()), ..Config::default() };
    ws.config(config).on_upgrade(async move |mut ws| {
        let member = chat.room.join(&mut ws);
        let (name, names) = chat.enter(query.get("name").map_or("", |name| name), &member);
        // Where this fails there is nothing to receive either.
        let _ = ws.send_json(&Event::Connect { name: &name, names }).await;
        while let Some(Ok(message)) = ws.receive().await {
            if let Some(text) = message.as_text() {
                let _ = chat.room.broadcast_json(&Event::Sent { name: &name, text });
            }
        }
        chat.leave(&name);
    })
}
