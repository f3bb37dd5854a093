//! Where connections come from.

use std::io;
use std::net::{IpAddr, SocketAddr};
#[cfg(unix)]
use std::os::unix::fs::{FileTypeExt, MetadataExt};
#[cfg(unix)]
use std::path::{Path, PathBuf};

use dunlin_core::Connection;
#[cfg(unix)]
use socket2::SockAddr;
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
            AddressKind::Name(name) => {
                tokio::net::lookup_host(&**name).await.map(Iterator::collect).map_err(|source| {
                    // What the system says of an unknown name is of no kind.
                    let source = match source.kind() {
                        io::ErrorKind::InvalidInput => source,
                        _ => io::Error::new(io::ErrorKind::NotFound, source),
                    };
                    ServeError::Bind { address: name.clone(), source }
                })
            }
        }
    }
}

/// The listening sockets of an address, which may be a name with several.
pub(crate) async fn bind_each(
    address: &Address,
    backlog: u32,
    share: bool,
) -> Result<Vec<std::net::TcpListener>, ServeError> {
    let is_name = matches!(address.0, AddressKind::Name(_));
    bind_found(&address.resolve().await?, is_name, backlog, share)
}

fn bind_found(
    found: &[SocketAddr],
    is_name: bool,
    backlog: u32,
    share: bool,
) -> Result<Vec<std::net::TcpListener>, ServeError> {
    let (mut bound, mut lacking) = (Vec::new(), None);
    for (index, address) in found.iter().enumerate() {
        if found[..index].contains(address) {
            continue;
        }
        // Without the first look, two servers would share their ports as workers do.
        let free = if share { bind_tcp(*address, 0, false).map(drop) } else { Ok(()) };
        match free.and_then(|()| bind_tcp(*address, backlog, share)) {
            Ok(listener) => bound.push(listener),
            // "localhost" often names ::1 where IPv6 is off.
            Err(error) if is_name && error.is_lacking() => lacking = Some(error),
            Err(error) => return Err(error),
        }
    }
    match lacking {
        Some(error) if bound.is_empty() => Err(error),
        _ => Ok(bound),
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

/// Another descriptor of a socket that the caller has opened.
pub(crate) fn adopt(listener: &std::net::TcpListener) -> Result<std::net::TcpListener, ServeError> {
    let adopt = || {
        listener.set_nonblocking(true)?;
        listener.try_clone()
    };
    adopt().map_err(|source| {
        let address = listener.local_addr().map(|address| address.to_string());
        ServeError::Bind { address: address.unwrap_or_default().into(), source }
    })
}

#[cfg(unix)]
pub(crate) fn adopt_unix(
    listener: &std::os::unix::net::UnixListener,
) -> Result<std::os::unix::net::UnixListener, ServeError> {
    let adopt = || {
        listener.set_nonblocking(true)?;
        listener.try_clone()
    };
    adopt().map_err(|source| {
        let path = listener.local_addr().ok().and_then(|at| at.as_pathname().map(Path::to_owned));
        ServeError::BindUnix { path: path.unwrap_or_default(), source }
    })
}

/// A listening unix socket. A socket file on which nobody listens any more is replaced; the file goes
/// when the guard is dropped.
#[cfg(unix)]
pub(crate) fn bind_unix(
    path: &Path,
    backlog: u32,
) -> Result<(std::os::unix::net::UnixListener, SocketFile), ServeError> {
    let bind = || {
        let address = SockAddr::unix(path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        match socket.bind(&address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_stale(path, &address) => {
                std::fs::remove_file(path)?;
                socket.bind(&address)?;
            }
            bound => bound?,
        }
        let file = SocketFile::new(path)?;
        socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        Ok((socket.into(), file))
    };
    bind().map_err(|source| ServeError::BindUnix { path: path.to_owned(), source })
}

/// Whether a socket lies there on which nobody listens. The kernel refuses a connection to an
/// ordinary file just the same, and that must not be deleted.
#[cfg(unix)]
fn is_stale(path: &Path, address: &SockAddr) -> bool {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    let connect = || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        // A live listener whose backlog is full would make this wait.
        socket.set_nonblocking(true)?;
        socket.connect(address)
    };
    is_socket && connect().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// Removes a unix socket's file when dropped, unless another socket has taken its place since.
#[derive(Debug)]
pub(crate) struct SocketFile {
    #[cfg(unix)]
    path: PathBuf,
    #[cfg(unix)]
    id: (u64, u64),
}

#[cfg(unix)]
impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        Ok(Self { path: std::path::absolute(path)?, id: Self::id(path)? })
    }

    /// What tells this file from a later one of the same name.
    fn id(path: &Path) -> io::Result<(u64, u64)> {
        let file = std::fs::symlink_metadata(path)?;
        Ok((file.dev(), file.ino()))
    }
}

#[cfg(unix)]
impl Drop for SocketFile {
    fn drop(&mut self) {
        if Self::id(&self.path).is_ok_and(|id| id == self.id) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_addresses_that_this_machine_lacks() {
        let here = SocketAddr::from(([127, 0, 0, 1], 0));
        // Set aside for documentation (RFC 5737), so nobody has it.
        let lacking = SocketAddr::from(([192, 0, 2, 1], 0));
        let bound = bind_found(&[lacking, here, here], true, 16, false).unwrap();
        assert_eq!(bound.len(), 1);
        assert!(bound[0].local_addr().unwrap().ip().is_loopback());
        assert!(bind_found(&[lacking], true, 16, false).is_err());
        assert!(bind_found(&[lacking, here], false, 16, false).is_err());
    }
}
