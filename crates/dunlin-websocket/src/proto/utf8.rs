//! UTF-8 that comes in pieces, checked as far as it has come (RFC 6455 §8.1).

/// The payload of a text message is not UTF-8.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct NotUtf8;

/// Checks text in pieces and fails at the first byte with which no UTF-8 can go on.
///
/// Keeps at most three bytes: the beginning of a code point that is not all there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Utf8 {
    carry: [u8; 3],
    len: u8,
}

impl Utf8 {
    pub(super) fn push(&mut self, mut piece: &[u8]) -> Result<(), NotUtf8> {
        // Byte by byte through a code point begun before: there are three steps at most.
        while self.len > 0 {
            let Some((&next, rest)) = piece.split_first() else { return Ok(()) };
            let len = usize::from(self.len);
            let mut point = [0; 4];
            point[..len].copy_from_slice(&self.carry[..len]);
            point[len] = next;
            match std::str::from_utf8(&point[..=len]) {
                Ok(_) => self.len = 0,
                Err(error) if error.error_len().is_some() => return Err(NotUtf8),
                // Four bytes are a code point or are none, so this is one of the first three.
                Err(_) => {
                    self.carry[len] = next;
                    self.len += 1;
                }
            }
            piece = rest;
        }
        let (whole, begun) = piece.split_at(piece.len() - begun_at_end(piece));
        simdutf8::basic::from_utf8(whole).map_err(|_| NotUtf8)?;
        if let Err(error) = std::str::from_utf8(begun)
            && error.error_len().is_some()
        {
            return Err(NotUtf8);
        }
        self.carry[..begun.len()].copy_from_slice(begun);
        self.len = begun.len() as u8;
        Ok(())
    }

    /// Bytes at the end that begin a code point.
    pub(super) fn open_bytes(&self) -> usize {
        self.len.into()
    }

    /// Whether the text may end here.
    pub(super) fn is_whole(&self) -> bool {
        self.len == 0
    }
}

/// Bytes at the end that begin a code point which is not all there: none, one, two or three.
fn begun_at_end(piece: &[u8]) -> usize {
    for (at, byte) in piece.iter().rev().take(3).enumerate() {
        let needs = match byte {
            0x80..=0xbf => continue,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xff => 4,
            _ => 1,
        };
        return if needs > at + 1 { at + 1 } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Where std finds the first fault that more input cannot mend, or what is left open.
    fn expected(data: &[u8]) -> Result<bool, NotUtf8> {
        match std::str::from_utf8(data) {
            Ok(_) => Ok(true),
            Err(error) if error.error_len().is_none() => Ok(false),
            Err(_) => Err(NotUtf8),
        }
    }

    fn in_pieces(data: &[u8], size: usize) -> Result<bool, NotUtf8> {
        let mut utf8 = Utf8::default();
        let mut seen = 0;
        for piece in data.chunks(size) {
            let result = utf8.push(piece);
            seen += piece.len();
            // It fails with the piece that holds the first bad byte, and never before.
            assert_eq!(result.is_err(), expected(&data[..seen]).is_err());
            result?;
        }
        Ok(utf8.is_whole())
    }

    proptest! {
        #[test]
        fn split_points_do_not_matter(text in ".{0,80}", bad in prop::option::of((any::<u8>(), any::<prop::sample::Index>())), size in 1usize..9) {
            let mut data = text.into_bytes();
            if let Some((byte, at)) = bad
                && !data.is_empty()
            {
                let at = at.index(data.len());
                data[at] = byte;
            }
            prop_assert_eq!(in_pieces(&data, size), expected(&data));
        }

        #[test]
        fn noise_is_judged_as_std_judges_it(
            data in prop::collection::vec(prop_oneof![any::<u8>(), 0xe0u8..=0xff, 0x80u8..0xc0], 0..12),
            size in 1usize..5,
        ) {
            prop_assert_eq!(in_pieces(&data, size), expected(&data));
        }
    }
}
