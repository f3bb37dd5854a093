//! What a table says about itself.

use std::fmt;
use std::panic::Location;

use crate::pattern::Pattern;
use crate::router::{Entry, RouteId, Router};

/// What is known about one route.
pub struct Route<'r, T> {
    pub(crate) router: &'r Router<T>,
    pub(crate) id: RouteId,
}

impl<'r, T> Route<'r, T> {
    /// The id that registration gave.
    pub fn id(&self) -> RouteId {
        self.id
    }

    /// What was registered.
    pub fn value(&self) -> &'r T {
        &self.entry().value
    }

    /// The pattern as registered.
    pub fn pattern(&self) -> &'r Pattern {
        &self.entry().pattern
    }

    /// The method as registered; `None` for a route that answers all.
    pub fn method(&self) -> Option<&'r str> {
        self.entry().method.as_deref()
    }

    /// The methods that it answers: its own, and `HEAD` where it does that too; `*` for all.
    pub fn methods(&self) -> impl Iterator<Item = &'r str> + use<'r, T> {
        let (id, entry) = (self.id, self.entry());
        let methods = &self.router.resources[entry.resource as usize].methods;
        let head = entry.method.as_deref() == Some("GET") && methods.named("HEAD") == Some(id);
        std::iter::once(entry.method.as_deref().unwrap_or("*")).chain(head.then_some("HEAD"))
    }

    /// The name, where it has one.
    pub fn name(&self) -> Option<&'r str> {
        self.entry().name.as_deref()
    }

    /// Where it was registered.
    pub fn location(&self) -> &'static Location<'static> {
        self.entry().location
    }

    /// What its pattern begins with before the first capture, as written.
    pub fn literal_prefix(&self) -> &'r str {
        self.pattern().literal_prefix()
    }

    fn entry(&self) -> &'r Entry<T> {
        &self.router.routes[self.id.index()]
    }
}

impl<T> Clone for Route<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Route<'_, T> {}

impl<T> fmt::Debug for Route<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("method", &self.method())
            .field("pattern", &self.pattern())
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

/// One line a route, in columns: methods, pattern, name, place of registration.
impl<T> fmt::Display for Router<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<[String; 4]> = self
            .routes()
            .map(|route| {
                [
                    route.methods().collect::<Vec<_>>().join(","),
                    route.pattern().to_string(),
                    route.name().unwrap_or("-").to_owned(),
                    route.location().to_string(),
                ]
            })
            .collect();
        let width = |column: usize| {
            rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
        };
        let (methods, pattern, name) = (width(0), width(1), width(2));
        for [a, b, c, d] in &rows {
            writeln!(f, "{a:methods$}  {b:pattern$}  {c:name$}  {d}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_listed_as_registered() {
        let mut builder = Router::builder();
        let show = builder.add_method("GET", "/users/{id}", 1);
        builder.name(show, "user.show").answer_head(show, false);
        builder.add("/", 2);
        let router = builder.build().unwrap();
        let route = router.route(show).unwrap();
        assert_eq!((route.name(), route.literal_prefix()), (Some("user.show"), "/users/"));
        assert!(route.methods().eq(["GET"]));
        assert_eq!(router.routes().map(|route| *route.value()).sum::<i32>(), 3);
    }

    #[test]
    fn the_table_is_printed_in_columns() {
        let mut builder = Router::builder();
        let show = builder.add_method("GET", "/users/{id}", ());
        builder.name(show, "user");
        builder.add("/é", ());
        let text = builder.build().unwrap().to_string();
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].starts_with("GET,HEAD  /users/{id}  user  "), "{text}");
        assert!(lines[1].starts_with("*         /é           -     "), "{text}");
    }
}
