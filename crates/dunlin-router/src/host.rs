//! Host patterns: which of several tables answers for the host that a request names.

use std::collections::HashMap;
use std::fmt;
use std::net::Ipv6Addr;
use std::panic::Location;
use std::str::FromStr;

use crate::error::{BuildError, BuildErrors};

/// Longest name in the DNS, in bytes (RFC 1035 §2.3.4), without the dot of the root.
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// A reason to reject a host pattern, with its place in bytes.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HostError {
    /// There is no name in it.
    #[error("there is no host name")]
    Empty,
    /// It begins with a scheme, as a URL does.
    #[error("a host has no scheme: leave out `{scheme}://`")]
    Scheme {
        /// The scheme.
        scheme: Box<str>,
    },
    /// A label is empty.
    #[error("label at byte {at} is empty")]
    EmptyLabel {
        /// Place of the label.
        at: usize,
    },
    /// A label is too long.
    #[error("label at byte {at} has {len} bytes, more than 63")]
    LongLabel {
        /// Place of the label.
        at: usize,
        /// Its length in bytes.
        len: usize,
    },
    /// The name is too long.
    #[error("name has {len} bytes, more than 253")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// A character cannot stand there; other scripts are written in Punycode.
    #[error("`{found}` at byte {at} cannot be part of a host name")]
    BadChar {
        /// Place of the character.
        at: usize,
        /// The character.
        found: char,
    },
    /// `*` is not the whole first label.
    #[error("`*` at byte {at} is not the whole first label")]
    Wildcard {
        /// Place of the `*`.
        at: usize,
    },
    /// What follows the colon is no port.
    #[error("port at byte {at} is not a number up to 65535")]
    BadPort {
        /// Place of the port.
        at: usize,
    },
    /// What stands in brackets is no IPv6 address.
    #[error("no IPv6 address in brackets")]
    BadIpv6,
}

