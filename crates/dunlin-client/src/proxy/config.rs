//! A proxy: where it is, what it speaks, what it is told, and for which requests.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use dunlin_core::{BoxError, Headers};
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::digest::Digest;
use super::{NoProxy, refused};
use crate::error::{Error, ErrorKind};
use crate::url::{Origin, Url};

/// A proxy, and the requests that go by it.
///
/// | URL | what is spoken | who resolves the target's name |
/// | --- | --- | --- |
/// | `http://` | HTTP: `http` targets are forwarded, others tunnelled by CONNECT | the proxy |
/// | `https://` | the same over TLS | the proxy |
/// | `socks4://` | SOCKS4, IPv4 alone | the client |
/// | `socks4a://` | SOCKS4a | the proxy |
/// | `socks5://` | SOCKS5 (RFC 1928) | the client |
/// | `socks5h://` | SOCKS5 | the proxy |
///
/// The port is that of the scheme where the URL names none: 80, 443, and 1080 for SOCKS. User and
/// password of the URL are percent-decoded; they are sent as `Proxy-Authorization: Basic`, by Digest
/// (RFC 7616) from then on where the proxy asks for that, or by RFC 1929 over SOCKS5. A URL without a scheme is taken for `http://`.
///
/// ```
/// use dunlin_client::{Client, NoProxy, Proxy};
///
/// let proxy = Proxy::new("http://ada:secret@proxy.example:3128")?
///     .header("x-team", "birds")?
///     .bypass(NoProxy::parse("localhost, .internal, 10.0.0.0/8")?);
/// assert_eq!(proxy.to_string(), "http://ada:***@proxy.example:3128");
/// let client = Client::builder().proxy(proxy).build()?;
/// // For one request alone, and for one that is to go without.
/// let by_socks = client.get("https://example.com/").proxy(Proxy::new("socks5h://localhost")?);
/// let direct = client.get("https://example.com/").proxy(None);
/// # Ok::<(), dunlin_client::Error>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct Proxy {
    kind: Kind,
    origin: Origin,
    login: Option<Login>,
    fields: HeaderMap,
    targets: Targets,
    bypass: NoProxy,
    always_tunnel: bool,
    #[cfg(feature = "tls")]
    tls: Option<crate::TlsConfig>,
    pub(super) digest: Digest,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Http,
    Https,
    Socks4,
    Socks4a,
    Socks5,
    Socks5h,
}

/// User and password.
#[derive(Clone, Eq, PartialEq)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Targets {
    All,
    Http,
    Https,
}

