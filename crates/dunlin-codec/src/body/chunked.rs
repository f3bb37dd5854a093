//! The chunked transfer coding (RFC 9112 §7.1).

use super::{BodyEvent, Trailers, take};
use crate::{
    error::{ChunkError, HeadError},
    head::{FieldLimits, FieldLines, Lines},
    limits::{Limits, MAX_SECTION},
    scan::{MarkedLines, is_token_byte},
};

/// Decodes one chunked body, fed by whoever owns the socket.
///
/// ```text
///          ┌──── CRLF ────┐ size > 0           size bytes seen
///   Size ──┤              ├──────────▶ Data ───────────────────▶ DataEnd
///    ▲     └─ ; ext CRLF ─┘ size == 0                               │
///    │                    └──────────▶ Trailers ── empty ──▶ Done   │
///    └───────────────────────────── CRLF ───────────────────────────┘
/// ```
///
/// The state says for every single byte what may come next, so input may end anywhere.
#[derive(Clone, Debug)]
pub struct ChunkedDecoder {
    state: State,
    /// Bytes of extensions that this body may still have.
    extensions_left: usize,
    max_extensions: usize,
    max_line: usize,
    max_trailer: usize,
    max_field: usize,
    max_fields: u16,
    /// Fields of the head, which count towards `max_fields`.
    head_fields: u16,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// In the digits of a size.
    Size { size: u64, digits: usize },
    /// Behind the digits, and `seen` bytes of this line.
    Extension { size: u64, seen: usize, at: Ext },
    /// Behind the CR of a size line.
    SizeLf { size: u64 },
    /// In the data.
    Data { left: u64 },
    /// Behind the data, before its CR.
    DataEnd,
    /// Behind the data and its CR.
    DataLf,
    /// In the trailer section, whose start is the start of the input.
    Trailers(FieldLines),
    /// Behind the empty line.
    Done,
}

impl ChunkedDecoder {
    /// A decoder before the first size. Only the bounds on chunks, trailers and the number of
    /// fields matter to it.
    pub fn new(limits: &Limits) -> Self {
        Self {
            state: State::Size { size: 0, digits: 0 },
            extensions_left: limits.max_chunk_ext_bytes,
            max_extensions: limits.max_chunk_ext_bytes,
            max_line: limits.max_chunk_line_bytes,
            // The least is the empty line.
            max_trailer: limits.max_trailer_bytes.clamp(2, MAX_SECTION),
            max_field: limits.max_field_bytes,
            max_fields: limits.max_headers,
            head_fields: 0,
        }
    }

    /// The same behind a head with so many fields: trailers count on from there.
    pub(super) fn behind_fields(mut self, head_fields: u16) -> Self {
        self.head_fields = head_fields;
        self
    }

