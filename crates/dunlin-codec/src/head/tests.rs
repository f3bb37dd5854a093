//! What holds for all heads: splits do not matter, work is linear, httparse agrees.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::cell::Cell;

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    HeadError, Limits,
    scan::{Scalar, Scan},
};

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// What a parser made of some bytes: start line, fields and length; or the error; or nothing yet.
type Verdict = Result<Option<(String, Fields, usize)>, HeadError>;

fn small() -> Limits {
    Limits::default().max_line_bytes(64).max_field_bytes(48).max_headers(4).max_head_bytes(160)
}

/// Feeds ever longer prefixes, `step` bytes more each time, but for what was taken off.
fn request_in_steps(wire: &[u8], step: usize, limits: &Limits) -> Verdict {
    let (mut parser, mut fields, mut start) = (RequestParser::new(), Vec::<Field>::new(), 0);
    for end in prefixes(wire, step) {
        let mut input = &wire[start..end];
        if let Some(head) = parser.parse(&mut input, limits, &mut fields)? {
            let line = format!("{:?} {:?}", head.method(), (head.target(), head.version()));
            let own = |f: &Field| (head.field(*f).0.to_vec(), head.field(*f).1.to_vec());
            return Ok(Some((line, fields.iter().map(own).collect(), end - input.len())));
        }
        start = end - input.len();
        assert!(wire[..start].iter().all(|byte| b"\r\n".contains(byte)));
    }
    Ok(None)
}

fn response_in_steps(wire: &[u8], step: usize, limits: &Limits) -> Verdict {
    let (mut parser, mut fields) = (ResponseParser::new(), Vec::new());
    for end in prefixes(wire, step) {
        let mut input = &wire[..end];
        if let Some(head) = parser.parse(&mut input, limits, &mut fields)? {
            let line = format!("{} {:?} {:?}", head.status(), head.reason(), head.version());
            let own = |f: &Field| (head.field(*f).0.to_vec(), head.field(*f).1.to_vec());
            return Ok(Some((line, fields.iter().map(own).collect(), head.bytes().len())));
        }
    }
    Ok(None)
}

fn prefixes(wire: &[u8], step: usize) -> impl Iterator<Item = usize> {
    (step..wire.len()).step_by(step).chain([wire.len()])
}

/// Pieces from which heads come out that are right, nearly right and wrong.
fn piece() -> impl Strategy<Value = &'static [u8]> {
    let pieces: [&[u8]; 28] = [
        b"GET ",
        b"CONNECT a:1 ",
        b"/",
        b"/x?y ",
        b"*",
        b"http://a/",
        b" ",
        b"HTTP/1.1",
        b"HTTP/1.1\r\n",
        b"HTTP/1.0\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 20",
        b"HTTP/2.0 ",
        b"\r\n",
        b"\r",
        b"\n",
        b"Host: a\r\n",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"a",
        b":",
        b"\t",
        b"x-long-name-with-letters",
        b"long value, with \xc3\xa9 inside; and = more",
        b"\0",
        b"\x7f",
        b"#",
        b"(",
    ];
    proptest::sample::select(pieces.to_vec())
}

