//! What runs an app, whatever the app's type and whatever carries the bytes.

use std::fmt;
use std::time::Duration;

use dunlin_core::{BoxFuture, Lifecycle, Service};
use dunlin_server::{Ended, Running, ServeError};

use crate::error::TestError;
use crate::faults::Faults;

/// How long requests may take to finish when a test's server is stopped, unless set otherwise. The server's own
/// default, a minute, is for programs whose requests matter.
pub(crate) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// How a test's server ended.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// Connections that were cut because their requests did not finish within the shutdown timeout.
    pub cut: usize,
    /// Background tasks of the app that were cut because they did not end in time either.
    pub cut_tasks: usize,
    /// What went wrong while serving and no peer was told: responses that break a rule, response bodies that
    /// fail. At most the first 100.
    pub faults: Vec<String>,
}

/// Runs an app.
pub(crate) trait Host: Send + Sync {
    /// Live connections.
    fn connections(&self) -> usize;

    /// Ends the run and says what was cut.
    fn end(self: Box<Self>) -> BoxFuture<'static, Result<Ended, ServeError>>;
}

impl<S: Service + Lifecycle> Host for Running<S> {
    fn connections(&self) -> usize {
        Self::connections(self)
    }

    fn end(self: Box<Self>) -> BoxFuture<'static, Result<Ended, ServeError>> {
        Box::pin(async move { self.shutdown().await })
    }
}

/// An app that runs until this is stopped or dropped.
pub(crate) struct Served {
    /// `None` only while it is being dropped.
    host: Option<Box<dyn Host>>,
    faults: Faults,
}

impl Served {
    pub(crate) fn new(host: impl Host + 'static, faults: Faults) -> Self {
        Self { host: Some(Box::new(host)), faults }
    }

    pub(crate) fn connections(&self) -> usize {
        self.host.as_ref().map_or(0, |host| host.connections())
    }

    pub(crate) fn faults(&self) -> Vec<String> {
        self.faults.all()
    }

    pub(crate) async fn stop(mut self) -> Result<Report, TestError> {
        let ended = match self.host.take() {
            Some(host) => host.end().await?,
            None => Ended::default(),
        };
        Ok(Report { cut: ended.cut, cut_tasks: ended.cut_tasks, faults: self.faults.all() })
    }
}

/// Ends the run in the background. Where the runtime ends first, or there is none, what is left is cut.
impl Drop for Served {
    fn drop(&mut self) {
        if let Some(host) = self.host.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let faults = self.faults.clone();
            runtime.spawn(async move {
                if let Err(error) = host.end().await {
                    faults.add(format!("a test's server that was dropped: {error}"));
                }
            });
        }
    }
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served").field("connections", &self.connections()).finish_non_exhaustive()
    }
}
