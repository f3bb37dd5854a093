//! The server's own numbers: counted by middleware, told once a second, kept for five minutes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dunlin::server::Connections;
use dunlin::web::AccessEntry;
use serde::Serialize;
use tokio::time::MissedTickBehavior;

use crate::auth::now;
use crate::live::Rooms;

/// Seconds that a plot shows.
const KEPT: usize = 300;
/// Latencies that are kept of one second; of more requests the rest is counted and not timed.
const TIMED_MAX: usize = 10_000;

/// Counters of this run; clones are the same.
#[derive(Clone)]
pub(crate) struct Numbers(Arc<Shared>);

struct Shared {
    connections: Connections,
    started: Instant,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    /// Of the present second.
    requests: u64,
    errors: u64,
    bytes: u64,
    micros: Vec<u32>,
    total: u64,
    kept: VecDeque<Sample>,
    /// By pattern, of which there are as many as routes.
    routes: HashMap<String, Route>,
}

#[derive(Default)]
struct Route {
    requests: u64,
    errors: u64,
    took: Duration,
}

/// One second.
#[derive(Clone, Serialize)]
pub(crate) struct Sample {
    /// Seconds since 1970 at its end.
    at: u64,
    requests: u64,
    /// Answers of 5xx.
    errors: u64,
    bytes: u64,
    /// Milliseconds that half, 90 % and 99 % of the requests took; none where none were answered.
    p50: Option<f64>,
    p90: Option<f64>,
    p99: Option<f64>,
    connections: usize,
    pages: usize,
    /// Since the server started.
    total: u64,
    uptime: u64,
}

/// One route since the server started.
#[derive(Serialize)]
pub(crate) struct RouteNumbers {
    pattern: String,
    requests: u64,
    /// Answers of 4xx and 5xx.
    errors: u64,
    mean_ms: f64,
}

impl Numbers {
    pub(crate) fn new(connections: Connections) -> Self {
        Self(Arc::new(Shared { connections, started: Instant::now(), counts: Mutex::default() }))
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An answer is over.
    pub(crate) fn count(&self, entry: &AccessEntry<'_>) {
        let mut counts = self.counts();
        counts.total += 1;
        counts.requests += 1;
        counts.bytes += entry.bytes;
        counts.errors += u64::from(entry.status.is_server_error());
        let route = match counts.routes.get_mut(entry.pattern) {
            Some(route) => route,
            None => counts.routes.entry(entry.pattern.to_owned()).or_default(),
        };
        route.requests += 1;
        route.errors += u64::from(entry.status.is_client_error() || entry.status.is_server_error());
        route.took += entry.took;
        // How long a page was open is no latency.
        let is_stream = entry.pattern == "/log/events";
        if !is_stream && counts.micros.len() < TIMED_MAX {
            counts.micros.push(entry.took.as_micros().try_into().unwrap_or(u32::MAX));
        }
    }

    /// The seconds that are kept, the oldest first.
    pub(crate) fn history(&self) -> Vec<Sample> {
        self.counts().kept.iter().cloned().collect()
    }

    /// What each route has answered, the busiest first.
    pub(crate) fn routes(&self) -> Vec<RouteNumbers> {
        let row = |(pattern, route): (&String, &Route)| RouteNumbers {
            pattern: pattern.clone(),
            requests: route.requests,
            errors: route.errors,
            mean_ms: route.took.as_secs_f64() * 1_000.0 / route.requests as f64,
        };
        let mut rows: Vec<_> = self.counts().routes.iter().map(row).collect();
        rows.sort_by(|a, b| b.requests.cmp(&a.requests).then(a.pattern.cmp(&b.pattern)));
        rows
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.0.started.elapsed()
    }

    pub(crate) fn connections(&self) -> &Connections {
        &self.0.connections
    }

    pub(crate) async fn tell_every_second(self, rooms: Rooms) {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            seconds.tick().await;
            rooms.tell_numbers(&self.sample(rooms.len()));
        }
    }

    /// Ends the present second.
    fn sample(&self, pages: usize) -> Sample {
        let mut counts = self.counts();
        let mut micros = std::mem::take(&mut counts.micros);
        micros.sort_unstable();
        let sample = Sample {
            at: now(),
            requests: std::mem::take(&mut counts.requests),
            errors: std::mem::take(&mut counts.errors),
            bytes: std::mem::take(&mut counts.bytes),
            p50: percentile(&micros, 50),
            p90: percentile(&micros, 90),
            p99: percentile(&micros, 99),
            connections: self.0.connections.live(),
            pages,
            total: counts.total,
            uptime: self.uptime().as_secs(),
        };
        if counts.kept.len() == KEPT {
            counts.kept.pop_front();
        }
        counts.kept.push_back(sample.clone());
        sample
    }
}

/// The time, in milliseconds, that so many percent took no longer than (nearest rank).
fn percentile(sorted: &[u32], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).map(|micros| f64::from(*micros) / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let hundred: Vec<u32> = (1..=100).map(|ms| ms * 1_000).collect();
        for (percent, ms) in [(50, 50.0), (90, 90.0), (99, 99.0)] {
            assert_eq!(percentile(&hundred, percent), Some(ms));
        }
        assert_eq!(percentile(&[7_000], 50), Some(7.0));
        assert_eq!(percentile(&[], 50), None);
    }
}
