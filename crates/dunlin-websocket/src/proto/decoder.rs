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
//! A message of one frame whose payload is all there is handed out of the input, and so is one whose payload is
//! there after one more read. Any other is taken in. All are unmasked and checked as they come, so nothing is
//! looked at twice and the first bad byte fails a message.

use bytes::Bytes;

use super::frame::{FrameHeader, OpCode};
use super::input::Input;
use super::mask::{apply_mask, rotated};
use super::payload::{Begun, inflate, reserve, settle, whole};
use super::utf8::Utf8;
use super::{MAX_CONTROL, ProtocolError};
use crate::close::{CloseCode, CloseFrame};
use crate::config::{Limits, Role};
use crate::deflate::Inflater;
use crate::message::{Message, Text};

/// A frame that lacks at least this much is read straight into its message.
pub(super) const DIRECT_MIN: usize = 16 * 1024;

/// Compressed bytes that are inflated at a time where a message is taken in parts: DEFLATE makes a megabyte of
/// them at most.
const PART_INFLATE: usize = 1024;

/// A frame that is longer is not left in the input until the rest of it has come.
pub(crate) const IN_PLACE_MAX: usize = 18 * 1024;

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
    /// Bytes of the last data frame, and of its header.
    last: (usize, usize),
    in_parts: bool,
    ended: bool,
}

/// A data frame whose payload is not all here.
#[derive(Clone, Copy, Debug)]
struct Frame {
    fin: bool,
    left: usize,
    /// Bytes of payload that are unmasked and checked and still lie at the front of the input; `None` where they
    /// are taken in.
    in_place: Option<usize>,
    /// Turned so that its first byte belongs to the next byte of payload.
    key: Option<[u8; 4]>,
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
            last: (0, 0),
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
    /// `Ok(None)` means that there is none: append bytes and call again. At most 18 KiB are left in `input` then:
    /// the beginning of a frame.
    ///
    /// # Errors
    ///
    /// What the peer did wrong. It is fatal: from then on all input is ignored.
    pub fn decode(&mut self, input: &mut Input) -> Result<Option<Event>, ProtocolError> {
        if self.ended {
            input.clear();
            return Ok(None);
        }
        let result = self.check_begun().and_then(|()| self.step(input));
        if self.message.is_none()
            && let Ok(None) = result
            && let Some(inflater) = &mut self.inflater
        {
            inflater.give_back();
        }
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
            if let Some(frame) = self.frame {
                if let Some(done) = frame.in_place {
                    match self.go_on_in_place(frame, done, input)? {
                        Taken::Message(message) => return Ok(Some(Event::Message(message))),
                        Taken::All => return Ok(None),
                        Taken::Frame => {}
                    }
                }
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
            let come = input.as_slice().len() - size;
            let is_alone = header.fin && !is_compressed && self.message.is_none();
            self.last = (size + len, size);
            if is_alone && come == 0 && (1..=IN_PLACE_MAX).contains(&len) {
                // Its payload is likely to come in one read, and then there is no more to it.
                return Ok(None);
            }
            input.advance(size);
            if is_alone && len <= come {
                let is_text = header.opcode == OpCode::Text;
                let payload = input.take(len, header.mask);
                if is_text && simdutf8::basic::from_utf8(&payload).is_err() {
                    return Err(ProtocolError::NotUtf8);
                }
                return Ok(Some(Event::Message(whole(is_text, payload))));
            }
            self.begin(&header, is_compressed, len);
        }
    }

