//! One cookie as the jar keeps it (RFC 6265bis §5.7).

use std::borrow::Cow;
use std::fmt;
use std::time::SystemTime;

use super::time::Timestamp;

/// A cookie that a jar holds: a value and the rule for where it is sent.
///
/// Got from [`CookieJar::cookies`](super::CookieJar::cookies); what a server sends or a program adds
/// is a [`SetCookie`](super::SetCookie), which a jar turns into one of these.
///
/// `Debug` leaves the value out, since cookies carry credentials and logs are read by many.
#[derive(Clone, Eq, PartialEq)]
pub struct Cookie {
    pub(super) name: Box<[u8]>,
    pub(super) value: Box<[u8]>,
    /// In the form of `url`'s hosts: lower case, A-labels, `[…]` around IPv6; empty when shared.
    pub(super) domain: Box<str>,
    pub(super) host_only: bool,
    pub(super) path: Box<str>,
    pub(super) expires: Option<Timestamp>,
    pub(super) secure: bool,
    pub(super) http_only: bool,
    pub(super) same_site: Option<SameSite>,
    pub(super) creation: Timestamp,
    pub(super) last_access: Timestamp,
}

impl Cookie {
    /// Name, empty for a cookie that was set without one; bytes outside UTF-8 are replaced.
    pub fn name(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.name)
    }

    /// Name as received.
    pub fn name_bytes(&self) -> &[u8] {
        &self.name
    }

    /// Value, with any quotes that the server sent; bytes outside UTF-8 are replaced.
    pub fn value(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.value)
    }

    /// Value as received.
    pub fn value_bytes(&self) -> &[u8] {
        &self.value
    }

    /// Host that set the cookie, or the value of its `Domain`: lower case, without a leading dot.
    ///
    /// Empty for a cookie that [`CookieJar::add_shared`](super::CookieJar::add_shared) gave to every
    /// host.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Whether only [`domain`](Self::domain) itself gets the cookie, and none of its subdomains.
    pub fn is_host_only(&self) -> bool {
        self.host_only
    }

    /// Path under which a request must lie.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// End of its life; `None` for a session cookie, which lives as long as the jar.
    pub fn expires(&self) -> Option<SystemTime> {
        self.expires.map(Timestamp::to_system)
    }

    /// Whether the cookie travels over secure connections only.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether the cookie is hidden from scripts. A jar keeps the mark and acts on none.
    pub fn is_http_only(&self) -> bool {
        self.http_only
    }

    /// Requests across sites that carry the cookie; `None` where the server did not say, which is
    /// enforced as [`SameSite::Lax`].
    pub fn same_site(&self) -> Option<SameSite> {
        self.same_site
    }

    /// Time at which the cookie was first set; setting it anew keeps this.
    pub fn creation(&self) -> SystemTime {
        self.creation.to_system()
    }

    /// Time at which the cookie was last set or sent.
    pub fn last_access(&self) -> SystemTime {
        self.last_access.to_system()
    }

    pub(super) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// Whether both would take the same place in a store (§5.7 step 23).
    pub(super) fn replaces(&self, other: &Self) -> bool {
        self.name == other.name
            && self.domain == other.domain
            && self.host_only == other.host_only
            && self.path == other.path
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cookie")
            .field("name", &self.name())
            .field("value", &format_args!("{} bytes", self.value.len()))
            .field("domain", &self.domain)
            .field("host_only", &self.host_only)
            .field("path", &self.path)
            .field("expires", &self.expires)
            .field("secure", &self.secure)
            .field("http_only", &self.http_only)
            .field("same_site", &self.same_site)
            .field("creation", &self.creation)
            .field("last_access", &self.last_access)
            .finish()
    }
}

/// Which requests from other sites carry a cookie (RFC 6265bis §5.6.7).
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SameSite {
    /// None of them.
    Strict,
    /// Those that a user's navigation causes with a safe method.
    Lax,
    /// All of them; such a cookie must be `Secure`.
    None,
}

#[cfg(test)]
mod tests {
    use crate::cookies::{CookieJar, SetCookie};

    #[test]
    fn debug_does_not_show_the_value() {
        let jar = CookieJar::new();
        let url = "https://a.example/".parse().unwrap();
        jar.add(SetCookie::new("session", "hunter2").unwrap(), &url).unwrap();
        let shown = format!("{:?}", jar.cookies());
        assert!(shown.contains("session") && !shown.contains("hunter2"), "{shown}");
        assert!(!format!("{jar:?}").contains("hunter2"));
    }
}
