//! One socket type for both ends.

mod core;
mod ending;
mod heartbeat;
mod read_buffer;
mod served;
mod split;
mod transport;

use std::fmt;
use std::future::poll_fn;
use std::time::Duration;

use dunlin_core::{Io, Upgraded};

use self::core::Core;
pub(crate) use self::served::Served;
pub use self::split::{Receiver, Sender};
use crate::config::{Config, Role};
use crate::error::Error;
use crate::handshake::Agreed;
use crate::message::{Message, Part, Text};
use crate::proto::Compress;
use crate::{CloseCode, CloseFrame};

/// A WebSocket connection, of a server or of a client.
///
/// Pings and close frames are answered while [`receive`](Self::receive) waits, and heartbeats are sent and
/// watched there: a program that does not receive does none of that.
///
/// ```
/// use dunlin_websocket::{Error, WebSocket};
///
/// async fn echo(mut ws: WebSocket) -> Result<(), Error> {
///     while let Some(message) = ws.receive().await {
///         ws.feed(message?).await?; // what came by one read is answered by one write
///     }
///     Ok(())
/// }
/// ```
///
/// # Cancellation
///
/// Every method may be dropped at any await, in a `select!` say. `receive` loses nothing: what has come of a
/// message is kept in the socket. A message that was given to `send` or `feed` is either whole in the queue,
/// and leaves with the next flush, or not there at all. `close` goes on where it is called again.
///
/// # The end
///
/// [`close`](Self::close), or receiving until `None`, ends the connection as RFC 6455 §7 wants it.
///
/// A server's socket that its handler drops before is closed for it: with 1000, or with 1011 where the handler
/// has panicked. When the server shuts down it says 1001 as soon as the program receives or sends: receiving
/// then ends in `None`, and sending in [`Error::Closed`]. A handler that does neither is cut when the server's
/// shutdown timeout is over, and the peer told 1001 then.
///
/// Any other socket that is dropped before its end just closes TCP, and the peer sees code 1006.
pub struct WebSocket {
    core: Core,
}

impl WebSocket {
    /// A connection whose handshake was done elsewhere, without extensions.
    ///
    /// It needs a tokio runtime with its timer on.
    pub fn new(io: impl Io + 'static, role: Role, config: Config) -> Self {
        Self::open(Upgraded::new(io, bytes::Bytes::new()), role, config, Agreed::default())
    }

    pub(crate) fn open(io: Upgraded, role: Role, config: Config, agreed: Agreed) -> Self {
        Self { core: Core::new(io, role, config, agreed) }
    }

