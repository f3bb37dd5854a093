//! What a connection goes through before its first request: the PROXY header, the TLS handshake.
//!
//! Both run in a task of the connection's own and never in the accept loop. Once they are done, the
//! driver takes over as a task of its own: it is no larger than for a plain connection, and what the
//! handshake needed is gone.

mod proxy;
#[cfg(feature = "tls")]
mod tls;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::Poll;

use dunlin_core::{Connection, Service};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

pub use self::proxy::{ProxyError, ProxyProtocol};
use crate::accept::Worker;
use crate::conn::Http1;
use crate::error::Fault;
use crate::timer::Slot;
#[cfg(feature = "tls")]
use crate::tls::TlsConfig;
use crate::tracker::Tracked;

/// Bytes that are asked for at first: a PROXY header mostly has no more.
const FIRST_READ: usize = 512;

/// What the connections of one listener begin with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Opening {
    pub(crate) proxy: Option<ProxyProtocol>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<TlsConfig>,
}

/// A connection that is ready for its first request.
enum Opened<T> {
    /// With the bytes that were read behind the PROXY header.
    Plain(T, Connection, Vec<u8>),
    #[cfg(feature = "tls")]
    Tls(Box<tls::TlsIo<T>>, Connection),
    /// It was answered: the peer's close is awaited.
    #[cfg(feature = "tls")]
    Answered(T),
}

/// Why a connection got no further.
enum Refused {
    Proxy(ProxyError),
    #[cfg(feature = "tls")]
    Handshake(std::io::Error),
    /// It ended, or broke, before it had said anything.
    Gone,
}

impl Opening {
    /// Whether the first byte is HTTP's.
    pub(crate) fn is_plain(&self) -> bool {
        #[cfg(feature = "tls")]
        if self.tls.is_some() {
            return false;
        }
        self.proxy.is_none()
    }

    async fn open<T>(
        &self,
        mut io: T,
        mut connection: Connection,
        begun: &AtomicBool,
    ) -> Result<Opened<T>, Refused>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let mut read = Vec::new();
        if let Some(proxy) = &self.proxy {
            if !proxy.trusts(connection.peer) {
                return Err(Refused::Proxy(ProxyError::Untrusted));
            }
            let header = loop {
                if let Some((header, len)) = proxy.parse(&read).map_err(Refused::Proxy)? {
                    read.drain(..len);
                    break header;
                }
                // The parser has a bound on what it asks for.
                fill(&mut io, &mut read, begun).await?;
            };
            header.apply(&mut connection);
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return tls::open(tls, io, connection, read, begun).await;
        }
        Ok(Opened::Plain(io, connection, read))
    }
}

/// Reads more behind what was read.
async fn fill<T>(io: &mut T, read: &mut Vec<u8>, begun: &AtomicBool) -> Result<(), Refused>
where
    T: AsyncRead + Unpin,
{
    read.reserve(FIRST_READ);
    match io.read_buf(read).await {
        Ok(0) | Err(_) if begun.load(Relaxed) => Err(Refused::Proxy(ProxyError::Incomplete)),
        Ok(0) | Err(_) => Err(Refused::Gone),
        Ok(_) => {
            begun.store(true, Relaxed);
            Ok(())
        }
    }
}

/// Opens a connection within the time for a head, and hands it to the driver. One that has sent nothing
/// ends when the server begins to shut down.
pub(crate) async fn open<S, T>(
    worker: Worker<S>,
    opening: Arc<Opening>,
    io: T,
    connection: Connection,
    tracked: Tracked,
) where
    S: Service,
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let peer = connection.peer;
    let slot = worker.sweep.register();
    if !worker.config.head_timeout.is_zero() {
        slot.set_deadline(&worker.sweep.clock, worker.config.head_timeout);
    }
    let begun = AtomicBool::new(false);
    let opened = watched(&slot, &begun, opening.open(io, connection, &begun)).await;
    match opened.unwrap_or(Err(Refused::Gone)) {
        Ok(Opened::Plain(io, connection, read)) => {
            tokio::spawn(worker.drive(io, connection, tracked).with_read_ahead(read));
        }
        #[cfg(feature = "tls")]
        Ok(Opened::Tls(io, connection)) => {
            drop(tokio::spawn(worker.drive(io, connection, tracked)))
        }
        #[cfg(feature = "tls")]
        Ok(Opened::Answered(io)) if !worker.config.linger.is_zero() => {
            slot.set_deadline(&worker.sweep.clock, worker.config.linger);
            watched(&slot, &begun, tls::linger(io)).await;
        }
        #[cfg(feature = "tls")]
        Ok(Opened::Answered(_)) => {}
        Err(Refused::Gone) => {}
        Err(Refused::Proxy(error)) => {
            worker.config.report(&Fault::ProxyHeader { peer, error: &error });
        }
        #[cfg(feature = "tls")]
        Err(Refused::Handshake(error)) => {
            worker.config.report(&Fault::Handshake { peer, error: &error });
        }
    }
}

/// Awaits what the connection does, until its deadline or the end of the server; `None` for these.
async fn watched<F: Future>(slot: &Slot, begun: &AtomicBool, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        slot.set_waker(cx.waker());
        let signals = slot.signals();
        if signals.expired() || signals.abort() || (signals.close() && !begun.load(Relaxed)) {
            return Poll::Ready(None);
        }
        future.as_mut().poll(cx).map(Some)
    })
    .await
}

impl<S: Service> Worker<S> {
    /// The driver of a connection.
    pub(crate) fn drive<T>(&self, io: T, connection: Connection, tracked: Tracked) -> Http1<S, T>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        Http1::new(
            io,
            Arc::clone(&self.service),
            connection,
            Arc::clone(&self.config),
            Arc::clone(&self.sweep),
            Some(tracked),
        )
    }
}
