//! The user's fields on their way out: in runs, since nearly all of them need no look.

use dunlin_core::{FieldLines, FieldSpan, Headers, NameSet};

use super::{EncodeError, is_field, write::append_field};
use crate::names::Shapes;

/// The fields as the lines that they are, where nothing is to be decided on any of them: none has a
/// name of `looked_at`, and none of `once` is there again.
#[inline(always)]
pub(super) fn ready_lines(
    headers: &Headers,
    looked_at: NameSet,
    once: NameSet,
) -> Option<FieldLines<'_>> {
    let lines = headers.lines()?;
    (!lines.names().meets(looked_at) && !lines.repeated().meets(once)).then_some(lines)
}

/// Appends the fields but for those that `take` takes, which is asked about those that `looked_at` may
/// hold. What lies between those is copied as it is, where the fields stand as lines.
///
/// Fields that nobody has vouched for are checked here.
///
/// # Errors
///
/// [`EncodeError::Field`] for a field that is none, and whatever `take` returns.
#[inline(always)]
pub(super) fn append_fields(
    headers: &Headers,
    out: &mut Vec<u8>,
    looked_at: &Shapes,
    mut take: impl FnMut(&[u8], &[u8]) -> Result<bool, EncodeError>,
) -> Result<(), EncodeError> {
    let is_checked = headers.is_checked();
    let mut is_taken = |index, name, value| match () {
        () if !is_checked && !is_field(name, value) => Err(field_error(index)),
        () if looked_at.may_hold(name) => take(name, value),
        () => Ok(false),
    };
    let Some((bytes, spans)) = headers.as_spans() else {
        for (index, (name, value)) in headers.iter().enumerate() {
            if !is_taken(index, name, value)? {
                append_field(name, value, out);
            }
        }
        return Ok(());
    };
    // Lines that stand one behind the other, and go out together.
    let mut run = 0..0;
    for (index, span) in spans.iter().enumerate() {
        let start = usize::from(span.name_start);
        let (name, value) = span.of(bytes);
        let end = line_end(bytes, span);
        let is_taken = is_taken(index, name, value)?;
        if let (Some(end), false, true) = (end, is_taken, run.end == start) {
            run.end = end;
            continue;
        }
        out.extend_from_slice(&bytes[run]);
        run = match end {
            Some(end) if is_taken => end..end,
            Some(end) => start..end,
            None => {
                if !is_taken {
                    append_field(name, value, out);
                }
                0..0
            }
        };
    }
    out.extend_from_slice(&bytes[run]);
    Ok(())
}

/// The end of a field's line, where it stands as an encoder writes it: with one blank before its value.
#[inline(always)]
fn line_end(bytes: &[u8], span: &FieldSpan) -> Option<usize> {
    let name_end = usize::from(span.name_start) + usize::from(span.name_len);
    let value_end = usize::from(span.value_start) + usize::from(span.value_len);
    let is_line = usize::from(span.value_start) == name_end + b": ".len()
        && bytes.get(name_end..)?.first_chunk() == Some(b": ")
        && bytes.get(value_end..)?.first_chunk() == Some(b"\r\n");
    is_line.then_some(value_end + b"\r\n".len())
}

/// Indexes saturate, though no head that fits into memory has so many fields.
#[cold]
fn field_error(index: usize) -> EncodeError {
    EncodeError::Field { index: u32::try_from(index).unwrap_or(u32::MAX) }
}
