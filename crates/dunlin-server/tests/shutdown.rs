//! The end of a server: what finishes, what is closed, what is cut, and in which order.

mod util;

use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dunlin_core::{BoxError, BoxFuture, IntoResponse, Lifecycle, Request, Response, Service};
use dunlin_server::{Readiness, Running, ServeError, Server, Workers};
use futures_util::future::join_all;
use http::HeaderValue;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Semaphore;
use util::Raw;
use util::sockets::{dial, dial_to, eventually, start, within};

const GET: &str = "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n";
const BOTH: [Workers; 2] = [Workers::Shared, Workers::PerCore(2)];

/// A service that records what happens to it; `/wait` is answered once the gate is open.
#[derive(Clone)]
struct Recorder {
    log: Arc<Mutex<Vec<&'static str>>>,
    gate: Arc<Semaphore>,
    fail_startup: bool,
    fail_cleanup: bool,
    /// The shutdown step opens the gate, as one that ends long polls does.
    opens_at_shutdown: bool,
    /// The shutdown step never ends.
    hangs_at_shutdown: bool,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            log: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
            fail_startup: false,
            fail_cleanup: false,
            opens_at_shutdown: false,
            hangs_at_shutdown: false,
        }
    }
}

impl Recorder {
    fn note(&self, what: &'static str) {
        self.log.lock().unwrap().push(what);
    }

    fn log(&self) -> Vec<&'static str> {
        self.log.lock().unwrap().clone()
    }

    fn open_gate(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    /// How many requests have begun.
    fn begun(&self) -> usize {
        self.log().iter().filter(|what| **what == "begin").count()
    }
}

impl Service for Recorder {
    type Future = BoxFuture<'static, Response>;

    fn call(&self, req: Request) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            if req.path() == "/wait" {
                this.note("begin");
                let _open = this.gate.acquire().await;
                this.note("end");
            }
            "done".into_response()
        })
    }
}

impl Lifecycle for Recorder {
    fn startup(&self) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(async {
            self.note("startup");
            if self.fail_startup { Err("no database".into()) } else { Ok(()) }
        })
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.note("shutdown");
            if self.opens_at_shutdown {
                self.open_gate();
            }
            if self.hangs_at_shutdown {
                std::future::pending::<()>().await;
            }
        })
    }

    fn cleanup(&self) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(async {
            self.note("cleanup");
            if self.fail_cleanup { Err("disk full".into()) } else { Ok(()) }
        })
    }
}

/// A connection whose request waits at the gate.
async fn waiting(server: &Running<Recorder>, service: &Recorder) -> Raw<TcpStream> {
    let begun = service.begun();
    let mut client = dial_to(server).await;
    client.send(GET).await;
    eventually(|| service.begun() > begun).await;
    client
}

async fn is_refused(address: SocketAddr) -> bool {
    TcpStream::connect(address).await.is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused)
}

