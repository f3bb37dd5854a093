//! Bytes taken eight at a time: paths, texts and sets of first bytes are so short that a loop or a call
//! costs more than all else.

/// A path that can be read eight bytes at a time up to its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path<'p> {
    pub(super) bytes: &'p [u8],
    /// The last eight bytes; of a shorter path all, above zeros.
    last: u64,
}

impl<'p> Path<'p> {
    #[inline]
    pub(super) fn new(bytes: &'p [u8]) -> Self {
        let last = match bytes.last_chunk() {
            Some(last) => u64::from_le_bytes(*last),
            None => bytes
                .iter()
                .rfold(0, |word, &byte| word << 8 | u64::from(byte))
                .wrapping_shl(8 * (8 - bytes.len() as u32)),
        };
        Self { bytes, last: if bytes.is_empty() { 0 } else { last } }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Eight bytes from `at` on, the first one lowest, with zeros behind the end.
    #[inline(always)]
    pub(super) fn word(&self, at: usize) -> u64 {
        let rest = &self.bytes[at..];
        match rest.first_chunk() {
            Some(word) => u64::from_le_bytes(*word),
            // Two steps, because no number can be shifted by 64 at once.
            None => self.last >> 8 >> (56 - 8 * rest.len()),
        }
    }

    /// Where the segment ends that `word`, the bytes from `at` on, is the start of.
    #[inline(always)]
    pub(super) fn segment_end(&self, at: usize, word: u64) -> usize {
        let (mut at, mut word) = (at, word);
        loop {
            let slash = Firsts(word).find(b'/');
            if slash < 8 {
                return at + slash;
            }
            at += 8;
            if at >= self.len() {
                return self.len();
            }
            word = self.word(at);
        }
    }
}

/// Up to eight bytes, compared all at once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Firsts(pub(super) u64);

impl Firsts {
    const LOW: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);

    pub(super) fn new(bytes: &[u8]) -> Self {
        let mut firsts = [0; 8];
        firsts.iter_mut().zip(bytes).for_each(|(first, byte)| *first = *byte);
        Self(u64::from_le_bytes(firsts))
    }

    /// The place of `byte`, or one past all.
    #[inline(always)]
    pub(super) fn find(self, byte: u8) -> usize {
        // The lowest byte that is zero is the lowest that this sets the high bit of.
        let differ = self.0 ^ (Self::LOW * u64::from(byte));
        let zeros = differ.wrapping_sub(Self::LOW) & !differ & Self::HIGH;
        zeros.trailing_zeros() as usize / 8
    }
}

/// The bytes of a literal, made cheap to look for in a path.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Text {
    /// The first eight bytes, and which of their bits count.
    head: u64,
    mask: u64,
    /// The last eight, where there are as many.
    last: u64,
    len: u32,
    /// Where all of them stand among the texts, where they are more than sixteen.
    place: u32,
}

impl Text {
    /// Texts of more than sixteen bytes are appended to `texts`.
    pub(super) fn new(bytes: &[u8], texts: &mut Vec<u8>) -> Self {
        let mask = Firsts::new(&[0xFF; 8][..bytes.len().min(8)]).0;
        let last = bytes.last_chunk().map_or(0, |last| u64::from_le_bytes(*last));
        let place = texts.len() as u32;
        if bytes.len() > 16 {
            texts.extend_from_slice(bytes);
        }
        Self { head: Firsts::new(bytes).0, mask, last, len: bytes.len() as u32, place }
    }

    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether it stands in `path` from `at` on, where `word` is.
    #[inline(always)]
    pub(super) fn is_at(&self, path: &Path<'_>, at: usize, word: u64, texts: &[u8]) -> bool {
        let len = self.len();
        // The path may end with zeros, as it is read beyond its end.
        if (word ^ self.head) & self.mask != 0 || len > path.len() - at {
            return false;
        }
        len <= 8
            || path.word(at + len - 8) == self.last
                && (len <= 16 || self.has_middle(path, at, texts))
    }

    fn has_middle(&self, path: &Path<'_>, at: usize, texts: &[u8]) -> bool {
        let (len, place) = (self.len(), self.place as usize);
        path.bytes[at + 8..at + len - 8] == texts[place + 8..place + len - 8]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_from_any_place_of_any_path() {
        let bytes: Vec<u8> = (1..=20).collect();
        for len in 0..bytes.len() {
            let path = Path::new(&bytes[..len]);
            for at in 0..=len {
                assert_eq!(path.word(at), Firsts::new(&bytes[at..len]).0, "{at} of {len}");
            }
        }
    }

    #[test]
    fn first_bytes_are_found_where_they_stand() {
        let firsts = Firsts::new(b"\x01\x02az\x80\xFE\xFF");
        for (at, byte) in [(0, 1), (1, 2), (2, b'a'), (3, b'z'), (4, 0x80), (5, 0xFE), (6, 0xFF)] {
            assert_eq!(firsts.find(byte), at, "{byte}");
        }
        assert!(firsts.find(3) >= 7 && firsts.find(0) >= 7);
    }

    #[test]
    fn texts_of_any_length_are_compared_whole() {
        let bytes = b"abcdefghijklmnopqrstuvwxyz";
        let is_at = |text: &[u8], path: &[u8], at| {
            let mut texts = vec![b'-'];
            let text = Text::new(text, &mut texts);
            let path = Path::new(path);
            text.is_at(&path, at, path.word(at), &texts)
        };
        for at in 0..3 {
            for len in 0..bytes.len() - at {
                for end in at..bytes.len() {
                    let (text, path) = (&bytes[at..at + len], &bytes[..end]);
                    assert_eq!(is_at(text, path, at), at + len <= end, "{len} at {at} of {end}");
                }
                for changed in at..at + len {
                    let mut other = bytes.to_vec();
                    other[changed] ^= 1;
                    assert!(!is_at(&bytes[at..at + len], &other, at), "{len}, {changed} differs");
                }
            }
        }
        assert!(!is_at(b"a\0", b"a", 0) && is_at(b"a\0", b"a\0", 0));
    }

    #[test]
    fn a_segment_ends_before_the_first_slash() {
        for start in 0..3 {
            for before in 0..20 {
                for after in 0..20 {
                    let path = format!(
                        "{}{}/{}",
                        "/".repeat(start),
                        "a".repeat(before),
                        "/b".repeat(after)
                    );
                    let end = |path: &str| {
                        let path = Path::new(path.as_bytes());
                        path.segment_end(start, path.word(start))
                    };
                    assert_eq!(end(&path), start + before);
                    assert_eq!(end(&path[..start + before]), start + before);
                }
            }
        }
    }
}
