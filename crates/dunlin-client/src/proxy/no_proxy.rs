//! Targets that are spoken to directly: what `NO_PROXY` lists.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::error::Error;
use crate::url::Url;

/// Targets that no proxy is asked for, in the form of `NO_PROXY`: a list, parted by commas or spaces.
///
/// | entry | stands for |
/// | --- | --- |
/// | `*` | every target |
/// | `example.com`, `.example.com`, `*.example.com` | the name and all names below it |
/// | `10.1.2.3`, `::1`, `[::1]` | the address |
/// | `10.0.0.0/8`, `fd00::/8` | the addresses of the network |
/// | each of these but a network, with `:8080` behind | the same on that port alone |
///
/// Addresses are compared with those that a URL names, not with those that its host resolves to: to
/// resolve it may be the proxy's part. `localhost` and `127.0.0.1` are as any other, so list them where
/// they are not to go by the proxy.
///
/// ```
/// use dunlin_client::{NoProxy, Url};
///
/// let direct = NoProxy::parse("localhost,.internal,10.0.0.0/8,[::1]:8080")?;
/// assert!(direct.matches(&Url::parse("http://db.internal/")?));
/// assert!(direct.matches(&Url::parse("https://10.20.30.40/")?));
/// assert!(!direct.matches(&Url::parse("http://[::1]/")?));
/// # Ok::<(), dunlin_client::Error>(())
/// ```
#[derive(Clone, Default, Eq, PartialEq)]
pub struct NoProxy(Arc<[Entry]>);

#[derive(Clone, Debug, Eq, PartialEq)]
struct Entry {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Hosts {
    All,
    /// In lower case, without dots at its ends.
    Name(Box<str>),
    Network {
        address: IpAddr,
        prefix: u8,
    },
}

impl NoProxy {
    /// Reads a list.
    ///
    /// # Errors
    ///
    /// [`Error::is_request`] where an entry is none of the forms.
    pub fn parse(list: &str) -> Result<Self, Error> {
        Self::read(list).map_err(|reason| Error::invalid("a list of targets", reason))
    }

    /// As [`parse`](Self::parse), with the reason alone where it fails.
    pub(super) fn read(list: &str) -> Result<Self, String> {
        let entries = list.split(|c: char| c == ',' || c.is_whitespace());
        entries
            .filter(|entry| !entry.is_empty())
            .map(|entry| Entry::parse(entry).map_err(|reason| format!("{entry:?} {reason}")))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether the URL's host and port are listed.
    pub fn matches(&self, url: &Url) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let origin = url.origin();
        let ip = origin.ip().map(|ip| ip.to_canonical());
        self.0.iter().any(|entry| {
            let is_port = entry.port.is_none_or(|port| port == origin.port());
            is_port
                && match &entry.hosts {
                    Hosts::All => true,
                    Hosts::Name(name) => ip.is_none() && is_below(origin.host(), name),
                    Hosts::Network { address, prefix } => {
                        ip.is_some_and(|ip| is_within(ip, *address, *prefix))
                    }
                }
        })
    }
}

impl Entry {
    fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some((address, prefix)) = text.split_once('/') {
            let address: IpAddr = bare(address).parse().map_err(|_| "is no network's address")?;
            let prefix = prefix.parse().map_err(|_| "has no number of bits behind the slash")?;
            if prefix > width(address) {
                return Err("has more bits behind the slash than its address");
            }
            return Ok(Self { hosts: Hosts::network(address, prefix), port: None });
        }
        // An IPv6 address has colons of its own.
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self { hosts: Hosts::address(address), port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, Some(port.parse().map_err(|_| "has no port behind the colon")?))
            }
            _ => (text, None),
        };
        Ok(Self { hosts: Hosts::parse(host)?, port })
    }
}

impl Hosts {
    fn parse(text: &str) -> Result<Self, &'static str> {
        if text == "*" {
            return Ok(Self::All);
        }
        if text.starts_with('[') {
            let address = bare(text).parse::<Ipv6Addr>().map_err(|_| "is no IPv6 address")?;
            return Ok(Self::address(address.into()));
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Self::address(address.into()));
        }
        let name = text.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(text);
        // In the form that hosts of URLs have: lower case, and ASCII (IDNA).
        match url::Host::parse(name.trim_matches('.')) {
            Ok(url::Host::Domain(name)) => Ok(Self::Name(name.into())),
            Ok(_) => Err("is an odd spelling of an address"),
            Err(_) => Err("is neither a name nor an address"),
        }
    }

    fn address(address: IpAddr) -> Self {
        Self::network(address, width(address))
    }

    /// IPv4 networks that are written as IPv6 ones are IPv4 networks.
    fn network(address: IpAddr, prefix: u8) -> Self {
        match (address.to_canonical(), address) {
            (IpAddr::V4(mapped), IpAddr::V6(_)) if prefix >= 96 => {
                Self::Network { address: mapped.into(), prefix: prefix - 96 }
            }
            _ => Self::Network { address, prefix },
        }
    }
}

