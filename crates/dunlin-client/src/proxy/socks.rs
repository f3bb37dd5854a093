//! Tunnels by SOCKS4, SOCKS4a and SOCKS5 (RFC 1928, RFC 1929).
//!
//! Every read has a length that the protocol fixes, 255 bytes at most, so nothing that belongs to the
//! tunnel is read along.

use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::config::{Kind, Login};
use super::{Again, NotOpened, Proxy, broken, refused};
use crate::error::Error;
use crate::url::Origin;

/// Where the proxy is to connect to.
#[derive(Debug)]
enum Target<'o> {
    Address(IpAddr),
    Name(&'o str),
}

/// Asks for a tunnel to the origin, at this address where the proxy resolves no names.
pub(super) async fn open<T: AsyncRead + AsyncWrite + Unpin>(
    io: &mut T,
    proxy: &Proxy,
    origin: &Origin,
    address: Option<SocketAddr>,
) -> Result<(), NotOpened> {
    let target = match address.map(|address| address.ip()).or_else(|| origin.ip()) {
        Some(ip) => Target::Address(ip),
        None => Target::Name(origin.host()),
    };
    match proxy.kind() {
        Kind::Socks4 | Kind::Socks4a => open_4(io, proxy.login(), &target, origin.port()).await,
        _ => open_5(io, proxy.login(), &target, origin.port()).await,
    }
}

async fn send(io: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Result<(), Error> {
    io.write_all(bytes).await.map_err(broken)?;
    io.flush().await.map_err(broken)
}

async fn read<const N: usize>(io: &mut (impl AsyncRead + Unpin)) -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    io.read_exact(&mut bytes).await.map_err(broken)?;
    Ok(bytes)
}

fn wrong_version(name: &str, found: u8) -> Error {
    refused(format!("it does not speak {name}: its answer begins with 0x{found:02x}"))
}

/// SOCKS4 has one request and one answer of eight bytes.
async fn open_4<T: AsyncRead + AsyncWrite + Unpin>(
    io: &mut T,
    login: Option<&Login>,
    target: &Target<'_>,
    port: u16,
) -> Result<(), NotOpened> {
    let mut request = vec![4, 1];
    request.extend_from_slice(&port.to_be_bytes());
    let (ip, name) = match target {
        Target::Address(IpAddr::V4(ip)) => (ip.octets(), None),
        Target::Address(IpAddr::V6(_)) => {
            return Err(refused("SOCKS4 knows no IPv6 addresses").into());
        }
        // An address that cannot be one says that a name follows.
        Target::Name(name) => ([0, 0, 0, 1], Some(name)),
    };
    request.extend_from_slice(&ip);
    request.extend_from_slice(login.map_or("", |login| &login.user).as_bytes());
    request.push(0);
    if let Some(name) = name {
        request.extend_from_slice(name.as_bytes());
        request.push(0);
    }
    send(io, &request).await?;
    let [version, code, ..] = read::<8>(io).await?;
    if version != 0 {
        return Err(wrong_version("SOCKS4", version).into());
    }
    let reason = match code {
        90 => return Ok(()),
        91 => "it rejected the request, or the connection failed",
        92 => "it cannot reach identd on this side",
        93 => "identd names another user",
        _ => return Err(refused(format!("SOCKS4 reply {code}, which stands for nothing")).into()),
    };
    Err(NotOpened { error: refused(reason), again: at_another_if(code == 91) })
}

/// Ways to log in.
const NO_LOGIN: u8 = 0;
const PASSWORD: u8 = 2;
const NONE_OF_THEM: u8 = 0xff;

/// Types of addresses.
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

async fn open_5<T: AsyncRead + AsyncWrite + Unpin>(
    io: &mut T,
    login: Option<&Login>,
    target: &Target<'_>,
    port: u16,
) -> Result<(), NotOpened> {
    log_in(io, login).await?;

    let mut request = vec![5, 1, 0];
    match target {
        Target::Address(IpAddr::V4(ip)) => {
            request.push(IPV4);
            request.extend_from_slice(&ip.octets());
        }
        Target::Address(IpAddr::V6(ip)) => {
            request.push(IPV6);
            request.extend_from_slice(&ip.octets());
        }
        Target::Name(name) => {
            let len = u8::try_from(name.len())
                .map_err(|_| refused("SOCKS5 knows no names of more than 255 bytes"))?;
            request.extend_from_slice(&[NAME, len]);
            request.extend_from_slice(name.as_bytes());
        }
    }
    request.extend_from_slice(&port.to_be_bytes());
    send(io, &request).await?;

    let [version, reply] = read(io).await?;
    if version != 5 {
        return Err(wrong_version("SOCKS5", version).into());
    }
    if reply != 0 {
        return Err(failed(reply));
    }
    // The address that the proxy connects from: nobody here needs it, but the tunnel begins behind it.
    let [_, kind] = read(io).await?;
    let len = match kind {
        IPV4 => 4,
        IPV6 => 16,
        NAME => usize::from(read::<1>(io).await?[0]),
        _ => return Err(refused(format!("it answered with an address of type {kind}")).into()),
    };
    let mut rest = [0; 255 + 2];
    io.read_exact(&mut rest[..len + 2]).await.map_err(broken)?;
    Ok(())
}

