//! Groups: routes that share a prefix and middleware, inside one app.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use super::def::{self, RouteDef};
use super::guard::Guard;
use super::view::{View, view};
use crate::app::App;
use crate::handler::Handler;
use crate::middleware::Middleware;

/// What an app holds, in the order of registration.
pub(crate) enum Item {
    Route(RouteDef),
    Group(Group),
    #[cfg(feature = "files")]
    Statics(crate::Statics),
    App {
        at: &'static Location<'static>,
        place: Place,
        app: App,
    },
}

/// Where an app stands in another.
#[derive(Debug)]
pub(crate) enum Place {
    Prefix(Box<str>),
    Host(Box<str>),
}

/// Routes that share a prefix, middleware and a body limit.
///
/// A group is part of its app: it has no state, signals or 404 of its own, so its middleware runs
/// for its routes alone. [`App::nest`] mounts an app that has all of these.
///
/// ```
/// use dunlin_core::{Request, Response};
/// use dunlin_web::{App, Next, get, group};
///
/// async fn logged_in(req: Request, next: Next) -> Response { next.run(req).await }
/// async fn show() -> &'static str { "yours" }
///
/// let app = App::new()
///     .add_get("/", || async { "all may see this" })
///     .group(group("/account").middleware(logged_in).routes([get("/orders", show)]));
/// app.build().unwrap();
/// ```
#[must_use = "a group serves nothing until an app has it"]
pub struct Group {
    pub(crate) at: &'static Location<'static>,
    pub(crate) prefix: Box<str>,
    pub(crate) items: Vec<Item>,
    pub(crate) middlewares: Vec<Arc<dyn Middleware>>,
    pub(crate) limit: Option<Option<u64>>,
    pub(crate) guards: Vec<Arc<dyn Guard>>,
    pub(crate) to_its_end: Option<bool>,
}

/// A group below `prefix`, which may have captures; `""` groups for middleware alone.
#[track_caller]
pub fn group(prefix: &str) -> Group {
    Group {
        at: Location::caller(),
        prefix: prefix.into(),
        items: Vec::new(),
        middlewares: Vec::new(),
        limit: None,
        guards: Vec::new(),
        to_its_end: None,
    }
}

impl Group {
    /// Adds middleware around the group's routes, inside all that were added before.
    pub fn middleware(mut self, middleware: impl Middleware) -> Self {
        self.middlewares.push(Arc::new(middleware));
        self
    }

    /// Longest body that the group's handlers can gather, in bytes. Default: that of the app.
    pub fn client_max_size(mut self, limit: impl Into<Option<u64>>) -> Self {
        self.limit = Some(limit.into());
        self
    }

    /// Adds routes.
    pub fn routes(mut self, routes: impl IntoIterator<Item = RouteDef>) -> Self {
        self.items.extend(routes.into_iter().map(Item::Route));
        self
    }

    /// Has the group's routes take only requests that the guard accepts: see [`Guard`].
    pub fn guard(mut self, guard: impl Guard) -> Self {
        self.guards.push(Arc::new(guard));
        self
    }

    /// Whether the group's handlers run to their end where the client goes before that, which otherwise
    /// drops them. Default: that of the app.
    pub fn run_to_completion(mut self, to_its_end: bool) -> Self {
        self.to_its_end = Some(to_its_end);
        self
    }

    /// Adds a group inside this one.
    pub fn group(mut self, group: Self) -> Self {
        self.items.push(Item::Group(group));
        self
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("prefix", &self.prefix).field("items", &self.items).finish()
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route(route) => route.fmt(f),
            Self::Group(group) => group.fmt(f),
            #[cfg(feature = "files")]
            Self::Statics(statics) => statics.fmt(f),
            Self::App { place, app, .. } => f.debug_tuple("App").field(place).field(app).finish(),
        }
    }
}

macro_rules! adders {
    ($($name:ident $verb:ident $doc:literal;)*) => {
        impl App {$(
            #[doc = $doc]
            #[track_caller]
            pub fn $name<A: 'static>(self, pattern: &str, handler: impl Handler<A>) -> Self {
                self.routes([def::$verb(pattern, handler)])
            }
        )*}

        impl Group {$(
            #[doc = $doc]
            #[track_caller]
            pub fn $name<A: 'static>(self, pattern: &str, handler: impl Handler<A>) -> Self {
                self.routes([def::$verb(pattern, handler)])
            }
        )*}
    };
}

adders! {
    add_get get "Adds a route for `GET`, and for `HEAD`.";
    add_head head "Adds a route for `HEAD` alone.";
    add_post post "Adds a route for `POST`.";
    add_put put "Adds a route for `PUT`.";
    add_patch patch "Adds a route for `PATCH`.";
    add_delete delete "Adds a route for `DELETE`.";
    add_options options "Adds a route for `OPTIONS`.";
    add_any any "Adds a route for every method.";
}

macro_rules! add_route {
    ($($ty:ty)*) => {$(
        impl $ty {
            /// Serves files below a prefix: see [`Statics`](crate::Statics).
            #[cfg(feature = "files")]
            pub fn add_static(mut self, statics: crate::Statics) -> Self {
                self.items.push(Item::Statics(statics));
                self
            }

            /// Adds a route for any method token; `*` is all methods.
            #[track_caller]
            pub fn add_route<A: 'static>(
                self,
                method: impl AsRef<str>,
                pattern: &str,
                handler: impl Handler<A>,
            ) -> Self {
                self.routes([def::route(method, pattern, handler)])
            }

            /// Adds a type that answers several methods: see [`View`].
            #[track_caller]
            pub fn add_view<V: View>(self, pattern: &str) -> Self {
                self.routes([view::<V>(pattern)])
            }
        }
    )*};
}

add_route!(App Group);
