//! `run_app` as a program calls it.
#![cfg(feature = "server")]
#![allow(missing_docs)]

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dunlin::web::App;
use tokio::sync::mpsc;

#[tokio::test]
async fn everybody_who_asks_is_told_the_addresses_beside_the_banner() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let order = Arc::new(Mutex::new(Vec::new()));
    let (first, second) = (Arc::clone(&order), Arc::clone(&order));
    let run = dunlin::run_app(App::new()).bind("127.0.0.1:0").server(|server| {
        server.on_listening(move |_| first.lock().unwrap().push("first")).on_listening(
            move |addresses| {
                second.lock().unwrap().push("second");
                tell.send(addresses.to_vec()).unwrap();
            },
        )
    });
    let run = tokio::spawn(run.into_future());
    let addresses = tokio::time::timeout(Duration::from_secs(10), told.recv()).await;
    assert_ne!(addresses.unwrap().unwrap()[0].port(), 0);
    assert_eq!(*order.lock().unwrap(), ["first", "second"]);
    run.abort();
}

/// What a program has opened itself is all: the default port is not bound beside it.
#[tokio::test]
async fn a_listener_of_the_programs_own_is_all_that_is_listened_on() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap();
    let (tell, mut told) = mpsc::unbounded_channel();
    let run = dunlin::run_app(App::new()).banner(false).server(|server| {
        server.listener(listener).on_listening(move |addresses| {
            tell.send(addresses.to_vec()).unwrap();
        })
    });
    let run = tokio::spawn(run.into_future());
    let addresses = tokio::time::timeout(Duration::from_secs(10), told.recv()).await;
    assert_eq!(addresses.unwrap().unwrap(), [own]);
    run.abort();
}

/// The settings of `run_app` are the server's.
#[tokio::test]
async fn limits_and_readiness_are_set_without_the_servers_builder() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let readiness = dunlin::server::Readiness::new();
    let (tell, mut told) = mpsc::unbounded_channel();
    let run = dunlin::run_app(App::new().add_get("/", || async { "hello" }))
        .bind("127.0.0.1:0")
        .banner(false)
        .workers(dunlin::server::Workers::PerCore(1))
        .max_connections(10)
        .limits(dunlin::server::Limits::default().max_headers(2))
        .keep_alive(Duration::from_millis(100))
        .readiness(readiness.clone())
        .shutdown_delay(Duration::ZERO)
        .server(|server| server.on_listening(move |at| tell.send(at[0]).unwrap()));
    assert!(!readiness.is_ready());
    let run = tokio::spawn(run.into_future());
    let address = tokio::time::timeout(Duration::from_secs(10), told.recv()).await;
    let address = address.unwrap().unwrap();
    assert!(readiness.is_ready());
    for (fields, status) in [("", "200"), ("a: 1\r\nb: 2\r\n", "431")] {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        // It ends by itself: the first for silence, the second for what was sent.
        let read =
            tokio::time::timeout(Duration::from_secs(30), stream.read_to_string(&mut answer));
        read.await.expect("the connection is closed").unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
    run.abort();
}