async fn until_refused(address: SocketAddr) {
    while !is_refused(address).await {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn what_is_under_way_finishes_what_idles_is_closed_and_nobody_else_gets_in() {
    for workers in BOTH {
        let service = Recorder::default();
        let server = start(Server::builder().workers(workers), service.clone()).await;
        let address = server.addresses()[0];
        let mut busy = waiting(&server, &service).await;
        let mut idle = dial(address).await;
        idle.get("/").await;
        let mut silent = dial(address).await;
        let mut halfway = dial(address).await;
        halfway.send("GET / HTTP/1.1\r\nHo").await;
        eventually(|| server.connections() == 4).await;
        tokio::time::sleep(Duration::from_millis(20)).await;

        let end = tokio::spawn(server.shutdown());
        assert!(within(10, idle.is_closed()).await);
        assert!(within(10, silent.is_closed()).await);
        within(10, until_refused(address)).await;
        assert!(!end.is_finished());

        // A head that has begun is a request under way.
        halfway.send("st: a\r\n\r\n").await;
        let answer = within(10, halfway.answer()).await.unwrap();
        assert_eq!((answer.status, answer.field("connection")), (200, Some("close")));
        drop(halfway);

        service.open_gate();
        let answer = within(10, busy.answer()).await.unwrap();
        assert_eq!((answer.text(), answer.field("connection")), ("done", Some("close")));
        assert!(within(10, busy.is_closed()).await);
        drop(busy);
        assert_eq!(within(10, end).await.unwrap().unwrap().cut, 0);
        assert_eq!(service.log(), ["startup", "begin", "shutdown", "end", "cleanup"]);
    }
}

#[tokio::test]
async fn a_request_behind_the_last_answer_is_not_begun() {
    let service = Recorder::default();
    let server = start(Server::builder(), service.clone()).await;
    let mut client = waiting(&server, &service).await;
    client.send(GET).await;
    let end = tokio::spawn(server.shutdown());
    eventually(|| service.log().contains(&"shutdown")).await;
    // Another while the server drains.
    client.send(GET).await;
    service.open_gate();
    let answer = within(10, client.answer()).await.unwrap();
    assert_eq!(answer.field("connection"), Some("close"));
    // The client can tell from the close that the others were not looked at, and may repeat them.
    assert!(within(10, client.is_closed()).await);
    drop(client);
    assert_eq!(within(10, end).await.unwrap().unwrap().cut, 0);
    assert_eq!(service.begun(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_races_the_shutdown_is_answered_whole_or_not_at_all() {
    for round in 0..40 {
        let service = Recorder::default();
        let server = start(Server::builder(), service.clone()).await;
        let mut clients = Vec::new();
        for _ in 0..8 {
            let mut client = dial_to(&server).await;
            client.get("/").await;
            clients.push(client);
        }
        let end = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_micros(50 * round)).await;
            server.shutdown().await
        });
        let asks = clients.into_iter().map(async |mut client| {
            let mut answered = 0;
            loop {
                let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
                if client.io_mut().write_all(request).await.is_err() {
                    break;
                }
                let Some(answer) = client.answer().await else { break };
                assert_eq!(answer.text(), "done");
                answered += 1;
                if answer.field("connection") == Some("close") {
                    break;
                }
            }
            assert!(client.unread().is_empty(), "half an answer");
            answered
        });
        within(20, join_all(asks)).await;
        assert_eq!(within(20, end).await.unwrap().unwrap().cut, 0);
    }
}

#[tokio::test]
async fn a_successor_may_take_over_the_unix_socket_while_the_last_request_runs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.sock");
    let service = Recorder::default();
    let server = Server::builder().bind_unix(&path).start(service.clone()).await.unwrap();
    let mut busy = Raw::new(UnixStream::connect(&path).await.unwrap());
    busy.send(GET).await;
    eventually(|| service.begun() == 1).await;
    let end = tokio::spawn(server.shutdown());
    eventually(|| !path.exists()).await;
    let next = Server::builder().bind_unix(&path).start(Recorder::default()).await.unwrap();
    service.open_gate();
    assert_eq!(within(10, busy.answer()).await.unwrap().text(), "done");
    drop(busy);
    within(10, end).await.unwrap().unwrap();
    let mut client = Raw::new(UnixStream::connect(&path).await.unwrap());
    assert_eq!(client.get("/").await.text(), "done");
    next.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_does_not_finish_in_time_is_cut_and_counted() {
    for workers in BOTH {
        let service = Recorder::default();
        let builder = Server::builder().workers(workers);
        let builder = builder.shutdown_timeout(Duration::from_millis(200));
        let server = start(builder, service.clone()).await;
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(waiting(&server, &service).await);
        }
        let began = Instant::now();
        let ended = within(10, server.shutdown()).await.unwrap();
        let took = began.elapsed();
        assert_eq!(ended.cut, 3);
        assert!((200..3000).contains(&took.as_millis()), "{took:?}");
        for client in &mut clients {
            assert!(client.is_closed().await);
        }
        let log = service.log();
        assert!(!log.contains(&"end"));
        assert_eq!(log[log.len() - 2..], ["shutdown", "cleanup"]);
    }
}

#[tokio::test]
async fn requests_are_served_on_for_the_delay_while_the_server_is_not_ready() {
    for workers in BOTH {
        let (service, readiness) = (Recorder::default(), Readiness::new());
        let builder = Server::builder().workers(workers).readiness(readiness.clone());
        let builder = builder.shutdown_delay(Duration::from_millis(400));
        assert!(!readiness.is_ready());
        let server = start(builder, service.clone()).await;
        assert!(readiness.is_ready());
        let address = server.addresses()[0];
        let mut kept = dial(address).await;
        kept.get("/").await;
        let began = Instant::now();
        let end = tokio::spawn(server.shutdown());
        eventually(|| !readiness.is_ready()).await;
        assert_eq!(dial(address).await.get("/").await.status, 200);
        assert_eq!(kept.get("/").await.status, 200);
        assert!(!service.log().contains(&"shutdown"));
        assert!(within(10, kept.is_closed()).await);
        assert!(began.elapsed() >= Duration::from_millis(400), "{:?}", began.elapsed());
        within(10, until_refused(address)).await;
        assert_eq!(within(10, end).await.unwrap().unwrap().cut, 0);
    }
}

#[tokio::test]
async fn what_was_cut_is_told_to_the_hook_too() {
    let (service, told) = (Recorder::default(), Arc::new(Mutex::new(Vec::new())));
    let tell = Arc::clone(&told);
    let builder = Server::builder().shutdown_timeout(Duration::from_millis(100));
    let builder = builder.on_fault(move |fault| tell.lock().unwrap().push(fault.to_string()));
    let server = start(builder, service.clone()).await;
    let _held = [waiting(&server, &service).await, waiting(&server, &service).await];
    assert_eq!(within(10, server.shutdown()).await.unwrap().cut, 2);
    let want = "2 connections were cut: their requests did not finish in time";
    assert_eq!(*told.lock().unwrap(), [want]);
}

#[tokio::test]
async fn the_shutdown_step_may_end_what_would_run_on() {
    let service = Recorder { opens_at_shutdown: true, ..Recorder::default() };
    let server = start(Server::builder(), service.clone()).await;
    let mut client = waiting(&server, &service).await;
    let end = tokio::spawn(server.shutdown());
    assert_eq!(within(10, client.answer()).await.unwrap().text(), "done");
    drop(client);
    assert_eq!(within(10, end).await.unwrap().unwrap().cut, 0);
    assert_eq!(service.log(), ["startup", "begin", "shutdown", "end", "cleanup"]);
}

#[tokio::test]
async fn a_shutdown_step_that_hangs_is_held_to_the_limit() {
    let service = Recorder { hangs_at_shutdown: true, ..Recorder::default() };
    let builder = Server::builder().shutdown_timeout(Duration::from_millis(100));
    let server = start(builder, service.clone()).await;
    within(10, server.shutdown()).await.unwrap();
    assert_eq!(service.log(), ["startup", "shutdown", "cleanup"]);
}

#[tokio::test]
async fn a_handler_that_blocks_its_worker_is_held_to_the_limit_too() {
    let block = |_: Request| async {
        std::thread::sleep(Duration::from_secs(8));
        "late".into_response()
    };
    let builder = Server::builder().workers(Workers::PerCore(1));
    let server = start(builder.shutdown_timeout(Duration::from_millis(100)), block).await;
    let mut client = dial_to(&server).await;
    client.send(GET).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let began = Instant::now();
    let ended = within(20, server.shutdown()).await.unwrap();
    assert_eq!(ended.cut, 1);
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_startup_that_fails_prevents_the_bind() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let service = Recorder { fail_startup: true, ..Recorder::default() };
    // The address is taken: were it bound first, that would be the error.
    let builder = Server::builder().bind(taken.local_addr().unwrap());
    let error = builder.start(service.clone()).await.map(drop).unwrap_err();
    assert!(matches!(error, ServeError::Startup(_)));
    assert_eq!(error.to_string(), "startup failed: no database");
    // The service itself takes down what a failed startup had set up.
    assert_eq!(service.log(), ["startup"]);
}

#[tokio::test]
async fn a_bind_that_fails_cleans_up() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for workers in BOTH {
        // The cleanup's own error must not hide the first.
        let service = Recorder { fail_cleanup: true, ..Recorder::default() };
        let builder = Server::builder().workers(workers).bind(free);
        let builder = builder.bind(taken.local_addr().unwrap());
        let error = builder.start(service.clone()).await.map(drop).unwrap_err();
        assert!(matches!(error, ServeError::Bind { .. }), "{error}");
        assert_eq!(service.log(), ["startup", "cleanup"]);
        assert!(is_refused(free).await, "what was bound before it is closed again");
    }
}

