//! Heads that came from another server and are sent on, as a proxy does: their fields go out as they
//! stand, though one or another needs a look.

use dunlin_core::{FieldSpan, Headers, ResponseHead};

use super::{
    BodyEncoder, BodyKind, BodyLen, EncodeCtx,
    length::{append_open_length, short_length},
    response::{LOOKED_AT, USUAL, append_usual_status, end_usual},
};
use crate::names::{Shapes, is};

/// The head of a usual response that came from another server, where its fields may go out as they stand.
/// Where not, `None`, and `out` holds whatever it holds.
#[inline(never)]
pub(super) fn append_as_received(
    head: &ResponseHead,
    len: BodyLen,
    ctx: &EncodeCtx<'_>,
    out: &mut Vec<u8>,
) -> Option<BodyEncoder> {
    append_usual_status(head, ctx, out)?;
    let run = Run::of(&head.headers)?;
    out.reserve(run.lines.len() + USUAL);
    out.extend_from_slice(run.lines);
    if !ctx.keep_alive {
        out.extend_from_slice(b"\r\nconnection: close");
    }
    let kind = match (run.length, len) {
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
    if !run.has_date && !run.has_server {
        return Some(end_usual(kind, ctx, out));
    }
    match ctx.signature {
        Some(signature) if run.has_date && !run.has_server => {
            signature.append_server_behind_value(out);
        }
        Some(_) if !run.has_date => return None,
        _ => out.extend_from_slice(b"\r\n\r\n"),
    }
    let encoder = BodyEncoder::new(kind);
    Some(if ctx.keep_alive { encoder } else { encoder.closing() })
}

/// A response's fields that stand as lines one behind the other, each as the encoder would write it.
struct Run<'h> {
    /// The lines, but for the end of the last.
    lines: &'h [u8],
    /// What a Content-Length among them says.
    length: Option<u64>,
    has_date: bool,
    has_server: bool,
}

static SHAPES: Shapes = Shapes::of(&LOOKED_AT);

impl<'h> Run<'h> {
    /// The fields, if all of them may go out as they stand.
    #[inline(always)]
    fn of(headers: &'h Headers) -> Option<Self> {
        let (bytes, spans) = headers.as_spans().filter(|_| headers.is_checked())?;
        let (lines, mut marks) = lines_and_marks(bytes, spans)?;
        let mut run = Self { lines, length: None, has_date: false, has_server: false };
        while marks != 0 {
            let span = spans.get(marks.trailing_zeros() as usize)?;
            run.look_at(bytes, *span)?;
            marks &= marks - 1;
        }
        Some(run)
    }

    /// Notes what a field says; `None` where it must not go out as it stands.
    #[inline(always)]
    fn look_at(&mut self, bytes: &[u8], span: FieldSpan) -> Option<()> {
        let name = bytes.get(usize::from(span.name_start)..)?.get(..usize::from(span.name_len))?;
        match name.len() {
            4 if is(name, b"date") => self.has_date = true,
            6 if is(name, b"server") => self.has_server = true,
            14 if is(name, b"content-length") => {
                let value_len = usize::from(span.value_len);
                let to_value_end = bytes.get(..usize::from(span.value_start) + value_len)?;
                let length = short_length(to_value_end, value_len)?;
                if self.length.replace(length).is_some() {
                    return None;
                }
            }
            7 if is(name, b"upgrade") => return None,
            10 if is(name, b"connection") || is(name, b"keep-alive") => return None,
            16 if is(name, b"proxy-connection") => return None,
            17 if is(name, b"transfer-encoding") => return None,
            _ => {}
        }
        Some(())
    }
}

/// The lines that the fields stand in, but for the end of the last, and a bit for each field that needs a
/// look. `None` where there is no field, or more than bits, or one stands otherwise.
#[inline(always)]
fn lines_and_marks<'h>(bytes: &'h [u8], spans: &[FieldSpan]) -> Option<(&'h [u8], u64)> {
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
        if SHAPES.may_hold(bytes.get(end..name_end)?) {
            marks |= mark;
        }
        mark <<= 1;
        end = value_end + b"\r\n".len();
    }
    Some((bytes.get(start..end - b"\r\n".len())?, marks))
}
