//! `ResponseExt`: fields of a response by what they mean.

use std::time::SystemTime;

use dunlin_core::Response;
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, LAST_MODIFIED};

use super::cookie::{BadCookie, SetCookie};
use super::disposition;
use crate::conditional::{ETag, Validators};

/// What can be said of a response, checked.
///
/// ```
/// use dunlin_core::{IntoResponse, Request};
/// use dunlin_web::respond::{ResponseExt, SetCookie};
/// use dunlin_web::Result;
///
/// async fn greet(_: Request) -> Result {
///     let cookie = SetCookie::new("seen", "1").http_only();
///     Ok("name;age\n".into_response().with_content_type("text/csv")?.with_cookie(&cookie)?)
/// }
/// # let _ = greet;
/// ```
pub trait ResponseExt: Sized {
    /// Sets a cookie, in place of one of the same name, path and domain.
    ///
    /// # Errors
    ///
    /// As [`SetCookie::to_value`].
    fn with_cookie(self, cookie: &SetCookie) -> Result<Self, BadCookie>;

    /// Sets `Content-Type`.
    ///
    /// # Errors
    ///
    /// [`BadMediaType::Syntax`] unless it is `type/subtype`, parameters behind it.
    fn with_content_type(self, media: &str) -> Result<Self, BadMediaType>;

    /// Sets the `charset` of the `Content-Type`, in place of the one that it had.
    ///
    /// # Errors
    ///
    /// [`BadMediaType`] where there is no type yet, or bytes that have no characters
    /// (`application/octet-stream`), or the charset is no token.
    fn with_charset(self, charset: &str) -> Result<Self, BadMediaType>;

    /// Sets `ETag`.
    #[must_use]
    fn with_etag(self, etag: &ETag) -> Self;

    /// Sets `Last-Modified`, in whole seconds; a time to come becomes now.
    #[must_use]
    fn with_last_modified(self, time: SystemTime) -> Self;

    /// Has browsers save it under that name: see [`attachment`](super::attachment).
    #[must_use]
    fn with_attachment(self, file_name: &str) -> Self;
}

/// Why a media type cannot be set.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BadMediaType {
    /// It is not `type/subtype`, or holds what no field value does.
    #[error("a media type is written type/subtype, with parameters behind a semicolon")]
    Syntax,
    /// A charset that is not a token.
    #[error("a charset is a token, such as utf-8")]
    Charset,
    /// A charset for what is no text.
    #[error("application/octet-stream has no charset, and neither has a response without a type")]
    NoText,
}

impl ResponseExt for Response {
    fn with_cookie(mut self, cookie: &SetCookie) -> Result<Self, BadCookie> {
        cookie.apply(self.headers_mut())?;
        Ok(self)
    }

    fn with_content_type(self, media: &str) -> Result<Self, BadMediaType> {
        let (kind, sub) = essence(media).split_once('/').ok_or(BadMediaType::Syntax)?;
        match HeaderValue::from_str(media) {
            Ok(value) if is_token(kind) && is_token(sub) => {
                Ok(self.with_header(CONTENT_TYPE, value))
            }
            _ => Err(BadMediaType::Syntax),
        }
    }

    fn with_charset(self, charset: &str) -> Result<Self, BadMediaType> {
        if !is_token(charset) {
            return Err(BadMediaType::Charset);
        }
        let media = self.headers().get_str(CONTENT_TYPE).ok_or(BadMediaType::NoText)?;
        if essence(media).eq_ignore_ascii_case("application/octet-stream") {
            return Err(BadMediaType::NoText);
        }
        let is_charset = |parameter: &str| {
            parameter
                .split('=')
                .next()
                .is_some_and(|name| name.trim().eq_ignore_ascii_case("charset"))
        };
        let mut text = essence(media).to_owned();
        for parameter in media.split(';').skip(1).filter(|parameter| !is_charset(parameter)) {
            text.push(';');
            text.push_str(parameter);
        }
        text.push_str("; charset=");
        text.push_str(charset);
        self.with_content_type(&text)
    }

    fn with_etag(self, etag: &ETag) -> Self {
        self.with_header(ETAG, etag.to_value())
    }

    fn with_last_modified(mut self, time: SystemTime) -> Self {
        self.headers_mut().remove(&LAST_MODIFIED);
        Validators { etag: None, last_modified: Some(time) }.apply(self.headers_mut());
        self
    }

    fn with_attachment(self, file_name: &str) -> Self {
        self.with_header(CONTENT_DISPOSITION, disposition::attachment(file_name))
    }
}

fn essence(media: &str) -> &str {
    media.split(';').next().unwrap_or_default().trim()
}

/// A token of RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use dunlin_core::IntoResponse;

    use super::*;

    fn media(response: &Response) -> &str {
        response.headers().get_str(CONTENT_TYPE).unwrap()
    }

    #[test]
    fn a_type_is_checked_and_a_charset_goes_to_text_alone() {
        let csv = "a;b".into_response().with_content_type("text/csv; header=present").unwrap();
        let csv = csv.with_charset("utf-8").unwrap().with_charset("iso-8859-1").unwrap();
        assert_eq!(media(&csv), "text/csv; header=present; charset=iso-8859-1");
        for bad in ["", "text", "/", "text/", "te xt/a", "text/a\r\nx: y", "a/b/c"] {
            let result = Response::new("").with_content_type(bad);
            assert_eq!(result.unwrap_err(), BadMediaType::Syntax, "{bad}");
        }
        let bytes = b"".as_slice().into_response();
        assert_eq!(bytes.with_charset("utf-8").unwrap_err(), BadMediaType::NoText);
        assert_eq!(Response::new("").with_charset("utf-8").unwrap_err(), BadMediaType::NoText);
        let text = "".into_response();
        assert_eq!(text.with_charset("utf 8").unwrap_err(), BadMediaType::Charset);
    }

    #[test]
    fn validators_and_names_are_set() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_900);
        let response = Response::new("")
            .with_etag(&ETag::weak("a").unwrap())
            .with_last_modified(time)
            .with_attachment("a.txt");
        let field = |name: &str| response.headers().get_str(name);
        assert_eq!(field("etag"), Some("W/\"a\""));
        assert_eq!(field("last-modified"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert_eq!(field("content-disposition"), Some("attachment; filename=\"a.txt\""));
    }
}
