use dunlin::http::StatusCode;
use dunlin::web::{Group, HttpError, Json, Path, Result, State, group, resource};
use dunlin::websocket::Room;
use rusqlite::Row;
use serde::{Deserialize, Serialize};

use crate::auth::Session;
use crate::db::Db;
use crate::live;

#[derive(Serialize)]
pub struct Note {
    pub id: i64,
    pub text: String,
    pub author: String,
}

impl Note {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get("id")?, text: row.get("text")?, author: row.get("author")? })
    }
}

#[derive(Deserialize)]
pub struct New {
    text: String,
}

pub fn routes() -> Group {
    group("/api/notes")
        .routes([resource("").get(list).post(create), resource(r"/{id:\d+}").delete(remove)])
}

async fn list(_: Session, db: State<Db>) -> Result<Json<Vec<Note>>> {
    let notes = db.run(|db| {
        db.prepare("SELECT * FROM notes ORDER BY id")?.query_map([], Note::read)?.collect()
    });
    Ok(Json(notes.await?))
}

async fn create(
    session: Session,
    db: State<Db>,
    room: State<Room>,
    Json(new): Json<New>,
) -> Result<(StatusCode, Json<Note>)> {
    let text = new.text.trim().to_owned();
    if text.is_empty() || text.len() > 2_000 {
        return Err(
            HttpError::unprocessable_content().with_message("a note has between 1 and 2000 bytes")
        );
    }
    let sql = "INSERT INTO notes (text, author) VALUES (?, ?) RETURNING *";
    let row = (text, session.name);
    let note = db.run(move |db| db.query_row(sql, row, Note::read)).await?;
    live::tell(&room, &live::Event::Note { note: &note })?;
    Ok((StatusCode::CREATED, Json(note)))
}

async fn remove(
    _: Session,
    Path(id): Path<i64>,
    db: State<Db>,
    room: State<Room>,
) -> Result<StatusCode> {
    let removed = db.run(move |db| db.execute("DELETE FROM notes WHERE id = ?", [id])).await?;
    if removed == 0 {
        return Err(HttpError::not_found());
    }
    live::tell(&room, &live::Event::Gone { id })?;
    Ok(StatusCode::NO_CONTENT)
}
