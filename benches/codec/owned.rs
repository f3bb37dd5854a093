//! Bytes of a head to a head that outlives its buffer and says how its body ends.
//!
//! The rival is what hyper 1.12 makes of httparse's output (`proto/h1/role.rs`, `Server::parse` and
//! `Client::parse`), step by step: it is not called itself because its codec is private.
//!
//! On both sides a copy into the connection's buffer stands for the read that brings the bytes: the
//! rival's head keeps that buffer, ours is copied out of it. What comes out is looked at where it is; a
//! result that is moved right after it was made waits for its parts to be stored, on either side.

use std::hint::black_box;
use std::mem::{self, MaybeUninit};
use std::ops::Range;

use bytes::BytesMut;
use dunlin_codec::{Framing, HeadDecoder, Limits, ResponseHeadDecoder};
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};

use crate::inputs::{Mix, REQUESTS, RESPONSE};
use crate::race::{Race, Runner, placed};

pub(crate) fn races() -> Vec<Race> {
    let mut races: Vec<_> =
        REQUESTS.into_iter().map(|(input, head)| one(input, head.as_bytes())).collect();
    races.push(response(RESPONSE.as_bytes()));
    races.push(mix(Mix::get()));
    races
}

fn response(head: &'static [u8]) -> Race {
    check_response(head);
    let (mut decoder, limits) = (ResponseHeadDecoder::new(), Limits::default());
    let (mut buffer, mut rival, places) = (Vec::new(), AsHyper::default(), placed(head));
    let ours = move |head: &mut &[u8]| {
        read(&mut buffer, head);
        let decoded = decoder.decode(&mut &buffer[..], &limits);
        let Ok(Some((head, facts))) = &decoded else { panic!("the head is whole") };
        let framing = facts.response_framing(head.status.as_u16(), dunlin_codec::Method::Get);
        black_box((head, framing.expect("a clear end")));
    };
    let rivals = move |head: &mut &[u8]| rival.decode_response_and_drop(head);
    let runners = vec![
        Runner::over("dunlin", places.clone(), ours),
        Runner::over("as hyper builds it", places, rivals),
    ];
    race("response", head.len(), 1, runners)
}

/// Puts the bytes where a read would.
#[inline(always)]
fn read(buffer: &mut Vec<u8>, head: &[u8]) {
    buffer.clear();
    buffer.extend_from_slice(black_box(head));
}

fn race(input: &'static str, bytes: usize, inputs: usize, runners: Vec<Runner>) -> Race {
    Race { group: "owned", input, bytes, inputs, runners }
}

fn one(input: &'static str, head: &'static [u8]) -> Race {
    check(head);
    let mut decoder = Ours::default();
    let (mut rival, places) = (AsHyper::default(), placed(head));
    let runners = vec![
        Runner::over("dunlin", places.clone(), move |head| decoder.decode_and_drop(head)),
        Runner::over("as hyper builds it", places, move |head| rival.decode_and_drop(head)),
    ];
    race(input, head.len(), 1, runners)
}

fn mix(mix: &'static Mix) -> Race {
    (0..Mix::HEADS).for_each(|index| check(mix.head(index)));
    let (mut decoder, mut pass) = (Ours::default(), 0);
    let ours = move || {
        pass += 1;
        mix.pass(pass).for_each(|head| decoder.decode_and_drop(head));
    };
    let (mut rival, mut pass) = (AsHyper::default(), 0);
    let rivals = move || {
        pass += 1;
        mix.pass(pass).for_each(|head| rival.decode_and_drop(head));
    };
    let runners = vec![Runner::new("dunlin", ours), Runner::new("as hyper builds it", rivals)];
    race("mix of 512", mix.mean(), Mix::HEADS, runners)
}

/// What a connection of ours keeps.
#[derive(Default)]
struct Ours {
    /// Where reads go.
    buffer: Vec<u8>,
    decoder: HeadDecoder,
    limits: Limits,
}

impl Ours {
    #[inline(always)]
    fn decode_and_drop(&mut self, head: &[u8]) {
        read(&mut self.buffer, head);
        let decoded = self.decoder.decode(&mut &self.buffer[..], &self.limits);
        assert!(matches!(&decoded, Ok(Some(_))));
        black_box(&decoded);
    }
}

/// What hyper keeps with a connection.
#[derive(Default)]
struct AsHyper {
    /// Where reads go.
    buffer: BytesMut,
    /// The map of the last message, emptied: hyper saves its allocations for the next.
    spare: Option<HeaderMap>,
}

