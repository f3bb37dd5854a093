//! The finished table: from a path, and a method if there is one, to a value.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::ops::ControlFlow;
use std::panic::Location;
use std::sync::Arc;

use crate::builder::RouterBuilder;
use crate::escape::{DecodeError, decode, has_percent, map_back, normalise};
use crate::literals::Literals;
use crate::methods::{Allow, Method, Methods};
use crate::params::Captures;
use crate::pattern::Pattern;
use crate::table::Route;
use crate::tree::Tree;
use crate::url::{UrlBuilder, UrlError};

/// An immutable table of routes. Share it behind an [`Arc`].
///
/// ```
/// use dunlin_router::{Outcome, Router};
///
/// let mut routes = Router::builder();
/// routes.add_method("GET", "/users/{id}", "show");
/// routes.add_method("DELETE", "/users/{id}", "delete");
/// let router = routes.build()?;
///
/// match router.find("POST", "/users/7") {
///     Outcome::Found(found) => println!("{} of {:?}", found.value(), found.get("id")),
///     Outcome::MethodNotAllowed(allow) => assert_eq!(allow.text(), "DELETE, GET, HEAD"),
///     Outcome::Malformed(error) => println!("400: {error}"),
///     _ => println!("404"),
/// }
/// # Ok::<(), dunlin_router::BuildErrors>(())
/// ```
pub struct Router<T> {
    pub(crate) tree: Tree,
    pub(crate) resources: Vec<Resource>,
    pub(crate) routes: Vec<Entry<T>>,
    /// Route names to indices of resources.
    pub(crate) names: HashMap<Box<str>, u32>,
    /// Resources whose pattern captures nothing: where such a one fits, it goes before all others.
    pub(crate) literals: Literals,
}

/// One shape of path: what the tree leads to.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) pattern: Pattern,
    pub(crate) methods: Methods,
}

#[derive(Debug)]
pub(crate) struct Entry<T> {
    pub(crate) value: T,
    pub(crate) resource: u32,
    pub(crate) method: Option<Box<str>>,
    pub(crate) name: Option<Box<str>>,
    pub(crate) pattern: Pattern,
    pub(crate) head: bool,
    pub(crate) location: &'static Location<'static>,
}

/// Which route of its table: they count up from zero in the order of registration.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RouteId(u32);

impl RouteId {
    pub(crate) fn new(index: usize) -> Self {
        Self(index as u32)
    }

    /// The number, to keep further facts about routes in a `Vec`.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a table says to a method and a path.
///
/// ```
/// use dunlin_router::{Outcome, Router};
///
/// let mut routes = Router::builder();
/// routes.add_method("GET", "/birds/{name}", "show");
/// let router = routes.build()?;
///
/// let answer = |method, path| match router.find(method, path) {
///     Outcome::Found(found) => format!("{} {}", found.value(), found.get("name").unwrap()),
///     Outcome::MethodNotAllowed(_) => "405".to_owned(),
///     Outcome::NotFound => "404".to_owned(),
///     _ => "400".to_owned(),
/// };
/// assert_eq!(answer("GET", "/birds/dunlin"), "show dunlin");
/// assert_eq!(answer("PUT", "/birds/dunlin"), "405");
/// assert_eq!(answer("GET", "/trees"), "404");
/// assert_eq!(answer("GET", "/birds/%zz"), "400");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[non_exhaustive]
#[derive(Debug)]
pub enum Outcome<'r, 'p, T> {
    /// This route answers.
    Found(Match<'r, 'p, T>),
    /// Patterns match the path, but none of them has the method: 405.
    MethodNotAllowed(Allow<'r>),
    /// No pattern matches the path: 404.
    NotFound,
    /// The path has a `%` without two hex digits: 400. No pattern was tried.
    Malformed(DecodeError),
}

/// A route that matches a path.
pub struct Match<'r, 'p, T> {
    router: &'r Router<T>,
    route: RouteId,
    path: &'p [u8],
    captures: Captures,
}

impl<T> Router<T> {
    /// An empty table to add routes to.
    pub fn builder() -> RouterBuilder<T> {
        RouterBuilder::new()
    }

    /// The route that answers `method` at `path`.
    ///
    /// `path` is the path of a URL as it was received: still percent-encoded, without query. Methods
    /// are case-sensitive (RFC 9110 §9.1). Where the most specific pattern lacks the method, less
    /// specific ones that match are asked too; only if all lack it, it is not allowed.
    pub fn find<'r, 'p>(&'r self, method: &str, path: &'p str) -> Outcome<'r, 'p, T> {
        self.find_bytes(method, path.as_bytes())
    }

