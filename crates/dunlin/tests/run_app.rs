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
