//! Lists of spare buffers, one per thread.
//!
//! A head costs no allocation in the steady state: its block, and the list that a response is built
//! in, come from here and return here when dropped, on whichever thread that happens. Each list is
//! bounded in number and in the capacity that one buffer may keep, so that a burst or one large head
//! does not stay in memory.

use std::cell::RefCell;
use std::thread::LocalKey;

/// Spare buffers that one thread keeps of one kind.
const MAX_SPARE: usize = 64;

/// A bounded list of spare values of one kind.
pub(crate) struct Pool<T> {
    spare: RefCell<Vec<T>>,
}

impl<T> Pool<T> {
    pub(crate) const fn new() -> Self {
        Self { spare: RefCell::new(Vec::new()) }
    }
}

/// Takes a spare value of this thread, if there is one.
#[inline]
pub(crate) fn take<T>(pool: &'static LocalKey<Pool<T>>) -> Option<T> {
    // A destructor that runs while its thread ends finds the list gone: then nothing is spare.
    pool.try_with(|pool| pool.spare.borrow_mut().pop()).ok().flatten()
}

/// Gives a value to this thread's list, or drops it where the list is full or gone.
#[inline]
pub(crate) fn give<T>(pool: &'static LocalKey<Pool<T>>, value: T) {
    let _ = pool.try_with(|pool| {
        let mut spare = pool.spare.borrow_mut();
        if spare.len() < MAX_SPARE {
            spare.push(value);
        } else {
            // After the borrow: a value's own destructor may come back to a list.
            drop(spare);
            drop(value);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local!(static NUMBERS: Pool<u32> = const { Pool::new() });

    #[test]
    fn what_is_given_is_taken_again_and_the_list_is_bounded() {
        assert_eq!(take(&NUMBERS), None);
        for n in 0..2 * MAX_SPARE as u32 {
            give(&NUMBERS, n);
        }
        let mut taken = 0;
        while take(&NUMBERS).is_some() {
            taken += 1;
        }
        assert_eq!(taken, MAX_SPARE);
    }
}
