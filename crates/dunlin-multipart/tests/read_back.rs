//! What the writer writes the reader reads, wherever the bytes are cut; and no bytes are read in two
//! ways.

use bytes::Bytes;
use dunlin_core::Body;
use dunlin_multipart::{Boundary, Event, Form, Limits, Multipart, Part, ReadError, Reader};
use proptest::collection::vec;
use proptest::prelude::*;

/// A part as it was read: its depth, name, file name, and bytes or the parts in it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Seen {
    depth: usize,
    name: Option<String>,
    file_name: Option<String>,
    data: Vec<u8>,
    ended: bool,
}

/// Reads `wire` cut behind each of the lengths in `cuts`, over and over; what came before an error,
/// and the error.
fn read(content_type: &str, wire: &[u8], cuts: &[usize]) -> (Vec<Seen>, Result<(), ReadError>) {
    read_within(Limits::default(), content_type, wire, cuts)
}

fn read_within(
    limits: Limits,
    content_type: &str,
    wire: &[u8],
    cuts: &[usize],
) -> (Vec<Seen>, Result<(), ReadError>) {
    let mut reader = match Reader::from_content_type(content_type, limits) {
        Ok(reader) => reader,
        Err(error) => return (Vec::new(), Err(error)),
    };
    let mut seen: Vec<Seen> = Vec::new();
    let mut open = Vec::new();
    let mut rest = wire;
    for cut in cuts.iter().cycle() {
        let (piece, behind) = rest.split_at((*cut).clamp(1, rest.len().max(1)).min(rest.len()));
        rest = behind;
        let mut input = Bytes::copy_from_slice(piece);
        loop {
            match reader.decode(&mut input) {
                Ok(None) => break,
                Ok(Some(Event::Part(head))) => {
                    open.push(seen.len());
                    seen.push(Seen {
                        depth: reader.depth(),
                        name: head.name().map(str::to_owned),
                        file_name: head.file_name().map(str::to_owned),
                        ..Seen::default()
                    });
                    if head.is_multipart() {
                        // Too deep, or a boundary outside the grammar: read as bytes.
                        let _ = reader.enter();
                    }
                }
                Ok(Some(Event::Data(data))) => {
                    let part = *open.last().expect("data stands in a part");
                    seen[part].data.extend_from_slice(&data);
                }
                Ok(Some(Event::PartEnd)) => {
                    seen[open.pop().expect("a part that ends has begun")].ended = true;
                }
                Ok(Some(_)) => assert!(open.is_empty(), "no part is open at the end"),
                Err(error) => {
                    // Bytes before an error may have been held back as a possible delimiter.
                    for part in open {
                        seen[part].data.clear();
                    }
                    return (seen, Err(error));
                }
            }
        }
        assert!(input.is_empty(), "all input is used");
        if rest.is_empty() {
            break;
        }
    }
    let end = reader.finish();
    if end.is_err() {
        for part in open {
            seen[part].data.clear();
        }
    }
    (seen, end)
}

fn escaped(text: &str) -> String {
    text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// What is left of a file name that a server may use.
fn bare(text: &str) -> String {
    let text = text.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n");
    let text = text.replace("%0d", "\r").replace("%0a", "\n");
    let last = text.rsplit(['/', '\\']).next().unwrap().to_owned();
    let drive = last.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
        && last.as_bytes().get(1) == Some(&b':');
    let last = if drive { &last[2..] } else { &last };
    let last: String = last.chars().filter(|c| !c.is_control()).collect();
    if last == "." || last == ".." { String::new() } else { last }
}

fn name() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| {
        let bad = |c: char| c.is_ascii_control() && !matches!(c, '\t' | '\r' | '\n');
        text.chars().filter(|&c| !bad(c)).collect()
    })
}

/// Bytes that are fond of what readers look for.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        vec(any::<u8>(), 0..40),
        Just(b"\r\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"--".to_vec()),
        Just(b"\r\n--".to_vec()),
        Just(b"\r\n--b".to_vec()),
        Just(vec![b'x'; 5000]),
    ];
    vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn written(body: Body) -> Vec<u8> {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(body.into_vec())
        .unwrap()
}

fn text(value: http::HeaderValue) -> String {
    value.to_str().unwrap().to_owned()
}

