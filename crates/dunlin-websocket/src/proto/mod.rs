//! The protocol without I/O (RFC 6455 §5, RFC 7692 §7): bytes in, events out; messages in, bytes out.
//!
//! Most programs want [`WebSocket`](crate::WebSocket) instead. This is what it is made of, for those who
//! have a transport of their own, and for fuzzers.
//!
//! ```
//! use dunlin_websocket::proto::{Decoder, Event, Input};
//! use dunlin_websocket::{Limits, Message, Role};
//!
//! let mut decoder = Decoder::new(Role::Client, Limits::default());
//! let mut input = Input::from(&b"\x01\x03Hel\x80\x02lo"[..]); // RFC 6455 §5.7, in two frames
//! let event = decoder.decode(&mut input)?;
//! assert_eq!(event, Some(Event::Message(Message::from("Hello"))));
//! assert_eq!(decoder.decode(&mut input)?, None);
//! # Ok::<(), dunlin_websocket::ProtocolError>(())
//! ```

mod decoder;
mod encoder;
mod error;
mod frame;
mod input;
mod key;
#[allow(unsafe_code)]
mod mask;
mod outbox;
mod payload;
#[cfg(test)]
mod tests;
mod utf8;

pub(crate) use self::decoder::IN_PLACE_MAX;
pub use self::decoder::{Decoder, Event};
pub use self::encoder::{Compress, Encoder};
pub use self::error::ProtocolError;
pub use self::frame::{FrameHeader, MAX_CONTROL, MAX_HEADER, OpCode};
pub use self::input::Input;
pub(crate) use self::key::Keys;
pub use self::mask::apply_mask;
pub use self::outbox::Outbox;
