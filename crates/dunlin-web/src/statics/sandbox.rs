//! Which paths are looked at at all: decided on text, before anything is opened.

use percent_encoding::percent_decode_str;

use super::StaticsError;

/// Longest path, decoded; longer ones name nothing that a file system has.
const MAX_LEN: usize = 4096;

/// What a request asks for below the prefix.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Target {
    /// Decoded; none is empty, and none leads anywhere but down.
    pub(super) segments: Vec<String>,
    /// The path ends with a slash, so it means a directory.
    pub(super) is_dir: bool,
}

impl Target {
    /// Reads what is left of a path as it was received, percent-encoded; `None` for what is never served.
    pub(super) fn parse(raw: &str, dot_files: bool) -> Option<Self> {
        if raw.len() > 3 * MAX_LEN {
            return None;
        }
        let (path, is_dir) = match raw.strip_suffix('/') {
            Some(path) => (path, true),
            None => (raw, raw.is_empty()),
        };
        if path.is_empty() {
            // A slash alone is an empty segment before the one at the end.
            return raw.is_empty().then(|| Self { segments: Vec::new(), is_dir });
        }
        let segments: Option<Vec<String>> = path
            .split('/')
            .map(|raw| {
                let segment = percent_decode_str(raw).decode_utf8().ok()?;
                is_served(&segment, dot_files).then(|| segment.into_owned())
            })
            .collect();
        let segments = segments?;
        let len: usize = segments.iter().map(|segment| segment.len() + 1).sum();
        (len <= MAX_LEN).then_some(Self { segments, is_dir })
    }

    /// The path below the root, for look-ups and messages.
    pub(super) fn path(&self) -> String {
        self.segments.join("/")
    }
}

/// Whether a decoded segment names something in its directory, and nothing elsewhere.
pub(super) fn is_served(segment: &str, dot_files: bool) -> bool {
    !matches!(segment, "" | "." | "..")
        && !segment.chars().any(|c| c.is_control() || matches!(c, '/' | '\\'))
        && (dot_files || !segment.starts_with('.'))
        && (!cfg!(windows) || is_plain_on_windows(segment))
}

/// Whether the program's own name for a file is one that leads down, dots at the front or not.
pub(super) fn check_name(file: &str) -> Result<(), StaticsError> {
    match file.split('/').all(|segment| is_served(segment, true)) {
        true => Ok(()),
        false => Err(StaticsError::FileName { file: file.into() }),
    }
}

/// Drives, streams of a file (`a:b`), devices (`NUL`, `com1.txt`), and names that Windows shortens.
fn is_plain_on_windows(segment: &str) -> bool {
    const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];
    let stem = segment.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let port = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    !segment.contains(['<', '>', ':', '"', '|', '?', '*', '~'])
        && !segment.ends_with(['.', ' '])
        && !DEVICES.contains(&&*stem)
        && port.is_none_or(|n| n.chars().count() != 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(raw: &str) -> Option<String> {
        let target = Target::parse(raw, false)?;
        Some(format!("{}{}", target.path(), if target.is_dir { "/" } else { "" }))
    }

    #[test]
    fn plain_paths_are_decoded_once() {
        for (raw, want) in [
            ("", "/"),
            ("a.txt", "a.txt"),
            ("js/app.js", "js/app.js"),
            ("js/", "js/"),
            ("a%20b.txt", "a b.txt"),
            ("%c3%bc.txt", "ü.txt"),
            ("a..b", "a..b"),
            ("%252e%252e", "%2e%2e"),
            ("a+b", "a+b"),
        ] {
            assert_eq!(parsed(raw).as_deref(), Some(want), "{raw}");
        }
    }

    #[test]
    fn what_leads_elsewhere_is_nothing_however_it_is_written() {
        for raw in [
            "..",
            "../secret",
            "a/../b",
            "a/..",
            ".",
            "./a",
            "/",
            "//",
            "/etc/passwd",
            "a//b",
            "a/./b",
            "%2e%2e/secret",
            "%2E%2e",
            ".%2e",
            "..%2fsecret",
            "a%2fb",
            "%2fetc%2fpasswd",
            "a%5cb",
            "..%5csecret",
            "..\\secret",
            "a%00",
            "a%00.png",
            "a%0ab",
            "a%7f",
            "%ff",
            "%c0%ae%c0%ae/a",
            ".git",
            ".env",
            "a/.git/config",
            "%2egit",
            "%e2%80%8e/../a",
        ] {
            assert_eq!(parsed(raw), None, "{raw}");
        }
        assert_eq!(parsed(&"a/".repeat(5000)), None);
        assert_eq!(parsed(&"a".repeat(5000)), None);
    }

    #[test]
    fn dot_files_can_be_let_through_and_dots_cannot() {
        assert!(Target::parse(".well-known/x", true).is_some());
        assert!(Target::parse("..", true).is_none() && Target::parse("%2e", true).is_none());
    }

    #[test]
    fn names_that_mean_something_else_on_windows_are_known() {
        for name in ["c:", "a:b", "NUL", "nul.txt", "COM1", "lpt9.txt", "a.", "a ", "PROGRA~1"] {
            assert!(!is_plain_on_windows(name), "{name}");
        }
        for name in ["common", "com", "com10", "null", "a.b", "lpt"] {
            assert!(is_plain_on_windows(name), "{name}");
        }
    }

    proptest! {
        /// Whatever is asked for, the joined path stays below the root.
        #[test]
        fn no_path_leads_out(raw in "[a./%25cf\\\\\0]{0,24}", dot_files: bool) {
            if let Some(target) = Target::parse(&raw, dot_files) {
                let joined = std::path::Path::new("/root").join(target.path());
                let down = joined.components().skip(1);
                prop_assert!(down.clone().all(|part| matches!(part, std::path::Component::Normal(_))));
                prop_assert_eq!(down.count(), 1 + target.segments.len());
            }
        }
    }
}
