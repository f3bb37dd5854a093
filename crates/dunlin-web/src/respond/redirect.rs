//! `Redirect`: the way elsewhere.

use dunlin_core::{IntoResponse, Response};
use http::header::LOCATION;
use http::{HeaderValue, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::error::HttpError;

/// What no URI has (RFC 3986 §2), so that a redirect never splits a response; escapes stay.
const NOT_URI: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A redirect to another URL, absolute or relative.
///
/// | constructor | status | method of the next request |
/// | --- | --- | --- |
/// | [`found`](Self::found) | 302 | `GET` in place of `POST`, by custom |
/// | [`see_other`](Self::see_other) | 303 | `GET` |
/// | [`temporary`](Self::temporary) | 307 | the same |
/// | [`moved`](Self::moved) | 301, cached | `GET` in place of `POST`, by custom |
/// | [`permanent`](Self::permanent) | 308, cached | the same |
///
/// ```
/// use dunlin_core::IntoResponse;
/// use dunlin_web::Redirect;
///
/// let response = Redirect::see_other("/notes/7").into_response();
/// assert_eq!(response.status(), 303);
/// assert_eq!(response.headers().get_str("location"), Some("/notes/7"));
/// ```
///
/// Characters that no URI has are percent-encoded. A URL from outside is the caller's to check: a
/// redirect to wherever a query says serves phishing.
#[derive(Clone, Debug)]
#[must_use = "a redirect is a response"]
pub struct Redirect {
    status: StatusCode,
    location: String,
}

impl Redirect {
    fn new(status: StatusCode, location: impl AsRef<str>) -> Self {
        Self { status, location: utf8_percent_encode(location.as_ref(), NOT_URI).to_string() }
    }

    /// 302 Found.
    pub fn found(location: impl AsRef<str>) -> Self {
        Self::new(StatusCode::FOUND, location)
    }

    /// 303 See Other: the answer to a form, from where a reload sends nothing again.
    pub fn see_other(location: impl AsRef<str>) -> Self {
        Self::new(StatusCode::SEE_OTHER, location)
    }

    /// 307 Temporary Redirect.
    pub fn temporary(location: impl AsRef<str>) -> Self {
        Self::new(StatusCode::TEMPORARY_REDIRECT, location)
    }

    /// 301 Moved Permanently.
    pub fn moved(location: impl AsRef<str>) -> Self {
        Self::new(StatusCode::MOVED_PERMANENTLY, location)
    }

    /// 308 Permanent Redirect.
    pub fn permanent(location: impl AsRef<str>) -> Self {
        Self::new(StatusCode::PERMANENT_REDIRECT, location)
    }
}

/// 500 where the location is empty, which clients would read as the page itself.
impl IntoResponse for Redirect {
    fn into_response(self) -> Response {
        match HeaderValue::try_from(self.location) {
            Ok(location) if !location.is_empty() => {
                Response::default().with_status(self.status).with_header(LOCATION, location)
            }
            _ => HttpError::internal().with_source("redirect to an empty location").into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_cannot_split_the_response() {
        let response = Redirect::found("/a b\r\nSet-Cookie: x=1é%20").into_response();
        let location = response.headers().get_str(LOCATION).unwrap().to_owned();
        assert_eq!(location, "/a%20b%0D%0ASet-Cookie:%20x=1%C3%A9%20");
        assert_eq!(Redirect::found("").into_response().status(), 500);
    }
}
