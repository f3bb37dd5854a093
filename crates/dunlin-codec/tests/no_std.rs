//! A user without the standard library: what is there below the feature `std`, and all that is needed to
//! answer a request with it.

#![no_std]
#![allow(missing_docs)]

extern crate alloc;

use alloc::vec::Vec;
use core::mem::MaybeUninit;

use dunlin_codec::{
    BodyDecoder, BodyEncoder, BodyEvent, BodyKind, DateCache, FieldSlots, Framing, HeadError,
    Limits, Method, RequestParser, TargetForm, Version, parse_response,
};

/// Answers what is whole at the front of `input` with an echo; `None` where nothing is.
fn answer(input: &mut &[u8], out: &mut Vec<u8>) -> Option<bool> {
    let limits = Limits::default();
    let (mut rest, mut slots) = (*input, [MaybeUninit::uninit(); 16]);
    let mut fields = FieldSlots::new(&mut slots);
    let head = match RequestParser::new().parse(&mut rest, &limits, &mut fields) {
        Ok(head) => head?,
        Err(error) => {
            status(out, error.status());
            out.extend_from_slice(b"connection: close\r\ncontent-length: 0\r\n\r\n");
            return Some(false);
        }
    };
    let facts = head.facts(fields.as_slice()).ok()?;
    let mut decoder = BodyDecoder::of_request(&facts, &limits);
    let mut body = Vec::new();
    loop {
        match decoder.decode(&mut rest).ok()?? {
            BodyEvent::Data(data) => body.extend_from_slice(data),
            BodyEvent::Trailers(_) => {}
            BodyEvent::End => break,
        }
    }
    *input = rest;
    status(out, 200);
    out.extend_from_slice(b"date: ");
    out.extend_from_slice(&DateCache::new().at(784_111_777)[..]);
    out.extend_from_slice(b"\r\ntransfer-encoding: chunked\r\n\r\n");
    let mut encoder = BodyEncoder::new(BodyKind::Chunked);
    encoder.data(&body, out).ok()?;
    encoder.finish([], out).ok()?;
    Some(facts.keep_alive())
}

fn status(out: &mut Vec<u8>, code: u16) {
    let digits = [code / 100, code / 10 % 10, code % 10].map(|digit| b'0' + digit as u8);
    for part in [b"HTTP/1.1 ", &digits[..], b" \r\n"] {
        out.extend_from_slice(part);
    }
}

#[test]
fn requests_are_answered_without_the_standard_library() {
    let wire =
        b"PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n\
                 GET /b HTTP/1.0\r\n\r\nG@T";
    let (mut input, mut out) = (&wire[..], Vec::new());
    assert_eq!(answer(&mut &wire[..20], &mut out), None);
    assert_eq!(answer(&mut input, &mut out), Some(true));
    assert!(out.ends_with(b"\r\n\r\n2\r\nhi\r\n0\r\n\r\n"));
    assert_eq!(answer(&mut input, &mut out), Some(false));
    assert_eq!(answer(&mut input, &mut out), Some(false));
    assert!(out.ends_with(b"HTTP/1.1 400 \r\nconnection: close\r\ncontent-length: 0\r\n\r\n"));
    let mut slots = [MaybeUninit::uninit(); 16];
    let parsed = parse_response(&out, &mut slots, &Limits::default());
    let (head, fields) = parsed.unwrap().unwrap();
    assert_eq!((head.status(), head.version(), fields.len()), (200, Version::Http11, 2));
    let facts = head.facts(fields);
    assert_eq!(facts.response_framing(200, Method::Put), Ok(Framing::Chunked));
}

#[test]
fn methods_targets_and_errors_are_plain_enums() {
    let limits = Limits::default();
    let parse = |mut input: &[u8]| {
        let mut fields = Vec::new();
        let head = RequestParser::new().parse(&mut input, &limits, &mut fields)?;
        Ok::<_, HeadError>(head.map(|head| (head.target().form(), fields.len())))
    };
    assert_eq!(parse(b"OPTIONS * HTTP/1.0\r\n\r\n"), Ok(Some((TargetForm::Asterisk, 0))));
    assert_eq!(parse(b"GET / HTTP/1.1\r\nA"), Ok(None));
    let error = parse(b"GET / HTTP/1.1\r\n a\r\n\r\n").unwrap_err();
    assert_eq!((error, error.at()), (HeadError::Folded { at: 16 }, Some(16)));
}
