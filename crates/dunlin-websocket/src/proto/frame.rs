//! Frame headers (RFC 6455 §5.2).

use super::ProtocolError;

/// Bytes of the longest header: two, eight of length, four of mask.
pub const MAX_HEADER: usize = 14;

/// Longest payload of a control frame (RFC 6455 §5.5).
pub const MAX_CONTROL: usize = 125;

/// What a frame is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum OpCode {
    /// A further part of the message begun before.
    Continuation,
    /// A text message, or its first part.
    Text,
    /// A binary message, or its first part.
    Binary,
    /// The sender sends nothing after this.
    Close,
    /// To be answered by a pong with the same payload.
    Ping,
    /// The answer to a ping, or a sign of life unasked for.
    Pong,
}

impl OpCode {
    /// Whether it may stand between the parts of a message.
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    fn from_bits(bits: u8) -> Result<Self, ProtocolError> {
        Ok(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            other => return Err(ProtocolError::ReservedOpCode(other)),
        })
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }
}

/// The header of one frame.
///
/// ```
/// use dunlin_websocket::proto::{FrameHeader, OpCode};
///
/// let (header, len) = FrameHeader::parse(b"\x81\x05Hello").unwrap().unwrap();
/// assert_eq!((header.opcode, header.len, len), (OpCode::Text, 5, 2));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FrameHeader {
    /// Whether this is the last frame of its message.
    pub fin: bool,
    /// The three reserved bits, RSV1 as 4. An extension gives them meaning.
    pub rsv: u8,
    /// What the frame is.
    pub opcode: OpCode,
    /// The masking key, where the payload is masked.
    pub mask: Option<[u8; 4]>,
    /// Bytes of payload.
    pub len: u64,
}

impl FrameHeader {
    /// Reads the header at the front of `input`, and its length; `None` where it is not all there.
    ///
    /// # Errors
    ///
    /// An opcode without meaning, a control frame that is fragmented or longer than 125 bytes, a length
    /// that is not in its shortest form or has its top bit set.
    #[inline]
    pub fn parse(input: &[u8]) -> Result<Option<(Self, usize)>, ProtocolError> {
        let &[first, second, ref rest @ ..] = input else { return Ok(None) };
        let opcode = OpCode::from_bits(first & 0x0f)?;
        let fin = first & 0x80 != 0;
        let short = second & 0x7f;
        if opcode.is_control() {
            if !fin {
                return Err(ProtocolError::FragmentedControl);
            }
            if usize::from(short) > MAX_CONTROL {
                return Err(ProtocolError::LongControl);
            }
        }
        let (len, rest, mut size) = match short {
            126 => {
                let Some((len, rest)) = rest.split_first_chunk() else { return Ok(None) };
                (u64::from(u16::from_be_bytes(*len)), rest, 4)
            }
            127 => {
                let Some((len, rest)) = rest.split_first_chunk() else { return Ok(None) };
                (u64::from_be_bytes(*len), rest, 10)
            }
            short => (u64::from(short), rest, 2),
        };
        let is_shortest = match short {
            126 => len > 125,
            127 => len > 0xffff,
            _ => true,
        };
        if !is_shortest || len >> 63 != 0 {
            return Err(ProtocolError::BadLength(len));
        }
        let mut mask = None;
        if second & 0x80 != 0 {
            let Some(key) = rest.first_chunk() else { return Ok(None) };
            mask = Some(*key);
            size += 4;
        }
        Ok(Some((Self { fin, rsv: first >> 4 & 7, opcode, mask, len }, size)))
    }

    /// Appends the header to `out`, with the length in its shortest form.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) {
        let first = u8::from(self.fin) << 7 | (self.rsv & 7) << 4 | self.opcode.bits();
        let masked = u8::from(self.mask.is_some()) << 7;
        match self.len {
            len @ 0..=125 => out.extend_from_slice(&[first, masked | len as u8]),
            len @ 126..=0xffff => {
                out.extend_from_slice(&[first, masked | 126]);
                out.extend_from_slice(&(len as u16).to_be_bytes());
            }
            len => {
                out.extend_from_slice(&[first, masked | 127]);
                out.extend_from_slice(&len.to_be_bytes());
            }
        }
        if let Some(key) = self.mask {
            out.extend_from_slice(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_header() -> impl Strategy<Value = FrameHeader> {
        let opcode = prop_oneof![
            Just(OpCode::Continuation),
            Just(OpCode::Text),
            Just(OpCode::Binary),
            Just(OpCode::Close),
            Just(OpCode::Ping),
            Just(OpCode::Pong)
        ];
        let len = prop_oneof![0u64..300, 65_000u64..66_000, 0u64..1 << 63];
        (any::<bool>(), 0u8..8, opcode, any::<Option<[u8; 4]>>(), len).prop_map(
            |(fin, rsv, opcode, mask, len)| {
                let is_control = opcode.is_control();
                let len = if is_control { len % 126 } else { len };
                FrameHeader { fin: fin || is_control, rsv, opcode, mask, len }
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_parsed_and_every_prefix_asks_for_more(header in any_header()) {
            let mut wire = Vec::new();
            header.encode(&mut wire);
            prop_assert!(wire.len() <= MAX_HEADER);
            prop_assert_eq!(FrameHeader::parse(&wire), Ok(Some((header, wire.len()))));
            for end in 0..wire.len() {
                prop_assert_eq!(FrameHeader::parse(&wire[..end]), Ok(None));
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(input in prop::collection::vec(any::<u8>(), 0..20)) {
            if let Ok(Some((header, size))) = FrameHeader::parse(&input) {
                let mut again = Vec::new();
                header.encode(&mut again);
                prop_assert_eq!(&again, &input[..size]);
            }
        }
    }

    #[test]
    fn a_length_is_in_its_shortest_form() {
        assert_eq!(FrameHeader::parse(b"\x82\x7e\x00\x7d"), Err(ProtocolError::BadLength(125)));
        assert_eq!(
            FrameHeader::parse(b"\x82\x7f\0\0\0\0\0\0\xff\xff"),
            Err(ProtocolError::BadLength(0xffff))
        );
        assert!(FrameHeader::parse(b"\x82\x7f\x80\0\0\0\0\0\0\0").is_err());
    }

    #[test]
    fn control_frames_are_short_and_whole() {
        assert_eq!(FrameHeader::parse(b"\x09\x00"), Err(ProtocolError::FragmentedControl));
        assert_eq!(FrameHeader::parse(b"\x89\x7e"), Err(ProtocolError::LongControl));
        for opcode in [3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf] {
            assert_eq!(
                FrameHeader::parse(&[0x80 | opcode, 0]),
                Err(ProtocolError::ReservedOpCode(opcode))
            );
        }
    }
}
