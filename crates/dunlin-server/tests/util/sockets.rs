//! Servers and clients on real sockets.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use dunlin_core::{Lifecycle, Service};
use dunlin_server::{Running, ServerBuilder};
use socket2::SockRef;
use tokio::net::TcpStream;

use super::Raw;

/// Starts on a free port of the loopback interface.
pub async fn start<S: Service + Lifecycle>(builder: ServerBuilder, service: S) -> Running<S> {
    builder.bind("127.0.0.1:0").start(service).await.expect("a server on a free port")
}

/// A client on a socket of its own.
pub async fn dial(address: SocketAddr) -> Raw<TcpStream> {
    Raw::new(TcpStream::connect(address).await.expect("the server accepts"))
}

/// A client of the server's first address.
pub async fn dial_to<S: Service + Lifecycle>(server: &Running<S>) -> Raw<TcpStream> {
    dial(server.addresses()[0]).await
}

impl Raw<TcpStream> {
    /// Closes with a reset instead of a FIN.
    pub fn reset(self) {
        SockRef::from(self.io()).set_linger(Some(Duration::ZERO)).expect("a socket");
    }
}

/// Waits until something is so; fails instead of hanging.
pub async fn eventually(mut what: impl FnMut() -> bool) {
    let began = Instant::now();
    while !what() {
        assert!(began.elapsed() < Duration::from_secs(20), "still not so");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Fails instead of hanging, by the clock on the wall.
pub async fn within<F: Future>(seconds: u64, future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(seconds), future).await.expect("in time")
}
