//! Registration: nothing fails until [`RouterBuilder::build`], which then tells everything.

use std::collections::HashMap;
use std::fmt;
use std::panic::Location;

use crate::error::{BuildError, BuildErrors};
use crate::literals::Literals;
use crate::methods::{Methods, is_token};
use crate::pattern::{Pattern, is_identifier};
use crate::router::{Entry, Resource, RouteId, Router};
use crate::shadow::shadowed;
use crate::tree::{Draft, Tree};

/// Collects routes, and with each the place in the source that registered it.
///
/// ```
/// use dunlin_router::Router;
///
/// let mut routes = Router::builder();
/// let list = routes.add_method("GET", "/users", "list");
/// routes.name(list, "users");
/// routes.add_method("POST", "/users", "create");
/// routes.mount("/static", "files");
/// let router = routes.build()?;
/// assert_eq!(router.at("/static/css/a.css").unwrap().value(), &"files");
/// # Ok::<(), dunlin_router::BuildErrors>(())
/// ```
pub struct RouterBuilder<T> {
    records: Vec<Record<T>>,
}

struct Record<T> {
    location: &'static Location<'static>,
    pattern: Box<str>,
    /// `None`: any.
    method: Option<Box<str>>,
    value: T,
    name: Option<Box<str>>,
    head: bool,
    /// Whether everything below the pattern matches as well.
    mount: bool,
}

impl<T> RouterBuilder<T> {
    /// An empty table.
    pub fn new() -> Self {
        Self { records: Vec::new() }
    }

    /// Adds a route for every method.
    #[track_caller]
    pub fn add(&mut self, pattern: &str, value: T) -> RouteId {
        self.push(Location::caller(), None, pattern, value, false)
    }

    /// Adds a route for `method`, exactly as written, or for every method where that is `*`.
    ///
    /// A route for `GET` answers `HEAD` too where the pattern has no route for that: see
    /// [`answer_head`](Self::answer_head).
    #[track_caller]
    pub fn add_method(&mut self, method: &str, pattern: &str, value: T) -> RouteId {
        self.add_located(Location::caller(), method, pattern, value)
    }

    /// The same for a layer above that has recorded where its own caller stands.
    pub fn add_located(
        &mut self,
        location: &'static Location<'static>,
        method: &str,
        pattern: &str,
        value: T,
    ) -> RouteId {
        let method = (method != "*").then_some(method);
        self.push(location, method, pattern, value, false)
    }

    /// Adds a route for every method at `prefix` and everything below it.
    ///
    /// `/x` takes `/x`, `/x/` and `/x/y`, and not `/xy`. The prefix may have captures; what is below
    /// it is not captured. Of several, the most specific answers; slashes at its end are dropped.
    #[track_caller]
    pub fn mount(&mut self, prefix: &str, value: T) -> RouteId {
        self.mount_located(Location::caller(), prefix, value)
    }

    /// The same for a layer above that has recorded where its own caller stands.
    pub fn mount_located(
        &mut self,
        location: &'static Location<'static>,
        prefix: &str,
        value: T,
    ) -> RouteId {
        self.push(location, None, prefix.trim_end_matches('/'), value, true)
    }

    /// Names a route, so that [`Router::url_for`] finds its pattern.
    ///
    /// A name is identifiers joined by `.`, `:` or `-`. Routes of one pattern may share a name;
    /// a second name for a route replaces the first. An id of another table is ignored.
    pub fn name(&mut self, id: RouteId, name: &str) -> &mut Self {
        if let Some(record) = self.records.get_mut(id.index()) {
            record.name = Some(name.into());
        }
        self
    }

    /// Whether a route for `GET` answers `HEAD` as well. Default: yes.
    pub fn answer_head(&mut self, id: RouteId, answer: bool) -> &mut Self {
        if let Some(record) = self.records.get_mut(id.index()) {
            record.head = answer;
        }
        self
    }

