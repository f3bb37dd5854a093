//! What a handler may return.

use std::borrow::Cow;
use std::convert::Infallible;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::{Body, BodyError, BoxError, Headers, Refusal, Response};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Turns a value into a response.
///
/// | value | response |
/// | --- | --- |
/// | text | 200, `text/plain; charset=utf-8` |
/// | bytes | 200, `application/octet-stream` |
/// | `()` | 200, empty |
/// | [`StatusCode`] | that status, empty |
/// | `(StatusCode, T)` | `T` with that status |
/// | `([(HeaderName, HeaderValue); N], T)`, `(Headers, T)` | `T` with those fields set |
/// | `Result<T, E>` | whichever it is |
///
/// ```
/// use dunlin_core::IntoResponse;
/// use http::StatusCode;
///
/// let response = (StatusCode::CREATED, "made").into_response();
/// assert_eq!(response.status(), 201);
/// assert_eq!(response.headers().get_str("content-type"), Some("text/plain; charset=utf-8"));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a response",
    note = "return text, `Json<T>`, `Response`, a `StatusCode`, a tuple of a status and one of them, or a `Result` whose error is a response too, such as `HttpError`"
)]
pub trait IntoResponse {
    /// The response.
    fn into_response(self) -> Response;
}

impl IntoResponse for Response {
    fn into_response(self) -> Response {
        self
    }
}

impl<B> IntoResponse for http::Response<B>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn into_response(self) -> Response {
        self.into()
    }
}

impl IntoResponse for Infallible {
    fn into_response(self) -> Response {
        match self {}
    }
}

impl IntoResponse for () {
    fn into_response(self) -> Response {
        Response::default()
    }
}

impl IntoResponse for StatusCode {
    fn into_response(self) -> Response {
        Response::default().with_status(self)
    }
}

impl IntoResponse for Body {
    fn into_response(self) -> Response {
        Response::new(self)
    }
}

fn typed(content_type: HeaderValue, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

impl IntoResponse for &'static str {
    fn into_response(self) -> Response {
        typed(TEXT, self)
    }
}

impl IntoResponse for String {
    fn into_response(self) -> Response {
        typed(TEXT, self)
    }
}

impl IntoResponse for Cow<'static, str> {
    fn into_response(self) -> Response {
        match self {
            Cow::Borrowed(text) => text.into_response(),
            Cow::Owned(text) => text.into_response(),
        }
    }
}

impl IntoResponse for &'static [u8] {
    fn into_response(self) -> Response {
        typed(BYTES, self)
    }
}

impl IntoResponse for Vec<u8> {
    fn into_response(self) -> Response {
        typed(BYTES, self)
    }
}

impl IntoResponse for Bytes {
    fn into_response(self) -> Response {
        typed(BYTES, self)
    }
}

impl<T: IntoResponse, E: IntoResponse> IntoResponse for Result<T, E> {
    fn into_response(self) -> Response {
        match self {
            Ok(value) => value.into_response(),
            Err(error) => error.into_response(),
        }
    }
}

impl<T: IntoResponse> IntoResponse for (StatusCode, T) {
    fn into_response(self) -> Response {
        self.1.into_response().with_status(self.0)
    }
}

impl<T: IntoResponse, const N: usize> IntoResponse for ([(HeaderName, HeaderValue); N], T) {
    fn into_response(self) -> Response {
        let mut response = self.1.into_response();
        for (name, value) in self.0 {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl<T: IntoResponse, const N: usize> IntoResponse
    for (StatusCode, [(HeaderName, HeaderValue); N], T)
{
    fn into_response(self) -> Response {
        (self.1, self.2).into_response().with_status(self.0)
    }
}

impl<T: IntoResponse> IntoResponse for (Headers, T) {
    fn into_response(self) -> Response {
        (self.0.into_map(), self.1).into_response()
    }
}

impl<T: IntoResponse> IntoResponse for (HeaderMap, T) {
    fn into_response(self) -> Response {
        let mut response = self.1.into_response();
        let mut last = None;
        for (name, value) in self.0 {
            // A map names a field once and leaves the name out for its further values.
            match (name, &last) {
                (Some(name), _) => {
                    response.headers_mut().insert(name.clone(), value);
                    last = Some(name);
                }
                (None, Some(name)) => response.headers_mut().append(name.clone(), value),
                (None, None) => {}
            }
        }
        response
    }
}

/// The status of the error and its message as text; 500 says nothing of the program's own failure.
impl IntoResponse for BodyError {
    fn into_response(self) -> Response {
        let reason = match &self {
            Self::Source(_) => "the body could not be read".into(),
            error => error.to_string(),
        };
        Refusal::new(self.status(), reason).into_response()
    }
}

#[cfg(test)]
mod tests {
    use http::header::{LOCATION, SET_COOKIE};

    use super::*;

    #[test]
    fn tuples_set_status_and_fields_over_the_inner_value() {
        let response = (
            StatusCode::FOUND,
            [
                (LOCATION, HeaderValue::from_static("/x")),
                (CONTENT_TYPE, HeaderValue::from_static("a/b")),
            ],
            "text",
        )
            .into_response();
        assert_eq!(response.status(), 302);
        assert_eq!(response.headers().get(LOCATION), Some(&b"/x"[..]));
        assert_eq!(response.headers().get_all(CONTENT_TYPE).collect::<Vec<_>>(), [b"a/b"]);
    }

    #[test]
    fn a_map_keeps_every_value_of_a_name() {
        let mut map = HeaderMap::new();
        map.append(SET_COOKIE, HeaderValue::from_static("a=1"));
        map.append(SET_COOKIE, HeaderValue::from_static("b=2"));
        let response = (map, ()).into_response();
        assert_eq!(response.headers().get_all(SET_COOKIE).count(), 2);
    }

    #[test]
    fn a_failed_source_does_not_tell_the_peer_why() {
        let response = BodyError::source("password file missing").into_response();
        assert_eq!(response.status(), 500);
        assert!(!String::from_utf8_lossy(response.body().as_whole().unwrap()).contains("password"));
    }
}
