//! The protocol as a whole: what is encoded is decoded, wherever reads split it, and what is wrong is told.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::{CloseCode, CloseFrame, Limits, Message, Role, Text};

fn drain(out: &mut Outbox) -> Vec<u8> {
    let mut wire = Vec::new();
    while !out.is_empty() {
        let len = out.first().len();
        wire.extend_from_slice(out.first());
        out.advance(len);
    }
    wire
}

/// All events of `wire`, read in pieces. Large payloads take the way past the input, as a socket reads them.
fn decode_in_pieces(
    mut decoder: Decoder,
    wire: &[u8],
    size: usize,
) -> (Vec<Event>, Option<ProtocolError>) {
    let (mut input, mut events, mut rest) = (Input::default(), Vec::new(), wire);
    while !rest.is_empty() {
        if input.is_empty()
            && let Some((buffer, max)) = decoder.direct()
        {
            let (piece, after) = rest.split_at(size.min(max).min(rest.len()));
            buffer.extend_from_slice(piece);
            rest = after;
            match decoder.direct_read(piece.len()) {
                Ok(event) => events.extend(event),
                Err(error) => return (events, Some(error)),
            }
        } else {
            let (piece, after) = rest.split_at(size.min(rest.len()));
            input.extend(piece);
            rest = after;
        }
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(error) => return (events, Some(error)),
            }
        }
        // As where nothing more is there to read at the moment.
        if rest.len() % 2 == 0 {
            decoder.release(&mut input);
        }
    }
    (events, None)
}

/// A client's frame, masked.
fn frame(fin: bool, rsv: u8, opcode: OpCode, payload: &[u8]) -> Vec<u8> {
    let key = [7, 0x80, 0xff, 1];
    let mut wire = Vec::new();
    let len = payload.len() as u64;
    FrameHeader { fin, rsv, opcode, mask: Some(key), len }.encode(&mut wire);
    let start = wire.len();
    wire.extend_from_slice(payload);
    apply_mask(&mut wire[start..], key);
    wire
}

fn server() -> Decoder {
    Decoder::new(Role::Server, Limits::default())
}

fn fault(wire: &[u8]) -> Option<ProtocolError> {
    decode_in_pieces(server(), wire, usize::MAX).1
}

