//! What is done to payloads: unmasked, inflated, checked.

use bytes::Bytes;

use super::ProtocolError;
use super::decoder::DIRECT_MIN;
use super::mask::apply_mask;
use super::utf8::Utf8;
use crate::config::Limits;
use crate::deflate::{InflateError, Inflater};
use crate::message::{Message, Text};

/// Bytes that are reserved for a message because its header declares them.
const TRUST: usize = 256 * 1024;

/// More are reserved where a part of them has come: so many times that part, which makes 2 MiB of the first 4 KiB.
/// It is address space and no memory until it is written to, and growing in steps would copy.
const TRUST_RATIO: usize = 512;

/// Unmasking and checking go over a payload in blocks of this size, so that the second finds in the
/// first-level cache what the first has left there.
const BLOCK: usize = 16 * 1024;

/// A message that is not all here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun {
    pub(super) is_text: bool,
    pub(super) is_compressed: bool,
    pub(super) utf8: Utf8,
    pub(super) fragments: u32,
    /// Bytes of payload that its frames declared.
    pub(super) sent: usize,
    /// Bytes of the message that were handed out as parts.
    pub(super) given: usize,
}

/// Makes room for `len` bytes of which `come` are there, or for some of them where that is a lot to take on trust.
pub(super) fn reserve(data: &mut Vec<u8>, len: usize, come: usize) {
    let spare = data.capacity() - data.len();
    if spare >= len.min(DIRECT_MIN) {
        return;
    }
    let trusted = len.min(TRUST.max(TRUST_RATIO * (data.len() + come)));
    data.reserve_exact(trusted);
}

pub(super) fn whole(is_text: bool, payload: Bytes) -> Message {
    if is_text { Message::Text(Text::from_checked(payload)) } else { Message::Binary(payload) }
}

/// Unmasks and checks a piece of a payload.
pub(super) fn settle(
    piece: &mut [u8],
    key: Option<[u8; 4]>,
    begun: &mut Begun,
) -> Result<(), ProtocolError> {
    // Of a multiple of four bytes, so the key stays as it is.
    let blocks = piece.chunks_mut(BLOCK);
    if !begun.is_text {
        if let Some(key) = key {
            // What came last is in the cache.
            blocks.rev().for_each(|block| apply_mask(block, key));
        }
        return Ok(());
    }
    for block in blocks {
        if let Some(key) = key {
            apply_mask(block, key);
        }
        begun.utf8.push(block).map_err(|_| ProtocolError::NotUtf8)?;
    }
    Ok(())
}

/// Inflates a piece, or the end of a message, and checks what came of it.
pub(super) fn inflate(
    inflater: Option<&mut Inflater>,
    piece: Option<&[u8]>,
    data: &mut Vec<u8>,
    begun: &mut Begun,
    limits: &Limits,
) -> Result<(), ProtocolError> {
    let Some(inflater) = inflater else { return Ok(()) };
    let start = data.len();
    let max = limits.max_message;
    let left = max.saturating_sub(begun.given);
    let result = match piece {
        Some(piece) => inflater.inflate(piece, data, left),
        None => inflater.finish(data, left),
    };
    result.map_err(|error| match error {
        InflateError::Corrupt => ProtocolError::NotDeflate,
        InflateError::NoState => ProtocolError::NoDeflateState,
        InflateError::TooManyFinals => ProtocolError::TooManyFinalBlocks,
        InflateError::TooLarge => ProtocolError::MessageTooLarge { max },
    })?;
    if let Some(max) = limits.max_ratio
        && begun.given + data.len() > 64 * 1024
        && (begun.given + data.len()) / (max.max(1) as usize) > begun.sent
    {
        return Err(ProtocolError::RatioTooHigh { max });
    }
    if begun.is_text {
        begun.utf8.push(&data[start..]).map_err(|_| ProtocolError::NotUtf8)?;
    }
    Ok(())
}
