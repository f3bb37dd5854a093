//! Middleware: validators for responses that handlers make, and 304 where the client has them.

use std::str::FromStr;

use dunlin_core::{BoxFuture, Headers, IntoResponse, Request, RequestHead, Response};
use http::header::{CACHE_CONTROL, ETAG, LAST_MODIFIED};
use http::{HeaderName, Method, StatusCode};

use super::{ETag, Precondition, Validators};
use crate::error::HttpError;
use crate::middleware::{Middleware, Next};

/// Gives responses an `ETag` and answers conditional requests with 304 or 412.
///
/// For `GET` and `HEAD`, responses of 200. A body that is there as a whole, and no longer than
/// [`max_body`](Self::max_body), is hashed (SHA-256) where the handler has set no tag of its own; the tag is
/// weak, since what stands further out may compress the body. Streams are passed on as they are. The handler
/// runs all the same: what is saved is the way to the client.
///
/// ```
/// use dunlin_core::{Request, Service};
/// use dunlin_web::{App, ConditionalGet};
/// use http::{HeaderValue, Method, Uri};
///
/// let app = App::new().middleware(ConditionalGet::new()).add_get("/", || async { "hello" });
/// let app = app.build()?;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let ask = || Request::new(Method::GET, Uri::from_static("/"), ());
/// let first = app.call(ask()).await;
///
/// let mut again = ask();
/// let tag = first.headers().get_str("etag").unwrap().parse().unwrap();
/// again.headers_mut().insert(http::header::IF_NONE_MATCH, tag);
/// assert_eq!(app.call(again).await.status(), 304);
/// # });
/// # Ok::<(), dunlin_web::BuildErrors>(())
/// ```
///
/// It stands inside of middleware that changes bodies, so that each of the two does its work once.
#[derive(Clone, Copy, Debug)]
#[must_use = "middleware does nothing until an app has it"]
pub struct ConditionalGet {
    max_body: usize,
}

impl ConditionalGet {
    /// With the default limit.
    pub fn new() -> Self {
        Self { max_body: 256 * 1024 }
    }

    /// Longest body that is hashed, in bytes; hashing takes about a millisecond for each MiB, on the
    /// connection's own thread. Default: 256 KiB.
    pub fn max_body(mut self, limit: usize) -> Self {
        self.max_body = limit;
        self
    }

    /// Gives the response a tag, where it has none and can have one.
    fn tag(self, response: &mut Response, is_head: bool) {
        let headers = response.headers();
        let Some(body) = response.body().as_whole() else { return };
        // A handler that answers `HEAD` by itself has no body to hash.
        let fits = body.len() <= self.max_body && !(is_head && body.is_empty());
        if fits && !headers.contains(ETAG) && !is_uncached(headers) {
            let tag = ETag::of_content(body).into_weak().to_value();
            response.headers_mut().insert(ETAG, tag);
        }
    }
}

impl Default for ConditionalGet {
    fn default() -> Self {
        Self::new()
    }
}

impl Middleware for ConditionalGet {
    fn call(&self, req: Request, next: Next) -> BoxFuture<'static, Response> {
        if !matches!(*req.method(), Method::GET | Method::HEAD) {
            return Box::pin(next.run(req));
        }
        let (this, is_head) = (*self, req.method() == Method::HEAD);
        let conditions = is_conditional(req.headers()).then(|| req.head().clone());
        Box::pin(async move {
            let mut response = next.run(req).await;
            if response.status() != StatusCode::OK {
                return response;
            }
            this.tag(&mut response, is_head);
            match conditions {
                Some(head) => judge(&head, response),
                None => response,
            }
        })
    }
}

/// Answers the request's preconditions by the validators that the response has.
fn judge(head: &RequestHead, response: Response) -> Response {
    let headers = response.headers();
    let modified = headers.get_str(LAST_MODIFIED);
    let validators = Validators {
        etag: headers.get_str(ETAG).and_then(|text| ETag::from_str(text).ok()),
        last_modified: modified.and_then(|text| httpdate::parse_http_date(text).ok()),
    };
    match validators.check(head) {
        Precondition::Proceed => response,
        Precondition::NotModified => not_modified(response),
        Precondition::Failed => HttpError::precondition_failed().into_response(),
    }
}

/// 304 in place of a response: what describes the body goes, all else stays (RFC 9110 §15.4.5).
pub(crate) fn not_modified(mut response: Response) -> Response {
    const OF_THE_BODY: [HeaderName; 6] = [
        http::header::CONTENT_TYPE,
        http::header::CONTENT_LENGTH,
        http::header::CONTENT_ENCODING,
        http::header::CONTENT_LANGUAGE,
        http::header::CONTENT_RANGE,
        http::header::CONTENT_DISPOSITION,
    ];
    for name in &OF_THE_BODY {
        response.headers_mut().remove(name);
    }
    response.with_body(()).with_status(StatusCode::NOT_MODIFIED)
}

fn is_conditional(headers: &Headers) -> bool {
    ["if-none-match", "if-modified-since", "if-match", "if-unmodified-since"]
        .iter()
        .any(|name| headers.contains(name))
}

/// Whether nobody may keep the response, so that a tag would help nobody.
fn is_uncached(headers: &Headers) -> bool {
    headers.get_str(CACHE_CONTROL).is_some_and(|text| {
        text.split(',').any(|directive| directive.trim().eq_ignore_ascii_case("no-store"))
    })
}
