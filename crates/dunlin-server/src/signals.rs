//! SIGINT and SIGTERM, from before the server starts.

use std::pin::Pin;
use std::time::Duration;

/// SIGINT and SIGTERM; elsewhere than on unix, Ctrl-C.
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    pub(crate) fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    #[cfg(unix)]
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// What became of a start while signals were listened for.
pub(crate) enum Started<T> {
    /// It came to its end.
    Running(T),
    /// It came to its end after the signal.
    Told(T),
    /// It did not in the time that it was given, or a second signal came.
    Never,
}

impl Signals {
    /// Awaits `starting`; after a signal for `limit` at most, or until the next one.
    pub(crate) async fn race<F: Future>(
        &mut self,
        mut starting: Pin<&mut F>,
        limit: Duration,
    ) -> Started<F::Output> {
        tokio::select! {
            biased;
            started = &mut starting => return Started::Running(started),
            () = self.next() => {}
        }
        tokio::select! {
            biased;
            started = tokio::time::timeout(limit, starting) => match started {
                Ok(started) => Started::Told(started),
                Err(_) => Started::Never,
            },
            () = self.next() => Started::Never,
        }
    }
}
