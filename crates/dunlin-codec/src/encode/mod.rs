//! Writing messages into a buffer.

mod body;

pub use body::{BodyEncoder, EncodeError};
