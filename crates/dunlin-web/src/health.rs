//! `Health`: what orchestrators and load balancers ask of a program.

use std::fmt::{self, Write};
use std::future::poll_fn;
use std::io::{self, Write as _};
use std::panic::Location;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use dunlin_core::{BoxError, BoxFuture, IntoResponse, Request, Response};
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode};

use crate::route::{Group, get, group};

/// Longest that a check may take. Kubernetes gives a probe a second, and the answer has to get there.
const TIMEOUT: Duration = Duration::from_millis(800);

/// Answers probes at `/livez` and `/readyz`: whether to restart the program, and whether to send it requests.
///
/// ```
/// use std::time::Duration;
///
/// use dunlin_core::BoxError;
/// use dunlin_server::{Readiness, Server};
/// use dunlin_web::{App, Health};
///
/// async fn ping_database() -> Result<(), BoxError> {
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), dunlin_server::ServeError> {
/// let readiness = Readiness::new();
/// let asked = readiness.clone();
/// let health = Health::new()
///     .ready_while(move || asked.is_ready())
///     .ready_check("database", ping_database)
///     .timeout(Duration::from_millis(500));
/// let app = App::new().group(health.into_group());
/// let server = Server::builder()
///     .bind("127.0.0.1:0")
///     .readiness(readiness)
///     // From the signal on /readyz says 503, and so long requests are still served.
///     .shutdown_delay(Duration::from_millis(10))
///     .start(app)
///     .await?;
/// server.shutdown().await?;
/// # Ok(())
/// # }
/// ```
///
/// The answer is 200 and `ok`, or 503 and the checks one by one; with `?verbose`, which the query may hold in any
/// place, it is the checks either way:
///
/// ```text
/// [+]serving ok
/// [-]database failed: reason withheld
/// readyz check failed
/// ```
///
/// All checks run at once and anew for each probe, and one that takes longer than the
/// [`timeout`](Self::timeout) has failed and is dropped. Nothing of why a check failed is told to whoever asks,
/// since probes have no password: it goes to [`on_failure`](Self::on_failure). A check that panics is a 500, as
/// any panic.
///
/// Check for liveness only what a restart mends. A database that is down is for readiness: restarting
/// every instance would not bring it back.
pub struct Health {
    at: &'static Location<'static>,
    live: Vec<Named>,
    ready: Vec<Named>,
    serving: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
    timeout: Duration,
    on_failure: Arc<OnFailure>,
}

type OnFailure = dyn Fn(&str, &BoxError) + Send + Sync;
type Check = dyn Fn() -> BoxFuture<'static, Result<(), BoxError>> + Send + Sync;

struct Named {
    name: String,
    check: Box<Check>,
}

/// A check took longer than [`Health::timeout`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no answer within {after:?}")]
#[non_exhaustive]
pub struct CheckTimedOut {
    /// The limit.
    pub after: Duration,
}

impl Health {
    /// Without checks: alive and ready as long as it answers.
    #[track_caller]
    pub fn new() -> Self {
        Self {
            at: Location::caller(),
            live: Vec::new(),
            ready: Vec::new(),
            serving: None,
            timeout: TIMEOUT,
            on_failure: Arc::new(|name, error| {
                let _ = writeln!(io::stderr(), "dunlin: the check {name:?} failed: {error}");
            }),
        }
    }

    /// Adds a check to `/livez`, such as that a worker's loop has turned of late.
    pub fn live_check<F, Fut, E>(mut self, name: impl Into<String>, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.live.push(Named::new(name, check));
        self
    }

    /// Adds a check to `/readyz`, such as that the database answers.
    pub fn ready_check<F, Fut, E>(mut self, name: impl Into<String>, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.ready.push(Named::new(name, check));
        self
    }

    /// Is ready only while this holds, mostly a server's `Readiness::is_ready`, which ends with the word to shut
    /// down. It is listed as `serving`, and while it does not hold nothing else is checked. Default: always.
    pub fn ready_while(mut self, serving: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.serving = Some(Arc::new(serving));
        self
    }

    /// Longest that each check may take. Default: 800 ms, since Kubernetes gives a probe one second.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Is told of each check that fails, with its name: a [`CheckTimedOut`] where it took too long. Default: a line
    /// on stderr.
    pub fn on_failure(mut self, hook: impl Fn(&str, &BoxError) + Send + Sync + 'static) -> Self {
        self.on_failure = Arc::new(hook);
        self
    }

    /// The routes, for [`App::group`](crate::App::group), or for [`Group::group`] to have them below a prefix.
    pub fn into_group(self) -> Group {
        let Self { at, live, ready, serving, timeout, on_failure } = self;
        let livez = Probe {
            path: "livez",
            checks: live,
            serving: None,
            timeout,
            on_failure: Arc::clone(&on_failure),
        };
        let readyz = Probe { path: "readyz", checks: ready, serving, timeout, on_failure };
        let mut health = group("").routes([livez.into_route(), readyz.into_route()]);
        health.at = at;
        health
    }
}

impl Default for Health {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |checks: &[Named]| checks.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
        f.debug_struct("Health")
            .field("live", &names(&self.live))
            .field("ready", &names(&self.ready))
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl Named {
    fn new<F, Fut, E>(name: impl Into<String>, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let boxed = move || -> BoxFuture<'static, _> {
            let checking = check();
            Box::pin(async move { checking.await.map_err(Into::into) })
        };
        Self { name: name.into(), check: Box::new(boxed) }
    }
}

/// One of the two questions.
struct Probe {
    path: &'static str,
    checks: Vec<Named>,
    serving: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
    timeout: Duration,
    on_failure: Arc<OnFailure>,
}

impl Probe {
    fn into_route(self) -> crate::RouteDef {
        let pattern = format!("/{}", self.path);
        let probe = Arc::new(self);
        get(&pattern, move |req: Request| {
            let probe = Arc::clone(&probe);
            async move {
                let verbose = req.query_pairs().any(|(name, _)| name == "verbose");
                probe.answer(verbose).await
            }
        })
    }

    async fn answer(&self, verbose: bool) -> Response {
        let mut report = String::new();
        let mut passed = true;
        let mut line = |name: &str, ok: bool| {
            let (sign, result) = if ok { ('+', "ok") } else { ('-', "failed: reason withheld") };
            let _ = writeln!(report, "[{sign}]{name} {result}");
            passed &= ok;
        };
        let serving = self.serving.as_ref().map(|serving| serving());
        if let Some(serving) = serving {
            line("serving", serving);
        }
        if serving != Some(false) {
            for (check, outcome) in self.checks.iter().zip(self.run().await) {
                if let Err(error) = &outcome {
                    (self.on_failure)(&check.name, error);
                }
                line(&check.name, outcome.is_ok());
            }
        }
        let _ =
            writeln!(report, "{} check {}", self.path, if passed { "passed" } else { "failed" });
        let status = if passed { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let text = if passed && !verbose { "ok\n".to_owned() } else { report };
        let mut response = text.into_response().with_status(status);
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    /// Runs all checks at once; their results come in their own order.
    async fn run(&self) -> Vec<Result<(), BoxError>> {
        let after = self.timeout;
        let mut running: Vec<_> = (self.checks.iter())
            .map(|named| Box::pin(tokio::time::timeout(after, (named.check)())))
            .collect();
        let mut results: Vec<Option<Result<(), BoxError>>> = running.iter().map(|_| None).collect();
        poll_fn(|cx| {
            for (check, result) in running.iter_mut().zip(&mut results) {
                if result.is_none()
                    && let Poll::Ready(outcome) = check.as_mut().poll(cx)
                {
                    let timed_out = Err(CheckTimedOut { after }.into());
                    *result = Some(outcome.unwrap_or(timed_out));
                }
            }
            if results.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        results.into_iter().flatten().collect()
    }
}
