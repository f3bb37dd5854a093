//! From what was registered to tables, with every mistake on the way.

use std::collections::HashMap;
use std::panic::Location;
use std::sync::{Arc, OnceLock};

use dunlin_core::{CheckError, RouteInfo, StateInfo};
use dunlin_router::{BuildError as RouteError, HostRouter, Pattern, Router, RouterBuilder};

use super::built::BuiltApp;
use super::lifecycle::{Lifecycles, Pending};
use super::state::{Level, Named, Names, Store};
use super::tree::{FlatApp, FlatName, FlatRoute, Tree};
use super::{App, BuildError, BuildErrors};
use crate::handler::{Erased, erase};
use crate::route::{Alternative, Endpoint, Misses, Mounted, Table, Tables, missed};

pub(super) fn build(app: App) -> Result<BuiltApp, BuildErrors> {
    let Tree { mut apps, routes, names, hosts: host_names, proxies, mut errors } = Tree::of(app);
    let names = self::names(names, &mut errors);
    #[cfg(feature = "tasks")]
    let tasks = tasks(&mut apps);
    let levels = levels(&mut apps, names);
    let mut build = Build { apps: &apps, levels: &levels, pending: Vec::new(), errors };
    let misses: Vec<Misses> = (0..apps.len()).map(|app| build.misses(app)).collect();
    let endpoints: Vec<Ready> = routes.into_iter().map(|route| build.ready(route)).collect();
    let Build { pending, mut errors, .. } = build;
    let endpoints = alternatives(endpoints);
    let mut tables = Vec::new();
    for table in 0..=host_names.len() {
        match self::table(table, &apps, &endpoints, &misses) {
            Ok(table) => tables.push(table),
            Err(wrong) => errors.extend(wrong.into_iter().map(BuildError::from)),
        }
    }
    let hosts = match self::hosts(&host_names) {
        Ok(hosts) => hosts,
        Err(wrong) => {
            errors.extend(wrong.into_iter().map(BuildError::from));
            None
        }
    };
    BuildErrors::check(errors)?;
    let lifecycles = Lifecycles::new(apps, &levels, pending);
    #[cfg(feature = "tasks")]
    let lifecycles = lifecycles.with_tasks(tasks);
    let host_names = host_names.into_iter().map(|(_, host)| host).collect();
    let tables = Arc::new(Tables { tables, hosts, proxies });
    if let Some(level) = levels.first() {
        // All levels share it. Weak, since the tables' own endpoints hold them.
        let _ = level.tables.set(Arc::downgrade(&tables));
    }
    Ok(BuiltApp { tables, hosts: host_names, lifecycles })
}

/// The background tasks of all apps, kept as state of the outermost.
#[cfg(feature = "tasks")]
fn tasks(apps: &mut [FlatApp]) -> crate::Tasks {
    let on_error = apps.first().and_then(|app| app.inherited.hooks.on_error.clone());
    let tasks = crate::Tasks::new(on_error);
    if let Some(app) = apps.first_mut() {
        app.state.push(super::Slot::new(&crate::tasks::KEY, tasks.clone()));
    }
    tasks
}

/// The names of all apps.
fn names(given: Vec<FlatName>, errors: &mut Vec<BuildError>) -> Arc<Names> {
    let mut names = Names::new();
    for FlatName { app, at, name, pattern } in given {
        if !name.split(['.', ':', '-']).all(is_identifier) {
            errors.push(BuildError::BadName { at, name });
            continue;
        }
        // Patterns that do not parse are the router's to tell.
        let Ok(pattern) = Pattern::parse(&pattern) else { continue };
        let named = names.entry(name.clone()).or_default();
        match named.iter().find(|named| named.app == app) {
            None => named.push(Named { app, pattern, at }),
            // Methods of one pattern may share its name.
            Some(other) if other.pattern.as_str() == pattern.as_str() => {}
            Some(other) => errors.push(BuildError::DuplicateName {
                at,
                first: other.at,
                name,
                other: other.pattern.as_str().into(),
            }),
        }
    }
    Arc::new(names)
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic())
        && text.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric())
}

/// Each app's state, linked to that of the app around it.
fn levels(apps: &mut [FlatApp], names: Arc<Names>) -> Vec<Arc<Level>> {
    let mut levels: Vec<Arc<Level>> = Vec::with_capacity(apps.len());
    let tables = Arc::default();
    for (id, app) in apps.iter_mut().enumerate() {
        levels.push(Arc::new(Level {
            id,
            parent: app.parent.map(|parent| levels[parent].clone()),
            state: Store::new(std::mem::take(&mut app.state)),
            names: names.clone(),
            tables: Arc::clone(&tables),
        }));
    }
    levels
}

