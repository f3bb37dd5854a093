//! From messages to bytes (RFC 6455 §6.1).

use bytes::Bytes;

use super::frame::{FrameHeader, MAX_CONTROL, OpCode};
use super::key::Keys;
use super::mask::apply_mask;
use super::outbox::{Outbox, QUEUE_MIN};
use crate::close::{CloseCode, fit_reason};
use crate::config::Role;
use crate::deflate::Compressor;
use crate::message::Message;
use crate::room::SharedFrame;

/// Whether a message is compressed, where that was agreed on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Compress {
    /// From the threshold on.
    #[default]
    Auto,
    /// Whatever its size.
    Always,
    /// Not at all: for what is compressed already, and for secrets beside text that an attacker chooses
    /// (RFC 7692 §8).
    Never,
}

/// Encodes what one end sends, a message a frame.
#[derive(Debug)]
pub struct Encoder {
    /// Of a client alone: a server does not mask.
    keys: Option<Keys>,
    compressor: Option<Compressor>,
    open: Option<Open>,
}

/// A message of which parts were sent, and not the last.
#[derive(Clone, Copy, Debug)]
struct Open {
    opcode: OpCode,
    is_compressed: bool,
}

impl Encoder {
    /// An encoder for the end that has that role: a client's masks its frames.
    pub fn new(role: Role) -> Self {
        Self { keys: (role == Role::Client).then(Keys::new), compressor: None, open: None }
    }

    pub(crate) fn set_compressor(&mut self, compressor: Option<Compressor>) {
        self.compressor = compressor;
    }

    /// Says that what was encoded is about to be written: the state that compressed it is at the disposal of other
    /// connections then, unless it is kept by
    /// [`ContextTakeover::Always`](crate::ContextTakeover::Always).
    pub fn end_burst(&mut self) {
        if self.open.is_none()
            && let Some(compressor) = &mut self.compressor
        {
            compressor.end_burst();
        }
    }

    /// Whether a message of which parts were sent lacks its last one. Only [`part`](Self::part) and control
    /// frames may follow then (RFC 6455 §5.4).
    pub fn is_in_message(&self) -> bool {
        self.open.is_some()
    }

    /// Appends a part of a message, as one frame. The first one says of which kind the message is and whether
    /// it is compressed; [`Compress::Auto`] compresses it.
    ///
    /// # Errors
    ///
    /// The part, where it is of another kind than the first.
    pub fn part(
        &mut self,
        part: Message,
        is_last: bool,
        compress: Compress,
        out: &mut Outbox,
    ) -> Result<(), Message> {
        let kind = match part {
            Message::Text(_) => OpCode::Text,
            Message::Binary(_) => OpCode::Binary,
        };
        let is_first = self.open.is_none();
        let compressor = self.compressor.as_mut().filter(|_| compress != Compress::Never);
        let open = self.open.unwrap_or_else(|| Open {
            opcode: kind,
            is_compressed: compressor.is_some_and(Compressor::is_ready),
        });
        if open.opcode != kind {
            return Err(part);
        }
        self.open = (!is_last).then_some(open);
        let mut payload = part.into_bytes();
        if open.is_compressed
            && let Some(compressor) = &mut self.compressor
        {
            let mut squeezed = Vec::new();
            compressor.part(&payload, is_last, &mut squeezed);
            payload = squeezed.into();
        }
        let (opcode, rsv) = match is_first {
            true if open.is_compressed => (kind, 4),
            true => (kind, 0),
            false => (OpCode::Continuation, 0),
        };
        self.data(is_last, opcode, rsv, payload, out);
        Ok(())
    }

    /// Appends a message, as one frame.
    pub fn message(&mut self, message: Message, compress: Compress, out: &mut Outbox) {
        let (opcode, payload) = match message {
            Message::Text(text) => (OpCode::Text, text.into_bytes()),
            Message::Binary(bytes) => (OpCode::Binary, bytes),
        };
        if let Some(compressor) = &mut self.compressor
            && compressor.wants(payload.len(), compress)
        {
            let mut squeezed = Vec::new();
            if compressor.compress(&payload, &mut squeezed) {
                return self.data(true, opcode, 4, squeezed.into(), out);
            }
        }
        self.data(true, opcode, 0, payload, out);
    }

    /// Appends a message that others are sent too.
    pub(crate) fn shared(&mut self, frame: &SharedFrame, out: &mut Outbox) {
        if self.keys.is_some() {
            // A client masks each frame by a key of its own.
            return self.message(frame.message(), frame.compress(), out);
        }
        if let Some(compressor) = &mut self.compressor
            && compressor.wants(frame.len(), frame.compress())
            && frame.append_deflated(compressor, out)
        {
            // It enters the peer's window and not ours.
            return compressor.forget();
        }
        frame.append_plain(out);
    }

    fn data(&mut self, fin: bool, opcode: OpCode, rsv: u8, payload: Bytes, out: &mut Outbox) {
        let mask = self.keys.as_mut().map(Keys::mask);
        let header = FrameHeader { fin, rsv, opcode, mask, len: payload.len() as u64 };
        if payload.len() < QUEUE_MIN {
            return append(&header, &payload, out);
        }
        let payload = match mask {
            None => payload,
            // Masked where it lies if nobody else can see it.
            Some(key) => {
                let mut payload = payload
                    .try_into_mut()
                    .unwrap_or_else(|shared| bytes::BytesMut::from(&shared[..]));
                apply_mask(&mut payload, key);
                payload.freeze()
            }
        };
        header.encode(out.tail());
        out.push(payload);
    }

    fn control(&mut self, opcode: OpCode, payload: &[u8], out: &mut Outbox) {
        debug_assert!(payload.len() <= MAX_CONTROL);
        let mask = self.keys.as_mut().map(Keys::mask);
        let header = FrameHeader { fin: true, rsv: 0, opcode, mask, len: payload.len() as u64 };
        append(&header, payload, out);
    }

    /// Appends a ping; of its payload the first 125 bytes.
    pub fn ping(&mut self, payload: &[u8], out: &mut Outbox) {
        self.control(OpCode::Ping, &payload[..payload.len().min(MAX_CONTROL)], out);
    }

    /// Appends a pong; of its payload the first 125 bytes.
    pub fn pong(&mut self, payload: &[u8], out: &mut Outbox) {
        self.control(OpCode::Pong, &payload[..payload.len().min(MAX_CONTROL)], out);
    }

    /// Appends a close frame; nothing may be sent after it. Of the reason goes what fits, 123 bytes.
    pub fn close(&mut self, code: Option<CloseCode>, reason: &str, out: &mut Outbox) {
        let mut payload = [0; MAX_CONTROL];
        let mut len = 0;
        if let Some(code) = code {
            let reason = fit_reason(reason);
            len = 2 + reason.len();
            payload[..2].copy_from_slice(&u16::from(code).to_be_bytes());
            payload[2..len].copy_from_slice(reason.as_bytes());
        }
        self.control(OpCode::Close, &payload[..len], out);
    }
}

/// Room that the first frame makes, for those that follow it: as much as an allocator has at hand at once.
const TAIL_MIN: usize = 1024;

/// Renders a small frame whole.
fn append(header: &FrameHeader, payload: &[u8], out: &mut Outbox) {
    let tail = out.tail();
    let needs = super::MAX_HEADER + payload.len();
    tail.reserve(if tail.capacity() == 0 { needs.max(TAIL_MIN) } else { needs });
    header.encode(tail);
    let start = tail.len();
    tail.extend_from_slice(payload);
    if let Some(key) = header.mask {
        apply_mask(&mut tail[start..], key);
    }
}
