//! A store in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use dunlin_core::BoxFuture;

use super::lru::Lru;
use super::store::CacheStore;

/// Keeps responses in memory, up to a number of bytes; those not used for longest go first.
#[derive(Debug)]
pub struct MemoryStore(Mutex<Lru<Bytes>>);

impl MemoryStore {
    /// A store of up to so many bytes, fields and its own costs counted.
    pub fn new(max_bytes: u64) -> Self {
        Self(Mutex::new(Lru::new(max_bytes)))
    }

    /// Bytes held.
    pub fn size(&self) -> u64 {
        self.lock().size()
    }

    fn lock(&self) -> MutexGuard<'_, Lru<Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CacheStore for MemoryStore {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Option<Bytes>> {
        Box::pin(async move { self.lock().get(key).cloned() })
    }

    fn put<'a>(&'a self, key: &'a str, value: Bytes) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let size = value.len() as u64;
            self.lock().insert(key, value, size);
        })
    }

    fn remove<'a>(&'a self, key: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.lock().remove(key) })
    }
}
