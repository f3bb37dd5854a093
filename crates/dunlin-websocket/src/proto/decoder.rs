//! From bytes to messages (RFC 6455 §5, §6.2).
//!
//! ```text
//!              ┌───── control frame: an event of its own, at any place ─────┐
//!              ▼                                                            │
//!   no message ──── text, binary ───▶ payload ─── fin ──▶ event ──▶ no message
//!                                      │   ▲
//!                           not fin    ▼   │ continuation
//!                                  between frames
//! ```
//!
//! A data frame whose payload is all there is handed out of the input. Any other is taken in, unmasked and
//! checked as it comes, so nothing of it is looked at twice and the first bad byte fails it.

use bytes::Bytes;

use super::frame::{FrameHeader, OpCode};
use super::input::Input;
use super::mask::{apply_mask, rotated};
use super::utf8::Utf8;
use super::{MAX_CONTROL, ProtocolError};
use crate::close::{CloseCode, CloseFrame};
use crate::config::{Limits, Role};
use crate::deflate::{InflateError, Inflater};
use crate::message::{Message, Text};

/// Bytes that are reserved for a message because its header declares them. What is longer grows with what
/// comes.
const TRUST: usize = 256 * 1024;

/// A frame that lacks at least this much is read straight into its message.
const DIRECT_MIN: usize = 16 * 1024;

/// Compressed bytes that are inflated at a time where a message is taken in parts: DEFLATE makes a megabyte of
/// them at most.
const PART_INFLATE: usize = 1024;

/// Unmasking and checking go over a payload in blocks of this size, so that the second finds in the
/// first-level cache what the first has left there.
const BLOCK: usize = 16 * 1024;

/// What a decoder finds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    /// A whole message.
    Message(Message),
    /// A part of a message that is not its last; only where [parts](Decoder::set_parts) are asked for. Text
    /// is cut between characters. The rest comes as further parts and, for its end, as a message.
    Part(Message),
    /// A ping, to be answered with the same payload unless the connection is closing.
    Ping(Bytes),
    /// A pong.
    Pong(Bytes),
    /// The peer sends no more. What follows is ignored.
    Close(Option<CloseFrame>),
}

/// Decodes what one peer sends.
///
/// All of its state is in here: whatever is dropped between two calls, nothing is lost.
#[derive(Debug)]
pub struct Decoder {
    /// Whose frames these are to be: we are the other.
    role: Role,
    limits: Limits,
    inflater: Option<Inflater>,
    frame: Option<Frame>,
    message: Option<Begun>,
    /// The message as far as it has come, inflated.
    data: Vec<u8>,
    in_parts: bool,
    ended: bool,
}

/// A data frame whose payload is not all here.
#[derive(Clone, Copy, Debug)]
struct Frame {
    fin: bool,
    left: usize,
    /// Turned so that its first byte belongs to the next byte of payload.
    key: Option<[u8; 4]>,
}

/// A message that is not all here.
#[derive(Clone, Copy, Debug)]
struct Begun {
    is_text: bool,
    is_compressed: bool,
    utf8: Utf8,
    fragments: u32,
    /// Bytes of payload that its frames declared.
    sent: usize,
    /// Bytes of the message that were handed out as parts.
    given: usize,
}

impl Decoder {
    /// A decoder for the end that has that role: a server's wants frames that are masked.
    pub fn new(role: Role, limits: Limits) -> Self {
        Self {
            role,
            limits,
            inflater: None,
            frame: None,
            message: None,
            data: Vec::new(),
            in_parts: false,
            ended: false,
        }
    }

    pub(crate) fn set_inflater(&mut self, inflater: Option<Inflater>) {
        self.inflater = inflater;
    }

    /// Whether messages are handed out in parts, as they come. To be changed between messages; within one it
    /// holds for the rest of it.
    pub fn set_parts(&mut self, in_parts: bool) {
        self.in_parts = in_parts;
    }

