//! Keys that a peer cannot foresee (RFC 6455 §10.3).

use std::hash::{BuildHasher, RandomState};

/// Makes masking keys and handshake keys.
///
/// A keyed hash of a counter: the key comes from the system's randomness, and the hash, SipHash, is made so
/// that who sees results cannot tell the next. That saves a dependency and a system call per frame.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    hash: RandomState,
    count: u64,
}

impl Keys {
    pub(crate) fn new() -> Self {
        Self { hash: RandomState::new(), count: 0 }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.count += 1;
        self.hash.hash_one(self.count)
    }

    pub(crate) fn mask(&mut self) -> [u8; 4] {
        let [a, b, c, d, ..] = self.next().to_ne_bytes();
        [a, b, c, d]
    }
}
