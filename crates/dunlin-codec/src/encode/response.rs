//! Response heads on their way out (RFC 9112 §4, §6).

use dunlin_core::{FieldLines, NameSet, ResponseHead};
use http::StatusCode;

use super::{
    BodyEncoder, BodyKind, BodyLen, EncodeError, Signature,
    connection::{Options, append_connection},
    fields::{append_fields, ready_lines},
    length::{append_length, append_open_length, is_plain_length, parse_length, short_length},
    received::append_as_received,
    status::prebuilt,
};
use crate::{
    framing::Facts,
    head::Version,
    names::{Shapes, is},
    scan,
};

/// What a response's head depends on besides the response: the request that it answers, and what
/// the server adds to every one.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default)]
pub struct EncodeCtx<'c> {
    /// Version of the request. Default: 1.1.
    pub version: Version,
    /// Whether the request was a HEAD. Default: no.
    pub is_head: bool,
    /// Whether the request was a CONNECT. Default: no.
    pub is_connect: bool,
    /// Whether client and server want the connection to persist. Default: no.
    pub keep_alive: bool,
    /// The Server and Date fields. Default: none are written.
    pub signature: Option<&'c Signature>,
}

impl<'c> EncodeCtx<'c> {
    /// For the answer to the request with these facts.
    #[inline]
    pub fn answering(facts: &Facts) -> Self {
        Self {
            version: facts.version(),
            is_head: facts.is_head(),
            is_connect: facts.is_connect(),
            keep_alive: facts.keep_alive(),
            signature: None,
        }
    }

    /// Sets whether the connection is to persist. Default: no, or as the request wants.
    #[must_use]
    pub const fn keep_alive(mut self, keep_alive: bool) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// Sets the Server and Date fields. Default: none.
    #[must_use]
    pub const fn signature(mut self, signature: &'c Signature) -> Self {
        self.signature = Some(signature);
        self
    }
}

/// Appends the head of a response and returns the encoder of its body.
///
/// The encoder alone decides on framing and persistence (RFC 9112 §6, §9.3):
///
/// | response | Content-Length | Transfer-Encoding | body |
/// | --- | --- | --- | --- |
/// | 1xx, 204, 2xx to CONNECT | none | none | dropped |
/// | 304, any to HEAD | the user's; to HEAD else the body's | none | dropped |
/// | 205 | 0 | none | dropped |
/// | length known, from `len` or the user's Content-Length | that | none | as declared |
/// | length unknown, to HTTP/1.1 | none | `chunked` | chunks |
/// | length unknown, to HTTP/1.0 | none | none | until close |
///
/// Of the user's own fields: a Content-Length must agree with `len` where a body goes out, and stands where
/// it stood, or last if its number began with a zero; a Transfer-Encoding of `chunked` is taken for a wish;
/// Connection keeps its options, and `close` among them closes, but not in a 1xx or a 2xx to CONNECT, which
/// say nothing about persistence; Upgrade goes out with its option in Connection, and the option with it alone
/// (RFC 9110 §7.8); Date and Server replace what the context brings; Keep-Alive and Proxy-Connection are left
/// out. A reason phrase replaces the registered one. Other fields go out as they are.
///
/// # Errors
///
/// [`EncodeError`] for fields that are not; `out` is then as it was.
pub fn encode_response(
    head: &ResponseHead,
    len: BodyLen,
    ctx: &EncodeCtx<'_>,
    out: &mut Vec<u8>,
) -> Result<BodyEncoder, EncodeError> {
    let start = out.len();
    let encoder = append_head(head, len, ctx, out);
    if encoder.is_err() {
        out.truncate(start);
    }
    encoder
}

/// Fields that the encoder looks at; where there is none of them, the others go out in one run.
const LOOKED_AT: [&str; 8] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "proxy-connection",
    "server",
    "transfer-encoding",
    "upgrade",
];
const NAMES_LOOKED_AT: NameSet = NameSet::of(&LOOKED_AT);
/// The one that programs set most often,
const LENGTH: NameSet = NameSet::of(&["content-length"]);
/// and the others.
const OTHERS_LOOKED_AT: NameSet = NAMES_LOOKED_AT.without(LENGTH);
pub(super) static SHAPES_LOOKED_AT: Shapes = Shapes::of(&LOOKED_AT);

/// Options on which the encoder decides.
const DECIDED: [&[u8]; 3] = [b"close", b"keep-alive", b"upgrade"];

