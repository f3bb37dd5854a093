//! `RateLimit`: how often who may ask.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dunlin_core::{BoxFuture, Headers, IntoResponse, Request, Response};
use http::header::RETRY_AFTER;
use http::{HeaderName, HeaderValue};

use super::{Middleware, Next};
use crate::error::HttpError;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// Lets each client ask so many times in so long, and answers 429 to what is more: a token bucket for each
/// key.
///
/// ```
/// use std::time::Duration;
///
/// use dunlin_web::{App, RateLimit, post};
///
/// // Ten at once, and then one more every six seconds.
/// let limit = RateLimit::new(10, Duration::from_secs(60));
/// let by_token = RateLimit::new(1_000, Duration::from_secs(3_600))
///     .key(|req| req.headers().get_str("authorization").map(str::to_owned));
/// let app = App::new()
///     .middleware(by_token)
///     .routes([post("/login", || async { "welcome" }).middleware(limit)]);
/// # app.build().unwrap();
/// ```
///
/// | what | default |
/// | --- | --- |
/// | [`key`](Self::key) | the client's address; of IPv6 the first 64 bits, which one customer has |
/// | [`burst`](Self::burst) | as many as in the whole time |
/// | [`max_keys`](Self::max_keys) | 100,000 |
/// | [`name`](Self::name) | `default` |
///
/// Behind a proxy, put [`TrustedProxies`](crate::TrustedProxies) around it: all clients are the proxy otherwise.
///
/// Answers say how much is left (`RateLimit-Policy` and `RateLimit`, as the IETF's draft has them, times in
/// seconds); 429 says `Retry-After`.
///
/// Limits of an app, a group and a route all count, each for itself, and an answer names all that it passed:
/// give them [names](Self::name). A clone shares the buckets, so that one limit may stand on several routes;
/// each that is made anew has its own. What an outer limit lets pass counts there, whatever an inner one says to it.
///
/// Memory is bounded: no more keys are kept than `max_keys`, 16 bytes each and what a table takes. Past half as
/// many that are new, those that have not come since the last time are forgotten.
#[derive(Clone)]
pub struct RateLimit {
    key: Arc<Key>,
    name: &'static str,
    rate: Rate,
    buckets: Arc<Buckets>,
}

type Key = dyn Fn(&Request) -> Option<String> + Send + Sync;

#[derive(Clone, Copy, Debug)]
struct Rate {
    limit: u32,
    per: Duration,
    burst: u32,
}

/// The buckets, as the time at which each is full again (GCRA), since the first; under a hash of their keys
/// that nobody outside can foretell.
struct Buckets {
    began: Instant,
    hasher: RandomState,
    kept: Mutex<Kept>,
}

struct Kept {
    /// Those that came since the others were put aside, and those that came before.
    young: HashMap<u64, Duration>,
    old: HashMap<u64, Duration>,
    max_keys: usize,
}

/// What a bucket has to say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Taken {
    /// None where there was a token.
    wait: Option<Duration>,
    left: u32,
    full_in: Duration,
}

impl RateLimit {
    /// `limit` requests `per` so long; no less than one.
    pub fn new(limit: u32, per: Duration) -> Self {
        let limit = limit.max(1);
        let kept = Kept { young: HashMap::new(), old: HashMap::new(), max_keys: 100_000 };
        Self {
            key: Arc::new(address),
            name: "default",
            rate: Rate { limit, per, burst: limit },
            buckets: Arc::new(Buckets {
                began: Instant::now(),
                hasher: RandomState::new(),
                kept: Mutex::new(kept),
            }),
        }
    }

    /// Most requests at once; no less than one. Default: the limit.
    #[must_use]
    pub fn burst(mut self, burst: u32) -> Self {
        self.rate.burst = burst.max(1);
        self
    }

    /// What requests are counted by; one without a key is not limited. Default: the client's address.
    #[must_use]
    pub fn key(self, key: impl Fn(&Request) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { key: Arc::new(key), ..self }
    }

    /// What answers call the limit. Visible ASCII without `"` and `\`; the rest is left out. Default: `default`.
    #[must_use]
    pub fn name(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// Most keys that are kept; no less than two. Default: 100,000.
    #[must_use]
    pub fn max_keys(self, keys: usize) -> Self {
        self.buckets.lock().max_keys = keys.max(2);
        self
    }

    fn fields(&self, headers: &mut Headers, taken: Taken) {
        let Rate { per, burst, .. } = self.rate;
        let is_plain = |c: &char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
        let name: String = self.name.chars().filter(is_plain).collect();
        let policy = format!("\"{name}\";q={burst};w={}", seconds(per));
        let state = format!("\"{name}\";r={};t={}", taken.left, seconds(taken.full_in));
        for (name, value) in [(POLICY, policy), (STATE, state)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                // Behind those of limits further in.
                headers.append(name, value);
            }
        }
    }
}

