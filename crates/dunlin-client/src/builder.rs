//! Settings of a client.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dunlin_codec::{Leniency, Limits};
use dunlin_core::{BoxError, Headers, ResponseHead};
use http::header::{ACCEPT, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Version};

use crate::Resolve;
use crate::client::{Client, Inner};
use crate::connect::{AddressFilter, Connect, Connector};
use crate::cookies::{CookieStore, SameSiteContext};
use crate::error::Error;
use crate::middleware::Middleware;
use crate::pool::{Pool, PoolLimits};
use crate::proxy::Proxy;
use crate::redirect::Redirects;
use crate::settings::Settings;
use crate::timeouts::Timeouts;
use crate::trace::Tracer;
use crate::url::{IntoUrl, Url};

const AGENT: &str = concat!("dunlin/", env!("CARGO_PKG_VERSION"));

/// Builds a [`Client`]. Most settings are defaults that a request can override.
///
/// ```
/// use std::time::Duration;
/// use dunlin_client::{Client, Timeouts};
///
/// let client = Client::builder()
///     .base_url("https://api.example.com/v1/")
///     .default_header("x-team", "birds")
///     .timeouts(Timeouts { read: Some(Duration::from_secs(10)), ..Timeouts::default() })
///     .build()?;
/// let request = client.get("knots?tall=1").build()?;
/// assert_eq!(request.url().as_str(), "https://api.example.com/v1/knots?tall=1");
/// # Ok::<(), dunlin_client::Error>(())
/// ```
#[must_use = "a builder does nothing until it is built"]
pub struct ClientBuilder {
    settings: Settings,
    connector: Connector,
    pool: PoolLimits,
    base: Option<Result<Url, Error>>,
    headers: HeaderMap,
    middleware: Vec<Arc<dyn Middleware>>,
    tracers: Vec<Arc<dyn Tracer>>,
    failed: Option<Error>,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl ClientBuilder {
    /// The defaults: see each method.
    pub fn new() -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        #[cfg(feature = "compress")]
        headers.insert(
            http::header::ACCEPT_ENCODING,
            HeaderValue::from_static(crate::compress::ACCEPTED),
        );
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        Self {
            settings: Settings::default(),
            connector: Connector::default(),
            pool: PoolLimits::default(),
            base: None,
            headers,
            middleware: Vec::new(),
            tracers: Vec::new(),
            failed: None,
        }
    }

    /// URL that relative ones are joined to; its path should end in `/`, since what is behind the last
    /// one is replaced (RFC 3986 §5.2.3). Default: none, so that URLs must be absolute.
    pub fn base_url(mut self, url: impl IntoUrl) -> Self {
        self.base = Some(url.into_url(None));
        self
    }

    /// Sends this field with every request that does not set one of its name. Default: `Accept: */*`,
    /// `User-Agent`, and `Accept-Encoding` as far as bodies can be decoded.
    pub fn default_header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName, Error: Into<BoxError>>,
        V: TryInto<HeaderValue, Error: Into<BoxError>>,
    {
        match Error::field(name, value) {
            Ok((name, value)) => drop(self.headers.insert(name, value)),
            Err(error) => self.failed = self.failed.or(Some(error)),
        }
        self
    }

    /// Sends no field of this name by itself, such as `User-Agent`.
    pub fn without_header(mut self, name: HeaderName) -> Self {
        self.headers.remove(name);
        self
    }

    /// `User-Agent`. Default: `dunlin/` and the version.
    pub fn user_agent(self, agent: &str) -> Self {
        self.default_header(USER_AGENT, agent)
    }

    /// The version that requests are sent in: HTTP/1.0 as such, any other as HTTP/1.1. Default:
    /// HTTP/1.1.
    pub fn version(mut self, version: Version) -> Self {
        self.settings.version = version;
        self
    }

