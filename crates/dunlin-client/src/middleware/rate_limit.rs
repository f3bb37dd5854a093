//! No more requests than somebody allows.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dunlin_core::BoxFuture;
use tokio::time::Instant;

use super::{Middleware, Next};
use crate::error::Error;
use crate::request::Request;
use crate::response::Response;
use crate::url::Origin;

/// Sends no more requests in a time than are allowed; the others wait for their turn.
///
/// A bucket of tokens, one for each request: it holds [`burst`](Self::burst) of them and is refilled
/// evenly. Who comes first is served first, and a request that is cancelled while it waits takes no
/// token. One that would wait for longer than [`max_wait`](Self::max_wait) fails at once with
/// [`RateLimited`]. Redirects and retries take a token each, where the limit is behind them.
///
/// Clones share their buckets.
///
/// ```
/// use std::time::Duration;
/// use dunlin_client::{Client, RateLimit};
///
/// let limit = RateLimit::new(5, Duration::from_secs(1)).per_origin().max_wait(Duration::from_secs(3));
/// let client = Client::builder().with(limit).build()?;
/// # Ok::<(), dunlin_client::Error>(())
/// ```
#[derive(Clone)]
pub struct RateLimit {
    terms: Terms,
    max_wait: Option<Duration>,
    max_origins: Option<usize>,
    buckets: Arc<Buckets>,
}

#[derive(Clone, Copy, Debug)]
struct Terms {
    /// Time for one token to come.
    each: Duration,
    burst: u32,
}

#[derive(Default)]
struct Buckets {
    /// Of all requests, or of those whose origin has no bucket of its own.
    shared: Arc<Bucket>,
    own: Mutex<HashMap<Origin, Arc<Bucket>>>,
}

/// Waiting is done by who is first in the queue alone: whoever leaves it, by whatever way, changes
/// nothing but the place of those behind.
#[derive(Default)]
struct Bucket {
    /// Fair: first come, first served.
    queue: tokio::sync::Mutex<()>,
    waiting: AtomicUsize,
    /// When the bucket is full again, as far as that lies ahead; `None` while it never was in use.
    full_at: Mutex<Option<Instant>>,
}

/// A request that was not sent because it would have had to wait for too long.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the rate limit lets the request go after {wait:?}, and it may wait for {max:?}")]
#[non_exhaustive]
pub struct RateLimited {
    /// How long it would have waited.
    pub wait: Duration,
    /// How long it may.
    pub max: Duration,
}

impl RateLimit {
    /// So many requests in each such time, as many at once, of the client as a whole. No request counts
    /// as one, since otherwise none could ever be sent.
    pub fn new(requests: u32, per: Duration) -> Self {
        let requests = requests.max(1);
        Self {
            terms: Terms { each: (per / requests).min(FOR_EVER), burst: requests },
            max_wait: None,
            max_origins: None,
            buckets: Arc::default(),
        }
    }

    /// How many requests may go at once after a pause, at least one. Default: as many as are allowed in
    /// the whole time.
    #[must_use]
    pub fn burst(mut self, requests: u32) -> Self {
        self.terms.burst = requests.max(1);
        self
    }

    /// Counts each origin by itself: up to 1024 of them that are in use, and the rest together.
    #[must_use]
    pub fn per_origin(mut self) -> Self {
        self.max_origins = Some(1024);
        self
    }

    /// The longest that a request waits. Default: until its deadline.
    #[must_use]
    pub fn max_wait(mut self, max: impl Into<Option<Duration>>) -> Self {
        self.max_wait = max.into();
        self
    }

    fn bucket(&self, origin: &Origin) -> Arc<Bucket> {
        let Some(max) = self.max_origins else { return Arc::clone(&self.buckets.shared) };
        let mut own = self.buckets.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = own.get(origin) {
            return Arc::clone(bucket);
        }
        if own.len() >= max {
            // A full bucket that nobody waits at is as good as a new one.
            let now = Instant::now();
            own.retain(|_, bucket| {
                Arc::strong_count(bucket) > 1 || bucket.debt(now) > Duration::ZERO
            });
        }
        if own.len() >= max {
            return Arc::clone(&self.buckets.shared);
        }
        Arc::clone(own.entry(origin.clone()).or_default())
    }
}

