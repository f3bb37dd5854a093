//! The Date field's value (RFC 9110 §5.6.7), rendered once a second.

/// Renders IMF-fixdate, `Sun, 06 Nov 1994 08:49:37 GMT`, and keeps it until the second is over.
///
/// The caller brings the clock.
///
/// ```
/// let mut cache = dunlin_codec::DateCache::new();
/// assert_eq!(cache.at(784_111_777), b"Sun, 06 Nov 1994 08:49:37 GMT");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct DateCache {
    second: u64,
    text: [u8; 29],
}

impl DateCache {
    /// A cache that holds the start of 1970.
    pub const fn new() -> Self {
        Self { second: 0, text: *b"Thu, 01 Jan 1970 00:00:00 GMT" }
    }

    /// The date at `second`, counted from the start of 1970 in UTC.
    ///
    /// Past the year 9999, for which the format has no place, its last second.
    #[inline]
    pub fn at(&mut self, second: u64) -> &[u8; 29] {
        if second != self.second {
            self.second = second;
            self.text = render(second.min(LAST_SECOND));
        }
        &self.text
    }
}

impl Default for DateCache {
    fn default() -> Self {
        Self::new()
    }
}

/// 9999-12-31 23:59:59
const LAST_SECOND: u64 = 253_402_300_799;

#[cold]
fn render(second: u64) -> [u8; 29] {
    let (days, time) = (second / 86_400, second % 86_400);
    // Years that start in March put the leap day at their end, and 400 of them make one cycle of
    // the calendar; the count starts with 1 March of the year 0.
    let days_from_0 = days + 719_468;
    let (cycle, day) = (days_from_0 / 146_097, days_from_0 % 146_097);
    let year_of_cycle = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    // March to July and August to December repeat 31, 30, 31, 30, 31 days: 153 in five months.
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = cycle * 400 + year_of_cycle + next_year;

    let mut text = *b"---, 00 --- 0000 00:00:00 GMT";
    text[..3].copy_from_slice(DAYS[(days % 7) as usize]);
    text[8..11].copy_from_slice(MONTHS[month as usize - 1]);
    for (at, number) in [
        (5, day_of_month),
        (12, year / 100),
        (14, year % 100),
        (17, time / 3600),
        (20, time / 60 % 60),
        (23, time % 60),
    ] {
        text[at] += (number / 10) as u8;
        text[at + 1] += (number % 10) as u8;
    }
    text
}

/// Day 0 was a Thursday.
const DAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];
const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

#[cfg(test)]
mod tests {
    #[cfg(not(feature = "std"))]
    extern crate std;

    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_format_ends_with_the_year_9999() {
        let last = *b"Fri, 31 Dec 9999 23:59:59 GMT";
        assert_eq!(DateCache::new().at(LAST_SECOND), &last);
        assert_eq!(DateCache::new().at(u64::MAX), &last);
    }

    #[test]
    fn a_cache_follows_its_clock_back_and_forth() {
        let mut cache = DateCache::new();
        assert_eq!(cache.at(951_782_400), b"Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(cache.at(0), b"Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(cache.at(1), b"Thu, 01 Jan 1970 00:00:01 GMT");
    }

    proptest! {
        /// Every second reads as in the httpdate crate.
        #[test]
        fn dates_are_those_of_httpdate(second in 0..=LAST_SECOND) {
            let theirs = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second));
            let mut cache = DateCache::new();
            prop_assert_eq!(&cache.at(second)[..], theirs.as_bytes());
        }
    }
}
