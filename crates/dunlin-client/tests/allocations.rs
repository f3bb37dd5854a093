//! What a request costs that is sent on a kept connection, counted.
#![allow(missing_docs)]

mod counting;

use std::io::{Read, Write};

use counting::ALLOCATIONS;
use dunlin_client::{Client, Url};

/// Answers on a thread of its own, whose allocations do not count.
fn origin(answer: &'static [u8]) -> Url {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/plaintext", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut piece = [0; 4096];
            while stream.read(&mut piece).is_ok_and(|n| n > 0) {
                stream.write_all(answer).unwrap();
            }
        }
    });
    Url::parse(&url).unwrap()
}

/// The most that any of many requests allocates, behind some that warm up.
fn most(url: &Url) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::new();
    let get = async || {
        let before = ALLOCATIONS.get();
        let response = client.get(url).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.bytes().await.unwrap();
        ALLOCATIONS.get() - before
    };
    runtime.block_on(async {
        let mut most = 0;
        for nth in 0..120 {
            let cost = get().await;
            most = if nth < 20 { 0 } else { most.max(cost) };
        }
        most
    })
}

#[test]
fn a_get_on_a_kept_connection_allocates_at_most_three_times() {
    let empty = most(&origin(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nServer: x\r\n\r\n"));
    assert!(empty <= 3, "{empty} allocations for an empty body");
    let small =
        most(&origin(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\nServer: x\r\n\r\nHello, World!"));
    assert!(small <= empty + 1, "{small} allocations with a small body, {empty} without");
    println!("{empty} allocations with an empty body, {small} with a small one");
}