/// Agrees on a way to log in, and does so (RFC 1928 §3, RFC 1929 §2).
async fn log_in<T: AsyncRead + AsyncWrite + Unpin>(
    io: &mut T,
    login: Option<&Login>,
) -> Result<(), Error> {
    let ways: &[u8] = match login {
        Some(_) => &[5, 2, NO_LOGIN, PASSWORD],
        None => &[5, 1, NO_LOGIN],
    };
    send(io, ways).await?;
    let [version, way] = read(io).await?;
    if version != 5 {
        return Err(wrong_version("SOCKS5", version));
    }
    match (way, login) {
        (NO_LOGIN, _) => Ok(()),
        (PASSWORD, Some(Login { user, password })) => {
            let too_long = |_| refused("SOCKS5 knows no logins of more than 255 bytes");
            let lens = [user, password].map(|text| u8::try_from(text.len()));
            let [user_len, password_len] = lens;
            let mut message = vec![1, user_len.map_err(too_long)?];
            message.extend_from_slice(user.as_bytes());
            message.push(password_len.map_err(too_long)?);
            message.extend_from_slice(password.as_bytes());
            send(io, &message).await?;
            match read(io).await? {
                [_, 0] => Ok(()),
                [..] => Err(refused("it does not accept the user and password")),
            }
        }
        (NONE_OF_THEM, None) => Err(refused("it wants a user and password, or other credentials")),
        (NONE_OF_THEM, Some(_)) => Err(refused("it takes logins neither by password nor without")),
        (other, _) => {
            Err(refused(format!("it wants a login of type {other}, which was not offered")))
        }
    }
}

/// A reply code in words (RFC 1928 §6).
fn failed(reply: u8) -> NotOpened {
    let reason = match reply {
        1 => "it failed, for a reason that it does not tell",
        2 => "its rules forbid the connection",
        3 => "it cannot reach the target's network",
        4 => "it cannot reach the target",
        5 => "the target refused the connection",
        6 => "the time to live ran out on the way to the target",
        7 => "it opens no connections",
        8 => "it does not know this type of address",
        other => {
            let reason = format!("SOCKS5 reply {other}, which stands for nothing");
            return refused(reason).into();
        }
    };
    NotOpened { error: refused(reason), again: at_another_if(matches!(reply, 1 | 3..=6 | 8)) }
}

