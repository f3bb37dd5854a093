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
        write(error, response.extensions().get::<Handled>());
    }
}

/// As [`log`], for an error of which no response is made.
#[cfg(feature = "tasks")]
pub(crate) fn log_error(error: &HttpError) {
    write(error, None);
}

fn write(error: &HttpError, handled: Option<&Handled>) {
    let Some(source) = error.source() else { return };
    if source.is::<Panic>() {
        return;
    }
    eprintln!("dunlin: {}", line(error, handled, source));
}

/// Which handler a response is from.
#[derive(Clone, Copy)]
struct Handled(&'static str);

/// Notes who has failed, for the log.
#[cold]
pub(crate) fn handled_by(handler: &'static str, response: &mut Response) {
    response.extensions_mut().insert(Handled(handler));
}

/// The error, the handler that it is from, and its causes, as far as the one before does not tell them.
fn line(error: &HttpError, handled: Option<&Handled>, source: &(dyn Error + 'static)) -> String {
    let mut line = match handled {
        Some(Handled(handler)) => format!("{error} in {handler}"),
        None => error.to_string(),
    };
    let mut told = String::new();
    let mut next = Some(source);
    while let Some(cause) = next {
        let text = cause.to_string();
        if !told.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
            told = text;
        }
        next = cause.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read birds.json: {0}")]
    struct Shown(#[source] io::Error);

    #[derive(Debug, thiserror::Error)]
    #[error("no birds")]
    struct Hidden(#[source] Shown);

    #[test]
    fn a_line_names_the_handler_and_tells_each_cause_once() {
        let error =
            HttpError::internal().with_source(Hidden(Shown(io::Error::other("disk on fire"))));
        let mut response = error.into_response();
        handled_by("board::birds", &mut response);
        let (error, handled) = (HttpError::of(&response).unwrap(), response.extensions().get());
        assert_eq!(
            line(error, handled, error.source().unwrap()),
            "500 Internal Server Error in board::birds: no birds: cannot read birds.json: disk on fire"
        );
    }
}