fn wire() -> impl Strategy<Value = Vec<u8>> {
    let begun = proptest::sample::select(alloc::vec![
        &b""[..],
        b"GET / HTTP/1.1\r\nHost: a\r\n",
        b"HTTP/1.1 200 OK\r\n"
    ]);
    (begun, vec(piece(), 0..10), any::<bool>()).prop_map(|(begun, pieces, ended)| {
        [begun, &pieces.concat(), if ended { b"\r\n\r\n" } else { b"" }].concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    /// Where reads split a head never changes what comes out, be it a head or an error.
    #[test]
    fn split_points_do_not_matter(wire in wire(), step in 1usize..9) {
        for limits in [Limits::default(), small()] {
            let whole = request_in_steps(&wire, usize::MAX, &limits);
            prop_assert_eq!(request_in_steps(&wire, step, &limits), whole);
            let whole = response_in_steps(&wire, usize::MAX, &limits);
            prop_assert_eq!(response_in_steps(&wire, step, &limits), whole);
        }
    }

    /// The same for bytes that were never meant as a head; and none of them panic.
    #[test]
    fn any_bytes_parse_the_same_when_split(wire in vec(any::<u8>(), 0..64), step in 1usize..5) {
        let limits = Limits::default().max_line_bytes(16).max_field_bytes(16).max_head_bytes(40);
        let whole = request_in_steps(&wire, usize::MAX, &limits);
        prop_assert_eq!(request_in_steps(&wire, step, &limits), whole);
        let whole = response_in_steps(&wire, usize::MAX, &limits);
        prop_assert_eq!(response_in_steps(&wire, step, &limits), whole);
    }

    /// Whatever is accepted here httparse accepts, with the same fields.
    #[test]
    fn httparse_accepts_the_same_heads(wire in wire()) {
        let own = |headers: &[httparse::Header<'_>]| -> Fields {
            headers.iter().map(|h| (h.name.as_bytes().to_vec(), h.value.to_vec())).collect()
        };
        let mut headers = [httparse::EMPTY_HEADER; 16];
        if let Ok(Some((_, fields, len))) = request_in_steps(&wire, usize::MAX, &Limits::default()) {
            let mut theirs = httparse::Request::new(&mut headers);
            prop_assert_eq!(theirs.parse(&wire), Ok(httparse::Status::Complete(len)));
            prop_assert_eq!(own(theirs.headers), fields);
        }
        let mut headers = [httparse::EMPTY_HEADER; 16];
        if let Ok(Some((line, fields, len))) =
            response_in_steps(&wire, usize::MAX, &Limits::default())
        {
            let mut theirs = httparse::Response::new(&mut headers);
            prop_assert_eq!(theirs.parse(&wire), Ok(httparse::Status::Complete(len)));
            let code = theirs.code.unwrap_or(0).to_string();
            prop_assert_eq!(Some(&*code), line.get(..3));
            prop_assert_eq!(own(theirs.headers), fields);
        }
    }
}

/// Counts how many bytes the questions to a scanner went over.
struct Counting<'c, S> {
    inner: S,
    bytes: &'c Cell<usize>,
}

impl<S> Counting<'_, S> {
    fn count(&mut self, from: usize, ask: impl FnOnce(&mut S) -> usize) -> usize {
        let end = ask(&mut self.inner);
        // A question costs its run and the byte that ends it.
        self.bytes.set(self.bytes.get() + end - from + 1);
        end
    }
}

impl<S: Scan> Scan for Counting<'_, S> {
    fn token_end(&mut self, from: usize) -> usize {
        self.count(from, |scan| scan.token_end(from))
    }

    fn target_end(&mut self, from: usize) -> usize {
        self.count(from, |scan| scan.target_end(from))
    }

    fn field_end(&mut self, from: usize) -> usize {
        self.count(from, |scan| scan.field_end(from))
    }
}

#[test]
fn a_head_fed_byte_by_byte_costs_linear_work() {
    let long = "v".repeat(8000);
    let wire = format!("GET /{long} HTTP/1.1\r\nHost: a\r\n{long}: 1\r\nx: {long}\r\n\r\n");
    let (bytes, mut parser) = (Cell::new(0), RequestParser::new());
    for end in 1..=wire.len() {
        let input = &wire.as_bytes()[..end];
        let scan = Counting { inner: Scalar::new(input), bytes: &bytes };
        let head = parser.step(input, scan, &Limits::default(), &mut ()).unwrap();
        assert_eq!(head.is_some(), end == wire.len());
    }
    // Each byte in its run, and again as the one that the next call starts with.
    assert!(bytes.get() <= 2 * wire.len() + 64, "{} for {}", bytes.get(), wire.len());
}
