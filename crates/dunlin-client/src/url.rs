//! URLs, parsed once and cheap to hand on.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use dunlin_core::SharedTarget;
use http::Uri;
use percent_encoding::percent_decode_str;

use crate::error::Error;

/// An absolute `http` or `https` URL, parsed and checked.
///
/// Cloning it costs a counter: parse what is asked for often once, and hand on clones.
///
/// ```
/// use dunlin_client::Url;
///
/// let url = Url::parse("https://user:secret@example.com/birds?tall=1#top")?;
/// assert_eq!((url.scheme(), url.host(), url.port()), ("https", "example.com", 443));
/// // Neither credentials nor the fragment are sent as part of the target.
/// assert_eq!(url.uri(), "https://example.com/birds?tall=1");
/// assert!(Url::parse("http://127.1/").is_err(), "an odd spelling of an address");
/// # Ok::<(), dunlin_client::Error>(())
/// ```
#[derive(Clone)]
pub struct Url(Arc<Inner>);

struct Inner {
    url: url::Url,
    /// What goes on the wire: no credentials, no fragment, no dot behind the host.
    uri: Uri,
    /// Path and query alone, as a server gets them.
    target: SharedTarget,
    /// `host[:port]`, as Host has it.
    authority: Arc<str>,
    origin: Origin,
}

/// Who is spoken to: scheme, host and port. Two URLs of one origin may share a connection.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct Origin {
    is_tls: bool,
    port: u16,
    host: Arc<str>,
}

impl Origin {
    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.is_tls { "https" } else { "http" }
    }

    /// Whether the scheme asks for TLS.
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// The name in ASCII, or the address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, that of the scheme where the URL names none.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The host, where it is an address and no name.
    pub fn ip(&self) -> Option<IpAddr> {
        // Names outnumber addresses, and no name ends in a digit or holds a colon.
        let last = self.host.as_bytes().last()?;
        if last.is_ascii_digit() || self.host.contains(':') { self.host.parse().ok() } else { None }
    }

    /// `host:port`, an IPv6 address in brackets.
    pub fn authority(&self) -> String {
        let brackets = self.host.contains(':');
        let (open, close) = if brackets { ("[", "]") } else { ("", "") };
        format!("{open}{}{close}:{}", self.host, self.port)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.authority())
    }
}

impl Url {
    /// Parses an absolute URL. `ws` and `wss` stand for `http` and `https`.
    ///
    /// # Errors
    ///
    /// [`Error::is_request`] where it is relative, has another scheme or no host, or spells an IPv4
    /// address in a form that filters and resolvers read differently (`127.1`, `0x7f.0.0.1`,
    /// `2130706433`).
    pub fn parse(text: &str) -> Result<Self, Error> {
        let url = url::Url::parse(text).map_err(|error| match error {
            url::ParseError::RelativeUrlWithoutBase => Error::url(
                text,
                "it is relative: write it with http:// or https://, or give the client a base_url",
            ),
            error => Error::url(text, error),
        })?;
        check_spelling(text, &url)?;
        Self::from_parsed(url)
    }

    /// Resolves a reference against this URL (RFC 3986 §5).
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn join(&self, reference: &str) -> Result<Self, Error> {
        let url = self.0.url.join(reference).map_err(|error| Error::url(reference, error))?;
        if names_authority(reference, &self.0.url, &url) {
            check_spelling(reference, &url)?;
        }
        Self::from_parsed(url)
    }

