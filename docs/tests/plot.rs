//! The plot of the front page: `docs/performance.svg`, drawn from the figures that stand in
//! `docs/performance.md` and from no others.
//!
//! `cargo test -p dunlin-book --test plot` holds it to the page; with `WRITE_PLOT=1` it is drawn anew.

use std::fmt::Write;
use std::fs;
use std::path::Path;

const WIDTH: usize = 440;
const BARS_FROM: usize = 112;
const BARS_MOST: usize = 250;

/// One group of bars: what is measured, and where on the page each figure stands.
struct Panel {
    title: &'static str,
    section: &'static str,
    bars: &'static [(&'static str, Source)],
}

enum Source {
    /// The row that begins so, in the column of that name.
    Cell { row: &'static str, column: &'static str },
    /// What the ratios of a table are to.
    One,
}
use Source::{Cell, One};

const PANELS: &[Panel] = &[
    Panel {
        title: "Server: CPU a request, hyper = 1",
        section: "Server, ratios to hyper",
        bars: &[
            ("Dunlin", Cell { row: "CPU a request: Dunlin", column: "plaintext" }),
            ("hyper, bare", One),
            ("axum", Cell { row: "CPU a request: axum", column: "plaintext" }),
        ],
    },
    Panel {
        title: "Server: bytes an idle connection holds",
        section: "Server, ratios to hyper",
        bars: &[
            ("Dunlin", Cell { row: "bytes per idle", column: "Dunlin" }),
            ("hyper, bare", Cell { row: "bytes per idle", column: "hyper" }),
            ("axum", Cell { row: "bytes per idle", column: "axum" }),
        ],
    },
    Panel {
        title: "Client: CPU a small GET, reqwest = 1",
        section: "Client",
        bars: &[
            ("Dunlin", Cell { row: "Dunlin", column: "get" }),
            ("awc", Cell { row: "awc", column: "get" }),
            ("hyper-util", Cell { row: "hyper-util", column: "get" }),
            ("reqwest", Cell { row: "reqwest", column: "get" }),
        ],
    },
    Panel {
        title: "Codec: nanoseconds to parse a browser's head",
        section: "Codec",
        bars: &[
            ("Dunlin", Cell { row: "browser", column: "dunlin" }),
            ("httparse", Cell { row: "browser", column: "httparse uninit" }),
        ],
    },
];

/// The cells of a line of a table, without emphasis and code marks.
fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_matches('|');
    inner.split('|').map(|cell| cell.replace(['*', '`'], "").trim().to_owned()).collect()
}

/// The figure as the page has it, such as `11,174`.
fn figure(page: &str, section: &str, row: &str, column: &str) -> Option<String> {
    let heading = format!("## {section}");
    let section = page.lines().skip_while(|line| *line != heading).skip(1);
    let mut at = None;
    let mut in_table = false;
    for line in section.take_while(|line| !line.starts_with("## ")) {
        if !line.starts_with('|') {
            (at, in_table) = (None, false);
            continue;
        }
        let cells = cells(line);
        if !in_table {
            (at, in_table) = (cells.iter().position(|cell| cell == column), true);
        } else if let Some(at) = at
            && cells[0].starts_with(row)
        {
            return cells.get(at).cloned();
        }
    }
    None
}

fn draw(page: &str) -> String {
    let mut body = String::new();
    let mut said = Vec::new();
    let mut y = 20;
    for panel in PANELS {
        let figures: Vec<_> = (panel.bars.iter())
            .map(|(_, source)| match source {
                One => "1".to_owned(),
                Cell { row, column } => figure(page, panel.section, row, column)
                    .unwrap_or_else(|| panic!("{}: no row `{row}` with `{column}`", panel.section)),
            })
            .collect();
        let number = |text: &String| -> f64 {
            text.replace(',', "").parse().unwrap_or_else(|_| panic!("`{text}` is no number"))
        };
        let most = figures.iter().map(number).fold(0.0, f64::max);
        writeln!(body, r#"<text class="title" x="12" y="{}">{}</text>"#, y + 8, panel.title)
            .unwrap();
        y += 20;
        for ((name, _), figure) in panel.bars.iter().zip(&figures) {
            let width = (number(figure) / most * BARS_MOST as f64).round().max(1.0);
            let class = if *name == "Dunlin" { "own" } else { "other" };
            let (text, end) = (y + 14, BARS_FROM as f64 + width + 8.0);
            write!(
                body,
                r#"<g class="{class}"><text class="name" x="{}" y="{text}">{name}</text>
<rect x="{BARS_FROM}" y="{y}" width="{width}" height="18" rx="2"/>
<text x="{end}" y="{text}">{figure}</text></g>
"#,
                BARS_FROM - 8
            )
            .unwrap();
            y += 23;
        }
        let bars = panel.bars.iter().zip(&figures);
        let bars: Vec<_> = bars.map(|((name, _), figure)| format!("{name} {figure}")).collect();
        said.push(format!("{}: {}.", panel.title, bars.join(", ")));
        y += 16;
    }
    let height = y - 4;
    let said = said.join(" ");
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="title desc">
<title id="title">Dunlin beside others; shorter bars are better</title>
<desc id="desc">{said}</desc>
<style>
text {{ font: 14px system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; fill: #24292f }}
.title {{ font-weight: 600 }}
.name {{ text-anchor: end }}
.own text {{ font-weight: 600 }}
.own rect {{ fill: #0b6bcb }}
.other rect {{ fill: #aab4be }}
.paper {{ fill: #ffffff }}
@media (prefers-color-scheme: dark) {{
text {{ fill: #e6edf3 }}
.own rect {{ fill: #58a6ff }}
.other rect {{ fill: #57606a }}
.paper {{ fill: #0d1117 }}
}}
</style>
<rect class="paper" width="{WIDTH}" height="{height}" rx="6"/>
{body}</svg>
"##
    )
}

#[test]
fn the_plot_shows_the_figures_of_the_page() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR"));
    let drawn = draw(&fs::read_to_string(docs.join("performance.md")).unwrap());
    let file = docs.join("performance.svg");
    if std::env::var_os("WRITE_PLOT").is_some() {
        fs::write(&file, &drawn).unwrap();
    }
    let there = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        there == drawn,
        "docs/performance.svg shows other figures than docs/performance.md: draw it anew by \
         `WRITE_PLOT=1 cargo test -p dunlin-book --test plot`"
    );
}

#[test]
fn a_figure_is_that_of_its_section_row_and_column() {
    let page = "## A\n| x | one | two |\n| --- | --- | --- |\n| **`Dunlin`**, new | 1 | 1,160 |\n\n\
                | y | two |\n| --- | --- |\n| Dunlin | 3 |\n## B\n| x | two |\n| --- | --- |\n| awc | 4 |\n";
    assert_eq!(figure(page, "A", "Dunlin", "two").as_deref(), Some("1,160"));
    assert_eq!(figure(page, "B", "awc", "two").as_deref(), Some("4"));
    assert_eq!(figure(page, "B", "Dunlin", "two"), None);
    assert_eq!(figure(page, "A", "Dunlin", "three"), None);
}
