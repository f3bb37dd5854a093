//! Settings of a server.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dunlin_codec::Limits;
use dunlin_core::{BoxError, Connection, IntoService, Service};
use http::HeaderValue;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::config::{Config, OnFault};
use crate::conn::Http1;
use crate::connections::Connections;
use crate::error::{Fault, ServeError};
use crate::listener::Address;
use crate::open::{Opening, ProxyProtocol};
use crate::readiness::Readiness;
use crate::runner::{OnListening, Running, start};
use crate::signals::{Signals, Started};
use crate::timer::Sweep;
#[cfg(feature = "tls")]
use crate::tls::TlsConfig;
use crate::workers::Workers;

/// An HTTP server.
///
/// ```no_run
/// use dunlin_core::{IntoResponse, Request};
/// use dunlin_server::Server;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), dunlin_server::ServeError> {
/// let hello = |_req: Request| async { "hello\n".into_response() };
/// Server::builder().bind("127.0.0.1:8080").serve(hello).await
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Server;

impl Server {
    /// A server with default settings and no address.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }
}

/// Settings of a [`Server`]; each has its default in its documentation.
///
/// ```no_run
/// use std::time::Duration;
/// use dunlin_core::{IntoResponse, Request};
/// use dunlin_server::Server;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), dunlin_server::ServeError> {
/// let hello = |req: Request| async move { format!("hello {}\n", req.path()).into_response() };
/// Server::builder()
///     .bind("127.0.0.1:8080")
///     .bind("[::1]:8080")
///     .head_timeout(Duration::from_secs(10))
///     .max_connections(10_000)
///     .serve(hello)
///     .await
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct ServerBuilder {
    pub(crate) addresses: Vec<(Address, Site)>,
    pub(crate) unix: Vec<PathBuf>,
    pub(crate) listeners: Vec<(Arc<std::net::TcpListener>, Site)>,
    #[cfg(unix)]
    pub(crate) unix_listeners: Vec<Arc<std::os::unix::net::UnixListener>>,
    #[cfg(all(unix, feature = "systemd"))]
    pub(crate) inherits: bool,
    proxy: Option<ProxyProtocol>,
    pub(crate) workers: Workers,
    pub(crate) backlog: u32,
    pub(crate) max_connections: usize,
    pub(crate) connections: Connections,
    pub(crate) readiness: Readiness,
    pub(crate) shutdown_delay: Duration,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) on_listening: Option<OnListening>,
    pub(crate) config: Config,
}

/// What is spoken at an address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Site {
    #[cfg(feature = "tls")]
    tls: Option<TlsConfig>,
}

impl Default for ServerBuilder {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            unix: Vec::new(),
            listeners: Vec::new(),
            #[cfg(unix)]
            unix_listeners: Vec::new(),
            #[cfg(all(unix, feature = "systemd"))]
            inherits: false,
            proxy: None,
            workers: Workers::Shared,
            backlog: 1024,
            max_connections: 100_000,
            connections: Connections::new(),
            readiness: Readiness::new(),
            shutdown_delay: Duration::ZERO,
            shutdown_timeout: Duration::from_secs(60),
            on_listening: None,
            config: Config::default(),
        }
    }
}

impl ServerBuilder {
    /// Listens on a TCP address; may be called several times. Port 0 takes a free one. A host name is
    /// looked up when the server starts, and every address that it has is listened on, but for those
    /// that this machine lacks (::1 where IPv6 is off).
    pub fn bind(mut self, address: impl Into<Address>) -> Self {
        self.addresses.push((address.into(), Site::default()));
        self
    }

    /// Listens on a TCP address as [`bind`](Self::bind) does, and speaks TLS there; may be called several
    /// times, with one configuration or with several, and beside `bind`.
    ///
    /// A handshake has as long as a head ([`head_timeout`](Self::head_timeout)). Whoever speaks plain HTTP
    /// there is answered with 400 in plain text. Requests have `secure` set in their connection, and
    /// [`TlsInfo`](dunlin_core::TlsInfo) with the client's certificates, where it has shown any.
    ///
    /// ```no_run
    /// use dunlin_core::{IntoResponse, Request};
    /// use dunlin_server::{Server, TlsConfig};
    ///
    /// # async fn main_() -> Result<(), Box<dyn std::error::Error>> {
    /// let tls = TlsConfig::from_files("cert.pem", "key.pem")?;
    /// let hello = |_req: Request| async { "hello\n".into_response() };
    /// Server::builder().bind_tls("0.0.0.0:8443", tls).serve(hello).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "tls")]
    pub fn bind_tls(mut self, address: impl Into<Address>, tls: TlsConfig) -> Self {
        self.addresses.push((address.into(), Site { tls: Some(tls) }));
        self
    }

