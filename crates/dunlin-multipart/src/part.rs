//! One part: its headers, its names and where its bytes come from.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use dunlin_core::Body;
use http::header::{
    CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue,
};

use crate::disposition::{Disposition, find_control};
use crate::multipart::{Multipart, MultipartError};

/// One part of a multipart body.
///
/// ```
/// use dunlin_multipart::Part;
///
/// let part = Part::text("a,b\n1,2\n").file_name("table.csv").content_type("text/csv");
/// assert!(part.try_clone().is_some());
/// ```
pub struct Part {
    headers: HeaderMap,
    name: Option<String>,
    file_name: Option<String>,
    extended: bool,
    content: Content,
    len: Option<u64>,
    /// The first mistake of a setter, told when the body is made.
    mistake: Option<PartError>,
}

/// Where the bytes of a part come from.
pub(crate) enum Content {
    Bytes(Bytes),
    Stream(Body),
    Factory(Arc<dyn Fn() -> Body + Send + Sync>),
    Nested(Box<Multipart>),
}

impl Part {
    /// Bytes that are at hand. Content type: `application/octet-stream`, unless it is set.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self::new(Content::Bytes(bytes.into())).default_type(OCTET_STREAM)
    }

    /// Text. Content type: `text/plain; charset=utf-8`, unless it is set.
    pub fn text(text: impl Into<String>) -> Self {
        Self::plain_text(text).default_type(TEXT_UTF8)
    }

    /// A body that can be sent once. If it knows its length, that is held to; else see
    /// [`with_len`](Self::with_len). Content type: `application/octet-stream`, unless it is set.
    pub fn stream(body: impl Into<Body>) -> Self {
        let content = match body.into().try_into_whole() {
            Ok(bytes) => Content::Bytes(bytes),
            Err(body) => Content::Stream(body),
        };
        Self::new(content).default_type(OCTET_STREAM)
    }

    /// A body that is made anew each time the part is sent, so that it can be sent again after a
    /// redirect or a lost connection. Each body must have the same bytes.
    ///
    /// ```
    /// use dunlin_core::Body;
    /// use dunlin_multipart::Part;
    ///
    /// let part = Part::replayable(|| Body::from("read anew"));
    /// assert!(part.is_replayable());
    /// ```
    pub fn replayable(make: impl Fn() -> Body + Send + Sync + 'static) -> Self {
        Self::new(Content::Factory(Arc::new(make))).default_type(OCTET_STREAM)
    }

    /// A multipart body within this one. Its content type follows from it.
    pub fn multipart(multipart: Multipart) -> Self {
        let content_type = multipart.content_type();
        Self::new(Content::Nested(Box::new(multipart))).default_type(content_type)
    }

    /// Text without a content type, as browsers send fields.
    pub(crate) fn plain_text(text: impl Into<String>) -> Self {
        Self::new(Content::Bytes(text.into().into()))
    }

    fn new(content: Content) -> Self {
        Self {
            headers: HeaderMap::new(),
            name: None,
            file_name: None,
            extended: false,
            content,
            len: None,
            mistake: None,
        }
    }

    fn default_type(mut self, value: HeaderValue) -> Self {
        self.headers.insert(CONTENT_TYPE, value);
        self
    }

    /// The field's name. Default: none; [`Form`](crate::Form) sets it, and needs one.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        let name = name.into();
        if let Some(at) = find_control(&name) {
            self.keep(PartError::ControlInName { at });
        }
        self.name = Some(name);
        self
    }

    /// The name of the file. Default: none. A server that takes uploads tells files from fields by
    /// it. Folders in it are sent as they are.
    pub fn file_name(mut self, file_name: impl Into<String>) -> Self {
        let file_name = file_name.into();
        if let Some(at) = find_control(&file_name) {
            self.keep(PartError::ControlInFileName { at });
        }
        self.file_name = Some(file_name);
        self
    }

    /// Whether `filename*` (RFC 8187) follows `filename`. Default: no. RFC 7578 §4.2 has none in
    /// form data, where all read UTF-8 in `filename`; some readers of other subtypes want it.
    pub fn extended_file_name(mut self, extended: bool) -> Self {
        self.extended = extended;
        self
    }

    /// The content type, in place of the one that the kind of body brings.
    pub fn content_type(mut self, content_type: impl AsRef<str>) -> Self {
        match HeaderValue::from_str(content_type.as_ref()) {
            Ok(value) => {
                self.headers.insert(CONTENT_TYPE, value);
            }
            Err(_) => self.keep(PartError::BadContentType),
        }
        self
    }

    /// Adds a header; of the same name there may be several, except that `Content-Type` is replaced.
    ///
    /// A `Content-Disposition` given here is used where the part has neither name nor file name.
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        match (name.try_into(), value.try_into()) {
            (Ok(CONTENT_TYPE), Ok(value)) => {
                self.headers.insert(CONTENT_TYPE, value);
            }
            (Ok(name), Ok(value)) => {
                self.headers.append(name, value);
            }
            (Ok(name), Err(_)) => self.keep(PartError::BadHeaderValue { name }),
            (Err(_), _) => self.keep(PartError::BadHeaderName),
        }
        self
    }

    /// The headers besides `Content-Disposition`.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The headers besides `Content-Disposition`, to change; without `Content-Type` none is sent.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    /// Promises the length, in bytes, of a body that does not know its own. A body that breaks the
    /// promise fails with [`LengthError`](crate::LengthError) before a byte too many is sent.
    pub fn with_len(mut self, len: u64) -> Self {
        self.len = Some(len);
        self
    }

    /// Whether [`try_clone`](Self::try_clone) gives a part.
    pub fn is_replayable(&self) -> bool {
        match &self.content {
            Content::Bytes(_) | Content::Factory(_) => true,
            Content::Stream(_) => false,
            Content::Nested(nested) => nested.is_replayable(),
        }
    }

    /// The same part again, unless its body can be sent only once.
    pub fn try_clone(&self) -> Option<Self> {
        let content = match &self.content {
            Content::Bytes(bytes) => Content::Bytes(bytes.clone()),
            Content::Factory(make) => Content::Factory(Arc::clone(make)),
            Content::Nested(nested) => Content::Nested(Box::new(nested.try_clone()?)),
            Content::Stream(_) => return None,
        };
        Some(Self {
            headers: self.headers.clone(),
            name: self.name.clone(),
            file_name: self.file_name.clone(),
            extended: self.extended,
            content,
            len: self.len,
            mistake: self.mistake.clone(),
        })
    }

    /// Appends the header lines and the empty line, and hands out what follows them, with its
    /// length where that is known.
    pub(crate) fn write_head(
        mut self,
        form_data: bool,
        out: &mut Vec<u8>,
    ) -> Result<(Content, Option<u64>), PartError> {
        if let Some(mistake) = self.mistake {
            return Err(mistake);
        }
        if form_data {
            if self.name.is_none() {
                return Err(PartError::Unnamed);
            }
            for name in [CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TRANSFER_ENCODING] {
                if self.headers.contains_key(&name) {
                    return Err(PartError::NotInFormData { name });
                }
            }
        }
        if let Content::Factory(make) = &self.content {
            self.content = match make().try_into_whole() {
                Ok(bytes) => Content::Bytes(bytes),
                Err(body) => Content::Stream(body),
            };
        }
        let len = self.settle_len()?;

        if self.name.is_some() || self.file_name.is_some() {
            self.headers.remove(CONTENT_DISPOSITION);
            out.extend_from_slice(b"Content-Disposition: ");
            let kind = if form_data { "form-data" } else { "attachment" };
            let (name, file_name) = (self.name.as_deref(), self.file_name.as_deref());
            Disposition { kind, name, file_name, extended: self.extended }.write(out);
            out.extend_from_slice(b"\r\n");
        }
        for (name, value) in &self.headers {
            write_capitalised(out, name);
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        Ok((self.content, len))
    }

    /// The one length that body, promise and header agree on.
    fn settle_len(&self) -> Result<Option<u64>, PartError> {
        let own = match &self.content {
            Content::Bytes(bytes) => Some(bytes.len() as u64),
            Content::Stream(body) => body.exact_len(),
            Content::Factory(_) | Content::Nested(_) => None,
        };
        if let (Some(own), Some(promised)) = (own, self.len)
            && own != promised
        {
            return Err(PartError::OtherLength { promised, actual: own });
        }
        let len = own.or(self.len);
        // A reader that trusts this header would cut the part elsewhere than its boundary does.
        let mut declared = self.headers.get_all(CONTENT_LENGTH).iter();
        match (declared.next(), declared.next()) {
            (None, _) => Ok(len),
            (Some(value), None) if len.is_some_and(|len| *value == len.to_string()) => Ok(len),
            _ => Err(PartError::UnsureContentLength),
        }
    }

    fn keep(&mut self, mistake: PartError) {
        self.mistake.get_or_insert(mistake);
    }
}