/// Fields that say how a message is framed or how long a connection lives, which are not for a proxy's
/// user to say.
const OWN: [HeaderName; 8] =
    [CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

impl Proxy {
    /// A proxy by its URL, for all requests. Path and query of the URL are ignored.
    ///
    /// # Errors
    ///
    /// [`Error::is_request`] for another scheme, no host, or credentials that the protocol cannot
    /// carry. The error's text does not show them.
    pub fn new(url: impl AsRef<str>) -> Result<Self, Error> {
        Self::parse(url.as_ref()).map_err(|reason| Error::invalid("the proxy's URL", reason))
    }

    /// As [`new`](Self::new), with the reason alone where it fails.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let fail = |reason: &str| match rest.rsplit_once('@') {
            // Whatever stands before it may be a password.
            Some((_, behind)) => format!("{scheme}://***@{behind}: {reason}"),
            None => format!("{scheme}://{rest}: {reason}"),
        };
        let kind = Kind::from_scheme(scheme).ok_or_else(|| {
            fail("the scheme is none of http, https, socks4, socks4a, socks5 and socks5h")
        })?;
        // Names and addresses are read and checked in the same way whatever the scheme.
        let read = |text: &str| Url::parse(text).map_err(|error| fail(&reason_of(&error)));
        let url = read(&format!("http://{rest}"))?;
        // With a scheme that has no port of its own, port 80 is not mistaken for none.
        let port = url::Url::parse(&format!("socks://{rest}"))
            .map_err(|error| fail(&error.to_string()))?
            .port()
            .unwrap_or_else(|| kind.default_port());
        let host = url.as_url().host_str().unwrap_or_default();
        let scheme = if kind == Kind::Https { "https" } else { "http" };
        let origin = read(&format!("{scheme}://{host}:{port}"))?.origin().clone();
        let login = url.credentials().map(|(user, password)| Login { user, password });
        if let Some(login) = &login {
            kind.check(login).map_err(|reason| fail(&reason))?;
        }
        Ok(Self {
            kind,
            origin,
            login,
            fields: HeaderMap::new(),
            targets: Targets::All,
            bypass: NoProxy::default(),
            always_tunnel: false,
            #[cfg(feature = "tls")]
            tls: None,
            digest: Digest::default(),
        })
    }

    /// User and password for the proxy, in place of those of its URL.
    ///
    /// # Errors
    ///
    /// [`Error::is_request`] where the protocol cannot carry them: a user with a colon over HTTP, more
    /// than 255 bytes over SOCKS5, a password over SOCKS4.
    pub fn basic_auth(
        mut self,
        user: impl Into<String>,
        password: impl Into<String>,
    ) -> Result<Self, Error> {
        let login = Login { user: user.into(), password: password.into() };
        self.kind.check(&login).map_err(|reason| Error::invalid("proxy credentials", reason))?;
        (self.login, self.digest) = (Some(login), Digest::default());
        Ok(self)
    }

    /// Sends this field with CONNECT, and with each request that the proxy forwards and that has none of
    /// its name. SOCKS has no fields. Set in place of one of the same name.
    ///
    /// # Errors
    ///
    /// [`Error::is_request`] where it is no field, or one that the client sets by itself, such as Host.
    pub fn header<N, V>(mut self, name: N, value: V) -> Result<Self, Error>
    where
        N: TryInto<HeaderName, Error: Into<BoxError>>,
        V: TryInto<HeaderValue, Error: Into<BoxError>>,
    {
        let (name, value) = Error::field(name, value)?;
        if OWN.contains(&name) {
            let reason = format!("{name} is the client's to set");
            return Err(Error::invalid("a proxy's field", reason));
        }
        self.fields.insert(name, value);
        Ok(self)
    }

    /// For `http` targets alone. Default: for all.
    #[must_use]
    pub fn http_only(mut self) -> Self {
        self.targets = Targets::Http;
        self
    }

    /// For `https` targets alone. Default: for all.
    #[must_use]
    pub fn https_only(mut self) -> Self {
        self.targets = Targets::Https;
        self
    }

    /// Not for these targets. Default: none.
    #[must_use]
    pub fn bypass(mut self, targets: NoProxy) -> Self {
        self.bypass = targets;
        self
    }

    /// Asks for a tunnel to `http` targets too, so that the proxy sees no request. Many proxies open
    /// none to port 80. Default: only for `https` and for requests that ask for an upgrade, which no
    /// proxy forwards.
    #[must_use]
    pub fn always_tunnel(mut self) -> Self {
        self.always_tunnel = true;
        self
    }

    /// The terms of TLS to the proxy itself, where its URL is `https`. Default: those of the request,
    /// but for its server name and its pins, which are the target's.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: crate::TlsConfig) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Whether requests for this URL go by it.
    pub fn applies_to(&self, url: &Url) -> bool {
        let is_tls = url.origin().is_tls();
        let is_meant = match self.targets {
            Targets::All => true,
            Targets::Http => !is_tls,
            Targets::Https => is_tls,
        };
        is_meant && !self.bypass.matches(url)
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    #[cfg(feature = "tls")]
    pub(crate) fn own_tls(&self) -> Option<&crate::TlsConfig> {
        self.tls.as_ref()
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// Whether it has user and password.
    pub(crate) fn has_login(&self) -> bool {
        self.login.is_some()
    }

    /// Whether a field holds the credentials, in place of the login.
    pub(super) fn has_own_credentials(&self) -> bool {
        self.fields.contains_key(PROXY_AUTHORIZATION)
    }

    /// Takes this login where it has none by now, neither of its URL nor as a field.
    pub(super) fn with_login_unless_any(mut self, login: Login) -> Result<Self, String> {
        if self.login.is_none() && !self.has_own_credentials() {
            self.kind.check(&login)?;
            (self.login, self.digest) = (Some(login), Digest::default());
        }
        Ok(self)
    }

    pub(super) fn is_socks(&self) -> bool {
        !matches!(self.kind, Kind::Http | Kind::Https)
    }

    /// Whether requests to this origin are sent to it whole, and not through a tunnel.
    pub(crate) fn forwards(&self, origin: &Origin) -> bool {
        !origin.is_tls() && !self.is_socks() && !self.always_tunnel
    }

    /// Whether it has to be told an address, since it resolves no names.
    pub(crate) fn wants_address(&self) -> bool {
        matches!(self.kind, Kind::Socks4 | Kind::Socks5)
    }

    /// Those of a target's addresses that it can be told.
    ///
    /// # Errors
    ///
    /// Where there is none.
    pub(crate) fn usable(&self, mut addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Error> {
        if self.kind == Kind::Socks4 {
            addresses.retain(SocketAddr::is_ipv4);
        }
        match addresses.is_empty() {
            true => Err(refused("the target has no IPv4 address, and SOCKS4 knows no others")),
            false => Ok(addresses),
        }
    }

    /// Fields of CONNECT and of requests that it forwards.
    pub(crate) fn fields(&self) -> Option<Arc<Headers>> {
        let mut fields = self.fields.clone();
        if let Some(login) = &self.login
            && !fields.contains_key(PROXY_AUTHORIZATION)
            // Checked when it was set.
            && let Ok(value) = crate::auth::basic(&login.user, &login.password)
        {
            fields.insert(PROXY_AUTHORIZATION, value);
        }
        (!fields.is_empty()).then(|| Arc::new(fields.into()))
    }
}

/// What is wrong with a URL, without the URL.
fn reason_of(error: &Error) -> String {
    match error.kind() {
        ErrorKind::Url { reason, .. } => reason.clone(),
        kind => kind.to_string(),
    }
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Http, Self::Https, Self::Socks4, Self::Socks4a, Self::Socks5, Self::Socks5h];

    fn from_scheme(scheme: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.scheme().eq_ignore_ascii_case(scheme))
    }

    fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks4 => "socks4",
            Self::Socks4a => "socks4a",
            Self::Socks5 => "socks5",
            Self::Socks5h => "socks5h",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            Self::Socks4 | Self::Socks4a | Self::Socks5 | Self::Socks5h => 1080,
        }
    }

    /// Whether the protocol can carry user and password.
    fn check(self, Login { user, password }: &Login) -> Result<(), String> {
        match self {
            Self::Http | Self::Https => match crate::auth::basic(user, password) {
                Ok(_) => Ok(()),
                Err(error) => Err(error.to_string()),
            },
            Self::Socks4 | Self::Socks4a if !password.is_empty() => {
                Err("SOCKS4 knows a user, and no password".to_owned())
            }
            Self::Socks4 | Self::Socks4a if user.contains('\0') => {
                Err("a NUL ends the user in SOCKS4".to_owned())
            }
            Self::Socks4 | Self::Socks4a => Ok(()),
            Self::Socks5 | Self::Socks5h if user.is_empty() => {
                Err("SOCKS5 has no empty user".to_owned())
            }
            Self::Socks5 | Self::Socks5h if user.len() > 255 || password.len() > 255 => {
                Err("user and password have at most 255 bytes each in SOCKS5".to_owned())
            }
            Self::Socks5 | Self::Socks5h => Ok(()),
        }
    }
}

