//! `App`: what a program registers.

mod build;
mod built;
mod errors;
mod handles;
mod lifecycle;
mod state;
mod tree;

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use dunlin_core::{IntoService, RequestHead, Response, ResponseHead, StateKey};

pub use self::built::BuiltApp;
pub use self::errors::{BuildError, BuildErrors};
pub use self::handles::{AppRef, Startup};
pub(crate) use self::lifecycle::Steps;
pub(crate) use self::state::{Level, Slot};
use crate::error::{ErrorView, Renderer};
use crate::handler::{Erased, Handler, erase};
use crate::middleware::Middleware;
use crate::route::{Group, Item, OnError, Place, Prepare, RouteDef};

/// Longest body that handlers can gather where nothing else is said: 1 MiB.
pub(crate) const CLIENT_MAX_SIZE: u64 = 1024 * 1024;

/// Routes, middleware, state and lifecycle steps of a program, or of a part of one.
///
/// Every method takes and returns the app. None fails: mistakes are collected and told together, with
/// the lines that made them, by [`build`](Self::build), which a server calls.
///
/// ```
/// use dunlin_core::StateKey;
/// use dunlin_web::{App, Path, State, get, post};
///
/// static GREETING: StateKey<&'static str> = StateKey::new("greeting");
///
/// async fn hello(greeting: State<&'static str>, Path(name): Path<String>) -> String {
///     format!("{}, {name}!\n", *greeting)
/// }
///
/// let app = App::new()
///     .state(&GREETING, "Hello")
///     .routes([get("/hello/{name}", hello).name("hello"), post("/echo", |body: String| async { body })]);
/// let built = app.build()?;
/// println!("{}", built.routes());
/// # Ok::<(), dunlin_web::BuildErrors>(())
/// ```
///
/// # Apps inside apps
///
/// [`nest`](Self::nest) mounts an app below a prefix, [`host`](Self::host) gives it hosts of its own.
/// Such an app brings its middleware, state, lifecycle steps and fallback along. Below its prefix it
/// answers alone, be it with 404, and its middleware runs inside that of the app around it. What it
/// does not set is taken from there: state that it lacks, the error renderer, the fallback, the body
/// limit. A request has one view of state, that of the app whose route it took, in the middleware of
/// outer apps too.
///
/// Names of routes are each app's own. [`Request::url_for`](dunlin_core::Request::url_for) looks in
/// the app of the request's route, then in those around it, then takes whichever app has the name
/// alone.
#[must_use = "an app does nothing until it is served"]
pub struct App {
    pub(crate) items: Vec<Item>,
    pub(crate) middlewares: Vec<Arc<dyn Middleware>>,
    pub(crate) state: Vec<(&'static Location<'static>, Slot)>,
    pub(crate) provides: Vec<Provided>,
    pub(crate) steps: Steps,
    pub(crate) prepare: Vec<Arc<Prepare>>,
    pub(crate) limit: Option<Option<u64>>,
    pub(crate) to_its_end: Option<bool>,
    pub(crate) fallback: Option<(&'static Location<'static>, Arc<dyn Erased>)>,
    pub(crate) renderer: Option<Arc<Renderer>>,
    pub(crate) on_error: Option<Arc<OnError>>,
}

/// A key that a startup step sets.
#[derive(Clone, Copy)]
pub(crate) struct Provided {
    pub(crate) at: &'static Location<'static>,
    pub(crate) key: dunlin_core::StateInfo,
    pub(crate) type_name: &'static str,
}

impl App {
    /// An app without routes: 404 to everything.
    pub fn new() -> Self {
        Self {
            items: Vec::new(),
            middlewares: Vec::new(),
            state: Vec::new(),
            provides: Vec::new(),
            steps: Steps::new(),
            prepare: Vec::new(),
            limit: None,
            to_its_end: None,
            fallback: None,
            renderer: None,
            on_error: None,
        }
    }

    /// Adds routes, each made by [`get`](crate::get), [`resource`](crate::resource) and their like.
    pub fn routes(mut self, routes: impl IntoIterator<Item = RouteDef>) -> Self {
        self.items.extend(routes.into_iter().map(Item::Route));
        self
    }

    /// Adds routes that share a prefix and middleware.
    pub fn group(mut self, group: Group) -> Self {
        self.items.push(Item::Group(group));
        self
    }

    /// Mounts an app below `prefix`, such as `/admin` or `/{org}`.
    ///
    /// Its routes are appended to the prefix as they are: `/` becomes `/admin/`, and `""` becomes
    /// `/admin`. Its lifecycle steps run where this call stands among the app's own.
    #[track_caller]
    pub fn nest(mut self, prefix: &str, app: Self) -> Self {
        self.steps.child();
        self.items.push(Item::App {
            at: Location::caller(),
            place: Place::Prefix(prefix.into()),
            app,
        });
        self
    }

    /// Gives an app the requests for a host: `example.com`, `*.example.com` for those below it, with
    /// `:port` where the port matters. Exact hosts go before wildcards, and both before the routes of
    /// this app, whose middleware and state are around those of `app` all the same.
    ///
    /// Only the outermost app has hosts.
    #[track_caller]
    pub fn host(mut self, host: &str, app: Self) -> Self {
        self.steps.child();
        self.items.push(Item::App { at: Location::caller(), place: Place::Host(host.into()), app });
        self
    }

