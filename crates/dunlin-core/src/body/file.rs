//! What a body tells a driver that can send files without reading them.

use std::fs::File;
use std::sync::Arc;

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
}

impl FileRegion {
    /// `len` bytes of `file` from `offset` on.
    pub fn new(file: Arc<File>, offset: u64, len: u64) -> Self {
        Self { file, offset, len }
    }
}
