//! The directory below `/static/`.

use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The directory, and what removes it at the end where it is one of our own.
pub(crate) struct Root {
    path: PathBuf,
    _own: Option<TempDir>,
}

impl Root {
    /// The directory given, or one with `hello.txt` in it and `secret.txt` beside it.
    pub(crate) fn open(given: Option<PathBuf>) -> io::Result<Self> {
        if let Some(path) = given {
            return Ok(Self { path, _own: None });
        }
        let own = tempfile::tempdir()?;
        let path = own.path().join("static");
        std::fs::create_dir(&path)?;
        std::fs::write(path.join("hello.txt"), "hello\n")?;
        std::fs::write(own.path().join("secret.txt"), "TOPSECRET")?;
        Ok(Self { path, _own: Some(own) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}
