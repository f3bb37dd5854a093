//! Vectors: what they are decides how fast something is parsed, never how it is judged.

use std::sync::{Mutex, PoisonError};

use dunlin_codec::{
    Facts, HeadDecoder, HeadError, Limits, Method, RequestParser, ResponseHeadDecoder,
    ResponseParser, internals::Level, parse_request, parse_response,
};

use crate::head::{Pairs, pairs, tight};
use crate::{body, prefixes, reads};

/// The level holds for the whole process, and tests run side by side.
static FORCING: Mutex<()> = Mutex::new(());

/// What a head or a body was, in words: verdict, parts, facts and where it ends.
type Verdict = Result<Option<(String, Pairs, usize)>, HeadError>;

/// Any input: every level that this machine has gives the same verdict, fields, facts and error as
/// the level without vectors; for requests, responses and chunks, borrowed and owned, whole and in
/// reads.
pub fn levels(data: &[u8]) {
    let (read, wire) = reads(data);
    let _forced = FORCING.lock().unwrap_or_else(PoisonError::into_inner);
    let before = Level::in_use();
    // One of the two: this is the slowest target.
    let limits = if read % 2 == 0 { tight() } else { Limits::default() };
    assert!(Level::Scalar.force());
    let scalar = all_ways(wire, read, &limits);
    for level in Level::ALL.into_iter().skip(1).filter(|level| level.force()) {
        assert_eq!(all_ways(wire, read, &limits), scalar, "{level:?}");
    }
    before.force();
}

/// Everything that scans, each to its verdict.
fn all_ways(wire: &[u8], read: usize, limits: &Limits) -> (Vec<Verdict>, String) {
    let mut verdicts = vec![request_at_once(wire, limits), response_at_once(wire, limits)];
    for read in [usize::MAX, read] {
        verdicts.extend([
            request(wire, read, limits),
            response(wire, read, limits),
            owned_request(wire, read, limits),
            owned_response(wire, read, limits),
        ]);
    }
    (verdicts, format!("{:?}", body::decode_in_reads(wire, read)))
}

fn request_at_once(wire: &[u8], limits: &Limits) -> Verdict {
    let mut slots = [core::mem::MaybeUninit::uninit(); 128];
    let Some((head, fields)) = parse_request(wire, &mut slots, limits)? else { return Ok(None) };
    let line = format!("{head:?} {} {}", method(head.method()), shown(head.facts(fields)));
    Ok(Some((line, pairs(fields, |f| head.field(f)), head.bytes().len())))
}

fn response_at_once(wire: &[u8], limits: &Limits) -> Verdict {
    let mut slots = [core::mem::MaybeUninit::uninit(); 128];
    let Some((head, fields)) = parse_response(wire, &mut slots, limits)? else { return Ok(None) };
    let reason = head.reason().escape_ascii();
    let line = format!("{head:?} {reason} {:?}", head.facts(fields));
    Ok(Some((line, pairs(fields, |f| head.field(f)), head.bytes().len())))
}

fn request(wire: &[u8], read: usize, limits: &Limits) -> Verdict {
    let (mut parser, mut fields, mut start) = (RequestParser::new(), Vec::new(), 0);
    for end in prefixes(wire, read) {
        let mut input = &wire[start..end];
        if let Some(head) = parser.parse(&mut input, limits, &mut fields)? {
            let line = format!("{head:?} {} {}", method(head.method()), shown(head.facts(&fields)));
            return Ok(Some((line, pairs(&fields, |f| head.field(f)), end - input.len())));
        }
        start = end - input.len();
    }
    Ok(None)
}

fn response(wire: &[u8], read: usize, limits: &Limits) -> Verdict {
    let (mut parser, mut fields) = (ResponseParser::new(), Vec::new());
    for end in prefixes(wire, read) {
        let mut input = &wire[..end];
        if let Some(head) = parser.parse(&mut input, limits, &mut fields)? {
            let reason = head.reason().escape_ascii();
            let line = format!("{head:?} {reason} {:?}", head.facts(&fields));
            return Ok(Some((line, pairs(&fields, |f| head.field(f)), end - input.len())));
        }
    }
    Ok(None)
}

fn owned_request(wire: &[u8], read: usize, limits: &Limits) -> Verdict {
    let (mut decoder, mut start) = (HeadDecoder::new(), 0);
    for end in prefixes(wire, read) {
        let mut input = &wire[start..end];
        if let Some((head, facts)) = decoder.decode(&mut input, limits)? {
            let fields = head.headers().iter().map(|(n, v)| (n.to_vec(), v.to_vec())).collect();
            let path = (head.path(), head.query());
            let line = format!("{} {} {path:?} {facts:?}", head.method(), head.target());
            return Ok(Some((line, fields, end - input.len())));
        }
        start = end - input.len();
    }
    Ok(None)
}

fn owned_response(wire: &[u8], read: usize, limits: &Limits) -> Verdict {
    let mut decoder = ResponseHeadDecoder::new();
    for end in prefixes(wire, read) {
        let mut input = &wire[..end];
        if let Some((head, facts)) = decoder.decode(&mut input, limits)? {
            let fields = head.headers.iter().map(|(n, v)| (n.to_vec(), v.to_vec())).collect();
            let framing = facts.response_framing(head.status.as_u16(), Method::Get);
            let line = format!("{} {:?} {facts:?} {framing:?}", head.status, head.reason);
            return Ok(Some((line, fields, end - input.len())));
        }
    }
    Ok(None)
}

/// Its kind as well: the same token is one of the known methods at every level, or at none.
fn method(method: Method<'_>) -> String {
    format!("{method} {}", matches!(method, Method::Other(_)))
}

fn shown(facts: Result<Facts, dunlin_codec::FramingError>) -> String {
    format!("{facts:?}")
}
