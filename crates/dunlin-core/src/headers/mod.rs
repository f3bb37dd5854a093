//! Header fields: one type for both directions, with four storages that cannot be told apart.
//!
//! | storage | made by | look-up |
//! | --- | --- | --- |
//! | block | a decoder: bytes as received and a table of offsets | linear, 3 to 13 ns |
//! | lines | `insert` and `append` on fields built here: bytes as they go out, and such a table | linear |
//! | list | the same where lines cannot hold it: a value marked as sensitive, more than 64 KiB | linear |
//! | map | [`Headers::as_map_mut`], or a conversion from [`HeaderMap`] | hashed |
//!
//! A field is written into its line when it is set: an encoder then copies all of them at once.
//!
//! Names compare without regard to ASCII case (RFC 9110 §5.1); order and case on the wire are kept.

mod block;
mod edit;
mod lines;
mod names;
pub(crate) mod pool;

use std::fmt;
use std::sync::OnceLock;

use http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) use self::block::Block;
pub use self::block::FieldSpan;
pub use self::lines::FieldLines;
use self::lines::Lines;
pub use self::names::NameSet;

type List = Vec<(HeaderName, HeaderValue)>;

/// The header fields of a message, or its trailer fields.
///
/// ```
/// use dunlin_core::Headers;
/// use http::{HeaderValue, header::CONTENT_TYPE};
///
/// let mut headers = Headers::new();
/// headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
/// assert_eq!(headers.get_str("content-type"), Some("text/plain"));
/// assert_eq!(headers.as_map()[CONTENT_TYPE], "text/plain");
/// ```
#[derive(Default)]
pub struct Headers {
    store: Store,
    /// Built when [`Headers::as_map`] is first called, dropped at the next change.
    map: OnceLock<Box<HeaderMap>>,
}

#[derive(Default)]
enum Store {
    /// No field, and no buffer for any.
    #[default]
    Empty,
    Block(Box<Block>),
    Lines(Box<Lines>),
    List(List),
    Map(Box<HeaderMap>),
}

/// What a field can be looked up by: text in any case, or a [`HeaderName`].
pub trait AsFieldName {
    /// The name's bytes, in any case.
    fn as_field_name(&self) -> &[u8];
}

impl AsFieldName for HeaderName {
    #[inline]
    fn as_field_name(&self) -> &[u8] {
        self.as_str().as_bytes()
    }
}

