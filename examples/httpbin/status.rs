//! `/status/{codes}`: the status that is asked for, or one of several by their weights.

use dunlin::http::header::{CONTENT_TYPE, LOCATION, PROXY_AUTHENTICATE, WWW_AUTHENTICATE};
use dunlin::http::{HeaderName, HeaderValue, StatusCode};
use dunlin::web::{Group, HttpError, Path, group};
use dunlin::{IntoResponse, Response};
use serde_json::json;

use crate::inspect::pretty;
use crate::verbs;

const MORE: HeaderName = HeaderName::from_static("x-more-info");
const BASIC: HeaderValue = HeaderValue::from_static("Basic realm=\"Fake Realm\"");
const TEAPOT: &str = r#"
         _
       _(_)_      short and stout
   .-'`     `'-.  _
  /   TEAPOT    \/ |
  |             |_/
   \           /
    `'-------'`
"#;

pub(crate) fn routes() -> Group {
    group("").routes([verbs("/status/{codes}", async |Path(codes): Path<String>| {
        choose(&codes).map(of).ok_or_else(|| {
            HttpError::bad_request().with_message(
                "Invalid status code: a number from 200 to 599 is expected, or several as \
                 200:0.8,503:0.2",
            )
        })
    })])
}

/// The answer that is sent for a status, with the fields that it calls for.
pub(crate) fn of(status: StatusCode) -> Response {
    let response = status.into_response();
    let fixed = HeaderValue::from_static;
    match status.as_u16() {
        301 | 302 | 303 | 305 | 307 => response.with_header(LOCATION, fixed("/redirect/1")),
        401 => response.with_header(WWW_AUTHENTICATE, BASIC),
        402 => response
            .with_header(MORE, fixed("https://www.rfc-editor.org/rfc/rfc9110#section-15.5.3"))
            .with_header(CONTENT_TYPE, fixed("text/plain; charset=utf-8"))
            .with_body("Nothing is for free.\n"),
        406 => pretty(&json!({
            "accept": ["image/webp", "image/svg+xml", "image/jpeg", "image/png", "image/*"],
            "message": "Client did not request a supported media type.",
        }))
        .with_status(status),
        407 => response.with_header(PROXY_AUTHENTICATE, BASIC),
        418 => response
            .with_header(MORE, fixed("https://www.rfc-editor.org/rfc/rfc2324"))
            .with_header(CONTENT_TYPE, fixed("text/plain; charset=utf-8"))
            .with_body(TEAPOT),
        _ => response,
    }
}

/// One of `CODE[:WEIGHT],…`; a weight that is left out is 1.
fn choose(codes: &str) -> Option<StatusCode> {
    let parse = |choice: &str| {
        let (code, weight) = choice.split_once(':').unwrap_or((choice, "1"));
        let code = code.trim().parse().ok().filter(|code| (200..600).contains(code))?;
        let weight =
            weight.trim().parse().ok().filter(|weight: &f64| (0.0..1e9).contains(weight))?;
        Some((StatusCode::from_u16(code).ok()?, weight))
    };
    let choices: Vec<_> = codes.split(',').map(parse).collect::<Option<_>>()?;
    let total: f64 = choices.iter().map(|(_, weight)| weight).sum();
    let mut at = fastrand::f64() * total;
    for (status, weight) in &choices {
        at -= weight;
        if at < 0.0 {
            return Some(*status);
        }
    }
    // All weights are 0, or the sum was rounded.
    choices.last().map(|(status, _)| *status)
}
