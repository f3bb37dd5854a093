//! `Timeout`: how long a handler may take.

use std::time::Duration;

use dunlin_core::{BoxFuture, IntoResponse, Request, Response};
use http::header::CONNECTION;
use http::{HeaderValue, StatusCode};

use super::{Middleware, Next};
use crate::error::HttpError;

/// Answers for a handler that takes too long, and drops it: 503, or the status that
/// [`status`](Self::status) names.
///
/// ```
/// use std::time::Duration;
///
/// use dunlin_web::{App, Timeout, get};
/// use http::StatusCode;
///
/// // A route's own lies inside the app's, so it can only be shorter.
/// let behind = Timeout::new(Duration::from_secs(5)).status(StatusCode::GATEWAY_TIMEOUT);
/// let app = App::new()
///     .middleware(Timeout::new(Duration::from_secs(30)))
///     .routes([get("/weather", || async { "asked elsewhere" }).middleware(behind)]);
/// # app.build().unwrap();
/// ```
///
/// The time runs from where this middleware stands until there is a response, the reading of the request's
/// body included; a response's body may take as long as it takes. The connection is closed where a body was
/// being sent, since the rest of it may never come.
///
/// 504 is for a program that waits for another one (RFC 9110 §15.6.5), 503 for one that is itself too slow.
#[derive(Clone, Copy, Debug)]
pub struct Timeout {
    after: Duration,
    status: StatusCode,
}

impl Timeout {
    /// A limit for what stands further in.
    pub fn new(after: Duration) -> Self {
        Self { after, status: StatusCode::SERVICE_UNAVAILABLE }
    }

    /// What answers a handler that takes longer. Default: 503.
    #[must_use]
    pub fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
}

/// A handler did not answer within its [`Timeout`]: the source of the [`HttpError`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no answer within {after:?}")]
#[non_exhaustive]
pub struct TimedOut {
    /// The limit.
    pub after: Duration,
}

impl Middleware for Timeout {
    fn call(&self, req: Request, next: Next) -> BoxFuture<'static, Response> {
        let Self { after, status } = *self;
        Box::pin(async move {
            let has_body = !req.body().is_empty();
            let Ok(response) = tokio::time::timeout(after, next.run(req)).await else {
                let error = HttpError::new(status)
                    .with_message("the answer took too long")
                    .with_source(TimedOut { after });
                let close = HeaderValue::from_static("close");
                let error = if has_body { error.with_header(CONNECTION, close) } else { error };
                return error.into_response();
            };
            response
        })
    }
}
