//! A server without a file descriptor left. Alone in its process, whose limit it lowers.

mod util;

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use dunlin_core::{IntoResponse, Request, Response};
use dunlin_server::{Fault, Server, Workers};
use futures_util::future::join_all;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use tokio::net::TcpSocket;
use util::Raw;
use util::sockets::{dial_to, start, within};

async fn hello(_: Request) -> Response {
    "hello".into_response()
}

/// CPU time that this process has used.
fn cpu() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().expect("a time since the start")
}

/// Takes every descriptor that is left.
fn take_all() -> Vec<File> {
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

#[tokio::test]
async fn without_descriptors_accept_neither_spins_nor_ends_and_goes_on_when_there_are_some() {
    let hard = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(96), maximum: hard }).unwrap();
    for (workers, listeners) in [(Workers::Shared, 1), (Workers::PerCore(2), 2)] {
        let errors = Arc::new(AtomicUsize::new(0));
        let told = Arc::clone(&errors);
        let builder = Server::builder().workers(workers).on_fault(move |fault| {
            let Fault::Accept(error) = fault else { panic!("{fault}") };
            assert!(error.to_string().contains("Too many open files"), "{error}");
            told.fetch_add(1, Relaxed);
        });
        let server = start(builder, hello).await;
        let address = server.addresses()[0];
        let mut open = dial_to(&server).await;
        open.get("/").await;
        // Their descriptors must be there before all are taken.
        let waiting = [(); 8].map(|()| TcpSocket::new_v4().unwrap());
        let all = take_all();
        assert!(all.len() > 8);

        let began = Instant::now();
        let before = cpu();
        let connect = waiting.into_iter().map(async |socket| {
            let mut client = Raw::new(socket.connect(address).await.unwrap());
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
            client
        });
        let mut waiting = within(10, join_all(connect)).await;
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let used = cpu() - before;
        assert!(used < Duration::from_millis(300), "{used:?} of CPU in {:?}", began.elapsed());
        // Pauses of 10, 20, 40 … 1,000 ms: eight in 1.5 s.
        let count = errors.load(Relaxed);
        assert!((1..=12 * listeners).contains(&count), "{count} errors in {:?}", began.elapsed());
        assert_eq!(server.connections(), 1);
        assert_eq!(within(5, open.get("/")).await.text(), "hello", "open ones are served on");

        drop(all);
        for client in &mut waiting {
            assert_eq!(within(5, client.answer()).await.unwrap().text(), "hello");
        }
        assert_eq!(within(5, dial_to(&server).await.get("/")).await.text(), "hello");

        // A pause does not hold up the end.
        let spare = TcpSocket::new_v4().unwrap();
        let all = take_all();
        let _refused = within(5, spare.connect(address)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(700)).await;
        let began = Instant::now();
        assert_eq!(within(10, server.shutdown()).await.unwrap().cut, 0);
        assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
        drop(all);
    }
}