    /// As [`find`](Self::find), for a path that nobody has checked to be UTF-8: matching compares
    /// bytes, so a caller that has bytes need not pay for the check.
    #[inline]
    pub fn find_bytes<'r, 'p>(&'r self, method: &str, path: &'p [u8]) -> Outcome<'r, 'p, T> {
        let method = Method::new(method);
        if let Some(resource) = self.literals.get(path)
            && let Some(route) = self.resources[resource as usize].methods.find(method)
        {
            let captures = Captures::new();
            return Outcome::Found(Match { router: self, route, path, captures });
        }
        let mut allow: Option<Allow<'r>> = None;
        let mut captures = Captures::new();
        let flow = self.walk(path, &mut captures, |resource| {
            if let Some(route) = resource.methods.find(method) {
                return ControlFlow::Break(route);
            }
            match &mut allow {
                Some(allow) => allow.add(&resource.methods),
                None => allow = Some(Allow::new(&resource.methods)),
            }
            ControlFlow::Continue(())
        });
        match flow {
            Ok(ControlFlow::Break(route)) => {
                Outcome::Found(Match { router: self, route, path, captures })
            }
            Ok(ControlFlow::Continue(())) => {
                allow.map_or(Outcome::NotFound, Outcome::MethodNotAllowed)
            }
            Err(error) => Outcome::Malformed(error),
        }
    }

    /// The most specific match for `path`, whatever its methods; of several routes, the first.
    ///
    /// For tables without methods. `None` also where `path` has a broken escape.
    pub fn at<'r, 'p>(&'r self, path: &'p str) -> Option<Match<'r, 'p, T>> {
        let first = |resource: &Resource| match resource.methods.first() {
            Some(route) => ControlFlow::Break(route),
            None => ControlFlow::Continue(()),
        };
        let (path, mut captures) = (path.as_bytes(), Captures::new());
        match self.walk(path, &mut captures, first) {
            Ok(ControlFlow::Break(route)) => Some(Match { router: self, route, path, captures }),
            Ok(ControlFlow::Continue(())) | Err(_) => None,
        }
    }

    /// Begins a URL for the pattern with a route named `name`.
    ///
    /// ```
    /// # use dunlin_router::Router;
    /// let mut routes = Router::builder();
    /// let show = routes.add("/users/{id}", ());
    /// routes.name(show, "user.show");
    /// let router = routes.build()?;
    /// let url = router.url_for("user.show")?.param("id", "a/b").query([("full", 1)]).build()?;
    /// assert_eq!(url, "/users/a%2Fb?full=1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`UrlError::UnknownName`] where no route has that name.
    pub fn url_for(&self, name: &str) -> Result<UrlBuilder<'_>, UrlError> {
        match self.names.get(name) {
            Some(&resource) => Ok(UrlBuilder::new(&self.resources[resource as usize].pattern)),
            None => Err(UrlError::UnknownName { name: name.into() }),
        }
    }

    /// All routes in the order of registration.
    pub fn routes(&self) -> impl ExactSizeIterator<Item = Route<'_, T>> {
        (0..self.routes.len()).map(|index| Route { router: self, id: RouteId::new(index) })
    }

    /// The route that registration called `id`.
    ///
    /// `None` for an id of another table.
    pub fn route(&self, id: RouteId) -> Option<Route<'_, T>> {
        self.routes.get(id.index()).map(|_| Route { router: self, id })
    }

    /// Offers `visit` the resources that `path` names until it breaks, which is where `captures` counts.
    #[inline]
    fn walk<'r>(
        &'r self,
        path: &[u8],
        captures: &mut Captures,
        mut visit: impl FnMut(&'r Resource) -> ControlFlow<RouteId>,
    ) -> Result<ControlFlow<RouteId>, DecodeError> {
        if u32::try_from(path.len()).is_err() {
            return Ok(ControlFlow::Continue(()));
        }
        let visit = |resource| visit(&self.resources[resource as usize]);
        if !has_percent(path) {
            return Ok(self.tree.walk(path, captures, visit));
        }
        let flow = self.tree.walk(&normalise(path)?, captures, visit);
        map_back(path, captures);
        Ok(flow)
    }
}

impl<T> fmt::Debug for Router<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.routes()).finish()
    }
}

