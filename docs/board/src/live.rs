use dunlin::Response;
use dunlin::web::{Result, State, StateKey, WsUpgrade};
use dunlin::websocket::Room;
use serde::Serialize;

use crate::auth::Session;
use crate::notes::Note;

pub static ROOM: StateKey<Room> = StateKey::new("room");

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Event<'a> {
    Note { note: &'a Note },
    Gone { id: i64 },
}

pub fn tell(room: &Room, event: &Event<'_>) -> Result<()> {
    room.broadcast(serde_json::to_string(event)?);
    Ok(())
}

pub async fn live(_: Session, room: State<Room>, ws: WsUpgrade) -> Response {
    let room = Room::clone(&room);
    ws.on_upgrade(async move |mut ws| {
        let _member = room.join(&mut ws);
        // Pages only listen; receiving notices when one goes.
        while let Some(Ok(_)) = ws.receive().await {}
    })
}
