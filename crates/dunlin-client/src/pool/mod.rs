//! Connections, kept and counted.
//!
//! A place is a connection that is open, or being opened. There are [`PoolLimits::total`] of them, and
//! [`PoolLimits::per_host`] for one [key](Key); who finds none free waits, first come first served:
//!
//! ```text
//!   acquire ──▶ idle connection of the key ──▶ probe ──▶ Lease
//!        │  ╲▶ a free place ──▶ Place ──▶ (connect) ──▶ Lease
//!        │  ╲▶ the longest idle connection of another key gives its place
//!        ╲───▶ wait ◀── a connection of the key, or a place, when one is given back
//! ```

mod key;
mod lease;
mod state;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

pub(crate) use self::key::Key;
pub(crate) use self::lease::{Lease, Place};
use self::state::{Closing, Found, Granted, State};
use crate::conn::Connection;
use crate::trace::Traces;

/// How many connections a client keeps and opens.
///
/// ```
/// use dunlin_client::{Client, PoolLimits};
///
/// let limits = PoolLimits { per_host: 6, ..PoolLimits::default() };
/// let client = Client::builder().pool(limits).build()?;
/// # Ok::<(), dunlin_client::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PoolLimits {
    /// Most connections, in use or idle; 0 stands for no limit. Default: 100.
    pub total: usize,
    /// Most connections to one host on the same terms; 0 stands for no limit. Default: 0.
    pub per_host: usize,
    /// Most idle connections that are kept; 0 keeps none. Default: all that the other limits allow.
    pub idle: usize,
    /// How long a connection is kept idle. Default: 15 seconds.
    pub idle_timeout: Duration,
    /// Age past which a connection serves no further request. Default: none.
    pub max_age: Option<Duration>,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            total: 100,
            per_host: 0,
            idle: usize::MAX,
            idle_timeout: Duration::from_secs(15),
            max_age: None,
        }
    }
}

/// What the pool holds at a moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct PoolMetrics {
    /// Connections open or being opened, the idle ones included.
    pub open: usize,
    /// Connections that serve no request.
    pub idle: usize,
    /// Requests that wait for a place.
    pub waiting: usize,
    /// Connections opened since the client was made.
    pub opened: u64,
    /// Requests that went out on a kept connection.
    pub reused: u64,
}

/// The connections of a client.
pub(crate) struct Pool {
    state: Mutex<State>,
}

/// What a request gets.
pub(crate) enum Acquired {
    /// A connection that was kept.
    Kept(Lease),
    /// The right to open one.
    Place(Place),
}

impl Pool {
    pub(crate) fn new(limits: PoolLimits) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::new(limits)) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection for the key, or a place for one. `fresh` takes no kept connection.
    pub(crate) async fn acquire(
        self: &Arc<Self>,
        key: &Key,
        fresh: bool,
        traces: &Traces,
    ) -> Option<Acquired> {
        let mut queued = false;
        loop {
            let (found, closing) = self.lock().find(key, fresh);
            // Closed before its place is filled again, and not under the lock.
            drop(closing);
            let granted = match found {
                Found::Granted(granted) => granted,
                Found::Closed => return None,
                Found::Wait(ticket, grant) => {
                    if !std::mem::replace(&mut queued, true) {
                        traces.emit(|trace| trace.connection_queued_start());
                    }
                    let waiting = Waiting { pool: self, key, ticket, grant: Some(grant) };
                    waiting.granted().await?
                }
            };
            // Whatever happens from here on, the place is given back.
            let place = Place::new(Arc::clone(self), key.clone());
            let lease = match granted {
                Granted::Place => Err(place),
                Granted::Kept(conn) if fresh => {
                    // Handed over in the queue; its place will do.
                    drop(conn);
                    Err(place)
                }
                Granted::Kept(conn) => Ok(Lease::new(place, conn)),
            };
            if queued {
                traces.emit(|trace| trace.connection_queued_end());
                queued = false;
            }
            match lease {
                Err(place) => return Some(Acquired::Place(place)),
                Ok(mut lease) => {
                    if lease.conn().is_alive() {
                        self.lock().reused += 1;
                        return Some(Acquired::Kept(lease));
                    }
                    // Dropped, it closes and frees its place; the next look may find another.
                }
            }
        }
    }

    /// Takes a connection back, or its place where there is none to take.
    fn give_back(self: &Arc<Self>, key: &Key, conn: Option<Box<Connection>>) {
        if let Some(conn) = conn {
            let mut state = self.lock();
            let Some(closing) = state.keep(key, conn, Instant::now()) else {
                let sweep = state.needs_sweep();
                drop(state);
                if sweep {
                    self.start_sweep();
                }
                return;
            };
            drop(state);
            // Closed before its place is filled again, and not under the lock.
            drop(closing);
        }
        self.lock().free(key);
    }

    fn close_all(&self, closing: Closing) {
        for (key, conn) in closing {
            drop(conn);
            self.lock().free(&key);
        }
    }

    /// Closes connections that have been idle for too long, as long as there are any. Where there is no runtime to run on, they are closed when they are found.
    fn start_sweep(self: &Arc<Self>) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            self.lock().sweep_ended();
            return;
        };
        let sweep = Sweep(Arc::downgrade(self));
        runtime.spawn(async move {
            while let Some(wait) = sweep.turn() {
                tokio::time::sleep(wait).await;
            }
        });
    }

    pub(crate) fn metrics(&self) -> PoolMetrics {
        self.lock().metrics()
    }

    pub(crate) fn opened(&self) {
        self.lock().opened += 1;
    }

    /// Closes idle connections.
    pub(crate) fn close_idle(&self) {
        let closing = self.lock().take_idle();
        self.close_all(closing);
    }

    /// Closes for good: who waits and who comes gets nothing.
    pub(crate) fn close(&self) {
        let closing = self.lock().close();
        self.close_all(closing);
    }
}

/// The task that closes what is idle for too long. It holds the pool only while it looks.
struct Sweep(Weak<Pool>);

impl Sweep {
    /// How long to wait for the next look; `None` where nothing is left to look at.
    fn turn(&self) -> Option<Duration> {
        let pool = self.0.upgrade()?;
        let (closing, wait) = pool.lock().sweep(Instant::now());
        pool.close_all(closing);
        wait
    }
}

/// A runtime that ends takes its tasks with it: the next idle connection starts another sweep.
impl Drop for Sweep {
    fn drop(&mut self) {
        if let Some(pool) = self.0.upgrade() {
            pool.lock().sweep_ended();
        }
    }
}

/// A place in the queue. Dropped early it gives up its turn, and passes on what it was granted.
struct Waiting<'w> {
    pool: &'w Arc<Pool>,
    key: &'w Key,
    ticket: u64,
    grant: Option<oneshot::Receiver<Granted>>,
}

impl Waiting<'_> {
    async fn granted(mut self) -> Option<Granted> {
        let granted = match &mut self.grant {
            Some(grant) => grant.await.ok(),
            None => None,
        };
        self.grant = None;
        granted
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Some(mut grant) = self.grant.take() else { return };
        self.pool.lock().leave(self.key, self.ticket);
        // Granted between the last poll and now.
        match grant.try_recv() {
            Ok(Granted::Place) => self.pool.give_back(self.key, None),
            Ok(Granted::Kept(conn)) => self.pool.give_back(self.key, Some(conn)),
            Err(_) => {}
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.metrics().fmt(f)
    }
}
