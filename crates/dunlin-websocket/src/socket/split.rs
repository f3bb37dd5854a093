//! Two halves of one connection, for two tasks.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::core::Core;
use crate::error::Error;
use crate::message::{Message, Part};
use crate::proto::Compress;
use crate::{CloseCode, CloseFrame, Text};

/// Both halves: the core, locked for the length of a poll, and who waits for it.
struct Shared {
    core: Mutex<Core>,
    waiting: Arc<Waiting>,
    /// Wakes whoever waits.
    waker: Waker,
}

/// The tasks of the halves.
///
/// Either half may read and write, a transport knows one reader and one writer, and whoever polls it last
/// would be the only one woken. So it is given one waker that wakes both.
#[derive(Default)]
struct Waiting(Mutex<[Option<Waker>; 2]>);

/// Which half.
#[derive(Clone, Copy)]
enum Half {
    Sender = 0,
    Receiver = 1,
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, [Option<Waker>; 2]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let [sender, receiver] = std::mem::take(&mut *self.lock());
        for waker in [sender, receiver].into_iter().flatten() {
            waker.wake();
        }
    }
}

impl Shared {
    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn poll<T>(
        &self,
        half: Half,
        mut poll: impl FnMut(&mut Core, &mut Context<'_>) -> Poll<T>,
    ) -> T {
        poll_fn(|cx| {
            // Before the poll: who is woken during it must find it.
            let slot = half as usize;
            match &mut self.waiting.lock()[slot] {
                Some(waker) => waker.clone_from(cx.waker()),
                empty => *empty = Some(cx.waker().clone()),
            }
            let (result, is_turn) = {
                let mut core = self.core();
                let before = core.phase();
                let result = poll(&mut core, &mut Context::from_waker(&self.waker));
                (result, core.phase() != before)
            };
            if result.is_ready() {
                self.waiting.lock()[slot] = None;
            }
            if is_turn {
                // What the other half waits for may not come any more.
                self.waker.wake_by_ref();
            }
            result
        })
        .await
    }
}

pub(super) fn split(core: Core) -> (Sender, Receiver) {
    let waiting = Arc::new(Waiting::default());
    let waker = Waker::from(Arc::clone(&waiting));
    let shared = Arc::new(Shared { core: Mutex::new(core), waiting, waker });
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

/// The half that sends; see [`WebSocket::split`](super::WebSocket::split).
///
/// Dropping it closes nothing: the receiver goes on.
pub struct Sender(Arc<Shared>);

impl Sender {
    /// Sends a message: returns when all of it is written.
    ///
    /// # Errors
    ///
    /// As of [`WebSocket::send`](super::WebSocket::send).
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.send_with(message, Compress::Auto).await
    }

    /// As [`send`](Self::send), and says whether the message is compressed.
    ///
    /// # Errors
    ///
    /// As of [`WebSocket::send`](super::WebSocket::send).
    pub async fn send_with(
        &mut self,
        message: impl Into<Message>,
        compress: Compress,
    ) -> Result<(), Error> {
        self.feed_with(message, compress).await?;
        self.flush().await
    }

    /// Sends a value as JSON, in a text message.
    ///
    /// # Errors
    ///
    /// [`Error::Json`], and as of [`WebSocket::send`](super::WebSocket::send).
    #[cfg(feature = "json")]
    pub async fn send_json<T: serde::Serialize + ?Sized>(
        &mut self,
        value: &T,
    ) -> Result<(), Error> {
        self.send(Message::from_json(value)?).await
    }

    /// Queues a message. It leaves with a [`flush`](Self::flush), when the receiver has to wait, or when
    /// [`Config::high_water`](crate::Config::high_water) bytes are queued: then this waits until there is room.
    ///
    /// # Errors
    ///
    /// As of [`WebSocket::send`](super::WebSocket::send).
    pub async fn feed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.feed_with(message, Compress::Auto).await
    }

    /// As [`feed`](Self::feed), and says whether the message is compressed.
    ///
    /// # Errors
    ///
    /// As of [`WebSocket::send`](super::WebSocket::send).
    pub async fn feed_with(
        &mut self,
        message: impl Into<Message>,
        compress: Compress,
    ) -> Result<(), Error> {
        let mut message = Some(message.into());
        self.0
            .poll(Half::Sender, |core, cx| {
                // Room and its use under one lock, compression and queueing in one step: halves and
                // messages do not mix.
                core.poll_ready(cx).map(|room| {
                    room?;
                    match message.take() {
                        Some(message) => core.start_send(message, compress),
                        None => Ok(()),
                    }
                })
            })
            .await
    }

