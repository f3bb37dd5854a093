//! Bodies on their way out (RFC 9112 §6, §7.1).

use alloc::vec::Vec;

use super::{
    BodyEncodeError, is_field,
    write::{append_field, append_size_line},
};
use crate::body::is_forbidden;

/// Writes one body as its head has announced it.
///
/// ```
/// use dunlin_codec::{BodyEncoder, BodyKind};
///
/// let mut out = Vec::new();
/// let mut body = BodyEncoder::new(BodyKind::Chunked);
/// body.data(b"hello", &mut out)?;
/// body.finish([], &mut out)?;
/// assert_eq!(out, b"5\r\nhello\r\n0\r\n\r\n");
/// # Ok::<(), dunlin_codec::BodyEncodeError>(())
/// ```
///
/// It is no `Clone`: a body has one end, and [`finish`](Self::finish) takes the encoder.
#[derive(Debug, Eq, PartialEq)]
#[must_use = "a head was written that announces a body"]
pub struct BodyEncoder {
    /// How many bytes of a declared length are still to come.
    left: u64,
    mode: Mode,
}

/// A [`BodyKind`] without what is left, and whether the connection persists behind it. A byte beside a
/// number is moved as two scalars: who takes an encoder out of its `Result` need not wait for memory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mode {
    Empty,
    EmptyClosing,
    Length,
    LengthClosing,
    Chunked,
    ChunkedClosing,
    UntilClose,
}

