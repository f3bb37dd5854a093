//! The date of `Expires`, as servers write it (RFC 6265bis §5.1.1).
//!
//! Not an HTTP-date: servers have sent so many forms that the rule takes the first token of each
//! kind (time, day, month, year) wherever it stands and ignores the rest, time zones included.

/// Reads a cookie-date as seconds since 1970, negative before it; `None` where a part is missing or
/// the day does not exist.
pub(super) fn parse(date: &[u8]) -> Option<i64> {
    let mut found = Parts::default();
    for token in date.split(|&byte| is_delimiter(byte)).filter(|token| !token.is_empty()) {
        found.take(token);
    }
    found.seconds()
}

/// What the tokens seen so far have given.
#[derive(Default)]
struct Parts {
    time: Option<[u32; 3]>,
    day: Option<u32>,
    month: Option<u32>,
    year: Option<u32>,
}

impl Parts {
    /// Gives `token` to the first part that still lacks one and whose form it has (step 2).
    fn take(&mut self, token: &[u8]) {
        if self.time.is_none() {
            self.time = time(token);
            if self.time.is_some() {
                return;
            }
        }
        if self.day.is_none() {
            self.day = number(token, 1, 2);
            if self.day.is_some() {
                return;
            }
        }
        if self.month.is_none() {
            self.month = month(token);
            if self.month.is_some() {
                return;
            }
        }
        if self.year.is_none() {
            self.year = number(token, 2, 4);
        }
    }

    fn seconds(&self) -> Option<i64> {
        let ([hour, minute, second], day, month) = (self.time?, self.day?, self.month?);
        let year = match self.year? {
            year @ 70..=99 => year + 1900,
            year @ 0..=69 => year + 2000,
            year => year,
        };
        let exists = year >= 1601
            && (1..=days_in(month, year)).contains(&day)
            && hour <= 23
            && minute <= 59
            && second <= 59;
        let time = i64::from(hour * 3600 + minute * 60 + second);
        exists.then(|| days_since_1970(year, month, day) * 86_400 + time)
    }
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, 0x09 | 0x20..=0x2f | 0x3b..=0x40 | 0x5b..=0x60 | 0x7b..=0x7e)
}

/// `hms-time`, and whatever follows behind a byte that is no digit.
fn time(token: &[u8]) -> Option<[u32; 3]> {
    let mut fields = token.splitn(3, |&byte| byte == b':');
    let mut exact = || {
        let field = fields.next()?;
        field.iter().all(u8::is_ascii_digit).then(|| number(field, 1, 2))?
    };
    let (hour, minute) = (exact()?, exact()?);
    Some([hour, minute, number(fields.next()?, 1, 2)?])
}

/// A run of `least` to `most` digits at the start, which no further digit follows.
fn number(token: &[u8], least: usize, most: usize) -> Option<u32> {
    let digits = token.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let run = (least..=most).contains(&digits).then(|| &token[..digits])?;
    Some(run.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
}

/// The month that the first three letters name, from 1.
fn month(token: &[u8]) -> Option<u32> {
    let name = token.get(..3)?;
    MONTHS
        .iter()
        .zip(1..)
        .find_map(|(month, number)| name.eq_ignore_ascii_case(month.as_bytes()).then_some(number))
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

fn days_in(month: u32, year: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of the Gregorian calendar, counted in years that begin in March so that the leap day is the
/// last of its year.
fn days_since_1970(year: u32, month: u32, day: u32) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let leap_days = year / 4 - year / 100 + year / 400;
    i64::from(year * 365 + leap_days + day_of_year) - 719_468
}

#[cfg(test)]
mod tests {
    use super::parse;

    const EXPECTED: Option<i64> = Some(784_111_777);

    #[test]
    fn every_form_of_http_date_is_read() {
        assert_eq!(parse(b"Sun, 06 Nov 1994 08:49:37 GMT"), EXPECTED);
        assert_eq!(parse(b"Sunday, 06-Nov-94 08:49:37 GMT"), EXPECTED);
        assert_eq!(parse(b"Sun Nov  6 08:49:37 1994"), EXPECTED);
    }

    #[test]
    fn parts_stand_in_any_order_and_noise_is_passed_over() {
        assert_eq!(parse(b"08:49:37 1994 nov 06"), EXPECTED);
        assert_eq!(parse(b"08:49:37 06 1994 NOVEMBER"), EXPECTED);
        assert_eq!(parse(b"nov;06;1994;08:49:37"), EXPECTED);
        assert_eq!(parse(b"6th November 1994 8:49:37 (whenever)"), EXPECTED);
        assert_eq!(parse(b"x y z 06 Nov 1994 08:49:37+0100 +0100"), EXPECTED);
    }

    #[test]
    fn two_digit_years_turn_at_seventy() {
        assert_eq!(parse(b"01 Jan 70 00:00:00"), Some(0));
        assert_eq!(parse(b"01 Jan 69 00:00:00"), Some(3_124_224_000));
        assert_eq!(parse(b"01 Jan 99 00:00:00"), parse(b"01 Jan 1999 00:00:00"));
        assert_eq!(parse(b"01 Jan 00 00:00:00"), parse(b"01 Jan 2000 00:00:00"));
    }

    #[test]
    fn bounds_of_each_part_are_kept() {
        assert!(parse(b"01 Jan 1601 00:00:00").is_some_and(|seconds| seconds < 0));
        assert!(parse(b"31 Dec 9999 23:59:59").is_some());
        for bad in [
            "01 Jan 1600 00:00:00",
            "01 Jan 100 00:00:00",
            "00 Jan 2000 00:00:00",
            "32 Jan 2000 00:00:00",
            "31 Apr 2000 00:00:00",
            "29 Feb 1900 00:00:00",
            "30 Feb 2000 00:00:00",
            "01 Jan 2000 24:00:00",
            "01 Jan 2000 00:60:00",
            "01 Jan 2000 00:00:60",
            "01 Jan 20000 00:00:00",
            "001 Jan 2000 00:00:00",
            "01 Jan 2000 000:00:00",
            "01 Jan 2000 00:00",
            "01 Foo 2000 00:00:00",
            "Jan 2000 00:00:00",
            "",
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
        assert!(parse(b"29 Feb 2000 00:00:00").is_some());
    }

    #[test]
    fn digits_are_ascii_only() {
        assert_eq!(parse("0\u{661} Jan 2000 00:00:00".as_bytes()), None);
    }

    #[test]
    fn days_agree_with_httpdate() {
        for day in (0..2_000_000_u64).step_by(997) {
            let seconds = day * 86_400;
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            if seconds < 253_402_300_800 {
                let date = httpdate::fmt_http_date(time);
                assert_eq!(parse(date.as_bytes()), i64::try_from(seconds).ok(), "{date}");
            }
        }
    }
}
