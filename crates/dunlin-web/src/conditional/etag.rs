//! Entity tags: names of the versions of a representation (RFC 9110 §8.8.3).

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::HeaderValue;
use sha2::{Digest, Sha256};

/// An entity tag, strong or weak.
///
/// A strong one changes with every byte of the representation; a weak one (`W/"…"`) says that two
/// versions mean the same. Ranges and `If-Match` ask for strong ones.
///
/// ```
/// use dunlin_web::ETag;
///
/// let tag = ETag::strong("v7")?;
/// assert_eq!(tag.to_string(), "\"v7\"");
/// assert!(tag.weak_eq(&ETag::weak("v7")?) && !tag.strong_eq(&ETag::weak("v7")?));
/// assert_eq!("W/\"v7\"".parse::<ETag>()?, ETag::weak("v7")?);
/// # Ok::<(), dunlin_web::BadETag>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ETag {
    /// As it stands in the field, `W/` and quotes included.
    text: Box<str>,
}

/// Text that is no entity tag.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BadETag {
    /// A byte that no tag may have: a quote, a space or a control character.
    #[error("byte 0x{byte:02x} at {at} is not allowed in an entity tag")]
    Byte {
        /// The byte.
        byte: u8,
        /// Its offset.
        at: usize,
    },
    /// The tag is not `"…"` or `W/"…"`.
    #[error("an entity tag is written \"…\" or W/\"…\"")]
    Quotes,
}

impl ETag {
    /// A strong tag; `tag` is what stands between the quotes.
    ///
    /// # Errors
    ///
    /// [`BadETag::Byte`] for a quote, a space or a control character.
    pub fn strong(tag: impl AsRef<str>) -> Result<Self, BadETag> {
        Self::new("", tag.as_ref())
    }

    /// A weak tag; `tag` is what stands between the quotes.
    ///
    /// # Errors
    ///
    /// As [`strong`](Self::strong).
    pub fn weak(tag: impl AsRef<str>) -> Result<Self, BadETag> {
        Self::new("W/", tag.as_ref())
    }

    /// A strong tag made of 144 bits of the content's SHA-256: the same for the same bytes, on every
    /// machine.
    pub fn of_content(content: impl AsRef<[u8]>) -> Self {
        Self::trusted("", &BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(content)[..18]))
    }

    fn new(prefix: &str, tag: &str) -> Result<Self, BadETag> {
        match tag.bytes().position(|byte| !is_tag_byte(byte)) {
            Some(at) => Err(BadETag::Byte { byte: tag.as_bytes()[at], at }),
            None => Ok(Self::trusted(prefix, tag)),
        }
    }

    /// A tag of bytes that are known to be fit for one.
    pub(crate) fn trusted(prefix: &str, tag: &str) -> Self {
        Self { text: format!("{prefix}\"{tag}\"").into() }
    }

    /// The same, weak.
    #[must_use]
    pub fn into_weak(self) -> Self {
        if self.is_weak() { self } else { Self { text: format!("W/{}", self.text).into() } }
    }

    /// Whether it is weak.
    pub fn is_weak(&self) -> bool {
        self.text.starts_with("W/")
    }

    /// What stands between the quotes.
    pub fn tag(&self) -> &str {
        let text = self.text.strip_prefix("W/").unwrap_or(&self.text);
        &text[1..text.len() - 1]
    }

    /// Whether both are strong and the same (RFC 9110 §8.8.3.2).
    pub fn strong_eq(&self, other: &Self) -> bool {
        !self.is_weak() && self.text == other.text
    }

    /// Whether both name the same, strong or weak (RFC 9110 §8.8.3.2).
    pub fn weak_eq(&self, other: &Self) -> bool {
        self.tag() == other.tag()
    }

    /// As a field value.
    pub fn to_value(&self) -> HeaderValue {
        // Made of bytes that field values have.
        HeaderValue::from_str(&self.text)
            .or_else(|_| HeaderValue::from_bytes(self.text.as_bytes()))
            .unwrap_or(HeaderValue::from_static("\"\""))
    }
}

/// The field value.
impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for ETag {
    type Err = BadETag;

    fn from_str(text: &str) -> Result<Self, BadETag> {
        let (prefix, quoted) = match text.strip_prefix("W/") {
            Some(quoted) => ("W/", quoted),
            None => ("", text),
        };
        match quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            Some(tag) => Self::new(prefix, tag),
            None => Err(BadETag::Quotes),
        }
    }
}

/// `etagc` of RFC 9110 §8.8.3.
fn is_tag_byte(byte: u8) -> bool {
    byte == 0x21 || (0x23..=0x7e).contains(&byte) || byte >= 0x80
}

/// A tag as a request lists it.
pub(super) struct Listed<'a> {
    pub(super) is_weak: bool,
    pub(super) tag: &'a [u8],
}

/// The tags of a list, up to the first that is malformed.
pub(super) fn list(mut line: &[u8]) -> impl Iterator<Item = Listed<'_>> {
    std::iter::from_fn(move || {
        while let [b' ' | b'\t' | b',', rest @ ..] = line {
            line = rest;
        }
        let is_weak = line.starts_with(b"W/");
        let quoted = if is_weak { &line[2..] } else { line };
        let inner = quoted.strip_prefix(b"\"")?;
        let end = inner.iter().position(|byte| !is_tag_byte(*byte))?;
        let (tag, rest) = inner.split_at(end);
        line = rest.strip_prefix(b"\"")?;
        // What follows is a comma, or the list breaks off here.
        let gap = line.iter().position(|byte| !matches!(byte, b' ' | b'\t'));
        if gap.is_some_and(|at| line[at] != b',') {
            line = b"";
        }
        Some(Listed { is_weak, tag })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(line: &str) -> Vec<String> {
        let text = |tag: Listed<'_>| {
            format!("{}{}", if tag.is_weak { "~" } else { "" }, String::from_utf8_lossy(tag.tag))
        };
        list(line.as_bytes()).map(text).collect()
    }

    #[test]
    fn lists_are_read_up_to_what_is_malformed() {
        assert_eq!(listed(r#""a", W/"b" ,,"c,d""#), ["a", "~b", "c,d"]);
        assert_eq!(listed(r#""a", b, "c""#), ["a"]);
        assert_eq!(listed(r#""a"x, "c""#), ["a"]);
        assert_eq!(listed(r#""""#), [""]);
        for none in ["", "*", "a", "\"", "w/\"a\"", "\"a b\""] {
            assert!(listed(none).is_empty(), "{none}");
        }
    }

    #[test]
    fn a_tag_that_would_split_its_field_is_refused() {
        assert_eq!(ETag::strong("a\"b"), Err(BadETag::Byte { byte: b'"', at: 1 }));
        assert_eq!(ETag::weak("a\r\n"), Err(BadETag::Byte { byte: b'\r', at: 1 }));
        assert_eq!("abc".parse::<ETag>(), Err(BadETag::Quotes));
        assert_eq!("\"".parse::<ETag>(), Err(BadETag::Quotes));
        assert_eq!(ETag::strong("é").unwrap().to_value().as_bytes(), "\"é\"".as_bytes());
    }

    #[test]
    fn content_names_itself() {
        let (a, b) = (ETag::of_content("a"), ETag::of_content("b"));
        assert!(a.strong_eq(&ETag::of_content("a")) && !a.weak_eq(&b));
        assert_eq!(a.tag().len(), 24);
        assert!(a.clone().into_weak().weak_eq(&a) && a.into_weak().is_weak());
    }
}
