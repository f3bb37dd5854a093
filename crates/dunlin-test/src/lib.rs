//! Test tools of Dunlin: a server and a client for one test, and what stands around them.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use dunlin_test::TestClient;
//! use dunlin_web::{App, Path};
//!
//! async fn hello(Path(name): Path<String>) -> String {
//!     format!("Hello, {name}!")
//! }
//!
//! let client = TestClient::in_memory(App::new().add_get("/hello/{name}", hello)).await?;
//! assert_eq!(client.get("/hello/ada").send().await?.text().await?, "Hello, ada!");
//! client.stop().await?;
//! # Ok(()) }
//! ```
//!
//! # Which one
//!
//! | what is tested | by what | what it costs |
//! | --- | --- | --- |
//! | one handler | [`TestRequest`] | no server, no routing |
//! | an app: routes, middleware, lifecycle, the wire | [`TestClient::in_memory`] | a pipe, no socket |
//! | the same with addresses and TCP | [`TestClient::new`] | a port of 127.0.0.1 |
//! | an app under another client, such as a browser | [`TestServer`] | the same |
//! | a program that asks other services | [`TestNetwork`] | a pipe for each connection |
//! | what depends on TLS | `TestCertificate` with either (feature `tls`) | a key, and handshakes |
//! | a program that must be told a port | [`unused_port`] | |
//!
//! Each serves an app as `run_app` does, from `startup` to `cleanup`, with the server's own driver and codec.
//! `stop` ends it and tells what went wrong: what cleaning up failed with, the connections that had to be cut,
//! the [faults](Report::faults) of which no peer was told. What is dropped instead is ended in the background,
//! for as long as the runtime lives, and nobody hears of it.

#![forbid(unsafe_code)]
#![cfg_attr(not(feature = "websocket"), allow(rustdoc::broken_intra_doc_links))]

mod client;
mod error;
mod faults;
mod host;
mod memory;
mod network;
mod port;
mod request;
mod server;
#[cfg(feature = "tls")]
mod tls;

/// What the README shows compiles, and runs where it needs no network.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

pub use self::client::{Elsewhere, TestClient, TestClientBuilder};
pub use self::error::TestError;
pub use self::host::Report;
pub use self::network::{NoService, TestNetwork};
pub use self::port::unused_port;
pub use self::request::TestRequest;
pub use self::server::{TestServer, TestServerBuilder};
#[cfg(feature = "tls")]
pub use self::tls::TestCertificate;
