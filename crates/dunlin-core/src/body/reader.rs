//! A body read by lines, by lengths, or up to a separator.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem;

use super::Body;
use crate::error::BodyError;

/// Most bytes before a separator, unless [`BodyReader::max_len`] says otherwise.
const MAX_LEN: usize = 64 * 1024;

/// Reads a body piece by piece: made by [`Body::reader`].
///
/// Every method may be dropped while it waits: nothing is lost, and the next goes on where it stood.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use dunlin_core::Body;
///
/// let mut reader = Body::from("one\r\ntwo\n\x03abcrest").reader();
/// assert_eq!(reader.line().await?.unwrap(), "one");
/// assert_eq!(reader.line().await?.unwrap(), "two");
/// let len = reader.exact(1).await?.unwrap()[0];
/// assert_eq!(reader.exact(len.into()).await?.unwrap(), "abc");
/// assert_eq!(reader.chunk().await?.unwrap(), "rest");
/// assert!(reader.line().await?.is_none());
/// # Ok::<(), dunlin_core::BodyError>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct BodyReader {
    body: Body,
    /// What was read and not handed out.
    buf: BytesMut,
    max: usize,
    ended: bool,
    failed: Option<BodyError>,
}

impl Body {
    /// The body, to be read by lines, by lengths, or up to a separator.
    pub fn reader(self) -> BodyReader {
        BodyReader { body: self, buf: BytesMut::new(), max: MAX_LEN, ended: false, failed: None }
    }
}

impl BodyReader {
    /// Sets the most bytes of a line, and of what stands before a separator. Default: 64 KiB.
    #[must_use]
    pub fn max_len(mut self, bytes: usize) -> Self {
        self.max = bytes;
        self
    }

    /// The next line without its end, LF or CRLF; `None` behind the last. The last may have no end.
    ///
    /// # Errors
    ///
    /// [`BodyError::PieceTooLong`] for a line past [`max_len`](Self::max_len), and what the body fails
    /// with, once its whole lines have been handed out.
    pub async fn line(&mut self) -> Result<Option<Bytes>, BodyError> {
        let line = self.until(b"\n").await?;
        Ok(line.map(|mut line| {
            if line.last() == Some(&b'\r') {
                line.truncate(line.len() - 1);
            }
            line
        }))
    }

    /// What stands before the next separator, which is taken off with it; `None` at the body's end. The
    /// last piece may have no separator behind it. No separator is none: then it is all there is.
    ///
    /// # Errors
    ///
    /// As [`line`](Self::line).
    pub async fn until(&mut self, separator: &[u8]) -> Result<Option<Bytes>, BodyError> {
        // Bytes at the front of `buf` in which no separator begins.
        let mut seen = 0;
        loop {
            let found = match separator {
                [] => None,
                _ => memmem::find(&self.buf[seen..], separator).map(|at| seen + at),
            };
            seen = (self.buf.len() + 1).saturating_sub(separator.len().max(1));
            if found.unwrap_or(seen) > self.max {
                return Err(BodyError::PieceTooLong { limit: self.max as u64 });
            }
            if let Some(at) = found {
                let piece = self.buf.split_to(at).freeze();
                self.buf.advance(separator.len());
                return Ok(Some(piece));
            }
            if self.ended {
                if self.buf.len() > self.max {
                    return Err(BodyError::PieceTooLong { limit: self.max as u64 });
                }
                return Ok(self.rest());
            }
            self.fill().await?;
        }
    }

    /// Exactly `len` bytes; `None` where the body has ended. Room is made as they come.
    ///
    /// # Errors
    ///
    /// [`BodyError::TooShort`] where it ends before the last of them, and what the body fails with.
    pub async fn exact(&mut self, len: usize) -> Result<Option<Bytes>, BodyError> {
        while self.buf.len() < len {
            if self.ended {
                return match self.buf.len() {
                    0 => Ok(None),
                    found => Err(BodyError::TooShort { expected: len as u64, found: found as u64 }),
                };
            }
            self.fill().await?;
        }
        Ok(Some(self.buf.split_to(len).freeze()))
    }

