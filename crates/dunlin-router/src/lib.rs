//! Path and host patterns to values, and named patterns to URLs; knows nothing of HTTP.
#![forbid(unsafe_code)]

mod constraint;
mod error;
mod escape;
mod host;
mod params;
mod pattern;
mod tree;

pub use error::{BuildError, BuildErrors, PatternError};
pub use escape::{DecodeError, check_escapes, decode};
pub use host::{HostError, HostPattern, HostRouter, HostRouterBuilder};
pub use params::Captures;
pub use pattern::Pattern;
