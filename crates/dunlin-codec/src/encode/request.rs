//! Request heads on their way out (RFC 9112 §3, §6).

use std::ops::Range;

use dunlin_core::{FieldLines, Headers, NameSet, RequestHead};

use super::{
    BodyEncoder, BodyKind, BodyLen, EncodeError, SingletonField,
    connection::{Options, append_connection},
    fields::{append_fields, ready_lines},
    length::{append_length, parse_length},
    target::{WireTarget, pick_host},
    write::append_field,
};
use crate::{
    head::{Method, Version},
    names::{Shapes, is},
    scan,
};

/// How to send a request: what its head depends on besides the request.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestCtx<'c> {
    /// Whether a proxy gets it, which has to be told the whole URI (RFC 9112 §3.2.2): not the proxy
    /// of a CONNECT, nor a server behind its tunnel. Default: no.
    pub via_proxy: bool,
    /// `host[:port]` for Host where neither the target nor the fields have it. Default: none.
    pub authority: Option<&'c str>,
    /// Close the connection after the response. Default: only where the request says so.
    pub close: bool,
}

impl<'c> RequestCtx<'c> {
    /// Sets whether a proxy gets the request. Default: no.
    #[must_use]
    pub const fn via_proxy(mut self, via_proxy: bool) -> Self {
        self.via_proxy = via_proxy;
        self
    }

    /// Sets the authority to fall back on. Default: none.
    #[must_use]
    pub const fn authority(mut self, authority: &'c str) -> Self {
        self.authority = Some(authority);
        self
    }

    /// Closes the connection after the response. Default: no.
    #[must_use]
    pub const fn close(mut self, close: bool) -> Self {
        self.close = close;
        self
    }
}

/// Appends the head of a request and returns the encoder of its body.
///
/// The target is written in the form that its reader needs: path and query to a server, the whole URI
/// to a proxy, an authority with CONNECT, `*` with OPTIONS. Host goes first: the user's, or else the
/// target's authority, or else the context's. A version besides 1.0 is written as 1.1.
///
/// The encoder alone decides on framing and persistence (RFC 9112 §6, §9.3):
///
/// | request | Content-Length | Transfer-Encoding |
/// | --- | --- | --- |
/// | without body | 0 with POST, PUT, PATCH and where the user says so, else none | none |
/// | length known, from `len` or the user's Content-Length | that | none |
/// | length unknown, HTTP/1.1 | none | `chunked` |
/// | length unknown, HTTP/1.0 | refused | |
/// | CONNECT, TRACE | none, and a body is refused | none |
///
/// Of the user's own fields: a Content-Length must agree with `len`; a Transfer-Encoding of `chunked`
/// is taken for a wish; Connection keeps its options, and `close` among them closes; Keep-Alive and
/// Proxy-Connection are left out. Expect goes out where there is a body to hold back, Trailer where
/// there are chunks, and neither these two nor TE and Upgrade, which bring their options with them, to
/// HTTP/1.0. Other fields go out as they are.
///
/// ```
/// use dunlin_codec::{BodyLen, RequestCtx, encode_request};
/// use dunlin_core::RequestHead;
///
/// let head = RequestHead::new(http::Method::GET, "http://a.example/birds?tall".parse()?);
/// let mut out = Vec::new();
/// encode_request(&head, BodyLen::Exact(0), &RequestCtx::default(), &mut out)?;
/// assert_eq!(out, b"GET /birds?tall HTTP/1.1\r\nhost: a.example\r\n\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`EncodeError`] for a request that its readers could read as another one; `out` is then as it was.
pub fn encode_request(
    head: &RequestHead,
    len: BodyLen,
    ctx: &RequestCtx<'_>,
    out: &mut Vec<u8>,
) -> Result<BodyEncoder, EncodeError> {
    append_request(head, len, ctx, out).map(|sent| sent.body)
}

/// What was written, as far as the response depends on it.
#[derive(Debug)]
pub(crate) struct SentRequest {
    pub(crate) body: BodyEncoder,
    /// `Expect: 100-continue` went out.
    pub(crate) expects_continue: bool,
    /// Upgrade went out.
    pub(crate) offers_upgrade: bool,
}

/// As [`encode_request`], with more to tell.
pub(crate) fn append_request(
    head: &RequestHead,
    len: BodyLen,
    ctx: &RequestCtx<'_>,
    out: &mut Vec<u8>,
) -> Result<SentRequest, EncodeError> {
    let start = out.len();
    let sent = append_head(head, len, ctx, out);
    if sent.is_err() {
        out.truncate(start);
    }
    sent
}