    /// Checks everything and makes the table.
    ///
    /// # Errors
    ///
    /// [`BuildErrors`] with every mistake, in the order of registration.
    pub fn build(self) -> Result<Router<T>, BuildErrors> {
        let mut build = Build {
            router: Router {
                tree: Tree::new(Draft::new()),
                resources: Vec::new(),
                routes: Vec::with_capacity(self.records.len()),
                names: HashMap::new(),
                literals: Literals::default(),
            },
            draft: Draft::new(),
            stamps: Vec::new(),
            locations: self.records.iter().map(|record| record.location).collect(),
            errors: Vec::new(),
        };
        for (index, record) in self.records.into_iter().enumerate() {
            build.add(RouteId::new(index), record);
        }
        build.finish()
    }

    fn push(
        &mut self,
        location: &'static Location<'static>,
        method: Option<&str>,
        pattern: &str,
        value: T,
        mount: bool,
    ) -> RouteId {
        let id = RouteId::new(self.records.len());
        self.records.push(Record {
            location,
            pattern: pattern.into(),
            method: method.map(Into::into),
            value,
            name: None,
            head: true,
            mount,
        });
        id
    }
}

impl<T> Default for RouterBuilder<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for RouterBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns = self.records.iter().map(|record| &record.pattern);
        f.debug_list().entries(patterns).finish()
    }
}

/// A table that is being checked.
struct Build<T> {
    /// Once there is an error its routes may miss some, so that ids no longer count.
    router: Router<T>,
    /// What the router's tree is made of at the end.
    draft: Draft,
    /// Of each resource: when the edges that lead to it were made.
    stamps: Vec<Vec<u32>>,
    /// Of each route.
    locations: Vec<&'static Location<'static>>,
    errors: Vec<(RouteId, BuildError)>,
}

impl<T> Build<T> {
    fn add(&mut self, id: RouteId, record: Record<T>) {
        let at = record.location;
        let parsed = Pattern::parse(&record.pattern);
        if let Some(method) = &record.method
            && !is_token(method)
        {
            self.errors.push((id, BuildError::BadMethod { at, method: method.clone() }));
        }
        let pattern = match parsed {
            Ok(pattern) => pattern,
            Err(source) => {
                let pattern = record.pattern;
                return self.errors.push((id, BuildError::Pattern { at, pattern, source }));
            }
        };
        let resource = self.resource(id, &pattern, &record);
        if let Some(name) = &record.name {
            self.name(id, name, resource, at);
        }
        self.router.routes.push(Entry {
            value: record.value,
            resource,
            method: record.method,
            name: record.name,
            pattern,
            head: record.head,
            location: at,
        });
    }

    /// Finds or makes the resource of `pattern`, and gives it the method.
    fn resource(&mut self, id: RouteId, pattern: &Pattern, record: &Record<T>) -> u32 {
        let next = self.router.resources.len() as u32;
        let mut stamps = Vec::new();
        let resource = self.draft.insert(pattern.pieces(), next, &mut stamps);
        if resource == next {
            let methods = Methods::default();
            self.router.resources.push(Resource { pattern: pattern.clone(), methods });
            self.stamps.push(stamps);
        }
        self.method(id, resource, pattern, record);
        if record.mount {
            let below = self.draft.insert_below(pattern.pieces(), resource);
            if below != resource {
                self.method(id, below, pattern, record);
            }
        }
        resource
    }

