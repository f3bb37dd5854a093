//! `Sse`: server-sent events (WHATWG HTML §9.2).

mod event;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use dunlin_core::{
    Body, BodyError, BodySender, BoxError, Closed, GoingAway, Goodbye, IntoResponse, Response,
};
use futures_core::Stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use http_body::Frame;
use tokio::time::{Instant, Sleep};

pub use self::event::{SseEvent, SseEventError};

/// Silence after which a comment is sent: 15 s, as the standard advises.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Bytes of events that may wait in a channel for a client that is slow.
const QUEUE_MAX: usize = 64 * 1024;

/// A stream of server-sent events, which `EventSource` reads in a browser.
///
/// From a stream:
///
/// ```
/// use std::convert::Infallible;
///
/// use dunlin_web::{App, LastEventId, Sse, SseEvent};
/// use futures_util::stream;
///
/// async fn ticks(LastEventId(last): LastEventId) -> Sse {
///     let from = last.and_then(|id| id.parse::<u64>().ok()).map_or(0, |id| id + 1);
///     Sse::new(stream::iter((from..10).map(|n| SseEvent::new("tick").id(n.to_string()))))
/// }
/// # App::new().add_get("/ticks", ticks).build().unwrap();
/// ```
///
/// Or from wherever events come from:
///
/// ```
/// # use dunlin_web::{App, Sse, SseEvent};
/// async fn progress() -> Sse {
///     let (mut events, sse) = Sse::channel();
///     tokio::spawn(async move {
///         for percent in 0..=100 {
///             // An error tells that the client is gone, or the server is about to.
///             if events.send(SseEvent::new(percent.to_string())).await.is_err() {
///                 break;
///             }
///         }
///     });
///     sse
/// }
/// # App::new().add_get("/progress", progress).build().unwrap();
/// ```
///
/// It is not cached (`Cache-Control: no-cache`), not held back by nginx (`X-Accel-Buffering: no`), and ends
/// by itself when the server shuts down: clients then connect again, and name the last id that they have
/// seen. When the client goes the stream, or the channel's other end, is dropped; a client that goes without
/// a word is noticed at the next event or comment. [`Compress`](crate::Compress) sends each event at once.
#[must_use = "it is a response: return it"]
pub struct Sse {
    events: Body,
    first: Option<SseEvent>,
    keep_alive: Option<Duration>,
}

impl Sse {
    /// The events of a stream; where it fails the response is cut, and the client connects again.
    pub fn new<S, E>(events: S) -> Self
    where
        S: Stream<Item = Result<SseEvent, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        Self::from_body(Body::from_stream(Encoded(Box::pin(events))))
    }

    /// Events that are sent from elsewhere. The sender waits while 64 KiB of them are under way; the stream
    /// ends when it is dropped.
    pub fn channel() -> (SseSender, Self) {
        let (sender, events) = Body::channel(QUEUE_MAX);
        (SseSender(Some(sender)), Self::from_body(events))
    }

    fn from_body(events: Body) -> Self {
        Self { events, first: None, keep_alive: Some(KEEP_ALIVE) }
    }

    /// Silence after which a comment is sent, so that nothing between the two takes the connection for dead,
    /// and a client that is gone is noticed. `None` for never. Default: 15 s.
    pub fn keep_alive(mut self, after: impl Into<Option<Duration>>) -> Self {
        self.keep_alive = after.into();
        self
    }

    /// How long clients wait before they connect again; sent before the first event. Default: up to the
    /// client, some seconds.
    pub fn retry(mut self, after: Duration) -> Self {
        self.first = Some(SseEvent::default().retry(after));
        self
    }
}

impl IntoResponse for Sse {
    fn into_response(self) -> Response {
        let (goodbye, going_away) = Goodbye::pair();
        let body = Body::from_http_body(Events {
            source: Some(self.events),
            first: self.first,
            going_away,
            keep_alive: self.keep_alive,
            silence: None,
        });
        Response::new(body.with_goodbye(goodbye))
            .with_header(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"))
            .with_header(CACHE_CONTROL, HeaderValue::from_static("no-cache"))
            .with_header(
                HeaderName::from_static("x-accel-buffering"),
                HeaderValue::from_static("no"),
            )
    }
}

impl fmt::Debug for Sse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sse").field("keep_alive", &self.keep_alive).finish_non_exhaustive()
    }
}

/// The sending end of [`Sse::channel`].
///
/// ```
/// use dunlin_web::{App, Sse, SseEvent};
///
/// async fn countdown() -> Sse {
///     let (mut sender, events) = Sse::channel();
///     tokio::spawn(async move {
///         for left in (0..10).rev() {
///             // An error says that the client is gone.
///             if sender.send(SseEvent::new(left.to_string())).await.is_err() {
///                 break;
///             }
///         }
///     });
///     events
/// }
/// # App::new().add_get("/countdown", countdown).build().unwrap();
/// ```
#[derive(Debug)]
pub struct SseSender(Option<BodySender>);

impl SseSender {
    /// Sends an event, once there is room.
    ///
    /// # Errors
    ///
    /// [`Closed`] where the client is gone or the server shuts down.
    pub async fn send(&mut self, event: SseEvent) -> Result<(), Closed> {
        match &mut self.0 {
            Some(sender) => sender.send(event.into_bytes()).await,
            None => Ok(()),
        }
    }

    /// Whether nobody will read what is sent.
    pub fn is_closed(&self) -> bool {
        self.0.as_ref().is_none_or(BodySender::is_closed)
    }
}

/// The end of the sender is the end of the stream.
impl Drop for SseSender {
    fn drop(&mut self) {
        if let Some(sender) = self.0.take() {
            sender.finish();
        }
    }
}

/// Events of a stream as bytes.
struct Encoded<S>(Pin<Box<S>>);

impl<S, E> Stream for Encoded<S>
where
    S: Stream<Item = Result<SseEvent, E>>,
{
    type Item = Result<Bytes, E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let event = self.0.as_mut().poll_next(cx);
        event.map(|event| event.map(|event| event.map(SseEvent::into_bytes)))
    }
}

/// The response's body: events, and comments in between.
struct Events {
    /// None once it has ended.
    source: Option<Body>,
    first: Option<SseEvent>,
    going_away: GoingAway,
    keep_alive: Option<Duration>,
    /// Begun when the source first has nothing, where there is a runtime.
    silence: Option<Pin<Box<Sleep>>>,
}

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if let Some(first) = this.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first.into_bytes()))));
        }
        if this.going_away.is_said() {
            // Also where the source always has more.
            this.source = None;
        }
        let Some(source) = &mut this.source else { return Poll::Ready(None) };
        match http_body::Body::poll_frame(Pin::new(source), cx) {
            Poll::Ready(Some(frame)) => {
                if let (Some(silence), Some(after)) = (&mut this.silence, this.keep_alive) {
                    silence.as_mut().reset(Instant::now() + after);
                }
                return Poll::Ready(Some(frame));
            }
            Poll::Ready(None) => {
                this.source = None;
                return Poll::Ready(None);
            }
            Poll::Pending => {}
        }
        if this.going_away.poll(cx).is_ready() {
            this.source = None;
            return Poll::Ready(None);
        }
        let Some(after) = this.keep_alive else { return Poll::Pending };
        let silence = this.silence.get_or_insert_with(|| Box::pin(tokio::time::sleep(after)));
        if silence.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        silence.as_mut().reset(Instant::now() + after);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b": ping\n\n")))))
    }
}