    /// The next message; `None` once the connection is closed in order.
    ///
    /// Writes what was [fed](Self::feed) before it waits. An error is told once, and `None` follows it.
    ///
    /// # Errors
    ///
    /// [`Error::Protocol`] where the peer broke the protocol or a limit, [`Error::Lost`] and [`Error::Io`] where
    /// the connection ended without a close, [`Error::PongTimeout`], [`Error::WriteTimeout`] and
    /// [`Error::CloseTimeout`] where the peer fell silent. None of them can be mended: the connection is over.
    pub async fn receive(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|cx| self.core.poll_receive(cx)).await
    }

    /// What has come of the next message, or of the present one: about 20 KiB at a time, or a megabyte where it
    /// is compressed. [`Limits::max_streamed`](crate::Limits::max_streamed) bounds the message as a whole.
    ///
    /// Asking for a whole message in the midst of one skips its rest.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    pub async fn receive_part(&mut self) -> Option<Result<Part, Error>> {
        poll_fn(|cx| self.core.poll_receive_part(cx)).await
    }

    /// The next message, which has to be text.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKind`], after which the connection goes on; all else as [`receive`](Self::receive).
    pub async fn receive_text(&mut self) -> Option<Result<Text, Error>> {
        Some(self.receive().await?.and_then(Message::into_text))
    }

    /// The next message, which has to be binary.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKind`], after which the connection goes on; all else as [`receive`](Self::receive).
    pub async fn receive_binary(&mut self) -> Option<Result<bytes::Bytes, Error>> {
        Some(self.receive().await?.and_then(Message::into_binary))
    }

    /// The next message, of either kind, as JSON.
    ///
    /// # Errors
    ///
    /// [`Error::Json`] where it is not what was expected, after which the connection goes on; all else as
    /// [`receive`](Self::receive).
    #[cfg(feature = "json")]
    pub async fn receive_json<T: serde::de::DeserializeOwned>(
        &mut self,
    ) -> Option<Result<T, Error>> {
        Some(self.receive().await?.and_then(|message| message.json()))
    }

    /// Sends a message: returns when all of it is written.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] once either side has said close; [`Error::Unfinished`] in the midst of a message that is
    /// sent in parts; [`Error::WriteTimeout`]; [`Error::Io`], after which [receiving](Self::receive) gives what the
    /// peer had said before it went, and then the end.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.send_with(message, Compress::Auto).await
    }

    /// As [`send`](Self::send), and says whether the message is compressed.
    ///
    /// # Errors
    ///
    /// As of [`send`](Self::send).
    pub async fn send_with(
        &mut self,
        message: impl Into<Message>,
        compress: Compress,
    ) -> Result<(), Error> {
        self.feed_with(message, compress).await?;
        self.flush().await
    }

    /// Sends a part of a message, for messages that are not at hand as a whole: large ones, or ones that are
    /// still made. All parts are of one kind; between them no other message can be sent.
    ///
    /// ```
    /// # use dunlin_websocket::{Error, WebSocket};
    /// # async fn f(ws: &mut WebSocket) -> Result<(), Error> {
    /// ws.send_part("[1", false).await?;
    /// for number in 2..1_000_000 {
    ///     ws.feed_part(format!(",{number}"), false).await?;
    /// }
    /// ws.send_part("]", true).await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::WrongKind`], and as of [`send`](Self::send).
    pub async fn send_part(
        &mut self,
        part: impl Into<Message>,
        is_last: bool,
    ) -> Result<(), Error> {
        self.feed_part(part, is_last).await?;
        self.flush().await
    }

    /// As [`send_part`](Self::send_part), and queues it as [`feed`](Self::feed) does.
    ///
    /// # Errors
    ///
    /// As of [`send_part`](Self::send_part).
    pub async fn feed_part(
        &mut self,
        part: impl Into<Message>,
        is_last: bool,
    ) -> Result<(), Error> {
        self.feed_part_with(part, is_last, Compress::Auto).await
    }

    /// As [`feed_part`](Self::feed_part), and says with the first part whether the message is compressed:
    /// [`Compress::Auto`] does it whatever its size, which is not known yet.
    ///
    /// # Errors
    ///
    /// As of [`send_part`](Self::send_part).
    pub async fn feed_part_with(
        &mut self,
        part: impl Into<Message>,
        is_last: bool,
        compress: Compress,
    ) -> Result<(), Error> {
        let part = part.into();
        poll_fn(|cx| self.core.poll_ready(cx)).await?;
        self.core.start_send_part(part, is_last, compress)
    }

    /// Sends a value as JSON, in a text message.
    ///
    /// # Errors
    ///
    /// [`Error::Json`], and as of [`send`](Self::send).
    #[cfg(feature = "json")]
    pub async fn send_json<T: serde::Serialize + ?Sized>(
        &mut self,
        value: &T,
    ) -> Result<(), Error> {
        self.send(Message::from_json(value)?).await
    }

    /// Queues a message. It leaves when [`receive`](Self::receive) has to wait, with a
    /// [`flush`](Self::flush), or when [`Config::high_water`] bytes are queued: then this waits until there is room.
    ///
    /// # Errors
    ///
    /// As of [`send`](Self::send).
    pub async fn feed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.feed_with(message, Compress::Auto).await
    }

    /// As [`feed`](Self::feed), and says whether the message is compressed.
    ///
    /// # Errors
    ///
    /// As of [`send`](Self::send).
    pub async fn feed_with(
        &mut self,
        message: impl Into<Message>,
        compress: Compress,
    ) -> Result<(), Error> {
        let message = message.into();
        poll_fn(|cx| self.core.poll_ready(cx)).await?;
        self.core.start_send(message, compress)
    }

    /// Writes all that is queued.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], and [`Error::Closed`] where the connection has ended.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.core.poll_flush(cx)).await
    }

    /// Sends a ping with up to 125 bytes; of more, the first 125. The answer shows in [`rtt`](Self::rtt).
    ///
    /// # Errors
    ///
    /// As of [`send`](Self::send).
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        poll_fn(|cx| self.core.poll_ready(cx)).await?;
        self.core.start_ping(payload)?;
        self.flush().await
    }

    /// Says close, waits for the peer's answer and for the end of TCP. Messages that come meanwhile are
    /// dropped; receive until `None` before, to have them.
    ///
    /// Of the reason goes what fits in 123 bytes. Closing what is closed does nothing.
    ///
    /// # Errors
    ///
    /// [`Error::CloseTimeout`] where no answer comes within [`Config::close_timeout`], and whatever else
    /// ends the connection meanwhile.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.core.start_close(code, reason);
        poll_fn(|cx| self.core.poll_closed(cx)).await
    }

    /// The subprotocol that was agreed on.
    pub fn protocol(&self) -> Option<&str> {
        self.core.protocol()
    }

    /// Whether permessage-deflate was agreed on.
    pub fn is_compressed(&self) -> bool {
        self.core.is_compressed()
    }

    /// What the peer said when it closed; `None` before that, and where it said nothing.
    pub fn close_frame(&self) -> Option<&CloseFrame> {
        self.core.close_frame()
    }

    /// Whether nothing can be sent any more.
    pub fn is_closed(&self) -> bool {
        !self.core.is_open()
    }

    /// Time from the last answered ping to its pong, whether a heartbeat's or [one's own](Self::ping).
    pub fn rtt(&self) -> Option<Duration> {
        self.core.rtt()
    }

    /// Takes a place in a room.
    pub(crate) fn sit(&mut self, seat: std::sync::Arc<crate::room::Seat>) {
        self.core.sit(seat);
    }

    /// Two halves for two tasks. The receiver answers pings and close frames and keeps the heartbeat, so it
    /// has to be polled even where nothing is expected.
    ///
    /// ```
    /// use dunlin_websocket::{Error, WebSocket};
    ///
    /// async fn ticks(ws: WebSocket) -> Result<(), Error> {
    ///     let (mut sender, mut receiver) = ws.split();
    ///     tokio::spawn(async move {
    ///         let mut clock = tokio::time::interval(std::time::Duration::from_secs(1));
    ///         loop {
    ///             clock.tick().await;
    ///             if sender.send("tick").await.is_err() {
    ///                 break;
    ///             }
    ///         }
    ///     });
    ///     while let Some(message) = receiver.receive().await {
    ///         println!("{:?}", message?);
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn split(self) -> (Sender, Receiver) {
        split::split(self.core)
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.core.fmt(f)
    }
}
