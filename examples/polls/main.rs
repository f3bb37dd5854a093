//! Polls: questions, votes and what became of them, in SQLite.
//!
//! Run `cargo run --example polls`, then open http://127.0.0.1:8080. Votes are forgotten with the program, unless
//! it is given a file to keep them in: `cargo run --example polls -- 127.0.0.1:8080 polls.sqlite`.

mod db;

use std::sync::LazyLock;

use dunlin::http::HeaderValue;
use dunlin::web::{
    App, ErrorView, Form, Html, HttpError, Path, Redirect, Result, SameOrigin, SecurityHeaders,
    State, StateKey, Statics, Urls, get, post,
};
use dunlin::{BoxError, IntoResponse, Response};
use minijinja::{Environment, Value, context};
use serde::Deserialize;

use crate::db::Db;

static DB: StateKey<Db> = StateKey::new("db");

static PAGES: LazyLock<Result<Environment<'static>, minijinja::Error>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    pages.add_template("base.html", include_str!("templates/base.html"))?;
    pages.add_template("index.html", include_str!("templates/index.html"))?;
    pages.add_template("poll.html", include_str!("templates/poll.html"))?;
    pages.add_template("results.html", include_str!("templates/results.html"))?;
    pages.add_template("error.html", include_str!("templates/error.html"))?;
    Ok(pages)
});

#[tokio::main]
async fn main() -> dunlin::Result<()> {
    // A mistake in a template ends the start, and not a request.
    PAGES.as_ref().map_err(ToString::to_string)?;
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or_else(|| "127.0.0.1:8080".into());
    let db = Db::open(&args.next().unwrap_or_else(|| ":memory:".into()))?;
    let app = App::new()
        .middleware(
            SecurityHeaders::new()
                .content_security_policy(HeaderValue::from_static("default-src 'self'")),
        )
        // A vote comes from a page of ours.
        .middleware(SameOrigin::new())
        .render_errors(error)
        .state(&DB, db)
        .add_static(Statics::memory(
            "/static",
            [
                ("icon.svg", include_str!("icon.svg")),
                ("style.css", concat!(include_str!("../apps/base.css"), include_str!("style.css"))),
            ],
        ))
        .routes([
            get("/", index),
            get(r"/poll/{id:\d+}", poll).name("poll"),
            get(r"/poll/{id:\d+}/results", results).name("results"),
            post(r"/poll/{id:\d+}/vote", vote),
        ]);
    dunlin::run_app(app).bind(address).await
}

fn page(name: &str, values: Value) -> Result<Html<String>> {
    let pages = PAGES.as_ref().map_err(ToString::to_string).map_err(BoxError::from)?;
    let page = pages.get_template(name).and_then(|template| template.render(values));
    Ok(Html(page.map_err(BoxError::from)?))
}

async fn index(db: State<Db>) -> Result<Html<String>> {
    page("index.html", context! { title => "Polls", questions => db.questions().await? })
}

async fn poll(db: State<Db>, Path(id): Path<i64>) -> Result<Html<String>> {
    page("poll.html", question(&db, id).await?)
}

async fn results(db: State<Db>, Path(id): Path<i64>) -> Result<Html<String>> {
    page("results.html", question(&db, id).await?)
}

async fn question(db: &Db, id: i64) -> Result<Value> {
    let question = db.question(id).await?.ok_or_else(|| missing("There is no such poll."))?;
    let choices = db.choices(id).await?;
    let total: i64 = choices.iter().map(|choice| choice.votes).sum();
    Ok(context! { title => question.text, question, choices, total })
}

#[derive(Deserialize)]
struct Vote {
    choice: i64,
}

async fn vote(
    db: State<Db>,
    Path(id): Path<i64>,
    urls: Urls,
    Form(vote): Form<Vote>,
) -> Result<Redirect> {
    if !db.vote(id, vote.choice).await? {
        return Err(missing("There is no such choice in this poll."));
    }
    Ok(Redirect::see_other(urls.url_for("results", [("id", &*id.to_string())])?))
}

fn missing(what: &'static str) -> HttpError {
    HttpError::not_found().with_message(what)
}

fn error(view: &ErrorView<'_>) -> Response {
    let (title, message) = (view.status().canonical_reason(), view.error.message());
    match page("error.html", context! { title, message }) {
        Ok(page) => page.into_response(),
        Err(_) => format!("{}\n", view.error).into_response(),
    }
}
