//! The closing tables: nanoseconds a look-up and ratios, in Markdown.

use crate::race::Race;

/// The races are run so often, one after the other, so that a busy moment of the machine does not fall
/// on all samples of one.
const TURNS: u32 = 12;
/// Samples of each side in a turn.
const ROUNDS: u32 = 25;

/// Measures all races and prints what came out.
pub(crate) fn print(races: &mut [Race]) {
    let mut results: Vec<_> =
        races.iter().map(|race| vec![f64::INFINITY; race.runners.len()]).collect();
    for _ in 0..TURNS {
        for (race, least) in races.iter_mut().zip(&mut results) {
            race.measure(ROUNDS, least);
        }
    }
    println!("\nThe least of {} samples each, in nanoseconds a look-up.", TURNS * ROUNDS);
    let mut results = &results[..];
    for group in races.chunk_by(|a, b| a.group == b.group) {
        let (of_group, rest) = results.split_at(group.len());
        results = rest;
        print_group(group, of_group);
    }
}

fn print_group(races: &[Race], results: &[Vec<f64>]) {
    let (ours, rivals) = races[0].runners.split_first().expect("ours is there");
    print!("\n| {} | paths | {}", races[0].group, ours.name);
    rivals.iter().for_each(|rival| print!(" | {} | ratio", rival.name));
    println!(" |\n| --- | ---: |{}", " ---: |".repeat(1 + 2 * rivals.len()));
    for (race, least) in races.iter().zip(results) {
        print!("| {} | {} | {}", race.input, race.paths, nanos(least[0]));
        for rival in &least[1..] {
            print!(" | {} | {:.2}", nanos(*rival), rival / least[0]);
        }
        println!(" |");
    }
}

fn nanos(nanos: f64) -> String {
    if nanos < 100.0 { format!("{nanos:.1}") } else { format!("{nanos:.0}") }
}
