//! `Representation`: bytes of a known length that are served in whole, in part or not at all.

use std::ops::Range;
use std::time::SystemTime;

use bytes::Bytes;
#[cfg(feature = "files")]
use dunlin_core::FileRegion;
use dunlin_core::{Body, Headers, IntoResponse, RequestHead, Response};
use http::header::{ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, IF_RANGE};
use http::{HeaderName, HeaderValue, Method, StatusCode};

use super::disposition;
use super::pieces::{Pieces, boundary};
use crate::conditional::{ETag, Precondition, Validators, not_modified};
use crate::error::HttpError;
use crate::range::{MAX_RANGES, Selected};

/// Bytes with what is known of them, as the answer to a `GET`: conditional requests and ranges included.
///
/// [`respond`](Self::respond) decides by the request between 200, 206, 304, 412 and 416. `respond::file` does the
/// same for a file.
///
/// ```
/// use dunlin_core::{Request, Response};
/// use dunlin_web::respond::Representation;
/// use http::{HeaderValue, Method, Uri, header::RANGE};
///
/// async fn report(req: Request) -> Response {
///     let text = HeaderValue::from_static("text/plain");
///     Representation::new("0123456789").hashed().content_type(text).respond(&req)
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let mut req = Request::new(Method::GET, Uri::from_static("/"), ());
/// req.headers_mut().insert(RANGE, HeaderValue::from_static("bytes=2-4"));
/// let response = report(req).await;
/// assert_eq!(response.status(), 206);
/// assert_eq!(response.headers().get_str("content-range"), Some("bytes 2-4/10"));
/// assert_eq!(response.into_body().text().await.unwrap(), "234");
/// # });
/// ```
#[derive(Clone, Debug)]
#[must_use = "it answers nothing until `respond` is called"]
pub struct Representation {
    source: Source,
    validators: Validators,
    headers: Headers,
    status: StatusCode,
    max_ranges: usize,
    /// Whether it is one of several that have the same date.
    shares_date: bool,
}

/// Where the bytes are.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Bytes(Bytes),
    #[cfg(feature = "files")]
    File(FileRegion),
}

impl Source {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            #[cfg(feature = "files")]
            Self::File(region) => region.len,
        }
    }

    /// A part of it; `range` lies within.
    pub(super) fn slice(&self, range: &Range<u64>) -> Self {
        match self {
            // Within the length of a slice, so the casts cannot truncate.
            Self::Bytes(bytes) => {
                Self::Bytes(bytes.slice(range.start as usize..range.end as usize))
            }
            #[cfg(feature = "files")]
            Self::File(FileRegion { file, offset, .. }) => Self::File(FileRegion::new(
                file.clone(),
                offset + range.start,
                range.end - range.start,
            )),
        }
    }

    fn into_body(self) -> Body {
        match self {
            Self::Bytes(bytes) => bytes.into(),
            #[cfg(feature = "files")]
            Self::File(region) => crate::files::body(region),
        }
    }
}

