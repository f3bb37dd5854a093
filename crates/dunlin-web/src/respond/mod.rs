//! Responses that handlers return.
//!
//! | what | how |
//! | --- | --- |
//! | a page, JSON, the way elsewhere | [`Html`], `Json` (feature `json`), [`Redirect`] |
//! | a file | `file` (feature `files`) |
//! | bytes with ranges and conditional requests | [`Representation`] |

mod disposition;
#[cfg(feature = "files")]
mod file;
mod html;
#[cfg(feature = "json")]
mod json;
mod pieces;
mod redirect;
mod representation;

pub use self::disposition::{attachment, inline};
#[cfg(feature = "files")]
pub use self::file::{FileResponse, file};
pub use self::html::Html;
#[cfg(feature = "json")]
pub use self::json::Json;
pub use self::redirect::Redirect;
pub use self::representation::Representation;
#[cfg(feature = "files")]
pub(crate) use self::representation::Source;
