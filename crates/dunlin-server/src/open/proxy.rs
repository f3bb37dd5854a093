//! The PROXY protocol, versions 1 and 2, without I/O: what a load balancer writes before the first byte of
//! a connection that it passes on, to tell whose it is (the specification of HAProxy,
//! `doc/proxy-protocol.txt`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use dunlin_core::{BadNetwork, Connection, Network};

/// Longest header of version 1, its CRLF included.
const V1_MAX: usize = 107;

/// How a header of version 2 begins.
const V2_SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Bytes of a header of version 2 before its addresses.
const V2_FIXED: usize = 16;

/// Types of the fields behind the addresses that are looked at.
const TLV_CRC32C: u8 = 0x03;
const TLV_SSL: u8 = 0x20;

/// The bit of [`TLV_SSL`] that says that the client spoke TLS.
const CLIENT_SSL: u8 = 0x01;

/// Takes connections from load balancers that speak the PROXY protocol, version 1 or 2; see
/// [`ServerBuilder::proxy_protocol`](crate::ServerBuilder::proxy_protocol).
///
/// ```
/// use dunlin_server::{ProxyProtocol, Server};
///
/// let proxies = ProxyProtocol::from_networks(["10.0.0.0/8", "fd00::/8"])?;
/// let server = Server::builder().bind("0.0.0.0:8080").proxy_protocol(proxies);
/// # Ok::<(), dunlin_core::BadNetwork>(())
/// ```
#[derive(Clone, Debug)]
pub struct ProxyProtocol {
    trusted: Option<Arc<[Network]>>,
    max_header: usize,
}

impl ProxyProtocol {
    /// Believes whoever connects: for a port that nobody but the proxies can reach.
    pub fn from_anyone() -> Self {
        Self { trusted: None, max_header: 4096 }
    }

    /// Believes proxies in these networks (`10.0.0.0/8`) or at these addresses; a connection from
    /// elsewhere is refused. One that comes by a unix socket is believed.
    ///
    /// # Errors
    ///
    /// [`BadNetwork`] for what is neither.
    pub fn from_networks<'a>(
        networks: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, BadNetwork> {
        let networks: Result<Vec<_>, _> = networks.into_iter().map(str::parse).collect();
        Ok(Self { trusted: Some(networks?.into()), ..Self::from_anyone() })
    }

    /// Longest header of version 2, in bytes, with the fields that it may carry behind the addresses
    /// (of which a certificate's can be long). At least 536; one of version 1 has 107 at most, whatever
    /// is set here. Default: 4 KiB.
    #[must_use]
    pub fn max_header_bytes(self, bytes: usize) -> Self {
        Self { max_header: bytes.max(536), ..self }
    }

    /// Whether a header from there is believed.
    pub(crate) fn trusts(&self, peer: Option<SocketAddr>) -> bool {
        match (&self.trusted, peer) {
            (Some(networks), Some(peer)) => {
                networks.iter().any(|network| network.contains(peer.ip()))
            }
            _ => true,
        }
    }

    /// Reads the header that `input` begins with; returns its length too. `None` means that more bytes
    /// are needed.
    ///
    /// # Errors
    ///
    /// [`ProxyError`] for what cannot become a header: the connection must close.
    pub(crate) fn parse(&self, input: &[u8]) -> Result<Option<(Header, usize)>, ProxyError> {
        if begins(input, V2_SIGNATURE) {
            parse_v2(input, self.max_header)
        } else if begins(input, b"PROXY ") {
            parse_v1(input)
        } else {
            Err(ProxyError::Missing)
        }
    }
}

