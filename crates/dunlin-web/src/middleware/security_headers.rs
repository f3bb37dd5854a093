//! `SecurityHeaders`: what browsers are told to refuse.

use std::time::Duration;

use dunlin_core::{BoxFuture, Request, Response};
use http::header::{
    CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue};

use super::{Middleware, Next};

/// Response fields that make browsers stricter. A handler that sets one of them itself is left alone.
///
/// ```
/// use std::time::Duration;
///
/// use dunlin_web::{App, SecurityHeaders};
/// use http::HeaderValue;
///
/// let headers = SecurityHeaders::new()
///     .hsts(Duration::from_secs(365 * 24 * 3600), true)
///     .content_security_policy(HeaderValue::from_static("default-src 'self'"));
/// let app = App::new().middleware(headers);
/// # app.build().unwrap();
/// ```
///
/// | field | default |
/// | --- | --- |
/// | `X-Content-Type-Options` | `nosniff` |
/// | `Referrer-Policy` | `strict-origin-when-cross-origin` |
/// | `X-Frame-Options` | `SAMEORIGIN` |
/// | `Cross-Origin-Opener-Policy` | `same-origin` |
/// | `Strict-Transport-Security` | not set: a browser that is told so cannot go back to `http` |
/// | `Content-Security-Policy` | not set: what it allows is up to the pages |
#[derive(Clone, Debug)]
pub struct SecurityHeaders {
    fields: Vec<(HeaderName, HeaderValue)>,
}

const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

impl SecurityHeaders {
    /// With the defaults.
    pub fn new() -> Self {
        let fields = [
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (REFERRER_POLICY, "strict-origin-when-cross-origin"),
            (X_FRAME_OPTIONS, "SAMEORIGIN"),
            (OPENER, "same-origin"),
        ];
        let fields = fields.map(|(name, value)| (name, HeaderValue::from_static(value)));
        Self { fields: fields.into() }
    }

    /// `Strict-Transport-Security` (RFC 6797 §6.1): for how long, in whole seconds, and whether for all
    /// names below this one too. Browsers heed it over https alone.
    #[must_use]
    pub fn hsts(self, max_age: Duration, include_subdomains: bool) -> Self {
        let below = if include_subdomains { "; includeSubDomains" } else { "" };
        let value = format!("max-age={}{below}", max_age.as_secs());
        // Digits and letters.
        let value =
            HeaderValue::try_from(value).unwrap_or_else(|_| HeaderValue::from_static("max-age=0"));
        self.field(STRICT_TRANSPORT_SECURITY, value)
    }

    /// `Content-Security-Policy`, as it is to be sent.
    #[must_use]
    pub fn content_security_policy(self, policy: HeaderValue) -> Self {
        self.field(CONTENT_SECURITY_POLICY, policy)
    }

    /// `X-Frame-Options`: `DENY` or `SAMEORIGIN`; none where pages may be framed by anybody.
    #[must_use]
    pub fn frame_options(self, options: Option<HeaderValue>) -> Self {
        self.option(X_FRAME_OPTIONS, options)
    }

    /// `Referrer-Policy`; none to leave it to the browser.
    #[must_use]
    pub fn referrer_policy(self, policy: Option<HeaderValue>) -> Self {
        self.option(REFERRER_POLICY, policy)
    }

    /// `Cross-Origin-Opener-Policy`; none for pages that work with windows of other origins.
    #[must_use]
    pub fn opener_policy(self, policy: Option<HeaderValue>) -> Self {
        self.option(OPENER, policy)
    }

    /// Any field more, such as `Permissions-Policy`, or another value for one of these.
    #[must_use]
    pub fn field(self, name: HeaderName, value: HeaderValue) -> Self {
        self.option(name, Some(value))
    }

    fn option(mut self, name: HeaderName, value: Option<HeaderValue>) -> Self {
        self.fields.retain(|(other, _)| *other != name);
        self.fields.extend(value.map(|value| (name, value)));
        self
    }
}

impl Default for SecurityHeaders {
    fn default() -> Self {
        Self::new()
    }
}

impl Middleware for SecurityHeaders {
    fn call(&self, req: Request, next: Next) -> BoxFuture<'static, Response> {
        let fields = self.fields.clone();
        Box::pin(async move {
            let mut response = next.run(req).await;
            for (name, value) in fields {
                if !response.headers().contains(&name) {
                    response.headers_mut().insert(name, value);
                }
            }
            response
        })
    }
}
