//! The user's fields on their way out: in runs, since nearly all of them need no look.

use dunlin_core::{FieldLines, Headers, NameSet};

use super::{EncodeError, is_field, write::append_field};
use crate::scan;

/// The fields as the lines that they are, where nothing is to be decided on any of them: none has a
/// name of `looked_at`, and none of `once` is there again.
#[inline(always)]
pub(super) fn ready_lines(
    headers: &Headers,
    looked_at: NameSet,
    once: NameSet,
) -> Option<FieldLines<'_>> {
    let lines = headers.lines()?;
    let is_ready =
        headers.is_checked() && !lines.names().meets(looked_at) && !lines.repeated().meets(once);
    is_ready.then_some(lines)
}

/// Appends the fields but for those that `take` takes. What lies between those is copied as it is,
/// where the fields are stored as lines.
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
    mut take: impl FnMut(&[u8], &[u8]) -> Result<bool, EncodeError>,
) -> Result<(), EncodeError> {
    let is_checked = headers.is_checked();
    let Some(lines) = headers.lines() else {
        for (index, (name, value)) in headers.iter().enumerate() {
            if !is_checked && !is_field(name, value) {
                return Err(field_error(index));
            }
            if !take(name, value)? {
                append_field(name, value, out);
            }
        }
        return Ok(());
    };
    let lines = lines.as_bytes();
    // A line has two control bytes, those of its end: where there are no more, every value is one.
    if !is_checked && controls(lines) != 2 * headers.len() {
        // One more control byte is a field's that is none.
        let is_sound = |(name, value)| is_field(name, value);
        return Err(field_error(headers.iter().take_while(|f| is_sound(*f)).count()));
    }
    let (mut start, mut end) = (0, 0);
    for (index, (name, value)) in headers.iter().enumerate() {
        if !is_checked && !scan::is_token(name) {
            return Err(field_error(index));
        }
        let next = end + name.len() + value.len() + b": \r\n".len();
        if take(name, value)? {
            out.extend_from_slice(&lines[start..end]);
            start = next;
        }
        end = next;
    }
    out.extend_from_slice(&lines[start..end]);
    Ok(())
}

/// Indexes saturate, though no head that fits into memory has so many fields.
#[cold]
fn field_error(index: usize) -> EncodeError {
    EncodeError::Field { index: u32::try_from(index).unwrap_or(u32::MAX) }
}

/// How many bytes may not stand in a field's value (RFC 9110 §5.5). Counted rather than looked for,
/// in lanes of a byte: that the compiler does with vectors.
fn controls(bytes: &[u8]) -> usize {
    let is_control = |byte: u8| u8::from((byte < b' ' && byte != b'\t') || byte == 0x7f);
    // No more rounds than a lane can count.
    let in_lanes = |chunks: &[[u8; 32]]| {
        let mut lanes = [0; 32];
        for chunk in chunks {
            for (lane, &byte) in lanes.iter_mut().zip(chunk) {
                *lane += is_control(byte);
            }
        }
        lanes.iter().map(|&lane| usize::from(lane)).sum::<usize>()
    };
    let (chunks, rest) = bytes.as_chunks();
    let rest = rest.iter().map(|&byte| usize::from(is_control(byte))).sum::<usize>();
    chunks.chunks(255).map(in_lanes).sum::<usize>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_that_no_value_may_hold_counts() {
        for len in [1, 31, 32, 33, 100] {
            for byte in 0..=255 {
                let mut bytes = vec![b'a'; len];
                bytes[len - 1] = byte;
                let expected = usize::from(!scan::is_field_value(&[byte]));
                assert_eq!(controls(&bytes), expected, "{byte} in {len}");
            }
        }
        assert_eq!(controls(&[b'\n'; 20_000]), 20_000);
    }
}
