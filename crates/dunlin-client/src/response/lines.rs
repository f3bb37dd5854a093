//! A body line by line.

use bytes::{Buf, Bytes, BytesMut};
use dunlin_core::BodyError;

use super::Response;
use crate::error::{Error, ErrorKind, Phase};

/// Most bytes of a line.
pub const LINE_MAX: usize = 1 << 20;

/// The lines of a body, without their ends (LF or CRLF).
///
/// ```no_run
/// # async fn run() -> Result<(), dunlin_client::Error> {
/// # let client = dunlin_client::Client::new();
/// let mut lines = client.get("https://example.com/log").send().await?.lines();
/// while let Some(line) = lines.next().await? {
///     println!("{}", String::from_utf8_lossy(&line));
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Lines {
    response: Response,
    buf: BytesMut,
    /// Bytes at the front of `buf` in which there is no end of a line.
    seen: usize,
    max: usize,
    ended: bool,
    failed: Option<Error>,
}

impl Lines {
    pub(super) fn new(response: Response) -> Self {
        Self { response, buf: BytesMut::new(), seen: 0, max: LINE_MAX, ended: false, failed: None }
    }

    /// Sets the most bytes that a line may have. Default: 1 MiB.
    #[must_use]
    pub fn max_len(mut self, bytes: usize) -> Self {
        self.max = bytes;
        self
    }

    /// The next line; `None` behind the last. Nothing is lost where the future is dropped.
    ///
    /// # Errors
    ///
    /// As [`Response::chunk`], and where a line is too long.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            if let Some(error) = &self.failed {
                return Err(error.clone());
            }
            let end = memchr::memchr(b'\n', &self.buf[self.seen..]);
            if end.map_or(self.buf.len(), |at| self.seen + at) > self.max {
                let limit = self.max as u64;
                let kind = ErrorKind::Body(BodyError::TooLarge { limit });
                self.failed = Some(self.response.locate(Error::new(kind, Phase::Body)));
                continue;
            }
            if let Some(at) = end {
                let mut line = self.buf.split_to(self.seen + at);
                self.buf.advance(1);
                self.seen = 0;
                if line.last() == Some(&b'\r') {
                    line.truncate(line.len() - 1);
                }
                return Ok(Some(line.freeze()));
            }
            self.seen = self.buf.len();
            if self.ended {
                self.seen = 0;
                return Ok((!self.buf.is_empty()).then(|| self.buf.split().freeze()));
            }
            match self.response.chunk().await {
                Ok(Some(chunk)) => self.buf.extend_from_slice(&chunk),
                Ok(None) => self.ended = true,
                // What was cut is no line, however often one asks.
                Err(error) => self.failed = Some(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use dunlin_core::{Body, BoxError, ResponseHead};

    use super::*;
    use crate::Url;

    fn lines(chunks: &[&'static str]) -> Lines {
        let chunks: Vec<_> =
            chunks.iter().map(|chunk| Ok::<_, BoxError>(Bytes::from(*chunk))).collect();
        let body = Body::from_stream(futures_util::stream::iter(chunks));
        Response::from_parts(ResponseHead::default(), body, Url::parse("http://a/").unwrap())
            .lines()
    }

    #[tokio::test]
    async fn lines_end_wherever_the_chunks_do() {
        let mut lines = lines(&["on", "e\r", "\ntwo\n\nth", "ree"]);
        let mut all = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            all.push(String::from_utf8(line.to_vec()).unwrap());
        }
        assert_eq!(all, ["one", "two", "", "three"]);
    }

    #[tokio::test]
    async fn a_line_without_end_is_refused() {
        let mut whole = lines(&["0123456789\n0123456789012345\n"]).max_len(15);
        assert_eq!(whole.next().await.unwrap().unwrap(), "0123456789");
        assert!(whole.next().await.is_err() && whole.next().await.is_err());
        let mut lines = lines(&["0123456789", "0123456789"]).max_len(15);
        assert!(lines.next().await.unwrap_err().to_string().contains("limit of 15 bytes"));
    }
}
