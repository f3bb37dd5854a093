//! Names of fields that mean something: told from most others at a glance, and compared.

/// First letter and length of each of some names: tells for sure that a name is none of them, and
/// otherwise no more than that it may be one. Most names are sorted out so, without a jump that nobody
/// can foresee.
pub(crate) struct Shapes(
    /// For each letter, a bit for each length of a name that starts with it.
    [u32; 32],
);

impl Shapes {
    /// Of these names, of less than 32 bytes each.
    pub(crate) const fn of(names: &[&str]) -> Self {
        let mut lengths = [0; 32];
        let mut i = 0;
        while i < names.len() {
            let name = names[i].as_bytes();
            lengths[(name[0] & 31) as usize] |= 1 << name.len();
            i += 1;
        }
        Self(lengths)
    }

    /// Of the names of both.
    #[cfg(feature = "std")]
    pub(crate) const fn union(mut self, other: &Self) -> Self {
        let mut i = 0;
        while i < self.0.len() {
            self.0[i] |= other.0[i];
            i += 1;
        }
        self
    }

    /// Whether the name, in any case, may be one of them.
    #[inline(always)]
    pub(crate) fn may_hold(&self, name: &[u8]) -> bool {
        let Some(&first) = name.first() else { return false };
        name.len() < 32 && self.0[usize::from(first & 31)] >> name.len() & 1 != 0
    }
}

/// Whether `text` is `lower` but for case, in words: they overlap where the length asks for it.
///
/// Setting one bit turns letters to lower case and leaves `-` alone. It would also turn CR into
/// `-`, but neither names nor values hold one.
#[inline(always)]
pub(crate) fn is<const N: usize>(text: &[u8], lower: &[u8; N]) -> bool {
    const { assert!(4 <= N && N <= 24) };
    fn word<const W: usize>(bytes: &[u8], at: usize) -> Option<u64> {
        let mut word = [0; 8];
        word[..W].copy_from_slice(bytes.get(at..at + W)?);
        Some(u64::from_le_bytes(word))
    }
    let Some(text) = text.first_chunk::<N>().filter(|_| text.len() == N) else { return false };
    let same = |from: usize| {
        if N < 8 {
            word::<4>(text, from).map(|word| word | 0x2020_2020) == word::<4>(lower, from)
        } else {
            word::<8>(text, from).map(|word| word | 0x2020_2020_2020_2020) == word::<8>(lower, from)
        }
    };
    let width = if N < 8 { 4 } else { 8 };
    same(0) && same(N - width) && (N <= 2 * width || same(width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_whole_and_in_any_case() {
        fn check<const N: usize>(lower: &[u8; N]) {
            assert!(is(lower, lower) && is(&lower.to_ascii_uppercase(), lower));
            assert!(!is(&lower[1..], lower) && !is(&[&lower[..], b"x"].concat(), lower));
            for at in 0..N {
                let mut other = *lower;
                other[at] = b'!';
                assert!(!is(&other, lower), "{at} of {N}");
            }
        }
        check(b"date");
        check(b"trailer");
        check(b"location");
        check(b"set-cookie");
        check(b"proxy-connection");
        check(b"transfer-encoding");
        check(b"a-name-of-24-characters-");
    }

    #[test]
    fn none_of_the_names_is_missed_in_any_case() {
        const LONGEST: &str = "a-name-of-thirty-one-characters";
        let shapes = Shapes::of(&["te", "Host", LONGEST]);
        for name in ["te", "TE", "hOST", "Host", LONGEST] {
            assert!(shapes.may_hold(name.as_bytes()), "{name}");
        }
        for name in ["", "t", "hosts", "date", "a-name-of-thirty-two-characters-"] {
            assert!(!shapes.may_hold(name.as_bytes()), "{name}");
        }
    }
}