    /// Takes the next event off the front of `input`.
    ///
    /// `Ok(None)` means that there is none: append bytes and call again. At most a header and the payload of
    /// a control frame are left in `input` then.
    ///
    /// # Errors
    ///
    /// What the peer did wrong. It is fatal: from then on all input is ignored.
    pub fn decode(&mut self, input: &mut Input) -> Result<Option<Event>, ProtocolError> {
        if self.ended {
            input.clear();
            return Ok(None);
        }
        let result = self.step(input);
        if result.is_err() || matches!(result, Ok(Some(Event::Close(_)))) {
            self.ended = true;
            self.data = Vec::new();
            input.clear();
        }
        result
    }

    /// Whether a message has begun and is not all here.
    pub fn is_in_message(&self) -> bool {
        self.message.is_some()
    }

    fn step(&mut self, input: &mut Input) -> Result<Option<Event>, ProtocolError> {
        loop {
            if self.frame.is_some() {
                match self.take_in(input)? {
                    Taken::Message(message) => return Ok(Some(Event::Message(message))),
                    Taken::Frame => {}
                    Taken::All if input.is_empty() && !self.has_part() => return Ok(None),
                    Taken::All => {}
                }
                if let Some(part) = self.take_part() {
                    return Ok(Some(Event::Part(part)));
                }
                continue;
            }
            let Some((header, size)) = FrameHeader::parse(input.as_mut())? else {
                return Ok(None);
            };
            self.check_mask(&header)?;
            if header.opcode.is_control() {
                return self.control(header, size, input);
            }
            let is_compressed = self.check_data(&header)?;
            // `check_data` has held it against limits, which are of this type.
            let len = header.len as usize;
            input.advance(size);
            if header.fin
                && !is_compressed
                && self.message.is_none()
                && let Some(payload) = input.as_mut().get_mut(..len)
            {
                let is_text = header.opcode == OpCode::Text;
                unmask_and_check(payload, header.mask, is_text)?;
                let payload = input.take(len);
                return Ok(Some(Event::Message(whole(is_text, payload))));
            }
            self.begin(&header, is_compressed, len);
        }
    }

    fn check_mask(&self, header: &FrameHeader) -> Result<(), ProtocolError> {
        match (self.role, header.mask) {
            (Role::Server, None) => Err(ProtocolError::Unmasked),
            (Role::Client, Some(_)) => Err(ProtocolError::Masked),
            _ => Ok(()),
        }
    }

    /// Holds a data frame against the state and the limits, and says whether its message is compressed.
    fn check_data(&self, header: &FrameHeader) -> Result<bool, ProtocolError> {
        let starts = header.opcode != OpCode::Continuation;
        match &self.message {
            None if !starts => return Err(ProtocolError::StrayContinuation),
            Some(_) if starts => return Err(ProtocolError::NestedMessage),
            _ => {}
        }
        // RSV1 on the first frame of a message says that it is compressed (RFC 7692 §6).
        let marked = starts && header.rsv == 4 && self.inflater.is_some();
        if header.rsv != 0 && !marked {
            return Err(ProtocolError::ReservedBits(header.rsv));
        }
        let Limits { max_frame, max_fragments, .. } = self.limits;
        let max_message = self.max_message();
        if header.len > max_frame as u64 {
            return Err(ProtocolError::FrameTooLarge { len: header.len, max: max_frame });
        }
        let begun = self.message.as_ref();
        let is_compressed = marked || begun.is_some_and(|begun| begun.is_compressed);
        // Deflate makes noise longer by five bytes in 16 KiB at worst.
        let slack = if is_compressed { max_message / 1024 + 1024 } else { 0 };
        let sent = begun.map_or(0, |begun| begun.sent);
        if header.len > (max_message.saturating_add(slack) - sent) as u64 {
            return Err(ProtocolError::MessageTooLarge { max: max_message });
        }
        if begun.map_or(0, |begun| begun.fragments) >= max_fragments {
            return Err(ProtocolError::TooManyFragments { max: max_fragments });
        }
        Ok(is_compressed)
    }

    /// The limit for the present message, or the next.
    fn max_message(&self) -> usize {
        let is_parted = self.message.is_some_and(|begun| begun.given > 0);
        if self.in_parts || is_parted { self.limits.max_streamed } else { self.limits.max_message }
    }

