//! One connection to a server: the codec's state machine over a transport, driven by whoever waits for
//! it.
//!
//! There is no task behind it. The future that sends a request writes and reads by itself until the
//! response's head is there; then the response's body does. While a connection is idle nobody looks at
//! it but the pool, which [probes](Connection::is_alive) it before it is used again.

mod body;
mod exchange;
mod held;
mod timer;
mod transport;

use std::fmt;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes, BytesMut};
use dunlin_codec::{ClientConn, Leniency, Limits};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

pub(crate) use self::body::ConnBody;
pub(crate) use self::exchange::{Answer, Exchange, Terms};
pub(crate) use self::held::Held;
use self::timer::Timer;
#[cfg(feature = "tls")]
pub(crate) use self::transport::Counted;
pub(crate) use self::transport::{Peek, Transport};

/// A connection, idle or with one request under way.
pub(crate) struct Connection {
    io: Transport,
    proto: ClientConn,
    timer: Timer,
    /// Read and not yet used.
    rest: BytesMut,
    unsent: Unsent,
    /// What had left TLS when it was last found to hold something back; `None` where it does not.
    held_by_tls: Option<u64>,
    /// Bytes went either way since the last wait began.
    progress: bool,
    /// The peer takes no more of the request; what it answered may still be read.
    write_failed: Option<std::io::Error>,
    info: Arc<ConnInfo>,
    born: Instant,
    requests: u64,
    /// Bytes of the present request that the system has taken.
    sent: u64,
}

/// Rendered bytes that the socket has not taken.
#[derive(Debug, Default)]
struct Unsent {
    head: Vec<u8>,
    at: usize,
    /// A piece of body, sent from where it is.
    body: Bytes,
    suffix: Vec<u8>,
}

impl Unsent {
    fn is_empty(&self) -> bool {
        self.at == self.head.len() && self.body.is_empty() && self.suffix.is_empty()
    }
}

/// What is known of the other end.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ConnInfo {
    /// Our address, over TCP.
    pub local: Option<SocketAddr>,
    /// The server's address, or the proxy's, over TCP.
    pub peer: Option<SocketAddr>,
    /// Whether the connection goes by a proxy that forwards requests, which gets whole URIs.
    pub via_proxy: bool,
    /// Fields of the proxy's answer to CONNECT.
    pub proxy_headers: Option<Arc<dunlin_core::Headers>>,
    /// What the proxy wants to be sent with each request, where it forwards.
    pub(crate) forward_fields: Option<Arc<dunlin_core::Headers>>,
    /// The server's certificate, DER, over TLS.
    pub certificate: Option<Bytes>,
}

impl Connection {
    pub(crate) fn new(io: Transport, limits: Arc<Limits>, mut info: ConnInfo) -> Self {
        (info.local, info.peer) = io.addresses();
        Self {
            io,
            proto: ClientConn::new(limits),
            timer: Timer::default(),
            rest: BytesMut::new(),
            unsent: Unsent::default(),
            held_by_tls: None,
            progress: false,
            write_failed: None,
            info: Arc::new(info),
            born: Instant::now(),
            requests: 0,
            sent: 0,
        }
    }

    #[must_use]
    pub(crate) fn lenient(mut self, leniency: Leniency) -> Self {
        self.proto = self.proto.lenient(leniency);
        self
    }

    pub(crate) fn info(&self) -> &Arc<ConnInfo> {
        &self.info
    }

    pub(crate) fn born(&self) -> Instant {
        self.born
    }

    /// Whether it may go back into the pool.
    pub(crate) fn is_reusable(&self) -> bool {
        self.proto.is_reusable()
            && self.rest.is_empty()
            && self.unsent.is_empty()
            && self.write_failed.is_none()
    }

    /// Whether an idle connection is still good: the server has neither closed it nor said anything.
    /// Bytes that nobody asked for might be taken for the answer to the next request, so they end it.
    ///
    /// The system is asked too: the runtime may not have been told yet.
    pub(crate) fn is_alive(&mut self) -> bool {
        let before = self.io.peek();
        match before {
            Peek::Ended => return false,
            Peek::Bytes if !self.io.is_tls() => return false,
            Peek::Bytes | Peek::Quiet | Peek::Unknown => {}
        }
        // A budget that is used up would make the runtime say that there is nothing to read.
        let mut byte = [0; 1];
        let io = &mut self.io;
        let read = std::pin::pin!(tokio::task::coop::unconstrained(poll_fn(|cx| {
            Pin::new(&mut *io).poll_read(cx, &mut ReadBuf::new(&mut byte))
        })));
        if read.poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return false;
        }
        // What TLS keeps to itself has been read by now. If not, it may be anything.
        before != Peek::Bytes || self.io.peek() == Peek::Quiet
    }

    /// Makes the connection ready to be idle, in whichever runtime it is used next.
    pub(crate) fn settle(&mut self) {
        if matches!(self.io, Transport::Other(_)) {
            // A timer of a runtime that ends could not be asked any more; a socket would be gone too.
            self.timer = Timer::default();
        }
    }

    /// Writes what is rendered and not yet sent.
    fn poll_unsent(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let Self { io, unsent, held_by_tls, progress, sent, .. } = self;
        while !unsent.is_empty() {
            let n = std::task::ready!(poll_write(
                io,
                cx,
                &unsent.head[unsent.at..],
                &unsent.body,
                &unsent.suffix
            ))?;
            *progress = true;
            *sent += n as u64;
            let of_head = n.min(unsent.head.len() - unsent.at);
            unsent.at += of_head;
            let of_body = (n - of_head).min(unsent.body.len());
            unsent.body.advance(of_body);
            unsent.suffix.drain(..n - of_head - of_body);
        }
        if !unsent.head.is_empty() {
            unsent.head = Vec::new();
            unsent.at = 0;
        }
        if !io.is_tls() {
            return Poll::Ready(Ok(()));
        }
        // TLS may hold records back.
        let flushed = Pin::new(&mut *io).poll_flush(cx);
        let held = flushed.is_pending().then(|| io.left_tls()).flatten();
        *progress |= held_by_tls.is_some() && *held_by_tls != held;
        *held_by_tls = held;
        flushed
    }

    /// Whether the peer has to take something before there is more to send.
    fn is_writing(&self) -> bool {
        !self.unsent.is_empty() || self.held_by_tls.is_some()
    }

    /// Takes the connection apart, for another protocol.
    pub(crate) fn into_parts(self) -> (Transport, Bytes) {
        (self.io, self.rest.freeze())
    }
}

/// Writes some of up to three pieces; never 0 bytes of something.
fn poll_write(
    io: &mut Transport,
    cx: &mut Context<'_>,
    head: &[u8],
    body: &[u8],
    suffix: &[u8],
) -> Poll<std::io::Result<usize>> {
    let io = Pin::new(io);
    // One piece by itself: the runtime then knows from what is left over that the socket is full.
    let n = match (head, body, suffix) {
        (only, [], []) | ([], only, []) => std::task::ready!(io.poll_write(cx, only))?,
        _ => {
            let slices = [head, body, suffix].map(std::io::IoSlice::new);
            std::task::ready!(io.poll_write_vectored(cx, &slices))?
        }
    };
    Poll::Ready(if n == 0 { Err(std::io::ErrorKind::WriteZero.into()) } else { Ok(n) })
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("info", &self.info).finish_non_exhaustive()
    }
}
