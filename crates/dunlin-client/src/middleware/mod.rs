//! Code around each attempt to send a request.

mod cookies;
mod digest;
mod hsts;
mod in_process;
mod rate_limit;
mod record;
pub(crate) mod retry;
mod single_flight;
pub(crate) mod whole;

use std::fmt;
use std::sync::Arc;

use dunlin_core::BoxFuture;

pub use self::hsts::{Hsts, HstsError};
pub use self::in_process::InProcess;
pub use self::rate_limit::{RateLimit, RateLimited};
pub use self::record::{RecordError, Recorder, Replay, ReplayError};
pub use self::retry::{Retry, RetryBudget, Verdict};
pub use self::single_flight::SingleFlight;
use crate::attempt;
use crate::client::Client;
use crate::error::Error;
use crate::request::Request;
use crate::response::Response;

/// Code that runs around each attempt to send a request: the first, each redirect's, and the one that
/// takes the place of an attempt on a broken connection.
///
/// It may change the request, send it more than once or not at all, and change the response. Cookies
/// and credentials of the URL are in the request by then; the response's cookies are stored, and
/// redirects decided on, behind it. The first of a list is outermost. A request that a middleware
/// makes of its own through the same client passes through that middleware again: give it
/// [`middleware([])`](crate::RequestBuilder::middleware).
///
/// Those that the crate has go well in this order, outermost first: [`Hsts`], so that the others see
/// the URL that is asked; [`Cache`](crate::cache::Cache), which then spares all that follows;
/// [`SingleFlight`]; [`Retry`]; [`RateLimit`], which counts retries too; credentials, such as
/// [`DigestAuth`](crate::auth::DigestAuth); [`Recorder`]; and [`InProcess`] or [`Replay`] in place of
/// the network.
///
/// Functions and closures are middleware:
///
/// ```
/// use dunlin_client::{Client, Error, Next, Request, Response};
///
/// async fn log(req: Request, next: Next) -> Result<Response, Error> {
///     let (method, url) = (req.method().clone(), req.url().clone());
///     let response = next.run(req).await?;
///     eprintln!("{method} {url}: {}", response.status());
///     Ok(response)
/// }
///
/// let client = Client::builder().with(log).build()?;
/// # Ok::<(), Error>(())
/// ```
pub trait Middleware: Send + Sync + 'static {
    /// Handles one attempt.
    fn handle(&self, request: Request, next: Next) -> BoxFuture<'_, Result<Response, Error>>;

    /// Whom it sends requests for, where it adds credentials. What one is answered, a
    /// [`Cache`](crate::cache::Cache) in front of it keeps from others. It may be written to disk, as a
    /// hash. Default: nobody in particular.
    fn identity(&self) -> Option<String> {
        None
    }
}

impl<F, Fut> Middleware for F
where
    F: Fn(Request, Next) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Response, Error>> + Send + 'static,
{
    fn handle(&self, request: Request, next: Next) -> BoxFuture<'_, Result<Response, Error>> {
        Box::pin(self(request, next))
    }
}

/// The rest of the chain, and the connection at its end. Cloning it lets a middleware try again.
#[derive(Clone)]
pub struct Next {
    client: Client,
    chain: Arc<[Arc<dyn Middleware>]>,
    at: usize,
    attempt: attempt::Context,
}

impl Next {
    pub(crate) fn new(
        client: Client,
        chain: Arc<[Arc<dyn Middleware>]>,
        attempt: attempt::Context,
    ) -> Self {
        Self { client, chain, at: 0, attempt }
    }

    /// Passes the request on.
    ///
    /// # Errors
    ///
    /// What the rest of the chain fails with.
    pub async fn run(mut self, request: Request) -> Result<Response, Error> {
        match self.chain.get(self.at).cloned() {
            Some(middleware) => {
                self.at += 1;
                middleware.handle(request, self).await
            }
            None => attempt::send(&self.client, request, self.attempt).await,
        }
    }

    /// The same with time of its own, for a request that outlives the one it was made for.
    pub(crate) fn with_deadline(mut self, total: Option<std::time::Duration>) -> Self {
        self.attempt.deadline = total.and_then(|t| tokio::time::Instant::now().checked_add(t));
        self
    }

    /// Whom the rest of the chain sends requests for.
    pub(crate) fn identities(&self) -> Vec<String> {
        self.chain[self.at..].iter().filter_map(|middleware| middleware.identity()).collect()
    }

    /// All of the chain, what has run of it too.
    pub(crate) fn chain(&self) -> Arc<[Arc<dyn Middleware>]> {
        Arc::clone(&self.chain)
    }

    /// The client that the request was made with, for requests of one's own.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next").field("left", &(self.chain.len() - self.at)).finish_non_exhaustive()
    }
}
