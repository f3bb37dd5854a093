//! What the book promises of itself: all pages are in the table of contents and in the doc tests, links lead
//! somewhere, those of the front page and the crates' READMEs too, and the tutorial shows the whole program that
//! it builds.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

fn docs() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files below a directory, relative to `docs/`.
fn files(dir: &str) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut dirs = vec![docs().join(dir)];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => dirs.push(path),
                false => drop(found.insert(path.strip_prefix(docs()).unwrap().to_owned())),
            }
        }
    }
    found
}

fn pages() -> BTreeSet<PathBuf> {
    files("src").into_iter().filter(|path| !path.ends_with("SUMMARY.md")).collect()
}

/// The text of a page as mdBook shows it: `{{#include FILE}}` is the file.
fn page(path: &Path) -> String {
    let text = read(&docs().join(path));
    match text.trim().strip_prefix("{{#include ").and_then(|rest| rest.strip_suffix("}}")) {
        Some(file) => read(&docs().join(path.parent().unwrap()).join(file)),
        None => text,
    }
}

/// Lines outside of fenced blocks, and lines in them together with the block's info string.
fn lines(text: &str) -> impl Iterator<Item = (Option<&str>, &str)> {
    let mut fence: Option<(usize, &str)> = None;
    text.lines().filter_map(move |line| {
        let ticks = line.len() - line.trim_start_matches('`').len();
        match fence {
            None if ticks >= 3 => {
                fence = Some((ticks, &line[ticks..]));
                None
            }
            Some((open, _)) if ticks >= open && line.len() == ticks => {
                fence = None;
                None
            }
            _ => Some((fence.map(|(_, info)| info), line)),
        }
    })
}

/// The targets of the links in a line, but for those in code.
fn targets(line: &str) -> Vec<String> {
    let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
    let ends = prose.match_indices("](").map(|(at, _)| &prose[at + 2..]);
    ends.filter_map(|rest| Some(rest[..rest.find(')')?].to_owned())).collect()
}

/// The anchor that mdBook and GitHub give a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn anchors(text: &str) -> BTreeSet<String> {
    let headings = lines(text).filter(|(fence, line)| fence.is_none() && line.starts_with('#'));
    headings.map(|(_, line)| anchor(line.trim_start_matches('#'))).collect()
}

/// A path without `.` and `..`, none where it leads out of the repository.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir if !normal.pop() => return None,
            Component::ParentDir | Component::CurDir => {}
            part => normal.push(part),
        }
    }
    Some(normal)
}

fn broken(pages: &BTreeSet<PathBuf>, from: &Path, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    for (fence, line) in lines(text) {
        if fence.is_some() {
            continue;
        }
        for target in targets(line) {
            let tell = |why: &str| format!("{}: `{target}` {why}", from.display());
            if target.starts_with("https://") || target.starts_with("http://") {
                continue;
            }
            let (file, wanted) = target.split_once('#').unwrap_or((&target, ""));
            let to = match file {
                "" => Some(from.to_owned()),
                file => normal(&from.parent().unwrap().join(file)),
            };
            match to {
                Some(to) if pages.contains(&to) => {
                    if !wanted.is_empty() && !anchors(&page(&to)).contains(wanted) {
                        broken.push(tell("names no heading of that page"));
                    }
                }
                _ => broken.push(tell("leads to no page of the book")),
            }
        }
    }
    broken
}

#[test]
fn every_link_leads_to_a_page_and_a_heading_of_it() {
    let pages = pages();
    let summary = PathBuf::from("src/SUMMARY.md");
    let all = pages.iter().chain([&summary]);
    let broken: Vec<_> = all.flat_map(|from| broken(&pages, from, &page(from))).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn a_link_that_leads_nowhere_is_told() {
    let pages = pages();
    let text = "[a](nowhere.md) [b](introduction.md#no-such-heading) [c](introduction.md)\n\
                ```text\n[d](in-a-block.md)\n```\n`[e](in-code.md)` [f](../../../x.md)";
    let told = broken(&pages, Path::new("src/x.md"), text);
    assert_eq!(told.len(), 3, "{told:#?}");
}

/// The front page, the crates' READMEs and the documents beside the book are read as files: what they link to has
/// to be there.
#[test]
fn every_link_of_the_front_page_and_the_readmes_leads_to_a_file_and_a_heading_of_it() {
    let root = docs().parent().unwrap();
    let crates = fs::read_dir(root.join("crates")).unwrap();
    let mut read_as_files: Vec<_> =
        crates.map(|entry| entry.unwrap().path().join("README.md")).collect();
    let names = ["README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/conformance.md"];
    read_as_files.extend(names.map(|name| root.join(name)));
    let mut broken = Vec::new();
    for file in &read_as_files {
        let text = read(file);
        let images = lines(&text).filter_map(|(_, line)| Some(line.split_once("<img src=\"")?.1));
        let images = images.map(|rest| rest.split('"').next().unwrap().to_owned());
        let prose = lines(&text).filter(|(fence, _)| fence.is_none());
        for target in prose.flat_map(|(_, line)| targets(line)).chain(images) {
            if target.starts_with("https://") {
                continue;
            }
            let (path, wanted) = target.split_once('#').unwrap_or((&target, ""));
            let to = file.parent().unwrap().join(path);
            let to = if path.is_empty() { file.clone() } else { to };
            if !to.exists() || !(wanted.is_empty() || anchors(&read(&to)).contains(wanted)) {
                broken.push(format!("{}: `{target}`", file.display()));
            }
        }
    }
    assert!(read_as_files.len() > names.len());
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_page_is_in_the_table_of_contents_once() {
    let summary = read(&docs().join("src/SUMMARY.md"));
    let mut named: Vec<_> = summary.lines().flat_map(targets).collect();
    named.sort();
    let pages: Vec<_> = pages().into_iter().collect();
    let pages: Vec<_> = pages.iter().map(|p| p.strip_prefix("src").unwrap()).collect();
    let named: Vec<_> = named.iter().map(Path::new).collect();
    assert_eq!(named, pages);
}

/// Pages that are documents of their own, read outside of the book too, have blocks that are parts of lines.
#[test]
fn every_page_with_rust_in_it_is_a_doc_test() {
    let harness = read(&docs().join("lib.rs"));
    for path in pages() {
        let text = read(&docs().join(&path));
        let has_rust = lines(&text).any(|(fence, _)| fence.is_some_and(|f| f.starts_with("rust")));
        let is_there = harness.contains(&format!("\"{}\"", path.display()));
        assert_eq!(is_there, has_rust, "{}: in lib.rs, has Rust", path.display());
        let skipped = lines(&text).any(|(fence, _)| fence.is_some_and(|f| f.contains("ignore")));
        assert!(!skipped, "{}: a block is ignored", path.display());
    }
}

#[test]
fn the_tutorial_shows_each_line_of_what_it_builds() {
    let tutorial: Vec<_> =
        files("src/tutorial").iter().map(|path| read(&docs().join(path))).collect();
    let shown: BTreeSet<_> = tutorial.iter().flat_map(|text| lines(text)).collect();
    let shown: BTreeSet<_> =
        shown.iter().filter(|(f, _)| f.is_some()).map(|(_, l)| l.trim()).collect();
    for path in files("board").into_iter().filter(|path| !path.ends_with("Cargo.toml")) {
        for line in read(&docs().join(&path)).lines() {
            assert!(shown.contains(line.trim()), "{}: no chapter shows `{line}`", path.display());
        }
    }
}
