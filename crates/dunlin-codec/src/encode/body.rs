//! Bodies on their way out (RFC 9112 §6, §7.1).

use alloc::vec::Vec;

use thiserror::Error;

use crate::{body::is_forbidden, scan};

/// Writes one body as its head has announced it.
///
/// ```
/// use dunlin_codec::BodyEncoder;
///
/// let mut out = Vec::new();
/// let mut body = BodyEncoder::Chunked;
/// body.data(b"hello", &mut out)?;
/// body.finish([], &mut out)?;
/// assert_eq!(out, b"5\r\nhello\r\n0\r\n\r\n");
/// # Ok::<(), dunlin_codec::EncodeError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BodyEncoder {
    /// No body may follow: the response to a HEAD, a 204, a 304. Data is dropped.
    Empty,
    /// As many bytes as Content-Length declared.
    Length {
        /// How many are still to come.
        left: u64,
    },
    /// Chunks, and trailers at the end.
    Chunked,
    /// Bytes as they are, until the connection closes.
    UntilClose,
}

impl BodyEncoder {
    /// Appends `data`, copied.
    ///
    /// An empty `data` appends nothing: as a chunk it would end the body.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`] where that would exceed the declared length; nothing is appended.
    #[inline]
    pub fn data(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.chunk_prefix(data.len(), out)?;
        if *self != Self::Empty {
            out.extend_from_slice(data);
        }
        self.chunk_suffix(data.len(), out);
        Ok(())
    }

    /// Appends what stands before `len` bytes of data that the caller sends uncopied, and
    /// counts them. To be followed by [`chunk_suffix`](Self::chunk_suffix) once they are out. An
    /// [`Empty`](Self::Empty) body has no place for them: see [`is_empty`](Self::is_empty).
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`] where they would exceed the declared length.
    #[inline]
    pub fn chunk_prefix(&mut self, len: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match self {
            Self::Length { left } => match left.checked_sub(len as u64) {
                Some(rest) => *left = rest,
                None => return Err(EncodeError::TooLong { excess: len as u64 - *left }),
            },
            Self::Chunked if len > 0 => chunk_size(len as u64, out),
            Self::Chunked | Self::Empty | Self::UntilClose => {}
        }
        Ok(())
    }

    /// Appends what stands behind `len` bytes of data that the caller sent uncopied.
    #[inline]
    pub fn chunk_suffix(&self, len: usize, out: &mut Vec<u8>) {
        if *self == Self::Chunked && len > 0 {
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Appends the end of the body.
    ///
    /// `trailers` go into a chunked body; others have no place for them and drop them.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooShort`] where the declared length was not reached, and
    /// [`EncodeError::Trailer`] for a name or value outside the grammar, or a name that
    /// RFC 9110 §6.5.1 forbids in a trailer. Either way the peer cannot tell where the body ends,
    /// and the connection must close.
    pub fn finish<'t>(
        self,
        trailers: impl IntoIterator<Item = (&'t [u8], &'t [u8])>,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        match self {
            Self::Length { left: 0 } | Self::Empty | Self::UntilClose => Ok(()),
            Self::Length { left } => Err(EncodeError::TooShort { missing: left }),
            Self::Chunked => {
                let start = out.len();
                out.extend_from_slice(b"0\r\n");
                for (name, value) in trailers {
                    if !scan::is_token(name) || !scan::is_field_value(value) || is_forbidden(name) {
                        out.truncate(start);
                        return Err(EncodeError::Trailer);
                    }
                    for part in [name, b": ", value, b"\r\n"] {
                        out.extend_from_slice(part);
                    }
                }
                out.extend_from_slice(b"\r\n");
                Ok(())
            }
        }
    }

    /// Whether data is dropped.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Whether the connection can carry another message behind this body.
    #[inline]
    pub const fn is_delimited(&self) -> bool {
        !matches!(self, Self::UntilClose)
    }
}

