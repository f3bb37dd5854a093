//! Whether a server wants new requests, for load balancers that ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a server is ready: from when it listens until it is told to end. Cheap to clone; a handler
/// keeps one and answers load balancers by it. `dunlin_web::Health` does so with checks of the program's own.
///
/// ```
/// use std::time::Duration;
///
/// use dunlin_core::{IntoResponse, Request};
/// use dunlin_server::{Readiness, Server};
/// use http::StatusCode;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), dunlin_server::ServeError> {
/// let readiness = Readiness::new();
/// let asked = readiness.clone();
/// let app = move |_: Request| {
///     let status = if asked.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
///     async move { status.into_response() }
/// };
/// let server = Server::builder()
///     .bind("127.0.0.1:0")
///     .readiness(readiness)
///     // Long enough for the balancer to ask again and send no more.
///     .shutdown_delay(Duration::from_millis(10))
///     .start(app)
///     .await?;
/// server.shutdown().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Of a server that has not started.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the server listens and has not been told to end.
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    pub(crate) fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }
}