/// What the user's fields said about matters that the encoder decides.
#[derive(Default)]
struct Wishes {
    /// Whether such a response may have a Content-Length of the user's.
    may_have_length: bool,
    length: Option<u64>,
    /// It goes out where it stands.
    has_length: bool,
    has_connection: bool,
    has_upgrade: bool,
    close: bool,
    has_date: bool,
    has_server: bool,
}

/// Room for what nearly every head has besides the user's fields.
pub(super) const USUAL: usize = 256;

#[inline(always)]
fn append_head(
    head: &ResponseHead,
    len: BodyLen,
    ctx: &EncodeCtx<'_>,
    out: &mut Vec<u8>,
) -> Result<BodyEncoder, EncodeError> {
    let Some(lines) = ready_lines(&head.headers, NAMES_LOOKED_AT, NameSet::EMPTY) else {
        return append_looked_at(head, len, ctx, out);
    };
    out.reserve(lines.as_bytes().len() + USUAL);
    match append_usual(head, lines, len, ctx, out) {
        Some(encoder) => Ok(encoder),
        None => append_other(head, Some(lines.as_bytes()), len, ctx, out),
    }
}

/// The head of a usual response in a straight line: one with a body, of a common status, to a request of
/// HTTP/1.1. What comes out is what [`append_other`] makes of it.
#[inline(always)]
fn append_usual(
    head: &ResponseHead,
    lines: FieldLines<'_>,
    len: BodyLen,
    ctx: &EncodeCtx<'_>,
    out: &mut Vec<u8>,
) -> Option<BodyEncoder> {
    append_usual_status(head, ctx, out)?;
    lines.append_to(out);
    // In one piece each, up to the end of the last value.
    let kind = match (len, ctx.keep_alive) {
        (BodyLen::Exact(left), true) => {
            append_open_length(*b"content-length: ????????", left, out);
            BodyKind::Length { left }
        }
        (BodyLen::Exact(left), false) => {
            append_open_length(*b"connection: close\r\ncontent-length: ????????", left, out);
            BodyKind::Length { left }
        }
        (BodyLen::Unknown, true) => {
            out.extend_from_slice(b"transfer-encoding: chunked");
            BodyKind::Chunked
        }
        (BodyLen::Unknown, false) => {
            out.extend_from_slice(b"connection: close\r\ntransfer-encoding: chunked");
            BodyKind::Chunked
        }
    };
    Some(end_usual(kind, ctx, out))
}

/// The status line, of a response that has a body, to a request of HTTP/1.1.
#[inline(always)]
pub(super) fn append_usual_status(
    head: &ResponseHead,
    ctx: &EncodeCtx<'_>,
    out: &mut Vec<u8>,
) -> Option<()> {
    let is_usual = (ctx.version == Version::Http11) & !ctx.is_head & !ctx.is_connect;
    if !is_usual || head.reason.is_some() {
        return None;
    }
    if head.status == StatusCode::OK {
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
    } else {
        prebuilt(head.status.as_u16()).filter(|line| line.has_body)?.append(out);
    }
    Some(())
}

/// The end of the line that the head is at, and all behind it.
#[inline(always)]
fn end_usual(kind: BodyKind, ctx: &EncodeCtx<'_>, out: &mut Vec<u8>) -> BodyEncoder {
    match ctx.signature {
        Some(signature) => signature.append_behind_value(out),
        None => out.extend_from_slice(b"\r\n\r\n"),
    }
    let encoder = BodyEncoder::new(kind);
    if ctx.keep_alive { encoder } else { encoder.closing() }
}

/// A head with fields that the encoder looks at.
#[inline(never)]
fn append_looked_at(
    head: &ResponseHead,
    len: BodyLen,
    ctx: &EncodeCtx<'_>,
    out: &mut Vec<u8>,
) -> Result<BodyEncoder, EncodeError> {
    let start = out.len();
    let encoder = match append_with_length(head, len, ctx, out) {
        None => append_as_received(head, len, ctx, out),
        encoder => encoder,
    };
    if let Some(encoder) = encoder {
        return Ok(encoder);
    }
    out.truncate(start);
    append_other(head, None, len, ctx, out)
}

