//! Content codings: gzip, deflate, br and zstd (RFC 9110 §8.4).

mod body;
mod coder;

use bytes::Bytes;
use dunlin_core::Headers;
use http::HeaderValue;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};

pub(crate) use self::body::decoded;
use crate::error::Error;
use crate::request::{Request, RequestBody};

/// What is sent as `Accept-Encoding`.
pub(crate) const ACCEPTED: &str = "gzip, deflate, br, zstd";

/// A content coding.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
pub enum Coding {
    /// `gzip` (RFC 1952).
    Gzip,
    /// `deflate`: zlib's format around it (RFC 1950).
    Deflate,
    /// `br` (RFC 7932).
    Brotli,
    /// `zstd` (RFC 8878).
    Zstd,
}

impl Coding {
    /// Its name in `Content-Encoding`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    fn of(name: &str) -> Option<Self> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("gzip") || is("x-gzip") {
            Some(Self::Gzip)
        } else if is("deflate") {
            Some(Self::Deflate)
        } else if is("br") {
            Some(Self::Brotli)
        } else if is("zstd") {
            Some(Self::Zstd)
        } else {
            None
        }
    }
}

/// Most codings on top of each other that are taken off; a server that names more wants to waste time.
const MAX_LAYERS: usize = 3;

/// The codings of a body in the order in which they are to be taken off; none where one of them is not
/// known, since what is below it cannot be reached.
fn layers(headers: &Headers) -> Vec<Coding> {
    let mut layers = Vec::new();
    for value in headers.get_all("content-encoding") {
        let Ok(value) = std::str::from_utf8(value) else { return Vec::new() };
        for name in value.split(',').map(str::trim) {
            if name.is_empty() || name.eq_ignore_ascii_case("identity") {
                continue;
            }
            match Coding::of(name) {
                Some(coding) if layers.len() < MAX_LAYERS => layers.push(coding),
                _ => return Vec::new(),
            }
        }
    }
    layers.reverse();
    layers
}

/// Compresses the body of a request and names the coding: at once where it is all here, else as it is
/// sent.
pub(crate) fn encode_request(request: &mut Request, coding: Coding) -> Result<(), Error> {
    if request.headers.contains("content-encoding") {
        return Err(Error::invalid(
            "the request's compression",
            "Content-Encoding is set already: the body would be compressed twice",
        ));
    }
    let body = std::mem::take(&mut request.body);
    request.body = match body.as_bytes() {
        Some([]) => return Ok(()),
        Some(bytes) => Bytes::from(coder::encode_all(coding, bytes)?).into(),
        None => {
            let is_replayable = body.is_replayable();
            let encode = move || {
                let body = body.take().unwrap_or_default();
                body::encoded(body, coding)
            };
            if is_replayable { RequestBody::replayable(encode) } else { encode().into() }
        }
    };
    request.headers.remove(&CONTENT_LENGTH);
    request.headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    Ok(())
}
