//! The HTTP client of Dunlin.

#![forbid(unsafe_code)]

pub mod cookies;
pub mod sse;