/// As [`append_usual`], for a head that was made here and whose only field that needs a look is a
/// Content-Length as the encoder would write it.
#[inline(always)]
fn append_with_length(
    head: &ResponseHead,
    len: BodyLen,
    ctx: &EncodeCtx<'_>,
    out: &mut Vec<u8>,
) -> Option<BodyEncoder> {
    let lines = ready_lines(&head.headers, OTHERS_LOOKED_AT, LENGTH)?;
    let span = lines.find(b"content-length")?;
    let value_len = usize::from(span.value_len);
    let to_value_end = lines.as_bytes().get(..usize::from(span.value_start) + value_len)?;
    let left = short_length(to_value_end, value_len)?;
    if matches!(len, BodyLen::Exact(len) if len != left) {
        return None;
    }
    let open_lines = lines.as_bytes().strip_suffix(b"\r\n")?;
    out.reserve(lines.as_bytes().len() + USUAL);
    append_usual_status(head, ctx, out)?;
    out.extend_from_slice(open_lines);
    if !ctx.keep_alive {
        out.extend_from_slice(b"\r\nconnection: close");
    }
    Some(end_usual(BodyKind::Length { left }, ctx, out))
}

/// Any head, of which the fields may have to be looked at.
#[inline(never)]
fn append_other(
    head: &ResponseHead,
    lines: Option<&[u8]>,
    len: BodyLen,
    ctx: &EncodeCtx<'_>,
    out: &mut Vec<u8>,
) -> Result<BodyEncoder, EncodeError> {
    append_status(head, out)?;
    let mut wishes = Wishes::of(head.status.as_u16(), ctx);
    match lines {
        Some(lines) => out.extend_from_slice(lines),
        None => append_fields(&head.headers, out, &SHAPES_LOOKED_AT, |name, value| {
            wishes.take(name, value)
        })?,
    }
    wishes.end(head, len, ctx, out)
}

/// Whether the response turns the connection into a tunnel (RFC 9110 §9.3.6).
#[inline]
fn is_tunnel(status: u16, ctx: &EncodeCtx<'_>) -> bool {
    ctx.is_connect && matches!(status, 200..=299)
}

