//! What connections and requests cost in heap memory, counted by the allocator.

#![allow(unsafe_code, reason = "an allocator that counts can be written in no other way")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::Duration;

use dunlin_core::{IntoResponse, Lifecycle, Request, Response, Service};
use dunlin_server::{Server, ServerBuilder};
use tokio::sync::oneshot;

/// What the threads that it was given to have allocated.
#[derive(Debug, Default)]
struct Meter {
    allocations: AtomicU64,
    live: AtomicI64,
}

impl Meter {
    fn add(&self, bytes: usize) {
        self.allocations.fetch_add(1, SeqCst);
        self.live.fetch_add(bytes as i64, SeqCst);
    }

    fn sub(&self, bytes: usize) {
        self.live.fetch_sub(bytes as i64, SeqCst);
    }

    fn allocations(&self) -> u64 {
        self.allocations.load(SeqCst)
    }

    fn live(&self) -> i64 {
        self.live.load(SeqCst)
    }
}

thread_local!(static METER: Cell<Option<&'static Meter>> = const { Cell::new(None) });

fn metered(note: impl FnOnce(&Meter)) {
    // The cell needs no destructor, so it is there for as long as the thread is.
    if let Ok(Some(meter)) = METER.try_with(Cell::get) {
        note(meter);
    }
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is handed on to the system's allocator as it came; the counting beside it
// allocates nothing and does not panic.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        metered(|meter| meter.add(layout.size()));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        metered(|meter| meter.sub(layout.size()));
        // SAFETY: the caller keeps the contract of `dealloc`, and `ptr` came from `System`.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        metered(|meter| {
            meter.sub(layout.size());
            meter.add(new_size);
        });
        // SAFETY: the caller keeps the contract of `realloc`, and `ptr` came from `System`.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}

/// A server on a thread of its own, whose memory is counted; the clients' is not.
struct Metered {
    meter: &'static Meter,
    address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Metered {
    fn start(service: impl Service + Lifecycle) -> Self {
        Self::start_with(|builder| builder.bind("127.0.0.1:0"), service)
    }

    fn start_with(
        settings: impl FnOnce(ServerBuilder) -> ServerBuilder + Send + 'static,
        service: impl Service + Lifecycle,
    ) -> Self {
        let meter: &'static Meter = Box::leak(Box::default());
        let (end, ended) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            METER.set(Some(meter));
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let builder = Server::builder().shutdown_timeout(Duration::ZERO);
                let server = settings(builder).start(service).await.unwrap();
                tell.send(server.addresses()[0]).unwrap();
                let _ = ended.await;
                server.shutdown().await.unwrap();
            });
        });
        Self { meter, address: told.recv().unwrap(), end: Some(end), thread: Some(thread) }
    }

    fn dial(&self) -> Client {
        let io = TcpStream::connect(self.address).unwrap();
        io.set_nodelay(true).unwrap();
        io.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Client { io }
    }

    /// Waits until the server has nothing more to do.
    fn settle(&self) {
        let mut last = (0, 0);
        loop {
            std::thread::sleep(Duration::from_millis(50));
            let now = (self.meter.allocations(), self.meter.live());
            if now == last {
                return;
            }
            last = now;
        }
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            assert!(thread.join().is_ok() || std::thread::panicking());
        }
    }
}

struct Client {
    io: TcpStream,
}

impl Client {
    fn send(&mut self, wire: &[u8]) {
        self.io.write_all(wire).unwrap();
    }

    /// Sends `wire` and reads until `answers` of [`hello`]'s have come.
    fn ask(&mut self, wire: &[u8], answers: usize) {
        self.send(wire);
        let (mut seen, mut held) = (0, Vec::new());
        let mut chunk = [0; 16 * 1024];
        while seen < answers {
            let n = self.io.read(&mut chunk).expect("an answer in time");
            assert_ne!(n, 0, "the connection ended");
            held.extend_from_slice(&chunk[..n]);
            while let Some(at) = held.windows(HELLO.len()).position(|w| w == HELLO.as_bytes()) {
                seen += 1;
                held.drain(..at + HELLO.len());
            }
        }
    }
}

const HELLO: &str = "Hello, World!";
const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n";

async fn hello(_: Request) -> Response {
    HELLO.into_response()
}

/// A request with a head of 1 kB.
fn kilobyte(path: &str) -> Vec<u8> {
    let mut head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n");
    for i in 0..10 {
        head += &format!("X-Field-{i}: {}\r\n", "v".repeat(85));
    }
    head += "\r\n";
    assert!((980..1100).contains(&head.len()), "{}", head.len());
    head.into_bytes()
}

#[test]
fn a_waiting_handler_pins_its_own_request_and_none_that_passed_by() {
    let service = |req: Request| async move {
        if req.path() == "/wait" {
            // It keeps the request, as a handler does that looks at it later.
            std::future::pending::<()>().await;
        }
        drop(req);
        HELLO.into_response()
    };
    let server = Metered::start(service);
    let (wait, pass) = (kilobyte("/wait"), kilobyte("/pass"));
    let mut passing = server.dial();
    for _ in 0..200 {
        passing.ask(&pass, 1);
    }
    server.settle();
    let before = server.meter.live();
    let mut waiting = Vec::new();
    for _ in 0..100 {
        let mut client = server.dial();
        client.send(&wait);
        waiting.push(client);
        for _ in 0..80 {
            passing.ask(&pass, 1);
        }
    }
    server.settle();
    let each = (server.meter.live() - before) / 100;
    assert!((1..=8 * 1024).contains(&each), "{each} bytes for a handler that waits");
    println!("{each} bytes for a handler that waits");
}

