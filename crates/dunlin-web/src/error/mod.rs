//! The error that a handler returns.

mod failure;
mod or_error;
mod problem;
mod render;

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use dunlin_core::{
    BodyError, BoxError, Headers, IntoResponse, ReasonPhrase, Refusal, Response, UrlError,
};
use http::header::{ALLOW, LINK};
use http::{HeaderName, HeaderValue, Method, StatusCode};

pub use self::failure::Panic;
#[cfg(feature = "tasks")]
pub(crate) use self::failure::log_error;
#[cfg(feature = "websocket")]
pub(crate) use self::failure::of_panic;
pub(crate) use self::failure::{handled_by, log, panicked};
pub use self::or_error::OrError;
pub use self::problem::problem_details;
pub use self::render::{Accepts, ErrorView};
use self::render::{Record, overlay};
pub(crate) use self::render::{Renderer, word};

/// What a handler returns: a response, or an error that is one.
pub type Result<T = Response, E = HttpError> = std::result::Result<T, E>;

/// An error that is a response: a status, words for the peer, fields, and a cause for the log.
///
/// Its body is `STATUS: REASON` and the message, as plain text, unless the app words errors itself
/// ([`App::render_errors`](crate::App::render_errors)). The cause never goes over the wire.
///
/// ```
/// use dunlin_web::{HttpError, Result};
///
/// fn parse(text: &str) -> Result<u32> {
///     text.parse().map_err(|error| {
///         HttpError::bad_request().with_message("not a number").with_source(error)
///     })
/// }
/// assert_eq!(parse("x").unwrap_err().status(), 400);
/// ```
///
/// `?` makes one of the errors of bodies, of I/O, of Dunlin's own types and of [`BoxError`]. [`OrError`] says in a
/// word what any other means.
///
/// One pointer wide, so that `Result<T>` costs a handler nothing to speak of.
pub struct HttpError(Box<Inner>);

struct Inner {
    status: StatusCode,
    message: Option<Cow<'static, str>>,
    reason: Option<ReasonPhrase>,
    problem_type: Option<Cow<'static, str>>,
    headers: Headers,
    source: Option<BoxError>,
}

impl HttpError {
    /// An error of any status; most have a constructor of their own.
    pub fn new(status: StatusCode) -> Self {
        Self(Box::new(Inner {
            status,
            message: None,
            reason: None,
            problem_type: None,
            headers: Headers::new(),
            source: None,
        }))
    }

    /// 405 with its `Allow` field (RFC 9110 §15.5.6).
    pub fn method_not_allowed(allowed: impl IntoIterator<Item = Method>) -> Self {
        let mut names: Vec<Method> = allowed.into_iter().collect();
        names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        names.dedup();
        let names: Vec<&str> = names.iter().map(Method::as_str).collect();
        // Methods are tokens, which are valid in a field value.
        let allow = HeaderValue::try_from(names.join(", "));
        Self::new(StatusCode::METHOD_NOT_ALLOWED)
            .with_header(ALLOW, allow.unwrap_or_else(|_| HeaderValue::from_static("")))
    }

    /// 413 that names the limit, in bytes.
    pub fn payload_too_large(limit: u64) -> Self {
        BodyError::TooLarge { limit }.into()
    }

    /// 451 with a link to who demands it (RFC 7725 §3); a link that is no URL is left out.
    pub fn unavailable_for_legal_reasons(blocked_by: &str) -> Self {
        let error = Self::new(StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS);
        if blocked_by.contains(['<', '>', '"', ' ']) {
            return error;
        }
        match HeaderValue::try_from(format!("<{blocked_by}>; rel=\"blocked-by\"")) {
            Ok(link) => error.with_header(LINK, link),
            Err(_) => error,
        }
    }

