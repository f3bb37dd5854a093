//! `cookies.txt`: the form of Netscape's browsers, which curl, wget and browser extensions share.
//!
//! One cookie a line, seven fields with a tab between them: domain, whether subdomains get it
//! (`TRUE` or `FALSE`), path, whether it is `Secure`, end of life in seconds since 1970 (0 for a
//! session cookie), name and value. A domain behind `#HttpOnly_` marks an `HttpOnly` cookie; other
//! lines that start with `#` are comments. The form has no place for `SameSite` and for the time of
//! creation.

use super::buckets::Buckets;
use super::cookie::Cookie;
use super::jar::CookieJar;
use super::matching::is_ip;
use super::rules::AddError;
use super::time::Timestamp;

/// A line of `cookies.txt` that holds no cookie for the jar.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct NetscapeError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    #[source]
    pub reason: NetscapeReason,
}

/// A reason for which a line of `cookies.txt` is passed over.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NetscapeReason {
    /// The line has this number of fields instead of seven, or of six where the value is empty.
    #[error("{0} fields instead of 7")]
    Fields(usize),
    /// A field that is neither `TRUE` nor `FALSE`.
    #[error("neither TRUE nor FALSE in field {0}")]
    Flag(usize),
    /// The end of life is no number.
    #[error("end of life is no number")]
    Expires,
    /// The domain or the path is no text.
    #[error("domain or path is not UTF-8")]
    Utf8,
    /// The jar refuses the cookie.
    #[error(transparent)]
    Refused(#[from] AddError),
}

const HTTP_ONLY: &[u8] = b"#HttpOnly_";

impl CookieJar {
    /// Adds the cookies of a `cookies.txt` to those of the jar; returns the lines that gave none.
    ///
    /// Cookies that have expired are passed over without an error.
    ///
    /// ```
    /// use dunlin_client::cookies::CookieJar;
    ///
    /// let jar = CookieJar::new();
    /// let bad = jar.load_netscape(b"# Netscape HTTP Cookie File\n\
    ///     #HttpOnly_.example.com\tTRUE\t/\tTRUE\t0\tid\t7\n\
    ///     example.com\tperhaps\t/\tTRUE\t0\tid\t7\n");
    /// assert_eq!(jar.cookies()[0].domain(), "example.com");
    /// assert_eq!(bad[0].to_string(), "line 3: neither TRUE nor FALSE in field 2");
    /// ```
    pub fn load_netscape(&self, text: &[u8]) -> Vec<NetscapeError> {
        let now = Timestamp::now();
        let mut bad = Vec::new();
        let mut buckets = self.lock();
        for (line, number) in text.split(|&byte| byte == b'\n').zip(1..) {
            if let Err(reason) = self.load_line(line, &mut buckets, now) {
                bad.push(NetscapeError { line: number, reason });
            }
        }
        bad
    }

    fn load_line(
        &self,
        line: &[u8],
        buckets: &mut Buckets,
        now: Timestamp,
    ) -> Result<(), NetscapeReason> {
        match parse_line(line, now)? {
            Some(cookie) => Ok(self.restore(buckets, cookie, now)?),
            None => Ok(()),
        }
    }

    /// Writes the jar as `cookies.txt`, session cookies included.
    ///
    /// Left out are cookies that the form cannot hold: those for every host, and those with a tab in
    /// their name or path.
    pub fn to_netscape(&self) -> Vec<u8> {
        let mut text = b"# Netscape HTTP Cookie File\n".to_vec();
        for cookie in self.cookies() {
            write_line(&cookie, &mut text);
        }
        text
    }
}

