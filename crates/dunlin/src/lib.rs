//! Dunlin: one HTTP toolkit with one mental model, over a zero-copy HTTP/1.1 codec of its own.
//!
//! ```no_run
//! use dunlin::web::{App, Path};
//!
//! async fn hello(Path(name): Path<String>) -> String {
//!     format!("Hello {name}\n")
//! }
//!
//! #[tokio::main]
//! async fn main() -> dunlin::Result<()> {
//!     dunlin::run_app(App::new().add_get("/hello/{name}", hello)).await
//! }
//! ```
//!
//! # Map
//!
//! | module | crate | what it holds |
//! | --- | --- | --- |
//! | [`web`] | `dunlin-web` | apps: routes, handlers, extractors, middleware, state, signals |
//! | [`server`] | `dunlin-server` | listeners, connections, deadlines, graceful end |
//! | [`client`] | `dunlin-client` | requests: pool, redirects, cookies, proxies, middleware |
//! | [`websocket`] | `dunlin-websocket` | WebSocket for both ends; the protocol without I/O |
//! | [`compress`] | `dunlin-compress` | content codings without I/O |
//! | [`multipart`] | `dunlin-multipart` | multipart bodies without I/O, both ways |
//! | `test` | `dunlin-test` | servers and clients for one test, outside services as apps, requests by hand (feature `test`) |
//! | `tower` | `dunlin-tower` | tower's services and layers in apps, apps in tower (feature `tower`) |
//! | [`router`] | `dunlin-router` | patterns to values, names to URLs; knows nothing of HTTP |
//! | [`signals`] | `dunlin-signals` | ordered async callbacks, setup and teardown pairs |
//! | [`codec`] | `dunlin-codec` | HTTP/1.1 without I/O |
//! | [`core`] | `dunlin-core` | the vocabulary between them, for authors of extensions |
//!
//! # Features
//!
//! | feature | default | what it adds |
//! | --- | --- | --- |
//! | `server` | yes | [`web`], [`server`], [`run_app`] |
//! | `client` | yes | [`client`] |
//! | `websocket` | yes | [`websocket`], [`web::WsUpgrade`], [`client::Client::ws_connect`] |
//! | `tls` | yes | `https` in the client; [`server::TlsConfig`], [`RunApp::bind_tls`], `test::TestCertificate` |
//! | `compress` | yes | [`compress`], [`web::Compress`], [`web::Decompress`], the same in the client, compression of WebSocket messages |
//! | `multipart` | yes | [`multipart`], [`web::Multipart`], [`web::FormData`], [`web::UploadedFile`] |
//! | `json` | yes | [`web::Json`], JSON in WebSocket messages |
//! | `hickory` | no | `client::HickoryResolver`, which asks name servers itself |
//! | `systemd` | no | [`server::ServerBuilder`] takes sockets that a supervisor passes |
//! | `test` | no | `test`, for `[dev-dependencies]` |
//! | `tower` | no | `tower`, and `web::layer` |

#![forbid(unsafe_code)]
#![cfg_attr(
    not(all(
        feature = "server",
        feature = "client",
        feature = "compress",
        feature = "tls",
        feature = "websocket",
        feature = "multipart"
    )),
    allow(rustdoc::broken_intra_doc_links)
)]

#[cfg(feature = "server")]
mod run;

/// What the project's README shows compiles.
#[cfg(all(doctest, feature = "server", feature = "client", feature = "websocket"))]
#[doc = include_str!("../../../README.md")]
mod front_page {}

/// What this crate's README shows compiles.
#[cfg(all(doctest, feature = "server"))]
#[doc = include_str!("../README.md")]
mod readme {}

#[cfg(feature = "client")]
pub use dunlin_client as client;
pub use dunlin_codec as codec;
#[cfg(feature = "compress")]
pub use dunlin_compress as compress;
pub use dunlin_core as core;
#[cfg(feature = "multipart")]
pub use dunlin_multipart as multipart;
pub use dunlin_router as router;
#[cfg(feature = "server")]
pub use dunlin_server as server;
pub use dunlin_signals as signals;
#[cfg(feature = "test")]
pub use dunlin_test as test;
#[cfg(feature = "tower")]
pub use dunlin_tower as tower;
#[cfg(feature = "server")]
pub use dunlin_web as web;
#[cfg(feature = "websocket")]
pub use dunlin_websocket as websocket;
pub use http;

pub use dunlin_core::{Body, BoxError, Headers, IntoResponse, Request, Response};

#[cfg(feature = "server")]
pub use self::run::{RunApp, run_app};

/// What `main` returns: any error prints itself there.
pub type Result<T = (), E = BoxError> = std::result::Result<T, E>;
