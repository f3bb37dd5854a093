//! How an app words its errors, once for all of them.

use std::sync::Arc;

use dunlin_core::{Headers, Refusal, RequestHead, Response};
use http::StatusCode;

use super::HttpError;

/// What a response made from an error carries in its extensions.
#[derive(Clone)]
pub(super) struct Record {
    error: Arc<HttpError>,
    /// The app's renderer has been at it.
    worded: bool,
}

impl Record {
    pub(super) fn new(error: HttpError) -> Self {
        Self { error: Arc::new(error), worded: false }
    }

    pub(super) fn error(&self) -> &HttpError {
        &self.error
    }
}

/// Words errors for an app: see [`App::render_errors`](crate::App::render_errors).
pub(crate) type Renderer = dyn Fn(&ErrorView<'_>) -> Response + Send + Sync;

/// An error and the request that it answers.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct ErrorView<'a> {
    /// What went wrong, with its cause.
    pub error: &'a HttpError,
    /// The request; `None` where the server refused it before there was one.
    pub request: Option<&'a RequestHead>,
    /// Pattern of the route, empty where none matched.
    pub pattern: &'a str,
}

impl ErrorView<'_> {
    /// The error's status.
    pub fn status(&self) -> StatusCode {
        self.error.status()
    }

    /// The form that the peer would rather have, by its `Accept` field.
    pub fn accepts(&self) -> Accepts {
        self.request.map_or(Accepts::Any, |head| Accepts::of(head.headers()))
    }
}

/// The form of an error that a peer would rather have.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Accepts {
    /// `text/html`, as browsers ask for.
    Html,
    /// `application/json` or a type that ends in `+json`.
    Json,
    /// `text/plain`.
    Text,
    /// No preference among these.
    Any,
}

impl Accepts {
    /// The first of the best rated types in `Accept` that is one of these (RFC 9110 §12.5.1).
    fn of(headers: &Headers) -> Self {
        let mut best = (Self::Any, 0.0);
        let lines = headers.get_all("accept").filter_map(|line| std::str::from_utf8(line).ok());
        for item in lines.flat_map(|line| line.split(',')) {
            let mut parts = item.split(';').map(str::trim);
            let kind = match parts.next().unwrap_or("").to_ascii_lowercase().as_str() {
                "text/html" | "application/xhtml+xml" => Self::Html,
                "text/plain" => Self::Text,
                json if json == "application/json" || json.ends_with("+json") => Self::Json,
                _ => continue,
            };
            let q = parts.find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")));
            let q = q.map_or(1.0, |q| q.parse().unwrap_or(0.0f32));
            if q > best.1 {
                best = (kind, q);
            }
        }
        best.0
    }
}

/// Has the app word the error that `response` was made from, once.
///
/// The error's status and fields stand whatever the renderer returns, so that a 405 keeps its `Allow`.
pub(crate) fn word(
    response: &mut Response,
    renderer: &Renderer,
    request: Option<&RequestHead>,
    pattern: &str,
) {
    let error = match response.extensions().get::<Record>() {
        Some(record) if record.worded => return,
        Some(record) => record.error.clone(),
        // What was refused below the app, such as by the extractor of a whole body.
        None => match response.extensions().get::<Refusal>() {
            Some(refusal) => Arc::new(HttpError::from(refusal.clone())),
            None => return,
        },
    };
    let mut worded = renderer(&ErrorView { error: &error, request, pattern });
    worded.head_mut().status = error.status();
    worded.head_mut().reason.clone_from(&error.0.reason);
    overlay(worded.headers_mut(), error.headers());
    worded.extensions_mut().insert(Record { error, worded: true });
    *response = worded;
}

/// Sets every field of `from` over those in `onto`; a name that comes twice in `from` stays twice.
pub(super) fn overlay(onto: &mut Headers, from: &Headers) {
    if from.is_empty() {
        return;
    }
    let from = from.clone().into_map();
    for name in from.keys() {
        onto.remove(name);
        for value in from.get_all(name) {
            onto.append(name.clone(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use dunlin_core::{BodyError, IntoResponse};
    use http::HeaderValue;
    use http::header::{ACCEPT, WWW_AUTHENTICATE};

    use super::*;

    fn text(response: &Response) -> &str {
        std::str::from_utf8(response.body().as_whole().unwrap()).unwrap()
    }

    #[test]
    fn a_renderer_words_once_and_keeps_status_and_fields() {
        let mut response = HttpError::unauthorized()
            .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"))
            .into_response();
        word(&mut response, &|view| Response::new(view.status().as_str().to_owned()), None, "");
        assert_eq!((response.status(), text(&response)), (StatusCode::UNAUTHORIZED, "401"));
        assert_eq!(response.headers().get_str(WWW_AUTHENTICATE), Some("Basic"));
        word(&mut response, &|_| Response::new("again"), None, "");
        assert_eq!(text(&response), "401");
    }

    #[test]
    fn what_core_refused_is_worded_too() {
        let mut response = BodyError::Incomplete.into_response();
        word(&mut response, &|view| Response::new(view.error.to_string()), None, "");
        assert!(text(&response).contains("the connection ended"));
        let mut plain = Response::new("mine").with_status(StatusCode::BAD_REQUEST);
        word(&mut plain, &|_| Response::new("not"), None, "");
        assert_eq!(text(&plain), "mine");
    }

    #[test]
    fn the_best_rated_form_is_preferred() {
        for (accept, want) in [
            ("text/html,application/xml;q=0.9,*/*;q=0.8", Accepts::Html),
            ("application/json", Accepts::Json),
            ("text/html;q=0.2, application/problem+json", Accepts::Json),
            ("text/plain;q=0, text/html;q=0", Accepts::Any),
            ("*/*", Accepts::Any),
        ] {
            let headers = Headers::from_iter([(ACCEPT, HeaderValue::try_from(accept).unwrap())]);
            assert_eq!(Accepts::of(&headers), want, "{accept}");
        }
    }
}
