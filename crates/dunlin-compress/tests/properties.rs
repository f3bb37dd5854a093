//! What holds for whatever bytes come.
#![allow(missing_docs)]

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use dunlin_compress::{Coding, Decoding, decode, encode, encode_all};
use dunlin_core::{Body, BodyError, BoxError};
use proptest::collection::vec;
use proptest::prelude::*;

const MAX_LEN: u64 = 1 << 16;

fn in_pieces(bytes: &[u8], len: usize) -> Body {
    let pieces: Vec<_> =
        bytes.chunks(len).map(|piece| Ok::<_, BoxError>(Bytes::copy_from_slice(piece))).collect();
    Body::from_stream(futures_util::stream::iter(pieces))
}

/// Reads a body that never waits for anybody, but may yield.
fn read(body: Body) -> Result<Bytes, BodyError> {
    let mut reading = pin!(body.bytes());
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..10_000 {
        if let Poll::Ready(read) = reading.as_mut().poll(&mut cx) {
            return read;
        }
    }
    panic!("it goes on without progress");
}

fn coding() -> impl Strategy<Value = Coding> {
    prop::sample::select(Coding::ALL.to_vec())
}

/// Bytes that compress, and some that do not.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let runs = vec((any::<u8>(), 1usize..2_000), 0..30).prop_map(|runs| {
        runs.into_iter().flat_map(|(byte, len)| std::iter::repeat_n(byte, len)).collect()
    });
    prop_oneof![vec(any::<u8>(), 0..5_000), runs]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// How a body comes in pieces, and how its encoding does, changes nothing.
    #[test]
    fn what_is_encoded_is_decoded(
        body in body(), codings in vec(coding(), 1..3), level in 0u32..7, a in 1usize..3_000, b in 1usize..500,
    ) {
        let wire = codings.iter().fold(in_pieces(&body, a), |body, coding| encode(body, *coding, level));
        let wire = read(wire).unwrap();
        let decoding = Decoding::default().max_ratio(None);
        let back = read(decode(in_pieces(&wire, b), &codings, &decoding)).unwrap();
        prop_assert_eq!(&back[..], &body[..]);
    }

    /// What is changed, cut or made up ends, in an error or in bytes, within its bounds.
    #[test]
    fn whatever_comes_ends_within_its_bounds(
        body in body(), coding in coding(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
        cut in any::<prop::sample::Index>(), noise in vec(any::<u8>(), 0..200), piece in 1usize..300,
    ) {
        let good = encode_all(coding, 3, &body).unwrap();
        let mut changed = good.clone();
        changed[at.index(good.len())] ^= byte;
        let cut_off = &good[..cut.index(good.len())];
        let surplus = [&good[..], &noise].concat();
        for wire in [&changed[..], cut_off, &surplus, &noise] {
            let decoding = Decoding::default().max_len(MAX_LEN);
            let whole = read(decode(Bytes::copy_from_slice(wire).into(), &[coding], &decoding));
            let pieces = read(decode(in_pieces(wire, piece), &[coding], &decoding));
            prop_assert_eq!(whole.is_ok(), pieces.is_ok());
            if let (Ok(whole), Ok(pieces)) = (whole, pieces) {
                prop_assert!(whole.len() as u64 <= MAX_LEN);
                prop_assert_eq!(whole, pieces);
            }
        }
    }

    /// A body that breaks off never looks whole.
    #[test]
    fn a_cut_is_always_noticed(body in body(), coding in coding(), cut in any::<prop::sample::Index>()) {
        let good = encode_all(coding, 3, &body).unwrap();
        let cut = cut.index(good.len());
        let read = read(decode(in_pieces(&good[..cut], 97), &[coding], &Decoding::default().max_ratio(None)));
        // Nothing at all is an empty body.
        prop_assert_eq!(read.is_ok(), cut == 0);
    }
}
