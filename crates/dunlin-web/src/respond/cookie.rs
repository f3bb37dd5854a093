//! `SetCookie`: cookies that a response sets or removes (RFC 6265bis §4.1).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dunlin_core::Headers;
use http::HeaderValue;
use http::header::SET_COOKIE;

use crate::conditional::http_date;

/// A cookie to set.
///
/// Nothing of it is escaped: what a cookie cannot hold is an error of [`to_value`](Self::to_value), so that no
/// value adds an attribute or splits the response. Values beyond letters and digits are best percent-encoded.
///
/// ```
/// use std::time::Duration;
/// use dunlin_web::respond::{SameSite, SetCookie};
///
/// let cookie = SetCookie::new("session", "31d4d96e")
///     .max_age(Duration::from_secs(3600))
///     .secure()
///     .http_only()
///     .same_site(SameSite::Lax);
/// assert_eq!(
///     cookie.to_value()?,
///     "session=31d4d96e; Path=/; Max-Age=3600; Secure; HttpOnly; SameSite=Lax"
/// );
/// assert!(SetCookie::new("session", "a; Domain=evil.example").to_value().is_err());
/// # Ok::<(), dunlin_web::respond::BadCookie>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use = "a cookie is not set until a response has it"]
pub struct SetCookie {
    name: String,
    value: String,
    path: Option<String>,
    domain: Option<String>,
    max_age: Option<u64>,
    expires: Option<SystemTime>,
    secure: bool,
    http_only: bool,
    same_site: Option<SameSite>,
    partitioned: bool,
}

/// Whether a cookie comes along where another site leads here (RFC 6265bis §5.5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SameSite {
    /// Never.
    Strict,
    /// With plain links alone. What most browsers take for the default.
    Lax,
    /// Always; the cookie must be [`secure`](SetCookie::secure) then.
    None,
}

/// Why a cookie cannot be set as it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BadCookie {
    /// A part holds a byte that it cannot have.
    #[error("byte 0x{byte:02x} at {at} is not allowed in a cookie's {part}: percent-encode it")]
    Byte {
        /// The part: name, value, path or domain.
        part: &'static str,
        /// The byte.
        byte: u8,
        /// Its offset in the part.
        at: usize,
    },
    /// The name is empty.
    #[error("a cookie has a name")]
    Nameless,
    /// Name and value are longer than browsers keep.
    #[error("name and value of a cookie are {len} bytes long: browsers keep at most 4096")]
    TooLong {
        /// Their length, in bytes.
        len: usize,
    },
    /// Browsers would not keep it, for what its attributes lack.
    #[error("browsers do not keep such a cookie: {rule}")]
    Rule {
        /// The rule.
        rule: &'static str,
    },
}

