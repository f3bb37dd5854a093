//! Applications for Dunlin: routes, handlers, extractors, middleware, state, lifecycle.
//!
//! An [`App`] says which function answers what; a server runs it. This crate knows no socket and, without
//! the features `files`, `multipart`, `sse`, `tasks`, `timeout` and `websocket`, no runtime: a built app is a [`Service`](dunlin_core::Service), so it is tested by calling it.
//!
//! ```
//! use dunlin_core::{Request, Service, StateKey};
//! use dunlin_web::{App, HttpError, Path, Query, Redirect, Result, State, get, resource};
//! use http::{Method, Uri};
//!
//! static GREETING: StateKey<String> = StateKey::new("greeting");
//!
//! #[derive(serde::Deserialize)]
//! struct Times {
//!     #[serde(default)]
//!     n: usize,
//! }
//!
//! // Arguments are taken from the request; what is returned becomes the response.
//! async fn hello(
//!     greeting: State<String>,
//!     Path(name): Path<String>,
//!     Query(times): Query<Times>,
//! ) -> Result<String> {
//!     if times.n > 10 {
//!         return Err(HttpError::bad_request().with_message("ten times are enough"));
//!     }
//!     Ok(format!("{}, {name}!\n", *greeting).repeat(times.n.max(1)))
//! }
//!
//! // Routes have names, from which URLs are made.
//! async fn index(req: Request) -> Result<Redirect> {
//!     Ok(Redirect::found(req.url_for("hello", [("name", "ada")])?))
//! }
//!
//! let app = App::new()
//!     .state(&GREETING, "Hello".to_owned())
//!     .add_get("/", index)
//!     .routes([get(r"/hello/{name:[a-z]+}", hello).name("hello")])
//!     .build()?;
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let req = Request::new(Method::GET, Uri::from_static("/hello/ada?n=2"), ());
//! let text = app.call(req).await.into_body().text().await.unwrap();
//! assert_eq!(text, "Hello, ada!\nHello, ada!\n");
//! # });
//! # Ok::<(), dunlin_web::BuildErrors>(())
//! ```
//!
//! # Guide
//!
//! **Routes.** [`App::add_get`] and its like add one; [`App::routes`] takes a list of [`get`],
//! [`post`], [`resource`], …, each with a name, middleware and body limit of its own. [`group`] shares
//! a prefix and middleware. The pattern syntax is that of [`dunlin_router`]: `{name}`,
//! `{name:regex}`, `{path:.*}`. Where no route has the path the answer is 404, where none has the
//! method 405 with `Allow`; a path with a broken escape is 400. `GET` routes answer `HEAD`.
//! `OPTIONS` has to be registered; `OPTIONS *` is 200. A [`Guard`] lets something else than path and method
//! decide, a [`View`] is a type whose methods answer those of a resource.
//!
//! **Handlers** are plain `async fn`s: see [`Handler`]. Arguments are [`Path`], [`Query`], `Json`
//! (feature `json`), [`Form`], [`State`], [`Cookies`], [`Host`], [`Peer`], [`Tls`], [`Urls`], [`BasicCredentials`],
//! [`EarlyHints`], `WsUpgrade` (feature `websocket`), `Multipart` and `FormData` (feature `multipart`), `LastEventId`
//! (feature `sse`), `Tasks` (feature `tasks`);
//! `Method`, `Uri`, `Version`, `HeaderMap` and `RequestHead`; and last of all what reads the body: `Request`, `Body`, `Bytes`,
//! `Vec<u8>`, `String`. In an `Option` or a `Result` an argument's rejection is the handler's to
//! judge. Results are whatever implements [`IntoResponse`].
//!
//! **Forms and uploads.** [`Form`] is a form as a value of one's own type, be it urlencoded or, with the
//! feature `multipart`, with files, which are spooled to disk once they are large. `FormData` is the same
//! as a list, `Multipart` the parts as they come, of any length. `FormLimits` and `MultipartLimits` are
//! middleware of an app, a group or a route.
//!
//! **Files.** [`respond::file`] answers with a file of the program's own, [`App::add_static`] serves those of
//! a directory or of memory (feature `files`); [`respond::Representation`] does for bytes what they do for
//! files: conditional requests and ranges. [`Validators`] judge the preconditions of other methods, and
//! [`ConditionalGet`] gives tags to what handlers make.
//!
//! **Responses.** What a handler returns is worked on by [`respond::ResponseExt`]: cookies, media types,
//! validators. [`respond::stream`] sends what is made on the way.
//!
//! **Errors.** Handlers and middleware return [`Result`], whose [`HttpError`] becomes a response; [`OrError`] makes one of
//! whatever else failed.
//! [`App::render_errors`] words all errors in one place, those of the server included; [`problem_details`] does
//! it by what the peer accepts. A panic is a
//! 500 that closes the connection. The cause of a 5xx goes to stderr, or to [`App::on_error`].
//!
//! **Middleware** is an `async fn(Request, Next)`: see [`Middleware`]. What comes along, in the order in which it
//! mostly stands, the outermost first:
//!
//! | middleware | what it does |
//! | --- | --- |
//! | [`TrustedProxies`] | believes one's own proxies who a request is from |
//! | [`AccessLog`] | writes a line for each request, once its answer is over |
//! | [`RequestIds`] | names each request |
//! | `Compress`, `Decompress` (feature `compress`) | put content codings on responses, take them off requests |
//! | [`SecurityHeaders`] | tells browsers what to refuse |
//! | [`SameOrigin`] | refuses what other sites' pages send in their user's name |
//! | [`Cors`] | lets pages of other origins read answers |
//! | [`NormalizePath`] | redirects paths with slashes too many or too few |
//! | [`RateLimit`] | answers 429 to who asks too often |
//! | [`BasicAuth`] | asks for a name and a password |
//! | `Timeout` (feature `timeout`) | answers for a handler that takes too long |
//! | `layer` (feature `tower`) | any layer of tower, such as those of tower-http |
//!
//! Panics need none: see [`Panic`]. Nor do limits of bodies: see [`App::client_max_size`] and its like on groups
//! and routes.
//!
//! **State** is kept under typed keys, checked when the app is built: see [`State`].
//!
//! **WebSockets** are opened by a handler that takes `WsUpgrade`; they are closed with 1001 when the
//! server shuts down, and with 1011 where what runs on them panics, which is told as any other panic.
//!
//! **Server-sent events** are an `Sse` (feature `sse`), made of a stream or fed from elsewhere; it ends by itself
//! when the server shuts down.
//!
//! **Clients that go** drop their handlers, unless a route, group or app runs to completion:
//! [`RouteDef::run_to_completion`]. `Request::disconnected` tells who waits for it.
//!
//! **Lifecycle.** [`App::on_startup`], [`App::cleanup_ctx`], [`App::on_shutdown`] and
//! [`App::on_cleanup`]; state may be set while the app starts.
//!
//! **Background tasks** are started by handlers and lifecycle steps through `Tasks` (feature `tasks`), and awaited
//! by the end of the server.
//!
//! **Health.** `Health` (feature `timeout`) answers `/livez` and `/readyz` by checks of the program's own.
//!
//! **Apps inside apps.** [`App::nest`] and [`App::host`]: see [`App`].
//!
//! **Mistakes** of registration never panic: [`App::build`] tells all of them, each with its line.
//!
//! # Modules
//!
//! All private but [`respond`]; their types are here.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `app` | what is registered (`mod`, `lifecycle`), flattened (`tree`), checked (`build`) and run (`built`, `state`) |
//! | `route` | routes as written (`def`, `group`), as kept (`endpoint`) and as found (`dispatch`) |
//! | `handler`, `middleware` | what an app calls |
//! | `extract`, `respond` | arguments and results of handlers |
//! | `conditional`, `range` | preconditions, entity tags; which parts are asked for |
//! | `files`, `statics` | opening and reading files; serving a directory |
//! | `multipart` | parts as they come (`stream`); forms gathered (`data`, `de`), their files (`file`, `spool`) |
//! | `error` | the error that is a response |
//! | `tasks` | work beside requests |
//! | `health` | probes of orchestrators and load balancers |
//!
//! # Costs
//!
//! A request costs one walk of the table, one reference count, and one allocation: the future of its
//! handler. Each middleware adds its own future. A JSON response adds its bytes, a captured `String`
//! itself. [`Dispatch`], which a server keeps for each connection, is 32 bytes. Hooks on responses and
//! error renderers cost a copy of the request's head, in apps that have them.