    /// Goes on with a payload that is left where it lies, of which `done` bytes are unmasked and checked.
    ///
    /// Where some more has come and not all, or parts are wanted, it is taken in after all: who sends byte by byte
    /// must not have it moved for each of them.
    fn go_on_in_place(
        &mut self,
        mut frame: Frame,
        done: usize,
        input: &mut Input,
    ) -> Result<Taken, ProtocolError> {
        let Some(begun) = &mut self.message else { return Ok(Taken::Frame) };
        let end = input.as_slice().len().min(done + frame.left);
        let new = &mut input.as_mut()[done..end];
        let is_begun = done > 0;
        settle(new, frame.key, begun)?;
        frame.left -= new.len();
        frame.key = frame.key.map(|key| rotated(key, end - done));
        frame.in_place = Some(end);
        if self.in_parts {
            self.frame = Some(frame);
            self.take_in_place(input);
            return Ok(Taken::Frame);
        }
        if frame.left > 0 {
            self.frame = Some(frame);
            if is_begun && end > done {
                self.take_in_place(input);
            }
            return Ok(Taken::All);
        }
        if begun.is_text && !begun.utf8.is_whole() {
            return Err(ProtocolError::NotUtf8);
        }
        let is_text = begun.is_text;
        (self.frame, self.message) = (None, None);
        Ok(Taken::Message(whole(is_text, input.take(end, None))))
    }

    /// Takes in a payload that was left where it lies.
    fn take_in_place(&mut self, input: &mut Input) {
        if let Some(frame) = &mut self.frame
            && let Some(done) = frame.in_place.take()
        {
            self.data.reserve_exact(done + if self.in_parts { 0 } else { frame.left });
            self.data.extend_from_slice(&input.as_slice()[..done]);
            input.advance(done);
        }
    }

    /// Lets go of the input's memory because what is missing may take a while.
    pub(crate) fn release(&mut self, input: &mut Input) {
        self.take_in_place(input);
        if input.is_empty() {
            input.clear();
        }
    }

    /// Holds a message that has begun against the limit, which is another where parts were asked for then and are
    /// not now.
    fn check_begun(&self) -> Result<(), ProtocolError> {
        match &self.message {
            Some(begun) if begun.sent > self.max_sent(begun.is_compressed) => {
                Err(ProtocolError::MessageTooLarge { max: self.max_message() })
            }
            _ => Ok(()),
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
        let sent = begun.map_or(0, |begun| begun.sent);
        if header.len > self.max_sent(is_compressed).saturating_sub(sent) as u64 {
            return Err(ProtocolError::MessageTooLarge { max: max_message });
        }
        if begun.map_or(0, |begun| begun.fragments) >= max_fragments {
            return Err(ProtocolError::TooManyFragments { max: max_fragments });
        }
        Ok(is_compressed)
    }

    /// Bytes that the frames of a message may have together.
    fn max_sent(&self, is_compressed: bool) -> usize {
        let max = self.max_message();
        // Deflate makes noise longer by five bytes in 16 KiB at worst.
        let slack = if is_compressed { max / 1024 + 1024 } else { 0 };
        max.saturating_add(slack)
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
        let is_alone = header.fin && begun.fragments == 1 && !is_compressed;
        let in_place = (is_alone && len <= IN_PLACE_MAX).then_some(0);
        self.frame = Some(Frame { fin: header.fin, left: len, in_place, key: header.mask });
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
                reserve(&mut self.data, if self.in_parts { take } else { frame.left }, take);
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
        let (frame, begun) = (self.frame.as_mut()?, self.message?);
        if frame.left < DIRECT_MIN || begun.is_compressed || self.in_parts {
            return None;
        }
        // Nothing of it has come, since the input is empty.
        frame.in_place = None;
        reserve(&mut self.data, frame.left, 0);
        Some((&mut self.data, frame.left))
    }

    /// How many bytes are best read behind the `present` ones in the input where there is room for so many: up to
    /// the end of the present frame, of as many frames like the last as fit, and of the next header. What is left
    /// over is then that header and not half a payload, which would have to be moved.
    pub(crate) fn read_hint(&self, present: usize, room: usize) -> usize {
        let (frame, header) = self.last;
        let least = match self.frame {
            Some(frame) => frame.left + header,
            None => header.saturating_sub(present),
        };
        match room.checked_sub(least).and_then(|room| room.checked_div(frame)) {
            // Where no frame like the last fits, nothing is known of where the next one ends, not even that its
            // header is as long.
            Some(0) if self.frame.is_none() => room,
            Some(frames) => least + frames * frame,
            None => room,
        }
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
