//! Exchanges written down, and played back in tests.

mod line;
mod replay;

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use dunlin_core::BoxFuture;
use http::HeaderName;
use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE};

use self::line::Line;
pub use self::replay::{Replay, ReplayError};
use super::whole::{Gathered, gather, with_trailers};
use super::{Middleware, Next};
use crate::error::Error;
use crate::request::Request;
use crate::response::Response;

/// Writes exchanges down, one line of JSON each, for [`Replay`] to answer by.
///
/// ```json
/// {"request":{"method":"GET","url":"http://example.com/birds","headers":[["accept","*/*"]],"body":""},
///  "response":{"status":200,"headers":[["content-type","text/plain"]],"body":"ZHVubGlu"}}
/// ```
///
/// Bodies are in base64, as they came: not decoded. The values of Authorization, Proxy-Authorization,
/// Cookie and Set-Cookie are replaced by `[redacted]`, and credentials of URLs left out;
/// [`redact`](Self::redact) names more. What else is secret is for the program to know.
///
/// A response is read whole before it is handed on, so that its line is there when the program has it;
/// one that is longer than [`max_body`](Self::max_body) fails, and an endless stream would never come.
/// Requests that fail are not written. The lines are written at once and block the task while they
/// are: this is for tests.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use dunlin_client::{Client, Recorder, Replay};
///
/// let recording = Client::builder().with(Recorder::create("tests/birds.jsonl")?).build()?;
/// recording.get("https://example.com/birds").send().await?;
///
/// let client = Client::builder().with(Replay::load("tests/birds.jsonl")?).build()?;
/// client.get("https://example.com/birds").send().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Recorder {
    to: Arc<Mutex<Box<dyn Write + Send>>>,
    redacted: Vec<HeaderName>,
    max_body: usize,
}

/// An exchange that could not be written down.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// A body is longer than [`Recorder::max_body`].
    #[error("the body exceeds the {limit} bytes that are recorded")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The line cannot be written.
    #[error("cannot write the recording")]
    Io(#[from] io::Error),
}

impl Recorder {
    /// Writes to a file, in place of what it had.
    ///
    /// # Errors
    ///
    /// Whatever creating the file gives.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self::new(File::create(path)?))
    }

    /// Writes to anything. Each line is one write and then flushed.
    pub fn new(to: impl Write + Send + 'static) -> Self {
        Self {
            to: Arc::new(Mutex::new(Box::new(to))),
            redacted: vec![AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, SET_COOKIE],
            max_body: 16 * 1024 * 1024,
        }
    }

    /// Replaces the values of this field too.
    #[must_use]
    pub fn redact(mut self, name: HeaderName) -> Self {
        self.redacted.push(name);
        self
    }

    /// Writes all values down, those that are secret too.
    #[must_use]
    pub fn redact_nothing(mut self) -> Self {
        self.redacted.clear();
        self
    }

    /// Most bytes of a body, the request's and the response's. Default: 16 MiB.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    async fn record(&self, mut request: Request, next: Next) -> Result<Response, Error> {
        let sent = self.request_body(&mut request).await?;
        let mut line = Line::of_request(&request, &sent, &self.redacted);
        let mut response = next.run(request).await?;
        let body = std::mem::take(response.body_mut());
        match gather(body, self.max_body).await.map_err(|e| response.locate(e.into()))? {
            Gathered::TooLong(_) => Err(response.locate(self.too_long())),
            Gathered::Whole(body, trailers) => {
                line.respond(&response, &body, &self.redacted);
                self.write(&line).map_err(|e| response.locate(Error::other(RecordError::Io(e))))?;
                *response.body_mut() = with_trailers(body.into(), trailers);
                Ok(response)
            }
        }
    }

    /// The request's body, which can be sent again after this.
    async fn request_body(&self, request: &mut Request) -> Result<Bytes, Error> {
        let fail = |error: Error| error.with_url(request.url());
        let body = request.body().take().ok_or_else(|| {
            let reason = "it is a stream that has been sent already";
            fail(Error::invalid("the request's body", reason))
        })?;
        match gather(body, self.max_body).await {
            Ok(Gathered::Whole(bytes, trailers)) => {
                request.set_body(bytes.clone());
                if let Some(trailers) = trailers {
                    request.trailers.get_or_insert_default().extend(trailers);
                }
                Ok(bytes)
            }
            Ok(Gathered::TooLong(_)) => Err(fail(self.too_long())),
            Err(error) => Err(fail(Error::invalid("the request's body", error))),
        }
    }

    fn too_long(&self) -> Error {
        Error::other(RecordError::TooLong { limit: self.max_body })
    }

    fn write(&self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        to.write_all(&text)?;
        to.flush()
    }
}

impl Middleware for Recorder {
    fn handle(&self, request: Request, next: Next) -> BoxFuture<'_, Result<Response, Error>> {
        Box::pin(self.record(request, next))
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("redacted", &self.redacted)
            .field("max_body", &self.max_body)
            .finish_non_exhaustive()
    }
}
