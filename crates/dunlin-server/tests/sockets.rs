//! Listeners, workers and connections on real sockets of the loopback interface.

mod util;

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use dunlin_core::{Body, IntoResponse, Request, Response};
use dunlin_server::{Listener, Running, ServeError, Server, ServerBuilder, Workers};
use futures_util::future::join_all;
use rustix::process::{Resource, getrlimit};
use socket2::SockRef;
use tokio::net::{TcpStream, UnixStream};
use util::Raw;
use util::sockets::{dial, dial_to, eventually, start, within};

async fn hello(_: Request) -> Response {
    "hello".into_response()
}

/// Says who asks.
async fn peer(req: Request) -> Response {
    format!("{:?}", req.peer()).into_response()
}

/// Says which thread answers.
async fn thread(_: Request) -> Response {
    std::thread::current().name().unwrap_or_default().to_owned().into_response()
}

async fn error_of(builder: ServerBuilder) -> ServeError {
    builder.start(hello).await.map(|server| server.addresses().to_vec()).unwrap_err()
}

#[tokio::test]
async fn every_address_is_served_and_port_0_is_told() {
    let builder = Server::builder().bind("127.0.0.1:0").bind(("127.0.0.1", 0)).bind("localhost:0");
    let server = builder.start(hello).await.unwrap();
    let addresses = server.addresses().to_vec();
    assert!(addresses.len() >= 3, "{addresses:?}");
    assert_eq!(
        addresses.iter().map(SocketAddr::port).collect::<HashSet<_>>().len(),
        addresses.len()
    );
    for address in addresses {
        assert_ne!(address.port(), 0);
        assert_eq!(dial(address).await.get("/").await.text(), "hello");
    }
    server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_share_the_callers_runtime_by_default() {
    let server = start(Server::builder().workers(Workers::Shared), thread).await;
    for _ in 0..8 {
        let name = dial_to(&server).await.get("/").await;
        assert!(!name.text().starts_with("dunlin-"), "{}", name.text());
    }
    within(10, server.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_worker_per_core_takes_its_part_of_the_connections_and_keeps_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let builder = Server::builder().workers(Workers::PerCore(2)).bind_unix(&path);
    let server = start(builder, thread).await;
    assert_eq!(server.addresses().len(), 1, "workers share one address");
    let mut clients = Vec::new();
    let mut names = HashSet::new();
    // The kernel picks by a hash of the addresses: 64 clients on one side are as good as impossible.
    for _ in 0..64 {
        let mut client = dial_to(&server).await;
        names.insert(client.get("/").await.text().to_owned());
        clients.push(client);
    }
    assert_eq!(names, HashSet::from(["dunlin-0".to_owned(), "dunlin-1".to_owned()]));
    for client in &mut clients {
        let first = client.get("/").await;
        for _ in 0..3 {
            assert_eq!(client.get("/").await.text(), first.text());
        }
    }
    let mut local = Raw::new(UnixStream::connect(&path).await.unwrap());
    assert!(local.get("/").await.text().starts_with("dunlin-"));
    assert_eq!(server.connections(), 65);

    let address = server.addresses()[0];
    let ended = within(20, server.shutdown()).await.unwrap();
    assert_eq!(ended.cut, 0);
    assert!(clients[0].is_closed().await);
    assert_refused(address).await;
    assert!(!path.exists());
}

#[tokio::test]
async fn a_given_listener_is_served_by_all_workers() {
    for workers in [Workers::Shared, Workers::PerCore(2)] {
        // A blocking one, as the standard library makes them.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let builder = Server::builder().workers(workers).listener(listener);
        let server = builder.start(hello).await.unwrap();
        assert_eq!(server.addresses(), [address]);
        for _ in 0..8 {
            assert_eq!(dial(address).await.get("/").await.text(), "hello");
        }
        within(10, server.shutdown()).await.unwrap();
        assert_refused(address).await;
    }
}

#[tokio::test]
async fn a_server_that_was_given_no_address_says_how_to_give_one() {
    let error = error_of(Server::builder()).await;
    assert!(matches!(error, ServeError::NoAddress));
    assert!(error.to_string().contains("`bind`"), "{error}");
}

#[tokio::test]
async fn a_taken_port_is_told_with_its_address_and_what_to_do() {
    let plain = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let per_core = start(Server::builder().workers(Workers::PerCore(2)), hello).await;
    for address in [plain.local_addr().unwrap(), per_core.addresses()[0]] {
        for workers in [Workers::Shared, Workers::PerCore(2)] {
            let error = error_of(Server::builder().bind(address).workers(workers)).await;
            assert!(matches!(&error, ServeError::Bind { address: a, source }
                if **a == address.to_string() && source.kind() == io::ErrorKind::AddrInUse));
            let text = error.to_string();
            assert!(text.contains(&address.to_string()), "{text}");
            assert!(text.contains("stop it or choose another port"), "{text}");
        }
    }
    per_core.shutdown().await.unwrap();
}

#[tokio::test]
async fn names_and_addresses_that_do_not_exist_are_told() {
    for address in ["no port here", "localhost", "127.0.0.1:99999"] {
        let error = error_of(Server::builder().bind(address)).await.to_string();
        assert!(error.starts_with(&format!("cannot listen on {address}: invalid ")), "{error}");
        let hint = "; write a host and a port up to 65535, such as 127.0.0.1:8080 or [::1]:8080";
        assert!(error.ends_with(hint), "{error}");
    }
    let error = error_of(Server::builder().bind("none.invalid:0")).await.to_string();
    assert!(error.starts_with("cannot listen on none.invalid:0: "), "{error}");
    let hint = "; the name has no address: write one of this machine's, such as 127.0.0.1, or 0.0.0.0 for all of them";
    assert!(error.ends_with(hint), "{error}");
    let error = error_of(Server::builder().bind("192.0.2.1:0")).await.to_string();
    assert!(error.contains("192.0.2.1:0") && error.contains("no interface"), "{error}");
}

#[tokio::test]
async fn a_server_that_starts_where_one_has_just_ended_finds_its_port_free() {
    let mut address = SocketAddr::from(([127, 0, 0, 1], 0));
    for _ in 0..3 {
        let server = Server::builder().bind(address).start(hello).await.unwrap();
        address = server.addresses()[0];
        let mut client = dial(address).await;
        client.get("/").await;
        // The server closes first, so that its side keeps the connection in TIME-WAIT.
        server.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn a_unix_socket_is_served_and_its_file_goes_with_the_listener() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.sock");
    let server = Server::builder().bind_unix(&path).start(peer).await.unwrap();
    assert!(server.addresses().is_empty());
    let mut client = Raw::new(UnixStream::connect(&path).await.unwrap());
    assert_eq!(client.get("/").await.text(), "None");
    server.shutdown().await.unwrap();
    assert!(!path.exists());

    let server = Server::builder().bind_unix(&path).start(peer).await.unwrap();
    drop(server);
    assert!(!path.exists(), "dropping the server removes it too");
}

#[tokio::test]
async fn a_socket_file_that_nobody_listens_on_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let server = Server::builder().bind_unix(&path).start(hello).await.unwrap();
    let mut client = Raw::new(UnixStream::connect(&path).await.unwrap());
    assert_eq!(client.get("/").await.text(), "hello");
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_socket_that_somebody_listens_on_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.sock");
    let server = Server::builder().bind_unix(&path).start(hello).await.unwrap();
    let error = error_of(Server::builder().bind_unix(&path)).await;
    assert!(matches!(&error, ServeError::BindUnix { path: p, .. } if *p == path));
    let text = error.to_string();
    assert!(text.contains("app.sock") && text.contains("another process listens"), "{text}");
    let mut client = Raw::new(UnixStream::connect(&path).await.unwrap());
    assert_eq!(client.get("/").await.text(), "hello");
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_never_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notes.txt");
    std::fs::write(&path, "precious").unwrap();
    let text = error_of(Server::builder().bind_unix(&path)).await.to_string();
    assert!(text.contains("notes.txt") && text.contains("no socket"), "{text}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");

    let missing = dir.path().join("no/such/folder");
    let text = error_of(Server::builder().bind_unix(&missing)).await.to_string();
    assert!(text.contains("the folder does not exist"), "{text}");
}

#[tokio::test]
async fn the_file_of_a_successor_outlives_the_server_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.sock");
    let first = Server::builder().bind_unix(&path).start(hello).await.unwrap();
    let inode = |path: &Path| std::fs::metadata(path).unwrap().ino();
    let old = inode(&path);
    std::fs::rename(&path, dir.path().join("old")).unwrap();
    let second = Server::builder().bind_unix(&path).start(hello).await.unwrap();
    assert_ne!(inode(&path), old);
    first.shutdown().await.unwrap();
    let mut client = Raw::new(UnixStream::connect(&path).await.unwrap());
    assert_eq!(client.get("/").await.text(), "hello");
    second.shutdown().await.unwrap();
}

#[tokio::test]
async fn connections_past_the_cap_wait_until_one_closes() {
    for workers in [Workers::Shared, Workers::PerCore(2)] {
        // Three listeners, each of which may think that the last place is its own.
        let builder = Server::builder().workers(workers).max_connections(2).bind("127.0.0.1:0");
        let server = start(builder.bind("127.0.0.1:0"), hello).await;
        let addresses = server.addresses().to_vec();
        let mut open = Vec::new();
        for address in &addresses[..2] {
            let mut client = dial(*address).await;
            client.get("/").await;
            open.push(client);
        }
        let mut waiting = Vec::new();
        for address in &addresses {
            let mut client = dial(*address).await;
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
            waiting.push(client);
        }
        let early = tokio::time::timeout(Duration::from_millis(100), waiting[0].answer()).await;
        assert!(early.is_err(), "two are open");
        assert_eq!(server.connections(), 2);
        // Each that closes lets one of those in that wait, whichever it is.
        drop(open);
        let answers = waiting.iter_mut().map(async |client| {
            assert_eq!(client.answer().await.unwrap().text(), "hello");
            assert!(server.connections() <= 2);
            client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
            client.answer().await.unwrap();
            SockRef::from(client.io()).shutdown(std::net::Shutdown::Write).unwrap();
        });
        within(20, join_all(answers)).await;
        drop(waiting);
        eventually(|| server.connections() == 0).await;
        within(10, server.shutdown()).await.unwrap();
    }
}

#[tokio::test]
async fn an_accepted_socket_sends_small_answers_at_once_and_notices_a_peer_that_vanished() {
    let mut listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, connection) = Listener::accept(&mut listener).await.unwrap();
    assert!(stream.nodelay().unwrap());
    assert!(SockRef::from(&stream).keepalive().unwrap());
    assert_eq!(connection.peer, Some(client.local_addr().unwrap()));
    assert_eq!(connection.local, Some(listener.local_addr().unwrap()));
}

