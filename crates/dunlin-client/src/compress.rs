//! Content codings: taken off responses, put on requests (RFC 9110 §8.4).

use bytes::Bytes;
use dunlin_compress::{Decoding, codings, decode, encode, encode_all};
use dunlin_core::{Body, Headers};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderValue, StatusCode};

pub use dunlin_compress::Coding;

use crate::error::Error;
use crate::request::{Request, RequestBody};

/// What is sent as `Accept-Encoding`.
pub(crate) const ACCEPTED: &str = "gzip, deflate, br, zstd";

/// The body without the codings that its head names; as it is where there are none, or one is unknown.
pub(crate) fn decoded(body: Body, headers: &Headers, max_ratio: Option<u32>) -> Body {
    if !headers.contains(CONTENT_ENCODING) {
        return body;
    }
    // Servers send members by the thousand, and zeros behind them; none of it costs more than it brings.
    let decoding = Decoding::default()
        .max_ratio(max_ratio)
        .max_members(None)
        .padding(true)
        .answered_with(StatusCode::BAD_GATEWAY);
    match codings(headers) {
        Ok(codings) => decode(body, &codings, &decoding),
        Err(_) => body,
    }
}

/// Compresses the body of a request and names the coding: at once where it is all here, else as it is
/// sent.
pub(crate) fn encode_request(request: &mut Request, coding: Coding) -> Result<(), Error> {
    if request.headers.contains(CONTENT_ENCODING) {
        return Err(Error::invalid(
            "the request's compression",
            "Content-Encoding is set already: the body would be compressed twice",
        ));
    }
    let level = coding.default_level();
    let body = std::mem::take(&mut request.body);
    request.body = match body.as_bytes() {
        Some([]) => return Ok(()),
        Some(bytes) => {
            let encoded = encode_all(coding, level, bytes);
            let failed = |error| Error::invalid("the request's compression", error);
            Bytes::from(encoded.map_err(failed)?).into()
        }
        None => {
            let is_replayable = body.is_replayable();
            let encode = move || encode(body.take().unwrap_or_default(), coding, level);
            if is_replayable { RequestBody::replayable(encode) } else { encode().into() }
        }
    };
    request.headers.remove(&CONTENT_LENGTH);
    request.headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn unknown_and_too_many_codings_stay_on() {
        let inner = encode_all(Coding::Gzip, 6, b"hello").unwrap();
        let outer = encode_all(Coding::Brotli, 5, &inner).unwrap();
        let named =
            |codings| Headers::from_iter([(CONTENT_ENCODING, HeaderValue::from_static(codings))]);
        let body = decoded(outer.clone().into(), &named("gzip, br"), None);
        assert_eq!(body.bytes().await.unwrap(), "hello");
        for codings in ["gzip, pack200", "gzip, gzip, gzip, gzip"] {
            let body = decoded(outer.clone().into(), &named(codings), None);
            assert_eq!(body.bytes().await.unwrap(), outer);
        }
    }
}
