//! Where bytes are kept.

use std::sync::Arc;

use bytes::Bytes;
use dunlin_core::BoxFuture;

/// Keeps bytes under names, up to a bound of its own, for [`Cache`](super::Cache).
///
/// A store may forget anything at any time, and does where it cannot keep or read it: that costs the
/// cache a request and no more. What it gives must be what was put.
pub trait CacheStore: Send + Sync + 'static {
    /// What was put under the name last, where it is still kept.
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Option<Bytes>>;

    /// Keeps the bytes in place of what the name had.
    fn put<'a>(&'a self, key: &'a str, value: Bytes) -> BoxFuture<'a, ()>;

    /// Forgets the name.
    fn remove<'a>(&'a self, key: &'a str) -> BoxFuture<'a, ()>;
}

/// A store that the program keeps hold of, or that several caches share.
impl<S: CacheStore + ?Sized> CacheStore for Arc<S> {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Option<Bytes>> {
        (**self).get(key)
    }

    fn put<'a>(&'a self, key: &'a str, value: Bytes) -> BoxFuture<'a, ()> {
        (**self).put(key, value)
    }

    fn remove<'a>(&'a self, key: &'a str) -> BoxFuture<'a, ()> {
        (**self).remove(key)
    }
}