struct Build<'a> {
    apps: &'a [FlatApp],
    levels: &'a [Arc<Level>],
    /// Handlers that lack state which a startup step may set.
    pending: Vec<Pending>,
    errors: Vec<BuildError>,
}

/// A route with its endpoint.
struct Ready {
    app: usize,
    at: &'static Location<'static>,
    method: Box<str>,
    pattern: String,
    name: Option<Box<str>>,
    head: bool,
    endpoint: Arc<Endpoint>,
}

impl Build<'_> {
    fn misses(&mut self, app: usize) -> Misses {
        let inherited = &self.apps[app].inherited;
        let endpoint = |handler: Arc<dyn Erased>| {
            Arc::new(Endpoint {
                handler,
                chain: inherited.chain.clone().into(),
                limit: inherited.limit,
                to_its_end: false,
                guards: Box::default(),
                next: OnceLock::new(),
                preflight: OnceLock::new(),
                hooks: inherited.hooks.clone(),
                covers: Box::default(),
                pattern: Box::default(),
                captures: Arc::new([]),
                level: self.levels[app].clone(),
            })
        };
        let plain = endpoint(erase(missed));
        let not_found = match &inherited.fallback {
            None => plain.clone(),
            Some((at, handler)) => {
                let endpoint = endpoint(handler.clone());
                self.check(app, at, "fallback", &endpoint);
                endpoint
            }
        };
        Misses { not_found, missed: plain }
    }

    fn ready(&mut self, route: FlatRoute) -> Ready {
        let parsed = Pattern::parse(&route.pattern);
        let captures = parsed.as_ref().map_or_else(|_| Arc::new([]) as _, |p| p.names().clone());
        let covers = parsed.as_ref().map_or_else(|_| Vec::new(), |p| self.covered(route.app, p));
        let endpoint = Arc::new(Endpoint {
            handler: route.handler,
            chain: route.chain.into(),
            limit: route.limit,
            to_its_end: route.to_its_end,
            guards: route.guards.into(),
            next: OnceLock::new(),
            preflight: OnceLock::new(),
            hooks: self.apps[route.app].inherited.hooks.clone(),
            covers: covers.into(),
            pattern: route.pattern.as_str().into(),
            captures,
            level: self.levels[route.app].clone(),
        });
        if parsed.is_ok() {
            self.check(route.app, route.at, &route.method, &endpoint);
        }
        Ready {
            app: route.app,
            at: route.at,
            method: route.method,
            pattern: route.pattern,
            name: route.name,
            head: route.head,
            endpoint,
        }
    }

    /// Asks a handler what its route lacks.
    fn check(
        &mut self,
        app: usize,
        at: &'static Location<'static>,
        method: &str,
        endpoint: &Arc<Endpoint>,
    ) {
        let declared = self.declared(app);
        let may_be_set = self.around(app).any(|app| self.apps[app].steps.start());
        let route = RouteInfo::new(&endpoint.captures, &declared);
        let (later, now): (Vec<_>, Vec<_>) = endpoint
            .handler
            .check(&route)
            .into_iter()
            .partition(|error| may_be_set && matches!(error, CheckError::MissingState { .. }));
        let guards = endpoint.guards.iter().filter_map(|guard| guard.check().err());
        let now = now.into_iter().chain(guards);
        let pending = Pending { at, method: method.into(), endpoint: endpoint.clone() };
        for error in now {
            // A fallback is checked again for each app that inherits it, which may have keys of its
            // own; what it lacks everywhere is told once.
            let told = |other: &BuildError| match other {
                BuildError::Handler { at: first, source, .. } => *first == at && *source == error,
                _ => false,
            };
            if !self.errors.iter().any(told) {
                self.errors.push(pending.error(error));
            }
        }
        if !later.is_empty() {
            self.pending.push(pending);
        }
    }

    /// The keys that have a value, or are to get one.
    fn declared(&self, app: usize) -> Vec<StateInfo> {
        let mut declared = self.levels[app].keys();
        for key in self.around(app).flat_map(|app| &self.apps[app].provides).map(|p| p.key) {
            if !declared.contains(&key) {
                declared.push(key);
            }
        }
        declared
    }

    fn around(&self, app: usize) -> impl Iterator<Item = usize> {
        around(self.apps, app)
    }

    /// The mounted apps of which a pattern outside their prefix may match paths.
    fn covered(&self, app: usize, pattern: &Pattern) -> Vec<usize> {
        if pattern.is_literal() {
            return Vec::new();
        }
        let covers = |(id, other): &(usize, &FlatApp)| {
            let Some((_, prefix)) = &other.mount else { return false };
            if other.table != self.apps[app].table || self.around(app).any(|around| around == *id) {
                return false;
            }
            let below = pattern.as_str().strip_prefix(&**prefix);
            if below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
                return false;
            }
            let mount = &prefix[..prefix.find('{').unwrap_or(prefix.len())];
            let own = pattern.literal_prefix();
            own.starts_with(mount) || mount.starts_with(own)
        };
        self.apps.iter().enumerate().filter(covers).map(|(id, _)| id).collect()
    }
}