impl AsFieldName for str {
    #[inline]
    fn as_field_name(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl<N: AsFieldName + ?Sized> AsFieldName for &N {
    #[inline]
    fn as_field_name(&self) -> &[u8] {
        (**self).as_field_name()
    }
}

impl Headers {
    /// No fields.
    pub const fn new() -> Self {
        Self { store: Store::Empty, map: OnceLock::new() }
    }

    pub(crate) const fn from_block(block: Box<Block>) -> Self {
        Self { store: Store::Block(block), map: OnceLock::new() }
    }

    /// The block, for a decoder to fill: a spare one where there is none yet.
    #[inline]
    pub(crate) fn block_mut(&mut self) -> &mut Block {
        if !matches!(self.store, Store::Block(_)) {
            *self = Self::from_block(Block::take());
        }
        match &mut self.store {
            Store::Block(block) => block,
            _ => unreachable!("the store was made a block above"),
        }
    }

    /// Empties the fields and keeps their block for the next head.
    pub(crate) fn recycle(&mut self) {
        if self.map.get().is_some() {
            self.map = OnceLock::new();
        }
        match &mut self.store {
            Store::Block(block) => block.recycle(),
            _ => *self = Self::new(),
        }
    }

    pub(crate) fn block(&self) -> Option<&Block> {
        match &self.store {
            Store::Block(block) => Some(block),
            _ => None,
        }
    }

    /// Number of fields; a name that comes twice counts twice.
    pub fn len(&self) -> usize {
        match &self.store {
            Store::Empty => 0,
            Store::Block(block) => block.len(),
            Store::Lines(lines) => lines.len(),
            Store::List(list) => list.len(),
            Store::Map(map) => map.len(),
        }
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether every name and value is known to be one, so that an encoder need not check their bytes
    /// again: they have been through [`HeaderName`] and [`HeaderValue`], or the decoder that they come
    /// from has vouched for them
    /// ([`HeadBlock::into_vouched_headers`](crate::HeadBlock::into_vouched_headers)).
    #[inline]
    pub const fn is_checked(&self) -> bool {
        match &self.store {
            Store::Block(block) => block.is_checked(),
            _ => true,
        }
    }

    /// The fields as one run of lines, where they are stored so: those that were set here mostly are. For
    /// an encoder, which may write the run as it is where [`names`](FieldLines::names) are none that it
    /// has to look at: lines are [checked](Self::is_checked).
    #[inline]
    pub fn lines(&self) -> Option<FieldLines<'_>> {
        // By itself, so that what is usual costs one compare and no jump by table.
        match &self.store {
            Store::Lines(lines) => Some(lines.view()),
            Store::Empty => Some(FieldLines::default()),
            _ => None,
        }
    }

    /// Bytes, and where in them the fields stand, where they are stored so: those that were received
    /// are, and those that have [`lines`](Self::lines). What else the bytes hold means nothing. For an
    /// encoder that copies what stands between two fields that it decides on.
    ///
    /// ```
    /// use dunlin_core::{FieldSpan, HeadBlock};
    ///
    /// let mut block = HeadBlock::take();
    /// let span = FieldSpan { name_start: 0, name_len: 4, value_start: 6, value_len: 1 };
    /// block.spans_mut().push(span);
    /// let headers = block.into_headers(b"Host: a\r\n\r\n");
    /// assert_eq!(headers.as_spans(), Some((&b"Host: a\r\n\r\n"[..], &[span][..])));
    /// ```
    #[inline]
    pub fn as_spans(&self) -> Option<(&[u8], &[FieldSpan])> {
        match &self.store {
            Store::Block(block) => Some((block.bytes(), &block.spans)),
            Store::Lines(lines) => Some((lines.bytes(), lines.spans())),
            Store::Empty => Some((&[], &[])),
            Store::List(_) | Store::Map(_) => None,
        }
    }

    /// Whether a field of that name is there.
    pub fn contains(&self, name: impl AsFieldName) -> bool {
        self.get(name).is_some()
    }

    /// The first value of that name, as received.
    pub fn get(&self, name: impl AsFieldName) -> Option<&[u8]> {
        let name = name.as_field_name();
        self.iter().find_map(|(n, value)| n.eq_ignore_ascii_case(name).then_some(value))
    }

    /// The first value of that name as text; `None` too where it is not UTF-8.
    pub fn get_str(&self, name: impl AsFieldName) -> Option<&str> {
        std::str::from_utf8(self.get(name)?).ok()
    }

    /// Every value of that name, in order.
    pub fn get_all<'a>(&'a self, name: impl AsFieldName + 'a) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter_map(move |(n, value)| {
            n.eq_ignore_ascii_case(name.as_field_name()).then_some(value)
        })
    }

    /// Every field, name and value, in the order of the wire.
    pub fn iter(&self) -> Iter<'_> {
        Iter(match &self.store {
            Store::Empty => IterStore::List([].iter()),
            Store::Block(block) => IterStore::Spans(block.bytes(), block.spans.iter()),
            Store::Lines(lines) => IterStore::Spans(lines.bytes(), lines.spans().iter()),
            Store::List(list) => IterStore::List(list.iter()),
            Store::Map(map) => IterStore::Map(map.iter()),
        })
    }

    /// The fields as an [`http::HeaderMap`]: built at the first call and kept until the next change.
    pub fn as_map(&self) -> &HeaderMap {
        match &self.store {
            Store::Map(map) => map,
            _ => self.map.get_or_init(|| Box::new(self.build_map())),
        }
    }

    fn build_map(&self) -> HeaderMap {
        let mut map = HeaderMap::with_capacity(self.len());
        self.for_each_typed(|name, value| {
            // Fails past 32,768 names, which no decoder lets through.
            let _ = map.try_append(name, value);
        });
        map
    }
}

