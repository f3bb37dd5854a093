//! One table in each router, and proof that they answer alike.

use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;

use dunlin_router::{Outcome, Router};

use crate::race::{Race, Runner};

/// Which route answers, and what it captures.
type Found = Option<(usize, Vec<String>)>;

/// The same patterns in all three. Ours has methods besides, and is asked for `GET` each time.
#[derive(Clone)]
pub(crate) struct Tables {
    ours: Rc<Router<usize>>,
    matchit: Rc<matchit::Router<usize>>,
    actix: Rc<actix_router::Router<usize>>,
}

impl Tables {
    pub(crate) fn new(patterns: &[String]) -> Self {
        let mut ours = Router::builder();
        let mut theirs = matchit::Router::new();
        let mut actix = actix_router::Router::build();
        for (route, pattern) in patterns.iter().enumerate() {
            ours.add_method("GET", pattern, route);
            theirs.insert(for_matchit(pattern), route).expect("matchit can express it");
            actix.path(pattern.as_str(), route);
        }
        Self {
            ours: Rc::new(ours.build().expect("the patterns are sound")),
            matchit: Rc::new(theirs),
            actix: Rc::new(actix.finish()),
        }
    }

    /// Whether a route matches.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.dunlin(path).is_some()
    }

    /// A race of all three, or without actix-router, which is linear in the number of routes.
    ///
    /// # Panics
    ///
    /// Panics where one of them does not find what `expected` says.
    pub(crate) fn race(
        &self,
        group: &str,
        input: &str,
        inputs: Vec<(String, Option<usize>)>,
        with_actix: bool,
    ) -> Race {
        for (path, expected) in &inputs {
            let found = self.dunlin(path);
            assert_eq!(found.as_ref().map(|(route, _)| *route), *expected, "{path}");
            assert_eq!(found, self.matchit(path), "{path}");
            if with_actix {
                self.check_actix(path, found);
            }
        }
        let paths: Arc<[String]> = inputs.into_iter().map(|(path, _)| path).collect();
        let mut runners = vec![self.run_dunlin(&paths), self.run_matchit(&paths)];
        if with_actix {
            runners.push(self.run_actix(&paths));
        }
        Race { group: group.into(), input: input.into(), paths: paths.len(), runners }
    }

    fn run_dunlin(&self, paths: &Arc<[String]>) -> Runner {
        let router = Rc::clone(&self.ours);
        Runner::new("dunlin", Arc::clone(paths), move |path| {
            black_box(router.find(black_box("GET"), black_box(path)));
        })
    }

    fn run_matchit(&self, paths: &Arc<[String]>) -> Runner {
        let router = Rc::clone(&self.matchit);
        Runner::new("matchit", Arc::clone(paths), move |path| {
            let _ = black_box(router.at(black_box(path)));
        })
    }

    fn run_actix(&self, paths: &Arc<[String]>) -> Runner {
        let router = Rc::clone(&self.actix);
        Runner::new("actix-router", Arc::clone(paths), move |path| {
            let mut path = actix_router::Path::new(black_box(path));
            black_box(router.recognize(&mut path));
            black_box(&path);
        })
    }

    fn dunlin(&self, path: &str) -> Found {
        let Outcome::Found(found) = self.ours.find("GET", path) else { return None };
        let captures = found.captures().iter().map(|range| path[range].to_owned());
        Some((*found.value(), captures.collect()))
    }

    fn matchit(&self, path: &str) -> Found {
        let found = self.matchit.at(path).ok()?;
        Some((*found.value, found.params.iter().map(|(_, value)| value.to_owned()).collect()))
    }

    /// actix-router asks its routes in their order, and so may answer by one that is less specific.
    fn check_actix(&self, path: &str, ours: Found) {
        let mut resource = actix_router::Path::new(path);
        let found = self.actix.recognize(&mut resource).map(|(route, _)| *route);
        assert_eq!(found.is_some(), ours.is_some(), "{path}");
        if let Some((_, captures)) = ours.filter(|(route, _)| found == Some(*route)) {
            let theirs: Vec<_> = resource.iter().map(|(_, value)| value.to_owned()).collect();
            assert_eq!(theirs, captures, "{path}");
        }
    }
}

/// The one difference in what the patterns here are made of.
fn for_matchit(pattern: &str) -> String {
    match pattern.strip_suffix(":.+}").and_then(|rest| rest.rsplit_once('{')) {
        Some((before, name)) => format!("{before}{{*{name}}}"),
        None => pattern.into(),
    }
}