    /// The same with words for the peer.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.0.message = Some(message.into());
        self
    }

    /// The same with another reason phrase than the registered one. [`ReasonPhrase::new`] refuses one with a
    /// line break.
    #[must_use]
    pub fn with_reason(mut self, reason: ReasonPhrase) -> Self {
        self.0.reason = Some(reason);
        self
    }

    /// The same with a URI that says what kind of problem it is, for [`problem_details`] (RFC 9457 §3.1.1).
    /// Default: `about:blank`, which means what the status means.
    #[must_use]
    pub fn with_problem_type(mut self, uri: impl Into<Cow<'static, str>>) -> Self {
        self.0.problem_type = Some(uri.into());
        self
    }

    /// The same with its cause, which the log gets and the peer does not.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same with the field set.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Words for the peer.
    pub fn message(&self) -> Option<&str> {
        self.0.message.as_deref()
    }

    /// What kind of problem it is, where that was said.
    pub fn problem_type(&self) -> Option<&str> {
        self.0.problem_type.as_deref()
    }

    /// The fields that the response will have besides those of its body.
    pub fn headers(&self) -> &Headers {
        &self.0.headers
    }

    /// The fields, to change them.
    pub fn headers_mut(&mut self) -> &mut Headers {
        &mut self.0.headers
    }

    /// The error that a response was made from, for middleware that looks at what went wrong.
    ///
    /// ```
    /// use dunlin_core::IntoResponse;
    /// use dunlin_web::HttpError;
    ///
    /// let response = HttpError::conflict().with_message("already there").into_response();
    /// assert_eq!(HttpError::of(&response).unwrap().message(), Some("already there"));
    /// ```
    pub fn of(response: &Response) -> Option<&Self> {
        response.extensions().get::<Record>().map(Record::error)
    }

    /// The reason phrase: its own, or the registered one.
    fn title(&self) -> Cow<'_, str> {
        match &self.0.reason {
            Some(reason) => String::from_utf8_lossy(reason.as_bytes()),
            None => self.0.status.canonical_reason().unwrap_or("Error").into(),
        }
    }

    fn text(&self) -> String {
        let reason = self.title();
        match self.message() {
            Some(message) => format!("{}: {reason}\n{message}\n", self.0.status.as_str()),
            None => format!("{}: {reason}\n", self.0.status.as_str()),
        }
    }
}

macro_rules! constructors {
    ($($name:ident $status:ident $doc:literal;)*) => {
        impl HttpError {$(
            #[doc = $doc]
            pub fn $name() -> Self {
                Self::new(StatusCode::$status)
            }
        )*}
    };
}

constructors! {
    bad_request BAD_REQUEST "400: the request cannot be understood.";
    unauthorized UNAUTHORIZED "401: credentials are missing or wrong; set `WWW-Authenticate` (RFC 9110 §11.6.1).";
    payment_required PAYMENT_REQUIRED "402.";
    forbidden FORBIDDEN "403: understood and refused.";
    not_found NOT_FOUND "404: there is no such thing.";
    not_acceptable NOT_ACCEPTABLE "406: no form of it that the peer accepts.";
    proxy_authentication_required PROXY_AUTHENTICATION_REQUIRED "407.";
    request_timeout REQUEST_TIMEOUT "408: the request did not arrive in time.";
    conflict CONFLICT "409: at odds with the present state.";
    gone GONE "410: was here and will not be again.";
    length_required LENGTH_REQUIRED "411: a body needs its `Content-Length`.";
    precondition_failed PRECONDITION_FAILED "412: a precondition of the request is false.";
    uri_too_long URI_TOO_LONG "414.";
    unsupported_media_type UNSUPPORTED_MEDIA_TYPE "415: the body's media type is not taken.";
    range_not_satisfiable RANGE_NOT_SATISFIABLE "416.";
    expectation_failed EXPECTATION_FAILED "417.";
    misdirected_request MISDIRECTED_REQUEST "421: sent to a server that does not answer for its authority.";
    unprocessable_content UNPROCESSABLE_ENTITY "422: well formed, and its meaning is not.";
    failed_dependency FAILED_DEPENDENCY "424.";
    upgrade_required UPGRADE_REQUIRED "426: set `Upgrade` (RFC 9110 §15.5.22).";
    precondition_required PRECONDITION_REQUIRED "428.";
    too_many_requests TOO_MANY_REQUESTS "429; `Retry-After` says when to come back.";
    request_header_fields_too_large REQUEST_HEADER_FIELDS_TOO_LARGE "431.";
    internal INTERNAL_SERVER_ERROR "500: the program failed.";
    not_implemented NOT_IMPLEMENTED "501.";
    bad_gateway BAD_GATEWAY "502: what stands behind this program failed.";
    service_unavailable SERVICE_UNAVAILABLE "503; `Retry-After` says when to come back.";
    gateway_timeout GATEWAY_TIMEOUT "504: what stands behind this program did not answer in time.";
    version_not_supported HTTP_VERSION_NOT_SUPPORTED "505.";
    variant_also_negotiates VARIANT_ALSO_NEGOTIATES "506.";
    insufficient_storage INSUFFICIENT_STORAGE "507.";
    not_extended NOT_EXTENDED "510.";
    network_authentication_required NETWORK_AUTHENTICATION_REQUIRED "511.";
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.status)?;
        match self.message() {
            Some(message) => write!(f, ": {message}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpError")
            .field("status", &self.0.status)
            .field("message", &self.0.message)
            .field("reason", &self.0.reason)
            .field("problem_type", &self.0.problem_type)
            .field("headers", &self.0.headers)
            .field("source", &self.0.source)
            .finish()
    }
}

impl Error for HttpError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}

impl From<BodyError> for HttpError {
    fn from(error: BodyError) -> Self {
        let own = Self::new(error.status());
        match &error {
            BodyError::Source(_) => own.with_message("the body could not be read"),
            told => own.with_message(told.to_string()),
        }
        .with_source(error)
    }
}