impl SetCookie {
    /// A cookie of the path `/`, that lasts as long as the browser runs.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            path: Some("/".into()),
            domain: None,
            max_age: None,
            expires: None,
            secure: false,
            http_only: false,
            same_site: None,
            partitioned: false,
        }
    }

    /// Removes a cookie: empty, and over since 1970. Path and domain must be those that it was set with,
    /// and `secure` where its name begins with `__Host-` or `__Secure-`.
    pub fn remove(name: impl Into<String>) -> Self {
        Self::new(name, "").max_age(Duration::ZERO).expires(UNIX_EPOCH)
    }

    /// The path below which it is sent. Default: `/`, to all.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Leaves the path out: it is sent below the folder of the request's own path then.
    pub fn without_path(mut self) -> Self {
        self.path = None;
        self
    }

    /// Sends it to that domain and all below. Default: to this host alone.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// How long it lasts, in whole seconds; goes before [`expires`](Self::expires). Default: as long as the
    /// browser runs.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age.as_secs());
        self
    }

    /// When it is over. Default: when the browser ends.
    pub fn expires(mut self, time: SystemTime) -> Self {
        self.expires = Some(time);
        self
    }

    /// Sends it over TLS alone. Default: not set.
    pub fn secure(mut self) -> Self {
        self.secure = true;
        self
    }

    /// Hides it from scripts. Default: not set.
    pub fn http_only(mut self) -> Self {
        self.http_only = true;
        self
    }

    /// Whether it comes along from other sites. Default: as the browser does.
    pub fn same_site(mut self, rule: SameSite) -> Self {
        self.same_site = Some(rule);
        self
    }

    /// Keeps it apart for each site that embeds this one (CHIPS). Default: not set.
    pub fn partitioned(mut self) -> Self {
        self.partitioned = true;
        self
    }

    /// The value of a `Set-Cookie` field.
    ///
    /// # Errors
    ///
    /// [`BadCookie`] for what browsers would misread or not keep: bytes outside the grammar, more than 4096
    /// bytes, `SameSite=None` or `Partitioned` without `Secure`, a prefix of the name that the attributes
    /// contradict.
    pub fn to_value(&self) -> Result<HeaderValue, BadCookie> {
        self.check()?;
        let mut text = format!("{}={}", self.name, self.value);
        let mut add = |name: &str, value: &str| {
            text.push_str("; ");
            text.push_str(name);
            text.push_str(value);
        };
        if let Some(domain) = &self.domain {
            add("Domain=", domain);
        }
        if let Some(path) = &self.path {
            add("Path=", path);
        }
        if let Some(time) = self.expires {
            add("Expires=", http_date(time).to_str().unwrap_or_default());
        }
        if let Some(age) = self.max_age {
            add("Max-Age=", &age.to_string());
        }
        for (is_set, name) in [
            (self.secure, "Secure"),
            (self.http_only, "HttpOnly"),
            (self.partitioned, "Partitioned"),
        ] {
            if is_set {
                add(name, "");
            }
        }
        match self.same_site {
            Some(SameSite::Strict) => add("SameSite=", "Strict"),
            Some(SameSite::Lax) => add("SameSite=", "Lax"),
            Some(SameSite::None) => add("SameSite=", "None"),
            None => {}
        }
        // Checked above byte by byte.
        HeaderValue::try_from(text).map_err(|_| BadCookie::Rule { rule: "it is no field value" })
    }

    fn check(&self) -> Result<(), BadCookie> {
        if self.name.is_empty() {
            return Err(BadCookie::Nameless);
        }
        let attribute = |byte: u8| (0x20..0x7f).contains(&byte) && byte != b';';
        check("name", &self.name, is_token)?;
        check("value", unquoted(&self.value), is_octet)?;
        check("path", self.path.as_deref().unwrap_or_default(), attribute)?;
        check("domain", self.domain.as_deref().unwrap_or_default(), |byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
        })?;
        let len = self.name.len() + self.value.len();
        if len > 4096 {
            return Err(BadCookie::TooLong { len });
        }
        let begins = |prefix: &str| {
            self.name.get(..prefix.len()).is_some_and(|name| name.eq_ignore_ascii_case(prefix))
        };
        let rule = if begins("__Secure-") && !self.secure {
            "`__Secure-` is for those that are `secure`"
        } else if begins("__Host-")
            && !(self.secure && self.domain.is_none() && self.path.as_deref() == Some("/"))
        {
            "`__Host-` is for those that are `secure`, of the path `/` and of no domain"
        } else if self.same_site == Some(SameSite::None) && !self.secure {
            "`SameSite=None` asks for `secure`"
        } else if self.partitioned && !self.secure {
            "`Partitioned` asks for `secure`"
        } else {
            return Ok(());
        };
        Err(BadCookie::Rule { rule })
    }

    /// Sets it, in place of one of the same name, path and domain (RFC 6265bis §4.1.1).
    pub(super) fn apply(&self, headers: &mut Headers) -> Result<(), BadCookie> {
        let value = self.to_value()?;
        let is_same = |line: &[u8]| Identity::of(line) == Identity::of(value.as_bytes());
        if headers.get_all(SET_COOKIE).any(is_same) {
            let kept: Vec<HeaderValue> = headers
                .get_all(SET_COOKIE)
                .filter(|line| !is_same(line))
                .filter_map(|line| HeaderValue::from_bytes(line).ok())
                .collect();
            headers.remove(&SET_COOKIE);
            for line in kept {
                headers.append(SET_COOKIE, line);
            }
        }
        headers.append(SET_COOKIE, value);
        Ok(())
    }
}

/// By what a browser tells cookies apart.
#[derive(Eq, PartialEq)]
struct Identity<'a> {
    name: &'a [u8],
    path: Option<&'a [u8]>,
    domain: Option<Vec<u8>>,
}