    fn from_parsed(mut url: url::Url) -> Result<Self, Error> {
        let is_tls = match url.scheme() {
            "http" | "ws" => false,
            "https" | "wss" => true,
            other => {
                let hint = match url.cannot_be_a_base() {
                    // `localhost:8080/birds`: the host was taken for the scheme.
                    true => ": begin it with http:// or https://",
                    false => "",
                };
                let reason = format!("the scheme is {other}, not http or https{hint}");
                return Err(Error::url(url.as_str(), reason));
            }
        };
        let host: Arc<str> = match url.host() {
            Some(url::Host::Domain(name)) => name.strip_suffix('.').unwrap_or(name).into(),
            Some(url::Host::Ipv4(ip)) => ip.to_string().into(),
            Some(url::Host::Ipv6(ip)) => ip.to_string().into(),
            None => return Err(Error::url(url.as_str(), "it names no host")),
        };
        if host.is_empty() {
            return Err(Error::url(url.as_str(), "it names no host"));
        }
        if url.port() == Some(0) {
            return Err(Error::url(url.as_str(), "nothing can listen on port 0"));
        }
        if matches!(url.scheme(), "ws" | "wss") {
            // Both are special schemes, between which the setter allows a change.
            let _ = url.set_scheme(if is_tls { "https" } else { "http" });
        }
        let port = url.port_or_known_default().unwrap_or(if is_tls { 443 } else { 80 });
        let uri = wire_uri(&url).map_err(|error| Error::url(url.as_str(), error))?;
        let path: Uri = match uri.path_and_query() {
            Some(path) => path.clone().into(),
            None => Uri::from_static("/"),
        };
        let target = SharedTarget::new(&path);
        let authority = uri.authority().map_or("", http::uri::Authority::as_str).into();
        let origin = Origin { is_tls, port, host };
        Ok(Self(Arc::new(Inner { url, uri, target, authority, origin })))
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &Origin {
        &self.0.origin
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        self.0.origin.scheme()
    }

    /// The name in ASCII, or the address without brackets.
    pub fn host(&self) -> &str {
        self.0.origin.host()
    }

    /// The port, that of the scheme where none is named.
    pub fn port(&self) -> u16 {
        self.0.origin.port()
    }

    /// The path, percent-encoded.
    pub fn path(&self) -> &str {
        self.0.url.path()
    }

    /// The query without its question mark.
    pub fn query(&self) -> Option<&str> {
        self.0.url.query()
    }

    /// The fragment, which is never sent.
    pub fn fragment(&self) -> Option<&str> {
        self.0.url.fragment()
    }

    /// The whole URL as text, credentials and fragment included.
    pub fn as_str(&self) -> &str {
        self.0.url.as_str()
    }

    /// The URL as it is requested: without credentials and fragment.
    pub fn uri(&self) -> &Uri {
        &self.0.uri
    }

    /// The same as the `url` crate has it.
    pub fn as_url(&self) -> &url::Url {
        &self.0.url
    }

    /// User and password of the URL, percent-decoded; RFC 3986 §3.2.1 advises against them.
    pub fn credentials(&self) -> Option<(String, String)> {
        let url = &self.0.url;
        if url.username().is_empty() && url.password().is_none() {
            return None;
        }
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        Some((decode(url.username()), url.password().map_or_else(String::new, decode)))
    }

    /// The URL for logs and messages, in which its password is not shown; `Display` shows all of it.
    ///
    /// ```
    /// let url = dunlin_client::Url::parse("https://user:secret@example.com/birds")?;
    /// assert_eq!(url.redacted().to_string(), "https://user:***@example.com/birds");
    /// # Ok::<(), dunlin_client::Error>(())
    /// ```
    pub fn redacted(&self) -> impl fmt::Display {
        Redacted(self)
    }

    /// The same URL without credentials.
    #[must_use]
    pub fn without_credentials(&self) -> Self {
        if self.credentials().is_none() {
            return self.clone();
        }
        let mut url = self.0.url.clone();
        // Fails for URLs without a host only.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        self.respelled(url)
    }

    /// The same URL with the credentials of another, where it has none and both are of one origin.
    pub(crate) fn inherit_credentials(self, from: &Self) -> Self {
        let theirs = &from.0.url;
        if self.origin() != from.origin()
            || self.credentials().is_some()
            || from.credentials().is_none()
        {
            return self;
        }
        let mut url = self.0.url.clone();
        // What another URL has is encoded already, which the setters leave as it is.
        let _ = url.set_username(theirs.username());
        let _ = url.set_password(theirs.password());
        self.respelled(url)
    }

    /// The same URL with another fragment.
    #[must_use]
    pub fn with_fragment(&self, fragment: Option<&str>) -> Self {
        let mut url = self.0.url.clone();
        url.set_fragment(fragment);
        self.respelled(url)
    }

    /// Another spelling of what is requested alike.
    fn respelled(&self, url: url::Url) -> Self {
        let Inner { uri, target, authority, origin, .. } = &*self.0;
        let (uri, target, origin) = (uri.clone(), target.clone(), origin.clone());
        Self(Arc::new(Inner { url, uri, target, authority: Arc::clone(authority), origin }))
    }

    pub(crate) fn target(&self) -> &SharedTarget {
        &self.0.target
    }

    pub(crate) fn authority(&self) -> &str {
        &self.0.authority
    }

    /// The same URL with pairs appended to its query, encoded as forms are.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), where the URL becomes too long.
    pub fn with_query_text(&self, more: &str) -> Result<Self, Error> {
        let mut url = self.0.url.clone();
        let query = match url.query() {
            Some(query) if !query.is_empty() => format!("{query}&{more}"),
            _ => more.to_owned(),
        };
        url.set_query(Some(&query));
        Self::from_parsed(url)
    }
}

/// What is requested: the URL without credentials, fragment and the dot behind a full name.
fn wire_uri(url: &url::Url) -> Result<Uri, http::uri::InvalidUri> {
    let host = url.host_str().unwrap_or_default();
    let host = host.strip_suffix('.').unwrap_or(host);
    let mut text = String::with_capacity(url.as_str().len());
    text.push_str(url.scheme());
    text.push_str("://");
    text.push_str(host);
    if let Some(port) = url.port() {
        text.push(':');
        text.push_str(&port.to_string());
    }
    text.push_str(&url[url::Position::BeforePath..url::Position::AfterQuery]);
    Uri::try_from(text)
}

/// The part of a reference behind its scheme, where it has one, as a parser of URLs sees it: blanks in
/// front and ends of lines anywhere do not count.
fn behind_scheme(reference: &str) -> (bool, String) {
    let seen = reference.trim_start_matches(|c: char| c <= ' ').replace(['\t', '\n', '\r'], "");
    let end = seen.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)));
    let starts_well = seen.starts_with(|c: char| c.is_ascii_alphabetic());
    match end {
        Some(at) if starts_well && seen[at..].starts_with(':') => (true, seen[at + 1..].to_owned()),
        _ => (false, seen),
    }
}

