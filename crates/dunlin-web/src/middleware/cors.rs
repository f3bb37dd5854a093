//! `Cors`: which pages of other origins may read answers (Fetch standard, §3.2).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dunlin_core::{BoxFuture, Headers, IntoResponse, Request, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use regex::Regex;

use super::{Middleware, Next, vary};
use crate::error::HttpError;

const REQUEST_PRIVATE: HeaderName =
    HeaderName::from_static("access-control-request-private-network");
const ALLOW_PRIVATE: HeaderName = HeaderName::from_static("access-control-allow-private-network");

/// Lets pages of other origins read answers, and answers the questions that browsers ask before (preflights).
///
/// ```
/// use std::time::Duration;
///
/// use dunlin_web::{App, Cors};
/// use http::{Method, header::{AUTHORIZATION, CONTENT_TYPE}};
///
/// let cors = Cors::new()
///     .origin("https://app.example")
///     .origin_pattern(r"https://[a-z0-9-]+\.preview\.example")?
///     .methods([Method::GET, Method::PUT, Method::DELETE])
///     .headers([AUTHORIZATION, CONTENT_TYPE])
///     .credentials(true)
///     .max_age(Duration::from_secs(3_600));
/// let app = App::new().middleware(cors);
/// # app.build().unwrap();
/// # Ok::<(), dunlin_web::CorsPatternError>(())
/// ```
///
/// | what | default |
/// | --- | --- |
/// | origins: [`origin`](Self::origin), [`origin_pattern`](Self::origin_pattern), [`origin_if`](Self::origin_if), [`any_origin`](Self::any_origin) | none |
/// | [`methods`](Self::methods) | GET, HEAD, POST |
/// | [`headers`](Self::headers) of requests, [`any_header`](Self::any_header) | those that need no leave |
/// | [`expose`](Self::expose) | none but those that any page may read |
/// | [`credentials`](Self::credentials) | no; never together with `any_origin` |
/// | [`max_age`](Self::max_age) | 10 min |
/// | [`private_network`](Self::private_network) | no |
///
/// Put it outside of what asks for credentials: a preflight is an `OPTIONS` request, which has none. One that is
/// granted is 204, one that is not 403 with the reason.
///
/// # Groups and routes
///
/// Around a group or a route it is a policy of its own, which counts in place of those further out: of all that
/// stand around a route the innermost says who is let in, and the outermost says it, so that errors of what stands
/// between them can be read too. A preflight of a path that has no route for `OPTIONS` goes through the middleware
/// of the route that it asks about.
///
/// ```
/// use dunlin_web::{App, Cors, get, group, post};
///
/// let app = App::new()
///     .middleware(Cors::new().origin("https://app.example"))
///     .group(
///         group("/public")
///             .middleware(Cors::new().any_origin())
///             .routes([get("/birds", || async { "read by everybody" })]),
///     )
///     // Of its own pages alone.
///     .routes([post("/sign-in", || async { "welcome" }).middleware(Cors::new())]);
/// # app.build().unwrap();
/// ```
///
/// This tells browsers what pages may *read*. A request of a page that may not is still handled: what changes
/// things by a cookie alone needs protection of its own.
#[derive(Clone)]
pub struct Cors {
    any_origin: bool,
    origins: Vec<String>,
    patterns: Vec<Regex>,
    predicates: Vec<Arc<Predicate>>,
    methods: Vec<Method>,
    headers: Vec<HeaderName>,
    any_header: bool,
    expose: Option<HeaderValue>,
    credentials: bool,
    max_age: Duration,
    private_network: bool,
}

type Predicate = dyn Fn(&str) -> bool + Send + Sync;

/// What is no regular expression.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct CorsPatternError(#[source] regex::Error);

impl Cors {
    /// Nobody is let in yet.
    pub fn new() -> Self {
        Self {
            any_origin: false,
            origins: Vec::new(),
            patterns: Vec::new(),
            predicates: Vec::new(),
            methods: vec![Method::GET, Method::HEAD, Method::POST],
            headers: Vec::new(),
            any_header: false,
            expose: None,
            credentials: false,
            max_age: Duration::from_secs(600),
            private_network: false,
        }
    }

