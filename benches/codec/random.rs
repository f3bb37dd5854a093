//! Heads made up at random, from a fixed seed.

use std::ops::Range;

/// Fields that real requests carry, with the lengths that their values have there. Those that decide
/// on framing are left out: each side judges them its own way.
const FIELDS: [(&str, Range<usize>); 28] = [
    ("User-Agent", 20..130),
    ("Accept", 3..120),
    ("Accept-Encoding", 4..24),
    ("accept-language", 2..40),
    ("Cookie", 20..300),
    ("Referer", 20..90),
    ("Cache-Control", 8..12),
    ("Pragma", 8..9),
    ("Origin", 16..40),
    ("Authorization", 30..190),
    ("If-None-Match", 10..40),
    ("If-Modified-Since", 29..30),
    ("X-Forwarded-For", 7..40),
    ("X-Forwarded-Proto", 4..6),
    ("X-Real-IP", 7..16),
    ("x-request-id", 36..37),
    ("traceparent", 55..56),
    ("tracestate", 10..60),
    ("sec-ch-ua", 40..75),
    ("sec-ch-ua-mobile", 2..3),
    ("sec-ch-ua-platform", 5..10),
    ("Sec-Fetch-Site", 4..12),
    ("Sec-Fetch-Mode", 4..9),
    ("Sec-Fetch-Dest", 5..9),
    ("Upgrade-Insecure-Requests", 1..2),
    ("DNT", 1..2),
    ("X-Api-Key", 24..40),
    ("X-Client-Version", 5..12),
];

const METHODS: [&str; 8] = ["GET", "GET", "GET", "GET", "POST", "PUT", "HEAD", "DELETE"];

/// SplitMix64: as random as heads have to be, and in three lines.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn within(&mut self, range: Range<usize>) -> usize {
        range.start + (self.next() % range.len() as u64) as usize
    }

    /// All numbers below `len`, shuffled.
    pub(crate) fn order(&mut self, len: usize) -> Vec<u16> {
        let mut order: Vec<_> = (0..len as u16).collect();
        for last in (1..len).rev() {
            order.swap(last, self.within(0..last + 1));
        }
        order
    }

    /// A whole request head.
    pub(crate) fn append_head(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(METHODS[self.within(0..METHODS.len())].as_bytes());
        out.push(b' ');
        for _ in 0..self.within(1..6) {
            out.push(b'/');
            self.append_text(1..14, b"abcdefghijklmnopqrstuvwxyz0123456789-_.", out);
        }
        if self.within(0..3) == 0 {
            out.extend_from_slice(b"?q=");
            self.append_text(1..50, b"abcdefghijklmnopqrstuvwxyz0123456789=&%+", out);
        }
        out.extend_from_slice(b" HTTP/1.1\r\nHost: ");
        self.append_text(4..30, b"abcdefghijklmnopqrstuvwxyz.", out);
        out.extend_from_slice(b"\r\n");
        let order = self.order(FIELDS.len());
        // From a health check's few to a browser's many.
        for index in order.into_iter().take(self.within(1..19)) {
            let (name, lengths) = &FIELDS[usize::from(index)];
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            self.append_text(
                lengths.clone(),
                b"abcdefghijklmnopqrstuvwxyzABC0123456789-=;,./",
                out,
            );
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }

    fn append_text(&mut self, lengths: Range<usize>, alphabet: &[u8], out: &mut Vec<u8>) {
        for _ in 0..self.within(lengths) {
            out.push(alphabet[self.within(0..alphabet.len())]);
        }
    }
}
