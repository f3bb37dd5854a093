//! The body that reads a file where the kernel cannot send it: TLS, compression, other transports.

use std::fs::File;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use dunlin_core::{Body, BodyError, FileRegion};
use http_body::{Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

/// Most bytes of one read.
const STEP: u64 = 256 * 1024;

/// A body of a part of a file.
pub(crate) fn body(region: FileRegion) -> Body {
    match region.len {
        0 => Body::empty(),
        _ => Body::from_file(region.clone(), FileStream::new(region)),
    }
}

/// Reads a part of a file in steps of 256 KiB, each on a thread that may block.
///
/// There is one buffer: the next step reads into what the last one has sent, once that has been dropped.
#[derive(Debug)]
pub(crate) struct FileStream {
    /// What is left.
    region: FileRegion,
    state: State,
}

#[derive(Debug)]
enum State {
    Idle(BytesMut),
    Reading(JoinHandle<(BytesMut, io::Result<()>)>),
    Failed,
}

impl FileStream {
    pub(crate) fn new(region: FileRegion) -> Self {
        Self { region, state: State::Idle(BytesMut::new()) }
    }
}

impl http_body::Body for FileStream {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            let this = &mut *self;
            let done = match &mut this.state {
                State::Failed => return Poll::Ready(None),
                State::Idle(_) if this.region.len == 0 => return Poll::Ready(None),
                State::Idle(buffer) => {
                    let mut buffer = std::mem::take(buffer);
                    let FileRegion { file, offset, len, .. } = this.region.clone();
                    // At most a step, so the cast cannot truncate.
                    let len = len.min(STEP) as usize;
                    this.state = State::Reading(spawn_blocking(move || {
                        buffer.resize(len, 0);
                        let read = read_exact_at(&file, &mut buffer, offset);
                        (buffer, read)
                    }));
                    continue;
                }
                State::Reading(task) => ready!(Pin::new(task).poll(cx)),
            };
            this.state = State::Failed;
            let (mut buffer, read) = match done {
                Ok(done) => done,
                Err(error) => return Poll::Ready(Some(Err(BodyError::source(error)))),
            };
            if let Err(error) = read {
                return Poll::Ready(Some(Err(BodyError::source(error))));
            }
            let data = buffer.split().freeze();
            this.region.offset += data.len() as u64;
            this.region.len -= data.len() as u64;
            this.state = State::Idle(buffer);
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.region.len == 0 || matches!(self.state, State::Failed)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.region.len)
    }
}

/// Fills the buffer; a file that ends before it has become shorter since it was looked at.
pub(super) fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match read_at(file, buffer, offset) {
            Ok(0) => {
                let short = buffer.len();
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    format!(
                        "the file ends {short} bytes early: it was shortened while it was read"
                    ),
                ));
            }
            Ok(n) => {
                buffer = &mut buffer[n..];
                offset += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use super::*;

    fn region(content: &[u8], offset: u64, len: u64) -> FileRegion {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        FileRegion::new(Arc::new(file), offset, len)
    }

    #[tokio::test]
    async fn a_file_comes_in_steps_through_one_buffer() {
        let content: Vec<u8> = (0..1_000_000).map(|i| (i / 7) as u8).collect();
        let mut body = body(region(&content, 5, 900_000));
        let (mut got, mut places) = (Vec::new(), Vec::new());
        assert!(body.file_region().is_some());
        while let Some(data) = body.chunk().await {
            let data = data.unwrap();
            assert!(data.len() as u64 <= STEP);
            places.push(data.as_ptr() as usize);
            got.extend_from_slice(&data);
        }
        assert!(got == content[5..900_005]);
        assert_eq!(places.len(), 4);
        assert!(places.iter().all(|place| *place == places[0]), "{places:?}");
    }

    #[tokio::test]
    async fn a_file_that_is_shorter_than_declared_fails_and_is_not_padded() {
        let mut body = body(region(&[b'x'; 300_000], 0, 600_000));
        assert_eq!(body.exact_len(), Some(600_000));
        assert_eq!(body.chunk().await.unwrap().unwrap().len() as u64, STEP);
        let error = body.chunk().await.unwrap().unwrap_err();
        assert!(error.to_string().contains("shortened while it was read"), "{error}");
        assert!(body.chunk().await.is_none());
    }
}