fn at_another_if(is_of_address: bool) -> Again {
    if is_of_address { Again::AtAnotherAddress } else { Again::No }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;
    use crate::error::{ErrorKind, Phase};
    use crate::url::Url;

    /// What the client sent, and the outcome, where the proxy says this whatever it is asked.
    async fn ask(
        proxy: &str,
        url: &str,
        address: Option<&str>,
        answer: &[u8],
    ) -> (Vec<u8>, Result<(), NotOpened>, Vec<u8>) {
        let (mut near, mut far) = duplex(4096);
        far.write_all(answer).await.unwrap();
        far.shutdown().await.unwrap();
        let proxy = Proxy::new(proxy).unwrap();
        let origin = Url::parse(url).unwrap().origin().clone();
        let address = address.map(|address| address.parse().unwrap());
        let opened = open(&mut near, &proxy, &origin, address).await;
        let (mut sent, mut left) = (Vec::new(), Vec::new());
        near.read_to_end(&mut left).await.unwrap();
        drop(near);
        far.read_to_end(&mut sent).await.unwrap();
        (sent, opened, left)
    }

    const BOUND: &[u8] = b"\x05\x00\x00\x01\x7f\0\0\x01\0\x50";

    fn granted(before: &[u8], behind: &[u8]) -> Vec<u8> {
        [before, BOUND, behind].concat()
    }

    #[tokio::test]
    async fn socks5_sends_names_or_addresses() {
        let yes = granted(b"\x05\0", b"tunnel");
        for (proxy, url, address, request) in [
            ("socks5h://p", "http://t.example/", None, &b"\x05\x01\0\x03\x09t.example\0\x50"[..]),
            ("socks5h://p", "https://1.2.3.4/", None, b"\x05\x01\0\x01\x01\x02\x03\x04\x01\xbb"),
            (
                "socks5h://p",
                "http://[::2]/",
                None,
                b"\x05\x01\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\x50",
            ),
            (
                "socks5://p",
                "http://t.example:81/",
                Some("9.8.7.6:81"),
                b"\x05\x01\0\x01\x09\x08\x07\x06\0\x51",
            ),
        ] {
            let (sent, opened, left) = ask(proxy, url, address, &yes).await;
            opened.unwrap();
            assert_eq!(sent, [b"\x05\x01\0", request].concat(), "{url}");
            assert_eq!(left, b"tunnel", "not a byte of the tunnel is read along");
        }
    }

    #[tokio::test]
    async fn socks5_logs_in_by_password_where_it_is_asked_to() {
        let yes = granted(b"\x05\x02\x01\0", b"");
        let (sent, opened, _) = ask("socks5h://ada:pw@p", "http://t/", None, &yes).await;
        opened.unwrap();
        assert_eq!(sent, b"\x05\x02\0\x02\x01\x03ada\x02pw\x05\x01\0\x03\x01t\0\x50");
        let yes = granted(b"\x05\0", b"");
        let (sent, opened, _) = ask("socks5h://ada:pw@p", "http://t/", None, &yes).await;
        opened.unwrap();
        assert!(!sent.windows(2).any(|two| two == b"pw"), "it was not asked for");
    }

    #[tokio::test]
    async fn socks5_skips_an_address_of_any_type() {
        for bound in [&b"\x05\0\0\x03\x02ab\0\0"[..], &[&b"\x05\0\0\x04"[..], &[0; 18]].concat()] {
            let answer = [b"\x05\0", bound, b"x"].concat();
            let (_, opened, left) = ask("socks5h://p", "http://t/", None, &answer).await;
            opened.unwrap();
            assert_eq!(left, b"x");
        }
    }

    #[tokio::test]
    async fn socks4_sends_an_address_and_socks4a_a_name() {
        let yes = b"\0\x5a\0\0\0\0\0\0x";
        for (proxy, url, address, request) in [
            (
                "socks4a://p",
                "http://t.example/",
                None,
                &b"\x04\x01\0\x50\0\0\0\x01\0t.example\0"[..],
            ),
            ("socks4a://ada@p", "http://1.2.3.4/", None, b"\x04\x01\0\x50\x01\x02\x03\x04ada\0"),
            ("socks4://p", "http://t/", Some("4.3.2.1:80"), b"\x04\x01\0\x50\x04\x03\x02\x01\0"),
        ] {
            let (sent, opened, left) = ask(proxy, url, address, yes).await;
            opened.unwrap();
            assert_eq!((&sent[..], &left[..]), (request, &b"x"[..]), "{url}");
        }
    }

    #[tokio::test]
    async fn refusals_are_told_in_words() {
        for (proxy, answer, expected, is_of_address) in [
            ("socks5h://p", &b"\x05\xff"[..], "wants a user and password", false),
            ("socks5h://a:b@p", b"\x05\xff", "neither by password", false),
            ("socks5h://p", b"\x05\x02", "login of type 2", false),
            ("socks5h://a:b@p", b"\x05\x02\x01\x01", "not accept the user", false),
            (
                "socks5h://p",
                b"HTTP/1.1 400",
                "does not speak SOCKS5: its answer begins with 0x48",
                false,
            ),
            ("socks5h://p", b"\x05\0\x05\x02", "rules forbid", false),
            ("socks5h://p", b"\x05\0\x05\x05\0\x01\0\0\0\0\0\0", "target refused", true),
            ("socks5h://p", b"\x05\0\x05\x63", "reply 99", false),
            ("socks5h://p", b"\x05\0\x05\0\0\x09", "type 9", false),
            ("socks5h://p", b"\x05\0\x05\0\0\x03\xffabc", "without an answer", false),
            ("socks5h://p", b"\x05", "without an answer", false),
            ("socks4a://p", b"\0\x5b\0\0\0\0\0\0", "rejected", true),
            ("socks4a://p", b"\0\x5d\0\0\0\0\0\0", "another user", false),
            ("socks4a://p", b"\x05\xff\0\0\0\0\0\0", "does not speak SOCKS4", false),
            ("socks4a://p", b"", "without an answer", false),
        ] {
            let (_, opened, _) = ask(proxy, "http://t/", None, answer).await;
            let refused = opened.unwrap_err();
            let error = &refused.error;
            assert!(matches!(error.kind(), ErrorKind::Proxy { status: None, .. }), "{error}");
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!(refused.again == Again::AtAnotherAddress, is_of_address, "{error}");
            assert_eq!(error.phase(), Phase::Proxy);
        }
        let (sent, opened, _) = ask("socks4a://p", "http://[::1]/", None, b"").await;
        assert!(sent.is_empty() && opened.is_err());
    }
}
