//! Handing a connection over to another protocol (RFC 9110 §7.8).

use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::service::BoxFuture;
use crate::{Body, Response};

/// A transport that can be handed over.
pub trait Io: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Io for T {}

/// The connection after a `101 Switching Protocols`, with the bytes that were read ahead.
///
/// The mutex makes this `Sync`; nobody ever waits for it.
pub struct Upgraded {
    read_ahead: Bytes,
    io: Mutex<Pin<Box<dyn Io>>>,
}

impl Upgraded {
    /// A connection that was handed over; for drivers.
    pub fn new(io: impl Io + 'static, read_ahead: Bytes) -> Self {
        Self { read_ahead, io: Mutex::new(Box::pin(io)) }
    }
}

impl Upgraded {
    fn io(&mut self) -> Pin<&mut dyn Io> {
        self.io.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut()
    }
}

type Then = Box<dyn FnOnce(Upgraded) -> BoxFuture<'static, ()> + Send>;

/// What runs on the connection once the 101 has been sent: in the connection's own task, so that a
/// graceful shutdown counts it. The mutex is never locked; it makes the closure `Sync`.
pub struct OnUpgrade(Mutex<Then>);

impl OnUpgrade {
    /// Runs it; for drivers.
    pub fn run(self, io: impl Io + 'static, read_ahead: Bytes) -> BoxFuture<'static, ()> {
        let then = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        then(Upgraded::new(io, read_ahead))
    }
}

impl Response {
    /// `101 Switching Protocols` to `protocol`, after which `then` has the connection.
    ///
    /// The driver sends it only where the request asked for an upgrade over HTTP/1.1; it answers 500
    /// otherwise, since the peer would go on speaking HTTP.
    pub fn upgrade<F, Fut>(protocol: HeaderValue, then: F) -> Self
    where
        F: FnOnce(Upgraded) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let then: Then = Box::new(move |io| Box::pin(then(io)));
        Self::new(Body::from_upgrade(OnUpgrade(Mutex::new(then))))
            .with_status(StatusCode::SWITCHING_PROTOCOLS)
            .with_header(CONNECTION, HeaderValue::from_static("upgrade"))
            .with_header(UPGRADE, protocol)
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.read_ahead.is_empty() {
            return self.io().poll_read(cx, buf);
        }
        let take = self.read_ahead.len().min(buf.remaining());
        buf.put_slice(&self.read_ahead[..take]);
        self.read_ahead.advance(take);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.io().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        self.io().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.lock().unwrap_or_else(PoisonError::into_inner).is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.io().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.io().poll_shutdown(cx)
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded")
            .field("read_ahead", &self.read_ahead.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for OnUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnUpgrade").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn bytes_read_ahead_come_before_the_transports_own() {
        let io = std::io::Cursor::new(b" world".to_vec());
        let (done, got) = tokio::sync::oneshot::channel();
        let mut response = Response::upgrade(HeaderValue::from_static("x"), |mut io| async move {
            let mut text = String::new();
            io.read_to_string(&mut text).await.unwrap();
            done.send(text).unwrap();
        });
        response.body_mut().take_upgrade().unwrap().run(io, Bytes::from_static(b"hello")).await;
        assert_eq!(got.await.unwrap(), "hello world");
        assert!(response.body_mut().take_upgrade().is_none());
    }
}