/// What hyper notes about the message.
#[derive(Debug)]
struct Noted {
    framing: Framing,
    keep_alive: bool,
    expects_continue: bool,
    wants_upgrade: bool,
}

impl AsHyper {
    #[inline(always)]
    fn decode_and_drop(&mut self, head: &[u8]) {
        let mut decoded = self.decode(black_box(head));
        black_box(&decoded);
        let mut headers = mem::take(decoded.0.headers_mut());
        headers.clear();
        self.spare = Some(headers);
    }

    /// In place of the read. `Bytes::copy_from_slice`, without a buffer, took as long.
    #[inline(always)]
    fn read(&mut self, head: &[u8]) {
        self.buffer.reserve(head.len().max(8192));
        self.buffer.extend_from_slice(head);
    }

    #[inline(always)]
    fn decode_response_and_drop(&mut self, head: &[u8]) {
        let mut decoded = self.decode_response(black_box(head));
        black_box(&decoded);
        let mut headers = mem::take(decoded.0.headers_mut());
        headers.clear();
        self.spare = Some(headers);
    }

    fn decode_response(&mut self, head: &[u8]) -> (Response<()>, Noted) {
        self.read(head);
        let mut indices = [const { MaybeUninit::uninit() }; 100];
        let (len, status, version, fields) = {
            let bytes = &self.buffer[..];
            let mut slots = [const { MaybeUninit::uninit() }; 100];
            let mut response = httparse::Response::new(&mut []);
            let parsed = httparse::ParserConfig::default()
                .parse_response_with_uninit_headers(&mut response, bytes, &mut slots)
                .unwrap();
            let httparse::Status::Complete(len) = parsed else { panic!("the head is whole") };
            let status = StatusCode::from_u16(response.code.unwrap()).unwrap();
            // Another reason would be kept in the response's extensions; this one has none.
            assert_eq!(response.reason, status.canonical_reason());
            let version = match response.version {
                Some(1) => Version::HTTP_11,
                _ => Version::HTTP_10,
            };
            let fields = note_indices(bytes, response.headers, &mut indices);
            (len, status, version, fields)
        };

        let slice = self.buffer.split_to(len).freeze();
        let mut headers = self.spare.take().unwrap_or_default();
        headers.reserve(fields.len());
        let mut noted = Noted {
            framing: Framing::UntilClose,
            keep_alive: version == Version::HTTP_11,
            expects_continue: false,
            wants_upgrade: false,
        };
        for (name, value) in fields {
            let name = HeaderName::from_bytes(&slice[name.clone()]).unwrap();
            let value = slice.slice(value.clone());
            // SAFETY: as for requests.
            #[expect(unsafe_code, reason = "the rival is to be as fast as it is")]
            let value = unsafe { HeaderValue::from_maybe_shared_unchecked(value) };
            if name == header::CONNECTION {
                noted.keep_alive = !value.as_bytes().eq_ignore_ascii_case(b"close");
            }
            headers.append(name, value);
        }
        // Of a response it looks these up once the map is full.
        if headers.contains_key(header::TRANSFER_ENCODING) {
            noted.framing = Framing::Chunked;
        } else if let Some(length) = headers.get(header::CONTENT_LENGTH) {
            noted.framing = Framing::Length(length.to_str().unwrap().parse().unwrap());
        }
        let mut response = Response::new(());
        *response.status_mut() = status;
        *response.version_mut() = version;
        *response.headers_mut() = headers;
        (response, noted)
    }

    fn decode(&mut self, head: &[u8]) -> (Request<()>, Noted) {
        self.read(head);

        let mut indices = [const { MaybeUninit::uninit() }; 100];
        let (len, method, path, version, fields) = {
            let bytes = &self.buffer[..];
            let mut slots = [const { MaybeUninit::uninit() }; 100];
            let mut request = httparse::Request::new(&mut []);
            let status = request.parse_with_uninit_headers(bytes, &mut slots).unwrap();
            let httparse::Status::Complete(len) = status else { panic!("the head is whole") };
            let method = Method::from_bytes(request.method.unwrap().as_bytes()).unwrap();
            let path = range_in(bytes, request.path.unwrap().as_bytes());
            let version = match request.version {
                Some(1) => Version::HTTP_11,
                _ => Version::HTTP_10,
            };
            let fields = note_indices(bytes, request.headers, &mut indices);
            (len, method, path, version, fields)
        };

        let slice = self.buffer.split_to(len).freeze();
        let uri = Uri::from_maybe_shared(slice.slice(path)).unwrap();
        let mut headers = self.spare.take().unwrap_or_default();
        headers.reserve(fields.len());
        let mut noted = Noted {
            framing: Framing::None,
            keep_alive: version == Version::HTTP_11,
            expects_continue: false,
            wants_upgrade: method == Method::CONNECT,
        };
        for (name, value) in fields {
            let name = HeaderName::from_bytes(&slice[name.clone()]).unwrap();
            let value = slice.slice(value.clone());
            // SAFETY: httparse has let no other bytes through than those that a value may have.
            // hyper relies on that too: with another check heads took it 4 to 14 % longer.
            #[expect(unsafe_code, reason = "the rival is to be as fast as it is")]
            let value = unsafe { HeaderValue::from_maybe_shared_unchecked(value) };
            noted.take(&name, &value);
            headers.append(name, value);
        }
        let mut request = Request::new(());
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.version_mut() = version;
        *request.headers_mut() = headers;
        (request, noted)
    }
}

