//! `TrustedProxies`: who a request is from, and for, where proxies stand in front.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use dunlin_core::{BadNetwork, BoxFuture, Forwarded, Network, Request, Response};
use http::header::HOST;
use http::uri::Authority;
use http::{HeaderName, HeaderValue};

use super::{Middleware, Next};

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Believes what proxies in front say of a request, as far as they are one's own: the client's address, the
/// scheme, the host.
///
/// ```
/// use dunlin_web::{App, Peer, TrustedProxies};
///
/// async fn whoami(Peer(client): Peer) -> String {
///     format!("you are {}\n", client.ip())
/// }
///
/// let proxies = TrustedProxies::networks(["127.0.0.1", "10.0.0.0/8", "fd00::/8"])?;
/// let app = App::new().middleware(proxies).add_get("/", whoami);
/// # app.build().unwrap();
/// # Ok::<(), dunlin_web::BadNetwork>(())
/// ```
///
/// Anyone can send these fields. Each proxy adds to what it was sent, so they are read from the right: from the
/// proxy that is connected here to the one that it was connected to, and on as long as these are trusted, by
/// [`networks`](Self::networks) or by [how many](Self::hops) there are. What stands left of that is a stranger's
/// word. Where the other end of the connection is not trusted itself, nothing is believed.
///
/// What is found goes where the connection's own facts are: [`Request::peer`] (its port 0 where none is told),
/// the connection's `secure`, and the field `Host`; a target in absolute form keeps its own host, which goes before
/// that field (RFC 9112 §3.2.2), as no proxy sends one to an origin. An address that is hidden (`unknown`, `_x`) or none at all
/// ends the search at the last proxy that is known.
///
/// Read are `X-Forwarded-For`, `-Proto` and `-Host`, or, with [`rfc7239`](Self::rfc7239), `Forwarded`: never both,
/// since a proxy that writes one mostly passes on the other as it came. Have the nearest proxy set or remove all
/// fields of the family: a `X-Forwarded-Host` that it passes on as it came is the client's own.
///
/// As middleware of the outermost app, wherever among it, it comes before all else: an app's
/// [`host`](crate::App::host), [guards](crate::Guard) and all middleware see the request as the client has sent it.
/// As middleware of anything further in, it sees requests of which host and route have been chosen.
///
/// [`Request::peer`]: dunlin_core::Request::peer
#[derive(Clone, Debug)]
pub struct TrustedProxies {
    trust: Trust,
    rfc7239: bool,
}

#[derive(Clone, Debug)]
enum Trust {
    Hops(usize),
    Networks(Arc<[Network]>),
}

impl TrustedProxies {
    /// So many proxies stand in front, one behind the other; nobody can connect but through all of them. Zero
    /// believes nothing.
    pub fn hops(hops: usize) -> Self {
        Self { trust: Trust::Hops(hops), rfc7239: false }
    }

    /// Proxies are known by their addresses: single ones, or networks such as `10.0.0.0/8`. One that connects by
    /// a unix socket is trusted.
    ///
    /// # Errors
    ///
    /// [`BadNetwork`] for what is neither.
    pub fn networks<'a>(networks: impl IntoIterator<Item = &'a str>) -> Result<Self, BadNetwork> {
        let networks: Result<Vec<_>, _> = networks.into_iter().map(str::parse).collect();
        Ok(Self { trust: Trust::Networks(networks?.into()), rfc7239: false })
    }

    /// Reads `Forwarded` (RFC 7239) in place of `X-Forwarded-*`.
    #[must_use]
    pub fn rfc7239(self) -> Self {
        Self { rfc7239: true, ..self }
    }

    /// Which of `hops`, the last proxy's word first, tells of the client, and the furthest address that is known
    /// to be true; none where nothing is to be believed.
    fn client<'h>(
        &self,
        peer: Option<IpAddr>,
        hops: &'h [Option<Hop>],
    ) -> Option<(&'h Hop, Option<SocketAddr>)> {
        let is_trusted = |address: IpAddr| match &self.trust {
            Trust::Hops(_) => true,
            Trust::Networks(networks) => networks.iter().any(|network| network.contains(address)),
        };
        let most = match self.trust {
            Trust::Hops(hops) => hops,
            Trust::Networks(_) => hops.len(),
        };
        if !peer.is_none_or(is_trusted) {
            return None;
        }
        let (mut client, mut known) = (None, None);
        for hop in hops.iter().take(most) {
            // Malformed, or hidden: whoever stands behind it cannot be known.
            let Some(hop) = hop else { break };
            client = Some(hop);
            known = hop.address.or(known);
            if !hop.address.is_some_and(|address| is_trusted(address.ip())) {
                break;
            }
        }
        client.map(|client| (client, known))
    }

    pub(crate) fn apply(&self, req: &mut Request) {
        let hops = if self.rfc7239 { elements(req) } else { listed(req) };
        let peer = req.peer().map(|peer| peer.ip());
        let Some((client, address)) = self.client(peer, &hops) else { return };
        let mut connection = req.connection().cloned().unwrap_or_default();
        connection.peer = address.or(connection.peer);
        if let Some(is_https) = client.is_https {
            connection.secure = is_https;
        }
        let host = client.host.as_deref().filter(|host| is_host(host)).map(HeaderValue::from_str);
        if let Some(Ok(host)) = host {
            req.headers_mut().insert(HOST, host);
        }
        req.set_connection(Arc::new(connection));
    }
}

