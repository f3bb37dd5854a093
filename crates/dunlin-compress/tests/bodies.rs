//! Bodies encoded, decoded, broken off, stuffed and blown up.
#![allow(missing_docs)]

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use dunlin_compress::{Coding, Decoding, decode, encode, encode_all};
use dunlin_core::{Body, BodyError, BoxError};
use flate2::Compress;
use http::{HeaderMap, HeaderValue};

fn all(coding: Coding, bytes: &[u8]) -> Vec<u8> {
    encode_all(coding, coding.default_level(), bytes).unwrap()
}

fn encoded(body: Body, coding: Coding) -> Body {
    encode(body, coding, coding.default_level())
}

fn decoded(body: impl Into<Body>, coding: Coding) -> Body {
    decode(body.into(), &[coding], &Decoding::default())
}

fn lenient() -> Decoding {
    Decoding::default().max_ratio(None).padding(true)
}

fn in_pieces(bytes: &[u8], len: usize) -> Body {
    let pieces: Vec<_> =
        bytes.chunks(len).map(|piece| Ok::<_, BoxError>(Bytes::copy_from_slice(piece))).collect();
    Body::from_stream(futures_util::stream::iter(pieces))
}

fn text() -> Vec<u8> {
    (0..20_000u32).flat_map(|n| (n * n).to_string().into_bytes()).collect()
}

fn poll(body: &mut Body) -> Poll<Option<Bytes>> {
    let mut cx = Context::from_waker(Waker::noop());
    let chunk = pin!(body.chunk()).poll(&mut cx);
    chunk.map(|chunk| chunk.map(Result::unwrap))
}

