//! Which addresses may be connected to: a guard against requests that a stranger's URL sends inside.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// Looks at every address after its name was resolved, at the moment of connecting: neither a name that
/// points inside, nor one that points elsewhere when it is asked again, nor a redirect gets past it.
///
/// With a proxy it looks at the proxy's address, and at the target's where that is known here: written
/// out in the URL, or resolved here for SOCKS4 and SOCKS5. What a proxy resolves is not for this side to
/// know. Unix sockets are not looked at: the program names them, and no URL does. With a
/// [connector](crate::ClientBuilder::connector) of the program's own there can be no filter.
///
/// ```
/// use dunlin_client::{AddressFilter, Client};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let client = Client::builder().address_filter(AddressFilter::public_only()).build()?;
/// let error = client.get("http://127.0.0.1:8080/").send().await.unwrap_err();
/// assert!(error.to_string().contains("not a public address"));
/// # Ok::<(), dunlin_client::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct AddressFilter {
    allows: Arc<dyn Fn(&SocketAddr) -> bool + Send + Sync>,
    reason: &'static str,
}

impl AddressFilter {
    /// Public addresses only: neither this machine's, nor a private network's, nor link-local (where
    /// clouds keep their metadata), nor any that is reserved or stands for an IPv4 address of these.
    pub fn public_only() -> Self {
        Self { allows: Arc::new(|address| is_public(address.ip())), reason: "not a public address" }
    }

    /// Addresses for which the function says yes. An IPv4 address that is spelt as one of IPv6
    /// (`::ffff:10.0.0.1`) is shown as what is connected to, IPv4.
    pub fn new(allows: impl Fn(&SocketAddr) -> bool + Send + Sync + 'static) -> Self {
        Self { allows: Arc::new(allows), reason: "the client's address filter says no" }
    }

    pub(super) fn allows(&self, address: &SocketAddr) -> bool {
        (self.allows)(&SocketAddr::new(address.ip().to_canonical(), address.port()))
    }

    pub(super) fn reason(&self, address: &SocketAddr) -> String {
        format!("{}: {}", address.ip(), self.reason)
    }
}

impl fmt::Debug for AddressFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AddressFilter").field(&self.reason).finish()
    }
}

/// By IANA's registries of special-purpose addresses (RFC 6890 and its updates).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(a == 0
        || a == 10
        || a == 127
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 169 && b == 254)
        || (a == 172 && (16..32).contains(&b))
        || (a == 192 && b == 168)
        || (a == 192 && b == 0 && (c == 0 || c == 2))
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || (a == 198 && b == 51 && c == 100)
        || (a == 203 && b == 0 && c == 113))
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match ip.segments() {
        // IPv4 in IPv6: mapped, and by the translator of RFC 6052.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            embedded(high, low)
        }
        // 6to4.
        [0x2002, high, low, ..] => embedded(high, low),
        // Teredo, benchmarking, ORCHID, documentation and the other protocol assignments.
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        // Global unicast is all that is left of 2000::/3.
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_shown_the_address_that_is_connected_to() {
        let filter = AddressFilter::new(|address| match address.ip() {
            IpAddr::V4(ip) => !ip.is_private(),
            IpAddr::V6(_) => true,
        });
        for (address, allowed) in [
            ("10.0.0.1:80", false),
            ("[::ffff:10.0.0.1]:80", false),
            ("[::ffff:8.8.8.8]:80", true),
            ("[2606:4700::1111]:80", true),
        ] {
            assert_eq!(filter.allows(&address.parse().unwrap()), allowed, "{address}");
        }
    }

    #[test]
    fn addresses_that_are_not_of_the_internet_are_not_public() {
        for ip in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.31.255.255",
            "192.168.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "198.19.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
            "::127.0.0.1",
            "3fff::1",
            "64:ff9b:1::1",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in [
            "1.1.1.1",
            "100.63.0.1",
            "172.32.0.1",
            "198.17.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2001:4860:4860::8888",
            "2002:808:808::",
        ] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }
}
