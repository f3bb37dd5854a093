//! Multipart bodies: cuts do not matter, and nothing comes out that did not go in.

use bytes::Bytes;
use dunlin_multipart::{Event, Limits, ReadError, Reader};

use crate::reads;

/// What a body was: its events with neighbouring data joined, and how it ended. Data that no other
/// event follows is left out, since a cut decides how much of it comes before an error.
type Read = (Vec<String>, Result<(), ReadError>);

/// Any input: whole, byte by byte and in reads of any size give the same parts or the same error, all
/// input is used, and parts hold no more than the wire.
pub fn multipart(data: &[u8]) {
    let (read, wire) = reads(data);
    for kind in ["form-data", "mixed"] {
        let content_type = format!("multipart/{kind}; boundary=b");
        let whole = read_in(&content_type, wire, usize::MAX);
        for read in [read, 1] {
            assert_eq!(read_in(&content_type, wire, read), whole, "in reads of {read}");
        }
    }
}

fn read_in(content_type: &str, wire: &[u8], read: usize) -> Read {
    let limits = Limits::default().max_parts(8).max_header_line_bytes(64).max_header_bytes(128);
    let limits = limits.max_headers(4).max_padding_bytes(32);
    let mut reader = Reader::from_content_type(content_type, limits).expect("a boundary");
    let (mut events, mut data, mut total, mut open) = (Vec::new(), Vec::new(), 0, 0);
    for piece in wire.chunks(read) {
        let mut input = Bytes::copy_from_slice(piece);
        loop {
            let event = match reader.decode(&mut input) {
                Ok(None) => break,
                Ok(Some(event)) => event,
                Err(error) => {
                    assert_eq!(reader.finish(), Err(error.clone()), "an error stays");
                    return (events, Err(error));
                }
            };
            if let Event::Data(piece) = &event {
                assert!(!piece.is_empty() && open > 0, "data stands in a part");
                total += piece.len();
                data.extend_from_slice(piece);
                continue;
            }
            if !data.is_empty() {
                events.push(format!("{:?}", std::mem::take(&mut data)));
            }
            events.push(match event {
                Event::Part(head) => {
                    open += 1;
                    if let Some(name) = head.file_name() {
                        assert!(!name.contains(['/', '\\', '\0', '\r', '\n']), "{name:?}");
                        assert!(!matches!(name, "." | ".."), "{name:?}");
                    }
                    let entered = head.is_multipart() && reader.enter().is_ok();
                    format!("{head:?} {entered}")
                }
                Event::PartEnd => {
                    open -= 1;
                    "end".to_owned()
                }
                _ => "END".to_owned(),
            });
        }
        assert!(input.is_empty(), "all input is used");
    }
    assert!(total <= wire.len());
    (events, reader.finish())
}
