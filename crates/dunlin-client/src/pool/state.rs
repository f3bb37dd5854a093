//! What the pool knows, under its lock.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Key, PoolLimits, PoolMetrics};
use crate::conn::Connection;

/// A waiter of another host is overtaken at most so often in a row by those for whom a connection of
/// the right kind is there: closing it and opening another costs more than the turn is worth, but not
/// more than any number of turns.
const MAX_OVERTAKEN: u32 = 16;

pub(super) struct State {
    limits: PoolLimits,
    hosts: HashMap<Key, Host, foldhash::fast::RandomState>,
    /// The first waiter of each host that may have another connection, by ticket: who came first of
    /// all. Hosts at their own limit have none here.
    heads: BTreeMap<u64, Key>,
    open: usize,
    idle: usize,
    next_ticket: u64,
    overtaken: u32,
    sweeping: bool,
    closed: bool,
    pub(super) opened: u64,
    pub(super) reused: u64,
}

#[derive(Default)]
struct Host {
    open: usize,
    idle: VecDeque<Idle>,
    waiters: BTreeMap<u64, oneshot::Sender<Granted>>,
    /// Its ticket among the heads.
    head: Option<u64>,
}

struct Idle {
    conn: Box<Connection>,
    since: Instant,
}

impl Idle {
    /// Whether it has been kept for long enough.
    fn is_over(&self, limits: &PoolLimits, now: Instant) -> bool {
        now.duration_since(self.since) >= limits.idle_timeout
            || limits.max_age.is_some_and(|age| now.duration_since(self.conn.born()) >= age)
    }
}

/// Time between two looks at what is idle.
const SWEEP: Duration = Duration::from_secs(1);

/// What a waiter gets. The place is counted already.
pub(super) enum Granted {
    Kept(Box<Connection>),
    Place,
}

pub(super) enum Found {
    Granted(Granted),
    Wait(u64, oneshot::Receiver<Granted>),
    Closed,
}

/// Connections to close once the lock is given up; their places are then to be [freed](State::free).
pub(super) type Closing = Vec<(Key, Box<Connection>)>;

fn at_most(count: usize, limit: usize) -> bool {
    limit == 0 || count < limit
}

impl State {
    pub(super) fn new(limits: PoolLimits) -> Self {
        Self {
            limits,
            hosts: HashMap::default(),
            heads: BTreeMap::new(),
            open: 0,
            idle: 0,
            next_ticket: 0,
            overtaken: 0,
            sweeping: false,
            closed: false,
            opened: 0,
            reused: 0,
        }
    }

