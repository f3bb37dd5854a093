//! Connections as state machines: bytes in, events out, no socket and no clock.
//!
//! Time belongs to whoever drives them: [`ServerConn::phase`] says what the connection waits for, and
//! the driver keeps a deadline for each phase.

mod event;
mod server;

pub use self::event::{ConnError, Event, Phase, SendCtx, SendError};
pub use self::server::ServerConn;
