//! Holds the tables in `src/strictness.md` to what the parsers do: every row is run.
//!
//! The columns for Dunlin and httparse are computed here. Those for llhttp and picohttpparser,
//! which are written in C, hold their verdicts on the same rows at the versions that the file
//! names; of them only the wording is checked. The rows are read from the documentation and not
//! kept beside it, so that the two cannot come apart.

#![cfg(feature = "std")]

#[path = "strictness/table.rs"]
mod table;
#[path = "strictness/verdicts.rs"]
mod verdicts;

use dunlin_codec::internals::Level;
use table::{Row, rows};

const TABLES: &str = include_str!("../src/strictness.md");

/// Every row whose cell in `column` is not what `verdict` says, with what it should be.
fn differences(column: usize, verdict: impl Fn(&Row) -> String) -> Vec<String> {
    let differs = |row: Row| {
        let (told, found) = (&row.verdicts[column], verdict(&row));
        let (line, example) = (row.line, &row.example);
        (*told != found).then(|| format!("line {line}: `{example}`: told {told}, found {found}"))
    };
    rows(TABLES).into_iter().filter_map(differs).collect()
}

#[test]
fn dunlin_does_what_the_tables_say() {
    let in_use = Level::in_use();
    for level in Level::ALL.into_iter().filter(|level| level.force()) {
        let differences = differences(0, |row| verdicts::dunlin(row, usize::MAX));
        assert!(differences.is_empty(), "{level:?}: {}", differences.join("\n"));
    }
    in_use.force();
}

#[test]
fn dunlin_does_the_same_when_bytes_come_one_by_one() {
    let differences = differences(0, |row| verdicts::dunlin(row, 1));
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn httparse_does_what_the_tables_say() {
    let differences = differences(1, verdicts::httparse);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn the_tables_have_their_rows_and_no_blank_cells() {
    let rows = rows(TABLES);
    assert!(rows.len() >= 90, "{}", rows.len());
    for row in &rows {
        for verdict in &row.verdicts {
            let word = verdict.split([' ', ':']).next().unwrap_or_default();
            let known = ["accepts", "rejects", "caller's", "waits"].contains(&word);
            assert!(known, "line {}: {verdict}", row.line);
        }
    }
}

#[test]
fn no_input_stands_in_the_tables_twice() {
    let mut inputs: Vec<_> = rows(TABLES)
        .into_iter()
        .map(|row| (format!("{:?}", row.kind), row.method, row.wire))
        .collect();
    let count = inputs.len();
    inputs.sort();
    inputs.dedup();
    assert_eq!(inputs.len(), count);
}
