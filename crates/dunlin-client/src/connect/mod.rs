//! Opening a connection: name, address, TCP, proxy, TLS.

pub(crate) mod dns;
mod filter;
mod tcp;
#[cfg(feature = "tls")]
pub(crate) mod tls;

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dunlin_core::{BoxError, BoxFuture, Io};

use self::dns::Dns;
pub use self::filter::AddressFilter;
use crate::conn::{ConnInfo, Connection, Transport};
use crate::error::{Error, ErrorKind, Phase};
use crate::pool::Key;
use crate::proxy::{Again, NotOpened, Proxy};
use crate::settings::Route;
use crate::trace::Traces;
use crate::url::Origin;

/// Brings connections of a program's own making in place of TCP: a tunnel, an in-memory pipe, a fault
/// injector. TLS and proxies go on top of them.
///
/// ```
/// use dunlin_client::{Client, Connect, Connecting};
///
/// /// Whatever the URL says: that socket.
/// struct Sidecar;
///
/// impl Connect for Sidecar {
///     fn connect(&self, _host: &str, _port: u16) -> Connecting {
///         Box::pin(async {
///             let stream = tokio::net::TcpStream::connect("127.0.0.1:9000").await?;
///             Ok(Box::pin(stream) as _)
///         })
///     }
/// }
///
/// let client = Client::builder().connector(Sidecar).build()?;
/// # let _ = client;
/// # Ok::<(), dunlin_client::Error>(())
/// ```
pub trait Connect: Send + Sync + 'static {
    /// Connects to a host and port: the server's, or the proxy's.
    fn connect(&self, host: &str, port: u16) -> Connecting;
}

/// A connection that is being made.
pub type Connecting = BoxFuture<'static, Result<Pin<Box<dyn Io>>, BoxError>>;

/// How connections are opened; one for a client.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) dns: Dns,
    /// Addresses given by hand, by name and port; the port 0 stands for any, the name `*` too.
    pub(crate) overrides: HashMap<(String, u16), Vec<IpAddr>>,
    pub(crate) filter: Option<AddressFilter>,
    pub(crate) stagger: Duration,
    pub(crate) custom: Option<Arc<dyn Connect>>,
}

impl Default for Connector {
    fn default() -> Self {
        Self {
            dns: Dns::new(Arc::new(dns::SystemResolver)),
            overrides: HashMap::new(),
            filter: None,
            stagger: tcp::STAGGER,
            custom: None,
        }
    }
}

impl Connector {
    /// Opens a connection on which requests of this key may be sent.
    pub(crate) async fn open(&self, key: &Key, traces: &Traces) -> Result<Connection, Error> {
        let mut info = ConnInfo::default();
        let opened = match &key.proxy {
            Some(proxy) => self.open_by(proxy, key, traces, &mut info).await?,
            None => self.dial(&key.origin, key, traces).await?,
        };
        let io = if key.origin.is_tls() {
            let (io, certificate) = shake_hands(opened, &key.origin, &key.route).await?;
            info.certificate = certificate;
            io
        } else {
            opened
        };
        let Route { limits, leniency, .. } = &*key.route;
        Ok(Connection::new(io, Arc::clone(limits), info).lenient(*leniency))
    }

    async fn open_by(
        &self,
        proxy: &Proxy,
        key: &Key,
        traces: &Traces,
        info: &mut ConnInfo,
    ) -> Result<Transport, Error> {
        // A proxy is not to hear of names that it does not have to resolve.
        let targets: Vec<_> = if proxy.wants_address() {
            let found = self.addresses(&key.origin, traces).await?;
            proxy.usable(found)?.into_iter().map(Some).collect()
        } else {
            if let Some(ip) = key.origin.ip() {
                self.allowed(vec![SocketAddr::new(ip, key.origin.port())])?;
            }
            vec![None]
        };
        let at = |error: Error| error.with_origin(proxy.origin());
        let mut targets = targets.into_iter();
        let (mut target, mut has_answered) = (targets.next().flatten(), false);
        loop {
            let mut io = self.dial(proxy.origin(), key, traces).await.map_err(at)?;
            if proxy.origin().is_tls() {
                io = shake_hands_with_proxy(io, proxy, &key.route).await.map_err(at)?;
            }
            if proxy.forwards(&key.origin) {
                info.via_proxy = true;
                info.forward_fields = proxy.fields();
                return Ok(io);
            }
            match crate::proxy::tunnel(io, proxy, &key.origin, target, &key.route).await {
                Ok((io, headers)) => {
                    info.proxy_headers = headers.map(Arc::new);
                    return Ok(io);
                }
                // A proxy closes a connection on which it has refused, so the next needs another.
                Err(NotOpened { again: Again::AtAnotherAddress, .. }) if targets.len() > 0 => {
                    target = targets.next().flatten();
                }
                Err(NotOpened { again: Again::OnAnother, .. }) if !has_answered => {
                    has_answered = true;
                }
                Err(refused) => return Err(at(refused.error)),
            }
        }
    }