impl std::str::FromStr for Proxy {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self, Error> {
        Self::new(url)
    }
}

/// The proxy's URL; the password is not shown.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.kind.scheme())?;
        if let Some(login) = &self.login {
            let secret = if login.password.is_empty() { "" } else { ":***" };
            write!(f, "{}{secret}@", login.user)?;
        }
        f.write_str(&self.origin.authority())
    }
}

/// Neither the password nor the values of fields are shown.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("url", &format_args!("{self}"))
            .field("fields", &self.fields.keys().collect::<Vec<_>>())
            .field("targets", &self.targets)
            .field("bypass", &self.bypass)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(url: &str) -> Proxy {
        Proxy::new(url).unwrap()
    }

    #[test]
    fn each_scheme_has_its_port() {
        for (url, authority) in [
            ("http://p", "p:80"),
            ("https://p", "p:443"),
            ("https://p:80/", "p:80"),
            ("HTTP://P.Example.:8080/ignored?too", "p.example:8080"),
            ("socks4://p", "p:1080"),
            ("socks4a://p", "p:1080"),
            ("socks5://p", "p:1080"),
            ("socks5h://p:80", "p:80"),
            ("socks5h://p:443", "p:443"),
            ("socks5://[::1]:9", "[::1]:9"),
            ("socks5://127.0.0.1", "127.0.0.1:1080"),
            (" p:3128 ", "p:3128"),
            ("p", "p:80"),
            ("ada:x@p:3128", "p:3128"),
            ("http://b\u{fc}cher.example", "xn--bcher-kva.example:80"),
        ] {
            let proxy = proxy(url);
            assert_eq!(proxy.origin.authority(), authority, "{url}");
            assert_eq!(proxy.origin.is_tls(), url.starts_with("https"), "{url}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused_and_its_password_not_told() {
        for url in [
            "ftp://u:hidden@p",
            "socks://u:hidden@p",
            "http://u:hidden@",
            "http://u:hidden@p:99999",
            "http://u:hid/hidden@p",
            "socks5://u:hidden@127.1",
            "socks4://u:hidden@p",
            "http://a%3ab:hidden@p",
            "socks5://:hidden@p",
            "http://u:hidden@p:0",
            "",
        ] {
            let error = Proxy::new(url).unwrap_err();
            assert!(error.is_request(), "{url}");
            let text = format!("{error} {error:?}");
            assert!(text.contains("the proxy's URL") && !text.contains("hidden"), "{text}");
        }
        assert!(Proxy::new(format!("socks5://{}:x@p", "u".repeat(256))).is_err());
        assert!(proxy("http://p").basic_auth("a:b", "").is_err());
        assert!(proxy("http://p").header("host", "x").is_err());
        assert!(proxy("http://p").header("a b", "x").is_err());
    }

    #[test]
    fn credentials_are_decoded_sent_and_not_shown() {
        let proxy = proxy("http://a%40b:c%3Ad@p").header("X-Team", "birds").unwrap();
        let fields = proxy.fields().unwrap();
        assert_eq!(fields.get_str("proxy-authorization"), Some("Basic YUBiOmM6ZA=="));
        assert_eq!(fields.get_str("x-team"), Some("birds"));
        let shown = format!("{proxy:?} {proxy}");
        assert!(!shown.contains("c:d") && !shown.contains("birds"), "{shown}");
        assert!(shown.contains("a@b:***"), "{shown}");

        let own = proxy.header("proxy-authorization", "Custom x").unwrap();
        let fields = own.fields().unwrap();
        assert_eq!(fields.get_all("proxy-authorization").collect::<Vec<_>>(), [b"Custom x"]);
    }

    #[test]
    fn credentials_and_fields_tell_proxies_apart() {
        assert_eq!(proxy("http://p"), proxy("http://p:80/"));
        assert_ne!(proxy("http://p"), proxy("http://u@p"));
        assert_ne!(proxy("http://u:a@p"), proxy("http://u:b@p"));
        assert_ne!(proxy("socks5://p"), proxy("socks5h://p"));
        assert_ne!(proxy("http://p"), proxy("http://p").header("a", "b").unwrap());
    }

    #[test]
    fn a_proxy_is_for_what_it_is_set_to() {
        let (http, https) = ("http://a.example/", "https://a.example/");
        let urls = [http, https].map(|url| Url::parse(url).unwrap());
        let applies = |proxy: Proxy| [proxy.applies_to(&urls[0]), proxy.applies_to(&urls[1])];
        assert_eq!(applies(proxy("http://p")), [true, true]);
        assert_eq!(applies(proxy("http://p").http_only()), [true, false]);
        assert_eq!(applies(proxy("http://p").https_only()), [false, true]);
        let bypass = NoProxy::parse("a.example:443").unwrap();
        assert_eq!(applies(proxy("http://p").bypass(bypass)), [true, false]);
    }

    #[test]
    fn http_proxies_forward_what_is_not_tls() {
        let [http, https] = ["http://a/", "https://a/"].map(|url| Url::parse(url).unwrap());
        assert!(proxy("https://p").forwards(http.origin()));
        assert!(!proxy("https://p").forwards(https.origin()));
        assert!(!proxy("http://p").always_tunnel().forwards(http.origin()));
        assert!(!proxy("socks5h://p").forwards(http.origin()));
    }
}
