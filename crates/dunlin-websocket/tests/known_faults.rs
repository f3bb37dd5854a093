//! Faults that were reported of other implementations, one test each: none of them is to be found here. What goes
//! wrong where one is, the issue tells whose number is given, in that project's tracker.
#![cfg(feature = "deflate")]

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use dunlin_core::{Request, ResponseHead, Upgraded};
use dunlin_websocket::ContextTakeover::{Always, Never, Recent};
use dunlin_websocket::proto::{
    Compress, Decoder, Encoder, Event, FrameHeader, Input, OpCode, Outbox, apply_mask,
};
use dunlin_websocket::{
    ClientHandshake, CloseCode, Config, Confirmed, ContextTakeover, Deflate, Error, Limits,
    Message, ProtocolError, Role, ServerHandshake, WebSocket,
};
use http::{HeaderValue, Method, StatusCode, Uri, header};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};

/// Both ends with what their handshakes agree on: the server's decoder and encoder, and the client.
fn agree(server: Config, client: Config) -> (ResponseHead, (Decoder, Encoder), Confirmed) {
    let client = ClientHandshake::new(client);
    let mut request = Request::new(Method::GET, Uri::from_static("/"), ());
    request.headers_mut().insert(header::HOST, HeaderValue::from_static("a.example"));
    for (name, value) in client.headers() {
        request.headers_mut().insert(name, value);
    }
    let accepted = ServerHandshake::new(server).check(&request).unwrap();
    let codec = accepted.codec();
    let mut head = ResponseHead::default();
    head.status = StatusCode::SWITCHING_PROTOCOLS;
    for (name, value) in accepted.on_upgrade(|_| async {}).headers().as_map() {
        head.headers.insert(name.clone(), value.clone());
    }
    let confirmed = client.check(&head).unwrap();
    (head, codec, confirmed)
}

fn deflate(context_takeover: ContextTakeover) -> Config {
    let deflate = Deflate { context_takeover, threshold: 0, ..Deflate::default() };
    Config { deflate: Some(deflate), ..Config::default() }
}

fn drain(out: &mut Outbox) -> Vec<u8> {
    let mut wire = Vec::new();
    while !out.is_empty() {
        let len = out.first().len();
        wire.extend_from_slice(out.first());
        out.advance(len);
    }
    wire
}

/// A client's frame.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let (mut wire, key) = (Vec::new(), [9, 0, 0xff, 0x80]);
    let (fin, rsv) = (first & 0x80 != 0, first >> 4 & 7);
    let opcode = [OpCode::Continuation, OpCode::Text, OpCode::Binary][usize::from(first & 3)];
    let opcode = if first & 0x0f == 9 { OpCode::Ping } else { opcode };
    FrameHeader { fin, rsv, opcode, mask: Some(key), len: payload.len() as u64 }.encode(&mut wire);
    let start = wire.len();
    wire.extend_from_slice(payload);
    apply_mask(&mut wire[start..], key);
    wire
}

fn noise(len: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(step).collect()
}

/// A server's socket, and the bare stream of its client.
fn bare(config: Config) -> (WebSocket, DuplexStream) {
    let (server, client) = duplex(1 << 20);
    (WebSocket::new(server, Role::Server, config), client)
}

/// tungstenite 2, 144, 235, 328, 426; tokio-tungstenite 251; actix-web 1635; warp 770; fastwebsockets 43.
#[tokio::test]
async fn both_ends_compress() {
    let (_, (mut decoder, mut encoder), confirmed) = agree(deflate(Never), deflate(Never));
    let (io, mut peer) = duplex(1 << 20);
    let mut ws = confirmed.open(Upgraded::new(io, Bytes::new()));
    assert!(ws.is_compressed());
    let text = "the same words, ".repeat(1000);
    ws.send(&*text).await.unwrap();
    let mut wire = vec![0; 2000];
    let len = peer.read(&mut wire).await.unwrap();
    assert!(len < text.len() / 20, "{len}");
    let event = decoder.decode(&mut Input::from(&wire[..len])).unwrap();
    assert_eq!(event, Some(Event::Message(Message::from(&*text))));
    let mut out = Outbox::default();
    encoder.message(Message::from(&*text), Compress::Auto, &mut out);
    peer.write_all(&drain(&mut out)).await.unwrap();
    assert_eq!(ws.receive_text().await.unwrap().unwrap(), *text);
}

