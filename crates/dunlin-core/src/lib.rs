//! The vocabulary of the Dunlin toolkit: what server, client, app and extensions agree on.
//!
//! Depend on this crate alone to write an extractor, a response type, a middleware or a service that
//! any Dunlin server runs. It holds no protocol, no routing table and no runtime.
//!
//! ```
//! use dunlin_core::{IntoResponse, Request, Response, Service};
//!
//! async fn hello(req: Request) -> Response {
//!     format!("you asked for {}\n", req.path()).into_response()
//! }
//!
//! fn served(_: impl Service) {}
//! served(hello);
//! ```
//!
//! | module | what it holds |
//! | --- | --- |
//! | `head`, `request`, `response` | messages and their heads; conversions to and from the `http` crate's by move |
//! | `request_info`, `media_type`, `charset`, `cookies`, `forwarded` | what a request says, read |
//! | `connection` | the two ends of a connection, and whether the other is still there |
//! | `interim` | what a handler says before it answers |
//! | `headers` | fields in four storages: as received, as they go out, as built, as asked |
//! | `body` | empty, whole and streaming bodies; the channel that feeds one; readers by lines and lengths |
//! | `service`, `lifecycle` | what a server drives |
//! | `extract`, `arguments`, `into_response` | what a handler takes and returns |
//! | `scope` | what an app tells a request of its route |
//! | `goodbye` | the end of the server, told to what would run on |
//! | `upgrade`, `scratch` (feature `io`) | connections handed over; buffers lent for one poll |
//!
//! # Costs
//!
//! A received head is one pooled block, and fields that are set are one pooled run of lines: no
//! allocation in the steady state. An [`http::HeaderMap`] or [`http::Uri`] is built when somebody asks
//! for it. A [`Request`] is at most 200 bytes.

#![forbid(unsafe_code)]

mod arguments;
mod body;
mod charset;
mod connection;
mod cookies;
mod error;
mod extract;
mod forwarded;
mod goodbye;
mod head;
mod headers;
mod interim;
mod into_response;
mod lifecycle;
mod media_type;
mod network;
mod request;
mod request_info;
mod response;
mod scope;
#[cfg(feature = "io")]
mod scratch;
mod service;
mod tls_info;
#[cfg(feature = "io")]
mod upgrade;

/// What the README shows compiles, and runs where it needs no network.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

#[cfg(feature = "io")]
pub use self::body::BodyAsyncRead;
pub use self::body::{Body, BodyReader, BodySender, Closed, FileRegion};
pub use self::charset::decode_text;
pub use self::connection::{Connection, Disconnected};
pub use self::error::{BodyError, BoxError, Refusal};
pub use self::extract::{
    CheckError, FromParts, FromRequest, RouteInfo, StateInfo, ViaBody, ViaParts,
};
pub use self::forwarded::Forwarded;
pub use self::goodbye::{GoingAway, Goodbye};
pub use self::head::{HeadBlock, RequestHead, RequestLine, SharedTarget, UnfitTarget};
pub use self::headers::{AsFieldName, FieldLines, FieldSpan, Headers, Iter, NameSet};
pub use self::interim::{Interim, InterimError};
pub use self::into_response::IntoResponse;
pub use self::lifecycle::Lifecycle;
pub use self::media_type::MediaType;
pub use self::network::{BadNetwork, Network};
pub use self::request::{Request, UrlError};
pub use self::response::{InvalidReason, ReasonPhrase, Response, ResponseHead};
pub use self::scope::{Captures, Scope, StateKey};
#[cfg(feature = "io")]
pub use self::scratch::{Lent, SCRATCH_LEN, Scratch};
pub use self::service::{BoxFuture, DynService, IntoService, Service};
pub use self::tls_info::TlsInfo;
#[cfg(feature = "io")]
pub use self::upgrade::{Io, OnUpgrade, Upgraded};
