//! Recorded exchanges in place of a server.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dunlin_core::BoxFuture;
use http::HeaderName;

use super::super::whole::{Gathered, gather};
use super::super::{Middleware, Next};
use super::line::{Line, name_of};
use crate::error::Error;
use crate::request::Request;
use crate::response::Response;

/// Answers by what a [`Recorder`](super::Recorder) wrote down; nothing is sent.
///
/// A request is answered by the first line of the same method, URL and body that has not answered
/// one yet, and by nothing but those; it fails with [`ReplayError::NotRecorded`] where there is none.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use dunlin_client::{Client, Replay};
///
/// let recorded = r#"{"request":{"method":"GET","url":"http://a/"},"response":{"status":204}}"#;
/// let replay = Replay::parse(recorded)?;
/// let client = Client::builder().with(replay.clone()).build()?;
/// assert_eq!(client.get("http://a/").send().await?.status(), 204);
/// let error = client.get("http://a/").send().await.unwrap_err();
/// assert!(error.to_string().contains("GET http://a/"), "{error}");
/// assert_eq!(replay.left(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Replay {
    lines: Arc<Mutex<Vec<(Line, bool)>>>,
    fields: Vec<HeaderName>,
    repeat: bool,
}

/// Why a recording cannot be read, or does not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The file cannot be read.
    #[error("cannot read the recording")]
    Io(#[from] std::io::Error),
    /// A line is no exchange.
    #[error("line {line} of the recording is no exchange: {reason}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        reason: serde_json::Error,
    },
    /// There is no such request in the recording.
    #[error("no exchange is recorded for {method} {url}{}", Hint(.hint))]
    NotRecorded {
        /// What was asked.
        method: String,
        /// What it was asked of.
        url: String,
        /// What comes nearest in the recording.
        hint: Option<String>,
    },
}

struct Hint<'h>(&'h Option<String>);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

impl Replay {
    /// Reads a recording from a file.
    ///
    /// # Errors
    ///
    /// [`ReplayError::Io`], and as [`parse`](Self::parse).
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ReplayError> {
        Self::parse(&std::fs::read_to_string(path)?)
    }

    /// Reads a recording; empty lines count as none.
    ///
    /// # Errors
    ///
    /// [`ReplayError::Line`].
    pub fn parse(text: &str) -> Result<Self, ReplayError> {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let lines: Result<Vec<_>, _> = lines
            .map(|(n, line)| match serde_json::from_str(line) {
                Ok(line) => Ok((line, false)),
                Err(reason) => Err(ReplayError::Line { line: n + 1, reason }),
            })
            .collect();
        Ok(Self { lines: Arc::new(Mutex::new(lines?)), fields: Vec::new(), repeat: false })
    }

    /// A request has to have the recorded values of this field too. Default: of none.
    #[must_use]
    pub fn field(mut self, name: HeaderName) -> Self {
        self.fields.push(name);
        self
    }

    /// Whether a line may answer again, where no other is left. Default: it may not.
    #[must_use]
    pub fn repeat(mut self, repeat: bool) -> Self {
        self.repeat = repeat;
        self
    }

    /// How many lines have answered nothing.
    pub fn left(&self) -> usize {
        self.lock().iter().filter(|(_, used)| !used).count()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Line, bool)>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &Request, body: &[u8]) -> Result<Response, ReplayError> {
        let (method, url) = (request.method().as_str(), name_of(request.url()));
        let matches = |line: &Line| {
            line.request.method == method
                && line.request.url == url
                && line.request.body == body
                && self.fields.iter().all(|name| same_values(line, request, name))
        };
        let mut lines = self.lock();
        let unused = lines.iter().position(|(line, used)| !used && matches(line));
        let again = || lines.iter().rposition(|(line, _)| self.repeat && matches(line));
        if let Some(at) = unused.or_else(again) {
            let (line, used) = &mut lines[at];
            *used = true;
            return Ok(line.response(request.url()));
        }
        let used = lines.iter().any(|(line, _)| matches(line));
        let alike: Vec<&Line> =
            lines.iter().map(|(line, _)| line).filter(|line| line.request.url == url).collect();
        let hint = if used {
            Some("all that are have answered already".to_owned())
        } else if alike.iter().any(|line| line.request.method == method) {
            Some("only with another body or other fields".to_owned())
        } else {
            alike.first().map(|line| format!("only for {}", line.request.method))
        };
        Err(ReplayError::NotRecorded { method: method.to_owned(), url, hint })
    }
}

fn same_values(line: &Line, request: &Request, name: &HeaderName) -> bool {
    let recorded = line.request.headers.iter().filter(|(n, _)| name == n.as_str());
    let asked = request.headers().get_all(name).map(String::from_utf8_lossy);
    recorded.map(|(_, value)| value.as_str()).eq(asked.collect::<Vec<_>>().iter().map(|v| &**v))
}

impl Middleware for Replay {
    fn handle(&self, request: Request, _: Next) -> BoxFuture<'_, Result<Response, Error>> {
        Box::pin(async move {
            let fail = |error: Error| error.with_url(request.url());
            let body = request.body().take().ok_or_else(|| {
                let reason = "it is a stream that has been sent already";
                fail(Error::invalid("the request's body", reason))
            })?;
            // As much as a recorder takes at most by default, times four.
            let body = match gather(body, 64 * 1024 * 1024).await {
                Ok(Gathered::Whole(bytes, _)) => bytes,
                Ok(Gathered::TooLong(_)) => {
                    return Err(fail(Error::invalid("the request's body", "too long to compare")));
                }
                Err(error) => return Err(fail(Error::invalid("the request's body", error))),
            };
            self.answer(&request, &body).map_err(Error::other)
        })
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (left, lines) = (self.left(), self.lock().len());
        f.debug_struct("Replay")
            .field("lines", &lines)
            .field("left", &left)
            .field("repeat", &self.repeat)
            .finish_non_exhaustive()
    }
}
