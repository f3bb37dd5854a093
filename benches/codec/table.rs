//! The closing tables: nanoseconds and ratios, in Markdown.

use dunlin_codec::internals::Level;

use crate::heads::{self, SIX};
use crate::level;
use crate::race::{Best, Race};

/// The races are run so often, one after the other, so that a busy moment of the machine does not fall
/// on all samples of one.
const TURNS: u32 = 12;
/// Samples of each side in a turn.
const ROUNDS: u32 = 100;

/// Measures all races and prints what came out.
pub(crate) fn print(races: &mut [Race], levels: &[Level]) {
    let mut results: Vec<_> =
        races.iter().map(|race| race.unmeasured(levels_of(race, levels))).collect();
    for _ in 0..TURNS {
        for (race, best) in races.iter_mut().zip(&mut results) {
            race.measure(levels_of(race, levels), ROUNDS, best);
        }
    }
    let (samples, in_use) = (TURNS * ROUNDS, level::name(levels[0]));
    println!("\nThe least of {samples} samples each, in nanoseconds; vectors: {in_use}.");
    let mut results = &results[..];
    for group in races.chunk_by(|a, b| a.group == b.group) {
        let (of_group, rest) = results.split_at(group.len());
        results = rest;
        print_group(group, of_group);
        if group[0].group == heads::GROUP && levels.len() > 1 {
            print_levels(group, of_group, levels);
        }
    }
}

/// Heads are parsed at every level, the rest at the one in use.
fn levels_of<'l>(race: &Race, levels: &'l [Level]) -> &'l [Level] {
    if race.group == heads::GROUP { levels } else { &levels[..1] }
}

fn print_group(races: &[Race], results: &[Best]) {
    let runners = races[0].runners();
    let mut header = vec![races[0].group.to_owned(), "bytes".to_owned(), runners[0].to_owned()];
    for rival in &runners[1..] {
        header.extend([(*rival).to_owned(), "ratio".to_owned()]);
    }
    let mut rows = vec![header];
    for (race, best) in races.iter().zip(results) {
        let mut row = vec![race.input.to_owned(), race.bytes.to_string(), nanos(best.ours[0])];
        for (rival, &least) in best.rivals.iter().enumerate() {
            row.extend([nanos(least), ratio(best.ratio(0, rival))]);
        }
        rows.push(row);
    }
    let (name, averaged) = averaged(races);
    if averaged > 1 {
        let mut row = vec![name, String::new(), String::new()];
        for rival in 0..results[0].rivals.len() {
            let mean = mean(results[..averaged].iter().map(|best| best.ratio(0, rival)));
            row.extend([String::new(), ratio(mean)]);
        }
        rows.insert(averaged + 1, row);
    }
    print_rows(&rows);
}

/// Which races of a group, from the first on, have a mean that says something.
fn averaged(races: &[Race]) -> (String, usize) {
    match races[0].group {
        heads::GROUP => ("geometric mean".to_owned(), SIX),
        "owned" => ("geometric mean".to_owned(), races.len()),
        _ => (String::new(), 0),
    }
}

/// Ratios to the first rival, level by level.
fn print_levels(races: &[Race], results: &[Best], levels: &[Level]) {
    let rival = races[0].runners()[1];
    let mut header = vec![format!("ratio to {rival}")];
    header.extend(races.iter().map(|race| race.input.to_owned()));
    header.insert(SIX + 1, "geometric mean".to_owned());
    let mut rows = vec![header];
    for (index, level) in levels.iter().enumerate() {
        let ratios: Vec<_> = results.iter().map(|best| best.ratio(index, 0)).collect();
        let mut row = vec![level::name(*level).to_owned()];
        row.extend(ratios.iter().map(|&it| ratio(it)));
        row.insert(SIX + 1, ratio(mean(ratios[..SIX].iter().copied())));
        rows.push(row);
    }
    print_rows(&rows);
}

/// The geometric mean, as is proper for ratios.
fn mean(ratios: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = ratios.len() as f64;
    (ratios.map(f64::ln).sum::<f64>() / count).exp()
}

fn nanos(nanos: f64) -> String {
    if nanos < 100.0 { format!("{nanos:.1}") } else { format!("{nanos:.0}") }
}

fn ratio(ratio: f64) -> String {
    format!("{ratio:.2}")
}

/// A table whose first row is its header: text on the left, numbers on the right.
fn print_rows(rows: &[Vec<String>]) {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<_> = (0..rows[0].len()).map(width).collect();
    println!();
    for (index, row) in rows.iter().enumerate() {
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            if column == 0 { print!("| {cell:width$}") } else { print!(" | {cell:>width$}") }
        }
        println!(" |");
        if index == 0 {
            for (column, &width) in widths.iter().enumerate() {
                if column == 0 {
                    print!("| {:-<width$}", "");
                } else {
                    print!(" | {:-<1$}:", "", width - 1);
                }
            }
            println!(" |");
        }
    }
}
