//! TCP connections: the first address that answers wins (RFC 8305).

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// Time between one attempt and the next, while the first is under way (RFC 8305 §5).
pub(super) const STAGGER: Duration = Duration::from_millis(250);

/// Orders addresses so that the families alternate, the first one's first (RFC 8305 §4).
fn interleave(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else { return Vec::new() };
    let (same, other): (Vec<&SocketAddr>, Vec<_>) =
        addresses.iter().partition(|address| address.is_ipv6() == first.is_ipv6());
    let (mut same, mut other) = (same.into_iter(), other.into_iter());
    let mut ordered = Vec::with_capacity(addresses.len());
    loop {
        let pair = (same.next(), other.next());
        if pair == (None, None) {
            return ordered;
        }
        ordered.extend([pair.0, pair.1].into_iter().flatten().copied());
    }
}

/// Connects to the first of the addresses that answers: the next is tried when one fails, or has not
/// answered for [`STAGGER`].
pub(super) async fn connect(
    addresses: &[SocketAddr],
    local: Option<IpAddr>,
    stagger: Duration,
) -> io::Result<TcpStream> {
    race(interleave(addresses), stagger, move |address| dial(address, local)).await
}

async fn race<T, F, Fut>(addresses: Vec<SocketAddr>, stagger: Duration, attempt: F) -> io::Result<T>
where
    T: Send + 'static,
    F: Fn(SocketAddr) -> Fut,
    Fut: Future<Output = io::Result<T>> + Send + 'static,
{
    let mut left = addresses.into_iter();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "there is no address to connect to");
    if left.len() == 1
        && let Some(only) = left.next()
    {
        return attempt(only).await.map_err(|error| at(only, error));
    }
    // Dropped with the attempts that lost.
    let mut attempts = JoinSet::new();
    loop {
        let started = left.next().map(|address| {
            let attempt = attempt(address);
            attempts.spawn(async move { attempt.await.map_err(|error| at(address, error)) });
        });
        if attempts.is_empty() {
            return Err(last);
        }
        let next = attempts.join_next();
        let ended = if started.is_some() && left.len() > 0 {
            match tokio::time::timeout(stagger, next).await {
                Ok(ended) => ended,
                Err(_) => continue,
            }
        } else {
            next.await
        };
        match ended {
            Some(Ok(Ok(stream))) => return Ok(stream),
            Some(Ok(Err(error))) => {
                // Every address is told, and of which kind the last failure was.
                let text = match last.kind() {
                    io::ErrorKind::NotFound => error.to_string(),
                    _ => format!("{last}; {error}"),
                };
                last = io::Error::new(error.kind(), text);
            }
            Some(Err(error)) => last = io::Error::other(error),
            None => {}
        }
    }
}

/// Adds the address to an error that does not name it.
fn at(address: SocketAddr, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{address}: {error}"))
}

fn dial(
    address: SocketAddr,
    local: Option<IpAddr>,
) -> Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>> {
    Box::pin(async move {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(local) = local {
            socket.bind(SocketAddr::new(local, 0))?;
        }
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    })
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    fn addresses(hosts: &[&str]) -> Vec<SocketAddr> {
        hosts.iter().map(|host| SocketAddr::new(host.parse().unwrap(), 80)).collect()
    }

    #[test]
    fn families_alternate_and_the_first_ones_goes_first() {
        let given = addresses(&["::1", "::2", "::3", "1.1.1.1", "2.2.2.2"]);
        let wanted = addresses(&["::1", "1.1.1.1", "::2", "2.2.2.2", "::3"]);
        assert_eq!(interleave(&given), wanted);
    }

    /// An address of 10.x.y.z answers after x tenths of a second, and fails where z is 0.
    async fn answer(address: SocketAddr) -> io::Result<SocketAddr> {
        let IpAddr::V4(ip) = address.ip() else { return Err(io::ErrorKind::Unsupported.into()) };
        tokio::time::sleep(Duration::from_millis(100) * u32::from(ip.octets()[1])).await;
        if ip.octets()[3] == 0 { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(address) }
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_that_answers_wins_and_a_slow_one_does_not_hold_the_others_up() {
        for (hosts, winner, tenths) in [
            (&["10.1.0.1", "10.0.0.1"][..], Some(0), 1),
            (&["10.9.0.1", "10.1.0.1"], Some(1), 3),
            (&["10.1.0.0", "10.1.0.1"], Some(1), 2),
            (&["10.9.0.1", "10.9.0.2", "10.1.0.3"], Some(2), 6),
            (&["10.1.0.0", "10.2.0.0"], None, 3),
            (&["10.4.0.0", "10.1.0.0", "10.1.0.1"], Some(2), 4),
            (&[], None, 0),
        ] {
            let start = Instant::now();
            let hosts = addresses(hosts);
            let won = race(hosts.clone(), STAGGER, answer).await.ok();
            assert_eq!(won, winner.map(|at| hosts[at]));
            let spent = start.elapsed().as_millis();
            assert!((tenths * 100..tenths * 100 + 60).contains(&spent), "{hosts:?}: {spent} ms");
        }
    }
}
