//! Rooms: one message for many, encoded and compressed once.
//!
//! ```
//! use dunlin_websocket::{Room, WebSocket};
//!
//! async fn chat(room: Room, mut ws: WebSocket) {
//!     // The socket writes what is said in the room wherever it receives.
//!     let _member = room.join(&mut ws);
//!     while let Some(Ok(message)) = ws.receive().await {
//!         room.broadcast(message);
//!     }
//! }
//! ```
//!
//! # Who is slow
//!
//! A broadcast waits for nobody: it puts the message into each member's own queue and returns. The queue holds
//! [`RoomConfig::max_queued`] bytes; [`SlowPolicy`] says what becomes of a member whose is full. So a member
//! that does not read costs at most `max_queued`, twice [`Config::high_water`](crate::Config::high_water), which
//! is its socket's own queue, and one message. Where many do not read, most of it is the same bytes; where
//! some have agreed on compression, a message is kept compressed as well, once for each size of window.
//!
//! # What is shared
//!
//! A message is encoded when the first member sends it, once as it is and once for each size of window that
//! members have agreed on, and the bytes are shared. It is compressed without context takeover, whatever was
//! agreed on: it refers to no message before it, so that it means the same to every member. Where takeover was
//! agreed on, the socket's own next message refers to none before it either: the two windows would differ.
//!
//! # The end
//!
//! When the server shuts down each member is closed with 1001 by itself, as every socket of it is.
//! [`Room::close`] does so for one room.

mod frame;
mod seat;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

pub(crate) use self::frame::SharedFrame;
pub(crate) use self::seat::{Next, Seat};
#[cfg(feature = "json")]
use crate::Error;
use crate::message::Message;
use crate::proto::Compress;
use crate::socket::WebSocket;
use crate::{CloseCode, CloseFrame, Text};

/// How a room treats its members.
///
/// ```
/// use dunlin_websocket::{Room, RoomConfig, SlowPolicy};
///
/// // Positions: who cannot keep up misses some, and has the latest.
/// let room = Room::new(RoomConfig { max_queued: 64 * 1024, slow: SlowPolicy::DropOldest });
/// assert_eq!(room.broadcast("nobody is there yet"), 0);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RoomConfig {
    /// Bytes that may wait for one member, each message counted with 128 more for its keeping. A message that
    /// is larger by itself waits alone. Default: 256 KiB.
    pub max_queued: usize,
    /// What becomes of a member for whom more would wait. Default: [`SlowPolicy::Close`].
    pub slow: SlowPolicy,
}

impl Default for RoomConfig {
    fn default() -> Self {
        Self { max_queued: 256 * 1024, slow: SlowPolicy::default() }
    }
}

/// What becomes of a member whose queue is full.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum SlowPolicy {
    /// It is closed with 1013, try again later, and what waited is dropped: nobody misses a message unawares.
    #[default]
    Close,
    /// The messages that have waited longest are dropped: for what is outdated by the next, such as positions.
    DropOldest,
    /// The new message is dropped for this member: for what has to be read from its beginning.
    DropNewest,
}

/// Members that hear the same messages; clones are the same room.
///
/// All members hear what is said in the same order. A socket may be in several rooms; how their messages
/// interleave is open. See the [module](self) for what it costs.
///
/// ```
/// use dunlin_websocket::{Room, WebSocket};
///
/// async fn listen(news: Room, mut ws: WebSocket) {
///     let _member = news.join(&mut ws); // until it is dropped, or the socket closed
///     while let Some(Ok(_)) = ws.receive().await {}
/// }
///
/// fn announce(news: &Room) {
///     let heard = news.broadcast("the ferry leaves at nine");
///     println!("said to {heard}");
/// }
/// ```
#[derive(Clone)]
pub struct Room(Arc<Shared>);

struct Shared {
    config: RoomConfig,
    members: Mutex<Members>,
}

#[derive(Default)]
struct Members {
    /// By the order in which they came.
    seats: BTreeMap<u64, Arc<Seat>>,
    next: u64,
    closed: Option<CloseFrame>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Room {
    fn default() -> Self {
        Self::new(RoomConfig::default())
    }
}

impl Room {
    /// An empty room.
    pub fn new(config: RoomConfig) -> Self {
        Self(Arc::new(Shared { config, members: Mutex::default() }))
    }

