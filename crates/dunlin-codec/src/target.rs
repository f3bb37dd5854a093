//! Request targets (RFC 9112 §3.2) and the authority in them and in Host (RFC 3986 §3.2).

use core::{net::Ipv6Addr, ops::Range, str};

use crate::{
    error::HeadError,
    head::{Method, Span},
    scan,
};

/// Which of its four forms a request target has.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum TargetForm {
    /// `/path?query` (RFC 9112 §3.2.1)
    Origin,
    /// `http://a.example/path?query` (§3.2.2); `http` and `https` are the schemes known.
    Absolute,
    /// `a.example:443`, for CONNECT alone (§3.2.3)
    Authority,
    /// `*`, for OPTIONS alone (§3.2.4)
    Asterisk,
}

/// Where the parts of a request target stand in the head. Nothing is decoded or normalised.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Target {
    form: TargetForm,
    // Offsets in the head. Each part ends where the next starts; the last, at `mark`, is `?` and
    // query.
    start: u16,
    authority: u16,
    path: u16,
    mark: u16,
    end: u16,
}

impl Target {
    /// Which form it has.
    #[inline]
    pub const fn form(&self) -> TargetForm {
        self.form
    }

    /// The whole target.
    #[inline]
    pub const fn whole(&self) -> Span {
        span(self.start, self.end)
    }

    /// The path, from its `/`; `*` in asterisk form; empty in authority form, and in absolute form
    /// where the target has none, which means `/` (RFC 9110 §4.2.3).
    #[inline]
    pub const fn path(&self) -> Span {
        span(self.path, self.mark)
    }

    /// The query, without its `?`.
    #[inline]
    pub const fn query(&self) -> Option<Span> {
        if self.mark < self.end { Some(span(self.mark + 1, self.end)) } else { None }
    }

    /// `host[:port]`, in absolute and authority form.
    #[inline]
    pub const fn authority(&self) -> Option<Span> {
        if self.authority < self.path { Some(span(self.authority, self.path)) } else { None }
    }

    /// A target in origin form, whose query starts at `mark`.
    #[inline(always)]
    pub(crate) fn origin(start: usize, mark: usize, end: usize) -> Self {
        // A head's bound keeps them all within 16 bits.
        let [start, mark, end] = [start, mark, end].map(|at| at as u16);
        Self { form: TargetForm::Origin, start, authority: start, path: start, mark, end }
    }

    /// Splits the target at `whole` in `head`, which the scanner has accepted byte by byte.
    ///
    /// # Errors
    ///
    /// [`HeadError::TargetForm`] where the form does not fit the method, and
    /// [`HeadError::TargetAuthority`] for a host that is missing or malformed. Userinfo is
    /// malformed: it disguises the host (RFC 9110 §4.2.4).
    #[inline(always)]
    pub(crate) fn parse(method: Method<'_>, head: &[u8], whole: Span) -> Result<Self, HeadError> {
        let is_origin = head.get(usize::from(whole.start)) == Some(&b'/');
        Ok(if is_origin && method != Method::Connect {
            Self::with_path(TargetForm::Origin, head, whole, 0, 0)
        } else {
            Self::parse_rare(method, head, whole)?
        })
    }

    #[cold]
    fn parse_rare(method: Method<'_>, head: &[u8], whole: Span) -> Result<Self, HeadError> {
        let (target, start, end) = (whole.of(head), whole.start, whole.start + whole.len);
        let without_parts =
            |form, path| Self { form, start, authority: start, path, mark: end, end };
        if method == Method::Connect {
            let Some(Authority { has_port: true }) = parse_authority(target) else {
                return Err(HeadError::TargetAuthority);
            };
            return Ok(without_parts(TargetForm::Authority, end));
        }
        if target == b"*" && method == Method::Options {
            return Ok(without_parts(TargetForm::Asterisk, start));
        }
        let Some(scheme) = scheme_len(target) else { return Err(HeadError::TargetForm) };
        let rest = &target[scheme..];
        let len = rest.iter().position(|byte| b"/?".contains(byte)).unwrap_or(rest.len());
        if len == 0 || parse_authority(&rest[..len]).is_none() {
            return Err(HeadError::TargetAuthority);
        }
        Ok(Self::with_path(TargetForm::Absolute, head, whole, scheme, scheme + len))
    }

