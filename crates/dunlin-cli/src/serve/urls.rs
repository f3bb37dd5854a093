//! Under which URLs the server can be reached.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

/// The URLs for the addresses that are listened on.
pub(super) fn of(scheme: &str, addresses: &[SocketAddr]) -> Vec<String> {
    let mut urls = Vec::new();
    for address in addresses {
        let port = address.port();
        match address.ip() {
            ip if !ip.is_unspecified() => urls.push(format!("{scheme}://{address}/")),
            _ => {
                urls.push(format!("{scheme}://localhost:{port}/"));
                if let Some(ip) = outward() {
                    urls.push(format!("{scheme}://{}/", SocketAddr::new(ip, port)));
                }
            }
        }
    }
    urls.dedup();
    urls
}

/// The address of this machine by which it reaches others. Nothing is sent to find out.
pub(super) fn outward() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address for documentation: routed as any other, and nobody's (RFC 5737).
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_as_it_is_and_all_as_names() {
        let of = |address: &str| of("http", &[address.parse().unwrap()]);
        assert_eq!(of("127.0.0.1:80"), ["http://127.0.0.1:80/"]);
        assert_eq!(of("[::1]:8080"), ["http://[::1]:8080/"]);
        assert_eq!(of("0.0.0.0:9")[0], "http://localhost:9/");
    }
}
