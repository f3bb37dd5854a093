//! What a request costs that is sent on a kept connection, counted.
#![allow(unsafe_code, missing_docs, reason = "a global allocator is an unsafe trait")]

mod util;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};

use dunlin_client::{Client, Url};

struct Counting;

thread_local!(static ALLOCATIONS: Cell<usize> = const { Cell::new(0) });

fn note() {
    // A thread that ends may allocate when its counter has gone.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: every call is handed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller keeps the contract of `alloc`, which is the system's too.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: `ptr` comes from `alloc` above, so from the system's allocator.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: `ptr` comes from `alloc` above, and the caller keeps the rest of the contract.
        unsafe { System.realloc(ptr, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

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
