//! How many retries all requests may have together.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// A bound on retries: a part of the requests, plus some each second.
///
/// A bucket of tokens, one for each retry, shared by its clones. Each request adds a part of one and
/// each second some; it begins with ten seconds' worth and holds that much and
/// [`burst`](Self::burst) more. With a server that always fails, the load on it is then the requests,
/// that percentage more, and the floor.
///
/// ```
/// use dunlin_client::{Retry, RetryBudget};
///
/// let budget = RetryBudget::new(10, 1);
/// let (reads, writes) = (Retry::new().budget(budget.clone()), Retry::new().attempts(2).budget(budget));
/// ```
#[derive(Clone)]
pub struct RetryBudget(Arc<Inner>);

struct Inner {
    percent: u32,
    per_second: u32,
    burst: u32,
    /// `None` until the first request: there may be no clock before.
    level: Mutex<Option<Level>>,
}

struct Level {
    /// Hundredths of a token.
    held: u64,
    at: Instant,
}

/// Hundredths: what one percent of a request is.
const TOKEN: u64 = 100;

/// Seconds' worth of the floor that are held.
const SECONDS: u64 = 10;

impl RetryBudget {
    /// `percent` retries for each hundred requests, and `per_second` each second besides.
    pub fn new(percent: u32, per_second: u32) -> Self {
        Self::with(percent, per_second, 100)
    }

    fn with(percent: u32, per_second: u32, burst: u32) -> Self {
        Self(Arc::new(Inner { percent, per_second, burst, level: Mutex::new(None) }))
    }

    /// As many retries as attempts allow.
    pub fn unlimited() -> Self {
        Self::with(100, u32::MAX, u32::MAX)
    }

    /// The same with a bucket that holds so many tokens above the floor, not shared with this one.
    /// Default: 100.
    #[must_use]
    pub fn burst(&self, burst: u32) -> Self {
        Self::with(self.0.percent, self.0.per_second, burst)
    }

    /// A request is sent for the first time.
    pub(super) fn deposit(&self) {
        let mut level = self.lock();
        let level = self.0.refill(&mut level);
        level.held = (level.held + u64::from(self.0.percent)).min(self.0.room());
    }

    /// Takes a token for a retry, if there is one.
    pub(super) fn withdraw(&self) -> bool {
        let mut level = self.lock();
        let level = self.0.refill(&mut level);
        match level.held.checked_sub(TOKEN) {
            Some(left) => {
                level.held = left;
                true
            }
            None => false,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Level>> {
        self.0.level.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn floor(&self) -> u64 {
        u64::from(self.per_second) * SECONDS * TOKEN
    }

    fn room(&self) -> u64 {
        self.floor() + u64::from(self.burst) * TOKEN
    }

    /// Adds what the time since the last look is worth.
    fn refill<'l>(&self, level: &'l mut Option<Level>) -> &'l mut Level {
        let now = Instant::now();
        let level = level.get_or_insert_with(|| Level { held: self.floor(), at: now });
        let per_second = u64::from(self.per_second) * TOKEN;
        let millis = u64::try_from(now.duration_since(level.at).as_millis()).unwrap_or(u64::MAX);
        let earned = millis.saturating_mul(per_second) / 1000;
        // Less than a hundredth is left to grow.
        if earned > 0 {
            level.held = level.held.saturating_add(earned).min(self.room());
            level.at = now;
        }
        level
    }
}

/// 20 % of the requests, and 10 each second.
impl Default for RetryBudget {
    fn default() -> Self {
        Self::new(20, 10)
    }
}

impl fmt::Debug for RetryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = self.lock().as_ref().map_or_else(|| self.0.floor(), |level| level.held) / TOKEN;
        f.debug_struct("RetryBudget")
            .field("percent", &self.0.percent)
            .field("per_second", &self.0.per_second)
            .field("held", &held)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn drain(budget: &RetryBudget) -> usize {
        (0..10_000).take_while(|_| budget.withdraw()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn time_and_requests_fill_it_up_to_its_room() {
        let budget = RetryBudget::new(20, 2).burst(3);
        assert_eq!(drain(&budget), 20);
        (0..9).for_each(|_| budget.deposit());
        assert_eq!(drain(&budget.clone()), 1);
        budget.deposit();
        assert_eq!(drain(&budget), 1);
        tokio::time::advance(Duration::from_millis(1500)).await;
        assert_eq!(drain(&budget), 3);
        // Many short times are worth as much as one long one.
        for _ in 0..1000 {
            tokio::time::advance(Duration::from_millis(1)).await;
            budget.deposit_nothing();
        }
        assert_eq!(drain(&budget), 2);
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(drain(&budget), 23);
    }

    #[tokio::test(start_paused = true)]
    async fn the_largest_numbers_do_not_overflow() {
        let budget = RetryBudget::unlimited();
        assert_eq!(drain(&budget), 10_000);
        tokio::time::advance(Duration::from_secs(u32::MAX.into())).await;
        budget.deposit();
        assert_eq!(drain(&budget), 10_000);
        assert_eq!(drain(&RetryBudget::new(0, 0)), 0);
    }

    impl RetryBudget {
        fn deposit_nothing(&self) {
            let mut level = self.lock();
            self.0.refill(&mut level);
        }
    }
}
