//! Hosts that are asked by `https` alone (RFC 6797).

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dunlin_core::BoxFuture;
use serde::{Deserialize, Serialize};

use super::{Middleware, Next, cookies};
use crate::error::Error;
use crate::request::Request;
use crate::response::Response;
use crate::url::{IntoUrl, Url};

/// Remembers hosts that said `Strict-Transport-Security`, and asks them by `https` from then on.
///
/// A request for `http` to such a host is changed before it leaves the program: port 80 becomes 443,
/// another port stays. The field counts in answers over `https` alone, where the certificate was
/// looked at, and never for hosts that are addresses. The store is shared by clones and bounded by
/// [`max_hosts`](Self::max_hosts).
///
/// ```
/// use std::time::Duration;
/// use dunlin_client::{Client, Hsts};
///
/// let hsts = Hsts::new();
/// hsts.add("example.com", Duration::from_secs(31_536_000), true);
/// assert!(hsts.is_known("www.example.com"));
///
/// let saved = hsts.to_json();
/// let client = Client::builder().with(Hsts::from_json(&saved)?).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Hsts {
    hosts: Arc<Mutex<HashMap<Box<str>, Entry>>>,
    max_hosts: usize,
    clock: Arc<dyn Fn() -> SystemTime + Send + Sync>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Seconds since 1970.
    expires: u64,
    subdomains: bool,
}