impl<'r, 'p, T> Match<'r, 'p, T> {
    /// What was registered.
    pub fn value(&self) -> &'r T {
        &self.entry().value
    }

    /// The id that registration gave.
    pub fn id(&self) -> RouteId {
        self.route
    }

    /// What is known about the route.
    pub fn route(&self) -> Route<'r, T> {
        Route { router: self.router, id: self.route }
    }

    /// The pattern.
    pub fn pattern(&self) -> &'r Pattern {
        &self.entry().pattern
    }

    /// The path that was matched.
    pub fn path(&self) -> &'p [u8] {
        self.path
    }

    /// The names of the captures, in pattern order: clone it to keep it.
    pub fn names(&self) -> &'r Arc<[Box<str>]> {
        self.pattern().names()
    }

    /// The ranges of the captures in the path.
    pub fn captures(&self) -> &Captures {
        &self.captures
    }

    /// The captures alone, for a request that owns its path.
    pub fn into_captures(self) -> Captures {
        self.captures
    }

    /// The capture `name` as it stands in the path: still percent-encoded. `None` too where the path
    /// was given as bytes and these are not UTF-8.
    pub fn get(&self, name: &str) -> Option<&'p str> {
        let index = self.names().iter().position(|other| **other == *name)?;
        std::str::from_utf8(self.path.get(self.captures.get(index)?)?).ok()
    }

    /// The capture `name`, decoded.
    ///
    /// # Errors
    ///
    /// `Some` of a [`DecodeError`] where it is not UTF-8, as in `/%FF`: an answer of 400.
    pub fn decoded(&self, name: &str) -> Option<Result<Cow<'p, str>, DecodeError>> {
        self.get(name).map(decode)
    }

    fn entry(&self) -> &'r Entry<T> {
        &self.router.routes[self.route.index()]
    }
}

impl<T> Clone for Match<'_, '_, T> {
    fn clone(&self) -> Self {
        Self { captures: self.captures.clone(), ..*self }
    }
}

