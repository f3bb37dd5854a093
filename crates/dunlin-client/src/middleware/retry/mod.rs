//! Requests that are sent again where they may succeed then.

mod after;
mod budget;

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use dunlin_core::BoxFuture;
use http::StatusCode;
use tokio::time::Instant;

pub use self::budget::RetryBudget;
use super::{Middleware, Next, cookies};
use crate::error::{Error, ErrorKind, Phase};
use crate::request::Request;
use crate::response::Response;

/// Sends requests again that failed in a way that may pass.
///
/// What is sent again, as long as the body [can be](crate::RequestBody::is_replayable):
///
/// | failure | requests |
/// | --- | --- |
/// | no connection came about: name, address, proxy, a handshake that broke off, deadline of connecting | all |
/// | 429 | all: it says that nothing was done |
/// | 502, 503, 504, and other [statuses](Self::statuses) | [idempotent](Request::is_idempotent) |
/// | the connection broke, a deadline passed, or the answer is no HTTP | idempotent |
///
/// Not again: what the client itself refused, certificates that are not trusted, and bodies that break
/// off, since the program has the response by then. [`classify`](Self::classify) decides otherwise.
///
/// Before each retry it waits for a random time up to a bound that doubles each time (full jitter), or
/// for as long as `Retry-After` asks. The response that failed is dropped before, so that its
/// connection is free; cookies that it sets are stored, and go along. All of it counts against [`Timeouts::total`](crate::Timeouts::total): where the
/// wait would pass that deadline, the failure is returned at once.
///
/// Clones share their [budget](Self::budget), which keeps retries from multiplying the load on a
/// server that is down.
///
/// ```
/// use std::time::Duration;
/// use dunlin_client::{Client, Retry};
///
/// let retry = Retry::new().attempts(5).backoff(Duration::from_millis(50), Duration::from_secs(2));
/// let client = Client::builder().with(retry).build()?;
/// # Ok::<(), dunlin_client::Error>(())
/// ```
#[derive(Clone)]
pub struct Retry {
    attempts: u32,
    base: Duration,
    max: Duration,
    max_retry_after: Duration,
    statuses: Arc<[StatusCode]>,
    budget: RetryBudget,
    jitter: Arc<dyn Fn() -> f64 + Send + Sync>,
    classify: Option<Arc<Classify>>,
}

type Classify = dyn Fn(&Request, &Result<Response, Error>) -> Verdict + Send + Sync;

/// What [`Retry::classify`] says of an outcome.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Verdict {
    /// As [`Retry`] decides by itself.
    #[default]
    Default,
    /// Send it again, where the body can be: whether it may be is for the caller to know.
    Retry,
    /// Return it.
    Return,
}

impl Retry {
    /// Three attempts, and the defaults that the setters name.
    pub fn new() -> Self {
        use StatusCode as S;
        Self {
            attempts: 3,
            base: Duration::from_millis(100),
            max: Duration::from_secs(10),
            max_retry_after: Duration::from_secs(60),
            statuses: Arc::new([
                S::TOO_MANY_REQUESTS,
                S::BAD_GATEWAY,
                S::SERVICE_UNAVAILABLE,
                S::GATEWAY_TIMEOUT,
            ]),
            budget: RetryBudget::default(),
            jitter: Arc::new(random),
            classify: None,
        }
    }

    /// How often a request is sent at most, the first time counted. Default: 3.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// The longest wait before the first retry, doubled for each further one, and the bound of it.
    /// Default: 100 milliseconds and 10 seconds.
    #[must_use]
    pub fn backoff(mut self, base: Duration, max: Duration) -> Self {
        (self.base, self.max) = (base, max);
        self
    }

    /// The part of the longest wait that is waited, from 0 to 1. Default: random; `|| 1.0` always waits
    /// for the whole time.
    #[must_use]
    pub fn jitter(mut self, part: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        self.jitter = Arc::new(part);
        self
    }

    /// The longest `Retry-After` that is waited for. A response that asks for more is returned, since
    /// to come back earlier is what its server asked not to do. Default: 1 minute.
    #[must_use]
    pub fn max_retry_after(mut self, max: Duration) -> Self {
        self.max_retry_after = max;
        self
    }

    /// Statuses that are tried again. Default: 429, 502, 503 and 504.
    #[must_use]
    pub fn statuses(mut self, statuses: impl IntoIterator<Item = StatusCode>) -> Self {
        self.statuses = statuses.into_iter().collect();
        self
    }

    /// What bounds the retries of all requests together. Default: [`RetryBudget::default`].
    #[must_use]
    pub fn budget(mut self, budget: RetryBudget) -> Self {
        self.budget = budget;
        self
    }

    /// Asked about each outcome, before anything else decides.
    ///
    /// ```
    /// use dunlin_client::{Retry, Verdict};
    ///
    /// let retry = Retry::new().classify(|request, outcome| match outcome {
    ///     Ok(response) if request.url().path() == "/poll" && response.status() == 202 => Verdict::Retry,
    ///     _ => Verdict::Default,
    /// });
    /// ```
    #[must_use]
    pub fn classify(
        mut self,
        classify: impl Fn(&Request, &Result<Response, Error>) -> Verdict + Send + Sync + 'static,
    ) -> Self {
        self.classify = Some(Arc::new(classify));
        self
    }

    fn is_wanted(&self, request: &Request, outcome: &Result<Response, Error>) -> bool {
        let verdict = self.classify.as_ref().map(|classify| classify(request, outcome));
        match (verdict.unwrap_or_default(), outcome) {
            (Verdict::Retry, _) => true,
            (Verdict::Return, _) => false,
            (Verdict::Default, Ok(response)) => {
                let status = response.status();
                self.statuses.contains(&status)
                    && (status == StatusCode::TOO_MANY_REQUESTS || request.is_idempotent())
            }
            (Verdict::Default, Err(error)) => match failure(error) {
                Failure::Unseen => true,
                Failure::Unknown => request.is_idempotent(),
                Failure::Lasting => false,
            },
        }
    }

