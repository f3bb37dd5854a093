//! `AccessLog`: a line for each request.

mod format;
mod sink;

use std::fmt;
use std::io::Write;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use dunlin_core::{
    Body, BodyError, BoxFuture, FileRegion, Headers, Request, RequestHead, Response, Scope,
};
use http::{Method, StatusCode};
use http_body::{Frame, SizeHint};

use self::format::Format;
use self::sink::Queue;
use super::request_id::RequestId;
use super::{Middleware, Next};

/// aiohttp's default, and nearly Apache's combined format.
const FORMAT: &str = "%a %t \"%r\" %s %b \"%{Referer}i\" \"%{User-Agent}i\"";

/// What stands for a client that went before it had an answer; nginx's number.
const GONE: u16 = 499;

/// Writes a line for each request once its answer has been sent, or cut.
///
/// ```
/// use dunlin_web::{AccessLog, App};
///
/// let log = AccessLog::to(std::io::stdout())
///     .format(r#"%a "%r" %s %b %Tf "%{User-Agent}i""#)
///     .skip(|head| head.path() == "/health");
/// let app = App::new().middleware(log);
/// # app.build().unwrap();
/// ```
///
/// | directive | stands for |
/// | --- | --- |
/// | `%a` | the client's address |
/// | `%t` | when the request began, in UTC: `[23/Nov/2026:03:25:04 +0000]` |
/// | `%P` | the process id |
/// | `%r` | the request line |
/// | `%s` | the status; 499 where the client went before there was one |
/// | `%b` | bytes of the body that were sent |
/// | `%T`, `%Tf`, `%D` | how long it took: whole seconds, seconds with six decimals, microseconds |
/// | `%{X}i`, `%{X}o` | field X of the request, of the response |
/// | `%{X}e` | variable X of the environment |
/// | `%%` | a `%` |
///
/// What is absent is `-`, and unknown directives stay as they are. Nothing that a peer sends can end a line or
/// forge a part of one: `"` and `\` come behind a `\`, and whatever is not visible ASCII or a blank comes as
/// `\xHH`. [`json`](Self::json) writes an object in each line instead.
///
/// Put it outermost, but for [`TrustedProxies`](crate::TrustedProxies), which tells it who the client is. What the
/// server refuses before there is a request, such as a head that does not parse, has no line.
///
/// # Costs
///
/// A line is rendered where the answer ends, and written by a thread of the log's own. Where that is 8,192
/// lines behind, more are lost, and their number is told on stderr: a disk that hangs holds no request up. A
/// body that is streamed is counted as it passes; a file that the kernel sends is not touched, since the server
/// tells what went out of it.
#[derive(Clone)]
pub struct AccessLog(Arc<Shared>);

#[derive(Clone)]
struct Shared {
    format: Format,
    sink: Sink,
    skip: Option<Arc<Skip>>,
}

type Skip = dyn Fn(&RequestHead) -> bool + Send + Sync;

#[derive(Clone)]
enum Sink {
    Queue(Arc<Queue>),
    Function(Arc<dyn Fn(&AccessEntry<'_>) + Send + Sync>),
}

/// One request and what became of it; `Display` is the line.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AccessEntry<'a> {
    /// The client; `None` on a unix socket.
    pub peer: Option<SocketAddr>,
    /// The request.
    pub head: &'a RequestHead,
    /// Pattern of its route, such as `/notes/{id}`, by which metrics group requests; empty where none matched.
    pub pattern: &'a str,
    /// When it began.
    pub started: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// The status; 499 where the client went before there was one.
    pub status: StatusCode,
    /// Bytes of the response's body that went to the server's buffers.
    pub bytes: u64,
    /// Whether the response was sent to its end.
    pub complete: bool,
    /// The response's fields, where there was one.
    pub response: Option<&'a Headers>,
    /// The id that [`RequestIds`](crate::RequestIds) gave it.
    pub request_id: Option<&'a str>,
    line: &'a Format,
}

impl fmt::Display for AccessEntry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line.line(self))
    }
}

impl AccessLog {
    /// A log that is written to a file, standard output, or whatever takes bytes.
    pub fn to(writer: impl Write + Send + 'static) -> Self {
        Self::new(Sink::Queue(Arc::new(Queue::new(writer))))
    }

