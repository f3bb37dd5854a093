//! Responses that handlers return.

mod html;
#[cfg(feature = "json")]
mod json;
mod redirect;

pub use self::html::Html;
#[cfg(feature = "json")]
pub use self::json::Json;
pub use self::redirect::Redirect;
