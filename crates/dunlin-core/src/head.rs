//! A request's head: method, target, version and fields, all in one block.

use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{Method, Uri, Version, request};

use crate::headers::pool::{self, Pool};
use crate::{FieldSpan, Headers};

thread_local!(static SPARE: Pool<Box<Inner>> = const { Pool::new() });

/// Everything before a request's body.
///
/// One pointer wide. A clone copies the head's bytes, so that method, path and fields outlive the
/// request that they came with.
pub struct RequestHead(
    /// `None` only while it is being dropped.
    Option<Box<Inner>>,
);

#[derive(Clone, Default)]
struct Inner {
    method: Method,
    version: Version,
    headers: Headers,
    target: Target,
    uri: OnceLock<Uri>,
}

#[derive(Clone, Debug, Default)]
struct Target {
    /// The target's text where the block of `headers` does not hold it.
    own: Option<Bytes>,
    /// The whole target in the block; all of `own` where that is there.
    span: (u16, u16),
    /// Path and query as offsets from the target's start; the query without its `?`.
    path: (u16, u16),
    query: Option<(u16, u16)>,
}

impl Target {
    fn of(uri: &Uri) -> Self {
        let text = uri.to_string();
        // From behind: the text has a `/` where the path is empty, which `PathAndQuery` may not have.
        let query_len = uri.query().map_or(0, |query| query.len() + 1);
        let path_end = text.len() - query_len;
        let path_start = path_end - uri.path().len();
        let span = |start: usize, end: usize| (clamp(start), clamp(end - start));
        Self {
            span: span(0, text.len()),
            path: span(path_start, path_end),
            query: uri.query().map(|query| span(text.len() - query.len(), text.len())),
            own: Some(text.into()),
        }
    }
}

/// A target that many heads have, written out once.
///
/// ```
/// use dunlin_core::{RequestHead, SharedTarget};
///
/// let target = SharedTarget::new(&"/birds?tall".parse()?);
/// let head = RequestHead::with_target(http::Method::GET, &target);
/// assert_eq!((head.path(), head.query()), ("/birds", Some("tall")));
/// # Ok::<(), http::uri::InvalidUri>(())
/// ```
#[derive(Clone, Debug)]
pub struct SharedTarget(Target);

impl SharedTarget {
    /// The target as the URI has it.
    pub fn new(uri: &Uri) -> Self {
        Self(Target::of(uri))
    }
}

/// What a decoder found on a request line; offsets are into the bytes of the head.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a decoder states all of it, and a new part must break it"
)]
pub struct RequestLine {
    /// The method.
    pub method: Method,
    /// HTTP/1.0 or HTTP/1.1.
    pub version: Version,
    /// The target as received.
    pub target: Range<u16>,
    /// The path inside the target; empty where it has none (`*`, an authority).
    pub path: Range<u16>,
    /// The query inside the target, without the `?`.
    pub query: Option<Range<u16>>,
}

impl RequestHead {
    /// A head made by hand, such as a test's.
    pub fn new(method: Method, uri: Uri) -> Self {
        Self::assemble(method, uri, Version::HTTP_11, Headers::new())
    }

    /// Head and body of an [`http::Request`], by move. Costs the target's text and a pooled box. Extensions
    /// are dropped: [`Request`](crate::Request) keeps them. The version stays what it was, and an encoder
    /// decides what becomes of it.
    ///
    /// ```
    /// use dunlin_core::RequestHead;
    ///
    /// let req = http::Request::put("/birds?tall").header("x-a", "1").body("dunlin").unwrap();
    /// let (head, body) = RequestHead::from_http(req);
    /// assert_eq!((head.path(), head.headers().get_str("x-a"), body), ("/birds", Some("1"), "dunlin"));
    /// assert_eq!(head.into_http(body).unwrap().uri(), "/birds?tall");
    /// ```
    pub fn from_http<B>(request: http::Request<B>) -> (Self, B) {
        let (parts, body) = request.into_parts();
        (parts.into(), body)
    }