/// Whole seconds, rather too long than too short.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

fn address(req: &Request) -> Option<String> {
    Some(match req.peer()?.ip() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => ip.to_string(),
            None => format!("{:x?}", &ip.segments()[..4]),
        },
    })
}

impl Rate {
    /// Takes a token from a bucket that is full at `full_at`; that of one that is not there is in the past.
    fn take(self, full_at: Duration, now: Duration) -> (Taken, Duration) {
        let token = (self.per / self.limit).max(Duration::from_nanos(1));
        let room = token.saturating_mul(self.burst);
        let before = full_at.saturating_sub(now);
        let after = before.saturating_add(token);
        let left = |lack: Duration| {
            let left = room.saturating_sub(lack).as_nanos() / token.as_nanos();
            u32::try_from(left).unwrap_or(u32::MAX)
        };
        if after > room {
            let wait = Some(after - room);
            return (Taken { wait, left: left(before), full_in: before }, full_at);
        }
        (Taken { wait: None, left: left(after), full_in: after }, now.saturating_add(after))
    }
}

impl Buckets {
    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, key: &str, rate: Rate, now: Duration) -> Taken {
        let key = self.hasher.hash_one(key);
        let mut kept = self.lock();
        let young = kept.young.get(&key).copied();
        let full_at = young.or_else(|| kept.old.get(&key).copied()).unwrap_or_default();
        let (taken, full_at) = rate.take(full_at, now);
        if young.is_none() && kept.young.len() >= kept.max_keys / 2 {
            kept.old = std::mem::take(&mut kept.young);
        }
        kept.young.insert(key, full_at);
        taken
    }
}

impl Middleware for RateLimit {
    fn call(&self, req: Request, next: Next) -> BoxFuture<'static, Response> {
        let Some(key) = (self.key)(&req) else { return Box::pin(next.run(req)) };
        let taken = self.buckets.take(&key, self.rate, self.buckets.began.elapsed());
        if let Some(wait) = taken.wait {
            let error = HttpError::too_many_requests()
                .with_header(RETRY_AFTER, seconds(wait).into())
                .with_message("too many requests");
            let mut response = error.into_response();
            self.fields(response.headers_mut(), taken);
            return Box::pin(std::future::ready(response));
        }
        let limit = self.clone();
        Box::pin(async move {
            let mut response = next.run(req).await;
            limit.fields(response.headers_mut(), taken);
            response
        })
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit").field("rate", &self.rate).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(1_000.0 + seconds)
    }

    #[test]
    fn tokens_come_back_one_by_one_and_never_more_than_the_burst() {
        let limit = RateLimit::new(10, Duration::from_secs(10)).burst(3);
        let take = |key, now| limit.buckets.take(key, limit.rate, now);
        for left in [2, 1, 0] {
            let taken = take("a", at(0.0));
            assert_eq!((taken.wait, taken.left), (None, left));
        }
        let refused = take("a", at(0.25));
        assert_eq!((refused.wait, refused.left), (Some(Duration::from_millis(750)), 0));
        assert_eq!(take("b", at(0.25)).wait, None, "another's bucket is another");
        assert_eq!(take("a", at(1.0)).wait, None);
        assert!(take("a", at(1.5)).wait.is_some());
        let rested = take("a", at(100.0));
        assert_eq!((rested.left, rested.full_in), (2, Duration::from_secs(1)));
    }

    #[test]
    fn keys_are_bounded_and_those_that_come_are_kept() {
        let limit = RateLimit::new(1, Duration::from_secs(3_600)).max_keys(100);
        let take = |key: &str| limit.buckets.take(key, limit.rate, at(0.0)).wait;
        assert_eq!(take("busy"), None);
        for n in 0..1_000 {
            take(&n.to_string());
            assert!(take("busy").is_some(), "forgotten after {n} others");
            let kept = limit.buckets.lock();
            assert!(kept.young.len() + kept.old.len() <= 100);
        }
        assert_eq!(take("0"), None, "long gone");
    }

    #[test]
    fn extremes_neither_panic_nor_divide_by_nothing() {
        for (limit, per) in [
            (0, Duration::ZERO),
            (u32::MAX, Duration::from_nanos(1)),
            (1, Duration::from_secs(u64::MAX >> 1)),
        ] {
            let limit = RateLimit::new(limit, per).burst(0);
            for now in [Duration::ZERO, at(0.0)] {
                limit.buckets.take("a", limit.rate, now);
            }
        }
    }
}
