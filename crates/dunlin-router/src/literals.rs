//! Paths without captures, by hash.
//!
//! Most requests of most programs go to such a path, and the tree takes a step for each byte at which
//! two patterns part. The hash is quick rather than safe against chosen keys: what is in the table
//! comes from the program, and a path that only looks for it cannot make it slower.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// From a path in normal form to its resource.
#[derive(Debug, Default)]
pub(crate) struct Literals {
    resources: HashMap<Box<[u8]>, u32, BuildHasherDefault<WordHasher>>,
    ends: Ends,
}

impl Literals {
    pub(crate) fn insert(&mut self, path: Vec<u8>, resource: u32) {
        self.resources.entry(path.into()).or_insert(resource);
    }

    /// Once there is nothing to insert.
    pub(crate) fn finish(&mut self) {
        self.ends = Ends::new(self.resources.keys().map(|path| &**path));
    }

    #[inline]
    pub(crate) fn get(&self, path: &[u8]) -> Option<u32> {
        if self.ends.may_have(path) { self.resources.get(path).copied() } else { None }
    }
}

/// Which ends and lengths the paths have: a path to be captured from mostly has none of these, and is not
/// hashed for nothing.
#[derive(Debug, Default)]
struct Ends {
    /// One bit in sixteen is set, at most.
    bits: Box<[u64]>,
    shift: u32,
}

impl Ends {
    fn new<'p>(paths: impl ExactSizeIterator<Item = &'p [u8]>) -> Self {
        let size = (16 * paths.len()).next_power_of_two().max(64);
        let mut ends = Self { bits: vec![0; size / 64].into(), shift: 64 - size.ilog2() };
        for path in paths {
            let place = ends.place(path);
            ends.bits[place / 64] |= 1 << (place % 64);
        }
        ends
    }

    /// Never `false` for one of the paths.
    #[inline]
    fn may_have(&self, path: &[u8]) -> bool {
        let place = self.place(path);
        self.bits.get(place / 64).is_some_and(|bits| bits >> (place % 64) & 1 == 1)
    }

    #[inline]
    fn place(&self, path: &[u8]) -> usize {
        let end = match path.last_chunk() {
            Some(end) => u64::from_le_bytes(*end),
            None => path.first().map_or(0, |&byte| byte.into()),
        };
        let mixed = (end ^ path.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> self.shift) as usize
    }
}

/// Eight bytes at a time: rotate, mix, multiply, fold.
#[derive(Clone, Copy, Debug, Default)]
struct WordHasher(u64);

impl WordHasher {
    #[inline(always)]
    fn add(&mut self, word: u64) {
        // Both halves of the product, so that each bit of the word reaches the low bits and the high.
        let product = u128::from(self.0.rotate_left(5) ^ word) * 0x9e37_79b9_7f4a_7c15;
        self.0 = product as u64 ^ (product >> 64) as u64;
    }
}

impl Hasher for WordHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            self.add(rest.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)));
        }
    }

    #[inline]
    fn write_usize(&mut self, n: usize) {
        self.add(n as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_found_again_and_no_other() {
        let mut literals = Literals::default();
        let path = |n: u32| format!("/{}{n}", "a/".repeat(n as usize % 20)).into_bytes();
        for n in 0..2000 {
            literals.insert(path(n), n);
        }
        literals.finish();
        for n in 0..2000 {
            assert_eq!(literals.get(&path(n)), Some(n));
            assert_eq!(literals.get(&path(n + 2000)), None);
        }
    }

    #[test]
    fn hashes_of_like_paths_differ_in_their_low_and_high_bits() {
        let hashes: Vec<u64> = (0..256u64)
            .map(|n| {
                let mut hasher = WordHasher::default();
                hasher.write(format!("/items/{n}").as_bytes());
                hasher.finish()
            })
            .collect();
        let distinct = |of: fn(u64) -> u64| {
            hashes.iter().map(|hash| of(*hash)).collect::<std::collections::BTreeSet<_>>().len()
        };
        // 256 balls in as many bins hit about 162 of them by chance.
        assert!(distinct(|hash| hash & 0xff) > 120);
        assert!(distinct(|hash| hash >> 57) > 90);
    }
}