/// Secrets beside text that an attacker chooses must not be compressed with it (RFC 7692 §8), in parts as little as
/// whole.
#[tokio::test]
async fn each_message_says_whether_it_is_compressed() {
    for compress in [Compress::Never, Compress::Auto] {
        let (_, _, confirmed) = agree(deflate(Always), deflate(Always));
        let (io, mut peer) = duplex(1 << 20);
        let (mut ws, mut wire) = (confirmed.open(Upgraded::new(io, Bytes::new())), [0; 1]);
        let first = if compress == Compress::Never { 0x01 } else { 0x41 };
        ws.feed_part_with("a secret, ", false, compress).await.unwrap();
        ws.feed_part_with("and its end", true, Compress::Auto).await.unwrap();
        ws.flush().await.unwrap();
        peer.read_exact(&mut wire).await.unwrap();
        assert_eq!(wire, [first]);
    }
}

/// tungstenite 480, second half; socketioxide 450. The first is in `memory.rs`, with
/// ws 1202 and 1369.
#[tokio::test]
async fn a_small_message_that_is_kept_does_not_pin_the_buffer_of_a_read() {
    let (mut ws, mut peer) = bare(Config::default());
    let wire = frame(0x82, &[7; 100]).repeat(400);
    peer.write_all(&wire).await.unwrap();
    // Both sides of a copy are elsewhere: neighbours in one buffer would be apart by a frame.
    let mut last: Option<Bytes> = None;
    for _ in 0..400 {
        let bytes = ws.receive_binary().await.unwrap().unwrap();
        let vec = Vec::from(bytes.clone());
        assert_eq!(vec, [7; 100]);
        if let Some(last) = last {
            assert_ne!(bytes.as_ptr() as usize - 106, last.as_ptr() as usize);
        }
        last = Some(bytes);
    }
}

/// fastwebsockets 64, 113; axum 3282, 3451; tokio-tungstenite 359.
#[tokio::test]
async fn dropping_a_receive_spoils_nothing_that_follows() {
    let limits = Limits { max_message: 200_000, ..Limits::default() };
    let (ws, mut peer) = bare(Config { limits, ..Config::default() });
    let large: Vec<u8> = (0..100_000u32).map(|at| (at % 251) as u8).collect();
    let wire = [
        frame(0x01, b"begun, "),
        frame(0x89, b"ping"),
        frame(0x80, b"ended"),
        frame(0x82, &large),
        frame(0x82, &large[..20_000]),
        frame(0x81, b"last"),
    ];
    let wire = wire.concat();
    let writer = tokio::spawn(async move {
        // Small pieces where headers are, larger ones in the midst.
        for piece in wire.chunk_by(|_, next| next % 5 != 0) {
            peer.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        peer
    });
    let (_sender, mut receiver) = ws.split();
    let (mut messages, mut dropped) = (Vec::new(), 0);
    while messages.len() < 4 {
        tokio::select! {
            biased;
            message = receiver.receive() => messages.push(message.unwrap().unwrap()),
            () = tokio::task::yield_now() => dropped += 1,
        }
    }
    let expected =
        ["begun, ended".into(), large.clone().into(), large[..20_000].into(), "last".into()];
    assert!(messages == expected && dropped > 1000, "{dropped}");
    drop(writer.await.unwrap());
}

/// fastwebsockets 76.
#[tokio::test]
async fn a_socket_in_halves_answers_pings() {
    let (ws, mut peer) = bare(Config::default());
    let (mut sender, mut receiver) = ws.split();
    let receiving = tokio::spawn(async move { receiver.receive().await.unwrap().unwrap() });
    peer.write_all(&frame(0x89, b"ping")).await.unwrap();
    let mut pong = [0; 6];
    peer.read_exact(&mut pong).await.unwrap();
    assert_eq!(&pong, b"\x8a\x04ping");
    sender.send("after it").await.unwrap();
    let mut text = [0; 10];
    peer.read_exact(&mut text).await.unwrap();
    peer.write_all(&frame(0x81, b"as well")).await.unwrap();
    assert_eq!(receiving.await.unwrap(), Message::from("as well"));
}

/// tungstenite 506, 372; tokio-tungstenite 296.
#[tokio::test]
async fn the_answer_to_a_close_frame_leaves_behind_what_is_queued() {
    // A peer that reads slowly: the answer has to wait for what is queued before it.
    let (io, mut peer) = duplex(64);
    let mut ws = WebSocket::new(io, Role::Server, Config::default());
    ws.feed(vec![7; 10_000]).await.unwrap();
    let close = b"\x88\x82\0\0\0\0\x03\xe8";
    let writing = async {
        peer.write_all(close).await.unwrap();
        let mut all = Vec::new();
        peer.read_to_end(&mut all).await.unwrap();
        drop(peer);
        all
    };
    let (end, all) = tokio::join!(ws.receive(), writing);
    assert!(end.is_none());
    assert!(all.len() == 10_008 && all.ends_with(b"\x88\x02\x03\xe8"));
}

/// A transport that ends as TLS does whose peer says no goodbye.
struct Truncated(DuplexStream);

impl AsyncRead for Truncated {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.0).poll_read(cx, buf) {
            Poll::Ready(Ok(())) if buf.filled().len() == before => {
                Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()))
            }
            other => other,
        }
    }
}

