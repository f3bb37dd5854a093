//! Jars on disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::jar::CookieJar;
use super::json::{LoadError, SessionCookies};
use super::netscape::NetscapeError;

impl CookieJar {
    /// Saves the jar to `path` as JSON.
    ///
    /// Written beside `path` and then renamed, so that `path` holds either the old jar or the new
    /// one. On Unix only the file's owner may read it. The write goes on if the future is dropped.
    ///
    /// # Errors
    ///
    /// Whatever creating, writing or renaming the file gives; `path` is then as before.
    pub async fn save(&self, path: impl AsRef<Path>, session: SessionCookies) -> io::Result<()> {
        write(path.as_ref(), self.to_json(session).into_bytes()).await
    }

    /// Puts the cookies of a saved file in place of all that the jar holds; returns how many it then
    /// holds.
    ///
    /// # Errors
    ///
    /// [`LoadError`] for a file that cannot be read or is no saved jar; the jar is then as before.
    pub async fn load(&self, path: impl AsRef<Path>) -> Result<usize, LoadError> {
        self.load_json(&tokio::fs::read_to_string(path).await?)
    }

    /// Saves the jar to `path` as `cookies.txt`, as [`save`](Self::save) does.
    ///
    /// # Errors
    ///
    /// Whatever creating, writing or renaming the file gives; `path` is then as before.
    pub async fn save_netscape_file(&self, path: impl AsRef<Path>) -> io::Result<()> {
        write(path.as_ref(), self.to_netscape()).await
    }

    /// Adds the cookies of a `cookies.txt`; returns the lines that gave none.
    ///
    /// # Errors
    ///
    /// Whatever reading the file gives.
    pub async fn load_netscape_file(
        &self,
        path: impl AsRef<Path>,
    ) -> io::Result<Vec<NetscapeError>> {
        Ok(self.load_netscape(&tokio::fs::read(path).await?))
    }
}

/// Writes a file that only its owner may read, all of it or nothing.
pub(crate) async fn write(path: &Path, bytes: Vec<u8>) -> io::Result<()> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || replace(&path, &bytes)).await.map_err(io::Error::other)?
}

/// Puts `bytes` in place of what `path` holds.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = beside(path)?;
    let written = create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        // Renamed without this, the file may be empty after a loss of power.
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&beside, path)).inspect_err(|_| {
        let _ = fs::remove_file(&beside);
    })
}

/// A name in the same directory, since a rename does not cross file systems.
fn beside(path: &Path) -> io::Result<PathBuf> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    hidden.push(format!(".{}.{count}.tmp", std::process::id()));
    Ok(path.with_file_name(hidden))
}

/// A new file that only its owner may read.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
