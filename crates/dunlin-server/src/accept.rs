//! The accept loop: one per listener.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use dunlin_core::Service;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::error::Fault;
use crate::listener::Listener;
use crate::open::{Opening, open};
use crate::timer::Sweep;
use crate::tracker::Tracker;

/// Pause after an error that would come again at once, doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What an accept loop hands to its connections; one per worker.
pub(crate) struct Worker<S> {
    pub(crate) service: Arc<S>,
    pub(crate) config: Arc<Config>,
    pub(crate) sweep: Arc<Sweep>,
    pub(crate) tracker: Arc<Tracker>,
    pub(crate) stop: CancellationToken,
}

impl<S> Clone for Worker<S> {
    fn clone(&self) -> Self {
        Self {
            service: Arc::clone(&self.service),
            config: Arc::clone(&self.config),
            sweep: Arc::clone(&self.sweep),
            tracker: Arc::clone(&self.tracker),
            stop: self.stop.clone(),
        }
    }
}

impl<S: Service> Worker<S> {
    /// Accepts and spawns until told to stop. The listener closes with it, so that new connections
    /// are refused from then on.
    pub(crate) async fn accept(self, mut listener: impl Listener, opening: Arc<Opening>) {
        let stop = self.stop.clone();
        let accept = async {
            let mut pause = FIRST_PAUSE;
            loop {
                self.tracker.room().await;
                match listener.accept().await {
                    Ok((io, connection)) => {
                        pause = FIRST_PAUSE;
                        let tracked = self.tracker.enter().await;
                        if opening.is_plain() {
                            tokio::spawn(self.drive(io, connection, tracked));
                        } else {
                            let (worker, opening) = (self.clone(), Arc::clone(&opening));
                            tokio::spawn(open(worker, opening, io, connection, tracked));
                        }
                    }
                    Err(error) => {
                        self.config.report(&Fault::Accept(&error));
                        if !concerns_one_peer(&error) {
                            tokio::time::sleep(pause).await;
                            pause = (pause * 2).min(LONGEST_PAUSE);
                        }
                    }
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = accept => {}
        }
    }
}

/// Whether an error is that of the connection which just came, rather than of the listener or of the
/// process (no file descriptor, no memory), which would come again at once.
fn concerns_one_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
