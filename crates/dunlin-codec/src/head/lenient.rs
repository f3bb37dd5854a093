//! Response heads that break the grammar, and are read all the same.
//!
//! Nothing here parses. A head that the strict parser has refused is copied with its faults mended, and
//! the copy goes through the strict parser again. What that refuses stays refused, with the first error.
//!
//! No fault is mended that could move the end of a message. A line that has to do with it
//! (Content-Length, Transfer-Encoding, Connection, Upgrade) must be as it should be, and so must every
//! line end: heads end at the same byte for every reader. A connection whose peer needed leniency is not
//! used again, so that a reader in between who saw something else cannot shift the next response.

use alloc::vec::Vec;

use crate::{
    error::HeadError,
    framing::members,
    limits::Limits,
    scan::{is_field_value, is_token, is_token_byte},
};

/// Which faults of a response head are overlooked, each by its own switch.
///
/// For clients, because servers that commit these are out there. Default: none. A blank that is missing
/// before a missing reason phrase needs no leniency.
///
/// ```
/// use dunlin_codec::{Leniency, Limits, ResponseHeadDecoder};
///
/// let mut input = &b"HTTP/1.1 200 OK\r\nX-Note: one\r\n two\r\nContent-Length: 0\r\n\r\n"[..];
/// let leniency = Leniency::default().obs_fold(true);
/// let mut decoder = ResponseHeadDecoder::new().lenient(leniency);
/// let (head, facts) = decoder.decode(&mut input, &Limits::default())?.expect("whole");
/// assert_eq!(head.headers.get_str("x-note"), Some("one two"));
/// assert!(!facts.keep_alive());
/// # Ok::<(), dunlin_codec::HeadError>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Leniency {
    /// A value that goes on in the next line, behind whitespace; the break becomes a blank, as RFC 9112
    /// §5.2 asks of a user agent.
    pub obs_fold: bool,
    /// Whitespace between a field's name and its colon (RFC 9112 §5.1): it is taken away.
    pub blank_before_colon: bool,
    /// Controls in a value but for NUL, CR and LF (RFC 9110 §5.5): they become blanks.
    pub value_controls: bool,
    /// Lines without a colon or without a token before it: they are left out.
    pub invalid_lines: bool,
    /// A Content-Length that says the same several times, in one line or in several (RFC 9110 §8.6).
    pub equal_lengths: bool,
    /// More than one blank behind the version or the status, and tabs among them (RFC 9112 §4).
    pub status_blanks: bool,
    /// HTTP/1.2 to HTTP/1.9, which RFC 9110 §6.2 wants to be taken for HTTP/1.1.
    pub minor_version: bool,
    /// Empty lines before the first response of a connection. On later ones they stay an error: they
    /// would be bytes that belong to no response.
    pub leading_empty_lines: bool,
}

impl Leniency {
    /// All that there is.
    pub const ALL: Self = Self {
        obs_fold: true,
        blank_before_colon: true,
        value_controls: true,
        invalid_lines: true,
        equal_lengths: true,
        status_blanks: true,
        minor_version: true,
        leading_empty_lines: true,
    };

    /// Sets [`obs_fold`](Self::obs_fold). Default: false.
    #[must_use]
    pub const fn obs_fold(mut self, allow: bool) -> Self {
        self.obs_fold = allow;
        self
    }

    /// Sets [`blank_before_colon`](Self::blank_before_colon). Default: false.
    #[must_use]
    pub const fn blank_before_colon(mut self, allow: bool) -> Self {
        self.blank_before_colon = allow;
        self
    }

    /// Sets [`value_controls`](Self::value_controls). Default: false.
    #[must_use]
    pub const fn value_controls(mut self, allow: bool) -> Self {
        self.value_controls = allow;
        self
    }

    /// Sets [`invalid_lines`](Self::invalid_lines). Default: false.
    #[must_use]
    pub const fn invalid_lines(mut self, allow: bool) -> Self {
        self.invalid_lines = allow;
        self
    }

    /// Sets [`equal_lengths`](Self::equal_lengths). Default: false.
    #[must_use]
    pub const fn equal_lengths(mut self, allow: bool) -> Self {
        self.equal_lengths = allow;
        self
    }

    /// Sets [`status_blanks`](Self::status_blanks). Default: false.
    #[must_use]
    pub const fn status_blanks(mut self, allow: bool) -> Self {
        self.status_blanks = allow;
        self
    }

