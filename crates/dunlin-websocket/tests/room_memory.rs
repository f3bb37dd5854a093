//! What a room of a thousand members keeps, counted: one of them never reads.

mod counting;

use std::sync::atomic::Ordering::Relaxed;

use counting::LIVE;
use dunlin_websocket::{Config, Role, Room, RoomConfig, SlowPolicy, WebSocket};
use tokio::io::{AsyncReadExt, duplex};
use tokio::sync::mpsc;

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
