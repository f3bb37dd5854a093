//! What signals and cleanups share: the results of callbacks, and calls that survive a panic.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

use crate::error::{BoxError, SignalError};

pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What a callback may return: nothing, or a `Result` of nothing with any error.
pub trait IntoSignalResult {
    /// The same as one type.
    ///
    /// # Errors
    ///
    /// Whatever the callback returned.
    fn into_signal_result(self) -> Result<(), BoxError>;
}

impl IntoSignalResult for () {
    fn into_signal_result(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<E: Into<BoxError>> IntoSignalResult for Result<(), E> {
    fn into_signal_result(self) -> Result<(), BoxError> {
        self.map_err(Into::into)
    }
}

/// Calls `start` and runs what it returns; a panic in either becomes an error.
pub(crate) async fn run<R>(
    index: usize,
    at: &'static Location<'static>,
    start: impl FnOnce() -> BoxFuture<Result<R, BoxError>>,
) -> Result<R, SignalError> {
    // Nobody sees what a panic has left half done: the future is dropped, never polled again.
    let outcome = match catch_unwind(AssertUnwindSafe(start)) {
        Ok(future) => catch_polls(future).await,
        Err(payload) => Err(payload),
    };
    match outcome {
        Ok(result) => result.map_err(|source| SignalError::Failed { index, at, source }),
        Err(payload) => Err(SignalError::panicked(index, at, &*payload)),
    }
}

async fn catch_polls<R>(mut future: BoxFuture<R>) -> Result<R, Box<dyn Any + Send>> {
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(payload) => Poll::Ready(Err(payload)),
    })
    .await
}
