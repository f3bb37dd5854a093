//! Compression states: lent for a message, within a budget for the whole process.
//!
//! One weighs 48 kB (inflating) or up to 380 kB (deflating): far more than a connection that is idle, so
//! connections share them. What is given back waits for its next message; that pool is bounded, and what does
//! not fit is freed. A deflating state waits as it is: the connection that gave it back finds what it said last
//! in it, until another takes it.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use flate2::{Compress, Compression, Decompress};

/// Most inflating states that wait: 700 kB.
const MAX_INFLATE: usize = 16;

/// Most deflating states that wait: 24 MB.
const MAX_COMPRESS: usize = 64;

/// Of so many connections that find no state of their own and no free one, one takes what has waited longest, so
/// that those which are silent do not keep theirs for ever. The others take what was used last: it is still in the
/// caches, and among many connections that take turns all but one keep theirs.
const LONGEST_EVERY: u32 = 16;

/// Bytes of an inflating state: a window of 32 KiB and tables.
const INFLATE_SIZE: usize = 47 * 1024;

/// Bytes of a deflating state, but for window and chains, which go by the bits.
const COMPRESS_SIZE: usize = 244 * 1024;

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

impl CompressState {
    fn fits(&self, level: u8, bits: u8) -> bool {
        (self.level, self.bits) == (level, bits)
    }
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
    let lease = Lease::within_budget(COMPRESS_SIZE + (4 << bits))?;
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
    static MISSES: AtomicU32 = AtomicU32::new(1);
    let level = *levels.start();
    let found = {
        let waiting = &mut *waiting();
        match take_own(waiting, &levels, owner) {
            Some(own) => return own,
            None => take_spare(waiting, level, bits, || {
                MISSES.fetch_add(1, Ordering::Relaxed).is_multiple_of(LONGEST_EVERY)
            }),
        }
    };
    // One of another kind only makes room, and is freed without the lock.
    if let Some(mut state) = found.filter(|state| state.fits(level, bits)) {
        state.zlib.reset();
        state.owner = owner;
        return state;
    }
    let zlib = Compress::new_with_window_bits(Compression::new(level.into()), false, bits);
    CompressState { level, bits, owner, zlib }
}

/// The state that the owner gave back; where it is of another level, nobody goes on with it.
fn take_own(
    waiting: &mut Vec<CompressState>,
    levels: &RangeInclusive<u8>,
    owner: Option<Owner>,
) -> Option<CompressState> {
    let owner = owner?;
    let at = waiting.iter().rposition(|state| state.owner == Some(owner))?;
    if levels.contains(&waiting[at].level) {
        return Some(waiting.remove(at));
    }
    waiting[at].owner = None;
    None
}

/// One that nobody goes on with. While there is room nobody loses what it has said last; where there is none, the
/// state that goes may be of another kind.
fn take_spare(
    waiting: &mut Vec<CompressState>,
    level: u8,
    bits: u8,
    is_longest: impl FnOnce() -> bool,
) -> Option<CompressState> {
    let free = waiting.iter().rposition(|state| state.owner.is_none() && state.fits(level, bits));
    if let Some(at) = free {
        return Some(waiting.remove(at));
    }
    if waiting.len() < MAX_COMPRESS {
        return None;
    }
    let other = waiting.iter().position(|state| state.owner.is_none());
    let at = other.unwrap_or_else(|| match is_longest() {
        true => 0,
        false => waiting.iter().rposition(|state| state.fits(level, bits)).unwrap_or(0),
    });
    Some(waiting.remove(at))
}

/// Gives a state back; its owner may find it as it is.
pub(super) fn put_compress(lent: Lent<CompressState>) {
    let Lent { state, lease } = lent;
    drop(lease);
    // What goes is freed without the lock.
    let gone = keep(&mut waiting(), state);
    drop(gone);
}

/// Lets a state wait. One goes where there is no room: rather one that nobody goes on with.
fn keep(waiting: &mut Vec<CompressState>, state: CompressState) -> Option<CompressState> {
    if waiting.len() < MAX_COMPRESS {
        waiting.push(state);
        return None;
    }
    match waiting.iter().position(|state| state.owner.is_none()) {
        None if state.owner.is_none() => Some(state),
        free => {
            let gone = waiting.remove(free.unwrap_or(0));
            waiting.push(state);
            Some(gone)
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn state(level: u8, owner: Option<Owner>) -> CompressState {
        let zlib = Compress::new_with_window_bits(Compression::new(level.into()), false, 9);
        CompressState { level, bits: 9, owner, zlib }
    }

    fn full(level: u8) -> (Vec<CompressState>, Vec<Owner>) {
        let owners: Vec<_> = (0..MAX_COMPRESS).map(|_| Owner::new()).collect();
        (owners.iter().map(|owner| state(level, Some(*owner))).collect(), owners)
    }

    #[test]
    fn an_owner_finds_its_own_unless_it_is_of_another_level() {
        let (mut waiting, owners) = full(1);
        let own = take_own(&mut waiting, &(1..=9), Some(owners[7])).unwrap();
        assert_eq!((own.owner, waiting.len()), (Some(owners[7]), MAX_COMPRESS - 1));
        assert!(take_own(&mut waiting, &(2..=2), Some(owners[8])).is_none());
        // Nobody goes on with it, not even its owner.
        assert!(take_own(&mut waiting, &(1..=9), Some(owners[8])).is_none());
        assert!(take_own(&mut waiting, &(1..=9), None).is_none());
        assert_eq!(take_spare(&mut waiting, 1, 9, || unreachable!()).unwrap().owner, None);
    }

    #[test]
    fn nobody_loses_its_own_while_there_is_room() {
        let (mut waiting, _) = full(1);
        waiting.pop();
        assert!(take_spare(&mut waiting, 1, 9, || unreachable!()).is_none());
        assert!(keep(&mut waiting, state(1, None)).is_none());
        // One that is free goes first, of whatever kind it is.
        assert_eq!(take_spare(&mut waiting, 2, 9, || unreachable!()).unwrap().owner, None);
    }

    #[test]
    fn where_there_is_none_what_was_used_last_goes_and_now_and_then_what_waited_longest() {
        let (mut waiting, owners) = full(1);
        waiting[MAX_COMPRESS - 1].level = 2;
        let mut taken = take_spare(&mut waiting, 1, 9, || false).unwrap();
        assert_eq!(taken.owner, Some(owners[MAX_COMPRESS - 2]));
        taken.owner = Some(Owner::new());
        assert!(keep(&mut waiting, taken).is_none());
        assert_eq!(take_spare(&mut waiting, 1, 9, || true).unwrap().owner, Some(owners[0]));
        // None of its kind: room is made for a new one.
        let (mut waiting, owners) = full(1);
        assert_eq!(take_spare(&mut waiting, 5, 9, || false).unwrap().owner, Some(owners[0]));
    }

    #[test]
    fn a_full_pool_keeps_what_somebody_goes_on_with() {
        let (mut waiting, owners) = full(1);
        assert_eq!(keep(&mut waiting, state(1, None)).unwrap().owner, None);
        let newest = Owner::new();
        assert_eq!(keep(&mut waiting, state(1, Some(newest))).unwrap().owner, Some(owners[0]));
        waiting[5].owner = None;
        assert_eq!(keep(&mut waiting, state(1, Some(Owner::new()))).unwrap().owner, None);
        assert_eq!(waiting.len(), MAX_COMPRESS);
    }
}
