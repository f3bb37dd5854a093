//! A constant rate of arrival: when each request is due, whatever became of those before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

/// Shortest sleep of the pacer: at high rates several requests become due at once.
const TICK: Duration = Duration::from_micros(100);

/// Longest sleep, after which it looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(100);

/// Hands out requests as they become due.
///
/// A thread of its own keeps the time, since the runtime's timer counts milliseconds: what that is late would be
/// counted as the server's.
pub(super) struct Pace {
    due: Arc<Semaphore>,
    taken: AtomicU64,
    last: u64,
    begun: Instant,
    rate: f64,
    pacer: JoinHandle<()>,
}

impl Pace {
    /// Requests are due at `begun` and every 1 / `rate` seconds from then on, while that is before `end`, and
    /// at most `count` of them. What has not been taken by `end` never is.
    pub(super) fn start(rate: f64, begun: Instant, end: Option<Instant>, count: u64) -> Self {
        let due = Arc::new(Semaphore::new(0));
        let last = end.map_or(u64::MAX, |end| first_at(rate, end - begun)).min(count);
        let release = Arc::clone(&due);
        let sleep_until = |until: Instant| {
            thread::sleep(until.saturating_duration_since(Instant::now()).clamp(TICK, LOOK));
        };
        let pacer = thread::spawn(move || {
            let mut released = 0;
            while released < last && !release.is_closed() {
                // Due at this very moment counts.
                let elapsed = begun.elapsed() + Duration::from_nanos(1);
                let more = first_at(rate, elapsed).min(last).saturating_sub(released);
                release.add_permits(more as usize);
                released += more;
                sleep_until(begun + due_after(rate, released));
            }
            while let Some(end) = end
                && Instant::now() < end
                && !release.is_closed()
            {
                sleep_until(end);
            }
            if end.is_some() {
                release.close();
            }
        });
        Self { due, taken: AtomicU64::new(0), last, begun, rate, pacer }
    }

    /// Waits for the next one to become due, and says when that was; `None` when there is none any more.
    pub(super) async fn next(&self) -> Option<Instant> {
        self.due.acquire().await.ok()?.forget();
        let number = self.taken.fetch_add(1, Relaxed);
        if number + 1 == self.last {
            // Whoever waits for another one waits in vain.
            self.due.close();
        }
        Some(self.begun + due_after(self.rate, number))
    }

    /// Ends it, and tells how many were due by now and not taken.
    pub(super) fn stop(self) -> u64 {
        let due = first_at(self.rate, self.begun.elapsed()).min(self.last);
        self.due.close();
        // It has nothing to tell, and does not panic.
        let _ = self.pacer.join();
        due.saturating_sub(self.taken.into_inner())
    }
}

fn due_after(rate: f64, number: u64) -> Duration {
    Duration::from_secs_f64(number as f64 / rate)
}

/// Number of the first request that is not due before `after`.
fn first_at(rate: f64, after: Duration) -> u64 {
    (after.as_secs_f64() * rate).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_for_a_time_is_a_number_of_requests() {
        assert_eq!(first_at(100.0, Duration::from_secs(2)), 200);
        assert_eq!(first_at(0.5, Duration::from_secs(3)), 2);
        assert_eq!(due_after(100.0, 50), Duration::from_millis(500));
    }

    #[tokio::test]
    async fn none_is_handed_out_before_it_is_due() {
        let begun = Instant::now();
        let pace = Pace::start(200.0, begun, None, 40);
        for number in 0..40 {
            assert_eq!(pace.next().await, Some(begun + Duration::from_millis(5 * number)));
            assert!(begun.elapsed() >= Duration::from_millis(5 * number), "{number}");
        }
        assert_eq!(pace.next().await, None);
        assert_eq!(pace.stop(), 0);
    }

    #[tokio::test]
    async fn what_is_not_taken_by_the_end_is_told() {
        let begun = Instant::now();
        let pace = Pace::start(1_000.0, begun, Some(begun + Duration::from_millis(100)), u64::MAX);
        pace.next().await.unwrap();
        tokio::time::sleep(Duration::from_millis(150)).await;
        assert_eq!(pace.next().await, None);
        assert_eq!(pace.stop(), 99);
    }

    #[tokio::test]
    async fn a_count_ends_it_without_an_end() {
        let pace = Pace::start(10_000.0, Instant::now(), None, 3);
        while pace.next().await.is_some() {}
        assert_eq!(pace.stop(), 0);
    }
}
