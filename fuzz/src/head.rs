//! Heads: splits do not matter, and whatever is accepted httparse accepts too.

use dunlin_codec::{
    Field, Framing, FramingError, HeadDecoder, HeadError, Limits, Method, RequestParser,
    ResponseParser, Version,
};

use crate::{prefixes, reads};

/// Names and values.
pub(crate) type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// What was made of some bytes: a start line, the fields, framing, and the head's length.
type Verdict = Result<Option<(String, Pairs, Facts, usize)>, HeadError>;

/// What the fields said about the message.
type Facts = Result<Framing, FramingError>;

/// Any input: whole, byte by byte and in reads of any size give the same head or the same error;
/// httparse agrees with every head; the owned head says the same as the borrowed one.
pub fn request_head(data: &[u8]) {
    let (read, wire) = reads(data);
    for limits in [Limits::default(), tight()] {
        let whole = request_in_reads(wire, usize::MAX, &limits);
        for read in [read, 1] {
            assert_eq!(request_in_reads(wire, read, &limits), whole, "in reads of {read}");
        }
        if let Ok(Some((line, fields, facts, len))) = whole {
            let mut headers = [httparse::EMPTY_HEADER; 128];
            let mut theirs = httparse::Request::new(&mut headers);
            assert_eq!(theirs.parse(wire), Ok(httparse::Status::Complete(len)));
            let version = if theirs.version == Some(1) { Version::Http11 } else { Version::Http10 };
            let (method, target) = (theirs.method.unwrap_or(""), theirs.path.unwrap_or(""));
            assert_eq!(line, format!("{method} {target} {version:?}"));
            assert_eq!(fields, own(theirs.headers));
            owned_head(wire, &limits, &line, &fields, facts);
        }
    }
}

/// Any input: as for [`request_head`].
pub fn response_head(data: &[u8]) {
    let (read, wire) = reads(data);
    for limits in [Limits::default(), tight()] {
        let whole = response_in_reads(wire, usize::MAX, &limits);
        for read in [read, 1] {
            assert_eq!(response_in_reads(wire, read, &limits), whole, "in reads of {read}");
        }
        if let Ok(Some((line, fields, _, len))) = whole {
            let mut headers = [httparse::EMPTY_HEADER; 128];
            let mut theirs = httparse::Response::new(&mut headers);
            assert_eq!(theirs.parse(wire), Ok(httparse::Status::Complete(len)));
            let version = if theirs.version == Some(1) { Version::Http11 } else { Version::Http10 };
            assert_eq!(line, format!("{} {version:?}", theirs.code.unwrap_or(0)));
            assert_eq!(fields, own(theirs.headers));
        }
    }
}

/// Bounds that small inputs reach.
pub(crate) fn tight() -> Limits {
    Limits::default()
        .max_head_bytes(256)
        .max_line_bytes(64)
        .max_field_bytes(48)
        .max_headers(6)
        .max_method_bytes(8)
        .max_empty_lines(1)
}

fn request_in_reads(wire: &[u8], read: usize, limits: &Limits) -> Verdict {
    let (mut parser, mut fields, mut start) = (RequestParser::new(), Vec::<Field>::new(), 0);
    for end in prefixes(wire, read) {
        let mut input = &wire[start..end];
        if let Some(head) = parser.parse(&mut input, limits, &mut fields)? {
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            let target = &head.bytes()[head.target().whole().range()];
            let line =
                format!("{} {} {:?}", text(head.method().as_bytes()), text(target), head.version());
            let facts = head.facts(&fields).map(|facts| facts.framing());
            let pairs = pairs(&fields, |f| head.field(f));
            return Ok(Some((line, pairs, facts, end - input.len())));
        }
        start = end - input.len();
        assert!(wire[..start].chunks(2).all(|line| line == b"\r\n"), "only empty lines go");
    }
    Ok(None)
}

fn response_in_reads(wire: &[u8], read: usize, limits: &Limits) -> Verdict {
    let (mut parser, mut fields) = (ResponseParser::new(), Vec::<Field>::new());
    for end in prefixes(wire, read) {
        let mut input = &wire[..end];
        if let Some(head) = parser.parse(&mut input, limits, &mut fields)? {
            let len = head.bytes().len();
            assert_eq!(len + input.len(), end);
            let line = format!("{} {:?}", head.status(), head.version());
            let framing = head.facts(&fields).response_framing(head.status(), Method::Get);
            let pairs = pairs(&fields, |f| head.field(f));
            return Ok(Some((line, pairs, framing, len)));
        }
        assert_eq!(input.len(), end, "a partial head is left alone");
    }
    Ok(None)
}

/// The owned head says the same, and is refused where the fields are.
fn owned_head(wire: &[u8], limits: &Limits, line: &str, fields: &Pairs, facts: Facts) {
    let decoded = HeadDecoder::new().decode(&mut &*wire, limits);
    let framing = match facts {
        Ok(framing) => framing,
        Err(error) => {
            assert_eq!(decoded.err(), Some(HeadError::Framing(error)));
            return;
        }
    };
    let Ok(Some((head, facts))) = decoded else { panic!("not accepted again: {decoded:?}") };
    assert_eq!(facts.framing(), framing);
    assert_eq!(line, format!("{} {} {:?}", head.method(), head.target(), facts.version()));
    assert!(head.target().contains(head.path()));
    let kept = head.headers().iter().map(|(n, v)| (n.to_vec(), v.to_vec()));
    assert_eq!(&kept.collect::<Pairs>(), fields);
}

/// Fields, by the function that finds one in its head.
pub(crate) fn pairs<'i>(fields: &[Field], find: impl Fn(Field) -> (&'i [u8], &'i [u8])) -> Pairs {
    fields.iter().map(|f| find(*f)).map(|(n, v)| (n.to_vec(), v.to_vec())).collect()
}

/// The same, as httparse has them.
pub(crate) fn own(headers: &[httparse::Header<'_>]) -> Pairs {
    headers.iter().map(|h| (h.name.as_bytes().to_vec(), h.value.to_vec())).collect()
}