/// Why a connection was refused that had to begin with a header of the PROXY protocol.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProxyError {
    /// It came from an address that is not a proxy's.
    #[error("it comes from an address that is in none of the trusted networks")]
    Untrusted,
    /// It does not begin with a header.
    #[error(
        "it does not begin with a header of the PROXY protocol: has the proxy been told to send one?"
    )]
    Missing,
    /// It ended inside the header.
    #[error("it ended inside the header of the PROXY protocol")]
    Incomplete,
    /// A line of version 1 is outside the grammar.
    #[error("malformed header of the PROXY protocol, version 1")]
    MalformedV1,
    /// A line of version 1 is longer than 107 bytes.
    #[error("header of the PROXY protocol, version 1, of more than 107 bytes")]
    TooLongV1,
    /// Neither LOCAL nor PROXY of version 2, or a family or transport that it does not know.
    #[error(
        "unknown command or family in the PROXY protocol, version 2: 0x{command:02x} 0x{family:02x}"
    )]
    Unknown {
        /// Version and command.
        command: u8,
        /// Address family and transport.
        family: u8,
    },
    /// A header of version 2 is longer than allowed.
    #[error(
        "header of the PROXY protocol of {len} bytes, {max} are allowed: raise `max_header_bytes`"
    )]
    TooLong {
        /// Bytes that it would have.
        len: usize,
        /// Bytes that are allowed.
        max: usize,
    },
    /// The addresses or a field behind them do not fit into the declared length.
    #[error("header of the PROXY protocol, version 2, whose parts do not fit its length")]
    MalformedV2,
    /// The checksum is not that of the header.
    #[error("header of the PROXY protocol with a wrong checksum")]
    Checksum,
}

/// What a header says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Header {
    ends: Ends,
    /// The client spoke TLS to the proxy.
    secure: bool,
}

/// Between whom the connection is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ends {
    /// Between the proxy and here (LOCAL), or not told (UNKNOWN): what the socket says holds.
    Socket,
    Inet {
        peer: SocketAddr,
        local: SocketAddr,
    },
    /// Between two unix sockets, which have no such address.
    Unix,
}

impl Header {
    const SOCKET: Self = Self { ends: Ends::Socket, secure: false };

    /// Sets what the header tells.
    pub(crate) fn apply(self, connection: &mut Connection) {
        (connection.peer, connection.local) = match self.ends {
            Ends::Socket => return,
            Ends::Inet { peer, local } => (Some(peer), Some(local)),
            Ends::Unix => (None, None),
        };
        connection.secure |= self.secure;
    }
}

/// Whether `input` begins with `mark`, or may yet.
fn begins(input: &[u8], mark: &[u8]) -> bool {
    let n = input.len().min(mark.len());
    input[..n] == mark[..n]
}

/// `PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n`
fn parse_v1(input: &[u8]) -> Result<Option<(Header, usize)>, ProxyError> {
    let line = &input[..input.len().min(V1_MAX)];
    let Some(end) = line.iter().position(|b| *b == b'\n') else {
        return if line.len() < V1_MAX { Ok(None) } else { Err(ProxyError::TooLongV1) };
    };
    let text = line[..end].strip_suffix(b"\r").and_then(|line| std::str::from_utf8(line).ok());
    let mut words = text.ok_or(ProxyError::MalformedV1)?.split(' ').skip(1);
    let header = match words.next() {
        // What follows is to be ignored.
        Some("UNKNOWN") => Header::SOCKET,
        Some("TCP4") => v1_ends::<Ipv4Addr>(words).ok_or(ProxyError::MalformedV1)?,
        Some("TCP6") => v1_ends::<Ipv6Addr>(words).ok_or(ProxyError::MalformedV1)?,
        _ => return Err(ProxyError::MalformedV1),
    };
    Ok(Some((header, end + 1)))
}

fn v1_ends<'a, A>(mut words: impl Iterator<Item = &'a str>) -> Option<Header>
where
    A: std::str::FromStr + Into<IpAddr>,
{
    let mut address = || words.next()?.parse::<A>().ok().map(Into::into);
    let (peer, local) = (address()?, address()?);
    let mut port = || words.next().and_then(v1_port);
    let (peer, local) = (SocketAddr::new(peer, port()?), SocketAddr::new(local, port()?));
    words.next().is_none().then_some(Header { ends: Ends::Inet { peer, local }, secure: false })
}

/// Decimal digits without a sign and without zeros in front.
fn v1_port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok())?
}

