//! What a server asks to be kept: the value of one `Set-Cookie` field (RFC 6265bis §5.6).
//!
//! Reads as user agents must, not as servers should write: quotes belong to the value, what is not
//! known is passed over, and of a repeated attribute the last counts. Which host and path the cookie
//! gets, and whether it may be set at all, is the jar's part.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::cookie::SameSite;
use super::date;

/// Most bytes that name and value may have together (§5.6).
pub const MAX_PAIR_BYTES: usize = 4096;

/// Most bytes in the value of one attribute; a longer attribute is ignored (§5.6).
pub const MAX_ATTRIBUTE_BYTES: usize = 1024;

/// A reason to take no cookie from a `Set-Cookie` field, or from a name and a value.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParseError {
    /// A control character other than the tab.
    #[error("control character 0x{0:02x} in a cookie")]
    Control(u8),
    /// Name and value are longer than [`MAX_PAIR_BYTES`] together.
    #[error("name and value of {0} bytes exceed {MAX_PAIR_BYTES}")]
    TooLong(usize),
    /// Neither a name nor a value.
    #[error("a cookie without name and value")]
    Empty,
    /// A name with `=` or `;`, or a value with `;`: a server would read another cookie.
    #[error("separator `{}` in the {part}", char::from(*.byte))]
    Separator {
        /// The byte in question.
        byte: u8,
        /// `name` or `value`.
        part: &'static str,
    },
}

/// A cookie to be set: as a server sends it, or as a program builds it.
///
/// ```
/// use dunlin_client::cookies::{SameSite, SetCookie};
///
/// let set = SetCookie::parse(b"id=\"a 1\"; Path=/app; Secure; SameSite=lax; Colour=red")?;
/// assert_eq!(set.value_bytes(), b"\"a 1\"");
/// assert_eq!(set, SetCookie::new("id", "\"a 1\"")?.path("/app").secure().same_site(SameSite::Lax));
/// # Ok::<(), dunlin_client::cookies::ParseError>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct SetCookie {
    pub(super) name: Box<[u8]>,
    pub(super) value: Box<[u8]>,
    /// Without the leading dot and in lower case; empty and absent mean the same.
    pub(super) domain: Option<Vec<u8>>,
    /// Empty where the attribute asks for the default path.
    pub(super) path: Option<Box<str>>,
    pub(super) expires: Option<SystemTime>,
    /// Seconds; what is not above zero deletes.
    pub(super) max_age: Option<i64>,
    pub(super) secure: bool,
    pub(super) http_only: bool,
    pub(super) same_site: Option<SameSite>,
}

