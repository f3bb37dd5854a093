//! Applications for Dunlin: routes, handlers, extractors, middleware, lifecycle signals.
#![forbid(unsafe_code)]

mod app;
mod error;
mod extract;
mod handler;
mod middleware;
mod respond;
mod route;

pub use self::app::{App, AppRef, BuildError, BuildErrors, BuiltApp, Startup};
pub use dunlin_signals::{IntoSignalResult, Teardown};

pub use self::error::{Accepts, ErrorView, HttpError, Panic, Result};
pub use self::extract::{Form, Path, Peer, Query, State, Urls};
pub use self::handler::Handler;
pub use self::middleware::{Middleware, Next, Run};
#[cfg(feature = "json")]
pub use self::respond::Json;
pub use self::respond::{Html, Redirect};
pub use self::route::{
    Dispatch, Group, RouteDef, RouteInfo, Routes, any, delete, get, group, head, options, patch,
    post, put, resource, route,
};
