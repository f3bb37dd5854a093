//! Decoder and encoder.

use dunlin_websocket::proto::{
    Compress, Decoder, Event, FrameHeader, Input, OpCode, Outbox, ProtocolError, apply_mask,
};
use dunlin_websocket::{CloseCode, CloseFrame, Limits, Message};

use super::{MAX_MESSAGE, agreed, drain};
use crate::reads;

fn limits() -> Limits {
    Limits {
        max_message: MAX_MESSAGE,
        max_streamed: 2 * MAX_MESSAGE,
        max_frame: MAX_MESSAGE / 2,
        max_fragments: 8,
        max_ratio: Some(200),
    }
}

/// Any input, for either end: whole and in reads of any size, the same events come and the same error ends
/// them, and no event holds more than the limits allow. In parts, the parts make the same messages.
///
/// The second byte picks the end, parts, and what was agreed on.
pub fn ws_decoder(data: &[u8]) {
    let (read, data) = reads(data);
    let (&choice, wire) = data.split_first().unwrap_or((&0, data));
    let decode = |read, in_parts| {
        let [server, client] = agreed(choice >> 2, limits());
        let mut decoder = if choice & 1 == 0 { server.0 } else { client.0 };
        decoder.set_parts(in_parts);
        decode(decoder, wire, read)
    };
    let is_compressed = choice & 4 != 0;
    let in_parts = choice & 2 != 0;
    let (whole, error) = decode(usize::MAX, in_parts);
    let (events, other) = decode(read, in_parts);
    assert_eq!(events, whole, "in reads of {read}");
    if is_compressed {
        // Of two faults in one message, which comes first depends on how much is inflated at once.
        assert_eq!(other.is_some(), error.is_some(), "{other:?} {error:?} in reads of {read}");
    } else {
        assert_eq!(other, error, "in reads of {read}");
    }
}

/// Any bytes as the compressed payload of a text or binary message, in frames of any size: reads do not
/// matter, the limits hold, and in parts the same message comes as at once.
pub fn ws_inflate(data: &[u8]) {
    let (read, data) = reads(data);
    let (&choice, payload) = data.split_first().unwrap_or((&0, data));
    let mut wire = Vec::new();
    // Twice, for the second to refer to the first.
    for _ in 0..2 {
        let size = payload.len().div_ceil(1 + usize::from(choice & 3)).max(1);
        let mut rest = payload;
        let mut opcode = if choice & 4 == 0 { OpCode::Binary } else { OpCode::Text };
        let mut rsv = 4;
        loop {
            let (piece, after) = rest.split_at(size.min(rest.len()));
            frame(after.is_empty(), rsv, opcode, piece, &mut wire);
            (rest, opcode, rsv) = (after, OpCode::Continuation, 0);
            if rest.is_empty() {
                break;
            }
        }
    }
    let decode = |read, in_parts| {
        let [server, _] = agreed(choice >> 3 | 1, limits());
        let mut decoder = server.0;
        decoder.set_parts(in_parts);
        decode(decoder, &wire, read)
    };
    let (whole, error) = decode(usize::MAX, false);
    let (events, other) = decode(read, false);
    assert_eq!((events, other.is_some()), (whole.clone(), error.is_some()), "{error:?} {other:?}");
    let (events, other) = decode(read, true);
    // In parts it may be longer.
    assert!(events.starts_with(&whole), "{error:?} {other:?}");
    if error.is_none() {
        assert_eq!(other, None);
    }
}

fn frame(fin: bool, rsv: u8, opcode: OpCode, payload: &[u8], wire: &mut Vec<u8>) {
    let key = [1, 0x80, 0xff, 0x55];
    let len = payload.len() as u64;
    FrameHeader { fin, rsv, opcode, mask: Some(key), len }.encode(wire);
    let start = wire.len();
    wire.extend_from_slice(payload);
    apply_mask(&mut wire[start..], key);
}

