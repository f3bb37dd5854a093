//! A server for one test.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use dunlin_core::IntoService;
use dunlin_server::{ServeError, Server, ServerBuilder};

use crate::error::TestError;
use crate::faults::Faults;
use crate::host::{Report, SHUTDOWN_TIMEOUT, Served};
#[cfg(feature = "tls")]
use crate::tls::TestCertificate;

/// An app on a free port of 127.0.0.1, started as any other and stopped at the end of the test.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use dunlin_client::Client;
/// use dunlin_test::TestServer;
/// use dunlin_web::App;
///
/// let server = TestServer::new(App::new().add_get("/", || async { "hello" })).await?;
/// let text = Client::new().get(server.url("/")).send().await?.text().await?;
/// assert_eq!(text, "hello");
/// assert_eq!(server.stop().await?.cut, 0);
/// # Ok(()) }
/// ```
///
/// Dropping it ends it in the background, as far as the test's runtime still runs; [`stop`](Self::stop) waits,
/// and tells what failed.
#[derive(Debug)]
pub struct TestServer {
    address: SocketAddr,
    is_tls: bool,
    served: Served,
}

impl TestServer {
    /// Starts the app with the server's default settings.
    ///
    /// # Errors
    ///
    /// [`TestError::Serve`] where the app has mistakes, or its startup fails.
    pub async fn new<A: IntoService>(app: A) -> Result<Self, TestError> {
        Self::builder().start(app).await
    }

    /// Settings first.
    pub fn builder() -> TestServerBuilder {
        TestServerBuilder::default()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The absolute URL of a path of it, with the query where there is one.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{}/{}", self.address, path.strip_prefix('/').unwrap_or(path))
    }

    /// Live connections at this moment.
    pub fn connections(&self) -> usize {
        self.served.connections()
    }

    /// What went wrong so far and no peer was told; see [`Report::faults`].
    pub fn faults(&self) -> Vec<String> {
        self.served.faults()
    }

    /// Closes the listener, lets requests finish for as long as the
    /// [shutdown timeout](TestServerBuilder::shutdown_timeout) says, cuts the rest, and cleans up.
    ///
    /// # Errors
    ///
    /// [`TestError::Serve`] where the app's cleanup fails or takes too long.
    pub async fn stop(self) -> Result<Report, TestError> {
        self.served.stop().await
    }
}

/// Settings of a [`TestServer`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use dunlin_test::TestServer;
/// use dunlin_web::App;
///
/// let server = TestServer::builder()
///     .server(|server| server.head_timeout(Duration::from_millis(300)))
///     .shutdown_timeout(Duration::from_millis(100))
///     .start(App::new())
///     .await?;
/// # server.stop().await?;
/// # Ok(()) }
/// ```
#[must_use = "nothing is served until it is started"]
pub struct TestServerBuilder {
    pub(crate) server: ServerBuilder,
    pub(crate) faults: Faults,
    pub(crate) shutdown_timeout: Duration,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Tls>,
}

/// The terms on which a test speaks TLS: the server's, and those of a client that trusts it.
#[cfg(feature = "tls")]
pub(crate) struct Tls {
    server: dunlin_server::TlsBuilder,
    pub(crate) client: Result<dunlin_client::TlsBuilder, TestError>,
}

impl Default for TestServerBuilder {
    fn default() -> Self {
        let faults = Faults::default();
        let server = faults.watch(Server::builder());
        Self {
            server,
            faults,
            shutdown_timeout: SHUTDOWN_TIMEOUT,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

impl TestServerBuilder {
    /// Changes the server's settings: deadlines, limits, workers. A hook for faults that is set here goes in
    /// place of the one that keeps them for [`Report::faults`].
    pub fn server(mut self, settings: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        self.server = settings(self.server);
        self
    }

    /// How long requests may take to finish once it is stopped; cleanup may take as long again. Default: 5 s.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }

    /// Speaks TLS, with that certificate. The server's [`url`](TestServer::url) is one of `https`.
    #[cfg(feature = "tls")]
    pub fn tls(self, certificate: &TestCertificate) -> Self {
        self.tls_with(certificate, |tls| tls)
    }

    /// Speaks TLS with that certificate and further terms, such as certificates that clients have to show.
    #[cfg(feature = "tls")]
    pub fn tls_with(
        mut self,
        certificate: &TestCertificate,
        settings: impl FnOnce(dunlin_server::TlsBuilder) -> dunlin_server::TlsBuilder,
    ) -> Self {
        let server = settings(certificate.server_tls());
        self.tls = Some(Tls { server, client: certificate.client_tls() });
        self
    }

    /// Builds the app, starts it up, and listens.
    ///
    /// # Errors
    ///
    /// As [`TestServer::new`].
    pub async fn start<A: IntoService>(self, app: A) -> Result<TestServer, TestError> {
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = self.server.shutdown_timeout(self.shutdown_timeout);
        #[cfg(feature = "tls")]
        let (server, is_tls) = match self.tls {
            Some(tls) => (server.bind_tls(loopback, tls.server.build()?), true),
            None => (server.bind(loopback), false),
        };
        #[cfg(not(feature = "tls"))]
        let (server, is_tls) = (server.bind(loopback), false);
        let faults = self.faults;
        let running = server.start(app).await?;
        let address = running.addresses().last().copied().ok_or(ServeError::NoAddress)?;
        Ok(TestServer { address, is_tls, served: Served::new(running, faults) })
    }
}

impl fmt::Debug for TestServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestServerBuilder")
            .field("server", &self.server)
            .field("shutdown_timeout", &self.shutdown_timeout)
            .finish_non_exhaustive()
    }
}
