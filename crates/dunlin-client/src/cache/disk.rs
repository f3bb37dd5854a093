//! A store in a directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::{Buf, Bytes};
use dunlin_core::BoxFuture;
use sha2::{Digest, Sha256};

use super::lru::Lru;
use super::store::CacheStore;

/// Keeps responses as files of a directory, up to a number of bytes; those not used for longest go
/// first.
///
/// A file is written beside its place and then renamed, so that it holds all of something or nothing.
/// On Unix only its owner may read it. What is no file of this store is left alone; a file that does
/// not hold what it should counts as none. Programs may share a directory, where each sees to the
/// bound for what it knows of.
#[derive(Debug)]
pub struct DiskStore {
    dir: Arc<Path>,
    known: Arc<Mutex<Lru<()>>>,
}

/// Starts every file; the digit is that of the form.
const MAGIC: &[u8] = b"dunlin-cache 1\n";

const SUFFIX: &str = ".cached";

impl DiskStore {
    /// Opens a directory, which is made where there is none, and takes in what is there already.
    ///
    /// # Errors
    ///
    /// Whatever making or reading the directory gives.
    pub async fn open(dir: impl Into<PathBuf>, max_bytes: u64) -> io::Result<Self> {
        let dir: PathBuf = dir.into();
        blocking(move || {
            fs::create_dir_all(&dir)?;
            let known = scan(&dir, max_bytes)?;
            Ok(Self { dir: dir.into(), known: Arc::new(Mutex::new(known)) })
        })
        .await?
    }

    /// Bytes held.
    pub fn size(&self) -> u64 {
        lock(&self.known).size()
    }
}

fn lock(known: &Mutex<Lru<()>>) -> MutexGuard<'_, Lru<()>> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
}

/// The files of an earlier run, those written last as those used last.
fn scan(dir: &Path, max_bytes: u64) -> io::Result<Lru<()>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let (Ok(name), Ok(meta)) = (entry.file_name().into_string(), entry.metadata()) else {
            continue;
        };
        let modified = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        if name.ends_with(SUFFIX) {
            files.push((modified, name, meta.len()));
        } else if name.contains(SUFFIX) && name.ends_with(".tmp") {
            // Left by a program that ended while it wrote; one that still writes is not that slow.
            if modified.elapsed().is_ok_and(|age| age > Duration::from_secs(3600)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
    files.sort();
    let mut known = Lru::new(max_bytes);
    for (_, name, len) in files {
        for gone in known.insert(&name, (), len) {
            let _ = fs::remove_file(dir.join(&*gone));
        }
    }
    Ok(known)
}

fn file_name(key: &str) -> String {
    let digest = Sha256::digest(key.as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    hex + SUFFIX
}

/// Magic, length of the key, key, length of the value, value.
fn encode(key: &str, value: &[u8]) -> Vec<u8> {
    let mut file = Vec::with_capacity(MAGIC.len() + 16 + key.len() + value.len());
    file.extend_from_slice(MAGIC);
    for part in [key.as_bytes(), value] {
        file.extend_from_slice(&(part.len() as u64).to_be_bytes());
        file.extend_from_slice(part);
    }
    file
}

/// The value, where the file is whole and holds this key.
fn decode(file: Vec<u8>, key: &str) -> Option<Bytes> {
    let mut file = Bytes::from(file);
    if !file.starts_with(MAGIC) {
        return None;
    }
    file.advance(MAGIC.len());
    let mut part = || {
        let len = usize::try_from(file.try_get_u64().ok()?).ok()?;
        (len <= file.len()).then(|| file.split_to(len))
    };
    let (found, value) = (part()?, part()?);
    (found == key.as_bytes() && file.is_empty()).then_some(value)
}

impl CacheStore for DiskStore {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Option<Bytes>> {
        Box::pin(async move {
            let name = file_name(key);
            lock(&self.known).get(&name);
            // One that is not there stays known: it may be about to be written.
            decode(tokio::fs::read(self.dir.join(&name)).await.ok()?, key)
        })
    }

    fn put<'a>(&'a self, key: &'a str, value: Bytes) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let name = file_name(key);
            let file = encode(key, &value);
            let len = file.len() as u64;
            if crate::cookies::file::write(&self.dir.join(&name), file).await.is_err() {
                return self.remove(key).await;
            }
            let gone = lock(&self.known).insert(&name, (), len);
            for gone in gone {
                let _ = tokio::fs::remove_file(self.dir.join(&*gone)).await;
            }
        })
    }

    fn remove<'a>(&'a self, key: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let name = file_name(key);
            lock(&self.known).remove(&name);
            let _ = tokio::fs::remove_file(self.dir.join(name)).await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_file_of_the_same_key_is_read() {
        let file = encode("key", b"value");
        assert_eq!(decode(file.clone(), "key").unwrap(), "value");
        assert_eq!(decode(encode("", b""), "").unwrap(), "");
        assert_eq!(decode(file.clone(), "kez"), None);
        for cut in 0..file.len() {
            assert_eq!(decode(file[..cut].to_vec(), "key"), None, "{cut}");
        }
        assert_eq!(decode([&file[..], b"x"].concat(), "key"), None);
        let mut huge = file;
        huge[MAGIC.len()..MAGIC.len() + 8].fill(0xff);
        assert_eq!(decode(huge, "key"), None);
    }
}