impl Representation {
    /// Of these bytes, `application/octet-stream`, without validators.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        Self::of(Source::Bytes(bytes.into()))
    }

    pub(crate) fn of(source: Source) -> Self {
        let media = HeaderValue::from_static("application/octet-stream");
        Self {
            source,
            validators: Validators::default(),
            headers: Headers::from_iter([(CONTENT_TYPE, media)]),
            status: StatusCode::OK,
            max_ranges: MAX_RANGES,
            shares_date: false,
        }
    }

    /// Its entity tag. Default: none.
    pub fn etag(mut self, etag: ETag) -> Self {
        self.validators.etag = Some(etag);
        self
    }

    /// An entity tag made of the bytes themselves, as [`ETag::of_content`]. Hashing takes about a
    /// millisecond for each MiB: for what is served often, keep the tag.
    pub fn hashed(self) -> Self {
        match &self.source {
            Source::Bytes(bytes) => {
                let etag = ETag::of_content(bytes);
                self.etag(etag)
            }
            #[cfg(feature = "files")]
            Source::File(_) => self,
        }
    }

    /// When it was changed last. Default: unknown.
    pub fn last_modified(mut self, time: SystemTime) -> Self {
        self.validators.last_modified = Some(time);
        self
    }

    #[cfg(feature = "files")]
    pub(crate) fn validators(mut self, validators: Validators) -> Self {
        self.validators = validators;
        self
    }

    /// It is one of several codings, which tools mostly give the date of what they encoded: by a date alone nobody can
    /// tell them apart, so ranges go by the tag (RFC 9110 §8.8.1).
    #[cfg(feature = "files")]
    pub(crate) fn shares_date(mut self) -> Self {
        self.shares_date = true;
        self
    }

    /// Its media type. Default: `application/octet-stream`.
    pub fn content_type(self, media: HeaderValue) -> Self {
        self.header(CONTENT_TYPE, media)
    }

    /// Sets a field of the response, such as `Cache-Control`.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Has browsers save it under that name instead of showing it: see
    /// [`attachment`](super::attachment).
    pub fn attachment(self, file_name: &str) -> Self {
        self.header(CONTENT_DISPOSITION, disposition::attachment(file_name))
    }

    /// The status in place of 200, such as that of an error page; preconditions and ranges mean nothing
    /// then.
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Ranges that a request may list; one that lists more gets the whole. 0: ranges are not served.
    /// Default: 32. What overlaps is joined, so a response is never longer than the whole but for about 200
    /// bytes a part.
    pub fn max_ranges(mut self, max: usize) -> Self {
        self.max_ranges = max;
        self
    }

    /// The answer to a request.
    ///
    /// Preconditions go first ([`Validators::check`]): 304 or 412. Then, for `GET` alone, ranges
    /// (RFC 9110 §14): 206 with one part or, as `multipart/byteranges`, with several; 416 with
    /// `Content-Range` where no range can be served or the field is malformed.
    pub fn respond(self, req: &(impl AsRef<RequestHead> + ?Sized)) -> Response {
        let len = self.source.len();
        if self.status != StatusCode::OK {
            return self.whole();
        }
        match self.validators.check(req) {
            Precondition::Proceed => {}
            Precondition::NotModified => return not_modified(self.head()),
            Precondition::Failed => return HttpError::precondition_failed().into_response(),
        }
        let head = req.as_ref();
        if self.max_ranges == 0
            || *head.method() != Method::GET
            || !self.validators.allow_range(req)
            || (self.shares_date && head.headers().contains(IF_RANGE) && !has_tag(head))
        {
            return self.whole();
        }
        match Selected::of(head.headers(), len, self.max_ranges) {
            Selected::Whole => self.whole(),
            Selected::Unsatisfiable => HttpError::range_not_satisfiable()
                .with_message(format!("there are {len} bytes, and no such range among them"))
                .with_header(CONTENT_RANGE, value(format!("bytes */{len}")))
                .with_header(ACCEPT_RANGES, HeaderValue::from_static("bytes"))
                .into_response(),
            Selected::Parts(parts) => self.partial(&parts, len),
        }
    }

    /// Status and fields, without the body.
    fn head(&self) -> Response {
        let mut response = Response::default().with_status(self.status);
        *response.headers_mut() = self.headers.clone();
        self.validators.apply(response.headers_mut());
        if self.status == StatusCode::OK {
            let accepted = if self.max_ranges == 0 { "none" } else { "bytes" };
            response.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static(accepted));
        }
        response
    }

    fn whole(self) -> Response {
        self.head().with_body(self.source.into_body())
    }

    fn partial(self, parts: &[Range<u64>], len: u64) -> Response {
        let mut response = self.head().with_status(StatusCode::PARTIAL_CONTENT);
        if let [part] = parts {
            response.headers_mut().insert(CONTENT_RANGE, content_range(part, len));
            return response.with_body(self.source.slice(part).into_body());
        }
        let boundary = boundary();
        let media = self.headers.get(CONTENT_TYPE).unwrap_or_default();
        let mut pieces = Pieces::default();
        for (n, part) in parts.iter().enumerate() {
            let mut head = Vec::with_capacity(160 + media.len());
            let line = if n == 0 { "--" } else { "\r\n--" };
            let range = content_range(part, len);
            for text in [line.as_bytes(), boundary.as_bytes(), b"\r\ncontent-type: ", media] {
                head.extend_from_slice(text);
            }
            for text in [b"\r\ncontent-range: ", range.as_bytes(), b"\r\n\r\n"] {
                head.extend_from_slice(text);
            }
            pieces.push(Source::Bytes(head.into()));
            pieces.push(self.source.slice(part));
        }
        pieces.push(Source::Bytes(format!("\r\n--{boundary}--\r\n").into()));
        let media = value(format!("multipart/byteranges; boundary={boundary}"));
        response.headers_mut().insert(CONTENT_TYPE, media);
        response.with_body(pieces.into_body())
    }
}

/// Whether `If-Range` has a tag, and no date.
fn has_tag(head: &RequestHead) -> bool {
    head.headers().get(IF_RANGE).is_some_and(|value| value.starts_with(b"\""))
}

fn content_range(part: &Range<u64>, len: u64) -> HeaderValue {
    value(format!("bytes {}-{}/{len}", part.start, part.end - 1))
}

