//! What a connection keeps, counted: little while it waits, and as little after traffic as before.
//!
//! Faults of others that this guards against: 128 KiB a connection (tungstenite 480), and a compression state
//! for each (ws 1202, 1369).
#![cfg(feature = "deflate")]

mod counting;

use std::io;
use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use counting::LIVE;
use dunlin_core::{ResponseHead, Upgraded};
use dunlin_websocket::proto::{Compress, Decoder, Encoder, Outbox};
use dunlin_websocket::{
    ClientHandshake, Config, ContextTakeover, Deflate, Message, Role, ServerHandshake, WebSocket,
};
use futures_util::FutureExt;
use http::{HeaderValue, Method, StatusCode, Uri, header};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const CONNECTIONS: usize = 40;

/// A transport that holds no memory of its own: all connections read the same bytes.
struct Pipe {
    wire: Arc<Mutex<Bytes>>,
    at: usize,
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = self.wire.lock().unwrap().clone();
        let left = &wire[self.at.min(wire.len())..];
        if left.is_empty() {
            return Poll::Pending;
        }
        let take = left.len().min(buf.remaining());
        buf.put_slice(&left[..take]);
        self.at += take;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A client's connection, and decoder and encoder of its server, which may refer to what it has sent.
fn compressed(
    wire: &Arc<Mutex<Bytes>>,
    takeover: ContextTakeover,
) -> (WebSocket, (Decoder, Encoder)) {
    let config = |context_takeover| {
        let deflate = Deflate { context_takeover, ..Deflate::default() };
        Config { deflate: Some(deflate), ..Config::default() }
    };
    let client = ClientHandshake::new(config(ContextTakeover::Never));
    let mut request = dunlin_core::Request::new(Method::GET, Uri::from_static("/"), ());
    request.headers_mut().insert(header::HOST, HeaderValue::from_static("a.example"));
    for (name, value) in client.headers() {
        request.headers_mut().insert(name, value);
    }
    let accepted = ServerHandshake::new(config(takeover)).check(&request).unwrap();
    let codec = accepted.codec();
    let mut head = ResponseHead::default();
    head.status = StatusCode::SWITCHING_PROTOCOLS;
    for (name, value) in accepted.on_upgrade(|_| async {}).headers().as_map() {
        head.headers.insert(name.clone(), value.clone());
    }
    let pipe = Pipe { wire: Arc::clone(wire), at: 0 };
    let confirmed = client.check(&head).unwrap();
    (confirmed.open(Upgraded::new(pipe, Bytes::new())), codec)
}

/// Sends back all that is there, and waits for more.
fn echo(ws: &mut WebSocket, count: usize) {
    for _ in 0..count {
        let message = ws.receive().now_or_never().unwrap().unwrap().unwrap();
        ws.send(message).now_or_never().unwrap().unwrap();
    }
    assert!(ws.receive().now_or_never().is_none());
}

fn encoded(encoder: &mut Encoder, messages: &[Message]) -> Bytes {
    let (mut out, mut wire) = (Outbox::default(), Vec::new());
    for message in messages {
        encoder.message(message.clone(), Compress::Auto, &mut out);
    }
    while !out.is_empty() {
        wire.extend_from_slice(out.first());
        out.advance(out.first().len());
    }
    wire.into()
}

fn messages() -> [Message; 4] {
    let text = |len: usize| "some words, ".repeat(len / 12).into();
    [text(100), vec![7; 3000].into(), text(20_000), text(300_000)]
}

/// Bytes of each connection before traffic and after it.
fn measure(
    wire: &Arc<Mutex<Bytes>>,
    traffic: Bytes,
    open: impl Fn() -> WebSocket,
) -> (usize, usize) {
    // What the thread lends and the process shares is made by the first.
    let mut first = open();
    let idle = std::mem::replace(&mut *wire.lock().unwrap(), traffic.clone());
    echo(&mut first, messages().len());
    drop(first);
    *wire.lock().unwrap() = idle;

    let start = LIVE.load(Relaxed);
    let mut all: Vec<_> = (0..CONNECTIONS).map(|_| open()).collect();
    let before = (LIVE.load(Relaxed) - start) / CONNECTIONS;
    *wire.lock().unwrap() = traffic;
    all.iter_mut().for_each(|ws| echo(ws, messages().len()));
    (before, (LIVE.load(Relaxed) - start) / CONNECTIONS)
}

/// One test: what another does meanwhile would be counted here.
#[test]
fn a_connection_that_waits_holds_no_buffer_and_no_compression_state() {
    let wire = Arc::default();
    let traffic = encoded(&mut Encoder::new(Role::Client), &messages());
    let open = || {
        let pipe = Pipe { wire: Arc::clone(&wire), at: 0 };
        WebSocket::new(pipe, Role::Server, Config::default())
    };
    let (before, after) = measure(&wire, traffic, open);
    println!("plain: {before} bytes, {after} after traffic");
    assert!(before < 1500 && after <= before + 64, "{before} bytes, {after} after traffic");

    for takeover in [ContextTakeover::Never, ContextTakeover::Recent, ContextTakeover::Always] {
        let wire = Arc::default();
        let (_, (_, mut encoder)) = compressed(&wire, takeover);
        let traffic = encoded(&mut encoder, &messages());
        let (before, after) = measure(&wire, traffic, || compressed(&wire, takeover).0);
        println!("compressed: {before} bytes, {after} after traffic");
        // What the server may refer to has to be kept, and no state.
        let max = before + if takeover == ContextTakeover::Never { 64 } else { 35_000 };
        assert!(before < 1500 && after <= max, "{before} bytes, {after} after traffic");
    }
}