/// A host name, `*.` and a host name, or an IPv6 address in brackets; and a port, if it matters.
///
/// `*` stands for one label or more; alone, for any host. Without a port, any port will do.
///
/// ```
/// use dunlin_router::HostPattern;
///
/// assert!("*.example.com:8080".parse::<HostPattern>().is_ok());
/// assert!("https://example.com".parse::<HostPattern>().is_err());
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct HostPattern {
    name: Name,
    port: Option<u16>,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Name {
    /// In lower case.
    Exact(Box<str>),
    /// What follows the `*`, in lower case: a dot and a name, or nothing.
    Below(Box<str>),
    V6(Ipv6Addr),
}

impl HostPattern {
    /// Parses `source`.
    ///
    /// # Errors
    ///
    /// [`HostError`] for what is not a host.
    pub fn parse(source: &str) -> Result<Self, HostError> {
        if let Some((scheme, _)) = source.split_once("://") {
            return Err(HostError::Scheme { scheme: scheme.into() });
        }
        let (name, port) = split_port(source).ok_or(HostError::BadIpv6)?;
        let port = match port {
            Some(text) => Some(parse_port(text).ok_or(HostError::BadPort { at: name.len() + 1 })?),
            None => None,
        };
        let name = match name.strip_prefix('[') {
            Some(_) => Name::V6(parse_v6(name).ok_or(HostError::BadIpv6)?),
            None => parse_name(name)?,
        };
        Ok(Self { name, port })
    }
}

impl FromStr for HostPattern {
    type Err = HostError;

    fn from_str(source: &str) -> Result<Self, Self::Err> {
        Self::parse(source)
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Name::Exact(name) => f.write_str(name)?,
            Name::Below(name) => write!(f, "*{name}")?,
            Name::V6(address) => write!(f, "[{address}]")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

fn parse_name(name: &str) -> Result<Name, HostError> {
    if name.is_empty() {
        return Err(HostError::Empty);
    }
    if name.len() > MAX_NAME {
        return Err(HostError::TooLong { len: name.len() });
    }
    let mut at = 0;
    for label in name.split('.') {
        check_label(label, at)?;
        at += label.len() + 1;
    }
    let lower = name.to_ascii_lowercase();
    Ok(match lower.strip_prefix('*') {
        Some(below) => Name::Below(below.into()),
        None => Name::Exact(lower.into()),
    })
}

fn check_label(label: &str, at: usize) -> Result<(), HostError> {
    if label.is_empty() {
        return Err(HostError::EmptyLabel { at });
    }
    if label == "*" && at == 0 {
        return Ok(());
    }
    if label.len() > MAX_LABEL {
        return Err(HostError::LongLabel { at, len: label.len() });
    }
    for (i, found) in label.char_indices() {
        let edge = i == 0 || i + 1 == label.len();
        match found {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => {}
            '-' if !edge => {}
            '*' => return Err(HostError::Wildcard { at: at + i }),
            _ => return Err(HostError::BadChar { at: at + i, found }),
        }
    }
    Ok(())
}

/// The name, in its brackets if it has them, and what follows the colon.
fn split_port(host: &str) -> Option<(&str, Option<&str>)> {
    if host.starts_with('[') {
        let (name, rest) = host.split_at(host.find(']')? + 1);
        return match rest.strip_prefix(':') {
            Some(port) => Some((name, Some(port))),
            None => rest.is_empty().then_some((name, None)),
        };
    }
    Some(match host.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (host, None),
    })
}

fn parse_port(text: &str) -> Option<u16> {
    // `parse` alone would take a sign.
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn parse_v6(name: &str) -> Option<Ipv6Addr> {
    name.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// Collects host patterns, and with each the place in the source that registered it.
#[derive(Debug)]
pub struct HostRouterBuilder<T> {
    records: Vec<(&'static Location<'static>, Box<str>, T)>,
}

impl<T> HostRouterBuilder<T> {
    /// Adds a host: see [`HostPattern`] for what can be written.
    #[track_caller]
    pub fn add(&mut self, host: &str, value: T) -> &mut Self {
        self.add_located(Location::caller(), host, value)
    }

    /// The same for a layer above that has recorded where its own caller stands.
    pub fn add_located(
        &mut self,
        location: &'static Location<'static>,
        host: &str,
        value: T,
    ) -> &mut Self {
        self.records.push((location, host.into(), value));
        self
    }

    /// Checks everything and makes the table.
    ///
    /// # Errors
    ///
    /// [`BuildErrors`] with every host that is malformed or registered twice.
    pub fn build(self) -> Result<HostRouter<T>, BuildErrors> {
        let mut router = HostRouter {
            exact: HashMap::new(),
            below: HashMap::new(),
            v6: HashMap::new(),
            values: Vec::new(),
        };
        let mut seen = HashMap::new();
        let mut errors = Vec::new();
        for (at, host, value) in self.records {
            match HostPattern::parse(&host) {
                Err(source) => errors.push(BuildError::Host { at, host, source }),
                Ok(pattern) => match seen.get(&pattern) {
                    Some(&first) => errors.push(BuildError::DuplicateHost { at, first, host }),
                    None => {
                        seen.insert(pattern.clone(), at);
                        router.insert(pattern, value);
                    }
                },
            }
        }
        BuildErrors::check(errors)?;
        Ok(router)
    }
}

/// From a host, as a request names it, to a value.
///
/// An exact name wins over a wildcard, the longest wildcard over shorter ones, and of two patterns
/// for one name the one with the port.
///
/// ```
/// use dunlin_router::HostRouter;
///
/// let mut hosts = HostRouter::builder();
/// hosts.add("example.com", "site").add("*.example.com", "tenant");
/// let hosts = hosts.build()?;
/// assert_eq!(hosts.find("Example.COM:8080"), Some(&"site"));
/// assert_eq!(hosts.find("a.b.example.com"), Some(&"tenant"));
/// assert_eq!(hosts.find("example.org"), None);
/// # Ok::<(), dunlin_router::BuildErrors>(())
/// ```
#[derive(Debug)]
pub struct HostRouter<T> {
    exact: HashMap<Box<str>, Ports>,
    /// By what follows the `*`.
    below: HashMap<Box<str>, Ports>,
    v6: HashMap<Ipv6Addr, Ports>,
    values: Vec<T>,
}

/// Indices of values.
#[derive(Debug, Default)]
struct Ports {
    any: Option<usize>,
    named: Vec<(u16, usize)>,
}

impl Ports {
    fn find(&self, port: Option<u16>) -> Option<usize> {
        let named = |port| self.named.iter().find(|(other, _)| *other == port);
        port.and_then(named).map(|&(_, value)| value).or(self.any)
    }
}

impl<T> HostRouter<T> {
    /// An empty table to add hosts to.
    pub fn builder() -> HostRouterBuilder<T> {
        HostRouterBuilder { records: Vec::new() }
    }

    /// The value for `host`, which may have a port and any case, as in a `Host` field.
    ///
    /// One dot at the end is ignored. `None` also for what is not a host. Allocates nothing.
    pub fn find(&self, host: &str) -> Option<&T> {
        let (name, port) = split_port(host)?;
        // A port may be empty (RFC 3986 §3.2.3).
        let port = match port.filter(|text| !text.is_empty()) {
            Some(text) => Some(parse_port(text)?),
            None => None,
        };
        let found = if name.starts_with('[') {
            let exact = self.v6.get(&parse_v6(name)?);
            exact.and_then(|ports| ports.find(port)).or_else(|| self.find_below("", port))
        } else {
            let name = name.strip_suffix('.').unwrap_or(name);
            if name.is_empty() || name.starts_with('.') || name.contains("..") {
                return None;
            }
            let mut lower = [0; MAX_NAME];
            let lower = lower.get_mut(..name.len())?;
            lower.copy_from_slice(name.as_bytes());
            lower.make_ascii_lowercase();
            self.find_name(std::str::from_utf8(lower).ok()?, port)
        };
        self.values.get(found?)
    }

    /// All values, in the order of registration.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &T> {
        self.values.iter()
    }

    fn find_name(&self, name: &str, port: Option<u16>) -> Option<usize> {
        if let Some(value) = self.exact.get(name).and_then(|ports| ports.find(port)) {
            return Some(value);
        }
        let mut dots = name.match_indices('.');
        dots.find_map(|(at, _)| self.find_below(&name[at..], port))
            .or_else(|| self.find_below("", port))
    }

    fn find_below(&self, suffix: &str, port: Option<u16>) -> Option<usize> {
        self.below.get(suffix)?.find(port)
    }

    fn insert(&mut self, pattern: HostPattern, value: T) {
        let index = self.values.len();
        self.values.push(value);
        let ports = match pattern.name {
            Name::Exact(name) => self.exact.entry(name).or_default(),
            Name::Below(name) => self.below.entry(name).or_default(),
            Name::V6(address) => self.v6.entry(address).or_default(),
        };
        match pattern.port {
            Some(port) => ports.named.push((port, index)),
            None => ports.any = Some(index),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts<'s>(patterns: &[&'s str]) -> HostRouter<&'s str> {
        let mut builder = HostRouter::builder();
        for pattern in patterns {
            builder.add(pattern, *pattern);
        }
        builder.build().unwrap()
    }

    #[test]
    fn exact_names_win_over_wildcards_and_long_ones_over_short() {
        let hosts = hosts(&["*", "*.com", "*.example.com", "a.example.com", "*.b.example.com"]);
        for (host, pattern) in [
            ("a.example.com", "a.example.com"),
            ("c.a.example.com", "*.example.com"),
            ("c.b.example.com", "*.b.example.com"),
            ("b.example.com", "*.example.com"),
            ("example.com", "*.com"),
            ("com", "*"),
            ("[::1]", "*"),
        ] {
            assert_eq!(hosts.find(host), Some(&pattern), "{host}");
        }
    }

    #[test]
    fn a_wildcard_stands_for_one_label_at_least() {
        let hosts = hosts(&["*.example.com"]);
        assert!(hosts.find("example.com").is_none());
        assert!(hosts.find(".example.com").is_none());
        assert!(hosts.find("notexample.com").is_none());
        assert!(hosts.find("a..example.com").is_none());
        assert!(hosts.find("x.y.z.example.com").is_some());
    }

    #[test]
    fn ports_matter_only_where_the_pattern_has_one() {
        let hosts = hosts(&["a.com", "a.com:81", "b.com:81", "*.com"]);
        assert_eq!(hosts.find("a.com:81"), Some(&"a.com:81"));
        assert_eq!(hosts.find("a.com:82"), Some(&"a.com"));
        assert_eq!(hosts.find("a.com:"), Some(&"a.com"));
        assert_eq!(hosts.find("b.com:81"), Some(&"b.com:81"));
        assert_eq!(hosts.find("b.com"), Some(&"*.com"));
    }

    #[test]
    fn case_and_the_dot_of_the_root_do_not_matter() {
        let hosts = hosts(&["Example.COM"]);
        for host in ["example.com", "EXAMPLE.com.", "eXample.com:80"] {
            assert!(hosts.find(host).is_some(), "{host}");
        }
        assert!(hosts.find("example.com..").is_none());
    }

    #[test]
    fn ipv6_addresses_are_compared_as_addresses() {
        let hosts = hosts(&["[::1]:8080", "[2001:db8::1]"]);
        assert!(hosts.find("[0:0:0:0:0:0:0:1]:8080").is_some());
        assert!(hosts.find("[::1]").is_none());
        assert!(hosts.find("[2001:DB8:0::1]:443").is_some());
        assert!(hosts.find("2001:db8::1").is_none());
    }

    #[test]
    fn what_is_not_a_host_finds_nothing() {
        let hosts = hosts(&["a.com"]);
        let long = "a.".repeat(5000);
        for host in ["", ":80", "a.com:x", "a.com:+80", "a.com:99999", "[", "[::1", "é", &long] {
            assert!(hosts.find(host).is_none(), "{host}");
        }
    }

    #[test]
    fn every_mistake_has_its_place() {
        let error = |source: &str| HostPattern::parse(source).unwrap_err();
        assert_eq!(error(""), HostError::Empty);
        assert_eq!(error("http://a"), HostError::Scheme { scheme: "http".into() });
        assert_eq!(error("a..b"), HostError::EmptyLabel { at: 2 });
        assert_eq!(error(&"a".repeat(64)), HostError::LongLabel { at: 0, len: 64 });
        assert_eq!(error(&"a.".repeat(150)), HostError::TooLong { len: 300 });
        assert_eq!(error("a.é"), HostError::BadChar { at: 2, found: 'é' });
        assert_eq!(error("a/b"), HostError::BadChar { at: 1, found: '/' });
        assert_eq!(error("-a"), HostError::BadChar { at: 0, found: '-' });
        assert_eq!(error("a.*.b"), HostError::Wildcard { at: 2 });
        assert_eq!(error("a:b"), HostError::BadPort { at: 2 });
        assert_eq!(error("[::g]"), HostError::BadIpv6);
        assert_eq!(error("[::1]x"), HostError::BadIpv6);
    }

    #[test]
    fn all_mistakes_are_told_together() {
        let mut builder = HostRouter::builder();
        builder.add("a.com", ()).add("A.com", ()).add("b_c-.com", ());
        assert_eq!(builder.build().unwrap_err().iter().count(), 2);
    }
}
