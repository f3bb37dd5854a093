//! Documents of every kind, codings included.

use dunlin::compress::{Coding, encode_all};
use dunlin::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use dunlin::http::{HeaderValue, StatusCode};
use dunlin::web::{Group, Html, Json, Result, Statics, get, group};
use dunlin::{IntoResponse, Request, Response};
use serde_json::{Value, json};

use crate::inspect::{self, pretty};
use crate::status;

const DENIED: &str = r"
      .----------.
     /   _    _   \
    |   (x)  (x)   |
    |      /\      |
    |    .----.    |
     \  /      \  /
      '----------'
  YOU SHOULDN'T BE HERE
";

pub(crate) fn routes() -> Group {
    let icon = Statics::memory("/static", [("favicon.svg", include_str!("images/dunlin.svg"))]);
    group("").add_static(icon).routes([
        get("/", async || Html(include_str!("pages/index.html"))),
        get("/forms/post", async || Html(include_str!("pages/form.html"))),
        get("/html", async || Html(include_str!("pages/sample.html"))),
        get("/encoding/utf8", async || Html(include_str!("pages/utf8.html"))),
        get("/xml", async || document("application/xml", include_str!("pages/sample.xml"))),
        get("/json", async || Json(slides())),
        get("/robots.txt", async || document("text/plain", "User-agent: *\nDisallow: /deny\n")),
        get("/deny", async || document("text/plain", DENIED)),
        get("/gzip", async |req: Request| encoded(&req, Coding::Gzip, "gzipped")),
        get("/deflate", async |req: Request| encoded(&req, Coding::Deflate, "deflated")),
        get("/brotli", async |req: Request| encoded(&req, Coding::Brotli, "brotli")),
        get("/image", image),
        get("/image/png", async || picture("image/png")),
        get("/image/jpeg", async || picture("image/jpeg")),
        get("/image/webp", async || picture("image/webp")),
        get("/image/svg", async || picture("image/svg+xml")),
    ])
}

fn document(media: &'static str, text: &'static str) -> Response {
    Response::new(text).with_header(CONTENT_TYPE, HeaderValue::from_static(media))
}

fn slides() -> Value {
    json!({ "slideshow": {
        "title": "Sample Slide Show",
        "date": "date of publication",
        "author": "Yours Truly",
        "slides": [
            { "type": "all", "title": "Wake up to WonderWidgets!" },
            {
                "type": "all",
                "title": "Overview",
                "items": [
                    "Why <em>WonderWidgets</em> are great",
                    "Who <em>buys</em> WonderWidgets",
                ],
            },
        ],
    }})
}

/// In that coding, whatever the client says that it understands.
fn encoded(req: &Request, coding: Coding, word: &str) -> Result {
    let mut told = inspect::head(req, &["headers", "method", "origin"]);
    told[word] = true.into();
    let plain = pretty(&told);
    let body = plain.body().as_whole().unwrap_or_default();
    let body = encode_all(coding, coding.default_level(), body).map_err(dunlin::BoxError::from)?;
    Ok(plain.with_body(body).with_header(CONTENT_ENCODING, HeaderValue::from_static(coding.name())))
}

/// The first of these kinds that `Accept` names.
async fn image(req: Request) -> Response {
    let Some(accepted) = req.headers().get_str("accept") else { return picture("image/png") };
    let accepted = accepted.to_ascii_lowercase();
    let named = ["image/webp", "image/svg+xml", "image/jpeg", "image/png"];
    match named.into_iter().find(|media| accepted.contains(media)) {
        Some(media) => picture(media),
        None if accepted.contains("image/*") || accepted.contains("*/*") => picture("image/png"),
        None => status::of(StatusCode::NOT_ACCEPTABLE),
    }
}

fn picture(media: &'static str) -> Response {
    let bytes: &'static [u8] = match media {
        "image/webp" => include_bytes!("images/dunlin.webp"),
        "image/svg+xml" => include_bytes!("images/dunlin.svg"),
        "image/jpeg" => include_bytes!("images/dunlin.jpg"),
        _ => include_bytes!("images/dunlin.png"),
    };
    bytes.into_response().with_header(CONTENT_TYPE, HeaderValue::from_static(media))
}
