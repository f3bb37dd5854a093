//! Settings of a connection, the same for both roles.

use std::time::Duration;

/// Upper bounds on what a peer may send. Each is checked before anything is kept.
///
/// ```
/// let limits = dunlin_websocket::Limits { max_message: 64 * 1024, ..Default::default() };
/// assert_eq!(limits.max_fragments, 131_072);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Bytes of one message, after inflation. Default: 4 MiB, as in aiohttp.
    pub max_message: usize,
    /// Bytes of one message that is received [in parts](crate::WebSocket::receive_part), after inflation; what
    /// is kept of it is a part at a time. Default: none.
    pub max_streamed: usize,
    /// Bytes of one frame as it was sent. Default: none but those for messages.
    pub max_frame: usize,
    /// Frames of one message. They cost time and no memory. Default: 131,072.
    pub max_fragments: u32,
    /// Times its sent size, by the lengths of the frames so far, that a message of more than 64 KiB may inflate to.
    /// DEFLATE itself reaches 1,032. Default: none, since `max_message` holds while a message inflates.
    pub max_ratio: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message: 4 * 1024 * 1024,
            max_streamed: usize::MAX,
            max_frame: usize::MAX,
            max_fragments: 131_072,
            max_ratio: None,
        }
    }
}

/// How a connection behaves.
///
/// ```
/// use std::time::Duration;
/// use dunlin_websocket::{Config, Limits};
///
/// let config = Config {
///     limits: Limits { max_message: 64 * 1024, ..Limits::default() },
///     heartbeat: Some(Duration::from_secs(30)),
///     ..Config::default()
/// };
/// assert_eq!(config.close_timeout, Duration::from_secs(10));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Upper bounds on what the peer may send.
    pub limits: Limits,
    /// permessage-deflate (RFC 7692), where the peer wants it too. Default: none.
    #[cfg(feature = "deflate")]
    pub deflate: Option<crate::Deflate>,
    /// Silence after which a ping is sent; whatever comes ends the silence. Zero is as none. Default: none.
    pub heartbeat: Option<Duration>,
    /// Silence after that ping which means that the peer is gone. It counts from when the ping has left; while
    /// that waits behind a large message, from when the peer took some of it last. Default: half of `heartbeat`.
    pub pong_timeout: Option<Duration>,
    /// Longest time for which the peer takes nothing of what waits to be written, while something is sent or
    /// received. Default: 30 s.
    pub write_timeout: Duration,
    /// Longest wait for the peer's answer to a close frame, from when that has left. While it waits behind what is
    /// queued, the peer has as long to take some of it. Default: 10 s.
    pub close_timeout: Duration,
    /// Longest wait for the peer to end the TCP connection once both have said close, or one has failed. Where our
    /// close frame waits behind what is queued, a peer that has said close has as long to take some of it.
    /// Default: 2 s.
    pub linger: Duration,
    /// Bytes that wait to be written from which on sending waits too. Default: 64 KiB.
    pub high_water: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            #[cfg(feature = "deflate")]
            deflate: None,
            heartbeat: None,
            pong_timeout: None,
            write_timeout: Duration::from_secs(30),
            close_timeout: Duration::from_secs(10),
            linger: Duration::from_secs(2),
            high_water: 64 * 1024,
        }
    }
}

/// Which end of the connection this is. Clients mask what they send, servers do not (RFC 6455 §5.1).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Role {
    /// Accepted the connection.
    Server,
    /// Opened the connection.
    Client,
}