fn any_message() -> impl Strategy<Value = Message> {
    prop_oneof![
        ".{0,40}".prop_map(Message::from),
        prop::collection::vec(any::<u8>(), 0..200).prop_map(Message::from),
        (4000usize..70_000, any::<u8>()).prop_map(|(len, byte)| Message::from(vec![byte; len])),
        (4000usize..40_000).prop_map(|len| Message::from("\u{20ac}uro ".repeat(len / 7))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_encoded_is_decoded_in_both_directions(
        messages in prop::collection::vec(any_message(), 0..6),
        is_client: bool,
        size in prop_oneof![1usize..40, 1000usize..70_000],
    ) {
        let (from, to) = if is_client { (Role::Client, Role::Server) } else { (Role::Server, Role::Client) };
        let (mut encoder, mut out) = (Encoder::new(from), Outbox::default());
        let mut expected = Vec::new();
        for message in messages {
            encoder.ping(b"?", &mut out);
            expected.push(Event::Ping(Bytes::from_static(b"?")));
            encoder.message(message.clone(), Compress::Auto, &mut out);
            expected.push(Event::Message(message));
        }
        encoder.close(Some(CloseCode::NORMAL), "bye", &mut out);
        let reason = Text::from("bye");
        expected.push(Event::Close(Some(CloseFrame { code: CloseCode::NORMAL, reason })));
        let wire = drain(&mut out);
        let (events, error) = decode_in_pieces(Decoder::new(to, Limits::default()), &wire, size);
        prop_assert_eq!(error, None);
        prop_assert_eq!(events, expected);
    }

    #[test]
    fn neither_fragments_nor_reads_change_a_message(
        text in "\\PC{0,60}",
        cut in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        size in 1usize..20,
    ) {
        let payload = text.as_bytes();
        let mut cuts: Vec<usize> = cut.iter().map(|cut| cut.index(payload.len() + 1)).collect();
        cuts.sort_unstable();
        cuts.push(payload.len());
        let (mut wire, mut start) = (Vec::new(), 0);
        for (at, end) in cuts.iter().enumerate() {
            let opcode = if at == 0 { OpCode::Text } else { OpCode::Continuation };
            wire.extend(frame(at + 1 == cuts.len(), 0, opcode, &payload[start..*end]));
            wire.extend(frame(true, 0, OpCode::Pong, b"between"));
            start = *end;
        }
        let (events, error) = decode_in_pieces(server(), &wire, size);
        prop_assert_eq!(error, None);
        let messages: Vec<_> = events.iter().filter(|event| matches!(event, Event::Message(_))).collect();
        prop_assert_eq!(messages, [&Event::Message(Message::from(text))]);
    }

    #[test]
    fn any_input_gives_the_same_whole_or_in_pieces(
        noise in prop::collection::vec(prop_oneof![any::<u8>(), Just(0x81), Just(0x82), 0x80u8..0x8b], 0..200),
        size in 1usize..20,
    ) {
        let whole = decode_in_pieces(server(), &noise, usize::MAX);
        prop_assert_eq!(decode_in_pieces(server(), &noise, size), whole);
    }
}

#[test]
fn each_fault_is_told_by_its_name_and_code() {
    use OpCode::{Binary, Close, Continuation, Ping, Text};
    let cases = [
        (frame(true, 4, Text, b"x"), ProtocolError::ReservedBits(4)),
        (frame(true, 2, Ping, b"x"), ProtocolError::ReservedBits(2)),
        (frame(true, 0, Continuation, b"x"), ProtocolError::StrayContinuation),
        (
            [frame(false, 0, Text, b"x"), frame(true, 0, Binary, b"x")].concat(),
            ProtocolError::NestedMessage,
        ),
        (frame(true, 0, Close, b"\x03"), ProtocolError::ShortClose),
        (frame(true, 0, Close, b"\x03\xee"), ProtocolError::BadCloseCode(1006)),
        (frame(true, 0, Close, b"\x03\xe8\xff"), ProtocolError::NotUtf8),
        (frame(true, 0, Text, b"\xc3"), ProtocolError::NotUtf8),
        (b"\x81\x01x".to_vec(), ProtocolError::Unmasked),
        (b"\x83\x80".to_vec(), ProtocolError::ReservedOpCode(3)),
    ];
    for (wire, expected) in cases {
        assert_eq!(fault(&wire), Some(expected));
        let is_text = expected == ProtocolError::NotUtf8;
        let code = if is_text { CloseCode::INVALID_DATA } else { CloseCode::PROTOCOL };
        assert_eq!(expected.close_code(), code);
    }
    let mut client = Decoder::new(Role::Client, Limits::default());
    let mut input = Input::from(&frame(true, 0, Text, b"x")[..]);
    assert_eq!(client.decode(&mut input), Err(ProtocolError::Masked));
}

#[test]
fn text_fails_at_its_first_bad_byte() {
    let mut wire = frame(false, 0, OpCode::Text, b"good \xf4\x90 and more that does not come");
    wire.truncate(wire.len() - 20);
    assert_eq!(fault(&wire), Some(ProtocolError::NotUtf8));
    let wire = frame(false, 0, OpCode::Text, b"\xed");
    assert_eq!(fault(&wire), None);
    let wire = [wire, frame(false, 0, OpCode::Continuation, b"\xa0")].concat();
    assert_eq!(fault(&wire), Some(ProtocolError::NotUtf8));
}

#[test]
fn limits_hold_before_anything_is_kept() {
    let limits =
        Limits { max_message: 1000, max_frame: 600, max_fragments: 3, ..Limits::default() };
    let fault =
        |wire: &[u8]| decode_in_pieces(Decoder::new(Role::Server, limits), wire, usize::MAX).1;
    // A header alone is enough.
    let header = |len| {
        let mut wire = Vec::new();
        let opcode = OpCode::Binary;
        FrameHeader { fin: false, rsv: 0, opcode, mask: Some([0; 4]), len }.encode(&mut wire);
        wire
    };
    assert_eq!(fault(&header(601)), Some(ProtocolError::FrameTooLarge { len: 601, max: 600 }));
    let part = |fin, opcode, len| frame(fin, 0, opcode, &vec![0; len]);
    let two = [part(false, OpCode::Binary, 600), part(true, OpCode::Continuation, 401)].concat();
    assert_eq!(fault(&two), Some(ProtocolError::MessageTooLarge { max: 1000 }));
    let mut four = part(false, OpCode::Binary, 0);
    for _ in 0..3 {
        four.extend(part(false, OpCode::Continuation, 0));
    }
    assert_eq!(fault(&four), Some(ProtocolError::TooManyFragments { max: 3 }));
    let exact = [part(false, OpCode::Binary, 600), part(true, OpCode::Continuation, 400)].concat();
    assert_eq!(fault(&exact), None);
}

/// Parts are asked for, none has come, and then the message is asked for as a whole.
#[test]
fn a_message_that_began_in_parts_is_held_against_the_limit_for_whole_ones() {
    let limits = Limits { max_message: 1000, ..Limits::default() };
    let first = frame(false, 0, OpCode::Binary, &[7; 5000]);
    for come in [8, 9] {
        let mut decoder = Decoder::new(Role::Server, limits);
        decoder.set_parts(true);
        let mut input = Input::from(&first[..8]);
        assert_eq!(decoder.decode(&mut input), Ok(None));
        decoder.set_parts(false);
        input.extend(&first[8..come]);
        let error = ProtocolError::MessageTooLarge { max: 1000 };
        assert_eq!(decoder.decode(&mut input), Err(error));
    }
    // The other way round a limit for parts may be the smaller one.
    let limits = Limits { max_streamed: 1000, ..Limits::default() };
    let mut decoder = Decoder::new(Role::Server, limits);
    assert_eq!(decoder.decode(&mut Input::from(&first[..])), Ok(None));
    decoder.set_parts(true);
    let mut input = Input::from(&frame(true, 0, OpCode::Continuation, b"x")[..]);
    assert!(decoder.decode(&mut input).is_err());
}

#[test]
fn memory_follows_what_comes_and_not_what_is_declared() {
    let limits = Limits { max_message: usize::MAX, ..Limits::default() };
    let mut decoder = Decoder::new(Role::Server, limits);
    let mut input = Input::from(&b"\x82\xff\0\0\x01\0\0\0\0\0abcd"[..]);
    assert_eq!(decoder.decode(&mut input), Ok(None));
    let (buffer, max) = decoder.direct().unwrap();
    assert!(buffer.capacity() <= 256 * 1024 && max == 1 << 40);
}

/// What a socket reads of a large message at first, 4 KiB with its header, is word enough for a mebibyte: to grow
/// later would copy all of it.
#[test]
fn a_large_message_that_has_begun_has_room_for_all_of_it() {
    let limits = Limits { max_message: usize::MAX, ..Limits::default() };
    let mut decoder = Decoder::new(Role::Server, limits);
    let wire = frame(true, 0, OpCode::Binary, &[7; 1 << 20]);
    let mut input = Input::from(&wire[..4096]);
    assert_eq!(decoder.decode(&mut input), Ok(None));
    assert!(input.is_empty());
    let (buffer, max) = decoder.direct().unwrap();
    assert_eq!(max, wire.len() - 4096);
    assert!(buffer.capacity() - buffer.len() >= max);
}

#[test]
fn nothing_counts_after_a_close_or_a_fault() {
    let wire = [frame(true, 0, OpCode::Close, b""), frame(true, 0, OpCode::Text, b"late")].concat();
    assert_eq!(decode_in_pieces(server(), &wire, 3), (vec![Event::Close(None)], None));
    let mut decoder = server();
    assert!(decoder.decode(&mut Input::from(&b"\x83\x80"[..])).is_err());
    let mut late = Input::from(&frame(true, 0, OpCode::Text, b"late")[..]);
    assert_eq!(decoder.decode(&mut late), Ok(None));
}

#[test]
fn a_frame_that_is_nearly_there_is_not_moved() {
    let mut decoder = server();
    let wire = frame(true, 0, OpCode::Binary, &[7; 16_384]);
    // Room for all of it behind what has come.
    let mut bytes = bytes::BytesMut::with_capacity(30_000);
    bytes.extend_from_slice(&wire[..15_000]);
    let at = bytes.as_ptr();
    let mut input = Input::new(bytes, 30_000);
    assert_eq!(decoder.decode(&mut input), Ok(None));
    input.buffer(30_000).unwrap().extend_from_slice(&wire[15_000..]);
    let Ok(Some(Event::Message(message))) = decoder.decode(&mut input) else { panic!() };
    assert!(message == Message::from(vec![7; 16_384]));
    assert_eq!(message.as_bytes().as_ptr(), at.wrapping_add(wire.len() - 16_384));
}

#[test]
fn reads_end_where_a_frame_like_the_last_would() {
    let mut decoder = server();
    assert_eq!(decoder.read_hint(0, 20_000), 20_000, "nothing is known of what comes");
    let wire = frame(true, 0, OpCode::Binary, &[7; 4000]);
    let (len, header) = (wire.len(), wire.len() - 4000);
    let mut input = Input::from(&[&wire[..], &wire[..header]].concat()[..]);
    assert!(matches!(decoder.decode(&mut input), Ok(Some(Event::Message(_)))));
    // A header alone waits for its payload; with it come three more frames, and the header of another.
    assert_eq!(decoder.decode(&mut input), Ok(None));
    assert_eq!(input.as_slice().len(), header);
    assert_eq!(decoder.read_hint(header, 20_000 - header), 4 * len);
    // Of a frame that has begun the rest comes first.
    input.extend(&wire[header..header + 1000]);
    assert_eq!(decoder.decode(&mut input), Ok(None));
    assert_eq!(decoder.read_hint(1000, 19_000), 3000 + header + 3 * len);
    // Where it does not fit, or nothing else does, all the room is of use.
    assert_eq!(decoder.read_hint(1000, 2000), 2000);
}

/// A read of nothing would pass for the end of the connection.
#[test]
fn there_is_always_something_to_read() {
    let sizes = [0, 1, 125, 126, 4000, 16_384, 30_000, 65_535, 65_536, 300_000];
    for (last, next) in sizes.iter().flat_map(|last| sizes.iter().map(move |next| (last, next))) {
        let mut decoder = server();
        let mut input = Input::from(&frame(true, 0, OpCode::Binary, &vec![7; *last])[..]);
        while let Ok(Some(_)) | Ok(None) = decoder.decode(&mut input)
            && !input.is_empty()
        {}
        let wire = frame(true, 0, OpCode::Binary, &vec![7; *next]);
        let mut input = Input::default();
        for byte in &wire[..wire.len().min(40)] {
            input.extend(&[*byte]);
            let _ = decoder.decode(&mut input).unwrap();
            let present = input.as_slice().len();
            assert!(decoder.read_hint(present, 20_480 - present) > 0, "{last}, {next}, {present}");
        }
    }
}

#[test]
fn a_beginning_that_has_to_wait_for_its_rest_keeps_no_buffer() {
    let mut decoder = server();
    let mut bytes = bytes::BytesMut::with_capacity(64 * 1024);
    bytes.extend_from_slice(&frame(true, 0, OpCode::Binary, &[7; 2000])[..1000]);
    let mut input = Input::new(bytes, 64 * 1024);
    assert_eq!(decoder.decode(&mut input), Ok(None));
    decoder.release(&mut input);
    assert!(input.is_empty() && input.buffer(1).is_none());
}

#[test]
fn a_small_message_does_not_keep_what_came_along_with_it() {
    let small = frame(true, 0, OpCode::Binary, b"small");
    let wire = [small.clone(), frame(true, 0, OpCode::Binary, &[0; 5000]), small].concat();
    let mut input = Input::from(&wire[..]);
    let all = input.as_mut().as_ptr_range();
    let mut decoder = server();
    let mut is_inside = || match decoder.decode(&mut input) {
        Ok(Some(Event::Message(message))) => all.contains(&message.as_bytes().as_ptr()),
        other => panic!("{other:?}"),
    };
    assert!(!is_inside());
    assert!(is_inside(), "a large one is not copied");
    assert!(!is_inside());
}

#[cfg(feature = "deflate")]
mod deflate {
    use super::*;
    use crate::deflate::{Compressor, ContextTakeover, DeflateParams, Inflater};

    fn pair(takeover: bool, limits: Limits) -> (Encoder, Decoder) {
        let params = DeflateParams {
            level: 1,
            threshold: 10,
            out_bits: 15,
            out_takeover: if takeover { ContextTakeover::Always } else { ContextTakeover::Never },
            in_takeover: takeover,
            keeps_state: false,
        };
        let (mut encoder, mut decoder) =
            (Encoder::new(Role::Client), Decoder::new(Role::Server, limits));
        encoder.set_compressor(Compressor::new(&params));
        decoder.set_inflater(Some(Inflater::new(&params)));
        (encoder, decoder)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn compressed_and_other_messages_go_together(
            messages in prop::collection::vec((any_message(), 0..3), 0..6),
            takeover: bool,
            size in 1usize..3000,
        ) {
            let (mut encoder, decoder) = pair(takeover, Limits::default());
            let (mut out, mut expected) = (Outbox::default(), Vec::new());
            for (message, compress) in messages {
                let all = [Compress::Auto, Compress::Always, Compress::Never];
                encoder.message(message.clone(), all[compress as usize], &mut out);
                expected.push(Event::Message(message));
            }
            let wire = drain(&mut out);
            prop_assert_eq!(decode_in_pieces(decoder, &wire, size), (expected, None));
        }
    }

    #[test]
    fn parts_of_a_compressed_message_are_small_and_make_it_whole() {
        for takeover in [false, true] {
            let (mut encoder, mut decoder) =
                pair(takeover, Limits { max_message: 10, ..Limits::default() });
            decoder.set_parts(true);
            let text = "\u{20ac}uro ".repeat(1 << 18);
            let mut out = Outbox::default();
            for round in 0..2 {
                let halves = text.split_at(text.len() / 2 / 7 * 7);
                encoder.part(halves.0.into(), false, Compress::Auto, &mut out).unwrap();
                encoder.part(halves.1.into(), false, Compress::Auto, &mut out).unwrap();
                encoder.part("".into(), true, Compress::Auto, &mut out).unwrap();
                let wire = drain(&mut out);
                assert!(wire.len() < text.len() / 50);
                let mut input = Input::default();
                let (mut received, mut is_whole) = (String::new(), false);
                for piece in wire.chunks(1500) {
                    input.extend(piece);
                    while let Some(event) = decoder.decode(&mut input).unwrap() {
                        let (Event::Part(part) | Event::Message(part)) = &event else { panic!() };
                        assert!(part.len() < 2 << 20, "{}", part.len());
                        received.push_str(part.as_text().unwrap());
                        is_whole = matches!(event, Event::Message(_));
                    }
                }
                assert!(is_whole && received == text, "in round {round}");
            }
        }
    }

    #[test]
    fn a_bomb_is_stopped_by_size_and_by_ratio() {
        let bomb = |limits| {
            let (mut encoder, decoder) = pair(false, limits);
            let mut out = Outbox::default();
            encoder.message(Message::from(vec![0; 4 << 20]), Compress::Auto, &mut out);
            let wire = drain(&mut out);
            assert!(wire.len() < 64 * 1024);
            decode_in_pieces(decoder, &wire, usize::MAX).1
        };
        let max_message = 1 << 20;
        let limits = Limits { max_message, ..Limits::default() };
        assert_eq!(bomb(limits), Some(ProtocolError::MessageTooLarge { max: max_message }));
        let limits = Limits { max_ratio: Some(50), ..Limits::default() };
        assert_eq!(bomb(limits), Some(ProtocolError::RatioTooHigh { max: 50 }));
        assert_eq!(bomb(Limits::default()), None);
    }

    #[test]
    fn a_message_that_never_says_anything_meets_a_limit() {
        let (_, decoder) = pair(false, Limits { max_message: 1000, ..Limits::default() });
        // Empty stored blocks, one frame each, for ever.
        let mut wire = frame(false, 4, OpCode::Binary, b"\0\0\0\xff\xff");
        for _ in 0..1000 {
            wire.extend(frame(false, 0, OpCode::Continuation, b"\0\0\0\xff\xff"));
        }
        let (_, error) = decode_in_pieces(decoder, &wire, usize::MAX);
        assert_eq!(error, Some(ProtocolError::MessageTooLarge { max: 1000 }));
    }

    #[test]
    fn only_the_first_frame_says_that_a_message_is_compressed() {
        let (_, decoder) = pair(false, Limits::default());
        let wire =
            [frame(false, 4, OpCode::Text, b"\xf2"), frame(true, 4, OpCode::Continuation, b"x")];
        let (_, error) = decode_in_pieces(decoder, &wire.concat(), usize::MAX);
        assert_eq!(error, Some(ProtocolError::ReservedBits(4)));
    }

    #[test]
    fn text_is_checked_after_it_is_inflated() {
        let (mut encoder, decoder) = pair(false, Limits::default());
        let mut out = Outbox::default();
        let binary = Message::from(
            [&b"text "[..]; 9].concat().iter().copied().chain([0xff]).collect::<Vec<u8>>(),
        );
        encoder.message(binary, Compress::Always, &mut out);
        let mut wire = drain(&mut out);
        assert_eq!(wire[0], 0xc2);
        wire[0] = 0xc1;
        let (_, error) = decode_in_pieces(decoder, &wire, 7);
        assert_eq!(error, Some(ProtocolError::NotUtf8));
    }
}