    /// Connects to a host itself.
    async fn dial(&self, origin: &Origin, key: &Key, traces: &Traces) -> Result<Transport, Error> {
        let failed = |error: BoxError| Error::new(ErrorKind::Connect(error.into()), Phase::Connect);
        #[cfg(unix)]
        if let Some(path) = &key.route.unix {
            let stream = tokio::net::UnixStream::connect(path).await.map_err(|error| {
                let text = format!("{}: {error}", path.display());
                failed(std::io::Error::new(error.kind(), text).into())
            })?;
            return Ok(Transport::Unix(stream));
        }
        #[cfg(not(unix))]
        if key.route.unix.is_some() {
            return Err(failed("this system has no Unix sockets".into()));
        }
        if let Some(custom) = &self.custom {
            let io = custom.connect(origin.host(), origin.port()).await.map_err(failed)?;
            return Ok(Transport::Other(io));
        }
        let addresses = self.addresses(origin, traces).await?;
        let mut stream = tcp::connect(&addresses, key.route.local, self.stagger).await;
        if let (Err(error), [only]) = (&stream, &addresses[..])
            && error.kind() == std::io::ErrorKind::AddrNotAvailable
            && key.route.local.is_none()
        {
            // All ports towards this address are taken for the moment.
            tokio::time::sleep(Duration::from_millis(50)).await;
            stream = tcp::connect(&[*only], None, self.stagger).await;
        }
        match stream {
            Ok(stream) => Ok(Transport::Tcp(stream)),
            Err(error) => {
                let peer = (addresses.len() == 1).then(|| addresses[0]);
                Err(failed(error.into()).with_peer(peer))
            }
        }
    }

    /// The addresses of a host.
    async fn lookup(&self, origin: &Origin, traces: &Traces) -> Result<Vec<SocketAddr>, Error> {
        let (host, port) = (origin.host(), origin.port());
        let given = [(host, port), (host, 0), ("*", port), ("*", 0)]
            .into_iter()
            .find_map(|(host, port)| self.overrides.get(&(host.to_owned(), port)));
        Ok(match (given, origin.ip()) {
            (Some(given), _) => given.iter().map(|ip| SocketAddr::new(*ip, port)).collect(),
            (None, Some(ip)) => vec![SocketAddr::new(ip, port)],
            (None, None) => {
                let found = self
                    .dns
                    .resolve(host, traces)
                    .await
                    .map_err(|error| Error::new(ErrorKind::Resolve(error), Phase::Resolve))?;
                found.iter().map(|ip| SocketAddr::new(*ip, port)).collect()
            }
        })
    }

    /// The addresses of a host that may be connected to.
    async fn addresses(&self, origin: &Origin, traces: &Traces) -> Result<Vec<SocketAddr>, Error> {
        self.allowed(self.lookup(origin, traces).await?)
    }

    /// Those of the addresses that may be connected to.
    fn allowed(&self, addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Error> {
        let Some(filter) = &self.filter else { return Ok(addresses) };
        let mut refused = None;
        let allowed: Vec<_> = addresses
            .into_iter()
            .filter(|address| {
                let allows = filter.allows(address);
                if !allows {
                    refused = Some(*address);
                }
                allows
            })
            .collect();
        match refused {
            Some(address) if allowed.is_empty() => {
                let reason: BoxError = filter.reason(&address).into();
                let kind = ErrorKind::Refused(reason.into());
                Err(Error::new(kind, Phase::Connect).with_peer(Some(address)))
            }
            _ => Ok(allowed),
        }
    }
}

#[cfg(feature = "tls")]
async fn shake_hands(
    io: Transport,
    origin: &Origin,
    route: &Route,
) -> Result<(Transport, Option<Bytes>), Error> {
    let peer = io.addresses().1;
    route.tls.connect(io, origin).await.map_err(|error| error.with_peer(peer))
}

#[cfg(feature = "tls")]
async fn shake_hands_with_proxy(
    io: Transport,
    proxy: &Proxy,
    route: &Route,
) -> Result<Transport, Error> {
    let peer = io.addresses().1;
    let tls = proxy.own_tls().cloned().unwrap_or_else(|| route.tls.for_proxy());
    let shaken = tls.connect(io, proxy.origin()).await;
    shaken.map(|(io, _)| io).map_err(|error| error.with_peer(peer))
}

#[cfg(not(feature = "tls"))]
async fn shake_hands(
    _: Transport,
    _: &Origin,
    _: &Route,
) -> Result<(Transport, Option<Bytes>), Error> {
    let reason: BoxError = "https needs the feature `tls` of dunlin-client".into();
    Err(Error::new(ErrorKind::Tls(reason.into()), Phase::Tls))
}

#[cfg(not(feature = "tls"))]
async fn shake_hands_with_proxy(
    io: Transport,
    proxy: &Proxy,
    route: &Route,
) -> Result<Transport, Error> {
    shake_hands(io, proxy.origin(), route).await.map(|(io, _)| io)
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("dns", &self.dns).finish_non_exhaustive()
    }
}