    /// How long things may take. Default: [`Timeouts::default`].
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.settings.timeouts = timeouts;
        self
    }

    /// How many connections, and for how long they are kept. Default: [`PoolLimits::default`].
    pub fn pool(mut self, limits: PoolLimits) -> Self {
        self.pool = limits;
        self
    }

    /// What to do on redirects. Default: follow 10.
    pub fn redirects(mut self, redirects: Redirects) -> Self {
        self.settings.redirects = redirects;
        self
    }

    /// Whether a request is sent once more, where the kept connection that it went out on broke before
    /// a byte of the answer came, its method or an `Idempotency-Key` allows it, and its body can be
    /// sent again. Default: on.
    pub fn replay(mut self, replay: bool) -> Self {
        self.settings.replay = replay;
        self
    }

    /// Whether a status of 400 and more is an error. Default: off.
    pub fn raise_for_status(mut self, raise: bool) -> Self {
        self.settings.raise_for_status = raise;
        self
    }

    /// Whether compressed bodies are decoded. Default: on.
    pub fn decompress(mut self, decompress: bool) -> Self {
        self.settings.decompress = decompress;
        self
    }

    /// Sends nothing but by `https`: a URL by `http` is an error, also where a redirect leads. Default:
    /// off.
    pub fn https_only(mut self, https_only: bool) -> Self {
        self.settings.https_only = https_only;
        self
    }

    /// Which cookies a request takes along that was caused by another site. Default:
    /// [`SameSite`](SameSiteContext::SameSite): the program's own requests are.
    pub fn same_site(mut self, context: SameSiteContext) -> Self {
        self.settings.same_site = context;
        self
    }

    /// Most bytes of a body, decoded. Default: no limit.
    pub fn max_body(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.settings.max_body = bytes.into();
        self
    }

    /// Most decoded bytes for each encoded one, past the first MiB: what decodes to more is a bomb.
    /// Default: 1100, a little above what deflate can do.
    pub fn max_ratio(mut self, ratio: impl Into<Option<u32>>) -> Self {
        self.settings.max_ratio = ratio.into();
        self
    }

    /// Keeps cookies in this store, a [`CookieJar`](crate::cookies::CookieJar) mostly; share it by
    /// `Arc`. Default: none are kept.
    pub fn cookies(mut self, store: impl CookieStore + 'static) -> Self {
        self.settings.cookies = Some(Arc::new(store));
        self
    }

    /// Goes by this proxy wherever it says that it applies; may be called more than once, the first
    /// that applies is taken. Default: none.
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        Arc::make_mut(&mut self.settings.proxies).push(proxy);
        self
    }

    /// Goes by the proxies that the environment names, where none of the [given](Self::proxy) ones
    /// applies, and takes credentials from the netrc file. Default: off, so that nothing outside of the
    /// program decides where its requests go.
    ///
    /// The variables are `HTTP_PROXY`, `HTTPS_PROXY`, `WS_PROXY`, `WSS_PROXY`, `ALL_PROXY` and
    /// `NO_PROXY`; the same in lower case go first. In a CGI program `HTTP_PROXY` is not read, since
    /// whoever sends it a request can set that. See [`Proxy`] and [`NoProxy`](crate::NoProxy) for the
    /// values.
    pub fn trust_env(mut self) -> Self {
        let netrc = netrc_of_env();
        if let Err(error) = Arc::make_mut(&mut self.settings.proxies).add_env(netrc.as_ref()) {
            self.failed = self.failed.or(Some(error));
        }
        self.settings.netrc = self.settings.netrc.or_else(|| netrc.map(Arc::new));
        self
    }

    /// Credentials by host, for requests that bring none; in place of those of the
    /// [environment](Self::trust_env). Default: none.
    pub fn netrc(mut self, netrc: crate::auth::Netrc) -> Self {
        self.settings.netrc = Some(Arc::new(netrc));
        self
    }

    /// The terms of TLS. Default: the platform's roots.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: crate::TlsConfig) -> Self {
        Arc::make_mut(&mut self.settings.route).tls = tls;
        self
    }

    /// Connects to this Unix socket, whatever the URL's host is. Default: TCP.
    pub fn unix_socket(mut self, path: impl Into<PathBuf>) -> Self {
        Arc::make_mut(&mut self.settings.route).unix = Some(path.into());
        self
    }

    /// The address to connect from. Default: the system's choice.
    pub fn local_address(mut self, address: impl Into<Option<IpAddr>>) -> Self {
        Arc::make_mut(&mut self.settings.route).local = address.into();
        self
    }

    /// Connects to these addresses for the name, on the URL's port; `*` stands for every name.
    pub fn resolve_to(self, host: &str, addresses: &[IpAddr]) -> Self {
        self.resolve_port_to(host, 0, addresses)
    }

    /// The same for one port of the name alone.
    pub fn resolve_port_to(mut self, host: &str, port: u16, addresses: &[IpAddr]) -> Self {
        let host = host.strip_suffix('.').unwrap_or(host);
        // A name as URLs have it; `*` is none, and what is no name never matches.
        let host = url::Host::parse(host).map_or_else(|_| host.to_owned(), |host| host.to_string());
        let key = (host, port);
        self.connector.overrides.insert(key, addresses.to_vec());
        self
    }

    /// Looks names up by this. Default: the system's resolver.
    pub fn resolver(mut self, resolver: impl Resolve) -> Self {
        self.connector.dns = self.connector.dns.resolver(Arc::new(resolver));
        self
    }

    /// How long a resolved name is kept; zero keeps none. At most 1,000 names are. Default: 10 seconds.
    pub fn dns_ttl(mut self, ttl: Duration) -> Self {
        self.connector.dns = self.connector.dns.ttl(ttl);
        self
    }

    /// How long the first address has before the next is tried beside it (RFC 8305). Default: 250 ms.
    pub fn happy_eyeballs_delay(mut self, delay: Duration) -> Self {
        self.connector.stagger = delay;
        self
    }

    /// Looks at each address before it is connected to. Default: all are allowed.
    pub fn address_filter(mut self, filter: AddressFilter) -> Self {
        self.connector.filter = Some(filter);
        self
    }

    /// Connects by this in place of TCP. Default: TCP.
    pub fn connector(mut self, connector: impl Connect) -> Self {
        self.connector.custom = Some(Arc::new(connector));
        self
    }

    /// Adds middleware, behind what was added before.
    pub fn with(mut self, middleware: impl Middleware) -> Self {
        self.middleware.push(Arc::new(middleware));
        self
    }

    /// Adds a tracer.
    pub fn tracer(mut self, tracer: impl Tracer) -> Self {
        self.tracers.push(Arc::new(tracer));
        self
    }

    /// Called with every interim response, such as `103 Early Hints`.
    pub fn on_interim(mut self, hook: impl Fn(&ResponseHead) + Send + Sync + 'static) -> Self {
        self.settings.on_interim = Some(Arc::new(hook));
        self
    }

    /// Bounds of what is parsed. Default: [`Limits::default`].
    pub fn limits(mut self, limits: Limits) -> Self {
        Arc::make_mut(&mut self.settings.route).limits = Arc::new(limits);
        self
    }

    /// Faults of response heads to overlook. Default: none.
    pub fn leniency(mut self, leniency: Leniency) -> Self {
        Arc::make_mut(&mut self.settings.route).leniency = leniency;
        self
    }

    /// Checks the settings once, so that no request fails on them.
    ///
    /// # Errors
    ///
    /// For a base URL that is none, a default field that cannot be sent, or a proxy of the environment
    /// that cannot be used.
    pub fn build(mut self) -> Result<Client, Error> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if self.connector.filter.is_some() && self.connector.custom.is_some() {
            let reason =
                "a connector of the program's own shows no address to look at: filter there";
            return Err(Error::invalid("an address filter with a connector", reason));
        }
        let base = self.base.take().transpose()?;
        let mut client = self.build_infallible_inner();
        client.base = base;
        Ok(Client::from_inner(client))
    }

    pub(crate) fn build_infallible(self) -> Client {
        Client::from_inner(self.build_infallible_inner())
    }

    fn build_infallible_inner(mut self) -> Inner {
        self.settings.middleware = self.middleware.into();
        self.settings.tracers = self.tracers.into();
        let mut headers = Headers::new();
        let mut last = None;
        for (name, value) in self.headers {
            last = name.or(last);
            if let Some(name) = &last {
                headers.append(name.clone(), value);
            }
        }
        Inner {
            pool: Pool::new(self.pool),
            connector: self.connector,
            settings: Arc::new(self.settings),
            base: None,
            headers,
        }
    }
}

