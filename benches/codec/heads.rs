//! Bytes of a head to its parts, borrowed.
//!
//! Both sides get slots that nobody has cleared, since that is how hyper calls httparse; its plain
//! interface, which clears them, runs as well.

use std::hint::black_box;
use std::mem::MaybeUninit;

use dunlin_codec::{Field, FieldSlots, Limits, RequestParser, parse_request, parse_response};

use crate::inputs::{BROWSER, Mix, REQUESTS, RESPONSE};
use crate::race::{Race, Runner, placed};

/// How many fields there is room for.
const SLOTS: usize = 64;

pub(crate) const GROUP: &str = "heads";

/// Those whose geometric mean stands for all.
pub(crate) const SIX: usize = REQUESTS.len() + 1;

/// First the six, then the mix, then heads in pieces.
pub(crate) fn races() -> Vec<Race> {
    let mut races: Vec<_> =
        REQUESTS.into_iter().map(|(input, head)| request(input, head.as_bytes())).collect();
    races.extend([
        response(RESPONSE.as_bytes()),
        mix(Mix::get()),
        // As a slow link cuts it: inside the User-Agent, and inside the name of a field.
        pieces("browser in 3 reads", &[367, 801, BROWSER.len()]),
        pieces("browser in 64 B reads", &every_64(BROWSER.len())),
    ]);
    races
}

fn race(input: &'static str, bytes: usize, inputs: usize, runners: Vec<Runner>) -> Race {
    Race { group: GROUP, input, bytes, inputs, runners }
}

#[inline(always)]
fn ours(head: &[u8], limits: &Limits) {
    let mut slots = [const { MaybeUninit::<Field>::uninit() }; SLOTS];
    let parsed = parse_request(black_box(head), &mut slots, limits).unwrap();
    assert!(parsed.is_some());
    black_box(&parsed);
}

#[inline(always)]
fn uninit(head: &[u8]) {
    let mut slots = [const { MaybeUninit::uninit() }; SLOTS];
    let mut request = httparse::Request::new(&mut []);
    let status = request.parse_with_uninit_headers(black_box(head), &mut slots).unwrap();
    assert!(status.is_complete());
    black_box(&request);
}

#[inline(always)]
fn cleared(head: &[u8]) {
    let mut slots = [httparse::EMPTY_HEADER; SLOTS];
    let mut request = httparse::Request::new(&mut slots);
    assert!(request.parse(black_box(head)).unwrap().is_complete());
    black_box(&request);
}

fn request(input: &'static str, head: &'static [u8]) -> Race {
    check_request(head);
    let (places, limits) = (placed(head), Limits::default());
    let runners = vec![
        Runner::over("dunlin", places.clone(), move |head| ours(head, &limits)),
        Runner::over("httparse uninit", places.clone(), |head| uninit(head)),
        Runner::over("httparse", places, |head| cleared(head)),
    ];
    race(input, head.len(), 1, runners)
}

/// Every call is a pass through all heads, in an order of its own.
fn mix(mix: &'static Mix) -> Race {
    (0..Mix::HEADS).for_each(|index| check_request(mix.head(index)));
    let limits = Limits::default();
    let runners = vec![
        Runner::new("dunlin", passes(mix, move |head| ours(head, &limits))),
        Runner::new("httparse uninit", passes(mix, uninit)),
        Runner::new("httparse", passes(mix, cleared)),
    ];
    race("mix of 512", mix.mean(), Mix::HEADS, runners)
}

fn passes(mix: &'static Mix, parse: impl Fn(&[u8]) + 'static) -> impl FnMut() + 'static {
    let mut pass = 0;
    move || {
        pass += 1;
        mix.pass(pass).for_each(&parse);
    }
}

fn response(head: &'static [u8]) -> Race {
    check_response(head);
    let (places, limits) = (placed(head), Limits::default());
    let ours = move |head: &mut &[u8]| {
        let mut slots = [const { MaybeUninit::<Field>::uninit() }; SLOTS];
        let parsed = parse_response(black_box(*head), &mut slots, &limits).unwrap();
        assert!(parsed.is_some());
        black_box(&parsed);
    };
    let config = httparse::ParserConfig::default();
    let uninit = move |head: &mut &[u8]| {
        let mut slots = [const { MaybeUninit::uninit() }; SLOTS];
        let mut response = httparse::Response::new(&mut []);
        let status =
            config.parse_response_with_uninit_headers(&mut response, black_box(*head), &mut slots);
        assert!(status.unwrap().is_complete());
        black_box(&response);
    };
    let cleared = move |head: &mut &[u8]| {
        let mut slots = [httparse::EMPTY_HEADER; SLOTS];
        let mut response = httparse::Response::new(&mut slots);
        assert!(response.parse(black_box(*head)).unwrap().is_complete());
        black_box(&response);
    };
    let runners = vec![
        Runner::over("dunlin", places.clone(), ours),
        Runner::over("httparse uninit", places.clone(), uninit),
        Runner::over("httparse", places, cleared),
    ];
    race("response", head.len(), 1, runners)
}