fn parse_v2(input: &[u8], max: usize) -> Result<Option<(Header, usize)>, ProxyError> {
    let Some(&[command, family, high, low]) = input.get(12..V2_FIXED) else { return Ok(None) };
    let len = V2_FIXED + usize::from(u16::from_be_bytes([high, low]));
    // Version 2, LOCAL or PROXY; unspecified, IPv4, IPv6 or unix; unspecified, stream or datagram.
    let is_known = matches!(command, 0x20 | 0x21) && family >> 4 <= 3 && family & 0xf <= 2;
    if !is_known {
        return Err(ProxyError::Unknown { command, family });
    }
    if len > max {
        return Err(ProxyError::TooLong { len, max });
    }
    let Some(header) = input.get(..len) else { return Ok(None) };
    let rest = &header[V2_FIXED..];
    if command == 0x20 {
        // LOCAL: the proxy's own connection, such as a health check; nothing behind it counts.
        return Ok(Some((Header::SOCKET, len)));
    }
    let (ends, fields) = match family {
        0x11 => {
            let (at, fields) = rest.split_at_checked(12).ok_or(ProxyError::MalformedV2)?;
            let ip = |i: usize| Ipv4Addr::new(at[i], at[i + 1], at[i + 2], at[i + 3]).into();
            (inet(ip(0), ip(4), &at[8..]), fields)
        }
        0x21 => {
            let (at, fields) = rest.split_at_checked(36).ok_or(ProxyError::MalformedV2)?;
            let ip = |i: usize| {
                let mut octets = [0; 16];
                octets.copy_from_slice(&at[i..i + 16]);
                Ipv6Addr::from(octets).into()
            };
            (inet(ip(0), ip(16), &at[32..]), fields)
        }
        0x31 => {
            let (_, fields) = rest.split_at_checked(216).ok_or(ProxyError::MalformedV2)?;
            (Ends::Unix, fields)
        }
        // Unspecified, or of datagrams, which this connection is none of: as UNKNOWN in version 1.
        _ => return Ok(Some((Header::SOCKET, len))),
    };
    let secure = look_at_fields(header, fields)?;
    Ok(Some((Header { ends, secure }, len)))
}

fn inet(peer: IpAddr, local: IpAddr, ports: &[u8]) -> Ends {
    let port = |i: usize| u16::from_be_bytes([ports[i], ports[i + 1]]);
    Ends::Inet { peer: SocketAddr::new(peer, port(0)), local: SocketAddr::new(local, port(2)) }
}

/// Checks the fields behind the addresses; returns whether the client spoke TLS.
fn look_at_fields(header: &[u8], mut fields: &[u8]) -> Result<bool, ProxyError> {
    let mut secure = false;
    while let Some((&kind, rest)) = fields.split_first() {
        let (len, rest) = rest.split_first_chunk::<2>().ok_or(ProxyError::MalformedV2)?;
        let len = usize::from(u16::from_be_bytes(*len));
        let (value, rest) = rest.split_at_checked(len).ok_or(ProxyError::MalformedV2)?;
        match kind {
            TLV_CRC32C => {
                let sum: [u8; 4] = value.try_into().map_err(|_| ProxyError::MalformedV2)?;
                // The sum is made with zeros in its place.
                let at = header.len() - rest.len() - 4;
                let parts = [&header[..at], &[0; 4], &header[at + 4..]];
                if crc32c(parts.into_iter().flatten()) != u32::from_be_bytes(sum) {
                    return Err(ProxyError::Checksum);
                }
            }
            TLV_SSL => {
                // Which client flags, and a word on its certificate, stand before fields of its own.
                let (flags, _) = value.split_first_chunk::<5>().ok_or(ProxyError::MalformedV2)?;
                secure = flags[0] & CLIENT_SSL != 0;
            }
            _ => {}
        }
        fields = rest;
    }
    Ok(secure)
}