impl<'a> Identity<'a> {
    fn of(line: &'a [u8]) -> Self {
        let mut parts = line.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let name = parts.next().unwrap_or_default();
        let name = name.split(|byte| *byte == b'=').next().unwrap_or_default();
        let (mut path, mut domain) = (None, None);
        for part in parts {
            let at = part.iter().position(|byte| *byte == b'=').unwrap_or(part.len());
            let (key, value) = part.split_at(at);
            if key.eq_ignore_ascii_case(b"path") {
                path = value.get(1..);
            } else if key.eq_ignore_ascii_case(b"domain") {
                domain = value.get(1..).map(<[u8]>::to_ascii_lowercase);
            }
        }
        Self { name, path, domain }
    }
}

fn check(part: &'static str, text: &str, fits: impl Fn(u8) -> bool) -> Result<(), BadCookie> {
    match text.bytes().position(|byte| !fits(byte)) {
        Some(at) => Err(BadCookie::Byte { part, byte: text.as_bytes()[at], at }),
        None => Ok(()),
    }
}

/// A value may stand in quotes, which are part of it.
fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

/// `tchar` of RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// `cookie-octet` of RFC 6265bis §4.1.1.
fn is_octet(byte: u8) -> bool {
    (0x21..0x7f).contains(&byte) && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(cookie: &SetCookie) -> String {
        cookie.to_value().unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn every_attribute_is_written() {
        let cookie = SetCookie::new("a", "\"1\"")
            .path("/x")
            .domain("example.org")
            .max_age(Duration::from_millis(5900))
            .expires(UNIX_EPOCH + Duration::from_secs(784_111_777))
            .secure()
            .http_only()
            .partitioned()
            .same_site(SameSite::None);
        assert_eq!(
            text(&cookie),
            "a=\"1\"; Domain=example.org; Path=/x; Expires=Sun, 06 Nov 1994 08:49:37 GMT; Max-Age=5; \
             Secure; HttpOnly; Partitioned; SameSite=None"
        );
        assert_eq!(text(&SetCookie::new("a", "").without_path()), "a=");
        let removed = "a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0";
        assert_eq!(text(&SetCookie::remove("a")), removed);
    }

    #[test]
    fn nothing_adds_an_attribute_or_splits_the_response() {
        let bad = |cookie: SetCookie| cookie.to_value().unwrap_err();
        let byte = |part, byte, at| BadCookie::Byte { part, byte, at };
        assert_eq!(bad(SetCookie::new("a", "b; Path=/")), byte("value", b';', 1));
        assert_eq!(bad(SetCookie::new("a", "b\r\nx: y")), byte("value", b'\r', 1));
        assert_eq!(bad(SetCookie::new("a", "é")), byte("value", 0xc3, 0));
        assert_eq!(bad(SetCookie::new("a", "\"")), byte("value", b'"', 0));
        assert_eq!(bad(SetCookie::new("a b", "")), byte("name", b' ', 1));
        assert_eq!(bad(SetCookie::new("a=b", "")), byte("name", b'=', 1));
        assert_eq!(bad(SetCookie::new("", "b")), BadCookie::Nameless);
        assert_eq!(bad(SetCookie::new("a", "").path("/;x")), byte("path", b';', 1));
        assert_eq!(bad(SetCookie::new("a", "").domain("a;b")), byte("domain", b';', 1));
    }

    #[test]
    fn what_browsers_would_drop_is_told() {
        let secure = SetCookie::new("__Host-a", "").secure();
        assert!(secure.to_value().is_ok());
        for bad in [
            secure.clone().domain("a.example"),
            secure.clone().path("/x"),
            SetCookie::new("__host-a", ""),
            SetCookie::new("__Secure-a", ""),
            SetCookie::new("a", "").same_site(SameSite::None),
            SetCookie::new("a", "").partitioned(),
        ] {
            assert!(matches!(bad.to_value(), Err(BadCookie::Rule { .. })), "{bad:?}");
        }
        let long = SetCookie::new("a", "x".repeat(4096));
        assert_eq!(long.to_value(), Err(BadCookie::TooLong { len: 4097 }));
    }

    #[test]
    fn a_cookie_takes_the_place_of_its_like_alone() {
        let mut headers = Headers::new();
        for cookie in [
            SetCookie::new("a", "1"),
            SetCookie::new("a", "2").path("/x"),
            SetCookie::new("b", "3"),
            SetCookie::new("a", "4").secure(),
        ] {
            cookie.apply(&mut headers).unwrap();
        }
        let lines: Vec<_> = headers.get_all(SET_COOKIE).map(String::from_utf8_lossy).collect();
        assert_eq!(lines, ["a=2; Path=/x", "b=3; Path=/", "a=4; Path=/; Secure"]);
    }
}
