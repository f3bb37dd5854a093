//! What a body tells a driver that can send files without reading them.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A part of an open file.
///
/// A body made by [`Body::from_file`](crate::Body::from_file) carries one beside its stream: a driver
/// whose transport is a plain socket has the kernel send it, everybody else polls the stream.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FileRegion {
    /// The file. Its own position is neither used nor moved.
    pub file: Arc<File>,
    /// Where the part begins, in bytes.
    pub offset: u64,
    /// Its length, in bytes.
    pub len: u64,
    /// What drivers have had the kernel send of it; shared by clones.
    sent: Option<Arc<AtomicU64>>,
}

impl FileRegion {
    /// `len` bytes of `file` from `offset` on.
    pub fn new(file: Arc<File>, offset: u64, len: u64) -> Self {
        Self { file, offset, len, sent: None }
    }

    /// The same, of which clones know from now on what was [sent](Self::sent): for who counts what goes out of a body
    /// that nobody polls.
    #[must_use]
    pub fn counted(mut self) -> Self {
        self.sent.get_or_insert_default();
        self
    }

    /// Bytes that a driver has had the kernel send, of this or a clone of it, since it was made
    /// [`counted`](Self::counted); 0 where it was not.
    pub fn sent(&self) -> u64 {
        self.sent.as_ref().map_or(0, |sent| sent.load(Ordering::Relaxed))
    }

    /// So many more were sent; for drivers.
    pub fn add_sent(&self, bytes: u64) {
        if let Some(sent) = &self.sent {
            sent.fetch_add(bytes, Ordering::Relaxed);
        }
    }
}