/// CRC-32C (Castagnoli; RFC 3720, appendix B.4), bit by bit: a header has some hundred bytes.
fn crc32c<'a>(bytes: impl Iterator<Item = &'a u8>) -> u32 {
    !bytes.fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0x82f6_3b78 & (sum & 1).wrapping_neg())
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn parse(input: &[u8]) -> Result<Option<(Header, usize)>, ProxyError> {
        ProxyProtocol::from_anyone().parse(input)
    }

    /// The peer's and the own address, where the header tells them.
    fn ends(input: &[u8]) -> Option<(String, String)> {
        match parse(input).unwrap().unwrap().0.ends {
            Ends::Inet { peer, local } => Some((peer.to_string(), local.to_string())),
            _ => None,
        }
    }

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let len = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&V2_SIGNATURE[..], &[command, family], &len, rest].concat()
    }

    const INET: [u8; 12] = [192, 0, 2, 1, 192, 0, 2, 2, 0xdc, 0x04, 0x01, 0xbb];

    #[test]
    fn version_1_tells_both_ends() {
        let ipv4 = b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\nGET /";
        assert_eq!(ends(ipv4), Some(("192.0.2.1:56324".into(), "192.0.2.2:443".into())));
        assert_eq!(parse(ipv4).unwrap().unwrap().1, ipv4.len() - 5);
        let ipv6 = b"PROXY TCP6 2001:db8::1 ::1 0 65535\r\n";
        assert_eq!(ends(ipv6), Some(("[2001:db8::1]:0".into(), "[::1]:65535".into())));
        let most = format!("PROXY UNKNOWN {} {} 65535 65535\r\n", "f".repeat(39), "f".repeat(39));
        assert_eq!(most.len(), V1_MAX);
        assert_eq!(parse(most.as_bytes()), Ok(Some((Header::SOCKET, V1_MAX))));
        assert_eq!(parse(b"PROXY UNKNOWN\r\n"), Ok(Some((Header::SOCKET, 15))));
    }

    #[test]
    fn version_1_outside_the_grammar_is_refused() {
        for line in [
            "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 56324\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443 \r\n",
            "PROXY TCP4  192.0.2.1 192.0.2.2 56324 443\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 56324 65536\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 +1 443\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 01 443\r\n",
            "PROXY TCP4 192.0.2.01 192.0.2.2 1 443\r\n",
            "PROXY TCP4 ::1 ::1 1 443\r\n",
            "PROXY TCP6 192.0.2.1 192.0.2.2 1 443\r\n",
            "PROXY tcp4 192.0.2.1 192.0.2.2 1 443\r\n",
            "PROXY UDP4 192.0.2.1 192.0.2.2 1 443\r\n",
            "PROXY UNKNOWN\n",
            "PROXY \r\n",
        ] {
            assert_eq!(parse(line.as_bytes()), Err(ProxyError::MalformedV1), "{line:?}");
        }
        let long = format!("PROXY UNKNOWN {}\r\n", "f".repeat(200));
        assert_eq!(parse(long.as_bytes()), Err(ProxyError::TooLongV1));
        for other in ["GET / HTTP/1.1\r\n", "PROXYT", "proxy ", "\r\n\r\n\r\n"] {
            assert_eq!(parse(other.as_bytes()), Err(ProxyError::Missing), "{other:?}");
        }
    }

    #[test]
    fn version_2_tells_both_ends() {
        let ipv4 = v2(0x21, 0x11, &INET);
        assert_eq!(ends(&ipv4), Some(("192.0.2.1:56324".into(), "192.0.2.2:443".into())));
        let mut wide = [0; 36];
        (wide[15], wide[31], wide[33], wide[35]) = (1, 2, 3, 4);
        let ipv6 = v2(0x21, 0x21, &wide);
        assert_eq!(ends(&ipv6), Some(("[::1]:3".into(), "[::2]:4".into())));
        let unix = parse(&v2(0x21, 0x31, &[0; 216])).unwrap().unwrap().0;
        assert_eq!(unix.ends, Ends::Unix);
    }

    #[test]
    fn local_and_unspecified_headers_tell_nothing() {
        for (command, family, rest) in [
            (0x20, 0x00, &[][..]),
            (0x20, 0x11, &INET),
            (0x20, 0x11, b"anything"),
            (0x21, 0x00, b"anything"),
            (0x21, 0x12, &INET),
        ] {
            let wire = v2(command, family, rest);
            assert_eq!(parse(&wire), Ok(Some((Header::SOCKET, wire.len()))));
        }
    }

    #[test]
    fn version_2_outside_the_grammar_is_refused() {
        for (command, family) in [(0x22, 0x11), (0x11, 0x11), (0x21, 0x41), (0x21, 0x13)] {
            let error = ProxyError::Unknown { command, family };
            assert_eq!(parse(&v2(command, family, &INET)), Err(error));
        }
        for (family, len) in [(0x11, 11), (0x21, 35), (0x31, 215)] {
            assert_eq!(parse(&v2(0x21, family, &vec![0; len])), Err(ProxyError::MalformedV2));
        }
        for fields in [&[4][..], &[4, 0], &[4, 0, 1], &[3, 0, 1, 0], &[0x20, 0, 4, 1, 0, 0, 0]] {
            let wire = v2(0x21, 0x11, &[&INET[..], fields].concat());
            assert_eq!(parse(&wire), Err(ProxyError::MalformedV2), "{fields:?}");
        }
    }

    #[test]
    fn a_header_beyond_the_bound_is_refused_before_it_has_come() {
        let wire = v2(0x21, 0x11, &[0; 12 + 3 * 1361]);
        let error = ProxyError::TooLong { len: 4111, max: 4096 };
        assert_eq!(parse(&wire[..16]), Err(error));
        assert!(ProxyProtocol::from_anyone().max_header_bytes(4111).parse(&wire).is_ok());
    }

    #[test]
    fn the_checksum_counts_where_there_is_one() {
        assert_eq!(crc32c(b"123456789".iter()), 0xe306_9283);
        let fields = [&INET[..], &[TLV_CRC32C, 0, 4, 0, 0, 0, 0, 4, 0, 1, 9]].concat();
        let mut wire = v2(0x21, 0x11, &fields);
        let sum = crc32c(wire.iter()).to_be_bytes();
        assert_eq!(parse(&wire), Err(ProxyError::Checksum));
        wire[31..35].copy_from_slice(&sum);
        assert!(ends(&wire).is_some());
    }

    #[test]
    fn a_client_that_spoke_tls_to_the_proxy_is_secure() {
        for (flags, secure) in [(0, false), (CLIENT_SSL, true), (CLIENT_SSL | 4, true)] {
            let fields = [&INET[..], &[TLV_SSL, 0, 5, flags, 0, 0, 0, 0]].concat();
            let mut connection = Connection::default();
            parse(&v2(0x21, 0x11, &fields)).unwrap().unwrap().0.apply(&mut connection);
            assert_eq!(connection.secure, secure);
            assert_eq!(connection.peer, Some("192.0.2.1:56324".parse().unwrap()));
        }
    }

    #[test]
    fn networks_decide_who_is_believed() {
        let some = ProxyProtocol::from_networks(["10.0.0.0/8", "::1"]).unwrap();
        let at = |text: &str| Some(text.parse::<SocketAddr>().unwrap());
        assert!(some.trusts(at("10.1.2.3:4")) && some.trusts(at("[::1]:4")) && some.trusts(None));
        assert!(!some.trusts(at("127.0.0.1:4")));
        assert!(ProxyProtocol::from_anyone().trusts(at("127.0.0.1:4")));
        assert!(ProxyProtocol::from_networks(["10.0.0.0/33"]).is_err());
    }

    /// Headers, whole or damaged in a byte, and what follows them.
    fn wires() -> impl Strategy<Value = Vec<u8>> {
        let v1 = (any::<[u8; 4]>(), any::<u16>()).prop_map(|(ip, port)| {
            format!("PROXY TCP4 {} 192.0.2.2 {port} 443\r\n", Ipv4Addr::from(ip)).into_bytes()
        });
        let kinds = (prop_oneof![Just(0x20), Just(0x21)], prop_oneof![Just(0x11), Just(0x21)]);
        let v2 = (kinds, vec(any::<u8>(), 0..80)).prop_map(|((c, f), rest)| v2(c, f, &rest));
        let header = prop_oneof![v1, v2];
        (header, vec(any::<u8>(), 0..20), any::<(bool, prop::sample::Index, u8)>()).prop_map(
            |(header, rest, (damage, at, byte))| {
                let mut wire = [header, rest].concat();
                if damage {
                    let at = at.index(wire.len());
                    wire[at] = byte;
                }
                wire
            },
        )
    }

    proptest! {
        /// Where reads split the input never changes what is read, and what is refused stays so.
        #[test]
        fn split_points_do_not_matter(wire in wires()) {
            let whole = parse(&wire);
            for end in 0..wire.len() {
                match parse(&wire[..end]) {
                    Ok(None) => {}
                    decided => prop_assert_eq!(decided, whole),
                }
            }
            if let Ok(Some((_, len))) = whole {
                prop_assert!(len <= wire.len());
                prop_assert_eq!(parse(&wire[..len - 1]), Ok(None));
            }
        }

        /// No input makes it panic.
        #[test]
        fn anything_is_answered(input in vec(any::<u8>(), 0..300)) {
            let _ = parse(&input);
            let _ = parse(&[&V2_SIGNATURE[..], &input].concat());
            let _ = parse(&[b"PROXY ", &input[..]].concat());
        }
    }
}
