//! The routes, each with the handler that answers it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path as Directory;
use std::time::Duration;

use bytes::Bytes;
use dunlin::http::header::{CONNECTION, CONTENT_TYPE, SET_COOKIE, WWW_AUTHENTICATE};
use dunlin::http::{HeaderName, HeaderValue, StatusCode};
use dunlin::web::respond::Representation;
use dunlin::web::{
    App, BasicCredentials, Compress, HttpError, Json, Multipart, Path, Query, Redirect, Result,
    Sse, SseEvent, Statics, WsUpgrade, any, get, post,
};
use dunlin::websocket::{Config, Deflate, Origins};
use dunlin::{Body, BoxError, IntoResponse, Request, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub(crate) fn app(files: &Directory) -> App {
    App::new().add_static(Statics::new("/static", files)).routes([
        get("/plaintext", plaintext),
        get("/json", json),
        get("/users/{id}/posts/{post}", user_post),
        post("/echo", echo),
        any("/headers", headers),
        get("/set-header", set_header),
        get("/chunked", chunked),
        get("/close", close),
        get("/slow", slow),
        post("/ignore", ignore),
        get("/status/{n}", status),
        get("/cookies/set", set_cookies),
        get("/redirect/{n}", redirect),
        get("/stream", stream_query),
        get("/stream/{n}", stream_path),
        get("/range/{n}", range),
        get("/gzip", compressible).middleware(Compress::new()),
        get("/sse", ticks).middleware(Compress::new()),
        post("/upload", upload),
        get("/ws", echo_messages),
        get("/basic-auth/{user}/{pass}", basic_auth),
    ])
}

async fn plaintext() -> &'static str {
    "Hello, World!"
}

#[derive(Serialize)]
struct Message {
    message: &'static str,
}

async fn json() -> Json<Message> {
    Json(Message { message: "Hello, World!" })
}

#[derive(Serialize)]
struct UserPost<'a> {
    id: Cow<'a, str>,
    post: Cow<'a, str>,
}

async fn user_post(req: Request) -> Response {
    let param = |name| req.param(name).unwrap_or_default();
    Json(UserPost { id: param("id"), post: param("post") }).into_response()
}

/// Reads the whole body first: one that breaks off is answered with 400, not with half a 200.
async fn echo(mut req: Request) -> Result {
    let body = req.take_body().into_vec().await?;
    let mut response = Response::new(body);
    if !response.headers_mut().copy_from(req.headers(), CONTENT_TYPE) {
        let media = HeaderValue::from_static("application/octet-stream");
        response.headers_mut().insert(CONTENT_TYPE, media);
    }
    Ok(response)
}

/// What was received, field by field.
async fn headers(req: Request) -> Json<serde_json::Value> {
    let mut fields = BTreeMap::<String, Vec<Cow<'_, str>>>::new();
    for (name, value) in req.headers() {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        fields.entry(name).or_default().push(String::from_utf8_lossy(value));
    }
    let about = [
        ("method", req.method().to_string()),
        ("target", req.head().target().to_owned()),
        ("version", format!("{:?}", req.version())),
        ("remote", req.peer().map_or_else(String::new, |peer| peer.ip().to_string())),
    ];
    let mut all = serde_json::json!(fields);
    for (name, text) in about {
        all[name] = text.into();
    }
    all["headers"] = serde_json::json!(fields);
    Json(all)
}

#[derive(Deserialize)]
struct Value {
    v: String,
}

async fn set_header(Query(Value { v }): Query<Value>) -> Result {
    let value = HeaderValue::try_from(v).map_err(refuse)?;
    Ok(Response::new(()).with_header(HeaderName::from_static("x-value"), value))
}

async fn chunked() -> Body {
    Body::from_stream(stream::iter(["one", "two", "three"].map(Ok::<_, BoxError>)))
}

async fn close() -> Response {
    "bye".into_response().with_header(CONNECTION, HeaderValue::from_static("close"))
}

#[derive(Deserialize)]
struct Delay {
    #[serde(default = "one_second")]
    ms: u64,
}

fn one_second() -> u64 {
    1000
}

async fn slow(Query(Delay { ms }): Query<Delay>) -> &'static str {
    tokio::time::sleep(Duration::from_millis(ms)).await;
    "slow"
}

async fn ignore() -> &'static str {
    "ignored"
}

async fn status(Path(n): Path<u16>) -> Result<StatusCode> {
    match n {
        200..=599 => StatusCode::from_u16(n).map_err(refuse),
        _ => Err(HttpError::bad_request().with_message("a status is from 200 to 599")),
    }
}

