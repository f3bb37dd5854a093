//! Applications for Dunlin: routes, handlers, extractors, middleware, lifecycle signals.
#![forbid(unsafe_code)]

mod error;
mod extract;
mod respond;

pub use self::error::{Accepts, ErrorView, HttpError, Panic, Result};
pub use self::extract::{Form, Path, Peer, Query, State, Urls};
#[cfg(feature = "json")]
pub use self::respond::Json;
pub use self::respond::{Html, Redirect};
