//! Deadlines by one sweep, and the coarse clock that goes with it.
//!
//! A timer per request costs more than the rest of a small request's HTTP. So a connection only
//! writes the tick at which it wants to be woken into its [`Slot`]; one thread per server looks
//! through the slots every [`TICK`] and wakes those whose time has come. Deadlines are kept to within
//! two ticks, and never early as long as that thread gets its time: what is set while it waits for a
//! core counts from its last tick.
//!
//! A thread and not a task, because a runtime with one timer set reads the clock twice at every turn
//! of its loop: 500 instructions, a twelfth of a small request.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::Waker;
use std::thread::{self, Thread};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;
use tokio::time::Instant;

/// Time between two sweeps, and the unit of deadlines.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// A tick that never comes.
const NEVER: u32 = u32::MAX;

/// Stack of the sweeping thread: wakers run on it.
const STACK: usize = 128 * 1024;

/// What the sweep and the shutdown tell a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Signals(u8);

impl Signals {
    const EXPIRED: u8 = 1;
    const CLOSE: u8 = 1 << 1;
    const ABORT: u8 = 1 << 2;

    /// The deadline has passed; told once.
    pub(crate) fn expired(self) -> bool {
        self.0 & Self::EXPIRED != 0
    }

    /// Close once idle: the server shuts down.
    pub(crate) fn close(self) -> bool {
        self.0 & Self::CLOSE != 0
    }

    /// Close now: the time to shut down is over.
    pub(crate) fn abort(self) -> bool {
        self.0 & Self::ABORT != 0
    }
}

/// One connection's place in the sweep.
#[derive(Debug)]
pub(crate) struct Slot {
    deadline: AtomicU32,
    signals: AtomicU8,
    waker: Mutex<Option<Waker>>,
}

impl Slot {
    /// Reads what was signalled; an expired deadline is told once, and not where another was set since.
    #[inline]
    pub(crate) fn signals(&self) -> Signals {
        let mut signals = self.signals.load(Relaxed);
        if signals & Signals::EXPIRED != 0 {
            self.signals.fetch_and(!Signals::EXPIRED, Relaxed);
            if self.deadline.load(Relaxed) != NEVER {
                signals &= !Signals::EXPIRED;
            }
        }
        Signals(signals)
    }

    /// Wakes the task no earlier than `after` from now.
    #[inline]
    pub(crate) fn set_deadline(&self, clock: &Clock, after: Duration) {
        self.deadline.store(clock.tick_after(after), Relaxed);
    }

    /// Sets no deadline.
    #[inline]
    pub(crate) fn clear_deadline(&self) {
        self.deadline.store(NEVER, Relaxed);
    }

    /// The task to wake.
    pub(crate) fn set_waker(&self, waker: &Waker) {
        *self.lock() = Some(waker.clone());
    }

    fn lock(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn signal(&self, signal: u8) {
        self.signals.fetch_or(signal, Relaxed);
        // The lock orders the flag before the task's look at it: a waker that is set after this was
        // set by a poll that then reads the flag.
        if let Some(waker) = &*self.lock() {
            waker.wake_by_ref();
        }
    }
}

/// Time in ticks since the worker began, and in seconds for the Date field; read without a call to
/// the system.
#[derive(Debug)]
pub(crate) struct Clock {
    began: Instant,
    tick: AtomicU32,
    unix: AtomicU64,
}

impl Clock {
    fn new() -> Self {
        let clock =
            Self { began: Instant::now(), tick: AtomicU32::new(0), unix: AtomicU64::new(0) };
        clock.refresh();
        clock
    }

    fn refresh(&self) {
        let ticks = self.began.elapsed().as_millis() / TICK.as_millis();
        // A worker that runs for 13 years starts again from tick 0.
        self.tick.store((ticks % u128::from(NEVER)) as u32, Relaxed);
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.unix.store(unix.as_secs(), Relaxed);
    }

    /// Seconds since 1970, at most one tick old.
    #[inline]
    pub(crate) fn unix(&self) -> u64 {
        self.unix.load(Relaxed)
    }

    /// The present tick, at most one behind.
    #[inline]
    pub(crate) fn tick(&self) -> u32 {
        self.tick.load(Relaxed)
    }

