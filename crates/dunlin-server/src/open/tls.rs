//! The TLS handshake of a connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use dunlin_core::{Connection, TlsInfo};
use rustls::{ProtocolVersion, ServerConnection};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{Opened, Refused, fill};
use crate::tls::TlsConfig;

/// The transport of an encrypted connection.
pub(crate) type TlsIo<T> = TlsStream<ReadAhead<T>>;

/// The answer to who speaks plain HTTP.
const SPEAK_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 73\r\n\
    Connection: close\r\n\r\n\
    This port speaks TLS, and the request came without: use an https:// URL.\n";

/// Shakes hands; `read` has come already.
pub(super) async fn open<T>(
    tls: &TlsConfig,
    mut io: T,
    mut connection: Connection,
    mut read: Vec<u8>,
    begun: &AtomicBool,
) -> Result<Opened<T>, Refused>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    if read.is_empty() {
        fill(&mut io, &mut read, begun).await?;
    }
    // A method; records of TLS begin with a control byte.
    if read[0].is_ascii_uppercase() {
        io.write_all(SPEAK_TLS).await.map_err(|_| Refused::Gone)?;
        io.shutdown().await.map_err(|_| Refused::Gone)?;
        return Ok(Opened::Answered(io));
    }
    let io = ReadAhead { read: read.into(), io };
    let acceptor = TlsAcceptor::from(Arc::clone(tls.rustls()));
    let io = acceptor.accept(io).await.map_err(Refused::Handshake)?;
    connection.secure = true;
    connection.tls = Some(Arc::new(info(io.get_ref().1)));
    Ok(Opened::Tls(Box::new(io), connection))
}

/// Reads until the peer closes: a close with unread input would reset the connection, and could destroy
/// the answer on its way.
pub(super) async fn linger<T: AsyncRead + Unpin>(mut io: T) {
    let _ = tokio::io::copy(&mut io, &mut tokio::io::sink()).await;
}

fn info(tls: &ServerConnection) -> TlsInfo {
    let mut info = TlsInfo::default();
    info.version = match tls.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        _ => "",
    };
    let suite = tls.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    info.cipher_suite = suite.unwrap_or_default();
    info.server_name = tls.server_name().map(Into::into);
    info.alpn = tls.alpn_protocol().map(|name| String::from_utf8_lossy(name).into());
    let chain = tls.peer_certificates().unwrap_or_default();
    info.peer_certificates = chain.iter().map(|der| Bytes::copy_from_slice(der)).collect();
    info
}

/// A transport of which some bytes have been read ahead.
#[derive(Debug)]
pub(crate) struct ReadAhead<T> {
    read: Bytes,
    io: T,
}

impl<T: AsyncRead + Unpin> AsyncRead for ReadAhead<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let take = self.read.len().min(buf.remaining());
        buf.put_slice(&self.read[..take]);
        self.read.advance(take);
        if self.read.is_empty() {
            // The buffer goes, not just its content.
            self.read = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for ReadAhead<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_answer_says_its_length() {
        let text = std::str::from_utf8(SPEAK_TLS).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{}", body.len());
    }
}
