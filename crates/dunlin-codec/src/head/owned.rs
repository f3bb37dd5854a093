//! Request heads that own their bytes, as the rest of the toolkit takes them.

use dunlin_core::{FieldSpan, HeadBlock, RequestHead, RequestLine};

use super::{Field, FieldSink, Method, ParsedRequest, RequestParser, Span, Version};
use crate::{error::HeadError, framing::Facts, limits::Limits};

/// Decodes request heads into owned ones.
///
/// The span table is filled in place, in a block from the thread's pool, and the head's bytes are
/// copied into that block once, when it is complete: in the steady state a head costs no
/// allocation. Between heads the decoder holds no block.
///
/// ```
/// use dunlin_codec::{HeadDecoder, Limits};
///
/// let mut input = &b"GET /birds HTTP/1.1\r\nHost: a.example\r\n\r\n"[..];
/// let (head, facts) = HeadDecoder::new().decode(&mut input, &Limits::default())?.expect("whole");
/// assert_eq!((head.path(), head.headers().get_str("host")), ("/birds", Some("a.example")));
/// assert!(facts.keep_alive());
/// # Ok::<(), dunlin_codec::HeadError>(())
/// ```
#[derive(Debug, Default)]
pub struct HeadDecoder {
    parser: RequestParser,
    block: Option<HeadBlock>,
}

impl HeadDecoder {
    /// A decoder at the start of a head.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes the head at the front of `input` and takes it off there.
    ///
    /// Empty lines before the request line are taken off first (RFC 9112 §2.2). `Ok(None)` means
    /// that the head is not complete. What is left of `input` must then be there again, with more
    /// bytes behind it, at the next call with the same limits.
    ///
    /// # Errors
    ///
    /// As [`RequestParser::parse`].
    #[inline]
    pub fn decode(
        &mut self,
        input: &mut &[u8],
        limits: &Limits,
    ) -> Result<Option<(RequestHead, Facts)>, HeadError> {
        if input.is_empty() {
            return Ok(None);
        }
        let Self { parser, block: kept } = self;
        parser.parse_then(
            input,
            limits,
            &mut Taking::new(kept.take()),
            |block, bytes, line| {
                let (method, version) = (line.method(bytes), line.version());
                let mut facts = Facts::of_request_line(method, version);
                facts.add_request_fields(bytes, block.fields())?;
                let (start, mark, end) = line.target();
                let line = RequestLine {
                    method: owned_method(method)?,
                    version: version.into(),
                    target: start..end,
                    path: start..mark,
                    query: (mark < end).then_some(mark + 1..end),
                };
                Ok(block.0.take().map(|block| (block.into_vouched_request(bytes, line), facts)))
            },
            |block, head, begun| match head? {
                Some(head) => Self::finish(block, &head),
                None => {
                    // Empty lines alone leave nothing to keep a block for.
                    *kept = block.0.take().filter(|_| begun);
                    Ok(None)
                }
            },
        )
    }

    /// Makes an owned head of one that has an unusual request line, or came in pieces.
    #[cold]
    fn finish(
        block: &mut Taking,
        head: &ParsedRequest<'_>,
    ) -> Result<Option<(RequestHead, Facts)>, HeadError> {
        let (method, version) = (head.method(), head.version());
        let mut facts = Facts::of_request_line(method, version);
        facts.add_request_fields(head.bytes(), block.fields())?;
        let target = head.target();
        let line = RequestLine {
            method: owned_method(method)?,
            version: version.into(),
            target: range(target.whole()),
            path: range(target.path()),
            query: target.query().map(range),
        };
        Ok(block.0.take().map(|block| (block.into_vouched_request(head.bytes(), line), facts)))
    }

    /// Whether a head has been begun: bytes of it were seen by [`decode`](Self::decode).
    pub fn is_within_head(&self) -> bool {
        self.parser.is_within_head()
    }
}

/// A block that takes fields into its span table, until it is taken itself.
pub(super) struct Taking(Option<HeadBlock>);

impl Taking {
    /// A block that was kept, or one of this thread.
    #[inline]
    pub(super) fn new(kept: Option<HeadBlock>) -> Self {
        Self(Some(kept.unwrap_or_else(HeadBlock::take)))
    }

    #[inline]
    pub(super) fn into_block(self) -> Option<HeadBlock> {
        self.0
    }

    #[inline]
    pub(super) fn fields(&mut self) -> impl Iterator<Item = Field> {
        let spans = self.0.as_mut().map_or(&[][..], |block| block.spans_mut());
        spans.iter().map(|span| Field {
            name: Span { start: span.name_start, len: span.name_len },
            value: Span { start: span.value_start, len: span.value_len },
        })
    }
}

