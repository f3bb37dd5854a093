//! Telling what would run on for ever that its server shuts down.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// Tells its [`GoingAway`] that the server shuts down: a connection that was handed over, or the source of a
/// [`Body`](crate::Body) without an end. For drivers.
///
/// ```
/// let (goodbye, going_away) = dunlin_core::Goodbye::pair();
/// assert!(!going_away.is_said());
/// goodbye.say();
/// assert!(going_away.is_said());
/// ```
#[derive(Debug)]
pub struct Goodbye(Arc<Notice>);

/// Hears of the server's end. What still runs when the server's shutdown timeout is over is cut.
#[derive(Debug)]
pub struct GoingAway(Arc<Notice>);

#[derive(Debug, Default)]
struct Notice {
    is_said: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Goodbye {
    /// One that says it and one that hears it.
    pub fn pair() -> (Self, GoingAway) {
        let notice = Arc::new(Notice::default());
        (Self(Arc::clone(&notice)), GoingAway(notice))
    }

    /// Says it; once is enough.
    pub fn say(&self) {
        if !self.0.is_said.swap(true, Ordering::AcqRel) {
            let waker = self.0.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

impl GoingAway {
    /// Whether the server shuts down.
    pub fn is_said(&self) -> bool {
        self.0.is_said.load(Ordering::Acquire)
    }

    /// Ready once the server shuts down. The task that polled last is woken.
    pub fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        match &mut *self.0.waker.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(waker) => waker.clone_from(cx.waker()),
            empty => *empty = Some(cx.waker().clone()),
        }
        // After the waker is there, so that a word between the two is not missed.
        if self.is_said() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Waits until the server shuts down.
    pub async fn wait(&self) {
        poll_fn(|cx| self.poll(cx)).await;
    }
}