const OCTET_STREAM: HeaderValue = HeaderValue::from_static("application/octet-stream");
const TEXT_UTF8: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const CONTENT_TRANSFER_ENCODING: HeaderName = HeaderName::from_static("content-transfer-encoding");

/// Header names of a part are case-insensitive, but not to every server; capitals are what
/// browsers send.
fn write_capitalised(out: &mut Vec<u8>, name: &HeaderName) {
    let mut at_start = true;
    for byte in name.as_str().bytes() {
        out.push(if at_start { byte.to_ascii_uppercase() } else { byte });
        at_start = byte == b'-';
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part")
            .field("name", &self.name)
            .field("file_name", &self.file_name)
            .field("headers", &self.headers)
            .field("content", &self.content)
            .finish_non_exhaustive()
    }
}

/// Never the bytes: they may be long, or secret.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Stream(body) => f.debug_tuple("Stream").field(&body.exact_len()).finish(),
            Self::Factory(_) => f.write_str("Factory"),
            Self::Nested(nested) => f.debug_tuple("Nested").field(nested).finish(),
        }
    }
}

/// Why a part cannot be written.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PartError {
    /// The name holds a control character other than tab, CR and LF.
    #[error("the name holds a control character at byte {at}")]
    ControlInName {
        /// Its offset.
        at: usize,
    },
    /// The file name holds a control character other than tab, CR and LF.
    #[error("the file name holds a control character at byte {at}")]
    ControlInFileName {
        /// Its offset.
        at: usize,
    },
    /// The content type holds what no header value may.
    #[error("the content type holds a control character")]
    BadContentType,
    /// A header's name is no token.
    #[error("a header's name is not a token")]
    BadHeaderName,
    /// A header's value holds what none may.
    #[error("the value of header `{name}` holds a control character")]
    BadHeaderValue {
        /// The header.
        name: HeaderName,
    },
    /// A part of form data has no name (RFC 7578 §4.2).
    #[error("a part of form data needs a name")]
    Unnamed,
    /// A header that form data must not have (RFC 7578 §4.8).
    #[error("header `{name}` is not allowed in form data")]
    NotInFormData {
        /// The header.
        name: HeaderName,
    },
    /// [`Part::with_len`] promised something else than the body knows of itself.
    #[error("{promised} bytes are promised of a body of {actual}")]
    OtherLength {
        /// What was promised.
        promised: u64,
        /// What the body has.
        actual: u64,
    },
    /// `Content-Length` is not the length of the body, or that is not known, or it is set twice.
    #[error("`Content-Length` is not known to be the length of the body")]
    UnsureContentLength,
    /// The boundary that was chosen stands in the body, which would end the part there.
    #[error("the body holds the boundary at byte {at}")]
    HoldsBoundary {
        /// Offset of its hyphens.
        at: usize,
    },
    /// A multipart body within cannot be written.
    #[error("in the multipart body within: {0}")]
    Nested(Box<MultipartError>),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(part: Part) -> Result<String, PartError> {
        let mut out = Vec::new();
        part.write_head(true, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_disposition_comes_first_and_names_are_capitalised() {
        let part = Part::bytes("x").name("a").file_name("b.bin").header("x-trace-id", "7");
        assert_eq!(
            head(part).unwrap(),
            "Content-Disposition: form-data; name=\"a\"; filename=\"b.bin\"\r\n\
             Content-Type: application/octet-stream\r\nX-Trace-Id: 7\r\n\r\n"
        );
    }

    #[test]
    fn a_content_type_is_replaced_never_doubled() {
        let part = Part::text("x").name("a").content_type("text/csv");
        assert!(head(part).unwrap().contains("Content-Type: text/csv\r\n"));
        let part = Part::text("x").name("a").header("Content-Type", "text/html");
        assert_eq!(head(part).unwrap().matches("Content-Type").count(), 1);
    }

    #[test]
    fn a_disposition_of_ones_own_is_sent_where_there_is_no_name() {
        let written = |part: Part| {
            let mut out = Vec::new();
            part.write_head(false, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let own = || Part::bytes("x").header("content-disposition", "inline");
        assert!(written(own()).contains("Content-Disposition: inline\r\n"));
        let named = written(own().file_name("a"));
        assert!(
            named.starts_with("Content-Disposition: attachment; filename=\"a\"\r\n"),
            "{named}"
        );
        assert!(!named.contains("inline"));
    }

    #[test]
    fn control_characters_are_refused_wherever_they_come_in() {
        let bare = || Part::bytes("x").name("a");
        for bad in ["a\0b", "a\x1bb", "a\x7fb"] {
            assert_eq!(head(bare().name(bad)), Err(PartError::ControlInName { at: 1 }));
            assert_eq!(head(bare().file_name(bad)), Err(PartError::ControlInFileName { at: 1 }));
        }
        for bad in ["text/plain\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b"] {
            assert_eq!(head(bare().content_type(bad)), Err(PartError::BadContentType));
            let name = HeaderName::from_static("x-a");
            assert_eq!(head(bare().header("x-a", bad)), Err(PartError::BadHeaderValue { name }));
            assert_eq!(head(bare().header(bad, "1")), Err(PartError::BadHeaderName));
        }
    }

    #[test]
    fn headers_that_form_data_must_not_have_are_refused() {
        for bad in ["content-encoding", "content-length", "content-transfer-encoding"] {
            let name = HeaderName::from_static(bad);
            let part = Part::bytes("x").name("a").header(bad, "1");
            assert_eq!(head(part), Err(PartError::NotInFormData { name }));
        }
        assert_eq!(head(Part::bytes("x")), Err(PartError::Unnamed));
    }

    #[test]
    fn a_content_length_must_be_the_length() {
        let write = |part: Part| part.write_head(false, &mut Vec::new()).map(|(_, len)| len);
        let sure = Part::bytes("four").header("content-length", "4");
        assert_eq!(write(sure), Ok(Some(4)));
        for bad in ["5", "04", "+4"] {
            let part = Part::bytes("four").header("content-length", bad);
            assert_eq!(write(part), Err(PartError::UnsureContentLength));
        }
        let twice = Part::bytes("four").header("content-length", "4").header("content-length", "4");
        assert_eq!(write(twice), Err(PartError::UnsureContentLength));
        let (_sender, body) = Body::channel(64);
        let unknown = Part::stream(body).header("content-length", "4");
        assert_eq!(write(unknown), Err(PartError::UnsureContentLength));
    }

    #[test]
    fn a_promise_that_the_body_belies_is_refused() {
        let part = Part::bytes("four").name("a").with_len(5);
        assert_eq!(head(part), Err(PartError::OtherLength { promised: 5, actual: 4 }));
    }

    #[test]
    fn debug_output_has_no_bytes_of_the_body() {
        let shown = format!("{:?}", Part::text("hunter2").name("password"));
        assert!(shown.contains("password") && !shown.contains("hunter2"), "{shown}");
    }
}