impl<T> fmt::Debug for Match<'_, '_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Match")
            .field("route", &self.route())
            .field("path", &self.path.escape_ascii())
            .field("captures", &self.captures)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(routes: &[(&str, &str)]) -> Router<String> {
        let mut builder = Router::builder();
        for (method, pattern) in routes {
            builder.add_method(method, pattern, format!("{method} {pattern}"));
        }
        builder.build().unwrap_or_else(|errors| panic!("{errors}"))
    }

    fn outcome(router: &Router<String>, method: &str, path: &str) -> String {
        match router.find(method, path) {
            Outcome::Found(found) => found.value().clone(),
            Outcome::MethodNotAllowed(allow) => format!("405 {allow}"),
            Outcome::NotFound => "404".into(),
            Outcome::Malformed(_) => "400".into(),
        }
    }

    #[test]
    fn a_method_miss_goes_on_to_less_specific_patterns() {
        let router =
            router(&[("GET", "/users/me"), ("POST", "/users/{id}"), ("PUT", "/users/{n:[a-z]+}")]);
        assert_eq!(outcome(&router, "GET", "/users/me"), "GET /users/me");
        assert_eq!(outcome(&router, "POST", "/users/me"), "POST /users/{id}");
        assert_eq!(outcome(&router, "DELETE", "/users/me"), "405 GET, HEAD, POST, PUT");
        assert_eq!(outcome(&router, "GET", "/users/7"), "405 POST");
        assert_eq!(outcome(&router, "GET", "/users"), "404");
    }

    #[test]
    fn head_is_answered_by_get_unless_it_has_a_route() {
        let with_head = router(&[("GET", "/a"), ("HEAD", "/a"), ("GET", "/b"), ("*", "/c")]);
        assert_eq!(outcome(&with_head, "HEAD", "/a"), "HEAD /a");
        assert_eq!(outcome(&with_head, "HEAD", "/b"), "GET /b");
        assert_eq!(outcome(&with_head, "BREW", "/c"), "* /c");
        assert_eq!(outcome(&with_head, "PUT", "/a"), "405 GET, HEAD");
    }

    #[test]
    fn head_can_be_switched_off() {
        let mut builder = Router::builder();
        let get = builder.add_method("GET", "/a", String::new());
        builder.answer_head(get, false);
        let router = builder.build().unwrap();
        assert_eq!(outcome(&router, "HEAD", "/a"), "405 GET");
    }

    #[test]
    fn an_encoded_slash_never_splits_a_segment() {
        let router = router(&[("GET", "/{a}"), ("GET", "/x%2fy"), ("GET", "/{a}/{b}")]);
        assert_eq!(outcome(&router, "GET", "/a%2Fb"), "GET /{a}");
        assert_eq!(outcome(&router, "GET", "/x%2Fy"), "GET /x%2fy");
        assert_eq!(outcome(&router, "GET", "/x%2fy"), "GET /x%2fy");
        assert_eq!(outcome(&router, "GET", "/x%252Fy"), "GET /{a}");
        let found = router.at("/%61%2fb/%25").unwrap();
        assert_eq!(found.get("a"), Some("%61%2fb"));
        assert_eq!(found.decoded("a").unwrap().unwrap(), "a/b");
        assert_eq!(found.decoded("b").unwrap().unwrap(), "%");
        assert!(found.decoded("c").is_none());
    }

    #[test]
    fn escaped_and_plain_spellings_of_a_path_match_alike() {
        let router = router(&[("GET", "/café/{n:[0-9]+}")]);
        for path in ["/café/7", "/caf%C3%A9/7", "/caf%c3%a9/%37", "/%63afé/7"] {
            assert_eq!(outcome(&router, "GET", path), "GET /café/{n:[0-9]+}", "{path}");
        }
        assert_eq!(router.at("/caf%c3%a9/%37").unwrap().get("n"), Some("%37"));
    }

    #[test]
    fn broken_escapes_are_told_apart_from_misses() {
        let router = router(&[("GET", "/{a}")]);
        for path in ["/%", "/%zz", "/a%2", "/no/such%"] {
            assert_eq!(outcome(&router, "GET", path), "400", "{path}");
            assert!(router.at(path).is_none());
        }
        assert!(router.at("/%FF").unwrap().decoded("a").unwrap().is_err());
    }

    #[test]
    fn what_is_not_a_path_is_not_found() {
        let router = router(&[("GET", "/{t:.*}"), ("GET", "")]);
        for path in ["*", "example.com:443", "http://example.com/", " /"] {
            assert_eq!(outcome(&router, "GET", path), "404", "{path}");
        }
        assert_eq!(outcome(&router, "GET", ""), "GET ");
    }

    #[test]
    fn dots_are_plain_text() {
        let router = router(&[("GET", "/a/{x}")]);
        assert_eq!(router.at("/a/..").unwrap().get("x"), Some(".."));
        assert_eq!(outcome(&router, "GET", "/a/./b"), "404");
    }

    #[test]
    fn long_paths_are_matched_or_missed_in_one_pass() {
        let router =
            router(&[("GET", "/{a}-{b}/x"), ("GET", r"/{a:\d+}.{b:\d+}"), ("GET", "/é{t:.*}")]);
        let (dashes, digits) = ("-".repeat(65_536), "1".repeat(32_768));
        assert_eq!(outcome(&router, "GET", &format!("/{dashes}/y")), "404");
        assert_eq!(outcome(&router, "GET", &format!("/{dashes}/x")), "GET /{a}-{b}/x");
        let path = format!("/{digits}.{digits}");
        assert_eq!(router.at(&path).unwrap().get("b"), Some(&*digits));
        let path = format!("/%C3%A9{}", "%2F".repeat(20_000));
        assert_eq!(router.at(&path).unwrap().get("t").map(str::len), Some(60_000));
    }

    #[test]
    fn a_thousand_routes_are_each_found() {
        let routes: Vec<String> =
            (0..1000).map(|i| format!("/api/v{}/res{i}/{{id}}/sub{}", i % 7, i % 3)).collect();
        let mut builder = Router::builder();
        let ids: Vec<_> = routes.iter().map(|pattern| builder.add(pattern, ())).collect();
        let router = builder.build().unwrap();
        for (pattern, id) in routes.iter().zip(ids) {
            let path = pattern.replace("{id}", "42");
            let found = router.at(&path).unwrap();
            assert_eq!((found.id(), found.get("id")), (id, Some("42")));
        }
    }

    #[test]
    fn more_captures_than_are_held_inline_are_found() {
        let router = router(&[("GET", "/{a}/{b}/{c}/{d}/{e}/{f}-{g}/{h:.*}")]);
        let found = router.at("/1/2/3/4/5/6-7/8/9").unwrap();
        let texts: Vec<_> = found.names().iter().map(|name| found.get(name).unwrap()).collect();
        assert_eq!(texts, ["1", "2", "3", "4", "5", "6", "7", "8/9"]);
    }

    #[test]
    fn the_types_may_be_shared_between_threads() {
        fn shared<X: Send + Sync>() {}
        shared::<Router<()>>();
        shared::<Outcome<'_, '_, ()>>();
    }
}
