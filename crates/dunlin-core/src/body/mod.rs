//! Message bodies: empty, whole, or a stream of frames.

mod channel;
mod file;
mod reader;

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_core::Stream;
use http_body::{Frame, SizeHint};

pub use self::channel::{BodySender, Closed};
pub use self::file::FileRegion;
#[cfg(feature = "io")]
pub use self::reader::BodyAsyncRead;
pub use self::reader::BodyReader;
use crate::error::{BodyError, BoxError};
use crate::goodbye::Goodbye;
#[cfg(feature = "io")]
use crate::upgrade::OnUpgrade;

/// The body of a request or a response.
///
/// `Send` and `Sync`, so that a `&Request` may live across an `.await`. Implements
/// [`http_body::Body`], which is how trailers and other frames are reached.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use dunlin_core::Body;
///
/// let mut body = Body::from("hello");
/// assert_eq!(body.exact_len(), Some(5));
/// assert_eq!(body.chunk().await.unwrap().unwrap(), "hello");
/// assert!(body.chunk().await.is_none());
/// # });
/// ```
#[derive(Default)]
pub struct Body {
    kind: Kind,
    /// Most bytes that [`Body::bytes`] and [`Body::text`] gather; 0 stands for no limit.
    limit: u64,
}

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    Whole(Bytes),
    /// A `Vec` with room to spare would be copied to become `Bytes`; it is sent as it is instead.
    Owned(Vec<u8>),
    Stream(Box<Streaming>),
    #[cfg(feature = "io")]
    Upgrade(Box<OnUpgrade>),
}

type DynBody = dyn http_body::Body<Data = Bytes, Error = BodyError> + Send;

/// `size_hint` and `is_end_stream` take `&self`, where the mutex would have to be locked: their
/// answers are kept beside it and refreshed after each frame. The mutex itself is only ever reached
/// through `get_mut`; it makes the stream `Sync` without a lock.
struct Streaming {
    inner: Mutex<Pin<Box<DynBody>>>,
    hint: SizeHint,
    ended: bool,
    /// Tells the source that the server shuts down.
    goodbye: Option<Goodbye>,
    /// What the stream reads, where that is a file of which nothing has been read yet.
    region: Option<FileRegion>,
}

impl Streaming {
    fn new(inner: Pin<Box<DynBody>>) -> Self {
        let (hint, ended) = (inner.size_hint(), inner.is_end_stream());
        Self { inner: Mutex::new(inner), hint, ended, goodbye: None, region: None }
    }

    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.region = None;
        let inner = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        let frame = ready!(inner.as_mut().poll_frame(cx));
        self.hint = inner.size_hint();
        self.ended = inner.is_end_stream() || !matches!(frame, Some(Ok(_)));
        Poll::Ready(frame)
    }
}

impl Body {
    /// A body of no bytes.
    pub const fn empty() -> Self {
        Self { kind: Kind::Empty, limit: 0 }
    }

    /// A body whose chunks come from a stream. Its length is unknown: over HTTP/1.1 it is sent chunked.
    pub fn from_stream<S, B, E>(stream: S) -> Self
    where
        S: Stream<Item = Result<B, E>> + Send + 'static,
        B: Into<Bytes>,
        E: Into<BoxError>,
    {
        Self::from_dyn(Box::pin(StreamBody { stream: Box::pin(stream) }))
    }