    /// An [`http::Request`] with that body. Costs an [`http::Uri`] and an [`http::HeaderMap`], each unless
    /// somebody has asked for it before.
    ///
    /// Names turn into lower case. Values keep their bytes, UTF-8 or not, and those of one name their order;
    /// among different names there is none in a map.
    ///
    /// # Errors
    ///
    /// [`UnfitTarget`] for a target that [`http::Uri`] does not take, where [`uri`](Self::uri) would say
    /// another: what is sent on must be what was asked for.
    pub fn into_http<B>(self, body: B) -> Result<http::Request<B>, UnfitTarget> {
        Ok(http::Request::from_parts(self.try_into()?, body))
    }

    /// A head with a target that others have too. Costs a pooled box.
    pub fn with_target(method: Method, target: &SharedTarget) -> Self {
        let mut head = Self::take();
        *head.inner_mut() = Inner { method, target: target.0.clone(), ..Inner::default() };
        head
    }

    pub(crate) fn assemble(method: Method, uri: Uri, version: Version, headers: Headers) -> Self {
        let target = Target::of(&uri);
        let mut head = Self::take();
        *head.inner_mut() = Inner { method, version, headers, target, uri: OnceLock::from(uri) };
        head
    }

    fn take() -> Self {
        Self(Some(pool::take(&SPARE).unwrap_or_default()))
    }

    #[inline]
    fn inner(&self) -> &Inner {
        self.0.as_ref().expect("a head is whole until it is dropped")
    }

    #[inline]
    fn inner_mut(&mut self) -> &mut Inner {
        self.0.as_mut().expect("a head is whole until it is dropped")
    }

    /// The method.
    #[inline]
    pub fn method(&self) -> &Method {
        &self.inner().method
    }

    /// Replaces the method.
    pub fn set_method(&mut self, method: Method) {
        self.inner_mut().method = method;
    }

    /// HTTP/1.0 or HTTP/1.1, or what a conversion brought.
    #[inline]
    pub fn version(&self) -> Version {
        self.inner().version
    }

    /// The request target as received (RFC 9112 §3.2).
    pub fn target(&self) -> &str {
        let (_, len) = self.inner().target.span;
        self.part((0, len))
    }

    /// [`target`](Self::target) as bytes, for those who check bytes: nothing is checked for it.
    #[inline]
    pub fn target_bytes(&self) -> &[u8] {
        let (_, len) = self.inner().target.span;
        self.part_bytes((0, len))
    }

    /// The path of the target, not decoded; `*` in asterisk form, empty for an authority.
    pub fn path(&self) -> &str {
        self.part(self.inner().target.path)
    }

    /// [`path`](Self::path) as bytes, for those who compare bytes: nothing is checked for it.
    #[inline]
    pub fn path_bytes(&self) -> &[u8] {
        self.part_bytes(self.inner().target.path)
    }

    /// The query of the target, not decoded and without its `?`.
    pub fn query(&self) -> Option<&str> {
        self.inner().target.query.map(|span| self.part(span))
    }

    fn part(&self, span: (u16, u16)) -> &str {
        // Decoders let only ASCII through in a target, so this is never empty for one of theirs.
        std::str::from_utf8(self.part_bytes(span)).unwrap_or("")
    }

    /// A part of the target, by its offset from the target's start.
    #[inline]
    fn part_bytes(&self, (start, len): (u16, u16)) -> &[u8] {
        let inner = self.inner();
        match &inner.target.own {
            Some(own) => {
                let start = usize::from(start);
                own.get(start..start + usize::from(len)).unwrap_or_default()
            }
            None => {
                let start = inner.target.span.0.saturating_add(start);
                inner.headers.block().map_or(&[], |block| block.slice(start, len))
            }
        }
    }

    /// The target as [`http::Uri`]: built at the first call, then kept. A target that `http` does not
    /// take (it refuses some that the RFC allows) comes out as its path alone, or as `/`.
    pub fn uri(&self) -> &Uri {
        self.inner().uri.get_or_init(|| {
            let target = self.target();
            target
                .parse()
                .or_else(|_| self.path().parse::<PathAndQuery>().map(Uri::from))
                .unwrap_or_else(|_| Uri::from_static("/"))
        })
    }

    /// The header fields.
    #[inline]
    pub fn headers(&self) -> &Headers {
        &self.inner().headers
    }

    /// The header fields, to change them.
    pub fn headers_mut(&mut self) -> &mut Headers {
        // The target's text lives in the fields' block: it moves out before somebody changes that.
        if self.inner().target.own.is_none() {
            let text = Bytes::copy_from_slice(self.target_bytes());
            self.inner_mut().target.own = Some(text);
        }
        &mut self.inner_mut().headers
    }

