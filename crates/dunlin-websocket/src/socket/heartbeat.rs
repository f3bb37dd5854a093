//! Finding out that a silent peer is gone.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// Watches for silence. Costs one timer a connection and no timer operation a message: the timer is set
/// anew when it fires, by the time of what came last.
#[derive(Debug)]
pub(super) struct Heartbeat {
    interval: Duration,
    pong_timeout: Duration,
    timer: Pin<Box<Sleep>>,
    last: Instant,
    is_waiting: bool,
}

/// What is due.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Beat {
    /// To send a ping.
    Ping,
    /// To give up.
    Dead,
}

impl Heartbeat {
    pub(super) fn new(interval: Duration, pong_timeout: Duration) -> Self {
        let last = Instant::now();
        let timer = Box::pin(sleep_until(later(last, interval)));
        Self { interval, pong_timeout, timer, last, is_waiting: false }
    }

    /// Something came.
    pub(super) fn alive(&mut self) {
        self.last = Instant::now();
        self.is_waiting = false;
    }

    /// The ping has left, or the peer takes what waits before it: only now, or still not, can it answer.
    pub(super) fn wait_anew(&mut self) {
        if self.is_waiting {
            self.timer.as_mut().reset(later(Instant::now(), self.pong_timeout));
        }
    }

    /// To be asked after reading, so that what has come counts before silence does.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Beat> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            if self.is_waiting {
                return Poll::Ready(Beat::Dead);
            }
            let due = later(self.last, self.interval);
            let now = Instant::now();
            if due > now {
                self.timer.as_mut().reset(due);
                continue;
            }
            self.is_waiting = true;
            self.timer.as_mut().reset(later(now, self.pong_timeout));
            return Poll::Ready(Beat::Ping);
        }
    }
}

/// An instant that is as good as never for times that cannot be added.
fn later(from: Instant, time: Duration) -> Instant {
    const YEARS: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    from.checked_add(time).unwrap_or_else(|| from + YEARS)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn silence_is_pinged_and_then_given_up() {
        let began = Instant::now();
        let mut beat = Heartbeat::new(Duration::from_secs(20), Duration::from_secs(5));
        tokio::time::advance(Duration::from_secs(12)).await;
        beat.alive();
        assert_eq!(poll_fn(|cx| beat.poll(cx)).await, Beat::Ping);
        assert_eq!(began.elapsed().as_secs(), 32);
        tokio::time::advance(Duration::from_secs(4)).await;
        beat.alive();
        assert_eq!(poll_fn(|cx| beat.poll(cx)).await, Beat::Ping);
        assert_eq!(began.elapsed().as_secs(), 56);
        assert_eq!(poll_fn(|cx| beat.poll(cx)).await, Beat::Dead);
        assert_eq!(began.elapsed().as_secs(), 61);
    }

    #[tokio::test(start_paused = true)]
    async fn times_without_end_are_no_mistake() {
        let mut beat = Heartbeat::new(Duration::from_secs(20), Duration::MAX);
        assert_eq!(poll_fn(|cx| beat.poll(cx)).await, Beat::Ping);
        let day = Duration::from_secs(24 * 60 * 60);
        assert!(tokio::time::timeout(day, poll_fn(|cx| beat.poll(cx))).await.is_err());
        let mut beat = Heartbeat::new(Duration::MAX, Duration::MAX);
        assert!(tokio::time::timeout(day, poll_fn(|cx| beat.poll(cx))).await.is_err());
    }
}
