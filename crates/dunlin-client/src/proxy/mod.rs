//! Proxies: which one a request goes by, and how it is asked.

use std::sync::Arc;

use dunlin_core::Headers;

use crate::conn::Transport;
use crate::error::Error;
use crate::settings::Settings;
use crate::url::{Origin, Url};

/// A proxy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proxy {
    origin: Origin,
}

impl Proxy {
    /// A proxy by its URL.
    ///
    /// # Errors
    ///
    /// Where the URL is none.
    pub fn new(url: &str) -> Result<Self, Error> {
        Ok(Self { origin: Url::parse(url)?.origin().clone() })
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether requests to this origin are sent to it whole, and not through a tunnel.
    pub(crate) fn forwards(&self, origin: &Origin) -> bool {
        !origin.is_tls()
    }

    /// Whether it has to be told the address (SOCKS5, not SOCKS5h).
    pub(crate) fn wants_address(&self) -> bool {
        false
    }

    /// Fields of requests that it forwards.
    pub(crate) fn fields(&self) -> Option<Arc<Headers>> {
        None
    }
}

/// The proxies of a client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies(Option<Arc<Proxy>>);

impl Proxies {
    pub(crate) fn push(&mut self, proxy: Proxy) {
        self.0.get_or_insert_with(|| Arc::new(proxy));
    }

    pub(crate) fn from_env() -> Result<Self, Error> {
        Ok(Self::default())
    }

    /// The proxy for this URL.
    pub(crate) fn select(&self, _url: &Url) -> Option<Arc<Proxy>> {
        self.0.clone()
    }
}

impl From<Option<Proxy>> for Proxies {
    fn from(proxy: Option<Proxy>) -> Self {
        Self(proxy.map(Arc::new))
    }
}

/// Asks for a connection to the origin.
pub(crate) async fn tunnel(
    io: Transport,
    _proxy: &Proxy,
    _origin: &Origin,
    _resolved: Option<Vec<std::net::SocketAddr>>,
    _settings: &Settings,
) -> Result<(Transport, Option<Headers>), Error> {
    Ok((io, None))
}
