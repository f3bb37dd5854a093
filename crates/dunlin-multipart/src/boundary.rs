//! Boundaries: the line that parts are separated by (RFC 2046 §5.1.1).

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::str::FromStr;
use std::sync::Arc;

/// A boundary that keeps to the grammar of RFC 2046 §5.1.1.
///
/// ```
/// use dunlin_multipart::Boundary;
///
/// assert_eq!(Boundary::random().as_str().len(), 32);
/// assert_eq!("gc0p4Jq0M2Yt08j".parse::<Boundary>()?.as_str(), "gc0p4Jq0M2Yt08j");
/// assert!("line\r\nbreak".parse::<Boundary>().is_err());
/// # Ok::<(), dunlin_multipart::BoundaryError>(())
/// ```
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Boundary {
    text: Arc<str>,
}

impl Boundary {
    /// 32 random hex digits.
    ///
    /// The randomness is that of the standard library's hash maps: SipHash under keys from the
    /// system. It keeps others from placing the boundary in a body, and is no key material.
    pub fn random() -> Self {
        let text = format!("{:016x}{:016x}", random_u64(), random_u64());
        Self { text: text.into() }
    }

    /// A boundary of one's own: 1 to 70 characters, of them no space at the end.
    ///
    /// # Errors
    ///
    /// [`BoundaryError`] for text outside the grammar.
    pub fn new(text: &str) -> Result<Self, BoundaryError> {
        if text.is_empty() || text.len() > MAX_LEN {
            return Err(BoundaryError::Length { len: text.len() });
        }
        if let Some(at) = text.bytes().position(|byte| !is_boundary_byte(byte)) {
            return Err(BoundaryError::Character { at });
        }
        if text.ends_with(' ') {
            return Err(BoundaryError::SpaceAtEnd);
        }
        Ok(Self { text: text.into() })
    }

    /// The boundary without the hyphens before it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// As the value of a parameter: in quotes where it is no token (RFC 9110 §5.6.6).
    pub(crate) fn to_parameter(&self) -> String {
        // Neither `"` nor `\` is in the grammar, so that nothing needs an escape.
        match self.text.bytes().all(is_token_byte) {
            true => self.text.to_string(),
            false => format!("\"{}\"", self.text),
        }
    }
}

/// Most characters of a boundary (RFC 2046 §5.1.1).
const MAX_LEN: usize = 70;

fn is_boundary_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte)
}

/// A byte of a token (RFC 9110 §5.6.2).
pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn random_u64() -> u64 {
    // Each `RandomState` has keys of its own, and a hash of nothing depends on the keys alone.
    RandomState::new().build_hasher().finish()
}

impl fmt::Debug for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Boundary").field(&self.text).finish()
    }
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Boundary {
    type Err = BoundaryError;

    fn from_str(text: &str) -> Result<Self, BoundaryError> {
        Self::new(text)
    }
}

/// Why a text is no boundary.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BoundaryError {
    /// It is empty or longer than 70 characters.
    #[error("a boundary has 1 to 70 characters, not {len}")]
    Length {
        /// Its length in bytes.
        len: usize,
    },
    /// A character is neither a letter, a digit, a space nor one of `'()+_,-./:=?`.
    #[error("a character at {at} is not allowed in a boundary")]
    Character {
        /// Offset of the first such byte.
        at: usize,
    },
    /// It ends with a space, which looks like padding of the line.
    #[error("a boundary must not end with a space")]
    SpaceAtEnd,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_boundaries_are_32_hex_digits_and_differ() {
        let (one, other) = (Boundary::random(), Boundary::random());
        assert_ne!(one, other);
        assert_eq!(one.as_str().len(), 32);
        assert!(one.as_str().bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(one.as_str()[..16], one.as_str()[16..]);
        assert_eq!(Boundary::new(one.as_str()).unwrap().as_str(), one.as_str());
    }

    #[test]
    fn lengths_outside_1_to_70_are_refused() {
        assert_eq!(Boundary::new(""), Err(BoundaryError::Length { len: 0 }));
        assert_eq!(Boundary::new(&"a".repeat(71)), Err(BoundaryError::Length { len: 71 }));
        assert!(Boundary::new(&"a".repeat(70)).is_ok());
    }

    #[test]
    fn characters_outside_the_grammar_are_refused() {
        for bad in ["a\r\nb", "a\"b", "a\\b", "a\0b", "a\tb", "a;b", "aé"] {
            assert_eq!(Boundary::new(bad), Err(BoundaryError::Character { at: 1 }), "{bad:?}");
        }
        assert_eq!(Boundary::new("a "), Err(BoundaryError::SpaceAtEnd));
    }

    #[test]
    fn a_boundary_that_is_no_token_is_quoted() {
        assert_eq!(Boundary::new("a-b_c").unwrap().to_parameter(), "a-b_c");
        assert_eq!(Boundary::new("a b:c").unwrap().to_parameter(), "\"a b:c\"");
    }
}