/// Iterator over [`Headers`]: name and value, in the order of the wire.
#[derive(Debug)]
pub struct Iter<'a>(IterStore<'a>);

#[derive(Debug)]
enum IterStore<'a> {
    Spans(&'a [u8], std::slice::Iter<'a, FieldSpan>),
    List(std::slice::Iter<'a, (HeaderName, HeaderValue)>),
    Map(http::header::Iter<'a, HeaderValue>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let typed = |name: &'a HeaderName, value: &'a HeaderValue| {
            (name.as_str().as_bytes(), value.as_bytes())
        };
        match &mut self.0 {
            IterStore::Spans(bytes, spans) => spans.next().map(|span| span.of(bytes)),
            IterStore::List(list) => list.next().map(|(name, value)| typed(name, value)),
            IterStore::Map(map) => map.next().map(|(name, value)| typed(name, value)),
        }
    }
}

impl<'a> IntoIterator for &'a Headers {
    type Item = (&'a [u8], &'a [u8]);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl Clone for Headers {
    fn clone(&self) -> Self {
        let store = match &self.store {
            Store::Empty => Store::Empty,
            Store::Block(block) => Store::Block(block.copy()),
            Store::Lines(lines) => Store::Lines(lines.copy()),
            Store::List(list) => Store::List(list.clone()),
            Store::Map(map) => Store::Map(map.clone()),
        };
        Self { store, map: OnceLock::new() }
    }
}

/// Gives the storage back to this thread's lists.
impl Drop for Headers {
    #[inline]
    fn drop(&mut self) {
        match std::mem::take(&mut self.store) {
            Store::Lines(lines) => lines.give(),
            Store::Block(block) => block.give(),
            Store::Empty | Store::List(_) | Store::Map(_) => {}
        }
    }
}

/// Names and values as text; values of `Authorization`, `Proxy-Authorization`, `Cookie` and
/// `Set-Cookie` are left out, so that a log of a message holds no secret.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SECRET: [&[u8]; 4] =
            [b"authorization", b"proxy-authorization", b"cookie", b"set-cookie"];
        let mut map = f.debug_map();
        for (name, value) in self {
            let secret = SECRET.iter().any(|s| name.eq_ignore_ascii_case(s));
            map.entry(
                &String::from_utf8_lossy(name),
                &if secret { "…".into() } else { String::from_utf8_lossy(value) },
            );
        }
        map.finish()
    }
}

/// Fields are equal when they hold the same names (in any case) and values in the same order.
impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.iter().zip(other).all(|(a, b)| a.0.eq_ignore_ascii_case(b.0) && a.1 == b.1)
    }
}

impl Eq for Headers {}

impl From<HeaderMap> for Headers {
    fn from(map: HeaderMap) -> Self {
        Self { store: Store::Map(Box::new(map)), map: OnceLock::new() }
    }
}

impl From<Headers> for HeaderMap {
    fn from(headers: Headers) -> Self {
        headers.into_map()
    }
}

impl FromIterator<(HeaderName, HeaderValue)> for Headers {
    fn from_iter<I: IntoIterator<Item = (HeaderName, HeaderValue)>>(fields: I) -> Self {
        let mut headers = Self::new();
        for (name, value) in fields {
            headers.append(name, value);
        }
        headers
    }
}

impl Extend<(HeaderName, HeaderValue)> for Headers {
    fn extend<I: IntoIterator<Item = (HeaderName, HeaderValue)>>(&mut self, fields: I) {
        for (name, value) in fields {
            self.append(name, value);
        }
    }
}

#[cfg(test)]
mod tests;
