//! Rooms of members that have agreed on compression, each with parameters of its own.
#![cfg(feature = "deflate")]

use dunlin_core::{Request, Response};
use dunlin_server::Server;
use dunlin_websocket::{Config, ContextTakeover, Deflate, Room, ServerHandshake};
use flate2::{Decompress, FlushDecompress};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Connects to a server of the room, with its own client's settings.
async fn opened(room: &Room, fields: &str) -> (tokio::net::TcpStream, String) {
    let (room, config) = (room.clone(), deflating());
    let service = move |req: Request| {
        let room = room.clone();
        let response: Response =
            ServerHandshake::new(config.clone()).respond(&req, move |mut ws| async move {
                let _membership = room.join(&mut ws);
                while let Some(Ok(message)) = ws.receive().await {
                    // By the socket's own compressor.
                    ws.send(message).await.unwrap();
                }
            });
        std::future::ready(response)
    };
    let server = Server::builder().bind("127.0.0.1:0").start(service).await.unwrap();
    let mut io = tokio::net::TcpStream::connect(server.addresses()[0]).await.unwrap();
    let request = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{fields}\r\n"
    );
    io.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(io.read_u8().await.unwrap());
    }
    // It runs until the test ends.
    std::mem::forget(server);
    (io, String::from_utf8(head).unwrap())
}

fn deflating() -> Config {
    let deflate = Deflate { context_takeover: ContextTakeover::Always, ..Deflate::default() };
    Config { deflate: Some(deflate), ..Config::default() }
}

/// A frame of a server: its first byte and its payload.
async fn frame(io: &mut tokio::net::TcpStream) -> (u8, Vec<u8>) {
    let first = io.read_u8().await.unwrap();
    let len = match io.read_u8().await.unwrap() {
        126 => usize::from(io.read_u16().await.unwrap()),
        len => usize::from(len),
    };
    let mut payload = vec![0; len];
    io.read_exact(&mut payload).await.unwrap();
    (first, payload)
}

/// What each member gets is what its own client can inflate, whatever was said to it alone in between.
#[tokio::test]
async fn members_with_all_parameters_are_sent_what_they_can_inflate() {
    let room = Room::default();
    let mut members = Vec::new();
    for (offer, bits) in [
        ("", 0),
        ("permessage-deflate", 15),
        ("permessage-deflate", 15),
        ("permessage-deflate; server_max_window_bits=9", 9),
        ("permessage-deflate; server_no_context_takeover; server_max_window_bits=12", 12),
        ("permessage-deflate; server_max_window_bits=8", 8),
    ] {
        let field = match offer {
            "" => String::new(),
            offer => format!("Sec-WebSocket-Extensions: {offer}\r\n"),
        };
        let (io, head) = opened(&room, &field).await;
        assert_eq!(head.to_lowercase().contains("sec-websocket-extensions"), bits > 0);
        // One state for the whole connection: all that comes enters one window.
        members.push((io, bits, Decompress::new_with_window_bits(false, bits.max(9))));
    }
    while room.len() < members.len() {
        tokio::task::yield_now().await;
    }
    let text =
        |nth: usize| format!("said the {nth}th time, and otherwise alike; ").repeat(30 + nth);
    for nth in 0..6 {
        assert_eq!(room.broadcast(text(nth)), members.len());
        let mut shared = Vec::new();
        for (io, bits, state) in &mut members {
            let mut own = format!("to one alone, the {nth}th time {}", text(nth)).into_bytes();
            own.truncate(100);
            let said = text(nth).into_bytes();
            for expected in [said, own] {
                if expected.len() == 100 {
                    let header = [0x81, 0x80 | 100, 0, 0, 0, 0];
                    io.write_all(&[&header[..], &expected].concat()).await.unwrap();
                }
                let (first, payload) = frame(io).await;
                if expected.len() > 100 {
                    shared.push((*bits, payload.clone()));
                }
                if *bits < 9 {
                    assert_eq!((first, &payload), (0x81, &expected));
                    continue;
                }
                assert_eq!(first, 0xc1, "compressed for {bits} bits");
                let mut whole = Vec::with_capacity(expected.len() + 100);
                let wire = [&payload[..], &[0, 0, 0xff, 0xff]].concat();
                state.decompress_vec(&wire, &mut whole, FlushDecompress::Sync).unwrap();
                assert_eq!(whole, expected, "{bits} bits");
            }
        }
        let [_, (_, one), (_, other), ..] = &shared[..] else { unreachable!() };
        assert_eq!(one, other, "who has agreed on the same is sent the same");
    }
}