    /// Lets in pages of one more origin: scheme, host, and port where it is not the scheme's own, such as
    /// `https://app.example`. `null` is that of sandboxed pages and files, which anybody can make.
    #[must_use]
    pub fn origin(mut self, origin: &str) -> Self {
        self.origins.push(origin.trim_end_matches('/').to_ascii_lowercase());
        self
    }

    /// Lets in origins that match a regular expression as a whole.
    ///
    /// # Errors
    ///
    /// [`CorsPatternError`] where it is none.
    pub fn origin_pattern(mut self, pattern: &str) -> Result<Self, CorsPatternError> {
        // As a whole: `https://app\.example` must not match `https://app.example.evil.example`.
        let whole = format!(r"\A(?:{pattern})\z");
        self.patterns.push(Regex::new(&whole).map_err(CorsPatternError)?);
        Ok(self)
    }

    /// Lets in origins of which `is` holds.
    #[must_use]
    pub fn origin_if(mut self, is: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.predicates.push(Arc::new(is));
        self
    }

    /// Lets in everybody, by `*`: for what is public. No credentials then, whatever
    /// [`credentials`](Self::credentials) says: every page on the web could act for its visitors.
    #[must_use]
    pub fn any_origin(self) -> Self {
        Self { any_origin: true, ..self }
    }

    /// Methods that pages may use. Default: GET, HEAD, POST.
    #[must_use]
    pub fn methods(self, methods: impl IntoIterator<Item = Method>) -> Self {
        Self { methods: methods.into_iter().collect(), ..self }
    }

    /// Request fields that pages may set besides those that need no leave. Default: none.
    #[must_use]
    pub fn headers(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        Self { headers: names.into_iter().collect(), ..self }
    }

    /// Pages may set whatever request fields they ask for.
    #[must_use]
    pub fn any_header(self) -> Self {
        Self { any_header: true, ..self }
    }

    /// Response fields that pages may read besides those that any page may. Default: none.
    #[must_use]
    pub fn expose(self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        let names: Vec<_> = names.into_iter().map(|name| name.as_str().to_owned()).collect();
        Self {
            expose: HeaderValue::try_from(names.join(", ")).ok().filter(|v| !v.is_empty()),
            ..self
        }
    }

    /// Whether pages may send cookies and other credentials along. Default: no.
    #[must_use]
    pub fn credentials(self, credentials: bool) -> Self {
        Self { credentials, ..self }
    }

    /// How long browsers keep what a preflight said, in whole seconds. Default: 10 min; browsers have upper
    /// bounds of their own.
    #[must_use]
    pub fn max_age(self, max_age: Duration) -> Self {
        Self { max_age, ..self }
    }

    /// Whether pages of the public network may reach a server on a private one (Private Network Access).
    /// Default: no.
    #[must_use]
    pub fn private_network(self, allow: bool) -> Self {
        Self { private_network: allow, ..self }
    }

    /// What is said to an origin: itself, `*`, or nothing where it is not let in.
    fn allow_origin(&self, origin: &[u8]) -> Option<HeaderValue> {
        if self.any_origin {
            return Some(HeaderValue::from_static("*"));
        }
        let text = std::str::from_utf8(origin).ok()?;
        let is_in = self.origins.iter().any(|own| own == text)
            || self.patterns.iter().any(|pattern| pattern.is_match(text))
            || self.predicates.iter().any(|is| is(text));
        if is_in { HeaderValue::from_bytes(origin).ok() } else { None }
    }

    /// What is said to a request of that origin, preflight or not.
    fn verdict(&self, origin: Option<&[u8]>) -> Verdict {
        let allowed = origin.and_then(|origin| self.allow_origin(origin));
        Verdict {
            allowed,
            varies: !self.any_origin,
            credentials: self.credentials && !self.any_origin,
        }
    }

