//! Answers refer to those before them, though between two writes a connection holds no compression state.
#![cfg(feature = "deflate")]

use dunlin_core::Request;
use dunlin_server::Server;
use dunlin_websocket::proto::{Compress, Encoder, Outbox};
use dunlin_websocket::{CloseCode, Config, Deflate, Message, Role, ServerHandshake};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const TEXT: &str =
    "the same words in the same order, said by whoever has a word to say, again and again";

/// Frames of a client, one behind the other.
fn asked(count: usize) -> Vec<u8> {
    let (mut encoder, mut out) = (Encoder::new(Role::Client), Outbox::default());
    let mut wire = Vec::new();
    for _ in 0..count {
        encoder.message(Message::from(TEXT), Compress::Never, &mut out);
        wire.extend_from_slice(out.first());
        out.advance(out.first().len());
    }
    wire
}

/// Lengths of so many compressed messages of a server.
async fn answered(io: &mut TcpStream, count: usize) -> Vec<usize> {
    let mut lens = Vec::new();
    for _ in 0..count {
        assert_eq!(io.read_u8().await.unwrap(), 0xc1, "one whole text, compressed");
        let len = usize::from(io.read_u8().await.unwrap());
        io.read_exact(&mut vec![0; len]).await.unwrap();
        lens.push(len);
    }
    lens
}

#[tokio::test]
async fn answers_refer_to_those_before_and_whoever_waits_holds_no_state() {
    let config = Config { deflate: Some(Deflate::default()), ..Config::default() };
    let service = move |req: Request| {
        let handshake = ServerHandshake::new(config.clone());
        std::future::ready(handshake.respond(&req, async |mut ws| {
            while let Some(Ok(message)) = ws.receive().await {
                ws.feed(message).await.unwrap();
            }
            // Who keeps the socket of a connection that has ended keeps no state either.
            std::future::pending().await
        }))
    };
    let server = Server::builder().bind("127.0.0.1:0").start(service).await.unwrap();
    let mut io = TcpStream::connect(server.addresses()[0]).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    io.write_all(request).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(io.read_u8().await.unwrap());
    }
    let mut out = Outbox::default();
    for (count, is_first) in [(3, true), (3, false), (1, false), (1, false)] {
        io.write_all(&asked(count)).await.unwrap();
        let lens = answered(&mut io, count).await;
        assert_eq!(lens[0] > 40, is_first, "{lens:?}");
        assert!(lens[1..].iter().all(|len| *len < 15), "{lens:?}");
        assert_eq!(Deflate::memory_in_use(), 0);
    }

    // An answer that is queued when the peer says close, in the same read.
    let mut last = asked(1);
    Encoder::new(Role::Client).close(Some(CloseCode::NORMAL), "", &mut out);
    last.extend_from_slice(out.first());
    io.write_all(&last).await.unwrap();
    let mut rest = Vec::new();
    io.read_to_end(&mut rest).await.unwrap();
    assert!(rest.starts_with(&[0xc1]) && rest.ends_with(&[0x88, 2, 3, 232]), "{rest:x?}");
    assert_eq!(Deflate::memory_in_use(), 0);
}
