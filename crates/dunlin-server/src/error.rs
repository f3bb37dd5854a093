//! Why a server did not start, or did not end as it should.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use dunlin_codec::SendError;
use dunlin_core::{BodyError, BoxError};

use crate::open::ProxyError;

/// Something that went wrong while serving, of which the peer learns a status at most.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum Fault<'a> {
    /// A connection could not be accepted, such as for want of file descriptors; the server pauses
    /// and goes on.
    #[error("cannot accept a connection: {0}")]
    Accept(&'a io::Error),
    /// A connection was refused because it had to begin with a header of the PROXY protocol and did
    /// not. Anybody who can connect can cause these: unless a hook is set, nothing is written.
    #[error("a connection{} was refused: {error}", from(peer))]
    ProxyHeader {
        /// Who has connected, as the socket says; `None` on a unix socket.
        peer: Option<SocketAddr>,
        /// Why.
        error: &'a ProxyError,
    },
    /// A certificate is not valid on the day on which the server starts. It is shown all the same, since another
    /// may take its place while the server runs.
    #[error(
        "the certificate of {origin} {dates}, and clients refuse it: put a valid one in its place, or set this \
         machine's clock"
    )]
    Certificate {
        /// The file, or the argument.
        origin: &'a str,
        /// Why it is not valid.
        dates: OutOfDate,
    },
    /// A TLS handshake failed. Anybody who can connect can cause these: unless a hook is set, nothing is
    /// written.
    #[error("the TLS handshake of a connection{} failed: {error}", from(peer))]
    Handshake {
        /// Who has connected; `None` on a unix socket, or where a proxy does not tell.
        peer: Option<SocketAddr>,
        /// Why.
        error: &'a io::Error,
    },
    /// At the end of the server, connections were cut whose requests did not finish in time.
    #[error("{connections} connections were cut: their requests did not finish in time")]
    Cut {
        /// How many.
        connections: usize,
    },
    /// At the end of the server, background tasks of the service were cut that did not end in time.
    #[error("{tasks} background tasks were cut: they did not end in time")]
    CutTasks {
        /// How many.
        tasks: usize,
    },
    /// The program's response breaks a rule: 500 went out in its place, or it was cut.
    #[error("a response could not be sent as it was: {0}")]
    Response(&'a SendError),
    /// The body of a response failed while it was sent; the response was cut.
    #[error("a response was cut because its body failed: {0}")]
    ResponseBody(&'a BodyError),
}

/// On which side of a certificate's dates today is.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OutOfDate {
    /// Its last day has passed.
    #[error("has expired {days} days ago")]
    Expired {
        /// Whole days since then.
        days: u64,
    },
    /// Its first day is to come.
    #[error("is not valid before {days} days from now")]
    NotYet {
        /// Days until then, rounded up.
        days: u64,
    },
}

impl Fault<'_> {
    /// Whether strangers can cause any number of these.
    pub(crate) fn is_of_a_stranger(&self) -> bool {
        matches!(self, Self::ProxyHeader { .. } | Self::Handshake { .. })
    }
}

fn from(peer: &Option<SocketAddr>) -> String {
    peer.map_or_else(String::new, |peer| format!(" from {peer}"))
}

/// Why a server did not start, or what went wrong around its run.
///
/// Its `Debug` output is its message too, because that is what a `main` that returns it prints.
#[non_exhaustive]
#[derive(thiserror::Error)]
pub enum ServeError {
    /// The app or service could not be built.
    #[error("cannot start: {0}")]
    Build(BoxError),
    /// A startup step failed; what had been set up has been taken down again.
    #[error("startup failed: {0}")]
    Startup(BoxError),
    /// An address could not be listened on.
    #[error("cannot listen on {address}: {source}{}", hint(source))]
    Bind {
        /// The address as given.
        address: Box<str>,
        /// Why.
        source: io::Error,
    },
    /// A unix socket could not be listened on.
    #[error("cannot listen on the unix socket {}: {source}{}", path.display(), hint_unix(source))]
    BindUnix {
        /// The path as given.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A socket that a supervisor passes could not be taken.
    #[error(
        "cannot listen on descriptor {}, which was passed (LISTEN_FDS): {source}; have it be a listening TCP or \
         unix socket",
        index + 3
    )]
    Inherited {
        /// Which of them, from 0.
        index: usize,
        /// Why.
        source: io::Error,
    },
    /// The builder was given no address.
    #[error("no address to listen on: call `bind`, `bind_unix` or `listener`")]
    NoAddress,
    /// A worker thread or its runtime could not be started.
    #[error("cannot start a worker: {0}")]
    Worker(io::Error),
    /// The handlers for SIGINT and SIGTERM could not be set.
    #[error("cannot listen for signals: {0}")]
    Signals(io::Error),
    /// Cleaning up after the last request failed.
    #[error("cleanup failed: {0}")]
    Cleanup(BoxError),
    /// Cleaning up took longer than the shutdown timeout; what was left of it was dropped.
    #[error("cleanup did not end within {limit:?}")]
    CleanupTimedOut {
        /// The shutdown timeout.
        limit: std::time::Duration,
    },
    /// A signal came while cleaning up; what was left of it was dropped.
    #[error("cleanup was cut by a signal")]
    CleanupCut,
}

impl fmt::Debug for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What to do about the common failures.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; another process listens there: stop it or choose another port"
        }
        io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need privileges: choose a higher one or grant CAP_NET_BIND_SERVICE"
        }
        io::ErrorKind::AddrNotAvailable => "; no interface of this machine has that address",
        io::ErrorKind::InvalidInput => {
            "; write a host and a port up to 65535, such as 127.0.0.1:8080 or [::1]:8080"
        }
        io::ErrorKind::NotFound => {
            "; the name has no address: write one of this machine's, such as 127.0.0.1, or 0.0.0.0 for all of them"
        }
        _ => "",
    }
}

fn hint_unix(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; another process listens there, or the file is no socket: stop it, remove the file or \
             choose another path"
        }
        io::ErrorKind::PermissionDenied => "; the process may not create files there",
        io::ErrorKind::NotFound => "; the folder does not exist",
        io::ErrorKind::InvalidInput => "; systems allow about 100 bytes: choose a shorter path",
        _ => "",
    }
}

impl ServeError {
    /// Whether the address was free to take but is none of this machine's; where IPv6 is off, there is
    /// not even a socket for it.
    pub(crate) fn is_lacking(&self) -> bool {
        use io::ErrorKind::{AddrInUse, PermissionDenied};
        matches!(self, Self::Bind { source, .. }
            if !matches!(source.kind(), AddrInUse | PermissionDenied))
    }
}
