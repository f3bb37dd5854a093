//! WebSocket for Dunlin (RFC 6455) with permessage-deflate (RFC 7692): one socket type for both ends, over a
//! protocol without I/O.
//!
//! A server accepts it in any service:
//!
//! ```no_run
//! use dunlin_core::{Request, Response};
//! use dunlin_server::Server;
//! use dunlin_websocket::ServerHandshake;
//!
//! async fn echo(req: Request) -> Response {
//!     ServerHandshake::default().respond(&req, |mut ws| async move {
//!         while let Some(Ok(message)) = ws.receive().await {
//!             if ws.feed(message).await.is_err() {
//!                 break;
//!             }
//!         }
//!     })
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), dunlin_server::ServeError> {
//! Server::builder().bind("127.0.0.1:8080").serve(echo).await
//! # }
//! ```
//!
//! # Map
//!
//! | type | what it is |
//! | --- | --- |
//! | [`WebSocket`], [`Sender`], [`Receiver`] | the connection, whole or in halves |
//! | [`Message`], [`Text`], [`Part`] | what is sent and received, whole or in parts |
//! | [`ServerHandshake`], [`ClientHandshake`] | how it is opened: keys, origins, subprotocols, extensions |
//! | [`Room`], [`Membership`] | one message for many, encoded once |
//! | [`Config`], [`Limits`], `Deflate` | settings |
//! | [`CloseCode`], [`CloseFrame`] | how it ends |
//! | [`Error`], [`ProtocolError`], [`Refused`], [`HandshakeError`] | what went wrong |
//! | [`proto`] | frames, decoder, encoder, without I/O |
//!
//! # Features
//!
//! | feature | what it adds |
//! | --- | --- |
//! | `deflate` | compression of messages, by zlib-rs |
//! | `json` | `send_json`, `receive_json`, `Message::json`, `Room::broadcast_json` |
//!
//! # Costs
//!
//! A connection that idles owns no buffer, about 1.2 kB in all, before traffic and after it: reads go into a
//! buffer that its thread lends, or where they belong where a message is large. Payloads of 16 KiB and more leave
//! without a copy. What one read brings is answered by one write where messages are [fed](WebSocket::feed).
//! Compression states are lent for a message at a time, within a budget for the whole process; what a peer may
//! refer to is kept, 34 KiB at most.

#![deny(unsafe_code)]

mod close;
mod config;
#[cfg_attr(not(feature = "deflate"), path = "no_deflate.rs")]
mod deflate;
mod error;
mod handshake;
mod message;
pub mod proto;
pub mod room;
mod socket;

/// What the README shows compiles, and runs where it needs no network.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

pub use self::close::{CloseCode, CloseFrame};
pub use self::config::{Config, Limits, Role};
#[cfg(feature = "deflate")]
pub use self::deflate::{ContextTakeover, Deflate};
pub use self::error::Error;
pub use self::handshake::{
    Accepted, BadProtocol, ClientHandshake, Confirmed, HandshakeError, Origins, Refused,
    ServerHandshake, can_upgrade, check_upgrade,
};
pub use self::message::{Message, Part, Text};
pub use self::proto::{Compress, ProtocolError};
pub use self::room::{Membership, Room, RoomConfig, SlowPolicy};
pub use self::socket::{Receiver, Sender, WebSocket};
