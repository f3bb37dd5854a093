//! What a connection runs over.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use dunlin_core::Io;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
#[cfg(feature = "tls")]
use tokio_rustls::client::TlsStream;

/// A socket, TLS over one, or TLS over that.
pub(crate) enum Transport {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream<Counted>>),
    /// What a program brings.
    Other(Pin<Box<dyn Io>>),
}

/// What TLS runs over, with the number of bytes that it took: what TLS takes itself it may still hold.
#[cfg(feature = "tls")]
pub(crate) struct Counted {
    io: Transport,
    written: u64,
}

/// What a look at an idle socket shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Peek {
    Quiet,
    /// Bytes are there; with TLS they may be nobody's business but its own.
    Bytes,
    Ended,
    /// No way to tell.
    Unknown,
}

impl Transport {
    /// Both addresses, where it is TCP.
    pub(crate) fn addresses(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        match self {
            Self::Tcp(tcp) => (tcp.local_addr().ok(), tcp.peer_addr().ok()),
            #[cfg(unix)]
            Self::Unix(_) => (None, None),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.get_ref().0.io.addresses(),
            Self::Other(_) => (None, None),
        }
    }

    pub(crate) fn is_tls(&self) -> bool {
        #[cfg(feature = "tls")]
        return matches!(self, Self::Tls(_));
        #[cfg(not(feature = "tls"))]
        false
    }

    /// How many bytes have left TLS, where it is that.
    #[cfg(feature = "tls")]
    pub(super) fn left_tls(&self) -> Option<u64> {
        let Self::Tls(tls) = self else { return None };
        let beneath = tls.get_ref().0;
        Some(beneath.io.left_tls().unwrap_or(beneath.written))
    }

    #[cfg(not(feature = "tls"))]
    pub(super) fn left_tls(&self) -> Option<u64> {
        None
    }

    /// Asks the system, and not what the runtime has heard of it by now, what waits to be read.
    pub(crate) fn peek(&self) -> Peek {
        let mut byte = [std::mem::MaybeUninit::uninit(); 1];
        let peeked = match self {
            Self::Tcp(tcp) => socket2::SockRef::from(tcp).peek(&mut byte),
            #[cfg(unix)]
            Self::Unix(unix) => socket2::SockRef::from(unix).peek(&mut byte),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => return tls.get_ref().0.io.peek(),
            Self::Other(_) => return Peek::Unknown,
        };
        match peeked {
            Ok(0) => Peek::Ended,
            Ok(_) => Peek::Bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Peek::Quiet,
            Err(_) => Peek::Ended,
        }
    }
}

macro_rules! each {
    ($self:ident, $io:ident => $call:expr) => {
        match $self.get_mut() {
            Transport::Tcp($io) => $call,
            #[cfg(unix)]
            Transport::Unix($io) => $call,
            #[cfg(feature = "tls")]
            Transport::Tls($io) => $call,
            Transport::Other($io) => $call,
        }
    };
}

impl AsyncRead for Transport {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self, io => Pin::new(io).poll_read(cx, buf))
    }
}

impl AsyncWrite for Transport {
    #[inline]
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(self, io => Pin::new(io).poll_write(cx, buf))
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, io => Pin::new(io).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(io) => io.is_write_vectored(),
            #[cfg(unix)]
            Self::Unix(io) => io.is_write_vectored(),
            #[cfg(feature = "tls")]
            Self::Tls(io) => io.is_write_vectored(),
            Self::Other(io) => io.is_write_vectored(),
        }
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, io => Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, io => Pin::new(io).poll_shutdown(cx))
    }
}

#[cfg(feature = "tls")]
impl From<Transport> for Counted {
    fn from(io: Transport) -> Self {
        Self { io, written: 0 }
    }
}

#[cfg(feature = "tls")]
impl Counted {
    fn count(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(n)) = written {
            self.written += n as u64;
        }
        written
    }
}

#[cfg(feature = "tls")]
impl AsyncRead for Counted {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_read(cx, buf)
    }
}

#[cfg(feature = "tls")]
impl AsyncWrite for Counted {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write(cx, buf);
        this.count(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write_vectored(cx, bufs);
        this.count(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
