//! Header block of a part.

use dunlin_core::MediaType;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::disposition::{self, Disposition};
use super::error::ReadError;
use super::limits::Limits;
use super::transfer::Transfer;

/// What stands before the bytes of a part.
#[derive(Clone, Debug)]
pub struct PartHead {
    headers: HeaderMap,
    name: Option<String>,
    file_name: Option<String>,
}

impl PartHead {
    /// The field's name; in form data every part has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The name of the file, by which servers tell files from fields. Folders and control characters
    /// are taken off it: empty where nothing is left, or where a form's file input was left empty. It is
    /// the peer's word all the same; files are better kept under names of one's own.
    pub fn file_name(&self) -> Option<&str> {
        self.file_name.as_deref()
    }

    /// The media type, where the part names one that can be read.
    pub fn content_type(&self) -> Option<MediaType<'_>> {
        let value = std::str::from_utf8(self.headers.get(CONTENT_TYPE)?.as_bytes()).ok()?;
        MediaType::parse(value)
    }

    /// All header fields, as they were sent.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Whether it is multipart itself and names its boundary, so that
    /// [`Reader::enter`](crate::Reader::enter) can read it.
    pub fn is_multipart(&self) -> bool {
        self.content_type()
            .is_some_and(|media| media.kind() == "multipart" && media.param("boundary").is_some())
    }

    /// Reads header lines, the empty one that ends them included.
    pub(super) fn parse(
        block: &[u8],
        part: usize,
        form_data: bool,
        limits: &Limits,
    ) -> Result<(Self, Transfer), ReadError> {
        let headers = headers(block, part, limits)?;
        let wrong = |reason| ReadError::Disposition { part, reason };
        let mut lines = headers.get_all(CONTENT_DISPOSITION).iter();
        let disposition = match (lines.next(), lines.next()) {
            (None, _) => None,
            (Some(_), Some(_)) if form_data => {
                return Err(wrong("`Content-Disposition` is doubled"));
            }
            (Some(value), _) => Some(disposition::parse(value.as_bytes())),
        };
        let Disposition { name, file_name, .. } = match disposition {
            Some(Err(reason)) if form_data => return Err(wrong(reason)),
            None if form_data => {
                return Err(wrong("a part of form data needs `Content-Disposition`"));
            }
            Some(Ok(found)) if form_data && found.kind != "form-data" => {
                return Err(wrong("a part of form data is not of disposition `form-data`"));
            }
            Some(Ok(found)) if form_data && found.name.is_none() => {
                return Err(wrong("a part of form data needs a name"));
            }
            Some(Ok(found)) => found,
            Some(Err(_)) | None => Disposition::default(),
        };
        let transfer = match headers.get("content-transfer-encoding") {
            None => Transfer::Identity,
            Some(name) => Transfer::named(name.as_bytes())
                .ok_or(ReadError::UnknownTransferEncoding { part })?,
        };
        Ok((Self { headers, name, file_name }, transfer))
    }
}

/// Fields of a block whose lines all end with CRLF. A line that begins with a blank goes on with the
/// one before (RFC 5322 §2.2.3).
fn headers(block: &[u8], part: usize, limits: &Limits) -> Result<HeaderMap, ReadError> {
    let mut headers = HeaderMap::new();
    let mut count = 0;
    // The field that the next line may go on with, and the number of its first line.
    let mut open: Option<(usize, HeaderName, Vec<u8>)> = None;
    for (index, line) in block.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        let malformed = |line| ReadError::MalformedHeader { part, line };
        let line = line.strip_suffix(b"\r\n").unwrap_or(line);
        if let [b' ' | b'\t', ..] = line {
            let Some((_, _, value)) = &mut open else { return Err(malformed(number)) };
            value.push(b' ');
            value.extend_from_slice(line.trim_ascii());
            continue;
        }
        if let Some((number, name, value)) = open.take() {
            let value = HeaderValue::from_bytes(value.trim_ascii());
            let value = value.map_err(|_| malformed(number))?;
            count += 1;
            if count > limits.max_headers || headers.try_append(name, value).is_err() {
                return Err(ReadError::TooManyHeaders { part, limit: limits.max_headers });
            }
        }
        if line.is_empty() {
            break;
        }
        let colon = memchr::memchr(b':', line).ok_or_else(|| malformed(number))?;
        let name = HeaderName::from_bytes(&line[..colon]).map_err(|_| malformed(number))?;
        open = Some((number, name, line[colon + 1..].trim_ascii().to_vec()));
    }
    Ok(headers)
}
