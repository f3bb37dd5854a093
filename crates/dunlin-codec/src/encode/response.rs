//! Response heads on their way out (RFC 9112 §4, §6).

use dunlin_core::{FieldLines, NameSet, ResponseHead};
use http::StatusCode;

use super::{
    BodyEncoder, BodyKind, BodyLen, EncodeError, Signature,
    connection::{Options, append_connection},
    fields::{append_fields, ready_lines},
    is_name,
    length::{append_length, append_open_length, parse_length, short_length},
    status::prebuilt,
};
use crate::{framing::Facts, head::Version, scan};

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
/// Of the user's own fields: a Content-Length must agree with `len`; a Transfer-Encoding of
/// `chunked` is taken for a wish; Connection keeps its options, and `close` among them closes, but
/// not in a 1xx or a 2xx to CONNECT, which say nothing about persistence; Upgrade goes out with its option in
/// Connection, and the option with it alone (RFC 9110 §7.8); Date and Server replace what the context
/// brings; Keep-Alive and Proxy-Connection are left out. A reason phrase replaces the registered one.
/// Other fields go out as they are.
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
const LOOKED_AT: NameSet = NameSet::of(&[
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "proxy-connection",
    "server",
    "transfer-encoding",
    "upgrade",
]);

/// The same without the one that it looks at most often, and that one.
const LOOKED_AT_BUT_LENGTH: NameSet = NameSet::of(&[
    "connection",
    "date",
    "keep-alive",
    "proxy-connection",
    "server",
    "transfer-encoding",
    "upgrade",
]);
const LENGTH: NameSet = NameSet::of(&["content-length"]);

/// Options on which the encoder decides.
const DECIDED: [&[u8]; 3] = [b"close", b"keep-alive", b"upgrade"];

/// What the user's fields said about matters that the encoder decides.
#[derive(Default)]
struct Wishes {
    length: Option<u64>,
    has_connection: bool,
    has_upgrade: bool,
    close: bool,
    has_date: bool,
    has_server: bool,
}

/// Room for what nearly every head has besides the user's fields.
const USUAL: usize = 256;