impl AsyncWrite for Truncated {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// tokio-tungstenite 373.
#[tokio::test]
async fn a_tls_end_without_goodbye_after_the_close_frames_is_no_error() {
    for says_close in [true, false] {
        let (io, mut peer) = duplex(1000);
        let mut ws = WebSocket::new(Truncated(io), Role::Server, Config::default());
        if says_close {
            peer.write_all(b"\x88\x82\0\0\0\0\x03\xe8").await.unwrap();
        }
        drop(peer);
        match ws.receive().await {
            None => assert!(says_close),
            Some(Err(Error::Lost)) => assert!(!says_close),
            other => panic!("{other:?}"),
        }
        assert!(ws.receive().await.is_none());
    }
}

/// sockudo-ws 14.
#[test]
fn a_message_that_did_not_shrink_does_not_spoil_the_context() {
    for context_takeover in [Always, Recent, Never] {
        let (_, (mut decoder, _), confirmed) =
            agree(deflate(context_takeover), deflate(context_takeover));
        let (_, mut encoder) = confirmed.codec();
        let noise = noise(3000);
        let messages =
            [&noise[..], b"words and words and words", &noise, &noise[5..2000], b"words"];
        let mut out = Outbox::default();
        for message in messages {
            encoder.message(Message::from(message), Compress::Auto, &mut out);
        }
        let mut input = Input::from(&drain(&mut out)[..]);
        for message in messages {
            let event = decoder.decode(&mut input).unwrap();
            assert_eq!(event, Some(Event::Message(Message::from(message))));
        }
    }
}

/// yawc 7.
#[test]
fn small_windows_take_what_is_longer_than_they_are() {
    for bits in 9..=15 {
        let config = || {
            let window = Deflate {
                server_max_window_bits: bits,
                client_max_window_bits: bits,
                context_takeover: Always,
                threshold: 0,
                level: 6,
                ..Deflate::default()
            };
            Config { deflate: Some(window), ..Config::default() }
        };
        let (_, (mut decoder, _), confirmed) = agree(config(), config());
        let (_, mut encoder) = confirmed.codec();
        let mut out = Outbox::default();
        // What repeats lies farther back than a window of 512 bytes, and within one of 32 KiB.
        let message = noise(9000).repeat(3);
        for _ in 0..3 {
            encoder.message(Message::from(&message[..]), Compress::Auto, &mut out);
        }
        let mut input = Input::from(&drain(&mut out)[..]);
        for _ in 0..3 {
            let event = decoder.decode(&mut input).unwrap();
            assert!(event == Some(Event::Message(Message::from(&message[..]))), "{bits} bits");
        }
    }
}

/// Decodes what a client may send once compression is agreed on.
fn decode(wire: &[u8], limits: Limits) -> Result<Vec<Event>, ProtocolError> {
    let config = Config { limits, ..deflate(Always) };
    let (_, (mut decoder, _), _) = agree(config, deflate(Always));
    let (mut input, mut events) = (Input::from(wire), Vec::new());
    while let Some(event) = decoder.decode(&mut input)? {
        events.push(event);
    }
    Ok(events)
}

/// yawc 40, 41; bun 34105, 33003.
#[test]
fn a_final_block_neither_makes_inflating_spin_nor_ends_what_follows() {
    let hello = b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00";
    let wire = [frame(0xc1, hello), frame(0xc1, b"\x03\x00\x00"), frame(0xc1, hello)].concat();
    let events = decode(&wire, Limits::default()).unwrap();
    let text = |text: &str| Event::Message(Message::from(text));
    assert_eq!(events, [text("Hello"), text(""), text("Hello")]);
}

/// yawc, found by the suite's case 12.1.1.1.
#[test]
fn a_compressed_empty_message_is_inflated() {
    let wire = [frame(0xc1, b"\x4a\x04\x00"), frame(0xc1, b"\x00"), frame(0xc1, b"")].concat();
    let events = decode(&wire, Limits::default()).unwrap();
    let text = |text: &str| Event::Message(Message::from(text));
    assert_eq!(events, [text("a"), text(""), text("")]);
}

/// soketto 49, 107.
#[test]
fn no_context_takeover_is_announced_where_it_is_practised() {
    let (head, (_, mut encoder), confirmed) = agree(deflate(Never), deflate(Never));
    let answer = head.headers.get_str(header::SEC_WEBSOCKET_EXTENSIONS).unwrap();
    assert!(answer.contains("server_no_context_takeover"), "{answer}");
    assert!(answer.contains("client_no_context_takeover"), "{answer}");
    let (_, mut client) = confirmed.codec();
    for encoder in [&mut encoder, &mut client] {
        let mut compressed = || {
            let mut out = Outbox::default();
            encoder.message("words, words, words".into(), Compress::Auto, &mut out);
            drain(&mut out).len()
        };
        assert_eq!(compressed(), compressed(), "the second does not refer to the first");
    }
    let (head, ..) = agree(deflate(Always), deflate(Always));
    let answer = head.headers.get_str(header::SEC_WEBSOCKET_EXTENSIONS).unwrap();
    assert!(!answer.contains("takeover"), "{answer}");
}

/// aiohttp 7859.
#[tokio::test]
async fn compressing_in_two_tasks_mixes_no_frames() {
    let (_, (mut decoder, _), confirmed) = agree(deflate(Always), deflate(Always));
    let (io, mut peer) = duplex(3000);
    let (mut sender, mut receiver) = confirmed.open(Upgraded::new(io, Bytes::new())).split();
    let message = |count: usize| Message::from(format!("message {count} ").repeat(100 * count));
    let sending = tokio::spawn(async move {
        for count in 0..60 {
            // Some are cancelled: they are sent whole or not at all.
            let short = Duration::from_micros(if count % 3 == 0 { 50 } else { 10_000_000 });
            let _ = tokio::time::timeout(short, sender.send(message(count))).await;
        }
        sender.close(CloseCode::NORMAL, "").await.unwrap();
    });
    // The other task answers pings meanwhile.
    let receiving = tokio::spawn(async move { while receiver.receive().await.is_some() {} });
    let (mut input, mut next, mut pongs) = (Input::default(), 0, 0);
    'all: loop {
        let mut piece = [0; 997];
        let len = peer.read(&mut piece).await.unwrap();
        assert_ne!(len, 0);
        input.extend(&piece[..len]);
        while let Some(event) = decoder.decode(&mut input).unwrap() {
            match event {
                Event::Message(received) => {
                    next = (next..60).find(|&count| message(count) == received).unwrap() + 1;
                    peer.write_all(b"\x89\x01?").await.unwrap();
                }
                Event::Pong(payload) => pongs += usize::from(*payload == b"?"[..]),
                Event::Close(_) => break 'all,
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(next >= 59 && pongs > 0, "{next} messages, {pongs} pongs");
    sending.await.unwrap();
    drop(peer);
    receiving.await.unwrap();
}

/// aiohttp 2309, 4153.
#[tokio::test(start_paused = true)]
async fn a_heartbeat_that_fails_wakes_who_receives() {
    let heartbeat = Some(Duration::from_secs(10));
    for is_split in [false, true] {
        let (mut ws, peer) = bare(Config { heartbeat, ..Config::default() });
        let began = tokio::time::Instant::now();
        let result = if is_split {
            let (_sender, mut receiver) = ws.split();
            receiver.receive().await
        } else {
            ws.receive().await
        };
        assert!(matches!(result, Some(Err(Error::PongTimeout))));
        assert_eq!(began.elapsed().as_secs(), 15);
        drop(peer);
    }
}

/// ws 1720; websocketpp 1191.
#[test]
fn the_limit_holds_while_a_message_is_inflated() {
    let limits = Limits { max_message: 100_000, ..Limits::default() };
    // A megabyte of zeros in some kilobytes, and then the beginning of what would not inflate at all.
    let (_, _, confirmed) = agree(deflate(Never), deflate(Never));
    let (_, mut encoder) = confirmed.codec();
    let mut out = Outbox::default();
    encoder.part(vec![0; 1 << 20].into(), false, Compress::Auto, &mut out).unwrap();
    let mut wire = drain(&mut out);
    wire.extend(frame(0x80, b"\xff\xff\xff\xff"));
    assert!(wire.len() < 20_000);
    let error = decode(&wire, limits).unwrap_err();
    assert_eq!(error, ProtocolError::MessageTooLarge { max: 100_000 });
}

/// ws 1218; aiohttp 1823.
#[tokio::test]
async fn the_queue_of_who_sends_to_a_peer_that_does_not_read_has_an_end() {
    let (io, peer) = duplex(1000);
    let config = Config { high_water: 10_000, ..Config::default() };
    let mut ws = WebSocket::new(io, Role::Server, config);
    let mut fed = 0;
    let short = Duration::from_millis(100);
    while tokio::time::timeout(short, ws.feed(vec![7; 500])).await.is_ok() {
        fed += 500;
        assert!(fed < 20_000);
    }
    assert!(fed >= 10_000);
    drop(peer);
}