    fn method(&mut self, id: RouteId, resource: u32, pattern: &Pattern, record: &Record<T>) {
        let at = record.location;
        let resource = &mut self.router.resources[resource as usize];
        let text = || Box::from(pattern.as_str());
        let method = || record.method.clone().unwrap_or_else(|| "*".into());
        // A resource without a route is one that this very call has made.
        if let Some(first) = resource.methods.first() {
            let other = resource.pattern.as_str().into();
            let location = |id: RouteId| self.locations[id.index()];
            let names = !record.mount && resource.pattern.names() != pattern.names();
            let error = match (&record.method, resource.methods.any()) {
                _ if names => {
                    BuildError::NamesDiffer { at, first: location(first), pattern: text(), other }
                }
                (None, Some(first)) => BuildError::DuplicateMethod {
                    at,
                    first: location(first),
                    pattern: text(),
                    method: method(),
                },
                (None, None) => BuildError::AnyBesideMethod {
                    at,
                    first: location(first),
                    pattern: text(),
                    method: resource.methods.iter().next().unwrap_or("*").into(),
                },
                (Some(_), Some(first)) => BuildError::AnyBesideMethod {
                    at,
                    first: location(first),
                    pattern: text(),
                    method: method(),
                },
                (Some(name), None) => match resource.methods.named(name) {
                    Some(first) => BuildError::DuplicateMethod {
                        at,
                        first: location(first),
                        pattern: text(),
                        method: method(),
                    },
                    None => return resource.methods.insert(name, id),
                },
            };
            return self.errors.push((id, error));
        }
        match &record.method {
            Some(method) => resource.methods.insert(method, id),
            None => resource.methods.set_any(id),
        }
    }

    fn name(&mut self, id: RouteId, name: &str, resource: u32, at: &'static Location<'static>) {
        if !name.split(['.', ':', '-']).all(is_identifier) {
            return self.errors.push((id, BuildError::BadName { at, name: name.into() }));
        }
        let other = *self.router.names.entry(name.into()).or_insert(resource);
        if other != resource {
            let holder = self
                .router
                .routes
                .iter()
                .find(|entry| entry.resource == other && entry.name.as_deref() == Some(name));
            let text = |resource| self.router.resources[resource as usize].pattern.as_str().into();
            let error = BuildError::DuplicateName {
                at,
                first: holder.map_or(at, |entry| entry.location),
                name: name.into(),
                pattern: text(resource),
                other: text(other),
            };
            self.errors.push((id, error));
        }
    }