    /// A body around any [`http_body::Body`]; one of this type comes back as it is.
    pub fn from_http_body<B>(body: B) -> Self
    where
        B: http_body::Body<Data: Buf + Send> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let mut body = Some(body);
        if let Some(own) = (&mut body as &mut dyn Any).downcast_mut::<Option<Self>>() {
            return own.take().unwrap_or_default();
        }
        let Some(body) = body else { return Self::empty() };
        Self::from_dyn(Box::pin(HttpBody { body: Box::pin(body) }))
    }

    /// A body of `region.len` bytes of a file, with the stream that reads them.
    ///
    /// The stream is what everybody sees who polls the body, such as middleware that compresses it. A
    /// driver that finds [`file_region`](Self::file_region) there may send those bytes itself instead.
    pub fn from_file<B>(region: FileRegion, stream: B) -> Self
    where
        B: http_body::Body<Data = Bytes, Error = BodyError> + Send + 'static,
    {
        let mut streaming = Streaming::new(Box::pin(stream));
        streaming.region = Some(region);
        Self { kind: Kind::Stream(Box::new(streaming)), limit: 0 }
    }

    /// The part of a file that this body is, as long as nobody has polled it; for drivers.
    pub fn file_region(&self) -> Option<&FileRegion> {
        match &self.kind {
            Kind::Stream(stream) => stream.region.as_ref(),
            _ => None,
        }
    }

    /// A body that is fed from elsewhere through the sender, which waits while `capacity`
    /// bytes or more are queued, each chunk counting 128 bytes besides its own. Its end must be said with [`BodySender::finish`]; a sender that is dropped
    /// before fails the body.
    ///
    /// ```
    /// use dunlin_core::Body;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let (mut sender, body) = Body::channel(64 * 1024);
    /// tokio::spawn(async move {
    ///     for line in ["one\n", "two\n"] {
    ///         // An error says that nobody reads any more.
    ///         if sender.send(line).await.is_err() {
    ///             return;
    ///         }
    ///     }
    ///     sender.finish();
    /// });
    /// assert_eq!(body.text().await.unwrap(), "one\ntwo\n");
    /// # }
    /// ```
    pub fn channel(capacity: usize) -> (BodySender, Self) {
        Self::channel_with_len(capacity, None)
    }

    /// A channel whose length is known from the start.
    pub fn channel_with_len(capacity: usize, len: Option<u64>) -> (BodySender, Self) {
        let (sender, receiver) = channel::pair(capacity, len);
        (sender, Self::from_dyn(Box::pin(receiver)))
    }

    fn from_dyn(inner: Pin<Box<DynBody>>) -> Self {
        Self { kind: Kind::Stream(Box::new(Streaming::new(inner))), limit: 0 }
    }

    /// The body inside of another, such as one that counts or compresses what passes: its
    /// [`limit`](Self::limit) is kept, and who is told of the server's end.
    pub fn wrap<B>(mut self, around: impl FnOnce(Self) -> B) -> Self
    where
        B: http_body::Body<Data: Buf + Send> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let limit = self.limit;
        let goodbye = self.take_goodbye();
        let mut outer = Self::from_http_body(around(self));
        outer.limit = limit;
        match goodbye {
            Some(goodbye) => outer.with_goodbye(goodbye),
            None => outer,
        }
    }

    /// The same stream, whose source is told when the server shuts down: one that has no end of its own
    /// then makes one, instead of being cut when the server's shutdown timeout is over.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use dunlin_core::{Body, Goodbye};
    ///
    /// let (mut sender, body) = Body::channel(1024);
    /// let (goodbye, going_away) = Goodbye::pair();
    /// let mut body = body.with_goodbye(goodbye);
    /// sender.send("tick").await.unwrap();
    ///
    /// body.say_goodbye(); // The server does.
    /// going_away.wait().await;
    /// sender.finish();
    /// assert_eq!(body.bytes().await.unwrap(), "tick");
    /// # });
    /// ```
    #[must_use]
    pub fn with_goodbye(mut self, goodbye: Goodbye) -> Self {
        if let Kind::Stream(stream) = &mut self.kind {
            stream.goodbye = Some(goodbye);
        }
        self
    }

    /// Takes out who tells the body's source of the server's end, to give it to
    /// [`with_goodbye`](Self::with_goodbye) of a body around this one; for adapters to code that does not know
    /// this type. Where this type stays what it is, [`wrap`](Self::wrap) does it.
    pub fn take_goodbye(&mut self) -> Option<Goodbye> {
        match &mut self.kind {
            Kind::Stream(stream) => stream.goodbye.take(),
            _ => None,
        }
    }

    /// Tells the body's source that the server shuts down; for drivers.
    pub fn say_goodbye(&mut self) {
        if let Some(goodbye) = self.take_goodbye() {
            goodbye.say();
        }
    }

    /// The body of a response that hands its connection over: what
    /// [`take_upgrade`](Self::take_upgrade) gives back.
    #[cfg(feature = "io")]
    pub fn from_upgrade(upgrade: OnUpgrade) -> Self {
        Self { kind: Kind::Upgrade(Box::new(upgrade)), limit: 0 }
    }

    /// Takes out what a `101 Switching Protocols` hands the connection to; for drivers.
    #[cfg(feature = "io")]
    pub fn take_upgrade(&mut self) -> Option<OnUpgrade> {
        match std::mem::take(&mut self.kind) {
            Kind::Upgrade(upgrade) => Some(*upgrade),
            other => {
                self.kind = other;
                None
            }
        }
    }

    /// Whether this is no body but a connection to be handed over; for drivers.
    #[cfg(feature = "io")]
    pub fn is_upgrade(&self) -> bool {
        matches!(self.kind, Kind::Upgrade(_))
    }

    /// The number of bytes still to come, where it is known.
    pub fn exact_len(&self) -> Option<u64> {
        http_body::Body::size_hint(self).exact()
    }

    /// Whether it is known that no byte will come.
    pub fn is_empty(&self) -> bool {
        self.exact_len() == Some(0)
    }

    /// The bytes, where they are all here already; for drivers that copy a small body behind its head.
    pub fn as_whole(&self) -> Option<&[u8]> {
        match &self.kind {
            Kind::Empty => Some(&[]),
            Kind::Whole(bytes) => Some(bytes),
            Kind::Owned(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Takes the bytes out where they are all here already; otherwise the body comes back.
    pub fn try_into_whole(mut self) -> Result<Bytes, Self> {
        match std::mem::take(&mut self.kind) {
            Kind::Empty => Ok(Bytes::new()),
            Kind::Whole(bytes) => Ok(bytes),
            Kind::Owned(bytes) => Ok(bytes.into()),
            kind => Err(Self { kind, limit: self.limit }),
        }
    }

    /// Most bytes that [`bytes`](Self::bytes) and [`text`](Self::text) gather. Streaming is not
    /// bounded by it. Default: none; a server's app sets its own (1 MiB) when it takes a request.
    pub fn limit(&self) -> Option<u64> {
        (self.limit != 0).then_some(self.limit)
    }

    /// Sets [`limit`](Self::limit); `None` takes it off.
    pub fn set_limit(&mut self, limit: Option<u64>) {
        self.limit = limit.unwrap_or(0);
    }

    /// The next bytes of the body; trailers are passed over.
    ///
    /// # Errors
    ///
    /// [`BodyError`] where the body ends early, breaks its framing or its source fails; nothing comes
    /// after it.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, BodyError>> {
        loop {
            match std::future::poll_fn(|cx| self.poll_next(cx)).await? {
                Ok(frame) => {
                    if let Ok(data) = frame.into_data() {
                        return Some(Ok(data));
                    }
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// The whole body.
    ///
    /// # Errors
    ///
    /// [`BodyError::TooLarge`] as soon as it is known to pass [`limit`](Self::limit), before anything
    /// is read where its length was declared; otherwise what [`chunk`](Self::chunk) fails with.
    pub async fn bytes(self) -> Result<Bytes, BodyError> {
        if matches!(self.kind, Kind::Owned(_)) {
            return self.into_vec().await.map(Bytes::from);
        }
        let limit = self.check_declared()?;
        match self.try_into_whole() {
            Ok(bytes) => Ok(bytes),
            Err(body) => body.gather(limit).await.map(Bytes::from),
        }
    }

    /// The whole body as a vector, without a copy where it is one already.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes).
    pub async fn into_vec(mut self) -> Result<Vec<u8>, BodyError> {
        let limit = self.check_declared()?;
        match std::mem::take(&mut self.kind) {
            Kind::Owned(bytes) => Ok(bytes),
            Kind::Whole(bytes) => Ok(bytes.into()),
            kind => Self { kind, limit: self.limit }.gather(limit).await,
        }
    }

    /// The whole body as UTF-8 text.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes), and [`BodyError::NotUtf8`].
    pub async fn text(self) -> Result<String, BodyError> {
        String::from_utf8(self.into_vec().await?)
            .map_err(|error| BodyError::NotUtf8 { at: error.utf8_error().valid_up_to() })
    }

    /// Refuses a body whose known length passes the limit, before a byte of it is asked for.
    fn check_declared(&self) -> Result<u64, BodyError> {
        let limit = self.limit().unwrap_or(u64::MAX);
        if http_body::Body::size_hint(self).lower() > limit {
            return Err(BodyError::TooLarge { limit });
        }
        Ok(limit)
    }

    async fn gather(mut self, limit: u64) -> Result<Vec<u8>, BodyError> {
        // The declared length is the peer's word: trust it for 64 KiB and grow after that.
        const TRUSTED: u64 = 64 * 1024;
        let room = http_body::Body::size_hint(&self).lower().min(TRUSTED);
        let mut whole = Vec::with_capacity(room as usize);
        while let Some(chunk) = self.chunk().await {
            let chunk = chunk?;
            if (whole.len() + chunk.len()) as u64 > limit {
                return Err(BodyError::TooLarge { limit });
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole)
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let whole = |bytes: Bytes| (!bytes.is_empty()).then(|| Ok(Frame::data(bytes)));
        match &mut self.kind {
            Kind::Stream(stream) => stream.poll_frame(cx),
            Kind::Empty => Poll::Ready(None),
            kind => Poll::Ready(match std::mem::take(kind) {
                Kind::Whole(bytes) => whole(bytes),
                Kind::Owned(bytes) => whole(bytes.into()),
                _ => None,
            }),
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.get_mut().poll_next(cx)
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Stream(stream) => stream.ended,
            _ => self.as_whole().is_none_or(<[u8]>::is_empty),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Stream(stream) => stream.hint,
            _ => SizeHint::with_exact(self.as_whole().map_or(0, |bytes| bytes.len() as u64)),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            Kind::Empty => "Empty",
            Kind::Whole(_) | Kind::Owned(_) => "Whole",
            Kind::Stream(_) => "Stream",
            #[cfg(feature = "io")]
            Kind::Upgrade(_) => "Upgrade",
        };
        f.debug_struct("Body").field("kind", &kind).field("len", &self.exact_len()).finish()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self { kind: Kind::Whole(bytes), limit: 0 }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self { kind: Kind::Owned(bytes), limit: 0 }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl From<&'static [u8]> for Body {
    fn from(bytes: &'static [u8]) -> Self {
        Bytes::from_static(bytes).into()
    }
}

impl From<()> for Body {
    fn from((): ()) -> Self {
        Self::empty()
    }
}

struct StreamBody<S> {
    stream: Pin<Box<S>>,
}

impl<S, B, E> http_body::Body for StreamBody<S>
where
    S: Stream<Item = Result<B, E>>,
    B: Into<Bytes>,
    E: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.stream.as_mut().poll_next(cx).map(|item| {
            item.map(|chunk| chunk.map(|c| Frame::data(c.into())).map_err(BodyError::source))
        })
    }
}

struct HttpBody<B> {
    body: Pin<Box<B>>,
}

impl<B> http_body::Body for HttpBody<B>
where
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.body.as_mut().poll_frame(cx).map(|item| {
            item.map(|frame| {
                frame.map(|f| f.map_data(|mut data| data.copy_to_bytes(data.remaining()))).map_err(
                    |error| match error.into().downcast::<BodyError>() {
                        Ok(own) => *own,
                        Err(error) => BodyError::source(error),
                    },
                )
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