#[test]
fn an_idle_connection_owns_no_buffer() {
    let server = Metered::start(hello);
    let mut first = server.dial();
    first.ask(GET, 1);
    server.settle();
    let before = server.meter.live();
    let idle: Vec<_> = (0..500)
        .map(|_| {
            let mut client = server.dial();
            client.ask(GET, 1);
            // Where a head came in two parts there was a buffer for the first.
            client.send(&GET[..20]);
            std::thread::sleep(Duration::from_millis(1));
            client.ask(&GET[20..], 1);
            client
        })
        .collect();
    server.settle();
    let each = (server.meter.live() - before) / 500;
    drop(idle);
    assert!((1..=1600).contains(&each), "{each} bytes for an idle connection");
    println!("{each} bytes for an idle connection");
}

/// What rustls keeps is most of it: a read buffer of 4 KiB and its own state. The keys that its crypto
/// library keeps outside of Rust are not counted.
#[cfg(feature = "tls")]
#[test]
fn an_idle_encrypted_connection_owns_no_buffer_of_ours() {
    use std::sync::Arc;

    use dunlin_server::TlsConfig;
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

    let own = rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(own.cert.der().clone()).unwrap();
    let tls = TlsConfig::builder()
        .certificate_pem(own.cert.pem(), own.signing_key.serialize_pem())
        .build()
        .unwrap();
    let server = Metered::start_with(|builder| builder.bind_tls("127.0.0.1:0", tls), hello);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config = Arc::new(config);
    let dial = || {
        let name = ServerName::try_from("a.test").unwrap();
        let tls = ClientConnection::new(Arc::clone(&config), name).unwrap();
        let mut client = StreamOwned::new(tls, server.dial().io);
        client.write_all(GET).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(HELLO.as_bytes()) {
            let mut chunk = [0; 4096];
            let n = client.read(&mut chunk).unwrap();
            assert_ne!(n, 0, "the connection ended");
            answer.extend_from_slice(&chunk[..n]);
        }
        client
    };
    // Sessions that can be resumed are kept up to a number, which is reached first.
    for _ in 0..300 {
        drop(dial());
    }
    server.settle();
    let before = server.meter.live();
    let idle: Vec<_> = (0..100).map(|_| dial()).collect();
    server.settle();
    let each = (server.meter.live() - before) / 100;
    drop(idle);
    assert!((1..=9 * 1024).contains(&each), "{each} bytes for an idle encrypted connection");
    println!("{each} bytes for an idle encrypted connection");
}

#[test]
fn a_request_to_a_bare_function_allocates_nothing() {
    let server = Metered::start(hello);
    let mut client = server.dial();
    let pipelined = GET.repeat(16);
    // Over a second and more, so that the date is rendered anew in it.
    let mut round = |n: usize| {
        for _ in 0..n {
            client.ask(GET, 1);
            client.ask(&pipelined, 16);
        }
        std::thread::sleep(Duration::from_millis(1100));
        client.ask(GET, 1);
    };
    round(100);
    server.settle();
    let before = server.meter.allocations();
    round(500);
    server.settle();
    let count = server.meter.allocations() - before;
    assert_eq!(count, 0, "allocations in 8,501 requests");
}

#[test]
fn ten_thousand_requests_leave_nothing_behind() {
    let service = |req: Request| async move {
        match req.path() {
            "/missing" => HELLO.into_response().with_status(http::StatusCode::NOT_FOUND),
            "/ignore" => HELLO.into_response(),
            "/stream" => Response::new(req.into_body()),
            _ => match req.bytes().await {
                Ok(body) if body.is_empty() => HELLO.into_response(),
                Ok(body) => body.into_response(),
                Err(error) => error.into_response(),
            },
        }
    };
    let server = Metered::start(service);
    let post = |path: &str, fields: &str, body: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n{body}").into_bytes()
    };
    let requests = [
        GET.to_vec(),
        kilobyte("/missing"),
        post("/", "Content-Length: 13", HELLO),
        post("/ignore", "Content-Length: 1000", &"x".repeat(1000)),
        post("/stream", "Transfer-Encoding: chunked", "D\r\nHello, World!\r\n0\r\n\r\n"),
    ];
    let mut clients: Vec<_> = (0..10).map(|_| server.dial()).collect();
    let mut round = |n: usize| {
        for _ in 0..n {
            for client in &mut clients {
                for request in &requests {
                    client.ask(request, 1);
                }
            }
        }
    };
    round(20);
    server.settle();
    let before = server.meter.live();
    round(200);
    server.settle();
    let grown = server.meter.live() - before;
    assert!(grown <= 1024, "{grown} bytes more after 10,000 requests");
}
