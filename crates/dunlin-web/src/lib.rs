//! Applications for Dunlin: routes, handlers, extractors, middleware, lifecycle signals.
#![forbid(unsafe_code)]

mod error;

pub use self::error::{Accepts, ErrorView, HttpError, Panic, Result};