    /// Takes the next event off the front of `input`.
    ///
    /// `Ok(None)` means that `input` holds no complete event: append bytes and call again. All of
    /// `input` has been taken then, unless it ends within the trailer section, which must be there
    /// again from its start. After [`BodyEvent::End`] the answer stays the same.
    ///
    /// # Errors
    ///
    /// [`ChunkError`] for input outside the grammar; the connection must then close, because where
    /// the next message starts is unknown (RFC 9112 §7.1).
    pub fn decode<'i>(
        &mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<BodyEvent<'i>>, ChunkError> {
        // Between two chunks, as nearly every sender writes it and nearly every read brings it.
        let line = match self.state {
            State::DataEnd => input.strip_prefix(b"\r\n"),
            State::Size { digits: 0, .. } => Some(*input),
            _ => None,
        };
        if let Some((size, rest)) = line.and_then(|line| usual_size(line, self.max_line)) {
            let (mut left, mut rest) = (size, rest);
            let data = take(&mut rest, &mut left);
            *input = rest;
            self.state = if left == 0 { State::DataEnd } else { State::Data { left } };
            if !data.is_empty() {
                return Ok(Some(BodyEvent::Data(data)));
            }
        }
        loop {
            match self.state {
                State::Size { size, digits } => match self.size(input, size, digits)? {
                    true => {}
                    false => return Ok(None),
                },
                State::Extension { size, seen, at } => {
                    match self.extension(input, size, seen, at)? {
                        true => {}
                        false => return Ok(None),
                    }
                }
                State::SizeLf { size } => match next(input) {
                    Some(b'\n') => self.state = State::after_size(size),
                    Some(_) => return Err(ChunkError::LineEnd),
                    None => return Ok(None),
                },
                State::Data { .. } if input.is_empty() => return Ok(None),
                State::Data { mut left } => {
                    let data = take(input, &mut left);
                    self.state = if left == 0 { State::DataEnd } else { State::Data { left } };
                    return Ok(Some(BodyEvent::Data(data)));
                }
                State::DataEnd => match next(input) {
                    Some(b'\r') => self.state = State::DataLf,
                    Some(_) => return Err(ChunkError::MissingCrlf),
                    None => return Ok(None),
                },
                State::DataLf => match next(input) {
                    Some(b'\n') => self.state = State::Size { size: 0, digits: 0 },
                    Some(_) => return Err(ChunkError::MissingCrlf),
                    None => return Ok(None),
                },
                State::Trailers(lines) => match self.trailers(input, lines)? {
                    // No fields, only the empty line: the usual case.
                    Some([_, _]) => self.state = State::Done,
                    Some(lines) => {
                        self.state = State::Done;
                        return Ok(Some(BodyEvent::Trailers(Trailers::new(lines))));
                    }
                    None => return Ok(None),
                },
                State::Done => return Ok(Some(BodyEvent::End)),
            }
        }
    }

    /// Whether the whole body, trailer section included, has been taken off the input.
    #[inline]
    pub fn is_complete(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Reads digits; `false` where the input ends in them.
    #[inline]
    fn size(
        &mut self,
        input: &mut &[u8],
        mut size: u64,
        mut digits: usize,
    ) -> Result<bool, ChunkError> {
        while let Some((&byte, rest)) = input.split_first() {
            let value = HEX[byte as usize];
            if value != NOT_HEX {
                // Zeros in front are digits like others (RFC 9112 §7.1): the line's bound stops them.
                if size >> 60 != 0 {
                    return Err(ChunkError::SizeOverflow);
                }
                size = size << 4 | u64::from(value);
                digits += 1;
                if digits + 2 > self.max_line {
                    return Err(ChunkError::LineTooLong { limit: self.max_line });
                }
                *input = rest;
                continue;
            }
            self.state = match byte {
                _ if digits == 0 => return Err(ChunkError::Size(byte)),
                b'\r' => {
                    *input = rest;
                    match input.split_first() {
                        Some((b'\n', rest)) => {
                            *input = rest;
                            State::after_size(size)
                        }
                        _ => State::SizeLf { size },
                    }
                }
                b'\n' => return Err(ChunkError::LineEnd),
                b';' | b' ' | b'\t' => State::Extension { size, seen: digits, at: Ext::Before },
                _ => return Err(ChunkError::Size(byte)),
            };
            return Ok(true);
        }
        self.state = State::Size { size, digits };
        Ok(false)
    }

    /// Skips extensions up to and with their CR; `false` where the input ends in them.
    #[cold]
    fn extension(
        &mut self,
        input: &mut &[u8],
        size: u64,
        mut seen: usize,
        mut at: Ext,
    ) -> Result<bool, ChunkError> {
        while let Some(byte) = next(input) {
            if byte == b'\r' && at.may_end() {
                self.state = State::SizeLf { size };
                return Ok(true);
            }
            at = at.then(byte)?;
            seen += 1;
            // CRLF belongs to the line as well.
            if seen + 2 > self.max_line {
                return Err(ChunkError::LineTooLong { limit: self.max_line });
            }
            self.extensions_left = self
                .extensions_left
                .checked_sub(1)
                .ok_or(ChunkError::ExtensionsTooLong { limit: self.max_extensions })?;
        }
        self.state = State::Extension { size, seen, at };
        Ok(false)
    }

    /// Takes the whole trailer section once it is there.
    fn trailers<'i>(
        &mut self,
        input: &mut &'i [u8],
        lines: FieldLines,
    ) -> Result<Option<&'i [u8]>, ChunkError> {
        if let Some((section @ b"\r\n", rest)) = input.split_at_checked(2) {
            *input = rest;
            return Ok(Some(section));
        }
        let bytes: &'i [u8] = &input[..input.len().min(self.max_trailer)];
        let line = self.max_field.min(self.max_trailer);
        let count = self.max_fields.saturating_sub(self.head_fields);
        let limits = FieldLimits { line, count };
        match lines.parse(bytes, &mut MarkedLines::of(bytes), limits, &mut ()) {
            Ok(Lines::Ended { end }) => {
                let (section, rest) = input.split_at(end);
                *input = rest;
                Ok(Some(section))
            }
            Ok(Lines::Paused(lines)) if bytes.len() < self.max_trailer => {
                self.state = State::Trailers(lines);
                Ok(None)
            }
            Ok(Lines::Paused(_)) => {
                Err(ChunkError::Trailers(HeadError::TooLarge { limit: self.max_trailer }))
            }
            Err(HeadError::FieldTooLong { limit }) if limit == self.max_trailer => {
                Err(ChunkError::Trailers(HeadError::TooLarge { limit }))
            }
            Err(HeadError::TooManyFields { .. }) => {
                Err(ChunkError::Trailers(HeadError::TooManyFields { limit: self.max_fields }))
            }
            Err(error) => Err(ChunkError::Trailers(error)),
        }
    }
}

