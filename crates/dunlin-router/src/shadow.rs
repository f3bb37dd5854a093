//! Routes that can never answer, because a wider constraint stands before theirs.

use std::collections::HashMap;

use crate::error::BuildError;
use crate::pattern::{Pattern, Piece};
use crate::router::{RouteId, Router};

/// The hidden routes of `router`.
///
/// `stamps` says for each resource when the edges that lead to it were made, and so which of two
/// constraints at one place is tried first.
pub(crate) fn shadowed<T>(router: &Router<T>, stamps: &[Vec<u32>]) -> Vec<(RouteId, BuildError)> {
    let Router { resources, routes, .. } = router;
    // Only patterns that are alike but for their constraints can hide one another.
    let mut alike: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, resource) in resources.iter().enumerate() {
        if resource.pattern.segments().count() > 0 {
            alike.entry(resource.pattern.skeleton()).or_default().push(index);
        }
    }
    let mut errors = Vec::new();
    for (id, entry) in routes.iter().enumerate() {
        let hidden = entry.resource as usize;
        // The one route that takes the method of this one at that resource.
        let rival = |by: usize| match &entry.method {
            Some(method) => {
                let methods = &resources[by].methods;
                methods.named(method).or_else(|| methods.any())
            }
            None => resources[by].methods.any(),
        };
        let by = alike.get(&entry.pattern.skeleton()).into_iter().flatten().find_map(|&by| {
            let hides = by != hidden
                && before(&stamps[by], &stamps[hidden])
                && covers(&resources[by].pattern, &resources[hidden].pattern);
            if hides { rival(by) } else { None }
        });
        if let Some(by) = by.map(|by| &routes[by.index()]) {
            let error = BuildError::Shadowed {
                at: entry.location,
                first: by.location,
                pattern: entry.pattern.as_str().into(),
                other: by.pattern.as_str().into(),
            };
            errors.push((RouteId::new(id), error));
        }
    }
    errors
}

/// Whether the edges with the stamps `ours` are tried before those with `theirs`.
fn before(ours: &[u32], theirs: &[u32]) -> bool {
    let differ = ours.iter().zip(theirs).find(|(ours, theirs)| ours != theirs);
    differ.is_some_and(|(ours, theirs)| ours < theirs)
}

/// Whether every path that `narrow` matches is known to be matched by `wide`.
fn covers(wide: &Pattern, narrow: &Pattern) -> bool {
    wide.pieces().len() == narrow.pieces().len()
        && wide.pieces().iter().zip(narrow.pieces()).all(|pieces| match pieces {
            (Piece::Literal(wide), Piece::Literal(narrow)) => wide == narrow,
            (Piece::Segment(wide), Piece::Segment(narrow)) => wide.covers(narrow),
            (Piece::Tail { may_be_empty: wide }, Piece::Tail { may_be_empty: narrow }) => {
                wide == narrow
            }
            _ => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs of a hidden pattern and the one that hides it.
    fn hidden(table: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut builder = Router::builder();
        for (method, pattern) in table {
            builder.add_method(method, pattern, ());
        }
        let Err(errors) = builder.build() else { return Vec::new() };
        errors
            .into_iter()
            .map(|error| match error {
                BuildError::Shadowed { pattern, other, .. } => (pattern.into(), other.into()),
                error => panic!("{error}"),
            })
            .collect()
    }

    #[test]
    fn a_constraint_behind_a_wider_one_is_reported() {
        for (wide, narrow) in [
            (("GET", r"/{a:\w+}/x"), ("GET", r"/{b:\d+}/x")),
            (("*", r"/{a:\w+}"), ("GET", "/{b:en|de}")),
            (("*", r"/{a}-{b:\w*}/{t:.*}"), ("*", r"/{a}-{b:\d+}/{t:.*}")),
        ] {
            let expected = (narrow.1.to_owned(), wide.1.to_owned());
            assert_eq!(hidden(&[wide, narrow]), [expected]);
        }
    }

    #[test]
    fn what_can_be_reached_is_not_reported() {
        for table in [
            [("GET", r"/{a:\d+}/x"), ("GET", r"/{b:\w+}/x")],
            [("GET", r"/{a:\w+}/x"), ("POST", r"/{b:\d+}/x")],
            [("GET", r"/{a:\w+}/x"), ("*", r"/{b:\d+}/x")],
            [("GET", r"/{a:\w+}/x"), ("GET", r"/{b:\d+}/y")],
            [("GET", r"/{a:\w+}"), ("GET", r"/{b:[\w-]+}")],
            [("GET", "/{a}"), ("GET", r"/{b:\d+}")],
            [("GET", r"/{a:\w+}/{t:.*}"), ("GET", r"/{a:\d+}/{t:.+}")],
        ] {
            assert_eq!(hidden(&table), [], "{table:?}");
        }
    }

    #[test]
    fn an_edge_that_is_older_than_its_pattern_keeps_its_turn() {
        let table = [("GET", r"/{b:\d+}/x"), ("GET", r"/{a:\w+}/y"), ("GET", r"/{b:\d+}/y")];
        assert_eq!(hidden(&table), []);
    }
}
