//! Message bodies: by length, in chunks, or until the connection closes (RFC 9112 §6, §7).

mod chunked;
mod trailers;

use core::fmt;

pub use chunked::ChunkedDecoder;
pub use trailers::Trailers;
pub(crate) use trailers::is_forbidden;

use crate::{
    error::BodyError,
    framing::{Facts, Framing},
    head::Text,
    limits::Limits,
};

/// A piece of a body, borrowed from the input.
#[derive(Clone)]
pub enum BodyEvent<'i> {
    /// Content, as much of it as was there; never empty.
    Data(&'i [u8]),
    /// The trailer section of a chunked body, where it has fields.
    Trailers(Trailers<'i>),
    /// The body is through. What follows in the input belongs to the next message.
    End,
}

impl fmt::Debug for BodyEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(data) => f.debug_tuple("Data").field(&Text(data)).finish(),
            Self::Trailers(trailers) => f.debug_tuple("Trailers").field(trailers).finish(),
            Self::End => f.write_str("End"),
        }
    }
}

/// Decodes one body, however it is framed.
///
/// ```
/// use dunlin_codec::{BodyDecoder, BodyEvent, Framing, Limits};
///
/// let mut input = &b"5\r\nhello\r\n0\r\n\r\nGET /"[..];
/// let mut decoder = BodyDecoder::new(Framing::Chunked, &Limits::default());
/// while let Some(event) = decoder.decode(&mut input)? {
///     match event {
///         BodyEvent::Data(data) => assert_eq!(data, b"hello"),
///         BodyEvent::Trailers(_) => {}
///         BodyEvent::End => break,
///     }
/// }
/// assert_eq!(input, b"GET /");
/// # Ok::<(), dunlin_codec::BodyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct BodyDecoder {
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Length { left: u64 },
    Chunked(ChunkedDecoder),
    UntilClose,
}

impl BodyDecoder {
    /// A decoder for a body framed so; `limits` bound what a chunked one carries besides data.
    #[inline]
    pub fn new(framing: Framing, limits: &Limits) -> Self {
        let kind = match framing {
            Framing::None => Kind::Length { left: 0 },
            Framing::Length(left) => Kind::Length { left },
            Framing::Chunked => Kind::Chunked(ChunkedDecoder::new(limits)),
            Framing::UntilClose => Kind::UntilClose,
        };
        Self { kind }
    }

    /// A decoder for the body of the request with these facts. Unlike [`new`](Self::new) it counts
    /// trailers on from the head's fields, towards [`Limits::max_headers`].
    #[inline]
    pub fn of_request(facts: &Facts, limits: &Limits) -> Self {
        Self::behind_head(facts.framing(), facts, limits)
    }

    /// The same for a body framed so, behind the head with these facts.
    #[inline]
    pub(crate) fn behind_head(framing: Framing, facts: &Facts, limits: &Limits) -> Self {
        match Self::new(framing, limits).kind {
            Kind::Chunked(decoder) => {
                Self { kind: Kind::Chunked(decoder.behind_fields(facts.field_count())) }
            }
            kind => Self { kind },
        }
    }