    /// Whether [`uri`](Self::uri) says what the target does, and not what is left of it.
    fn is_uri_whole(&self) -> bool {
        *self.uri() == *self.target() || self.target().parse::<Uri>().is_ok()
    }

    pub(crate) fn into_http_parts(mut self) -> (Method, Uri, Version, Headers) {
        self.uri();
        let inner = self.inner_mut();
        let uri = inner.uri.take().unwrap_or_default();
        let method = std::mem::replace(&mut inner.method, Method::GET);
        (method, uri, inner.version, std::mem::take(&mut inner.headers))
    }
}

/// As [`RequestHead::from_http`].
impl From<request::Parts> for RequestHead {
    fn from(parts: request::Parts) -> Self {
        Self::assemble(parts.method, parts.uri, parts.version, parts.headers.into())
    }
}

/// As [`RequestHead::into_http`].
impl TryFrom<RequestHead> for request::Parts {
    type Error = UnfitTarget;

    fn try_from(head: RequestHead) -> Result<Self, UnfitTarget> {
        if !head.is_uri_whole() {
            return Err(UnfitTarget(head));
        }
        let (method, uri, version, headers) = head.into_http_parts();
        let (mut parts, ()) = http::Request::new(()).into_parts();
        parts.method = method;
        parts.uri = uri;
        parts.version = version;
        parts.headers = headers.into_map();
        Ok(parts)
    }
}

/// [`http::Uri`] does not take the target of a head.
#[derive(Debug, thiserror::Error)]
#[error("request target that http::Uri does not take")]
pub struct UnfitTarget(RequestHead);

impl UnfitTarget {
    /// The head, as it was.
    pub fn into_head(self) -> RequestHead {
        self.0
    }
}

fn clamp(n: usize) -> u16 {
    // `http::Uri` refuses more than 65,534 bytes.
    u16::try_from(n).unwrap_or(u16::MAX)
}

impl Clone for RequestHead {
    fn clone(&self) -> Self {
        let mut copy = Self::take();
        copy.inner_mut().clone_from(self.inner());
        copy
    }
}

/// Gives the storage back to this thread's list.
impl Drop for RequestHead {
    fn drop(&mut self) {
        if let Some(inner) = self.0.take() {
            inner.give();
        }
    }
}

impl Inner {
    /// Empties what the next head does not overwrite, and keeps the buffers.
    fn give(mut self: Box<Self>) {
        self.headers.recycle();
        if self.target.own.is_some() {
            self.target.own = None;
        }
        if self.uri.get().is_some() {
            self.uri = OnceLock::new();
        }
        pool::give(&SPARE, self);
    }
}

/// The storage of a head that is being decoded, for authors of decoders.
///
/// It comes from a list that each thread keeps, and goes back there when the head is dropped: in the
/// steady state a head costs no allocation.
///
/// ```
/// use dunlin_core::{FieldSpan, HeadBlock};
///
/// let mut block = HeadBlock::take();
/// block.spans_mut().push(FieldSpan { name_start: 0, name_len: 4, value_start: 6, value_len: 1 });
/// let headers = block.into_headers(b"Host: a\r\n\r\n");
/// assert_eq!(headers.get("host"), Some(&b"a"[..]));
/// ```
#[derive(Debug)]
pub struct HeadBlock(RequestHead);

impl HeadBlock {
    /// Empty storage of this thread.
    #[inline]
    pub fn take() -> Self {
        Self(RequestHead::take())
    }

    /// The span table to fill: offsets into the bytes that the block will be finished with.
    #[inline]
    pub fn spans_mut(&mut self) -> &mut Vec<FieldSpan> {
        &mut self.0.inner_mut().headers.block_mut().spans
    }

    /// Finishes a request's head with a copy of `bytes`, at most 64 KiB.
    #[inline]
    pub fn into_request(mut self, bytes: &[u8], line: RequestLine) -> RequestHead {
        self.0.inner_mut().headers.block_mut().copy_from(bytes);
        self.with_line(line)
    }

