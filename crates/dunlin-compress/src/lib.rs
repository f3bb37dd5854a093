//! Content codings without I/O: gzip, deflate, br and zstd (RFC 9110 §8.4.1, RFC 7932, RFC 8878).
//!
//! [`encode`] puts a coding on a [`Body`](dunlin_core::Body) as it is read, [`decode`] takes codings off.
//!
//! ```
//! use dunlin_compress::{Coding, Decoding, decode, encode};
//! use dunlin_core::Body;
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let sent = encode(Body::from("dunlin ".repeat(100)), Coding::Gzip, Coding::Gzip.default_level());
//! let got = decode(sent, &[Coding::Gzip], &Decoding::default());
//! assert_eq!(got.text().await.unwrap(), "dunlin ".repeat(100));
//! # });
//! ```
//!
//! What is encoded is flushed when its source has no more for the moment, so that events and tokens are
//! not held back. What is decoded comes in pieces of at most 32 KiB, whatever it decodes to, and is
//! bounded by [`Decoding`]: a ratio, a length, a number of members.
//!
//! # Modules
//!
//! All private; their types are here. `coding` holds names and levels, `coder` the codings themselves,
//! `decoded` and `encoded` the bodies around them.
//!
//! # Costs
//!
//! At its default level an encoder takes about 350 KiB for gzip and deflate, 0.9 MiB for zstd and 1.3 MiB for
//! br, from its first byte to its last (resident memory, a hundred of them on x86-64 Linux); of br and zstd one
//! that knows that its body is longer takes more. A body is encoded where it is polled, at most 128 KiB of it
//! before the task yields.

#![forbid(unsafe_code)]

mod coder;
mod coding;
mod decoded;
mod encoded;

/// What the README shows compiles, and runs where it needs no network.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

pub use self::coder::{DecodeError, encode_all};
pub use self::coding::{Coding, MAX_LAYERS, UnknownCoding, codings};
pub use self::decoded::{Decoding, decode};
pub use self::encoded::encode;
