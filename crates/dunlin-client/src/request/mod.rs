//! Requests: what is asked for, and on which terms.

mod body;
mod builder;
mod file;

use std::fmt;
use std::sync::Arc;

use dunlin_core::Headers;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method};

pub use self::body::RequestBody;
pub use self::builder::RequestBuilder;
pub use self::file::file_part;
use crate::settings::Settings;
use crate::url::Url;

/// A request that is ready to be sent, as [middleware](crate::Middleware) sees it.
///
/// Cloning shares the body: see [`RequestBody`] for when it can be sent twice.
#[derive(Clone)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Headers,
    /// Fields of the client that it goes without.
    pub(crate) without: Vec<HeaderName>,
    pub(crate) body: RequestBody,
    pub(crate) trailers: Option<Box<HeaderMap>>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) extensions: Extensions,
}

impl Request {
    pub(crate) fn new(method: Method, url: Url, settings: Arc<Settings>) -> Self {
        Self {
            method,
            url,
            headers: Headers::new(),
            without: Vec::new(),
            body: RequestBody::empty(),
            trailers: None,
            settings,
            extensions: Extensions::new(),
        }
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Sets the method.
    pub fn set_method(&mut self, method: Method) {
        self.method = method;
    }

    /// Where it goes.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Sends it elsewhere.
    pub fn set_url(&mut self, url: Url) {
        self.url = url;
    }

    /// The fields, as far as they are known before the connection is: neither Host nor the body's
    /// framing is among them unless it was set by hand.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The fields, to change.
    pub fn headers_mut(&mut self) -> &mut Headers {
        &mut self.headers
    }

    /// Sets a field, and takes those of the same name away.
    pub fn insert_header(&mut self, name: HeaderName, value: HeaderValue) {
        self.headers.insert(name, value);
    }

    /// The body.
    pub fn body(&self) -> &RequestBody {
        &self.body
    }

    /// Sets the body. A `Content-Length` that was set by hand has to go with it.
    pub fn set_body(&mut self, body: impl Into<RequestBody>) {
        self.body = body.into();
    }

    /// What the program attached to it.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// The same, to change.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }

    /// Whether it is for `http` and may go by `https` alone: it fails when it is sent, and has no answer
    /// from elsewhere before.
    pub(crate) fn is_too_plain(&self) -> bool {
        self.settings.https_only && !self.url.origin().is_tls()
    }

    /// Whether the method is one that may be repeated with the effect of one (RFC 9110 §9.2.2), or an
    /// `Idempotency-Key` says that the server sees to it.
    pub fn is_idempotent(&self) -> bool {
        self.method.is_idempotent()
            || self.method.as_str() == "QUERY"
            || self.headers.contains("idempotency-key")
            || self.headers.contains("x-idempotency-key")
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &self.url)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}