/// All events, parts joined to messages, and the error that ended them.
fn decode(mut decoder: Decoder, wire: &[u8], read: usize) -> (Vec<Event>, Option<ProtocolError>) {
    let (mut input, mut events) = (Input::default(), Vec::new());
    let mut begun = Vec::new();
    for piece in wire.chunks(read.max(1)) {
        input.extend(piece);
        loop {
            match decoder.decode(&mut input) {
                Ok(None) => break,
                Ok(Some(Event::Part(part))) => {
                    assert!(!part.is_empty(), "a part is progress");
                    check(&part);
                    begun.extend_from_slice(part.as_bytes());
                }
                Ok(Some(Event::Message(last))) => {
                    check(&last);
                    begun.extend_from_slice(last.as_bytes());
                    events.push(Event::Message(join(&last, std::mem::take(&mut begun))));
                }
                Ok(Some(event)) => {
                    if let Event::Ping(payload) | Event::Pong(payload) = &event {
                        assert!(payload.len() <= 125);
                    }
                    events.push(event);
                }
                Err(error) => {
                    let code = u16::from(error.close_code());
                    assert!([1002, 1007, 1009].contains(&code), "{error}");
                    assert!(input.is_empty());
                    assert_eq!(decoder.decode(&mut input), Ok(None));
                    return (events, Some(error));
                }
            }
        }
    }
    (events, None)
}

fn join(last: &Message, bytes: Vec<u8>) -> Message {
    match last {
        Message::Text(_) => String::from_utf8(bytes).expect("parts of text are text").into(),
        Message::Binary(_) => bytes.into(),
    }
}

fn check(message: &Message) {
    assert!(message.len() <= 2 * MAX_MESSAGE);
    if let Message::Text(_) = message {
        assert!(std::str::from_utf8(message.as_bytes()).is_ok(), "text is UTF-8");
    }
}

/// Any messages, parts, pings and pongs of one end, compressed or not: in reads of any size the other end gets
/// the same, and last the close frame.
pub fn ws_round_trip(data: &[u8]) {
    let (read, data) = reads(data);
    let (&choice, mut plan) = data.split_first().unwrap_or((&0, data));
    let [server, client] = agreed(choice >> 1, Limits { max_ratio: None, ..Limits::default() });
    let (mut encoder, decoder) =
        if choice & 1 == 0 { (server.1, client.0) } else { (client.1, server.0) };
    let (mut out, mut expected) = (Outbox::default(), Vec::new());
    // Of a message that is sent in parts.
    let mut parts: Option<(bool, Vec<u8>)> = None;
    while let [step, len, rest @ ..] = plan {
        let (payload, rest) = rest.split_at(rest.len().min(usize::from(*len)));
        plan = rest;
        let compress =
            [Compress::Auto, Compress::Always, Compress::Never][usize::from(step >> 6) % 3];
        // Now and then longer than what is copied.
        let payload = if step & 32 == 0 { payload.to_vec() } else { payload.repeat(100) };
        let is_text = step & 16 != 0;
        let message = |payload: Vec<u8>| match is_text {
            true => Message::from(String::from_utf8_lossy(&payload).into_owned()),
            false => payload.into(),
        };
        match step & 3 {
            0 => {
                let ping = &payload[..payload.len().min(125)];
                encoder.ping(ping, &mut out);
                expected.push(Event::Ping(ping.to_vec().into()));
            }
            1 if parts.is_none() => {
                let message = message(payload);
                encoder.message(message.clone(), compress, &mut out);
                expected.push(Event::Message(message));
            }
            _ => {
                let part = message(payload);
                let bytes = part.as_bytes().clone();
                let is_last = step & 4 != 0;
                let kind = parts.as_ref().map_or(is_text, |(kind, _)| *kind);
                let sent = encoder.part(part, is_last, compress, &mut out);
                assert_eq!(sent.is_ok(), kind == is_text);
                if sent.is_err() {
                    continue;
                }
                let (_, begun) = parts.get_or_insert_with(|| (is_text, Vec::new()));
                begun.extend_from_slice(&bytes);
                assert_eq!(encoder.is_in_message(), !is_last);
                if step & 8 != 0 {
                    encoder.end_burst();
                }
                if is_last && let Some((_, begun)) = parts.take() {
                    expected.push(Event::Message(message(begun)));
                }
            }
        }
    }
    encoder.close(Some(CloseCode::GOING_AWAY), "bye", &mut out);
    let (code, reason) = (CloseCode::GOING_AWAY, "bye".into());
    expected.push(Event::Close(Some(CloseFrame { code, reason })));
    let (events, error) = decode(decoder, &drain(&mut out), read);
    assert_eq!((events, error), (expected, None));
}