/// Whether a reference brings a host of its own.
fn names_authority(reference: &str, base: &url::Url, url: &url::Url) -> bool {
    let (has_scheme, rest) = behind_scheme(reference);
    let slashes = rest.len() - rest.trim_start_matches(['/', '\\']).len();
    // Without slashes, a scheme that is the base's is no more than noise.
    slashes >= 2 || has_scheme && url.scheme() != base.scheme() || url.host() != base.host()
}

/// Refuses hosts that the URL standard turns into an IPv4 address although they do not look like one:
/// the way around filters that compare text.
fn check_spelling(text: &str, url: &url::Url) -> Result<(), Error> {
    let Some(url::Host::Ipv4(ip)) = url.host() else { return Ok(()) };
    let (_, rest) = behind_scheme(text);
    let authority = rest.trim_start_matches(['/', '\\']);
    let authority = authority.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    if host == ip.to_string() {
        return Ok(());
    }
    Err(Error::url(
        text,
        format!("its host {host:?} is an odd spelling of {ip}: write the address out"),
    ))
}

/// All of it, the password too: for logs there is [`Url::redacted`].
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Hides the password.
impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Redacted(self).to_string(), f)
    }
}

/// A URL for logs and errors: the password is not shown.
pub(crate) struct Redacted<'u>(pub(crate) &'u Url);

impl fmt::Display for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = &self.0.0.url;
        if url.password().is_none() {
            return f.write_str(url.as_str());
        }
        let mut shown = url.clone();
        let _ = shown.set_password(Some("***"));
        f.write_str(shown.as_str())
    }
}

impl PartialEq for Url {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.url == other.0.url
    }
}

impl Eq for Url {}

impl Hash for Url {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.url.hash(state);
    }
}

