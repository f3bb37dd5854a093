//! The budget for compression states, which is the process's: a test alone in its process.
#![cfg(feature = "deflate")]

use bytes::Bytes;
use dunlin_core::{Request, ResponseHead, Upgraded};
use dunlin_websocket::proto::{Compress, Encoder, Input, Outbox};
use dunlin_websocket::{
    ClientHandshake, CloseCode, Config, Deflate, Message, ProtocolError, ServerHandshake,
};
use http::{HeaderValue, Method, StatusCode, Uri, header};
use tokio::io::{AsyncReadExt, duplex};

fn wire(encoder: &mut Encoder, message: &str) -> Vec<u8> {
    let (mut out, mut wire) = (Outbox::default(), Vec::new());
    encoder.message(message.into(), Compress::Always, &mut out);
    while !out.is_empty() {
        wire.extend_from_slice(out.first());
        out.advance(out.first().len());
    }
    wire
}

#[tokio::test]
async fn without_a_state_messages_go_as_they_are_and_compressed_ones_are_refused() {
    let config = Config { deflate: Some(Deflate::default()), ..Config::default() };
    let client = ClientHandshake::new(config.clone());
    let mut request = Request::new(Method::GET, Uri::from_static("/"), ());
    request.headers_mut().insert(header::HOST, HeaderValue::from_static("a.example"));
    for (name, value) in client.headers() {
        request.headers_mut().insert(name, value);
    }
    let accepted = ServerHandshake::new(config).check(&request).unwrap();
    let (mut decoder, _) = accepted.codec();
    let (mut waiting, _) = accepted.codec();
    let mut head = ResponseHead::default();
    head.status = StatusCode::SWITCHING_PROTOCOLS;
    for (name, value) in accepted.on_upgrade(|_| async {}).headers().as_map() {
        head.headers.insert(name.clone(), value.clone());
    }
    let confirmed = client.check(&head).unwrap();
    let (_, mut encoder) = confirmed.codec();
    let text = "words and words ".repeat(100);

    assert_eq!(Deflate::memory_in_use(), 0);
    let compressed = wire(&mut encoder, &text);
    assert!(compressed.len() < 100 && Deflate::memory_in_use() == 0, "lent for a message alone");
    // Half a message holds a state, and the budget has room for no second one.
    assert_eq!(waiting.decode(&mut Input::from(&compressed[..20])), Ok(None));
    let held = Deflate::memory_in_use();
    assert!((40_000..50_000).contains(&held), "{held}");
    Deflate::set_memory_budget(held + 1000);
    let error = decoder.decode(&mut Input::from(&compressed[..])).unwrap_err();
    assert_eq!(error, ProtocolError::NoDeflateState);
    assert_eq!(error.close_code(), CloseCode::TRY_LATER);
    assert!(wire(&mut encoder, &text).len() > text.len());
    // Nor do parts wait for one.
    let (io, mut peer) = duplex(10_000);
    let mut ws = confirmed.open(Upgraded::new(io, Bytes::new()));
    ws.send_part(&*text, false).await.unwrap();
    ws.send_part(&*text, true).await.unwrap();
    let mut frame = [0; 2];
    peer.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame, [0x01, 0x80 | 126]);

    drop(waiting);
    assert_eq!(Deflate::memory_in_use(), 0);
    Deflate::set_memory_budget(1 << 20);
    let compressed = wire(&mut encoder, &text);
    assert!(compressed.len() < 100);
    let (mut decoder, _) =
        ServerHandshake::new(Config { deflate: Some(Deflate::default()), ..Config::default() })
            .check(&request)
            .unwrap()
            .codec();
    let event = decoder.decode(&mut Input::from(&compressed[..])).unwrap();
    let expected = dunlin_websocket::proto::Event::Message(Message::from(text));
    assert_eq!(event, Some(expected));
}
