//! A blog: people sign in and write, in SQLite, with pages from templates.
//!
//! Run `cargo run --example blog`, then open the address and sign in as it says. What is written is forgotten with
//! the program, unless it is given a file to keep it in: `cargo run --example blog -- 127.0.0.1:8080 blog.sqlite`.
//!
//! | file | what it does |
//! | --- | --- |
//! | `main` | the app and its pages |
//! | `auth` | passwords, sessions, who a request is from |
//! | `db` | tables and queries |

mod auth;
mod db;

use std::sync::LazyLock;
use std::time::Duration;

use dunlin::http::{HeaderValue, StatusCode};
use dunlin::web::respond::{ResponseExt, SetCookie};
use dunlin::web::{
    App, ErrorView, Form, FromRequest, Html, RateLimit, Redirect, Result, SameOrigin,
    SecurityHeaders, State, StateKey, Statics, get, post, resource,
};
use dunlin::{BoxError, IntoResponse, Request, Response};
use minijinja::{Environment, Value, context};
use serde::Deserialize;

use crate::auth::User;
use crate::db::Db;

/// Longest post, in characters.
const POST_MAX: usize = 140;

static DB: StateKey<Db> = StateKey::new("db");

static PAGES: LazyLock<Result<Environment<'static>, minijinja::Error>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    pages.add_template("base.html", include_str!("templates/base.html"))?;
    pages.add_template("index.html", include_str!("templates/index.html"))?;
    pages.add_template("login.html", include_str!("templates/login.html"))?;
    pages.add_template("create.html", include_str!("templates/create.html"))?;
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
    if let Some(password) = auth::first_user(&db, "ada").await? {
        println!("Sign in as ada with the password {password}");
    }
    dunlin::run_app(app(db)).bind(address).await
}

fn app(db: Db) -> App {
    let policy =
        HeaderValue::from_static("default-src 'self'; frame-ancestors 'none'; base-uri 'none'");
    // Nobody guesses a password at five tries and then one in twelve seconds.
    let rarely = RateLimit::new(5, Duration::from_secs(60));
    App::new()
        .middleware(SecurityHeaders::new().content_security_policy(policy))
        // What changes something comes from a page of ours.
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
            get("/login", login_page),
            post("/login", login).middleware(rarely),
            post("/logout", logout),
            resource("/create").get(create_page).post(create),
        ])
}

fn page(name: &str, values: Value) -> Result<Response> {
    let pages = PAGES.as_ref().map_err(ToString::to_string).map_err(BoxError::from)?;
    let page = pages.get_template(name).and_then(|template| template.render(values));
    Ok(Html(page.map_err(BoxError::from)?).into_response())
}

fn error(view: &ErrorView<'_>) -> Response {
    let (title, message) = (view.status().canonical_reason(), view.error.message());
    match page("error.html", context! { title, message }) {
        Ok(page) => page,
        Err(_) => format!("{}\n", view.error).into_response(),
    }
}

async fn index(user: User, db: State<Db>) -> Result {
    page("index.html", context! { title => "Posts", user => user.name, posts => db.posts().await? })
}

async fn login_page(user: Result<User, Redirect>) -> Result {
    match user {
        Ok(_) => Ok(Redirect::found("/").into_response()),
        Err(_) => page("login.html", context! { title => "Sign in" }),
    }
}

#[derive(Deserialize)]
struct Login {
    name: String,
    password: String,
}

async fn login(req: Request) -> Result {
    let (db, over_tls) = (req.state(&DB).clone(), req.scheme() == "https");
    let Form(Login { name, password }) = Form::from_request(req).await?;
    let Some(token) = auth::sign_in(&db, &name, password).await? else {
        let why = "There is nobody of that name and password.";
        let page = page("login.html", context! { title => "Sign in", name, why })?;
        return Ok(page.with_status(StatusCode::UNPROCESSABLE_ENTITY));
    };
    let cookie = auth::cookie(token, over_tls);
    Ok(Redirect::see_other("/").into_response().with_cookie(&cookie)?)
}

async fn logout(user: User, db: State<Db>) -> Result {
    auth::sign_out(&db, &user).await?;
    let gone = SetCookie::remove(auth::COOKIE);
    Ok(Redirect::see_other("/login").into_response().with_cookie(&gone)?)
}

async fn create_page(user: User) -> Result {
    page("create.html", context! { title => "Write", user => user.name, max => POST_MAX })
}

#[derive(Deserialize)]
struct Post {
    body: String,
}

async fn create(user: User, db: State<Db>, Form(Post { body }): Form<Post>) -> Result {
    let body = body.trim();
    if body.is_empty() || body.chars().count() > POST_MAX {
        let why = format!("A post has between 1 and {POST_MAX} characters.");
        let page = page(
            "create.html",
            context! { title => "Write", user => user.name, max => POST_MAX, body, why },
        )?;
        return Ok(page.with_status(StatusCode::UNPROCESSABLE_ENTITY));
    }
    db.add_post(user.id, body.to_owned()).await?;
    Ok(Redirect::see_other("/").into_response())
}