/// Without the brackets.
fn bare(address: &str) -> &str {
    address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address)
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn is_below(host: &str, name: &str) -> bool {
    host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn is_within(ip: IpAddr, network: IpAddr, prefix: u8) -> bool {
    let prefix = u32::from(prefix);
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => {
            let differing = ip.to_bits() ^ network.to_bits();
            differing.leading_zeros() >= prefix
        }
        (IpAddr::V6(ip), IpAddr::V6(network)) => {
            let differing = ip.to_bits() ^ network.to_bits();
            differing.leading_zeros() >= prefix
        }
        _ => false,
    }
}

impl std::str::FromStr for NoProxy {
    type Err = Error;

    fn from_str(list: &str) -> Result<Self, Error> {
        Self::parse(list)
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hosts {
            Hosts::All => f.write_str("*")?,
            Hosts::Name(name) => f.write_str(name)?,
            Hosts::Network { address, prefix } if *prefix < width(*address) => {
                write!(f, "{address}/{prefix}")?;
            }
            Hosts::Network { address: IpAddr::V6(address), .. } => write!(f, "[{address}]")?,
            Hosts::Network { address, .. } => write!(f, "{address}")?,
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for NoProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|entry| format_args!("{entry}").to_string()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_match_what_they_stand_for() {
        for (list, url, expected) in [
            ("", "http://a.example/", false),
            ("*", "http://a.example/", true),
            ("*", "http://[::1]:8080/", true),
            ("*:81", "http://a.example:81/", true),
            ("*:81", "http://a.example/", false),
            ("x, *", "http://a.example/", true),
            ("example.com", "http://example.com/", true),
            ("example.com", "http://EXAMPLE.com.:8080/", true),
            ("EXAMPLE.com.", "http://example.com/", true),
            ("example.com", "http://a.b.example.com/", true),
            ("example.com", "http://badexample.com/", false),
            ("example.com", "http://example.com.evil.org/", false),
            (".example.com", "http://example.com/", true),
            (".example.com", "http://a.example.com/", true),
            (".example.com", "http://badexample.com/", false),
            ("*.example.com", "http://a.example.com/", true),
            ("com", "http://example.com/", true),
            ("example.com:443", "https://example.com/", true),
            ("example.com:443", "https://a.example.com/", true),
            ("example.com:443", "http://example.com/", false),
            ("example.com:80", "http://example.com/", true),
            ("b\u{fc}cher.example", "http://xn--bcher-kva.example/", true),
            ("a_b.local", "http://a_b.local/", true),
            ("a b\tc,,d", "http://c/", true),
            ("a b\tc,,d", "http://d/", true),
            ("a,b", "http://c/", false),
            ("localhost", "http://127.0.0.1/", false),
            ("127.0.0.1", "http://localhost/", false),
            ("10.1.2.3", "http://10.1.2.3/", true),
            ("10.1.2.3", "http://10.1.2.4/", false),
            ("10.1.2.3:80", "http://10.1.2.3/", true),
            ("10.1.2.3:81", "http://10.1.2.3/", false),
            ("10.0.0.0/8", "http://10.255.0.1:9/", true),
            ("10.0.0.0/8", "http://11.0.0.1/", false),
            ("10.9.9.9/8", "http://10.0.0.1/", true),
            ("192.168.4.0/22", "http://192.168.7.255/", true),
            ("192.168.4.0/22", "http://192.168.8.0/", false),
            ("0.0.0.0/0", "http://8.8.8.8/", true),
            ("0.0.0.0/0", "http://a.example/", false),
            ("0.0.0.0/0", "http://[::1]/", false),
            ("1.2.3.4/32", "http://1.2.3.4/", true),
            ("1.2.3.4/32", "http://1.2.3.5/", false),
            ("10.0.0.0/8", "http://[::ffff:10.1.1.1]/", true),
            ("::ffff:10.0.0.0/104", "http://10.1.1.1/", true),
            ("::1", "http://[::1]/", true),
            ("[::1]", "http://[::1]:8080/", true),
            ("[::1]:8080", "http://[::1]:8080/", true),
            ("[::1]:8080", "http://[::1]/", false),
            ("::1", "http://[::2]/", false),
            ("0:0::1", "http://[::1]/", true),
            ("fd00::/8", "http://[fdff::1]/", true),
            ("[fd00::]/8", "http://[fdff::1]/", true),
            ("fd00::/8", "http://[fe00::1]/", false),
            ("::/0", "http://[2001:db8::1]/", true),
            ("::1/128", "http://[::1]/", true),
        ] {
            let read = NoProxy::parse(list).unwrap();
            assert_eq!(read.matches(&Url::parse(url).unwrap()), expected, "{list} {url}");
        }
    }

    #[test]
    fn what_is_no_entry_is_named() {
        for entry in [
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0/8",
            "fd00::/129",
            "name/8",
            "http://a/",
            "a:b",
            "a:65536",
            ".",
            "192.168.",
            "127.1",
            "1.2.3",
            "[::1",
            "[a]",
            "<local>",
        ] {
            let error = NoProxy::parse(&format!("a, {entry}")).unwrap_err().to_string();
            assert!(error.contains(&format!("{entry:?}")), "{entry}: {error}");
        }
    }

    #[test]
    fn debug_shows_the_list() {
        let list = NoProxy::parse("*:1 A.b [::1]:80 10.0.0.0/8 1.1.1.1").unwrap();
        assert_eq!(format!("{list:?}"), r#"["*:1", "a.b", "[::1]:80", "10.0.0.0/8", "1.1.1.1"]"#);
    }
}