impl std::str::FromStr for Url {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// What a request can be made to: a [`Url`], one of the `url` or `http` crate, or text, which may be
/// relative where the client has a base.
pub trait IntoUrl {
    /// The URL, joined to `base` where there is one and this is relative.
    ///
    /// # Errors
    ///
    /// As [`Url::parse`].
    fn into_url(self, base: Option<&Url>) -> Result<Url, Error>;
}

impl IntoUrl for &str {
    fn into_url(self, base: Option<&Url>) -> Result<Url, Error> {
        match base {
            Some(base) => base.join(self),
            None => Url::parse(self),
        }
    }
}

impl IntoUrl for String {
    fn into_url(self, base: Option<&Url>) -> Result<Url, Error> {
        self.as_str().into_url(base)
    }
}

impl IntoUrl for &String {
    fn into_url(self, base: Option<&Url>) -> Result<Url, Error> {
        self.as_str().into_url(base)
    }
}

impl IntoUrl for Url {
    fn into_url(self, _: Option<&Url>) -> Result<Url, Error> {
        Ok(self)
    }
}

impl IntoUrl for &Url {
    fn into_url(self, _: Option<&Url>) -> Result<Url, Error> {
        Ok(self.clone())
    }
}

impl IntoUrl for url::Url {
    fn into_url(self, _: Option<&Url>) -> Result<Url, Error> {
        Url::from_parsed(self)
    }
}

impl IntoUrl for &Uri {
    fn into_url(self, base: Option<&Url>) -> Result<Url, Error> {
        self.to_string().into_url(base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_spellings_of_addresses_are_refused() {
        for text in [
            "http://127.1/",
            "http://2130706433",
            "http://0x7f.0.0.1/",
            "http://0177.0.0.1:8/",
            "http://u:p@127.1/",
            "http:\\\\127.1\\",
            "http:///127.1/",
            "http:127.1/127.0.0.1",
            "http:2130706433/127.0.0.1",
            "http:0x7f.1/127.0.0.1/../x",
            " ht\ntp://127.1/",
        ] {
            assert!(Url::parse(text).unwrap_err().to_string().contains("odd spelling"), "{text}");
        }
        for text in [
            "http://127.0.0.1/",
            "http://u:p@127.0.0.1:80/a@b",
            "http://[::1]/",
            "http://1.example/",
        ] {
            assert!(Url::parse(text).is_ok(), "{text}");
        }
        let base = Url::parse("http://127.0.0.1:8080/a/").unwrap();
        assert_eq!(base.join("b?c").unwrap().as_str(), "http://127.0.0.1:8080/a/b?c");
        assert!(base.join("//127.1/").is_err());
        assert!(base.join("https:127.1/").is_err());
        assert_eq!(Url::parse("http:127.0.0.1").unwrap().host(), "127.0.0.1");
        assert!(base.join("http://127.1:8080/").is_err());
        assert!(base.join("/go?to=//127.1/").is_ok());
    }

    #[test]
    fn what_is_requested_has_neither_credentials_nor_fragment_nor_final_dot() {
        let url = Url::parse("http://a:b%40c@example.com.:81/x?y#z").unwrap();
        assert_eq!(url.uri(), "http://example.com:81/x?y");
        assert_eq!(url.credentials(), Some(("a".into(), "b@c".into())));
        assert_eq!(url.fragment(), Some("z"));
        assert_eq!(format!("{url:?}"), "\"http://a:***@example.com.:81/x?y#z\"");
        assert_eq!(url.without_credentials().as_str(), "http://example.com.:81/x?y#z");
    }

    #[test]
    fn other_schemes_and_relative_urls_are_refused_with_a_reason() {
        assert!(Url::parse("ftp://a/").unwrap_err().to_string().contains("scheme is ftp"));
        assert!(Url::parse("/a").unwrap_err().to_string().contains("base_url"));
        assert_eq!(Url::parse("wss://a/b").unwrap().as_str(), "https://a/b");
        assert_eq!(Url::parse("http://[::1]:8080/").unwrap().origin().authority(), "[::1]:8080");
    }

    #[test]
    fn a_query_is_appended_to_what_is_there() {
        let url = Url::parse("http://a/b?c=d").unwrap();
        assert_eq!(url.with_query_text("e=f").unwrap().as_str(), "http://a/b?c=d&e=f");
        assert_eq!(
            Url::parse("http://a/").unwrap().with_query_text("e").unwrap().as_str(),
            "http://a/?e"
        );
    }
}