#[tokio::test]
async fn a_cleanup_that_fails_is_told() {
    let service = Recorder { fail_cleanup: true, ..Recorder::default() };
    let server = start(Server::builder(), service).await;
    let error = server.shutdown().await.unwrap_err();
    assert_eq!(error.to_string(), "cleanup failed: disk full");
}

#[tokio::test]
async fn a_server_that_is_dropped_cuts_its_connections_and_closes_its_port() {
    for workers in BOTH {
        let service = Recorder::default();
        let server = start(Server::builder().workers(workers), service.clone()).await;
        let address = server.addresses()[0];
        let mut client = waiting(&server, &service).await;
        drop(server);
        assert!(within(10, client.is_closed()).await);
        within(10, until_refused(address)).await;
        assert_eq!(service.log(), ["startup", "begin"]);
    }
}

#[tokio::test]
async fn an_upgraded_connection_is_counted_and_cut_at_the_limit() {
    let service = |_: Request| async {
        Response::upgrade(HeaderValue::from_static("echo"), |mut io| async move {
            let mut buf = [0; 64];
            while let Ok(n @ 1..) = io.read(&mut buf).await {
                io.write_all(&buf[..n]).await.unwrap();
            }
        })
    };
    for workers in BOTH {
        let builder = Server::builder().workers(workers);
        let server = start(builder.shutdown_timeout(Duration::from_millis(300)), service).await;
        let upgrade = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
        let mut clients = Vec::new();
        for _ in 0..2 {
            let mut client = dial_to(&server).await;
            client.send(upgrade).await;
            assert_eq!(client.head().await.unwrap().status, 101);
            clients.push(client);
        }
        assert_eq!(server.connections(), 2);
        let end = tokio::spawn(server.shutdown());
        // It goes on while there is time, and one that ends by itself is not cut.
        let mut client = clients.pop().unwrap();
        client.send("still here").await;
        while client.unread() != b"still here" {
            assert!(within(10, client.fill()).await);
        }
        drop(client);
        assert_eq!(within(10, end).await.unwrap().unwrap().cut, 1);
        assert!(clients[0].is_closed().await);
    }
}

