//! The team board: over HTTP as its scripts use it, and in a browser as people do.

#[path = "../../../tests/common/mod.rs"]
mod common;
mod http;
mod pages;
mod pictures;

use std::path::Path;
use std::process::Stdio;

use common::{Running, program, told};

/// A board of its own, in a directory of its own.
struct Board {
    program: Running,
    url: String,
}

impl Board {
    fn start(data: &Path) -> Self {
        Self::with(data, &[])
    }

    fn with(data: &Path, options: &[&str]) -> Self {
        let mut program = program("showcase")
            .args(["--port", "0", "--data", data.to_str().unwrap()])
            // What is given twice counts as given last.
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let url = told(program.stdout.take().unwrap(), "Running on ", ' ');
        Self { program: Running(program), url }
    }

    fn port(&self) -> &str {
        self.url.rsplit(':').next().unwrap()
    }

    /// The key that the server prints beside its address.
    fn admin_key(data: &Path) -> String {
        std::fs::read_to_string(data.join("admin.key")).unwrap()[..16].to_owned()
    }
}
