//! Compression states that wait for their next message.
//!
//! One weighs 42 kB (inflating) or 300 kB (deflating): far more than a connection that is idle, so
//! connections share them. The pool is bounded; what does not fit is freed.

use std::sync::{Mutex, PoisonError};

use flate2::{Compress, Compression, Decompress};

/// Most states of each kind that wait: 700 kB and 5 MB.
const MAX_SPARE: usize = 16;

struct Spare {
    level: u8,
    bits: u8,
    state: Compress,
}

static INFLATE: Mutex<Vec<Decompress>> = Mutex::new(Vec::new());
static COMPRESS: Mutex<Vec<Spare>> = Mutex::new(Vec::new());

pub(super) fn take_inflate() -> Decompress {
    let spare = INFLATE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    // 15 bits read every window, and a state of another size is not reset in place.
    spare.unwrap_or_else(|| Decompress::new_with_window_bits(false, 15))
}

pub(super) fn put_inflate(mut state: Decompress) {
    state.reset(false);
    let mut pool = INFLATE.lock().unwrap_or_else(PoisonError::into_inner);
    if pool.len() < MAX_SPARE {
        pool.push(state);
    }
}

pub(super) fn take_compress(level: u8, bits: u8) -> Compress {
    let mut pool = COMPRESS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(at) = pool.iter().rposition(|spare| spare.level == level && spare.bits == bits) {
        return pool.swap_remove(at).state;
    }
    drop(pool);
    Compress::new_with_window_bits(Compression::new(level.into()), false, bits)
}

pub(super) fn put_compress(level: u8, bits: u8, mut state: Compress) {
    state.reset();
    let mut pool = COMPRESS.lock().unwrap_or_else(PoisonError::into_inner);
    if pool.len() == MAX_SPARE {
        // The oldest goes: it may be of settings that nobody uses any more.
        pool.remove(0);
    }
    pool.push(Spare { level, bits, state });
}
