//! Heads that came from another server and are sent on, as a proxy does: their fields go out as they
//! stand, though one or another needs a look.

use dunlin_core::{FieldSpan, ResponseHead};

use super::{
    BodyEncoder, BodyKind, BodyLen, EncodeCtx,
    length::{append_open_length, short_length},
    response::{SHAPES_LOOKED_AT, USUAL, append_usual_status},
};
use crate::names::is;

/// The head of a usual response that came from another server, whose fields stand as lines one behind the
/// other, each as the encoder would write it: they are copied in as few pieces as there are lines left out.
/// Where they do not, or where one says what only the long way knows, `None`, and `out` holds whatever it holds.
#[inline(never)]
pub(super) fn append_as_received(
    head: &ResponseHead,
    len: BodyLen,
    ctx: &EncodeCtx<'_>,
    out: &mut Vec<u8>,
) -> Option<BodyEncoder> {
    append_usual_status(head, ctx, out)?;
    let (bytes, spans) = head.headers.as_spans().filter(|_| head.headers.is_checked())?;
    let (mut start, end, mut marks) = lines_and_marks(bytes, spans)?;
    out.reserve(end - start + USUAL);
    let mut said = Said::default();
    while marks != 0 {
        let span = *spans.get(marks.trailing_zeros() as usize)?;
        if said.take(bytes, span)? {
            out.extend_from_slice(bytes.get(start..usize::from(span.name_start))?);
            start = value_end(span) + b"\r\n".len();
        }
        marks &= marks - 1;
    }
    out.extend_from_slice(bytes.get(start..end)?);
    // The end of the last line goes out with what comes next.
    out.truncate(out.len() - b"\r\n".len());

    let keep_alive = ctx.keep_alive && !said.close;
    if !keep_alive {
        out.extend_from_slice(b"\r\nconnection: close");
    }
    let kind = match (said.length, len) {
        (Some(left), BodyLen::Exact(len)) if left != len => return None,
        (Some(left), _) => BodyKind::Length { left },
        (None, BodyLen::Exact(left)) => {
            append_open_length(*b"\r\ncontent-length: ????????", left, out);
            BodyKind::Length { left }
        }
        (None, BodyLen::Unknown) => {
            out.extend_from_slice(b"\r\ntransfer-encoding: chunked");
            BodyKind::Chunked
        }
    };
    match ctx.signature {
        Some(signature) if !said.has_server && !said.has_date => signature.append_behind_value(out),
        Some(signature) if !said.has_server => signature.append_server_behind_value(out),
        Some(_) if !said.has_date => return None,
        _ => out.extend_from_slice(b"\r\n\r\n"),
    }
    let encoder = BodyEncoder::new(kind);
    Some(if keep_alive { encoder } else { encoder.closing() })
}

/// What fields say about matters that the encoder decides.
#[derive(Default)]
struct Said {
    length: Option<u64>,
    close: bool,
    has_date: bool,
    has_server: bool,
}

impl Said {
    /// Notes what a field says, and whether its line is left out; `None` where only the long way knows.
    #[inline(always)]
    fn take(&mut self, bytes: &[u8], span: FieldSpan) -> Option<bool> {
        let (name, value) = span.of(bytes);
        match name.len() {
            4 if is(name, b"date") => self.has_date = true,
            6 if is(name, b"server") => self.has_server = true,
            7 if is(name, b"upgrade") => return None,
            10 if is(name, b"connection") => return self.take_connection(value),
            10 if is(name, b"keep-alive") => return Some(true),
            14 if is(name, b"content-length") => {
                let length = short_length(bytes.get(..value_end(span))?, value.len())?;
                if self.length.replace(length).is_some() {
                    return None;
                }
            }
            16 if is(name, b"proxy-connection") => return Some(true),
            17 if is(name, b"transfer-encoding") => {
                return value.eq_ignore_ascii_case(b"chunked").then_some(true);
            }
            _ => {}
        }
        Some(false)
    }

    /// The options that nearly every server sends, which the encoder decides on.
    #[inline(always)]
    fn take_connection(&mut self, value: &[u8]) -> Option<bool> {
        match value.len() {
            5 if is(value, b"close") => self.close = true,
            10 if is(value, b"keep-alive") => {}
            _ => return None,
        }
        Some(true)
    }
}

#[inline(always)]
fn value_end(span: FieldSpan) -> usize {
    usize::from(span.value_start) + usize::from(span.value_len)
}

/// Where the lines that the fields stand in start and end, and a bit for each field that needs a look. `None`
/// where there is no field, or more than bits, or one stands otherwise.
#[inline(always)]
fn lines_and_marks(bytes: &[u8], spans: &[FieldSpan]) -> Option<(usize, usize, u64)> {
    let start = usize::from(spans.first().filter(|_| spans.len() <= 64)?.name_start);
    let (mut end, mut mark, mut marks) = (start, 1u64, 0);
    for span in spans {
        let name_end = end + usize::from(span.name_len);
        let value_start = name_end + b": ".len();
        let value_end = value_start + usize::from(span.value_len);
        let stands = usize::from(span.name_start) == end
            && usize::from(span.value_start) == value_start
            && bytes.get(value_end..)?.first_chunk() == Some(b"\r\n")
            && bytes.get(name_end..)?.first_chunk() == Some(b": ");
        if !stands {
            return None;
        }
        if SHAPES_LOOKED_AT.may_hold(bytes.get(end..name_end)?) {
            marks |= mark;
        }
        mark <<= 1;
        end = value_end + b"\r\n".len();
    }
    Some((start, end, marks))
}