/// A reason why a message cannot be written as asked. It is the caller's mistake, not the peer's.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, Error)]
pub enum EncodeError {
    /// More data than Content-Length declared.
    #[error("body {excess} bytes longer than its declared length")]
    TooLong {
        /// Bytes beyond the declared length.
        excess: u64,
    },
    /// The body ended before its declared length.
    #[error("body {missing} bytes shorter than its declared length")]
    TooShort {
        /// Bytes that did not come.
        missing: u64,
    },
    /// A trailer's name or value is outside the grammar, or its name forbidden in trailers.
    #[error("invalid trailer field")]
    Trailer,
}

/// Appends a size in hex and CRLF.
#[inline]
fn chunk_size(size: u64, out: &mut Vec<u8>) {
    let mut line = [0; 18];
    let digits = (16 - size.leading_zeros() as usize / 4).max(1);
    for (i, digit) in line[..digits].iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(size >> (4 * (digits - 1 - i))) as usize & 15];
    }
    line[digits] = b'\r';
    line[digits + 1] = b'\n';
    out.extend_from_slice(&line[..digits + 2]);
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::{BodyDecoder, BodyEvent, Framing, Limits};

    #[test]
    fn chunk_sizes_are_plain_hex() {
        for size in [1, 9, 10, 15, 16, 0xfff, 0x1000, 0xdead_beef, u64::MAX] {
            let mut out = Vec::new();
            chunk_size(size, &mut out);
            assert_eq!(out, format!("{size:x}\r\n").as_bytes());
        }
    }

    #[test]
    fn empty_data_does_not_end_a_chunked_body() {
        let mut out = Vec::new();
        let mut body = BodyEncoder::Chunked;
        body.data(b"", &mut out).unwrap();
        assert_eq!(out, b"");
        body.finish([(&b"A"[..], &b"b"[..])], &mut out).unwrap();
        assert_eq!(out, b"0\r\nA: b\r\n\r\n");
    }

    #[test]
    fn a_declared_length_is_kept_to_the_byte() {
        let mut out = Vec::new();
        let mut body = BodyEncoder::Length { left: 5 };
        body.data(b"hel", &mut out).unwrap();
        assert_eq!(body.data(b"loo", &mut out), Err(EncodeError::TooLong { excess: 1 }));
        assert_eq!(body.finish([], &mut out), Err(EncodeError::TooShort { missing: 2 }));
        body.data(b"lo", &mut out).unwrap();
        body.finish([], &mut out).unwrap();
        assert_eq!(out, b"hello");
    }

    #[test]
    fn trailers_that_would_break_the_message_are_refused() {
        for (name, value) in [("a b", "c"), ("", "c"), ("a", "b\r\nc: d"), ("Content-Length", "1")]
        {
            let mut out = Vec::new();
            let trailer = (name.as_bytes(), value.as_bytes());
            let result = BodyEncoder::Chunked.finish([trailer], &mut out);
            assert_eq!((result, out), (Err(EncodeError::Trailer), Vec::new()));
        }
    }

    proptest! {
        /// What is encoded decodes to the same.
        #[test]
        fn chunks_round_trip(pieces in vec(vec(any::<u8>(), 0..300), 0..8), read in 1usize..64) {
            let (mut wire, mut body) = (Vec::new(), BodyEncoder::Chunked);
            for piece in &pieces {
                body.data(piece, &mut wire).unwrap();
            }
            body.finish([], &mut wire).unwrap();
            let mut decoder = BodyDecoder::new(Framing::Chunked, &Limits::default());
            let (mut data, mut kept) = (Vec::new(), Vec::new());
            for piece in wire.chunks(read) {
                kept.extend_from_slice(piece);
                let mut input = &kept[..];
                while let Some(BodyEvent::Data(piece)) = decoder.decode(&mut input).unwrap() {
                    data.extend_from_slice(piece);
                }
                kept = input.to_vec();
            }
            prop_assert!(decoder.is_complete());
            prop_assert_eq!(data, pieces.concat());
        }
    }
}
