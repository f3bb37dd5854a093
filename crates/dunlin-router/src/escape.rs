//! Percent escapes (RFC 3986 §2.1): which stay encoded while matching, and decoding of captures.
//!
//! A path is matched in its *normal form*: escapes are decoded, but `%2F` and `%25` stay, in upper
//! case. So an encoded slash never splits a segment, and no byte is ever decoded twice. Patterns are
//! brought into the same form, and captures are mapped back to the path as it was received.

use std::borrow::Cow;

use crate::params::Captures;

/// A reason why percent-encoded text does not decode.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// A `%` is not followed by two hex digits.
    #[error("`%` at byte {at} is not followed by two hex digits")]
    BadEscape {
        /// Byte offset of the `%`.
        at: usize,
    },
    /// The decoded bytes are not UTF-8.
    #[error("decoded text is not UTF-8 from its byte {at} on")]
    NotUtf8 {
        /// Offset of the first bad byte in the decoded text.
        at: usize,
    },
}

/// Checks that every `%` in `path` begins an escape of two hex digits.
///
/// [`Router::find`](crate::Router::find) answers such paths with
/// [`Outcome::Malformed`](crate::Outcome::Malformed); this is for callers that want to know earlier.
///
/// # Errors
///
/// [`DecodeError::BadEscape`] with the place of the first one that does not.
///
/// ```
/// assert!(dunlin_router::check_escapes("/caf%C3%A9").is_ok());
/// assert!(dunlin_router::check_escapes("/100%").is_err());
/// ```
pub fn check_escapes(path: &str) -> Result<(), DecodeError> {
    let bytes = path.as_bytes();
    let mut at = 0;
    while let Some(skip) = find_percent(&bytes[at..]) {
        at += skip;
        escape(&bytes[at..]).ok_or(DecodeError::BadEscape { at })?;
        at += 3;
    }
    Ok(())
}

/// Decodes every escape in `text`, borrowing where there is none.
///
/// # Errors
///
/// [`DecodeError`] for a `%` without two hex digits, and for bytes that are not UTF-8.
///
/// ```
/// assert_eq!(dunlin_router::decode("a%2Fb%20c").unwrap(), "a/b c");
/// assert!(dunlin_router::decode("%FF").is_err());
/// ```
pub fn decode(text: &str) -> Result<Cow<'_, str>, DecodeError> {
    if find_percent(text.as_bytes()).is_none() {
        return Ok(Cow::Borrowed(text));
    }
    let bytes = unescape(text.as_bytes(), false)?;
    String::from_utf8(bytes)
        .map(Cow::Owned)
        .map_err(|error| DecodeError::NotUtf8 { at: error.utf8_error().valid_up_to() })
}

/// Brings `text` into the form that paths and patterns are compared in.
pub(crate) fn normalise(text: &[u8]) -> Result<Vec<u8>, DecodeError> {
    unescape(text, true)
}

/// Turns the ranges in `captures`, which lie in the normal form of `path`, into ranges of `path`.
pub(crate) fn map_back(path: &[u8], captures: &mut Captures) {
    let (mut raw, mut normal) = (0, 0);
    let mut raw_offset = |target: usize| {
        while normal < target {
            raw += match escape(&path[raw..]) {
                // Kept, so these three bytes stand one for one.
                None | Some(b'/' | b'%') => 1,
                Some(_) => 3,
            };
            normal += 1;
        }
        raw
    };
    // Captures stand in pattern order, so the offsets only grow and one pass serves them all.
    captures.map(|range| raw_offset(range.start)..raw_offset(range.end));
}

fn find_percent(bytes: &[u8]) -> Option<usize> {
    memchr::memchr(b'%', bytes)
}

/// Whether there is any `%`. Paths are so short that a call of `memchr` costs four times as much.
#[inline]
pub(crate) fn has_percent(bytes: &[u8]) -> bool {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let percents = |word: &[u8; 8]| {
        let zero_at_percent = u64::from_le_bytes(*word) ^ (ONES * b'%' as u64);
        zero_at_percent.wrapping_sub(ONES) & !zero_at_percent & (ONES << 7)
    };
    // The last eight bytes and the words before them overlap.
    let Some(last) = bytes.last_chunk() else { return bytes.contains(&b'%') };
    let (words, _) = bytes.as_chunks::<8>();
    words.iter().fold(percents(last), |found, word| found | percents(word)) != 0
}

fn unescape(bytes: &[u8], keep: bool) -> Result<Vec<u8>, DecodeError> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(skip) = find_percent(&bytes[at..]) {
        out.extend_from_slice(&bytes[at..at + skip]);
        at += skip;
        match escape(&bytes[at..]).ok_or(DecodeError::BadEscape { at })? {
            b'/' if keep => out.extend_from_slice(b"%2F"),
            b'%' if keep => out.extend_from_slice(b"%25"),
            byte => out.push(byte),
        }
        at += 3;
    }
    out.extend_from_slice(&bytes[at..]);
    Ok(out)
}

/// The byte that the escape at the front of `bytes` stands for.
fn escape(bytes: &[u8]) -> Option<u8> {
    match *bytes {
        [b'%', high, low, ..] => Some(hex(high)? << 4 | hex(low)?),
        _ => None,
    }
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slash_and_percent_stay_encoded_in_upper_case() {
        assert_eq!(normalise(b"/a%2fb%2Fc%25d%20e").unwrap(), b"/a%2Fb%2Fc%25d e");
    }

    #[test]
    fn nothing_is_decoded_twice() {
        assert_eq!(normalise(b"/%252F").unwrap(), b"/%252F");
        assert_eq!(decode("%252F").unwrap(), "%2F");
    }

    #[test]
    fn broken_escapes_are_reported_with_their_place() {
        for (path, at) in [("/%zz", 1), ("/ab%", 3), ("/ab%2", 3), ("/%20%+1", 4), ("/%é", 1)] {
            assert_eq!(check_escapes(path), Err(DecodeError::BadEscape { at }), "{path}");
            assert_eq!(normalise(path.as_bytes()), Err(DecodeError::BadEscape { at }), "{path}");
            assert_eq!(decode(path), Err(DecodeError::BadEscape { at }), "{path}");
        }
    }

    #[test]
    fn text_that_is_not_utf8_is_an_error() {
        assert_eq!(decode("ab%FF"), Err(DecodeError::NotUtf8 { at: 2 }));
        assert_eq!(decode("%C3%A9").unwrap(), "é");
    }

    #[test]
    fn ranges_are_mapped_back_over_decoded_and_kept_escapes() {
        let path = "/%41b/x%2Fy/%7e";
        // Normal form: /Ab/x%2Fy/~
        let mut captures = Captures::new();
        captures.push(1, 3);
        captures.push(4, 9);
        captures.push(10, 11);
        map_back(path.as_bytes(), &mut captures);
        let texts: Vec<_> = (0..3).map(|i| captures.slice(i, path).unwrap()).collect();
        assert_eq!(texts, ["%41b", "x%2Fy", "%7e"]);
    }
}
