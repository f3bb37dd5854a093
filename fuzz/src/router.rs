//! The router: no path breaks it, and what it captures lies in the path.

use std::sync::LazyLock;

use dunlin_router::{Outcome, Router};

/// One of each kind of pattern, so that paths can fall between them.
const PATTERNS: [&str; 9] = [
    "/",
    "/a",
    "/a/b",
    "/a/{x}",
    r"/a/{n:\d+}",
    "/img-{id}.{ext}",
    "/{x}-{y}/c",
    r"/v{v:[12]\.\d}/d",
    "/t/{rest:.*}",
];

static ROUTER: LazyLock<Router<usize>> = LazyLock::new(|| {
    let mut routes = Router::builder();
    for (index, pattern) in PATTERNS.iter().enumerate() {
        routes.add_method("GET", pattern, index);
    }
    routes.build().expect("the patterns are sound")
});

/// Any path: as text and as bytes the answer is the same, captures are ranges of it in order, and
/// filling the pattern with what was captured leads back to it.
pub fn router(data: &[u8]) {
    let Outcome::Found(found) = ROUTER.find_bytes("GET", data) else { return };
    let mut end = 0;
    for range in found.captures().iter() {
        assert!(end <= range.start && range.start <= range.end && range.end <= data.len());
        end = range.end;
    }
    let Ok(path) = std::str::from_utf8(data) else { return };
    let Outcome::Found(same) = ROUTER.find("GET", path) else { panic!("{path:?} was found") };
    assert_eq!(same.value(), found.value());
    let mut names = found.names().iter();
    assert!(names.all(|name| found.get(name).is_some()));
}