    /// Adds middleware around all routes and misses, inside all that was added before.
    pub fn middleware(mut self, middleware: impl Middleware) -> Self {
        self.middlewares.push(Arc::new(middleware));
        self
    }

    /// Keeps a value for handlers: [`State<T>`](crate::State), [`Request::state`].
    ///
    /// A mounted app's own value goes before that of an app around it.
    ///
    /// [`Request::state`]: dunlin_core::Request::state
    #[track_caller]
    pub fn state<T: Send + Sync + 'static>(mut self, key: &StateKey<T>, value: T) -> Self {
        self.state.push((Location::caller(), Slot::new(key, value)));
        self
    }

    /// Declares that a startup step sets `key`.
    ///
    /// Then handlers that need a `T` are checked by [`build`](Self::build) rather than after startup,
    /// and it is an error if the key is still missing by then.
    #[track_caller]
    pub fn provides<T: Send + Sync + 'static>(mut self, key: &StateKey<T>) -> Self {
        self.provides.push(Provided {
            at: Location::caller(),
            key: dunlin_core::StateInfo::of::<T>(key.name()),
            type_name: std::any::type_name::<T>(),
        });
        self
    }

    /// Longest body that handlers can gather, in bytes; `None` for no limit. Reading a body chunk by
    /// chunk is not bounded by it. Default: 1 MiB, or that of the app around this one.
    pub fn client_max_size(mut self, limit: impl Into<Option<u64>>) -> Self {
        self.limit = Some(limit.into());
        self
    }

    /// Whether handlers run to their end where the client goes before that, which otherwise drops them.
    /// Middleware around them runs on too. Default: no, or that of the app around this one.
    pub fn run_to_completion(mut self, to_its_end: bool) -> Self {
        self.to_its_end = Some(to_its_end);
        self
    }

    /// Answers paths that no route has, in place of 404. Default: that of the app around this one.
    #[track_caller]
    pub fn fallback<A: 'static>(mut self, handler: impl Handler<A>) -> Self {
        self.fallback = Some((Location::caller(), erase(handler)));
        self
    }

    /// Looks at each response's head, and may change it, just before it goes to the server.
    ///
    /// Receivers run in order, those of outer apps first, after all middleware; dispatch keeps a copy
    /// of the request's head for them. What asks for `.await` belongs in middleware.
    ///
    /// ```
    /// use dunlin_core::{RequestHead, ResponseHead};
    /// use dunlin_web::App;
    /// use http::{HeaderValue, header::SERVER};
    ///
    /// let app = App::new().on_response_prepare(|_: &RequestHead, head: &mut ResponseHead| {
    ///     head.headers.insert(SERVER, HeaderValue::from_static("mine"));
    /// });
    /// # app.build().unwrap();
    /// ```
    pub fn on_response_prepare(
        mut self,
        receiver: impl Fn(&RequestHead, &mut ResponseHead) + Send + Sync + 'static,
    ) -> Self {
        self.prepare.push(Arc::new(receiver));
        self
    }

    /// Words every error: [`HttpError`](crate::HttpError)s of handlers and middleware, rejections of
    /// arguments, 404 and 405, panics, and what the server refuses before there is a request.
    ///
    /// The renderer makes body and `Content-Type`; the error's status and fields are set over what it
    /// returns. Default: `STATUS: REASON` and the error's message, as plain text;
    /// [`problem_details`](crate::problem_details) is one that goes by `Accept`.
    ///
    /// ```
    /// use dunlin_core::IntoResponse;
    /// use dunlin_web::{Accepts, App, ErrorView, Html};
    ///
    /// let app = App::new().render_errors(|view: &ErrorView<'_>| match view.accepts() {
    ///     Accepts::Html => Html(format!("<h1>{}</h1>", view.status())).into_response(),
    ///     _ => format!("{}\n", view.error).into_response(),
    /// });
    /// # app.build().unwrap();
    /// ```
    pub fn render_errors(
        mut self,
        renderer: impl Fn(&ErrorView<'_>) -> Response + Send + Sync + 'static,
    ) -> Self {
        self.renderer = Some(Arc::new(renderer));
        self
    }

    /// Is told of every error of 5xx, with its cause, in place of the line on stderr that is written
    /// otherwise. Panics are told here too, after the panic hook has written them, and so are those of what
    /// runs on a connection that was handed over, such as a WebSocket (feature `websocket`).
    pub fn on_error(mut self, receiver: impl Fn(&ErrorView<'_>) + Send + Sync + 'static) -> Self {
        self.on_error = Some(Arc::new(receiver));
        self
    }

    /// Checks everything and makes the tables. A server calls it; calling it in a test finds every
    /// mistake without a socket.
    ///
    /// # Errors
    ///
    /// All mistakes at once, each with the line that made it.
    pub fn build(self) -> Result<BuiltApp, BuildErrors> {
        build::build(self)
    }
}

impl Default for App {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("routes", &self.items)
            .field("middlewares", &self.middlewares.len())
            .field("state", &self.state.iter().map(|(_, slot)| slot.key.name()).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl IntoService for App {
    type Service = BuiltApp;
    type Error = BuildErrors;

    fn into_service(self) -> Result<BuiltApp, BuildErrors> {
        self.build()
    }
}
