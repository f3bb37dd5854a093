//! A client and the app that it speaks to.

use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::time::Duration;

use dunlin_client::cookies::CookieJar;
use dunlin_client::{
    Client, ClientBuilder, Connect, Connecting, Error, Middleware, Next, Request, Response, Url,
};
use dunlin_core::{BoxFuture, IntoService, Io};
use dunlin_server::ServerBuilder;

use crate::error::TestError;
use crate::host::{Report, Served};
use crate::memory::{Memory, Pipes};
use crate::server::{TestServer, TestServerBuilder};

/// What an app in memory is asked for by, in place of an address.
const IN_MEMORY: &str = "http://app.test/";

/// A client for one app, and the app: requests by path alone, cookies kept from one to the next.
///
/// It derefs to a [`Client`], so `get`, `post`, `ws_connect` (feature `websocket`) and all else are that one's.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use dunlin_test::TestClient;
/// use dunlin_web::{App, Json};
///
/// async fn add(Json((a, b)): Json<(u32, u32)>) -> String {
///     (a + b).to_string()
/// }
///
/// let client = TestClient::new(App::new().add_post("/add", add)).await?;
/// let sum = client.post("/add").json(&(3, 4)).send().await?;
/// assert_eq!((sum.status().as_u16(), sum.text().await?.as_str()), (200, "7"));
/// let report = client.stop().await?;
/// assert!(report.faults.is_empty());
/// # Ok(()) }
/// ```
///
/// Where it differs from a [`Client`] by default, so that a test sees what the app does and nothing else:
///
/// | setting | here | why |
/// | --- | --- | --- |
/// | base URL | the app's | paths are enough |
/// | other hosts | [refused](Elsewhere) | a redirect or a slip must not leave the machine |
/// | cookies | kept, `Secure` ones too | sessions work although the app is asked by `http` |
/// | `replay` | off | a connection that the app breaks is a result |
///
/// Redirects are followed, as the client does by default; to look at one, set
/// [`Redirects::none`](dunlin_client::Redirects) for the request.
pub struct TestClient {
    client: Client,
    app: App,
}

enum App {
    Tcp(TestServer),
    Memory(Served),
}

impl TestClient {
    /// Serves the app on a free port of 127.0.0.1, as [`TestServer::new`].
    ///
    /// # Errors
    ///
    /// [`TestError::Serve`] where the app has mistakes, or its startup fails.
    pub async fn new<A: IntoService>(app: A) -> Result<Self, TestError> {
        Self::builder().start(app).await
    }

    /// Serves the app over pipes, without a socket: the bytes, the codecs and the lifecycle are the same. The app
    /// is asked for as `app.test`, and [`Request::peer`](dunlin_core::Request::peer) is `None`.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub async fn in_memory<A: IntoService>(app: A) -> Result<Self, TestError> {
        Self::builder().in_memory(app).await
    }

    /// Settings first.
    pub fn builder() -> TestClientBuilder {
        TestClientBuilder::default()
    }

    /// The client alone; a clone of it may go to other tasks, and finds nobody once the app is stopped.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The server, where the app is not in memory.
    pub fn server(&self) -> Option<&TestServer> {
        match &self.app {
            App::Tcp(server) => Some(server),
            App::Memory(_) => None,
        }
    }

    /// What went wrong so far and no peer was told; see [`Report::faults`].
    pub fn faults(&self) -> Vec<String> {
        match &self.app {
            App::Tcp(server) => server.faults(),
            App::Memory(served) => served.faults(),
        }
    }

    /// Ends the app as [`TestServer::stop`] does.
    ///
    /// # Errors
    ///
    /// [`TestError::Serve`] where the app's cleanup fails or takes too long.
    pub async fn stop(self) -> Result<Report, TestError> {
        let Self { client, app } = self;
        let report = match app {
            App::Tcp(server) => server.stop().await,
            App::Memory(served) => served.stop().await,
        };
        drop(client);
        report
    }
}

impl Deref for TestClient {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl fmt::Debug for TestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.server().map(TestServer::address);
        f.debug_struct("TestClient").field("address", &address).finish_non_exhaustive()
    }
}

/// Settings of a [`TestClient`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use dunlin_test::TestClient;
/// use dunlin_web::App;
///
/// let app = App::new().add_get("/", || async { "hello" });
/// let client = TestClient::builder()
///     .client(|client| client.default_header("x-team", "birds").raise_for_status(true))
///     .in_memory(app)
///     .await?;
/// assert!(client.get("/nothing").send().await.unwrap_err().is_status());
/// # client.stop().await?;
/// # Ok(()) }
/// ```
#[derive(Default)]
#[must_use = "nothing is served until it is started"]
pub struct TestClientBuilder {
    server: TestServerBuilder,
    client: Vec<Box<dyn FnOnce(ClientBuilder) -> ClientBuilder + Send>>,
}

