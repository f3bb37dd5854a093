//! The proxies that the environment names.

use std::ffi::OsString;
use std::sync::Arc;

use super::config::Login;
use super::{NoProxy, Proxy};
use crate::auth::Netrc;
use crate::error::Error;
use crate::url::Url;

/// One proxy for each kind of target, as far as the environment names any.
///
/// A name in lower case goes first: it alone is safe where a server hands request fields to programs as
/// variables. A variable that is set and empty stands for no proxy. WebSockets have variables of their
/// own and else those of `http` and `https`; whatever has none has that of `ALL_PROXY`.
#[derive(Debug, Default)]
pub(super) struct EnvProxies {
    http: Option<Arc<Proxy>>,
    https: Option<Arc<Proxy>>,
    ws: Option<Arc<Proxy>>,
    wss: Option<Arc<Proxy>>,
    direct: NoProxy,
}

/// A variable in lower case and in upper case.
type Names = [&'static str; 2];

const HTTP: Names = ["http_proxy", "HTTP_PROXY"];
const HTTPS: Names = ["https_proxy", "HTTPS_PROXY"];
const WS: Names = ["ws_proxy", "WS_PROXY"];
const WSS: Names = ["wss_proxy", "WSS_PROXY"];
const ALL: Names = ["all_proxy", "ALL_PROXY"];
const NO: Names = ["no_proxy", "NO_PROXY"];

impl EnvProxies {
    /// Reads the variables by a function, which is the process's environment but in tests.
    pub(super) fn read(
        variable: impl Fn(&str) -> Option<OsString>,
        netrc: Option<&Netrc>,
    ) -> Result<Self, Error> {
        // A CGI program finds the field `Proxy` of whoever asks it in HTTP_PROXY (CVE-2016-5385).
        let is_cgi = variable("REQUEST_METHOD").is_some();
        let get = |names: Names| -> Result<Option<(&'static str, String)>, Error> {
            for name in names {
                // Case tells variables apart, but not on Windows.
                let is_foreign = name == "HTTP_PROXY" || (cfg!(windows) && name == "http_proxy");
                if is_cgi && is_foreign {
                    continue;
                }
                if let Some(value) = variable(name) {
                    let value = value
                        .into_string()
                        .map_err(|_| Error::invalid(name, "its value is not Unicode"))?;
                    return Ok(Some((name, value)));
                }
            }
            Ok(None)
        };
        let proxy = |choices: &[Names]| -> Result<Option<Arc<Proxy>>, Error> {
            for names in choices {
                if let Some((name, value)) = get(*names)? {
                    if value.trim().is_empty() {
                        return Ok(None);
                    }
                    let read = Proxy::parse(&value).and_then(|proxy| log_in(proxy, netrc));
                    return match read {
                        Ok(proxy) => Ok(Some(Arc::new(proxy))),
                        Err(reason) => Err(Error::invalid(name, reason)),
                    };
                }
            }
            Ok(None)
        };
        Ok(Self {
            http: proxy(&[HTTP, ALL])?,
            https: proxy(&[HTTPS, ALL])?,
            ws: proxy(&[WS, HTTP, ALL])?,
            wss: proxy(&[WSS, HTTPS, ALL])?,
            direct: match get(NO)? {
                Some((name, value)) => {
                    NoProxy::read(&value).map_err(|reason| Error::invalid(name, reason))?
                }
                None => NoProxy::default(),
            },
        })
    }

    pub(super) fn select(&self, url: &Url, is_websocket: bool) -> Option<&Arc<Proxy>> {
        let proxy = match (url.origin().is_tls(), is_websocket) {
            (false, false) => &self.http,
            (true, false) => &self.https,
            (false, true) => &self.ws,
            (true, true) => &self.wss,
        };
        proxy.as_ref().filter(|_| !self.direct.matches(url))
    }
}

/// Gives a proxy by HTTP that has no login that of the netrc file.
fn log_in(proxy: Proxy, netrc: Option<&Netrc>) -> Result<Proxy, String> {
    let found = netrc.filter(|_| !proxy.is_socks()).and_then(|netrc| {
        let entry = netrc.find(proxy.origin().host())?;
        let password = entry.password().unwrap_or_default().to_owned();
        Some(Login { user: entry.login()?.to_owned(), password })
    });
    match found {
        Some(login) => proxy.with_login_unless_any(login),
        None => Ok(proxy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<EnvProxies, Error> {
        let get = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        EnvProxies::read(get, None)
    }

    /// Hosts of the proxies for http, https, ws and wss.
    fn chosen(variables: &[(&str, &str)]) -> [String; 4] {
        let env = read(variables).unwrap();
        let targets = [("http", false), ("https", false), ("http", true), ("https", true)];
        targets.map(|(scheme, is_websocket)| {
            let url = Url::parse(&format!("{scheme}://a.example/")).unwrap();
            let proxy = env.select(&url, is_websocket);
            proxy.map_or_else(|| "-".to_owned(), |proxy| proxy.origin().host().to_owned())
        })
    }

    #[test]
    fn each_kind_of_target_has_its_variables() {
        assert_eq!(chosen(&[]), ["-"; 4]);
        assert_eq!(chosen(&[("HTTP_PROXY", "p:1")]), ["p", "-", "p", "-"]);
        assert_eq!(chosen(&[("https_proxy", "http://p")]), ["-", "p", "-", "p"]);
        assert_eq!(chosen(&[("ALL_PROXY", "socks5h://p")]), ["p"; 4]);
        assert_eq!(chosen(&[("ALL_PROXY", "p"), ("HTTP_PROXY", "q")]), ["q", "p", "q", "p"]);
        assert_eq!(chosen(&[("WS_PROXY", "p"), ("HTTP_PROXY", "q")]), ["q", "-", "p", "-"]);
        assert_eq!(chosen(&[("wss_proxy", "p")]), ["-", "-", "-", "p"]);
    }

    #[test]
    fn lower_case_goes_first_and_an_empty_value_is_no_proxy() {
        assert_eq!(chosen(&[("http_proxy", "p"), ("HTTP_PROXY", "q")])[0], "p");
        assert_eq!(chosen(&[("http_proxy", ""), ("HTTP_PROXY", "q"), ("ALL_PROXY", "r")])[0], "-");
    }

    #[test]
    fn a_request_field_cannot_name_the_proxy_of_a_cgi_program() {
        let cgi = [("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "evil"), ("HTTPS_PROXY", "p")];
        assert_eq!(chosen(&cgi), ["-", "p", "-", "p"]);
        let cgi = [("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "evil"), ("http_proxy", "p")];
        assert_eq!(chosen(&cgi)[0], if cfg!(windows) { "-" } else { "p" });
        let cgi = [("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "evil"), ("ALL_PROXY", "p")];
        assert_eq!(chosen(&cgi)[0], "p");
    }

    #[test]
    fn no_proxy_holds_for_all_kinds() {
        let all = ("all_proxy", "p");
        assert_eq!(chosen(&[all, ("NO_PROXY", "example")]), ["-"; 4]);
        assert_eq!(chosen(&[all, ("no_proxy", "*"), ("NO_PROXY", "")]), ["-"; 4]);
        assert_eq!(chosen(&[all, ("no_proxy", ""), ("NO_PROXY", "*")]), ["p"; 4]);
        assert_eq!(chosen(&[all, ("NO_PROXY", "a.example:443")]), ["p", "-", "p", "-"]);
    }

    #[test]
    fn errors_name_the_variable_and_no_password() {
        for (name, value) in [
            ("HTTP_PROXY", "ftp://u:hidden@p"),
            ("https_proxy", "http://u:hidden@p:x"),
            ("ALL_PROXY", "socks4://u:hidden@p"),
            ("NO_PROXY", "10.0.0.0/99"),
        ] {
            let error = read(&[(name, value)]).unwrap_err().to_string();
            assert!(error.starts_with(name) && !error.contains("hidden"), "{error}");
        }
        let get = |name: &str| match name {
            #[cfg(unix)]
            "HTTP_PROXY" => Some(std::os::unix::ffi::OsStringExt::from_vec(vec![0xff])),
            _ => None,
        };
        assert_eq!(EnvProxies::read(get, None).is_err(), cfg!(unix));
    }

    #[test]
    fn a_proxy_without_a_login_has_that_of_netrc() {
        let netrc = Netrc::parse("machine p login ada password secret").unwrap();
        let env = |value: &'static str| {
            let get = |name: &str| (name == "http_proxy").then(|| OsString::from(value));
            let env = EnvProxies::read(get, Some(&netrc)).unwrap();
            env.http
                .unwrap()
                .fields()
                .and_then(|fields| fields.get_str("proxy-authorization").map(str::to_owned))
        };
        assert_eq!(env("http://p:1").as_deref(), Some("Basic YWRhOnNlY3JldA=="));
        assert_eq!(env("http://own:x@p").as_deref(), Some("Basic b3duOng="));
        assert_eq!(env("http://q"), None);
        assert_eq!(env("socks4://p"), None, "it has no place for a password");
    }
}