    /// Sets [`minor_version`](Self::minor_version). Default: false.
    #[must_use]
    pub const fn minor_version(mut self, allow: bool) -> Self {
        self.minor_version = allow;
        self
    }

    /// Sets [`leading_empty_lines`](Self::leading_empty_lines). Default: false.
    #[must_use]
    pub const fn leading_empty_lines(mut self, allow: bool) -> Self {
        self.leading_empty_lines = allow;
        self
    }

    /// Where the head in `input` starts: behind empty lines where those are overlooked. `None` where it
    /// has not started.
    pub(super) fn start(
        self,
        input: &[u8],
        limits: &Limits,
        error: HeadError,
    ) -> Result<Option<usize>, HeadError> {
        let mut rest = input;
        for _ in 0..=limits.max_empty_lines {
            match rest {
                [b'\r', b'\n', more @ ..] if self.leading_empty_lines => rest = more,
                [] | [b'\r'] if self.leading_empty_lines => return Ok(None),
                [b'\r', ..] => return Err(error),
                _ => return Ok(Some(input.len() - rest.len())),
            }
        }
        Err(HeadError::EmptyLines { limit: limits.max_empty_lines })
    }

    /// Whether `head`, which ends with an empty line, keeps to the bounds as it came. What is left out of it,
    /// or shortened, counts as it was sent.
    ///
    /// # Errors
    ///
    /// As of the strict parser, for the first line that is too long or one too many.
    pub(super) fn check_bounds(head: &[u8], limits: &Limits) -> Result<(), HeadError> {
        let mut lines = Lines(head);
        if lines.next().is_some_and(|line| line.len() + 2 > limits.max_line_bytes) {
            return Err(HeadError::LineTooLong { limit: limits.max_line_bytes });
        }
        let mut count = 0;
        while let Some(line) = lines.next().filter(|line| !line.is_empty()) {
            let mut len = line.len() + 2;
            while let Some(more) = lines.next_if_folded() {
                len += more.len() + 2;
            }
            count += 1;
            if len > limits.max_field_bytes {
                return Err(HeadError::FieldTooLong { limit: limits.max_field_bytes });
            }
            if count > usize::from(limits.max_headers) {
                return Err(HeadError::TooManyFields { limit: limits.max_headers });
            }
        }
        Ok(())
    }

    /// `head`, which ends with an empty line, as it should be. `None` where that is beyond this leniency.
    pub(super) fn mend(self, head: &[u8]) -> Option<Vec<u8>> {
        let mut lines = Lines(head);
        let mut mended = Vec::with_capacity(head.len() + 8);
        self.mend_status(lines.next()?, &mut mended)?;
        let mut length = None;
        while let Some(line) = lines.next() {
            let mut line = Line { text: line.to_vec(), was_folded: false };
            while let Some(more) = lines.next_if_folded() {
                // Who does not unfold might take it for a field.
                if !self.obs_fold || starts_like_framing(more) {
                    return None;
                }
                line.unfold(more);
            }
            if line.text.is_empty() {
                break;
            }
            self.mend_field(line, &mut length, &mut mended)?;
        }
        mended.extend_from_slice(b"\r\n");
        Some(mended)
    }

    fn mend_status(self, line: &[u8], mended: &mut Vec<u8>) -> Option<()> {
        let (version, rest) = line.split_at_checked(8)?;
        let mut version = <[u8; 8]>::try_from(version).ok()?;
        if self.minor_version
            && version.starts_with(b"HTTP/1.")
            && matches!(version[7], b'2'..=b'9')
        {
            version[7] = b'1';
        }
        mended.extend_from_slice(&version);
        if self.status_blanks {
            let (status, reason) = trim(rest).split_at_checked(3)?;
            // Blanks stand on both sides of the status: what is cut out of a longer number, or of a word,
            // would be another status, and that may be one without a body.
            if !rest.first().is_some_and(is_blank) || !reason.first().is_none_or(is_blank) {
                return None;
            }
            for part in [b" ", status, b" ", trim(reason)] {
                mended.extend_from_slice(part);
            }
        } else {
            mended.extend_from_slice(rest);
        }
        mended.extend_from_slice(b"\r\n");
        Some(())
    }