impl TestClientBuilder {
    /// Changes the client's settings, over the defaults of [`TestClient`].
    pub fn client(
        mut self,
        settings: impl FnOnce(ClientBuilder) -> ClientBuilder + Send + 'static,
    ) -> Self {
        self.client.push(Box::new(settings));
        self
    }

    /// Changes the server's settings, as [`TestServerBuilder::server`].
    pub fn server(mut self, settings: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        self.server = self.server.server(settings);
        self
    }

    /// Speaks TLS with that certificate, which the client trusts: as [`TestServerBuilder::tls`]. Not
    /// [`in_memory`](Self::in_memory).
    #[cfg(feature = "tls")]
    pub fn tls(mut self, certificate: &crate::TestCertificate) -> Self {
        self.server = self.server.tls(certificate);
        self
    }

    /// The same with further terms of the server: as [`TestServerBuilder::tls_with`]. What the client is to show
    /// for them goes into its own settings.
    #[cfg(feature = "tls")]
    pub fn tls_with(
        mut self,
        certificate: &crate::TestCertificate,
        settings: impl FnOnce(dunlin_server::TlsBuilder) -> dunlin_server::TlsBuilder,
    ) -> Self {
        self.server = self.server.tls_with(certificate, settings);
        self
    }

    /// How long requests may take to finish once the app is stopped; cleanup may take as long again. Default:
    /// 5 s.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.server = self.server.shutdown_timeout(timeout);
        self
    }

    /// Serves the app as [`TestClient::new`] does.
    ///
    /// # Errors
    ///
    /// [`TestError::Serve`] as there, [`TestError::Client`] where the client's settings make none.
    pub async fn start<A: IntoService>(self, app: A) -> Result<TestClient, TestError> {
        #[cfg(feature = "tls")]
        let (mut own, mut settings) = (self.server, self.client);
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut own.tls {
            let tls = std::mem::replace(&mut tls.client, Ok(Default::default()))?.build()?;
            // Below whatever else is set.
            settings.insert(0, Box::new(move |client: ClientBuilder| client.tls(tls)));
        }
        #[cfg(not(feature = "tls"))]
        let (own, settings) = (self.server, self.client);
        let server = own.start(app).await?;
        let client = client(&server.url("/"), settings, None)?;
        Ok(TestClient { client, app: App::Tcp(server) })
    }

    /// Serves the app as [`TestClient::in_memory`] does. A connector that the client's settings have is replaced.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn in_memory<A: IntoService>(self, app: A) -> Result<TestClient, TestError> {
        #[cfg(feature = "tls")]
        if self.server.tls.is_some() {
            return Err(TestError::TlsInMemory);
        }
        let TestServerBuilder { server, faults, shutdown_timeout, .. } = self.server;
        let (memory, _) = Memory::start(app, server, shutdown_timeout, faults.clone()).await?;
        let pipes = memory.pipes();
        let served = Served::new(memory, faults);
        let client = client(IN_MEMORY, self.client, Some(pipes))?;
        Ok(TestClient { client, app: App::Memory(served) })
    }
}

impl fmt::Debug for TestClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestClientBuilder").field("server", &self.server).finish_non_exhaustive()
    }
}

fn client(
    base: &str,
    settings: Vec<Box<dyn FnOnce(ClientBuilder) -> ClientBuilder + Send>>,
    pipes: Option<Pipes>,
) -> Result<Client, Error> {
    let base = Url::parse(base)?;
    let jar = CookieJar::builder().treat_as_secure_origin(base.as_url()).build();
    let mut builder = Client::builder().base_url(base.as_str()).cookies(jar).replay(false);
    for set in settings {
        builder = set(builder);
    }
    if let Some(pipes) = pipes {
        builder = builder.connector(ByPipe(pipes));
    }
    builder.with(Bound(base)).build()
}

/// The client of a test was asked for another host than its app's, by the test or by a redirect.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "the test's client speaks to its app at {app} alone: ask by path, look at redirects with \
     `.redirects(Redirects::none())`, and let the app reach other services through a `TestNetwork`"
)]
#[non_exhaustive]
pub struct Elsewhere {
    /// Where the app is.
    pub app: String,
}

/// Lets nothing out to other hosts.
struct Bound(Url);

impl Middleware for Bound {
    fn handle(&self, request: Request, next: Next) -> BoxFuture<'_, Result<Response, Error>> {
        Box::pin(async move {
            if request.url().origin() == self.0.origin() {
                return next.run(request).await;
            }
            let elsewhere = Elsewhere { app: self.0.origin().to_string() };
            Err(Error::other(elsewhere).with_url(request.url()))
        })
    }
}

/// Connects to an app in memory.
struct ByPipe(Pipes);

impl Connect for ByPipe {
    fn connect(&self, _: &str, _: u16) -> Connecting {
        let io = self.0.connect();
        Box::pin(async move {
            let io = io.ok_or("the app of this client has been stopped")?;
            Ok(Box::pin(io) as Pin<Box<dyn Io>>)
        })
    }
}
