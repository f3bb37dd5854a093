//! Programs of this package under test, and a browser to see them with. `cargo test` builds the programs
//! first.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub(crate) mod browser;

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// A program that ends with the test.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// Sends it SIGTERM, and gives the status that it ends with.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let began = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where cargo puts examples, seen from a test.
pub(crate) fn program(name: &str) -> Command {
    let mut path: PathBuf = std::env::current_exe().unwrap();
    path.pop();
    path.set_file_name("examples");
    Command::new(path.join(name))
}

/// What stands in a program's output between two texts, as soon as it does.
pub(crate) fn told(output: impl Read, before: &str, after: char) -> String {
    for line in BufReader::new(output).lines() {
        let line = line.unwrap();
        if let Some((_, rest)) = line.split_once(before) {
            return rest.split(after).next().unwrap().to_owned();
        }
    }
    panic!("the program has not told {before:?}");
}