    /// Finds path and query in what is left of the target from `path` on.
    #[inline]
    fn with_path(
        form: TargetForm,
        head: &[u8],
        whole: Span,
        authority: usize,
        path: usize,
    ) -> Self {
        let Range { start, end } = whole.range();
        let (authority, path) = (start + authority, start + path);
        let mark = scan::find(head, path..end, b'?');
        // A head's bound keeps them all within 16 bits.
        let [start, authority, path, mark, end] =
            [start, authority, path, mark, end].map(|at| at as u16);
        Self { form, start, authority, path, mark, end }
    }
}

#[inline]
const fn span(start: u16, end: u16) -> Span {
    Span { start, len: end - start }
}

/// Length of `http://` or `https://` at the start of `target`, in any case (RFC 3986 §3.1).
fn scheme_len(target: &[u8]) -> Option<usize> {
    let starts = |scheme: &&str| {
        target.get(..scheme.len()).is_some_and(|t| t.eq_ignore_ascii_case(scheme.as_bytes()))
    };
    ["http://", "https://"].into_iter().find(starts).map(str::len)
}

/// Whether `value` may stand in a Host field: `host[:port]`, or nothing at all, which a client
/// sends for a target without authority (RFC 9112 §3.2).
#[inline(never)]
pub(crate) fn is_host(value: &[u8]) -> bool {
    value.is_empty() || parse_authority(value).is_some()
}

/// What [`parse_authority`] found.
struct Authority {
    has_port: bool,
}

/// `uri-host [ ":" port ]` (RFC 9110 §7.2) with a host that is not empty.
#[inline]
fn parse_authority(authority: &[u8]) -> Option<Authority> {
    let end = scan::name_run(authority);
    match authority.get(end..)? {
        [] if end > 0 => Some(Authority { has_port: false }),
        [b':', port @ ..] if end > 0 => parse_port(port),
        _ => parse_rare_authority(authority),
    }
}

/// The same for addresses in brackets and names with other bytes than most (RFC 3986 §3.2.2).
#[cold]
fn parse_rare_authority(authority: &[u8]) -> Option<Authority> {
    let end = match authority.first()? {
        b'[' => ip_literal_len(authority)?,
        _ => reg_name_len(authority)?,
    };
    match authority.get(end..)? {
        [] => Some(Authority { has_port: false }),
        [b':', port @ ..] => parse_port(port),
        _ => None,
    }
}

/// At most five digits, and at most 65,535; none at all is allowed too (RFC 3986 §3.2.3).
#[inline]
fn parse_port(port: &[u8]) -> Option<Authority> {
    let valid = match *port {
        [a, b, c, d] => are_digits([a, b, c, d]),
        _ => port.iter().all(u8::is_ascii_digit) && (port.len() < 5 || is_high_port(port)),
    };
    valid.then_some(Authority { has_port: !port.is_empty() })
}

/// Whether all four bytes, which most ports have, are digits: `3` in the high half, also with the
/// low half moved up to where `:` would no longer have it.
#[inline]
fn are_digits(port: [u8; 4]) -> bool {
    let word = u32::from_le_bytes(port);
    let high = |word: u32| word & 0xf0f0_f0f0 == 0x3030_3030;
    high(word) && high(word + 0x0606_0606)
}

/// Whether five digits are in range: they compare like the number that they are.
#[cold]
fn is_high_port(port: &[u8]) -> bool {
    port.len() == 5 && port <= b"65535".as_slice()
}

/// Length of the `reg-name` at the start (RFC 3986 §3.2.2), not empty.
fn reg_name_len(authority: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match authority.get(at) {
            Some(&byte) if HOST[usize::from(byte)] => at += 1,
            Some(b'%') => {
                let digits = authority.get(at + 1..at + 3)?;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
                at += 3;
            }
            _ => return (at > 0).then_some(at),
        }
    }
}

