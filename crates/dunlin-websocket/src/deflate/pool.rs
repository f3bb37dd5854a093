//! Compression states: lent for a message, within a budget for the whole process.
//!
//! One weighs 42 kB (inflating) or up to 300 kB (deflating): far more than a connection that is idle, so
//! connections share them. What is given back waits for its next message; that pool is bounded, and what does
//! not fit is freed. A deflating state waits as it is: the connection that gave it back finds what it said last
//! in it, until another takes it.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use flate2::{Compress, Compression, Decompress};

/// Most inflating states that wait: 700 kB.
const MAX_INFLATE: usize = 16;

/// Most deflating states that wait: 19 MB.
pub(super) const MAX_COMPRESS: usize = 64;

/// Bytes of an inflating state: a window of 32 KiB and tables.
const INFLATE_SIZE: usize = 42 * 1024;

/// Bytes that all states which are lent may take together.
pub(super) static BUDGET: AtomicUsize = AtomicUsize::new(256 * 1024 * 1024);

/// Bytes that they do take.
pub(super) static IN_USE: AtomicUsize = AtomicUsize::new(0);

/// A state that is lent. It counts until it is dropped or given back.
pub(super) struct Lent<T> {
    pub(super) state: T,
    lease: Lease,
}

/// A share of the budget.
struct Lease(usize);

impl Lease {
    fn within_budget(size: usize) -> Option<Self> {
        let take = |in_use: usize| {
            in_use.checked_add(size).filter(|sum| *sum <= BUDGET.load(Ordering::Relaxed))
        };
        IN_USE.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok().map(|_| Self(size))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        IN_USE.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// A compressing state, and what it was made for.
pub(super) struct CompressState {
    pub(super) level: u8,
    bits: u8,
    /// Whose messages it has seen last, if they may be referred to.
    owner: Option<Owner>,
    pub(super) zlib: Compress,
}

/// A connection that may go on with a state where it left off.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Owner(u64);

impl Owner {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

static INFLATE: Mutex<Vec<Decompress>> = Mutex::new(Vec::new());
/// Those that waited longest come first.
static COMPRESS: Mutex<Vec<CompressState>> = Mutex::new(Vec::new());

fn waiting() -> MutexGuard<'static, Vec<CompressState>> {
    COMPRESS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `None` where the budget is used up.
pub(super) fn take_inflate() -> Option<Lent<Decompress>> {
    let lease = Lease::within_budget(INFLATE_SIZE)?;
    let spare = INFLATE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    // 15 bits read every window, and a state of another size is not reset in place.
    let state = spare.unwrap_or_else(|| Decompress::new_with_window_bits(false, 15));
    Some(Lent { state, lease })
}

pub(super) fn put_inflate(lent: Lent<Decompress>) {
    let Lent { mut state, lease } = lent;
    drop(lease);
    state.reset(false);
    let mut pool = INFLATE.lock().unwrap_or_else(PoisonError::into_inner);
    if pool.len() < MAX_INFLATE {
        pool.push(state);
    }
}

/// The owner's own state as it gave it back, or one that has seen nothing; `None` where the budget is used up.
///
/// Its own is of one of the levels, any other of the lowest.
pub(super) fn take_compress(
    levels: RangeInclusive<u8>,
    bits: u8,
    owner: Option<Owner>,
) -> Option<Lent<CompressState>> {
    // Window and chains go by the bits, the rest does not.
    let lease = Lease::within_budget((172 << 10) + (4 << bits))?;
    Some(Lent { state: compress(levels, bits, owner), lease })
}

/// Whatever the budget is, which does not count it: for the rest of a message that has begun.
pub(super) fn compress_anyway(
    levels: RangeInclusive<u8>,
    bits: u8,
    owner: Option<Owner>,
) -> Lent<CompressState> {
    Lent { state: compress(levels, bits, owner), lease: Lease(0) }
}

fn compress(levels: RangeInclusive<u8>, bits: u8, owner: Option<Owner>) -> CompressState {
    let mut waiting = waiting();
    let own = |state: &CompressState| owner.is_some() && state.owner == owner;
    if let Some(at) = waiting.iter().rposition(own) {
        if levels.contains(&waiting[at].level) {
            return waiting.remove(at);
        }
        waiting[at].owner = None;
    }
    let level = *levels.start();
    let fits = |state: &CompressState| state.level == level && state.bits == bits;
    let is_free = |state: &CompressState| state.owner.is_none();
    let mut at = waiting.iter().position(|state| fits(state) && is_free(state));
    if at.is_none() && waiting.len() >= MAX_COMPRESS {
        // While there is room, nobody loses what it has said last.
        at = Some(waiting.iter().position(is_free).unwrap_or(0));
    }
    let spare = at.map(|at| waiting.remove(at));
    drop(waiting);
    if let Some(mut state) = spare.filter(fits) {
        state.zlib.reset();
        state.owner = owner;
        return state;
    }
    let zlib = Compress::new_with_window_bits(Compression::new(level.into()), false, bits);
    CompressState { level, bits, owner, zlib }
}

/// Gives a state back; its owner may find it as it is.
pub(super) fn put_compress(lent: Lent<CompressState>) {
    let Lent { state, lease } = lent;
    drop(lease);
    let mut waiting = waiting();
    // One has to go where there is no room: it is freed without the lock.
    let mut gone = None;
    if waiting.len() >= MAX_COMPRESS {
        let is_free = |state: &CompressState| state.owner.is_none();
        match waiting.iter().position(is_free) {
            Some(at) => gone = Some(waiting.remove(at)),
            None if is_free(&state) => {
                drop(waiting);
                return drop(state);
            }
            None => gone = Some(waiting.remove(0)),
        }
    }
    waiting.push(state);
    drop(waiting);
    drop(gone);
}

/// Lets nobody go on with the state of that owner, if one waits.
pub(super) fn disown(owner: Owner) {
    let mut waiting = waiting();
    if let Some(state) = waiting.iter_mut().find(|state| state.owner == Some(owner)) {
        state.owner = None;
    }
}

impl Lent<CompressState> {
    /// Gives it back without an owner.
    pub(super) fn give_away(mut self) {
        self.state.owner = None;
        put_compress(self);
    }
}