/// `None` for a line without a cookie.
fn parse_line(line: &[u8], now: Timestamp) -> Result<Option<Cookie>, NetscapeReason> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (line, http_only) = match line.strip_prefix(HTTP_ONLY) {
        Some(line) => (line, true),
        None => (line, false),
    };
    if !http_only && line.first().is_none_or(|&first| first == b'#') || line.trim_ascii().is_empty()
    {
        return Ok(None);
    }
    // A value may hold tabs, so they do not split past the seventh field.
    let fields: Vec<&[u8]> = line.splitn(7, |&byte| byte == b'\t').collect();
    let (domain, subdomains, path, secure, expires, name, value) = match fields[..] {
        [domain, subdomains, path, secure, expires, name, value] => {
            (domain, subdomains, path, secure, expires, name, value)
        }
        // Editors strip the tab in front of an empty value.
        [domain, subdomains, path, secure, expires, name] => {
            (domain, subdomains, path, secure, expires, name, &b""[..])
        }
        _ => return Err(NetscapeReason::Fields(fields.len())),
    };
    let text = |bytes| std::str::from_utf8(bytes).map_err(|_| NetscapeReason::Utf8);
    let domain = text(domain)?.to_ascii_lowercase();
    // Programs write fractions of seconds and, for session cookies, -1 too.
    let expires: f64 = text(expires)?.trim().parse().map_err(|_| NetscapeReason::Expires)?;
    let domain = domain.strip_prefix('.').unwrap_or(&domain);
    if domain.is_empty() {
        return Err(AddError::NoHost.into());
    }
    let subdomains = flag(subdomains, 2)?;
    Ok(Some(Cookie {
        name: name.into(),
        value: value.into(),
        domain: domain.into(),
        // Some programs write TRUE for addresses and `localhost` too, which have no subdomains.
        host_only: !subdomains || is_ip(domain) || !domain.contains('.'),
        path: text(path)?.into(),
        // The cast saturates, and turns what is no number into a session cookie's 0.
        expires: Some((expires * 1000.0) as u64).filter(|&time| time > 0).map(Timestamp),
        secure: flag(secure, 4)?,
        http_only,
        same_site: None,
        creation: now,
        last_access: now,
    }))
}

fn flag(field: &[u8], number: usize) -> Result<bool, NetscapeReason> {
    match () {
        () if field.eq_ignore_ascii_case(b"TRUE") => Ok(true),
        () if field.eq_ignore_ascii_case(b"FALSE") => Ok(false),
        () => Err(NetscapeReason::Flag(number)),
    }
}

