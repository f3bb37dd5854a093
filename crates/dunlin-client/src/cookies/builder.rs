//! The settings of a jar.

use std::time::Duration;

use url::Url;

use super::jar::CookieJar;
use super::matching::SecureOrigin;

/// Bounds on what a jar keeps, so that no server fills the memory of a client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) max_per_domain: usize,
    pub(super) max_total: usize,
    pub(super) max_lifetime: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_per_domain: 180,
            max_total: 3000,
            max_lifetime: Duration::from_secs(400 * 24 * 60 * 60),
        }
    }
}

/// Settings of a [`CookieJar`].
///
/// ```
/// use dunlin_client::cookies::CookieJar;
/// use url::Url;
///
/// let jar = CookieJar::builder()
///     .max_per_domain(50)
///     .treat_as_secure_origin(&Url::parse("http://localhost:8080")?)
///     .build();
/// assert!(jar.is_empty());
/// # Ok::<(), url::ParseError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct CookieJarBuilder {
    pub(super) limits: Limits,
    pub(super) ip_hosts: bool,
    pub(super) secure_origins: Vec<SecureOrigin>,
}

impl CookieJarBuilder {
    pub(super) fn new() -> Self {
        Self { limits: Limits::default(), ip_hosts: true, secure_origins: Vec::new() }
    }

    /// Most cookies of one registrable domain, its subdomains together; for hosts without one, of
    /// the host. Past it, expired cookies go first, then those that are not `Secure`, then the one
    /// that was longest unused. Default: 180, as in Chromium.
    pub fn max_per_domain(mut self, cookies: usize) -> Self {
        self.limits.max_per_domain = cookies;
        self
    }

    /// Most cookies in all, which go in the same order. Default: 3000 (RFC 6265bis §6.1), which at
    /// the greatest length of each is about 16 MB.
    pub fn max_total(mut self, cookies: usize) -> Self {
        self.limits.max_total = cookies;
        self
    }

    /// Longest life of a cookie from when it is set; longer ones are cut to it. Default: 400 days
    /// (RFC 6265bis §5.5).
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.limits.max_lifetime = lifetime;
        self
    }

    /// Whether hosts that are addresses have cookies, always for that address alone. Default: true;
    /// aiohttp's `unsafe=False` is false.
    pub fn ip_hosts(mut self, keep: bool) -> Self {
        self.ip_hosts = keep;
        self
    }

    /// Lets the origin of `url` set and get `Secure` cookies although its scheme is neither `https`
    /// nor `wss`; may be called for several. Default: none, `localhost` being no exception.
    ///
    /// A URL without a host adds nothing.
    pub fn treat_as_secure_origin(mut self, url: &Url) -> Self {
        self.secure_origins.extend(SecureOrigin::of(url));
        self
    }

    /// An empty jar with these settings.
    pub fn build(self) -> CookieJar {
        CookieJar::with(self)
    }
}
