//! A message that many are sent, encoded once for all of them.

use std::sync::OnceLock;

use bytes::Bytes;

use crate::deflate::Compressor;
use crate::message::{Message, Text};
use crate::proto::{Compress, FrameHeader, MAX_HEADER, OpCode, Outbox};

/// Frames up to this length are copied behind what else a member is sent, so that many leave by one write:
/// less than a tenth of what the write costs. Longer ones are sent from where they lie.
const COPY_MAX: usize = 4 * 1024;

/// Sizes of window that nothing is compressed below: see `DeflateParams::out_bits`.
const MIN_BITS: u8 = 9;

/// A message as its frame, and compressed ones as members come to need them.
pub(crate) struct SharedFrame {
    opcode: OpCode,
    /// Shares its bytes with the plain frame.
    payload: Bytes,
    compress: Compress,
    plain: Encoded,
    /// By the bits of the window, from 9 to 15; `None` where it does not shrink.
    deflated: [OnceLock<Option<Encoded>>; 7],
}

/// A frame as it goes out, without a mask. What is long is kept beside its header, uncopied.
struct Encoded {
    start: Bytes,
    payload: Bytes,
}

impl SharedFrame {
    pub(crate) fn new(message: Message, compress: Compress) -> Self {
        let opcode = match message {
            Message::Text(_) => OpCode::Text,
            Message::Binary(_) => OpCode::Binary,
        };
        let mut payload = message.into_bytes();
        let plain = Encoded::new(opcode, 0, payload.clone());
        if plain.payload.is_empty() {
            // Kept once, not twice.
            payload = plain.start.slice(plain.start.len() - payload.len()..);
        }
        Self { opcode, payload, compress, plain, deflated: Default::default() }
    }

    /// The message, for those who cannot share its frame.
    pub(crate) fn message(&self) -> Message {
        let payload = self.payload.clone();
        match self.opcode {
            OpCode::Text => Message::Text(Text::from_checked(payload)),
            _ => Message::Binary(payload),
        }
    }

    pub(crate) fn compress(&self) -> Compress {
        self.compress
    }

    pub(crate) fn len(&self) -> usize {
        self.payload.len()
    }

    /// Appends the message as it is.
    pub(crate) fn append_plain(&self, out: &mut Outbox) {
        self.plain.append(out);
    }

    /// Appends the message compressed for windows of the compressor's size; `false` where it does not shrink.
    pub(crate) fn append_deflated(&self, compressor: &Compressor, out: &mut Outbox) -> bool {
        let bits = usize::from(compressor.bits().saturating_sub(MIN_BITS));
        let Some(slot) = self.deflated.get(bits) else { return false };
        let deflated = slot.get_or_init(|| {
            let squeezed = compressor.squeeze(&self.payload)?;
            Some(Encoded::new(self.opcode, 4, squeezed.into()))
        });
        deflated.as_ref().inspect(|deflated| deflated.append(out)).is_some()
    }
}

impl Encoded {
    fn new(opcode: OpCode, rsv: u8, payload: Bytes) -> Self {
        let header = FrameHeader { fin: true, rsv, opcode, mask: None, len: payload.len() as u64 };
        let is_copied = payload.len() <= COPY_MAX;
        let mut start = Vec::with_capacity(MAX_HEADER + if is_copied { payload.len() } else { 0 });
        header.encode(&mut start);
        if !is_copied {
            return Self { start: start.into(), payload };
        }
        start.extend_from_slice(&payload);
        Self { start: start.into(), payload: Bytes::new() }
    }

    fn append(&self, out: &mut Outbox) {
        out.copy(&self.start);
        out.push(self.payload.clone());
    }
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;

    use super::*;

    /// Where the pieces lie that two members are sent.
    fn places(append: impl Fn(&mut Outbox)) -> [Vec<*const u8>; 2] {
        [(); 2].map(|()| {
            let mut out = Outbox::default();
            append(&mut out);
            let mut slices = [IoSlice::new(b""); 8];
            let filled = out.slices(&mut slices);
            slices[..filled].iter().map(|slice| slice.as_ptr()).collect()
        })
    }

    #[test]
    fn a_long_message_is_sent_from_where_it_lies() {
        let payload = Bytes::from(vec![7; COPY_MAX + 1]);
        let frame = SharedFrame::new(Message::from(payload.clone()), Compress::Auto);
        let [one, other] = places(|out| frame.append_plain(out));
        assert_eq!((one[1], other[1]), (payload.as_ptr(), payload.as_ptr()));
    }

    #[test]
    fn a_short_message_is_kept_once() {
        let frame = SharedFrame::new(Message::from("short"), Compress::Auto);
        assert_eq!(frame.message(), Message::from("short"));
        assert_eq!(frame.payload.as_ptr(), frame.plain.start[2..].as_ptr());
    }

    #[cfg(feature = "deflate")]
    #[test]
    fn a_message_is_compressed_once_for_each_size_of_window() {
        use crate::deflate::{ContextTakeover, DeflateParams};

        let compressor = |out_bits, takeover| {
            let out_takeover =
                if takeover { ContextTakeover::Always } else { ContextTakeover::Never };
            let (level, in_takeover, keeps_state) = (1, false, false);
            let params = DeflateParams {
                level,
                threshold: 0,
                out_bits,
                out_takeover,
                in_takeover,
                keeps_state,
            };
            Compressor::new(&params).unwrap()
        };
        let words: String =
            (0..20_000u64).map(|n| format!("{:x} ", n * n * 2_654_435_761)).collect();
        let frame = SharedFrame::new(Message::from(words), Compress::Auto);
        let of = |bits, takeover| {
            let compressor = compressor(bits, takeover);
            places(|out| assert!(frame.append_deflated(&compressor, out)))[0][1]
        };
        assert_eq!(of(15, false), of(15, true), "whatever was agreed on takeover");
        assert_ne!(of(15, false), of(10, false));
        let mut keys = crate::proto::Keys::new();
        let noise: Vec<u8> = (0..1000).flat_map(|_| keys.next().to_ne_bytes()).collect();
        let frame = SharedFrame::new(Message::from(noise), Compress::Auto);
        assert!(!frame.append_deflated(&compressor(15, false), &mut Outbox::default()));
    }
}