#[inline(always)]
fn append_head(
    head: &ResponseHead,
    len: BodyLen,
    ctx: &EncodeCtx<'_>,
    out: &mut Vec<u8>,
) -> Result<BodyEncoder, EncodeError> {
    let Some(lines) = ready_lines(&head.headers, LOOKED_AT, NameSet::EMPTY) else {
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
fn append_usual_status(head: &ResponseHead, ctx: &EncodeCtx<'_>, out: &mut Vec<u8>) -> Option<()> {
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
    match append_with_length(head, len, ctx, out) {
        Some(encoder) => Ok(encoder),
        None => append_other(head, None, len, ctx, out),
    }
}

/// As [`append_usual`], for a head whose only field that needs a look is a Content-Length: one that
/// is as the encoder would write it stays where it is.
#[inline(always)]
fn append_with_length(
    head: &ResponseHead,
    len: BodyLen,
    ctx: &EncodeCtx<'_>,
    out: &mut Vec<u8>,
) -> Option<BodyEncoder> {
    let lines = ready_lines(&head.headers, LOOKED_AT_BUT_LENGTH, LENGTH)?;
    let span = lines.find(b"content-length")?;
    let value_len = usize::from(span.value_len);
    let up_to_end = lines.as_bytes().get(..usize::from(span.value_start) + value_len)?;
    let left = short_length(up_to_end, value_len)?;
    if matches!(len, BodyLen::Exact(len) if len != left) {
        return None;
    }
    let open = lines.as_bytes().strip_suffix(b"\r\n")?;
    out.reserve(open.len() + USUAL);
    append_usual_status(head, ctx, out)?;
    out.extend_from_slice(open);
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
    let mut wishes = Wishes::default();
    match lines {
        Some(lines) => out.extend_from_slice(lines),
        None => append_fields(&head.headers, out, |name, value| wishes.take(name, value))?,
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
    /// Notes a field that the encoder decides on; `false` where it is to go out as it is.
    #[inline(always)]
    fn take(&mut self, name: &[u8], value: &[u8]) -> Result<bool, EncodeError> {
        match name.len() {
            4 if is_name(name, b"date") => self.has_date = true,
            6 if is_name(name, b"server") => self.has_server = true,
            7 if is_name(name, b"upgrade") => self.has_upgrade = true,
            10 | 14 | 16 | 17 => return self.take_framing(name, value),
            _ => {}
        }
        Ok(false)
    }

    /// As [`take`](Self::take), for the names of a length that few other names have.
    #[inline(never)]
    fn take_framing(&mut self, name: &[u8], value: &[u8]) -> Result<bool, EncodeError> {
        if is_name(name, b"connection") {
            self.has_connection = true;
            self.close |= Options::of(value)?.close;
        } else if is_name(name, b"content-length") {
            let length = parse_length(value).ok_or(EncodeError::ContentLength)?;
            if self.length.is_some_and(|other| other != length) {
                return Err(EncodeError::ContentLength);
            }
            self.length = Some(length);
        } else if is_name(name, b"transfer-encoding") {
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err(EncodeError::TransferEncoding);
            }
        } else {
            return Ok(is_name(name, b"keep-alive") || is_name(name, b"proxy-connection"));
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
        framing.append(out);
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
mod tests {
    use dunlin_core::ReasonPhrase;
    use http::{HeaderName, HeaderValue, StatusCode};

    use super::*;

    fn response(status: u16, fields: &[(&'static str, &str)]) -> ResponseHead {
        let mut head = ResponseHead::default();
        head.status = StatusCode::from_u16(status).unwrap();
        for (name, value) in fields {
            let value = HeaderValue::from_str(value).unwrap();
            head.headers.append(HeaderName::from_static(name), value);
        }
        head
    }

    fn ctx() -> EncodeCtx<'static> {
        EncodeCtx::default().keep_alive(true)
    }

    /// The head's text behind its status line, and the encoder.
    fn encode(
        head: &ResponseHead,
        len: impl Into<BodyLen>,
        ctx: EncodeCtx<'_>,
    ) -> (String, BodyEncoder) {
        let mut out = b"before".to_vec();
        let encoder = encode_response(head, len.into(), &ctx, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let (line, rest) = text.strip_prefix("before").unwrap().split_once("\r\n").unwrap();
        assert!(line.starts_with("HTTP/1.1 "));
        (rest.into(), encoder)
    }

    fn fields(status: u16, wishes: &[(&'static str, &str)], len: Option<u64>) -> String {
        encode(&response(status, wishes), len, ctx()).0
    }

    fn error(wishes: &[(&'static str, &str)], len: Option<u64>) -> EncodeError {
        let mut out = b"before".to_vec();
        let error = encode_response(&response(200, wishes), len.into(), &ctx(), &mut out);
        assert_eq!(out, b"before");
        error.unwrap_err()
    }

    /// One way for usual heads, one for all: whatever the first takes, it writes as the second.
    #[test]
    fn usual_heads_are_written_as_all_others() {
        let mut signature = Signature::new(b"dunlin");
        signature.at(784_111_777);
        let all = |bits: u8| {
            let is_set = |bit: u8| bits & 1 << bit != 0;
            let version = if is_set(0) { Version::Http11 } else { Version::Http10 };
            let (is_head, is_connect, keep_alive) = (is_set(1), is_set(2), is_set(3));
            let signature = is_set(4).then_some(&signature);
            (EncodeCtx { version, is_head, is_connect, keep_alive, signature }, is_set(5))
        };
        let mut usual = 0;
        for (status, bits) in (100..600).flat_map(|status| (0..64).map(move |bits| (status, bits)))
        {
            let (ctx, has_reason) = all(bits);
            let mut head = response(status, &[("content-type", "text/plain"), ("vary", "*")]);
            head.reason = has_reason.then(|| ReasonPhrase::new("Own").unwrap());
            let lines = head.headers.lines().unwrap();
            for len in [BodyLen::Exact(0), BodyLen::Exact(123_456_789), BodyLen::Unknown] {
                let (mut one, mut other) = (Vec::new(), Vec::new());
                let encoder = append_other(&head, Some(lines.as_bytes()), len, &ctx, &mut other);
                let encoded = encode_response(&head, len, &ctx, &mut one);
                assert_eq!(encoded, encoder, "{status} {len:?} {ctx:?}");
                let text = [one.escape_ascii().to_string(), other.escape_ascii().to_string()];
                assert_eq!(text[0], text[1], "{status} {len:?} {ctx:?}");
                usual +=
                    usize::from(append_usual(&head, lines, len, &ctx, &mut Vec::new()).is_some());
            }
        }
        // 23 statuses, three lengths, with and without a signature, on connections that go on and that do not.
        assert_eq!(usual, 23 * 3 * 2 * 2);
    }

    /// The same lines in another order, and only where nothing is to be decided.
    #[test]
    fn a_length_of_the_user_may_stay_where_it_is() {
        let mut signature = Signature::new(b"dunlin");
        signature.at(784_111_777);
        let sorted = |head: &[u8]| {
            let mut lines: Vec<_> = head.split(|&b| b == b'\n').map(<[u8]>::to_vec).collect();
            lines.sort_unstable();
            lines
        };
        let mut short = 0;
        for (value, bits) in ["7", "0", "18245", "99999999", "100000000", "07", "x", "1 "]
            .iter()
            .flat_map(|value| (0..32u8).map(move |bits| (value, bits)))
        {
            let is_set = |bit: u8| bits & 1 << bit != 0;
            let version = if is_set(0) { Version::Http11 } else { Version::Http10 };
            let (is_head, keep_alive) = (is_set(1), is_set(2));
            let signature = is_set(3).then_some(&signature);
            let ctx = EncodeCtx { version, is_head, is_connect: false, keep_alive, signature };
            let before = if is_set(4) { "vary" } else { "x-first" };
            let fields = [(before, "*"), ("content-length", value.trim()), ("etag", "\"e\"")];
            for status in [200, 204, 206, 304, 404, 599] {
                let head = response(status, &fields);
                for len in [BodyLen::Unknown, BodyLen::Exact(7), BodyLen::Exact(18_245)] {
                    let (mut one, mut other) = (Vec::new(), Vec::new());
                    let encoded = encode_response(&head, len, &ctx, &mut one);
                    let expected = append_other(&head, None, len, &ctx, &mut other);
                    assert_eq!(encoded, expected, "{status} {value} {len:?} {ctx:?}");
                    if encoded.is_ok() {
                        assert_eq!(
                            sorted(&one),
                            sorted(&other),
                            "{status} {value} {len:?} {ctx:?}"
                        );
                    }
                    let taken = append_with_length(&head, len, &ctx, &mut Vec::new());
                    short += usize::from(taken.is_some());
                }
            }
        }
        // Eight contexts of HTTP/1.1 that are no HEAD; three of the statuses are common ones with a body;
        // of unknown length "7", "0", "18245", "99999999" and "1", and of each length the one that agrees.
        assert_eq!(short, 8 * 3 * (5 + 2));
    }

    #[test]
    fn fields_as_received_are_sent_on_as_they_are() {
        let decode = |wire: &str| {
            let decoded = crate::ResponseHeadDecoder::new()
                .decode(&mut wire.as_bytes(), &crate::Limits::default());
            decoded.unwrap().unwrap().0
        };
        let head = decode("HTTP/1.1 200 OK\r\nX-A: 1\r\nAge: \u{e9}\r\nx-a: 2\r\n\r\n");
        assert!(head.headers.is_checked());
        let (text, _) = encode(&head, Some(7), ctx());
        assert_eq!(text, "X-A: 1\r\nAge: \u{e9}\r\nx-a: 2\r\ncontent-length: 7\r\n\r\n");
        // Those that this hop decides on are still looked at, in whatever case.
        let head = decode(
            "HTTP/1.1 200 OK\r\nVia: x\r\nKEEP-ALIVE: 5\r\nConnection: Keep-Alive, X-B\r\n\
             Date:\td\r\nTransfer-Encoding: Chunked\r\n\r\n",
        );
        let mut ours = Signature::new(b"x");
        let (text, _) = encode(&head, None, ctx().signature(ours.at(0)));
        assert_eq!(
            text,
            "Via: x\r\nDate: d\r\nconnection: X-B\r\ntransfer-encoding: chunked\r\n\
             server: x\r\n\r\n"
        );
    }

    #[test]
    fn every_status_line_has_the_registered_reason() {
        for status in 100..1000 {
            let mut head = response(status, &[]);
            let mut rare = Vec::new();
            append_rare_status(&head, &mut rare).unwrap();
            let mut common = Vec::new();
            append_status(&head, &mut common).unwrap();
            assert_eq!(common, rare);
            head.reason = Some(ReasonPhrase::new("Own words").unwrap());
            let mut own = Vec::new();
            append_status(&head, &mut own).unwrap();
            assert_eq!(own, format!("HTTP/1.1 {status} Own words\r\n").as_bytes());
        }
    }

    /// However long it is: short ones are copied along with what surrounds them.
    #[test]
    fn names_of_any_length_are_signed_with() {
        for len in 0..80 {
            let name = "n".repeat(len);
            let mut signature = Signature::new(name.as_bytes());
            signature.at(784_111_777);
            let line = if len == 0 { String::new() } else { format!("server: {name}\r\n") };
            let end = format!("{line}date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n");
            let (text, _) = encode(&response(200, &[]), Some(7), ctx().signature(&signature));
            assert_eq!(text, format!("content-length: 7\r\n{end}"));
            let (text, _) = encode(
                &response(200, &[("connection", "x")]),
                Some(7),
                ctx().signature(&signature),
            );
            assert_eq!(text, format!("connection: x\r\ncontent-length: 7\r\n{end}"));
        }
    }

    #[test]
    fn a_whole_response_has_its_length_date_and_server() {
        let mut signature = Signature::new(b"dunlin");
        let ctx = ctx().signature(signature.at(784_111_777));
        let (text, encoder) = encode(&response(200, &[("x-a", "1"), ("x-a", "2")]), Some(13), ctx);
        assert_eq!(
            text,
            "x-a: 1\r\nx-a: 2\r\ncontent-length: 13\r\nserver: dunlin\r\n\
             date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n"
        );
        assert_eq!(encoder.kind(), BodyKind::Length { left: 13 });
        assert!(encoder.keep_alive());
    }

    #[test]
    fn date_and_server_of_the_user_replace_ours() {
        let signature = Signature::new(b"dunlin");
        let ctx = ctx().signature(&signature);
        let (text, _) = encode(&response(200, &[("server", "s"), ("date", "d")]), Some(0), ctx);
        assert_eq!(text, "server: s\r\ndate: d\r\ncontent-length: 0\r\n\r\n");
    }

    #[test]
    fn an_unknown_length_is_chunked_to_11_and_until_close_to_10() {
        let (text, encoder) = encode(&response(200, &[]), None, ctx());
        assert_eq!(text, "transfer-encoding: chunked\r\n\r\n");
        assert_eq!((encoder.kind(), encoder.keep_alive()), (BodyKind::Chunked, true));
        let old = EncodeCtx { version: Version::Http10, ..ctx() };
        let (text, encoder) = encode(&response(200, &[]), None, old);
        assert_eq!(text, "connection: close\r\n\r\n");
        assert_eq!((encoder.kind(), encoder.keep_alive()), (BodyKind::UntilClose, false));
    }

    #[test]
    fn persistence_is_said_where_it_is_not_the_default() {
        let old = EncodeCtx { version: Version::Http10, ..ctx() };
        assert!(encode(&response(200, &[]), Some(0), old).0.contains("connection: keep-alive\r\n"));
        let (text, encoder) = encode(&response(200, &[]), Some(0), ctx().keep_alive(false));
        assert!(text.contains("connection: close\r\n") && !encoder.keep_alive());
    }

    #[test]
    fn connection_options_of_the_user_are_merged() {
        let wishes = [("connection", "Close, y"), ("connection", "x,,keep-alive")];
        let (text, encoder) = encode(&response(400, &wishes), Some(0), ctx());
        assert_eq!(text, "connection: close, y, x\r\ncontent-length: 0\r\n\r\n");
        assert!(!encoder.keep_alive());
        let text = fields(200, &[("connection", "keep-alive"), ("keep-alive", "5")], Some(0));
        assert_eq!(text, "content-length: 0\r\n\r\n");
        assert_eq!(error(&[("connection", "a b")], Some(0)), EncodeError::ConnectionOption);
    }

    #[test]
    fn a_switch_of_protocols_says_nothing_else_of_the_connection() {
        let ours = Signature::new(b"x");
        for wishes in [
            &[("upgrade", "websocket"), ("connection", "Upgrade, close")][..],
            &[("upgrade", "websocket")],
        ] {
            let (text, encoder) = encode(&response(101, wishes), Some(0), ctx().signature(&ours));
            assert_eq!(text, "upgrade: websocket\r\nconnection: upgrade\r\n\r\n");
            assert_eq!(encoder.kind(), BodyKind::Empty);
        }
    }

    #[test]
    fn an_upgrade_and_its_option_go_together() {
        let text = fields(426, &[("upgrade", "tls/1.2, x")], Some(0));
        assert_eq!(text, "upgrade: tls/1.2, x\r\nconnection: upgrade\r\ncontent-length: 0\r\n\r\n");
        let closing = ctx().keep_alive(false);
        let (text, _) = encode(&response(426, &[("upgrade", "x")]), Some(0), closing);
        assert_eq!(text, "upgrade: x\r\nconnection: close, upgrade\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(fields(200, &[("connection", "upgrade")], Some(0)), "content-length: 0\r\n\r\n");
    }

    #[test]
    fn a_length_of_the_user_agrees_or_is_an_error() {
        assert_eq!(fields(200, &[("content-length", "5")], Some(5)), "content-length: 5\r\n\r\n");
        assert_eq!(fields(200, &[("content-length", "5")], None), "content-length: 5\r\n\r\n");
        for wrong in ["6", "", "+5", "5, 5", "18446744073709551616"] {
            assert_eq!(error(&[("content-length", wrong)], Some(5)), EncodeError::ContentLength);
        }
        let twice = [("content-length", "5"), ("content-length", "6")];
        assert_eq!(error(&twice, None), EncodeError::ContentLength);
    }

    #[test]
    fn a_transfer_encoding_of_the_user_never_goes_out() {
        let text = fields(200, &[("transfer-encoding", "chunked")], Some(5));
        assert_eq!(text, "content-length: 5\r\n\r\n");
        assert_eq!(error(&[("transfer-encoding", "gzip")], None), EncodeError::TransferEncoding);
    }

    #[test]
    fn responses_without_body_drop_it() {
        for status in [100, 103, 204] {
            let (text, mut encoder) =
                encode(&response(status, &[("content-length", "5")]), Some(5), ctx());
            assert_eq!(text, "\r\n", "{status}");
            let mut out = Vec::new();
            encoder.data(b"hello", &mut out).unwrap();
            encoder.finish([], &mut out).unwrap();
            assert_eq!(out, b"");
        }
        assert_eq!(fields(304, &[], Some(0)), "\r\n");
        assert_eq!(fields(304, &[("content-length", "9")], Some(0)), "content-length: 9\r\n\r\n");
        assert_eq!(fields(205, &[], Some(5)), "content-length: 0\r\n\r\n");
    }

    #[test]
    fn the_answer_to_head_has_the_length_of_get() {
        let head = EncodeCtx { is_head: true, ..ctx() };
        let (text, encoder) = encode(&response(200, &[]), Some(13), head);
        assert_eq!(
            (text.as_str(), encoder.kind()),
            ("content-length: 13\r\n\r\n", BodyKind::Empty)
        );
        let wish = [("content-length", "99")];
        assert_eq!(encode(&response(200, &wish), Some(0), head).0, "content-length: 99\r\n\r\n");
        assert_eq!(encode(&response(200, &[]), None, head).0, "\r\n");
    }

    #[test]
    fn a_tunnel_has_no_framing_and_no_word_on_persistence() {
        let connect = EncodeCtx { is_connect: true, ..ctx() };
        assert_eq!(encode(&response(200, &[]), Some(5), connect).0, "\r\n");
        assert_eq!(encode(&response(502, &[]), Some(5), connect).0, "content-length: 5\r\n\r\n");
        let mut ours = Signature::new(b"x");
        let old = EncodeCtx { version: Version::Http10, ..connect };
        for ctx in [connect.keep_alive(false), old, old.signature(ours.at(784_111_777))] {
            let (text, encoder) = encode(&response(299, &[("connection", "close")]), None, ctx);
            let signed = "server: x\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";
            assert_eq!(text, if ctx.signature.is_some() { signed } else { "\r\n" });
            assert!(encoder.keep_alive());
        }
    }

    #[test]
    fn fields_that_never_were_checked_do_not_get_out() {
        use dunlin_core::{FieldSpan, HeadBlock};
        for bytes in [&b"a:b\r\nc"[..], b"a:b\0", b"(:b", b":b"] {
            let colon = bytes.iter().position(|&byte| byte == b':').unwrap() as u16;
            let mut block = HeadBlock::take();
            block.spans_mut().push(FieldSpan {
                name_start: 0,
                name_len: colon,
                value_start: colon + 1,
                value_len: bytes.len() as u16 - colon - 1,
            });
            let mut head = ResponseHead::default();
            head.headers = block.into_headers(bytes);
            let result = encode_response(&head, BodyLen::Unknown, &ctx(), &mut Vec::new());
            assert_eq!(result, Err(EncodeError::Field { index: 0 }));
        }
        // As lines and not, by a byte in the name and one in the value.
        for bytes in
            [&b"a: b\r\nc: \0\r\n"[..], b"a: b\r\n(: d\r\n", b"a: b--c: \0--", b"a: b--(: d--"]
        {
            let mut block = HeadBlock::take();
            for start in [0, 6] {
                let span = FieldSpan {
                    name_start: start,
                    name_len: 1,
                    value_start: start + 3,
                    value_len: 1,
                };
                block.spans_mut().push(span);
            }
            let mut head = ResponseHead::default();
            head.headers = block.into_headers(bytes);
            let result = encode_response(&head, BodyLen::Unknown, &ctx(), &mut Vec::new());
            assert_eq!(result, Err(EncodeError::Field { index: 1 }));
        }
    }
}