impl From<Refusal> for HttpError {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.status()).with_message(refusal.reason().to_owned())
    }
}

/// The answer to a handshake that is refused, with its fields.
#[cfg(feature = "websocket")]
impl From<dunlin_websocket::Refused> for HttpError {
    fn from(refused: dunlin_websocket::Refused) -> Self {
        let error = Self::new(refused.status()).with_message(refused.to_string());
        let fields = refused.headers().into_iter();
        fields.fold(error, |error, (name, value)| error.with_header(name, value))
    }
}

impl From<StatusCode> for HttpError {
    fn from(status: StatusCode) -> Self {
        Self::new(status)
    }
}

/// Failures of the program: 500, told to the log and not to the peer.
macro_rules! from_failure {
    ($($ty:ty),* $(,)?) => {$(
        /// 500: a failure of the program.
        impl From<$ty> for HttpError {
            fn from(error: $ty) -> Self {
                Self::internal().with_source(error)
            }
        }
    )*};
}

from_failure!(
    BoxError,
    UrlError,
    dunlin_core::InterimError,
    std::io::Error,
    fmt::Error,
    http::Error,
    crate::conditional::BadETag,
    crate::respond::BadCookie,
    crate::respond::BadMediaType,
);
#[cfg(feature = "json")]
from_failure!(serde_json::Error);
#[cfg(feature = "sse")]
from_failure!(crate::respond::SseEventError);
#[cfg(feature = "websocket")]
from_failure!(dunlin_websocket::BadProtocol);

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let status = self.0.status;
        // 1xx, 204, 205 and 304 have no content (RFC 9110 §15).
        let bare = status.is_informational() || matches!(status.as_u16(), 204 | 205 | 304);
        let mut response = if bare { Response::default() } else { self.text().into_response() }
            .with_status(status);
        response.head_mut().reason.clone_from(&self.0.reason);
        overlay(response.headers_mut(), &self.0.headers);
        response.extensions_mut().insert(Record::new(self));
        response
    }
}

#[cfg(test)]
mod tests {
    use http::header::CONTENT_TYPE;

    use super::*;

    fn text(response: &Response) -> &str {
        std::str::from_utf8(response.body().as_whole().unwrap()).unwrap()
    }

    #[test]
    fn the_body_names_status_and_message_and_not_the_cause() {
        let error = HttpError::internal().with_message("try later").with_source("disk full");
        assert_eq!(error.source().unwrap().to_string(), "disk full");
        let response = error.into_response();
        assert_eq!(text(&response), "500: Internal Server Error\ntry later\n");
        assert_eq!(response.headers().get_str(CONTENT_TYPE), Some("text/plain; charset=utf-8"));
        assert_eq!(text(&HttpError::not_found().into_response()), "404: Not Found\n");
    }

    #[test]
    fn allow_is_sorted_and_names_each_method_once() {
        let error = HttpError::method_not_allowed([Method::PUT, Method::GET, Method::PUT]);
        assert_eq!(error.into_response().headers().get_str(ALLOW), Some("GET, PUT"));
    }

    #[test]
    fn a_reason_of_its_own_goes_into_the_status_line_and_the_text() {
        let reason = ReasonPhrase::new("Flown").unwrap();
        let response = HttpError::gone().with_reason(reason.clone()).into_response();
        assert_eq!(
            (response.head().reason.as_ref(), text(&response)),
            (Some(&reason), "410: Flown\n")
        );
    }

    #[test]
    fn who_demands_a_451_is_linked_unless_that_would_break_out_of_the_link() {
        let link = |url: &str| {
            let response = HttpError::unavailable_for_legal_reasons(url).into_response();
            response.headers().get_str(LINK).map(str::to_owned)
        };
        let want = "<https://example.org/why>; rel=\"blocked-by\"";
        assert_eq!(link("https://example.org/why").as_deref(), Some(want));
        for bad in ["https://a/>; rel=\"preload\", <x", "https://a/\r\nset-cookie: a=b"] {
            assert_eq!(link(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_413_names_the_limit() {
        let error = HttpError::payload_too_large(1024);
        assert_eq!(error.status(), 413);
        assert!(text(&error.into_response()).contains("1024 bytes"));
    }

    #[test]
    fn statuses_without_content_have_none() {
        let response = HttpError::new(StatusCode::NOT_MODIFIED).into_response();
        assert!(response.body().is_empty() && !response.headers().contains(CONTENT_TYPE));
    }

    #[test]
    fn a_body_error_keeps_its_status_and_hides_the_programs_own_failure() {
        let error = HttpError::from(BodyError::TooLarge { limit: 9 });
        assert_eq!(error.status(), 413);
        assert!(error.message().unwrap().contains("9 bytes"));
        let error = HttpError::from(BodyError::source("secret"));
        assert!(error.status() == 500 && !text(&error.into_response()).contains("secret"));
    }
}