    /// As [`into_request`](Self::into_request), and vouches for the fields: every name is a token and every
    /// value without control bytes but tabs (RFC 9110 §5.1, §5.5), just as `http`'s types would have it.
    /// An encoder then sends them on without a look at each byte, and whoever vouches without having looked
    /// lets one message become two. What nobody vouches for, it checks.
    #[inline]
    pub fn into_vouched_request(mut self, bytes: &[u8], line: RequestLine) -> RequestHead {
        let block = self.0.inner_mut().headers.block_mut();
        block.copy_from(bytes);
        block.vouch();
        self.with_line(line)
    }

    /// Finishes a request's head with `bytes` themselves, which stay alive as long as the head does.
    pub fn into_request_shared(mut self, bytes: Bytes, line: RequestLine) -> RequestHead {
        self.0.inner_mut().headers.block_mut().share(bytes);
        self.with_line(line)
    }

    #[inline]
    fn with_line(mut self, line: RequestLine) -> RequestHead {
        let start = line.target.start;
        // A decoder that does not mean what it says gets parts that are empty.
        let relative = |r: &Range<u16>| (r.start.wrapping_sub(start), r.end.wrapping_sub(r.start));
        let inner = self.0.inner_mut();
        inner.method = line.method;
        inner.version = line.version;
        inner.target.span = (start, line.target.end.wrapping_sub(start));
        inner.target.path = relative(&line.path);
        inner.target.query = line.query.as_ref().map(relative);
        self.0
    }

    /// Finishes fields alone, such as a response's or a trailer section's, with a copy of `bytes`.
    pub fn into_headers(mut self, bytes: &[u8]) -> Headers {
        let inner = self.0.inner_mut();
        inner.headers.block_mut().copy_from(bytes);
        std::mem::take(&mut inner.headers)
    }

    /// As [`into_headers`](Self::into_headers), and vouches for the fields, as
    /// [`into_vouched_request`](Self::into_vouched_request) does.
    pub fn into_vouched_headers(mut self, bytes: &[u8]) -> Headers {
        let inner = self.0.inner_mut();
        let block = inner.headers.block_mut();
        block.copy_from(bytes);
        block.vouch();
        std::mem::take(&mut inner.headers)
    }

    /// As [`into_headers`](Self::into_headers), with `bytes` themselves.
    pub fn into_headers_shared(mut self, bytes: Bytes) -> Headers {
        let inner = self.0.inner_mut();
        inner.headers.block_mut().share(bytes);
        std::mem::take(&mut inner.headers)
    }
}

