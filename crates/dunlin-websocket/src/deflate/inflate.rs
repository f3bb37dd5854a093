//! Taking compression off (RFC 7692 §7.2.2), under a limit.

use flate2::{Decompress, FlushDecompress, Status};

use super::pool::{self, Lent};
use super::{DeflateParams, TAIL};

/// Farthest that a message may refer back (RFC 1951 §2).
const WINDOW: usize = 32 * 1024;

/// Bytes more than that which are kept, so that small messages do not move all of it for each of them.
const SLACK: usize = 2 * 1024;

/// Blocks with BFINAL that a message may have, and besides one for each 64 bytes that come of them. Each is a
/// stream of its own to zlib, which costs a lot more than the two bytes it may have.
const MAX_FINALS: u64 = 1024;

/// Why a message cannot be inflated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum InflateError {
    /// It is not DEFLATE.
    Corrupt,
    /// It has more bytes than it may have.
    TooLarge,
    /// It ends too often and says too little.
    TooManyFinals,
    /// The process's budget for states is used up.
    NoState,
}

/// Inflates the messages of one connection, as they come.
///
/// The state is lent from the pool, from the first compressed byte to the end of the message, or of those that
/// came along with it. Where messages refer to those before, what they may refer to is kept and given to the
/// next state as its dictionary: 32 KiB at most, and none before the first message, where a state of the connection's own would hold 42 kB.
pub(crate) struct Inflater {
    state: Option<Lent<Decompress>>,
    /// The end of what was inflated.
    window: Vec<u8>,
    takeover: bool,
    keeps_state: bool,
    /// Blocks with BFINAL in the present message, and bytes that came of them.
    finals: u64,
    finished: u64,
    /// Bytes of messages before that its state has given.
    before: u64,
    /// Nothing has come since such a block.
    is_final: bool,
}

impl Inflater {
    pub(crate) fn new(params: &DeflateParams) -> Self {
        Self {
            state: None,
            window: Vec::new(),
            takeover: params.in_takeover,
            keeps_state: params.in_takeover && params.keeps_state,
            finals: 0,
            finished: 0,
            before: 0,
            is_final: false,
        }
    }

    /// Appends to `out` what `input` inflates to; `out` never holds more than `max` bytes.
    pub(crate) fn inflate(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        max: usize,
    ) -> Result<(), InflateError> {
        let mut start = out.len();
        self.run(input, out, max, &mut start)?;
        if self.takeover && !self.keeps_state {
            remember(&mut self.window, &out[start..]);
        }
        Ok(())
    }

    /// Inflates; from `start` on, `out` holds what the window does not.
    fn run(
        &mut self,
        mut input: &[u8],
        out: &mut Vec<u8>,
        max: usize,
        start: &mut usize,
    ) -> Result<(), InflateError> {
        if input.is_empty() {
            return Ok(());
        }
        if self.state.is_none() {
            let mut lent = pool::take_inflate().ok_or(InflateError::NoState)?;
            if !self.window.is_empty() {
                let dictionary = &self.window[self.window.len().saturating_sub(WINDOW)..];
                lent.state.set_dictionary(dictionary).map_err(|_| InflateError::Corrupt)?;
            }
            self.state = Some(lent);
            self.before = 0;
        }
        let Some(Lent { state, .. }) = &mut self.state else { return Ok(()) };
        self.is_final = false;
        loop {
            if out.len() == out.capacity() {
                // One byte more than allowed, so that too much shows.
                let room = max.saturating_add(1).saturating_sub(out.len());
                let grow = out.len().max(4 * input.len()).max(256).min(room);
                out.reserve_exact(grow);
            }
            let (before_in, before_out) = (state.total_in(), out.len());
            let status = state
                .decompress_vec(input, out, FlushDecompress::Sync)
                .map_err(|_| InflateError::Corrupt)?;
            let used = (state.total_in() - before_in) as usize;
            input = &input[used..];
            if out.len() > max {
                out.truncate(max);
                return Err(InflateError::TooLarge);
            }
            if status == Status::StreamEnd {
                // A block with BFINAL (RFC 7692 §7.2.3.4). What follows is a new stream to zlib; to the peer, the
                // window may go on. A state's own cannot be had, and is lost: zlib as a sender loses its own there too.
                self.finals += 1;
                self.finished += state.total_out() - std::mem::take(&mut self.before);
                if self.finals > MAX_FINALS + self.finished / 64 {
                    return Err(InflateError::TooManyFinals);
                }
                state.reset(false);
                if self.takeover && !self.keeps_state {
                    remember(&mut self.window, &out[*start..]);
                    *start = out.len();
                    let dictionary = &self.window[self.window.len().saturating_sub(WINDOW)..];
                    state.set_dictionary(dictionary).map_err(|_| InflateError::Corrupt)?;
                }
                if input.is_empty() {
                    self.is_final = true;
                    return Ok(());
                }
                continue;
            }
            // With room left, all that could be had is out.
            if out.len() < out.capacity() {
                if input.is_empty() {
                    return Ok(());
                }
                // Neither taken nor given, with input and room at hand: it never will.
                if used == 0 && out.len() == before_out {
                    return Err(InflateError::Corrupt);
                }
            }
        }
    }

    /// Ends a message: takes in the tail that was not sent.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>, max: usize) -> Result<(), InflateError> {
        if self.state.is_none() {
            // An empty message in an empty frame: nothing, as it says.
            return Ok(());
        }
        // There are peers that leave out the header which the tail would belong to. It must not be taken for the
        // beginning of the next message.
        if !self.is_final {
            self.inflate(&TAIL, out, max)?;
        }
        (self.finals, self.finished) = (0, 0);
        self.before = self.state.as_ref().map_or(0, |lent| lent.state.total_out());
        if !self.takeover {
            self.give_back();
        }
        Ok(())
    }

    /// Gives the state back where no message is at hand. Those that refer to each other and come together share
    /// one, so that what they refer to need not be copied into it for each of them.
    pub(crate) fn give_back(&mut self) {
        if self.keeps_state {
            return;
        }
        if let Some(state) = self.state.take() {
            pool::put_inflate(state);
            if self.window.len() > WINDOW + SLACK {
                self.window.drain(..self.window.len() - WINDOW);
            }
            self.window.shrink_to(WINDOW + SLACK);
        }
    }
}

/// Keeps what later messages may refer to. Within a message up to twice of it, so that a message in many small
/// pieces does not move it for each of them.
fn remember(window: &mut Vec<u8>, new: &[u8]) {
    let new = &new[new.len().saturating_sub(WINDOW)..];
    if window.len() + new.len() > 2 * WINDOW {
        window.drain(..window.len() + new.len() - WINDOW);
    }
    window.extend_from_slice(new);
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflater").field("takeover", &self.takeover).finish_non_exhaustive()
    }
}