    fn control(
        &mut self,
        header: FrameHeader,
        size: usize,
        input: &mut Input,
    ) -> Result<Option<Event>, ProtocolError> {
        if header.rsv != 0 {
            return Err(ProtocolError::ReservedBits(header.rsv));
        }
        let len = header.len as usize;
        debug_assert!(len <= MAX_CONTROL);
        let Some(payload) = input.as_mut().get_mut(size..size + len) else { return Ok(None) };
        if let Some(key) = header.mask {
            apply_mask(payload, key);
        }
        if header.opcode == OpCode::Close {
            return Ok(Some(Event::Close(close_frame(payload)?)));
        }
        let payload = Bytes::copy_from_slice(payload);
        input.advance(size + len);
        Ok(Some(match header.opcode {
            OpCode::Ping => Event::Ping(payload),
            _ => Event::Pong(payload),
        }))
    }

    fn begin(&mut self, header: &FrameHeader, is_compressed: bool, len: usize) {
        let begun = self.message.get_or_insert_with(|| Begun {
            is_text: header.opcode == OpCode::Text,
            is_compressed,
            utf8: Utf8::default(),
            fragments: 0,
            sent: 0,
            given: 0,
        });
        begun.fragments += 1;
        begun.sent += len;
        self.frame = Some(Frame { fin: header.fin, left: len, key: header.mask });
        if !is_compressed && !self.in_parts {
            self.reserve(len);
        }
    }

    /// Makes room for `len` bytes, or for some of them where that is a lot to take on trust.
    fn reserve(&mut self, len: usize) {
        let spare = self.data.capacity() - self.data.len();
        if spare >= len.min(DIRECT_MIN) {
            return;
        }
        let trusted = len.min(TRUST.max(self.data.len()));
        if self.data.is_empty() {
            self.data.reserve_exact(trusted);
        } else {
            self.data.reserve(trusted);
        }
    }

    /// Takes in what there is of the present frame's payload.
    fn take_in(&mut self, input: &mut Input) -> Result<Taken, ProtocolError> {
        let max = self.max_message();
        let (Some(mut frame), Some(begun)) = (self.frame, &mut self.message) else {
            return Ok(Taken::Frame);
        };
        let bytes = input.as_mut();
        let mut take = bytes.len().min(frame.left);
        if begun.is_compressed && self.in_parts {
            take = take.min(PART_INFLATE);
        }
        if take > 0 {
            let piece = &mut bytes[..take];
            if begun.is_compressed {
                if let Some(key) = frame.key {
                    apply_mask(piece, key);
                }
                let limits = Limits { max_message: max, ..self.limits };
                inflate(self.inflater.as_mut(), Some(piece), &mut self.data, begun, &limits)?;
            } else {
                let start = self.data.len();
                self.data.extend_from_slice(piece);
                settle(&mut self.data[start..], frame.key, begun)?;
            }
            input.advance(take);
            frame.left -= take;
            frame.key = frame.key.map(|key| rotated(key, take));
        }
        self.finish_frame(frame)
    }

    /// Ends the frame where its payload is all here, and the message where that was its last.
    fn finish_frame(&mut self, frame: Frame) -> Result<Taken, ProtocolError> {
        if frame.left > 0 {
            self.frame = Some(frame);
            return Ok(Taken::All);
        }
        self.frame = None;
        if !frame.fin {
            return Ok(Taken::Frame);
        }
        let max_message = self.max_message();
        let Some(mut begun) = self.message.take() else { return Ok(Taken::Frame) };
        if begun.is_compressed {
            let limits = Limits { max_message, ..self.limits };
            inflate(self.inflater.as_mut(), None, &mut self.data, &mut begun, &limits)?;
        }
        if begun.is_text && !begun.utf8.is_whole() {
            return Err(ProtocolError::NotUtf8);
        }
        let mut data = std::mem::take(&mut self.data);
        // Room that was guessed for inflated or growing data must not be kept along with it.
        if data.capacity() - data.len() > data.len() / 4 + 64 {
            data.shrink_to_fit();
        }
        Ok(Taken::Message(whole(begun.is_text, data.into())))
    }

    /// Whether there is something to hand out of a message that is not all here.
    fn has_part(&self) -> bool {
        self.in_parts && self.message.is_some_and(|begun| self.data.len() > begun.utf8.open_bytes())
    }

