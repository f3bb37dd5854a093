//! A body into a file.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::io::AsyncWriteExt;

use super::Response;
use crate::error::{Error, ErrorKind, Phase};

impl Response {
    /// Writes the body to a new file, or over the one that is there, and says how many bytes it was.
    ///
    /// The file gets its name only once the body is whole: until then it is written beside it, to a new
    /// file of another name that ends in `.part`. What is left of a body that broke off is removed, and of one that was
    /// given up by dropping the future.
    ///
    /// # Errors
    ///
    /// As [`chunk`](Self::chunk), and where the file cannot be written.
    pub async fn save_to(self, path: impl AsRef<Path>) -> Result<u64, Error> {
        self.save_with(path, |_, _| {}).await
    }

    /// The same; `progress` is called after each piece with the bytes written so far and those that
    /// there will be, where that is known.
    ///
    /// # Errors
    ///
    /// As [`save_to`](Self::save_to).
    pub async fn save_with(
        mut self,
        path: impl AsRef<Path>,
        mut progress: impl FnMut(u64, Option<u64>),
    ) -> Result<u64, Error> {
        let path = path.as_ref();
        let mut part = Part { path: beside(path), is_moved: false };
        // Never a file, or a link, that is there already.
        let created = tokio::fs::File::create_new(&part.path).await;
        let file = created.map_err(|error| {
            part.is_moved = true;
            self.file_error(path, error)
        })?;
        let bytes = self.write_file(file, path, &mut progress).await?;
        let moved = tokio::fs::rename(&part.path, path).await;
        moved.map_err(|error| self.file_error(path, error))?;
        part.is_moved = true;
        Ok(bytes)
    }

    async fn write_file(
        &mut self,
        mut file: tokio::fs::File,
        path: &Path,
        progress: &mut impl FnMut(u64, Option<u64>),
    ) -> Result<u64, Error> {
        let total = self.content_length();
        let mut written = 0;
        while let Some(chunk) = self.chunk().await? {
            file.write_all(&chunk).await.map_err(|error| self.file_error(path, error))?;
            written += chunk.len() as u64;
            progress(written, total);
        }
        file.flush().await.map_err(|error| self.file_error(path, error))?;
        Ok(written)
    }

    fn file_error(&self, path: &Path, error: std::io::Error) -> Error {
        let error = std::io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        self.locate(Error::new(ErrorKind::Other(std::sync::Arc::new(error)), Phase::Body))
    }
}

/// A name that nobody else has, in the same directory.
fn beside(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    let count = COUNT.fetch_add(1, Relaxed);
    name.push(format!(".{}-{count}.part", std::process::id()));
    path.with_file_name(name)
}

/// A file that is not whole yet. It goes wherever the download ends, in an error or in a drop.
struct Part {
    path: PathBuf,
    is_moved: bool,
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_moved {
            // One that was never made is not there to remove.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
