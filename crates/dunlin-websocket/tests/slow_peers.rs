//! Peers that are slow, never stop, or are gone: nobody waits for what cannot come, and nobody is given up who
//! still takes something.

use std::time::Duration;

use dunlin_websocket::{CloseCode, Config, Error, Role, WebSocket};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, sleep, timeout};

/// A server's socket, and the bare stream of its client.
fn bare(config: Config, buffer: usize) -> (WebSocket, DuplexStream) {
    let (server, client) = duplex(buffer);
    (WebSocket::new(server, Role::Server, config), client)
}

/// What a client sends with a mask of zeros.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut wire = vec![first, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0];
    wire.extend_from_slice(payload);
    wire
}

/// Reads a kilobyte a second until `len` bytes have come, or the end; gives how many came.
async fn read_slowly(peer: &mut DuplexStream, len: usize) -> usize {
    let (mut total, mut piece) = (0, [0; 1000]);
    while total < len {
        sleep(Duration::from_secs(1)).await;
        let max = piece.len().min(len - total);
        match peer.read(&mut piece[..max]).await.unwrap() {
            0 => break,
            count => total += count,
        }
    }
    total
}

/// Each end would have to read for the other to go on writing.
#[tokio::test(start_paused = true)]
async fn halves_that_send_each_other_large_messages_do_not_wait_for_each_other() {
    let (one, other) = duplex(1000);
    let ends = [(one, Role::Server), (other, Role::Client)].map(|(io, role)| {
        let (mut sender, mut receiver) = WebSocket::new(io, role, Config::default()).split();
        tokio::spawn(async move {
            let sending = sender.send(vec![7; 200_000]);
            let (sent, received) = tokio::join!(sending, receiver.receive());
            sent.unwrap();
            assert_eq!(received.unwrap().unwrap().len(), 200_000);
        })
    });
    for end in ends {
        end.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_half_that_sends_is_told_when_the_other_has_come_to_the_end() {
    let config = Config {
        heartbeat: Some(Duration::from_secs(1)),
        write_timeout: Duration::from_secs(1000),
        ..Config::default()
    };
    let (ws, _peer) = bare(config, 100);
    let (mut sender, mut receiver) = ws.split();
    let began = Instant::now();
    let sending = tokio::spawn(async move { sender.send(vec![7; 1000]).await });
    let receiving = tokio::spawn(async move { receiver.receive().await });
    assert!(matches!(receiving.await.unwrap(), Some(Err(Error::PongTimeout))));
    assert!(matches!(sending.await.unwrap(), Err(Error::Closed)));
    assert_eq!(began.elapsed(), Duration::from_millis(1500));
}

/// Settings often say zero for off.
#[tokio::test(start_paused = true)]
async fn a_heartbeat_of_no_time_is_none() {
    let (mut ws, _peer) =
        bare(Config { heartbeat: Some(Duration::ZERO), ..Config::default() }, 100);
    assert!(timeout(Duration::from_secs(100), ws.receive()).await.is_err());
}

/// The ping waits behind a large message, and so does its answer.
#[tokio::test(start_paused = true)]
async fn who_takes_a_large_message_slowly_is_not_given_up_for_silence() {
    let heartbeat = Some(Duration::from_secs(10));
    let (ws, mut peer) = bare(Config { heartbeat, ..Config::default() }, 1000);
    let (mut sender, mut receiver) = ws.split();
    let sending = tokio::spawn(async move { sender.send(vec![7; 60_000]).await });
    let receiving = tokio::spawn(async move { receiver.receive().await });
    assert_eq!(read_slowly(&mut peer, 60_004).await, 60_004);
    assert!(sending.await.unwrap().is_ok());
    // Now the ping has left, and the time for its answer runs.
    let began = Instant::now();
    assert!(matches!(receiving.await.unwrap(), Some(Err(Error::PongTimeout))));
    assert!((4..=5).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_stops_taking_it_is_given_up() {
    let heartbeat = Some(Duration::from_secs(10));
    let (ws, mut peer) = bare(Config { heartbeat, ..Config::default() }, 1000);
    let (mut sender, mut receiver) = ws.split();
    let sending = tokio::spawn(async move { sender.send(vec![7; 60_000]).await });
    let receiving = tokio::spawn(async move { receiver.receive().await });
    read_slowly(&mut peer, 20_000).await;
    let began = Instant::now();
    assert!(matches!(receiving.await.unwrap(), Some(Err(Error::PongTimeout))));
    assert!(began.elapsed() <= Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(sending.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn what_is_queued_before_a_close_frame_may_take_longer_than_the_answer_to_it() {
    let (mut ws, mut peer) = bare(Config::default(), 1000);
    ws.feed(vec![7; 50_000]).await.unwrap();
    let closing = tokio::spawn(async move { ws.close(CloseCode::NORMAL, "").await });
    assert_eq!(read_slowly(&mut peer, 50_008).await, 50_008);
    let began = Instant::now();
    assert!(matches!(closing.await.unwrap(), Err(Error::CloseTimeout)));
    // Nor is the time for the answer less for it; it left when there was room for it.
    assert!((9..=10).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_closes_first_gets_all_that_was_queued_and_the_answer() {
    let (mut ws, mut peer) = bare(Config::default(), 1000);
    ws.feed(vec![7; 20_000]).await.unwrap();
    peer.write_all(&masked(0x88, b"\x03\xe8")).await.unwrap();
    let receiving = tokio::spawn(async move { ws.receive().await.is_none() });
    assert_eq!(read_slowly(&mut peer, 20_008).await, 20_008);
    // From now on it has its time to end TCP.
    let began = Instant::now();
    assert!(receiving.await.unwrap());
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    // Who takes nothing more is left.
    let (mut ws, mut peer) = bare(Config::default(), 1000);
    ws.feed(vec![7; 20_000]).await.unwrap();
    peer.write_all(&masked(0x88, b"\x03\xe8")).await.unwrap();
    let began = Instant::now();
    assert!(ws.receive().await.is_none());
    assert!(began.elapsed() <= Duration::from_secs(4), "{:?}", began.elapsed());
}

/// Bytes without end that are pongs of a client: a mask, ten bytes masked, and all of them the same.
#[tokio::test]
async fn who_never_stops_sending_does_not_hold_a_close_up() {
    let io = tokio::io::join(tokio::io::repeat(0x8a), tokio::io::sink());
    let config = Config { close_timeout: Duration::from_millis(200), ..Config::default() };
    let mut ws = WebSocket::new(io, Role::Server, config);
    let closing = timeout(Duration::from_secs(20), ws.close(CloseCode::NORMAL, "")).await;
    assert!(matches!(closing.expect("it has a deadline"), Err(Error::CloseTimeout)));
}

/// The answer has come in time, and nobody looked.
#[tokio::test(start_paused = true)]
async fn an_answer_to_a_close_frame_counts_when_it_is_looked_at_late() {
    let (mut ws, mut peer) = bare(Config::default(), 1 << 20);
    assert!(timeout(Duration::from_secs(1), ws.close(CloseCode::NORMAL, "")).await.is_err());
    peer.write_all(&masked(0x82, &[7; 100]).repeat(500)).await.unwrap();
    peer.write_all(&masked(0x88, b"\x03\xe8")).await.unwrap();
    drop(peer);
    sleep(Duration::from_secs(60)).await;
    ws.close(CloseCode::NORMAL, "").await.unwrap();
    assert!(ws.close_frame().is_some());
}

/// In memory and over TCP, where the write that fails resets the connection.
#[tokio::test]
async fn what_a_peer_said_before_it_went_is_received_after_a_send_has_failed() {
    let words = [masked(0x81, b"last words"), masked(0x88, b"\x03\xe9bye")].concat();
    let (in_memory, mut peer) = bare(Config::default(), 10_000);
    peer.write_all(&words).await.unwrap();
    drop(peer);

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut peer = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (io, _) = listener.accept().await.unwrap();
    peer.write_all(&words).await.unwrap();
    drop(peer);
    let over_tcp = WebSocket::new(io, Role::Server, Config::default());

    for mut ws in [in_memory, over_tcp] {
        while ws.send("tick").await.is_ok() {
            sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(ws.receive().await.unwrap().unwrap().as_text(), Some("last words"));
        assert!(ws.receive().await.is_none());
        assert_eq!(ws.close_frame().unwrap().code, CloseCode::GOING_AWAY);
    }
}

/// As much as one read takes, after which another is tried before anything is written.
#[tokio::test]
async fn who_ends_its_half_is_still_answered() {
    let (mut ws, peer) = bare(Config::default(), 1 << 20);
    let (mut reading, mut writing) = tokio::io::split(peer);
    let wire = masked(0x82, &[7; 122]).repeat(20 * 1024 / 128);
    writing.write_all(&wire).await.unwrap();
    writing.shutdown().await.unwrap();
    let server = tokio::spawn(async move {
        loop {
            match ws.receive().await.unwrap() {
                Ok(message) => ws.feed(message).await.unwrap(),
                Err(error) => return error,
            }
        }
    });
    let mut all = Vec::new();
    reading.read_to_end(&mut all).await.unwrap();
    assert_eq!(all.len(), wire.len() / 128 * 124);
    assert!(matches!(server.await.unwrap(), Error::Lost));
}
