//! The router against matchit and actix-router.
//!
//! `cargo bench -p dunlin-benches --bench router` prints criterion's statistics and then tables of ratios;
//! `-- table` the tables alone, `-- routes` and `-- growth` a group's statistics alone.

mod growth;
mod race;
mod rivals;
mod routes;
mod table;

use std::env;
use std::time::Duration;

use criterion::Criterion;

fn main() {
    // Making a race is also what checks that all sides find the same route and captures.
    let mut races: Vec<_> = routes::races().into_iter().chain(growth::races()).collect();
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .nresamples(10_000)
        .configure_from_args();
    for race in &mut races {
        race.bench(&mut criterion);
    }
    criterion.final_summary();
    if is_table_wanted() {
        table::print(&mut races);
    }
}

/// Cargo says `--bench`, unless it tests; who adds anything but `table` wants something else.
fn is_table_wanted() -> bool {
    let mut is_bench = false;
    let mut others = env::args().skip(1).filter(|arg| {
        is_bench |= arg == "--bench";
        arg != "--bench" && arg != "table"
    });
    others.next().is_none() && is_bench
}
