//! Files: uploaded by a form whose progress the page shows, downloaded in parts where a client asks so.

use std::path::{Path as FilePath, PathBuf};

use dunlin::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use dunlin::http::{HeaderValue, StatusCode};
use dunlin::web::{
    Form, FormLimits, Group, HttpError, Json, Path, Result, State, UploadedFile, get, group, post,
    resource, respond,
};
use dunlin::{BoxError, IntoResponse, Request, Response};
use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use crate::auth::{Session, hex, now, turns_text};
use crate::db::Db;
use crate::live::{Event, Rooms};
use crate::log::Log;
use crate::options::Options;

/// Bytes of one upload, and of all files together.
pub(crate) const UPLOAD_MAX: u64 = 64 << 20;
pub(crate) const STORE_MAX: u64 = 1 << 30;
const NAME_MAX: usize = 120;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Upload {
    id: i64,
    name: String,
    size: u64,
    author: String,
    created: i64,
    /// The name on disk: ours, since the uploaded one is the sender's choice.
    #[serde(skip)]
    stored: String,
}

#[derive(Deserialize)]
struct Sent {
    file: UploadedFile,
}

/// The routes, and the directories that they keep files in.
pub(crate) fn routes(data: &FilePath) -> std::io::Result<Group> {
    let arriving = data.join("arriving");
    std::fs::create_dir_all(data.join("files"))?;
    std::fs::create_dir_all(&arriving)?;
    // On the same file system, so that what has come whole is moved and not copied. What is broken off is
    // deleted there by itself.
    let limits = FormLimits::default()
        .max_file_bytes(UPLOAD_MAX)
        .memory_bytes(64 << 10)
        .max_fields(1)
        .temp_dir(arriving);
    // The file, and what a form puts around it.
    let body_max = UPLOAD_MAX + (64 << 10);
    Ok(group("").routes([
        get("/api/files", list),
        post("/api/files", upload)
            .client_max_size(body_max)
            .middleware(limits)
            // A file that is kept has its row, also where its client did not wait for the answer.
            .run_to_completion(true),
        resource(r"/api/files/{id:\d+}").delete(remove).run_to_completion(true),
        get(r"/files/{id:\d+}", download).name("file"),
    ]))
}

async fn list(_: Session, db: State<Db>) -> Result<Json<Vec<Upload>>> {
    let files = db.run(|db| {
        db.prepare_cached("SELECT * FROM files ORDER BY id DESC")?.query_map([], read)?.collect()
    });
    Ok(Json(files.await?))
}

async fn upload(
    session: Session,
    db: State<Db>,
    rooms: State<Rooms>,
    log: State<Log>,
    options: State<Options>,
    Form(sent): Form<Sent>,
) -> Result<Response> {
    let (size, name) = (sent.file.len(), file_name(sent.file.file_name()));
    let used: u64 = db
        .run(|db| db.query_row("SELECT coalesce(sum(size), 0) FROM files", [], |row| row.get(0)))
        .await?;
    if used + size > STORE_MAX {
        return Err(HttpError::insufficient_storage()
            .with_message("the board's files together may have 1 GiB: remove some"));
    }
    let stored = random_name()?;
    sent.file.persist(place(&options, &stored)).await?;
    let author = session.name.clone();
    let file = db.run(move |db| {
        let sql = "INSERT INTO files (stored, name, size, author, created) VALUES (?, ?, ?, ?, ?) \
                   RETURNING *";
        db.query_row(sql, params![stored, name, size, author, now() as i64], read)
    });
    let file = file.await?;
    log.say(&session.name, &format!("uploaded {}", file.name));
    rooms.tell(&Event::File { file: &file });
    Ok(Json(file).into_response().with_status(StatusCode::CREATED))
}

/// Ranges, preconditions and `HEAD` are seen to by `respond::file`. Whatever was uploaded is saved and not
/// shown: a page among the files would run on this site, with its visitor's rights.
async fn download(_: Session, Path(id): Path<i64>, db: State<Db>, req: Request) -> Result {
    let file = find(&db, id).await?;
    let options = req.state(&crate::state::OPTIONS);
    respond::file(&req, place(options, &file.stored))
        .header(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))
        .header(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"))
        .precompressed(false)
        .attachment(&file.name)
        .await
}

async fn remove(
    session: Session,
    Path(id): Path<i64>,
    db: State<Db>,
    rooms: State<Rooms>,
    log: State<Log>,
    options: State<Options>,
) -> Result<StatusCode> {
    let file = find(&db, id).await?;
    if file.author != session.name && !session.admin {
        return Err(HttpError::forbidden()
            .with_message(format!("{} has uploaded it, and may remove it", file.author)));
    }
    db.run(move |db| db.execute("DELETE FROM files WHERE id = ?", [id])).await?;
    tokio::fs::remove_file(place(&options, &file.stored)).await?;
    log.say(&session.name, &format!("removed {}", file.name));
    rooms.tell(&Event::FileGone { id });
    Ok(StatusCode::NO_CONTENT)
}

async fn find(db: &Db, id: i64) -> Result<Upload> {
    let sql = "SELECT * FROM files WHERE id = ?";
    let file = db.run(move |db| db.query_row(sql, [id], read).optional()).await?;
    file.ok_or_else(|| HttpError::not_found().with_message("this file has been removed"))
}

fn place(options: &Options, stored: &str) -> PathBuf {
    options.data.join("files").join(stored)
}

fn random_name() -> Result<String, BoxError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
    Ok(hex(&bytes))
}

/// The name as it is shown and offered for saving. `UploadedFile` has taken off folders and control
/// characters; what is left over here are lengths, names of nothing, and text that runs the other way so that
/// `fdp.exe` reads `exe.pdf`.
fn file_name(sent: &str) -> String {
    let name: String = sent.chars().filter(|c| !turns_text(*c)).collect();
    let name = name.trim().trim_start_matches('.');
    let skipped = name.chars().count().saturating_sub(NAME_MAX);
    // The end, since that says what it is.
    let name: String = name.chars().skip(skipped).collect();
    if name.is_empty() { "unnamed".to_owned() } else { name }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Upload> {
    Ok(Upload {
        id: row.get("id")?,
        name: row.get("name")?,
        size: row.get("size")?,
        author: row.get("author")?,
        created: row.get("created")?,
        stored: row.get("stored")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_visible() {
        assert_eq!(file_name(" sea.png "), "sea.png");
        assert_eq!(file_name("..profile"), "profile");
        assert_eq!(file_name("..."), "unnamed");
        assert_eq!(file_name("bird\u{202e}fdp.exe"), "birdfdp.exe");
        let long = format!("{}.tar", "x".repeat(500));
        assert_eq!(file_name(&long).len(), NAME_MAX);
        assert!(file_name(&long).ends_with("x.tar"));
    }
}
