//! A stream of events that is asked for again when it ends (WHATWG HTML §9.2.2 and §9.2.3).

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use dunlin_core::{BoxError, BoxFuture};
use futures_core::Stream;
use http::header::{ACCEPT, CACHE_CONTROL};
use http::{HeaderName, HeaderValue, StatusCode};
use http_body::Body as _;
use tokio::time::Sleep;

use super::parser::{Event, EventLimits, EventParser};
use crate::client::Client;
use crate::error::{Error, ErrorKind, Phase};
use crate::middleware::retry::{is_lasting, random};
use crate::request::Request;
use crate::response::Response;

/// The events of a URL, across as many connections as it takes.
///
/// ```text
///            200, text/event-stream
///   Connecting ──────────────────▶ Open ──▶ events
///     ▲   │ └── failed ──┐           │ ended or broke off
///     │   │              ▼           ▼
///     └───┼───────────── Waiting ◀───┘
///         └── 204, another status or type, futile ──▶ Closed
/// ```
///
/// When the stream ends or breaks off, or no connection comes about, it is asked for again with the
/// `Last-Event-ID` that was seen: after the time that the server set by `retry`, or else
/// [`retry`](Self::retry). Where that fails too, the wait grows up to [`max_wait`](Self::max_wait), part
/// of it at random, so that clients do not come back all at once.
///
/// 204 ends it. Another status than 200, another type than `text/event-stream`, an event past the
/// [limits](Self::limits) and whatever would fail again are errors that end it. Failures that are
/// overcome are not told, but [`last_failure`](Self::last_failure) has the last.
///
/// Redirects, cookies, credentials and middleware are those of the client. The total deadline is taken
/// off, since the stream has no end; [`Timeouts::read`](crate::Timeouts::read) finds servers that fell
/// silent. Dropping it closes the connection; dropping the future of [`next`](Self::next) loses nothing.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use dunlin_client::{Client, InProcess};
/// use dunlin_core::{Request, Response};
/// use http::HeaderValue;
/// use http::header::CONTENT_TYPE;
///
/// let service = |_: Request| async {
///     Response::new("data: dunlin\n\n")
///         .with_header(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"))
/// };
/// let client = Client::builder().with(InProcess::new(service)).build()?;
/// let mut birds = client.get("http://a/birds").events()?;
/// assert_eq!(birds.next().await.unwrap()?.data, "dunlin");
/// # Ok::<(), dunlin_client::Error>(()) }).unwrap();
/// ```
#[must_use = "nothing is asked for until the first event is"]
pub struct EventSource {
    client: Client,
    request: Request,
    parser: EventParser,
    state: State,
    retry: Duration,
    max_wait: Duration,
    max_failures: Option<u32>,
    jitter: Box<dyn Fn() -> f64 + Send + Sync>,
    /// In a row, without a byte between them.
    failures: u32,
    last_failure: Option<Error>,
}

