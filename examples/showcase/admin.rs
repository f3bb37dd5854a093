//! An app inside the app: its own middleware, its own pages. It asks for the key that the server printed.

use dunlin::http::{Method, StatusCode};
use dunlin::web::respond::ResponseExt;
use dunlin::web::{App, Form, HttpError, Next, RateLimit, Redirect, Result, State, get, post};
use dunlin::{IntoResponse, Request, Response};
use minijinja::context;
use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::auth::{Secrets, Session, is_same};
use crate::db::Db;
use crate::live::{Event, Rooms};
use crate::log::Log;
use crate::notes;
use crate::numbers::Numbers;
use crate::pages::Page;

const NOTICE_MAX: usize = 200;

/// State that it does not have, and how errors look, it takes from the app around it.
pub(crate) fn app() -> App {
    let rarely = RateLimit::new(10, Duration::from_secs(60));
    App::new().middleware(guard).routes([
        get("/", overview).name("overview"),
        get("/unlock", unlock_page).name("unlock"),
        post("/unlock", unlock).middleware(rarely),
        post("/notice", notice),
        post("/sweep", sweep),
    ])
}

/// Lets nobody through who has not shown the key, wherever below this prefix they want to go.
async fn guard(req: Request, next: Next) -> Result<Response> {
    let is_unlocked = Session::of(&req).is_some_and(|session| session.admin);
    if is_unlocked || req.path() == "/admin/unlock" {
        return Ok(next.run(req).await);
    }
    if matches!(*req.method(), Method::GET | Method::HEAD) {
        return Ok(Redirect::see_other("/admin/unlock").into_response());
    }
    Err(HttpError::forbidden().with_message("this asks for the admin key"))
}

async fn unlock_page(page: Page) -> Result<Response> {
    page.show("unlock.html", context! {}).await
}

#[derive(Deserialize)]
struct Key {
    key: String,
}

async fn unlock(
    page: Page,
    secrets: State<Secrets>,
    log: State<Log>,
    Form(sent): Form<Key>,
) -> Result<Response> {
    let name = page.session.name.clone();
    if !is_same(sent.key.trim(), secrets.admin_key()) {
        log.say(&name, "tried a wrong admin key");
        let why = "That is not the key. The server prints it when it starts.";
        let response = page.show("unlock.html", context! { why }).await?;
        return Ok(response.with_status(StatusCode::FORBIDDEN));
    }
    log.say(&name, "opened the admin pages");
    let cookie = Session::new(name, true).cookie(&secrets, page.over_tls())?;
    Ok(Redirect::see_other("/admin/").into_response().with_cookie(&cookie)?)
}

#[derive(Serialize)]
struct Facts {
    notes: i64,
    files: i64,
    mebibytes: u64,
    people: Vec<String>,
    live: usize,
    connections: u64,
    uptime: u64,
}

async fn overview(
    page: Page,
    db: State<Db>,
    rooms: State<Rooms>,
    numbers: State<Numbers>,
    req: Request,
) -> Result<Response> {
    let sql = "SELECT (SELECT count(*) FROM notes), count(*), coalesce(sum(size), 0) FROM files";
    let counts =
        db.run(move |db| db.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))));
    let (notes, files, bytes): (_, _, u64) = counts.await?;
    let facts = Facts {
        notes,
        files,
        mebibytes: bytes >> 20,
        people: rooms.names(),
        live: numbers.connections().live(),
        connections: numbers.connections().total(),
        uptime: numbers.uptime().as_secs(),
    };
    page.show(
        "admin.html",
        context! { facts, routes => numbers.routes(), did => req.query_value("did") },
    )
    .await
}

#[derive(Deserialize)]
struct Notice {
    text: String,
}

async fn notice(
    session: Session,
    rooms: State<Rooms>,
    log: State<Log>,
    Form(notice): Form<Notice>,
) -> Result<Redirect> {
    let text: String = notice.text.trim().chars().take(NOTICE_MAX).collect();
    if text.is_empty() {
        return Err(HttpError::unprocessable_content().with_message("a notice says something"));
    }
    rooms.tell(&Event::Notice { name: &session.name, text: &text });
    log.say(&session.name, "told everybody something");
    Ok(Redirect::see_other("/admin/?did=notice"))
}

async fn sweep(
    session: Session,
    db: State<Db>,
    rooms: State<Rooms>,
    log: State<Log>,
) -> Result<Redirect> {
    let ids = notes::sweep(&db).await?;
    for id in &ids {
        rooms.tell(&Event::NoteGone { id: *id });
    }
    log.say(&session.name, &format!("swept {} notes away", ids.len()));
    Ok(Redirect::see_other("/admin/?did=sweep"))
}
