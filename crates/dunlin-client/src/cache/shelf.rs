//! The stored responses of one URL: an index under the URL's name, and each body under its own.

use std::sync::Arc;

use bytes::Bytes;
use dunlin_core::Headers;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::entry::Entry;
use super::store::CacheStore;

/// Most responses of one URL that differ by `Vary`.
const MAX_VARIANTS: usize = 8;

const VERSION: u32 = 1;

#[derive(Deserialize, Serialize)]
struct Index {
    version: u32,
    /// Oldest first.
    entries: Vec<Entry>,
}

/// All that is stored, by URL.
#[derive(Clone)]
pub(super) struct Shelves {
    store: Arc<dyn CacheStore>,
    /// Held while an index is read, changed and written. Programs that share a store may lose one of
    /// two changes; that is as if the store had forgotten it.
    changing: Arc<Mutex<()>>,
}

impl Shelves {
    pub(super) fn new(store: Arc<dyn CacheStore>) -> Self {
        Self { store, changing: Arc::default() }
    }

    async fn index(&self, key: &str) -> Vec<Entry> {
        let Some(bytes) = self.store.get(key).await else { return Vec::new() };
        match serde_json::from_slice::<Index>(&bytes) {
            Ok(index) if index.version == VERSION => index.entries,
            _ => Vec::new(),
        }
    }

    async fn write(&self, key: &str, entries: Vec<Entry>) {
        if entries.is_empty() {
            return self.store.remove(key).await;
        }
        // Text and numbers always serialize.
        if let Ok(json) = serde_json::to_vec(&Index { version: VERSION, entries }) {
            self.store.put(key, json.into()).await;
        }
    }

    /// The newest response that a request with these fields may have.
    pub(super) async fn find(&self, key: &str, request: &Headers) -> Option<Entry> {
        let mut entries = self.index(key).await;
        let at = entries.iter().rposition(|entry| entry.matches(request))?;
        Some(entries.swap_remove(at))
    }

    /// The body of a response, where it is still there.
    pub(super) async fn body(&self, key: &str, entry: &Entry) -> Option<Bytes> {
        let body = self.store.get(&body_key(key, entry)).await?;
        (body.len() as u64 == entry.len).then_some(body)
    }

    /// Stores a response in place of the one for the same requests.
    pub(super) async fn insert(&self, key: &str, mut entry: Entry, body: Bytes) {
        let _changing = self.changing.lock().await;
        entry.len = body.len() as u64;
        // Before the index, which names it.
        self.store.put(&body_key(key, &entry), body).await;
        let (mut gone, mut kept): (Vec<_>, Vec<_>) =
            self.index(key).await.into_iter().partition(|old| entry.replaces(old));
        if kept.len() >= MAX_VARIANTS {
            gone.extend(kept.drain(..=kept.len() - MAX_VARIANTS));
        }
        kept.push(entry);
        self.write(key, kept).await;
        for old in gone {
            self.store.remove(&body_key(key, &old)).await;
        }
    }

    /// Writes a changed entry, where it is still there.
    pub(super) async fn update(&self, key: &str, entry: &Entry) {
        let _changing = self.changing.lock().await;
        let mut entries = self.index(key).await;
        let Some(at) = entries.iter().position(|old| old.id == entry.id) else { return };
        // Now the newest.
        entries.remove(at);
        entries.push(entry.clone());
        self.write(key, entries).await;
    }

    pub(super) async fn remove(&self, key: &str, entry: &Entry) {
        let _changing = self.changing.lock().await;
        let mut entries = self.index(key).await;
        entries.retain(|old| old.id != entry.id);
        self.write(key, entries).await;
        self.store.remove(&body_key(key, entry)).await;
    }

    /// Removes all responses of a URL.
    pub(super) async fn clear(&self, key: &str) {
        let _changing = self.changing.lock().await;
        let entries = self.index(key).await;
        self.store.remove(key).await;
        for entry in entries {
            self.store.remove(&body_key(key, &entry)).await;
        }
    }
}

/// No URL has a fragment here.
fn body_key(key: &str, entry: &Entry) -> String {
    format!("{key}#{}", entry.id)
}