    /// Whatever comes next, never nothing; `None` at the body's end. Uncopied, where nothing was left over
    /// by other methods.
    ///
    /// # Errors
    ///
    /// What the body fails with.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        if let Some(rest) = self.rest() {
            return Ok(Some(rest));
        }
        self.next().await
    }

    fn rest(&mut self) -> Option<Bytes> {
        (!self.buf.is_empty()).then(|| std::mem::take(&mut self.buf).freeze())
    }

    async fn fill(&mut self) -> Result<(), BodyError> {
        if let Some(chunk) = self.next().await? {
            self.buf.extend_from_slice(&chunk);
        }
        Ok(())
    }

    /// The next chunk of the body. An error stays, so that what was cut never looks whole.
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        loop {
            match self.body.chunk().await {
                Some(Ok(chunk)) if chunk.is_empty() => {}
                Some(Ok(chunk)) => return Ok(Some(chunk)),
                Some(Err(error)) => {
                    self.failed = Some(error.clone());
                    return Err(error);
                }
                None => {
                    self.ended = true;
                    return Ok(None);
                }
            }
        }
    }
}

#[cfg(feature = "io")]
mod io {
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};

    use bytes::{Buf, Bytes};
    use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

    use super::{Body, BodyReader};
    use crate::BodyError;

    /// A body as tokio reads: made by [`Body::into_async_read`]. Trailers are passed over.
    ///
    /// Errors carry the [`BodyError`](crate::BodyError) in them; a body that was cut is
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof).
    #[derive(Debug)]
    pub struct BodyAsyncRead {
        body: Body,
        chunk: Bytes,
        failed: Option<BodyError>,
    }

    impl Body {
        /// The body for whatever takes [`AsyncRead`] or [`AsyncBufRead`]. Chunks are read where they are.
        pub fn into_async_read(self) -> BodyAsyncRead {
            BodyAsyncRead { body: self, chunk: Bytes::new(), failed: None }
        }
    }

    impl BodyReader {
        /// What is left of the body for whatever takes [`AsyncRead`] or [`AsyncBufRead`].
        pub fn into_async_read(mut self) -> BodyAsyncRead {
            let chunk = self.rest().unwrap_or_default();
            BodyAsyncRead { body: self.body, chunk, failed: self.failed }
        }
    }

    impl AsyncBufRead for BodyAsyncRead {
        fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
            let this = self.get_mut();
            while this.chunk.is_empty() {
                if let Some(error) = &this.failed {
                    return Poll::Ready(Err(of(error)));
                }
                match ready!(this.body.poll_next(cx)) {
                    None => break,
                    Some(Ok(frame)) => this.chunk = frame.into_data().unwrap_or_default(),
                    Some(Err(error)) => this.failed = Some(error),
                }
            }
            Poll::Ready(Ok(&this.chunk))
        }

        fn consume(self: Pin<&mut Self>, len: usize) {
            let this = self.get_mut();
            this.chunk.advance(len.min(this.chunk.len()));
        }
    }

    impl AsyncRead for BodyAsyncRead {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let chunk = ready!(self.as_mut().poll_fill_buf(cx))?;
            let len = chunk.len().min(buf.remaining());
            buf.put_slice(&chunk[..len]);
            self.consume(len);
            Poll::Ready(Ok(()))
        }
    }

    fn of(error: &BodyError) -> io::Error {
        let kind = match error {
            BodyError::Incomplete => io::ErrorKind::UnexpectedEof,
            BodyError::TimedOut => io::ErrorKind::TimedOut,
            BodyError::Malformed { .. } => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error.clone())
    }
}