impl Default for ChunkedDecoder {
    fn default() -> Self {
        Self::new(&Limits::default())
    }
}

impl State {
    #[inline]
    fn after_size(size: u64) -> Self {
        match size {
            0 => Self::Trailers(FieldLines::default()),
            left => Self::Data { left },
        }
    }
}

/// A size line of up to seven digits and CRLF, but for that of the last chunk: the size, and what is behind
/// the line. `None` where another way has to look.
#[inline]
fn usual_size(input: &[u8], max_line: usize) -> Option<(u64, &[u8])> {
    let mut size = 0;
    for (at, &byte) in input.iter().enumerate().take(8) {
        let value = HEX[usize::from(byte)];
        if value == NOT_HEX {
            let rest = input.get(at..)?.strip_prefix(b"\r\n")?;
            return (size > 0 && at + 2 <= max_line).then_some((size, rest));
        }
        size = size << 4 | u64::from(value);
    }
    None
}

/// Where in `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )` a line stands
/// (RFC 9112 §7.1.1). A recipient must parse bad whitespace (RFC 9110 §5.6.3), but only where the
/// grammar has it: none before the CR.
#[derive(Clone, Copy, Debug)]
enum Ext {
    /// Before a `;`, perhaps behind whitespace.
    Before,
    /// Behind the `;`.
    Start,
    Name,
    /// Behind whitespace behind a name.
    AfterName,
    /// Behind the `=`.
    Value,
    Token,
    Quoted,
    /// Behind a `\` within quotes.
    Escaped,
    /// Behind the closing quote.
    AfterQuoted,
}

impl Ext {
    fn may_end(self) -> bool {
        matches!(self, Self::Name | Self::Token | Self::AfterQuoted)
    }

    fn then(self, byte: u8) -> Result<Self, ChunkError> {
        let blank = matches!(byte, b' ' | b'\t');
        let token = is_token_byte(byte);
        let text = byte >= b' ' && byte != 0x7f || byte == b'\t';
        Ok(match (self, byte) {
            (
                Self::Before | Self::Name | Self::AfterName | Self::Token | Self::AfterQuoted,
                b';',
            ) => Self::Start,
            (Self::Name | Self::AfterName, b'=') => Self::Value,
            (Self::Start | Self::Name, _) if token => Self::Name,
            (Self::Value | Self::Token, _) if token => Self::Token,
            (Self::Value, b'"') => Self::Quoted,
            (Self::Quoted, b'"') => Self::AfterQuoted,
            (Self::Quoted, b'\\') => Self::Escaped,
            (Self::Quoted | Self::Escaped, _) if text => Self::Quoted,
            (Self::Before | Self::Token | Self::AfterQuoted, _) if blank => Self::Before,
            (Self::Start, _) if blank => Self::Start,
            (Self::Name | Self::AfterName, _) if blank => Self::AfterName,
            (Self::Value, _) if blank => Self::Value,
            (_, b'\n') => return Err(ChunkError::LineEnd),
            _ => return Err(ChunkError::Extension(byte)),
        })
    }
}

/// Takes one byte off the front.
#[inline]
fn next(input: &mut &[u8]) -> Option<u8> {
    let (&byte, rest) = input.split_first()?;
    *input = rest;
    Some(byte)
}

const NOT_HEX: u8 = 0xff;

static HEX: [u8; 256] = {
    let mut values = [NOT_HEX; 256];
    let mut value = 0;
    while value < 16 {
        let digit = b"0123456789abcdef"[value];
        values[digit as usize] = value as u8;
        values[digit.to_ascii_uppercase() as usize] = value as u8;
        value += 1;
    }
    values
};

#[cfg(test)]
mod tests {
    use alloc::{format, string::String, vec::Vec};

    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// Everything that was in a body: its data, its trailers, and what was left behind it.
    type Decoded = (Vec<u8>, Vec<(String, String)>, Vec<u8>);

