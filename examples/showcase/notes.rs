//! Notes as a JSON API: what one changes, everybody's pages hear of.

use dunlin::http::StatusCode;
use dunlin::web::{Group, HttpError, Json, Path, Result, State, group, resource};
use dunlin::{IntoResponse, Response};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use crate::auth::{Session, now};
use crate::db::Db;
use crate::live::{Event, Rooms};
use crate::log::Log;

/// Characters of one note, and notes of the board.
const TEXT_MAX: usize = 2_000;
const NOTES_MAX: i64 = 1_000;

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Note {
    pub(crate) id: i64,
    lane: Lane,
    text: String,
    author: String,
    created: i64,
    /// Grows with each change, so that a page tells news from what it has seen.
    version: i64,
}

/// Where on the board a note hangs.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Lane {
    Ideas,
    Doing,
    Done,
}

impl Lane {
    fn name(self) -> &'static str {
        match self {
            Self::Ideas => "ideas",
            Self::Doing => "doing",
            Self::Done => "done",
        }
    }
}

impl ToSql for Lane {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.name().into())
    }
}

impl FromSql for Lane {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let name = value.as_str()?;
        let lanes = [Self::Ideas, Self::Doing, Self::Done];
        lanes.into_iter().find(|lane| lane.name() == name).ok_or(FromSqlError::InvalidType)
    }
}

#[derive(Deserialize)]
struct New {
    text: String,
    lane: Lane,
}

/// What is left out stays as it is.
#[derive(Deserialize)]
struct Change {
    text: Option<String>,
    lane: Option<Lane>,
}

pub(crate) fn routes() -> Group {
    // What was done is told to everybody, also where its client did not wait for the answer.
    group("/api/notes").run_to_completion(true).routes([
        resource("").get(list).post(create),
        resource(r"/{id:\d+}").patch(change).delete(remove).name("note"),
    ])
}

async fn list(_: Session, db: State<Db>) -> Result<Json<Vec<Note>>> {
    let notes = db.run(|db| {
        db.prepare_cached("SELECT * FROM notes ORDER BY id")?.query_map([], read)?.collect()
    });
    Ok(Json(notes.await?))
}

async fn create(
    session: Session,
    db: State<Db>,
    rooms: State<Rooms>,
    log: State<Log>,
    Json(new): Json<New>,
) -> Result<Response> {
    let text = checked(new.text)?;
    let author = session.name.clone();
    let note = db.run(move |db| {
        let count: i64 = db.query_row("SELECT count(*) FROM notes", [], |row| row.get(0))?;
        if count >= NOTES_MAX {
            return Ok(None);
        }
        let sql = "INSERT INTO notes (lane, text, author, created) VALUES (?, ?, ?, ?) RETURNING *";
        db.query_row(sql, params![new.lane, text, author, now() as i64], read).map(Some)
    });
    let note = note.await?.ok_or_else(|| {
        HttpError::conflict().with_message(format!("{NOTES_MAX} notes are enough: remove some"))
    })?;
    log.say(&session.name, "wrote a note");
    rooms.tell(&Event::Note { note: &note });
    Ok(Json(note).into_response().with_status(StatusCode::CREATED))
}

async fn change(
    session: Session,
    Path(id): Path<i64>,
    db: State<Db>,
    rooms: State<Rooms>,
    log: State<Log>,
    Json(change): Json<Change>,
) -> Result<Json<Note>> {
    let told = match change.lane {
        Some(lane) => format!("moved a note to {}", lane.name()),
        None => "changed a note".to_owned(),
    };
    let text = change.text.map(checked).transpose()?;
    let note = db.run(move |db| {
        let sql = "UPDATE notes SET lane = coalesce(?, lane), text = coalesce(?, text), \
                   version = version + 1 WHERE id = ? RETURNING *";
        db.query_row(sql, params![change.lane, text, id], read).optional()
    });
    let note = note.await?.ok_or_else(gone)?;
    log.say(&session.name, &told);
    rooms.tell(&Event::Note { note: &note });
    Ok(Json(note))
}

async fn remove(
    session: Session,
    Path(id): Path<i64>,
    db: State<Db>,
    rooms: State<Rooms>,
    log: State<Log>,
) -> Result<StatusCode> {
    let removed = db.run(move |db| db.execute("DELETE FROM notes WHERE id = ?", [id])).await?;
    if removed == 0 {
        return Err(gone());
    }
    log.say(&session.name, "removed a note");
    rooms.tell(&Event::NoteGone { id });
    Ok(StatusCode::NO_CONTENT)
}

/// Removes what is done, and gives the ids.
pub(crate) async fn sweep(db: &Db) -> Result<Vec<i64>> {
    let ids = db.run(|db| {
        db.prepare("DELETE FROM notes WHERE lane = 'done' RETURNING id")?
            .query_map([], |row| row.get(0))?
            .collect()
    });
    Ok(ids.await?)
}

fn checked(text: String) -> Result<String> {
    let text = text.trim();
    match text.chars().count() {
        1..=TEXT_MAX => Ok(text.to_owned()),
        _ => Err(HttpError::unprocessable_content()
            .with_message(format!("a note has between 1 and {TEXT_MAX} characters"))),
    }
}

fn gone() -> HttpError {
    HttpError::not_found().with_message("this note has been removed")
}

fn read(row: &Row<'_>) -> rusqlite::Result<Note> {
    Ok(Note {
        id: row.get("id")?,
        lane: row.get("lane")?,
        text: row.get("text")?,
        author: row.get("author")?,
        created: row.get("created")?,
        version: row.get("version")?,
    })
}