    fn finish(mut self) -> Result<Router<T>, BuildErrors> {
        if self.errors.is_empty() {
            self.errors = shadowed(&self.router, &self.stamps);
        }
        self.errors.sort_by_key(|(id, _)| *id);
        BuildErrors::check(self.errors.into_iter().map(|(_, error)| error))?;
        let Router { resources, routes, .. } = &mut self.router;
        for methods in resources.iter_mut().map(|resource| &mut resource.methods) {
            if let Some(get) = methods.named("GET")
                && methods.named("HEAD").is_none()
                && routes[get.index()].head
            {
                methods.insert("HEAD", get);
            }
            methods.finish();
        }
        for (index, resource) in self.router.resources.iter().enumerate() {
            // A pattern's literal is in the normal form that paths are compared in.
            if let Some(path) = resource.pattern.literal() {
                self.router.literals.insert(path, index as u32);
            }
        }
        self.router.literals.finish();
        self.router.tree = Tree::new(self.draft);
        Ok(self.router)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mistakes in a table of `METHOD pattern name` lines, without their places.
    fn mistakes(table: &[&str]) -> Vec<String> {
        let mut builder = Router::builder();
        for line in table {
            let mut words = line.split(' ');
            let (method, pattern) = (words.next().unwrap(), words.next().unwrap());
            let id = builder.add_method(method, pattern, ());
            if let Some(name) = words.next() {
                builder.name(id, name);
            }
        }
        let Err(errors) = builder.build() else { return Vec::new() };
        let place = |error: &BuildError| format!("{}: ", error.location());
        errors.iter().map(|error| error.to_string().replace(&place(error), "")).collect()
    }

    fn first(mistake: &str) -> &str {
        mistake.split(" (registered").next().unwrap()
    }

    #[test]
    fn all_mistakes_are_told_together_with_their_places() {
        let mut builder = Router::builder();
        builder.add("/{a", ());
        builder.add("/ok", ());
        let line = line!() + 1;
        builder.add_method("GE T", "b", ());
        let errors = builder.build().unwrap_err();
        assert_eq!(errors.iter().count(), 3);
        assert!(errors.iter().skip(1).all(|error| error.location().line() == line));
        assert!(errors.to_string().contains(&format!("{}:{line}:", file!())));
    }

    #[test]
    fn a_method_stands_once_on_a_pattern() {
        let table = ["GET /a", "POST /a", "GET /a"];
        assert_eq!(mistakes(&table).len(), 1);
        assert_eq!(first(&mistakes(&table)[0]), "`/a` already has GET");
        assert_eq!(first(&mistakes(&["* /a", "* /a"])[0]), "`/a` already has *");
        assert!(mistakes(&["GET /a", "get /a", "GET /a/"]).is_empty());
    }

    #[test]
    fn any_method_stands_alone() {
        for table in [["* /a", "GET /a"], ["GET /a", "* /a"]] {
            assert_eq!(first(&mistakes(&table)[0]), "`/a` has both `*` and GET");
        }
    }

    #[test]
    fn spellings_of_one_pattern_are_one_pattern() {
        assert_eq!(mistakes(&["GET /caf%c3%a9", "GET /café"]).len(), 1);
        assert_eq!(mistakes(&[r"GET /{a:\d+}", "GET /{a:[0-9]+}"]).len(), 1);
        assert_eq!(mistakes(&["GET /{a:[^/]+}", "GET /{a}"]).len(), 1);
        assert!(mistakes(&["GET /{a:[^/]+}", "POST /{a}"]).is_empty());
    }

    #[test]
    fn one_shape_has_one_set_of_names() {
        let found = mistakes(&["GET /users/{id}", "POST /users/{user}"]);
        assert_eq!(
            first(&found[0]),
            "`/users/{user}` names the captures of `/users/{id}` otherwise"
        );
    }

    #[test]
    fn names_are_unique_per_pattern() {
        assert!(
            mistakes(&["GET /a users.list", "POST /a users.list", "GET /b b:c-d_1"]).is_empty()
        );
        let found = mistakes(&["GET /a x", "GET /b x"]);
        assert_eq!(first(&found[0]), "`/b` has the name `x` of `/a`");
        for name in ["1a", "a..b", ".a", "a/b", "é"] {
            assert_eq!(mistakes(&[&format!("GET /a {name}")]).len(), 1, "{name}");
        }
    }

    #[test]
    fn a_mount_takes_its_prefix_and_what_is_below() {
        let mut builder = Router::builder();
        builder.mount("/x", 0);
        builder.mount("/x/y/", 1);
        builder.mount("/{org}/admin", 2);
        builder.add("/x/y/z", 3);
        let router = builder.build().unwrap();
        let at = |path| router.at(path).map(|found| *found.value());
        assert_eq!([at("/x"), at("/x/"), at("/x/a/b"), at("/x/%79y")], [Some(0); 4]);
        assert_eq!([at("/x/y"), at("/x/y/a")], [Some(1); 2]);
        assert_eq!(at("/x/y/z"), Some(3));
        assert_eq!([at("/xy"), at("/"), at("")], [None; 3]);
        let found = router.at("/acme/admin/users").unwrap();
        assert_eq!((found.value(), found.get("org")), (&2, Some("acme")));
        assert_eq!(found.captures().len(), 1);
    }

    #[test]
    fn a_mount_at_the_root_takes_everything() {
        let mut builder = Router::builder();
        builder.mount("/", ());
        let router = builder.build().unwrap();
        assert!(["", "/", "/a", "//"].iter().all(|path| router.at(path).is_some()));
        assert!(router.at("*").is_none());
    }

    #[test]
    fn a_mount_and_a_tail_in_one_place_are_a_mistake() {
        let mut builder = Router::builder();
        builder.add_method("GET", "/x/{rest:.*}", ());
        builder.mount("/x", ());
        assert_eq!(builder.build().unwrap_err().iter().count(), 1);
    }
}
