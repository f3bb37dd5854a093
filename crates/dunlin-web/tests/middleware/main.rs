//! Middleware that comes with the crate, called as a service and over sockets.
#![allow(missing_docs)]

#[path = "../common/mod.rs"]
mod common;

#[cfg(feature = "compress")]
mod compress;
#[cfg(feature = "compress")]
mod decompress;
