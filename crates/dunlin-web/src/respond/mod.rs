//! Responses that handlers return.

mod html;
#[cfg(feature = "json")]
mod json;
mod redirect;
#[cfg(feature = "sse")]
mod sse;

pub use self::html::Html;
#[cfg(feature = "json")]
pub use self::json::Json;
pub use self::redirect::Redirect;
#[cfg(feature = "sse")]
pub use self::sse::{Sse, SseEvent, SseEventError, SseSender};