    fn mend_field(
        self,
        line: Line,
        length: &mut Option<Vec<u8>>,
        mended: &mut Vec<u8>,
    ) -> Option<()> {
        if line.text.iter().any(|byte| b"\0\r\n".contains(byte)) {
            return None;
        }
        let colon = line.text.iter().position(|&byte| byte == b':');
        let Some(colon) = colon else {
            return (self.invalid_lines && !holds_framing(&line.text)).then_some(());
        };
        let (name, value) = (&line.text[..colon], trim(&line.text[colon + 1..]));
        if self.equal_lengths && name.eq_ignore_ascii_case(b"content-length") {
            let one = one_of_equals(value).filter(|_| !line.was_folded)?;
            match length {
                Some(other) => return (other == one).then_some(()),
                None => *length = Some(one.to_vec()),
            }
            append(name, one, mended);
            return Some(());
        }
        let trimmed = trim_end(name);
        if !is_token(trimmed) {
            // Somebody might make a name of it, and of that a length.
            return (self.invalid_lines && !holds_framing(name)).then_some(());
        }
        let has_blank = trimmed.len() < name.len();
        let is_faulty = line.was_folded || has_blank || !is_field_value(value);
        if is_faulty && reads_like_framing(name) || has_blank && !self.blank_before_colon {
            return None;
        }
        let mut value = value.to_vec();
        for byte in value.iter_mut().filter(|_| self.value_controls) {
            if *byte != b'\t' && byte.is_ascii_control() {
                *byte = b' ';
            }
        }
        append(trimmed, trim(&value), mended);
        Some(())
    }
}

/// A field line, with those that it goes on in.
struct Line {
    text: Vec<u8>,
    was_folded: bool,
}

impl Line {
    fn unfold(&mut self, more: &[u8]) {
        self.text.push(b' ');
        self.text.extend_from_slice(trim(more));
        self.was_folded = true;
    }
}

/// Lines up to CRLF, without it.
struct Lines<'i>(&'i [u8]);

impl<'i> Lines<'i> {
    fn next(&mut self) -> Option<&'i [u8]> {
        let end = find_crlf(self.0)?;
        let line = &self.0[..end];
        self.0 = &self.0[end + 2..];
        Some(line)
    }

    fn next_if_folded(&mut self) -> Option<&'i [u8]> {
        if matches!(self.0.first(), Some(b' ' | b'\t')) { self.next() } else { None }
    }
}

fn find_crlf(bytes: &[u8]) -> Option<usize> {
    bytes.windows(2).position(|two| two == b"\r\n")
}

fn append(name: &[u8], value: &[u8], mended: &mut Vec<u8>) {
    for part in [name, b": ", value, b"\r\n"] {
        mended.extend_from_slice(part);
    }
}

/// The member of which a list consists, be it once or several times.
fn one_of_equals(list: &[u8]) -> Option<&[u8]> {
    let mut all = members(list);
    let one = all.next()?;
    all.all(|other| other == one).then_some(one)
}

/// Whether a name decides where messages end, once all that no name may hold is left out.
fn reads_like_framing(name: &[u8]) -> bool {
    let name = letters_of(name);
    FRAMING.iter().any(|framing| name == *framing)
}

/// The same of a line whose name may end anywhere.
fn starts_like_framing(line: &[u8]) -> bool {
    let line = letters_of(line);
    FRAMING.iter().any(|framing| line.starts_with(framing))
}

/// The same of a line that has no name, or a broken one, which might begin anywhere.
fn holds_framing(line: &[u8]) -> bool {
    let line = letters_of(line);
    FRAMING.iter().any(|framing| line.windows(framing.len()).any(|window| window == *framing))
}

fn letters_of(text: &[u8]) -> Vec<u8> {
    let letters = text.iter().filter(|&&byte| is_token_byte(byte));
    letters.map(u8::to_ascii_lowercase).collect()
}

const FRAMING: [&[u8]; 4] = [b"content-length", b"transfer-encoding", b"connection", b"upgrade"];

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Without the blanks around it; what else `trim_ascii` takes away is a fault.
fn trim(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !b" \t".contains(byte)).unwrap_or(text.len());
    trim_end(&text[start..])
}

fn trim_end(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| !b" \t".contains(byte)).map_or(0, |last| last + 1);
    &text[..end]
}

/// Where the head at the front of `input` ends, if it does: behind the first empty line that is not the
/// start. `from` is how far was looked before.
pub(super) fn head_end(input: &[u8], from: usize) -> Option<usize> {
    let from = from.saturating_sub(3);
    let at = input.get(from..)?.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(from + at + 4)
}

#[cfg(test)]
mod tests;