#[inline(always)]
fn append_head(
    head: &RequestHead,
    len: BodyLen,
    ctx: &RequestCtx<'_>,
    out: &mut Vec<u8>,
) -> Result<SentRequest, EncodeError> {
    let method = match *head.method() {
        http::Method::GET => Method::Get,
        ref other => not_get(other)?,
    };
    let target = WireTarget::new(head, method, ctx.via_proxy)?;
    let is_old = head.version() == http::Version::HTTP_10;
    let version = if is_old { Version::Http10 } else { Version::Http11 };

    let headers = head.headers();
    let run = ready_lines(headers, NAMES_LOOKED_AT, NAMES_ONCE);
    let own = match run {
        Some(lines) if !lines.names().meets(NameSet::of(&[HOST_NAME])) => None,
        Some(lines) => OwnHost::in_lines(lines),
        None => OwnHost::among(headers),
    };
    let host = pick_host(own.as_ref().map(|own| own.value), &target, ctx, version)?;

    let run_len = run.map_or(0, |lines| lines.as_bytes().len());
    out.reserve(target.text.len() + host.map_or(0, <[u8]>::len) + run_len + USUAL);
    append_line(method, &target, version, host, out);
    let Some(lines) = run else {
        return append_looked_at(headers, len, method, version, ctx, out);
    };
    let lines = lines.as_bytes();
    match own {
        // Host mostly comes first, as it should.
        Some(own) => {
            if own.line.start > 0 {
                out.extend_from_slice(&lines[..own.line.start]);
            }
            out.extend_from_slice(&lines[own.line.end..]);
        }
        None => out.extend_from_slice(lines),
    }
    Fields::default().end(headers, len, method, version, ctx, out)
}

/// The rest of a head whose fields do not go out as they are.
#[inline(never)]
fn append_looked_at(
    headers: &Headers,
    len: BodyLen,
    method: Method<'_>,
    version: Version,
    ctx: &RequestCtx<'_>,
    out: &mut Vec<u8>,
) -> Result<SentRequest, EncodeError> {
    let mut fields = Fields::default();
    fields.append(headers, version, out)?;
    fields.end(headers, len, method, version, ctx, out)
}

/// The method, unless it is none.
#[inline(never)]
fn not_get(method: &http::Method) -> Result<Method<'_>, EncodeError> {
    match Method::from(method) {
        Method::Other(token) if !scan::is_token(token) => Err(EncodeError::Method),
        method => Ok(method),
    }
}

/// Room for what nearly every head has besides target, host and the user's fields.
const USUAL: usize = 128;

/// Appends the request line and Host, in as few pieces as there are parts that differ.
#[inline(always)]
fn append_line(
    method: Method<'_>,
    target: &WireTarget<'_>,
    version: Version,
    host: Option<&[u8]>,
    out: &mut Vec<u8>,
) {
    match method {
        Method::Get => out.extend_from_slice(b"GET "),
        other => append_method(other, out),
    }
    if !target.lead.is_empty() {
        out.extend_from_slice(target.lead);
    }
    out.extend_from_slice(target.text);
    match (version, host) {
        (Version::Http11, Some(_)) => out.extend_from_slice(b" HTTP/1.1\r\nhost: "),
        (Version::Http11, None) => out.extend_from_slice(b" HTTP/1.1\r\n"),
        (Version::Http10, Some(_)) => out.extend_from_slice(b" HTTP/1.0\r\nhost: "),
        (Version::Http10, None) => out.extend_from_slice(b" HTTP/1.0\r\n"),
    }
    if let Some(host) = host {
        out.extend_from_slice(host);
        out.extend_from_slice(b"\r\n");
    }
}

#[inline(never)]
fn append_method(method: Method<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(method.as_bytes());
    out.push(b' ');
}

/// The user's Host, which goes out first wherever it stands.
struct OwnHost<'h> {
    value: &'h [u8],
    /// Its line, if the fields are a run of lines.
    line: Range<usize>,
}

impl<'h> OwnHost<'h> {
    /// The first of that name in a run.
    #[inline(always)]
    fn in_lines(lines: FieldLines<'h>) -> Option<Self> {
        let span = lines.find(b"host")?;
        let value_start = usize::from(span.value_start);
        let value_end = value_start + usize::from(span.value_len);
        let value = lines.as_bytes().get(value_start..value_end)?;
        Some(Self { value, line: usize::from(span.name_start)..value_end + b"\r\n".len() })
    }

    /// The first of that name where the fields are looked at one by one.
    #[inline(never)]
    fn among(headers: &'h Headers) -> Option<Self> {
        let (_, value) = headers.iter().find(|(name, _)| is(name, b"host"))?;
        Some(Self { value, line: 0..0 })
    }
}

