//! Responses whose bytes are made while they are sent.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use dunlin_core::{Body, BodyError, BoxError, Response};
use futures_core::Stream;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use http_body::{Frame, SizeHint};

/// 200 with a body from a stream, `application/octet-stream`: chunked over HTTP/1.1, until the connection
/// closes over HTTP/1.0.
///
/// The stream is asked for more only while the client reads. One that fails cuts the connection, so that
/// nobody takes what came for the whole; the error goes to the server's faults.
///
/// ```
/// use dunlin_core::{BoxError, Response};
/// use dunlin_web::respond;
/// use futures_util::stream;
///
/// async fn lines() -> Response {
///     respond::stream(stream::iter(["one\n", "two\n"].map(Ok::<_, BoxError>)))
/// }
/// # let _ = lines;
/// ```
pub fn stream<S, B, E>(stream: S) -> Response
where
    S: Stream<Item = Result<B, E>> + Send + 'static,
    B: Into<Bytes>,
    E: Into<BoxError>,
{
    bytes(Body::from_stream(stream))
}

/// The same with a `Content-Length`, by which clients tell how far they are.
///
/// A stream that ends before it, or goes on behind it, fails the body and cuts the connection: what comes
/// short is never taken for whole, and nothing runs over into the next response.
pub fn stream_with_len<S, B, E>(len: u64, stream: S) -> Response
where
    S: Stream<Item = Result<B, E>> + Send + 'static,
    B: Into<Bytes>,
    E: Into<BoxError>,
{
    bytes(Body::from_http_body(Declared { body: Body::from_stream(stream), left: Some(len) }))
}

fn bytes(body: Body) -> Response {
    Response::new(body)
        .with_header(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))
}

/// A body that keeps its word about its length.
struct Declared {
    body: Body,
    /// Bytes still to come; `None` behind the end or an error.
    left: Option<u64>,
}

impl http_body::Body for Declared {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(left) = self.left else { return Poll::Ready(None) };
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                self.left = None;
                return Poll::Ready(Some(Err(error)));
            }
            None => {
                self.left = None;
                return Poll::Ready((left > 0).then(|| {
                    let why = format!("the stream ended {left} bytes before its declared length");
                    Err(BodyError::source(why))
                }));
            }
        };
        let n = frame.data_ref().map_or(0, |data| data.len() as u64);
        self.left = left.checked_sub(n);
        Poll::Ready(Some(match self.left {
            Some(_) => Ok(frame),
            None => {
                let more = n - left;
                let why =
                    format!("the stream is at least {more} bytes longer than its declared length");
                Err(BodyError::source(why))
            }
        }))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream::iter;

    use super::*;

    #[tokio::test]
    async fn a_declared_length_is_kept_or_the_body_fails() {
        let sent =
            |len| stream_with_len(len, iter(["one", "two"].map(Ok::<_, BoxError>))).into_body();
        assert_eq!(sent(6).exact_len(), Some(6));
        assert_eq!(sent(6).text().await.unwrap(), "onetwo");
        let error = sent(7).text().await.unwrap_err();
        assert!(error.to_string().contains("1 bytes before its declared length"), "{error}");
        let error = sent(5).text().await.unwrap_err();
        assert!(error.to_string().contains("at least 1 bytes longer"), "{error}");
    }
}