    /// Listens on a unix socket; may be called several times. A socket file on which nobody listens
    /// any more is replaced, any other file is left alone; the file goes when the listener closes.
    #[cfg(unix)]
    pub fn bind_unix(mut self, path: impl Into<PathBuf>) -> Self {
        self.unix.push(path.into());
        self
    }

    /// Listens on a socket that is open already; may be called several times. With
    /// [`Workers::PerCore`] all workers accept from it.
    pub fn listener(mut self, listener: std::net::TcpListener) -> Self {
        self.listeners.push((Arc::new(listener), Site::default()));
        self
    }

    /// Listens on a socket that is open already, and speaks TLS there, as [`bind_tls`](Self::bind_tls) does.
    #[cfg(feature = "tls")]
    pub fn listener_tls(mut self, listener: std::net::TcpListener, tls: TlsConfig) -> Self {
        self.listeners.push((Arc::new(listener), Site { tls: Some(tls) }));
        self
    }

    /// Listens on a unix socket that is open already; may be called several times. Its file, if it has one, is
    /// left to whoever opened it.
    #[cfg(unix)]
    pub fn unix_listener(mut self, listener: std::os::unix::net::UnixListener) -> Self {
        self.unix_listeners.push(Arc::new(listener));
        self
    }

    /// Listens on the TCP and unix sockets that systemd, or another supervisor, has opened and passes
    /// (`LISTEN_FDS`, `LISTEN_PID`; `man sd_listen_fds`): a restart then loses no connection, and ports
    /// below 1024 need no privileges. Default: they are left alone.
    ///
    /// Where there are any, the addresses of [`bind`](Self::bind), `bind_tls` and
    /// [`bind_unix`](Self::bind_unix) are not listened on: those serve where the same program is started by
    /// hand. To be asked for once in a process. Plain HTTP is spoken there.
    ///
    /// ```no_run
    /// use dunlin_core::{IntoResponse, Request};
    /// use dunlin_server::Server;
    ///
    /// # async fn main_() -> Result<(), dunlin_server::ServeError> {
    /// let hello = |_req: Request| async { "hello\n".into_response() };
    /// Server::builder().bind("127.0.0.1:8080").inherit_sockets().serve(hello).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(all(unix, feature = "systemd"))]
    pub fn inherit_sockets(mut self) -> Self {
        self.inherits = true;
        self
    }

    /// Whether an address or a socket to listen on was given.
    pub fn has_address(&self) -> bool {
        #[cfg(unix)]
        let has_unix = !self.unix_listeners.is_empty();
        #[cfg(not(unix))]
        let has_unix = false;
        has_unix
            || !self.addresses.is_empty()
            || !self.unix.is_empty()
            || !self.listeners.is_empty()
    }

    /// Expects every connection, at each address and unix socket, to begin with a header of the PROXY
    /// protocol, version 1 or 2, in front of TLS too; it sets the addresses of the connection's both ends.
    /// Default: off.
    ///
    /// A connection that does not begin with a valid header, or not within
    /// [`head_timeout`](Self::head_timeout), is closed: whoever can leave the header out could be
    /// anybody. Headers of the proxy's own connections (LOCAL) and of unknown ones (UNKNOWN) leave the
    /// socket's addresses.
    pub fn proxy_protocol(mut self, proxies: ProxyProtocol) -> Self {
        self.proxy = Some(proxies);
        self
    }

    #[cfg(feature = "tls")]
    pub(crate) fn tls_configs(&self) -> impl Iterator<Item = &TlsConfig> {
        let bound = self.addresses.iter().map(|(_, site)| site);
        let given = self.listeners.iter().map(|(_, site)| site);
        bound.chain(given).filter_map(|site| site.tls.as_ref())
    }

