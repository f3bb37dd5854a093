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
    /// Pages of these origins, each as a browser writes it: `https://example.com`, with the port where it is
    /// not the scheme's own.
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
            Self::List(all) => all.iter().any(|one| one.as_bytes().eq_ignore_ascii_case(origin)),
            Self::Same => host.is_some_and(|host| is_same(origin, host)),
        }
    }
}

/// Whether an origin's host and port are those of a `Host` field. The scheme may differ: behind a proxy that
/// ends TLS nobody knows it.
fn is_same(origin: &[u8], host: &[u8]) -> bool {
    let Ok(origin) = Uri::try_from(origin) else { return false };
    let (Some(authority), Some(scheme)) = (origin.authority(), origin.scheme_str()) else {
        return false;
    };
    let default = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return false,
    };
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
    fn only_browsers_are_asked_for_an_origin() {
        assert!(Origins::Same.allows(None, Some(b"a.example")));
        assert!(!Origins::Same.allows(Some(b"http://a.example"), None));
        assert!(Origins::list(["https://b.example"]).allows(Some(b"https://b.example"), None));
        assert!(!Origins::list(["https://b.example"]).allows(Some(b"https://c.example"), None));
    }
}
