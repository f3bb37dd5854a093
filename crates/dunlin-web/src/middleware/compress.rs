//! `Compress`: content codings on responses.

use std::fmt;
use std::sync::Arc;

use dunlin_compress::{Coding, encode, encode_all};
use dunlin_core::{Body, BoxFuture, Headers, Request, Response};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG,
};
use http::{HeaderName, HeaderValue, Method, StatusCode};

use super::{Middleware, Next, vary};
use crate::accept_encoding::AcceptEncoding;

/// Bodies up to this length are compressed at once, so that they keep a `Content-Length`; longer ones as
/// they are sent.
const AT_ONCE_MAX: u64 = 32 * 1024;

/// Compresses responses: gzip, deflate, br or zstd, whichever the client rates highest (RFC 9110 §12.5.3).
///
/// ```
/// use dunlin_web::{App, Compress, get};
///
/// let app = App::new().middleware(Compress::new()).routes([
///     get("/report", || async { "all the same ".repeat(1_000) }),
///     get("/token", || async { "secret" }).middleware(Compress::off()),
/// ]);
/// # app.build().unwrap();
/// ```
///
/// | what | default |
/// | --- | --- |
/// | [`codings`](Self::codings), the preferred first among those rated alike | zstd, br, gzip, deflate |
/// | [`level`](Self::level) | zstd 3, br 5, gzip and deflate 6 |
/// | [`min_size`](Self::min_size) | 1,024 bytes, of bodies whose length is known |
/// | [`types`](Self::types) | text, JSON, JavaScript, XML, SVG, WebAssembly, uncompressed fonts and images |
///
/// Left alone are answers without content and partial ones (204, 205, 206, 304), those that have a
/// `Content-Encoding` already, say `Cache-Control: no-transform`, or come with [`NoCompress`] in their
/// extensions. Whatever might be compressed for another client says `Vary: Accept-Encoding`. What is
/// compressed loses `Content-Length`, `Accept-Ranges` and digests of its bytes, and its `ETag` becomes weak,
/// as that of a 304 does.
///
/// A streamed body is flushed whenever its source has nothing for the moment: events and tokens are not held
/// back. A long body that is all there is compressed a piece at a time, between which other tasks run.
///
/// # Costs
///
/// A body up to 32 KiB long is compressed at once. A stream keeps an encoder from its first byte to its last:
/// 0.35 MiB for gzip and deflate, 0.9 MiB for zstd, 1.3 MiB for br. Where tens of thousands are open at a time,
/// such as of events, leave them to gzip ([`codings`](Self::codings) on their route) or uncompressed.
///
/// # Secrets
///
/// Where a page holds a secret, such as a token against forged requests, beside something that a stranger
/// can put into it, such as a search term, the length of the compressed page tells the stranger about the
/// secret (BREACH). Turn compression [off](Self::off) on such routes, or mask the secret anew in each
/// answer.
#[derive(Clone)]
pub struct Compress(Arc<Settings>);

/// In the extensions of a response: no [`Compress`] touches it.
///
/// ```
/// use dunlin_core::Response;
/// use dunlin_web::NoCompress;
///
/// async fn token() -> Response {
///     let mut response = Response::new("secret");
///     response.extensions_mut().insert(NoCompress);
///     response
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a marker")]
pub struct NoCompress;

type Types = dyn Fn(&str) -> bool + Send + Sync;

#[derive(Clone)]
struct Settings {
    /// None of them: switched off.
    codings: Vec<Coding>,
    levels: Vec<(Coding, u32)>,
    min_size: u64,
    types: Arc<Types>,
}

impl Compress {
    /// With the defaults.
    pub fn new() -> Self {
        Self(Arc::new(Settings {
            codings: vec![Coding::Zstd, Coding::Brotli, Coding::Gzip, Coding::Deflate],
            levels: Vec::new(),
            min_size: 1_024,
            types: Arc::new(is_compressible),
        }))
    }

    /// For a route or a group: nothing inside of it is compressed, not by the middleware around it either.
    pub fn off() -> Self {
        Self::new().codings([])
    }

    /// The codings, the preferred first. Default: zstd, br, gzip, deflate.
    #[must_use]
    pub fn codings(self, codings: impl IntoIterator<Item = Coding>) -> Self {
        let codings = codings.into_iter().collect();
        self.edit(|settings| settings.codings = codings)
    }

