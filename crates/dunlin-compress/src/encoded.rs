//! Bodies that are encoded as they pass.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use dunlin_core::{Body, BodyError};
use http::HeaderMap;
use http_body::Frame;

use crate::Coding;
use crate::coder::{Encoder, Input};

/// Encoded bytes made at a time.
const PIECE: usize = 32 * 1024;

/// Bytes encoded before the task yields: some milliseconds' work at the default levels, so that a body of
/// many megabytes that is all there holds nobody up.
const YIELD_EVERY: usize = 128 * 1024;

/// The body with a coding put on, at a level that [`Coding::max_level`] bounds.
///
/// What its source has given is flushed when it has no more for the moment. Trailers come last. Nothing is
/// done, and no memory taken, before it is polled.
pub fn encode(body: Body, coding: Coding, level: u32) -> Body {
    let len = body.exact_len();
    body.wrap(|body| Encoded {
        body,
        state: State::Fresh { coding, level, len },
        input: Bytes::new(),
        piece: Vec::new(),
        spent: 0,
        unflushed: false,
        source_ended: false,
        trailers: None,
    })
}

struct Encoded {
    body: Body,
    state: State,
    input: Bytes,
    /// Where pieces are made, to be copied out: a flush makes few bytes.
    piece: Vec<u8>,
    /// Bytes encoded since the task last waited.
    spent: usize,
    unflushed: bool,
    source_ended: bool,
    trailers: Option<HeaderMap>,
}

enum State {
    Fresh {
        coding: Coding,
        level: u32,
        len: Option<u64>,
    },
    Encoding(Encoder),
    /// Only trailers are left.
    Ended,
}

impl Encoded {
    fn encode(&mut self, kind: Input) -> std::io::Result<Option<Bytes>> {
        if let State::Fresh { coding, level, len } = self.state {
            self.state = State::Encoding(Encoder::new(coding, level, len)?);
        }
        let State::Encoding(encoder) = &mut self.state else { return Ok(None) };
        self.piece.resize(PIECE, 0);
        // Of what is all there, only as much as may be done before the task yields.
        let len = self.input.len().min(YIELD_EVERY);
        let step = encoder.step(&self.input[..len], &mut self.piece, kind)?;
        self.input.advance(step.used);
        self.spent += step.used;
        if step.ended {
            match kind {
                Input::End => {
                    self.state = State::Ended;
                    let piece = std::mem::take(&mut self.piece);
                    return Ok((step.made > 0).then(|| Bytes::copy_from_slice(&piece[..step.made])));
                }
                Input::Flush => self.unflushed = false,
                Input::More => {}
            }
        }
        Ok((step.made > 0).then(|| Bytes::copy_from_slice(&self.piece[..step.made])))
    }

    /// Takes the next bytes of the source; `Pending` where it has none for the moment.
    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        match http_body::Body::poll_frame(Pin::new(&mut self.body), cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(None) => self.source_ended = true,
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => {
                    self.unflushed |= !data.is_empty();
                    self.input = data;
                }
                // The coding has to end before they may come.
                Err(frame) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        self.trailers = Some(trailers);
                        self.source_ended = true;
                    }
                }
            },
        }
        Poll::Ready(Ok(()))
    }

    fn fail(&mut self, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.state = State::Ended;
        self.trailers = None;
        self.body = Body::empty();
        Poll::Ready(Some(Err(error)))
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
            if matches!(self.state, State::Ended) {
                return Poll::Ready(self.trailers.take().map(|t| Ok(Frame::trailers(t))));
            }
            if self.spent >= YIELD_EVERY {
                self.spent = 0;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let mut kind = Input::More;
            if self.input.is_empty() && !self.source_ended {
                match self.poll_source(cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => return self.fail(error),
                    Poll::Pending if self.unflushed => kind = Input::Flush,
                    Poll::Pending => {
                        self.spent = 0;
                        return Poll::Pending;
                    }
                }
            }
            if self.source_ended && self.input.len() <= YIELD_EVERY {
                kind = Input::End;
            } else if self.input.is_empty() && kind == Input::More {
                continue;
            }
            match self.encode(kind) {
                Ok(Some(piece)) => return Poll::Ready(Some(Ok(Frame::data(piece)))),
                Ok(None) => {}
                Err(error) => return self.fail(BodyError::source(error)),
            }
        }
    }
}
