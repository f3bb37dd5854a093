//! Middleware: what runs around handlers; each that comes with the crate in a file of its own.

mod access_log;
mod basic_auth;
#[cfg(feature = "compress")]
mod compress;
mod cors;
#[cfg(feature = "compress")]
mod decompress;
mod normalize_path;
mod rate_limit;
mod request_id;
mod same_origin;
mod security_headers;
#[cfg(feature = "timeout")]
mod timeout;
#[cfg(feature = "tower")]
mod tower;
mod trusted_proxies;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use dunlin_core::{BoxFuture, Captures, Headers, IntoResponse, Request, Response};
use http::HeaderValue;
use http::header::VARY;

pub use self::access_log::{AccessEntry, AccessLog};
pub use self::basic_auth::{AuthUser, BasicAuth, BasicCredentials};
#[cfg(feature = "compress")]
pub use self::compress::{Compress, NoCompress};
pub use self::cors::{Cors, CorsPatternError};
#[cfg(feature = "compress")]
pub use self::decompress::Decompress;
pub use self::normalize_path::NormalizePath;
pub use self::rate_limit::RateLimit;
pub use self::request_id::{RequestId, RequestIds};
pub use self::same_origin::SameOrigin;
pub use self::security_headers::SecurityHeaders;
#[cfg(feature = "timeout")]
pub use self::timeout::{TimedOut, Timeout};
#[cfg(feature = "tower")]
pub use self::tower::{ViaTower, layer};
pub use self::trusted_proxies::TrustedProxies;
use crate::route::{Endpoint, Stage, Watched};
pub use dunlin_core::BadNetwork;

/// What runs around handlers: on an app, a group or a route.
///
/// Every `async fn(Request, Next)` is one, so that `?` works in it. The first that is added is the
/// outermost; an app's run around its groups', those around the routes', and a parent app's around
/// its children's. They run for 404 and 405 too.
///
/// ```
/// use dunlin_core::{Request, Response};
/// use dunlin_web::{App, HttpError, Next, Result};
///
/// async fn authenticated(req: Request, next: Next) -> Result {
///     if !req.headers().contains("authorization") {
///         return Err(HttpError::unauthorized());
///     }
///     Ok(next.run(req).await)
/// }
///
/// let app = App::new().middleware(authenticated).add_get("/", || async { "secret" });
/// app.build().unwrap();
/// ```
///
/// Settings are captured by a closure, whose arguments need their types written, or kept in a type
/// that implements this trait:
///
/// ```
/// # use dunlin_core::{Request, Response};
/// # use dunlin_web::{Middleware, Next};
/// fn served_by(name: &'static str) -> impl Middleware {
///     move |req: Request, next: Next| async move {
///         let mut response: Response = next.run(req).await;
///         response.extensions_mut().insert(name);
///         response
///     }
/// }
/// # let _ = served_by("a");
/// ```
///
/// Each costs a request one allocation, its future.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not middleware",
    note = "middleware is an `async fn(Request, Next) -> impl IntoResponse`, or a type that implements `Middleware`"
)]
pub trait Middleware: Send + Sync + 'static {
    /// Begins to handle a request.
    fn call(&self, req: Request, next: Next) -> BoxFuture<'static, Response>;

    /// The policy for other origins that it stands for, by which a [`Cors`] further out goes. For types that wrap
    /// one. Default: none.
    fn cors(&self) -> Option<&Cors> {
        None
    }

    /// What it believes of proxies in front, if that is all it does. Of the outermost app's middleware it is applied
    /// before a route is chosen, and not again. Default: none.
    fn trusted_proxies(&self) -> Option<&TrustedProxies> {
        None
    }
}

impl<F, Fut> Middleware for F
where
    F: Fn(Request, Next) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoResponse> + Send + 'static,
{
    fn call(&self, req: Request, next: Next) -> BoxFuture<'static, Response> {
        let future = self(req, next);
        Box::pin(async move { future.await.into_response() })
    }
}

/// The rest of the way to the handler. Owned, so that middleware may keep it across an `.await` or
/// move it to a task.
pub struct Next {
    endpoint: Arc<Endpoint>,
    at: usize,
}

impl Next {
    /// From the outermost middleware on.
    pub(crate) fn first(endpoint: Arc<Endpoint>) -> Self {
        Self { endpoint, at: 0 }
    }

    /// Goes on with `req`, which may have been changed or be another one.
    ///
    /// What panics further in has become a response of 500 when this is ready.
    pub fn run(self, req: Request) -> Run {
        let watched = self.endpoint.worded().then(|| Watched::new(&self.endpoint, &req));
        Run { guard: Stage::new(|| self.step(req)), watched }
    }

    /// Whether no route matched, so that the answer will be 404, 405, or the app's fallback.
    fn is_miss(&self) -> bool {
        self.endpoint.pattern.is_empty()
    }

    /// The innermost policy for other origins on the rest of the way.
    fn cors(&self) -> Option<&Cors> {
        let rest = self.endpoint.chain.get(self.at..).unwrap_or_default();
        rest.iter().rev().find_map(|middleware| middleware.cors())
    }

    /// Whether a route would match `req` if its path were this one.
    fn finds(&self, req: &Request, path: &str) -> bool {
        self.endpoint.level.tables().is_some_and(|tables| tables.finds(req, path))
    }

    /// Starts the next middleware, or the handler behind the last.
    pub(crate) fn step(self, mut req: Request) -> BoxFuture<'static, Response> {
        let Self { endpoint, at } = self;
        if req.scope().is_none() {
            // A request that the middleware has made itself still reaches state and names.
            req.set_route(endpoint.clone(), Captures::default());
        }
        match endpoint.chain.get(at) {
            None => endpoint.handler.call(req),
            Some(middleware) => {
                middleware.call(req, Self { endpoint: endpoint.clone(), at: at + 1 })
            }
        }
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next")
            .field("pattern", &self.endpoint.pattern)
            .field("left", &(self.endpoint.chain.len() - self.at.min(self.endpoint.chain.len())))
            .finish()
    }
}

/// The future of [`Next::run`].
#[must_use = "nothing runs until it is awaited"]
pub struct Run {
    guard: Stage,
    watched: Option<Watched>,
}

impl Future for Run {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        let mut response = ready!(self.guard.poll(cx));
        if let Some(watched) = &self.watched {
            watched.word(&mut response);
        }
        Poll::Ready(response)
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Run")
    }
}

/// Adds a name to `Vary`, where it is not there yet.
fn vary(headers: &mut Headers, name: &'static str) {
    let is_there = |there: &[u8]| {
        let there = there.trim_ascii();
        there == b"*" || there.eq_ignore_ascii_case(name.as_bytes())
    };
    if !headers.get_all(VARY).any(|line| line.split(|b| *b == b',').any(is_there)) {
        headers.append(VARY, HeaderValue::from_static(name));
    }
}
