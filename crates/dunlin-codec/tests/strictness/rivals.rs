//! What llhttp and picohttpparser make of a row, asked of the program in `rivals.c`.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::table::{Kind, Row};
use crate::verdicts::{self, CALLER};

/// The program, which answers one question after the other.
pub(crate) struct Rivals {
    child: Child,
    pipes: RefCell<(ChildStdin, BufReader<ChildStdout>)>,
}

/// The letters by which the tables name llhttp's lenient flags.
const FLAGS: [(char, u32); 11] = [
    ('H', 0x1),
    ('L', 0x2),
    ('K', 0x4),
    ('T', 0x8),
    ('V', 0x10),
    ('D', 0x20),
    ('F', 0x40),
    ('N', 0x80),
    ('C', 0x100),
    ('S', 0x200),
    ('R', 0x400),
];

/// Paused, for it has met an upgrade.
const UPGRADED: i64 = 22;

struct Answer {
    error: i64,
    has_head: bool,
    complete: u32,
    keeps: bool,
    upgrades: bool,
    chunked: bool,
    has_length: bool,
    has_coding: bool,
    needs_eof: bool,
    fails_at_end: bool,
    length: u64,
    value: Vec<u8>,
    names: Vec<u8>,
    body: Vec<u8>,
    pico: i64,
    pico_text: Vec<u8>,
}

impl Rivals {
    pub(crate) fn start(program: &std::ffi::OsStr) -> Self {
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let pipes = (child.stdin.take(), child.stdout.take());
        let (Some(input), Some(output)) = pipes else { unreachable!("both are piped") };
        Self { child, pipes: RefCell::new((input, BufReader::new(output))) }
    }

    fn ask(&self, row: &Row, flags: u32, step: usize) -> Answer {
        let what = match row.kind {
            Kind::Response | Kind::ResponseFraming | Kind::Responses | Kind::Cut => "response",
            kind if is_chunked(kind) => "chunks",
            _ => "request",
        };
        let ends = u8::from(row.kind == Kind::Cut);
        let hex: String = row.wire.iter().map(|byte| format!("{byte:02x}")).collect();
        let (input, output) = &mut *self.pipes.borrow_mut();
        writeln!(input, "{what} {flags} {ends} {step} {hex}").expect("it listens");
        let mut line = String::new();
        output.read_line(&mut line).expect("it answers");
        let mut parts = line.split_whitespace();
        let mut next = || parts.next().expect("an answer has sixteen parts");
        let number = |text: &str| text.parse::<i64>().expect("a number");
        Answer {
            error: number(next()),
            has_head: next() != "0",
            complete: number(next()) as u32,
            keeps: next() != "0",
            upgrades: next() != "0",
            chunked: next() != "0",
            has_length: next() != "0",
            has_coding: next() != "0",
            needs_eof: next() != "0",
            fails_at_end: next() != "0",
            length: next().parse().expect("a length"),
            value: unhex(next()),
            names: unhex(next()),
            body: unhex(next()),
            pico: number(next()),
            pico_text: unhex(next()),
        }
    }

    /// llhttp's verdict, and which of its flags would change it.
    pub(crate) fn llhttp(&self, row: &Row) -> String {
        let verdict = llhttp(row, &self.ask(row, 0, 0));
        assert_eq!(verdict, llhttp(row, &self.ask(row, 0, 1)), "{} in bytes", row.example);
        if verdict != "rejects" {
            return verdict;
        }
        // One of them makes it read on behind a NUL for ever.
        let is_tried = |flag: u32| flag != 0x400 || !row.wire.contains(&0);
        let changes =
            |flag: u32| is_tried(flag) && llhttp(row, &self.ask(row, flag, 0)) != "rejects";
        let letters: Vec<_> =
            FLAGS.iter().filter(|(_, flag)| changes(*flag)).map(|(c, _)| c.to_string()).collect();
        if letters.is_empty() { verdict } else { format!("rejects ({})", letters.join(", ")) }
    }

    pub(crate) fn picohttpparser(&self, row: &Row) -> String {
        let Answer { pico, pico_text, .. } = self.ask(row, 0, 0);
        match (pico, row.kind) {
            (-1, _) => "rejects".into(),
            (_, Kind::Cut) => CALLER.into(),
            (-2, _) => "waits".into(),
            (_, Kind::Request | Kind::Response | Kind::Trailers) => "accepts".into(),
            (_, Kind::Value) => verdicts::shown(&pico_text),
            (_, Kind::Chunks | Kind::ChunkSize) => verdicts::shown_unless(&pico_text, b"hello"),
            _ => CALLER.into(),
        }
    }
}

impl Drop for Rivals {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn llhttp(row: &Row, answer: &Answer) -> String {
    if answer.error != 0 && answer.error != UPGRADED {
        return "rejects".into();
    }
    match row.kind {
        kind if is_chunked(kind) && answer.complete == 0 => "waits".into(),
        Kind::ChunkSize | Kind::Chunks => verdicts::shown_unless(&answer.body, b"hello"),
        Kind::ChunkBounds => CALLER.into(),
        Kind::Trailers => "accepts".into(),
        Kind::TrailerNames => {
            let names = String::from_utf8_lossy(&answer.names);
            verdicts::names(&names.lines().map(String::from).collect::<Vec<_>>())
        }
        Kind::Cut if answer.fails_at_end => "rejects".into(),
        Kind::Cut if answer.complete == 0 && !answer.has_head => CALLER.into(),
        Kind::Cut => "accepts".into(),
        _ if !answer.has_head => "waits".into(),
        Kind::Meaning | Kind::Expectation => CALLER.into(),
        // It would have to be told the method.
        Kind::ResponseFraming if matches!(&row.method[..], "HEAD" | "CONNECT") => CALLER.into(),
        Kind::Framing | Kind::ResponseFraming if answer.error == UPGRADED => {
            "accepts: tunnel".into()
        }
        Kind::Framing | Kind::ResponseFraming if answer.complete > 0 => "accepts: no body".into(),
        Kind::Framing | Kind::ResponseFraming if answer.chunked => "accepts: chunked".into(),
        Kind::Framing | Kind::ResponseFraming if answer.has_length && !answer.has_coding => {
            format!("accepts: length {}", answer.length)
        }
        Kind::Framing | Kind::ResponseFraming if answer.needs_eof => "accepts: until close".into(),
        Kind::Persistence if answer.keeps => "accepts: persists".into(),
        Kind::Persistence => "accepts: closes".into(),
        Kind::Upgrade if answer.upgrades => "accepts: upgrade".into(),
        Kind::Upgrade => "accepts: ignored".into(),
        Kind::Value => verdicts::shown(&answer.value),
        Kind::Responses if answer.error == UPGRADED => "accepts: upgrade".into(),
        Kind::Requests | Kind::Responses => verdicts::messages(answer.complete),
        _ => "accepts".into(),
    }
}

fn is_chunked(kind: Kind) -> bool {
    use Kind::{ChunkBounds, ChunkSize, Chunks, TrailerNames, Trailers};
    matches!(kind, ChunkBounds | ChunkSize | Chunks | TrailerNames | Trailers)
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal");
    (0..digits.len()).step_by(2).map(byte).collect()
}
