//! A connection on loan, and the place that it takes.

use std::fmt;
use std::sync::Arc;

use super::{Key, Pool};
use crate::conn::Connection;

/// The right to have one connection open. Dropped, it goes to the next who waits.
pub(crate) struct Place {
    pool: Arc<Pool>,
    key: Option<Key>,
}

impl Place {
    pub(super) fn new(pool: Arc<Pool>, key: Key) -> Self {
        Self { pool, key: Some(key) }
    }

    /// Fills the place.
    pub(crate) fn fill(self, conn: Connection) -> Lease {
        self.pool.opened();
        Lease::new(self, Box::new(conn))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.pool.give_back(&key, None);
        }
    }
}

/// A connection on loan. Dropped, it is closed; [released](Self::release), it is kept.
pub(crate) struct Lease {
    /// Dropped before the place, so that there are never more connections than places.
    conn: Box<Connection>,
    place: Place,
}

impl Lease {
    pub(super) fn new(place: Place, conn: Box<Connection>) -> Self {
        Self { conn, place }
    }

    #[inline]
    pub(crate) fn conn(&mut self) -> &mut Connection {
        &mut self.conn
    }

    /// Gives the connection back, where it can serve another request.
    pub(crate) fn release(self) {
        let Self { mut conn, mut place } = self;
        if !conn.is_reusable() {
            // Closed before its place is free.
            drop(conn);
            return;
        }
        conn.settle();
        if let Some(key) = place.key.take() {
            place.pool.give_back(&key, Some(conn));
        }
    }

    /// Takes the connection out, for another protocol; it keeps its place until that ends.
    pub(crate) fn into_parts(self) -> (Connection, Place) {
        (*self.conn, self.place)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Place").field(&self.key).finish()
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("conn", &self.conn).finish_non_exhaustive()
    }
}
