//! What a server receives: masked frames that come by reads of 64 KiB, a message each.
//!
//! All are measured as they are used, with a transport below them: header, mask, UTF-8, and a message that
//! the program owns.

use std::hint::black_box;
use std::sync::Arc;

use dunlin_websocket::proto::{Compress, Encoder, Outbox};
use dunlin_websocket::{Config, Limits, Message, Role, WebSocket};
use futures_util::{FutureExt, StreamExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role as TheirRole;

use crate::memory::Memory;
use crate::race::{Race, Runner};
use crate::{SIZES, size_name, text};

pub(crate) fn races() -> Vec<Race> {
    let binary = |size| race("binary", size, Message::from(vec![b'x'; size]));
    let text = |size| race("text", size, Message::from(text(size)));
    SIZES.into_iter().map(binary).chain(SIZES.into_iter().map(text)).collect()
}

fn race(kind: &str, size: usize, message: Message) -> Race {
    let payloads = Race::payloads(size);
    let wire = Arc::new(wire(&message, payloads));
    let new = move || Memory::new(&wire);
    Race {
        group: "decode",
        input: format!("{kind} {}", size_name(size)),
        bytes: size,
        payloads,
        runners: vec![
            dunlin(new.clone(), payloads, message.clone()),
            tungstenite(new.clone(), payloads, message.clone()),
            tokio_websockets(new.clone(), payloads, message.clone()),
            fastwebsockets(new, payloads, message),
        ],
    }
}

/// The message so many times, as a client sends it.
fn wire(message: &Message, count: usize) -> Vec<u8> {
    let (mut encoder, mut out) = (Encoder::new(Role::Client), Outbox::default());
    let mut wire = Vec::new();
    for _ in 0..count {
        encoder.message(message.clone(), Compress::Never, &mut out);
        while !out.is_empty() {
            let len = out.first().len();
            wire.extend_from_slice(out.first());
            out.advance(len);
        }
    }
    wire
}

/// What nothing is waited for is ready at once.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("memory is ready")
}

fn dunlin(new: impl Fn() -> Memory + 'static, count: usize, expected: Message) -> Runner {
    let limits = Limits { max_message: 64 << 20, ..Limits::default() };
    let config = Config { limits, ..Config::default() };
    let open = move || WebSocket::new(new(), Role::Server, config.clone());
    assert_eq!(now(open().receive()).unwrap().unwrap(), expected);
    Runner::new("dunlin", move || {
        let mut ws = open();
        for _ in 0..count {
            black_box(now(ws.receive()).unwrap().unwrap());
        }
    })
}

fn tungstenite(new: impl Fn() -> Memory + 'static, count: usize, expected: Message) -> Runner {
    let open = move || now(WebSocketStream::from_raw_socket(new(), TheirRole::Server, None));
    assert_eq!(now(open().next()).unwrap().unwrap().into_data(), expected.as_bytes());
    Runner::new("tungstenite", move || {
        let mut ws = open();
        for _ in 0..count {
            black_box(now(ws.next()).unwrap().unwrap());
        }
    })
}

fn tokio_websockets(new: impl Fn() -> Memory + 'static, count: usize, expected: Message) -> Runner {
    let open = move || {
        let limits = tokio_websockets::Limits::unlimited();
        tokio_websockets::ServerBuilder::new().limits(limits).serve(new())
    };
    assert_eq!(&**now(open().next()).unwrap().unwrap().as_payload(), &**expected.as_bytes());
    Runner::new("tokio-websockets", move || {
        let mut ws = open();
        for _ in 0..count {
            black_box(now(ws.next()).unwrap().unwrap());
        }
    })
}

fn fastwebsockets(new: impl Fn() -> Memory + 'static, count: usize, expected: Message) -> Runner {
    use fastwebsockets::{FragmentCollector, Role, WebSocket};

    let open = move || FragmentCollector::new(WebSocket::after_handshake(new(), Role::Server));
    assert_eq!(&*now(open().read_frame()).unwrap().payload, &**expected.as_bytes());
    Runner::new("fastwebsockets", move || {
        let mut ws = open();
        for _ in 0..count {
            black_box(now(ws.read_frame()).unwrap().payload.len());
        }
    })
}
