//! Memory of the testbed under ten minutes of everything at once, aborted requests among it.
//!
//! `cargo bench -p dunlin-benches --bench soak` runs for 10 minutes, `-- 3` for as many. 32 clients do one
//! thing after the other, drawn at random: pipelined and single requests, streams, uploads, events and
//! WebSockets, and the same given up in the middle, with a FIN or a reset. Fails where an exchange that is
//! not given up fails, or where the resident memory of a minute, from the third on, is not within 5 % of
//! the second's.

#[path = "common/testbed.rs"]
mod testbed;

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use testbed::Testbed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const CLIENTS: u64 = 32;
/// Between two samples of the memory.
const SAMPLE: Duration = Duration::from_millis(500);
/// How far a minute's memory may be from that of the second.
const BOUND: f64 = 0.05;
/// How long an exchange may take at most.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    // Cargo says it, unless it tests.
    if !std::env::args().any(|arg| arg == "--bench") {
        return ExitCode::SUCCESS;
    }
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let minutes = args.next().map_or(10, |arg| arg.parse().expect("a number of minutes"));
    match run(minutes) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(minutes: usize) -> io::Result<bool> {
    // Heads that never come to their end are cut sooner than anybody's patience ends.
    let server = Testbed::start(&["--head-timeout", "2"])?;
    let tally = Arc::new(Tally::default());
    let clients = {
        let (tally, address) = (Arc::clone(&tally), server.address);
        thread::spawn(move || soak(address, &tally))
    };
    println!("resident before: {}\n", mib(server.resident()?));
    println!("| minute | whole | given up | resident, MiB: median | least | most | to minute 2 |");
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let (mut second, mut is_flat) = (None, true);
    for minute in 1..=minutes {
        let before = (tally.whole.load(Relaxed), tally.given_up.load(Relaxed));
        let mut samples = Vec::new();
        for _ in 0..Duration::from_secs(60).as_millis() / SAMPLE.as_millis() {
            thread::sleep(SAMPLE);
            samples.push(server.resident()?);
        }
        samples.sort_unstable();
        let median = samples[samples.len() / 2];
        let whole = tally.whole.load(Relaxed) - before.0;
        let given_up = tally.given_up.load(Relaxed) - before.1;
        let (least, most) = (mib(samples[0]), mib(samples[samples.len() - 1]));
        if minute == 2 {
            second = Some(median);
        }
        let change = second.map(|second| median as f64 / second as f64 - 1.0);
        is_flat &= change.is_none_or(|change| change.abs() <= BOUND);
        let change = change.map_or_else(String::new, |change| format!("{:+.1} %", change * 100.0));
        let median = mib(median);
        println!("| {minute} | {whole} | {given_up} | {median} | {least} | {most} | {change} |");
    }
    tally.is_over.store(true, Relaxed);
    clients.join().expect("no client panics");
    thread::sleep(Duration::from_secs(3));
    println!("\nresident after: {}", mib(server.resident()?));
    let faults = tally.faults.lock().expect("nobody panics with it");
    for fault in faults.iter().take(10) {
        println!("FAILED: {fault}");
    }
    if !is_flat {
        println!("FAILED: memory is not within {} % of minute 2", BOUND * 100.0);
    }
    Ok(is_flat && faults.is_empty())
}

fn mib(bytes: u64) -> String {
    format!("{:.2}", bytes as f64 / f64::from(1 << 20))
}

#[derive(Default)]
struct Tally {
    whole: AtomicU64,
    given_up: AtomicU64,
    faults: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

/// What one of the clients does.
struct Act {
    name: &'static str,
    /// All that is sent.
    send: Vec<u8>,
    end: End,
}

enum End {
    /// That many answers are read, the last of which ends with the connection.
    Answers(usize),
    /// It is given up when some of it is sent.
    Sending,
    /// It is given up when as many bytes are read, or fewer.
    Reading(usize),
}

#[tokio::main(flavor = "current_thread")]
async fn soak(address: SocketAddr, tally: &Arc<Tally>) {
    let acts = Arc::new(acts());
    let mut clients = JoinSet::new();
    for seed in 0..CLIENTS {
        let (tally, acts) = (Arc::clone(tally), Arc::clone(&acts));
        clients.spawn(async move {
            let mut random = Random(seed);
            while !tally.is_over.load(Relaxed) {
                let act = &acts[random.below(acts.len())];
                let is_whole = matches!(act.end, End::Answers(_));
                let count = if is_whole { &tally.whole } else { &tally.given_up };
                let done = tokio::time::timeout(PATIENCE, play(act, address, &mut random)).await;
                match done.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                    Ok(()) => drop(count.fetch_add(1, Relaxed)),
                    Err(error) => {
                        let mut faults = tally.faults.lock().expect("nobody panics with it");
                        faults.push(format!("{}: {error}", act.name));
                    }
                }
                tokio::time::sleep(Duration::from_millis(random.below(10) as u64)).await;
            }
        });
    }
    clients.join_all().await;
}

