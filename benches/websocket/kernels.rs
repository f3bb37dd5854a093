//! The two loops over every byte: masks and UTF-8.

use std::hint::black_box;

use bytes::Bytes;
use dunlin_websocket::Text;
use dunlin_websocket::proto::apply_mask;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::race::{Race, Runner};
use crate::{SIZES, size_name, text};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Unmasking in place. What tungstenite and tokio-websockets do is private to them.
pub(crate) fn unmask() -> Vec<Race> {
    SIZES
        .map(|size| {
            let payloads = Race::payloads(size);
            let over = |name, unmask: fn(&mut [u8], [u8; 4])| {
                let mut data = vec![b'x'; size];
                unmask(&mut data, KEY);
                assert!(data.iter().enumerate().all(|(at, byte)| *byte == b'x' ^ KEY[at % 4]));
                Runner::new(name, move || {
                    for _ in 0..payloads {
                        unmask(black_box(&mut data), black_box(KEY));
                    }
                })
            };
            let runners = vec![
                over("dunlin", apply_mask),
                over("fastwebsockets", fastwebsockets::unmask),
                over("byte by byte", byte_by_byte),
            ];
            Race { group: "unmask", input: size_name(size), bytes: size, payloads, runners }
        })
        .into()
}

fn byte_by_byte(data: &mut [u8], key: [u8; 4]) {
    for (at, byte) in data.iter_mut().enumerate() {
        *byte ^= key[at % 4];
    }
}

/// From bytes to text. fastwebsockets and tokio-websockets call simdutf8, as we do; tungstenite calls std.
pub(crate) fn utf8() -> Vec<Race> {
    SIZES
        .map(|size| {
            let payloads = Race::payloads(size);
            let bytes = Bytes::from(text(size));
            let (for_tungstenite, for_simdutf8) = (bytes.clone(), bytes.clone());
            let runners = vec![
                Runner::new("dunlin", move || {
                    for _ in 0..payloads {
                        black_box(Text::try_from(black_box(&bytes).clone())).unwrap();
                    }
                }),
                Runner::new("tungstenite", move || {
                    for _ in 0..payloads {
                        black_box(Utf8Bytes::try_from(black_box(&for_tungstenite).clone()))
                            .unwrap();
                    }
                }),
                Runner::new("simdutf8", move || {
                    for _ in 0..payloads {
                        let bytes = black_box(&for_simdutf8).clone();
                        black_box(simdutf8::basic::from_utf8(&bytes)).unwrap();
                    }
                }),
            ];
            Race { group: "utf8", input: size_name(size), bytes: size, payloads, runners }
        })
        .into()
}