#![forbid(unsafe_code)]

#[cfg(any(feature = "compress", feature = "files"))]
mod accept_encoding;
mod app;
mod conditional;
mod error;
mod escape;
mod extract;
#[cfg(feature = "files")]
mod files;
mod handler;
#[cfg(feature = "timeout")]
mod health;
mod middleware;
#[cfg(feature = "multipart")]
mod multipart;
mod range;
pub mod respond;
mod route;
#[cfg(feature = "files")]
mod statics;
#[cfg(feature = "tasks")]
mod tasks;

/// What the README shows compiles, and runs where it needs no network.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

#[cfg(feature = "compress")]
pub use dunlin_compress::Coding;
#[cfg(feature = "multipart")]
pub use dunlin_multipart::Limits as MultipartLimits;
#[cfg(feature = "websocket")]
pub use dunlin_websocket as websocket;

pub use dunlin_core::{FromParts, FromRequest, IntoResponse, Request, Response, StateKey};
pub use dunlin_signals::{IntoSignalResult, SignalErrors, Teardown};

pub use self::app::{App, AppRef, BuildError, BuildErrors, BuiltApp, Startup};
pub use self::conditional::{BadETag, ConditionalGet, ETag, Precondition, Validators};
pub use self::error::{Accepts, ErrorView, HttpError, OrError, Panic, Result, problem_details};
#[cfg(feature = "sse")]
pub use self::extract::LastEventId;
#[cfg(feature = "websocket")]
pub use self::extract::WsUpgrade;
pub use self::extract::{Cookies, EarlyHints, Form, Host, Path, Peer, Query, State, Tls, Urls};
pub use self::handler::Handler;
#[cfg(feature = "timeout")]
pub use self::health::{CheckTimedOut, Health};
pub use self::middleware::{
    AccessEntry, AccessLog, AuthUser, BadNetwork, BasicAuth, BasicCredentials, Cors,
    CorsPatternError, Middleware, Next, NormalizePath, RateLimit, RequestId, RequestIds, Run,
    SameOrigin, SecurityHeaders, TrustedProxies,
};
#[cfg(feature = "compress")]
pub use self::middleware::{Compress, Decompress, NoCompress};
#[cfg(feature = "timeout")]
pub use self::middleware::{TimedOut, Timeout};
#[cfg(feature = "tower")]
pub use self::middleware::{ViaTower, layer};
#[cfg(feature = "multipart")]
pub use self::multipart::{
    FormData, FormLimits, FormValue, Multipart, MultipartError, Nested, Part, UploadedFile,
};
#[cfg(feature = "json")]
pub use self::respond::Json;
pub use self::respond::{Html, Redirect};
#[cfg(feature = "sse")]
pub use self::respond::{Sse, SseEvent, SseEventError, SseSender};
pub use self::route::{
    Dispatch, Group, Guard, RouteDef, RouteView, Routes, View, any, delete, get, group, head,
    header_is, host_is, options, patch, post, put, resource, route, view,
};
#[cfg(feature = "files")]
pub use self::statics::{Statics, StaticsError};
#[cfg(feature = "tasks")]
pub use self::tasks::{TaskError, Tasks};