impl FieldSink for Taking {
    #[inline]
    fn push(&mut self, field: Field) {
        self.push_all(&[field]);
    }

    #[inline]
    fn push_all(&mut self, fields: &[Field]) {
        let Some(block) = &mut self.0 else { return };
        let spans = block.spans_mut();
        // A copy by function is worth its call from some fields on.
        if fields.len() > 6 {
            spans.extend(fields.iter().map(span));
        } else {
            fields.iter().for_each(|field| spans.push(span(field)));
        }
    }
}

#[inline]
fn span(&Field { name, value }: &Field) -> FieldSpan {
    FieldSpan {
        name_start: name.start,
        name_len: name.len,
        value_start: value.start,
        value_len: value.len,
    }
}

impl From<Version> for http::Version {
    #[inline]
    fn from(version: Version) -> Self {
        match version {
            Version::Http10 => Self::HTTP_10,
            Version::Http11 => Self::HTTP_11,
        }
    }
}

impl<'m> From<&'m http::Method> for Method<'m> {
    fn from(method: &'m http::Method) -> Self {
        Self::new(method.as_str().as_bytes())
    }
}

/// No allocation for the registered methods, nor for others up to 15 bytes.
#[inline]
fn owned_method(method: Method<'_>) -> Result<http::Method, HeadError> {
    Ok(match method {
        Method::Get => http::Method::GET,
        Method::Head => http::Method::HEAD,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
        Method::Delete => http::Method::DELETE,
        Method::Connect => http::Method::CONNECT,
        Method::Options => http::Method::OPTIONS,
        Method::Trace => http::Method::TRACE,
        Method::Patch => http::Method::PATCH,
        Method::Other(token) => {
            // Both sides let the same bytes through; the error is for the day they do not.
            let byte = token.first().copied().unwrap_or_default();
            http::Method::from_bytes(token).map_err(|_| HeadError::Method { byte, at: 0 })?
        }
    })
}

#[inline]
fn range(span: Span) -> core::ops::Range<u16> {
    span.start..span.start + span.len
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(head: &str) -> (RequestHead, Facts) {
        let mut input = head.as_bytes();
        HeadDecoder::new().decode(&mut input, &Limits::default()).unwrap().unwrap()
    }

    #[test]
    fn a_head_owns_what_was_parsed() {
        let (head, facts) = decode("PUT /a?b=c HTTP/1.0\r\nX-A: 1\r\nx-a:2\r\n\r\n");
        assert_eq!(head.method(), http::Method::PUT);
        assert_eq!(head.version(), http::Version::HTTP_10);
        assert_eq!((head.target(), head.path(), head.query()), ("/a?b=c", "/a", Some("b=c")));
        let all: Vec<_> = head.headers().iter().collect();
        assert_eq!(all, [(&b"X-A"[..], &b"1"[..]), (b"x-a", b"2")]);
        assert_eq!(facts.field_count(), 2);
    }

    #[test]
    fn every_token_is_a_method_of_http() {
        for byte in (0..=u8::MAX).filter(|&byte| crate::scan::is_token(&[byte])) {
            let method = format!("M{}", byte as char);
            let (head, _) = decode(&format!("{method} / HTTP/1.0\r\n\r\n"));
            assert_eq!(head.method().as_str(), method);
        }
    }

    #[test]
    fn targets_of_every_form_keep_their_parts() {
        let (head, _) = decode("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!((head.target(), head.path()), ("*", "*"));
        let (head, _) = decode("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n");
        assert_eq!((head.target(), head.path()), ("a:1", ""));
        let (head, _) = decode("GET http://a/b?c HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!((head.path(), head.query()), ("/b", Some("c")));
    }

    #[test]
    fn a_head_in_pieces_is_the_same_head() {
        let wire = b"\r\nGET /a HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\nrest";
        let (mut decoder, limits) = (HeadDecoder::new(), Limits::default());
        for end in 0..wire.len() - 4 {
            let start = if end > 2 { 2 } else { 0 };
            assert!(decoder.decode(&mut &wire[start..end], &limits).unwrap().is_none());
            assert_eq!((decoder.is_within_head(), decoder.block.is_some()), (end > 2, end > 2));
        }
        let mut input = &wire[2..];
        let (head, _) = decoder.decode(&mut input, &limits).unwrap().unwrap();
        assert_eq!((head.path(), head.headers().get_str("x")), ("/a", Some("y")));
        assert_eq!(input, b"rest");
        assert!(!decoder.is_within_head() && decoder.block.is_none());
    }
}
