//! Bodies that are decoded or encoded as they pass.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use dunlin_core::{Body, BodyError, Headers};
use http::StatusCode;
use http_body::Frame;

use super::coder::{DecodeError, Decoder, Encoder, Input};
use super::{Coding, layers};

/// Bytes made at a time: what a body holds of its decoded form, whatever it decodes to.
const PIECE: usize = 32 * 1024;

/// Empty members of a gzip body, and zstd frames, that are passed over: they cost time for nothing.
const MAX_MEMBERS: u32 = 1_000;

/// Decoded bytes that any body may have, whatever its ratio.
const RATIO_FREE: u64 = 1 << 20;

/// The body without the codings that its head names; as it is where there are none, or one is unknown.
pub(crate) fn decoded(mut body: Body, headers: &Headers, max_ratio: Option<u32>) -> Body {
    if !headers.contains("content-encoding") {
        return body;
    }
    let wire = Arc::new(AtomicU64::new(0));
    for (layer, coding) in layers(headers).into_iter().enumerate() {
        body = match Decoder::new(coding) {
            Ok(decoder) => Body::from_http_body(Decoded {
                body,
                decoder,
                input: Bytes::new(),
                state: State::Fresh,
                members: 0,
                is_first: layer == 0,
                wire: Arc::clone(&wire),
                decoded: 0,
                max_ratio,
                piece: Vec::new(),
                of_member: 0,
            }),
            Err(error) => {
                let error = BodyError::source(error);
                Body::from_stream(Failed(Some(error)))
            }
        };
    }
    body
}

/// A body that cannot even be begun.
struct Failed(Option<BodyError>);

impl futures_core::Stream for Failed {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.take().map(Err))
    }
}

struct Decoded {
    body: Body,
    decoder: Decoder,
    input: Bytes,
    state: State,
    members: u32,
    /// What comes in is what was on the wire, and not another layer's output.
    is_first: bool,
    /// Bytes on the wire: what every layer is measured by, since the ratios of layers multiply.
    wire: Arc<AtomicU64>,
    decoded: u64,
    max_ratio: Option<u32>,
    /// Where pieces are made, to be copied out: what the program keeps is as long as it looks.
    piece: Vec<u8>,
    /// Bytes of the member so far.
    of_member: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// No byte has come: an empty body is no error, whatever it claims to be.
    Fresh,
    Within,
    /// The stream has ended; another member may follow.
    Between,
    Failed,
}

impl Decoded {
    fn decode(&mut self) -> Result<Option<Bytes>, DecodeError> {
        self.piece.resize(PIECE, 0);
        let mut made = 0;
        while made < PIECE {
            let coding = self.decoder.name();
            if self.state == State::Between && !self.input.is_empty() {
                if self.input.iter().all(|byte| *byte == 0) {
                    // Padding, as tapes have it.
                    self.input.clear();
                    break;
                }
                if std::mem::take(&mut self.of_member) == 0 {
                    self.members += 1;
                }
                if self.members > MAX_MEMBERS || !self.decoder.begin_member() {
                    return Err(DecodeError::Surplus { coding });
                }
                self.state = State::Within;
            }
            let step = self.decoder.step(&self.input, &mut self.piece[made..])?;
            self.input.advance(step.used);
            made += step.made;
            self.of_member += step.made as u64;
            if step.ended && (step.used > 0 || step.made > 0) {
                self.state = State::Between;
            }
            if step.used == 0 && step.made == 0 {
                // It wants more than there is.
                break;
            }
            if self.input.is_empty() && step.made == 0 {
                break;
            }
        }
        self.decoded += made as u64;
        if let Some(ratio) = self.max_ratio
            && self.decoded > RATIO_FREE.max(self.wire.load(Relaxed).saturating_mul(ratio.into()))
        {
            return Err(DecodeError::Ratio { ratio });
        }
        Ok((made > 0).then(|| Bytes::copy_from_slice(&self.piece[..made])))
    }

    fn fail(&mut self, error: DecodeError) -> BodyError {
        self.state = State::Failed;
        self.body = Body::empty();
        BodyError::malformed(StatusCode::BAD_GATEWAY, error)
    }
}

