//! The body that parts turn into: laid out once, then streamed.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use dunlin_core::{Body, BodyError};
use http_body::{Body as _, Frame, SizeHint};

use crate::boundary::Boundary;

/// What is to be written, in order.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    done: VecDeque<Segment>,
    /// Delimiters, heads and small parts since the last segment.
    open: Vec<u8>,
}

#[derive(Debug)]
enum Segment {
    Bytes(Bytes),
    Stream { body: Body, part: usize, sent: u64, len: Option<u64> },
}

impl Layout {
    /// The buffer that what comes next is appended to.
    pub(crate) fn text(&mut self) -> &mut Vec<u8> {
        &mut self.open
    }

    pub(crate) fn delimiter(&mut self, boundary: &Boundary) {
        self.open.extend_from_slice(b"--");
        self.open.extend_from_slice(boundary.as_str().as_bytes());
        self.open.extend_from_slice(b"\r\n");
    }

    pub(crate) fn close_delimiter(&mut self, boundary: &Boundary) {
        self.open.extend_from_slice(b"--");
        self.open.extend_from_slice(boundary.as_str().as_bytes());
        self.open.extend_from_slice(b"--\r\n");
    }

    pub(crate) fn bytes(&mut self, bytes: Bytes) {
        if bytes.len() < SHARED_LEN {
            self.open.extend_from_slice(&bytes);
        } else {
            self.push(Segment::Bytes(bytes));
        }
    }

    /// `len` is held to: it is the body's own, or promised for it.
    pub(crate) fn stream(&mut self, body: Body, part: usize, len: Option<u64>) {
        self.push(Segment::Stream { body, part, sent: 0, len });
    }

    pub(crate) fn into_body(mut self) -> Body {
        self.close();
        if let [Segment::Bytes(bytes)] = self.done.make_contiguous() {
            return Body::from(bytes.clone());
        }
        Body::from_http_body(Writing::new(self.done))
    }

    fn push(&mut self, segment: Segment) {
        self.close();
        self.done.push_back(segment);
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.done.push_back(Segment::Bytes(std::mem::take(&mut self.open).into()));
        }
    }
}

/// From this many bytes on, a part is shared as a chunk of its own instead of being copied.
const SHARED_LEN: usize = 4 * 1024;

/// The rest of a multipart body.
#[derive(Debug)]
struct Writing {
    segments: VecDeque<Segment>,
    /// Bytes still to come of the segments that know their length. Counted down, because a sum anew
    /// after each frame would cost the square of the number of parts.
    known: u64,
    /// Segments that do not know theirs, or whose length did not fit into the sum.
    unknown: usize,
}

impl Writing {
    fn new(segments: VecDeque<Segment>) -> Self {
        let (mut known, mut unknown) = (0_u64, 0);
        for segment in &segments {
            let len = match segment {
                Segment::Bytes(bytes) => Some(bytes.len() as u64),
                Segment::Stream { len, .. } => *len,
            };
            match len.and_then(|len| known.checked_add(len)) {
                Some(sum) => known = sum,
                None => unknown += 1,
            }
        }
        Self { segments, known, unknown }
    }

