//! Connections as state machines: bytes in, events out, no socket and no clock.
//!
//! Time belongs to whoever drives them: [`ServerConn::phase`] and [`ClientConn::phase`] say what the
//! connection waits for, and the driver keeps a deadline for each phase.

mod client;
mod client_event;
mod event;
mod offer;
mod server;

pub use self::client::ClientConn;
pub use self::client_event::{ClientError, ClientEvent, ClientPhase};
pub use self::event::{ConnError, Event, Phase, SendCtx, SendError};
pub use self::server::ServerConn;
