//! Bodies that are decoded as they pass.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use dunlin_core::{Body, BodyError};
use http::StatusCode;
use http_body::Frame;

use crate::Coding;
use crate::coder::{DecodeError, Decoder};

/// Bytes made at a time: what a body holds of its decoded form, whatever it decodes to.
const PIECE: usize = 32 * 1024;

/// Members and frames that hold nothing and are passed over: they cost time for nothing.
const MAX_EMPTY: u32 = 1_000;

/// Decoded bytes that any body may have, whatever its ratio: 1 MiB.
const RATIO_FREE: u64 = 1 << 20;

/// How bodies are decoded, and what bounds them.
///
/// ```
/// let decoding = dunlin_compress::Decoding::default().max_len(64 << 20);
/// assert_eq!(decoding.max_ratio, Some(100));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Decoding {
    /// Decoded bytes for each byte on the wire, all codings together; the first MiB is free. Default: 100.
    pub max_ratio: Option<u32>,
    /// Decoded bytes in all. Default: none.
    pub max_len: Option<u64>,
    /// gzip members and zstd frames in one body; a thousand that hold nothing are too many in any case.
    /// Default: 1,024.
    pub max_members: Option<u32>,
    /// Whether zeros behind the end are passed over, as tapes have them. Default: no.
    pub padding: bool,
    /// What answers a body that is corrupt, cut off or goes on behind its end. Default: 400.
    pub status: StatusCode,
    /// What answers a body that passes the ratio. Default: 413.
    pub over_ratio: StatusCode,
}

impl Default for Decoding {
    fn default() -> Self {
        Self {
            max_ratio: Some(100),
            max_len: None,
            max_members: Some(1_024),
            padding: false,
            status: StatusCode::BAD_REQUEST,
            over_ratio: StatusCode::PAYLOAD_TOO_LARGE,
        }
    }
}

impl Decoding {
    /// Sets [`max_ratio`](Self::max_ratio).
    #[must_use]
    pub fn max_ratio(self, ratio: impl Into<Option<u32>>) -> Self {
        Self { max_ratio: ratio.into(), ..self }
    }

    /// Sets [`max_len`](Self::max_len), in bytes.
    #[must_use]
    pub fn max_len(self, len: impl Into<Option<u64>>) -> Self {
        Self { max_len: len.into(), ..self }
    }

    /// Sets [`max_members`](Self::max_members).
    #[must_use]
    pub fn max_members(self, members: impl Into<Option<u32>>) -> Self {
        Self { max_members: members.into(), ..self }
    }

    /// Sets [`padding`](Self::padding).
    #[must_use]
    pub fn padding(self, padding: bool) -> Self {
        Self { padding, ..self }
    }

    /// Sets what answers whatever is wrong with a body: for clients, whose servers it is that are wrong.
    #[must_use]
    pub fn answered_with(self, status: StatusCode) -> Self {
        Self { status, over_ratio: status, ..self }
    }
}

/// The body without `codings`, which are in the order in which they were put on.
///
/// An empty body stays empty, whatever it claims to be. Trailers come through. Nothing is decoded that is
/// not read. The limit of the body, [`Body::limit`], is kept, and counts decoded bytes.
pub fn decode(mut body: Body, codings: &[Coding], decoding: &Decoding) -> Body {
    let wire = Arc::new(AtomicU64::new(0));
    for (layer, coding) in codings.iter().rev().enumerate() {
        let is_last = layer + 1 == codings.len();
        body = match Decoder::new(*coding) {
            Ok(decoder) => body.wrap(|body| Decoded {
                body,
                decoder,
                input: Bytes::new(),
                state: State::Fresh,
                members: 1,
                empty: 0,
                is_first: layer == 0,
                wire: Arc::clone(&wire),
                decoded: 0,
                decoding: Decoding {
                    max_len: decoding.max_len.filter(|_| is_last),
                    ..decoding.clone()
                },
                piece: Vec::new(),
                of_member: 0,
            }),
            Err(error) => Body::from_http_body(Failed(Some(BodyError::source(error)))),
        };
    }
    body
}

/// A body that cannot even be begun.
pub(crate) struct Failed(pub(crate) Option<BodyError>);

impl http_body::Body for Failed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Poll::Ready(self.0.take().map(Err))
    }
}

struct Decoded {
    body: Body,
    decoder: Decoder,
    input: Bytes,
    state: State,
    members: u32,
    empty: u32,
    /// What comes in is what was on the wire, and not another layer's output.
    is_first: bool,
    /// Bytes on the wire: what every layer is measured by, since the ratios of layers multiply.
    wire: Arc<AtomicU64>,
    decoded: u64,
    decoding: Decoding,
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
    /// Begins the next member behind one that has ended; `false` where only padding is left.
    fn begin_member(&mut self) -> Result<bool, DecodeError> {
        let coding = self.decoder.name();
        if self.decoding.padding && self.input.iter().all(|byte| *byte == 0) {
            self.input.clear();
            return Ok(false);
        }
        self.members += 1;
        self.empty += u32::from(std::mem::take(&mut self.of_member) == 0);
        if let Some(max) = self.decoding.max_members
            && self.members > max
        {
            return Err(DecodeError::Members { coding, max });
        }
        if self.empty > MAX_EMPTY {
            return Err(DecodeError::Members { coding, max: MAX_EMPTY });
        }
        if !self.decoder.begin_member() {
            return Err(DecodeError::Surplus { coding });
        }
        self.state = State::Within;
        Ok(true)
    }

    fn decode(&mut self) -> Result<Option<Bytes>, DecodeError> {
        self.piece.resize(PIECE, 0);
        let mut made = 0;
        while made < PIECE {
            if self.state == State::Between && !self.input.is_empty() && !self.begin_member()? {
                break;
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
        if let Some(ratio) = self.decoding.max_ratio
            && self.decoded > RATIO_FREE.max(self.wire.load(Relaxed).saturating_mul(ratio.into()))
        {
            return Err(DecodeError::Ratio { ratio });
        }
        Ok((made > 0).then(|| Bytes::copy_from_slice(&self.piece[..made])))
    }

    fn fail(&mut self, error: DecodeError) -> BodyError {
        self.end();
        let status = match error {
            DecodeError::Ratio { .. } => self.decoding.over_ratio,
            _ => self.decoding.status,
        };
        BodyError::malformed(status, error)
    }

    /// Nothing more is read, of this or of what is below.
    fn end(&mut self) {
        self.state = State::Failed;
        self.body = Body::empty();
        self.input = Bytes::new();
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
                    Ok(Some(_)) if self.decoding.max_len.is_some_and(|max| self.decoded > max) => {
                        let limit = self.decoding.max_len.unwrap_or(0);
                        self.end();
                        return Poll::Ready(Some(Err(BodyError::TooLarge { limit })));
                    }
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

#[cfg(test)]
mod tests {
    use brotli::enc::StandardAlloc;
    use brotli::enc::encode::BrotliEncoderStateStruct;

    use super::*;
    use crate::coder::{Encoder, Input};

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
            let body = decode(wire.into(), &[Coding::Brotli], &Decoding::default());
            assert_eq!(body.bytes().await.is_ok(), fits, "{bits}");
        }
    }
}
