//! Flattens a tree of apps: prefixes joined, middleware and hooks of outer apps in front.

use std::panic::Location;
use std::sync::Arc;

use dunlin_router::{BuildError as RouteError, Pattern, PatternError};

use super::{App, BuildError, CLIENT_MAX_SIZE, Provided, Slot, Steps};
use crate::handler::Erased;
use crate::middleware::{Middleware, TrustedProxies};
use crate::route::{Group, Guard, Hooks, Item, Place, RouteDef};

type At = &'static Location<'static>;

/// All that a tree of apps has registered.
#[derive(Default)]
pub(super) struct Tree {
    /// The outermost app first; each before those inside it.
    pub(super) apps: Vec<FlatApp>,
    pub(super) routes: Vec<FlatRoute>,
    pub(super) names: Vec<FlatName>,
    /// Table 0 is that of the outermost app, each further one that of a host.
    pub(super) hosts: Vec<(At, Box<str>)>,
    /// Of the outermost app.
    pub(super) proxies: Vec<TrustedProxies>,
    pub(super) errors: Vec<BuildError>,
}

pub(super) struct FlatApp {
    pub(super) parent: Option<usize>,
    pub(super) table: usize,
    /// Where it is mounted, outer prefixes included; `None` for the app that its table begins with.
    pub(super) mount: Option<(At, String)>,
    pub(super) state: Vec<Slot>,
    pub(super) provides: Vec<Provided>,
    pub(super) steps: Steps,
    pub(super) children: Vec<usize>,
    pub(super) inherited: Inherited,
}

pub(super) struct FlatRoute {
    pub(super) app: usize,
    pub(super) at: At,
    pub(super) method: Box<str>,
    pub(super) pattern: String,
    pub(super) name: Option<Box<str>>,
    pub(super) handler: Arc<dyn Erased>,
    pub(super) chain: Vec<Arc<dyn Middleware>>,
    pub(super) limit: Option<u64>,
    pub(super) head: bool,
    pub(super) guards: Vec<Arc<dyn Guard>>,
    pub(super) to_its_end: bool,
}

/// The name of a pattern, once for all its methods.
pub(super) struct FlatName {
    pub(super) app: usize,
    pub(super) at: At,
    pub(super) name: Box<str>,
    pub(super) pattern: String,
}

/// What an app takes from those around it.
#[derive(Clone)]
pub(super) struct Inherited {
    pub(super) chain: Vec<Arc<dyn Middleware>>,
    pub(super) limit: Option<u64>,
    pub(super) to_its_end: bool,
    pub(super) hooks: Hooks,
    pub(super) fallback: Option<(At, Arc<dyn Erased>)>,
}

/// Where in an app an item stands.
#[derive(Clone)]
struct Position {
    app: usize,
    prefix: String,
    chain: Vec<Arc<dyn Middleware>>,
    limit: Option<u64>,
    guards: Vec<Arc<dyn Guard>>,
    to_its_end: bool,
}

impl Tree {
    pub(super) fn of(app: App) -> Self {
        let mut tree = Self::default();
        let inherited = Inherited {
            chain: Vec::new(),
            limit: Some(CLIENT_MAX_SIZE),
            to_its_end: false,
            hooks: Hooks::default(),
            fallback: None,
        };
        tree.app(app, None, 0, None, inherited);
        tree
    }

    fn app(
        &mut self,
        app: App,
        parent: Option<usize>,
        table: usize,
        mount: Option<(At, String)>,
        mut inherited: Inherited,
    ) -> usize {
        for middleware in app.middlewares {
            match middleware.trusted_proxies() {
                Some(proxies) if parent.is_none() => self.proxies.push(proxies.clone()),
                _ => inherited.chain.push(middleware),
            }
        }
        inherited.hooks.prepare.extend(app.prepare);
        inherited.hooks.renderer = app.renderer.or(inherited.hooks.renderer);
        inherited.hooks.on_error = app.on_error.or(inherited.hooks.on_error);
        inherited.fallback = app.fallback.or(inherited.fallback);
        inherited.limit = app.limit.unwrap_or(inherited.limit);
        inherited.to_its_end = app.to_its_end.unwrap_or(inherited.to_its_end);
        let state = self.state(app.state);
        let id = self.apps.len();
        let position = Position {
            app: id,
            prefix: mount.as_ref().map_or_else(String::new, |(_, prefix)| prefix.clone()),
            chain: inherited.chain.clone(),
            limit: inherited.limit,
            guards: Vec::new(),
            to_its_end: inherited.to_its_end,
        };
        self.apps.push(FlatApp {
            parent,
            table,
            mount,
            state,
            provides: app.provides,
            steps: app.steps,
            children: Vec::new(),
            inherited,
        });
        self.items(app.items, &position);
        id
    }

    /// Keeps the first value of each key.
    fn state(&mut self, given: Vec<(At, Slot)>) -> Vec<Slot> {
        let mut kept: Vec<(At, Slot)> = Vec::with_capacity(given.len());
        for (at, slot) in given {
            match kept.iter().find(|(_, other)| other.key == slot.key) {
                None => kept.push((at, slot)),
                Some(&(first, _)) => self.errors.push(BuildError::DuplicateState {
                    at,
                    first,
                    key: slot.key.name(),
                    type_name: slot.type_name,
                }),
            }
        }
        kept.into_iter().map(|(_, slot)| slot).collect()
    }