type Indices = (Range<usize>, Range<usize>);

/// Where the fields stand, for the time when the bytes have moved into a `Bytes`.
fn note_indices<'s>(
    bytes: &[u8],
    headers: &[httparse::Header<'_>],
    slots: &'s mut [MaybeUninit<Indices>],
) -> &'s [Indices] {
    for (header, slot) in headers.iter().zip(&mut *slots) {
        let name = range_in(bytes, header.name.as_bytes());
        slot.write((name, range_in(bytes, header.value)));
    }
    let written = &raw const slots[..headers.len()];
    // SAFETY: that many were written, and a slot has the layout of what it holds.
    #[expect(unsafe_code, reason = "the rival is to be as fast as it is")]
    unsafe {
        &*(written as *const [Indices])
    }
}

fn range_in(bytes: &[u8], part: &[u8]) -> Range<usize> {
    let start = part.as_ptr() as usize - bytes.as_ptr() as usize;
    start..start + part.len()
}

impl Noted {
    /// What hyper looks at while it fills the map; the errors that these heads do not have are left
    /// out.
    #[inline(always)]
    fn take(&mut self, name: &HeaderName, value: &HeaderValue) {
        match *name {
            header::TRANSFER_ENCODING if value.as_bytes().ends_with(b"chunked") => {
                self.framing = Framing::Chunked;
            }
            header::CONTENT_LENGTH => {
                let length = value.to_str().ok().and_then(|digits| digits.parse().ok());
                self.framing = Framing::Length(length.unwrap());
            }
            header::CONNECTION => {
                self.keep_alive = !value.as_bytes().eq_ignore_ascii_case(b"close");
            }
            header::EXPECT => {
                self.expects_continue = value.as_bytes().eq_ignore_ascii_case(b"100-continue");
            }
            header::UPGRADE => self.wants_upgrade = true,
            _ => {}
        }
    }
}

fn check_response(head: &[u8]) {
    let decoded = ResponseHeadDecoder::new().decode(&mut &head[..], &Limits::default());
    let (ours, facts) = decoded.unwrap().unwrap();
    let (rivals, noted) = AsHyper::default().decode_response(head);
    assert_eq!((ours.status, ours.version), (rivals.status(), rivals.version()));
    assert_eq!((ours.headers.iter().count(), ours.reason), (rivals.headers().len(), None));
    for (name, value) in rivals.headers() {
        assert_eq!(ours.headers.get_str(name.as_str()), value.to_str().ok());
    }
    let framing = facts.response_framing(200, dunlin_codec::Method::Get);
    assert_eq!((framing, facts.keep_alive()), (Ok(noted.framing), noted.keep_alive));
}

/// Whether both sides come to the same head; if not, their times mean nothing.
fn check(head: &[u8]) {
    let (ours, facts) =
        HeadDecoder::new().decode(&mut &head[..], &Limits::default()).unwrap().unwrap();
    let (rivals, noted) = AsHyper::default().decode(head);
    assert_eq!((ours.method(), ours.version()), (rivals.method(), rivals.version()));
    assert_eq!(ours.target(), rivals.uri().to_string());
    assert_eq!(ours.headers().iter().count(), rivals.headers().len());
    for (name, value) in rivals.headers() {
        assert_eq!(ours.headers().get_str(name.as_str()), value.to_str().ok());
    }
    assert_eq!((facts.framing(), facts.keep_alive()), (noted.framing, noted.keep_alive));
    assert_eq!(facts.expects_continue(), noted.expects_continue);
    assert_eq!(facts.upgrade().is_some(), noted.wants_upgrade);
}