impl http_body::Body for Decoded {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            if self.state == State::Failed {
                return Poll::Ready(None);
            }
            if self.state != State::Fresh {
                match self.decode() {
                    Ok(Some(piece)) => return Poll::Ready(Some(Ok(Frame::data(piece)))),
                    Ok(None) => {}
                    Err(error) => return Poll::Ready(Some(Err(self.fail(error)))),
                }
            }
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => {
                        if self.is_first {
                            self.wire.fetch_add(data.len() as u64, Relaxed);
                        }
                        if self.state == State::Fresh {
                            self.state = State::Within;
                        }
                        // Rarely anything is left: what a step wants with more behind it.
                        self.input = match self.input.is_empty() {
                            true => data,
                            false => [&self.input[..], &data[..]].concat().into(),
                        };
                    }
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None if self.state == State::Within => {
                    let coding = self.decoder.name();
                    return Poll::Ready(Some(Err(self.fail(DecodeError::Cut { coding }))));
                }
                None => return Poll::Ready(None),
            }
        }
    }
}

/// The body with a coding put on; what its source has given is sent when it has no more for the moment.
pub(super) fn encoded(body: Body, coding: Coding) -> Body {
    match Encoder::new(coding) {
        Ok(encoder) => Body::from_http_body(Encoded {
            body,
            encoder,
            input: Bytes::new(),
            unflushed: false,
            source_ended: false,
            ended: false,
        }),
        Err(error) => Body::from_stream(Failed(Some(BodyError::source(error)))),
    }
}

struct Encoded {
    body: Body,
    encoder: Encoder,
    input: Bytes,
    unflushed: bool,
    source_ended: bool,
    ended: bool,
}

impl Encoded {
    fn encode(&mut self, kind: Input) -> std::io::Result<Option<Bytes>> {
        let mut piece = vec![0; PIECE];
        let step = self.encoder.step(&self.input, &mut piece, kind)?;
        self.input.advance(step.used);
        if step.ended {
            match kind {
                Input::End => self.ended = true,
                Input::Flush => self.unflushed = false,
                Input::More => {}
            }
        }
        piece.truncate(step.made);
        Ok((step.made > 0).then(|| piece.into()))
    }
}

