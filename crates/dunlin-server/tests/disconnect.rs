//! Clients that go while their handlers run: who is told, who is dropped, and who runs on.

mod util;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dunlin_core::{Body, IntoResponse, Request, Response};
use dunlin_server::Server;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use util::{Raw, connect, connect_with, soon};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Tells when a handler is dropped, and whether it had ended.
struct Told(mpsc::UnboundedSender<&'static str>, bool);

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.0.send(if self.1 { "ended" } else { "dropped" });
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_half_closes_is_told_of_and_still_gets_its_answer() {
    let mut client = connect(|req: Request| async move {
        assert!(!req.disconnected().is_gone());
        req.disconnected().await;
        "you were there".into_response()
    });
    client.send(GET).await;
    client.finish().await;
    assert_eq!(soon(client.answer()).await.unwrap().text(), "you were there");
}

#[tokio::test(start_paused = true)]
async fn a_task_hears_of_a_client_that_is_gone() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let (client, served) = connect_with(Server::builder(), move |req: Request| {
        let (tell, gone) = (tell.clone(), req.disconnected());
        tokio::spawn(async move {
            gone.await;
            tell.send(()).unwrap();
        });
        // Dropped with its connection.
        std::future::pending::<Response>()
    });
    let mut client = client;
    client.send(GET).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert!(told.try_recv().is_err(), "the client is there");
    drop(client);
    soon(told.recv()).await.unwrap();
    drop(served);
}

#[tokio::test(start_paused = true)]
async fn a_task_hears_of_a_client_that_leaves_a_stream() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let mut client = connect(move |req: Request| {
        let (tell, gone) = (tell.clone(), req.disconnected());
        let (sender, body) = Body::channel(1024);
        tokio::spawn(async move {
            let _open = sender;
            gone.await;
            tell.send(()).unwrap();
        });
        async { Response::new(body) }
    });
    client.send(GET).await;
    soon(client.head()).await.unwrap();
    drop(client);
    soon(told.recv()).await.unwrap();
}

/// A client that goes while its handler waits; what became of the handler.
async fn left(to_its_end: bool, request: &str) -> &'static str {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, mut told) = mpsc::unbounded_channel();
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let service = {
        let (begun, go_on) = (Arc::clone(&begun), Arc::clone(&go_on));
        move |req: Request| {
            let (tell, begun, go_on) = (tell.clone(), Arc::clone(&begun), Arc::clone(&go_on));
            if to_its_end {
                req.connection().unwrap().run_to_completion();
            }
            async move {
                let mut guard = Told(tell, false);
                begun.notify_one();
                go_on.notified().await;
                // What of the body has not come is gone with the connection.
                assert!(!req.body_exists() || req.bytes().await.is_err());
                guard.1 = true;
                Response::new("nobody reads this")
            }
        }
    };
    let client = TcpStream::connect(address).await.unwrap();
    let (far, _) = listener.accept().await.unwrap();
    let served = tokio::spawn(Server::builder().serve_io(service, far));
    let mut client = Raw::new(client);
    client.send(request).await;
    soon(begun.notified()).await;
    // Nothing unsent or unread is waited for: a reset.
    client.io().set_zero_linger().unwrap();
    drop(client);
    if !to_its_end {
        let became = soon(told.recv()).await.unwrap();
        soon(served).await.unwrap();
        return became;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(told.try_recv().is_err(), "it waits on");
    go_on.notify_one();
    let became = soon(told.recv()).await.unwrap();
    soon(served).await.expect("the connection ends behind it");
    became
}

#[tokio::test]
async fn a_handler_is_dropped_with_its_connection_unless_it_runs_to_its_end() {
    let begun_body = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nonly this";
    for request in [GET, begun_body] {
        assert_eq!(left(false, request).await, "dropped");
        assert_eq!(left(true, request).await, "ended");
    }
}

#[tokio::test(start_paused = true)]
async fn running_to_the_end_is_asked_for_each_request() {
    let asked = Arc::new(AtomicUsize::new(0));
    let mut client = connect({
        let asked = Arc::clone(&asked);
        move |req: Request| {
            let connection = req.connection().unwrap();
            asked.fetch_add(usize::from(connection.runs_to_completion()), Ordering::Relaxed);
            connection.run_to_completion();
            async { Response::new("") }
        }
    });
    for _ in 0..3 {
        assert_eq!(soon(client.get("/")).await.status, 200);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_does_not_cut_a_handler_that_runs_to_its_end() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let service = move |req: Request| {
        let tell = tell.clone();
        let last = req.path() == "/last";
        if last {
            req.connection().unwrap().run_to_completion();
        }
        async move {
            if !last {
                return Response::new(vec![0; 15 * 1024]);
            }
            let mut guard = Told(tell, false);
            // Longer than a write may take.
            tokio::time::sleep(Duration::from_secs(3600)).await;
            guard.1 = true;
            Response::new("")
        }
    };
    // Five answers are written as one and fit; the other two wait for the last request's handler to
    // wait, and then do not fit.
    let (near, far) = tokio::io::duplex(100 * 1024);
    let (mut client, served) =
        (Raw::new(near), tokio::spawn(Server::builder().serve_io(service, far)));
    let requests = format!("{}GET /last HTTP/1.1\r\nHost: a\r\n\r\n", GET.repeat(7));
    client.send(requests).await;
    assert_eq!(soon_in(7200, told.recv()).await, Some("ended"));
    soon_in(7200, served).await.unwrap();
}

async fn soon_in<F: Future>(seconds: u64, future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(seconds), future).await.expect("in time")
}