    /// The next data of the stream in front; `None` at its end. Trailers have no place in a part.
    fn poll_stream(
        segment: &mut Segment,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BodyError>>> {
        let Segment::Stream { body, part, sent, len } = segment else { return Poll::Ready(None) };
        loop {
            let Some(frame) = ready!(Pin::new(&mut *body).poll_frame(cx)) else {
                return Poll::Ready(match *len {
                    Some(declared) if *sent < declared => {
                        let error = LengthError::Short { part: *part, declared, sent: *sent };
                        Some(Err(BodyError::source(error)))
                    }
                    _ => None,
                });
            };
            let Ok(data) = frame?.into_data() else { continue };
            *sent = sent.saturating_add(data.len() as u64);
            if let Some(declared) = *len
                && *sent > declared
            {
                let error = LengthError::Long { part: *part, declared };
                return Poll::Ready(Some(Err(BodyError::source(error))));
            }
            if !data.is_empty() {
                return Poll::Ready(Some(Ok(data)));
            }
        }
    }
}

impl http_body::Body for Writing {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        loop {
            let Some(front) = this.segments.front_mut() else { return Poll::Ready(None) };
            let data = match front {
                Segment::Bytes(bytes) => {
                    let bytes = std::mem::take(bytes);
                    this.known = this.known.saturating_sub(bytes.len() as u64);
                    this.segments.pop_front();
                    bytes
                }
                Segment::Stream { len, .. } => {
                    let counted = len.is_some();
                    match ready!(Self::poll_stream(front, cx)) {
                        Some(Ok(data)) => {
                            if counted {
                                this.known = this.known.saturating_sub(data.len() as u64);
                            }
                            data
                        }
                        Some(Err(error)) => {
                            // Parts behind one that failed would look whole.
                            *this = Self::new(VecDeque::new());
                            return Poll::Ready(Some(Err(error)));
                        }
                        None => {
                            if !counted {
                                this.unknown -= 1;
                            }
                            this.segments.pop_front();
                            continue;
                        }
                    }
                }
            };
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.segments.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        match self.unknown {
            0 => hint.set_exact(self.known),
            _ => hint.set_lower(self.known),
        }
        hint
    }
}

/// A part's stream did not have the length that was declared for it.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LengthError {
    /// It ended early.
    #[error("part {part} ended after {sent} of {declared} bytes")]
    Short {
        /// The number of the part, from 0.
        part: usize,
        /// The length that was declared.
        declared: u64,
        /// The length that it had.
        sent: u64,
    },
    /// It went on; nothing past the length is sent.
    #[error("part {part} is longer than {declared} bytes")]
    Long {
        /// The number of the part, from 0.
        part: usize,
        /// The length that was declared.
        declared: u64,
    },
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::{Form, Part};

    /// The frames of a body whose source never waits.
    fn frames(mut body: Body) -> (Vec<Bytes>, Option<BodyError>) {
        let mut frames = Vec::new();
        loop {
            let mut cx = Context::from_waker(Waker::noop());
            let hint = body.size_hint();
            match Pin::new(&mut body).poll_frame(&mut cx) {
                Poll::Ready(None) => {
                    assert_eq!(body.exact_len(), Some(0));
                    return (frames, None);
                }
                Poll::Ready(Some(Err(error))) => return (frames, Some(error)),
                Poll::Ready(Some(Ok(frame))) => {
                    let data = frame.into_data().unwrap();
                    let sent = data.len() as u64;
                    assert!(hint.lower() <= body.size_hint().lower() + sent);
                    if let Some(left) = hint.exact() {
                        assert_eq!(body.exact_len(), Some(left - sent));
                    }
                    frames.push(data);
                }
                Poll::Pending => panic!("the body waits"),
            }
        }
    }

