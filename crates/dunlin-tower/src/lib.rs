//! Tower at the edge of Dunlin: its services and layers inside of apps, and apps inside of it.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use dunlin_core::{Request, Service};
//! use dunlin_tower::{from_tower, into_tower};
//! use dunlin_web::App;
//! use http::{Method, Uri};
//!
//! // An axum router in a Dunlin app, and a Dunlin app in that router.
//! let inner = App::new().add_get("/", || async { "hello from the innermost" });
//! let router = axum::Router::new().nest_service("/axum/dunlin", into_tower(inner).unwrap());
//! let app = App::new().add_any("/axum/{rest:.*}", from_tower(router)).build().unwrap();
//!
//! let req = Request::new(Method::GET, Uri::from_static("/axum/dunlin/"), ());
//! let response = app.call(req).await;
//! assert_eq!(response.into_body().text().await.unwrap(), "hello from the innermost");
//! # });
//! ```
//!
//! | from | to | by |
//! | --- | --- | --- |
//! | a tower service, such as an axum router | a Dunlin [`Service`](dunlin_core::Service) and, with `dunlin-web`'s feature `tower`, a handler | [`from_tower`] |
//! | a Dunlin app or service | a [`tower_service::Service`] | [`into_tower`] |
//! | a [`tower_layer::Layer`], such as tower-http's | middleware | `dunlin_web::layer` (feature `tower`), over [`Layered`] |
//!
//! # What goes across
//!
//! Messages go by move: method, target, fields, extensions, and bodies frame by frame, with trailers, whenever
//! the other side asks for more. Of a Dunlin request the route, the connection and the body's limit come along
//! unseen, so that state, captures and names are there again behind a layer; of a Dunlin response the reason
//! phrase, a connection that is handed over, and who tells a stream of the server's end.
//!
//! A tower service is cloned for each request and asked by `poll_ready` before it is called, so that limits of
//! concurrency and shed load hold. A layer is applied once, and its service shared the same way. What either
//! fails with becomes a [`TowerError`] that has it as its source.
//!
//! # What does not
//!
//! A connection can only be handed over by the server that has it. A Dunlin WebSocket under a foreign server is
//! answered by 501; axum's `WebSocketUpgrade` under a Dunlin server finds no connection of hyper's and answers
//! 426 by itself.
//!
//! # Costs
//!
//! Each crossing costs an [`http::HeaderMap`] and an [`http::Uri`], which nothing else in Dunlin builds, and a
//! clone of the service.

#![forbid(unsafe_code)]

mod error;
mod from;
mod into;
mod layer;
mod messages;

/// What the README shows compiles, and runs where it needs no network.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

pub use self::error::TowerError;
pub use self::from::{FromTower, HttpService, from_tower};
pub use self::into::{IntoTower, IntoTowerFuture, into_tower};
pub use self::layer::{Inner, Layered};
