//! `Decompress`: content codings off requests.

use dunlin_compress::{Decoding, codings, decode};
use dunlin_core::{BodyError, BoxFuture, IntoResponse, Request, Response};
use http::HeaderValue;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH};

use super::{Middleware, Next};
use crate::error::HttpError;

/// What is said to be understood.
const ACCEPTED: HeaderValue = HeaderValue::from_static("gzip, deflate, br, zstd");

/// Decoded bytes in one body, where nothing else is said: 64 MiB.
const MAX_SIZE: u64 = 64 << 20;

/// Decodes the bodies of requests that name a `Content-Encoding`: gzip, deflate (with zlib's header or
/// without), br, zstd, and up to three of them on top of each other.
///
/// ```
/// use dunlin_web::{App, Decompress, post};
///
/// let app = App::new()
///     .middleware(Decompress::new().max_ratio(50))
///     .routes([post("/notes", |note: String| async move { note.len().to_string() })]);
/// # app.build().unwrap();
/// ```
///
/// What stands further in sees the decoded body, and neither `Content-Encoding` nor `Content-Length`. An app
/// without this middleware hands bodies on as they were sent.
///
/// | limit | default | past it |
/// | --- | --- | --- |
/// | the app's, group's or route's `client_max_size`, of bodies that are gathered, counted decoded | 1 MiB | 413 |
/// | [`max_size`](Self::max_size), of streamed bodies too | 64 MiB | 413 |
/// | [`max_ratio`](Self::max_ratio), from 1 MiB on | 100 decoded bytes for each sent | 413 |
/// | [`max_members`](Self::max_members) of gzip, frames of zstd | 1,024 | 400 |
///
/// A coding that is not known is 415 with `Accept-Encoding` (RFC 9110 §15.5.16), before the body is asked
/// for. A body that is corrupt, breaks off, or goes on behind its end is 400. Nothing is decoded that no
/// handler reads: what is left of a body is passed over as it was sent.
#[derive(Clone, Debug)]
pub struct Decompress(Decoding);

impl Decompress {
    /// With the defaults.
    pub fn new() -> Self {
        Self(Decoding::default().max_len(MAX_SIZE))
    }

    /// Most decoded bytes, of bodies that are read chunk by chunk too; `None` for no limit. Default: 64 MiB.
    #[must_use]
    pub fn max_size(self, bytes: impl Into<Option<u64>>) -> Self {
        Self(self.0.max_len(bytes))
    }

    /// Most decoded bytes for each byte that was sent, from 1 MiB on; `None` for no limit. Default: 100.
    #[must_use]
    pub fn max_ratio(self, ratio: impl Into<Option<u32>>) -> Self {
        Self(self.0.max_ratio(ratio))
    }

    /// Most gzip members or zstd frames in one body; `None` for no limit but that of a thousand empty ones.
    /// Default: 1,024.
    #[must_use]
    pub fn max_members(self, members: impl Into<Option<u32>>) -> Self {
        Self(self.0.max_members(members))
    }

    fn decode(&self, req: &mut Request) -> Result<(), HttpError> {
        if !req.headers().contains(CONTENT_ENCODING) {
            return Ok(());
        }
        let codings = codings(req.headers()).map_err(|error| {
            HttpError::unsupported_media_type()
                .with_header(ACCEPT_ENCODING, ACCEPTED)
                .with_message(error.to_string())
        })?;
        if !codings.is_empty() {
            let body = std::mem::take(req.body_mut());
            // Nothing that is longer encoded than it may be decoded is worth reading.
            if let Some(limit) = self.0.max_len
                && body.exact_len().is_some_and(|len| len > limit)
            {
                return Err(BodyError::TooLarge { limit }.into());
            }
            *req.body_mut() = decode(body, &codings, &self.0);
            req.headers_mut().remove(&CONTENT_LENGTH);
        }
        req.headers_mut().remove(&CONTENT_ENCODING);
        Ok(())
    }
}

impl Default for Decompress {
    fn default() -> Self {
        Self::new()
    }
}

impl Middleware for Decompress {
    fn call(&self, mut req: Request, next: Next) -> BoxFuture<'static, Response> {
        match self.decode(&mut req) {
            Ok(()) => Box::pin(next.run(req)),
            Err(error) => Box::pin(std::future::ready(error.into_response())),
        }
    }
}
