//! A map that is bounded by the size of what it holds.

use std::collections::{BTreeMap, HashMap};

/// Forgets what was not used for longest.
#[derive(Debug)]
pub(super) struct Lru<V> {
    slots: HashMap<Box<str>, Slot<V>>,
    /// By time of use, oldest first.
    order: BTreeMap<u64, Box<str>>,
    tick: u64,
    size: u64,
    max: u64,
}

#[derive(Debug)]
struct Slot<V> {
    value: V,
    size: u64,
    used: u64,
}

/// What an entry costs besides its own bytes, about.
const OVERHEAD: u64 = 160;

impl<V> Lru<V> {
    pub(super) fn new(max: u64) -> Self {
        Self { slots: HashMap::new(), order: BTreeMap::new(), tick: 0, size: 0, max }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn get(&mut self, key: &str) -> Option<&V> {
        let slot = self.slots.get_mut(key)?;
        if let Some(key) = self.order.remove(&slot.used) {
            self.tick += 1;
            slot.used = self.tick;
            self.order.insert(self.tick, key);
        }
        Some(&slot.value)
    }

    /// Returns the names that had to go: the own one too, where it has no room at all.
    pub(super) fn insert(&mut self, key: &str, value: V, size: u64) -> Vec<Box<str>> {
        self.remove(key);
        let size = size.saturating_add(OVERHEAD).saturating_add(key.len() as u64);
        if size > self.max {
            return vec![key.into()];
        }
        let mut gone = Vec::new();
        while self.size > self.max - size {
            let Some((_, oldest)) = self.order.pop_first() else { break };
            if let Some(slot) = self.slots.remove(&oldest) {
                self.size -= slot.size;
            }
            gone.push(oldest);
        }
        self.tick += 1;
        self.size += size;
        self.order.insert(self.tick, key.into());
        self.slots.insert(key.into(), Slot { value, size, used: self.tick });
        gone
    }

    pub(super) fn remove(&mut self, key: &str) {
        if let Some(slot) = self.slots.remove(key) {
            self.order.remove(&slot.used);
            self.size -= slot.size;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut lru = Lru::new(3 * (OVERHEAD + 11));
        for key in ["a", "b", "c"] {
            assert!(lru.insert(key, key, 10).is_empty());
        }
        assert_eq!(lru.get("a"), Some(&"a"));
        assert_eq!(*lru.insert("d", "d", 10)[0], *"b");
        assert_eq!(lru.insert("e", "e", 20).len(), 2);
        assert_eq!([lru.get("a").copied(), lru.get("d").copied()], [None, Some("d")]);
        assert_eq!(lru.slots.len(), 2);
        assert_eq!(*lru.insert("d", "d", u64::MAX)[0], *"d");
        assert_eq!((lru.get("d").copied(), lru.slots.len()), (None, 1));
    }

    proptest! {
        /// Whatever is done, the bound holds and the counts agree.
        #[test]
        fn the_bound_holds(steps in proptest::collection::vec((0u8..3, 0u8..8, 0u64..900), 0..200)) {
            let mut lru = Lru::new(2_000);
            for (what, key, size) in steps {
                let key = key.to_string();
                match what {
                    0 => drop(lru.insert(&key, (), size)),
                    1 => lru.remove(&key),
                    _ => drop(lru.get(&key)),
                }
                prop_assert!(lru.size <= lru.max);
                prop_assert_eq!(lru.size, lru.slots.values().map(|slot| slot.size).sum::<u64>());
                prop_assert_eq!(lru.slots.len(), lru.order.len());
            }
        }
    }
}