    /// An idle connection, a place, or one in the queue. What comes with it is to be closed; its places
    /// are taken already.
    #[expect(clippy::vec_box, reason = "they are boxed already")]
    pub(super) fn find(&mut self, key: &Key, fresh: bool) -> (Found, Vec<Box<Connection>>) {
        let mut closing = Vec::new();
        if self.closed {
            return (Found::Closed, closing);
        }
        if !self.hosts.contains_key(key) {
            self.hosts.insert(key.clone(), Host::default());
        }
        let limits = self.limits;
        let Some(host) = self.hosts.get_mut(key) else { return (Found::Closed, closing) };
        // Who waits goes first.
        if host.waiters.is_empty() {
            // The latest used is the likeliest to be still open, and lets the others age.
            while let Some(idle) = host.idle.pop_back() {
                self.idle -= 1;
                if !fresh && !idle.is_over(&limits, Instant::now()) {
                    return (Found::Granted(Granted::Kept(idle.conn)), closing);
                }
                closing.push(idle.conn);
                if fresh {
                    // A kept connection makes room for the new one.
                    return (Found::Granted(Granted::Place), closing);
                }
                host.open -= 1;
                self.open -= 1;
            }
            if at_most(host.open, limits.per_host) && self.heads.is_empty() {
                if !at_most(self.open, limits.total) {
                    closing.extend(self.evict());
                }
                if at_most(self.open, limits.total) {
                    self.open += 1;
                    self.hosts.entry(key.clone()).or_default().open += 1;
                    return (Found::Granted(Granted::Place), closing);
                }
            }
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let (grant, granted) = oneshot::channel();
        self.hosts.entry(key.clone()).or_default().waiters.insert(ticket, grant);
        self.line_up(key);
        (Found::Wait(ticket, granted), closing)
    }

    /// Sees to it that the host's first waiter stands among the heads, where it has one that may have a
    /// place. To be called when its waiters or its places change.
    fn line_up(&mut self, key: &Key) {
        let Some(host) = self.hosts.get_mut(key) else { return };
        let may_have = at_most(host.open, self.limits.per_host);
        let head = host.waiters.keys().next().copied().filter(|_| may_have);
        if host.head != head {
            if let Some(gone) = std::mem::replace(&mut host.head, head) {
                self.heads.remove(&gone);
            }
            if let Some(ticket) = head {
                self.heads.insert(ticket, key.clone());
            }
        }
    }

    /// Takes out the connection that has been idle longest, whosever it is, with its place.
    fn evict(&mut self) -> Option<Box<Connection>> {
        if self.idle == 0 {
            return None;
        }
        let oldest = self
            .hosts
            .iter()
            .filter_map(|(key, host)| Some((host.idle.front()?.since, key)))
            .min_by_key(|(since, _)| *since)
            .map(|(_, key)| key.clone());
        let key = oldest?;
        let host = self.hosts.get_mut(&key)?;
        let idle = host.idle.pop_front()?;
        host.open -= 1;
        self.idle -= 1;
        self.open -= 1;
        self.line_up(&key);
        self.forget(&key);
        Some(idle.conn)
    }

    /// Keeps a connection, or hands it to who waits for it; it comes back where it is to be closed, and
    /// its place [freed](Self::free) behind that.
    pub(super) fn keep(
        &mut self,
        key: &Key,
        conn: Box<Connection>,
        now: Instant,
    ) -> Option<Box<Connection>> {
        let idle = Idle { conn, since: now };
        if self.closed || idle.is_over(&self.limits, now) {
            return Some(idle.conn);
        }
        let mut kept = Some(idle.conn);
        if self.may_overtake(key) {
            kept = self.hand_over(key, kept);
        }
        let conn = kept?;
        if !self.heads.is_empty() || self.idle >= self.limits.idle {
            return Some(conn);
        }
        let Some(host) = self.hosts.get_mut(key) else { return Some(conn) };
        host.idle.push_back(Idle { conn, since: now });
        self.idle += 1;
        None
    }

    /// Frees a place and passes it on.
    pub(super) fn free(&mut self, key: &Key) {
        self.open -= 1;
        if let Some(host) = self.hosts.get_mut(key) {
            host.open -= 1;
        }
        self.line_up(key);
        self.grant_places();
        self.forget(key);
    }

    /// Whether a connection of this key goes to the first who waits for it, although somebody else may
    /// have come before.
    fn may_overtake(&mut self, key: &Key) -> bool {
        let Some(own) = self.hosts.get(key).and_then(|host| host.waiters.keys().next().copied())
        else {
            return false;
        };
        match self.heads.keys().next() {
            Some(ticket) if *ticket < own => {
                self.overtaken += 1;
                self.overtaken <= MAX_OVERTAKEN
            }
            _ => true,
        }
    }

    /// Gives the connection to the first who waits for one of its kind; it comes back where nobody does.
    fn hand_over(
        &mut self,
        key: &Key,
        mut conn: Option<Box<Connection>>,
    ) -> Option<Box<Connection>> {
        while let Some(connection) = conn.take() {
            let Some(waiter) = self.pop_waiter(key) else { return Some(connection) };
            match waiter.send(Granted::Kept(connection)) {
                Ok(()) => {}
                Err(Granted::Kept(back)) => conn = Some(back),
                Err(Granted::Place) => {}
            }
        }
        None
    }

    fn pop_waiter(&mut self, key: &Key) -> Option<oneshot::Sender<Granted>> {
        let (_, waiter) = self.hosts.get_mut(key)?.waiters.pop_first()?;
        self.line_up(key);
        Some(waiter)
    }

    /// Grants free places in order.
    fn grant_places(&mut self) {
        while at_most(self.open, self.limits.total) {
            let Some(key) = self.heads.values().next().cloned() else { return };
            let Some(waiter) = self.pop_waiter(&key) else { return };
            if waiter.send(Granted::Place).is_ok() {
                self.overtaken = 0;
                self.open += 1;
                if let Some(host) = self.hosts.get_mut(&key) {
                    host.open += 1;
                }
                self.line_up(&key);
            }
        }
    }

    /// Takes a waiter that gave up out of the queue.
    pub(super) fn leave(&mut self, key: &Key, ticket: u64) {
        let Some(host) = self.hosts.get_mut(key) else { return };
        host.waiters.remove(&ticket);
        self.line_up(key);
        self.forget(key);
    }

    /// Forgets a host of which nothing is left.
    fn forget(&mut self, key: &Key) {
        if self.hosts.get(key).is_some_and(|host| host.open == 0 && host.waiters.is_empty()) {
            self.hosts.remove(key);
        }
    }

    /// Whether somebody has to start looking after idle connections; told once.
    pub(super) fn needs_sweep(&mut self) -> bool {
        self.idle > 0 && !std::mem::replace(&mut self.sweeping, true)
    }

    pub(super) fn sweep_ended(&mut self) {
        self.sweeping = false;
    }

    /// Takes out what has been idle for too long, and says when to look again.
    pub(super) fn sweep(&mut self, now: Instant) -> (Closing, Option<Duration>) {
        let limits = self.limits;
        let mut closing = Vec::new();
        for (key, host) in &mut self.hosts {
            let mut i = 0;
            while let Some(idle) = host.idle.get_mut(i) {
                if idle.is_over(&limits, now) || !idle.conn.is_alive() {
                    closing.extend(host.idle.remove(i).map(|idle| (key.clone(), idle.conn)));
                } else {
                    i += 1;
                }
            }
        }
        self.idle -= closing.len();
        // Connections in use will be idle soon: the look goes on, rather than start anew each time.
        if self.open == closing.len() {
            self.sweeping = false;
            return (closing, None);
        }
        // Once a second at least, so that those which the server closed go soon.
        (closing, Some(limits.idle_timeout.clamp(Duration::from_millis(5), SWEEP)))
    }

    pub(super) fn take_idle(&mut self) -> Closing {
        self.idle = 0;
        let idle = |(key, host): (&Key, &mut Host)| {
            let key = key.clone();
            host.idle.drain(..).map(move |idle| (key.clone(), idle.conn)).collect::<Vec<_>>()
        };
        self.hosts.iter_mut().flat_map(idle).collect()
    }

    pub(super) fn close(&mut self) -> Closing {
        self.closed = true;
        self.heads.clear();
        for host in self.hosts.values_mut() {
            host.waiters.clear();
            host.head = None;
        }
        self.take_idle()
    }

    pub(super) fn metrics(&self) -> PoolMetrics {
        PoolMetrics {
            open: self.open,
            idle: self.idle,
            waiting: self.hosts.values().map(|host| host.waiters.len()).sum(),
            opened: self.opened,
            reused: self.reused,
        }
    }
}
