//! Bodies that are files, sent by the kernel (`sendfile(2)`) where the transport is a plain TCP socket.
//!
//! No byte of them comes into this process. The call waits for the disk where the page cache is cold, so
//! each takes [`CALL_MAX`] bytes at most, and a poll [`POLL_MAX`]: other connections of the thread get
//! their turn between.
//!
//! `sendfile` has no `MSG_NOSIGNAL`: to a peer that is gone it raises SIGPIPE, which Rust's start-up code ignores.
//! A program whose `main` is not Rust has to ignore it too.

use std::any::Any;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use dunlin_core::{Body, BodyError, FileRegion};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Most bytes of one call.
const CALL_MAX: u64 = 256 * 1024;

/// Most bytes of one poll.
const POLL_MAX: u64 = 1024 * 1024;

/// A file on its way out.
#[derive(Debug)]
pub(super) struct FileSend {
    region: FileRegion,
    /// The same bytes as a stream, for file systems that cannot do it.
    body: Body,
    started: bool,
}

/// What came of trying to send some of a file.
#[derive(Debug)]
pub(super) enum Sent {
    /// So many bytes; the last ones where [`FileSend::is_done`].
    Some {
        n: u64,
        /// The socket takes no more now, and wakes the task once it does.
        blocked: bool,
    },
    /// The file or its file system is none that the kernel can send from; nothing was sent.
    Unfit,
    /// The file ended before its declared length: it was cut while it was sent.
    Shrunk(BodyError),
    /// The connection is gone, or reading failed.
    Broken,
}

impl FileSend {
    /// The body as a file, where both it and the transport are fit for that; otherwise the body.
    pub(super) fn of<T: 'static>(body: Body, io: Option<&T>) -> Result<Box<Self>, Body> {
        let is_socket = cfg!(any(target_os = "linux", target_os = "android"))
            && io.is_some_and(|io| socket(io).is_some());
        match body.file_region() {
            Some(region) if is_socket && body.exact_len() == Some(region.len) => {
                Ok(Box::new(Self { region: region.clone(), body, started: false }))
            }
            _ => Err(body),
        }
    }

    /// Whether all has been sent.
    pub(super) fn is_done(&self) -> bool {
        self.region.len == 0
    }

    /// The stream in place of the file.
    pub(super) fn into_body(self) -> Body {
        self.body
    }

    /// Sends what the socket takes, within the bounds of a poll. `Pending` where it takes no more now.
    pub(super) fn poll_send<T: 'static>(&mut self, io: &T, cx: &mut Context<'_>) -> Poll<Sent> {
        let Some(socket) = socket(io) else { return Poll::Ready(Sent::Unfit) };
        let (mut sent, mut blocked) = (0, false);
        while !blocked && sent < POLL_MAX && !self.is_done() {
            let polled = self.poll_call(socket, cx);
            match polled {
                Poll::Ready(Ok(0)) => {
                    let short = self.region.len;
                    return Poll::Ready(Sent::Shrunk(BodyError::source(format!(
                        "the file ended {short} bytes before its declared length: it was shortened while it was sent"
                    ))));
                }
                Poll::Ready(Ok(n)) => {
                    self.started = true;
                    self.region.add_sent(n);
                    self.region.offset += n;
                    self.region.len = self.region.len.saturating_sub(n);
                    sent += n;
                }
                Poll::Ready(Err(error)) if !self.started && is_unfit(&error) => {
                    return Poll::Ready(Sent::Unfit);
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Sent::Broken),
                Poll::Pending if sent > 0 => blocked = true,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Sent::Some { n: sent, blocked })
    }

    fn poll_call(&self, socket: &TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let count = self.region.len.min(CALL_MAX) as usize;
        loop {
            std::task::ready!(socket.poll_write_ready(cx))?;
            let FileRegion { file, offset, .. } = &self.region;
            match socket.try_io(Interest::WRITABLE, || call(socket, file, *offset, count)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return Poll::Ready(other.map(|n| n as u64)),
            }
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn call(
    socket: &TcpStream,
    file: &Arc<std::fs::File>,
    mut offset: u64,
    count: usize,
) -> io::Result<usize> {
    Ok(rustix::fs::sendfile(socket, file, Some(&mut offset), count)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn call(_: &TcpStream, _: &Arc<std::fs::File>, _: u64, _: usize) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The plain socket that a transport is, if it is one.
fn socket<T: 'static>(io: &T) -> Option<&TcpStream> {
    (io as &dyn Any).downcast_ref()
}

/// Whether the kernel has refused to begin: some file systems have no page cache to send from.
fn is_unfit(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}
