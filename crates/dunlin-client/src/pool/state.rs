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
    /// The first waiter of each host that has one, by ticket: who came first of all.
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
}

struct Idle {
    conn: Box<Connection>,
    since: Instant,
}

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

/// Connections to close, once the lock is given up.
pub(super) type Closing = Vec<Box<Connection>>;

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

    /// An idle connection, a place, or one in the queue.
    pub(super) fn find(&mut self, key: &Key, fresh: bool) -> Found {
        if self.closed {
            return Found::Closed;
        }
        if !self.hosts.contains_key(key) {
            self.hosts.insert(key.clone(), Host::default());
        }
        let limits = self.limits;
        let Some(host) = self.hosts.get_mut(key) else { return Found::Closed };
        // Who waits goes first.
        if host.waiters.is_empty() {
            if !fresh {
                // The latest used is the likeliest to be still open, and lets the others age.
                while let Some(idle) = host.idle.pop_back() {
                    self.idle -= 1;
                    if idle.since.elapsed() < limits.idle_timeout {
                        return Found::Granted(Granted::Kept(idle.conn));
                    }
                    host.open -= 1;
                    self.open -= 1;
                }
            }
            if at_most(host.open, limits.per_host) {
                let is_first = self.first_eligible().is_none();
                if is_first && (at_most(self.open, limits.total) || self.evict()) {
                    return self.take_place(key);
                }
            } else if fresh && let Some(idle) = host.idle.pop_front() {
                // Only a kept connection stands in the way of a new one.
                self.idle -= 1;
                drop(idle);
                return Found::Granted(Granted::Place);
            }
        }
        let Some(host) = self.hosts.get_mut(key) else { return Found::Closed };
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let (grant, granted) = oneshot::channel();
        if host.waiters.is_empty() {
            self.heads.insert(ticket, key.clone());
        }
        host.waiters.insert(ticket, grant);
        Found::Wait(ticket, granted)
    }

    fn take_place(&mut self, key: &Key) -> Found {
        self.open += 1;
        self.hosts.entry(key.clone()).or_default().open += 1;
        Found::Granted(Granted::Place)
    }

    /// Closes the connection that has been idle longest, whosever it is.
    fn evict(&mut self) -> bool {
        let oldest = self
            .hosts
            .iter()
            .filter_map(|(key, host)| Some((host.idle.front()?.since, key)))
            .min_by_key(|(since, _)| *since)
            .map(|(_, key)| key.clone());
        let Some(key) = oldest else { return false };
        let Some(host) = self.hosts.get_mut(&key) else { return false };
        host.idle.pop_front();
        host.open -= 1;
        self.idle -= 1;
        self.open -= 1;
        self.forget(&key);
        true
    }

    /// Takes a connection or its place back and passes it on.
    pub(super) fn give_back(
        &mut self,
        key: &Key,
        conn: Option<Box<Connection>>,
        now: Instant,
    ) -> Closing {
        let mut closing = Vec::new();
        let too_old = |conn: &Connection| {
            self.limits.max_age.is_some_and(|age| now.duration_since(conn.born()) >= age)
        };
        let mut kept = match conn {
            Some(conn) if self.closed || too_old(&conn) => {
                closing.push(conn);
                None
            }
            conn => conn,
        };
        if kept.is_some() && self.may_overtake(key) {
            kept = self.hand_over(key, kept);
            if kept.is_none() {
                return closing;
            }
        }
        let others_wait = self.first_eligible().is_some();
        match kept {
            Some(conn) if !others_wait && self.idle < self.limits.idle => {
                if let Some(host) = self.hosts.get_mut(key) {
                    host.idle.push_back(Idle { conn, since: now });
                    self.idle += 1;
                }
                return closing;
            }
            Some(conn) => closing.push(conn),
            None => {}
        }
        self.open -= 1;
        if let Some(host) = self.hosts.get_mut(key) {
            host.open -= 1;
        }
        self.grant_places();
        self.forget(key);
        closing
    }

    /// Whether a connection of this key goes to the first who waits for it, although somebody else may
    /// have come before.
    fn may_overtake(&mut self, key: &Key) -> bool {
        let Some(own) = self.hosts.get(key).and_then(|host| host.waiters.keys().next().copied())
        else {
            return false;
        };
        match self.first_eligible() {
            Some((ticket, _)) if ticket < own => {
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
        let host = self.hosts.get_mut(key)?;
        let (ticket, waiter) = host.waiters.pop_first()?;
        self.heads.remove(&ticket);
        if let Some((&next, _)) = host.waiters.first_key_value() {
            self.heads.insert(next, key.clone());
        }
        Some(waiter)
    }

    /// The first of all waiters whose host may have another connection.
    fn first_eligible(&self) -> Option<(u64, &Key)> {
        self.heads.iter().map(|(ticket, key)| (*ticket, key)).find(|(_, key)| {
            self.hosts.get(key).is_some_and(|host| at_most(host.open, self.limits.per_host))
        })
    }

    /// Grants free places in order.
    fn grant_places(&mut self) {
        while at_most(self.open, self.limits.total) {
            let Some(key) = self.first_eligible().map(|(_, key)| key.clone()) else { return };
            let Some(waiter) = self.pop_waiter(&key) else { return };
            if waiter.send(Granted::Place).is_ok() {
                self.overtaken = 0;
                self.open += 1;
                if let Some(host) = self.hosts.get_mut(&key) {
                    host.open += 1;
                }
            }
        }
    }

    /// Takes a waiter that gave up out of the queue.
    pub(super) fn leave(&mut self, key: &Key, ticket: u64) {
        let Some(host) = self.hosts.get_mut(key) else { return };
        host.waiters.remove(&ticket);
        if self.heads.remove(&ticket).is_some()
            && let Some((&next, _)) = host.waiters.first_key_value()
        {
            self.heads.insert(next, key.clone());
        }
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
        let (timeout, max_age) = (self.limits.idle_timeout, self.limits.max_age);
        let mut closing = Vec::new();
        let mut next = None::<Instant>;
        for host in self.hosts.values_mut() {
            let mut i = 0;
            while let Some(idle) = host.idle.get_mut(i) {
                let until = idle.since + timeout;
                let until = max_age.map_or(until, |age| until.min(idle.conn.born() + age));
                if until <= now || !idle.conn.is_alive(false) {
                    closing.extend(host.idle.remove(i).map(|idle| idle.conn));
                    host.open -= 1;
                } else {
                    next = Some(next.map_or(until, |next| next.min(until)));
                    i += 1;
                }
            }
        }
        self.idle -= closing.len();
        self.open -= closing.len();
        self.grant_places();
        self.hosts.retain(|_, host| host.open > 0 || !host.waiters.is_empty());
        // Connections in use will be idle soon: the look goes on, rather than start anew each time.
        if self.open == 0 {
            self.sweeping = false;
            return (closing, None);
        }
        // Once a second at most, so that those which the server closed go soon.
        let wait = next.map_or(timeout, |next| next.duration_since(now));
        (closing, Some(wait.clamp(Duration::from_millis(5), Duration::from_secs(1))))
    }

    pub(super) fn take_idle(&mut self) -> Closing {
        let mut closing = Vec::new();
        for host in self.hosts.values_mut() {
            host.open -= host.idle.len();
            closing.extend(host.idle.drain(..).map(|idle| idle.conn));
        }
        self.idle = 0;
        self.open -= closing.len();
        self.grant_places();
        self.hosts.retain(|_, host| host.open > 0 || !host.waiters.is_empty());
        closing
    }

    pub(super) fn close(&mut self) -> Closing {
        self.closed = true;
        self.heads.clear();
        for host in self.hosts.values_mut() {
            host.waiters.clear();
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