fn write_line(cookie: &Cookie, text: &mut Vec<u8>) {
    let breaks = |byte: u8| byte.is_ascii_control();
    if cookie.domain.is_empty()
        || cookie.name.iter().any(|&byte| breaks(byte))
        || cookie.path.bytes().any(breaks)
    {
        return;
    }
    if cookie.http_only {
        text.extend_from_slice(HTTP_ONLY);
    }
    let flag = |set| if set { "TRUE" } else { "FALSE" };
    let dot = if cookie.host_only { "" } else { "." };
    // Seconds are rounded up: 0 would be a session cookie.
    let expires = cookie.expires.map_or(0, |time| time.0.div_ceil(1000));
    text.extend_from_slice(
        format!(
            "{dot}{}\t{}\t{}\t{}\t{expires}\t",
            cookie.domain,
            flag(!cookie.host_only),
            cookie.path,
            flag(cookie.secure),
        )
        .as_bytes(),
    );
    text.extend_from_slice(&cookie.name);
    text.push(b'\t');
    text.extend_from_slice(&cookie.value);
    text.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cookies::{ParseError, SetCookie};

    fn lines(jar: &CookieJar) -> Vec<String> {
        let text = String::from_utf8(jar.to_netscape()).unwrap();
        text.lines().skip(1).map(str::to_owned).collect()
    }

    #[test]
    fn a_file_of_curl_reads_and_writes_back() {
        let text = "# Netscape HTTP Cookie File\n# https://curl.se/docs/http-cookies.html\n\n\
            example.com\tFALSE\t/\tFALSE\t0\ta\t1\r\n\
            .example.com\tTRUE\t/app\tTRUE\t0\tb\t\n\
            #HttpOnly_localhost\tFALSE\t/\tFALSE\t0\t\tc d\te\n";
        let jar = CookieJar::new();
        assert_eq!(jar.load_netscape(text.as_bytes()), []);
        let cookies = jar.cookies();
        assert!(cookies[0].is_host_only() && !cookies[1].is_host_only());
        assert!(cookies[1].is_secure() && !cookies[1].is_http_only() && cookies[2].is_http_only());
        assert_eq!(cookies[2].value(), "c d\te");
        let expected: Vec<_> =
            text.lines().skip(3).map(|line| line.trim_end_matches('\r')).collect();
        assert_eq!(lines(&jar), expected);
    }

    #[test]
    fn bad_lines_are_named_and_the_rest_is_kept() {
        let jar = CookieJar::new();
        let bad = jar.load_netscape(
            b"example.com FALSE / FALSE 0 a 1\n\
            example.com\tFALSE\t/\tFALSE\tsoon\ta\t1\n\
            example.com\tFALSE\t/\tno\t0\ta\t1\n\
            com\tFALSE\tx\tFALSE\t0\ta\t1\n\
            .co.uk\tTRUE\t/\tFALSE\t0\ta\t1\n\
            \tTRUE\t/\tFALSE\t0\ta\t1\n\
            example.com\tFALSE\t/\tFALSE\t0\t\t\n\
            \xff\tFALSE\t/\tFALSE\t0\ta\t1\n\
            example.com\tFALSE\t/\tFALSE\t0\tgood\t1",
        );
        use NetscapeReason::{Expires, Fields, Flag, Refused, Utf8};
        let expected = [
            Fields(1),
            Expires,
            Flag(4),
            Refused(AddError::Path),
            Refused(AddError::PublicSuffix),
            Refused(AddError::NoHost),
            Refused(AddError::Parse(ParseError::Empty)),
            Utf8,
        ];
        assert_eq!(bad.iter().map(|bad| bad.reason).collect::<Vec<_>>(), expected);
        assert!(bad.iter().zip(1..).all(|(bad, line)| bad.line == line));
        assert_eq!(jar.cookies().len(), 1);
    }

    #[test]
    fn ends_of_life_are_seconds() {
        let jar = CookieJar::new();
        let later = Timestamp::now().0 / 1000 + 5000;
        let text = format!(
            "example.com\tFALSE\t/\tFALSE\t{later}\ta\t1\n\
            example.com\tFALSE\t/\tFALSE\t1\told\t1\n\
            example.com\tFALSE\t/\tFALSE\t-1\tsession\t1\n\
            example.com\tFALSE\t/\tFALSE\t{later}.25\tfraction\t1\n\
            example.com\tFALSE\t/\tFALSE\t1e300\thuge\t1\n"
        );
        assert_eq!(jar.load_netscape(text.as_bytes()), []);
        let expires: Vec<_> =
            jar.cookies().iter().map(|cookie| cookie.expires.map(|time| time.0)).collect();
        assert_eq!(expires[..3], [Some(later * 1000), None, Some(later * 1000 + 250)]);
        assert!(expires[3] < Some(later * 1000 + 400 * 86_400_000));
        assert!(lines(&jar)[0].contains(&format!("\t{later}\t")));
        assert!(lines(&jar)[2].contains(&format!("\t{}\t", later + 1)));
    }

    #[test]
    fn a_line_that_has_expired_takes_nothing_away() {
        let jar = CookieJar::new();
        let url = "https://example.com/".parse().unwrap();
        jar.add(SetCookie::new("id", "live").unwrap(), &url).unwrap();
        assert_eq!(jar.load_netscape(b"example.com\tFALSE\t/\tTRUE\t1\tid\told"), []);
        assert_eq!(jar.cookies()[0].value(), "live");
    }

    #[test]
    fn addresses_and_localhost_become_host_only() {
        let jar = CookieJar::new();
        let text = b".localhost\tTRUE\t/\tFALSE\t0\ta\t1\n127.0.0.1\tTRUE\t/\tFALSE\t0\ta\t1";
        assert_eq!(jar.load_netscape(text), []);
        assert!(jar.cookies().iter().all(Cookie::is_host_only));
    }

    #[test]
    fn cookies_that_would_break_the_form_are_left_out() {
        let jar = CookieJar::new();
        let url = "https://example.com/".parse().unwrap();
        jar.add(SetCookie::new("a\tb", "c").unwrap(), &url).unwrap();
        jar.add(SetCookie::new("a", "c").unwrap().path("/\nx"), &url).unwrap();
        jar.add_shared(SetCookie::new("a", "c").unwrap()).unwrap();
        assert_eq!(jar.len(), 3);
        assert!(lines(&jar).is_empty());
    }
}
