//! The socket over connections in memory, time moved by hand.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use dunlin_websocket::{CloseCode, Config, Error, Limits, Message, ProtocolError, Role, WebSocket};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};

fn pair(config: Config) -> (WebSocket, WebSocket) {
    let (server, client) = duplex(1 << 20);
    let server = WebSocket::new(server, Role::Server, config.clone());
    (server, WebSocket::new(client, Role::Client, config))
}

/// A server's socket, and the bare stream of its client.
fn bare(config: Config) -> (WebSocket, DuplexStream) {
    let (server, client) = duplex(1 << 20);
    (WebSocket::new(server, Role::Server, config), client)
}

/// What a client sends with a mask of zeros.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut wire = vec![first, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0];
    wire.extend_from_slice(payload);
    wire
}

async fn echo(mut ws: WebSocket) -> Result<WebSocket, Error> {
    while let Some(message) = ws.receive().await {
        ws.feed(message?).await?;
    }
    Ok(ws)
}

#[tokio::test]
async fn messages_of_all_sizes_come_back() {
    let (server, mut client) = pair(Config::default());
    let server = tokio::spawn(echo(server));
    for size in [0, 1, 125, 126, 4095, 4096, 16_383, 16_384, 65_535, 65_536, 300_000, 3_000_000] {
        let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        client.send(bytes.clone()).await.unwrap();
        assert_eq!(client.receive().await.unwrap().unwrap(), Message::from(bytes));
        let text = "\u{20ac}".repeat(size / 3);
        client.send(&*text).await.unwrap();
        assert_eq!(client.receive_text().await.unwrap().unwrap(), text.as_str());
    }
    client.close(CloseCode::NORMAL, "done").await.unwrap();
    let server = server.await.unwrap().unwrap();
    let said = server.close_frame().unwrap();
    assert_eq!((said.code, said.reason.as_str()), (CloseCode::NORMAL, "done"));
    assert_eq!(client.close_frame().unwrap().code, CloseCode::NORMAL);
}

