//! What a package may be called.

/// Words that Rust keeps, and crates that the project depends on or that come with the compiler.
const TAKEN: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dunlin",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "serde",
    "serde_json",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "tokio",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// Longest name.
const MAX_LEN: usize = 64;

pub(super) fn check(name: &str) -> Result<(), String> {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_plain = name.starts_with(is_letter)
        && name.chars().all(|c| is_letter(c) || c.is_ascii_digit() || c == '-');
    if !is_plain || name.len() > MAX_LEN || name.chars().all(|c| matches!(c, '_' | '-')) {
        return Err(format!(
            "{name:?} is no name for a package: take letters, digits, `-` and `_`, a letter first, {MAX_LEN} at most"
        ));
    }
    if TAKEN.contains(&&*name.replace('-', "_").to_ascii_lowercase()) {
        return Err(format!(
            "{name:?} is a word of Rust, or the name of a crate that the project depends on: choose another"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_cargo_and_rust_take() {
        for name in ["birds", "my-app", "_x1", "Polls2"] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        for name in [
            "",
            "1st",
            "a b",
            "gr\u{fc}n",
            "-a",
            "__",
            "a.b",
            "fn",
            "dunlin",
            "Tokio",
            "serde-json",
        ] {
            assert!(check(name).is_err(), "{name}");
        }
        assert!(check(&"a".repeat(65)).is_err());
    }

    #[test]
    fn the_words_are_in_order() {
        assert!(TAKEN.is_sorted());
    }
}
