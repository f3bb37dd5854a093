//! A body that is kept while it is read.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use dunlin_core::{Body, BodyError, BoxFuture};
use http_body::{Frame, SizeHint};

/// What is done with the whole body.
type Then = Box<dyn FnOnce(Bytes) -> BoxFuture<'static, ()> + Send>;

/// The same body; `then` gets all of it once its end has come, and is done before the reader is told
/// of the end. Nothing is done with a body that is longer than `limit`, breaks off or is dropped.
pub(super) fn tee(body: Body, limit: usize, then: Then) -> Body {
    let kept = Some((Vec::new(), then));
    Body::from_http_body(Tee { body, limit, kept, storing: None, ended: false })
}

struct Tee {
    body: Body,
    limit: usize,
    kept: Option<(Vec<u8>, Then)>,
    storing: Option<BoxFuture<'static, ()>>,
    ended: bool,
}

impl http_body::Body for Tee {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        loop {
            if let Some(storing) = &mut this.storing {
                ready!(storing.as_mut().poll(cx));
                (this.storing, this.ended) = (None, true);
            }
            if this.ended {
                return Poll::Ready(None);
            }
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let (Some(data), Some((kept, _))) = (frame.data_ref(), &mut this.kept) {
                        if data.len() > this.limit - kept.len() {
                            this.kept = None;
                        } else {
                            kept.extend_from_slice(data);
                        }
                    }
                    return Poll::Ready(Some(Ok(frame)));
                }
                Some(Err(error)) => {
                    (this.kept, this.ended) = (None, true);
                    return Poll::Ready(Some(Err(error)));
                }
                None => match this.kept.take() {
                    Some((kept, then)) => this.storing = Some(then(kept.into())),
                    None => this.ended = true,
                },
            }
        }
    }

    /// Not before it is stored, so that a reader comes once more.
    fn is_end_stream(&self) -> bool {
        self.ended || (self.kept.is_none() && self.storing.is_none() && self.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
