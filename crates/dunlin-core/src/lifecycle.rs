//! What a runner tells a service around serving.

use crate::service::BoxFuture;
use crate::{BoxError, Request, Response};

/// What a runner tells a service before, during and after serving; every method does nothing unless
/// it is written.
///
/// ```text
/// startup ──▶ bind, accept ──▶ stop accepting ──▶ shutdown ──▶ requests finish ──▶ tasks finish ──▶ cleanup
/// ```
pub trait Lifecycle: Send + Sync + 'static {
    /// Before the first socket is bound.
    ///
    /// # Errors
    ///
    /// Ends the run before it began; what had been set up has been taken down again.
    fn startup(&self) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(async { Ok(()) })
    }

    /// The listeners are closed, requests still run: the time to end what would run on for ever.
    fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    /// The last request was answered: resolves once what the service runs beside requests has ended. The runner
    /// waits for as long as it would have waited for requests.
    fn tasks_ended(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    /// The runner waits no longer: ends what [`tasks_ended`](Self::tasks_ended) waits for, and says how many tasks
    /// there were.
    fn cut_tasks(&self) -> usize {
        0
    }

    /// The last request was answered, and no task is left.
    ///
    /// # Errors
    ///
    /// All that went wrong while cleaning up.
    fn cleanup(&self) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(async { Ok(()) })
    }
}

/// A function has nothing to set up.
impl<F, Fut> Lifecycle for F
where
    F: Fn(Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Response> + Send + 'static,
{
}
