//! The seam between a client and whatever keeps its cookies.

use std::sync::Arc;

use http::HeaderValue;
use url::Url;

use super::matching::registrable;

/// Keeps the cookies of a client: [`CookieJar`](super::CookieJar), or a store of one's own.
///
/// The client hands over every `Set-Cookie` field of every response, those of redirects included,
/// and asks anew before every request that it sends. Both calls are made on the way of a request, so
/// they should neither block on I/O nor wait for long.
///
/// A store that signs each request with one token and takes nothing from servers:
///
/// ```
/// use dunlin_client::cookies::{CookieStore, SameSiteContext};
/// use http::HeaderValue;
/// use url::Url;
///
/// struct Token(HeaderValue);
///
/// impl CookieStore for Token {
///     fn store(&self, _: &mut dyn Iterator<Item = &[u8]>, _: &Url, _: SameSiteContext) {}
///
///     fn header(&self, url: &Url, _: SameSiteContext) -> Option<HeaderValue> {
///         let ours = url.scheme() == "https" && url.host_str() == Some("api.example.com");
///         ours.then(|| self.0.clone())
///     }
/// }
///
/// let store = Token(HeaderValue::from_static("token=abc"));
/// let context = SameSiteContext::default();
/// assert!(store.header(&Url::parse("https://api.example.com/v1")?, context).is_some());
/// assert!(store.header(&Url::parse("http://api.example.com/v1")?, context).is_none());
/// # Ok::<(), url::ParseError>(())
/// ```
pub trait CookieStore: Send + Sync {
    /// Takes the values of a response's `Set-Cookie` fields, in the order received.
    ///
    /// `url` is that of the request. Values are as on the wire: any bytes, and possibly no cookie at
    /// all, which the store passes over.
    fn store(
        &self,
        set_cookies: &mut dyn Iterator<Item = &[u8]>,
        url: &Url,
        context: SameSiteContext,
    );

    /// Returns the value of the `Cookie` field for a request to `url`; `None` for no field.
    fn header(&self, url: &Url, context: SameSiteContext) -> Option<HeaderValue>;
}

impl<T: CookieStore + ?Sized> CookieStore for Arc<T> {
    fn store(
        &self,
        set_cookies: &mut dyn Iterator<Item = &[u8]>,
        url: &Url,
        context: SameSiteContext,
    ) {
        (**self).store(set_cookies, url, context);
    }

    fn header(&self, url: &Url, context: SameSiteContext) -> Option<HeaderValue> {
        (**self).header(url, context)
    }
}

/// A store that keeps nothing and sends nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCookies;

impl CookieStore for NoCookies {
    fn store(&self, _: &mut dyn Iterator<Item = &[u8]>, _: &Url, _: SameSiteContext) {}

    fn header(&self, _: &Url, _: SameSiteContext) -> Option<HeaderValue> {
        None
    }
}

/// How a request relates to the site that caused it (RFC 6265bis §5.2).
///
/// A program that makes requests of its own has no such site: its requests are same-site, the
/// default. One that follows links for somebody, as a crawler or a browser does, says so here.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum SameSiteContext {
    /// Caused by the site itself or by no site: every cookie is taken and sent.
    #[default]
    SameSite,
    /// A user's navigation from another site with a safe method: every cookie is taken, and
    /// [`SameSite::Strict`](super::SameSite::Strict) ones are not sent.
    Lax,
    /// Any other request that another site causes: only cookies with
    /// [`SameSite::None`](super::SameSite::None) are taken or sent.
    CrossSite,
}

impl SameSiteContext {
    /// Tells whether a request to `url` that `initiator` causes stays on one site: same scheme and
    /// same registrable domain, or same host where there is none.
    ///
    /// Gives [`SameSite`](Self::SameSite) or [`CrossSite`](Self::CrossSite); what is a navigation, a
    /// caller knows.
    ///
    /// ```
    /// use dunlin_client::cookies::SameSiteContext;
    /// use url::Url;
    ///
    /// let shop = Url::parse("https://shop.example.com/")?;
    /// let login = Url::parse("https://login.example.com/")?;
    /// let other = Url::parse("https://example.org/")?;
    /// assert_eq!(SameSiteContext::between(&shop, &login), SameSiteContext::SameSite);
    /// assert_eq!(SameSiteContext::between(&other, &login), SameSiteContext::CrossSite);
    /// # Ok::<(), url::ParseError>(())
    /// ```
    pub fn between(initiator: &Url, url: &Url) -> Self {
        let (Some(from), Some(to)) = (initiator.host_str(), url.host_str()) else {
            return Self::CrossSite;
        };
        let same_domain = match (registrable(from), registrable(to)) {
            (Some(from), Some(to)) => from == to,
            _ => from == to,
        };
        let same = same_domain && initiator.scheme() == url.scheme();
        if same { Self::SameSite } else { Self::CrossSite }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traits_hold_that_clients_need() {
        fn takes(_: &dyn CookieStore) {}
        takes(&NoCookies);
        takes(&Arc::new(super::super::CookieJar::new()));
        takes(&(Arc::new(NoCookies) as Arc<dyn CookieStore>));
    }

    #[test]
    fn sites_are_scheme_and_registrable_domain() {
        let between = |from: &str, to: &str| {
            SameSiteContext::between(&from.parse().unwrap(), &to.parse().unwrap())
        };
        let (same, cross) = (SameSiteContext::SameSite, SameSiteContext::CrossSite);
        assert_eq!(between("https://a.example.com/", "https://example.com:8443/"), same);
        assert_eq!(between("http://example.com/", "https://example.com/"), cross);
        assert_eq!(between("https://a.github.io/", "https://b.github.io/"), cross);
        assert_eq!(between("http://127.0.0.1/", "http://127.0.0.1:81/"), same);
        assert_eq!(between("http://1.0.0.1/", "http://2.0.0.1/"), cross);
        assert_eq!(between("http://localhost/", "http://localhost/"), same);
        assert_eq!(between("data:,x", "http://localhost/"), cross);
    }
}
