//! A URL shortener: a page, a JSON call behind it, and redirects.
//!
//! Run `cargo run --example shortify`, then open http://127.0.0.1:8080. Links are forgotten with the program, unless
//! it is given a file to keep them in: `cargo run --example shortify -- 127.0.0.1:8080 links.sqlite`.

use std::sync::{Arc, Mutex, PoisonError};

use dunlin::client::Url;
use dunlin::http::{HeaderValue, StatusCode};
use dunlin::web::{
    App, FromRequest, Html, HttpError, Json, Path, Redirect, Result, SecurityHeaders, State,
    StateKey, Statics, get, post, problem_details,
};
use dunlin::{BoxError, Request};
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

/// Longest address that is shortened, in bytes.
const URL_MAX: usize = 2048;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The number of the first link, so that none is shorter than three digits.
const FIRST: i64 = 62 * 62;

static DB: StateKey<Db> = StateKey::new("db");

#[tokio::main]
async fn main() -> dunlin::Result<()> {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or_else(|| "127.0.0.1:8080".into());
    let db = Db::open(&args.next().unwrap_or_else(|| ":memory:".into()))?;
    let files = [
        ("icon.svg", include_str!("icon.svg")),
        ("style.css", concat!(include_str!("../apps/base.css"), include_str!("style.css"))),
        ("shortify.js", include_str!("shortify.js")),
    ];
    let app = App::new()
        .middleware(
            SecurityHeaders::new()
                .content_security_policy(HeaderValue::from_static("default-src 'self'")),
        )
        .render_errors(problem_details)
        .state(&DB, db)
        .add_static(Statics::memory("/static", files))
        .routes([
            get("/", async || Html(include_str!("page.html"))),
            post("/shortify", shortify),
            get("/{code:[0-9A-Za-z]{1,10}}", follow),
        ]);
    dunlin::run_app(app).bind(address).await
}

#[derive(Deserialize, Serialize)]
struct Link {
    url: String,
}

async fn shortify(req: Request) -> Result<(StatusCode, Json<Link>)> {
    let (db, base) = (req.state(&DB).clone(), format!("{}://{}", req.scheme(), req.host()));
    let Json(Link { url }) = Json::from_request(req).await?;
    let bad = |why: String| HttpError::new(StatusCode::UNPROCESSABLE_ENTITY).with_message(why);
    if url.len() > URL_MAX {
        return Err(bad(format!("at most {URL_MAX} bytes are shortened")));
    }
    let url = Url::parse(&url).map_err(|error| bad(format!("this is no address: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("only http:// and https:// are shortened".into()));
    }
    let code = encode(db.add(url.as_str().to_owned()).await?);
    Ok((StatusCode::CREATED, Json(Link { url: format!("{base}/{code}") })))
}

async fn follow(db: State<Db>, Path(code): Path<String>) -> Result<Redirect> {
    let url = match decode(&code) {
        Some(id) => db.find(id).await?,
        None => None,
    };
    let url = url.ok_or_else(|| HttpError::not_found().with_message("there is no such link"))?;
    Ok(Redirect::found(url))
}

fn encode(mut number: i64) -> String {
    let mut digits = Vec::new();
    while number > 0 {
        digits.push(char::from(DIGITS[(number % 62) as usize]));
        number /= 62;
    }
    digits.iter().rev().collect()
}

fn decode(code: &str) -> Option<i64> {
    code.bytes().try_fold(0i64, |number, digit| {
        let digit = DIGITS.iter().position(|own| *own == digit)?;
        number.checked_mul(62)?.checked_add(digit as i64)
    })
}

#[derive(Clone)]
struct Db(Arc<Mutex<Connection>>);

impl Db {
    fn open(path: &str) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS link (id INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE)",
        )?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// SQLite's calls block: they are made on threads that may.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let connection = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || {
            work(&connection.lock().unwrap_or_else(PoisonError::into_inner))
        });
        Ok(done.await.map_err(BoxError::from)?.map_err(BoxError::from)?)
    }

    /// The number of an address, the same for the same address.
    async fn add(&self, url: String) -> Result<i64> {
        let insert =
            "INSERT INTO link (id, url) SELECT coalesce(max(id) + 1, ?1), ?2 FROM link WHERE true
            ON CONFLICT (url) DO UPDATE SET url = url RETURNING id";
        self.run(move |db| db.query_row(insert, (FIRST, url), |row| row.get(0))).await
    }

    async fn find(&self, id: i64) -> Result<Option<String>> {
        let query = "SELECT url FROM link WHERE id = ?1";
        self.run(move |db| db.query_row(query, [id], |row| row.get(0)).optional()).await
    }
}
