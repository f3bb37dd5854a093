//! What a room of a thousand members keeps, counted: one of them never reads.
#![allow(unsafe_code, reason = "a global allocator is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use dunlin_websocket::{Config, Role, Room, RoomConfig, SlowPolicy, WebSocket};
use tokio::io::{AsyncReadExt, duplex};
use tokio::sync::mpsc;

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`, which is the system's too.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: `ptr` comes from `alloc` above, so from the system's allocator.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LIVE.fetch_add(size, Relaxed);
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: `ptr` comes from `alloc` above, and the caller keeps the rest of the contract.
        unsafe { System.realloc(ptr, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const MEMBERS: usize = 1000;
const MAX_QUEUED: usize = 256 * 1024;
const MESSAGE: usize = 3000;
/// Four times what may wait for one member.
const MESSAGES: usize = 4 * MAX_QUEUED / MESSAGE;

#[tokio::test]
async fn memory_stays_under_the_stated_bound() {
    let room = Room::new(RoomConfig { max_queued: MAX_QUEUED, slow: SlowPolicy::DropOldest });
    let (read, mut reads) = mpsc::channel(MEMBERS);
    let mut stuck = None;
    for nth in 0..MEMBERS {
        let (server, mut client) = duplex(MESSAGE + 4);
        let mut ws = WebSocket::new(server, Role::Server, Config::default());
        let membership = room.join(&mut ws);
        tokio::spawn(async move {
            let _membership = membership;
            ws.receive().await
        });
        if nth == 0 {
            stuck = Some(client);
            continue;
        }
        let read = read.clone();
        tokio::spawn(async move {
            let mut frame = vec![0; MESSAGE + 4];
            while client.read_exact(&mut frame).await.is_ok() {
                read.send(()).await.unwrap();
            }
        });
    }
    let say = async |reads: &mut mpsc::Receiver<()>, byte: u8| {
        room.broadcast(vec![byte; MESSAGE]);
        for _ in 1..MEMBERS {
            reads.recv().await.unwrap();
        }
    };
    // All that is there for good is there: buffers of pipes, tasks, channels.
    for _ in 0..10 {
        say(&mut reads, 0).await;
    }
    let before = LIVE.load(Relaxed);
    let mut most = 0;
    for nth in 0..MESSAGES {
        say(&mut reads, nth as u8).await;
        most = most.max(LIVE.load(Relaxed).saturating_sub(before));
    }
    // Its room's queue, its socket's, and a message; the others own nothing while they wait.
    let bound = MAX_QUEUED + 2 * Config::default().high_water + MESSAGE;
    assert!(most <= bound, "{most} bytes more, of {bound}");
    // The queue was full, so that there was something to bound.
    assert!(most >= MAX_QUEUED * 3 / 4, "{most}");
    drop(stuck);
}
