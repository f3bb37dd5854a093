//! Which proxy a request goes by.

use std::sync::Arc;

use dunlin_core::Headers;

use super::Proxy;
use super::env::EnvProxies;
use crate::auth::Netrc;
use crate::error::Error;
use crate::url::Url;

/// The proxies of a client: those that it was given, of which the first that applies is taken, and
/// behind them those of the environment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies {
    given: Vec<Arc<Proxy>>,
    env: Option<Arc<EnvProxies>>,
}

impl Proxies {
    pub(crate) fn push(&mut self, proxy: Proxy) {
        self.given.push(Arc::new(proxy));
    }

    /// Adds those of the environment; their logins may stand in the netrc file.
    ///
    /// # Errors
    ///
    /// Where a variable's value cannot be used; the error names it.
    pub(crate) fn add_env(&mut self, netrc: Option<&Netrc>) -> Result<(), Error> {
        self.env = Some(Arc::new(EnvProxies::read(|name| std::env::var_os(name), netrc)?));
        Ok(())
    }

    /// The proxy for a request with this URL and these fields.
    pub(crate) fn select(&self, url: &Url, fields: &Headers) -> Option<Arc<Proxy>> {
        if self.given.is_empty() && self.env.is_none() {
            return None;
        }
        let upgrade = fields.get("upgrade");
        let given = self.given.iter().find(|proxy| proxy.applies_to(url));
        let proxy = given.or_else(|| {
            let is_websocket = upgrade.is_some_and(|to| to.eq_ignore_ascii_case(b"websocket"));
            self.env.as_ref()?.select(url, is_websocket)
        })?;
        if upgrade.is_some() && proxy.forwards(url.origin()) {
            // What is asked for ends at the next hop, which is to be the server (RFC 6455 §4.1).
            return Some(Arc::new(Proxy::clone(proxy).always_tunnel()));
        }
        Some(Arc::clone(proxy))
    }
}

impl From<Option<Proxy>> for Proxies {
    fn from(proxy: Option<Proxy>) -> Self {
        Self { given: proxy.into_iter().map(Arc::new).collect(), env: None }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::UPGRADE;

    use super::*;

    fn chosen(proxies: &Proxies, url: &str) -> Option<String> {
        let proxy = proxies.select(&Url::parse(url).unwrap(), &Headers::new())?;
        Some(proxy.to_string())
    }

    #[test]
    fn the_first_that_applies_is_taken() {
        let mut proxies = Proxies::default();
        let bypass = crate::NoProxy::parse("direct.example").unwrap();
        proxies.push(Proxy::new("http://one").unwrap().https_only().bypass(bypass));
        proxies.push(Proxy::new("http://two").unwrap());
        assert_eq!(chosen(&proxies, "https://a/").as_deref(), Some("http://one:80"));
        assert_eq!(chosen(&proxies, "http://a/").as_deref(), Some("http://two:80"));
        assert_eq!(chosen(&proxies, "https://direct.example/").as_deref(), Some("http://two:80"));
        assert_eq!(chosen(&Proxies::from(None), "http://a/"), None);
    }

    #[test]
    fn what_asks_for_an_upgrade_is_not_forwarded() {
        let url = Url::parse("http://a/").unwrap();
        let proxies = Proxies::from(Some(Proxy::new("http://p").unwrap()));
        let mut fields = Headers::new();
        assert!(proxies.select(&url, &fields).unwrap().forwards(url.origin()));
        fields.insert(UPGRADE, HeaderValue::from_static("websocket"));
        assert!(!proxies.select(&url, &fields).unwrap().forwards(url.origin()));
    }
}