/// The netrc file that the environment names, where it can be read.
fn netrc_of_env() -> Option<crate::auth::Netrc> {
    let (variable, home) = (std::env::var_os("NETRC"), std::env::home_dir());
    let path = crate::auth::netrc_path(variable.as_deref(), home.as_deref())?;
    crate::auth::Netrc::parse(&std::fs::read_to_string(path).ok()?).ok()
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("settings", &self.settings)
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Netrc;
    use crate::{Resolve, Resolving};

    #[test]
    fn the_programs_netrc_goes_before_that_of_the_environment() {
        let own = || Netrc::parse("machine own.test login ada password x").unwrap();
        for builder in [
            ClientBuilder::new().netrc(own()).trust_env(),
            ClientBuilder::new().trust_env().netrc(own()),
        ] {
            assert!(builder.settings.netrc.unwrap().find_named("own.test").is_some());
        }
    }

    #[test]
    fn the_order_of_settings_does_not_matter() {
        struct Nobody;
        impl Resolve for Nobody {
            fn resolve(&self, _: &str) -> Resolving {
                Box::pin(async { Ok(Vec::new()) })
            }
        }
        let ttl = Duration::from_secs(77);
        for builder in [
            ClientBuilder::new().dns_ttl(ttl).resolver(Nobody),
            ClientBuilder::new().resolver(Nobody).dns_ttl(ttl),
        ] {
            assert!(format!("{:?}", builder.connector).contains("77s"));
        }
    }
}
