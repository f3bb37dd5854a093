//! Hosts and paths: which cookies a request may set and get (RFC 6265bis §5.1.3, §5.1.4).

use std::net::Ipv4Addr;

use url::Url;

/// What of a request decides over cookies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    /// As `url` canonicalizes it.
    pub(super) host: &'a str,
    pub(super) path: &'a str,
    /// Whether `Secure` cookies may be set and sent.
    pub(super) secure: bool,
}

/// An origin that counts as secure although its scheme is not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct SecureOrigin {
    scheme: Box<str>,
    host: Box<str>,
    port: Option<u16>,
}

impl SecureOrigin {
    /// The origin of `url`; `None` where it has no host.
    pub(super) fn of(url: &Url) -> Option<Self> {
        let host = url.host_str()?.into();
        Some(Self { scheme: url.scheme().into(), host, port: url.port_or_known_default() })
    }

    /// Compared part by part, since `Url::origin` allocates.
    pub(super) fn covers(&self, url: &Url) -> bool {
        url.scheme() == &*self.scheme
            && url.host_str() == Some(&*self.host)
            && url.port_or_known_default() == self.port
    }
}

/// Whether `host` could come from `url` for a scheme of HTTP or WebSocket.
///
/// Other schemes keep the case of their hosts, which would make two hosts of one.
pub(super) fn is_canonical(host: &str) -> bool {
    host.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase())
}

/// Whether `host` is an address, in the forms that `url` gives to them.
///
/// No domain that `url` lets through ends in a number, so nothing else parses as IPv4.
pub(super) fn is_ip(host: &str) -> bool {
    host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok()
}

/// The part of `host` that one party registers: a public suffix and one label before it.
///
/// `None` for addresses and for hosts that are public suffixes, single labels among them: the
/// list's rule for top-level domains that it does not know is that they are public.
pub(super) fn registrable(host: &str) -> Option<&str> {
    if is_ip(host) { None } else { psl::domain_str(host).filter(|domain| !domain.is_empty()) }
}

/// The bucket that holds all cookies which `host` may set or get.
///
/// A cookie with `Domain` is only taken where its domain and the host have the same registrable
/// part, so one look-up finds them all.
pub(super) fn bucket(host: &str) -> &str {
    registrable(host).unwrap_or(host)
}

/// Whether a cookie for `domain` and what is under it covers `host` (§5.1.3).
pub(super) fn domain_match(host: &str, domain: &str) -> bool {
    match host.strip_suffix(domain) {
        Some("") => true,
        Some(rest) => rest.ends_with('.') && !is_ip(host),
        None => false,
    }
}

/// The directory of a request's path (§5.1.4).
pub(super) fn default_path(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(_) if !path.starts_with('/') => "/",
        Some(last) => &path[..last],
    }
}

/// Whether a request for `path` gets a cookie of `cookie_path` (§5.1.4).
pub(super) fn path_match(path: &str, cookie_path: &str) -> bool {
    match path.strip_prefix(cookie_path) {
        Some(rest) => rest.is_empty() || rest.starts_with('/') || cookie_path.ends_with('/'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_match_on_whole_labels() {
        assert!(domain_match("a.example.com", "example.com"));
        assert!(domain_match("example.com", "example.com"));
        assert!(!domain_match("badexample.com", "example.com"));
        assert!(!domain_match("example.com", "a.example.com"));
        assert!(!domain_match("a.example.com", ".example.com"));
        assert!(!domain_match("example.com.", "example.com"));
    }

    #[test]
    fn addresses_match_themselves_only() {
        assert!(domain_match("127.0.0.1", "127.0.0.1"));
        assert!(!domain_match("127.0.0.1", "0.0.1"));
        assert!(!domain_match("127.0.0.1", "1"));
        assert_eq!(bucket("127.0.0.1"), "127.0.0.1");
        assert_eq!(bucket("[::1]"), "[::1]");
    }

    #[test]
    fn buckets_are_registrable_domains() {
        assert_eq!(bucket("a.b.example.co.uk"), "example.co.uk");
        assert_eq!(bucket("co.uk"), "co.uk");
        assert_eq!(bucket("localhost"), "localhost");
        assert_eq!(bucket("db.local"), "db.local");
        assert_eq!(bucket("user.github.io"), "user.github.io");
        assert_eq!(bucket(""), "");
        assert!(!bucket("...").is_empty(), "the empty key is that of shared cookies");
    }

    #[test]
    fn paths_match_on_whole_segments() {
        assert!(path_match("/a", "/a"));
        assert!(path_match("/a/b", "/a"));
        assert!(path_match("/a/b", "/a/"));
        assert!(path_match("/a/b", "/"));
        assert!(!path_match("/ab", "/a"));
        assert!(!path_match("/a", "/a/"));
        assert!(!path_match("/A", "/a"));
    }

    #[test]
    fn default_path_is_the_directory() {
        for (path, expected) in
            [("/", "/"), ("", "/"), ("/a", "/"), ("/a/", "/a"), ("/a/b", "/a"), ("a/b", "/")]
        {
            assert_eq!(default_path(path), expected, "{path}");
        }
    }
}