impl SetCookie {
    /// A session cookie for the host and the directory that it will be added for.
    ///
    /// # Errors
    ///
    /// [`ParseError`] where no server could read the pair back: see [`quoted`](Self::quoted) for
    /// values that hold anything.
    pub fn new(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<Self, ParseError> {
        let (name, value) = (name.as_ref().trim_wsp(), value.as_ref().trim_wsp());
        check_pair(name, value)?;
        Ok(Self {
            name: name.into(),
            value: value.into(),
            domain: None,
            path: None,
            expires: None,
            max_age: None,
            secure: false,
            http_only: false,
            same_site: None,
        })
    }

    /// As [`new`](Self::new), with a value that may hold any byte: it goes into quotes where the
    /// grammar of cookies needs it, `"` and `\` behind a backslash and `;`, `,`, control characters
    /// and bytes above 0x7e as octal, which Python's `http.cookies` and aiohttp read back.
    ///
    /// ```
    /// use dunlin_client::cookies::SetCookie;
    ///
    /// assert_eq!(SetCookie::quoted("a", "plain")?.value_bytes(), b"plain");
    /// assert_eq!(SetCookie::quoted("a", "1; \"b\"")?.value_bytes(), br#""1\073 \"b\"""#);
    /// # Ok::<(), dunlin_client::cookies::ParseError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ParseError`] for a bad name or a pair that is too long once quoted.
    pub fn quoted(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<Self, ParseError> {
        let value = value.as_ref();
        if value.iter().all(|&byte| is_cookie_octet(byte)) {
            return Self::new(name, value);
        }
        let mut quoted = vec![b'"'];
        for &byte in value {
            match byte {
                b'"' | b'\\' => quoted.extend([b'\\', byte]),
                b';' | b',' | ..=0x1f | 0x7f.. => quoted.extend(format!("\\{byte:03o}").bytes()),
                _ => quoted.push(byte),
            }
        }
        quoted.push(b'"');
        Self::new(name, quoted)
    }

    /// Reads the value of one `Set-Cookie` field.
    ///
    /// # Errors
    ///
    /// [`ParseError`] for a field that user agents must ignore. A bad attribute is no such reason.
    pub fn parse(field: &[u8]) -> Result<Self, ParseError> {
        check_controls(field)?;
        let mut parts = field.split(|&byte| byte == b';');
        let pair = parts.next().unwrap_or_default();
        // Without `=` it is all value: a cookie without a name (§5.6 step 3).
        let (name, value) = split_pair(pair).unwrap_or((b"", pair));
        let mut set = Self::new(name, value)?;
        for attribute in parts {
            let (name, value) = split_pair(attribute).unwrap_or((attribute, b""));
            let (name, value) = (name.trim_wsp(), value.trim_wsp());
            if value.len() <= MAX_ATTRIBUTE_BYTES {
                set.attribute(name, value);
            }
        }
        Ok(set)
    }

    /// One attribute, by §5.6.1 to §5.6.7.
    fn attribute(&mut self, name: &[u8], value: &[u8]) {
        if name.eq_ignore_ascii_case(b"expires") {
            self.expires = date::parse(value).map(system_time).or(self.expires);
        } else if name.eq_ignore_ascii_case(b"max-age") {
            self.max_age = delta_seconds(value).or(self.max_age);
        } else if name.eq_ignore_ascii_case(b"domain") {
            let domain = value.strip_prefix(b".").unwrap_or(value);
            self.domain = Some(domain.to_ascii_lowercase());
        } else if name.eq_ignore_ascii_case(b"path") {
            // URLs have ASCII paths only, so a path that is no UTF-8 matches none either way.
            let path = if value.starts_with(b"/") { value } else { b"" };
            self.path = Some(String::from_utf8_lossy(path).into());
        } else if name.eq_ignore_ascii_case(b"secure") {
            self.secure = true;
        } else if name.eq_ignore_ascii_case(b"httponly") {
            self.http_only = true;
        } else if name.eq_ignore_ascii_case(b"samesite") {
            self.same_site = same_site(value);
        }
    }

    /// Sends the cookie also to subdomains of `domain`, which must cover the host. Default: to the
    /// host alone.
    #[must_use]
    pub fn domain(mut self, domain: impl AsRef<str>) -> Self {
        self.attribute(b"domain", domain.as_ref().as_bytes().trim_wsp());
        self
    }

    /// Path under which requests must lie. Default, and in place of a path without a leading `/`:
    /// the directory of the URL.
    #[must_use]
    pub fn path(mut self, path: impl AsRef<str>) -> Self {
        self.attribute(b"path", path.as_ref().as_bytes().trim_wsp());
        self
    }

    /// End of life. Default: none, a session cookie.
    #[must_use]
    pub fn expires(mut self, time: SystemTime) -> Self {
        self.expires = Some(time);
        self
    }

    /// Life from the moment of being set, which outweighs [`expires`](Self::expires); zero deletes.
    /// Default: none.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
        self
    }

    /// Sends the cookie over secure connections only. Default: over any.
    #[must_use]
    pub fn secure(mut self) -> Self {
        self.secure = true;
        self
    }

    /// Marks the cookie as hidden from scripts. Default: unmarked.
    #[must_use]
    pub fn http_only(mut self) -> Self {
        self.http_only = true;
        self
    }

    /// Requests across sites that carry the cookie. Default: as [`SameSite::Lax`].
    #[must_use]
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = Some(same_site);
        self
    }

    /// Name as given, without the white space around it; empty where the server gave none.
    pub fn name_bytes(&self) -> &[u8] {
        &self.name
    }

    /// Value as given, without the white space around it.
    pub fn value_bytes(&self) -> &[u8] {
        &self.value
    }

    /// Date of the `Expires` attribute, uncapped and whether or not `Max-Age` outweighs it.
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires
    }
}