    /// The level of a coding; above [`Coding::max_level`] that is meant.
    #[must_use]
    pub fn level(self, coding: Coding, level: u32) -> Self {
        self.edit(|settings| {
            settings.levels.retain(|(other, _)| *other != coding);
            settings.levels.push((coding, level));
        })
    }

    /// Bytes below which a body is not worth it, where its length is known. Default: 1,024. A client that
    /// refuses uncompressed bodies (`identity;q=0`) gets shorter ones compressed too.
    #[must_use]
    pub fn min_size(self, bytes: u64) -> Self {
        self.edit(|settings| settings.min_size = bytes)
    }

    /// Which media types are compressed; is given type and subtype, in lower case, without parameters.
    #[must_use]
    pub fn types(self, types: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.edit(|settings| settings.types = Arc::new(types))
    }

    fn edit(mut self, edit: impl FnOnce(&mut Settings)) -> Self {
        edit(Arc::make_mut(&mut self.0));
        self
    }
}

impl Default for Compress {
    fn default() -> Self {
        Self::new()
    }
}

impl Middleware for Compress {
    fn call(&self, req: Request, next: Next) -> BoxFuture<'static, Response> {
        let settings = Arc::clone(&self.0);
        let accept = accept(req.headers());
        let method = req.method().clone();
        Box::pin(async move {
            let mut response = next.run(req).await;
            settings.compress(&accept, &method, &mut response);
            response
        })
    }
}

type Accept = AcceptEncoding<{ Coding::ALL.len() }>;

fn accept(headers: &Headers) -> Accept {
    Accept::of(headers, |name| Coding::from_name(name).map(index))
}

fn index(coding: Coding) -> usize {
    Coding::ALL.iter().position(|other| *other == coding).unwrap_or(0)
}

/// The coding with the highest q-value, of several the first of `preferred`; none where the peer takes none
/// of them, or rather has the body without.
fn choose(accept: &Accept, preferred: &[Coding]) -> Option<Coding> {
    let mut best = (None, 0);
    for coding in preferred {
        let quality = accept.quality(index(*coding));
        if quality > best.1 {
            best = (Some(*coding), quality);
        }
    }
    best.0.filter(|_| accept.identity().is_none_or(|identity| identity <= best.1))
}