/// An app and those around it.
fn around(apps: &[FlatApp], app: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(app), |app| apps[*app].parent)
}

/// Puts routes of the same pattern and method behind each other, as far as guards make room for them. What
/// stands behind one without guards is never reached, which the router tells.
fn alternatives(routes: Vec<Ready>) -> Vec<Ready> {
    let mut kept: Vec<Ready> = Vec::with_capacity(routes.len());
    // The last route of each kind.
    let mut last: HashMap<(usize, Box<str>, String), Arc<Endpoint>> = HashMap::new();
    for route in routes {
        let key = (route.app, route.method.clone(), route.pattern.clone());
        let before = last.insert(key, route.endpoint.clone());
        match before {
            Some(before) if !before.guards.is_empty() => {
                let (endpoint, at, name) = (route.endpoint, route.at, route.name);
                // Each is the last of its kind once, so that nothing stands behind it yet.
                let _ = before.next.set(Alternative { endpoint, at, name });
            }
            _ => kept.push(route),
        }
    }
    kept
}

type Routes = Result<Router<Arc<Endpoint>>, dunlin_router::BuildErrors>;

fn router<'a>(routes: impl Iterator<Item = &'a Ready>) -> Routes {
    let mut builder: RouterBuilder<Arc<Endpoint>> = Router::builder();
    for route in routes {
        let endpoint = route.endpoint.clone();
        let id = builder.add_located(route.at, &route.method, &route.pattern, endpoint);
        builder.answer_head(id, route.head);
    }
    builder.build()
}

/// The table of one host, or of none.
fn table(
    table: usize,
    apps: &[FlatApp],
    routes: &[Ready],
    misses: &[Misses],
) -> Result<Table, Vec<RouteError>> {
    let here = || routes.iter().filter(|route| apps[route.app].table == table);
    let mut mounts = Router::builder();
    let mut top = None;
    for (id, app) in apps.iter().enumerate().filter(|(_, app)| app.table == table) {
        let misses = misses[id].clone();
        let Some((at, prefix)) = &app.mount else {
            top = Some(misses);
            continue;
        };
        let covered = here().any(|route| route.endpoint.covers.contains(&id));
        let inside = |route: &&Ready| around(apps, route.app).any(|app| app == id);
        // Its mistakes are those of the whole table, which tells them.
        let own = if covered { router(here().filter(inside)).ok() } else { None };
        mounts.mount_located(at, prefix, Mounted { id, own, misses });
    }
    match (router(here()), mounts.build(), top) {
        (Ok(router), Ok(mounts), Some(misses)) => {
            let mounted = mounts.routes().len() > 0;
            let mounts = mounted.then_some(mounts);
            Ok(Table { router, mounts, misses, names: here().map(|r| r.name.clone()).collect() })
        }
        (routes, mounts, _) => {
            // Prefixes that do not parse were told when the apps were gone through.
            let parse = |error: &RouteError| !matches!(error, RouteError::Pattern { .. });
            let mounts = mounts.err().into_iter().flatten().filter(parse);
            Err(routes.err().into_iter().flatten().chain(mounts).collect())
        }
    }
}

fn hosts(
    hosts: &[(&'static Location<'static>, Box<str>)],
) -> Result<Option<HostRouter<usize>>, dunlin_router::BuildErrors> {
    if hosts.is_empty() {
        return Ok(None);
    }
    let mut builder = HostRouter::builder();
    for (index, (at, host)) in hosts.iter().enumerate() {
        builder.add_located(at, host, index + 1);
    }
    builder.build().map(Some)
}
