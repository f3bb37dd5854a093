//! The socket in a server: however a handler ends, its peer is told.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use dunlin_core::{Request, Response};
use dunlin_server::{Running, Server};
use dunlin_websocket::{Config, ServerHandshake, WebSocket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A client's close frame with that code, masked with zeros.
const fn close(code: u16) -> [u8; 8] {
    let [high, low] = code.to_be_bytes();
    [0x88, 0x82, 0, 0, 0, 0, high, low]
}

fn service<F, Fut>(then: F) -> impl Fn(Request) -> std::future::Ready<Response> + Send + Sync
where
    F: Fn(WebSocket) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    move |req| {
        let handshake = ServerHandshake::new(Config::default());
        std::future::ready(handshake.respond(&req, then.clone()))
    }
}

async fn connect(address: SocketAddr) -> TcpStream {
    let mut io = TcpStream::connect(address).await.unwrap();
    io.write_all(REQUEST.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(io.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    io
}

/// The code of the close frame that comes next.
async fn closed(io: &mut TcpStream) -> u16 {
    let mut frame = [0; 4];
    io.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame[..2], [0x88, 2]);
    u16::from_be_bytes([frame[2], frame[3]])
}

async fn start<F, Fut>(then: F) -> Running<impl dunlin_core::Service + dunlin_core::Lifecycle>
where
    F: Fn(WebSocket) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    Server::builder()
        .bind("127.0.0.1:0")
        .shutdown_timeout(Duration::from_secs(2))
        .start(service(then))
        .await
        .unwrap()
}

async fn receive_all(mut ws: WebSocket) {
    while let Some(Ok(_)) = ws.receive().await {}
}

#[tokio::test]
async fn a_socket_that_is_dropped_is_closed_in_order() {
    let server = start(|ws| async move { drop(ws) }).await;
    let mut io = connect(server.addresses()[0]).await;
    assert_eq!(closed(&mut io).await, 1000);
    io.write_all(&close(1000)).await.unwrap();
    assert_eq!(io.read(&mut [0]).await.unwrap(), 0);
    drop(io);
    assert_eq!(server.shutdown().await.unwrap().cut, 0);
}

#[tokio::test]
async fn the_body_of_a_request_is_no_frame() {
    let server = start(|mut ws: WebSocket| async move {
        while let Some(Ok(message)) = ws.receive().await {
            ws.send(message).await.unwrap();
        }
    })
    .await;
    let body = [&[0x81, 0x88, 0, 0, 0, 0][..], b"smuggled"].concat();
    let head = REQUEST.replace("Host: a", &format!("Host: a\r\nContent-Length: {}", body.len()));
    let frame = [&[0x81, 0x85, 0, 0, 0, 0][..], b"right"].concat();
    let mut io = TcpStream::connect(server.addresses()[0]).await.unwrap();
    io.write_all(&[head.as_bytes(), &body, &frame].concat()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(io.read_u8().await.unwrap());
    }
    assert!(answer.starts_with(b"HTTP/1.1 101 "));
    let mut echoed = [0; 7];
    io.read_exact(&mut echoed).await.unwrap();
    assert_eq!(&echoed, b"\x81\x05right");
}

#[tokio::test]
async fn a_panic_is_told_the_peer_as_1011() {
    for early in [true, false] {
        let server = start(move |mut ws: WebSocket| {
            assert!(!early, "before there is a future");
            async move {
                ws.receive().await;
                panic!("after a message");
            }
        })
        .await;
        let mut io = connect(server.addresses()[0]).await;
        io.write_all(&[0x81, 0x80, 0, 0, 0, 0]).await.unwrap();
        assert_eq!(closed(&mut io).await, 1011);
        io.write_all(&close(1011)).await.unwrap();
        assert_eq!(io.read(&mut [0]).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn every_open_socket_is_told_1001_when_the_server_shuts_down() {
    let server = start(receive_all).await;
    let address = server.addresses()[0];
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(connect(address).await);
    }
    let began = Instant::now();
    let clients = tokio::spawn(async move {
        for io in &mut clients {
            assert_eq!(closed(io).await, 1001);
            io.write_all(&close(1001)).await.unwrap();
            assert_eq!(io.read(&mut [0]).await.unwrap(), 0);
        }
    });
    assert_eq!(server.shutdown().await.unwrap().cut, 0);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    clients.await.unwrap();
}

#[tokio::test]
async fn a_socket_that_was_moved_to_other_tasks_is_told_too() {
    let server = start(|ws| async move {
        let (mut sender, mut receiver) = ws.split();
        tokio::spawn(async move { while let Some(Ok(_)) = receiver.receive().await {} });
        tokio::spawn(async move { while sender.send("tick").await.is_ok() {} });
    })
    .await;
    let mut io = connect(server.addresses()[0]).await;
    let clients = tokio::spawn(async move {
        let mut frame = [0; 6];
        loop {
            io.read_exact(&mut frame[..2]).await.unwrap();
            match frame {
                [0x81, 4, ..] => io.read_exact(&mut frame[2..]).await.unwrap(),
                [0x88, 2, ..] => break,
                other => panic!("{other:?}"),
            };
        }
        assert_eq!(io.read_u16().await.unwrap(), 1001);
        io.write_all(&close(1001)).await.unwrap();
        assert_eq!(io.read(&mut [0]).await.unwrap(), 0);
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(server.connections(), 1, "the handler is over, its socket is not");
    assert_eq!(server.shutdown().await.unwrap().cut, 0);
    clients.await.unwrap();
}

#[tokio::test]
async fn who_only_sends_learns_of_the_end_there() {
    let (done, over) = tokio::sync::oneshot::channel();
    let done = std::sync::Arc::new(std::sync::Mutex::new(Some(done)));
    let server = start(move |mut ws: WebSocket| {
        let done = done.lock().unwrap().take();
        async move {
            let error = loop {
                tokio::time::sleep(Duration::from_millis(20)).await;
                if let Err(error) = ws.send("tick").await {
                    break error;
                }
            };
            done.unwrap().send(error).unwrap();
        }
    })
    .await;
    let mut io = connect(server.addresses()[0]).await;
    let shutdown = tokio::spawn(server.shutdown());
    assert!(matches!(over.await.unwrap(), dunlin_websocket::Error::Closed));
    let mut all = Vec::new();
    // The server waits for an answer to its close frame until the shutdown timeout is over.
    io.read_to_end(&mut all).await.unwrap();
    assert!(all.ends_with(&[0x88, 2, 0x03, 0xe9]), "{all:?}");
    assert_eq!(shutdown.await.unwrap().unwrap().cut, 1);
}

#[tokio::test]
async fn a_handler_that_does_nothing_with_its_socket_is_cut_at_the_deadline_and_its_peer_told() {
    let server = start(|ws| async move {
        std::future::pending::<()>().await;
        drop(ws);
    })
    .await;
    let mut io = connect(server.addresses()[0]).await;
    let began = Instant::now();
    let shutdown = tokio::spawn(server.shutdown());
    assert_eq!(closed(&mut io).await, 1001);
    assert!(began.elapsed() >= Duration::from_secs(2));
    assert_eq!(shutdown.await.unwrap().unwrap().cut, 1);
}
