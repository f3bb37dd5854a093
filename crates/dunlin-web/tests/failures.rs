//! Panics, error renderers, hooks on responses, and middleware that steps in.

mod common;

use std::sync::{Arc, Mutex};

use common::{build, field, get, send, shown, with_field};
use dunlin_core::{IntoResponse, Refusal, Request, RequestHead, Response, ResponseHead, Service};
use dunlin_web::{
    Accepts, App, ErrorView, Html, HttpError, Middleware, Next, OrError, Panic, Result,
};
use http::header::SERVER;
use http::{HeaderValue, StatusCode};

async fn ok() -> &'static str {
    "ok"
}

async fn panics() -> &'static str {
    panic!("secret")
}

async fn fails() -> Result {
    Err(HttpError::internal().with_message("sorry").with_source("the cause"))
}

#[tokio::test]
async fn a_panic_is_500_and_closes_the_connection() {
    async fn later() {
        tokio::task::yield_now().await;
        panic!("after waiting");
    }
    let app = build(App::new().add_get("/now", panics).add_get("/later", later));
    for path in ["/now", "/later"] {
        let response = send(&app, "GET", path).await;
        assert_eq!(field(&response, "connection"), Some("close"));
        let cause = std::error::Error::source(HttpError::of(&response).unwrap()).unwrap();
        assert!(cause.downcast_ref::<Panic>().is_some());
        assert_eq!(shown(response).await, "500 500: Internal Server Error");
    }
}

#[tokio::test]
async fn middleware_sees_the_500_of_what_panics_further_in() {
    async fn watch(req: Request, next: Next) -> String {
        format!("saw {}", next.run(req).await.status())
    }
    fn early(_: Request, _: Next) -> std::future::Ready<Response> {
        panic!("before there is a future")
    }
    let app = build(
        App::new().middleware(watch).add_get("/handler", panics).routes([dunlin_web::get(
            "/middleware",
            ok,
        )
        .middleware(early)]),
    );
    assert_eq!(get(&app, "/handler").await, "200 saw 500 Internal Server Error");
    assert_eq!(get(&app, "/middleware").await, "200 saw 500 Internal Server Error");
    let outermost = build(App::new().middleware(early).add_get("/", ok));
    assert_eq!(send(&outermost, "GET", "/").await.status(), 500);
}

#[tokio::test]
async fn one_renderer_words_every_error() {
    async fn refuse(req: Request, next: Next) -> Result {
        if req.query() == Some("refuse") {
            return Err(HttpError::forbidden());
        }
        Ok(next.run(req).await)
    }
    async fn text(text: String) -> String {
        text
    }
    async fn mine() -> (StatusCode, &'static str) {
        (StatusCode::NOT_FOUND, "mine")
    }
    let app = build(
        App::new()
            .render_errors(|view: &ErrorView<'_>| {
                let path = view.request.map_or("-", RequestHead::path);
                let text = format!("<{} {path} {}>", view.status().as_u16(), view.pattern);
                match view.accepts() {
                    Accepts::Html => Html(text).into_response(),
                    _ => text.into_response(),
                }
            })
            .middleware(refuse)
            .add_get("/ok", ok)
            .add_get("/fails", fails)
            .add_get("/panics", panics)
            .add_get("/mine", mine)
            .add_post("/text", text),
    );
    assert_eq!(get(&app, "/ok").await, "200 ok");
    assert_eq!(get(&app, "/ok?refuse").await, "403 <403 /ok /ok>");
    assert_eq!(get(&app, "/none").await, "404 <404 /none >");
    assert_eq!(get(&app, "/fails").await, "500 <500 /fails /fails>");
    assert_eq!(get(&app, "/mine").await, "404 mine", "a response is no error");
    let response = send(&app, "POST", "/ok").await;
    assert_eq!(field(&response, "allow"), Some("GET, HEAD"));
    assert_eq!(shown(response).await, "405 <405 /ok /ok>".replace(" /ok>", " >"));
    let response = send(&app, "GET", "/panics").await;
    assert_eq!(field(&response, "connection"), Some("close"));
    assert_eq!(shown(response).await, "500 <500 /panics /panics>");
    let req = common::posted("/text", "text/plain", &b"\xff"[..]);
    assert_eq!(shown(app.call(req).await).await, "415 <415 /text /text>");
    let req = with_field(common::request("GET", "/none"), "accept", "text/html");
    assert!(field(&app.call(req).await, "content-type").unwrap().starts_with("text/html"));
    let refused = app.refuse(Refusal::new(StatusCode::URI_TOO_LONG, "8 KiB at most"));
    assert_eq!(shown(refused).await, "414 <414 - >");
}

#[tokio::test]
async fn refusals_are_text_where_the_app_does_not_word_them() {
    let refused = build(App::new()).refuse(Refusal::new(StatusCode::BAD_REQUEST, "why"));
    assert_eq!(shown(refused).await, "400 400: Bad Request\nwhy");
}

#[tokio::test]
async fn failures_are_told_with_their_cause_to_the_program_alone() {
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = told.clone();
    let app = build(
        App::new()
            .on_error(move |view| {
                let cause = std::error::Error::source(view.error).unwrap();
                log.lock().unwrap().push(format!("{} {cause}", view.pattern));
            })
            .add_get("/fails", fails)
            .add_get("/panics", panics)
            .add_get("/ok", ok),
    );
    assert_eq!(get(&app, "/fails").await, "500 500: Internal Server Error\nsorry");
    get(&app, "/panics").await;
    get(&app, "/ok").await;
    get(&app, "/none").await;
    assert_eq!(*told.lock().unwrap(), ["/fails the cause", "/panics panicked: secret"]);
}

