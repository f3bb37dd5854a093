//! `SameOrigin`: no writes from other sites' pages.

use std::sync::Arc;

use dunlin_core::{BoxFuture, Headers, IntoResponse, Request, Response};
use http::header::ORIGIN;
use http::uri::Authority;
use http::{HeaderName, Method, Uri};

use super::{Middleware, Next};
use crate::error::HttpError;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses with 403 what a page of another origin has a browser send in its user's name (cross-site request
/// forgery): every method but `GET`, `HEAD` and `OPTIONS`, which must change nothing.
///
/// ```
/// use dunlin_web::{App, SameOrigin, post};
///
/// let app = App::new()
///     .middleware(SameOrigin::new())
///     .routes([post("/notes", || async { "kept" })]);
/// # app.build().unwrap();
/// ```
///
/// Forms need no token: a browser says by itself where a request comes from.
///
/// | what it says | is let in |
/// | --- | --- |
/// | `Sec-Fetch-Site: same-origin`, or `none` (typed by the user) | yes |
/// | another `Sec-Fetch-Site`, `same-site` among them | where `Origin` is one that was [allowed](Self::allow) |
/// | no `Sec-Fetch-Site`, as over plain `http` from elsewhere than `localhost`, and an `Origin` | where its host and port are those of `Host`, or it was allowed |
/// | neither | yes: no browser has sent it, and nothing but a browser sends cookies on another's behalf |
///
/// WebSockets have a check of their own, since their handshake is a `GET`: `WsUpgrade::origins`.
#[derive(Clone, Debug, Default)]
pub struct SameOrigin {
    allowed: Arc<[String]>,
}

impl SameOrigin {
    /// Lets in the pages of the host and port that the request is for.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets in pages of these origins too, each as a browser writes it: `https://example.com`, with the port
    /// where it is not the scheme's own. Default: none.
    #[must_use]
    pub fn allow<I: IntoIterator<Item: Into<String>>>(mut self, origins: I) -> Self {
        self.allowed =
            self.allowed.iter().cloned().chain(origins.into_iter().map(Into::into)).collect();
        self
    }

    fn lets_in(&self, method: &Method, headers: &Headers) -> bool {
        if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return true;
        }
        let origin = headers.get(ORIGIN);
        if origin.is_some_and(|origin| {
            self.allowed.iter().any(|one| one.as_bytes().eq_ignore_ascii_case(origin))
        }) {
            return true;
        }
        match (headers.get(FETCH_SITE), origin) {
            (Some(b"same-origin" | b"none"), _) | (None, None) => true,
            (Some(_), _) => false,
            (None, Some(origin)) => headers.get("host").is_some_and(|host| is_same(origin, host)),
        }
    }
}

/// Whether an origin's host and port are those of a `Host` field. The scheme may differ: behind a proxy that
/// ends TLS nobody knows it.
fn is_same(origin: &[u8], host: &[u8]) -> bool {
    let (Ok(origin), Ok(host)) = (Uri::try_from(origin), Authority::try_from(host)) else {
        return false;
    };
    let default = match origin.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        _ => return false,
    };
    origin.authority().is_some_and(|authority| {
        authority.host().eq_ignore_ascii_case(host.host())
            && authority.port_u16().unwrap_or(default) == host.port_u16().unwrap_or(default)
    })
}

impl Middleware for SameOrigin {
    fn call(&self, req: Request, next: Next) -> BoxFuture<'static, Response> {
        if self.lets_in(req.method(), req.headers()) {
            return Box::pin(next.run(req));
        }
        let error = HttpError::forbidden().with_message("this comes from a page of another origin");
        Box::pin(std::future::ready(error.into_response()))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn lets_in(rule: &SameOrigin, method: Method, fields: &[(&'static str, &'static str)]) -> bool {
        let field = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        rule.lets_in(&method, &fields.iter().map(field).collect())
    }

    #[test]
    fn what_the_browser_says_of_the_site_decides() {
        for (site, is_let_in) in [
            ("same-origin", true),
            ("none", true),
            ("same-site", false),
            ("cross-site", false),
            ("", false),
            ("Same-Origin, none", false),
        ] {
            // An origin of the same host does not outweigh it.
            let fields =
                [("sec-fetch-site", site), ("origin", "http://a.example"), ("host", "a.example")];
            assert_eq!(lets_in(&SameOrigin::new(), Method::POST, &fields), is_let_in, "{site}");
            assert!(lets_in(&SameOrigin::new(), Method::GET, &fields));
        }
    }

    #[test]
    fn older_browsers_are_judged_by_their_origin() {
        let lets_in = |origin, host| {
            lets_in(&SameOrigin::new(), Method::DELETE, &[("origin", origin), ("host", host)])
        };
        assert!(lets_in("http://a.example:8080", "A.example:8080"));
        assert!(lets_in("https://a.example", "a.example:443"));
        for origin in
            ["null", "http://b.example", "http://a.example:81", "a.example", "ftp://a.example"]
        {
            assert!(!lets_in(origin, "a.example"), "{origin}");
        }
        assert!(!lets_in("http://a.example", "not a host"));
    }

    #[test]
    fn who_is_no_browser_is_let_in_and_so_are_allowed_origins() {
        assert!(lets_in(&SameOrigin::new(), Method::PUT, &[("host", "a.example")]));
        let rule = SameOrigin::new().allow(["https://b.example"]).allow(["https://c.example"]);
        for origin in ["https://b.example", "https://c.example"] {
            let fields =
                [("sec-fetch-site", "cross-site"), ("origin", origin), ("host", "a.example")];
            assert!(lets_in(&rule, Method::PUT, &fields));
        }
        let fields = [("origin", "http://b.example"), ("host", "a.example")];
        assert!(!lets_in(&rule, Method::PUT, &fields));
    }
}
