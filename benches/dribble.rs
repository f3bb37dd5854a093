//! Ten thousand connections whose heads dribble in, and what fresh requests beside them wait.
//!
//! `cargo bench -p dunlin-benches --bench dribble` holds 10,000 for 60 seconds against the testbed, whose
//! deadline for a head is 5 seconds; `-- 1000 10` other numbers. Each sends a byte a second, and comes back
//! as soon as it is cut. Fails unless each is cut within a second of its deadline, with 408, and the p99 of
//! a GET over a new connection is below 20 ms.

#[path = "common/testbed.rs"]
mod testbed;

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use testbed::Testbed;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What the testbed has for a head.
const DEADLINE: Duration = Duration::from_secs(5);
/// How much later, or sooner, a connection may be cut.
const GRACE: Duration = Duration::from_secs(1);
/// From one byte of a head to the next.
const PACE: Duration = Duration::from_secs(1);
/// From one fresh request to the next.
const FRESH: Duration = Duration::from_millis(10);
const BOUND: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    // Cargo says it, unless it tests.
    if !std::env::args().any(|arg| arg == "--bench") {
        return ExitCode::SUCCESS;
    }
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let connections = args.next().map_or(10_000, |arg| arg.parse().expect("a number"));
    let seconds = args.next().map_or(60, |arg| arg.parse().expect("a number of seconds"));
    match run(connections, Duration::from_secs(seconds)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("dribble: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(connections: usize, time: Duration) -> io::Result<bool> {
    allow_files(connections as u64 + 200)?;
    let server = Testbed::start(&["--head-timeout", &DEADLINE.as_secs().to_string()])?;
    let tally = Arc::new(Tally::default());
    let dribblers = {
        let (tally, address) = (Arc::clone(&tally), server.address);
        thread::spawn(move || dribble(connections, address, &tally))
    };
    // What counts begins when all are there.
    while tally.open.load(Relaxed) < connections {
        thread::sleep(Duration::from_millis(10));
    }
    let cpu = server.cpu()?;
    let fresh = fresh(server.address, time)?;
    let cpu = (server.cpu()? - cpu) / time.as_secs_f64();
    let open = tally.open.load(Relaxed);
    tally.is_over.store(true, Relaxed);
    dribblers.join().expect("no dribbler panics");
    let mut cuts = std::mem::take(&mut *tally.cuts.lock().expect("nobody panics with it"));
    cuts.sort();
    Ok(report(&cuts, fresh, open, cpu))
}

/// Prints what was measured, and says whether it is within its bounds.
fn report(cuts: &[Cut], mut fresh: Vec<Duration>, open: usize, cpu: f64) -> bool {
    fresh.sort();
    let at = |share: f64| fresh[((fresh.len() - 1) as f64 * share) as usize];
    let late = |share: f64| cuts[((cuts.len() - 1) as f64 * share) as usize].after;
    let millis = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1e3);
    let seconds = |time: Duration| format!("{:.3}", time.as_secs_f64());
    let not_408 = cuts.iter().filter(|cut| !cut.is_408).count();
    println!("{open} connections held, {cpu:.2} of a core used by the server\n");
    println!("| | count | least | median | p99 | most |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    println!(
        "| cut after, s | {} | {} | {} | {} | {} |",
        cuts.len(),
        seconds(late(0.0)),
        seconds(late(0.5)),
        seconds(late(0.99)),
        seconds(late(1.0)),
    );
    println!(
        "| fresh GET, ms | {} | {} | {} | {} | {} |",
        fresh.len(),
        millis(at(0.0)),
        millis(at(0.5)),
        millis(at(0.99)),
        millis(at(1.0)),
    );
    let faults = [
        (late(0.0) < DEADLINE - GRACE, "a connection was cut too early"),
        (late(1.0) > DEADLINE + GRACE, "a connection was cut too late"),
        (not_408 > 0, &*format!("{not_408} connections were cut without a 408")),
        (at(0.99) >= BOUND, "fresh requests took too long"),
    ];
    for (_, fault) in faults.iter().filter(|(is_so, _)| *is_so) {
        println!("\nFAILED: {fault}");
    }
    faults.iter().all(|(is_so, _)| !is_so)
}

/// Lets this process and the server have so many open files.
fn allow_files(files: u64) -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= files) {
        return Ok(());
    }
    if limit.maximum.is_some_and(|maximum| maximum < files) {
        let message = format!("{files} open files are needed; raise the hard limit (ulimit -Hn)");
        return Err(io::Error::other(message));
    }
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(())
}

#[derive(Default)]
struct Tally {
    open: AtomicUsize,
    cuts: Mutex<Vec<Cut>>,
    is_over: AtomicBool,
}

#[derive(Eq, Ord, PartialEq, PartialOrd)]
struct Cut {
    /// Since it was asked to connect.
    after: Duration,
    is_408: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn dribble(connections: usize, address: SocketAddr, tally: &Arc<Tally>) {
    let mut tasks = tokio::task::JoinSet::new();
    let began = Instant::now();
    for i in 0..connections {
        let tally = Arc::clone(tally);
        // Over a whole deadline, so that their ends are spread as well. Where all end at once and come back
        // at once they wait in the listener's queue, and nobody here sees when they leave it.
        let turn = DEADLINE.mul_f64(i as f64 / connections as f64);
        tokio::time::sleep_until((began + turn).into()).await;
        tasks.spawn(async move {
            let mut is_first = true;
            loop {
                let began = Instant::now();
                let stream = TcpStream::connect(address).await.expect("the server accepts");
                if std::mem::take(&mut is_first) {
                    tally.open.fetch_add(1, Relaxed);
                }
                let Some(cut) = dribble_one(stream, began, &tally.is_over).await else { return };
                tally.cuts.lock().expect("nobody panics with it").push(cut);
            }
        });
    }
    tasks.join_all().await;
}

/// One connection to its end, or `None` once all is over.
async fn dribble_one(mut stream: TcpStream, began: Instant, is_over: &AtomicBool) -> Option<Cut> {
    let mut answer = Vec::new();
    // An error means that it was cut, which the read tells of as well.
    let _ = stream.write_all(b"GET /plaintext HTTP/1.1\r\nHost: dribble\r\nX-Slow: ").await;
    while !is_over.load(Relaxed) {
        match tokio::time::timeout(PACE, stream.read_buf(&mut answer)).await {
            Err(_) => {
                let _ = stream.write_all(b"x").await;
            }
            Ok(Ok(n)) if n > 0 => {}
            Ok(_) => {
                let is_408 = answer.starts_with(b"HTTP/1.1 408 ");
                return Some(Cut { after: began.elapsed(), is_408 });
            }
        }
    }
    None
}

/// How long a GET over a new connection took, again and again.
fn fresh(address: SocketAddr, time: Duration) -> io::Result<Vec<Duration>> {
    let began = Instant::now();
    let mut took = Vec::new();
    while began.elapsed() < time {
        let start = Instant::now();
        let mut stream = std::net::TcpStream::connect(address)?;
        stream.write_all(b"GET /plaintext HTTP/1.1\r\nHost: fresh\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        took.push(start.elapsed());
        if !answer.starts_with(b"HTTP/1.1 200 ") {
            return Err(io::Error::other("a fresh request was not answered with 200"));
        }
        // At its own times, so that a slow answer is not left out of the count of the next ones.
        let next = FRESH * took.len() as u32;
        thread::sleep(next.saturating_sub(began.elapsed()));
    }
    Ok(took)
}
