//! Work that keeps a processor busy: on threads of its own, a few at a time, a bounded number waiting.

use std::panic::resume_unwind;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Clones are the same workers.
#[derive(Clone)]
pub(crate) struct Workers {
    /// Places in the queue, those at work among them.
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

impl Workers {
    pub(crate) fn new(count: usize, queue: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(count + queue)),
            turns: Arc::new(Semaphore::new(count)),
        }
    }

    /// What the work makes; `None` where the queue is full. It panics here where it panics there. Whose client
    /// goes while it waits gives its place away; what has begun runs to its end, and keeps it until then.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.ok()?;
        let at_work = spawn_blocking(move || {
            let _held = (place, turn);
            work()
        });
        Some(at_work.await.unwrap_or_else(|error| resume_unwind(error.into_panic())))
    }
}
