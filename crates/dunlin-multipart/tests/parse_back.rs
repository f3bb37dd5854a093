//! What is written is read back by a parser that shares no code with the writer.

use bytes::Bytes;
use dunlin_core::Body;
use dunlin_multipart::{Form, Multipart, Part};
use proptest::collection::vec;
use proptest::prelude::*;

/// Header lines in lower case, and the body.
type Parsed = (Vec<(String, Vec<u8>)>, Vec<u8>);

/// Parts between `CRLF --boundary` lines (RFC 2046 §5.1.1), and nothing else.
fn parse(wire: &[u8], boundary: &str) -> Vec<Parsed> {
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    // A delimiter at the very start has no line end before it.
    let framed = [b"\r\n", wire].concat();
    let mut pieces = split(&framed, &delimiter).into_iter();
    assert_eq!(pieces.next().unwrap(), b"", "a preamble");
    let mut pieces: Vec<&[u8]> = pieces.collect();
    assert_eq!(pieces.pop().unwrap(), b"--\r\n", "the close delimiter");
    pieces.into_iter().map(parse_part).collect()
}

fn parse_part(piece: &[u8]) -> Parsed {
    let piece = piece.strip_prefix(b"\r\n").expect("a line end after the delimiter");
    if let Some(body) = piece.strip_prefix(b"\r\n") {
        return (Vec::new(), body.to_vec());
    }
    let end = piece.windows(4).position(|window| window == b"\r\n\r\n").expect("an empty line");
    let headers = split(&piece[..end], b"\r\n")
        .into_iter()
        .map(|line| {
            let colon = line.iter().position(|&byte| byte == b':').expect("a colon");
            let name = String::from_utf8(line[..colon].to_ascii_lowercase()).unwrap();
            (name, line[colon + 1..].trim_ascii().to_vec())
        })
        .collect();
    (headers, piece[end + 4..].to_vec())
}

fn split<'a>(mut text: &'a [u8], separator: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    while let Some(at) = text.windows(separator.len()).position(|window| window == separator) {
        pieces.push(&text[..at]);
        text = &text[at + separator.len()..];
    }
    pieces.push(text);
    pieces
}

/// The quoted parameter, still escaped as browsers do it: its text has no quote and no line end.
fn parameter(headers: &[(String, Vec<u8>)], name: &str) -> Option<String> {
    let (_, value) = headers.iter().find(|(header, _)| header == "content-disposition")?;
    let value = std::str::from_utf8(value).unwrap();
    let mut rest = value.strip_prefix("form-data").expect("form data");
    while let Some(parameter) = rest.strip_prefix("; ") {
        let (key, quoted) = parameter.split_once("=\"").expect("a quoted parameter");
        let (text, after) = quoted.split_once('"').expect("a closing quote");
        if key == name {
            return Some(text.to_owned());
        }
        rest = after;
    }
    assert_eq!(rest, "");
    None
}

fn escaped(text: &str) -> String {
    text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

fn boundary_of(content_type: &http::HeaderValue) -> String {
    content_type.to_str().unwrap().split_once("boundary=").unwrap().1.to_owned()
}

async fn sent(body: Body) -> Vec<u8> {
    let declared = body.exact_len();
    let bytes = body.into_vec().await.unwrap();
    assert!(declared.is_none_or(|len| len == bytes.len() as u64), "the declared length");
    bytes
}

/// A name of any text that a name may be: all but most control characters.
fn name() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| {
        let bad = |c: char| c.is_ascii_control() && !matches!(c, '\t' | '\r' | '\n');
        text.chars().filter(|&c| !bad(c)).collect()
    })
}

#[derive(Clone, Debug)]
enum Kind {
    Bytes,
    Streamed { chunk: usize },
    Promised { chunk: usize },
    Replayed,
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Bytes),
        (1usize..64).prop_map(|chunk| Kind::Streamed { chunk }),
        (1usize..64).prop_map(|chunk| Kind::Promised { chunk }),
        Just(Kind::Replayed),
    ]
}

/// Bytes that are fond of what parsers look for.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        vec(any::<u8>(), 0..40),
        Just(b"\r\n".to_vec()),
        Just(b"--".to_vec()),
        Just(b"\r\n--".to_vec()),
        Just(vec![b'x'; 5000]),
    ];
    vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn part(kind: &Kind, body: &[u8]) -> Part {
    let stream = |chunk: usize| {
        let (mut sender, stream) = Body::channel(usize::MAX);
        for chunk in body.chunks(chunk) {
            sender.push(Bytes::copy_from_slice(chunk)).unwrap();
        }
        sender.finish();
        stream
    };
    match *kind {
        Kind::Bytes => Part::bytes(body.to_vec()),
        Kind::Streamed { chunk } => Part::stream(stream(chunk)),
        Kind::Promised { chunk } => Part::stream(stream(chunk)).with_len(body.len() as u64),
        Kind::Replayed => {
            let body = body.to_vec();
            Part::replayable(move || Body::from(body.clone()))
        }
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

proptest! {
    /// Any bytes under any names come back as they went in, and the length is that which was said.
    #[test]
    fn a_form_reads_back(
        fields in vec((name(), proptest::option::of(name()), kind(), body()), 0..6),
    ) {
        let mut form = Form::new();
        for (name, file_name, kind, body) in &fields {
            let mut part = part(kind, body);
            if let Some(file_name) = file_name {
                part = part.file_name(file_name);
            }
            form = form.part(name, part);
        }
        let boundary = boundary_of(&form.content_type());
        let wire = block_on(sent(form.into_body().unwrap()));
        let read = parse(&wire, &boundary);
        prop_assert_eq!(read.len(), fields.len());
        for ((headers, content), (name, file_name, _, body)) in read.iter().zip(&fields) {
            prop_assert_eq!(parameter(headers, "name"), Some(escaped(name)));
            prop_assert_eq!(parameter(headers, "filename"), file_name.as_deref().map(escaped));
            prop_assert_eq!(content, body);
        }
    }

    /// A nested body reads back as the body of its part.
    #[test]
    fn nested_bodies_read_back(bodies in vec((kind(), body()), 0..4), depth in 1usize..5) {
        let parts = bodies.iter().map(|(kind, body)| part(kind, body));
        let mut multipart = Multipart::mixed().parts(parts);
        for _ in 0..depth {
            multipart = Multipart::related().nested(multipart);
        }
        let mut boundary = boundary_of(&multipart.content_type());
        let mut wire = block_on(sent(multipart.into_body().unwrap()));
        for _ in 0..depth {
            let (headers, content) = parse(&wire, &boundary).remove(0);
            boundary = boundary_of(&http::HeaderValue::from_bytes(&headers[0].1).unwrap());
            wire = content;
        }
        let read = parse(&wire, &boundary).into_iter().map(|(_, content)| content);
        let written = bodies.into_iter().map(|(_, body)| body);
        prop_assert!(read.eq(written));
    }

    /// Whatever text is tried, no header line is ended by it: it is refused or it reads back as one.
    #[test]
    fn no_text_breaks_out_of_its_header(text in any::<String>(), value in any::<Vec<u8>>()) {
        let part = Part::bytes("body").file_name(&text).content_type(&text).header("x-any", &value[..]);
        let form = Form::new().part(&text, part);
        let boundary = boundary_of(&form.content_type());
        if let Ok(body) = form.into_body() {
            let read = parse(&block_on(sent(body)), &boundary);
            prop_assert_eq!(read.len(), 1);
            prop_assert_eq!(read[0].0.len(), 3);
            prop_assert_eq!(&read[0].1, b"body");
        }
    }
}