impl fmt::Debug for RequestHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead")
            .field("method", self.method())
            .field("target", &self.target())
            .field("version", &self.version())
            .field("headers", self.headers())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::ACCEPT;

    use super::*;

    fn received() -> RequestHead {
        let line = RequestLine {
            method: Method::GET,
            version: Version::HTTP_11,
            target: 4..12,
            path: 4..8,
            query: Some(9..12),
        };
        HeadBlock::take().into_request(b"GET /a/b?c=d HTTP/1.1\r\n\r\n", line)
    }

    #[test]
    fn the_target_and_its_parts_are_slices_of_the_head() {
        let head = received();
        assert_eq!((head.target(), head.path(), head.query()), ("/a/b?c=d", "/a/b", Some("c=d")));
        assert_eq!((head.target_bytes(), head.path_bytes()), (&b"/a/b?c=d"[..], &b"/a/b"[..]));
        assert_eq!(head.uri(), "/a/b?c=d");
    }

    #[test]
    fn the_target_stays_when_the_fields_change() {
        let mut head = received();
        head.headers_mut().insert(ACCEPT, HeaderValue::from_static("*/*"));
        *head.headers_mut() = Headers::new();
        assert_eq!((head.path(), head.query()), ("/a/b", Some("c=d")));
    }

    #[test]
    fn a_clone_outlives_its_original() {
        let head = received();
        let copy = head.clone();
        drop(head);
        let _reuses_the_block = received();
        assert_eq!(copy.target(), "/a/b?c=d");
    }

    #[test]
    fn a_head_from_an_uri_has_the_same_parts() {
        for (uri, path, query) in [
            ("/a?b", "/a", Some("b")),
            ("/", "/", None),
            ("http://h:1/x?y=/z", "/x", Some("y=/z")),
            ("http://h", "/", None),
            ("http://h?y", "/", Some("y")),
            ("/a?", "/a", Some("")),
            ("*", "*", None),
            ("h:80", "", None),
        ] {
            let head = RequestHead::new(Method::GET, uri.parse().unwrap());
            assert_eq!((head.path(), head.query()), (path, query), "{uri}");
        }
        assert_eq!(size_of::<RequestHead>(), 8);
    }

    /// A head as a decoder makes it, but for what one would refuse.
    fn decoded(
        method: Method,
        target: &str,
        version: Version,
        fields: &[(&str, &[u8])],
    ) -> RequestHead {
        let (mut block, mut bytes) = (HeadBlock::take(), target.as_bytes().to_vec());
        for (name, value) in fields {
            let start = bytes.len() as u16;
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(value);
            let (name_len, value_len) = (name.len() as u16, value.len() as u16);
            let value_start = start + name_len;
            block.spans_mut().push(FieldSpan {
                name_start: start,
                name_len,
                value_start,
                value_len,
            });
        }
        let end = target.len() as u16;
        let line = RequestLine { method, version, target: 0..end, path: 0..end, query: None };
        block.into_request(&bytes, line)
    }

    #[test]
    fn every_form_of_target_and_version_goes_to_http_and_back() {
        for (method, target) in [
            (Method::GET, "/"),
            (Method::GET, "/a%20b/c;d?e=f&g=/?"),
            (Method::GET, "//a/../b?"),
            (Method::GET, "http://a.example:80/b?c"),
            (Method::GET, "http://a.example/"),
            (Method::CONNECT, "a.example:443"),
            (Method::CONNECT, "[::1]:443"),
            (Method::OPTIONS, "*"),
            (Method::from_bytes(b"M-SEARCH").unwrap(), "*"),
        ] {
            for version in [Version::HTTP_10, Version::HTTP_11] {
                let http = decoded(method.clone(), target, version, &[]).into_http("body").unwrap();
                assert_eq!((http.method(), http.version()), (&method, version));
                assert_eq!(http.uri(), target);
                let (back, body) = RequestHead::from_http(http);
                assert_eq!(
                    (back.method(), back.target(), back.version()),
                    (&method, target, version)
                );
                assert_eq!(body, "body");
                assert_eq!(back.clone().into_http(()).unwrap().uri(), target);
            }
        }
        let (head, ()) = RequestHead::from_http(
            http::Request::get("/").version(Version::HTTP_2).body(()).unwrap(),
        );
        assert_eq!(head.version(), Version::HTTP_2);
    }

    #[test]
    fn a_target_that_http_does_not_take_is_an_error_and_never_another_target() {
        for target in ["http://a.example/^", "/a\\b", "/<", "", "http://", "/a|b"] {
            let head = decoded(Method::GET, target, Version::HTTP_11, &[]);
            let takes = target.parse::<Uri>().is_ok();
            match head.into_http(()) {
                Ok(http) => assert!(takes && *http.uri() == *target, "{target}"),
                Err(error) => {
                    assert!(!takes, "{target}");
                    assert_eq!(error.into_head().target(), target);
                }
            }
        }
        // Nor where the part of it that `http` takes was asked for before.
        let mut head = decoded(Method::GET, "http://a b/", Version::HTTP_11, &[]);
        assert_eq!(head.uri(), "/");
        head.headers_mut().clear();
        assert!(head.into_http(()).is_err());
    }

    #[test]
    fn fields_keep_bytes_and_the_order_of_their_name() {
        let fields: [(&str, &[u8]); 5] =
            [("X-B", b"2"), ("x-a", b"\xff\x80"), ("X-b", b"1"), ("x-A", b""), ("X-B", b"2")];
        let http = decoded(Method::GET, "/", Version::HTTP_11, &fields).into_http(()).unwrap();
        let all =
            |name| http.headers().get_all(name).iter().map(|v| v.as_bytes()).collect::<Vec<_>>();
        assert_eq!(all("x-b"), [b"2", b"1", b"2"]);
        assert_eq!(all("x-a"), [&b"\xff\x80"[..], b""]);
        let (head, ()) = RequestHead::from_http(http);
        assert_eq!(head.headers().get_all("X-B").collect::<Vec<_>>(), [b"2", b"1", b"2"]);
        assert_eq!((head.headers().get("x-a"), head.headers().len()), (Some(&b"\xff\x80"[..]), 5));
    }
}
