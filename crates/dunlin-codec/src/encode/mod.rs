//! Writing messages into a buffer.
//!
//! Everything is appended to a `Vec<u8>`, so that the answers to pipelined requests go out in one
//! write. Whatever a caller passes, no byte gets out that would end a line, a head or a chunk early:
//! targets, names and values are checked here, not trusted, but for fields whose types or whose decoder
//! vouch for them ([`HeadBlock::into_vouched_headers`](dunlin_core::HeadBlock::into_vouched_headers)).

mod body;
#[cfg(feature = "std")]
mod connection;
mod error;
#[cfg(feature = "std")]
mod fields;
#[cfg(feature = "std")]
mod length;
#[cfg(feature = "std")]
mod received;
#[cfg(feature = "std")]
mod request;
#[cfg(feature = "std")]
mod response;
#[cfg(feature = "std")]
mod signature;
#[cfg(feature = "std")]
mod status;
#[cfg(feature = "std")]
mod target;
mod write;

use crate::scan;
pub use body::{BodyEncoder, BodyKind};
pub use error::{BodyEncodeError, EncodeError, SingletonField};
#[cfg(feature = "std")]
pub(crate) use request::append_request;
#[cfg(feature = "std")]
pub use request::{RequestCtx, encode_request};
#[cfg(feature = "std")]
pub use response::{EncodeCtx, encode_response};
#[cfg(feature = "std")]
pub use signature::Signature;

/// How much body a message has.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BodyLen {
    /// So many bytes.
    Exact(u64),
    /// To be seen when it ends.
    Unknown,
}

#[cfg(feature = "std")]
impl From<Option<u64>> for BodyLen {
    fn from(len: Option<u64>) -> Self {
        len.map_or(Self::Unknown, Self::Exact)
    }
}

/// Whether name and value make a field line (RFC 9110 §5.1, §5.5).
#[inline]
fn is_field(name: &[u8], value: &[u8]) -> bool {
    scan::is_token(name) && scan::is_field_value(value)
}