    /// A log that goes to a function, which runs where the answer ends and so must not wait:
    ///
    /// ```
    /// # use dunlin_web::AccessLog;
    /// let log = AccessLog::with(|entry| println!("{} took {:?}", entry.head.path(), entry.took));
    /// ```
    pub fn with(function: impl Fn(&AccessEntry<'_>) + Send + Sync + 'static) -> Self {
        Self::new(Sink::Function(Arc::new(function)))
    }

    fn new(sink: Sink) -> Self {
        Self(Arc::new(Shared { format: Format::parse(FORMAT), sink, skip: None }))
    }

    /// What a line looks like. Default: `%a %t "%r" %s %b "%{Referer}i" "%{User-Agent}i"`.
    #[must_use]
    pub fn format(self, format: &str) -> Self {
        self.edit(|log| log.format = Format::parse(format))
    }

    /// One JSON object a line: `time` (RFC 3339, UTC), `remote`, `method`, `target`, `version`, `host`,
    /// `referer`, `user_agent`, `pattern`, `request_id`, `status`, `bytes`, `duration_us`, `complete`. What is
    /// absent is null; bytes that are not UTF-8 are U+FFFD.
    #[must_use]
    pub fn json(self) -> Self {
        self.edit(|log| log.format = Format::Json)
    }

    /// Requests that have no line, such as a load balancer's.
    #[must_use]
    pub fn skip(self, skip: impl Fn(&RequestHead) -> bool + Send + Sync + 'static) -> Self {
        self.edit(|log| log.skip = Some(Arc::new(skip)))
    }

    fn edit(mut self, edit: impl FnOnce(&mut Shared)) -> Self {
        edit(Arc::make_mut(&mut self.0));
        self
    }
}

/// A request on its way; its line is written when this is dropped, with what is known by then.
struct Record {
    log: Arc<Shared>,
    peer: Option<SocketAddr>,
    head: RequestHead,
    scope: Option<Arc<dyn Scope>>,
    started: SystemTime,
    began: Instant,
    status: u16,
    bytes: u64,
    complete: bool,
    response: Option<Headers>,
    request_id: Option<RequestId>,
}

impl Drop for Record {
    fn drop(&mut self) {
        let entry = AccessEntry {
            peer: self.peer,
            head: &self.head,
            pattern: self.scope.as_deref().map_or("", Scope::pattern),
            started: self.started,
            took: self.began.elapsed(),
            status: StatusCode::from_u16(self.status).unwrap_or_default(),
            bytes: self.bytes,
            complete: self.complete,
            response: self.response.as_ref(),
            request_id: self.request_id.as_ref().map(RequestId::as_str),
            line: &self.log.format,
        };
        match &self.log.sink {
            Sink::Queue(queue) => queue.push(entry.to_string()),
            // Nothing may panic out of a drop; the panic hook has told of it.
            Sink::Function(function) => drop(catch_unwind(AssertUnwindSafe(|| function(&entry)))),
        }
    }
}

impl Middleware for AccessLog {
    fn call(&self, req: Request, next: Next) -> BoxFuture<'static, Response> {
        if self.0.skip.as_ref().is_some_and(|skip| skip(req.head())) {
            return Box::pin(next.run(req));
        }
        let mut record = Record {
            log: Arc::clone(&self.0),
            peer: req.peer(),
            head: req.head().clone(),
            scope: req.scope().cloned(),
            started: SystemTime::now(),
            began: Instant::now(),
            status: GONE,
            bytes: 0,
            complete: false,
            response: None,
            request_id: req.extensions().get::<RequestId>().cloned(),
        };
        Box::pin(async move {
            let mut response = next.run(req).await;
            record.status = response.status().as_u16();
            record.response = Some(response.headers().clone());
            if let Some(id) = response.extensions().get::<RequestId>() {
                record.request_id = Some(id.clone());
            }
            let is_sent = record.head.method() != Method::HEAD;
            let whole = response.body().as_whole().map(|bytes| bytes.len() as u64);
            if whole.is_none() && is_sent && record.status != 101 {
                let body = std::mem::take(response.body_mut());
                // Nobody asks a body for nothing.
                record.complete = body.is_empty();
                let file = body.file_region().cloned().map(FileRegion::counted);
                let counted = |body| Counted { body, record, file: file.clone() };
                *response.body_mut() = match file.clone() {
                    // Still a file to the server, which drops the stream once it has sent it.
                    Some(file) => Body::from_file(file, counted(body)),
                    None => body.wrap(counted),
                };
            } else {
                // Goes with the response until the server has rendered it.
                record.bytes = whole.filter(|_| is_sent).unwrap_or(0);
                record.complete = true;
                response.extensions_mut().insert(Kept { _record: Arc::new(record) });
            }
            response
        })
    }
}

/// The record of a response whose body needs no counting.
#[derive(Clone)]
struct Kept {
    _record: Arc<Record>,
}

/// Counts what passes.
struct Counted {
    body: Body,
    record: Record,
    /// What the kernel may send in place of the body.
    file: Option<FileRegion>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(file) = &self.file
            && file.sent() > 0
        {
            self.record.bytes += file.sent();
            self.record.complete = self.record.bytes == file.len;
        }
    }
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(http_body::Body::poll_frame(Pin::new(&mut self.body), cx));
        match &frame {
            Some(Ok(frame)) => {
                self.record.bytes += frame.data_ref().map_or(0, Bytes::len) as u64;
                self.record.complete =
                    http_body::Body::is_end_stream(&self.body) || frame.is_trailers();
            }
            Some(Err(_)) => {}
            None => self.record.complete = true,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        http_body::Body::is_end_stream(&self.body)
    }

    fn size_hint(&self) -> SizeHint {
        http_body::Body::size_hint(&self.body)
    }
}

impl fmt::Debug for AccessLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessLog").field("format", &self.0.format).finish_non_exhaustive()
    }
}