enum State {
    /// Asks as soon as it is polled.
    Idle,
    Connecting(BoxFuture<'static, Result<Response, Error>>),
    Open(Box<Response>),
    Waiting(Pin<Box<Sleep>>),
    Closed,
}

/// No server gets the client to come back faster, or to stay away for longer.
const WAIT: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(3600);

/// Longer ids are not sent: servers refuse heads that are too long.
const MAX_ID: usize = 4096;

impl EventSource {
    /// Asks for the events by this request, which [`RequestBuilder`](crate::RequestBuilder::events) does
    /// too, and which needs a body that can be sent again, if any.
    pub fn new(client: Client, mut request: Request) -> Self {
        let settings = Arc::make_mut(&mut request.settings);
        settings.timeouts.total = None;
        settings.max_body = None;
        settings.raise_for_status = false;
        if !request.headers.contains("accept") {
            request.insert_header(ACCEPT, HeaderValue::from_static("text/event-stream"));
        }
        request.insert_header(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Self {
            client,
            request,
            parser: EventParser::new(),
            state: State::Idle,
            retry: Duration::from_secs(3),
            max_wait: Duration::from_secs(60),
            max_failures: None,
            jitter: Box::new(random),
            failures: 0,
            last_failure: None,
        }
    }

    /// Begins behind this event, as if it had been the last; an id that could not have come is passed
    /// over. Default: at what the server begins with.
    pub fn last_event_id(mut self, id: &str) -> Self {
        if !id.contains(['\r', '\n', '\0']) {
            self.parser.push(format!("id: {id}\n\n").as_bytes());
            while let Ok(Some(_)) = self.parser.next_event() {}
        }
        self
    }

    /// How long it waits before it asks again, until the server says. Default: 3 seconds. Whoever sets
    /// it, it is at least 100 milliseconds and at most an hour.
    pub fn retry(mut self, wait: Duration) -> Self {
        self.retry = wait;
        self
    }

    /// The longest wait after failures, unless the server asks for a longer one. Default: a minute.
    pub fn max_wait(mut self, max: Duration) -> Self {
        self.max_wait = max;
        self
    }

    /// How many failures in a row are overcome; one more is an error that ends it. Default: any number.
    pub fn max_failures(mut self, max: impl Into<Option<u32>>) -> Self {
        self.max_failures = max.into();
        self
    }

    /// The part of the growth of the wait that is waited, from 0 to 1. Default: random.
    pub fn jitter(mut self, part: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        self.jitter = Box::new(part);
        self
    }

    /// Bounds of one event. Default: [`EventLimits::default`].
    pub fn limits(mut self, limits: EventLimits) -> Self {
        let id = self.parser.last_event_id().to_owned();
        self.parser = EventParser::with_limits(limits);
        if id.is_empty() { self } else { self.last_event_id(&id) }
    }

    /// The next event; `None` once it has ended.
    ///
    /// # Errors
    ///
    /// What ends it; nothing comes after that.
    pub async fn next(&mut self) -> Option<Result<Event, Error>> {
        std::future::poll_fn(|cx| self.poll_event(cx)).await
    }

    /// The id of the last event, as it would be sent to go on from there; empty where there is none.
    pub fn last_id(&self) -> &str {
        self.parser.last_event_id()
    }

    /// Whether a stream is being read now.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// What went wrong last, whether it was overcome or not. A stream that ended is no failure.
    pub fn last_failure(&self) -> Option<&Error> {
        self.last_failure.as_ref()
    }

    /// Ends it, and closes the connection.
    pub fn close(&mut self) {
        self.state = State::Closed;
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Event, Error>>> {
        loop {
            match &mut self.state {
                State::Closed => return Poll::Ready(None),
                State::Idle => self.connect(),
                State::Waiting(sleep) => {
                    ready!(sleep.as_mut().poll(cx));
                    self.state = State::Idle;
                }
                State::Connecting(connecting) => {
                    let result = ready!(connecting.as_mut().poll(cx));
                    if let Some(end) = self.connected(result) {
                        return Poll::Ready(end);
                    }
                }
                State::Open(response) => {
                    match self.parser.next_event() {
                        Ok(Some(event)) => return Poll::Ready(Some(Ok(event))),
                        Ok(None) => {}
                        Err(error) => {
                            let kind = ErrorKind::Content {
                                what: "event stream",
                                reason: Arc::new(error),
                            };
                            let error = response.locate(Error::new(kind, Phase::Body));
                            return Poll::Ready(Some(Err(self.end(error))));
                        }
                    }
                    match ready!(Pin::new(response.body_mut()).poll_frame(cx)) {
                        Some(Ok(frame)) => {
                            if let Some(data) = frame.data_ref().filter(|data| !data.is_empty()) {
                                self.failures = 0;
                                self.parser.push(data);
                            }
                        }
                        Some(Err(error)) => {
                            let error = response.locate(error.into());
                            if let Some(end) = self.failed(error) {
                                return Poll::Ready(end);
                            }
                        }
                        None => self.wait(),
                    }
                }
            }
        }
    }

    fn connect(&mut self) {
        let mut request = self.request.clone();
        let id = self.parser.last_event_id();
        // The id is sent as UTF-8, and not at all where it holds what a field cannot.
        if !id.is_empty()
            && id.len() <= MAX_ID
            && let Ok(id) = HeaderValue::from_bytes(id.as_bytes())
        {
            request.insert_header(HeaderName::from_static("last-event-id"), id);
        }
        let client = self.client.clone();
        self.state = State::Connecting(Box::pin(async move { client.execute(request).await }));
    }

    /// What the attempt came to; `Some` is told to the program.
    fn connected(
        &mut self,
        result: Result<Response, Error>,
    ) -> Option<Option<Result<Event, Error>>> {
        let response = match result {
            Ok(response) => response,
            Err(error) if is_lasting(&error) => return Some(Some(Err(self.end(error)))),
            Err(error) => return self.failed(error),
        };
        let is_stream =
            response.content_type().is_some_and(|t| t.eq_ignore_ascii_case("text/event-stream"));
        let kind = match response.status() {
            StatusCode::NO_CONTENT => {
                self.state = State::Closed;
                return Some(None);
            }
            StatusCode::OK if is_stream => {
                self.parser.reset();
                self.state = State::Open(Box::new(response));
                return None;
            }
            StatusCode::OK => {
                let found = response.content_type().unwrap_or("of no type");
                let reason: BoxError = format!("it is {found}").into();
                ErrorKind::Content { what: "text/event-stream", reason: reason.into() }
            }
            status => ErrorKind::Status { status },
        };
        let error = response.locate(Error::new(kind, Phase::Exchange));
        Some(Some(Err(self.end(error))))
    }

    fn end(&mut self, error: Error) -> Error {
        self.state = State::Closed;
        self.last_failure = Some(error.clone());
        error
    }

    /// Waits before the next attempt; `Some` is told to the program.
    fn failed(&mut self, error: Error) -> Option<Option<Result<Event, Error>>> {
        self.failures = self.failures.saturating_add(1);
        if self.max_failures.is_some_and(|max| self.failures > max) {
            return Some(Some(Err(self.end(error))));
        }
        self.last_failure = Some(error);
        self.wait();
        None
    }

    fn wait(&mut self) {
        let least = self.parser.retry().unwrap_or(self.retry).clamp(*WAIT.start(), *WAIT.end());
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let most = least.saturating_mul(factor).min(self.max_wait.min(*WAIT.end())).max(least);
        let part = (self.jitter)();
        // No number at all counts as none: a hook cannot make this panic.
        let part = if part.is_nan() { 0.0 } else { part.clamp(0.0, 1.0) };
        let wait = least + (most - least).mul_f64(part);
        self.state = State::Waiting(Box::pin(tokio::time::sleep(wait)));
    }
}

impl Stream for EventSource {
    type Item = Result<Event, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_event(cx)
    }
}

impl fmt::Debug for EventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Idle => "Idle",
            State::Connecting(_) => "Connecting",
            State::Open(_) => "Open",
            State::Waiting(_) => "Waiting",
            State::Closed => "Closed",
        };
        f.debug_struct("EventSource")
            .field("request", &self.request)
            .field("state", &state)
            .field("failures", &self.failures)
            .finish_non_exhaustive()
    }
}
