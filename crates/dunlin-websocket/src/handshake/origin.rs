//! Whose pages may connect (RFC 6455 §10.2).

use http::Uri;

/// Which pages a server lets connect.
///
/// A browser sends cookies along whatever page opens the connection, and tells the page's origin: a server that
/// does not look lets any page speak with its user's rights. Other clients send no origin and are always let in.
///
/// ```
/// use dunlin_websocket::Origins;
///
/// let origins = Origins::list(["https://app.example.com"]);
/// # let _ = origins;
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Origins {
    /// Pages of the host and port that the request itself is for. The default.
    #[default]
    Same,
    /// Pages of these origins: `https://example.com`, with the port where it is not the scheme's own.
    List(Vec<String>),
    /// All pages: for what is open to anybody anyway.
    Any,
}

impl Origins {
    /// [`Origins::List`] of what can be made strings.
    pub fn list<I: IntoIterator<Item: Into<String>>>(origins: I) -> Self {
        Self::List(origins.into_iter().map(Into::into).collect())
    }

    pub(super) fn allows(&self, origin: Option<&[u8]>, host: Option<&[u8]>) -> bool {
        let Some(origin) = origin else { return true };
        match self {
            Self::Any => true,
            Self::List(all) => all.iter().any(|one| is_listed(one.as_bytes(), origin)),
            Self::Same => host.is_some_and(|host| is_same(origin, host)),
        }
    }
}

/// Whether an origin is the one that the program has named, which may have written it as a URL.
fn is_listed(named: &[u8], origin: &[u8]) -> bool {
    if named.eq_ignore_ascii_case(origin) {
        return true;
    }
    let (Ok(named), Ok(origin)) = (Uri::try_from(named), Uri::try_from(origin)) else {
        return false;
    };
    let is_bare = matches!(named.path(), "" | "/") && named.query().is_none();
    let port =
        |uri: &Uri| uri.port_u16().or_else(|| default_port(uri.scheme_str().unwrap_or_default()));
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    is_bare
        && named.scheme().is_some()
        && named.scheme() == origin.scheme()
        && host(&named) == host(&origin)
        && port(&named).is_some()
        && port(&named) == port(&origin)
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// Whether an origin's host and port are those of a `Host` field. The scheme may differ: behind a proxy that
/// ends TLS nobody knows it.
fn is_same(origin: &[u8], host: &[u8]) -> bool {
    let Ok(origin) = Uri::try_from(origin) else { return false };
    let (Some(authority), Some(scheme)) = (origin.authority(), origin.scheme_str()) else {
        return false;
    };
    let Some(default) = default_port(scheme) else { return false };
    let Ok(host) = http::uri::Authority::try_from(host) else { return false };
    authority.host().eq_ignore_ascii_case(host.host())
        && authority.port_u16().unwrap_or(default) == host.port_u16().unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_host_and_port_are_the_same() {
        let same = |origin: &str, host: &str| {
            Origins::Same.allows(Some(origin.as_bytes()), Some(host.as_bytes()))
        };
        assert!(same("http://a.example:8080", "A.example:8080"));
        assert!(same("https://a.example", "a.example"));
        assert!(same("https://a.example", "a.example:443"));
        assert!(same("http://[::1]:80", "[::1]"));
        for origin in
            ["null", "https://b.example", "http://a.example.b", "http://a.example:81", "a.example"]
        {
            assert!(!same(origin, "a.example"), "{origin}");
        }
    }

    #[test]
    fn a_listed_origin_may_be_written_as_a_url() {
        let lets_in = |named: &str, origin: &str| {
            Origins::list([named]).allows(Some(origin.as_bytes()), None)
        };
        for named in ["https://b.example", "https://B.example/", "https://b.example:443"] {
            assert!(lets_in(named, "https://b.example"), "{named}");
            assert!(!lets_in(named, "http://b.example"), "{named}");
            assert!(!lets_in(named, "https://b.example:8443"), "{named}");
            assert!(!lets_in(named, "null"), "{named}");
        }
        assert!(!lets_in("https://b.example/page", "https://b.example"));
        assert!(!lets_in("b.example", "https://b.example"));
        assert!(lets_in("app://b", "app://b") && lets_in("null", "null"));
        assert!(!lets_in("app://b/", "app://c"));
    }

    #[test]
    fn only_browsers_are_asked_for_an_origin() {
        assert!(Origins::Same.allows(None, Some(b"a.example")));
        assert!(!Origins::Same.allows(Some(b"http://a.example"), None));
        assert!(Origins::list(["https://b.example"]).allows(Some(b"https://b.example"), None));
        assert!(!Origins::list(["https://b.example"]).allows(Some(b"https://c.example"), None));
    }
}
