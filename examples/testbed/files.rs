//! Files below one directory, read when they are asked for.

use std::io;
use std::path::{Component, Path, PathBuf};

use dunlin::Response;
use dunlin::http::HeaderValue;
use dunlin::http::header::CONTENT_TYPE;
use dunlin::web::{HttpError, Result};
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
            return Ok(Self { path: path.canonicalize()?, _own: None });
        }
        let own = tempfile::tempdir()?;
        let path = own.path().join("static");
        std::fs::create_dir(&path)?;
        std::fs::write(path.join("hello.txt"), "hello\n")?;
        std::fs::write(own.path().join("secret.txt"), "TOPSECRET")?;
        Ok(Self { path: path.canonicalize()?, _own: Some(own) })
    }

    /// The file at `name`, a relative path in which nothing leads up or out.
    pub(crate) async fn read(&self, name: &str) -> Result {
        let path = self.locate(name).await.ok_or_else(HttpError::not_found)?;
        let bytes = tokio::fs::read(&path).await.map_err(|_| HttpError::not_found())?;
        let text = path.extension().is_some_and(|extension| extension == "txt");
        let media = if text { "text/plain; charset=utf-8" } else { "application/octet-stream" };
        Ok(Response::new(bytes).with_header(CONTENT_TYPE, HeaderValue::from_static(media)))
    }

    async fn locate(&self, name: &str) -> Option<PathBuf> {
        let plain = |part| matches!(part, Component::Normal(_));
        if name.contains(['\0', '\\']) || !Path::new(name).components().all(plain) {
            return None;
        }
        // Links are followed before the path is compared, so that none leads outside.
        let path = tokio::fs::canonicalize(self.path.join(name)).await.ok()?;
        (path.starts_with(&self.path) && tokio::fs::metadata(&path).await.ok()?.is_file())
            .then_some(path)
    }
}
