//! The jar: a thread-safe store of cookies by the rules of RFC 6265bis.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{BufMut, Bytes, BytesMut};
use http::HeaderValue;
use url::Url;

use super::buckets::Buckets;
use super::builder::CookieJarBuilder;
use super::cookie::Cookie;
use super::matching::{Target, domain_match, is_canonical, is_ip};
use super::parse::SetCookie;
use super::rules::{AddError, admit, readmit};
use super::store::{CookieStore, SameSiteContext};
use super::time::Timestamp;

/// Cookies of all hosts, in memory.
///
/// Shared between threads and clients by [`Arc`](std::sync::Arc). Methods take a lock for as long as
/// they run and never across an await.
///
/// ```
/// use dunlin_client::cookies::{CookieJar, CookieStore, SetCookie};
/// use url::Url;
///
/// let jar = CookieJar::new();
/// let url = Url::parse("https://shop.example.com/cart/")?;
/// jar.add(SetCookie::parse(b"id=7; Domain=example.com; Path=/; Secure; Max-Age=3600")?, &url)?;
/// jar.add(SetCookie::new("theme", "dark")?, &url)?;
///
/// let sent = jar.header(&url, Default::default());
/// assert_eq!(sent.unwrap(), "theme=dark; id=7");
/// assert!(jar.header(&Url::parse("http://example.com/")?, Default::default()).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct CookieJar {
    settings: CookieJarBuilder,
    buckets: Mutex<Buckets>,
}

impl CookieJar {
    /// An empty jar with the default settings.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Settings for a jar that differs from the default.
    pub fn builder() -> CookieJarBuilder {
        CookieJarBuilder::new()
    }

    pub(super) fn with(settings: CookieJarBuilder) -> Self {
        Self { settings, buckets: Mutex::default() }
    }

    /// Sets a cookie as if a same-site response from `url` had.
    ///
    /// One that is already expired deletes the cookie of the same name, domain and path.
    ///
    /// # Errors
    ///
    /// [`AddError`] where a response from `url` may not set this cookie.
    pub fn add(&self, cookie: SetCookie, url: &Url) -> Result<(), AddError> {
        self.add_at(cookie, url, SameSiteContext::SameSite, Timestamp::now())
    }

    pub(super) fn add_at(
        &self,
        cookie: SetCookie,
        url: &Url,
        context: SameSiteContext,
        now: Timestamp,
    ) -> Result<(), AddError> {
        let target = self.target(url)?;
        let limits = &self.settings.limits;
        let cookie = admit(cookie, &target, context, limits.max_lifetime, now)?;
        self.lock().put(cookie, target.secure, limits, now)
    }

    /// Sets a cookie that every host gets, whatever its `Domain` says.
    ///
    /// Meant for values that a program means to show to every server that it talks to; redirects
    /// lead it to servers that it did not choose. The default path is `/`.
    ///
    /// # Errors
    ///
    /// [`AddError`] where no server could set this cookie.
    pub fn add_shared(&self, cookie: SetCookie) -> Result<(), AddError> {
        let now = Timestamp::now();
        let limits = &self.settings.limits;
        let target = Target { host: "", path: "/", secure: true };
        let cookie = SetCookie { domain: None, ..cookie };
        let context = SameSiteContext::SameSite;
        let mut cookie = admit(cookie, &target, context, limits.max_lifetime, now)?;
        cookie.host_only = false;
        readmit(&cookie)?;
        self.lock().put(cookie, true, limits, now)
    }

    /// Takes one cookie from a file, its life cut to what the jar allows; one that has expired is passed
    /// over.
    pub(super) fn restore(
        &self,
        buckets: &mut Buckets,
        mut cookie: Cookie,
        now: Timestamp,
    ) -> Result<(), AddError> {
        readmit(&cookie)?;
        if is_ip(&cookie.domain) && !self.settings.ip_hosts {
            return Err(AddError::IpHost);
        }
        if cookie.is_expired(now) {
            // Put in, it would delete the one that it names.
            return Ok(());
        }
        let limits = &self.settings.limits;
        cookie.expires = cookie.expires.map(|expires| expires.min(now.after(limits.max_lifetime)));
        cookie.creation = cookie.creation.min(now);
        cookie.last_access = cookie.last_access.min(now);
        buckets.put(cookie, true, limits, now)
    }

    /// Copies of the cookies that a request to `url` would carry, in the order sent.
    pub fn cookies_for(&self, url: &Url, context: SameSiteContext) -> Vec<Cookie> {
        self.select_at(url, context, Timestamp::now(), |cookies| cookies.cloned().collect())
            .unwrap_or_default()
    }

