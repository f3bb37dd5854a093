//! One multipart body: what its bytes say, without what its parts say.

use bytes::{Buf, Bytes};
use memchr::memchr;

use super::delimiter::{Delimiter, Found};
use super::error::ReadError;
use super::limits::Limits;
use super::transfer::Transfer;
use crate::boundary::Boundary;

/// A body between its delimiters.
///
/// ```text
///                    ┌──────────── CRLF ────────────┐
///                    │                              ▼
///  Preamble ──▶ Delimiter ◀── delimiter ── Data ◀── Headers
///                    │                        empty line
///                    └── "--" ──▶ Closing ── CRLF ──▶ Epilogue
/// ```
#[derive(Debug)]
pub(super) struct Level {
    pub(super) form_data: bool,
    /// Of the present part.
    pub(super) transfer: Transfer,
    /// What the part around has given and this has not used.
    pub(super) input: Bytes,
    delimiter: Delimiter,
    state: State,
    /// Header lines of a part, as far as they have come.
    head: Vec<u8>,
    /// Where the present line begins in `head`.
    line: usize,
    padding: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// Before the first delimiter.
    Preamble,
    /// Behind a boundary: blanks, then a line end, or two hyphens at once.
    Delimiter {
        blanks: usize,
        last: u8,
    },
    Headers,
    Data,
    /// Behind the closing hyphens: blanks, then a line end or nothing.
    Closing {
        blanks: usize,
        last: u8,
    },
    Epilogue,
}

/// What a look at the input has brought.
#[derive(Debug)]
pub(super) enum Step {
    /// Header lines of a part, the empty one included.
    Head(Vec<u8>),
    Data(Bytes),
    PartEnd,
    /// The closing delimiter.
    Closed,
}

impl Level {
    pub(super) fn new(boundary: &Boundary, form_data: bool) -> Self {
        Self {
            form_data,
            transfer: Transfer::default(),
            input: Bytes::new(),
            delimiter: Delimiter::new(boundary),
            state: State::Preamble,
            head: Vec::new(),
            line: 0,
            padding: 0,
        }
    }

    /// Checks that the body may end here.
    pub(super) fn end(&self) -> Result<(), ReadError> {
        match self.state {
            State::Closing { .. } | State::Epilogue => Ok(()),
            _ => Err(ReadError::Unterminated { boundary: self.delimiter.boundary() }),
        }
    }

    /// Takes the next step off the front of `input`; `None` where all of it was used. `part` is the
    /// number of the part that is being read.
    pub(super) fn step(
        &mut self,
        input: &mut Bytes,
        part: usize,
        limits: &Limits,
    ) -> Result<Option<Step>, ReadError> {
        loop {
            match self.state {
                State::Preamble => match self.delimiter.next(input) {
                    Found::Data(data) => self.pad(data.len(), limits)?,
                    Found::Delimiter => self.state = State::Delimiter { blanks: 0, last: 0 },
                    Found::More => return Ok(None),
                },
                State::Delimiter { blanks, last } => {
                    let Some(&byte) = input.first() else { return Ok(None) };
                    self.state = match (last, byte) {
                        (b'-', b'-') => State::Closing { blanks: 0, last: 0 },
                        (b'\r', b'\n') => State::Headers,
                        (0, b'-') if blanks == 0 => State::Delimiter { blanks, last: byte },
                        (0, b'\r') => State::Delimiter { blanks, last: byte },
                        (0, b' ' | b'\t') => {
                            State::Delimiter { blanks: one_more(blanks, part, limits)?, last }
                        }
                        _ => return Err(ReadError::MalformedDelimiter(byte)),
                    };
                    input.advance(1);
                    if let State::Closing { .. } = self.state {
                        return Ok(Some(Step::Closed));
                    }
                }
                State::Headers => {
                    if !self.read_line(input, part, limits)? {
                        return Ok(None);
                    }
                    if self.head.len() - self.line == 2 {
                        self.line = 0;
                        self.state = State::Data;
                        self.delimiter.at_line_start();
                        return Ok(Some(Step::Head(std::mem::take(&mut self.head))));
                    }
                    self.line = self.head.len();
                }
                State::Data => match self.delimiter.next(input) {
                    Found::Data(data) => return Ok(Some(Step::Data(data))),
                    Found::Delimiter => {
                        self.state = State::Delimiter { blanks: 0, last: 0 };
                        return Ok(Some(Step::PartEnd));
                    }
                    Found::More => return Ok(None),
                },
                State::Closing { blanks, last } => {
                    let Some(&byte) = input.first() else { return Ok(None) };
                    self.state = match (last, byte) {
                        (b'\r', b'\n') => State::Epilogue,
                        // What follows means nothing, so that a bare LF may end this line.
                        (0, b'\n') => State::Epilogue,
                        (0, b'\r') => State::Closing { blanks, last: byte },
                        (0, b' ' | b'\t') => {
                            State::Closing { blanks: one_more(blanks, part, limits)?, last }
                        }
                        _ => return Err(ReadError::MalformedDelimiter(byte)),
                    };
                    input.advance(1);
                }
                State::Epilogue => {
                    self.pad(input.len(), limits)?;
                    input.clear();
                    return Ok(None);
                }
            }
        }
    }

    /// Appends to `head` up to the end of the line; whether that has come.
    fn read_line(
        &mut self,
        input: &mut Bytes,
        part: usize,
        limits: &Limits,
    ) -> Result<bool, ReadError> {
        let end = memchr(b'\n', input);
        let len = end.map_or(input.len(), |end| end + 1);
        // Checked before it is kept. The line's end does not count, be it here or still to come; and
        // of two limits the one that is passed first counts, wherever the input is cut.
        let (line, block) = (limits.max_header_line_bytes, limits.max_header_bytes);
        let ended = if end.is_some() { 2 } else { 1 };
        let too_long = (self.head.len() - self.line + len).saturating_sub(ended) > line;
        let line_first =
            self.line.saturating_add(line).saturating_add(2) <= block.saturating_add(1);
        if too_long && line_first {
            return Err(ReadError::HeaderLineTooLong { part, limit: line });
        }
        if self.head.len() + len > block {
            return Err(ReadError::HeadersTooLong { part, limit: block });
        }
        if too_long {
            return Err(ReadError::HeaderLineTooLong { part, limit: line });
        }
        self.head.extend_from_slice(&input[..len]);
        input.advance(len);
        if end.is_none() {
            return Ok(false);
        }
        match self.head[self.line..].ends_with(b"\r\n") {
            true => Ok(true),
            false => Err(ReadError::BareLineEnd { part }),
        }
    }

    fn pad(&mut self, len: usize, limits: &Limits) -> Result<(), ReadError> {
        self.padding += len as u64;
        match self.padding > limits.max_padding_bytes {
            true => Err(ReadError::TooMuchPadding { limit: limits.max_padding_bytes }),
            false => Ok(()),
        }
    }
}

/// Counts a blank behind a delimiter, which are bounded as a header line is.
fn one_more(blanks: usize, part: usize, limits: &Limits) -> Result<usize, ReadError> {
    let limit = limits.max_header_line_bytes;
    if blanks >= limit { Err(ReadError::HeaderLineTooLong { part, limit }) } else { Ok(blanks + 1) }
}
