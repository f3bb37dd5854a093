//! The figures, as text and as JSON.

use std::fmt::Write;

use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

use super::Plan;
use super::load::Outcome;
use crate::text::size;

const PERCENTILES: [f64; 7] = [50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99];

/// Widest bar of the histogram.
const BAR: usize = 50;

pub(super) fn text(plan: &Plan, outcome: &Outcome) -> String {
    let tally = &outcome.tally;
    let seconds = outcome.elapsed.as_secs_f64();
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    if outcome.interrupted {
        line("ended by Ctrl-C: requests that were under way are not counted");
    }
    line(&format!(
        "{} answers in {seconds:.2} s: {:.1} per second, {}/s of bodies",
        tally.succeeded(),
        tally.succeeded() as f64 / seconds,
        size((tally.bytes as f64 / seconds) as u64),
    ));
    for (status, count) in &tally.statuses {
        line(&format!("  status {status}: {count}"));
    }
    if tally.errors() > 0 {
        line(&format!("{} errors, which are in no latency below", tally.errors()));
    }
    for (kind, count) in &tally.errors {
        line(&format!("  {kind}: {count}"));
    }
    if let Some(error) = &tally.first_error {
        line(&format!("  the first: {error}"));
    }
    if outcome.unsent > 0 {
        line(&format!(
            "{} requests were due and found no free connection until the end: they are in no figure below, and \
             would have been its worst",
            outcome.unsent
        ));
    }
    if tally.succeeded() > 0 {
        out.push_str(&latencies(plan, outcome));
        out.push_str(&bars(&tally.latency));
    }
    out
}

fn latencies(plan: &Plan, outcome: &Outcome) -> String {
    let tally = &outcome.tally;
    let mut out = String::new();
    let is_paced = plan.rate.is_some();
    let heading = if is_paced { "  from when it was sent" } else { "" };
    let _ = match plan.rate {
        Some(rate) => writeln!(
            out,
            "\nlatency, from when a request was due at {rate} per second{heading:>26}"
        ),
        None => writeln!(out, "\nlatency"),
    };
    let mut row = |name: &str, of: &dyn Fn(&Histogram<u64>) -> u64| {
        let (latency, service) = (of(&tally.latency), of(&tally.service));
        let _ = write!(out, "  {name:>7} {:>10}", micros(latency));
        let _ = match is_paced {
            true => writeln!(out, "{:>53}", micros(service)),
            false => writeln!(out),
        };
    };
    row("min", &Histogram::min);
    // Of a hundred answers none stands for the 99.9th percentile.
    let stands = |percentile: &f64| tally.succeeded() as f64 * (100.0 - percentile) >= 99.0;
    for percentile in PERCENTILES.into_iter().filter(stands) {
        row(&format!("{percentile}%"), &|histogram| histogram.value_at_percentile(percentile));
    }
    row("max", &Histogram::max);
    let _ = writeln!(out, "  {:>7} {:>10}", "mean", micros(tally.latency.mean() as u64));
    out
}

/// A line for each step of 1, 2, 5, 10, … in which there is any.
fn bars(histogram: &Histogram<u64>) -> String {
    let (min, max) = (histogram.min(), histogram.max());
    let mut rows = Vec::new();
    let mut from = 0;
    for to in steps() {
        if to > min {
            rows.push((to, histogram.count_between(from, to - 1)));
        }
        from = to;
        if to > max {
            break;
        }
    }
    let most = rows.iter().map(|(_, count)| *count).max().unwrap_or_default().max(1);
    let total = histogram.len().max(1) as f64;
    let mut out = String::from("\nhistogram\n");
    for (below, count) in rows {
        let width = (count as f64 / most as f64 * BAR as f64).round() as usize;
        // Few are not none.
        let width = if count > 0 { width.max(1) } else { 0 };
        let row = format!(
            "  < {:>8} {:>9} {:>6.2}% {}",
            micros(below),
            count,
            count as f64 / total * 100.0,
            "#".repeat(width)
        );
        let _ = writeln!(out, "{}", row.trim_end());
    }
    out
}

/// 1, 2, 5, 10, … microseconds, to 5,000 seconds.
fn steps() -> impl Iterator<Item = u64> {
    (0..10).flat_map(|power| [1, 2, 5].map(|step| step * 10u64.pow(power)))
}

/// A latency for people.
fn micros(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} \u{b5}s"),
        1_000..1_000_000 => format!("{} ms", digits(micros as f64 / 1e3)),
        _ => format!("{} s", digits(micros as f64 / 1e6)),
    }
}

/// Three digits of it.
fn digits(value: f64) -> String {
    match value {
        _ if value < 9.995 => format!("{value:.2}"),
        _ if value < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

pub(super) fn json(plan: &Plan, outcome: &Outcome) -> String {
    let tally = &outcome.tally;
    let seconds = outcome.elapsed.as_secs_f64();
    let statuses: Map<String, Value> =
        tally.statuses.iter().map(|(status, count)| (status.to_string(), json!(count))).collect();
    let mut figures = json!({
        "url": plan.request.url().redacted().to_string(),
        "method": plan.request.method().as_str(),
        "connections": plan.connections,
        "rate": plan.rate,
        "duration_seconds": plan.duration.map(|duration| duration.as_secs_f64()),
        "requests": plan.requests,
        "elapsed_seconds": seconds,
        "interrupted": outcome.interrupted,
        "answers": tally.succeeded(),
        "answers_per_second": tally.succeeded() as f64 / seconds,
        "body_bytes": tally.bytes,
        "statuses": statuses,
        "errors": tally.errors,
        "first_error": tally.first_error.as_ref().map(|error| error.to_string()),
        "unsent": outcome.unsent,
        "latency_microseconds": percentiles(&tally.latency),
    });
    if plan.rate.is_some() {
        figures["service_microseconds"] = percentiles(&tally.service);
    }
    format!("{figures:#}\n")
}

fn percentiles(histogram: &Histogram<u64>) -> Value {
    if histogram.is_empty() {
        return Value::Null;
    }
    let mut figures = Map::new();
    figures.insert("min".into(), json!(histogram.min()));
    for percentile in PERCENTILES {
        let value = histogram.value_at_percentile(percentile);
        figures.insert(format!("p{percentile}"), json!(value));
    }
    figures.insert("max".into(), json!(histogram.max()));
    figures.insert("mean".into(), json!(histogram.mean()));
    Value::Object(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_shown_with_three_digits() {
        let shown = [0, 999, 1_000, 9_994, 9_996, 99_960, 999_999, 1_500_000].map(micros);
        let expected = [
            "0 \u{b5}s",
            "999 \u{b5}s",
            "1.00 ms",
            "9.99 ms",
            "10.0 ms",
            "100 ms",
            "1000 ms",
            "1.50 s",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn the_histogram_counts_each_once() {
        let mut histogram = Histogram::new(3).unwrap();
        for value in [0, 1, 3, 3, 900, 70_000] {
            histogram.record(value).unwrap();
        }
        let text = bars(&histogram);
        let counts = text.lines().skip(2).filter_map(|line| line.split_whitespace().nth(3));
        assert_eq!(counts.map(|count| count.parse::<u64>().unwrap()).sum::<u64>(), 6, "{text}");
        assert!(text.contains("5.00 ms") && text.ends_with("#\n"), "{text}");
        assert_eq!(text.matches(&"#".repeat(BAR)).count(), 1, "{text}");
    }
}