impl Settings {
    fn compress(&self, accept: &Accept, method: &Method, response: &mut Response) {
        // What stands further in has decided.
        if response.extensions_mut().get::<NoCompress>().is_some() {
            return;
        }
        response.extensions_mut().insert(NoCompress);
        if self.codings.is_empty() || method == Method::CONNECT || !self.may_vary(response) {
            return;
        }
        vary(response.headers_mut(), "Accept-Encoding");
        let Some(coding) = choose(accept, &self.codings) else { return };
        if response.status() == StatusCode::NOT_MODIFIED {
            // As the answer that it stands for (RFC 9110 §15.4.5).
            return weaken_etag(response.headers_mut());
        }
        let len = response.body().exact_len();
        if len.is_some_and(|len| len == 0 || len < self.min_size && !accept.refuses_identity()) {
            return;
        }
        let level = self.levels.iter().find(|(other, _)| *other == coding);
        let level = level.map_or_else(|| coding.default_level(), |(_, level)| *level);
        let body = std::mem::take(response.body_mut());
        let at_once = len.is_some_and(|len| len <= AT_ONCE_MAX) && method != Method::HEAD;
        *response.body_mut() = match body.as_whole().filter(|_| at_once) {
            // The body for HEAD is never polled, so nothing is done for it.
            None => encode(body, coding, level),
            Some(whole) => match encode_all(coding, level, whole) {
                Ok(encoded) if encoded.len() < whole.len() || accept.refuses_identity() => {
                    Body::from(encoded)
                }
                _ => {
                    *response.body_mut() = body;
                    return;
                }
            },
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        weaken_etag(headers);
        const OF_BYTES: [HeaderName; 2] = [CONTENT_LENGTH, ACCEPT_RANGES];
        const DIGESTS: [&str; 3] = ["content-md5", "content-digest", "repr-digest"];
        for name in OF_BYTES.into_iter().chain(DIGESTS.map(HeaderName::from_static)) {
            if headers.contains(&name) {
                headers.remove(&name);
            }
        }
    }

    /// Whether the response is one that may be compressed for some client.
    fn may_vary(&self, response: &Response) -> bool {
        let (status, headers) = (response.status(), response.headers());
        if status == StatusCode::NOT_MODIFIED {
            return headers.contains(ETAG) && !is_no_transform(headers);
        }
        let has_content = !status.is_informational() && !matches!(status.as_u16(), 204..=206);
        let is_settled = headers.contains(CONTENT_ENCODING)
            || headers.contains(CONTENT_RANGE)
            || is_no_transform(headers);
        has_content && !is_settled && self.is_of_type(headers.get_str(CONTENT_TYPE))
    }

    fn is_of_type(&self, content_type: Option<&str>) -> bool {
        let Some(media) = content_type else { return false };
        let essence = media.split(';').next().unwrap_or("").trim();
        (self.types)(&essence.to_ascii_lowercase())
    }
}

fn is_no_transform(headers: &Headers) -> bool {
    headers
        .get_all(CACHE_CONTROL)
        .flat_map(|line| line.split(|b| *b == b','))
        .any(|directive| directive.trim_ascii().eq_ignore_ascii_case(b"no-transform"))
}

/// An encoded body has other bytes, so its tag no longer promises them (RFC 9110 §8.8.3.3).
fn weaken_etag(headers: &mut Headers) {
    let Some(tag) = headers.get(ETAG).filter(|tag| tag.starts_with(b"\"")) else { return };
    let weak = HeaderValue::from_bytes(&[b"W/", tag].concat());
    if let Ok(weak) = weak {
        headers.insert(ETAG, weak);
    }
}

/// Media types that become smaller.
fn is_compressible(essence: &str) -> bool {
    const ALSO: [&str; 22] = [
        "application/atom+xml",
        "application/graphql",
        "application/javascript",
        "application/json",
        "application/json5",
        "application/jsonlines",
        "application/ndjson",
        "application/rtf",
        "application/sql",
        "application/toml",
        "application/vnd.ms-fontobject",
        "application/wasm",
        "application/x-javascript",
        "application/x-ndjson",
        "application/x-www-form-urlencoded",
        "application/xml",
        "application/yaml",
        "font/otf",
        "font/ttf",
        "image/bmp",
        "image/vnd.microsoft.icon",
        "image/x-icon",
    ];
    essence.starts_with("text/")
        || ["+json", "+xml", "+text", "+yaml"].iter().any(|suffix| essence.ends_with(suffix))
        || ALSO.contains(&essence)
}

impl fmt::Debug for Compress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compress")
            .field("codings", &self.0.codings)
            .field("levels", &self.0.levels)
            .field("min_size", &self.0.min_size)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::header::ACCEPT_ENCODING;

    use super::*;

    const ORDER: [Coding; 4] = [Coding::Zstd, Coding::Brotli, Coding::Gzip, Coding::Deflate];

    fn chosen(text: &str) -> &'static str {
        let headers = Headers::from_iter([(ACCEPT_ENCODING, HeaderValue::try_from(text).unwrap())]);
        choose(&accept(&headers), &ORDER).map_or("", Coding::name)
    }

    #[test]
    fn the_best_rated_coding_wins_and_the_servers_order_breaks_ties() {
        for (accept, want) in [
            ("gzip", "gzip"),
            ("gzip, deflate, br", "br"),
            ("gzip, deflate, br, zstd", "zstd"),
            ("GZIP;Q=0.5 , deflate ; q=0.6", "deflate"),
            ("gzip;q=1.000, br;q=0.999", "gzip"),
            ("x-gzip", "gzip"),
            ("gzip;q=0.001", "gzip"),
            ("*", "zstd"),
            ("*;q=0.5, zstd;q=0", "br"),
            ("gzip;q=0.5, *;q=0", "gzip"),
            ("gzip;q=0, br;q=0.2", "br"),
            ("identity;q=0, *;q=0.1", "zstd"),
            ("pack200, gzip", "gzip"),
        ] {
            assert_eq!(chosen(accept), want, "{accept}");
        }
    }

    #[test]
    fn no_coding_is_put_on_where_none_is_wanted() {
        for accept in [
            "",
            "identity",
            "gzip;q=0",
            "gzip;q=0.000",
            "*;q=0",
            "gzip;q=0.5, identity",
            "gzip;q=0.5, identity;q=0.6",
            "pack200",
            "gzipped",
            "gzip;q=2",
            "gzip;q=-1",
            "gzip;q=0.1234",
            "gzip;q=",
            "gzip;level=9",
        ] {
            assert_eq!(chosen(accept), "", "{accept:?}");
        }
        assert_eq!(choose(&accept(&Headers::new()), &ORDER), None);
    }
}
