//! Heads against httparse, and the ways to parse one against each other.

use std::mem::MaybeUninit;

use dunlin_codec::{
    Field, HeadError, Limits, RequestParser, ResponseParser, Version, parse_request, parse_response,
};

use crate::head::{Pairs, own, pairs};

/// A head's start line, fields, and length.
type Verdict = Result<Option<(Line, Pairs, usize)>, HeadError>;

/// Method or status, target or reason, version.
type Line = (Vec<u8>, Vec<u8>, Version);

/// Any input, with bounds and room for fields that its first four bytes pick: whatever is accepted,
/// httparse accepts with the same start line, fields and end. In one go into slots that nobody
/// cleared and by the parser for pieces, into as many slots or without that bound, heads are the same.
pub fn httparse_differential(data: &[u8]) {
    let Some((&[head, line, field, room], wire)) = data.split_first_chunk() else { return };
    let (limits, room) = bounds(head, line, field, room);
    request(wire, room, &limits);
    response(wire, room, &limits);
}

/// 0 leaves a bound as it is.
fn bounds(head: u8, line: u8, field: u8, room: u8) -> (Limits, usize) {
    let mut limits = Limits::default();
    for (bound, pick) in [
        (&mut limits.max_head_bytes, head),
        (&mut limits.max_line_bytes, line),
        (&mut limits.max_field_bytes, field),
    ] {
        if pick != 0 {
            *bound = usize::from(pick) * 2;
        }
    }
    // Now the slots bound the fields, now the limit does.
    if room % 4 == 3 {
        limits.max_headers = u16::from(room / 4);
    }
    (limits, usize::from(room))
}

fn request(wire: &[u8], room: usize, limits: &Limits) {
    let mut slots = vec![MaybeUninit::uninit(); room];
    let at_once = parse_request(wire, &mut slots, limits);
    let at_once: Verdict = at_once.map(|head| {
        head.map(|(head, fields)| {
            let target = head.bytes()[head.target().whole().range()].to_vec();
            let line = (head.method().as_bytes().to_vec(), target, head.version());
            let start = head.bytes().as_ptr().addr() - wire.as_ptr().addr();
            (line, pairs(fields, |f| head.field(f)), start + head.bytes().len())
        })
    });
    let (mut input, mut fields) = (wire, Vec::<Field>::new());
    let bound = limits.max_headers(limits.max_headers.min(room as u16));
    let parsed = RequestParser::new().parse(&mut input, &bound, &mut fields);
    let parsed: Verdict = parsed.map(|head| {
        head.map(|head| {
            let target = head.bytes()[head.target().whole().range()].to_vec();
            let line = (head.method().as_bytes().to_vec(), target, head.version());
            (line, pairs(&fields, |f| head.field(f)), wire.len() - input.len())
        })
    });
    assert_eq!(at_once, parsed);
    let Ok(Some((line, fields, end))) = at_once else { return };
    let mut headers = vec![httparse::EMPTY_HEADER; fields.len()];
    let mut theirs = httparse::Request::new(&mut headers);
    assert_eq!(theirs.parse(wire), Ok(httparse::Status::Complete(end)));
    let method = theirs.method.unwrap_or_default().as_bytes().to_vec();
    let target = theirs.path.unwrap_or_default().as_bytes().to_vec();
    assert_eq!(line, (method, target, version(theirs.version)));
    assert_eq!(fields, own(theirs.headers));
}

fn response(wire: &[u8], room: usize, limits: &Limits) {
    let mut slots = vec![MaybeUninit::uninit(); room];
    let at_once = parse_response(wire, &mut slots, limits);
    let at_once: Verdict = at_once.map(|head| {
        head.map(|(head, fields)| {
            let status = head.status().to_string().into_bytes();
            let line = (status, head.reason().to_vec(), head.version());
            (line, pairs(fields, |f| head.field(f)), head.bytes().len())
        })
    });
    let (mut input, mut fields) = (wire, Vec::<Field>::new());
    let bound = limits.max_headers(limits.max_headers.min(room as u16));
    let parsed = ResponseParser::new().parse(&mut input, &bound, &mut fields);
    let parsed: Verdict = parsed.map(|head| {
        head.map(|head| {
            let status = head.status().to_string().into_bytes();
            let line = (status, head.reason().to_vec(), head.version());
            (line, pairs(&fields, |f| head.field(f)), wire.len() - input.len())
        })
    });
    assert_eq!(at_once, parsed);
    let Ok(Some((line, fields, end))) = at_once else { return };
    let mut headers = vec![httparse::EMPTY_HEADER; fields.len()];
    let mut theirs = httparse::Response::new(&mut headers);
    assert_eq!(theirs.parse(wire), Ok(httparse::Status::Complete(end)));
    let status = theirs.code.unwrap_or_default().to_string().into_bytes();
    assert_eq!((&line.0, line.2), (&status, version(theirs.version)));
    // httparse has reasons that are text alone.
    let reason = if line.1.is_ascii() { &line.1[..] } else { b"" };
    assert_eq!(reason, theirs.reason.unwrap_or_default().as_bytes());
    assert_eq!(fields, own(theirs.headers));
}

fn version(minor: Option<u8>) -> Version {
    if minor == Some(1) { Version::Http11 } else { Version::Http10 }
}
