//! Handing a connection over to another protocol (RFC 9110 §7.8).

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::service::BoxFuture;
use crate::{Body, GoingAway, Goodbye, Response};

/// A transport that can be handed over.
pub trait Io: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Io for T {}

/// The connection after a `101 Switching Protocols`, with the bytes that were read ahead.
///
/// The mutex makes this `Sync`; nobody ever waits for it.
pub struct Upgraded {
    read_ahead: Bytes,
    io: Mutex<Pin<Box<dyn Io>>>,
    notice: Option<GoingAway>,
}

impl Upgraded {
    /// A connection that was handed over; for drivers.
    pub fn new(io: impl Io + 'static, read_ahead: Bytes) -> Self {
        Self { read_ahead, io: Mutex::new(Box::pin(io)), notice: None }
    }

    /// The same, and what tells it that its server shuts down; for drivers of servers.
    pub fn with_goodbye(self) -> (Self, Goodbye) {
        let (goodbye, notice) = Goodbye::pair();
        (Self { notice: Some(notice), ..self }, goodbye)
    }

    /// Whether the server that the connection belongs to shuts down: time to take leave of the peer. What
    /// still runs when the server's shutdown timeout is over is cut. A client's connection never is.
    pub fn is_going_away(&self) -> bool {
        self.notice.as_ref().is_some_and(GoingAway::is_said)
    }

    /// Ready once [`is_going_away`](Self::is_going_away) holds. The task that polled last is woken.
    pub fn poll_going_away(&self, cx: &Context<'_>) -> Poll<()> {
        self.notice.as_ref().map_or(Poll::Pending, |notice| notice.poll(cx))
    }

    /// Waits until the server shuts down; see [`is_going_away`](Self::is_going_away).
    pub async fn going_away(&self) {
        poll_fn(|cx| self.poll_going_away(cx)).await;
    }

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
    pub fn run(self, io: Upgraded) -> BoxFuture<'static, ()> {
        let then = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        then(io)
    }

    /// The same with something around what runs, such as a watch for panics.
    pub fn map<F>(self, around: F) -> Self
    where
        F: FnOnce(BoxFuture<'static, ()>) -> BoxFuture<'static, ()> + Send + 'static,
    {
        Self(Mutex::new(Box::new(move |io| around(self.run(io)))))
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
        let io = Upgraded::new(io, Bytes::from_static(b"hello"));
        response.body_mut().take_upgrade().unwrap().run(io).await;
        assert_eq!(got.await.unwrap(), "hello world");
        assert!(response.body_mut().take_upgrade().is_none());
    }

    #[tokio::test]
    async fn whoever_waits_for_the_end_of_the_server_is_told() {
        let (io, goodbye) = Upgraded::new(tokio::io::empty(), Bytes::new()).with_goodbye();
        assert!(!io.is_going_away());
        let waiting = tokio::spawn(async move {
            io.going_away().await;
            io.is_going_away()
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        goodbye.say();
        goodbye.say();
        assert!(waiting.await.unwrap());
    }
}
