//! The error that a handler returns, and how an app words it.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use dunlin_core::{
    BodyError, BoxError, Headers, IntoResponse, Refusal, RequestHead, Response, UrlError,
};
use http::header::{ALLOW, LINK};
use http::{HeaderName, HeaderValue, Method, StatusCode};

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
/// One pointer wide, so that `Result<T>` costs a handler nothing to speak of.
pub struct HttpError(Box<Inner>);

struct Inner {
    status: StatusCode,
    message: Option<Cow<'static, str>>,
    headers: Headers,
    source: Option<BoxError>,
}

impl HttpError {
    /// An error of any status; most have a constructor of their own.
    pub fn new(status: StatusCode) -> Self {
        Self(Box::new(Inner { status, message: None, headers: Headers::new(), source: None }))
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

    /// 451 with a link to who demands it (RFC 7725 §3); a link that is no field value is left out.
    pub fn unavailable_for_legal_reasons(blocked_by: &str) -> Self {
        let error = Self::new(StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS);
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
        response.extensions().get::<Record>().map(|record| &*record.error)
    }

    fn text(&self) -> String {
        let reason = self.0.status.canonical_reason().unwrap_or("Error");
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

from_failure!(BoxError, UrlError, std::io::Error, fmt::Error, http::Error);
#[cfg(feature = "json")]
from_failure!(serde_json::Error);

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let status = self.0.status;
        // 1xx, 204, 205 and 304 have no content (RFC 9110 §15).
        let bare = status.is_informational() || matches!(status.as_u16(), 204 | 205 | 304);
        let mut response = if bare { Response::default() } else { self.text().into_response() }
            .with_status(status);
        overlay(response.headers_mut(), &self.0.headers);
        response.extensions_mut().insert(Record { error: Arc::new(self), worded: false });
        response
    }
}

/// Sets every field of `from` over those in `onto`; a name that comes twice in `from` stays twice.
fn overlay(onto: &mut Headers, from: &Headers) {
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

/// What a response made from an error carries in its extensions.
#[derive(Clone)]
struct Record {
    error: Arc<HttpError>,
    /// The app's renderer has been at it.
    worded: bool,
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
    overlay(worded.headers_mut(), error.headers());
    worded.extensions_mut().insert(Record { error, worded: true });
    *response = worded;
}

/// A panic that was caught: 500, and the connection is closed, since what the handler shared with
/// others may be half changed.
pub(crate) fn panicked(payload: &(dyn std::any::Any + Send)) -> Response {
    let message = payload
        .downcast_ref::<&'static str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned());
    HttpError::internal()
        .with_header(http::header::CONNECTION, HeaderValue::from_static("close"))
        .with_source(Panic { message: message.unwrap_or_default() })
        .into_response()
}

/// A handler or middleware panicked: the cause of the 500 that answered the request.
///
/// ```
/// use dunlin_web::{HttpError, Panic};
///
/// fn panicked(error: &HttpError) -> bool {
///     std::error::Error::source(error).is_some_and(|cause| cause.is::<Panic>())
/// }
/// assert!(!panicked(&HttpError::internal()));
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[error("panicked: {message}")]
#[non_exhaustive]
pub struct Panic {
    /// What it panicked with, where that is text.
    pub message: String,
}

/// Writes the cause of a 5xx to stderr: what apps without
/// [`on_error`](crate::App::on_error) do, since a cause that nobody sees cannot be mended.
///
/// A panic has been written by the panic hook already.
#[cold]
pub(crate) fn log(response: &Response) {
    let Some(error) = HttpError::of(response) else { return };
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

#[cfg(test)]
mod tests {
    use http::header::{ACCEPT, CONTENT_TYPE, WWW_AUTHENTICATE};

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