/// Length of `[IPv6]` or `[vN.future]` at the start, brackets included.
#[cold]
fn ip_literal_len(authority: &[u8]) -> Option<usize> {
    let end = authority.iter().position(|&byte| byte == b']')?;
    let inside = &authority[1..end];
    let valid = match inside {
        [b'v' | b'V', rest @ ..] => {
            let dot = rest.iter().position(|&byte| byte == b'.')?;
            let (version, address) = (&rest[..dot], &rest[dot + 1..]);
            !version.is_empty()
                && version.iter().all(u8::is_ascii_hexdigit)
                && !address.is_empty()
                && address.iter().all(|&byte| byte == b':' || HOST[byte as usize])
        }
        _ => str::from_utf8(inside).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok()),
    };
    valid.then_some(end + 1)
}

/// `unreserved` and `sub-delims` (RFC 3986 §2.2, §2.3).
static HOST: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = b.is_ascii_alphanumeric()
            || matches!(b, b'-' | b'.' | b'_' | b'~')
            || matches!(
                b,
                b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
            );
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use alloc::{format, string::String};

    use super::*;

    fn parse(method: &str, target: &str) -> Result<Target, HeadError> {
        let head = format!("{method} {target}");
        let whole = Span::between(method.len() + 1, head.len());
        Target::parse(Method::new(method.as_bytes()), head.as_bytes(), whole)
    }

    fn parts(method: &str, target: &str) -> (TargetForm, String, Option<String>, Option<String>) {
        let parsed = parse(method, target).unwrap();
        let head = format!("{method} {target}");
        let text = |span: Span| String::from(&head[span.range()]);
        (parsed.form(), text(parsed.path()), parsed.query().map(text), parsed.authority().map(text))
    }

    #[test]
    fn origin_form_splits_at_the_first_question_mark() {
        assert_eq!(parts("GET", "/"), (TargetForm::Origin, "/".into(), None, None));
        let (_, path, query, _) = parts("GET", "/a/b?c=d?e");
        assert_eq!((path.as_str(), query.as_deref()), ("/a/b", Some("c=d?e")));
        assert_eq!(parts("GET", "//a?").2.as_deref(), Some(""));
    }

    #[test]
    fn absolute_form_has_a_host_and_perhaps_a_path() {
        let (form, path, query, authority) = parts("GET", "HTTP://a.example:80/x?y");
        assert_eq!(form, TargetForm::Absolute);
        assert_eq!((path.as_str(), query.as_deref()), ("/x", Some("y")));
        assert_eq!(authority.as_deref(), Some("a.example:80"));
        let (_, path, query, _) = parts("OPTIONS", "https://[::1]?q");
        assert_eq!((path.as_str(), query.as_deref()), ("", Some("q")));
    }

    #[test]
    fn userinfo_and_empty_hosts_in_a_target_are_rejected() {
        for target in ["http://", "http:///x", "http://u:p@a/", "http://:80/", "http://a:b/"] {
            assert_eq!(parse("GET", target), Err(HeadError::TargetAuthority), "{target}");
        }
    }

    #[test]
    fn each_form_is_bound_to_its_methods() {
        assert_eq!(parts("OPTIONS", "*").0, TargetForm::Asterisk);
        assert_eq!(parts("CONNECT", "a.example:443").0, TargetForm::Authority);
        assert_eq!(parse("GET", "*"), Err(HeadError::TargetForm));
        assert_eq!(parse("GET", "a.example:80"), Err(HeadError::TargetForm));
        assert_eq!(parse("GET", "ftp://a/"), Err(HeadError::TargetForm));
        assert_eq!(parse("GET", "plain"), Err(HeadError::TargetForm));
        for target in ["/x", "a.example", "a.example:", "*", "http://a:1/"] {
            assert_eq!(parse("CONNECT", target), Err(HeadError::TargetAuthority), "{target}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_address_with_perhaps_a_port() {
        for host in [
            "",
            "a",
            "a.example:8080",
            "a:65535",
            "127.0.0.1:",
            "[::1]:8080",
            "[v1.a:b]",
            "%c3%a9,a_b",
        ] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in [
            "a b",
            "a/b",
            "u@a",
            "a, b",
            "a:b",
            "[::1",
            "[::1]x",
            "[fe80::1%25e]",
            "a:65536",
            ":80",
        ] {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
        for host in ["a%", "a%zz", "a\u{e9}", "a:1:2", "[]", "a:99999999999999999999", "a\\b"] {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }
}
