//! Bodies that are read whole up to a bound, and bodies put together again.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use dunlin_core::{Body, BodyError};
use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};

/// What reading a body up to a bound came to.
pub(crate) enum Gathered {
    /// All of it, and the fields behind it.
    Whole(Bytes, Option<HeaderMap>),
    /// It is longer: here it is from its start, what was read before what was not.
    TooLong(Body),
}

/// Reads the body to its end, or until it has more bytes than `limit`.
pub(crate) async fn gather(body: Body, limit: usize) -> Result<Gathered, BodyError> {
    let mut body = match body.try_into_whole() {
        Ok(bytes) if bytes.len() <= limit => return Ok(Gathered::Whole(bytes, None)),
        Ok(bytes) => return Ok(Gathered::TooLong(bytes.into())),
        Err(body) => body,
    };
    let declared = body.size_hint().lower();
    if usize::try_from(declared).map_or(true, |declared| declared > limit) {
        return Ok(Gathered::TooLong(body));
    }
    let (mut read, mut trailers) = (Vec::new(), None);
    loop {
        let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
        let Some(frame) = frame else { return Ok(Gathered::Whole(read.into(), trailers)) };
        match frame?.into_data() {
            Ok(data) if data.len() > limit - read.len() => {
                read.extend_from_slice(&data);
                let first = Some(read.into());
                return Ok(Gathered::TooLong(Body::from_http_body(Joined {
                    first,
                    body,
                    trailers: None,
                })));
            }
            Ok(data) => read.extend_from_slice(&data),
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
}

/// The body with fields behind it, where there are any.
pub(crate) fn with_trailers(body: Body, trailers: Option<HeaderMap>) -> Body {
    if trailers.is_none() {
        return body;
    }
    Body::from_http_body(Joined { first: None, body, trailers })
}

/// A body with bytes before it and fields behind it.
struct Joined {
    first: Option<Bytes>,
    body: Body,
    trailers: Option<HeaderMap>,
}

impl http_body::Body for Joined {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(frame) => Poll::Ready(Some(frame)),
            None => Poll::Ready(self.trailers.take().map(|fields| Ok(Frame::trailers(fields)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.trailers.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().map_or(0, Bytes::len) as u64;
        let rest = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(first));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(first));
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// A body of these chunks whose length is not known.
    fn chunks(chunks: &'static [&'static str]) -> Body {
        let chunks =
            chunks.iter().map(|chunk| Ok::<_, BodyError>(Bytes::from_static(chunk.as_bytes())));
        Body::from_stream(futures_util::stream::iter(chunks))
    }

    #[tokio::test]
    async fn a_body_past_the_bound_comes_back_from_its_start() {
        for (limit, whole) in [(6, true), (5, false), (3, false), (0, false)] {
            match gather(chunks(&["abc", "", "def"]), limit).await.unwrap() {
                Gathered::Whole(bytes, None) => assert!(whole && bytes == "abcdef"),
                Gathered::Whole(..) => unreachable!("no fields were sent"),
                Gathered::TooLong(body) => {
                    assert!(!whole);
                    assert_eq!(body.text().await.unwrap(), "abcdef");
                }
            }
        }
    }

    #[tokio::test]
    async fn fields_behind_a_body_are_kept() {
        let mut fields = HeaderMap::new();
        fields.insert("x-sum", HeaderValue::from_static("6"));
        let body = with_trailers(chunks(&["abc"]), Some(fields.clone()));
        let Gathered::Whole(bytes, trailers) = gather(body, 9).await.unwrap() else { panic!() };
        assert_eq!((&bytes[..], trailers), (&b"abc"[..], Some(fields)));
    }
}
