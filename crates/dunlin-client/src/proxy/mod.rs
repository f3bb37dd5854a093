//! Proxies: which one a request goes by, and how it is asked.
//!
//! ```text
//!   http target  ── http(s) proxy ──▶ the request itself, with the whole URI: forwarding
//!   https target ── http(s) proxy ──▶ CONNECT host:port ──▶ TLS to the target inside
//!   any target   ── SOCKS proxy   ──▶ SOCKS request     ──▶ HTTP or TLS to the target inside
//! ```
//!
//! [`config`] says what a proxy is, [`select`] and [`env`] which one is taken, [`no_proxy`] where none
//! is; [`connect`] and [`socks`] ask for a tunnel over a connection that is open already, [`digest`]
//! answers a proxy that wants more than Basic. Credentials of a proxy are sent to it alone: through a
//! tunnel nothing of them goes.

mod config;
mod connect;
mod digest;
mod env;
mod no_proxy;
mod select;
mod socks;

use std::net::SocketAddr;

use dunlin_core::Headers;

pub use self::config::Proxy;
pub(crate) use self::digest::Asked;
pub use self::no_proxy::NoProxy;
pub(crate) use self::select::Proxies;

use crate::conn::Transport;
use crate::error::{Error, ErrorKind, Phase};
use crate::settings::Route;
use crate::url::Origin;

/// Why a proxy opened no tunnel.
#[derive(Debug)]
pub(crate) struct NotOpened {
    pub(crate) error: Error,
    pub(crate) again: Again,
}

/// Whether it is worth another connection to the proxy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Again {
    No,
    /// It could not reach the address, and may reach another one.
    AtAnotherAddress,
    /// It closed this one, and what it asked for will be sent at once on another.
    OnAnother,
}

impl From<Error> for NotOpened {
    fn from(error: Error) -> Self {
        Self { error, again: Again::No }
    }
}

/// Asks the proxy at the other end for a connection to the origin, at this address where the proxy
/// [resolves no names](Proxy::wants_address). Returns the fields of its answer, where it speaks HTTP.
pub(crate) async fn tunnel(
    mut io: Transport,
    proxy: &Proxy,
    origin: &Origin,
    address: Option<SocketAddr>,
    route: &Route,
) -> Result<(Transport, Option<Headers>), NotOpened> {
    let peer = io.addresses().1;
    let opened = if proxy.is_socks() {
        socks::open(&mut io, proxy, origin, address).await.map(|()| None)
    } else {
        connect::open(&mut io, proxy, origin, route).await.map(Some)
    };
    match opened {
        Ok(fields) => Ok((io, fields)),
        Err(NotOpened { error, again }) => Err(NotOpened { error: error.with_peer(peer), again }),
    }
}

/// An error of the proxy's making that has no status.
fn refused(reason: impl Into<String>) -> Error {
    Error::new(ErrorKind::Proxy { status: None, reason: reason.into() }, Phase::Proxy)
}

/// A connection that failed while the proxy was being asked; an end of it is the proxy's word too.
fn broken(error: std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => refused("it closed the connection without an answer"),
        _ => Error::io(Phase::Proxy, error),
    }
}
