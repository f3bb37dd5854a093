//! What holds for all heads: splits do not matter, work is linear, httparse agrees.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use std::sync::{Mutex, MutexGuard, PoisonError};

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    HeadError, Limits,
    scan::{self, Level},
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

/// The level holds for the whole process: nobody counts work while another test changes it.
fn level() -> MutexGuard<'static, ()> {
    static LEVEL: Mutex<()> = Mutex::new(());
    LEVEL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes looked at while `wire` comes in reads of `step` bytes.
fn work(wire: &[u8], step: usize) -> usize {
    scan::work::take();
    let _ = request_in_steps(wire, step, &Limits::default());
    scan::work::take()
}

#[test]
fn a_head_in_pieces_costs_linear_work() {
    let _level = level();
    let long = "v".repeat(8000);
    let wire = format!("GET /{long} HTTP/1.1\r\nHost: a\r\n{long}: 1\r\nx: {long}\r\n\r\n");
    for step in [1, 2, 7, 64, 1000, usize::MAX] {
        // Ahead in blocks, line by line where one is cut, and as the byte that the next read starts with.
        let bytes = work(wire.as_bytes(), step);
        assert!(bytes <= 4 * wire.len() + 64, "{bytes} for {} by {step}", wire.len());
    }
}

/// What leads a parser off its usual way, over and over.
#[test]
fn no_head_of_twice_the_length_costs_more_than_twice_the_work() {
    let _level = level();
    let limits = Limits::default();
    let lines: [&[u8]; 9] = [
        b"a:b\r\n",
        b"a: b \r\n",
        b"a:\t\t\tb\r\n",
        b"a_b: c\r\n",
        b"x!$%: \r\n",
        b"a: \xff\xfe\r\n",
        b"a: b\tc\r\n",
        b"a:\r\n",
        b"abcdefghijklmnopqrstuvwxyz0123456789: abcdefghijklmnopqrstuvwxyz0123456789\r\n",
    ];
    for line in lines {
        for step in [1, 3, 64, 500, usize::MAX] {
            let cost = |count: u16| {
                let wire = [b"GET / HTTP/1.1\r\n", &*line.repeat(count.into()), b"\r\n"].concat();
                scan::work::take();
                let limits = limits.max_headers(count);
                assert!(request_in_steps(&wire, step, &limits).unwrap().is_some());
                scan::work::take()
            };
            let (once, twice) = (cost(200), cost(400));
            assert!(twice <= 2 * once + 256, "{twice} after {once} for {line:?} by {step}");
        }
    }
}

/// The level decides how fast a head is parsed, and on nothing else.
#[test]
fn all_levels_make_the_same_of_a_head() {
    let _level = level();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(512));
    runner
        .run(&wire(), |wire| {
            let in_use = Level::in_use();
            let verdicts = Level::ALL.map(|level| {
                level.force().then(|| {
                    let request = request_in_steps(&wire, usize::MAX, &Limits::default());
                    (request, response_in_steps(&wire, usize::MAX, &Limits::default()))
                })
            });
            in_use.force();
            for verdict in verdicts.iter().flatten() {
                prop_assert_eq!(verdict, verdicts[0].as_ref().expect("always available"));
            }
            Ok(())
        })
        .unwrap();
}