/// A value made of digits and words of ours.
fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use dunlin_core::Request;
    use http::Uri;
    use http::header::{ETAG, RANGE};

    use super::*;

    fn get(fields: &[(HeaderName, &'static str)]) -> Request {
        ask(Method::GET, fields)
    }

    fn ask(method: Method, fields: &[(HeaderName, &'static str)]) -> Request {
        let mut req = Request::new(method, Uri::from_static("/"), ());
        for (name, value) in fields {
            req.headers_mut().insert(name.clone(), HeaderValue::from_static(value));
        }
        req
    }

    fn letters() -> Representation {
        let bytes: Vec<u8> = (0..1000u32).map(|i| b'a' + (i % 26) as u8).collect();
        let text = HeaderValue::from_static("text/plain");
        Representation::new(bytes).hashed().content_type(text)
    }

    async fn text(response: Response) -> String {
        let declared = response.body().exact_len();
        let text = response.into_body().text().await.unwrap();
        assert_eq!(declared, Some(text.len() as u64));
        text
    }

    #[tokio::test]
    async fn several_ranges_come_as_parts_of_a_known_length() {
        let response = letters().respond(&get(&[(RANGE, "bytes=500-501,0-2,-1")]));
        assert_eq!(response.status(), 206);
        assert!(!response.headers().contains(CONTENT_RANGE) && response.headers().contains(ETAG));
        let media = response.headers().get_str(CONTENT_TYPE).unwrap().to_owned();
        let boundary = media.strip_prefix("multipart/byteranges; boundary=").unwrap();
        assert_eq!(boundary.len(), 32);
        let part = |range: &str, text: &str| {
            format!(
                "--{boundary}\r\ncontent-type: text/plain\r\ncontent-range: bytes {range}/1000\r\n\r\n{text}\r\n"
            )
        };
        let want = [part("500-501", "gh"), part("0-2", "abc"), part("999-999", "l")].concat();
        assert_eq!(text(response).await, format!("{want}--{boundary}--\r\n"));
    }

    #[tokio::test]
    async fn ranges_that_become_one_come_as_a_plain_part() {
        let response = letters().respond(&get(&[(RANGE, "bytes=0-1,2-3,5000-")]));
        assert_eq!(response.headers().get_str(CONTENT_RANGE), Some("bytes 0-3/1000"));
        assert_eq!(text(response).await, "abcd");
    }

    #[tokio::test]
    async fn what_cannot_be_served_is_416_and_says_how_much_there_is() {
        let response = letters().respond(&get(&[(RANGE, "bytes=1000-")]));
        assert_eq!(response.status(), 416);
        assert_eq!(response.headers().get_str(CONTENT_RANGE), Some("bytes */1000"));
    }

    #[tokio::test]
    async fn ranges_are_for_get_alone_and_can_be_switched_off() {
        let response = letters().respond(&ask(Method::HEAD, &[(RANGE, "bytes=0-1")]));
        assert_eq!((response.status(), response.body().exact_len()), (StatusCode::OK, Some(1000)));
        let response = letters().max_ranges(0).respond(&get(&[(RANGE, "bytes=0-1")]));
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers().get_str(ACCEPT_RANGES), Some("none"));
    }

    #[tokio::test]
    async fn not_modified_keeps_validators_and_loses_what_describes_the_body() {
        let etag = letters().respond(&get(&[])).headers().get_str(ETAG).unwrap().to_owned();
        let mut req = get(&[]);
        req.headers_mut().insert(http::header::IF_NONE_MATCH, etag.parse().unwrap());
        let response = letters()
            .header(http::header::CACHE_CONTROL, HeaderValue::from_static("max-age=5"))
            .respond(&req);
        assert_eq!(
            (response.status(), response.body().is_empty()),
            (StatusCode::NOT_MODIFIED, true)
        );
        assert_eq!(response.headers().get_str(ETAG), Some(&*etag));
        assert_eq!(response.headers().get_str("cache-control"), Some("max-age=5"));
        assert!(!response.headers().contains(CONTENT_TYPE));
    }

    #[tokio::test]
    async fn a_range_of_another_version_gets_the_whole() {
        let req = get(&[(RANGE, "bytes=0-1"), (http::header::IF_RANGE, "\"other\"")]);
        assert_eq!(text(letters().respond(&req)).await.len(), 1000);
    }

    #[tokio::test]
    async fn an_error_page_is_neither_conditional_nor_cut() {
        let req = get(&[(RANGE, "bytes=0-1"), (http::header::IF_NONE_MATCH, "*")]);
        let response = letters().status(StatusCode::NOT_FOUND).respond(&req);
        assert_eq!(
            (response.status(), response.body().exact_len()),
            (StatusCode::NOT_FOUND, Some(1000))
        );
    }
}
