//! A response: head and body.

use std::fmt;

use bytes::Bytes;
use http::{Extensions, HeaderName, HeaderValue, StatusCode, Version};

use crate::{Body, BoxError, Headers};

/// An HTTP response.
///
/// ```
/// use dunlin_core::Response;
/// use http::{HeaderValue, StatusCode, header::LOCATION};
///
/// let response = Response::new("moved\n")
///     .with_status(StatusCode::FOUND)
///     .with_header(LOCATION, HeaderValue::from_static("/new"));
/// assert_eq!(response.headers().get("location"), Some(&b"/new"[..]));
/// ```
#[derive(Debug, Default)]
pub struct Response {
    head: ResponseHead,
    body: Body,
    extensions: Extensions,
}

/// Everything before a response's body.
#[non_exhaustive]
#[derive(Clone, Debug, Default)]
pub struct ResponseHead {
    /// The status. Default: 200.
    pub status: StatusCode,
    /// Set on responses that were received; a server decides for itself what it sends.
    pub version: Version,
    /// Replaces the registered reason of the status. Default: none.
    pub reason: Option<ReasonPhrase>,
    /// The header fields.
    pub headers: Headers,
}

/// The words after a status code (RFC 9112 §4).
#[derive(Clone, Eq, PartialEq)]
pub struct ReasonPhrase(Box<[u8]>);

/// A reason phrase holds a control character, which could split the response.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("byte 0x{byte:02x} at {at} is not allowed in a reason phrase")]
#[non_exhaustive]
pub struct InvalidReason {
    /// The byte.
    pub byte: u8,
    /// Its offset.
    pub at: usize,
}

impl ReasonPhrase {
    /// Checks and keeps a reason: visible characters, spaces, tabs and bytes from 0x80 on.
    ///
    /// # Errors
    ///
    /// [`InvalidReason`] at the first other byte.
    pub fn new(reason: impl AsRef<[u8]>) -> Result<Self, InvalidReason> {
        let reason = reason.as_ref();
        match reason.iter().position(|b| (*b < b' ' && *b != b'\t') || *b == 0x7f) {
            Some(at) => Err(InvalidReason { byte: reason[at], at }),
            None => Ok(Self(reason.into())),
        }
    }

    /// The words as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for ReasonPhrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        String::from_utf8_lossy(&self.0).fmt(f)
    }
}

impl Response {
    /// 200 with that body. Sets no Content-Type: [`IntoResponse`](crate::IntoResponse) for text does.
    #[inline]
    pub fn new(body: impl Into<Body>) -> Self {
        Self { head: ResponseHead::default(), body: body.into(), extensions: Extensions::new() }
    }

    /// A response from a head, such as a received one.
    pub fn from_head(head: ResponseHead, body: Body) -> Self {
        Self { head, body, extensions: Extensions::new() }
    }

    /// The same with another status.
    #[must_use]
    #[inline]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.head.status = status;
        self
    }

    /// The same with the field set; values that it had are replaced.
    #[must_use]
    #[inline]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.head.headers.insert(name, value);
        self
    }

    /// The same with another body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.head.status
    }

    /// Status, reason and fields.
    pub fn head(&self) -> &ResponseHead {
        &self.head
    }

    /// Status, reason and fields, to change them.
    pub fn head_mut(&mut self) -> &mut ResponseHead {
        &mut self.head
    }

    /// The header fields.
    pub fn headers(&self) -> &Headers {
        &self.head.headers
    }

    /// The header fields, to change them.
    pub fn headers_mut(&mut self) -> &mut Headers {
        &mut self.head.headers
    }

    /// The body.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The body, to change it.
    pub fn body_mut(&mut self) -> &mut Body {
        &mut self.body
    }

    /// The body alone.
    pub fn into_body(self) -> Body {
        self.body
    }

    /// Head and body.
    pub fn into_parts(self) -> (ResponseHead, Body) {
        (self.head, self.body)
    }

    /// Values that a handler hands to middleware, by type; none goes over the wire.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// Values that a handler hands to middleware, to change them.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }

    /// Converts by move into the type that other libraries take. A reason phrase is not kept there.
    pub fn into_http(self) -> http::Response<Body> {
        let mut response = http::Response::new(self.body);
        *response.status_mut() = self.head.status;
        *response.version_mut() = self.head.version;
        *response.headers_mut() = self.head.headers.into_map();
        *response.extensions_mut() = self.extensions;
        response
    }
}

impl<B> From<http::Response<B>> for Response
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn from(response: http::Response<B>) -> Self {
        let (parts, body) = response.into_parts();
        let head = ResponseHead {
            status: parts.status,
            version: parts.version,
            reason: None,
            headers: parts.headers.into(),
        };
        Self { head, body: Body::from_http_body(body), extensions: parts.extensions }
    }
}

impl From<Response> for http::Response<Body> {
    fn from(response: Response) -> Self {
        response.into_http()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_crosses_threads() {
        fn send_sync<T: Send + Sync>() {}
        send_sync::<Response>();
    }

    #[test]
    fn a_reason_that_would_split_the_response_is_refused() {
        assert_eq!(ReasonPhrase::new("a\r\nb"), Err(InvalidReason { byte: b'\r', at: 1 }));
        assert_eq!(ReasonPhrase::new("Très bien").unwrap().as_bytes(), "Très bien".as_bytes());
    }

    #[test]
    fn conversions_to_and_from_http_keep_everything() {
        let http = http::Response::builder()
            .status(404)
            .header("x-a", "1")
            .body(Body::from("no"))
            .unwrap();
        let back = Response::from(http).into_http();
        assert_eq!(
            (back.status(), &back.headers()["x-a"]),
            (StatusCode::NOT_FOUND, &"1".parse().unwrap())
        );
        assert_eq!(back.body().exact_len(), Some(2));
    }
}
