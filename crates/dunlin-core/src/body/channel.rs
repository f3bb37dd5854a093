//! A body that is fed from elsewhere, with back-pressure both ways.
//!
//! The server's driver feeds request bodies through it: it reads from the socket only while the
//! receiver has asked and there is room, so a handler that does not read costs the peer its window
//! and the server nothing.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use crate::error::BodyError;

/// The feeding end of [`Body::channel`](crate::Body::channel).
#[derive(Debug)]
pub struct BodySender {
    shared: Arc<Mutex<Shared>>,
}

/// The receiving end, inside a `Body`.
#[derive(Debug)]
pub(super) struct Receiver {
    shared: Arc<Mutex<Shared>>,
}

/// The receiver is gone: nobody will read what is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the body's receiver was dropped")]
#[non_exhaustive]
pub struct Closed;

#[derive(Debug)]
struct Shared {
    queue: VecDeque<Bytes>,
    queued: usize,
    capacity: usize,
    /// Bytes that the receiver has still to get, where the length is known.
    left: Option<u64>,
    end: End,
    /// The receiver has asked for bytes at least once.
    asked: bool,
    receiver: Party,
    sender: Party,
}

#[derive(Debug)]
enum End {
    Open,
    /// All was sent; trailers come last.
    Finished(Option<HeaderMap>),
    Failed(BodyError),
    /// The receiver has been told of the end.
    Told,
}

#[derive(Debug)]
enum Party {
    Here(Option<Waker>),
    Gone,
}

impl Party {
    fn take_waker(&mut self) -> Option<Waker> {
        match self {
            Self::Here(waker) => waker.take(),
            Self::Gone => None,
        }
    }

    fn set_waker(&mut self, cx: &Context<'_>) {
        if let Self::Here(slot) = self
            && !slot.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()))
        {
            *slot = Some(cx.waker().clone());
        }
    }
}

/// What a queued chunk counts for: its bytes, and what keeping any chunk takes, so that a flood of
/// one-byte chunks is bounded like any other.
fn cost(chunk: &Bytes) -> usize {
    const OVERHEAD: usize = 128;
    chunk.len() + OVERHEAD
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

pub(super) fn pair(capacity: usize, len: Option<u64>) -> (BodySender, Receiver) {
    let shared = Arc::new(Mutex::new(Shared {
        queue: VecDeque::new(),
        queued: 0,
        capacity: capacity.max(1),
        left: len,
        end: End::Open,
        asked: false,
        receiver: Party::Here(None),
        sender: Party::Here(None),
    }));
    (BodySender { shared: Arc::clone(&shared) }, Receiver { shared })
}

impl BodySender {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ready when there is room; registers the task otherwise.
    ///
    /// # Errors
    ///
    /// [`Closed`] where the receiver was dropped.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        self.poll_room(cx, false)
    }

    /// Ready when the receiver has asked for bytes and there is room: what a driver waits for before
    /// it reads, and before it sends `100 Continue`.
    ///
    /// # Errors
    ///
    /// [`Closed`] where the receiver was dropped.
    pub fn poll_wanted(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        self.poll_room(cx, true)
    }

    fn poll_room(&mut self, cx: &Context<'_>, asked: bool) -> Poll<Result<(), Closed>> {
        let mut shared = self.lock();
        if matches!(shared.receiver, Party::Gone) {
            return Poll::Ready(Err(Closed));
        }
        if shared.queued < shared.capacity && (shared.asked || !asked) {
            return Poll::Ready(Ok(()));
        }
        shared.sender.set_waker(cx);
        Poll::Pending
    }

    /// Ready while the receiver waits for bytes, having found none; registers the task otherwise. What
    /// tells a peer that sends nothing from a receiver that has not come to read.
    pub fn poll_awaited(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut shared = self.lock();
        if matches!(shared.receiver, Party::Here(Some(_))) {
            return Poll::Ready(());
        }
        shared.sender.set_waker(cx);
        Poll::Pending
    }

    /// Whether the receiver was dropped.
    pub fn is_closed(&self) -> bool {
        matches!(self.lock().receiver, Party::Gone)
    }

    /// Queues a chunk at once, whether there is room or not; for senders that asked
    /// [`poll_ready`](Self::poll_ready) before.
    ///
    /// # Errors
    ///
    /// [`Closed`] where the receiver was dropped.
    pub fn push(&mut self, chunk: Bytes) -> Result<(), Closed> {
        let mut shared = self.lock();
        if matches!(shared.receiver, Party::Gone) {
            return Err(Closed);
        }
        if chunk.is_empty() {
            return Ok(());
        }
        shared.queued += cost(&chunk);
        shared.queue.push_back(chunk);
        let waker = shared.receiver.take_waker();
        drop(shared);
        wake(waker);
        Ok(())
    }

    /// Sends a chunk, once there is room.
    ///
    /// # Errors
    ///
    /// [`Closed`] where the receiver was dropped.
    pub async fn send(&mut self, chunk: impl Into<Bytes>) -> Result<(), Closed> {
        std::future::poll_fn(|cx| self.poll_ready(cx)).await?;
        self.push(chunk.into())
    }

    /// Ends the body: it was all sent.
    pub fn finish(self) {
        self.end(End::Finished(None));
    }

    /// Ends the body with trailer fields.
    pub fn finish_with_trailers(self, trailers: HeaderMap) {
        self.end(End::Finished(Some(trailers)));
    }

    /// Ends the body with an error, which the receiver gets after what was queued.
    pub fn fail(self, error: BodyError) {
        self.end(End::Failed(error));
    }

    fn end(&self, end: End) {
        let mut shared = self.lock();
        if matches!(shared.end, End::Open) {
            shared.end = end;
        }
        let waker = shared.receiver.take_waker();
        drop(shared);
        wake(waker);
    }
}

/// A sender that goes without a word fails the body: a producer that died must not look finished.
impl Drop for BodySender {
    fn drop(&mut self) {
        if matches!(self.lock().end, End::Open) {
            self.end(End::Failed(BodyError::source("the sender was dropped before it finished")));
        }
        self.lock().sender = Party::Gone;
    }
}

impl Receiver {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl http_body::Body for Receiver {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut shared = self.lock();
        shared.asked = true;
        if let Some(chunk) = shared.queue.pop_front() {
            shared.queued -= cost(&chunk);
            if let Some(left) = &mut shared.left {
                *left = left.saturating_sub(chunk.len() as u64);
            }
            let waker = shared.sender.take_waker();
            drop(shared);
            wake(waker);
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        match std::mem::replace(&mut shared.end, End::Told) {
            End::Open => {
                shared.end = End::Open;
                shared.receiver.set_waker(cx);
                let waker = shared.sender.take_waker();
                drop(shared);
                wake(waker);
                Poll::Pending
            }
            End::Finished(Some(trailers)) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            End::Failed(error) => Poll::Ready(Some(Err(error))),
            End::Finished(None) | End::Told => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        let shared = self.lock();
        shared.queue.is_empty() && matches!(shared.end, End::Finished(None) | End::Told)
    }

    fn size_hint(&self) -> SizeHint {
        self.lock().left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let mut shared = self.lock();
        shared.receiver = Party::Gone;
        shared.queue = VecDeque::new();
        let waker = shared.sender.take_waker();
        drop(shared);
        wake(waker);
    }
}