    /// How long to wait before the retry of that number, from 1; `None` where the server asks for more
    /// than is waited.
    fn wait(&self, retry: u32, outcome: &Result<Response, Error>) -> Option<Duration> {
        if let Ok(response) = outcome
            && let Some(value) = response.headers().get("retry-after")
            && let Some(asked) = after::parse(value, SystemTime::now())
        {
            return (asked <= self.max_retry_after).then_some(asked);
        }
        let factor = 1_u32.checked_shl(retry - 1).unwrap_or(u32::MAX);
        let longest = self.base.saturating_mul(factor).min(self.max);
        let part = (self.jitter)();
        // No number at all counts as none: a hook cannot make this panic.
        let part = if part.is_nan() { 0.0 } else { part.clamp(0.0, 1.0) };
        let wait = Duration::try_from_secs_f64(longest.as_secs_f64() * part);
        Some(wait.map_or(longest, |wait| wait.min(longest)))
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self::new()
    }
}

impl Middleware for Retry {
    fn handle(
        &self,
        mut request: Request,
        mut next: Next,
    ) -> BoxFuture<'_, Result<Response, Error>> {
        Box::pin(async move {
            self.budget.deposit();
            for retry in 1.. {
                let again = (retry < self.attempts && request.body().is_replayable())
                    .then(|| request.clone());
                let outcome = next.clone().run(request).await;
                let Some(mut again) = again else { return outcome };
                if !self.is_wanted(&again, &outcome) {
                    return outcome;
                }
                let Some(wait) = self.wait(retry, &outcome) else { return outcome };
                let begin = Instant::now().checked_add(wait);
                if begin.is_none() || begin > next.attempt.deadline.or(begin) {
                    return outcome;
                }
                if !self.budget.withdraw() {
                    return outcome;
                }
                // Another kept connection may be as broken as the one before.
                next.attempt.fresh |= outcome.as_ref().is_err_and(Error::is_stale);
                if let Ok(response) = &outcome {
                    cookies::of_unseen(&mut again, response);
                }
                drop(outcome);
                tokio::time::sleep(wait).await;
                request = again;
            }
            unreachable!("the last attempt returns")
        })
    }
}

/// What an error says of the next attempt.
enum Failure {
    /// The server has not seen the request.
    Unseen,
    /// It may have.
    Unknown,
    /// It would fail again, or must not be tried.
    Lasting,
}

/// Whether the request would fail again.
pub(crate) fn is_lasting(error: &Error) -> bool {
    matches!(failure(error), Failure::Lasting)
}

fn failure(error: &Error) -> Failure {
    match error.kind() {
        ErrorKind::Timeout { setting: "total", .. } => Failure::Lasting,
        ErrorKind::Resolve(_) | ErrorKind::Connect(_) => Failure::Unseen,
        ErrorKind::Proxy { status: None, .. } => Failure::Unseen,
        // A handshake that broke off, and not one that was carried out and led to nothing.
        ErrorKind::Tls(source) if source.downcast_ref().is_some_and(has_broken_off) => {
            Failure::Unseen
        }
        ErrorKind::Proxy { status: Some(status), .. } if status.is_server_error() => {
            Failure::Unseen
        }
        ErrorKind::Timeout { .. } | ErrorKind::Io(_) | ErrorKind::Protocol(_) => {
            match error.phase() {
                Phase::Exchange => Failure::Unknown,
                Phase::Queue | Phase::Resolve | Phase::Connect | Phase::Proxy | Phase::Tls => {
                    Failure::Unseen
                }
                _ => Failure::Lasting,
            }
        }
        _ => Failure::Lasting,
    }
}

fn has_broken_off(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(
        error.kind(),
        K::UnexpectedEof
            | K::ConnectionReset
            | K::ConnectionAborted
            | K::BrokenPipe
            | K::NotConnected
            | K::TimedOut
    )
}

/// A number from 0 to 1; nothing depends on nobody knowing it.
pub(crate) fn random() -> f64 {
    // Each state has keys of its own.
    let bits = RandomState::new().build_hasher().finish();
    // 53 bits are what the type has room for.
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

impl fmt::Debug for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("attempts", &self.attempts)
            .field("backoff", &(self.base, self.max))
            .field("max_retry_after", &self.max_retry_after)
            .field("statuses", &self.statuses)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_their_bound_and_never_overflow() {
        let retry = Retry::new().jitter(|| 1.0);
        let failed = Err(Error::other("x"));
        let wait = |n| retry.wait(n, &failed).unwrap().as_millis();
        assert_eq!(
            [1, 2, 3, 7, 8, 32, 33, u32::MAX].map(wait),
            [100, 200, 400, 6_400, 10_000, 10_000, 10_000, 10_000]
        );
        let retry = retry.backoff(Duration::MAX, Duration::MAX);
        for part in [f64::NAN, f64::INFINITY, -1.0, 0.5] {
            assert!(retry.clone().jitter(move || part).wait(3, &failed).is_some());
        }
    }

    #[test]
    fn random_parts_are_spread_over_the_range() {
        let parts: Vec<f64> = (0..1000).map(|_| random()).collect();
        assert!(parts.iter().all(|part| (0.0..1.0).contains(part)));
        let mean = parts.iter().sum::<f64>() / 1000.0;
        assert!((0.4..0.6).contains(&mean), "{mean}");
    }
}