    fn tick_after(&self, after: Duration) -> u32 {
        // One more, since the present tick has partly passed.
        let ticks = after.as_millis().div_ceil(TICK.as_millis()) + 1;
        let ticks = u32::try_from(ticks).unwrap_or(NEVER);
        self.tick.load(Relaxed).saturating_add(ticks).min(NEVER - 1)
    }
}

/// The slots of one worker's connections.
#[derive(Debug)]
pub(crate) struct Sweep {
    pub(crate) clock: Clock,
    slots: Mutex<Slots>,
    /// Wakes the sweep when the first connection comes after none was there: a task,
    filled: Notify,
    /// or a thread.
    thread: OnceLock<Thread>,
}

#[derive(Debug, Default)]
struct Slots {
    list: Vec<Weak<Slot>>,
    /// What a connection that comes now must be told at once.
    signals: u8,
}

impl Sweep {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            clock: Clock::new(),
            slots: Mutex::default(),
            filled: Notify::new(),
            thread: OnceLock::new(),
        })
    }

    /// A slot for a new connection.
    pub(crate) fn register(&self) -> Arc<Slot> {
        let mut slots = self.lock();
        let slot = Arc::new(Slot {
            deadline: AtomicU32::new(NEVER),
            signals: AtomicU8::new(slots.signals),
            waker: Mutex::new(None),
        });
        let was_empty = slots.list.is_empty();
        slots.list.push(Arc::downgrade(&slot));
        drop(slots);
        if was_empty {
            // The sweep slept, and the clock with it.
            self.clock.refresh();
            self.filled.notify_one();
            if let Some(thread) = self.thread.get() {
                thread.unpark();
            }
        }
        slot
    }

    /// Looks through the slots every tick, as long as there are any; never returns. For connections
    /// served alone, and under a runtime whose time is moved by hand.
    pub(crate) async fn run(&self) {
        loop {
            while self.sweep() {
                tokio::time::sleep(TICK).await;
            }
            self.filled.notified().await;
        }
    }

    /// Wakes what has expired and forgets what has gone; `false` where nothing is left.
    fn sweep(&self) -> bool {
        self.clock.refresh();
        let now = self.clock.tick.load(Relaxed);
        let mut slots = self.lock();
        slots.list.retain(|slot| {
            let Some(slot) = slot.upgrade() else { return false };
            let deadline = slot.deadline.load(Relaxed);
            if deadline != NEVER
                && deadline <= now
                && slot.deadline.compare_exchange(deadline, NEVER, Relaxed, Relaxed).is_ok()
            {
                slot.signal(Signals::EXPIRED);
            }
            true
        });
        if slots.list.capacity() > 1024 && slots.list.len() < slots.list.capacity() / 4 {
            slots.list.shrink_to_fit();
        }
        !slots.list.is_empty()
    }

    /// Tells every connection, and those still to come, to close once idle.
    pub(crate) fn close_all(&self) {
        self.signal_all(Signals::CLOSE);
    }

    /// Tells every connection to close now.
    pub(crate) fn abort_all(&self) {
        self.signal_all(Signals::CLOSE | Signals::ABORT);
    }

    fn signal_all(&self, signal: u8) {
        let mut slots = self.lock();
        slots.signals |= signal;
        for slot in slots.list.iter().filter_map(Weak::upgrade) {
            slot.signal(signal);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that sweeps for all workers of a server; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Sweeper {
    stop: Arc<AtomicBool>,
    thread: Thread,
}

impl Sweeper {
    pub(crate) fn start(sweeps: Vec<Arc<Sweep>>) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let list = sweeps.clone();
        let builder = thread::Builder::new().name("dunlin-sweep".into()).stack_size(STACK);
        let handle = builder.spawn(move || {
            while !stopped.load(Relaxed) {
                // Every sweep, not up to the first that has slots.
                if list.iter().fold(false, |any, sweep| sweep.sweep() | any) {
                    thread::park_timeout(TICK);
                } else {
                    thread::park();
                }
            }
        })?;
        let thread = handle.thread().clone();
        for sweep in sweeps {
            let _ = sweep.thread.set(thread.clone());
        }
        // One that filled before it knew its thread.
        thread.unpark();
        Ok(Self { stop, thread })
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        self.thread.unpark();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_told_once_and_not_before_its_time() {
        let sweep = Sweep::new();
        let slot = sweep.register();
        slot.set_deadline(&sweep.clock, Duration::from_millis(150));
        sweep.sweep();
        assert!(!slot.signals().expired());
        std::thread::sleep(Duration::from_millis(320));
        sweep.sweep();
        assert!(slot.signals().expired());
        sweep.sweep();
        assert!(!slot.signals().expired());
    }

    #[test]
    fn a_deadline_that_passed_is_forgotten_where_another_was_set() {
        let sweep = Sweep::new();
        let slot = sweep.register();
        slot.set_deadline(&sweep.clock, Duration::ZERO);
        thread::sleep(2 * TICK);
        sweep.sweep();
        slot.set_deadline(&sweep.clock, Duration::from_secs(60));
        assert!(!slot.signals().expired());
    }

    #[test]
    fn slots_of_connections_that_ended_are_forgotten() {
        let sweep = Sweep::new();
        let (kept, gone) = (sweep.register(), sweep.register());
        drop(gone);
        assert!(sweep.sweep());
        assert_eq!(sweep.lock().list.len(), 1);
        drop(kept);
        assert!(!sweep.sweep());
    }

    #[test]
    fn a_connection_that_comes_after_the_close_hears_of_it_too() {
        let sweep = Sweep::new();
        let early = sweep.register();
        sweep.close_all();
        let late = sweep.register();
        assert!(early.signals().close() && late.signals().close());
        assert!(!late.signals().abort());
        sweep.abort_all();
        assert!(late.signals().abort());
    }

    #[test]
    fn the_thread_sweeps_and_ends_with_its_handle() {
        let sweep = Sweep::new();
        let sweeper = Sweeper::start(vec![Arc::clone(&sweep)]).unwrap();
        let slot = sweep.register();
        slot.set_deadline(&sweep.clock, TICK);
        let began = std::time::Instant::now();
        while !slot.signals().expired() {
            assert!(began.elapsed() < Duration::from_secs(10));
            thread::sleep(Duration::from_millis(5));
        }
        drop(sweeper);
        drop(slot);
        while Arc::strong_count(&sweep) > 1 {
            assert!(began.elapsed() < Duration::from_secs(10));
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn far_deadlines_do_not_wrap_into_the_past() {
        let clock = Clock::new();
        assert_eq!(clock.tick_after(Duration::MAX), NEVER - 1);
        assert!(clock.tick_after(Duration::ZERO) >= 1);
    }
}
