//! Files as bodies, read as they are sent.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use dunlin_core::{Body, BodyError, BoxFuture};
use dunlin_multipart::Part;
use http_body::{Frame, SizeHint};
use tokio::fs::File;
use tokio::io::AsyncReadExt;

use super::RequestBody;

/// Bytes read at a time.
const PIECE: usize = 64 * 1024;

impl RequestBody {
    /// The content of a file, as long as it is now; opened anew each time that it is sent.
    ///
    /// # Errors
    ///
    /// Where there is no such file, or it cannot be read.
    pub async fn file(path: impl AsRef<Path>) -> io::Result<Self> {
        let file = FileSource::new(path.as_ref()).await?;
        Ok(Self::replayable(move || file.body()))
    }
}

/// A part of a [`Form`](dunlin_multipart::Form) with the content of a file, under its own name; to be
/// given another by [`Part::file_name`].
///
/// # Errors
///
/// Where there is no such file, or it cannot be read.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use dunlin_client::multipart::Form;
/// use dunlin_client::{Client, file_part};
///
/// let form = Form::new().text("title", "dunlin").part("photo", file_part("dunlin.jpg").await?);
/// Client::new().post("https://example.com/birds").multipart(form).send().await?;
/// # Ok(()) }
/// ```
pub async fn file_part(path: impl AsRef<Path>) -> io::Result<Part> {
    let path = path.as_ref();
    let file = FileSource::new(path).await?;
    let len = file.len;
    let part = Part::replayable(move || file.body()).with_len(len);
    Ok(match path.file_name() {
        Some(name) => part.file_name(name.to_string_lossy()),
        None => part,
    })
}

#[derive(Clone)]
struct FileSource {
    path: Arc<PathBuf>,
    len: u64,
}

impl FileSource {
    async fn new(path: &Path) -> io::Result<Self> {
        let metadata = async { File::open(path).await?.metadata().await };
        let metadata = metadata.await.map_err(|error| name(path, error))?;
        if !metadata.is_file() {
            return Err(name(path, io::Error::other("not a file")));
        }
        Ok(Self { path: Arc::new(path.to_owned()), len: metadata.len() })
    }

    fn body(&self) -> Body {
        let path = Arc::clone(&self.path);
        let open = Box::pin(async move { read(File::open(&*path).await?).await });
        Body::from_http_body(FileBody { next: Some(open), left: self.len })
    }
}

fn name(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

async fn read(mut file: File) -> io::Result<(File, Bytes)> {
    let mut piece = BytesMut::with_capacity(PIECE);
    file.read_buf(&mut piece).await?;
    Ok((file, piece.freeze()))
}

struct FileBody {
    next: Option<BoxFuture<'static, io::Result<(File, Bytes)>>>,
    left: u64,
}

impl http_body::Body for FileBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let Some(next) = &mut self.next else { return Poll::Ready(None) };
        let read_so_far = ready!(next.as_mut().poll(cx));
        self.next = None;
        let (file, mut piece) = match read_so_far {
            Ok(read) => read,
            Err(error) => return Poll::Ready(Some(Err(BodyError::source(error)))),
        };
        if piece.is_empty() {
            let reason = format!("the file has become {} bytes shorter", self.left);
            return Poll::Ready(Some(Err(BodyError::source(reason))));
        }
        // One that has grown is sent as long as was promised.
        piece.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= piece.len() as u64;
        self.next = (self.left > 0).then(|| Box::pin(read(file)) as _);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_sent_as_long_as_it_was_and_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.bin");
        std::fs::write(&path, vec![7; 200_000]).unwrap();
        let body = RequestBody::file(&path).await.unwrap();
        for _ in 0..2 {
            let sent = body.take().unwrap();
            assert_eq!(sent.exact_len(), Some(200_000));
            assert_eq!(sent.bytes().await.unwrap().len(), 200_000);
        }
        std::fs::write(&path, vec![7; 300_000]).unwrap();
        assert_eq!(body.take().unwrap().bytes().await.unwrap().len(), 200_000);
        std::fs::write(&path, vec![7; 100_000]).unwrap();
        let error = body.take().unwrap().bytes().await.unwrap_err().to_string();
        assert!(error.contains("100000 bytes shorter"), "{error}");
        assert!(RequestBody::file(dir.path()).await.is_err());
        let missing = RequestBody::file(dir.path().join("none")).await.unwrap_err();
        assert!(missing.to_string().contains("none"));
    }
}