    /// Feeds `wire` in reads of `read` bytes each.
    fn decode_in_reads(wire: &[u8], read: usize) -> Result<Option<Decoded>, ChunkError> {
        let limits = Limits::default().max_chunk_line_bytes(64).max_chunk_ext_bytes(100);
        let mut decoder = ChunkedDecoder::new(&limits.max_trailer_bytes(96).max_headers(4));
        let (mut data, mut trailers, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        for (i, piece) in wire.chunks(read).enumerate() {
            kept.extend_from_slice(piece);
            let mut input = &kept[..];
            loop {
                match decoder.decode(&mut input)? {
                    Some(BodyEvent::Data(piece)) => data.extend_from_slice(piece),
                    Some(BodyEvent::Trailers(fields)) => {
                        let text = |bytes: &[u8]| format!("{}", bytes.escape_ascii());
                        trailers.extend(fields.iter().map(|(n, v)| (text(n), text(v))));
                    }
                    Some(BodyEvent::End) => {
                        let rest = [input, &wire[(i * read + piece.len())..]].concat();
                        return Ok(Some((data, trailers, rest)));
                    }
                    None => break,
                }
            }
            kept = input.to_vec();
        }
        Ok(None)
    }

    /// Whole, and equal to byte by byte.
    fn decode(wire: &[u8]) -> Result<Option<Decoded>, ChunkError> {
        let whole = decode_in_reads(wire, wire.len());
        assert_eq!(whole, decode_in_reads(wire, 1));
        whole
    }

    fn data(wire: &[u8]) -> Vec<u8> {
        decode(wire).unwrap().expect("complete").0
    }

    fn error(wire: &[u8]) -> ChunkError {
        decode(wire).unwrap_err()
    }

    #[test]
    fn chunks_join_and_the_next_message_is_left() {
        let (joined, trailers, rest) =
            decode(b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\nGET").unwrap().unwrap();
        assert_eq!((&joined[..], trailers.len(), &rest[..]), (&b"hello"[..], 0, &b"GET"[..]));
        assert_eq!(data_of_hex("A", 10), data_of_hex("0a", 10));
        assert_eq!(data(b"0\r\n\r\n"), b"");
        assert_eq!(data(b"000\r\n\r\n"), b"");
    }

    fn data_of_hex(size: &str, len: usize) -> usize {
        data(format!("{size}\r\n{}\r\n0\r\n\r\n", "x".repeat(len)).as_bytes()).len()
    }

    #[test]
    fn sizes_outside_the_grammar_are_rejected() {
        for (size, byte) in [
            ("0x5", b'x'),
            ("+5", b'+'),
            ("-5", b'-'),
            ("0_5", b'_'),
            ("", b'\r'),
            ("g", b'g'),
            (" 5", b' '),
            ("5zz", b'z'),
            (";a", b';'),
        ] {
            let wire = format!("{size}\r\nhello\r\n0\r\n\r\n");
            assert_eq!(error(wire.as_bytes()), ChunkError::Size(byte), "{size}");
        }
        assert_eq!(error(b"0 5\r\nhello\r\n"), ChunkError::Extension(b'5'));
        assert_eq!(error(b"5 \r\nhello\r\n"), ChunkError::Extension(b'\r'));
    }

    #[test]
    fn a_size_fits_in_64_bits_and_its_line_in_the_bound() {
        assert_eq!(error(b"10000000000000005\r\n"), ChunkError::SizeOverflow);
        assert_eq!(error(b"010000000000000000\r\n"), ChunkError::SizeOverflow);
        assert_eq!(decode(b"ffffffffffffffff\r\nx"), Ok(None));
        assert_eq!(data(b"00000000000000005\r\nhello\r\n0\r\n\r\n"), b"hello");
        let zeros =
            |count| format!("{}5\r\nhello\r\n{}\r\n\r\n", "0".repeat(count), "0".repeat(62));
        assert_eq!(data(zeros(61).as_bytes()), b"hello");
        assert_eq!(error(zeros(62).as_bytes()), ChunkError::LineTooLong { limit: 64 });
        assert_eq!(error("0".repeat(63).as_bytes()), ChunkError::LineTooLong { limit: 64 });
    }

    #[test]
    fn size_line_without_crlf_is_rejected() {
        assert_eq!(error(b"5\nhello\r\n"), ChunkError::LineEnd);
        assert_eq!(error(b"5\rhello\r\n"), ChunkError::LineEnd);
        assert_eq!(error(b"5;a\nb\r\nhello"), ChunkError::LineEnd);
        assert_eq!(error(b"5;a\rb\r\nhello"), ChunkError::LineEnd);
    }

    #[test]
    fn data_is_followed_by_exactly_crlf() {
        for wire in ["5\r\nhelloXX0\r\n", "5\r\nhello0\r\n", "5\r\nhello\n0\r\n", "5\r\nhello\rX"] {
            assert_eq!(error(wire.as_bytes()), ChunkError::MissingCrlf, "{wire}");
        }
    }

    #[test]
    fn extensions_in_the_grammar_are_skipped() {
        for ext in [";a=b;c", ";a=\"b c\\\"d\"", " ; a = b", ";a=\"\";b", "\t;a\t=\t\"é\""] {
            let wire = format!("5{ext}\r\nhello\r\n0;z\r\n\r\n");
            assert_eq!(data(wire.as_bytes()), b"hello", "{ext}");
        }
    }

    #[test]
    fn extensions_outside_the_grammar_are_rejected() {
        for ext in
            [";", ";;a", ";a=", ";a b", ";a=b c", ";a=\"b", ";a=\"b\"c", ";a\0", ";a=\"\0\"", ";=b"]
        {
            let wire = format!("5{ext}\r\nhello\r\n0\r\n\r\n");
            assert!(matches!(error(wire.as_bytes()), ChunkError::Extension(_)), "{ext}");
        }
    }

    #[test]
    fn extensions_are_bounded_in_a_line_and_in_a_body() {
        assert_eq!(
            error(format!("5;{}", "a".repeat(99)).as_bytes()),
            ChunkError::LineTooLong { limit: 64 }
        );
        let chunk = format!("1;{}\r\nx\r\n", "a".repeat(29));
        assert_eq!(decode(chunk.repeat(3).as_bytes()), Ok(None));
        assert_eq!(error(chunk.repeat(4).as_bytes()), ChunkError::ExtensionsTooLong { limit: 100 });
    }

    #[test]
    fn trailers_come_apart_from_the_data() {
        let (data, trailers, rest) =
            decode(b"1\r\nx\r\n0\r\nX-T: 1\r\nHost: evil\r\nY:\r\n\r\nGET").unwrap().unwrap();
        assert_eq!((&data[..], &rest[..]), (&b"x"[..], &b"GET"[..]));
        assert_eq!(trailers, [("X-T".into(), "1".into()), ("Y".into(), String::new())]);
    }

    #[test]
    fn trailers_are_held_to_the_rules_for_fields() {
        let bad = |tail: &str| error(format!("0\r\n{tail}\r\n\r\n").as_bytes());
        assert_eq!(
            bad("no colon"),
            ChunkError::Trailers(HeadError::FieldName { byte: b' ', at: 2 })
        );
        assert_eq!(bad("a: b\rc"), ChunkError::Trailers(HeadError::LineEnd { at: 5 }));
        assert_eq!(bad("\n"), ChunkError::Trailers(HeadError::LineEnd { at: 0 }));
        let flood = bad(&"a:b\r\n".repeat(5));
        assert_eq!(flood, ChunkError::Trailers(HeadError::TooManyFields { limit: 4 }));
        let long = bad(&format!("a: {}", "b".repeat(96)));
        assert_eq!(long, ChunkError::Trailers(HeadError::TooLarge { limit: 96 }));
    }

    #[test]
    fn the_end_is_repeated() {
        let mut decoder = ChunkedDecoder::default();
        let mut input = &b"0\r\n\r\n5"[..];
        for _ in 0..2 {
            assert!(matches!(decoder.decode(&mut input), Ok(Some(BodyEvent::End))));
        }
        assert_eq!(input, b"5");
    }

    proptest! {
        /// Where reads split the input never changes what is decoded, well formed or not.
        #[test]
        fn split_points_do_not_matter(
            pieces in vec("[0-9a-f]{1,2}|\r\n|[ -~]{0,8}|;[a-z]=\"[a-z]\"|5\r\nhello\r\n|0\r\n|a:b\r\n", 0..12),
            read in 1usize..9,
        ) {
            let wire = pieces.concat();
            if !wire.is_empty() {
                prop_assert_eq!(
                    decode_in_reads(wire.as_bytes(), read),
                    decode_in_reads(wire.as_bytes(), wire.len())
                );
            }
        }

        /// No bytes make the decoder panic, or decode differently when split.
        #[test]
        fn any_bytes_decode_the_same_when_split(wire in vec(any::<u8>(), 1..64), read in 1usize..9) {
            prop_assert_eq!(decode_in_reads(&wire, read), decode_in_reads(&wire, wire.len()));
        }
    }
}
