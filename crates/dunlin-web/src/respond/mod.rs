//! Responses that handlers return.
//!
//! | what | how |
//! | --- | --- |
//! | a page, JSON, the way elsewhere | [`Html`], `Json` (feature `json`), [`Redirect`] |
//! | a file | `file` (feature `files`) |
//! | bytes with ranges and conditional requests | [`Representation`] |
//! | bytes that are made while they are sent | [`stream`], [`stream_with_len`] |
//! | cookies, types, validators on any of them | [`ResponseExt`], [`SetCookie`] |

mod cookie;
mod disposition;
mod ext;
#[cfg(feature = "files")]
mod file;
mod html;
#[cfg(feature = "json")]
mod json;
mod pieces;
mod redirect;
mod representation;
#[cfg(feature = "sse")]
mod sse;
mod stream;

pub use self::cookie::{BadCookie, SameSite, SetCookie};
pub use self::disposition::{attachment, inline};
pub use self::ext::{BadMediaType, ResponseExt};
#[cfg(feature = "files")]
pub use self::file::{FileResponse, file};
pub use self::html::Html;
#[cfg(feature = "json")]
pub use self::json::Json;
pub use self::redirect::Redirect;
pub use self::representation::Representation;
#[cfg(feature = "files")]
pub(crate) use self::representation::Source;
#[cfg(feature = "sse")]
pub use self::sse::{Sse, SseEvent, SseEventError, SseSender};
pub use self::stream::{stream, stream_with_len};