    /// Takes the next event off the front of `input`.
    ///
    /// `Ok(None)` means that `input` holds no complete event: what is left of it must be there
    /// again, with more bytes behind it, at the next call. That is nothing but for a trailer
    /// section, which is handed out whole. After [`BodyEvent::End`] the answer stays the same.
    ///
    /// # Errors
    ///
    /// [`BodyError::Chunk`] for input outside the chunked grammar; the connection must then close,
    /// because where the next message starts is unknown (RFC 9112 §7.1).
    #[inline]
    pub fn decode<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<BodyEvent<'i>>, BodyError> {
        let data = match &mut self.kind {
            Kind::Length { left: 0 } => return Ok(Some(BodyEvent::End)),
            Kind::Length { left } => take(input, left),
            Kind::Chunked(decoder) => return Ok(decoder.decode(input)?),
            Kind::UntilClose => core::mem::take(input),
        };
        Ok((!data.is_empty()).then_some(BodyEvent::Data(data)))
    }

    /// Takes note that the peer closed its side, behind all that [`decode`](Self::decode) was
    /// given. A body until close is then complete.
    ///
    /// # Errors
    ///
    /// [`BodyError::Short`] and [`BodyError::Unterminated`] where the body was cut off
    /// (RFC 9112 §8).
    pub fn eof(&mut self) -> Result<(), BodyError> {
        match &self.kind {
            Kind::Length { left: 0 } => Ok(()),
            Kind::Length { left } => Err(BodyError::Short { missing: *left }),
            Kind::Chunked(decoder) if decoder.is_complete() => Ok(()),
            Kind::Chunked(_) => Err(BodyError::Unterminated),
            Kind::UntilClose => {
                self.kind = Kind::Length { left: 0 };
                Ok(())
            }
        }
    }

    /// Whether every byte of the body has been taken off the input, so that
    /// [`decode`](Self::decode) has nothing but [`BodyEvent::End`] left.
    #[inline]
    pub fn is_complete(&self) -> bool {
        match &self.kind {
            Kind::Length { left } => *left == 0,
            Kind::Chunked(decoder) => decoder.is_complete(),
            Kind::UntilClose => false,
        }
    }

    /// How many bytes are still to come, where that was declared.
    #[inline]
    pub fn remaining(&self) -> Option<u64> {
        match &self.kind {
            Kind::Length { left } => Some(*left),
            Kind::Chunked(_) | Kind::UntilClose => None,
        }
    }
}

/// Takes at most `left` bytes off the front of `input`.
#[inline]
fn take<'i>(input: &mut &'i [u8], left: &mut u64) -> &'i [u8] {
    let len = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
    let (data, rest) = input.split_at(len);
    *input = rest;
    *left -= len as u64;
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_ends_the_body_and_leaves_the_next_message() {
        let mut decoder = BodyDecoder::new(Framing::Length(5), &Limits::default());
        let mut input = &b"he"[..];
        assert!(matches!(decoder.decode(&mut input), Ok(Some(BodyEvent::Data(b"he")))));
        assert!(matches!(decoder.decode(&mut input), Ok(None)));
        assert_eq!(decoder.eof(), Err(BodyError::Short { missing: 3 }));
        let mut input = &b"lloGET"[..];
        assert!(matches!(decoder.decode(&mut input), Ok(Some(BodyEvent::Data(b"llo")))));
        assert!(decoder.is_complete());
        assert!(matches!(decoder.decode(&mut input), Ok(Some(BodyEvent::End))));
        assert_eq!((input, decoder.eof()), (&b"GET"[..], Ok(())));
    }

    #[test]
    fn data_is_shown_as_text() {
        assert_eq!(alloc::format!("{:?}", BodyEvent::Data(b"a\n\xff")), r#"Data("a\n\xff")"#);
    }

    #[test]
    fn no_body_ends_at_once() {
        let mut decoder = BodyDecoder::new(Framing::None, &Limits::default());
        let mut input = &b"GET"[..];
        assert!(matches!(decoder.decode(&mut input), Ok(Some(BodyEvent::End))));
        assert_eq!(input, b"GET");
    }

    #[test]
    fn until_close_ends_with_the_connection() {
        let mut decoder = BodyDecoder::new(Framing::UntilClose, &Limits::default());
        let mut input = &b"all"[..];
        assert!(matches!(decoder.decode(&mut input), Ok(Some(BodyEvent::Data(b"all")))));
        assert!(matches!(decoder.decode(&mut input), Ok(None)));
        assert_eq!(decoder.eof(), Ok(()));
        assert!(matches!(decoder.decode(&mut input), Ok(Some(BodyEvent::End))));
    }
}
