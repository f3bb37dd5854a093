//! The list of what aiohttp's users meet names a test for what it says, and each is there.
#![allow(missing_docs)]

use std::path::Path;

#[test]
fn every_test_that_the_guide_names_is_there() {
    let client = Path::new(env!("CARGO_MANIFEST_DIR"));
    // The guide is no part of the package.
    let Ok(guide) = std::fs::read_to_string(client.join("../../docs/from-aiohttp.md")) else {
        return;
    };
    let (mut named, mut last) = (0, String::new());
    for word in guide.split('`').skip(1).step_by(2) {
        // `::test` is in the file named before.
        let (file, test) = match (word.split_once(".rs::"), word.strip_prefix("::")) {
            (Some((file, test)), _) => (file, test),
            (None, Some(test)) => (&*last, test),
            _ => continue,
        };
        let folder = match file.split('/').next() {
            Some("src") => client.to_owned(),
            Some(other) if other == "dunlin" || other.starts_with("dunlin-") => client.join(".."),
            _ => client.join("tests"),
        };
        let path = folder.join(file).with_extension("rs");
        let source = std::fs::read_to_string(&path);
        let source = source.unwrap_or_else(|error| panic!("{word}: {}: {error}", path.display()));
        assert!(source.contains(&format!("fn {test}(")), "{word} is not there");
        last = file.to_owned();
        named += 1;
    }
    assert!(named > 100, "only {named}");
}