    fn items(&mut self, items: Vec<Item>, position: &Position) {
        for item in items {
            match item {
                Item::Route(route) => self.route(route, position),
                Item::Group(group) => self.group(group, position),
                #[cfg(feature = "files")]
                Item::Statics(statics) => self.statics(statics, position),
                Item::App { at, place, app } => self.child(at, place, app, position),
            }
        }
    }

    /// Joins what stands below a prefix to it; `None` for what would melt into it, without a `/`.
    fn join(&mut self, at: At, prefix: &str, pattern: &str) -> Option<String> {
        if !pattern.is_empty() && !pattern.starts_with('/') {
            let (pattern, source) = (pattern.into(), PatternError::NoSlash);
            self.errors.push(RouteError::Pattern { at, pattern, source }.into());
            return None;
        }
        Some(Pattern::join(prefix, pattern))
    }

    fn route(&mut self, route: RouteDef, position: &Position) {
        let at = route.at;
        let Some(pattern) = self.join(at, &position.prefix, &route.pattern) else { return };
        if route.methods.is_empty() {
            let pattern = pattern.as_str().into();
            self.errors.push(BuildError::NoHandler { at, pattern });
        }
        if let Some(name) = route.name.clone() {
            self.names.push(FlatName { app: position.app, at, name, pattern: pattern.clone() });
        }
        let mut chain = position.chain.clone();
        chain.extend(route.middlewares);
        let limit = route.limit.unwrap_or(position.limit);
        let to_its_end = route.to_its_end.unwrap_or(position.to_its_end);
        let mut guards = position.guards.clone();
        guards.extend(route.guards);
        for method in route.methods {
            if is_lower_case(&method.method) {
                let (at, method) = (method.at, method.method.clone());
                self.errors.push(BuildError::LowerCaseMethod { at, method });
            }
            self.routes.push(FlatRoute {
                app: position.app,
                at: method.at,
                method: method.method,
                pattern: pattern.clone(),
                name: route.name.clone(),
                handler: method.handler,
                chain: chain.clone(),
                limit,
                head: route.head,
                guards: guards.clone(),
                to_its_end,
            });
        }
    }

    /// A route for the files below a prefix, which are kept as state under the route's name as well.
    #[cfg(feature = "files")]
    fn statics(&mut self, statics: crate::Statics, position: &Position) {
        let (at, name) = (statics.at, statics.name);
        let pattern = format!("{}/{{path:.*}}", statics.prefix.trim_end_matches('/'));
        let files = match statics.build() {
            Ok(files) => files,
            Err(source) => return self.errors.push(BuildError::Statics { at, source }),
        };
        if let Some(name) = name {
            let key = dunlin_core::StateKey::<crate::statics::Files>::new(name);
            let slot = Slot::new(&key, files.clone());
            let state = &mut self.apps[position.app].state;
            // A second one is told as a name that is taken.
            if !state.iter().any(|other| other.key == slot.key) {
                state.push(slot);
            }
        }
        let serve = move |req: dunlin_core::Request| files.clone().serve(req);
        let mut route = crate::route::get(&pattern, serve);
        (route.at, route.name) = (at, name.map(Into::into));
        for method in &mut route.methods {
            method.at = at;
        }
        self.route(route, position);
    }

    fn group(&mut self, group: Group, position: &Position) {
        let Some(prefix) = self.join(group.at, &position.prefix, &group.prefix) else { return };
        let mut inner = Position { prefix, ..position.clone() };
        inner.chain.extend(group.middlewares);
        inner.limit = group.limit.unwrap_or(position.limit);
        inner.guards.extend(group.guards);
        inner.to_its_end = group.to_its_end.unwrap_or(position.to_its_end);
        self.items(group.items, &inner);
    }

    fn child(&mut self, at: At, place: Place, app: App, position: &Position) {
        let parent = position.app;
        let (table, mount) = match place {
            Place::Prefix(prefix) => {
                if let Err(error) = check_prefix(at, &prefix) {
                    self.errors.push(error);
                }
                let whole = Pattern::join(&position.prefix, prefix.trim_end_matches('/'));
                (self.apps[parent].table, Some((at, whole)))
            }
            Place::Host(host) => {
                if parent != 0 {
                    self.errors.push(BuildError::NestedHost { at, host: host.clone() });
                }
                self.hosts.push((at, host));
                (self.hosts.len(), None)
            }
        };
        let inherited = self.apps[parent].inherited.clone();
        let id = self.app(app, Some(parent), table, mount, inherited);
        self.apps[parent].children.push(id);
    }
}

fn check_prefix(at: At, prefix: &str) -> Result<(), BuildError> {
    let trimmed = prefix.trim_end_matches('/');
    if trimmed.is_empty() || !prefix.starts_with('/') {
        return Err(BuildError::BadPrefix { at, prefix: prefix.into() });
    }
    // A route below it must parse too, which one below a tail would not.
    match Pattern::parse(&Pattern::join(trimmed, "/x")) {
        Ok(_) => Ok(()),
        Err(source) => Err(RouteError::Pattern { at, pattern: prefix.into(), source }.into()),
    }
}

/// Whether a method is a registered one but for its case.
fn is_lower_case(method: &str) -> bool {
    const REGISTERED: [&str; 9] =
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"];
    REGISTERED.iter().any(|known| *known != method && known.eq_ignore_ascii_case(method))
}