#[tokio::test]
async fn what_was_encoded_is_decoded_whatever_the_pieces_and_the_level() {
    for coding in Coding::ALL {
        for level in [0, 1, coding.default_level(), coding.max_level(), 99] {
            // The highest levels take their time.
            let text = &text()[..4_000];
            let whole = encode_all(coding, level, text).unwrap();
            let known = encode(text.to_vec().into(), coding, level).bytes().await.unwrap();
            let streamed = encode(in_pieces(text, 999), coding, level).bytes().await.unwrap();
            for wire in [&whole[..], &known, &streamed] {
                for len in [7, 100_000] {
                    let body = decoded(in_pieces(wire, len), coding);
                    assert!(body.bytes().await.unwrap() == text, "{coding:?} {level} by {len}");
                }
            }
        }
        let wire = all(coding, &text());
        assert!(decoded(in_pieces(&wire, 1), coding).bytes().await.unwrap() == text());
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error_and_an_empty_one_is_none() {
    for coding in Coding::ALL {
        let wire = all(coding, &text());
        for len in [1, wire.len() / 2, wire.len() - 1] {
            let error = decoded(in_pieces(&wire[..len], 512), coding).bytes().await.unwrap_err();
            assert!(error.to_string().contains("breaks off"), "{coding:?} at {len}: {error}");
            assert_eq!(error.status(), 400);
        }
        assert!(decoded(Body::empty(), coding).bytes().await.unwrap().is_empty());
        assert!(decoded("no such thing at all", coding).bytes().await.is_err(), "{coding:?}");
        let empty = encoded(Body::empty(), coding).bytes().await.unwrap();
        assert!(decoded(empty, coding).bytes().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn codings_come_off_in_reverse() {
    let outer = all(Coding::Brotli, &all(Coding::Gzip, b"hello"));
    let codings = [Coding::Gzip, Coding::Brotli];
    let body = decode(outer.into(), &codings, &Decoding::default());
    assert_eq!(body.bytes().await.unwrap(), "hello");
}

#[tokio::test]
async fn raw_deflate_and_several_members_are_read_and_surplus_is_refused() {
    let mut raw = Compress::new(flate2::Compression::default(), false);
    let mut wire = Vec::with_capacity(100);
    raw.compress_vec(b"hello", &mut wire, flate2::FlushCompress::Finish).unwrap();
    assert_eq!(decoded(wire, Coding::Deflate).bytes().await.unwrap(), "hello");

    for coding in [Coding::Gzip, Coding::Zstd] {
        let both = [all(coding, b"one"), all(coding, b"two")].concat();
        assert_eq!(decoded(both, coding).bytes().await.unwrap(), "onetwo");
    }
    for coding in Coding::ALL {
        for surplus in [&b"surplus"[..], &[0; 10]] {
            let wire = [&all(coding, b"one")[..], surplus].concat();
            let error = decoded(wire, coding).bytes().await.unwrap_err();
            assert_eq!(error.status(), 400, "{coding:?} {surplus:?}");
        }
    }
    let padded = [&all(Coding::Gzip, b"one")[..], &[0; 10]].concat();
    let body = decode(padded.into(), &[Coding::Gzip], &lenient());
    assert_eq!(body.bytes().await.unwrap(), "one");
}

#[tokio::test]
async fn members_are_counted() {
    for coding in [Coding::Gzip, Coding::Zstd] {
        let (one, none) = (all(coding, b"1"), all(coding, b""));
        let body = |member: &[u8], count, options: &Decoding| {
            decode(member.repeat(count).into(), &[coding], options).bytes()
        };
        let options = Decoding::default();
        assert_eq!(body(&one, 1_024, &options).await.unwrap().len(), 1_024);
        let error = body(&one, 1_025, &options).await.unwrap_err().to_string();
        assert!(error.contains("more than 1024 members"), "{error}");
        let options = options.max_members(None);
        assert_eq!(body(&one, 1_025, &options).await.unwrap().len(), 1_025);
        assert!(body(&none, 1_500, &options).await.is_err());
    }
}

#[tokio::test]
async fn bombs_are_defused_by_ratio_and_by_length() {
    for coding in Coding::ALL {
        let wire = all(coding, &vec![0; 5 << 18]);
        let error = decoded(wire.clone(), coding).bytes().await.unwrap_err();
        assert!(error.to_string().contains("more than 100 times"), "{coding:?}: {error}");
        assert_eq!(error.status(), 413);
        let options = Decoding::default().max_ratio(None).max_len(1_000_000);
        let mut body = decode(wire.clone().into(), &[coding], &options);
        let mut len = 0;
        let error = loop {
            match body.chunk().await.unwrap() {
                Ok(piece) => len += piece.len(),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, BodyError::TooLarge { limit: 1_000_000 }) && len <= 1_000_000);
        assert!(body.chunk().await.is_none());
        // Two layers multiply; it is the bytes on the wire that count.
        let twice = all(coding, &wire);
        let body = decode(twice.into(), &[coding, coding], &Decoding::default());
        assert_eq!(body.bytes().await.unwrap_err().status(), 413);
    }
}

#[tokio::test]
async fn the_limit_of_the_body_counts_decoded_bytes() {
    let mut body = Body::from(all(Coding::Gzip, &text()));
    body.set_limit(Some(1_000));
    let error = decoded(body, Coding::Gzip).bytes().await.unwrap_err();
    assert!(matches!(error, BodyError::TooLarge { limit: 1_000 }));
}

/// Events and tokens are not held back until there are enough of them.
#[tokio::test]
async fn what_the_source_has_given_comes_out_once_it_has_no_more() {
    for coding in Coding::ALL {
        let (mut sender, body) = Body::channel(1 << 20);
        let mut wire = encoded(body, coding);
        assert!(poll(&mut wire).is_pending());
        let (mut to_client, at_client) = Body::channel(1 << 20);
        let mut events = decoded(at_client, coding);
        for event in ["one", "two", "three"] {
            sender.push(event.into()).unwrap();
            while let Poll::Ready(Some(piece)) = poll(&mut wire) {
                to_client.push(piece).unwrap();
            }
            let mut got = Vec::new();
            while let Poll::Ready(Some(piece)) = poll(&mut events) {
                got.extend_from_slice(&piece);
            }
            assert_eq!(String::from_utf8(got).unwrap(), event, "{coding:?}");
        }
        // Nothing new, so nothing is flushed again.
        assert!(poll(&mut wire).is_pending());
    }
}

#[tokio::test]
async fn trailers_come_behind_the_end_of_the_coding() {
    let (mut sender, body) = Body::channel(1 << 20);
    sender.push("hello".into()).unwrap();
    sender.finish_with_trailers(HeaderMap::from_iter([(
        http::header::ETAG,
        HeaderValue::from_static("\"x\""),
    )]));
    let body = decoded(encoded(body, Coding::Gzip), Coding::Gzip);
    let mut frames = Vec::new();
    let mut body = pin!(body);
    while let Some(frame) =
        std::future::poll_fn(|cx| http_body::Body::poll_frame(body.as_mut(), cx)).await
    {
        frames.push(frame.unwrap());
    }
    assert_eq!(frames[0].data_ref().unwrap(), "hello");
    assert_eq!(frames[1].trailers_ref().unwrap()["etag"], "\"x\"");
    assert_eq!(frames.len(), 2);
}

#[test]
fn a_large_body_that_is_all_there_is_encoded_in_steps_that_yield() {
    for coding in Coding::ALL {
        let mut body = encoded(vec![b'x'; 1 << 20].into(), coding);
        let (mut yields, mut wire) = (0, Vec::new());
        loop {
            match poll(&mut body) {
                Poll::Pending => yields += 1,
                Poll::Ready(Some(piece)) => wire.extend_from_slice(&piece),
                Poll::Ready(None) => break,
            }
        }
        assert!((7..=9).contains(&yields), "{coding:?} yielded {yields} times");
        assert_eq!(wire, all(coding, &vec![b'x'; 1 << 20]), "{coding:?}");
    }
}

#[tokio::test]
async fn a_source_that_fails_fails_the_encoded_body() {
    let (mut sender, body) = Body::channel(1 << 20);
    sender.push("hello".into()).unwrap();
    drop(sender);
    assert!(encoded(body, Coding::Gzip).bytes().await.is_err());
}
