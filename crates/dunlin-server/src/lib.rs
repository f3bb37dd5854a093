//! Serves HTTP/1.1: listeners, connections, deadlines and a graceful end.
//!
//! A server runs anything that is a [`Service`](dunlin_core::Service): a plain async function, an app
//! of `dunlin-web`, or a type of your own.
//!
//! ```
//! use dunlin_core::{IntoResponse, Request};
//! use dunlin_server::Server;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), dunlin_server::ServeError> {
//! let hello = |req: Request| async move { format!("hello {}\n", req.path()).into_response() };
//! let server = Server::builder().bind("127.0.0.1:0").start(hello).await?;
//! println!("serving on {}", server.addresses()[0]);
//! server.shutdown().await?;
//! # Ok(())
//! # }
//! ```
//!
//! | module | what it holds |
//! | --- | --- |
//! | `builder`, `runner`, `signals`, `readiness`, `connections` | settings; start, run and graceful end; what is told of it |
//! | `listener`, `accept`, `workers` | sockets, accept loops, threads |
//! | `open`, `tls` | what stands before HTTP: the PROXY header, the TLS handshake; certificates |
//! | `conn` | the driver of one connection |
//! | `timer` | deadlines of all connections by one sweep |
//! | `tracker` | count and cap of live connections |
//!
//! # Costs
//!
//! A connection that idles owns no buffer and no timer. A request costs one read, one write and, with
//! a bare function, no allocation.

#![forbid(unsafe_code)]

mod accept;
mod builder;
mod config;
mod conn;
mod connections;
mod error;
mod listener;
mod open;
mod readiness;
mod runner;
mod signals;
mod timer;
#[cfg(feature = "tls")]
mod tls;
mod tracker;
mod workers;

/// What the README shows compiles, and runs where it needs no network.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

pub use self::builder::{Server, ServerBuilder};
pub use self::connections::Connections;
pub use self::error::{Fault, OutOfDate, ServeError};
pub use self::listener::{Address, Listener};
pub use self::open::{ProxyError, ProxyProtocol};
pub use self::readiness::Readiness;
pub use self::runner::{Ended, Running};
#[cfg(feature = "tls")]
pub use self::tls::{TlsBuilder, TlsConfig, TlsError};
pub use self::workers::Workers;
pub use dunlin_codec::Limits;
