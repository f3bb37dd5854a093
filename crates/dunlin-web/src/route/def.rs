//! Routes as they are written: a pattern, its methods, and what holds for them.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use super::guard::Guard;
use crate::handler::{Erased, Handler, erase};
use crate::middleware::Middleware;

/// A pattern with a handler for each of its methods: made by [`get`], [`post`], …, [`resource`].
///
/// Mistakes in it are told by [`App::build`](crate::App::build), with the place of the call.
///
/// ```
/// use dunlin_web::{App, get, resource};
///
/// async fn read() -> &'static str { "read" }
/// async fn write() -> &'static str { "written" }
///
/// let app = App::new().routes([
///     get("/", read),
///     resource("/notes/{id}").get(read).put(write).name("note"),
/// ]);
/// assert_eq!(app.build().unwrap().routes().count(), 3);
/// ```
#[must_use = "a route serves nothing until an app has it"]
pub struct RouteDef {
    pub(crate) at: &'static Location<'static>,
    pub(crate) pattern: Box<str>,
    pub(crate) methods: Vec<MethodDef>,
    pub(crate) name: Option<Box<str>>,
    pub(crate) middlewares: Vec<Arc<dyn Middleware>>,
    pub(crate) limit: Option<Option<u64>>,
    pub(crate) head: bool,
    pub(crate) guards: Vec<Arc<dyn Guard>>,
    pub(crate) to_its_end: Option<bool>,
}

/// One method of a pattern, `*` for all.
pub(crate) struct MethodDef {
    pub(crate) at: &'static Location<'static>,
    pub(crate) method: Box<str>,
    pub(crate) handler: Arc<dyn Erased>,
}

/// A pattern without methods yet: `resource("/notes/{id}").get(read).delete(erase)`.
#[track_caller]
pub fn resource(pattern: &str) -> RouteDef {
    RouteDef {
        at: Location::caller(),
        pattern: pattern.into(),
        methods: Vec::new(),
        name: None,
        middlewares: Vec::new(),
        limit: None,
        head: true,
        guards: Vec::new(),
        to_its_end: None,
    }
}

/// A route for any method token, such as `route("PURGE", "/cache", purge)`; `*` is all methods.
///
/// Methods are case-sensitive (RFC 9110 §9.1), and the registered ones are in capitals.
#[track_caller]
pub fn route<A: 'static>(
    method: impl AsRef<str>,
    pattern: &str,
    handler: impl Handler<A>,
) -> RouteDef {
    resource(pattern).method(method, handler)
}

macro_rules! verbs {
    ($($name:ident $method:literal $doc:literal $setter:literal;)*) => {
        $(
            #[doc = $doc]
            #[track_caller]
            pub fn $name<A: 'static>(pattern: &str, handler: impl Handler<A>) -> RouteDef {
                route($method, pattern, handler)
            }
        )*

        impl RouteDef {$(
            #[doc = $setter]
            #[track_caller]
            pub fn $name<A: 'static>(self, handler: impl Handler<A>) -> Self {
                self.method($method, handler)
            }
        )*}
    };
}

verbs! {
    get "GET" "A route for `GET`, and for `HEAD`: the server leaves the body out." "Adds the handler of `GET`.";
    head "HEAD" "A route for `HEAD` alone." "Adds the handler of `HEAD`.";
    post "POST" "A route for `POST`." "Adds the handler of `POST`.";
    put "PUT" "A route for `PUT`." "Adds the handler of `PUT`.";
    patch "PATCH" "A route for `PATCH`." "Adds the handler of `PATCH`.";
    delete "DELETE" "A route for `DELETE`." "Adds the handler of `DELETE`.";
    options "OPTIONS" "A route for `OPTIONS`, which is 405 without one." "Adds the handler of `OPTIONS`.";
    any "*" "A route for every method." "Adds a handler for every method.";
}

impl RouteDef {
    /// Adds the handler of any method token; `*` is all methods.
    #[track_caller]
    pub fn method<A: 'static>(mut self, method: impl AsRef<str>, handler: impl Handler<A>) -> Self {
        self.methods.push(MethodDef {
            at: Location::caller(),
            method: method.as_ref().into(),
            handler: erase(handler),
        });
        self
    }

    /// Names the route, for [`Request::url_for`](dunlin_core::Request::url_for): identifiers joined by
    /// `.`, `:` or `-`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into().into());
        self
    }

    /// Adds middleware around this route alone, inside all that were added before.
    pub fn middleware(mut self, middleware: impl Middleware) -> Self {
        self.middlewares.push(Arc::new(middleware));
        self
    }

    /// Longest body that the handler can gather, in bytes. Default: that of the group or app.
    pub fn client_max_size(mut self, limit: impl Into<Option<u64>>) -> Self {
        self.limit = Some(limit.into());
        self
    }

    /// Has the route take only requests that the guard accepts, besides those that it has. Another route
    /// may then have the same pattern and method: see [`Guard`].
    pub fn guard(mut self, guard: impl Guard) -> Self {
        self.guards.push(Arc::new(guard));
        self
    }

    /// Whether the handler runs to its end where the client goes before that, which otherwise drops it.
    /// Default: that of the group or app. To learn of it: [`Request::disconnected`].
    ///
    /// [`Request::disconnected`]: dunlin_core::Request::disconnected
    pub fn run_to_completion(mut self, to_its_end: bool) -> Self {
        self.to_its_end = Some(to_its_end);
        self
    }

    /// Keeps the handler of `GET` from answering `HEAD` as well.
    pub fn no_head(mut self) -> Self {
        self.head = false;
        self
    }
}

impl fmt::Debug for RouteDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteDef")
            .field("pattern", &self.pattern)
            .field("methods", &self.methods)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for MethodDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {}", self.method, self.handler.name())
    }
}
