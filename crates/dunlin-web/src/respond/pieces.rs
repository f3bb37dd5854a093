//! A body of several pieces, one behind the other: what `multipart/byteranges` is made of.

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use dunlin_core::{Body, BodyError};
use http_body::{Frame, SizeHint};

use super::representation::Source;

type Polled = Result<Frame<Bytes>, BodyError>;

/// Pieces in their order.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    left: VecDeque<Source>,
    #[cfg(feature = "files")]
    reading: Option<crate::files::FileStream>,
    len: u64,
}

impl Pieces {
    /// Adds a piece that is not empty.
    pub(super) fn push(&mut self, piece: Source) {
        self.len += piece.len();
        self.left.push_back(piece);
    }

    /// The next bytes of a file that is being read; `None` where there is none, or no more of it.
    #[cfg(feature = "files")]
    fn poll_file(&mut self, cx: &mut Context<'_>) -> Option<Poll<Option<Polled>>> {
        let polled = http_body::Body::poll_frame(Pin::new(self.reading.as_mut()?), cx);
        match &polled {
            Poll::Ready(None) => {
                self.reading = None;
                return None;
            }
            Poll::Ready(Some(Ok(frame))) => {
                self.len -= frame.data_ref().map_or(0, |data| data.len() as u64);
            }
            _ => {}
        }
        Some(polled)
    }

    pub(super) fn into_body(self) -> Body {
        Body::from_http_body(self)
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = BodyError;

    #[cfg_attr(
        not(feature = "files"),
        expect(unused_variables, reason = "bytes are never awaited")
    )]
    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Polled>> {
        #[cfg(feature = "files")]
        if let Some(polled) = self.poll_file(cx) {
            return polled;
        }
        match self.left.pop_front() {
            None => Poll::Ready(None),
            Some(Source::Bytes(bytes)) => {
                self.len -= bytes.len() as u64;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            #[cfg(feature = "files")]
            Some(Source::File(region)) => {
                self.reading = Some(crate::files::FileStream::new(region));
                // Not empty, so this goes no deeper.
                self.poll_frame(cx)
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len)
    }
}

/// 32 random hex digits, which nobody can place in the parts: SipHash under keys from the system.
pub(super) fn boundary() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}