async fn play(act: &Act, address: SocketAddr, random: &mut Random) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    match act.end {
        End::Answers(expected) => {
            stream.write_all(&act.send).await?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await?;
            let answers = answer.windows(9).filter(|start| *start == b"HTTP/1.1 ").count();
            if answers != expected {
                return Err(io::Error::other(format!("{answers} answers instead of {expected}")));
            }
            return Ok(());
        }
        End::Sending => {
            // An error means that the server has answered and closed.
            let _ = stream.write_all(&act.send[..random.below(act.send.len())]).await;
        }
        End::Reading(most) => {
            stream.write_all(&act.send).await?;
            let mut left = random.below(most);
            let mut piece = vec![0; 16 * 1024];
            while left > 0 {
                let most = left.min(piece.len());
                match stream.read(&mut piece[..most]).await? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    n => left -= n,
                }
            }
        }
    }
    if random.below(2) == 0 {
        stream.set_zero_linger()?;
    }
    Ok(())
}

fn acts() -> Vec<Act> {
    let get = |path: &str, more: &str| format!("GET {path} HTTP/1.1\r\nHost: soak\r\n{more}\r\n");
    let close = "Connection: close\r\n";
    let post = |path: &str, more: &str, body: &[u8]| {
        let len = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: soak\r\n{more}Content-Length: {len}\r\n{close}\r\n"
        );
        [head.as_bytes(), body].concat()
    };
    let upload = {
        let head = "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f.bin\"\r\n\r\n";
        let body = [head.as_bytes(), &[b'x'; 300_000], b"\r\n--b--\r\n"].concat();
        post("/upload", "Content-Type: multipart/form-data; boundary=b\r\n", &body)
    };
    let websocket = get(
        "/ws",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    );
    // Two messages, masked by zeros; and the close.
    let frames = [&[0x82, 0x85, 0, 0, 0, 0][..], b"birds", &[0x82, 0xfe, 0xff, 0xff, 0, 0, 0, 0]];
    let frames = [&frames.concat()[..], &[7; 0xffff]].concat();
    let messages = [websocket.as_bytes(), &frames].concat();
    let closed = [&messages[..], &[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]].concat();
    let pipelined = format!(
        "{}{}{}{}",
        get("/plaintext", "").repeat(20),
        get("/users/12345/posts/67890?a=1", "").repeat(20),
        get("/json", "").repeat(20),
        get("/range/50000", &format!("Range: bytes=1-2000\r\n{close}")),
    );
    let gzip = get("/gzip", &format!("Accept-Encoding: gzip\r\n{close}"));
    let stream = get("/stream/1000000", close);
    let events = get("/sse?n=10", close);
    let endless = get("/stream/100000000000", "");
    let many_events = get("/sse?n=1000", "Accept-Encoding: gzip\r\n");
    let slow = get("/slow?ms=500", "");
    let echo = post("/echo", "Content-Type: text/plain\r\n", &[b'x'; 200_000]);
    let ignored = post("/ignore", "", &[b'x'; 100_000]);
    let act = |name, send: &[u8], end| Act { name, send: send.into(), end };
    vec![
        act("pipelined", pipelined.as_bytes(), End::Answers(61)),
        act("gzip", gzip.as_bytes(), End::Answers(1)),
        act("stream", stream.as_bytes(), End::Answers(1)),
        act("events", events.as_bytes(), End::Answers(1)),
        act("echo", &echo, End::Answers(1)),
        act("ignored", &ignored, End::Answers(1)),
        act("upload", &upload, End::Answers(1)),
        act("too long", &post("/echo", "", &[b'x'; 1_100_000]), End::Answers(1)),
        act("missing", get("/no/such/thing", close).as_bytes(), End::Answers(1)),
        act("broken", b"GET / HTTP/1.1\r\nHost : soak\r\n\r\n", End::Answers(1)),
        act("websocket", &closed, End::Answers(1)),
        act("pipelined, given up", pipelined.as_bytes(), End::Sending),
        act("echo, given up", &echo, End::Sending),
        act("upload, given up", &upload, End::Sending),
        act("websocket, given up", &messages, End::Sending),
        act("stream, given up", endless.as_bytes(), End::Reading(1_000_000)),
        act("events, given up", many_events.as_bytes(), End::Reading(500)),
        act("slow, given up", slow.as_bytes(), End::Reading(1)),
    ]
}

/// Numbers from a seed (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as usize % end
    }
}
