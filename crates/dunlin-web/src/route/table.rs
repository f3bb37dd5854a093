//! What a built app says about its routes.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use dunlin_router::Route;

use super::endpoint::{Alternative, Endpoint};

/// One route of a built app: a method of a pattern, and what handles it.
#[derive(Clone, Copy)]
pub struct RouteView<'a> {
    pub(crate) route: Route<'a, Arc<Endpoint>>,
    pub(crate) host: Option<&'a str>,
    pub(crate) name: Option<&'a str>,
    /// The route that this is behind guarded ones of the same pattern and method.
    pub(crate) alternative: Option<&'a Alternative>,
}

impl<'a> RouteView<'a> {
    /// The pattern, prefixes of groups and mounts included.
    pub fn pattern(&self) -> &'a str {
        self.route.pattern().as_str()
    }

    /// The methods: one, with `HEAD` where `GET` answers it; `*` for all.
    pub fn methods(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.route.methods()
    }

    /// The name, as its own app knows it.
    pub fn name(&self) -> Option<&'a str> {
        self.name
    }

    /// The host that its app was added for.
    pub fn host(&self) -> Option<&'a str> {
        self.host
    }

    /// Path of the handler's function.
    pub fn handler(&self) -> &'static str {
        self.endpoint().handler.name()
    }

    /// Where it was registered.
    pub fn location(&self) -> &'static Location<'static> {
        self.alternative.map_or_else(|| self.route.location(), |alternative| alternative.at)
    }

    /// Whether guards decide on it besides path and method.
    pub fn is_guarded(&self) -> bool {
        !self.endpoint().guards.is_empty()
    }

    fn endpoint(&self) -> &'a Endpoint {
        self.alternative.map_or_else(|| &**self.route.value(), |alternative| &alternative.endpoint)
    }
}

impl fmt::Debug for RouteView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteView")
            .field("methods", &self.methods().collect::<Vec<_>>())
            .field("pattern", &self.pattern())
            .field("name", &self.name)
            .field("host", &self.host)
            .field("handler", &self.handler())
            .finish()
    }
}

/// The routes of a built app, in the order of registration; `Display` is a table.
#[derive(Clone, Debug)]
pub struct Routes<'a>(pub(crate) std::vec::IntoIter<RouteView<'a>>);

impl<'a> Iterator for Routes<'a> {
    type Item = RouteView<'a>;

    fn next(&mut self) -> Option<RouteView<'a>> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Routes<'_> {}

/// One line a route: methods, host and pattern, name, handler, place.
impl fmt::Display for Routes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<[String; 5]> = self
            .clone()
            .map(|route| {
                [
                    route.methods().collect::<Vec<_>>().join(","),
                    format!("{}{}", route.host.unwrap_or(""), route.pattern()),
                    route.name.unwrap_or("-").to_owned(),
                    route.handler().to_owned(),
                    route.location().to_string(),
                ]
            })
            .collect();
        let width = |n: usize| rows.iter().map(|row| row[n].chars().count()).max().unwrap_or(0);
        let (a, b, c, d) = (width(0), width(1), width(2), width(3));
        for [methods, pattern, name, handler, at] in &rows {
            writeln!(f, "{methods:a$}  {pattern:b$}  {name:c$}  {handler:d$}  {at}")?;
        }
        Ok(())
    }
}