impl Bucket {
    /// Time for the bucket to become full.
    fn debt(&self, now: Instant) -> Duration {
        let full_at = *self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        full_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now))
    }

    /// How long who is behind `ahead` others waits for a token.
    fn wait(&self, terms: Terms, ahead: u32, now: Instant) -> Duration {
        let wanted = terms.each.saturating_mul(ahead.saturating_add(1));
        let room = terms.each.saturating_mul(terms.burst);
        self.debt(now).saturating_add(wanted).saturating_sub(room)
    }

    async fn take(&self, terms: Terms, max: Option<Duration>) -> Result<(), RateLimited> {
        let place = Place::take(self);
        if let Some(max) = max {
            let ahead = u32::try_from(place.ahead).unwrap_or(u32::MAX);
            let wait = self.wait(terms, ahead, Instant::now());
            if wait > max {
                return Err(RateLimited { wait, max });
            }
        }
        let _turn = self.queue.lock().await;
        loop {
            let wait = self.wait(terms, 0, Instant::now());
            if wait.is_zero() {
                break;
            }
            tokio::time::sleep(wait).await;
        }
        let now = Instant::now();
        let full_at = now.checked_add(self.debt(now).saturating_add(terms.each));
        // A time that cannot be told lies ahead for longer than anybody waits.
        let full_at = full_at.unwrap_or(now + FOR_EVER);
        *self.full_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(full_at);
        Ok(())
    }
}

/// Longer than anybody waits, and short enough to be reckoned with.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// A place in the queue, given up when it is dropped.
struct Place<'b> {
    bucket: &'b Bucket,
    ahead: usize,
}

impl<'b> Place<'b> {
    fn take(bucket: &'b Bucket) -> Self {
        Self { bucket, ahead: bucket.waiting.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.bucket.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Middleware for RateLimit {
    fn handle(&self, request: Request, next: Next) -> BoxFuture<'_, Result<Response, Error>> {
        Box::pin(async move {
            let bucket = self.bucket(request.url().origin());
            bucket
                .take(self.terms, self.max_wait)
                .await
                .map_err(|error| Error::other(error).with_url(request.url()))?;
            drop(bucket);
            next.run(request).await
        })
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("terms", &self.terms)
            .field("max_wait", &self.max_wait)
            .field("per_origin", &self.max_origins.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::Url;

    #[tokio::test(start_paused = true)]
    async fn buckets_are_bounded_and_full_ones_make_way() {
        let limit = RateLimit::new(1, Duration::from_secs(1)).per_origin();
        let origin = |n: usize| Url::parse(&format!("http://h{n}.test/")).unwrap().origin().clone();
        for n in 0..1024 {
            limit.bucket(&origin(n)).take(limit.terms, None).await.unwrap();
        }
        assert!(Arc::ptr_eq(&limit.bucket(&origin(2000)), &limit.buckets.shared));
        assert!(!Arc::ptr_eq(&limit.bucket(&origin(7)), &limit.buckets.shared));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!Arc::ptr_eq(&limit.bucket(&origin(2000)), &limit.buckets.shared));
        assert_eq!(limit.buckets.own.lock().unwrap().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_without_end_lets_no_second_request_go() {
        let limit = RateLimit::new(1, Duration::MAX).max_wait(Duration::from_secs(3600));
        let take = || limit.buckets.shared.take(limit.terms, limit.max_wait);
        take().await.unwrap();
        assert!(take().await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_times_do_not_overflow() {
        for limit in [RateLimit::new(0, Duration::MAX), RateLimit::new(u32::MAX, Duration::ZERO)] {
            let limit = limit.burst(u32::MAX).max_wait(Duration::MAX);
            for _ in 0..3 {
                limit.buckets.shared.take(limit.terms, limit.max_wait).await.unwrap();
            }
        }
    }
}