#[tokio::test]
async fn receiving_may_be_dropped_at_any_byte() {
    let (mut server, mut client) = bare(Config::default());
    let wire = [masked(0x01, b"frag"), masked(0x89, b"ping"), masked(0x80, b"ment")].concat();
    let writer = tokio::spawn(async move {
        for byte in wire {
            client.write_all(&[byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        client
    });
    let mut dropped = 0;
    let message = loop {
        tokio::select! {
            biased;
            message = server.receive() => break message.unwrap().unwrap(),
            () = tokio::task::yield_now() => dropped += 1,
        }
    };
    assert_eq!(message, Message::from("fragment"));
    assert!(dropped > 5, "{dropped}");
    let mut client = writer.await.unwrap();
    let mut pong = [0; 6];
    client.read_exact(&mut pong).await.unwrap();
    assert_eq!(&pong, b"\x8a\x04ping");
}

/// Counts writes, and tells where what is written lies.
struct Watched {
    io: DuplexStream,
    writes: Arc<Mutex<Vec<Vec<usize>>>>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes.lock().unwrap().push(vec![buf.as_ptr() as usize]);
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writes.lock().unwrap().push(bufs.iter().map(|buf| buf.as_ptr() as usize).collect());
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn what_one_read_brings_one_write_answers() {
    let (io, mut client) = duplex(1 << 20);
    let writes = Arc::new(Mutex::new(Vec::new()));
    let io = Watched { io, writes: Arc::clone(&writes) };
    let server = tokio::spawn(echo(WebSocket::new(io, Role::Server, Config::default())));
    let wire = [masked(0x81, b"message"), masked(0x89, b"ping")].concat().repeat(16);
    client.write_all(&wire).await.unwrap();
    let mut answer = vec![0; 16 * (9 + 6)];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"\x81\x07message\x8a\x04ping".repeat(16));
    assert_eq!(writes.lock().unwrap().len(), 1);
    drop(client);
    assert!(matches!(server.await.unwrap(), Err(Error::Lost)));
}

/// Reads are small, but as long as more has come, one write answers 64 KiB of them.
#[tokio::test]
async fn what_a_burst_brings_few_writes_answer() {
    let (io, mut client) = duplex(1 << 20);
    let writes = Arc::new(Mutex::new(Vec::new()));
    let io = Watched { io, writes: Arc::clone(&writes) };
    let config = Config { high_water: 1 << 20, ..Config::default() };
    let frame = masked(0x82, &[7; 122]);
    client.write_all(&frame.repeat(2048)).await.unwrap();
    let server = tokio::spawn(echo(WebSocket::new(io, Role::Server, config)));
    let mut answer = vec![0; 2048 * (2 + 122)];
    client.read_exact(&mut answer).await.unwrap();
    assert!((3..=5).contains(&writes.lock().unwrap().len()), "for 256 KiB");
    drop(client);
    assert!(matches!(server.await.unwrap(), Err(Error::Lost)));
}

#[tokio::test]
async fn large_payloads_leave_from_where_they_lie() {
    let (io, _client) = duplex(1 << 20);
    let writes = Arc::new(Mutex::new(Vec::new()));
    let io = Watched { io, writes: Arc::clone(&writes) };
    let mut ws = WebSocket::new(io, Role::Server, Config::default());
    let payload = Bytes::from(vec![7; 16 * 1024]);
    let at = payload.as_ptr() as usize;
    ws.send(payload).await.unwrap();
    let writes = writes.lock().unwrap();
    assert_eq!(writes.len(), 1, "header and payload by one write");
    assert_eq!(writes[0][1], at);
}

#[tokio::test]
async fn a_fault_is_told_by_a_close_frame_after_what_was_right() {
    let (server, mut client) = bare(Config::default());
    let server = tokio::spawn(async move {
        let mut server = server;
        let first = server.receive().await.unwrap().unwrap();
        server.feed(first).await.unwrap();
        let second = server.receive().await.unwrap();
        (second, server.receive().await.is_none(), server.send("late").await)
    });
    client.write_all(&[masked(0x81, b"ok"), masked(0x83, b"")].concat()).await.unwrap();
    let mut all = Vec::new();
    // The server ends its half by itself.
    client.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, b"\x81\x02ok\x88\x02\x03\xea");
    drop(client);
    let (error, is_over, late) = server.await.unwrap();
    assert!(matches!(error, Err(Error::Protocol(ProtocolError::ReservedOpCode(3)))));
    assert!(is_over && matches!(late, Err(Error::Closed)));
}

#[tokio::test]
async fn a_connection_that_ends_without_a_close_frame_is_lost_once() {
    let (mut server, mut client) = bare(Config::default());
    client.write_all(&masked(0x81, b"half a message")[..9]).await.unwrap();
    drop(client);
    assert!(matches!(server.receive().await, Some(Err(Error::Lost))));
    assert!(server.receive().await.is_none());
    assert!(server.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_pong_that_does_not_come_wakes_the_receiver() {
    let heartbeat = Some(Duration::from_secs(20));
    let config = Config { heartbeat, ..Config::default() };
    let (mut server, mut client) = bare(config);
    let began = tokio::time::Instant::now();
    let receiver = tokio::spawn(async move {
        let first = server.receive().await;
        (first, server.receive().await, server.rtt())
    });
    // Anything is a sign of life, the first byte of a frame as well.
    let wire = masked(0x81, b"alive");
    tokio::time::sleep(Duration::from_secs(15)).await;
    client.write_all(&wire[..1]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(15)).await;
    client.write_all(&wire[1..]).await.unwrap();
    let mut ping = [0; 10];
    client.read_exact(&mut ping).await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 50);
    tokio::time::sleep(Duration::from_secs(3)).await;
    client.write_all(&masked(0x8a, &ping[2..])).await.unwrap();
    client.read_exact(&mut ping).await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 73);
    let (first, second, rtt) = receiver.await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 83);
    assert_eq!(first.unwrap().unwrap(), Message::from("alive"));
    assert!(matches!(second, Some(Err(Error::PongTimeout))));
    assert_eq!(rtt.unwrap().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn closing_has_a_deadline_and_goes_on_after_it_is_dropped() {
    let (mut server, mut client) = bare(Config::default());
    let began = tokio::time::Instant::now();
    let short = Duration::from_secs(4);
    assert!(tokio::time::timeout(short, server.close(CloseCode::GOING_AWAY, "")).await.is_err());
    let result = server.close(CloseCode::NORMAL, "said already").await;
    assert!(matches!(result, Err(Error::CloseTimeout)));
    assert_eq!(began.elapsed().as_secs(), 10);
    let mut all = Vec::new();
    client.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, b"\x88\x02\x03\xe9");
    server.close(CloseCode::NORMAL, "").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_end_tcp_is_left_after_a_while() {
    let (mut server, mut client) = bare(Config::default());
    client.write_all(&masked(0x88, b"\x03\xe8")).await.unwrap();
    let began = tokio::time::Instant::now();
    assert!(server.receive().await.is_none());
    assert_eq!(began.elapsed().as_secs(), 2);
}

#[tokio::test]
async fn halves_send_and_receive_at_once() {
    let (server, client) = pair(Config::default());
    let server = tokio::spawn(echo(server));
    let (mut sender, mut receiver) = client.split();
    let sending = tokio::spawn(async move {
        for count in 0..200u32 {
            sender.send(vec![count as u8; 20_000]).await.unwrap();
        }
        sender
    });
    for count in 0..200u32 {
        let message = receiver.receive().await.unwrap().unwrap();
        assert_eq!(message, Message::from(vec![count as u8; 20_000]));
    }
    let mut sender = sending.await.unwrap();
    let receiving = tokio::spawn(async move { receiver.receive().await.is_none() });
    tokio::task::yield_now().await;
    sender.close(CloseCode::NORMAL, "").await.unwrap();
    assert!(receiving.await.unwrap());
    assert!(matches!(sender.send("late").await, Err(Error::Closed)));
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn halves_answer_pings_while_they_send() {
    let (server, mut client) = bare(Config::default());
    let (mut sender, mut receiver) = server.split();
    let receiving = tokio::spawn(async move { receiver.receive().await });
    for count in 0..50u8 {
        client.write_all(&masked(0x89, &[count])).await.unwrap();
        sender.send(&[count][..]).await.unwrap();
    }
    // In which order they come is open; that each frame is whole is not.
    let (mut pongs, mut messages) = (Vec::new(), Vec::new());
    for _ in 0..100 {
        let mut frame = [0; 3];
        client.read_exact(&mut frame).await.unwrap();
        match frame {
            [0x8a, 1, count] => pongs.push(count),
            [0x82, 1, count] => messages.push(count),
            other => panic!("{other:?}"),
        }
    }
    let all: Vec<u8> = (0..50).collect();
    assert!(pongs == all && messages == all);
    drop(client);
    assert!(matches!(receiving.await.unwrap(), Some(Err(Error::Lost))));
}

#[tokio::test]
async fn who_pings_and_never_reads_is_not_read_for_ever() {
    let (server, mut client) = duplex(1000);
    let config = Config { high_water: 4000, ..Config::default() };
    let mut server = WebSocket::new(server, Role::Server, config);
    let receiving = tokio::spawn(async move { server.receive().await.is_some() });
    let flood = masked(0x89, &[7; 100]).repeat(10);
    let mut sent = 0;
    let short = Duration::from_millis(200);
    while tokio::time::timeout(short, client.write_all(&flood)).await.is_ok() {
        sent += flood.len();
        assert!(sent < 100_000);
    }
    drop(client);
    assert!(receiving.await.unwrap());
}

#[tokio::test]
async fn feeding_waits_where_the_peer_does_not_read() {
    let (server, mut client) = duplex(1000);
    let mut server = WebSocket::new(server, Role::Server, Config::default());
    let mut fed = 0;
    let short = Duration::from_millis(200);
    while tokio::time::timeout(short, server.feed(vec![7; 1000])).await.is_ok() {
        fed += 1;
        assert!(fed < 200);
    }
    // What was dropped was not queued.
    let expected = fed * 1004;
    let reading = tokio::spawn(async move {
        let mut all = vec![0; expected];
        client.read_exact(&mut all).await.unwrap();
        client.read(&mut [0]).await.unwrap()
    });
    server.flush().await.unwrap();
    drop(server);
    assert_eq!(reading.await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_is_given_up() {
    let timeout = Config { write_timeout: Duration::from_secs(7), ..Config::default() };
    let began = tokio::time::Instant::now();
    let (io, mut slow) = duplex(100);
    let mut ws = WebSocket::new(io, Role::Server, timeout.clone());
    // As long as it takes something, it may take its time.
    let sending = tokio::spawn(async move {
        let result = ws.send(vec![7; 496]).await;
        (result, ws)
    });
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        slow.read_exact(&mut [0; 100]).await.unwrap();
    }
    let (result, mut ws) = sending.await.unwrap();
    assert!(result.is_ok());
    let began_again = began.elapsed().as_secs();
    assert!(matches!(ws.send(vec![7; 500]).await, Err(Error::WriteTimeout)));
    assert_eq!(began.elapsed().as_secs(), began_again + 7);
    assert!(matches!(ws.send("late").await, Err(Error::Closed)));
    assert!(ws.receive().await.is_none());
    // Whoever receives is told as well.
    let (io, _slow) = duplex(100);
    let mut ws = WebSocket::new(io, Role::Server, timeout);
    ws.feed(vec![7; 500]).await.unwrap();
    assert!(matches!(ws.receive().await, Some(Err(Error::WriteTimeout))));
}

#[tokio::test]
async fn large_messages_go_in_parts_both_ways() {
    let limits = Limits { max_message: 1000, ..Limits::default() };
    let (mut server, mut client) = pair(Config { limits, ..Config::default() });
    let text = "\u{20ac}uro ".repeat(50_000);
    let expected = format!("begun {text}");
    let sending = tokio::spawn(async move {
        client.send_part("begun ", false).await.unwrap();
        assert!(matches!(client.send("whole").await, Err(Error::Unfinished)));
        let wrong = client.send_part(&b"bytes"[..], false).await;
        assert!(matches!(wrong, Err(Error::WrongKind { expected: "text" })));
        client.send_part(&*text, false).await.unwrap();
        client.send_part("", true).await.unwrap();
        // All but the first part of this one is skipped.
        client.send(vec![7; 100_000]).await.unwrap();
        client.send("next").await.unwrap();
        client
    });
    let (mut received, mut parts) = (String::new(), 0);
    loop {
        let part = server.receive_part().await.unwrap().unwrap();
        assert!(part.data.len() < 65 * 1024);
        received.push_str(part.data.as_text().unwrap());
        parts += 1;
        if part.is_last {
            break;
        }
    }
    assert!(received == expected && parts > 5);
    assert!(!server.receive_part().await.unwrap().unwrap().is_last);
    assert_eq!(server.receive().await.unwrap().unwrap(), Message::from("next"));
    drop(sending.await.unwrap());
}

#[cfg(feature = "json")]
#[tokio::test]
async fn halves_send_and_receive_all_kinds() {
    let (server, client) = pair(Config::default());
    let (mut sender, client) = client.split();
    let (_sender, mut receiver) = server.split();
    sender.send_json(&[1, 2, 3]).await.unwrap();
    assert_eq!(receiver.receive_json::<Vec<u8>>().await.unwrap().unwrap(), [1, 2, 3]);
    sender.feed_part("in ", false).await.unwrap();
    sender.send_part("parts", true).await.unwrap();
    assert_eq!(receiver.receive_text().await.unwrap().unwrap(), "in parts");
    sender.send("text").await.unwrap();
    assert!(matches!(receiver.receive_binary().await, Some(Err(Error::WrongKind { .. }))));
    assert!(!receiver.is_closed() && !receiver.is_compressed() && receiver.protocol().is_none());
    sender.close(CloseCode::NORMAL, "").await.unwrap();
    assert!(receiver.receive().await.is_none());
    assert!(receiver.is_closed() && sender.is_closed() && client.is_closed());
}

#[cfg(feature = "json")]
#[tokio::test]
async fn json_goes_both_ways_and_a_wrong_message_ends_nothing() {
    let (mut server, mut client) = pair(Config::default());
    client.send_json(&[1, 2, 3]).await.unwrap();
    client.send("no json").await.unwrap();
    client.send("text").await.unwrap();
    client.send("more").await.unwrap();
    assert_eq!(server.receive_json::<Vec<u8>>().await.unwrap().unwrap(), [1, 2, 3]);
    assert!(matches!(server.receive_json::<u8>().await, Some(Err(Error::Json(_)))));
    assert!(matches!(server.receive_binary().await, Some(Err(Error::WrongKind { .. }))));
    assert_eq!(server.receive_text().await.unwrap().unwrap(), "more");
}