/// A process that serves `/wait/MS` until a signal; it is this test again, told so by a variable.
struct Process {
    child: Child,
    address: SocketAddr,
    /// Kept open: it fails where it can print no more.
    _output: BufReader<ChildStdout>,
}

const ROLE: &str = "DUNLIN_TEST_SERVES";

impl Process {
    fn start(workers: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_process_that_serves", "--nocapture", "--test-threads=1"])
            .env(ROLE, workers)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let address = output
            .by_ref()
            .lines()
            .map(Result::unwrap)
            .find_map(|line| line.split_once("serving on ")?.1.trim().parse().ok())
            .expect("a line with the address");
        Self { child, address, _output: output }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    async fn end(mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "it runs on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_process_that_serves() {
    let Ok(workers) = std::env::var(ROLE) else { return };
    let delay = if workers == "delayed" { Duration::from_secs(60) } else { Duration::ZERO };
    let workers = if workers == "per-core" { Workers::PerCore(2) } else { Workers::Shared };
    let service = |req: Request| async move {
        let ms = req.path().trim_start_matches("/wait/").parse().unwrap_or(0);
        tokio::time::sleep(Duration::from_millis(ms)).await;
        "waited".into_response()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let builder = Server::builder().workers(workers).shutdown_delay(delay);
        let server = start(builder, service).await;
        let address = server.addresses()[0];
        // The first poll sets the handlers for the signals; only then may they come.
        let (ended, ()) = tokio::join!(biased; server.run_until_signal(), async {
            println!("serving on {address}");
        });
        ended.unwrap();
    });
}

#[tokio::test]
async fn a_signal_lets_the_request_finish_and_the_process_end_with_status_0() {
    for (signal, workers) in
        [(Signal::TERM, "shared"), (Signal::INT, "shared"), (Signal::TERM, "per-core")]
    {
        let process = Process::start(workers);
        let mut slow = dial(process.address).await;
        let mut idle = dial(process.address).await;
        idle.get("/").await;
        slow.send("GET /wait/600 HTTP/1.1\r\nHost: a\r\n\r\n").await;
        tokio::time::sleep(Duration::from_millis(150)).await;
        let began = Instant::now();
        process.signal(signal);
        assert!(within(10, idle.is_closed()).await);
        within(10, until_refused(process.address)).await;
        let answer = within(10, slow.answer()).await.expect("the request finishes");
        assert_eq!((answer.text(), answer.field("connection")), ("waited", Some("close")));
        drop(slow);
        assert!(process.end().await.success());
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_second_signal_cuts_what_is_still_under_way() {
    for workers in ["shared", "per-core"] {
        let process = Process::start(workers);
        let mut slow = dial(process.address).await;
        slow.send("GET /wait/30000 HTTP/1.1\r\nHost: a\r\n\r\n").await;
        tokio::time::sleep(Duration::from_millis(150)).await;
        process.signal(Signal::TERM);
        within(10, until_refused(process.address)).await;
        let began = Instant::now();
        process.signal(Signal::TERM);
        assert!(within(10, slow.is_closed()).await);
        assert!(process.end().await.success());
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_second_signal_ends_the_delay_too() {
    let process = Process::start("delayed");
    process.signal(Signal::TERM);
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(within(10, dial(process.address).await.get("/")).await.text(), "waited");
    let began = Instant::now();
    process.signal(Signal::TERM);
    assert!(process.end().await.success());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

/// Takes its time at both ends.
struct Sluggish {
    startup: Duration,
    cleanup: Duration,
}

impl Service for Sluggish {
    type Future = std::future::Ready<Response>;

    fn call(&self, _: Request) -> Self::Future {
        std::future::ready(Response::default())
    }
}

impl Lifecycle for Sluggish {
    fn startup(&self) -> BoxFuture<'_, Result<(), BoxError>> {
        println!("starting");
        Box::pin(async {
            tokio::time::sleep(self.startup).await;
            Ok(())
        })
    }

    fn cleanup(&self) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(async {
            tokio::time::sleep(self.cleanup).await;
            Ok(())
        })
    }
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_cleanup_that_hangs_is_held_to_the_limit() {
    let sluggish = Sluggish { startup: Duration::ZERO, cleanup: HOUR };
    let builder = Server::builder().shutdown_timeout(Duration::from_millis(100));
    let server = start(builder, sluggish).await;
    let ended = within(10, server.shutdown()).await;
    assert!(matches!(ended, Err(ServeError::CleanupTimedOut { .. })), "{ended:?}");
}

const STARTS_SLOWLY: &str = "DUNLIN_TEST_STARTS_SLOWLY";

#[test]
fn a_process_that_starts_slowly() {
    let Ok(ms) = std::env::var(STARTS_SLOWLY) else { return };
    let startup = Duration::from_millis(ms.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = Server::builder().bind("127.0.0.1:0").shutdown_timeout(Duration::from_secs(60));
    runtime.block_on(server.serve(Sluggish { startup, cleanup: Duration::ZERO })).unwrap();
}

#[tokio::test]
async fn a_signal_during_startup_ends_the_run_once_it_has_started_and_a_second_one_at_once() {
    for (ms, signals) in [("400", 1), ("3600000", 2)] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_process_that_starts_slowly", "--nocapture", "--test-threads=1"])
            .env(STARTS_SLOWLY, ms)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut lines = output.by_ref().lines().map(Result::unwrap);
        assert!(lines.any(|line| line.ends_with("starting")));
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let process = Process { child, address, _output: output };
        for _ in 0..signals {
            process.signal(Signal::TERM);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(within(10, process.end()).await.success(), "{ms} ms");
    }
}