    fn preflight(&self, req: &Request, origin: &[u8], method: &[u8]) -> Response {
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        let asked = req.headers().get_all(ACCESS_CONTROL_REQUEST_HEADERS);
        let asked: Vec<&[u8]> = asked
            .flat_map(|line| line.split(|b| *b == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|name| !name.is_empty())
            .collect();
        let refused = if !self.verdict(Some(origin)).mark(headers) {
            Some("the origin is not let in")
        } else if !self.methods.iter().any(|own| own.as_str().as_bytes() == method) {
            Some("the method is not allowed across origins")
        } else if !asked.iter().all(|name| self.is_header_allowed(name)) {
            Some("a request field is not allowed across origins")
        } else {
            None
        };
        if let Some(why) = refused {
            let mut refused = HttpError::forbidden().with_message(why).into_response();
            self.vary_preflight(refused.headers_mut());
            return refused;
        }
        self.vary_preflight(headers);
        let methods: Vec<_> = self.methods.iter().map(Method::as_str).collect();
        let names = if self.any_header {
            // Named one by one: `*` means no more than itself where there are credentials.
            HeaderValue::from_bytes(&asked.join(&b", "[..])).ok()
        } else {
            let names: Vec<_> = self.headers.iter().map(HeaderName::as_str).collect();
            HeaderValue::try_from(names.join(", ")).ok()
        };
        for (name, value) in [
            (ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::try_from(methods.join(", ")).ok()),
            (ACCESS_CONTROL_ALLOW_HEADERS, names.filter(|names| !names.is_empty())),
            (ACCESS_CONTROL_MAX_AGE, Some(self.max_age.as_secs().into())),
        ] {
            if let Some(value) = value {
                headers.insert(name, value);
            }
        }
        if self.private_network && req.headers().get(&REQUEST_PRIVATE) == Some(b"true") {
            headers.insert(ALLOW_PRIVATE, HeaderValue::from_static("true"));
        }
        response
    }

    fn vary_preflight(&self, headers: &mut Headers) {
        if !self.any_origin {
            vary(headers, "Origin");
        }
        vary(headers, "Access-Control-Request-Method");
        vary(headers, "Access-Control-Request-Headers");
    }

    fn is_header_allowed(&self, name: &[u8]) -> bool {
        // Safelisted by the Fetch standard; a browser asks only for those with odd values. `Content-Type`
        // is not among them here: what a form cannot send needs leave.
        const SAFE: [&[u8]; 3] = [b"accept", b"accept-language", b"content-language"];
        let is = |own: &[u8]| own.eq_ignore_ascii_case(name);
        self.any_header
            || self.headers.iter().any(|own| is(own.as_str().as_bytes()))
            || SAFE.iter().any(|own| is(own))
    }
}

/// What a request's origin means for its answer.
struct Verdict {
    allowed: Option<HeaderValue>,
    varies: bool,
    credentials: bool,
}

impl Verdict {
    /// Sets the fields; `false` where the origin is not let in.
    fn mark(self, headers: &mut Headers) -> bool {
        if self.varies {
            // Also where there is none: a cache must not give this answer to somebody who has one.
            vary(headers, "Origin");
        }
        let Some(allowed) = self.allowed else { return false };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if self.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        true
    }
}

impl Default for Cors {
    fn default() -> Self {
        Self::new()
    }
}

impl Middleware for Cors {
    fn cors(&self) -> Option<&Self> {
        Some(self)
    }

    fn call(&self, req: Request, next: Next) -> BoxFuture<'static, Response> {
        let policy = next.cors().unwrap_or(self);
        let origin = req.headers().get(ORIGIN).map(<[u8]>::to_vec);
        if req.method() == Method::OPTIONS
            && let Some(origin) = &origin
            && let Some(method) = req.headers().get(ACCESS_CONTROL_REQUEST_METHOD)
        {
            let response = policy.preflight(&req, origin, method);
            return Box::pin(std::future::ready(response));
        }
        let verdict = policy.verdict(origin.as_deref());
        let expose = policy.expose.clone();
        Box::pin(async move {
            let mut response = next.run(req).await;
            let is_in = verdict.mark(response.headers_mut());
            if let Some(expose) = expose.filter(|_| is_in) {
                response.headers_mut().insert(ACCESS_CONTROL_EXPOSE_HEADERS, expose);
            }
            response
        })
    }
}

impl fmt::Debug for Cors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cors")
            .field("any_origin", &self.any_origin)
            .field("origins", &self.origins)
            .field("methods", &self.methods)
            .field("headers", &self.headers)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}
