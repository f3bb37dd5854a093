//! Tables that grow: what one look-up costs among 10, 100, 1,000 and 10,000 routes.

use crate::race::Race;
use crate::rivals::Tables;
use crate::routes::{Random, fill};

/// So many look-ups a call; in the largest table no two of them are of one route.
const PATHS: usize = 1_000;

pub(crate) fn races() -> Vec<Race> {
    let mut hits = Vec::new();
    let mut misses = Vec::new();
    for routes in [10, 100, 1_000, 10_000] {
        let patterns = patterns(routes);
        let tables = Tables::new(&patterns);
        let mut random = Random::new();
        let order = random.shuffled((0..patterns.len()).collect());
        let any: Vec<_> = order.iter().cycle().take(PATHS).copied().collect();
        let hit = any.iter().map(|&route| (fill(&patterns[route], &mut random), Some(route)));
        let input = format!("{routes} routes");
        hits.push(tables.race("growth, hits", &input, hit.collect(), false));
        let miss = any.iter().filter(|&&route| !patterns[route].ends_with(":.+}"));
        let miss =
            miss.map(|&route| (format!("{}/not/there", fill(&patterns[route], &mut random)), None));
        misses.push(tables.race("growth, misses", &input, miss.collect(), false));
    }
    hits.into_iter().chain(misses).collect()
}

/// What a program has below one collection.
const SHAPES: [&str; 10] = [
    "",
    "/search",
    "/export.csv",
    "/{id}",
    "/{id}/history",
    "/{id}/comments",
    "/{id}/comments/{comment}",
    "/{id}/members/{user}/roles/{role}",
    "/by/{field}/{value}",
    "/{id}/files/{path:.+}",
];

const SECTIONS: [&str; 10] = [
    "accounts",
    "billing",
    "catalogue",
    "field",
    "inventory",
    "media",
    "messages",
    "orders",
    "reports",
    "support",
];

const COLLECTIONS: [&str; 10] = [
    "archives",
    "batches",
    "contacts",
    "documents",
    "drafts",
    "events",
    "invoices",
    "notes",
    "requests",
    "tags",
];

/// That many: ten for each collection, with as many sections as it takes.
pub(crate) fn patterns(routes: usize) -> Vec<String> {
    let collections = routes / SHAPES.len();
    let prefix = |i: usize| {
        let (collection, section) = (COLLECTIONS[i % 10], i / 10);
        match section / 10 {
            0 => format!("/{}/{collection}", SECTIONS[section % 10]),
            more => format!("/{}-{}/{collection}", SECTIONS[section % 10], SECTIONS[more]),
        }
    };
    (0..collections)
        .map(prefix)
        .flat_map(|prefix| SHAPES.map(|shape| format!("{prefix}{shape}")))
        .collect()
}
