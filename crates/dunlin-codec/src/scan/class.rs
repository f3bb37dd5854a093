//! What each byte may stand for, as the tables that scanners look it up in.

/// May stand in a token (RFC 9110 §5.6.2). The top bit, as the next is for controls: vectors ask for
/// top bits.
pub(super) const TOKEN: u8 = 128;
/// May not stand in a field value.
pub(super) const CONTROL: u8 = 64;
/// May stand in a request target: visible ASCII but `#`.
pub(super) const TARGET: u8 = 2;
/// May stand in a field value (RFC 9110 §5.5): HTAB, SP, visible ASCII and bytes above 0x7f.
pub(super) const FIELD: u8 = 4;
/// Letters, digits, `-` and `.`.
pub(super) const NAME: u8 = 8;

/// The classes of every byte.
pub(super) static CLASSES: [u8; 256] = classes();

/// The classes of ASCII; bytes above are of [`FIELD`] alone.
#[cfg(target_arch = "x86_64")]
pub(super) static ASCII: [u8; 128] = classes();

const fn classes<const N: usize>() -> [u8; N] {
    let mut classes = [0; N];
    let mut byte = 0;
    while byte < N {
        classes[byte] = classes_of(byte as u8);
        byte += 1;
    }
    classes
}

const fn classes_of(byte: u8) -> u8 {
    let mut classes = 0;
    if byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.')
        || matches!(byte, b'^' | b'_' | b'`' | b'|' | b'~')
    {
        classes |= TOKEN;
    }
    if byte.is_ascii_graphic() && byte != b'#' {
        classes |= TARGET;
    }
    if byte == b'\t' || (byte >= b' ' && byte != 0x7f) {
        classes |= FIELD;
    } else {
        classes |= CONTROL;
    }
    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.') {
        classes |= NAME;
    }
    classes
}

/// Classes by the halves of a byte, for processors that look up sixteen entries at a time: what a
/// byte is, the entries for its halves have in common.
///
/// Eight bits are enough for tokens and controls: `0`-`9` is what three rows of the ASCII table
/// share, and the row of `a` is that of `A` with one more.
pub(super) struct Nibbles {
    pub(super) low: [u8; 16],
    pub(super) high: [u8; 16],
}

/// Where the halves of a byte have none of these in common, it is no token byte.
#[cfg(any(test, target_arch = "aarch64"))]
pub(super) const NIBBLE_TOKEN: u8 = 0x1f;
/// Where the halves of a byte have none of these in common, it is no control.
pub(super) const NIBBLE_CONTROL: u8 = 0xe0;

pub(super) static NIBBLES: Nibbles = {
    // Each bit is one set of columns; these are the rows that hold the set.
    const DIGITS: u8 = 1;
    const MARKS: u8 = 2;
    const LETTERS: u8 = 4;
    const BEHIND_CAPITALS: u8 = 8;
    const BEHIND_SMALL: u8 = 16;
    const CONTROLS_BUT_TAB: u8 = 32;
    const ALL: u8 = 64;
    const DEL: u8 = 128;
    let mut high = [0; 16];
    high[0] = CONTROLS_BUT_TAB;
    high[1] = ALL;
    high[2] = MARKS;
    high[3] = DIGITS;
    high[4] = LETTERS;
    high[5] = DIGITS | BEHIND_CAPITALS;
    high[6] = DIGITS | LETTERS;
    high[7] = DIGITS | BEHIND_SMALL | DEL;
    let mut low = [0; 16];
    let mut i = 0;
    while i < 16 {
        low[i] = ALL;
        if i < 10 {
            low[i] |= DIGITS;
        }
        if matches!(i, 1 | 3..=7 | 10 | 11 | 13 | 14) {
            low[i] |= MARKS;
        }
        if i > 0 {
            low[i] |= LETTERS;
        }
        if matches!(i, 10 | 14 | 15) {
            low[i] |= BEHIND_CAPITALS;
        }
        if matches!(i, 10 | 12 | 14) {
            low[i] |= BEHIND_SMALL;
        }
        if i != 9 {
            low[i] |= CONTROLS_BUT_TAB;
        }
        if i == 15 {
            low[i] |= DEL;
        }
        i += 1;
    }
    Nibbles { low, high }
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_halves_of_a_byte_say_what_its_class_is() {
        for (byte, classes) in CLASSES.iter().enumerate() {
            let common = NIBBLES.low[byte & 15] & NIBBLES.high[byte >> 4];
            assert_eq!(common & NIBBLE_TOKEN != 0, classes & TOKEN != 0, "{byte:#x}");
            assert_eq!(common & NIBBLE_CONTROL != 0, classes & CONTROL != 0, "{byte:#x}");
        }
    }
}
