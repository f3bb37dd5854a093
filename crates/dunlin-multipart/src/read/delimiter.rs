//! Finds delimiters in a body that comes in pieces, without copying it.

use bytes::{Buf, Bytes};
use memchr::{memmem, memrchr};

use crate::boundary::Boundary;

/// Looks for `CRLF "--" boundary` (RFC 2046 §5.1.1).
///
/// CR stands in a delimiter once, at its start: so what is left of a piece that may begin one is at
/// most its last CR and what follows, and where that turns out to be payload it begins no other. A
/// number is all that is kept from one piece to the next, since those bytes are the delimiter's own:
/// they come out as a slice of it. Each byte is searched once, by a search that is linear itself.
#[derive(Debug)]
pub(super) struct Delimiter {
    text: Bytes,
    finder: memmem::Finder<'static>,
    /// Bytes of the delimiter that have been seen at the end of the input so far.
    matched: usize,
    /// How many of those are no payload: a line end that came before.
    before: usize,
}

/// What stands at the front of the input.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Found {
    Data(Bytes),
    Delimiter,
    /// Nothing: all of it was looked at.
    More,
}

impl Delimiter {
    pub(super) fn new(boundary: &Boundary) -> Self {
        let text = Bytes::from(format!("\r\n--{boundary}"));
        let finder = memmem::Finder::new(&text).into_owned();
        let mut delimiter = Self { text, finder, matched: 0, before: 0 };
        delimiter.at_line_start();
        delimiter
    }

    /// The boundary without the hyphens before it.
    pub(super) fn boundary(&self) -> String {
        String::from_utf8_lossy(&self.text[4..]).into_owned()
    }

    /// Takes the line end before the next byte for the delimiter's own: at the start of a body, and
    /// behind the empty line that ends headers, where a part of no bytes may end at once.
    pub(super) fn at_line_start(&mut self) {
        (self.matched, self.before) = (2, 2);
    }

    /// Takes what stands at the front of `input` off it.
    pub(super) fn next(&mut self, input: &mut Bytes) -> Found {
        while self.matched > 0 {
            if self.matched == self.text.len() {
                (self.matched, self.before) = (0, 0);
                return Found::Delimiter;
            }
            let Some(byte) = input.first() else { return Found::More };
            if *byte == self.text[self.matched] {
                self.matched += 1;
                input.advance(1);
                continue;
            }
            let payload = self.text.slice(self.before..self.matched);
            (self.matched, self.before) = (0, 0);
            if !payload.is_empty() {
                return Found::Data(payload);
            }
        }
        if input.is_empty() {
            return Found::More;
        }
        if let Some(at) = self.finder.find(input) {
            if at > 0 {
                return Found::Data(input.split_to(at));
            }
            input.advance(self.text.len());
            return Found::Delimiter;
        }
        let tail = input.len().saturating_sub(self.text.len() - 1);
        let data = match memrchr(b'\r', &input[tail..]) {
            Some(at) if self.text.starts_with(&input[tail + at..]) => {
                self.matched = input.len() - (tail + at);
                input.split_to(tail + at)
            }
            _ => std::mem::take(input),
        };
        input.clear();
        if data.is_empty() { Found::More } else { Found::Data(data) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Data and delimiters of `wire`, read in pieces of `read` bytes; neighbouring data joined.
    fn found(wire: &'static str, read: usize) -> Vec<String> {
        let mut delimiter = Delimiter::new(&Boundary::new("b-").unwrap());
        let mut all: Vec<String> = Vec::new();
        let mut joined = false;
        for piece in wire.as_bytes().chunks(read) {
            let mut input = Bytes::from_static(piece);
            loop {
                match delimiter.next(&mut input) {
                    Found::More => break,
                    Found::Delimiter => {
                        all.push("|".to_owned());
                        joined = false;
                    }
                    Found::Data(data) => {
                        let text = std::str::from_utf8(&data).unwrap();
                        match all.last_mut() {
                            Some(last) if joined => last.push_str(text),
                            _ => all.push(text.to_owned()),
                        }
                        joined = true;
                    }
                }
            }
            assert!(input.is_empty());
        }
        all
    }

    #[test]
    fn delimiters_are_found_wherever_the_input_is_cut() {
        for read in 1..20 {
            assert_eq!(found("--b-x\r\n--b-", read), ["|", "x", "|"], "{read}");
            assert_eq!(found("a\r\r\n--b\r\n--\r\n--b--b", read), ["a\r\r\n--b\r\n--", "|", "-b"]);
            assert_eq!(found("-b-\n--b-", read), ["-b-\n--b-"], "a bare LF ends no line");
            assert_eq!(found("\r\n--b-\r\n--b-", read), ["|", "|"]);
        }
    }

    #[test]
    fn payload_is_never_copied() {
        let wire = Bytes::from_static(b"payload\r\nmore\r\n--b-");
        let mut delimiter = Delimiter::new(&Boundary::new("b-").unwrap());
        let mut input = wire.clone();
        let Found::Data(data) = delimiter.next(&mut input) else { panic!("data comes first") };
        assert_eq!((data.as_ptr(), &data[..]), (wire.as_ptr(), &b"payload\r\nmore"[..]));
    }
}