    fn take_part(&mut self) -> Option<Message> {
        if !self.has_part() {
            return None;
        }
        let begun = self.message.as_mut()?;
        let open = self.data.split_off(self.data.len() - begun.utf8.open_bytes());
        let part = std::mem::replace(&mut self.data, open);
        begun.given += part.len();
        Some(whole(begun.is_text, part.into()))
    }

    /// The buffer that the rest of a large frame is best read into, behind what it holds, and how many
    /// bytes may be; `None` where reading into the input is as good. To be asked when the input is empty.
    pub(crate) fn direct(&mut self) -> Option<(&mut Vec<u8>, usize)> {
        let (frame, begun) = (self.frame?, self.message?);
        if frame.left < DIRECT_MIN || begun.is_compressed || self.in_parts {
            return None;
        }
        self.reserve(frame.left);
        Some((&mut self.data, frame.left))
    }

    /// Goes on after `count` bytes were read into [`direct`](Self::direct)'s buffer.
    pub(crate) fn direct_read(&mut self, count: usize) -> Result<Option<Event>, ProtocolError> {
        let (Some(mut frame), Some(begun)) = (self.frame, &mut self.message) else {
            return Ok(None);
        };
        let start = self.data.len() - count;
        let result = settle(&mut self.data[start..], frame.key, begun).and_then(|()| {
            frame.left -= count;
            frame.key = frame.key.map(|key| rotated(key, count));
            self.finish_frame(frame)
        });
        match result {
            Ok(Taken::Message(message)) => Ok(Some(Event::Message(message))),
            Ok(Taken::Frame | Taken::All) => Ok(None),
            Err(error) => {
                self.ended = true;
                self.data = Vec::new();
                Err(error)
            }
        }
    }
}

/// How far a frame has come.
enum Taken {
    /// All input is taken and the frame lacks more.
    All,
    /// The frame is all here and its message is not.
    Frame,
    Message(Message),
}

fn whole(is_text: bool, payload: Bytes) -> Message {
    if is_text { Message::Text(Text::from_checked(payload)) } else { Message::Binary(payload) }
}

/// Unmasks and checks a payload that is all there.
#[inline]
fn unmask_and_check(
    payload: &mut [u8],
    key: Option<[u8; 4]>,
    is_text: bool,
) -> Result<(), ProtocolError> {
    if payload.len() > BLOCK && is_text {
        let mut begun = Begun {
            is_text,
            is_compressed: false,
            utf8: Utf8::default(),
            fragments: 1,
            sent: payload.len(),
            given: 0,
        };
        settle(payload, key, &mut begun)?;
        return if begun.utf8.is_whole() { Ok(()) } else { Err(ProtocolError::NotUtf8) };
    }
    if let Some(key) = key {
        apply_mask(payload, key);
    }
    if is_text && simdutf8::basic::from_utf8(payload).is_err() {
        return Err(ProtocolError::NotUtf8);
    }
    Ok(())
}

/// Unmasks and checks a piece of a payload.
fn settle(piece: &mut [u8], key: Option<[u8; 4]>, begun: &mut Begun) -> Result<(), ProtocolError> {
    // A multiple of four, so the key stays as it is.
    for block in piece.chunks_mut(BLOCK) {
        if let Some(key) = key {
            apply_mask(block, key);
        }
        if begun.is_text {
            begun.utf8.push(block).map_err(|_| ProtocolError::NotUtf8)?;
        }
    }
    Ok(())
}

/// Inflates a piece, or the end of a message, and checks what came of it.
fn inflate(
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

/// The body of a close frame (RFC 6455 §5.5.1).
fn close_frame(payload: &[u8]) -> Result<Option<CloseFrame>, ProtocolError> {
    let (code, reason) = match payload {
        [] => return Ok(None),
        [_] => return Err(ProtocolError::ShortClose),
        [first, second, reason @ ..] => (u16::from_be_bytes([*first, *second]), reason),
    };
    let code = CloseCode::new(code).ok_or(ProtocolError::BadCloseCode(code))?;
    let reason = Bytes::copy_from_slice(reason);
    let reason = Text::try_from(reason).map_err(|_| ProtocolError::NotUtf8)?;
    Ok(Some(CloseFrame { code, reason }))
}
