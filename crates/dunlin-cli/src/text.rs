//! What a terminal may be shown of what came from elsewhere.

/// The text with control characters escaped, so that nothing that a peer sends moves the cursor, changes colours
/// or sets the title. What is no UTF-8 becomes U+FFFD.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for c in String::from_utf8_lossy(bytes).chars() {
        match c {
            '\t' => shown.push(c),
            c if c.is_control() => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// A number of bytes for people: `12 B`, `3.4 KiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        assert_eq!(printable(b"a\x1b[31mb\r\n\tc"), "a\\u{1b}[31mb\\u{d}\\u{a}\tc");
        assert_eq!(printable("gr\u{fc}n \u{9b}1m".as_bytes()), "gr\u{fc}n \\u{9b}1m");
        assert_eq!(printable(b"\xff"), "\u{fffd}");
    }

    #[test]
    fn sizes_keep_three_digits_or_so() {
        let shown = [0, 1023, 1024, 1_048_524, 1_048_575, 5 << 30].map(size);
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KiB", "1023.9 KiB", "1.0 MiB", "5.0 GiB"]);
    }
}