/// Fields that the encoder looks at; where there is none of them, the others go out in one run.
const LOOKED_AT: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Fields that it looks at where they are there again.
const ONCE: [&str; 8] = [
    "content-location",
    "content-range",
    "content-type",
    "etag",
    HOST_NAME,
    "max-forwards",
    "server",
    "user-agent",
];

/// The field that goes first: taken out of the run, but for that the run stays one.
const HOST_NAME: &str = "host";

const NAMES_LOOKED_AT: NameSet = NameSet::of(&LOOKED_AT);
const NAMES_ONCE: NameSet = NameSet::of(&ONCE);
static SHAPES_LOOKED_AT: Shapes = Shapes::of(&LOOKED_AT).union(&Shapes::of(&ONCE));

/// Options on which the encoder decides.
const DECIDED: [&[u8]; 4] = [b"close", b"keep-alive", b"upgrade", b"te"];

// Fields that mean something here, a bit each.
const HOST: u32 = 1 << 0;
const CONNECTION: u32 = 1 << 1;
const LENGTH: u32 = 1 << 2;
const ENCODING: u32 = 1 << 3;
const EXPECT: u32 = 1 << 4;
const UPGRADE: u32 = 1 << 5;
const TE: u32 = 1 << 6;
const TRAILER: u32 = 1 << 7;
const HOP: u32 = 1 << 8;
// And those of which the rest of the world reads one alone; as the decoder's list (`Facts`).
const CONTENT_TYPE: u32 = 1 << 9;
const CONTENT_RANGE: u32 = 1 << 10;
const CONTENT_LOCATION: u32 = 1 << 11;
const MAX_FORWARDS: u32 = 1 << 12;
const USER_AGENT: u32 = 1 << 13;
const ETAG: u32 = 1 << 14;
const SERVER: u32 = 1 << 15;
/// Those of the first kind.
const DECIDED_ON: u32 = (HOP << 1) - 1;
/// Fields that may stand there more than once.
const LISTS: u32 = CONNECTION | UPGRADE | TRAILER | HOP;
/// Fields that wait until the rest of the head has shown whether they go out.
const LATER: u32 = EXPECT | TRAILER;

/// The field's bit, or none. Sorted by length first: most fields cost one jump.
#[inline(always)]
fn mark_of(name: &[u8]) -> u32 {
    match name.len() {
        2 if name.eq_ignore_ascii_case(b"te") => TE,
        4 if is(name, b"host") => HOST,
        4 if is(name, b"etag") => ETAG,
        6 if is(name, b"expect") => EXPECT,
        6 if is(name, b"server") => SERVER,
        7 if is(name, b"upgrade") => UPGRADE,
        7 if is(name, b"trailer") => TRAILER,
        10 if is(name, b"user-agent") => USER_AGENT,
        10 if is(name, b"connection") => CONNECTION,
        10 if is(name, b"keep-alive") => HOP,
        12 if is(name, b"content-type") => CONTENT_TYPE,
        12 if is(name, b"max-forwards") => MAX_FORWARDS,
        13 if is(name, b"content-range") => CONTENT_RANGE,
        14 if is(name, b"content-length") => LENGTH,
        16 if is(name, b"content-location") => CONTENT_LOCATION,
        16 if is(name, b"proxy-connection") => HOP,
        17 if is(name, b"transfer-encoding") => ENCODING,
        _ => 0,
    }
}

/// What the user's fields say about matters that the encoder decides.
#[derive(Default)]
struct Fields {
    seen: u32,
    length: Option<u64>,
    close: bool,
}

impl Fields {
    /// Appends the fields but for those that the encoder decides on.
    #[inline(always)]
    fn append(
        &mut self,
        headers: &Headers,
        version: Version,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        append_fields(headers, out, &SHAPES_LOOKED_AT, |name, value| match mark_of(name) {
            mark if mark & DECIDED_ON != 0 => self.take(mark, value, version),
            mark if mark & self.seen != 0 => Err(EncodeError::Repeated { name: name_of(mark) }),
            mark => {
                self.seen |= mark;
                Ok(false)
            }
        })
    }

