//! A response: head and body.

use std::fmt;

use bytes::Bytes;
use http::{Extensions, HeaderName, HeaderValue, StatusCode, Version, response};

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

/// A reason phrase inside of an [`http::Response`], which has no place for one. It is bound to its status, so
/// that a middleware that sets another does not send it with the wrong words.
#[derive(Clone)]
struct KeptReason {
    status: StatusCode,
    reason: ReasonPhrase,
}

impl ResponseHead {
    /// Head and body of an [`http::Response`], by move; it costs one box, for the fields. Extensions are
    /// dropped: [`Response`] keeps them.
    ///
    /// ```
    /// use dunlin_core::{ReasonPhrase, ResponseHead};
    ///
    /// let mut head = ResponseHead::default();
    /// head.reason = ReasonPhrase::new("Fine").ok();
    /// let response = head.into_http("body");
    /// let (head, body) = ResponseHead::from_http(response);
    /// assert_eq!((head.status.as_u16(), head.reason.unwrap().as_bytes(), body), (200, &b"Fine"[..], "body"));
    /// ```
    pub fn from_http<B>(response: http::Response<B>) -> (Self, B) {
        let (parts, body) = response.into_parts();
        (parts.into(), body)
    }

    /// An [`http::Response`] with that body. Costs an [`http::HeaderMap`], unless the fields are one.
    ///
    /// Names turn into lower case. Values keep their bytes, UTF-8 or not, and those of one name their order;
    /// among different names there is none in a map.
    ///
    /// `http` has no place for a reason phrase. It goes along in the extensions, unseen there, and is back
    /// after a conversion back if the status is the same then.
    pub fn into_http<B>(self, body: B) -> http::Response<B> {
        http::Response::from_parts(self.into(), body)
    }

    /// Takes the reason out of `extensions` as well.
    fn from_parts(parts: response::Parts) -> (Self, Extensions) {
        let mut extensions = parts.extensions;
        let kept = extensions.remove::<KeptReason>().filter(|kept| kept.status == parts.status);
        let head = Self {
            status: parts.status,
            version: parts.version,
            reason: kept.map(|kept| kept.reason),
            headers: parts.headers.into(),
        };
        (head, extensions)
    }
}

/// As [`ResponseHead::from_http`].
impl From<response::Parts> for ResponseHead {
    fn from(parts: response::Parts) -> Self {
        Self::from_parts(parts).0
    }
}

/// As [`ResponseHead::into_http`].
impl From<ResponseHead> for response::Parts {
    fn from(head: ResponseHead) -> Self {
        let (mut parts, ()) = http::Response::new(()).into_parts();
        parts.status = head.status;
        parts.version = head.version;
        parts.headers = head.headers.into_map();
        if let Some(reason) = head.reason {
            parts.extensions.insert(KeptReason { status: head.status, reason });
        }
        parts
    }
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

    /// Converts by move into the type that other libraries take. A reason phrase goes along as by
    /// [`ResponseHead::into_http`].
    pub fn into_http(self) -> http::Response<Body> {
        let mut parts = response::Parts::from(self.head);
        let kept = std::mem::replace(&mut parts.extensions, self.extensions);
        parts.extensions.extend(kept);
        http::Response::from_parts(parts, self.body)
    }
}

impl<B> From<http::Response<B>> for Response
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn from(response: http::Response<B>) -> Self {
        let (parts, body) = response.into_parts();
        let (head, extensions) = ResponseHead::from_parts(parts);
        Self { head, body: Body::from_http_body(body), extensions }
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

    #[test]
    fn a_reason_comes_back_with_its_status_and_not_with_another() {
        let mut response = Response::new("").with_status(StatusCode::NOT_FOUND);
        response.head_mut().reason = ReasonPhrase::new("Flown").ok();
        response.extensions_mut().insert(7u8);
        let back = Response::from(response.into_http());
        assert_eq!(back.head().reason.as_ref().unwrap().as_bytes(), b"Flown");
        assert_eq!((back.extensions().len(), back.extensions().get::<u8>()), (1, Some(&7)));
        let mut http = back.into_http();
        *http.status_mut() = StatusCode::OK;
        let back = Response::from(http);
        assert_eq!((&back.head().reason, back.extensions().len()), (&None, 1));
    }

    #[test]
    fn a_head_goes_to_http_and_back_with_every_version_and_byte() {
        for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2] {
            let mut head = ResponseHead { version, ..ResponseHead::default() };
            let name = HeaderName::from_static("x-a");
            for value in [&b"2"[..], b"\xff", b"1", b"2"] {
                head.headers.append(name.clone(), HeaderValue::from_bytes(value).unwrap());
            }
            let (back, body) = ResponseHead::from_http(head.clone().into_http("body"));
            assert_eq!((back.version, back.status, body), (version, StatusCode::OK, "body"));
            assert_eq!(back.headers, head.headers);
            assert!(back.reason.is_none());
        }
    }
}
