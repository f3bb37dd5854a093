//! What an earlier try has left of a file, and of which version of it that is.
//!
//! A download is written to `FILE.part` and becomes `FILE` when it is whole. `FILE.part.json` says meanwhile what it
//! is a part of: without that, bytes of two versions would be joined.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use dunlin::client::Response;
use serde::{Deserialize, Serialize};

use crate::failure::{Code, Failure};

/// Longest description that is believed to be one.
const MAX_ORIGIN: u64 = 64 * 1024;

/// The version of the file that the part is of.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Origin {
    pub(super) url: String,
    /// A strong entity tag, or else a date, that `If-Range` takes.
    pub(super) validator: String,
    /// Bytes of the whole file, where they are known.
    pub(super) size: Option<u64>,
}

impl Origin {
    /// `None` where nothing in the answer would tell this version from the next one.
    pub(super) fn of(url: &str, response: &Response, size: Option<u64>) -> Option<Self> {
        // The bytes that are written are not those that a range would count.
        if response.headers().contains("content-encoding") {
            return None;
        }
        let validator = strong_tag(response).or_else(|| strong_date(response))?.to_owned();
        Some(Self { url: url.to_owned(), validator, size })
    }
}

/// The entity tag, where it changes with every byte (RFC 9110 §8.8.1).
fn strong_tag(response: &Response) -> Option<&str> {
    response.header("etag").filter(|tag| tag.starts_with('"') && tag.len() > 2)
}

/// The time of the last change, where it is so long ago that the file cannot have changed twice in that second
/// (RFC 9110 §8.8.2.2).
fn strong_date(response: &Response) -> Option<&str> {
    let changed = response.header("last-modified")?;
    let (then, now) = (parse_date(changed)?, parse_date(response.header("date")?)?);
    (now >= then + Duration::from_secs(1)).then_some(changed)
}

fn parse_date(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text).ok()
}

/// When the server's file was changed last.
pub(super) fn modified(response: &Response) -> Option<SystemTime> {
    parse_date(response.header("last-modified")?)
}

/// `FILE.part` and `FILE.part.json`. Nobody else writes them while this exists.
pub(super) struct Part {
    path: PathBuf,
    described: PathBuf,
    file: File,
}

impl Part {
    /// Opens the part of `file`, or begins it.
    pub(super) fn open(file: &Path) -> Result<Self, Failure> {
        let path = with_suffix(file, ".part");
        let described = with_suffix(file, ".part.json");
        let opened = OpenOptions::new().create(true).append(true).open(&path);
        let opened = opened.map_err(|error| Failure::file("write", &path, &error))?;
        match opened.try_lock() {
            Ok(()) => Ok(Self { path, described, file: opened }),
            Err(TryLockError::WouldBlock) => Err(Failure::new(
                Code::File,
                format!("another dunlin is writing {}: wait for it, or end it", path.display()),
            )),
            // A file system without locks: it is used as it is.
            Err(TryLockError::Error(_)) => Ok(Self { path, described, file: opened }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What is there of which version; `None` where there is nothing to go on with.
    pub(super) fn earlier(&self) -> Option<(u64, Origin)> {
        let len = self.file.metadata().ok()?.len();
        let described = std::fs::metadata(&self.described).ok()?;
        if len == 0 || described.len() > MAX_ORIGIN {
            return None;
        }
        let origin = serde_json::from_slice(&std::fs::read(&self.described).ok()?).ok()?;
        Some((len, origin))
    }

    /// Begins anew, as a part of that version.
    pub(super) fn begin(&self, origin: Option<&Origin>) -> io::Result<()> {
        // In this order: a description never stands beside bytes of another version.
        remove(&self.described)?;
        self.file.set_len(0)?;
        match origin {
            Some(origin) => std::fs::write(&self.described, serde_json::to_vec(origin)?),
            None => Ok(()),
        }
    }

    /// The file, to write behind what it holds.
    pub(super) fn writer(&self) -> io::Result<tokio::fs::File> {
        Ok(tokio::fs::File::from_std(self.file.try_clone()?))
    }

    /// Bytes to go on from with the next try, and otherwise takes the part away.
    pub(super) fn keep(self) -> Option<u64> {
        let kept = self.earlier().map(|(len, _)| len);
        if kept.is_none() {
            self.discard();
        }
        kept
    }

    /// Takes the part away.
    pub(super) fn discard(self) {
        // One that cannot be removed is begun anew by the next try.
        let _ = remove(&self.described);
        let _ = remove(&self.path);
    }

    /// The part is the whole: it gets the file's name, and the time of the server's file.
    pub(super) fn finish(self, file: &Path, modified: Option<SystemTime>) -> Result<(), Failure> {
        if let Some(time) = modified {
            // A time that the file system does not take is no reason to lose the file.
            let _ = self.file.set_modified(time);
        }
        std::fs::rename(&self.path, file).map_err(|error| Failure::file("write", file, &error))?;
        let _ = remove(&self.described);
        Ok(())
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
