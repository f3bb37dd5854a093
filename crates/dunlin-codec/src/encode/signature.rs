//! The fields that a server puts on every response, rendered once a second.

use crate::{date::DateCache, scan};

/// The Server and Date lines of a response's head.
///
/// Rendered anew when the second or the name changes, otherwise copied as they are.
///
/// ```
/// let mut signature = dunlin_codec::Signature::new();
/// let lines = signature.at(784_111_777, b"dunlin").lines();
/// assert_eq!(lines, b"server: dunlin\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Signature {
    date: DateCache,
    second: Option<u64>,
    lines: Vec<u8>,
    /// Bytes of `lines` that are the Server line.
    server: usize,
}

const SERVER: &[u8] = b"server: ";

impl Signature {
    /// A signature that has not been rendered.
    pub const fn new() -> Self {
        Self { date: DateCache::new(), second: None, lines: Vec::new(), server: 0 }
    }

    /// The lines at `second`, counted from the start of 1970 in UTC, with that name; an empty name, or
    /// one that no field can hold, leaves the Server line out.
    #[inline]
    pub fn at(&mut self, second: u64, server: &[u8]) -> &Self {
        if self.second != Some(second) || self.name() != server {
            self.render(second, server);
        }
        self
    }

    #[cold]
    fn render(&mut self, second: u64, server: &[u8]) {
        self.lines.clear();
        if !server.is_empty() && scan::is_field_value(server) {
            for part in [SERVER, server, b"\r\n"] {
                self.lines.extend_from_slice(part);
            }
        }
        self.server = self.lines.len();
        for part in [b"date: ", &self.date.at(second)[..], b"\r\n"] {
            self.lines.extend_from_slice(part);
        }
        self.second = Some(second);
    }

    fn name(&self) -> &[u8] {
        self.lines.get(SERVER.len()..self.server.wrapping_sub(2)).unwrap_or_default()
    }

    /// Both lines.
    #[inline]
    pub fn lines(&self) -> &[u8] {
        &self.lines
    }

    /// The Server line alone; empty where there is no name.
    pub fn server_line(&self) -> &[u8] {
        &self.lines[..self.server]
    }

    /// The Date line alone.
    pub fn date_line(&self) -> &[u8] {
        &self.lines[self.server..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_follow_the_second_and_the_name() {
        let mut signature = Signature::new();
        assert_eq!(signature.at(0, b"a").server_line(), b"server: a\r\n");
        assert_eq!(signature.at(0, b"bc").server_line(), b"server: bc\r\n");
        assert_eq!(signature.at(0, b"").lines(), b"date: Thu, 01 Jan 1970 00:00:00 GMT\r\n");
        assert_eq!(signature.at(1, b"").date_line(), b"date: Thu, 01 Jan 1970 00:00:01 GMT\r\n");
    }

    #[test]
    fn a_name_that_would_split_the_head_is_left_out() {
        assert_eq!(Signature::new().at(0, b"a\r\nb").server_line(), b"");
    }
}