    /// Makes the socket a member, until it is closed or what this returns is dropped.
    ///
    /// The socket sends what is said wherever it [receives](WebSocket::receive), whole or in halves. In a room
    /// that is closed it is closed too.
    pub fn join(&self, ws: &mut WebSocket) -> Membership {
        let seat = {
            let mut members = self.0.lock();
            let id = members.next;
            members.next += 1;
            let seat = Arc::new(Seat::new(Arc::downgrade(&self.0), id));
            match &members.closed {
                Some(frame) => drop(seat.close(frame)),
                None => drop(members.seats.insert(id, Arc::clone(&seat))),
            }
            seat
        };
        ws.sit(Arc::clone(&seat));
        Membership { room: self.clone(), seat }
    }

    /// Says something to every member, and tells for how many it waits now.
    pub fn broadcast(&self, message: impl Into<Message>) -> usize {
        self.broadcast_with(message, Compress::Auto)
    }

    /// As [`broadcast`](Self::broadcast), and says whether the message is compressed.
    pub fn broadcast_with(&self, message: impl Into<Message>, compress: Compress) -> usize {
        self.say(message.into(), compress, None)
    }

    /// Says a value to every member, as JSON in a text message that is made once.
    ///
    /// # Errors
    ///
    /// As of [`Message::from_json`]; nothing is said then.
    #[cfg(feature = "json")]
    pub fn broadcast_json<T: serde::Serialize + ?Sized>(&self, value: &T) -> Result<usize, Error> {
        Ok(self.broadcast(Message::from_json(value)?))
    }

    fn say(&self, message: Message, compress: Compress, but: Option<u64>) -> usize {
        let frame = Arc::new(SharedFrame::new(message, compress));
        let (mut wakers, mut count) = (Vec::new(), 0);
        // Under one lock, so that all members have the same order.
        let members = self.0.lock();
        wakers.reserve(members.seats.len());
        for seat in members.seats.values().filter(|seat| Some(seat.id()) != but) {
            let (is_queued, waker) = seat.push(&frame, &self.0.config);
            count += usize::from(is_queued);
            wakers.extend(waker);
        }
        drop(members);
        wakers.into_iter().for_each(Waker::wake);
        count
    }

    /// Closes every member once it has been sent what waits for it, and whoever joins later.
    pub fn close(&self, code: CloseCode, reason: impl Into<Text>) {
        let frame = CloseFrame { code, reason: reason.into() };
        let mut members = self.0.lock();
        let seats = std::mem::take(&mut members.seats);
        members.closed.get_or_insert_with(|| frame.clone());
        drop(members);
        seats.values().filter_map(|seat| seat.close(&frame)).for_each(Waker::wake);
    }

    /// Members at this moment.
    pub fn len(&self) -> usize {
        self.0.lock().seats.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A socket's place in a room; dropped, the socket leaves.
#[must_use = "dropped, the socket leaves the room"]
pub struct Membership {
    room: Room,
    seat: Arc<Seat>,
}

impl Membership {
    /// The room.
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// Says something to everybody else, and tells for how many it waits now.
    pub fn broadcast_to_others(&self, message: impl Into<Message>) -> usize {
        self.room.say(message.into(), Compress::Auto, Some(self.seat.id()))
    }

    /// As [`Room::broadcast_json`], to everybody else.
    ///
    /// # Errors
    ///
    /// As of [`Message::from_json`]; nothing is said then.
    #[cfg(feature = "json")]
    pub fn broadcast_json_to_others<T: serde::Serialize + ?Sized>(
        &self,
        value: &T,
    ) -> Result<usize, Error> {
        Ok(self.broadcast_to_others(Message::from_json(value)?))
    }

    /// Bytes that wait for this member, counted as by [`RoomConfig::max_queued`].
    pub fn queued(&self) -> usize {
        self.seat.queued()
    }

    /// Messages that this member has missed, being slow.
    pub fn missed(&self) -> u64 {
        self.seat.missed()
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.seat.leave();
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room")
            .field("config", &self.0.config)
            .field("members", &self.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Membership")
            .field("room", &self.room)
            .field("queued", &self.queued())
            .field("missed", &self.missed())
            .finish_non_exhaustive()
    }
}
