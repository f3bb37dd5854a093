//! No input makes more work than linear: instructions on adversarial inputs of growing size.
//!
//! `cargo bench -p dunlin-codec --bench linear` counts them with valgrind for each input at a size
//! and at twice that, and fails where the second takes more than 2.2 times the first.
//! `cargo test -p dunlin-codec --bench linear` does so for a build without optimisation and for
//! smaller inputs, which is quicker. Where there is no valgrind it compares times at a size and at four
//! times that, which says less.
//! An argument picks the inputs whose names contain it.

use std::{
    env, fs,
    hint::black_box,
    path::Path,
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use dunlin_codec::{
    BodyDecoder, BodyEvent, BodyLen, ClientConn, ClientEvent, EncodeCtx, Event, Framing,
    HeadDecoder, Leniency, Limits, Method, RequestCtx, RequestParser, ResponseHeadDecoder,
    ResponseParser, SendCtx, ServerConn, encode_request, encode_response,
};
use dunlin_core::{Headers, RequestHead, ResponseHead};
use http::{HeaderName, HeaderValue};

/// Twice the bytes may cost twice the work, and a little for what grows in steps.
const MOST: f64 = 2.2;
/// The same for four times the bytes and for times, which vary; squares would be 16.
const MOST_TIME: f64 = 12.0;

/// Work on an input of that many bytes or a few less.
type Prepare = fn(usize) -> Box<dyn Fn()>;

const CASES: &[(&str, Prepare)] = &[
    ("request/tiny fields", |n| of_request(GET, n, b"a:b\r\n", b"\r\n", WHOLE)),
    ("request/tiny fields by the byte", |n| of_request(GET, n, b"a:b\r\n", b"\r\n", 1)),
    ("request/long value", |n| {
        of_request(b"GET / HTTP/1.1\r\nHost: a\r\nX: ", n, b"v", END, WHOLE)
    }),
    ("request/long value by the byte", |n| {
        of_request(b"GET / HTTP/1.1\r\nHost: a\r\nX: ", n, b"v", END, 1)
    }),
    ("request/blank value by the byte", |n| {
        of_request(b"GET / HTTP/1.1\r\nHost: a\r\nX:", n, b" ", END, 1)
    }),
    ("request/long name by the byte", |n| {
        of_request(b"GET / HTTP/1.1\r\nHost: a\r\nX", n, b"_", b": v\r\n\r\n", 1)
    }),
    ("request/long target", |n| {
        of_request(b"GET /", n, b"t", b"? HTTP/1.1\r\nHost: a\r\n\r\n", WHOLE)
    }),
    ("request/long target by the byte", |n| {
        of_request(b"GET /", n, b"t", b"? HTTP/1.1\r\nHost: a\r\n\r\n", 1)
    }),
    ("request/connection options", |n| {
        of_request(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: x", n, b",x", END, WHOLE)
    }),
    ("request/connection fields", |n| of_request(GET, n, b"Connection: x\r\n", b"\r\n", WHOLE)),
    ("request/upgrade fields", |n| of_request(GET, n, b"Upgrade: x\r\n", b"\r\n", WHOLE)),
    ("owned request/tiny fields", |n| of_owned_request(GET, n, b"a:b\r\n", b"\r\n", WHOLE)),
    ("owned request/tiny fields by the byte", |n| of_owned_request(GET, n, b"a:b\r\n", b"\r\n", 1)),
    ("response/tiny fields", |n| of_response(OK, n, b"a:b\r\n", b"\r\n", WHOLE)),
    ("response/tiny fields by the byte", |n| of_response(OK, n, b"a:b\r\n", b"\r\n", 1)),
    ("response/long reason by the byte", |n| of_response(b"HTTP/1.1 200 ", n, b"r", END, 1)),
    ("response/long value by the byte", |n| {
        of_response(b"HTTP/1.1 200 OK\r\nX: ", n, b"v", END, 1)
    }),
    ("lenient/fault in front, by the byte", |n| {
        of_lenient(b"HTTP/1.1 200 OK\r\nA : b\r\n", n, b"a:b\r\n", b"\r\n", 1)
    }),
    ("lenient/almost ends, by the byte", |n| {
        of_lenient(b"HTTP/1.1 200 OK\r\nA : b\r\n", n, b"\r", END, 1)
    }),
    ("lenient/folds", |n| of_lenient(b"HTTP/1.1 200 OK\r\nA: b\r\n", n, b" c\r\n", b"\r\n", WHOLE)),
    ("lenient/invalid lines", |n| of_lenient(OK, n, b"x\r\n", b"\r\n", WHOLE)),
    ("lenient/equal lengths", |n| of_lenient(OK, n, b"Content-Length: 5\r\n", b"\r\n", WHOLE)),
    ("lenient/list of lengths", |n| {
        of_lenient(b"HTTP/1.1 200 OK\r\nContent-Length: 5", n, b",5", END, WHOLE)
    }),
    ("lenient/status blanks", |n| of_lenient(b"HTTP/1.1", n, b" ", b"200 OK\r\n\r\n", WHOLE)),
    ("chunked/tiny chunks", |n| of_chunked(b"", n, b"1\r\na\r\n", b"0\r\n\r\n", WHOLE)),
    ("chunked/tiny chunks by the byte", |n| of_chunked(b"", n, b"1\r\na\r\n", b"0\r\n\r\n", 1)),
    ("chunked/extensions by the byte", |n| of_chunked(b"1", n, b";a=b", b"\r\na\r\n0\r\n\r\n", 1)),
    ("chunked/quoted extension by the byte", |n| {
        of_chunked(b"1;a=\"", n, b"q", b"\"\r\na\r\n0\r\n\r\n", 1)
    }),
    ("trailers", |n| of_chunked(b"0\r\n", n, b"a:b\r\n", b"\r\n", WHOLE)),
    ("trailers by the byte", |n| of_chunked(b"0\r\n", n, b"a:b\r\n", b"\r\n", 1)),
    ("server/pipelined", |n| {
        of_server(n, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", WHOLE)
    }),
    ("server/pipelined by the byte", |n| {
        of_server(n, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 1)
    }),
    ("server/tiny bodies", |n| {
        of_server(n, b"PUT / HTTP/1.1\r\nHost:\r\nContent-Length: 1\r\n\r\na", WHOLE)
    }),
    ("client/interims", |n| of_client(n, WHOLE)),
    ("client/interims by the byte", |n| of_client(n, 1)),
    ("encode request/many fields", |n| of_encode_request(n, "x", "v")),
    ("encode request/connection fields", |n| of_encode_request(n, "connection", "x")),
    ("encode response/many fields", |n| of_encode_response(n, "x", "v")),
    ("encode response/connection fields", |n| of_encode_response(n, "connection", "x")),
    ("encode response/received fields", of_forward),
];

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\n";
const END: &[u8] = b"\r\n\r\n";
const WHOLE: usize = usize::MAX;
/// For whatever an encoder writes: how an allocator grows it is not what is counted.
const ROOM: usize = 1 << 18;

/// Says to a process of this program that it is to do the work, so that somebody can count.
const COUNTED: &str = "DUNLIN_LINEAR_COUNTED";

fn main() -> ExitCode {
    let filter = env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_default();
    let cases: Vec<_> = CASES.iter().filter(|(name, _)| name.contains(&filter)).collect();
    // Twice that is what a head may have.
    let size = if cfg!(debug_assertions) { 4_000 } else { 28_000 };
    if env::var_os(COUNTED).is_some() {
        for (_, prepare) in cases {
            for size in [size, 2 * size] {
                let work = prepare(size);
                linear_mark();
                work();
                linear_mark();
            }
        }
        return ExitCode::SUCCESS;
    }
    let (costs, unit, most) = match count(&filter, cases.len()) {
        Some(costs) => (costs, "instructions", MOST),
        None => {
            println!(
                "valgrind is not there, or cannot run this: comparing times at four times the size"
            );
            (cases.iter().map(|(_, prepare)| time(*prepare, size)).collect(), "ns", MOST_TIME)
        }
    };
    let mut code = ExitCode::SUCCESS;
    for ((name, _), [one, two]) in cases.iter().zip(costs) {
        let ratio = two as f64 / one.max(1) as f64;
        let verdict = if ratio <= most { "" } else { "  MORE THAN LINEAR" };
        println!("{name:40} {one:>12} to {two:>12} {unit}, {ratio:.2} times{verdict}");
        if ratio > most {
            code = ExitCode::FAILURE;
        }
    }
    code
}

/// Instructions for each case at one size and at twice that.
fn count(filter: &str, cases: usize) -> Option<Vec<[u64; 2]>> {
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("linear-{}", std::process::id()));
    fs::create_dir_all(&folder).ok()?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--dump-before=*linear_mark*"])
        .arg(format!("--callgrind-out-file={}", folder.join("counts").display()))
        .arg(env::current_exe().ok()?)
        .arg(filter)
        .env(COUNTED, "1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output();
    // Each second dump is of work, the others are of what stands between.
    let total = |work: usize| {
        let text = fs::read_to_string(folder.join(format!("counts.{}", 2 * work + 2))).ok()?;
        text.lines().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
    };
    let counts = output.ok().filter(|output| output.status.success()).and_then(|_| {
        (0..cases).map(|case| Some([total(2 * case)?, total(2 * case + 1)?])).collect()
    });
    // Nobody needs them any more; what stays behind goes with the target folder.
    let _ = fs::remove_dir_all(&folder);
    counts
}

/// Where counting starts and where it ends; valgrind knows it by its name.
#[inline(never)]
fn linear_mark() {
    black_box(());
}

/// Nanoseconds for half the size and for twice that size, the best of several runs of both in turn.
fn time(prepare: Prepare, size: usize) -> [u64; 2] {
    let works = [prepare(size / 2), prepare(2 * size)];
    let mut best = [Duration::MAX; 2];
    for _ in 0..15 {
        for (work, best) in works.iter().zip(&mut best) {
            let start = Instant::now();
            work();
            *best = start.elapsed().min(*best);
        }
    }
    best.map(|time| time.as_nanos() as u64)
}

/// `front`, and as many of `piece` and then `end` as make `n` bytes.
fn wire(front: &[u8], n: usize, piece: &[u8], end: &[u8]) -> Vec<u8> {
    let pieces = (n - front.len() - end.len()) / piece.len();
    [front, &piece.repeat(pieces), end].concat()
}

fn of_request(front: &[u8], n: usize, piece: &[u8], end: &[u8], read: usize) -> Box<dyn Fn()> {
    let wire = wire(front, n, piece, end);
    Box::new(move || {
        let (mut parser, mut fields, mut is_done) = (RequestParser::new(), Vec::new(), false);
        in_reads(&wire, read, |input| {
            if let Some(head) = parser.parse(input, &limits(), &mut fields).expect("a valid head") {
                is_done = head.facts(&fields).is_ok();
            }
            false
        });
        assert!(is_done);
    })
}

fn of_owned_request(
    front: &[u8],
    n: usize,
    piece: &[u8],
    end: &[u8],
    read: usize,
) -> Box<dyn Fn()> {
    let wire = wire(front, n, piece, end);
    Box::new(move || {
        let (mut decoder, mut is_done) = (HeadDecoder::new(), false);
        in_reads(&wire, read, |input| {
            is_done = decoder.decode(input, &limits()).expect("a valid head").is_some();
            false
        });
        assert!(is_done);
    })
}

fn of_response(front: &[u8], n: usize, piece: &[u8], end: &[u8], read: usize) -> Box<dyn Fn()> {
    let wire = wire(front, n, piece, end);
    Box::new(move || {
        let (mut parser, mut fields, mut is_done) = (ResponseParser::new(), Vec::new(), false);
        in_reads(&wire, read, |input| {
            if let Some(head) = parser.parse(input, &limits(), &mut fields).expect("a valid head") {
                let facts = head.facts(&fields);
                is_done = facts.response_framing(200, Method::Get) == Ok(Framing::UntilClose);
            }
            false
        });
        assert!(is_done);
    })
}

/// May end with an error, for which the decoder has to have looked at everything.
fn of_lenient(front: &[u8], n: usize, piece: &[u8], end: &[u8], read: usize) -> Box<dyn Fn()> {
    let wire = wire(front, n, piece, end);
    Box::new(move || {
        let decoder = ResponseHeadDecoder::new();
        let (mut decoder, mut is_done) = (decoder.lenient(Leniency::ALL), false);
        in_reads(&wire, read, |input| {
            assert!(!is_done, "it is known too soon");
            is_done = !matches!(decoder.decode(input, &limits()), Ok(None));
            false
        });
        assert!(is_done);
    })
}

fn of_chunked(front: &[u8], n: usize, piece: &[u8], end: &[u8], read: usize) -> Box<dyn Fn()> {
    let wire = wire(front, n, piece, end);
    Box::new(move || {
        let (mut decoder, mut is_done) = (BodyDecoder::new(Framing::Chunked, &limits()), false);
        in_reads(&wire, read, |input| match decoder.decode(input).expect("valid chunks") {
            Some(BodyEvent::Trailers(trailers)) => trailers.iter().count() > 0,
            Some(BodyEvent::Data(_)) => true,
            Some(BodyEvent::End) => {
                is_done = true;
                false
            }
            None => false,
        });
        assert!(is_done);
    })
}

fn of_server(n: usize, request: &[u8], read: usize) -> Box<dyn Fn()> {
    let requests = n / request.len();
    let wire = request.repeat(requests);
    Box::new(move || {
        let (mut conn, mut out, mut answers) = (ServerConn::new(limits().into()), Vec::new(), 0);
        in_reads(&wire, read, |input| {
            let is_over = match conn.next_event(input).expect("valid requests") {
                Some(Event::Head { framing, .. }) => framing.is_empty(),
                Some(event) => matches!(event, Event::End),
                None => return false,
            };
            if is_over {
                let head = ResponseHead::default();
                conn.send_whole(&head, b"", SendCtx::default(), &mut out).expect("it is due");
                answers += 1;
            }
            true
        });
        assert_eq!(answers, requests);
    })
}

fn of_client(n: usize, read: usize) -> Box<dyn Fn()> {
    let end = b"HTTP/1.1 204 No Content\r\n\r\n";
    let wire = wire(b"", n, b"HTTP/1.1 103 \r\n\r\n", end);
    Box::new(move || {
        let (mut conn, mut out) = (ClientConn::new(limits().into()), Vec::new());
        let head = RequestHead::new(http::Method::GET, "http://a/".parse().expect("a target"));
        conn.send_whole(&head, b"", RequestCtx::default(), &mut out).expect("a valid request");
        let mut is_done = false;
        in_reads(&wire, read, |input| {
            let event = conn.next_event(input).expect("valid responses");
            is_done |= matches!(event, Some(ClientEvent::Head { .. }));
            event.is_some()
        });
        assert!(is_done && conn.is_reusable());
    })
}

/// As many fields as make `n` bytes, each with a name of its own unless that has a meaning. One at the end
/// makes the encoder look at all of them: a run that goes out as it is would be one copy, whose instructions
/// depend on where it lies.
fn fields(n: usize, name: &str, value: &str) -> Headers {
    let names = (0..n / 12).map(|i| if name == "x" { format!("x-{i:06}") } else { name.into() });
    let value = HeaderValue::from_str(value).expect("a value");
    names
        .chain(["keep-alive".to_owned()])
        .map(|name| (name.parse::<HeaderName>().expect("a token"), value.clone()))
        .collect()
}

fn of_encode_request(n: usize, name: &str, value: &str) -> Box<dyn Fn()> {
    let mut head = RequestHead::new(http::Method::GET, "http://a/".parse().expect("a target"));
    *head.headers_mut() = fields(n, name, value);
    Box::new(move || {
        let mut out = Vec::with_capacity(ROOM);
        let _no_body = encode_request(&head, BodyLen::Exact(0), &RequestCtx::default(), &mut out)
            .expect("a valid request");
        black_box(out);
    })
}

fn of_encode_response(n: usize, name: &str, value: &str) -> Box<dyn Fn()> {
    let mut head = ResponseHead::default();
    head.headers = fields(n, name, value);
    encode(head)
}

fn encode(head: ResponseHead) -> Box<dyn Fn()> {
    Box::new(move || {
        let mut out = Vec::with_capacity(ROOM);
        let _no_body = encode_response(&head, BodyLen::Exact(0), &EncodeCtx::default(), &mut out)
            .expect("a valid response");
        black_box(out);
    })
}

/// A head that was received, and is sent on.
fn of_forward(n: usize) -> Box<dyn Fn()> {
    let wire = wire(OK, n, b"a:b\r\n", b"\r\n");
    let head = ResponseHeadDecoder::new().decode(&mut &wire[..], &limits());
    encode(head.expect("a valid head").expect("a whole head").0)
}

/// Hands `wire` over in reads of that size; `take` says whether it is to be asked again at once.
fn in_reads(wire: &[u8], read: usize, mut take: impl FnMut(&mut &[u8]) -> bool) {
    let (mut start, mut end) = (0, 0);
    while end < wire.len() {
        end = end.saturating_add(read).min(wire.len());
        let mut input = &wire[start..end];
        while take(&mut input) {}
        start = end - input.len();
    }
}

/// No bound but those that positions in a head have.
fn limits() -> Limits {
    Limits::default()
        .max_line_bytes(usize::MAX)
        .max_field_bytes(usize::MAX)
        .max_headers(u16::MAX)
        .max_chunk_line_bytes(usize::MAX)
        .max_chunk_ext_bytes(usize::MAX)
        .max_trailer_bytes(usize::MAX)
        .max_interims(u16::MAX)
}