impl std::fmt::Debug for SetCookie {
    /// Leaves the value out, as for [`Cookie`](super::Cookie).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SetCookie")
            .field("name", &String::from_utf8_lossy(&self.name))
            .field("value", &format_args!("{} bytes", self.value.len()))
            .field("domain", &self.domain.as_deref().map(String::from_utf8_lossy))
            .field("path", &self.path)
            .field("expires", &self.expires)
            .field("max_age", &self.max_age)
            .field("secure", &self.secure)
            .field("http_only", &self.http_only)
            .field("same_site", &self.same_site)
            .finish()
    }
}

/// Whether a pair can be sent as it is and be read back as the same pair.
pub(super) fn check_pair(name: &[u8], value: &[u8]) -> Result<(), ParseError> {
    check_controls(name)?;
    check_controls(value)?;
    if let Some(&byte) = name.iter().find(|byte| matches!(byte, b'=' | b';')) {
        return Err(ParseError::Separator { byte, part: "name" });
    }
    if value.contains(&b';') {
        return Err(ParseError::Separator { byte: b';', part: "value" });
    }
    match name.len() + value.len() {
        0 => Err(ParseError::Empty),
        len if len > MAX_PAIR_BYTES => Err(ParseError::TooLong(len)),
        _ => Ok(()),
    }
}

fn check_controls(bytes: &[u8]) -> Result<(), ParseError> {
    let control = |byte: &&u8| byte.is_ascii_control() && **byte != b'\t';
    bytes.iter().find(control).map_or(Ok(()), |&byte| Err(ParseError::Control(byte)))
}

fn split_pair(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = pair.iter().position(|&byte| byte == b'=')?;
    Some((&pair[..equals], &pair[equals + 1..]))
}

/// `Max-Age` in seconds, clamped to what 64 bits hold; `None` where it is no number (§5.6.2).
fn delta_seconds(value: &[u8]) -> Option<i64> {
    let (sign, digits) = match value.strip_prefix(b"-") {
        Some(digits) => (-1, digits),
        None => (1, value),
    };
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| {
        digits.iter().fold(0_i64, |sum, digit| {
            sum.saturating_mul(10).saturating_add(i64::from(digit - b'0'))
        }) * sign
    })
}

/// A value that is unknown counts as none at all (§5.6.7).
fn same_site(value: &[u8]) -> Option<SameSite> {
    match () {
        () if value.eq_ignore_ascii_case(b"strict") => Some(SameSite::Strict),
        () if value.eq_ignore_ascii_case(b"lax") => Some(SameSite::Lax),
        () if value.eq_ignore_ascii_case(b"none") => Some(SameSite::None),
        () => None,
    }
}

/// `cookie-octet` of §4.1.1: what needs no quotes.
fn is_cookie_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}

/// Dates before what the platform represents become 1970, which is as expired.
fn system_time(seconds: i64) -> SystemTime {
    let span = Duration::from_secs(seconds.unsigned_abs());
    let time =
        if seconds < 0 { UNIX_EPOCH.checked_sub(span) } else { UNIX_EPOCH.checked_add(span) };
    time.unwrap_or(UNIX_EPOCH)
}

trait TrimWsp {
    /// Without spaces and tabs at both ends, and with all other white space.
    fn trim_wsp(&self) -> &Self;
}

