//! What the program did wrong: panics, and causes that somebody should see.

use std::error::Error;

use dunlin_core::{IntoResponse, Response};
use http::HeaderValue;

use super::HttpError;

/// A panic that was caught: 500, and the connection is closed, since what the handler shared with
/// others may be half changed.
pub(crate) fn panicked(payload: &(dyn std::any::Any + Send)) -> Response {
    of_panic(payload).into_response()
}

/// The error that tells of a panic.
pub(crate) fn of_panic(payload: &(dyn std::any::Any + Send)) -> HttpError {
    HttpError::internal()
        .with_header(http::header::CONNECTION, HeaderValue::from_static("close"))
        .with_source(Panic::from_payload(payload))
}

/// A handler or middleware panicked: the cause of the 500 that answered the request.
///
/// No middleware is needed for panics to be caught: every app answers 500 and closes the connection, in the words
/// of [`App::render_errors`](crate::App::render_errors), and tells [`App::on_error`](crate::App::on_error). The
/// middleware around what panicked runs on and sees the response:
///
/// ```
/// use dunlin_core::{Request, Response};
/// use dunlin_web::{App, Next, Panic};
///
/// async fn alarm(req: Request, next: Next) -> Response {
///     let path = req.path().to_owned();
///     let response = next.run(req).await;
///     if let Some(panic) = Panic::of(&response) {
///         eprintln!("wake somebody: {path} {panic}");
///     }
///     response
/// }
/// # App::new().middleware(alarm).build().unwrap();
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[error("panicked: {message}")]
#[non_exhaustive]
pub struct Panic {
    /// What it panicked with, where that is text.
    pub message: String,
}

impl Panic {
    pub(crate) fn from_payload(payload: &(dyn std::any::Any + Send)) -> Self {
        let message = payload
            .downcast_ref::<&'static str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned());
        Self { message: message.unwrap_or_default() }
    }

    /// The panic that a response was made from.
    pub fn of(response: &Response) -> Option<&Self> {
        HttpError::of(response)?.source()?.downcast_ref()
    }
}

/// Writes the cause of a 5xx to stderr: what apps without
/// [`on_error`](crate::App::on_error) do, since a cause that nobody sees cannot be mended.
///
/// A panic has been written by the panic hook already.
#[cold]
pub(crate) fn log(response: &Response) {
    if let Some(error) = HttpError::of(response) {
        log_error(error);
    }
}

/// As [`log`], for an error of which no response is made.
pub(crate) fn log_error(error: &HttpError) {
    let Some(source) = error.source() else { return };
    if source.is::<Panic>() {
        return;
    }
    let mut line = format!("{error}: {source}");
    let mut next = source.source();
    while let Some(cause) = next {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        next = cause.source();
    }
    eprintln!("dunlin: {line}");
}