    pub(super) fn header_at(
        &self,
        url: &Url,
        context: SameSiteContext,
        now: Timestamp,
    ) -> Option<HeaderValue> {
        let mut value =
            HeaderValue::from_maybe_shared(
                self.select_at(url, context, now, |cookies| cookie_string(cookies))?,
            )
            // Pairs were checked when they were set, and hold no byte that a field may not.
            .ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    fn select_at<T>(
        &self,
        url: &Url,
        context: SameSiteContext,
        now: Timestamp,
        visit: impl FnOnce(&mut dyn Iterator<Item = &Cookie>) -> T,
    ) -> Option<T> {
        let target = self.target(url).ok()?;
        self.lock().select(&target, context, now, visit)
    }

    /// Copies of all cookies, in the order in which they were first set.
    pub fn cookies(&self) -> Vec<Cookie> {
        self.cookies_at(Timestamp::now())
    }

    pub(super) fn cookies_at(&self, now: Timestamp) -> Vec<Cookie> {
        self.lock().snapshot(now)
    }

    /// Number of cookies, without those that have expired.
    pub fn len(&self) -> usize {
        self.lock().count(Timestamp::now())
    }

    /// Whether the jar holds no cookie that is still alive.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes all cookies.
    pub fn clear(&self) {
        *self.lock() = Buckets::default();
    }

    /// Removes the cookies of `domain` and of all under it.
    pub fn clear_domain(&self, domain: &str) {
        let domain = domain.strip_prefix('.').unwrap_or(domain).to_ascii_lowercase();
        self.retain(|cookie| cookie.domain.is_empty() || !domain_match(&cookie.domain, &domain));
    }

    /// Removes the session cookies: those without an end of life.
    pub fn clear_session(&self) {
        self.retain(|cookie| cookie.expires.is_some());
    }

    /// Removes the cookies of this domain, path and name; returns whether there were any.
    pub fn remove(&self, domain: &str, path: &str, name: &str) -> bool {
        let mut found = false;
        self.retain(|cookie| {
            let same = &*cookie.domain == domain
                && &*cookie.path == path
                && *cookie.name == *name.as_bytes();
            found |= same;
            !same
        });
        found
    }

    /// Keeps the cookies for which `keep` returns true.
    ///
    /// `keep` runs under the lock of the jar, and must not call the jar.
    pub fn retain(&self, keep: impl FnMut(&Cookie) -> bool) {
        self.lock().retain(Timestamp::now(), keep);
    }

    /// Puts `buckets` in place of all that the jar holds.
    pub(super) fn replace(&self, buckets: Buckets) {
        *self.lock() = buckets;
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Buckets> {
        // No call leaves the buckets half changed, so those behind a panic are as good as any.
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn target<'a>(&self, url: &'a Url) -> Result<Target<'a>, AddError> {
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(AddError::NoHost)?;
        if !is_canonical(host) {
            return Err(AddError::DomainCharacters);
        }
        if !self.settings.ip_hosts && is_ip(host) {
            return Err(AddError::IpHost);
        }
        let secure = matches!(url.scheme(), "https" | "wss")
            || self.settings.secure_origins.iter().any(|origin| origin.covers(url));
        Ok(Target { host, path: url.path(), secure })
    }
}

impl Default for CookieJar {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CookieJar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CookieJar").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl CookieStore for CookieJar {
    fn store(
        &self,
        set_cookies: &mut dyn Iterator<Item = &[u8]>,
        url: &Url,
        context: SameSiteContext,
    ) {
        let now = Timestamp::now();
        for field in set_cookies {
            // A cookie that is no good is passed over, and must not cost those behind it.
            if let Ok(cookie) = SetCookie::parse(field) {
                let _ = self.add_at(cookie, url, context, now);
            }
        }
    }

    fn header(&self, url: &Url, context: SameSiteContext) -> Option<HeaderValue> {
        self.header_at(url, context, Timestamp::now())
    }
}

/// All cookies in one value (§5.8.3 step 6).
fn cookie_string(cookies: &mut dyn Iterator<Item = &Cookie>) -> Bytes {
    let mut string = BytesMut::new();
    for cookie in cookies {
        if !string.is_empty() {
            string.put_slice(b"; ");
        }
        if !cookie.name.is_empty() {
            string.put_slice(&cookie.name);
            string.put_u8(b'=');
        }
        string.put_slice(&cookie.value);
    }
    string.freeze()
}

#[cfg(test)]
mod tests;
