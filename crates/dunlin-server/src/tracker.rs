//! Counts the live connections: the cap on them, and the end of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use crate::connections::Connections;

/// The connections of a server, over all its workers.
#[derive(Debug)]
pub(crate) struct Tracker {
    live: AtomicUsize,
    max: usize,
    told: Connections,
    left: Notify,
}

/// One live connection.
#[derive(Debug)]
pub(crate) struct Tracked(Arc<Tracker>);

impl Tracker {
    pub(crate) fn new(max: usize, told: Connections) -> Arc<Self> {
        Arc::new(Self { live: AtomicUsize::new(0), max, told, left: Notify::new() })
    }

    pub(crate) fn live(&self) -> usize {
        self.live.load(Ordering::Acquire)
    }

    /// Counts a connection until the guard is dropped, once there is room for it: several listeners
    /// may have seen the same last place.
    pub(crate) async fn enter(self: &Arc<Self>) -> Tracked {
        self.until(|| self.take_place()).await;
        self.told.came();
        Tracked(Arc::clone(self))
    }

    /// Waits until a further connection is allowed.
    pub(crate) async fn room(&self) {
        self.until(|| self.live() < self.max).await;
    }

    /// Waits until no connection is left.
    pub(crate) async fn empty(&self) {
        self.until(|| self.live() == 0).await;
    }

    fn take_place(&self) -> bool {
        let further = |live| (live < self.max).then_some(live + 1);
        self.live.fetch_update(Ordering::AcqRel, Ordering::Acquire, further).is_ok()
    }

    async fn until(&self, reached: impl Fn() -> bool) {
        loop {
            let left = self.left.notified();
            if reached() {
                return;
            }
            left.await;
        }
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.0.told.went();
        let before = self.0.live.fetch_sub(1, Ordering::AcqRel);
        if before == 1 || before >= self.0.max {
            self.0.left.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn room_comes_when_a_connection_goes() {
        let tracker = Tracker::new(1, Connections::new());
        tracker.room().await;
        let held = tracker.enter().await;
        let waits = tokio::time::timeout(Duration::from_millis(20), tracker.room());
        assert!(waits.await.is_err());
        let waits = tokio::time::timeout(Duration::from_millis(20), tracker.enter());
        assert!(waits.await.is_err());
        assert_eq!(tracker.live(), 1);
        let (after, ()) =
            tokio::join!(tokio::time::timeout(Duration::from_secs(5), tracker.empty()), async {
                drop(held)
            },);
        assert!(after.is_ok());
        tracker.room().await;
        assert_eq!((tracker.told.live(), tracker.told.total()), (0, 1));
    }
}
