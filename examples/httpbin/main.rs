//! httpbin: a service that says what it was sent and answers as it is told, for trying out HTTP clients.
//!
//! Run `cargo run --example httpbin`, then open http://127.0.0.1:8080. The contract is that of httpbin.org, so
//! that what is written for the one runs against the other.
//!
//! | file | routes |
//! | --- | --- |
//! | `inspect` | `/get`, `/post`, …, `/anything`, `/headers`, `/ip`, `/user-agent` |
//! | `status` | `/status/{codes}` |
//! | `redirects` | `/redirect/{n}`, `/relative-redirect/{n}`, `/absolute-redirect/{n}`, `/redirect-to` |
//! | `cookies` | `/cookies`, `/cookies/set`, `/cookies/delete` |
//! | `auth`, `digest` | `/basic-auth`, `/hidden-basic-auth`, `/bearer`, `/digest-auth` |
//! | `formats` | `/gzip`, `/deflate`, `/brotli`, `/html`, `/json`, `/xml`, `/image`, …, and `/` |
//! | `dynamic` | `/bytes/{n}`, `/stream-bytes/{n}`, `/stream/{n}`, `/drip`, `/delay/{n}`, `/links/{n}`, `/uuid`, … |
//! | `caching` | `/cache`, `/etag/{etag}`, `/range/{n}`, `/response-headers` |
//!
//! Where it differs from the original, and why:
//!
//! | what | original | here |
//! | --- | --- | --- |
//! | `ETag` of `/etag`, `/cache`, `/range` | without quotes | in quotes (RFC 9110 §8.8.3) |
//! | `/range` of everything | 200 with `Content-Range` | 200 without it (§14.4) |
//! | `/range` past the end, several ranges | 416, the first | what there is (§14.1.2), all of them |
//! | `/etag` with `If-Match: W/"x"` | weak tags match | they do not (§13.1.1) |
//! | `/image` with `Accept: */*` | 406 | the PNG, and q-values are not looked at in either |
//! | `/base64` | `text/html` | `text/plain`: a link must not bring its own script |
//! | `/redirect-to` | reads the query | reads the query and, in bodies of forms, the fields |
//! | files of one name in a form | the first | a list, as with fields |
//! | a form that breaks off, a query or number that is none | an empty form, 500 | 400 with the reason |
//! | `/redirect/0` and its like | 500 | 400 |
//! | `/status/503:1`, one code with its weight | 400 | 503 |
//! | `/status` of 1xx and past 599 | sent as they are | 400: there is no such final status |
//! | `/response-headers` that frame the message | sent twice | 400; `Content-Type` replaces the one there is |
//! | names in `/response-headers` | as sent | `X-Bird`, and in small letters in the head |
//! | `url` | with escapes decoded | as sent |
//! | `/cookies` | hides those of Google Analytics | shows all |
//! | errors of the server, redirects | pages | a line of text, nothing |
//! | cookies with spaces, quotes, commas | escaped in quotes | 400 with the reason |
//! | `/drip` | as long as asked | at most [`dynamic::DRIP_MAX`] |
//! | bodies | as long as sent, chunked ones refused with 501 | at most [`BODY_MAX`], chunked or not |
//! | seeded random bytes | Python's generator | another, as repeatable |
//! | texts and pictures of `/html`, `/image`, … | its own | others |

mod auth;
mod caching;
mod cookies;
mod digest;
mod dynamic;
mod formats;
mod inspect;
mod redirects;
mod status;

use dunlin::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ALLOW,
    ORIGIN,
};
use dunlin::http::{HeaderName, HeaderValue, Method, StatusCode};
use dunlin::web::{App, Handler, HttpError, Next, RouteDef, resource};
use dunlin::{Request, Response};

/// Longest body that is taken in, in bytes: it comes back whole.
const BODY_MAX: u64 = 16 << 20;

#[tokio::main]
async fn main() -> dunlin::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".into());
    dunlin::run_app(app()).bind(address).await
}

fn app() -> App {
    App::new()
        .client_max_size(BODY_MAX)
        .middleware(open_to_all_pages)
        .group(inspect::routes())
        .group(status::routes())
        .group(redirects::routes())
        .group(cookies::routes())
        .group(auth::routes())
        .group(formats::routes())
        .group(dynamic::routes())
        .group(caching::routes())
}

/// A route for all methods that have something to say.
fn verbs<A: 'static>(pattern: &str, handler: impl Handler<A> + Copy) -> RouteDef {
    resource(pattern)
        .get(handler)
        .post(handler)
        .put(handler)
        .patch(handler)
        .delete(handler)
        .method("TRACE", handler)
}

/// Lets the pages of every origin read answers, with credentials: here is nothing to protect. Answers `OPTIONS`
/// for every route.
async fn open_to_all_pages(req: Request, next: Next) -> Response {
    let value = |name: HeaderName| req.headers().get(name).map(HeaderValue::from_bytes)?.ok();
    let origin = value(ORIGIN).unwrap_or(HeaderValue::from_static("*"));
    let asked = value(ACCESS_CONTROL_REQUEST_HEADERS);
    let is_question = *req.method() == Method::OPTIONS;
    let mut response = next.run(req).await;
    if is_question && response.status() == StatusCode::METHOD_NOT_ALLOWED {
        let allowed = response.headers().get(ALLOW).map(HeaderValue::from_bytes);
        response = Response::default();
        if let Some(Ok(allowed)) = allowed {
            response = response.with_header(ALLOW, allowed);
        }
    }
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    if is_question {
        let methods = HeaderValue::from_static("GET, POST, PUT, DELETE, PATCH, OPTIONS");
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
        if let Some(asked) = asked {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked);
        }
    }
    response
}

/// 400 with what is wrong.
fn refuse(error: impl std::error::Error + Send + Sync + 'static) -> HttpError {
    HttpError::bad_request().with_message(error.to_string()).with_source(error)
}
