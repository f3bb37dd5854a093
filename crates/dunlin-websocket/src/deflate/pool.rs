//! Compression states: lent for a message, within a budget for the whole process.
//!
//! One weighs 42 kB (inflating) or up to 300 kB (deflating): far more than a connection that is idle, so
//! connections share them. What is given back waits for its next message; that pool is bounded, and what does
//! not fit is freed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use flate2::{Compress, Compression, Decompress};

/// Most states of each kind that wait: 700 kB and 5 MB.
const MAX_SPARE: usize = 16;

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
    pub(super) zlib: Compress,
}

static INFLATE: Mutex<Vec<Decompress>> = Mutex::new(Vec::new());
static COMPRESS: Mutex<Vec<CompressState>> = Mutex::new(Vec::new());

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
    if pool.len() < MAX_SPARE {
        pool.push(state);
    }
}

/// `None` where the budget is used up.
pub(super) fn take_compress(level: u8, bits: u8) -> Option<Lent<CompressState>> {
    // Window and chains go by the bits, the rest does not.
    let lease = Lease::within_budget((172 << 10) + (4 << bits))?;
    Some(Lent { state: compress(level, bits), lease })
}

/// Whatever the budget is, which does not count it: for the rest of a message that has begun.
pub(super) fn compress_anyway(level: u8, bits: u8) -> Lent<CompressState> {
    Lent { state: compress(level, bits), lease: Lease(0) }
}

fn compress(level: u8, bits: u8) -> CompressState {
    let mut pool = COMPRESS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(at) = pool.iter().rposition(|spare| spare.level == level && spare.bits == bits) {
        return pool.swap_remove(at);
    }
    drop(pool);
    let zlib = Compress::new_with_window_bits(Compression::new(level.into()), false, bits);
    CompressState { level, bits, zlib }
}

pub(super) fn put_compress(lent: Lent<CompressState>) {
    let Lent { mut state, lease } = lent;
    drop(lease);
    state.zlib.reset();
    let mut pool = COMPRESS.lock().unwrap_or_else(PoisonError::into_inner);
    if pool.len() == MAX_SPARE {
        // The oldest goes: it may be of settings that nobody uses any more.
        pool.remove(0);
    }
    pool.push(state);
}
