//! What is sent, a message a write: by a server, and masked by a client.

use std::sync::Arc;

use bytes::Bytes;
use dunlin_websocket::{Config, Message, Role, WebSocket};
use futures_util::{FutureExt, SinkExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Theirs;
use tokio_tungstenite::tungstenite::protocol::Role as TheirRole;

use crate::memory::Memory;
use crate::race::{Race, Runner};
use crate::{SIZES, size_name, text};

pub(crate) fn races() -> Vec<Race> {
    let mut races = Vec::new();
    for role in [Role::Server, Role::Client] {
        let binary = |size| race(role, "binary", size, Message::from(vec![b'x'; size]));
        let text = |size| race(role, "text", size, Message::from(text(size)));
        races.extend(SIZES.into_iter().map(binary));
        races.extend(SIZES.into_iter().map(text));
    }
    races
}

fn race(role: Role, kind: &str, size: usize, message: Message) -> Race {
    let payloads = Race::payloads(size);
    let end = if role == Role::Server { "server" } else { "client" };
    Race {
        group: "encode",
        input: format!("{end}, {kind} {}", size_name(size)),
        bytes: size,
        payloads,
        runners: vec![
            dunlin(role, payloads, message.clone()),
            tungstenite(role, payloads, &message),
            tokio_websockets(role, payloads, &message),
            fastwebsockets(role, payloads, message),
        ],
    }
}

fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("memory is ready")
}

fn memory() -> Memory {
    Memory::new(&Arc::default())
}

fn dunlin(role: Role, count: usize, message: Message) -> Runner {
    let mut ws = WebSocket::new(memory(), role, Config::default());
    Runner::new("dunlin", move || {
        for _ in 0..count {
            now(ws.send(message.clone())).unwrap();
        }
    })
}

fn tungstenite(role: Role, count: usize, message: &Message) -> Runner {
    let role = if role == Role::Server { TheirRole::Server } else { TheirRole::Client };
    let mut ws = now(WebSocketStream::from_raw_socket(memory(), role, None));
    let message = match message {
        Message::Text(text) => Theirs::Text(text.as_str().into()),
        Message::Binary(bytes) => Theirs::Binary(bytes.clone()),
    };
    Runner::new("tungstenite", move || {
        for _ in 0..count {
            now(ws.send(message.clone())).unwrap();
        }
    })
}

fn tokio_websockets(role: Role, count: usize, message: &Message) -> Runner {
    use tokio_websockets::{ClientBuilder, Config, ServerBuilder};

    // Without it they cut messages into frames of 4 MiB, which is none here.
    let mut ws = match role {
        Role::Server => ServerBuilder::new().config(Config::default()).serve(memory()),
        Role::Client => ClientBuilder::new().config(Config::default()).take_over(memory()),
    };
    let message = match message {
        Message::Text(text) => tokio_websockets::Message::text(text.as_str().to_owned()),
        Message::Binary(bytes) => tokio_websockets::Message::binary(bytes.clone()),
    };
    Runner::new("tokio-websockets", move || {
        for _ in 0..count {
            now(ws.send(message.clone())).unwrap();
        }
    })
}

fn fastwebsockets(role: Role, count: usize, message: Message) -> Runner {
    use fastwebsockets::{Frame, OpCode, Payload, Role as TheirRole, WebSocket};

    let role = if role == Role::Server { TheirRole::Server } else { TheirRole::Client };
    let mut ws = WebSocket::after_handshake(memory(), role);
    let opcode = if message.as_text().is_some() { OpCode::Text } else { OpCode::Binary };
    let payload: Bytes = message.into_bytes();
    Runner::new("fastwebsockets", move || {
        for _ in 0..count {
            let frame = Frame::new(true, opcode, None, Payload::Borrowed(&payload));
            now(ws.write_frame(frame)).unwrap();
        }
    })
}
