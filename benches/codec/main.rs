//! The codec against httparse, and against what hyper makes of it.
//!
//! `cargo bench -p dunlin-benches --bench codec` prints criterion's statistics and then tables of
//! ratios; `-- table` the tables alone, `-- heads`, `-- owned`, `-- bodies` and `-- encoding` a group's
//! statistics alone. `DUNLIN_SIMD=avx2` and the like hold the codec to one level of vector instructions.

mod bodies;
mod encoding;
mod heads;
mod inputs;
mod level;
mod owned;
mod race;
mod random;
mod table;

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use criterion::Criterion;

fn main() -> ExitCode {
    let levels = match level::force_named() {
        Ok(levels) => levels,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::FAILURE;
        }
    };
    // Making a race is also what checks that both sides do the same.
    let groups = [heads::races(), owned::races(), bodies::races(), encoding::races()];
    let mut races: Vec<_> = groups.into_iter().flatten().collect();
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
        table::print(&mut races, &levels);
    }
    ExitCode::SUCCESS
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