    /// As [`WebSocket::send_part`](super::WebSocket::send_part).
    ///
    /// # Errors
    ///
    /// As of [`WebSocket::send_part`](super::WebSocket::send_part).
    pub async fn send_part(
        &mut self,
        part: impl Into<Message>,
        is_last: bool,
    ) -> Result<(), Error> {
        self.feed_part(part, is_last).await?;
        self.flush().await
    }

    /// As [`WebSocket::feed_part`](super::WebSocket::feed_part).
    ///
    /// # Errors
    ///
    /// As of [`WebSocket::send_part`](super::WebSocket::send_part).
    pub async fn feed_part(
        &mut self,
        part: impl Into<Message>,
        is_last: bool,
    ) -> Result<(), Error> {
        self.feed_part_with(part, is_last, Compress::Auto).await
    }

    /// As [`WebSocket::feed_part_with`](super::WebSocket::feed_part_with).
    ///
    /// # Errors
    ///
    /// As of [`WebSocket::send_part`](super::WebSocket::send_part).
    pub async fn feed_part_with(
        &mut self,
        part: impl Into<Message>,
        is_last: bool,
        compress: Compress,
    ) -> Result<(), Error> {
        let part = part.into();
        let ready = self.0.poll(Half::Sender, Core::poll_ready);
        ready.await?;
        // This half is the only one that sends, so there still is room.
        self.0.core().start_send_part(part, is_last, compress)?;
        if is_last {
            // The receiver may have waited for it, with what its rooms say.
            self.0.waker.wake_by_ref();
        }
        Ok(())
    }

    /// Writes all that is queued.
    ///
    /// # Errors
    ///
    /// As of [`WebSocket::flush`](super::WebSocket::flush).
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.0.poll(Half::Sender, Core::poll_flush).await
    }

    /// Sends a ping with up to 125 bytes.
    ///
    /// # Errors
    ///
    /// As of [`WebSocket::send`](super::WebSocket::send).
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        self.0
            .poll(Half::Sender, |core, cx| {
                core.poll_ready(cx).map(|room| room.and_then(|()| core.start_ping(payload)))
            })
            .await?;
        self.flush().await
    }

    /// Says close. The receiver sees the connection to its end, and gives `None` then.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.0.core().start_close(code, reason);
        // The deadline is the receiver's to watch.
        self.0.waker.wake_by_ref();
        match self.flush().await {
            Err(Error::Closed) => Ok(()),
            result => result,
        }
    }

    /// As [`WebSocket::is_closed`](super::WebSocket::is_closed).
    pub fn is_closed(&self) -> bool {
        !self.0.core().is_open()
    }
}

/// The half that receives; see [`WebSocket::split`](super::WebSocket::split).
pub struct Receiver(Arc<Shared>);

impl Receiver {
    /// As [`WebSocket::receive`](super::WebSocket::receive).
    pub async fn receive(&mut self) -> Option<Result<Message, Error>> {
        self.0.poll(Half::Receiver, Core::poll_receive).await
    }

    /// As [`WebSocket::receive_part`](super::WebSocket::receive_part).
    pub async fn receive_part(&mut self) -> Option<Result<Part, Error>> {
        self.0.poll(Half::Receiver, Core::poll_receive_part).await
    }

    /// As [`WebSocket::receive_text`](super::WebSocket::receive_text).
    pub async fn receive_text(&mut self) -> Option<Result<Text, Error>> {
        Some(self.receive().await?.and_then(Message::into_text))
    }

    /// As [`WebSocket::receive_binary`](super::WebSocket::receive_binary).
    pub async fn receive_binary(&mut self) -> Option<Result<bytes::Bytes, Error>> {
        Some(self.receive().await?.and_then(Message::into_binary))
    }

    /// As [`WebSocket::receive_json`](super::WebSocket::receive_json).
    #[cfg(feature = "json")]
    pub async fn receive_json<T: serde::de::DeserializeOwned>(
        &mut self,
    ) -> Option<Result<T, Error>> {
        Some(self.receive().await?.and_then(|message| message.json()))
    }

    /// The subprotocol that was agreed on.
    pub fn protocol(&self) -> Option<String> {
        self.0.core().protocol().map(str::to_owned)
    }

    /// As [`WebSocket::is_compressed`](super::WebSocket::is_compressed).
    pub fn is_compressed(&self) -> bool {
        self.0.core().is_compressed()
    }

    /// As [`WebSocket::is_closed`](super::WebSocket::is_closed).
    pub fn is_closed(&self) -> bool {
        !self.0.core().is_open()
    }

    /// What the peer said when it closed.
    pub fn close_frame(&self) -> Option<CloseFrame> {
        self.0.core().close_frame().cloned()
    }

    /// As [`WebSocket::rtt`](super::WebSocket::rtt).
    pub fn rtt(&self) -> Option<Duration> {
        self.0.core().rtt()
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sender").field(&*self.0.core()).finish()
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Receiver").field(&*self.0.core()).finish()
    }
}
