//! How fast a request's body comes in.

use std::time::Duration;

use crate::config::Config;
use crate::timer::TICK;

/// How much of the present request's body has come, and how long it was waited for.
///
/// Time is counted in the sweep's ticks, by looks at its clock where the connection is parked: no call to the
/// system and no timer. The end of what is left is a deadline like any other, at the same tick however often it is
/// set anew, so that a peer which sends byte by byte does not put it off.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Bytes of content; a peer that only sends chunk lines is as slow as one that sends nothing.
    received: u64,
    /// Ticks, over all waits that have ended.
    waited: u32,
    /// The tick at which the present wait began, while there is one.
    since: Option<u32>,
}

impl Pace {
    pub(super) fn receive(&mut self, bytes: usize) {
        self.received += bytes as u64;
    }

    pub(super) fn begin_wait(&mut self, tick: u32) {
        self.since = Some(tick);
    }

    pub(super) fn end_wait(&mut self, tick: u32) {
        if let Some(since) = self.since.take() {
            self.waited = self.waited.saturating_add(tick.saturating_sub(since));
        }
    }

    /// How much longer the body may be waited for with nothing coming; `None` for ever.
    pub(super) fn left(&self, config: &Config) -> Option<Duration> {
        let rate = u64::from(config.min_body_rate);
        let earned = Duration::from_millis(self.received.saturating_mul(1000).checked_div(rate)?);
        Some(earned.max(config.body_rate_grace).saturating_sub(TICK.saturating_mul(self.waited)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(pace: &Pace) -> u128 {
        pace.left(&Config::default()).unwrap().as_millis()
    }

    #[test]
    fn a_body_may_be_waited_for_as_long_as_it_has_earned_or_as_the_grace() {
        let mut pace = Pace::default();
        pace.begin_wait(100);
        assert_eq!(left(&pace), 5000);
        pace.receive(240);
        pace.end_wait(120);
        // No wait, such as while the handler works.
        pace.end_wait(400);
        assert_eq!(left(&pace), 3000);
        pace.receive(240 * 9);
        assert_eq!(left(&pace), 8000);
        pace.begin_wait(500);
        pace.end_wait(580);
        assert_eq!(left(&pace), 0);
        pace.begin_wait(600);
        pace.end_wait(700);
        assert_eq!(left(&pace), 0);
    }

    #[test]
    fn extremes_neither_overflow_nor_wrap() {
        let mut pace = Pace { received: u64::MAX, waited: u32::MAX, since: Some(7) };
        pace.end_wait(3);
        assert!(pace.left(&Config::default()).is_some());
        let off = Config { min_body_rate: 0, ..Config::default() };
        assert_eq!(pace.left(&off), None);
    }
}