#[tokio::test]
async fn the_request_knows_its_peer() {
    let server = start(Server::builder(), peer).await;
    let mut client = dial_to(&server).await;
    let own = client.io().local_addr().unwrap();
    assert_eq!(client.get("/").await.text(), format!("{:?}", Some(own)));
    server.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_connections_at_once_are_all_answered() {
    // Both ends are in this process; where few descriptors are allowed, as many as these are for.
    let allowed = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let count = usize::try_from(allowed.saturating_sub(600) / 2).unwrap_or(usize::MAX).min(1000);
    for workers in [Workers::Shared, Workers::PerCore(2)] {
        let server = start(Server::builder().workers(workers), hello).await;
        let address = server.addresses()[0];
        let mut clients = join_all((0..count).map(|_| dial(address))).await;
        let ask = async |client: &mut Raw<TcpStream>| {
            for _ in 0..3 {
                assert_eq!(client.get("/").await.text(), "hello");
            }
        };
        within(60, join_all(clients.iter_mut().map(ask))).await;
        assert_eq!(server.connections(), count);
        drop(clients);
        eventually(|| server.connections() == 0).await;
        assert_eq!(within(20, server.shutdown()).await.unwrap().cut, 0);
    }
}

#[tokio::test]
async fn sixteen_pipelined_requests_are_answered_in_order() {
    let path = |req: Request| async move { req.path().to_owned().into_response() };
    let server = start(Server::builder(), path).await;
    let mut client = dial_to(&server).await;
    for round in 0..10 {
        let wire: String =
            (0..16).map(|i| format!("GET /{round}/{i} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
        client.send(wire).await;
        for i in 0..16 {
            assert_eq!(client.answer().await.unwrap().text(), format!("/{round}/{i}"));
        }
    }
    server.shutdown().await.unwrap();
}

/// A body of which some comes at once and the rest never.
fn endless() -> Body {
    let (mut sender, body) = Body::channel(1024);
    tokio::spawn(async move {
        while sender.send(vec![b'x'; 1000]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_at_any_point_leaves_the_server_alive_and_the_count_right() {
    let running = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&running);
    let service = move |req: Request| {
        let guard = Guard::new(&counted);
        async move {
            let _guard = guard;
            let path = req.path().to_owned();
            match path.as_str() {
                "/never" => std::future::pending().await,
                "/endless" => Response::new(endless()),
                "/echo" => Response::new(req.into_body()),
                "/large" => vec![b'x'; 8 << 20].into_response(),
                "/ignore" => "ignored".into_response(),
                _ => match req.bytes().await {
                    Ok(body) => body.into_response(),
                    Err(error) => error.into_response(),
                },
            }
        }
    };
    for workers in [Workers::Shared, Workers::PerCore(2)] {
        let server = start(Server::builder().workers(workers), service.clone()).await;
        for path in ["/", "/never", "/endless", "/echo", "/large", "/ignore"] {
            let wire = format!(
                "POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                 5\r\nhello\r\n0\r\n\r\n"
            );
            // After each byte that is sent, at once and when the server has seen it.
            let cuts = (0..=wire.len()).map(async |cut| {
                for pause in [0, 3] {
                    let mut client = dial_to(&server).await;
                    client.send(&wire[..cut]).await;
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                    client.reset();
                }
            });
            within(60, join_all(cuts)).await;
            // After each part of the answer that is read.
            for _ in 0..5 {
                let mut client = dial_to(&server).await;
                client.send(&wire).await;
                if path != "/never" {
                    client.head().await.unwrap();
                }
                client.reset();
            }
            // With a request of which nobody took note yet, behind one that is answered.
            let mut client = dial_to(&server).await;
            client.send(wire.repeat(3)).await;
            client.reset();
        }
        eventually(|| server.connections() == 0 && running.load(Relaxed) == 0).await;
        let mut client = dial_to(&server).await;
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nalive").await;
        assert_eq!(client.answer().await.unwrap().text(), "alive");
        drop(client);
        assert_eq!(within(20, server.shutdown()).await.unwrap().cut, 0);
    }
}

/// Counts handlers that have not been dropped.
struct Guard(Arc<AtomicUsize>);

impl Guard {
    fn new(running: &Arc<AtomicUsize>) -> Self {
        running.fetch_add(1, Relaxed);
        Self(Arc::clone(running))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[tokio::test]
async fn a_handler_that_panics_costs_its_own_connection_only() {
    let service = |req: Request| async move {
        assert_ne!(req.path(), "/panic", "as it was asked to");
        "fine".into_response()
    };
    for workers in [Workers::Shared, Workers::PerCore(1)] {
        let server: Running<_> = start(Server::builder().workers(workers), service).await;
        let mut other = dial_to(&server).await;
        other.get("/").await;
        let mut client = dial_to(&server).await;
        client.send("GET /panic HTTP/1.1\r\nHost: a\r\n\r\n").await;
        within(10, client.rest()).await;
        assert_eq!(other.get("/").await.text(), "fine");
        eventually(|| server.connections() == 1).await;
        server.shutdown().await.unwrap();
    }
}

async fn assert_refused(address: SocketAddr) {
    let error = TcpStream::connect(address).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}
