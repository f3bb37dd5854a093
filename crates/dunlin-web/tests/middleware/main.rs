//! Middleware that comes with the crate, called as a service and over sockets.
#![allow(missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod access_log;
mod basic_auth;
#[cfg(feature = "compress")]
mod compress;
mod cors;
#[cfg(feature = "compress")]
mod decompress;
mod normalize_path;
mod panics;
mod rate_limit;
mod request_id;
mod same_origin;
mod security_headers;
#[cfg(all(feature = "compress", feature = "timeout"))]
mod stacked;
#[cfg(feature = "timeout")]
mod timeout;
mod trusted_proxies;
