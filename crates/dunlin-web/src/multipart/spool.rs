//! Bytes that are kept in memory while they are few and in a temporary file once they are many.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tempfile::NamedTempFile;
use tokio::runtime::Handle;

/// Bytes that are written to disk at once.
const BATCH: usize = 256 * 1024;

/// Where the bytes of a file are.
#[derive(Debug)]
pub(super) enum Kept {
    Memory(Bytes),
    Disk(OnDisk),
}

/// A temporary file, deleted when it is dropped.
#[derive(Debug)]
pub(super) struct OnDisk(Option<NamedTempFile>);

impl OnDisk {
    pub(super) fn path(&self) -> Option<&Path> {
        self.0.as_ref().map(NamedTempFile::path)
    }

    /// Another handle of the file.
    pub(super) async fn open(&self) -> io::Result<File> {
        let path = self.path().map(Path::to_owned).ok_or(io::ErrorKind::NotFound)?;
        off_thread(move || File::open(path)).await
    }

    /// Moves the file, or copies it where it cannot be moved.
    pub(super) async fn persist(mut self, to: PathBuf) -> io::Result<()> {
        let Some(file) = self.0.take() else { return Err(io::ErrorKind::NotFound.into()) };
        off_thread(move || match file.persist(&to) {
            Ok(_) => Ok(()),
            Err(failed) if failed.error.kind() == io::ErrorKind::CrossesDevices => {
                std::fs::copy(failed.file.path(), &to).map(drop)
            }
            Err(failed) => Err(failed.error),
        })
        .await
    }
}

/// Deleting may wait for the disk: where there is a runtime, one of its threads for that does it.
impl Drop for OnDisk {
    fn drop(&mut self) {
        if let (Some(file), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            drop(runtime.spawn_blocking(move || drop(file)));
        }
    }
}

/// Takes the bytes of a file as they come.
#[derive(Debug)]
pub(super) struct Spool {
    /// What is in memory and not on disk.
    batch: Vec<u8>,
    /// Bytes that may be in memory.
    room: usize,
    disk: OnDisk,
    dir: Option<PathBuf>,
    len: u64,
}

impl Spool {
    pub(super) fn new(room: usize, dir: Option<PathBuf>) -> Self {
        Self { batch: Vec::new(), room, disk: OnDisk(None), dir, len: 0 }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) async fn write(&mut self, data: &[u8]) -> io::Result<()> {
        self.len += data.len() as u64;
        self.batch.extend_from_slice(data);
        let most = if self.disk.0.is_none() { self.room } else { BATCH };
        if self.batch.len() > most { self.flush().await } else { Ok(()) }
    }

    pub(super) async fn finish(mut self) -> io::Result<Kept> {
        if self.disk.0.is_none() {
            // Without the room to spare that it may have: there may be many such files.
            self.batch.shrink_to_fit();
            return Ok(Kept::Memory(std::mem::take(&mut self.batch).into()));
        }
        self.flush().await?;
        Ok(Kept::Disk(OnDisk(self.disk.0.take())))
    }

    async fn flush(&mut self) -> io::Result<()> {
        let batch = std::mem::take(&mut self.batch);
        let (file, dir) = (self.disk.0.take(), self.dir.clone());
        // Where this is dropped while the write goes on, the file is dropped with what it returns.
        let written = off_thread(move || {
            let mut file = match (file, dir) {
                (Some(file), _) => file,
                (None, Some(dir)) => NamedTempFile::new_in(dir)?,
                (None, None) => NamedTempFile::new()?,
            };
            file.write_all(&batch)?;
            Ok(file)
        });
        self.disk.0 = Some(written.await?);
        Ok(())
    }
}

/// Runs what waits for the disk where no other task waits for it.
pub(super) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