impl http_body::Body for Encoded {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            if self.ended {
                return Poll::Ready(None);
            }
            let mut kind = if self.source_ended { Input::End } else { Input::More };
            if self.input.is_empty() && !self.source_ended {
                match Pin::new(&mut self.body).poll_frame(cx) {
                    Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                        Ok(data) => {
                            self.input = data;
                            self.unflushed = true;
                        }
                        Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                    },
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                    Poll::Ready(None) => {
                        self.source_ended = true;
                        continue;
                    }
                    Poll::Pending if self.unflushed => kind = Input::Flush,
                    Poll::Pending => return Poll::Pending,
                }
            }
            match self.encode(kind) {
                Ok(Some(piece)) => return Poll::Ready(Some(Ok(Frame::data(piece)))),
                Ok(None) => {}
                Err(error) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(BodyError::source(error))));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use dunlin_core::BoxError;
    use http::{HeaderName, HeaderValue};

    use super::*;

    const ALL: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];

    fn named(codings: &str) -> Headers {
        let name = HeaderName::from_static("content-encoding");
        [(name, HeaderValue::try_from(codings).unwrap())].into_iter().collect()
    }

    fn in_pieces(bytes: &[u8], len: usize) -> Body {
        let pieces: Vec<_> = bytes
            .chunks(len)
            .map(|piece| Ok::<_, BoxError>(Bytes::copy_from_slice(piece)))
            .collect();
        Body::from_stream(futures_util::stream::iter(pieces))
    }

    fn text() -> Vec<u8> {
        (0..20_000u32).flat_map(|n| (n * n).to_string().into_bytes()).collect()
    }

    #[tokio::test]
    async fn what_was_encoded_is_decoded_whatever_the_pieces() {
        for coding in ALL {
            let whole = super::super::coder::encode_all(coding, &text()).unwrap();
            let streamed = encoded(in_pieces(&text(), 999), coding).bytes().await.unwrap();
            for wire in [&whole[..], &streamed] {
                for len in [1, 7, 100_000] {
                    let body = decoded(in_pieces(wire, len), &named(coding.name()), Some(1_100));
                    assert!(body.bytes().await.unwrap() == text(), "{coding:?} by {len}");
                }
            }
        }
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_an_error_and_an_empty_one_is_none() {
        for coding in ALL {
            let wire = super::super::coder::encode_all(coding, &text()).unwrap();
            for len in [1, wire.len() / 2, wire.len() - 1] {
                let body = decoded(in_pieces(&wire[..len], 512), &named(coding.name()), None);
                let error = body.bytes().await.unwrap_err().to_string();
                assert!(error.contains("breaks off"), "{coding:?} at {len}: {error}");
            }
            assert!(
                decoded(Body::empty(), &named(coding.name()), None)
                    .bytes()
                    .await
                    .unwrap()
                    .is_empty()
            );
            let body = decoded(Body::from("no such thing at all"), &named(coding.name()), None);
            assert!(body.bytes().await.is_err(), "{coding:?}");
        }
    }

    #[tokio::test]
    async fn codings_come_off_in_reverse_and_unknown_ones_stay() {
        let inner = super::super::coder::encode_all(Coding::Gzip, b"hello").unwrap();
        let outer = super::super::coder::encode_all(Coding::Brotli, &inner).unwrap();
        let body = decoded(outer.clone().into(), &named("gzip, br"), None);
        assert_eq!(body.bytes().await.unwrap(), "hello");
        for codings in ["gzip, pack200", "gzip, gzip, gzip, gzip"] {
            let body = decoded(outer.clone().into(), &named(codings), None);
            assert_eq!(body.bytes().await.unwrap(), outer);
        }
    }

    #[tokio::test]
    async fn raw_deflate_and_several_gzip_members_are_read_and_surplus_is_refused() {
        let mut raw = Compress::new(flate2::Compression::default(), false);
        let mut wire = Vec::with_capacity(100);
        raw.compress_vec(b"hello", &mut wire, flate2::FlushCompress::Finish).unwrap();
        assert_eq!(decoded(wire.into(), &named("deflate"), None).bytes().await.unwrap(), "hello");

        let one = super::super::coder::encode_all(Coding::Gzip, b"one").unwrap();
        let two = super::super::coder::encode_all(Coding::Gzip, b"two").unwrap();
        let both = [&one[..], &two, &[0; 10]].concat();
        assert_eq!(decoded(both.into(), &named("x-gzip"), None).bytes().await.unwrap(), "onetwo");
        let surplus = [&one[..], b"surplus"].concat();
        assert!(decoded(surplus.into(), &named("gzip"), None).bytes().await.is_err());
    }

    #[tokio::test]
    async fn bombs_are_defused() {
        for coding in ALL {
            let wire = super::super::coder::encode_all(coding, &vec![0; 4 << 20]).unwrap();
            let body = decoded(wire.into(), &named(coding.name()), Some(100));
            let error = body.bytes().await.unwrap_err().to_string();
            assert!(error.contains("more than 100 times"), "{coding:?}: {error}");
        }
    }

    /// A window of up to 1 GiB would be made by the first bytes of a short body.
    #[tokio::test]
    async fn windows_past_those_of_rfc_7932_are_refused() {
        for (bits, fits) in [(24, true), (25, false), (30, false)] {
            let mut state = BrotliEncoderStateStruct::new(StandardAlloc::default());
            state.params.lgwin = bits;
            state.params.large_window = bits > 24;
            let mut encoder = Encoder::Brotli(Box::new(state));
            let mut wire = vec![0; 64 * 1024];
            let step = encoder.step(&[7; 100], &mut wire, Input::End).unwrap();
            assert!(step.ended && step.used == 100);
            wire.truncate(step.made);
            let body = decoded(wire.into(), &named("br"), None);
            assert_eq!(body.bytes().await.is_ok(), fits, "{bits}");
        }
    }

    use brotli::enc::StandardAlloc;
    use brotli::enc::encode::BrotliEncoderStateStruct;
    use flate2::Compress;
}
