//! How many connections a server has, for those who plot it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The connections of a server, counted. Cheap to clone; an app keeps one in its state and tells its metrics
/// by it. Given to several servers it counts those of all.
///
/// ```
/// use dunlin_core::{IntoResponse, Request};
/// use dunlin_server::{Connections, Server};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), dunlin_server::ServeError> {
/// let connections = Connections::new();
/// let counted = connections.clone();
/// let app = move |_: Request| {
///     let told = format!("{} of {} are open\n", counted.live(), counted.total());
///     async move { told.into_response() }
/// };
/// let server =
///     Server::builder().bind("127.0.0.1:0").connections(connections).start(app).await?;
/// server.shutdown().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Connections(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    live: AtomicUsize,
    total: AtomicU64,
}

impl Connections {
    /// Of a server that has not started.
    pub fn new() -> Self {
        Self::default()
    }

    /// Connections at this moment, upgraded ones among them.
    pub fn live(&self) -> usize {
        self.0.live.load(Ordering::Relaxed)
    }

    /// Connections since the server started.
    pub fn total(&self) -> u64 {
        self.0.total.load(Ordering::Relaxed)
    }

    pub(crate) fn came(&self) {
        self.0.live.fetch_add(1, Ordering::Relaxed);
        self.0.total.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn went(&self) {
        self.0.live.fetch_sub(1, Ordering::Relaxed);
    }
}