/// A reason for which saved hosts cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HstsError {
    /// The file cannot be read.
    #[error("cannot read the file of hosts")]
    Io(#[from] std::io::Error),
    /// The text is no JSON of this form.
    #[error("not the JSON of known hosts")]
    Json(#[from] serde_json::Error),
    /// The text is of a later form.
    #[error("version {0} of the form is not known")]
    Version(u32),
}

const VERSION: u32 = 1;

#[derive(Deserialize, Serialize)]
struct Saved {
    version: u32,
    hosts: Vec<SavedHost>,
}

#[derive(Deserialize, Serialize)]
struct SavedHost {
    host: Box<str>,
    /// Seconds since 1970.
    expires: u64,
    include_subdomains: bool,
}

impl Hsts {
    /// Knows no host.
    pub fn new() -> Self {
        Self { hosts: Arc::default(), max_hosts: 10_000, clock: Arc::new(SystemTime::now) }
    }

    /// Most hosts that are known; past it, the one that expires first is forgotten. Default: 10,000.
    #[must_use]
    pub fn max_hosts(mut self, max: usize) -> Self {
        self.max_hosts = max;
        self
    }

    /// The time by which hosts expire. Default: the system's.
    #[must_use]
    pub fn clock(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(now);
        self
    }

    /// Makes a host known as if it had said so; no age at all forgets it (RFC 6797 §6.1.1). Addresses
    /// are passed over.
    pub fn add(&self, host: &str, max_age: Duration, include_subdomains: bool) {
        let host = normal(host);
        if is_address(&host) || host.is_empty() {
            return;
        }
        let mut hosts = self.lock();
        if max_age.as_secs() == 0 {
            hosts.remove(&*host);
            return;
        }
        let now = self.now();
        let expires = now.saturating_add(max_age.as_secs());
        if !hosts.contains_key(&*host) && hosts.len() >= self.max_hosts {
            hosts.retain(|_, entry| entry.expires > now);
        }
        if !hosts.contains_key(&*host) && hosts.len() >= self.max_hosts {
            let first = hosts.iter().min_by_key(|(_, entry)| entry.expires);
            let Some(first) = first.map(|(host, _)| host.clone()) else { return };
            hosts.remove(&first);
        }
        hosts.insert(host.into(), Entry { expires, subdomains: include_subdomains });
    }

    /// Whether the host is to be asked by `https`: it is known, or below one that spoke for its
    /// subdomains too (RFC 6797 §8.2).
    pub fn is_known(&self, host: &str) -> bool {
        let host = normal(host);
        if is_address(&host) {
            return false;
        }
        let (hosts, now) = (self.lock(), self.now());
        let mut name = &*host;
        loop {
            let is_own = name.len() == host.len();
            if hosts.get(name).is_some_and(|e| e.expires > now && (is_own || e.subdomains)) {
                return true;
            }
            match name.split_once('.') {
                Some((_, above)) => name = above,
                None => return false,
            }
        }
    }

    /// How many hosts are held.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether no host is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all hosts.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The hosts as JSON.
    pub fn to_json(&self) -> String {
        let now = self.now();
        let mut hosts: Vec<_> = self
            .lock()
            .iter()
            .filter(|(_, entry)| entry.expires > now)
            .map(|(host, entry)| SavedHost {
                host: host.clone(),
                expires: entry.expires,
                include_subdomains: entry.subdomains,
            })
            .collect();
        hosts.sort_by(|a, b| a.host.cmp(&b.host));
        serde_json::to_string(&Saved { version: VERSION, hosts })
            .expect("text and numbers always serialize")
    }

    /// A store of default settings with the hosts of [`to_json`](Self::to_json).
    ///
    /// # Errors
    ///
    /// [`HstsError`] as for [`load_json`](Self::load_json).
    pub fn from_json(json: &str) -> Result<Self, HstsError> {
        let hsts = Self::new();
        hsts.load_json(json)?;
        Ok(hsts)
    }

    /// Adds saved hosts; those that have expired are passed over.
    ///
    /// # Errors
    ///
    /// [`HstsError`] for text that is no saved store; nothing is added then.
    pub fn load_json(&self, json: &str) -> Result<(), HstsError> {
        let saved: Saved = serde_json::from_str(json)?;
        if saved.version != VERSION {
            return Err(HstsError::Version(saved.version));
        }
        let now = self.now();
        for host in saved.hosts {
            if let Some(age @ 1..) = host.expires.checked_sub(now) {
                self.add(&host.host, Duration::from_secs(age), host.include_subdomains);
            }
        }
        Ok(())
    }

    /// Saves the hosts to a file that only its owner may read, all of it or nothing.
    ///
    /// # Errors
    ///
    /// Whatever writing the file gives.
    pub async fn save(&self, path: impl AsRef<Path>) -> std::io::Result<()> {
        crate::cookies::file::write(path.as_ref(), self.to_json().into_bytes()).await
    }

    /// Adds the hosts of a file.
    ///
    /// # Errors
    ///
    /// [`HstsError`] where it cannot be read or is no saved store.
    pub async fn load(&self, path: impl AsRef<Path>) -> Result<(), HstsError> {
        self.load_json(&tokio::fs::read_to_string(path).await?)
    }

    /// Takes note of what a response says.
    fn note(&self, response: &Response) {
        let url = response.url();
        // Of several fields the first counts (RFC 6797 §8.1).
        if url.origin().is_tls()
            && let Some(value) = response.headers().get("strict-transport-security")
            && let Some((max_age, subdomains)) = parse(value)
        {
            self.add(url.host(), max_age, subdomains);
        }
    }

    fn now(&self) -> u64 {
        (self.clock)().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Entry>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Hsts {
    fn default() -> Self {
        Self::new()
    }
}

impl Middleware for Hsts {
    fn handle(&self, mut request: Request, next: Next) -> BoxFuture<'_, Result<Response, Error>> {
        Box::pin(async move {
            if !request.url().origin().is_tls() && self.is_known(request.url().host()) {
                let url = upgraded(request.url())?;
                // Secure ones were left out for `http`.
                cookies::of_other_url(&mut request, &url);
                request.set_url(url);
            }
            let is_known_who = is_known_who(&request);
            let response = next.run(request).await?;
            if is_known_who {
                self.note(&response);
            }
            Ok(response)
        })
    }
}

/// Whether TLS says who answers: what anybody may have said does not count (RFC 6797 §8.1).
fn is_known_who(request: &Request) -> bool {
    #[cfg(feature = "tls")]
    return !request.settings.route.tls.is_insecure();
    #[cfg(not(feature = "tls"))]
    {
        let _ = request;
        true
    }
}

/// The same URL by `https` (RFC 6797 §8.3).
fn upgraded(url: &Url) -> Result<Url, Error> {
    let mut secure = url.as_url().clone();
    // Both are special schemes, between which the setter allows a change.
    let _ = secure.set_scheme("https");
    secure.into_url(None)
}

/// The age and `includeSubDomains` of a field that keeps the rules of RFC 6797 §6.1; one that does not
/// says nothing at all.
fn parse(value: &[u8]) -> Option<(Duration, bool)> {
    let text = std::str::from_utf8(value).ok()?;
    let (mut max_age, mut subdomains) = (None, false);
    let mut seen: Vec<String> = Vec::new();
    // No directive that is known holds a semicolon, quoted or not; an unknown one that does is split
    // into parts that are none, which is as good as passing it over.
    for directive in text.split(';') {
        let directive = directive.trim_matches([' ', '\t']);
        if directive.is_empty() {
            continue;
        }
        let (name, value) = match directive.split_once('=') {
            Some((name, value)) => (name.trim_end(), Some(value.trim_start())),
            None => (directive, None),
        };
        let name = name.to_ascii_lowercase();
        if seen.contains(&name) {
            return None;
        }
        match (name.as_str(), value) {
            ("max-age", Some(value)) => {
                let quoted = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
                let digits = quoted.unwrap_or(value);
                if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                    return None;
                }
                max_age = Some(Duration::from_secs(digits.parse().unwrap_or(u64::MAX)));
            }
            ("includesubdomains", None) => subdomains = true,
            ("max-age" | "includesubdomains", _) => return None,
            _ => {}
        }
        seen.push(name);
    }
    Some((max_age?, subdomains))
}

fn normal(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

fn is_address(host: &str) -> bool {
    host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok()
}

impl fmt::Debug for Hsts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hsts")
            .field("hosts", &self.len())
            .field("max_hosts", &self.max_hosts)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_by_the_rules_or_not_at_all() {
        let secs = Duration::from_secs;
        for (value, expected) in [
            ("max-age=31536000", Some((secs(31_536_000), false))),
            (" Max-Age = \"5\" ;; includeSubDomains ; preload", Some((secs(5), true))),
            ("includeSubDomains; max-age=0", Some((secs(0), true))),
            ("max-age=99999999999999999999", Some((secs(u64::MAX), false))),
            ("max-age=1; unknown=\"a;b\"", Some((secs(1), false))),
            ("includeSubDomains", None),
            ("max-age", None),
            ("max-age=", None),
            ("max-age=-1", None),
            ("max-age=\"1", None),
            ("max-age=1; max-age=1", None),
            ("max-age=1; includeSubDomains=yes", None),
            ("", None),
        ] {
            assert_eq!(parse(value.as_bytes()), expected, "{value:?}");
        }
        assert_eq!(parse(b"max-age=1; \xff"), None);
    }

    #[test]
    fn subdomains_count_where_they_were_spoken_for() {
        let hsts = Hsts::new();
        hsts.add("A.test.", Duration::from_secs(9), true);
        hsts.add("b.test", Duration::from_secs(9), false);
        hsts.add("127.0.0.1", Duration::from_secs(9), true);
        hsts.add("::1", Duration::from_secs(9), true);
        assert_eq!(hsts.len(), 2);
        for (host, known) in [
            ("a.test", true),
            ("x.y.a.test.", true),
            ("xa.test", false),
            ("B.test", true),
            ("x.b.test", false),
            ("test", false),
            ("127.0.0.1", false),
            ("", false),
        ] {
            assert_eq!(hsts.is_known(host), known, "{host}");
        }
        // A host of its own, with a word of its own.
        hsts.add("x.a.test", Duration::from_secs(9), false);
        assert!(hsts.is_known("y.x.a.test"));
        hsts.add("a.test", Duration::ZERO, true);
        assert!(hsts.is_known("x.a.test") && !hsts.is_known("a.test"));
    }

    #[test]
    fn the_store_is_bounded_and_forgets_who_expires_first() {
        let hsts = Hsts::new().max_hosts(3);
        for (n, age) in [(1, 50), (2, 10), (3, 90), (4, 70), (3, 5), (5, 60)] {
            hsts.add(&format!("h{n}.test"), Duration::from_secs(age), false);
        }
        let left: Vec<_> = (1..=5).filter(|n| hsts.is_known(&format!("h{n}.test"))).collect();
        assert_eq!(left, [1, 4, 5]);
        Hsts::new().max_hosts(0).add("a.test", Duration::from_secs(1), false);
    }
}