proptest! {
    /// Any bytes under any names come back as they went in.
    #[test]
    fn a_form_reads_back(
        fields in vec((name(), proptest::option::of(name()), body()), 0..6),
        cuts in vec(1usize..200, 1..8),
    ) {
        let mut form = Form::new();
        for (name, file_name, body) in &fields {
            let mut part = Part::bytes(body.clone());
            if let Some(file_name) = file_name {
                part = part.file_name(file_name);
            }
            form = form.part(name, part);
        }
        let content_type = text(form.content_type());
        let wire = written(form.into_body().unwrap());
        let (seen, end) = read(&content_type, &wire, &cuts);
        prop_assert_eq!(end, Ok(()));
        prop_assert_eq!(seen.len(), fields.len());
        for (seen, (name, file_name, body)) in seen.iter().zip(&fields) {
            // `a%22` and `a"` look the same on the wire.
            let read = seen.name.as_deref().map(escaped);
            prop_assert_eq!(read, Some(escaped(name).replace("%0d", "%0D").replace("%0a", "%0A")));
            prop_assert_eq!(&seen.file_name, &file_name.as_deref().map(bare));
            prop_assert_eq!((&seen.data, seen.ended, seen.depth), (body, true, 1));
        }
    }

    /// Bodies inside bodies come back with their depth.
    #[test]
    fn nested_bodies_read_back(
        bodies in vec(body(), 1..4),
        depth in 0usize..3,
        cuts in vec(1usize..200, 1..8),
    ) {
        let mut multipart = Multipart::mixed().parts(bodies.iter().cloned().map(Part::bytes));
        for _ in 0..depth {
            multipart = Multipart::related().nested(multipart);
        }
        let content_type = text(multipart.content_type());
        let wire = written(multipart.into_body().unwrap());
        let (seen, end) = read(&content_type, &wire, &cuts);
        prop_assert_eq!(end, Ok(()));
        let innermost = seen.iter().filter(|seen| seen.depth == depth + 1).map(|seen| &seen.data);
        prop_assert!(innermost.eq(&bodies));
        prop_assert_eq!(seen.len(), depth + bodies.len());
    }

    /// Where the bytes are cut never changes what is read, be they a body or not.
    #[test]
    fn cuts_do_not_matter(
        pieces in vec(
            prop_oneof![
                Just(b"--b".to_vec()),
                Just(b"\r\n--b\r\n".to_vec()),
                Just(b"\r\n--b--\r\n".to_vec()),
                Just(b"\r\n\r\n".to_vec()),
                Just(b"Content-Disposition: form-data; name=\"a\"; filename=f".to_vec()),
                Just(b"Content-Type: multipart/mixed; boundary=bb".to_vec()),
                Just(b"Content-Transfer-Encoding: base64\r\n\r\nYWJj".to_vec()),
                Just(b"\r\n--bb\r\n".to_vec()),
                vec(any::<u8>(), 0..12),
            ],
            0..16,
        ),
        cuts in vec(1usize..40, 1..8),
        kind in prop_oneof![Just("form-data"), Just("mixed")],
        line in 1usize..60,
        block in 1usize..100,
    ) {
        let wire = pieces.concat();
        let content_type = format!("multipart/{kind}; boundary=b");
        let narrow = Limits::default().max_parts(3).max_header_line_bytes(line);
        let narrow = narrow.max_header_bytes(block).max_headers(2).max_padding_bytes(8);
        for limits in [Limits::default(), narrow] {
            let read = |cuts: &[usize]| read_within(limits.clone(), &content_type, &wire, cuts);
            let whole = read(&[usize::MAX]);
            prop_assert_eq!(read(&cuts), whole.clone());
            prop_assert_eq!(read(&[1]), whole);
        }
    }
}

#[test]
fn work_is_linear_in_what_almost_is_a_delimiter() {
    // Each of these repeats begins a delimiter of 70 characters and breaks off at its last.
    let boundary = Boundary::new(&"a".repeat(70)).unwrap();
    let near = format!("\r\n--{}b", "a".repeat(69));
    let time = |times: usize, read: usize| {
        let wire = Bytes::from(format!("--{boundary}\r\n\r\n{}", near.repeat(times)));
        let mut reader = Reader::new(&boundary, Limits::default());
        let began = std::time::Instant::now();
        let mut len = 0;
        for at in (0..wire.len()).step_by(read) {
            let mut input = wire.slice(at..(at + read).min(wire.len()));
            while let Some(event) = reader.decode(&mut input).unwrap() {
                if let Event::Data(data) = event {
                    len += data.len();
                }
            }
        }
        assert_eq!(len, near.len() * times);
        began.elapsed()
    };
    for read in [1, 73, usize::MAX / 2] {
        // Eight times the input: work that grows with its square would take 64 times as long. The least
        // times of many tries are those without others' work in them.
        let (mut few, mut many) = (time(500, read), time(4000, read));
        for _ in 0..50 {
            if many < few * 24 {
                break;
            }
            few = few.min(time(500, read));
            many = many.min(time(4000, read));
        }
        assert!(many < few * 24, "{few:?} for 500, {many:?} for 4,000, in reads of {read}");
    }
}
