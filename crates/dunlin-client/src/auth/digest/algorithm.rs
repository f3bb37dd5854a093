//! Hash algorithms of Digest (RFC 7616 §6.1) and the names that servers use for them.

use std::fmt::Write;

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512, Sha512_256};

/// A hash, and whether its key is bound to the session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Algorithm {
    pub(super) hash: Hash,
    pub(super) session: bool,
}

/// From the weakest to the strongest, which is the order that a choice is made by.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Hash {
    Md5,
    /// Never registered, but some servers have it.
    Sha1,
    Sha256,
    Sha512_256,
    Sha512,
}

impl Algorithm {
    /// What stands for no `algorithm` (RFC 7616 §3.3).
    pub(super) const DEFAULT: Self = Self { hash: Hash::Md5, session: false };

    /// Any case, and the names of the hashes with or without their first hyphen.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let (name, session) = match name.strip_suffix("-sess") {
            Some(name) => (name, true),
            None => (name.as_str(), false),
        };
        let hash = match name {
            "md5" => Hash::Md5,
            "sha" | "sha1" | "sha-1" => Hash::Sha1,
            "sha256" | "sha-256" => Hash::Sha256,
            "sha512-256" | "sha-512-256" => Hash::Sha512_256,
            "sha512" | "sha-512" => Hash::Sha512,
            _ => return None,
        };
        Some(Self { hash, session })
    }
}

impl Hash {
    /// The hash in lower-case hex of the pieces with colons between them.
    pub(super) fn of(self, pieces: &[&[u8]]) -> String {
        match self {
            Self::Md5 => hex::<Md5>(pieces),
            Self::Sha1 => hex::<Sha1>(pieces),
            Self::Sha256 => hex::<Sha256>(pieces),
            Self::Sha512_256 => hex::<Sha512_256>(pieces),
            Self::Sha512 => hex::<Sha512>(pieces),
        }
    }
}

fn hex<D: Digest>(pieces: &[&[u8]]) -> String {
    let mut hash = D::new();
    for (index, piece) in pieces.iter().enumerate() {
        if index > 0 {
            hash.update(b":");
        }
        hash.update(piece);
    }
    let hash = hash.finalize();
    hash.iter().fold(String::with_capacity(hash.len() * 2), |mut text, byte| {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_case_and_with_or_without_the_hyphen() {
        let sha256 = Algorithm { hash: Hash::Sha256, session: true };
        assert_eq!(Algorithm::from_name("sha256-SESS"), Some(sha256));
        assert_eq!(Algorithm::from_name("SHA-256-sess"), Some(sha256));
        assert_eq!(Algorithm::from_name("MD5"), Some(Algorithm::DEFAULT));
        assert_eq!(Algorithm::from_name("SHA-3"), None);
        assert_eq!(Algorithm::from_name("-sess"), None);
    }

    #[test]
    fn pieces_are_joined_by_colons() {
        assert_eq!(Hash::Md5.of(&[b"a", b"b"]), Hash::Md5.of(&[b"a:b"]));
        assert_eq!(Hash::Md5.of(&[b""]), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(Hash::Sha1.of(&[b"abc"]), "a9993e364706816aba3e25717850c26c9cd0d89d");
    }
}