/// How a body is delimited on its way out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum BodyKind {
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
    /// An encoder behind a head that said so, and that the connection persists unless the body
    /// needs its end.
    #[inline]
    pub const fn new(kind: BodyKind) -> Self {
        let (left, mode) = match kind {
            BodyKind::Empty => (0, Mode::Empty),
            BodyKind::Length { left } => (left, Mode::Length),
            BodyKind::Chunked => (0, Mode::Chunked),
            BodyKind::UntilClose => (0, Mode::UntilClose),
        };
        Self { left, mode }
    }

    /// The same behind a head that said `Connection: close`.
    #[inline]
    pub const fn closing(mut self) -> Self {
        self.mode = match self.mode {
            Mode::Empty => Mode::EmptyClosing,
            Mode::Length => Mode::LengthClosing,
            Mode::Chunked => Mode::ChunkedClosing,
            closing => closing,
        };
        self
    }

    /// How the body is delimited, and what is left of it.
    #[inline]
    pub const fn kind(&self) -> BodyKind {
        match self.mode {
            Mode::Empty | Mode::EmptyClosing => BodyKind::Empty,
            Mode::Length | Mode::LengthClosing => BodyKind::Length { left: self.left },
            Mode::Chunked | Mode::ChunkedClosing => BodyKind::Chunked,
            Mode::UntilClose => BodyKind::UntilClose,
        }
    }

    /// Whether the head let the connection persist. After an error it must close all the same.
    #[inline]
    pub const fn keep_alive(&self) -> bool {
        matches!(self.mode, Mode::Empty | Mode::Length | Mode::Chunked)
    }

    /// Whether data is dropped.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        matches!(self.mode, Mode::Empty | Mode::EmptyClosing)
    }

    /// Appends `data`, copied.
    ///
    /// An empty `data` appends nothing: as a chunk it would end the body.
    ///
    /// # Errors
    ///
    /// [`BodyEncodeError::TooLong`] where that would exceed the declared length; nothing is appended.
    #[inline]
    pub fn data(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), BodyEncodeError> {
        self.chunk_prefix(data.len(), out)?;
        if !self.is_empty() {
            out.extend_from_slice(data);
        }
        self.chunk_suffix(data.len(), out);
        Ok(())
    }

    /// Appends what stands before `len` bytes of data that the caller sends uncopied, and counts
    /// them. To be followed by [`chunk_suffix`](Self::chunk_suffix) once they are out. Where
    /// [`is_empty`](Self::is_empty), they must not be sent.
    ///
    /// # Errors
    ///
    /// [`BodyEncodeError::TooLong`] where they would exceed the declared length.
    #[inline]
    pub fn chunk_prefix(&mut self, len: usize, out: &mut Vec<u8>) -> Result<(), BodyEncodeError> {
        match self.mode {
            Mode::Length | Mode::LengthClosing => match self.left.checked_sub(len as u64) {
                Some(rest) => self.left = rest,
                None => return Err(BodyEncodeError::TooLong { excess: len as u64 - self.left }),
            },
            Mode::Chunked | Mode::ChunkedClosing if len > 0 => append_size_line(len as u64, out),
            _ => {}
        }
        Ok(())
    }

    /// Appends what stands behind `len` bytes of data that the caller sent uncopied.
    #[inline]
    pub fn chunk_suffix(&self, len: usize, out: &mut Vec<u8>) {
        if len > 0 && matches!(self.mode, Mode::Chunked | Mode::ChunkedClosing) {
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Appends the end of the body.
    ///
    /// `trailers` go into a chunked body; others have no place for them and drop them.
    ///
    /// # Errors
    ///
    /// [`BodyEncodeError::TooShort`] where the declared length was not reached, and
    /// [`BodyEncodeError::Trailer`] for a name or value outside the grammar, and
    /// [`BodyEncodeError::ForbiddenTrailer`] for a name that RFC 9110 §6.5.1 keeps to the head. In each case
    /// the peer cannot tell where the body ends, and the connection must close.
    pub fn finish<'t>(
        self,
        trailers: impl IntoIterator<Item = (&'t [u8], &'t [u8])>,
        out: &mut Vec<u8>,
    ) -> Result<(), BodyEncodeError> {
        match self.kind() {
            BodyKind::Length { left: 0 } | BodyKind::Empty | BodyKind::UntilClose => Ok(()),
            BodyKind::Length { left } => Err(BodyEncodeError::TooShort { missing: left }),
            BodyKind::Chunked => {
                let start = out.len();
                out.extend_from_slice(b"0\r\n");
                for (index, (name, value)) in trailers.into_iter().enumerate() {
                    if is_forbidden(name) {
                        out.truncate(start);
                        return Err(BodyEncodeError::ForbiddenTrailer { index });
                    }
                    if !is_field(name, value) {
                        out.truncate(start);
                        return Err(BodyEncodeError::Trailer { index });
                    }
                    append_field(name, value, out);
                }
                out.extend_from_slice(b"\r\n");
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::{BodyDecoder, BodyEvent, Framing, Limits};

    #[test]
    fn empty_data_does_not_end_a_chunked_body() {
        let mut out = Vec::new();
        let mut body = BodyEncoder::new(BodyKind::Chunked);
        body.data(b"", &mut out).unwrap();
        assert_eq!(out, b"");
        body.finish([(&b"A"[..], &b"b"[..])], &mut out).unwrap();
        assert_eq!(out, b"0\r\nA: b\r\n\r\n");
    }

    /// A head that closes the connection changes nothing in how its body goes out.
    #[test]
    fn every_kind_is_written_alike_whether_it_closes_or_not() {
        for (kind, wire) in [
            (BodyKind::Empty, &b""[..]),
            (BodyKind::Length { left: 5 }, b"hello"),
            (BodyKind::Chunked, b"5\r\nhello\r\n0\r\n\r\n"),
            (BodyKind::UntilClose, b"hello"),
        ] {
            for closes in [false, true] {
                let mut body = BodyEncoder::new(kind);
                if closes {
                    body = body.closing();
                }
                assert_eq!(body.kind(), kind);
                assert_eq!(body.keep_alive(), !closes && kind != BodyKind::UntilClose, "{kind:?}");
                assert_eq!(body.is_empty(), kind == BodyKind::Empty);
                let mut out = Vec::new();
                body.data(b"hello", &mut out).unwrap();
                body.finish([], &mut out).unwrap();
                assert_eq!(out, wire, "{kind:?}, closes: {closes}");
            }
        }
    }

    #[test]
    fn a_declared_length_is_kept_to_the_byte() {
        let mut out = Vec::new();
        let mut body = BodyEncoder::new(BodyKind::Length { left: 5 });
        body.data(b"hel", &mut out).unwrap();
        assert_eq!(body.data(b"loo", &mut out), Err(BodyEncodeError::TooLong { excess: 1 }));
        body.data(b"lo", &mut out).unwrap();
        body.finish([], &mut out).unwrap();
        assert_eq!(out, b"hello");
        let short = BodyEncoder::new(BodyKind::Length { left: 2 });
        assert_eq!(short.finish([], &mut out), Err(BodyEncodeError::TooShort { missing: 2 }));
    }

    #[test]
    fn trailers_that_would_break_the_message_are_refused() {
        let index = 1;
        for (name, value, error) in [
            ("a b", "c", BodyEncodeError::Trailer { index }),
            ("", "c", BodyEncodeError::Trailer { index }),
            ("a", "b\r\nc: d", BodyEncodeError::Trailer { index }),
            ("Content-Length", "1", BodyEncodeError::ForbiddenTrailer { index }),
        ] {
            let mut out = Vec::new();
            let trailers = [("fine", "x"), (name, value)];
            let trailers = trailers.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            let result = BodyEncoder::new(BodyKind::Chunked).finish(trailers, &mut out);
            assert_eq!((result, out), (Err(error), Vec::new()));
        }
    }

    proptest! {
        /// What is encoded decodes to the same.
        #[test]
        fn chunks_round_trip(pieces in vec(vec(any::<u8>(), 0..300), 0..8), read in 1usize..64) {
            let (mut wire, mut body) = (Vec::new(), BodyEncoder::new(BodyKind::Chunked));
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