async fn set_cookies(Query(cookies): Query<Vec<(String, String)>>) -> Result {
    let mut response = Response::default();
    for (name, value) in cookies {
        let cookie = HeaderValue::try_from(format!("{name}={value}; Path=/")).map_err(refuse)?;
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

async fn redirect(Path(n): Path<u32>) -> Response {
    match n.checked_sub(1) {
        Some(next) => Redirect::found(format!("/redirect/{next}")).into_response(),
        None => "arrived".into_response(),
    }
}

#[derive(Deserialize)]
struct Size {
    n: u64,
}

async fn stream_query(Query(Size { n }): Query<Size>) -> Body {
    filler(n)
}

async fn stream_path(Path(n): Path<u64>) -> Body {
    filler(n)
}

/// Most bytes of `/range/{n}`, which are made anew each time.
const RANGE_MAX: usize = 16 * 1024 * 1024;

/// `n` bytes, the alphabet over and over.
async fn range(Path(n): Path<usize>, req: Request) -> Result {
    if n > RANGE_MAX {
        return Err(HttpError::bad_request().with_message(format!("at most {RANGE_MAX} bytes")));
    }
    let bytes: Vec<u8> = (b'a'..=b'z').cycle().take(n).collect();
    Ok(Representation::new(bytes).hashed().respond(&req))
}

/// `n` bytes in pieces of 64 KiB, without a length.
fn filler(n: u64) -> Body {
    static PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];
    let piece = Bytes::from_static(&PIECE);
    let len = PIECE.len() as u64;
    let pieces = (0..n.div_ceil(len)).map(move |i| {
        let left = (n - i * len).min(len);
        Ok::<_, BoxError>(piece.slice(..left as usize))
    });
    Body::from_stream(stream::iter(pieces))
}

/// About 2 kB of JSON.
async fn compressible() -> Json<serde_json::Value> {
    let birds = (0..32).map(
        |n| serde_json::json!({"id": n, "name": "dunlin", "ringed": n % 3 == 0, "site": "mudflat"}),
    );
    Json(serde_json::json!({ "birds": birds.collect::<Vec<_>>() }))
}

#[derive(Deserialize)]
struct Count {
    #[serde(default = "five")]
    n: u64,
}

fn five() -> u64 {
    5
}

/// `n` events, 20 ms apart.
async fn ticks(Query(Count { n }): Query<Count>) -> Sse {
    Sse::new(stream::unfold(0, move |i| async move {
        if i == n {
            return None;
        }
        if i > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Some((SseEvent::new(format!("tick {i}")).id(i.to_string()), i + 1))
    }))
}

#[derive(Serialize)]
struct Uploaded {
    name: Option<String>,
    filename: Option<String>,
    size: u64,
    sha256: String,
}

/// Hashes the parts as they come.
async fn upload(mut multipart: Multipart) -> Result<Json<Vec<Uploaded>>> {
    let mut all = Vec::new();
    while let Some(mut part) = multipart.next_part().await? {
        let (mut size, mut hash) = (0, Sha256::new());
        while let Some(chunk) = part.chunk().await? {
            size += chunk.len() as u64;
            hash.update(&chunk);
        }
        let (name, filename) =
            (part.name().map(str::to_owned), part.file_name().map(str::to_owned));
        all.push(Uploaded { name, filename, size, sha256: format!("{:x}", hash.finalize()) });
    }
    Ok(Json(all))
}

/// Sends every message back, to whoever asks: an echo goes by no cookies.
async fn echo_messages(ws: WsUpgrade) -> Response {
    let config = Config { deflate: Some(Deflate::default()), ..Config::default() };
    ws.config(config).origins(Origins::Any).on_upgrade(|mut ws| async move {
        while let Some(Ok(message)) = ws.receive().await {
            if ws.feed(message).await.is_err() {
                break;
            }
        }
    })
}

async fn basic_auth(
    Path((user, pass)): Path<(String, String)>,
    sent: Option<BasicCredentials>,
) -> Response {
    if sent.is_some_and(|sent| sent.name == user && sent.password == pass) {
        return "welcome".into_response();
    }
    StatusCode::UNAUTHORIZED
        .into_response()
        .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"testbed\""))
}

/// 400 with what is wrong.
fn refuse(error: impl std::error::Error + Send + Sync + 'static) -> HttpError {
    HttpError::bad_request().with_message(error.to_string()).with_source(error)
}