    /// Takes a field that means something; `false` where it goes out as it is.
    #[inline(never)]
    fn take(&mut self, mark: u32, value: &[u8], version: Version) -> Result<bool, EncodeError> {
        if self.seen & mark & !LISTS != 0 {
            return Err(EncodeError::Repeated { name: name_of(mark) });
        }
        self.seen |= mark;
        match mark {
            CONNECTION => self.close |= Options::of(value)?.close,
            LENGTH => self.length = Some(parse_length(value).ok_or(EncodeError::ContentLength)?),
            ENCODING if !value.eq_ignore_ascii_case(b"chunked") => {
                return Err(EncodeError::TransferEncoding);
            }
            EXPECT if !value.eq_ignore_ascii_case(b"100-continue") => {
                return Err(EncodeError::Expectation);
            }
            TE if !value.eq_ignore_ascii_case(b"trailers") => return Err(EncodeError::Te),
            // Host went out before.
            HOST | ENCODING | HOP | EXPECT | TRAILER => {}
            TE | UPGRADE if version == Version::Http10 => self.seen &= !mark,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Appends what only all the fields together can tell, and the end of the head.
    #[inline(always)]
    fn end(
        &self,
        headers: &Headers,
        len: BodyLen,
        method: Method<'_>,
        version: Version,
        ctx: &RequestCtx<'_>,
        out: &mut Vec<u8>,
    ) -> Result<SentRequest, EncodeError> {
        let Body { kind, length } = self.pick_body(len, method, version)?;
        let expects_continue = self.seen & EXPECT != 0
            && kind != BodyKind::Length { left: 0 }
            && version == Version::Http11;
        if self.seen & LATER != 0 {
            if expects_continue {
                append_field(b"expect", b"100-continue", out);
            }
            for value in headers.get_all("trailer").filter(|_| kind == BodyKind::Chunked) {
                append_field(b"trailer", value, out);
            }
        }
        if kind == BodyKind::Chunked {
            out.extend_from_slice(b"transfer-encoding: chunked\r\n");
        } else if let Some(length) = length {
            append_length(length, out);
        }
        let close = ctx.close || self.close;
        if close || version == Version::Http10 || self.seen & (CONNECTION | TE | UPGRADE) != 0 {
            let own = [
                close.then_some(&b"close"[..]),
                (version == Version::Http10 && !close).then_some(b"keep-alive"),
                (self.seen & UPGRADE != 0).then_some(b"upgrade"),
                (self.seen & TE != 0).then_some(b"te"),
            ];
            append_connection(&own, headers, &DECIDED, out);
        }
        out.extend_from_slice(b"\r\n");
        let encoder = BodyEncoder::new(kind);
        Ok(SentRequest {
            body: if close { encoder.closing() } else { encoder },
            expects_continue,
            offers_upgrade: self.seen & UPGRADE != 0,
        })
    }

    fn pick_body(
        &self,
        len: BodyLen,
        method: Method<'_>,
        version: Version,
    ) -> Result<Body, EncodeError> {
        let left = match (len, self.length) {
            (BodyLen::Exact(len), Some(wish)) if len != wish => {
                return Err(EncodeError::ContentLength);
            }
            (BodyLen::Exact(left), _) | (BodyLen::Unknown, Some(left)) => Some(left),
            (BodyLen::Unknown, None) => None,
        };
        match left {
            Some(0) => {
                let is_said = match method {
                    Method::Connect | Method::Trace => false,
                    // They mean something by a body, so its absence is worth a word (RFC 9110 §8.6).
                    Method::Post | Method::Put | Method::Patch => true,
                    _ => self.length.is_some(),
                };
                Ok(Body { kind: BodyKind::Length { left: 0 }, length: is_said.then_some(0) })
            }
            _ if matches!(method, Method::Connect | Method::Trace) => {
                Err(EncodeError::BodyForbidden)
            }
            Some(left) => Ok(Body { kind: BodyKind::Length { left }, length: Some(left) }),
            None if version == Version::Http10 => Err(EncodeError::UnknownLength),
            None => Ok(Body { kind: BodyKind::Chunked, length: None }),
        }
    }
}

/// How a body goes out, and the Content-Length that says so.
struct Body {
    kind: BodyKind,
    length: Option<u64>,
}

#[cold]
fn name_of(mark: u32) -> SingletonField {
    match mark {
        HOST => SingletonField::Host,
        LENGTH => SingletonField::ContentLength,
        ENCODING => SingletonField::TransferEncoding,
        EXPECT => SingletonField::Expect,
        TE => SingletonField::Te,
        CONTENT_TYPE => SingletonField::ContentType,
        CONTENT_RANGE => SingletonField::ContentRange,
        CONTENT_LOCATION => SingletonField::ContentLocation,
        MAX_FORWARDS => SingletonField::MaxForwards,
        USER_AGENT => SingletonField::UserAgent,
        ETAG => SingletonField::Etag,
        _ => SingletonField::Server,
    }
}

#[cfg(test)]
mod tests;