fn every_64(len: usize) -> Vec<usize> {
    (64..len).step_by(64).chain([len]).collect()
}

/// The browser's head as reads bring it, each of which ends at one of `ends`. Ours goes on where it
/// stopped; httparse starts again, having no other way.
fn pieces(input: &'static str, ends: &[usize]) -> Race {
    let head = BROWSER.as_bytes();
    let (&whole, parts) = ends.split_last().expect("one read at least");
    assert_eq!(whole, head.len());
    let parts: [Vec<usize>; 3] = std::array::from_fn(|_| parts.to_vec());
    let [for_ours, for_uninit, for_cleared] = parts;
    let (places, limits) = (placed(head), Limits::default());
    let ours = move |head: &mut &[u8]| {
        let mut slots = [const { MaybeUninit::<Field>::uninit() }; SLOTS];
        let (mut parser, mut fields) = (RequestParser::new(), FieldSlots::new(&mut slots));
        for &end in &for_ours {
            let part = parser.parse(&mut &black_box(*head)[..end], &limits, &mut fields);
            assert!(part.unwrap().is_none());
        }
        let parsed = parser.parse(&mut black_box(*head), &limits, &mut fields).unwrap();
        assert!(parsed.is_some());
        black_box((&parsed, fields.as_slice()));
    };
    let uninit_partly = move |head: &mut &[u8]| {
        for &end in &for_uninit {
            let mut slots = [const { MaybeUninit::uninit() }; SLOTS];
            let mut request = httparse::Request::new(&mut []);
            let part = request.parse_with_uninit_headers(&black_box(*head)[..end], &mut slots);
            assert!(part.unwrap().is_partial());
        }
        uninit(head);
    };
    let cleared_partly = move |head: &mut &[u8]| {
        for &end in &for_cleared {
            let mut slots = [httparse::EMPTY_HEADER; SLOTS];
            let mut request = httparse::Request::new(&mut slots);
            assert!(request.parse(&black_box(*head)[..end]).unwrap().is_partial());
        }
        cleared(head);
    };
    let runners = vec![
        Runner::over("dunlin", places.clone(), ours),
        Runner::over("httparse uninit", places.clone(), uninit_partly),
        Runner::over("httparse", places, cleared_partly),
    ];
    race(input, head.len(), 1, runners)
}

/// Whether both sides find the same fields; if not, their times mean nothing.
fn check_request(head: &[u8]) {
    let mut slots = [const { MaybeUninit::uninit() }; SLOTS];
    let (parsed, fields) = parse_request(head, &mut slots, &Limits::default()).unwrap().unwrap();
    let mut rival = [httparse::EMPTY_HEADER; SLOTS];
    let mut request = httparse::Request::new(&mut rival);
    assert_eq!(request.parse(head).unwrap(), httparse::Status::Complete(parsed.bytes().len()));
    assert_eq!(parsed.bytes(), head);
    assert_eq!(request.method.unwrap().as_bytes(), parsed.method().as_bytes());
    check_fields(fields.iter().map(|&field| parsed.field(field)), request.headers);
}

fn check_response(head: &[u8]) {
    let mut slots = [const { MaybeUninit::uninit() }; SLOTS];
    let (parsed, fields) = parse_response(head, &mut slots, &Limits::default()).unwrap().unwrap();
    let mut rival = [httparse::EMPTY_HEADER; SLOTS];
    let mut response = httparse::Response::new(&mut rival);
    assert_eq!(response.parse(head).unwrap(), httparse::Status::Complete(parsed.bytes().len()));
    assert_eq!(parsed.bytes(), head);
    assert_eq!(response.code, Some(parsed.status()));
    check_fields(fields.iter().map(|&field| parsed.field(field)), response.headers);
}

fn check_fields<'h>(
    ours: impl Iterator<Item = (&'h [u8], &'h [u8])>,
    rivals: &[httparse::Header<'h>],
) {
    assert!(ours.eq(rivals.iter().map(|header| (header.name.as_bytes(), header.value))));
}
