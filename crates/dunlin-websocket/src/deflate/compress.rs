//! Putting compression on (RFC 7692 §7.2.1).

use std::ops::RangeInclusive;

use flate2::FlushCompress;

use super::pool::{self, CompressState, Lent, Owner};
use super::{ContextTakeover, DeflateParams, TAIL};
use crate::proto;

/// Messages of so many bytes are more than a window holds, so that they hardly refer to others, and are compressed
/// at [`LARGE_LEVEL`] at least: text leaves with seven tenths of the bytes that it has at level 1, and takes 1.3 to
/// 1.7 times as long.
const LARGE: usize = 64 * 1024;
const LARGE_LEVEL: u8 = 2;

/// The highest level.
const MAX_LEVEL: u8 = 9;

/// Messages of so many bytes are sent compressed even where they did not shrink, if the next may refer to them: a
/// state that is cleared for each costs more than the few bytes.
const SMALL: usize = 1024;

/// Compresses the messages of one connection.
pub(crate) struct Compressor {
    /// Lent from the pool, for a message or for what is queued until it is written.
    state: Option<Lent<CompressState>>,
    /// Of one that goes on with the state that it gave back.
    owner: Option<Owner>,
    /// Whether it did, so that one may wait there.
    waits: bool,
    takeover: ContextTakeover,
    level: u8,
    bits: u8,
    threshold: usize,
}

impl Compressor {
    /// `None` where nothing can be compressed: see [`DeflateParams::out_bits`].
    pub(crate) fn new(params: &DeflateParams) -> Option<Self> {
        (params.out_bits >= 9).then(|| Self {
            state: None,
            owner: (params.out_takeover == ContextTakeover::Recent).then(Owner::new),
            waits: false,
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
        self.is_ready_at(self.level..=MAX_LEVEL)
    }

    /// The same, with a state of one of these levels unless one is kept: rather the lowest.
    fn is_ready_at(&mut self, levels: RangeInclusive<u8>) -> bool {
        if let Some(lent) = &self.state {
            if levels.contains(&lent.state.level) || self.takeover == ContextTakeover::Always {
                return true;
            }
            self.forget();
        }
        self.state = pool::take_compress(levels, self.bits, self.owner);
        self.state.is_some()
    }

    /// The levels that a message of that length is compressed at.
    fn levels(&self, len: usize) -> RangeInclusive<u8> {
        match len {
            LARGE.. if self.takeover != ContextTakeover::Always => {
                self.level.max(LARGE_LEVEL)..=self.level.max(LARGE_LEVEL)
            }
            _ => self.level..=MAX_LEVEL,
        }
    }

    /// Appends the compressed `message` to `out`.
    ///
    /// `false`, and nothing appended, where there is no state for it and where it did not shrink. Where messages
    /// refer to it, it is appended all the same: it has entered the window, and the peer's window must hold
    /// what ours does.
    pub(crate) fn compress(&mut self, message: &[u8], out: &mut Vec<u8>) -> bool {
        if !self.is_ready_at(self.levels(message.len())) {
            return false;
        }
        let start = out.len();
        self.part(message, true, out);
        let is_sent = match self.takeover {
            ContextTakeover::Always => true,
            ContextTakeover::Recent if message.len() <= SMALL => true,
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
        let takeover = ContextTakeover::Never;
        let mut alone = Self { state: None, owner: None, waits: false, takeover, ..*self };
        let mut out = Vec::new();
        alone.compress(message, &mut out).then_some(out)
    }

    /// Lets the next message refer to none before it.
    pub(crate) fn forget(&mut self) {
        if let Some(state) = self.state.take() {
            state.give_away();
        } else if let Some(owner) = self.owner
            && self.waits
        {
            pool::disown(owner);
        }
        self.waits = false;
    }

    /// No message is open, and what was compressed is about to be written: others may have the state.
    pub(crate) fn end_burst(&mut self) {
        if self.takeover != ContextTakeover::Always
            && let Some(state) = self.state.take()
        {
            pool::put_compress(state);
            self.waits = true;
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
        let (level, bits, owner) = (self.level, self.bits, self.owner);
        let lent =
            self.state.get_or_insert_with(|| pool::compress_anyway(level..=MAX_LEVEL, bits, owner));
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

impl Drop for Compressor {
    fn drop(&mut self) {
        self.forget();
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
