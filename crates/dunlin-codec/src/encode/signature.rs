//! The fields that a server puts on every response, rendered once a second.

use crate::{date::DateCache, scan};

/// The Server and Date lines of a response's head.
///
/// Rendered anew when the second changes, otherwise copied as they are.
///
/// ```
/// let mut signature = dunlin_codec::Signature::new(b"dunlin");
/// let lines = signature.at(784_111_777).lines();
/// assert_eq!(lines, b"server: dunlin\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
/// ```
#[derive(Clone, Debug)]
pub struct Signature {
    date: DateCache,
    second: u64,
    /// The end of the line before, both lines, and the empty one that ends a head.
    text: Vec<u8>,
    /// Where in `text` the Server line ends.
    server_end: usize,
    /// `text` with zeros behind, where it is so short.
    padded: Option<[u8; 64]>,
}

impl Signature {
    /// Lines with that Server name; an empty name, or one that no field can hold, leaves the Server
    /// line out. Default: no name.
    pub fn new(server: &[u8]) -> Self {
        let mut text = Vec::with_capacity(server.len() + 64);
        text.extend_from_slice(b"\r\n");
        if !server.is_empty() && scan::is_field_value(server) {
            for part in [b"server: ", server, b"\r\n"] {
                text.extend_from_slice(part);
            }
        }
        let (date, server_end) = (DateCache::new(), text.len());
        let mut signature = Self { date, second: 0, text, server_end, padded: None };
        signature.render(0);
        signature
    }

    /// The lines at `second`, counted from the start of 1970 in UTC.
    #[inline]
    pub fn at(&mut self, second: u64) -> &Self {
        if self.second != second {
            self.render(second);
        }
        self
    }

    #[cold]
    fn render(&mut self, second: u64) {
        self.text.truncate(self.server_end);
        for part in [b"date: ", &self.date.at(second)[..], b"\r\n\r\n"] {
            self.text.extend_from_slice(part);
        }
        self.padded = (self.text.len() <= 64).then(|| {
            let mut padded = [0; 64];
            padded[..self.text.len()].copy_from_slice(&self.text);
            padded
        });
        self.second = second;
    }

    /// Both lines.
    pub fn lines(&self) -> &[u8] {
        &self.text[2..self.text.len() - 2]
    }

    /// Appends both lines and the empty one that ends a head, since they stand last in nearly all.
    pub(super) fn append_lines_and_end(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.text[2..]);
    }

    /// The same behind a value whose line has not ended.
    #[inline(always)]
    pub(super) fn append_behind_value(&self, out: &mut Vec<u8>) {
        match &self.padded {
            // Copied with what is behind it, which is taken back: the size is known, so it is no call.
            Some(padded) => {
                let end = out.len() + self.text.len();
                out.extend_from_slice(padded);
                out.truncate(end);
            }
            None => out.extend_from_slice(&self.text),
        }
    }

    /// The same but for the Date line.
    #[inline(always)]
    pub(super) fn append_server_behind_value(&self, out: &mut Vec<u8>) {
        let end = out.len() + self.server_end;
        self.append_behind_value(out);
        out.truncate(end);
        out.extend_from_slice(b"\r\n");
    }

    /// The Server line alone; empty where there is no name.
    pub fn server_line(&self) -> &[u8] {
        &self.text[2..self.server_end]
    }

    /// The Date line alone.
    pub fn date_line(&self) -> &[u8] {
        &self.text[self.server_end..self.text.len() - 2]
    }
}

impl Default for Signature {
    fn default() -> Self {
        Self::new(b"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_follow_the_second() {
        let mut signature = Signature::new(b"a");
        assert_eq!(signature.at(0).date_line(), b"date: Thu, 01 Jan 1970 00:00:00 GMT\r\n");
        assert_eq!(signature.at(1).date_line(), b"date: Thu, 01 Jan 1970 00:00:01 GMT\r\n");
        assert_eq!(signature.server_line(), b"server: a\r\n");
        assert_eq!(Signature::default().at(1).lines(), signature.date_line());
    }

    #[test]
    fn a_name_that_would_split_the_head_is_left_out() {
        assert_eq!(Signature::new(b"a\r\nb").server_line(), b"");
    }
}
