//! What has come back, and how late.

use std::collections::BTreeMap;
use std::time::Duration;

use dunlin::client::{Error, ErrorKind};
use hdrhistogram::Histogram;

/// Counts of everything; latencies in microseconds, to three digits.
pub(super) struct Tally {
    /// From when requests were due, or sent where there is no rate.
    pub(super) latency: Histogram<u64>,
    /// From when they were sent.
    pub(super) service: Histogram<u64>,
    pub(super) statuses: BTreeMap<u16, u64>,
    pub(super) errors: BTreeMap<&'static str, u64>,
    pub(super) first_error: Option<Error>,
    /// Bytes of bodies.
    pub(super) bytes: u64,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            latency: histogram(),
            service: histogram(),
            statuses: BTreeMap::new(),
            errors: BTreeMap::new(),
            first_error: None,
            bytes: 0,
        }
    }

    pub(super) fn answered(
        &mut self,
        status: u16,
        bytes: u64,
        latency: Duration,
        service: Duration,
    ) {
        *self.statuses.entry(status).or_default() += 1;
        self.bytes += bytes;
        self.latency.saturating_record(micros(latency));
        self.service.saturating_record(micros(service));
    }

    pub(super) fn failed(&mut self, error: Error) {
        *self.errors.entry(kind(&error)).or_default() += 1;
        self.first_error.get_or_insert(error);
    }

    pub(super) fn succeeded(&self) -> u64 {
        self.latency.len()
    }

    pub(super) fn errors(&self) -> u64 {
        self.errors.values().sum()
    }
}

/// Longest latency that is told from longer ones: an hour, in microseconds.
const LONGEST: u64 = 3_600_000_000;

/// 0.2 MiB, whatever is recorded.
#[expect(clippy::expect_used, reason = "constants")]
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, 3).expect("the bounds are in order, the digits few")
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).min(LONGEST)
}

fn kind(error: &Error) -> &'static str {
    match error.kind() {
        _ if error.is_timeout() => "timeout",
        ErrorKind::Resolve(_) => "name not resolved",
        ErrorKind::Connect(_) | ErrorKind::Refused(_) | ErrorKind::Proxy { .. } => "not connected",
        ErrorKind::Tls(_) | ErrorKind::Pin { .. } => "TLS",
        ErrorKind::Io(_) => "connection broken",
        ErrorKind::Protocol(_) | ErrorKind::Body(_) => "bad or cut answer",
        _ => "other",
    }
}