#[cfg(feature = "io")]
pub use self::io::BodyAsyncRead;

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn chunks(chunks: &[&'static str]) -> Body {
        let (mut sender, body) = Body::channel(1 << 20);
        for chunk in chunks {
            sender.push(Bytes::from_static(chunk.as_bytes())).unwrap();
        }
        sender.finish();
        body
    }

    async fn pieces(body: Body, separator: &[u8]) -> Vec<String> {
        let mut reader = body.reader();
        let mut all = Vec::new();
        while let Some(piece) = reader.until(separator).await.unwrap() {
            all.push(String::from_utf8(piece.to_vec()).unwrap());
        }
        all
    }

    #[tokio::test]
    async fn separators_are_found_wherever_the_chunks_end() {
        let text = "a--b-c----d";
        for at in 0..text.len() {
            let body = chunks(&[&text[..at], &text[at..]]);
            assert_eq!(pieces(body, b"--").await, ["a", "b-c", "", "d"], "{at}");
        }
        assert_eq!(pieces(chunks(&["a", "b"]), b"").await, ["ab"]);
        assert!(pieces(chunks(&[]), b"x").await.is_empty());
        assert_eq!(pieces(chunks(&["ax"]), b"x").await, ["a"], "no empty piece behind the last");
    }

    #[tokio::test]
    async fn pieces_past_the_limit_are_refused_however_they_come() {
        for body in [chunks(&["12345\n"]), chunks(&["123", "45", "6"]), chunks(&["12345"])] {
            let error = body.reader().max_len(4).line().await.unwrap_err();
            assert!(matches!(error, BodyError::PieceTooLong { limit: 4 }), "{error}");
            assert_eq!(error.status(), 400);
        }
        assert_eq!(chunks(&["1234\n"]).reader().max_len(4).line().await.unwrap().unwrap(), "1234");
        assert_eq!(
            chunks(&["12", "34"]).reader().max_len(4).line().await.unwrap().unwrap(),
            "1234"
        );
    }

    #[tokio::test]
    async fn exact_lengths_are_whole_or_an_error() {
        let mut reader = chunks(&["ab", "cde"]).reader();
        assert_eq!(reader.exact(3).await.unwrap().unwrap(), "abc");
        assert_eq!(reader.exact(0).await.unwrap().unwrap(), "");
        let error = reader.exact(3).await.unwrap_err();
        assert!(matches!(error, BodyError::TooShort { expected: 3, found: 2 }), "{error}");
        assert_eq!(reader.exact(2).await.unwrap().unwrap(), "de");
        assert!(reader.exact(1).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn what_was_cut_stays_cut() {
        let (mut sender, body) = Body::channel(64);
        sender.push(Bytes::from_static(b"one\ntw")).unwrap();
        sender.fail(BodyError::Incomplete);
        let mut reader = body.reader();
        assert_eq!(reader.line().await.unwrap().unwrap(), "one");
        for _ in 0..2 {
            assert!(matches!(reader.line().await, Err(BodyError::Incomplete)));
        }
    }

    #[tokio::test]
    async fn nothing_is_lost_where_a_future_is_dropped() {
        let (mut sender, body) = Body::channel(64);
        sender.push(Bytes::from_static(b"on")).unwrap();
        let mut reader = body.reader();
        {
            let mut line = pin!(reader.line());
            let mut cx = Context::from_waker(Waker::noop());
            assert!(line.as_mut().poll(&mut cx).is_pending());
        }
        sender.push(Bytes::from_static(b"e\n")).unwrap();
        sender.finish();
        assert_eq!(reader.line().await.unwrap().unwrap(), "one");
    }

    #[cfg(feature = "io")]
    #[tokio::test]
    async fn tokio_reads_what_is_left() {
        use tokio::io::{AsyncBufReadExt, AsyncReadExt};

        let mut reader = chunks(&["a\nb", "c\nd"]).reader();
        reader.line().await.unwrap();
        let mut lines = reader.into_async_read().lines();
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "bc");
        let mut rest = String::new();
        lines.into_inner().read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "d");

        let (sender, body) = Body::channel(64);
        sender.fail(BodyError::Incomplete);
        let error = body.into_async_read().read_u8().await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    }
}