    fn stream(chunks: &[&'static str]) -> Body {
        let (mut sender, body) = Body::channel(1024);
        for chunk in chunks {
            sender.push(Bytes::from_static(chunk.as_bytes())).unwrap();
        }
        sender.finish();
        body
    }

    fn length_error(error: BodyError) -> LengthError {
        let BodyError::Source(source) = error else { panic!("{error}") };
        *source.downcast_ref::<LengthError>().unwrap()
    }

    #[test]
    fn small_parts_are_one_whole_body() {
        let body = Form::new().text("a", "1").bytes("b", "2").into_body().unwrap();
        assert!(body.as_whole().is_some());
    }

    #[test]
    fn large_bytes_are_shared_not_copied() {
        let large = Bytes::from(vec![7; SHARED_LEN]);
        let at = large.as_ptr();
        let (frames, _) = frames(Form::new().bytes("a", large).into_body().unwrap());
        assert_eq!(frames.len(), 3);
        assert_eq!(frames[1].as_ptr(), at);
    }

    #[test]
    fn a_promised_length_makes_the_whole_known() {
        let form = |part: Part| Form::new().text("a", "1").part("f", part).into_body().unwrap();
        let sized = form(Part::stream(stream(&["ab", "", "cd"])).with_len(4));
        let len = sized.exact_len().unwrap();
        let (sent, error) = frames(sized);
        assert!(error.is_none());
        assert_eq!(sent.iter().map(|data| data.len() as u64).sum::<u64>(), len);
        assert_eq!(form(Part::stream(stream(&["abcd"]))).exact_len(), None);
    }

    #[test]
    fn a_stream_that_belies_its_length_fails_and_ends_the_body() {
        let form = |chunks, len| {
            let part = Part::stream(stream(chunks)).with_len(len);
            frames(Form::new().part("f", part).text("after", "1").into_body().unwrap())
        };
        let (sent, error) = form(&["ab", "cd"], 3);
        assert_eq!(length_error(error.unwrap()), LengthError::Long { part: 0, declared: 3 });
        assert_eq!(sent.last().unwrap(), "ab");
        let (sent, error) = form(&["ab"], 3);
        let short = LengthError::Short { part: 0, declared: 3, sent: 2 };
        assert_eq!(length_error(error.unwrap()), short);
        assert_eq!(sent.last().unwrap(), "ab");
    }

    #[test]
    fn lengths_that_do_not_fit_in_64_bits_are_unknown() {
        let part = || Part::stream(stream(&[])).with_len(u64::MAX);
        let body = Form::new().part("a", part()).part("b", part()).into_body().unwrap();
        assert_eq!(body.exact_len(), None);
    }

    #[test]
    fn a_failing_source_fails_the_body() {
        let (sender, body) = Body::channel(64);
        drop(sender);
        let form = Form::new().part("a", Part::stream(body)).text("b", "1");
        assert!(matches!(frames(form.into_body().unwrap()).1, Some(BodyError::Source(_))));
    }

    #[test]
    fn nothing_comes_behind_a_failure() {
        let (sender, body) = Body::channel(64);
        drop(sender);
        let mut layout = Layout::default();
        layout.stream(body, 0, None);
        layout.text().extend_from_slice(b"behind");
        layout.close();
        let mut writing = Writing::new(layout.done);
        let mut cx = Context::from_waker(Waker::noop());
        let mut next = || Pin::new(&mut writing).poll_frame(&mut cx);
        assert!(matches!(next(), Poll::Ready(Some(Err(_)))));
        assert!(matches!(next(), Poll::Ready(None)));
        assert_eq!(writing.size_hint().exact(), Some(0));
    }

    #[test]
    fn an_unknown_length_is_known_once_it_has_passed() {
        let (sent, error) = frames(
            Form::new()
                .part("a", Part::stream(stream(&["b", "c"])))
                .text("d", "e")
                .into_body()
                .unwrap(),
        );
        assert!(error.is_none());
        assert_eq!(sent.len(), 4);
    }

    #[test]
    fn replayable_parts_are_made_anew_for_each_body() {
        let form = Form::new().part("a", Part::replayable(|| stream(&["again"])).with_len(5));
        let again = form.try_clone().unwrap();
        assert_eq!(form.content_type(), again.content_type());
        let (first, second) =
            (frames(form.into_body().unwrap()), frames(again.into_body().unwrap()));
        assert_eq!(first.0, second.0);
        assert!(first.0.iter().any(|data| data == "again"));

        let once = Form::new().part("a", Part::stream(stream(&["once"])));
        assert!(!once.is_replayable() && once.try_clone().is_none());
    }

    #[test]
    fn forms_and_parts_cross_threads() {
        fn send_sync<T: Send + Sync>() {}
        send_sync::<Form>();
        send_sync::<Part>();
    }
}
