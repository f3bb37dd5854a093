//! A deadline that costs nothing until it is near.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// The timer of a connection, armed once for many requests.
///
/// Setting a timer per request would cost as much as the rest of a small one. This one stays armed for
/// the earliest deadline that it was ever asked for; where it goes off and the deadline has moved on,
/// it is set anew.
#[derive(Debug, Default)]
pub(super) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Ready once the deadline has passed; wakes the task then.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, deadline: Option<Instant>) -> Poll<()> {
        let Some(deadline) = deadline else { return Poll::Pending };
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if sleep.deadline() >= deadline || Instant::now() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_moves_on_is_kept_and_one_that_comes_nearer_too() {
        let start = Instant::now();
        let mut timer = Timer::default();
        let mut wait = async |secs: u64| {
            let deadline = start + Duration::from_secs(secs);
            std::future::poll_fn(|cx| timer.poll(cx, Some(deadline))).await;
            assert_eq!(Instant::now().duration_since(start).as_secs(), secs);
        };
        wait(5).await;
        wait(50).await;
        let mut armed_late = Timer::default();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(armed_late.poll(&mut cx, Some(start + Duration::from_secs(90))).is_pending());
        let near = start + Duration::from_secs(60);
        std::future::poll_fn(|cx| armed_late.poll(cx, Some(near))).await;
        assert_eq!(Instant::now(), near);
    }
}
