//! A free port.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// A port of 127.0.0.1 on which nobody listened a moment ago.
///
/// Another process may take it before it is used: bind port 0 wherever the program under test can tell its port,
/// as [`TestServer`](crate::TestServer) does, and ask here only where it must be told one.
///
/// ```
/// let port = dunlin_test::unused_port()?;
/// assert!(std::net::TcpListener::bind(("127.0.0.1", port)).is_ok());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// Where the system has none to give.
pub fn unused_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
