//! Putting compression on (RFC 7692 §7.2.1).

use flate2::FlushCompress;

use super::pool::{self, CompressState, Lent};
use super::{ContextTakeover, DeflateParams, TAIL};
use crate::proto;

/// Messages of so many bytes are compressed at [`LARGE_LEVEL`] at least: text leaves with seven tenths of the
/// bytes then, and takes 1.3 to 1.7 times as long. Of small messages it would take twice, for little.
const LARGE: usize = 16 * 1024;
const LARGE_LEVEL: u8 = 2;

/// Messages of so many bytes are sent compressed within a burst even where they did not shrink: the next may
/// refer to them, and a state that is cleared for each costs more than the few bytes.
const SMALL: usize = 1024;

/// Compresses the messages of one connection.
pub(crate) struct Compressor {
    /// Lent from the pool, as long as messages may refer to those before.
    state: Option<Lent<CompressState>>,
    takeover: ContextTakeover,
    level: u8,
    bits: u8,
    threshold: usize,
}

impl Compressor {
    /// `None` where nothing can be compressed: see [`DeflateParams::out_bits`].
    pub(crate) fn new(params: &DeflateParams) -> Option<Self> {
        (params.out_bits >= 9).then_some(Self {
            state: None,
            takeover: params.out_takeover,
            level: params.level,
            bits: params.out_bits,
            threshold: params.threshold,
        })
    }

    /// Whether a message of that length is to be compressed.
    pub(crate) fn wants(&self, len: usize, choice: proto::Compress) -> bool {
        match choice {
            proto::Compress::Auto => len >= self.threshold,
            proto::Compress::Always => true,
            proto::Compress::Never => false,
        }
    }

    /// Whether there is a state to compress the next message with; there is none where the process's budget is
    /// used up.
    pub(crate) fn is_ready(&mut self) -> bool {
        if self.state.is_none() {
            self.state = pool::take_compress(self.level, self.bits);
        }
        self.state.is_some()
    }

    /// The same for a message that is there as a whole, at the level for its length.
    fn is_ready_for(&mut self, len: usize) -> bool {
        if self.takeover != ContextTakeover::Always {
            let level = if len >= LARGE { self.level.max(LARGE_LEVEL) } else { self.level };
            if self.state.as_ref().is_none_or(|lent| lent.state.level != level) {
                self.forget();
                self.state = pool::take_compress(level, self.bits);
            }
        }
        self.is_ready()
    }

    /// Appends the compressed `message` to `out`.
    ///
    /// `false`, and nothing appended, where there is no state for it and where it did not shrink. Where messages
    /// refer to it, it is appended all the same: it has entered the window, and the peer's window must hold
    /// what ours does.
    pub(crate) fn compress(&mut self, message: &[u8], out: &mut Vec<u8>) -> bool {
        if !self.is_ready_for(message.len()) {
            return false;
        }
        let start = out.len();
        self.part(message, true, out);
        let is_sent = match self.takeover {
            ContextTakeover::Always => true,
            ContextTakeover::Burst if message.len() <= SMALL => true,
            _ => out.len() - start < message.len() || message.is_empty(),
        };
        if !is_sent {
            out.truncate(start);
            self.forget();
        }
        is_sent
    }

    /// The bits of its window.
    pub(crate) fn bits(&self) -> u8 {
        self.bits
    }

    /// A message compressed as one of its own, but referring to none before it; `None` where it does not shrink.
    pub(crate) fn squeeze(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut alone = Self { state: None, takeover: ContextTakeover::Never, ..*self };
        let mut out = Vec::new();
        alone.compress(message, &mut out).then_some(out)
    }

    /// Lets the next message refer to none before it.
    pub(crate) fn forget(&mut self) {
        if let Some(state) = self.state.take() {
            pool::put_compress(state);
        }
    }

    /// Ends a burst: no message is open, and what was compressed is about to be written.
    pub(crate) fn end_burst(&mut self) {
        if self.takeover != ContextTakeover::Always {
            self.forget();
        }
    }

    /// Appends a part of a compressed message, so that all of it can be inflated without the next.
    pub(crate) fn part(&mut self, part: &[u8], is_last: bool, out: &mut Vec<u8>) {
        if !part.is_empty() {
            self.deflate(part, out);
            if is_last {
                debug_assert!(out.ends_with(&TAIL));
                out.truncate(out.len() - TAIL.len());
            }
        } else if is_last {
            // RFC 7692 §7.2.3.6: a flush with nothing to flush writes nothing. This and the tail that is not
            // sent are an empty block.
            out.push(0);
        }
        if is_last && self.takeover == ContextTakeover::Never {
            self.forget();
        }
    }

    fn deflate(&mut self, mut data: &[u8], out: &mut Vec<u8>) {
        let (level, bits) = (self.level, self.bits);
        let lent = self.state.get_or_insert_with(|| pool::compress_anyway(level, bits));
        let state = &mut lent.state.zlib;
        loop {
            out.reserve(data.len() / 2 + 64);
            let before = state.total_in();
            // It fails on nothing but a misuse of its state.
            let result = state.compress_vec(data, out, FlushCompress::Sync);
            debug_assert!(result.is_ok());
            data = &data[(state.total_in() - before) as usize..];
            // With room left, all of the flush is out.
            if data.is_empty() && out.len() < out.capacity() {
                return;
            }
        }
    }
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compressor")
            .field("takeover", &self.takeover)
            .field("level", &self.level)
            .field("bits", &self.bits)
            .finish_non_exhaustive()
    }
}
