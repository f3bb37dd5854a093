//! Chunked bodies: from the wire to the data, where it lies.
//!
//! The rival walks with [`httparse::parse_chunk_size`], the only part of a decoder that httparse has,
//! over data whose whole is there. That leaves out what a decoder must also do, and ours does: bound
//! extensions, read trailers, and go on at any byte.

use std::hint::black_box;

use dunlin_codec::{BodyDecoder, BodyEncoder, BodyEvent, BodyKind, Framing, Limits};

use crate::race::{Race, Runner};

pub(crate) fn races() -> Vec<Race> {
    vec![
        race("256 chunks of 16 B", &[16; 256]),
        race("64 chunks of 256 B", &[256; 64]),
        race("4 chunks of 64 KiB", &[65_536; 4]),
    ]
}

fn race(input: &'static str, chunks: &[usize]) -> Race {
    let mut wire = Vec::new();
    let mut encoder = BodyEncoder::new(BodyKind::Chunked);
    for &len in chunks {
        encoder.data(&vec![b'x'; len], &mut wire).unwrap();
    }
    encoder.finish([], &mut wire).unwrap();
    let data = chunks.iter().sum();
    assert_eq!((walk(&wire), walk_rival(&wire)), (data, data));
    let (bytes, for_rival) = (wire.len(), wire.clone());
    let runners = vec![
        Runner::new("dunlin", move || assert_eq!(walk(black_box(&wire)), data)),
        Runner::new("parse_chunk_size", move || {
            assert_eq!(walk_rival(black_box(&for_rival)), data)
        }),
    ];
    Race { group: "bodies", input, bytes, inputs: 1, runners }
}

/// Bytes of data in a whole body.
fn walk(mut wire: &[u8]) -> usize {
    let mut decoder = BodyDecoder::new(Framing::Chunked, &Limits::default());
    let mut bytes = 0;
    while let Some(event) = decoder.decode(&mut wire).unwrap() {
        match event {
            BodyEvent::Data(data) => bytes += black_box(data).len(),
            BodyEvent::Trailers(_) => {}
            BodyEvent::End => break,
        }
    }
    assert!(wire.is_empty());
    bytes
}

fn walk_rival(mut wire: &[u8]) -> usize {
    let mut bytes = 0;
    loop {
        let httparse::Status::Complete((line, size)) = httparse::parse_chunk_size(wire).unwrap()
        else {
            panic!("the body is whole");
        };
        let (data, rest) = wire[line..].split_at(size as usize);
        wire = rest.strip_prefix(b"\r\n").expect("chunks end so");
        if data.is_empty() {
            break;
        }
        bytes += black_box(data).len();
    }
    assert!(wire.is_empty());
    bytes
}
