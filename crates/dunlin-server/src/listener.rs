//! Where connections come from.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use dunlin_core::Connection;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};

use crate::error::ServeError;

/// A source of connections: TCP, a unix socket, or one of your own around either.
pub trait Listener: Send + 'static {
    /// The transport of one connection.
    type Io: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// Waits for the next connection.
    ///
    /// # Errors
    ///
    /// Those of `accept(2)`. The server goes on after any of them, after a pause where they would
    /// come again at once (no file descriptor left).
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Io, Connection)>> + Send;
}

impl Listener for TcpListener {
    type Io = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, Connection)> {
        let (stream, peer) = Self::accept(self).await?;
        // Small answers leave at once, and a peer that vanished is noticed at last (RFC 9293 §3.8.4).
        // A socket that is gone already shows when it is read.
        let _ = stream.set_nodelay(true);
        let _ = SockRef::from(&stream).set_keepalive(true);
        let mut connection = Connection::default();
        connection.peer = Some(peer);
        connection.local = stream.local_addr().ok();
        Ok((stream, connection))
    }
}

#[cfg(unix)]
impl Listener for UnixListener {
    type Io = UnixStream;

    async fn accept(&mut self) -> io::Result<(UnixStream, Connection)> {
        let (stream, _) = Self::accept(self).await?;
        Ok((stream, Connection::default()))
    }
}

/// An address to listen on: `"127.0.0.1:8080"`, `"localhost:0"`, `([0, 0, 0, 0], 80).into()`, or a
/// pair of host and port.
#[derive(Clone, Debug)]
pub struct Address(pub(crate) AddressKind);

#[derive(Clone, Debug)]
pub(crate) enum AddressKind {
    Socket(SocketAddr),
    /// Looked up when the server starts; every address that the name has is listened on.
    Name(Box<str>),
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self(AddressKind::Socket(address))
    }
}

impl From<&str> for Address {
    fn from(text: &str) -> Self {
        Self(text.parse().map_or_else(|_| AddressKind::Name(text.into()), AddressKind::Socket))
    }
}

impl From<String> for Address {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<(&str, u16)> for Address {
    fn from((host, port): (&str, u16)) -> Self {
        match host.parse::<IpAddr>() {
            Ok(ip) => SocketAddr::from((ip, port)).into(),
            Err(_) => Self(AddressKind::Name(format!("{host}:{port}").into())),
        }
    }
}

impl Address {
    pub(crate) async fn resolve(&self) -> Result<Vec<SocketAddr>, ServeError> {
        match &self.0 {
            AddressKind::Socket(address) => Ok(vec![*address]),
            AddressKind::Name(name) => tokio::net::lookup_host(&**name)
                .await
                .map(Iterator::collect)
                .map_err(|source| ServeError::Bind { address: name.clone(), source }),
        }
    }
}

/// A listening TCP socket; `share` lets further sockets listen on the same address (SO_REUSEPORT), and
/// the kernel spreads connections over them.
pub(crate) fn bind_tcp(
    address: SocketAddr,
    backlog: u32,
    share: bool,
) -> Result<std::net::TcpListener, ServeError> {
    let bind = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // A restart must not wait for the old connections' TIME-WAIT to end.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
        if share {
            socket.set_reuse_port(true)?;
        }
        #[cfg(not(unix))]
        let _ = share;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        Ok(socket.into())
    };
    bind().map_err(|source| ServeError::Bind { address: address.to_string().into(), source })
}

/// A listening unix socket. A socket file on which nobody listens any more is replaced; the file goes
/// when the guard is dropped.
#[cfg(unix)]
pub(crate) fn bind_unix(
    path: &Path,
) -> Result<(std::os::unix::net::UnixListener, SocketFile), ServeError> {
    use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};

    let bind = || match StdListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => match StdStream::connect(path) {
            Err(refused) if refused.kind() == io::ErrorKind::ConnectionRefused => {
                std::fs::remove_file(path)?;
                StdListener::bind(path)
            }
            _ => Err(error),
        },
        other => other,
    };
    let listener = bind().and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    match listener {
        Ok(listener) => Ok((listener, SocketFile(path.to_owned()))),
        Err(source) => Err(ServeError::BindUnix { path: path.to_owned(), source }),
    }
}

/// Removes a unix socket's file when dropped.
#[derive(Debug)]
pub(crate) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