    /// What connections there begin with.
    pub(crate) fn opening(&self, site: &Site) -> Arc<Opening> {
        #[cfg(not(feature = "tls"))]
        let Site {} = site;
        Arc::new(Opening {
            proxy: self.proxy.clone(),
            #[cfg(feature = "tls")]
            tls: site.tls.clone(),
        })
    }

    /// Which threads run connections. Default: [`Workers::Shared`].
    pub fn workers(mut self, workers: Workers) -> Self {
        self.workers = workers;
        self
    }

    /// Connections that the kernel holds until they are accepted. Default: 1,024.
    pub fn backlog(mut self, connections: u32) -> Self {
        self.backlog = connections;
        self
    }

    /// Connections at a time; further ones wait in the backlog. Default: 100,000.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections.max(1);
        self
    }

    /// Longest wait for a head: from the accept, or from the first byte of a later request, to the
    /// head's end; past it, 408, or a close where no byte came. Zero for no limit. Default: 30 s.
    pub fn head_timeout(mut self, timeout: Duration) -> Self {
        self.config.head_timeout = timeout;
        self
    }

    /// Longest silence between two requests of a connection. Zero for no limit. Default: 75 s.
    pub fn keep_alive(mut self, timeout: Duration) -> Self {
        self.config.keep_alive = timeout;
        self
    }

    /// Longest silence inside a request's body that the handler waits for; past it, the body fails
    /// with 408. Zero for no limit. Default: 30 s.
    pub fn body_timeout(mut self, timeout: Duration) -> Self {
        self.config.body_timeout = timeout;
        self
    }

    /// Fewest bytes a second, on average, that a request's body may come in with, and for how long that is not
    /// asked of it; past it, the body fails with 408, as with [`body_timeout`](Self::body_timeout), which a byte
    /// now and then would keep off for ever. A response that has begun and is made of the body is cut, and
    /// the connection ends either way.
    ///
    /// Only time counts in which the handler waits for the body, and only bytes of content, without the lines of
    /// chunks. What has come fast may be followed by silence, as long as the average holds. Zero
    /// bytes for no limit, such as for streams that both sides leave open and where little is said. Default: 240
    /// bytes a second, after 5 s.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use dunlin_server::Server;
    ///
    /// // Uploads of photographs: 8 KiB a second, after ten seconds for a phone to find its network.
    /// let server = Server::builder().min_body_rate(8 * 1024, Duration::from_secs(10));
    /// # drop(server);
    /// ```
    pub fn min_body_rate(mut self, bytes_per_second: u32, grace: Duration) -> Self {
        self.config.min_body_rate = bytes_per_second;
        self.config.body_rate_grace = grace;
        self
    }

    /// Longest time in which a peer takes no byte of a response that is ready; past it, the connection
    /// is cut; over TLS, where it takes longer for the 64 KiB at most that are encrypted ahead. Zero for
    /// no limit. Default: 30 s.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.config.write_timeout = timeout;
        self
    }

    /// Longest wait for the peer's own close after ours, so that it can read an answer while it still
    /// sends. Zero closes at once, unlike the other timeouts. Default: 2 s.
    pub fn linger_timeout(mut self, timeout: Duration) -> Self {
        self.config.linger = timeout;
        self
    }

    /// Counts the server's connections there, for an app that tells how many there are. Default: nobody asks.
    pub fn connections(mut self, connections: Connections) -> Self {
        self.connections = connections;
        self
    }

    /// Keeps this up to date, for a handler that tells load balancers whether to send requests here.
    /// Default: nobody asks.
    pub fn readiness(mut self, readiness: Readiness) -> Self {
        self.readiness = readiness;
        self
    }

    /// How long everything goes on after the signal to shut down, except that the server is no longer
    /// [ready](Self::readiness): load balancers need so long to notice, and what they send meanwhile would
    /// be refused otherwise. Default: 0 s.
    pub fn shutdown_delay(mut self, delay: Duration) -> Self {
        self.shutdown_delay = delay;
        self
    }

    /// How long requests, and the service's background tasks after them, may take to finish once the listeners
    /// are closed; cleanup may take as long again. Default: 60 s.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }

    /// Bounds on heads, chunk lines and trailers. Default: [`Limits::default`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.config.limits = Arc::new(limits);
        self
    }

    /// Whether a client that has closed its half while it waits still gets its answer; if not, its
    /// handler is dropped, unless it runs to completion. `Request::disconnected` tells of it either way.
    /// Default: yes.
    pub fn half_close(mut self, answer: bool) -> Self {
        self.config.half_close = answer;
        self
    }

    /// The Server field of responses that set none themselves; `None` sends none. Default: `dunlin`.
    pub fn server_name(mut self, name: Option<HeaderValue>) -> Self {
        self.config.server_name = name;
        self
    }

    /// Is told of what goes wrong while serving and that no peer is told: connections that cannot be
    /// accepted, responses that break a rule, response bodies that fail. Default: a line on stderr.
    pub fn on_fault(mut self, hook: impl Fn(&Fault<'_>) + Send + Sync + 'static) -> Self {
        self.config.on_fault = Some(OnFault(Arc::new(hook)));
        self
    }

    /// Is told the TCP addresses once they are listened on, with the ports that the kernel chose; may be
    /// called several times. Default: nobody is.
    pub fn on_listening(mut self, hook: impl Fn(&[SocketAddr]) + Send + Sync + 'static) -> Self {
        self.on_listening = Some(match self.on_listening.take() {
            None => Arc::new(hook),
            Some(before) => Arc::new(move |addresses: &[SocketAddr]| {
                before(addresses);
                hook(addresses);
            }),
        });
        self
    }

    /// Serves until SIGINT or SIGTERM, then finishes what is under way; a second signal ends that too.
    ///
    /// A signal during startup lets it finish, for as long as the shutdown timeout says, and ends the
    /// run then.
    ///
    /// # Errors
    ///
    /// [`ServeError`] where the service cannot be built, started or bound, or its cleanup fails.
    pub async fn serve<A: IntoService>(self, app: A) -> Result<(), ServeError> {
        // Before anything is started or told.
        let mut signals = Signals::new().map_err(ServeError::Signals)?;
        let limit = self.shutdown_timeout;
        let starting = std::pin::pin!(self.start(app));
        match signals.race(starting, limit).await {
            Started::Running(running) => running?.run_until(signals).await,
            Started::Told(running) => running?.end(Some(signals)).await.map(drop),
            // Startup did not come to its end: what it holds is dropped.
            Started::Never => Ok(()),
        }
    }

    /// Starts to serve and returns at once; the handle tells the addresses and ends the run.
    ///
    /// # Errors
    ///
    /// [`ServeError`] where the service cannot be built, started or bound.
    pub async fn start<A: IntoService>(self, app: A) -> Result<Running<A::Service>, ServeError> {
        let service = app.into_service().map_err(|error| ServeError::Build(boxed(error)))?;
        start(self, Arc::new(service)).await
    }

    /// Serves one connection that is open already, to its end: a pipe in a test, or a transport of
    /// your own. Lifecycle, addresses and workers play no part in it.
    pub async fn serve_io<S, T>(self, service: S, io: T)
    where
        S: Service,
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        self.serve_io_until(service, io, std::future::pending()).await;
    }

    /// As [`serve_io`](Self::serve_io), and once `stop` is ready as a connection of a server that shuts
    /// down: it closes at once where it is idle, else behind the response under way, and what was handed
    /// over or streams without an end is told. How long that may take is for the caller to bound.
    pub async fn serve_io_until<S, T>(self, service: S, io: T, stop: impl Future<Output = ()>)
    where
        S: Service,
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let sweep = Sweep::new();
        let (service, config) = (Arc::new(service), self.config.share());
        let connection = Connection::default();
        let http = Http1::new(io, service, connection, config, Arc::clone(&sweep), None);
        let stopping = async {
            stop.await;
            sweep.close_all();
            std::future::pending().await
        };
        tokio::select! {
            () = http => {}
            () = sweep.run() => {}
            () = stopping => {}
        }
    }
}

fn boxed(error: impl Into<BoxError>) -> BoxError {
    error.into()
}

impl fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerBuilder")
            .field("addresses", &self.addresses)
            .field("unix", &self.unix)
            .field("workers", &self.workers)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
