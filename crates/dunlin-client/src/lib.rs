//! The HTTP client of Dunlin: one pool of connections over the same codec, types and TLS as the server.
//!
//! ```no_run
//! # async fn run() -> Result<(), dunlin_client::Error> {
//! let client = dunlin_client::Client::new();
//! let birds: Vec<String> =
//!     client.get("https://example.com/birds").query(&[("tall", 1)]).send().await?.ok()?.json().await?;
//! # Ok(()) }
//! ```
//!
//! # Map
//!
//! | type | what it is |
//! | --- | --- |
//! | [`Client`], [`ClientBuilder`] | one pool, one set of defaults; cheap to clone |
//! | [`RequestBuilder`], [`Request`], [`RequestBody`] | what is asked, each setting overridable |
//! | [`Response`] | the head at once, the body as it comes: bytes, text, JSON, lines, a file |
//! | [`Timeouts`], [`PoolLimits`], [`Limits`], [`Redirects`], [`Proxy`], [`NoProxy`], [`TlsConfig`] | settings |
//! | [`Middleware`], [`Tracer`] | code around each attempt; hooks into what happens |
//! | [`Retry`], [`RateLimit`], [`SingleFlight`], [`Hsts`] | middleware: again, not too often, once for all, by `https` |
//! | [`InProcess`], [`Recorder`], [`Replay`] | middleware in place of a server: an app, a recording |
//! | [`cache`] | middleware that keeps responses (RFC 9111), in memory or on disk |
//! | [`WsBuilder`] | a WebSocket over the same client: [`Client::ws_connect`] (feature `websocket`) |
//! | [`sse`] | server-sent events: a stream that is asked for again when it ends |
//! | [`cookies`], [`auth`] | the jar; credentials |
//! | [`Error`] | what went wrong, in which [`Phase`], with whom |
//!
//! # Costs
//!
//! The future that sends a request drives its connection by itself: no task stands behind it and no
//! channel between. A request on a kept connection is one write and one read; with a body that comes
//! along with its head it allocates once. An idle connection holds no buffer.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(all(feature = "tls", feature = "websocket")),
    allow(rustdoc::broken_intra_doc_links)
)]

mod attempt;
pub mod auth;
mod builder;
pub mod cache;
mod client;
#[cfg(feature = "compress")]
mod compress;
mod conn;
mod connect;
pub mod cookies;
mod error;
mod limited;
mod middleware;
mod oneshot;
mod pool;
mod proxy;
mod redirect;
mod request;
mod response;
mod settings;
pub mod sse;
mod timeouts;
mod trace;
mod url;
#[cfg(feature = "websocket")]
mod ws;

/// What the README shows compiles, and runs where it needs no network.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

pub use self::builder::ClientBuilder;
pub use self::client::Client;
#[cfg(feature = "compress")]
pub use self::compress::Coding;
pub use self::conn::ConnInfo;
#[cfg(feature = "hickory")]
pub use self::connect::dns::HickoryResolver;
pub use self::connect::dns::{Resolve, Resolving, SystemResolver};
#[cfg(feature = "tls")]
pub use self::connect::tls::{TlsBuilder, TlsConfig};
pub use self::connect::{AddressFilter, Connect, Connecting};
pub use self::error::{Error, ErrorKind, Phase};
pub use self::middleware::{
    Hsts, HstsError, InProcess, Middleware, Next, RateLimit, RateLimited, RecordError, Recorder,
    Replay, ReplayError, Retry, RetryBudget, SingleFlight, Verdict,
};
pub use self::oneshot::{delete, get, head, patch, post, put, request};
pub use self::pool::{PoolLimits, PoolMetrics};
pub use self::proxy::{NoProxy, Proxy};
pub use self::redirect::{Redirect, RedirectAction, RedirectAttempt, Redirects};
pub use self::request::{Request, RequestBody, RequestBuilder, file_part};
pub use self::response::{LINE_MAX, Lines, Link, Response};
pub use self::timeouts::Timeouts;
pub use self::trace::{Trace, Tracer};
pub use self::url::{IntoUrl, Origin, Url};
#[cfg(feature = "websocket")]
pub use self::ws::{WsBuilder, WsRefusal};

pub use dunlin_codec::{Leniency, Limits};
pub use dunlin_multipart as multipart;
#[cfg(feature = "websocket")]
pub use dunlin_websocket as websocket;
