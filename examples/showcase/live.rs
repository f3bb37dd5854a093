//! Live pages: a WebSocket room for the board and one for the numbers, and who is there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dunlin::Response;
use dunlin::web::{Group, State, WsUpgrade, get, group};
use dunlin::websocket::{Config, Deflate, Limits, Room};
use serde::{Deserialize, Serialize};

use crate::auth::Session;
use crate::notes::Note;
use crate::numbers::Numbers;
use crate::uploads::Upload;

/// What pages of the board are told.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(crate) enum Event<'a> {
    Note { note: &'a Note },
    NoteGone { id: i64 },
    File { file: &'a Upload },
    FileGone { id: i64 },
    People { names: Vec<String> },
    Writing { name: &'a str },
    Notice { name: &'a str, text: &'a str },
}

/// What pages of the board tell.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Told {
    Writing,
}

/// Who hears what; clones are the same rooms.
#[derive(Clone, Default)]
pub(crate) struct Rooms {
    board: Room,
    numbers: Room,
    /// Names, and the pages that each has open.
    people: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Rooms {
    /// Tells every page of the board. It is encoded once, and waits for nobody.
    pub(crate) fn tell(&self, event: &Event<'_>) {
        // Events have a form in JSON.
        let _ = self.board.broadcast_json(event);
    }

    /// Tells every page of numbers.
    pub(crate) fn tell_numbers(&self, sample: &impl Serialize) {
        let _ = self.numbers.broadcast_json(sample);
    }

    /// Pages that are open.
    pub(crate) fn len(&self) -> usize {
        self.board.len() + self.numbers.len()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Notes that someone is there until what this returns is dropped.
    fn enter(&self, name: &str) -> Present {
        let present = Present { rooms: self.clone(), name: name.to_owned() };
        present.count(|pages| pages + 1);
        present
    }
}

struct Present {
    rooms: Rooms,
    name: String,
}

impl Present {
    fn count(&self, change: impl FnOnce(usize) -> usize) {
        let mut people = self.rooms.people.lock().unwrap_or_else(PoisonError::into_inner);
        match change(people.get(&self.name).copied().unwrap_or(0)) {
            0 => people.remove(&self.name),
            pages => people.insert(self.name.clone(), pages),
        };
        let names = people.keys().cloned().collect();
        // Still under the lock, so that the last word is the newest.
        self.rooms.tell(&Event::People { names });
    }
}

/// However the page went: closed, lost, or the handler cut.
impl Drop for Present {
    fn drop(&mut self) {
        self.count(|pages| pages.saturating_sub(1));
    }
}

pub(crate) fn routes() -> Group {
    group("/live").routes([get("/board", board), get("/numbers", numbers)])
}

/// Pages say little, and are noticed as gone after 45 s of silence.
fn config() -> Config {
    Config {
        limits: Limits { max_message: 1024, ..Limits::default() },
        deflate: Some(Deflate::default()),
        heartbeat: Some(Duration::from_secs(30)),
        ..Config::default()
    }
}

async fn board(session: Session, rooms: State<Rooms>, ws: WsUpgrade) -> Response {
    let rooms = rooms.clone();
    ws.config(config()).on_upgrade(async move |mut ws| {
        let member = rooms.board.join(&mut ws);
        let _present = rooms.enter(&session.name);
        while let Some(Ok(message)) = ws.receive().await {
            if let Ok(Told::Writing) = message.json() {
                let _ = member.broadcast_json_to_others(&Event::Writing { name: &session.name });
            }
        }
    })
}

async fn numbers(
    _: Session,
    rooms: State<Rooms>,
    numbers: State<Numbers>,
    ws: WsUpgrade,
) -> Response {
    let (rooms, numbers) = (rooms.clone(), numbers.clone());
    ws.config(config()).on_upgrade(async move |mut ws| {
        // First the room and then what was: one sample may come twice, and none is missed.
        let _member = rooms.numbers.join(&mut ws);
        if ws.send_json(&numbers.history()).await.is_ok() {
            while let Some(Ok(_)) = ws.receive().await {}
        }
    })
}
