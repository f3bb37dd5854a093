//! The HTTP client of Dunlin.

#![forbid(unsafe_code)]

pub mod auth;
pub mod cookies;
pub mod sse;
