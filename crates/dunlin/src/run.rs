//! `run_app`: from an app to a served address in one call.

use std::future::IntoFuture;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use dunlin_core::{BoxFuture, IntoService};
#[cfg(feature = "tls")]
use dunlin_server::TlsConfig;
use dunlin_server::{Address, Limits, Readiness, Server, ServerBuilder, Workers};

/// Port that [`run_app`] listens on where it is given no address.
const DEFAULT_PORT: u16 = 8080;

/// Serves an app until SIGINT or SIGTERM and finishes what is under way: await the result, after
/// setting what should differ from the defaults.
///
/// Listens on all IPv4 interfaces at port 8080 and prints a banner with the address. An error is any of
/// [`ServeError`](dunlin_server::ServeError), boxed, so that `main` can return it; its `Debug` output,
/// which `main` prints, is the message.
///
/// ```no_run
/// # async fn f(app: dunlin::web::App) -> dunlin::Result<()> {
/// dunlin::run_app(app).bind("127.0.0.1:9000").bind_unix("/run/app.sock").await?;
/// # Ok(())
/// # }
/// ```
pub fn run_app<A: IntoService>(app: A) -> RunApp<A> {
    RunApp {
        app,
        server: Server::builder(),
        tls: false,
        plain: false,
        unix: Vec::new(),
        banner: true,
    }
}

/// An app about to be served; see [`run_app`].
#[derive(Debug)]
#[must_use = "await it to serve"]
pub struct RunApp<A> {
    app: A,
    server: ServerBuilder,
    /// TLS is spoken at some of the addresses,
    tls: bool,
    /// and not at others.
    plain: bool,
    unix: Vec<PathBuf>,
    banner: bool,
}

impl<A: IntoService> RunApp<A> {
    /// Listens on that address instead of port 8080; may be called several times.
    pub fn bind(mut self, address: impl Into<Address>) -> Self {
        self.server = self.server.bind(address);
        self.plain = true;
        self
    }

    /// Listens on that address instead of port 8080, and speaks TLS there; may be called several times, and
    /// beside [`bind`](Self::bind).
    ///
    /// ```no_run
    /// # async fn f(app: dunlin::web::App) -> dunlin::Result<()> {
    /// let tls = dunlin::server::TlsConfig::from_files("cert.pem", "key.pem")?;
    /// dunlin::run_app(app).bind_tls("0.0.0.0:8443", tls).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "tls")]
    pub fn bind_tls(mut self, address: impl Into<Address>, tls: TlsConfig) -> Self {
        self.server = self.server.bind_tls(address, tls);
        self.tls = true;
        self
    }

    /// Listens on a unix socket instead of port 8080; may be called several times.
    #[cfg(unix)]
    pub fn bind_unix(mut self, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        self.unix.push(path.clone());
        self.server = self.server.bind_unix(path);
        self
    }

    /// Which threads run connections. Default: [`Workers::Shared`], the caller's runtime.
    pub fn workers(self, workers: Workers) -> Self {
        self.server(|server| server.workers(workers))
    }

    /// Most connections at a time; the next wait to be accepted. Default: 100,000.
    pub fn max_connections(self, connections: usize) -> Self {
        self.server(|server| server.max_connections(connections))
    }

    /// How long a connection may idle between two requests. Default: 75 s.
    pub fn keep_alive(self, timeout: Duration) -> Self {
        self.server(|server| server.keep_alive(timeout))
    }

    /// Bounds on heads, chunks and trailers. Default: those of [`Limits`].
    pub fn limits(self, limits: Limits) -> Self {
        self.server(|server| server.limits(limits))
    }

    /// What is told when the server is ready, and when it is about to end; a clone answers probes.
    ///
    /// ```no_run
    /// # async fn f() -> dunlin::Result<()> {
    /// use std::time::Duration;
    /// use dunlin::server::Readiness;
    /// use dunlin::web::{App, Health};
    ///
    /// let readiness = Readiness::new();
    /// let ready = readiness.clone();
    /// let app = App::new().group(Health::new().ready_while(move || ready.is_ready()).into_group());
    /// dunlin::run_app(app).readiness(readiness).shutdown_delay(Duration::from_secs(10)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn readiness(self, readiness: Readiness) -> Self {
        self.server(|server| server.readiness(readiness))
    }

    /// How long to go on accepting after the signal, not [ready](Self::readiness) by then, so that load balancers
    /// take notice. Default: 0 s.
    pub fn shutdown_delay(self, delay: Duration) -> Self {
        self.server(|server| server.shutdown_delay(delay))
    }

    /// How long requests, and background tasks after them, may take to finish after the signal. Default: 60 s.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.server = self.server.shutdown_timeout(timeout);
        self
    }

    /// Whether the addresses are printed. Default: yes.
    pub fn banner(mut self, banner: bool) -> Self {
        self.banner = banner;
        self
    }

    /// Any other setting of the server.
    pub fn server(mut self, settings: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        self.server = settings(self.server);
        self
    }

    async fn run(self) -> crate::Result {
        let mut server = self.server;
        if !server.has_address() {
            server = server.bind(SocketAddr::from(([0, 0, 0, 0], DEFAULT_PORT)));
        }
        if self.banner {
            let unix = self.unix;
            let scheme = match (self.tls, self.plain) {
                (true, false) => "https://",
                (true, true) => "",
                _ => "http://",
            };
            // A closed standard output is no reason not to serve.
            server =
                server.on_listening(move |addresses| drop(print_banner(scheme, addresses, &unix)));
        }
        Ok(server.serve(self.app).await?)
    }
}

fn print_banner(scheme: &str, addresses: &[SocketAddr], unix: &[PathBuf]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for address in addresses {
        writeln!(out, "======== Running on {scheme}{address} ========")?;
    }
    for path in unix {
        writeln!(out, "======== Running on unix:{} ========", path.display())?;
    }
    writeln!(out, "(Press Ctrl+C to quit)")
}

impl<A> IntoFuture for RunApp<A>
where
    A: IntoService + Send + 'static,
{
    type Output = crate::Result;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
