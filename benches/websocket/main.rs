//! WebSocket against tungstenite, tokio-websockets and fastwebsockets, in memory.
//!
//! `cargo bench -p dunlin-benches --bench websocket` prints criterion's statistics and then tables of
//! ratios; `-- table` the tables alone, `-- decode`, `-- encode`, `-- unmask` and `-- utf8` a group's
//! statistics alone.

mod decode;
mod encode;
mod kernels;
mod memory;
mod race;
mod table;

use std::env;
use std::time::Duration;

use criterion::Criterion;

/// Bytes of the payloads.
const SIZES: [usize; 4] = [64, 1024, 16 * 1024, 1024 * 1024];

fn main() {
    // Making a race is also what checks that all of them do the same.
    let groups = [decode::races(), encode::races(), kernels::unmask(), kernels::utf8()];
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

/// A name for a size.
fn size_name(size: usize) -> String {
    match size {
        0..1024 => format!("{size} B"),
        1024..0x10_0000 => format!("{} KiB", size >> 10),
        _ => format!("{} MiB", size >> 20),
    }
}

/// Text as chats and APIs send it: mostly ASCII, and now and then a letter of two bytes or three.
fn text(size: usize) -> String {
    let mut text =
        "gr\u{fc}\u{df}e {\"id\":12345,\"user\":\"abc\"} \u{2713} ".repeat(size / 30 + 1);
    let end = (0..=size).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    text.truncate(end);
    text + &".".repeat(size - end)
}