impl TrimWsp for [u8] {
    fn trim_wsp(&self) -> &Self {
        let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
        let start = self.iter().position(is_text).unwrap_or(self.len());
        let end = self.iter().rposition(is_text).map_or(start, |last| last + 1);
        &self[start..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(field: &str) -> SetCookie {
        SetCookie::parse(field.as_bytes()).unwrap()
    }

    #[test]
    fn pair_is_split_at_the_first_equals_and_trimmed() {
        let set = parsed(" a b =\t c = d \t; x");
        assert_eq!((set.name_bytes(), set.value_bytes()), (&b"a b"[..], &b"c = d"[..]));
    }

    #[test]
    fn without_equals_it_is_all_value() {
        assert_eq!(parsed("token").name_bytes(), b"");
        assert_eq!(parsed("token").value_bytes(), b"token");
        assert_eq!(parsed("=token"), parsed("token"));
        assert_eq!(parsed("name=").value_bytes(), b"");
    }

    #[test]
    fn empty_pair_is_refused() {
        for field in ["", " ", "=", " = ", "; Path=/", "=; Secure"] {
            assert_eq!(SetCookie::parse(field.as_bytes()), Err(ParseError::Empty), "{field:?}");
        }
    }

    #[test]
    fn controls_but_the_tab_are_refused_anywhere() {
        for byte in (0..=8).chain(10..=31).chain([127]) {
            for field in [[b"a=b", &[byte][..]].concat(), [b"a=b; path=/", &[byte][..]].concat()] {
                assert_eq!(SetCookie::parse(&field), Err(ParseError::Control(byte)));
            }
        }
        assert_eq!(parsed("a=b\tc").value_bytes(), b"b\tc");
    }

    #[test]
    fn pair_has_a_limit_and_attributes_one_of_their_own() {
        assert!(SetCookie::parse(format!("n={}", "v".repeat(4095)).as_bytes()).is_ok());
        assert_eq!(
            SetCookie::parse(format!("n={}", "v".repeat(4096)).as_bytes()),
            Err(ParseError::TooLong(4097))
        );
        let fits = format!("/{}", "p".repeat(1023));
        let long = format!("/{}", "p".repeat(1024));
        assert_eq!(parsed(&format!("a=b; path={fits}")).path.as_deref(), Some(&*fits));
        assert_eq!(parsed(&format!("a=b; path={long}")).path, None);
        assert_eq!(parsed(&format!("a=b; path=/x; path={long}")).path.as_deref(), Some("/x"));
    }

    #[test]
    fn attribute_names_ignore_case_and_space_and_the_last_counts() {
        let set = parsed("a=b;PATH = /x; SECURE=anything; httponly ; pAtH=/y;Max-Age=1;max-age=2");
        assert_eq!(set.path.as_deref(), Some("/y"));
        assert!(set.secure && set.http_only);
        assert_eq!(set.max_age, Some(2));
        assert_eq!(parsed("a=b; path=/x; path=y").path.as_deref(), Some(""));
    }

    #[test]
    fn max_age_is_a_number_or_nothing() {
        for (value, expected) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("007", Some(7)),
            ("99999999999999999999", Some(i64::MAX)),
            ("-99999999999999999999", Some(-i64::MAX)),
            ("", None),
            ("-", None),
            ("+1", None),
            ("1.5", None),
            ("1 2", None),
            ("\u{661}", None),
        ] {
            assert_eq!(parsed(&format!("a=b; max-age={value}")).max_age, expected, "{value:?}");
        }
        assert_eq!(parsed("a=b; max-age=5; max-age=x").max_age, Some(5));
    }

    #[test]
    fn domain_loses_one_leading_dot_and_its_case() {
        assert_eq!(parsed("a=b; domain=.Example.COM").domain.as_deref(), Some(&b"example.com"[..]));
        assert_eq!(parsed("a=b; domain=..x").domain.as_deref(), Some(&b".x"[..]));
        assert_eq!(parsed("a=b; domain").domain.as_deref(), Some(&b""[..]));
    }

    #[test]
    fn same_site_of_unknown_value_is_unset() {
        assert_eq!(parsed("a=b; SameSite=STRICT").same_site, Some(SameSite::Strict));
        assert_eq!(parsed("a=b; samesite=None").same_site, Some(SameSite::None));
        assert_eq!(parsed("a=b; samesite=Lax; samesite=what").same_site, None);
    }

    #[test]
    fn unreadable_date_leaves_an_earlier_one() {
        let set = parsed("a=b; expires=Sun, 06 Nov 1994 08:49:37 GMT; expires=soon");
        assert_eq!(set.expires_at(), Some(UNIX_EPOCH + Duration::from_secs(784_111_777)));
        assert!(parsed("a=b; expires=01 Jan 1601 00:00:00").expires_at() < Some(UNIX_EPOCH));
    }

    #[test]
    fn built_pairs_cannot_smuggle_a_second_cookie() {
        assert!(matches!(SetCookie::new("a=b", "c"), Err(ParseError::Separator { .. })));
        assert!(matches!(SetCookie::new("a", "b; c=d"), Err(ParseError::Separator { .. })));
        assert_eq!(SetCookie::new("a", "b\r\nc: d"), Err(ParseError::Control(b'\r')));
        assert_eq!(SetCookie::quoted("a", "b\r\n").unwrap().value_bytes(), br#""b\015\012""#);
    }
}
