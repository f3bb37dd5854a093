//! Content codings off whatever bytes.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use dunlin_compress::{Coding, Decoding, decode};
use dunlin_core::Body;

/// Decoded bytes that an input may make.
const MAX_LEN: u64 = 1 << 20;

/// The first byte picks the coding, or two on top of each other; the second how the rest is cut into reads.
/// Whole or in reads: the same bytes or an error, within the bounds, and never a wait.
pub fn content_coding(data: &[u8]) {
    let [picked, data @ ..] = data else { return };
    let codings: &[Coding] = match picked % 6 {
        4 => &[Coding::Gzip, Coding::Brotli],
        5 => &[Coding::Zstd, Coding::Deflate],
        one => &Coding::ALL[usize::from(one)..][..1],
    };
    let (read, wire) = crate::reads(data);
    let whole = decoded(Body::from(wire.to_vec()), codings);
    if read < wire.len() {
        let (mut sender, body) = Body::channel(1);
        for piece in wire.chunks(read) {
            sender.push(piece.to_vec().into()).expect("the body is there");
        }
        sender.finish();
        assert_eq!(decoded(body, codings), whole);
    }
}

/// The decoded bytes; none where they end in an error.
fn decoded(body: Body, codings: &[Coding]) -> Option<Vec<u8>> {
    let mut body = decode(body, codings, &Decoding::default().max_len(MAX_LEN));
    let mut cx = Context::from_waker(Waker::noop());
    let mut bytes = Vec::new();
    loop {
        match http_body::Body::poll_frame(Pin::new(&mut body), &mut cx) {
            Poll::Pending => panic!("all of it is there"),
            Poll::Ready(None) => return Some(bytes),
            Poll::Ready(Some(Err(_))) => {
                let after = http_body::Body::poll_frame(Pin::new(&mut body), &mut cx);
                assert!(matches!(after, Poll::Ready(None)), "nothing comes behind an error");
                return None;
            }
            Poll::Ready(Some(Ok(frame))) => {
                bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
                assert!(bytes.len() as u64 <= MAX_LEN);
            }
        }
    }
}
