//! The stored responses of one URL: an index under the URL's name, and each body under its own.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::entry::{Asker, Entry};
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
    under_way: Arc<std::sync::Mutex<HashMap<Box<str>, UnderWay>>>,
}

/// How many responses of a URL are under way, and how often it was cleared meanwhile.
#[derive(Debug, Default)]
struct UnderWay {
    responses: usize,
    cleared: u64,
}

/// A response that is under way. It is not stored where its URL is cleared before it is here: it may
/// have been made before the change.
pub(super) struct Ticket {
    shelves: Shelves,
    key: Box<str>,
    cleared: u64,
}

impl Ticket {
    pub(super) fn key(&self) -> &str {
        &self.key
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut under_way = self.shelves.under_way();
        if let Some(of_url) = under_way.get_mut(&self.key) {
            of_url.responses -= 1;
            if of_url.responses == 0 {
                under_way.remove(&self.key);
            }
        }
    }
}

impl Shelves {
    pub(super) fn new(store: Arc<dyn CacheStore>) -> Self {
        Self { store, changing: Arc::default(), under_way: Arc::default() }
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<Box<str>, UnderWay>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be taken before a response is asked for that may be stored.
    pub(super) fn ticket(&self, key: &str) -> Ticket {
        let mut under_way = self.under_way();
        let of_url = under_way.entry(key.into()).or_default();
        of_url.responses += 1;
        Ticket { shelves: self.clone(), key: key.into(), cleared: of_url.cleared }
    }

    async fn index(&self, key: &str) -> Vec<Entry> {
        let Some(bytes) = self.store.get(key).await else { return Vec::new() };
        match serde_json::from_slice::<Index>(&bytes) {
            Ok(mut index) if index.version == VERSION => {
                index.entries.retain(Entry::is_sound);
                index.entries
            }
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

    /// The newest response that this asker may have.
    pub(super) async fn find(&self, key: &str, asker: Asker<'_>) -> Option<Entry> {
        let mut entries = self.index(key).await;
        let at = entries.iter().rposition(|entry| entry.matches(asker))?;
        Some(entries.swap_remove(at))
    }

    /// The body of a response, where it is still there.
    pub(super) async fn body(&self, key: &str, entry: &Entry) -> Option<Bytes> {
        let body = self.store.get(&body_key(key, entry)).await?;
        (body.len() as u64 == entry.len).then_some(body)
    }

    /// Stores a response in place of the one for the same requests.
    pub(super) async fn insert(&self, ticket: Ticket, mut entry: Entry, body: Bytes) {
        let key = &*ticket.key;
        let _changing = self.changing.lock().await;
        if self.under_way().get(key).is_none_or(|of_url| of_url.cleared != ticket.cleared) {
            return;
        }
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

    /// Removes all responses of a URL, those that are under way too.
    pub(super) async fn clear(&self, key: &str) {
        let _changing = self.changing.lock().await;
        if let Some(of_url) = self.under_way().get_mut(key) {
            of_url.cleared += 1;
        }
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