/// Appends what the user's own fields leave of the signature, and the end of the head.
#[cold]
fn append_parts(signature: &Signature, wishes: &Wishes, out: &mut Vec<u8>) {
    let server = if wishes.has_server { b"" } else { signature.server_line() };
    let date = if wishes.has_date { b"" } else { signature.date_line() };
    for part in [server, date, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

impl Wishes {
    fn of(status: u16, ctx: &EncodeCtx<'_>) -> Self {
        let may_have_length = !matches!(status, 100..=199 | 204 | 205) && !is_tunnel(status, ctx);
        Self { may_have_length, ..Self::default() }
    }

    /// Notes a field that the encoder decides on; `false` where it is to go out as it is.
    #[inline(always)]
    fn take(&mut self, name: &[u8], value: &[u8]) -> Result<bool, EncodeError> {
        match name.len() {
            4 if is(name, b"date") => self.has_date = true,
            6 if is(name, b"server") => self.has_server = true,
            7 if is(name, b"upgrade") => self.has_upgrade = true,
            10 | 14 | 16 | 17 => return self.take_framing(name, value),
            _ => {}
        }
        Ok(false)
    }

    /// As [`take`](Self::take), for the names of a length that few other names have.
    #[inline(never)]
    fn take_framing(&mut self, name: &[u8], value: &[u8]) -> Result<bool, EncodeError> {
        if is(name, b"connection") {
            self.has_connection = true;
            self.close |= Options::of(value)?.close;
        } else if is(name, b"content-length") {
            let length = parse_length(value).ok_or(EncodeError::ContentLength)?;
            if self.length.is_some_and(|other| other != length) {
                return Err(EncodeError::ContentLength);
            }
            let is_kept = self.may_have_length && !self.has_length && is_plain_length(value);
            (self.length, self.has_length) = (Some(length), self.has_length | is_kept);
            return Ok(!is_kept);
        } else if is(name, b"transfer-encoding") {
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err(EncodeError::TransferEncoding);
            }
        } else {
            return Ok(is(name, b"keep-alive") || is(name, b"proxy-connection"));
        }
        Ok(true)
    }

    /// Appends what only all the fields together can tell, and the end of the head.
    #[inline(always)]
    fn end(
        &self,
        head: &ResponseHead,
        len: BodyLen,
        ctx: &EncodeCtx<'_>,
        out: &mut Vec<u8>,
    ) -> Result<BodyEncoder, EncodeError> {
        let status = head.status.as_u16();
        let framing = pick_framing(status, len, ctx, self)?;
        let kind = framing.kind;
        // Who sends Upgrade says so in Connection, lest somebody between passes it on (RFC 9110 §7.8).
        let upgrade = self.has_upgrade.then_some(&b"upgrade"[..]);
        if kind == BodyKind::Empty && (status < 200 || is_tunnel(status, ctx)) {
            // Interim, or the last words before another protocol or a tunnel: nothing about the
            // connection's future, which is the final response's to say, and nothing about a body.
            if self.has_connection || self.has_upgrade {
                append_connection(&[upgrade], &head.headers, &DECIDED, out);
            }
            match ctx.signature {
                Some(signature) if status >= 200 => append_parts(signature, self, out),
                _ => out.extend_from_slice(b"\r\n"),
            }
            return Ok(BodyEncoder::new(kind));
        }
        let keep_alive = ctx.keep_alive && !self.close && kind != BodyKind::UntilClose;
        let option = match (keep_alive, ctx.version) {
            (false, _) => Some(&b"close"[..]),
            (true, Version::Http10) => Some(&b"keep-alive"[..]),
            (true, Version::Http11) => None,
        };
        if option.is_some() || self.has_connection || self.has_upgrade {
            append_connection(&[option, upgrade], &head.headers, &DECIDED, out);
        }
        if !self.has_length {
            framing.append(out);
        }
        match ctx.signature {
            Some(signature) if !self.has_server && !self.has_date => {
                signature.append_lines_and_end(out);
            }
            Some(signature) => append_parts(signature, self, out),
            None => out.extend_from_slice(b"\r\n"),
        }
        let encoder = BodyEncoder::new(kind);
        Ok(if keep_alive { encoder } else { encoder.closing() })
    }
}

/// How the body is delimited, and the Content-Length that the head has.
struct BodyFraming {
    kind: BodyKind,
    length: Option<u64>,
}

impl BodyFraming {
    /// Appends the field that says so.
    #[inline(always)]
    fn append(&self, out: &mut Vec<u8>) {
        if let Some(length) = self.length {
            append_length(length, out);
        } else if self.kind == BodyKind::Chunked {
            out.extend_from_slice(b"transfer-encoding: chunked\r\n");
        }
    }
}

#[inline(always)]
fn pick_framing(
    status: u16,
    len: BodyLen,
    ctx: &EncodeCtx<'_>,
    wishes: &Wishes,
) -> Result<BodyFraming, EncodeError> {
    let body = match len {
        BodyLen::Exact(len) => Some(len),
        BodyLen::Unknown => None,
    };
    let (length, kind) = match status {
        100..=199 | 204 => (None, BodyKind::Empty),
        _ if is_tunnel(status, ctx) => (None, BodyKind::Empty),
        304 => (wishes.length, BodyKind::Empty),
        205 => (Some(0), BodyKind::Empty),
        _ if ctx.is_head => (wishes.length.or(body), BodyKind::Empty),
        _ => match (body, wishes.length) {
            (Some(body), Some(wish)) if body != wish => return Err(EncodeError::ContentLength),
            (Some(left), _) | (None, Some(left)) => (Some(left), BodyKind::Length { left }),
            (None, None) if ctx.version == Version::Http11 => (None, BodyKind::Chunked),
            (None, None) => (None, BodyKind::UntilClose),
        },
    };
    Ok(BodyFraming { kind, length })
}

/// Appends the status line. Its version is ours, whatever the client's (RFC 9110 §6.2).
#[inline]
fn append_status(head: &ResponseHead, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match (&head.reason, prebuilt(head.status.as_u16())) {
        (None, Some(line)) => {
            line.append(out);
            Ok(())
        }
        _ => append_rare_status(head, out),
    }
}

#[cold]
fn append_rare_status(head: &ResponseHead, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let reason = match &head.reason {
        Some(reason) => reason.as_bytes(),
        None => head.status.canonical_reason().unwrap_or_default().as_bytes(),
    };
    if !scan::is_field_value(reason) {
        return Err(EncodeError::Reason);
    }
    // The blank stands there even before no reason (RFC 9112 §4).
    for part in [b"HTTP/1.1 ", head.status.as_str().as_bytes(), b" ", reason, b"\r\n"] {
        out.extend_from_slice(part);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
