//! Counts the bytes that are looked at, for tests which state that those are not too many.

use core::cell::Cell;

std::thread_local!(static BYTES: Cell<usize> = const { Cell::new(0) });

/// Notes a look at so many bytes.
pub(super) fn add(bytes: usize) {
    BYTES.set(BYTES.get() + bytes);
}

/// How many bytes this thread looked at since it last asked.
pub(crate) fn take() -> usize {
    BYTES.replace(0)
}
