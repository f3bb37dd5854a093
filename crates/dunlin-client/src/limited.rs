//! A body that may not pass a length.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use dunlin_core::{Body, BodyError};
use http_body::{Frame, SizeHint};

/// The body, which fails as soon as it has more bytes than `limit`.
pub(crate) fn limited(body: Body, limit: u64) -> Body {
    Body::from_http_body(Limited { body, limit, left: limit })
}

struct Limited {
    body: Body,
    limit: u64,
    left: u64,
}

impl http_body::Body for Limited {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let Some(Ok(frame)) = frame else { return Poll::Ready(frame) };
        let len = frame.data_ref().map_or(0, Bytes::len) as u64;
        let Some(left) = self.left.checked_sub(len) else {
            // The rest is not wanted, nor its connection.
            self.body = Body::empty();
            return Poll::Ready(Some(Err(BodyError::TooLarge { limit: self.limit })));
        };
        self.left = left;
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
