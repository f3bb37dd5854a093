//! Sockets that a supervisor has opened: a process of its own inherits them as systemd passes them.

#![cfg(all(unix, feature = "systemd"))]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dunlin_core::{IntoResponse, Request};
use dunlin_server::Server;
use rustix::process::{Pid, Signal, kill_process};

/// Tells the process that is to serve which address it is to bind where nothing is passed.
const ROLE: &str = "DUNLIN_TEST_INHERITS";

/// A process that serves on what lies behind its standard input, and on `address` where nothing is passed.
fn start(socket: Option<OwnedFd>, address: SocketAddr) -> Child {
    let passes = "export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$0\" \"$@\" 3<&0 </dev/null";
    let script = if socket.is_some() { passes } else { "exec \"$0\" \"$@\"" };
    Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "a_process_that_inherits", "--nocapture", "--test-threads=1"])
        .env(ROLE, address.to_string())
        .stdin(socket.map_or_else(Stdio::null, Stdio::from))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn a_process_that_inherits() {
    let Ok(address) = std::env::var(ROLE) else { return };
    let hello = |_: Request| async { "hello".into_response() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = Server::builder().bind(&*address).inherit_sockets();
    let server = server.on_listening(|addresses| println!("\nlistening on {addresses:?}"));
    if let Err(error) = runtime.block_on(server.serve(hello)) {
        println!("\nfailed: {error}");
    }
}

/// The line that says how it went. The pipe stays open behind it.
fn told(child: &mut Child) -> String {
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let told = |line: &String| line.starts_with("listening") || line.starts_with("failed");
    lines.map(Result::unwrap).find(told).unwrap()
}

fn get(mut io: impl Read + Write) -> String {
    io.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    io.read_to_string(&mut answer).unwrap();
    answer
}

fn end(mut child: Child) {
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    child.wait().unwrap();
}

/// An address that is free, and may be taken.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn a_tcp_socket_that_is_passed_is_served_instead_of_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (passed, other) = (listener.local_addr().unwrap(), free());
    // It waits before anybody accepts: a restart loses no connection.
    let early = TcpStream::connect(passed).unwrap();
    early.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut child = start(Some(listener.into()), other);
    assert_eq!(told(&mut child), format!("listening on [{passed}]"));
    assert!(get(early).ends_with("\r\n\r\nhello"));
    assert!(TcpStream::connect(other).is_err());
    end(child);
}

#[test]
fn a_unix_socket_that_is_passed_is_served_and_its_file_left() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let mut child = start(Some(UnixListener::bind(&path).unwrap().into()), free());
    assert_eq!(told(&mut child), "listening on []");
    assert!(get(UnixStream::connect(&path).unwrap()).ends_with("\r\n\r\nhello"));
    end(child);
    assert!(path.exists());
}

#[test]
fn without_passed_sockets_the_address_is_bound() {
    let mut child = start(None, "127.0.0.1:0".parse().unwrap());
    assert!(told(&mut child).starts_with("listening on [127.0.0.1:"));
    end(child);
}

#[test]
fn what_is_no_listening_socket_is_an_error_that_says_which() {
    let file = tempfile::tempfile().unwrap();
    let mut child = start(Some(file.into()), free());
    let told = told(&mut child);
    assert!(told.starts_with("failed: cannot listen on descriptor 3, which was passed"), "{told}");
    child.wait().unwrap();
}

/// An open listener of a program's own, without systemd.
#[tokio::test]
async fn a_unix_listener_is_served_and_its_file_left() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let hello = |_: Request| async { "hello".into_response() };
    let builder = Server::builder();
    assert!(!builder.has_address());
    let builder = builder.unix_listener(listener);
    assert!(builder.has_address());
    let server = builder.start(hello).await.unwrap();
    let answer = tokio::task::spawn_blocking({
        let path = path.clone();
        move || get(UnixStream::connect(path).unwrap())
    });
    assert!(answer.await.unwrap().ends_with("\r\n\r\nhello"));
    server.shutdown().await.unwrap();
    assert!(path.exists());
}