#[tokio::test]
async fn heads_are_prepared_by_every_app_on_the_way_outermost_first() {
    fn add(name: &'static str) -> impl Fn(&RequestHead, &mut ResponseHead) {
        move |req, head| {
            let so_far = head.headers.get_str("server").unwrap_or_else(|| req.path()).to_owned();
            let value = HeaderValue::try_from(format!("{so_far} {name}")).unwrap();
            head.headers.insert(SERVER, value);
        }
    }
    let child = App::new().on_response_prepare(add("child")).add_get("/x", ok);
    let app = build(
        App::new()
            .on_response_prepare(add("first"))
            .on_response_prepare(add("second"))
            .add_get("/x", ok)
            .add_get("/panics", panics)
            .nest("/c", child),
    );
    for (path, server) in [
        ("/x", "/x first second"),
        ("/c/x", "/c/x first second child"),
        ("/c/none", "/c/none first second child"),
        ("/none", "/none first second"),
        ("/panics", "/panics first second"),
    ] {
        assert_eq!(field(&send(&app, "GET", path).await, "server"), Some(server));
    }
    let broken = build(App::new().on_response_prepare(|_, _| panic!("in a hook")).add_get("/", ok));
    assert_eq!(send(&broken, "GET", "/").await.status(), 500);
}

#[tokio::test]
async fn middleware_may_answer_itself_change_requests_and_keep_settings() {
    struct Gate {
        word: &'static str,
    }

    impl Middleware for Gate {
        fn call(&self, req: Request, next: Next) -> dunlin_core::BoxFuture<'static, Response> {
            if req.query() == Some(self.word) {
                return Box::pin(next.run(req));
            }
            Box::pin(async { HttpError::unauthorized().into_response() })
        }
    }

    async fn post(mut req: Request, next: Next) -> Response {
        req.extensions_mut().insert(7u8);
        *req.body_mut() = "replaced".into();
        // A `Next` may be moved to a task.
        tokio::spawn(next.run(req)).await.unwrap()
    }

    async fn read(req: Request) -> Result<String> {
        let seven = *req.extensions().get::<u8>().unwrap();
        Ok(format!("{seven} {}", req.text().await?))
    }

    let app =
        build(App::new().middleware(Gate { word: "open" }).middleware(post).add_get("/", read));
    assert_eq!(get(&app, "/?open").await, "200 7 replaced");
    assert_eq!(get(&app, "/").await, "401 401: Unauthorized");
    assert_eq!(get(&app, "/none").await, "401 401: Unauthorized");
}

#[tokio::test]
async fn a_request_that_went_through_the_http_crates_type_keeps_its_route() {
    async fn convert(req: Request, next: Next) -> Response {
        next.run(Request::from(req.into_http())).await
    }
    async fn replace(_: Request, next: Next) -> Response {
        next.run(common::request("GET", "/other")).await
    }
    static KEY: dunlin_core::StateKey<u8> = dunlin_core::StateKey::new("key");
    async fn show(key: dunlin_web::State<u8>, req: Request) -> String {
        format!("{} {} {}", *key, req.path(), req.param("id").unwrap_or_default())
    }
    let app = build(App::new().state(&KEY, 7).routes([
        dunlin_web::get("/a/{id}", show).middleware(convert),
        dunlin_web::get("/b/{id}", show).middleware(replace),
    ]));
    assert_eq!(get(&app, "/a/x").await, "200 7 /a/x x");
    assert_eq!(get(&app, "/b/x").await, "200 7 /other");
}

#[derive(Debug, thiserror::Error)]
#[error("the note cannot be read")]
struct Unreadable(#[source] std::num::ParseIntError);

#[tokio::test]
async fn foreign_errors_are_told_once_with_their_sources_and_never_to_the_peer() {
    async fn parsed(text: &str) -> Result<u32, Unreadable> {
        text.parse().map_err(Unreadable)
    }
    async fn internal() -> Result<String> {
        Ok(parsed("secret").await.or_internal()?.to_string())
    }
    async fn bad() -> Result<String> {
        let number = parsed("secret").await;
        Ok(number.or_error(|| HttpError::bad_request().with_message("a number"))?.to_string())
    }
    async fn own() -> Result<()> {
        parsed("x").await.map(drop).or_error(|| HttpError::internal().with_source("its own"))
    }
    async fn none() -> Result<&'static str> {
        None.or_status(StatusCode::NOT_FOUND)
    }
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let app = App::new()
        .on_error(move |view: &ErrorView<'_>| {
            let first = std::error::Error::source(view.error);
            let chain = std::iter::successors(first, |error| error.source());
            let chain: Vec<_> = chain.map(ToString::to_string).collect();
            heard.lock().unwrap().push(chain.join(": "));
        })
        .middleware(async |req: Request, next: Next| next.run(req).await)
        .add_get("/internal", internal)
        .add_get("/bad", bad)
        .add_get("/own", own)
        .add_get("/none", none);
    let server = dunlin_server::Server::builder().bind("127.0.0.1:0").start(app).await.unwrap();
    let mut stream = tokio::net::TcpStream::connect(server.addresses()[0]).await.unwrap();
    let paths = ["/internal", "/bad", "/own", "/none"];
    let heads = paths.map(|path| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let heads = heads.concat() + "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut stream, heads.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer).await.unwrap();
    drop(stream);
    let statuses: Vec<_> = answer.split("HTTP/1.1 ").skip(1).map(|part| &part[..3]).collect();
    assert_eq!(statuses, ["500", "400", "500", "404", "404"]);
    assert!(!answer.contains("note") && !answer.contains("digit") && !answer.contains("its own"));
    assert!(answer.contains("a number"));
    server.shutdown().await.unwrap();
    assert_eq!(
        *told.lock().unwrap(),
        ["the note cannot be read: invalid digit found in string", "its own"]
    );
}
