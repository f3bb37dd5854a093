//! The files of a new project.

use std::path::PathBuf;

const CARGO_TOML: &str = include_str!("../../template/Cargo.toml.in");

/// All but `Cargo.toml`: the names that they get, and what they hold.
const FILES: [(&str, &str); 5] = [
    (".gitignore", include_str!("../../template/gitignore")),
    ("README.md", include_str!("../../template/README.md")),
    ("src/lib.rs", include_str!("../../template/src/lib.rs")),
    ("src/main.rs", include_str!("../../template/src/main.rs")),
    ("tests/app.rs", include_str!("../../template/tests/app.rs")),
];

/// Below another package, cargo has to be told that this is none of its members.
const STANDS_ALONE: &str = "\n# By itself, and no member of the workspace above it.\n[workspace]\n";

pub(super) struct Project<'a> {
    pub(super) name: &'a str,
    /// The crate's directory; `None` for the published one.
    pub(super) dunlin: Option<PathBuf>,
    pub(super) is_below_package: bool,
}

impl Project<'_> {
    pub(super) fn files(&self) -> Vec<(&'static str, String)> {
        let mut manifest = self.fill(CARGO_TOML);
        if self.is_below_package {
            manifest.push_str(STANDS_ALONE);
        }
        let mut files = vec![("Cargo.toml", manifest)];
        files.extend(FILES.map(|(name, text)| (name, self.fill(text))));
        files
    }

    fn fill(&self, text: &str) -> String {
        text.replace("{{name}}", self.name)
            .replace("{{lib}}", &self.name.replace('-', "_"))
            .replace("{{dunlin}}", &self.dependency(None))
            .replace("{{dunlin_for_tests}}", &self.dependency(Some("test")))
    }

    /// A dependency in TOML, whose strings are escaped as those of JSON.
    fn dependency(&self, feature: Option<&str>) -> String {
        let from = match &self.dunlin {
            Some(path) => format!("path = {}", serde_json::json!(path.to_string_lossy())),
            None => concat!("version = \"", env!("CARGO_PKG_VERSION"), "\"").to_owned(),
        };
        match feature {
            Some(feature) => format!("{{ {from}, features = [\"{feature}\"] }}"),
            None => format!("{{ {from} }}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_to_fill_in() {
        let project = Project { name: "my-birds", dunlin: None, is_below_package: true };
        for (name, text) in project.files() {
            assert!(!text.contains("{{"), "{name}: {text}");
        }
        let files = project.files();
        let (_, manifest) = &files[0];
        assert!(manifest.contains("name = \"my-birds\"") && manifest.ends_with("[workspace]\n"));
        let version = env!("CARGO_PKG_VERSION");
        assert!(
            manifest.contains(&format!("dunlin = {{ version = \"{version}\" }}\n")),
            "{manifest}"
        );
        assert!(files.iter().any(|(_, text)| text.contains("my_birds::app()")));
    }

    #[test]
    fn a_path_is_written_as_toml_reads_it() {
        let project =
            Project { name: "a", dunlin: Some("C:\\x\"y".into()), is_below_package: false };
        assert_eq!(project.dependency(None), r#"{ path = "C:\\x\"y" }"#);
    }
}