/// One proxy's word.
#[derive(Clone, Debug, Default)]
struct Hop {
    /// None where it is hidden, or was not said.
    address: Option<SocketAddr>,
    is_https: Option<bool>,
    host: Option<String>,
}

/// The elements of `Forwarded`, that of the last proxy first; none in the place of a malformed one. One that hides the
/// client, or says nothing of it, has no address.
fn elements(req: &Request) -> Vec<Option<Hop>> {
    let hop = |element: Forwarded| Hop {
        address: element.client().and_then(address),
        is_https: element.proto().and_then(is_https),
        host: element.host().map(str::to_owned),
    };
    let elements = Forwarded::elements(req.headers()).into_iter();
    elements.rev().map(|element| element.map(hop)).collect()
}

/// An address, perhaps with a port, as proxies write it: `192.0.2.7`, `192.0.2.7:80`, `2001:db8::1`,
/// `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse::<IpAddr>()
        .map(|ip| SocketAddr::new(ip, 0))
        .or_else(|_| text.parse::<SocketAddr>())
        .ok()
}

fn is_https(proto: &str) -> Option<bool> {
    let is = |name: &str| proto.eq_ignore_ascii_case(name);
    if is("https") || is("wss") {
        Some(true)
    } else if is("http") || is("ws") {
        Some(false)
    } else {
        None
    }
}

/// Host and port, without a name and password in front.
fn is_host(host: &str) -> bool {
    !host.contains('@') && host.parse::<Authority>().is_ok()
}

/// What `X-Forwarded-*` say, from the right. Scheme and host belong to the address at the same place; where there
/// are fewer of them, the first holds for all further out, as proxies do that keep what they were told.
fn listed(req: &Request) -> Vec<Option<Hop>> {
    let list = |name: HeaderName| -> Vec<Option<&str>> {
        let items = req.headers().get_all(name).flat_map(|line| line.split(|b| *b == b','));
        let mut items: Vec<_> =
            items.map(|item| std::str::from_utf8(item.trim_ascii()).ok()).collect();
        items.reverse();
        items
    };
    let (protos, hosts) = (list(PROTO), list(FORWARDED_HOST));
    let at = |items: &[Option<&str>], n: usize| {
        items.get(n).or_else(|| items.last()).copied().flatten().map(str::to_owned)
    };
    let addresses = list(FOR);
    if addresses.is_empty() && !(protos.is_empty() && hosts.is_empty()) {
        // A proxy that tells the scheme alone.
        let hop = Hop {
            is_https: at(&protos, 0).and_then(|p| is_https(&p)),
            host: at(&hosts, 0),
            address: None,
        };
        return vec![Some(hop)];
    }
    addresses
        .into_iter()
        .enumerate()
        .map(|(n, item)| {
            let address = address(item?)?;
            Some(Hop {
                address: Some(address),
                is_https: at(&protos, n).and_then(|proto| is_https(&proto)),
                host: at(&hosts, n),
            })
        })
        .collect()
}

impl Middleware for TrustedProxies {
    fn trusted_proxies(&self) -> Option<&Self> {
        Some(self)
    }

    fn call(&self, mut req: Request, next: Next) -> BoxFuture<'static, Response> {
        self.apply(&mut req);
        Box::pin(next.run(req))
    }
}
