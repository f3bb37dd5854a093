//! Holds the tables in `src/strictness.md` to what the parsers do: every row is run.
//!
//! The columns for Dunlin and httparse are computed here. Those for llhttp and picohttpparser,
//! which are written in C, hold their verdicts on the same rows at the versions that the file
//! names; of them only the wording is checked, unless `strictness/rivals.sh` is given their sources:
//! it builds `strictness/rivals.c` and runs the test that is ignored here, or fills the cells. The
//! rows are read from the documentation and not kept beside it, so that the two cannot come apart.

#![cfg(feature = "std")]

#[path = "strictness/rivals.rs"]
mod rivals;
#[path = "strictness/table.rs"]
mod table;
#[path = "strictness/verdicts.rs"]
mod verdicts;

use dunlin_codec::internals::Level;
use table::{Row, rows};

const ROWS: usize = 230;

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
#[ignore = "needs the sources of both: see strictness/rivals.sh"]
fn the_parsers_in_c_do_what_the_tables_say() {
    let program = std::env::var_os("DUNLIN_STRICTNESS_RIVALS").expect("the program is built");
    let rivals = rivals::Rivals::start(&program);
    if std::env::var_os("DUNLIN_STRICTNESS_WRITE").is_some() {
        return write(&rivals);
    }
    let differences = [
        differences(2, |row| rivals.llhttp(row)),
        differences(3, |row| rivals.picohttpparser(row)),
    ]
    .concat();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Fills every cell with what is found.
fn write(rivals: &rivals::Rivals) {
    let mut lines: Vec<_> = TABLES.lines().map(String::from).collect();
    for row in rows(TABLES) {
        let found = [
            verdicts::dunlin(&row, usize::MAX),
            verdicts::httparse(&row),
            rivals.llhttp(&row),
            rivals.picohttpparser(&row),
        ];
        let line = &mut lines[row.line - 1];
        let kept: Vec<_> = line.splitn(4, " | ").take(2).collect();
        let found = found.map(|cell| cell.replace('|', "\\|")).join(" | ");
        *line = format!("{} | {found} |", kept.join(" | "));
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/strictness.md");
    std::fs::write(path, lines.join("\n") + "\n").expect("the file can be written");
}

#[test]
fn the_tables_have_their_rows_and_no_blank_cells() {
    let rows = rows(TABLES);
    // A row that is not read as one would pass every other test.
    assert_eq!(rows.len(), ROWS);
    for row in &rows {
        for verdict in &row.verdicts {
            let word = verdict.split([' ', ':']).next().unwrap_or_default();
            let known = ["accepts", "rejects", "caller's", "waits"].contains(&word);
            assert!(known, "line {}: {verdict}", row.line);
        }
    }
}

#[test]
fn the_tables_use_every_letter_of_their_legend_and_no_other() {
    let (_, legend) = TABLES.split_once("Letters behind").expect("there is a legend");
    let legend = legend.split("# ").next().unwrap_or_default();
    let of_word = |word: &str| match word.as_bytes() {
        [b'*', letter, b'*'] => Some(*letter),
        _ => None,
    };
    let mut told: Vec<_> = legend.split_whitespace().filter_map(of_word).collect();
    let mut used = Vec::new();
    for row in rows(TABLES) {
        for verdict in &row.verdicts[1..] {
            let Some(letters) = verdict.strip_prefix("rejects (") else { continue };
            used.extend(letters.bytes().filter(u8::is_ascii_alphabetic));
        }
    }
    for letters in [&mut told, &mut used] {
        letters.sort_unstable();
        letters.dedup();
    }
    assert_eq!((told.len(), told), (17, used));
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
