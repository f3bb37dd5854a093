//! Redirects: which are followed, and what the next request keeps (RFC 9110 §15.4, Fetch §4.4).

use std::fmt;
use std::sync::Arc;

use dunlin_core::Headers;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_LOCATION,
    CONTENT_RANGE, CONTENT_TYPE, COOKIE, EXPECT, HOST, PROXY_AUTHORIZATION, TRAILER,
    TRANSFER_ENCODING,
};
use http::{HeaderName, Method, StatusCode};

use crate::error::{Error, ErrorKind, Phase};
use crate::request::{Request, RequestBody};
use crate::url::Url;

/// What to do on a 301, 302, 303, 307 or 308 that names a `Location`.
///
/// ```
/// use dunlin_client::{Client, Redirects, RedirectAction};
///
/// let client = Client::builder().redirects(Redirects::follow(5)).build()?;
/// let same_host_only = Redirects::custom(|attempt| {
///     if attempt.to().host() == attempt.from().host() {
///         RedirectAction::Follow
///     } else {
///         RedirectAction::Stop
///     }
/// });
/// # Ok::<(), dunlin_client::Error>(())
/// ```
#[derive(Clone)]
pub struct Redirects(Policy);

type Decide = dyn Fn(&RedirectAttempt<'_>) -> RedirectAction + Send + Sync;

#[derive(Clone)]
enum Policy {
    Follow(usize),
    Stop,
    Custom(Arc<Decide>),
}

/// A redirect that a [custom](Redirects::custom) policy decides on.
#[derive(Debug)]
pub struct RedirectAttempt<'a> {
    status: StatusCode,
    from: &'a Url,
    to: &'a Url,
    history: &'a [Redirect],
}

impl RedirectAttempt<'_> {
    /// The status that redirects.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The URL that was asked for.
    pub fn from(&self) -> &Url {
        self.from
    }

    /// The URL that it redirects to.
    pub fn to(&self) -> &Url {
        self.to
    }

    /// The redirects that were followed before.
    pub fn history(&self) -> &[Redirect] {
        self.history
    }
}

/// What a policy decides.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RedirectAction {
    /// Go on to the new URL.
    Follow,
    /// The redirect itself is the response.
    Stop,
    /// The request fails.
    Refuse,
}

/// Most redirects that are followed unless set otherwise.
const DEFAULT_MAX: usize = 10;

impl Default for Redirects {
    fn default() -> Self {
        Self::follow(DEFAULT_MAX)
    }
}

impl Redirects {
    /// Follows as many; one more is an error. Default: 10.
    pub fn follow(max: usize) -> Self {
        Self(Policy::Follow(max))
    }

    /// Follows none: the redirect is the response.
    pub fn none() -> Self {
        Self(Policy::Stop)
    }

    /// Asks the function each time. It has to end by itself: no limit applies.
    pub fn custom(
        decide: impl Fn(&RedirectAttempt<'_>) -> RedirectAction + Send + Sync + 'static,
    ) -> Self {
        Self(Policy::Custom(Arc::new(decide)))
    }
}

impl fmt::Debug for Redirects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Policy::Follow(max) => write!(f, "Follow({max})"),
            Policy::Stop => f.write_str("Stop"),
            Policy::Custom(_) => f.write_str("Custom"),
        }
    }
}

/// A redirect that was followed.
#[derive(Clone, Debug)]
pub struct Redirect {
    /// The URL that was asked for.
    pub url: Url,
    /// How it was asked for.
    pub method: Method,
    /// The status that redirected.
    pub status: StatusCode,
    /// The fields of that response.
    pub headers: Headers,
}

/// Credentials of the first origin: gone for good once a redirect leaves it, since a chain that leads
/// back was laid by somebody else.
const CREDENTIALS: [HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];

/// Fields that speak of the body, which a redirect may drop.
const OF_THE_BODY: [HeaderName; 10] = [
    HeaderName::from_static("content-digest"),
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_LENGTH,
    CONTENT_LOCATION,
    CONTENT_RANGE,
    CONTENT_TYPE,
    TRAILER,
    TRANSFER_ENCODING,
    EXPECT,
];

/// Custom fields that commonly hold a secret. Anything else that a program sets goes along, as in a
/// browser's fetch.
fn is_secret(name: &[u8]) -> bool {
    const SECRET: [&str; 5] =
        ["x-api-key", "api-key", "x-auth-token", "x-csrf-token", "x-amz-security-token"];
    SECRET.iter().any(|secret| name.eq_ignore_ascii_case(secret.as_bytes()))
}

/// Turns the request into the next one; `None` where the response is final.
///
/// # Errors
///
/// For a Location that cannot be requested, more redirects than allowed, and a body that was sent and
/// cannot be sent again.
pub(crate) fn follow(
    request: &mut Request,
    status: StatusCode,
    headers: &Headers,
    history: &[Redirect],
) -> Result<Option<Url>, Error> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    if matches!(request.settings.redirects.0, Policy::Stop) {
        return Ok(None);
    }
    let Some(location) = headers.get("location") else { return Ok(None) };
    let from = request.url.clone();
    let fail = |kind: ErrorKind| Error::new(kind, Phase::Redirect).with_url(&from);
    let to =
        resolve(&from, location).map_err(|error| fail(ErrorKind::Redirect(Arc::new(error))))?;
    match &request.settings.redirects.0 {
        Policy::Stop => return Ok(None),
        Policy::Follow(max) if history.len() >= *max => {
            return Err(fail(ErrorKind::TooManyRedirects { limit: *max }));
        }
        Policy::Follow(_) => {}
        Policy::Custom(decide) => {
            let attempt = RedirectAttempt { status, from: &from, to: &to, history };
            match decide(&attempt) {
                RedirectAction::Follow => {}
                RedirectAction::Stop => return Ok(None),
                RedirectAction::Refuse => {
                    let reason = format!("the policy refuses {status} to {to:?}");
                    let reason: dunlin_core::BoxError = reason.into();
                    return Err(fail(ErrorKind::Redirect(reason.into())));
                }
            }
        }
    }

    let becomes_get = match status.as_u16() {
        303 => !matches!(request.method, Method::GET | Method::HEAD),
        301 | 302 => request.method == Method::POST,
        _ => false,
    };
    if becomes_get {
        request.method = Method::GET;
        request.body = RequestBody::empty();
        request.trailers = None;
        for name in &OF_THE_BODY {
            request.headers.remove(name);
        }
    } else if !request.body.is_replayable() {
        let reason: dunlin_core::BoxError =
            "the request's body is a stream that has been sent: make it RequestBody::replayable"
                .into();
        return Err(fail(ErrorKind::Redirect(reason.into())));
    }
    if to.origin() != from.origin() {
        for name in &CREDENTIALS {
            request.headers.remove(name);
        }
        let secret: Vec<_> = request
            .headers
            .iter()
            .filter(|(name, _)| is_secret(name))
            .filter_map(|(name, _)| HeaderName::from_bytes(name).ok())
            .collect();
        for name in &secret {
            request.headers.remove(name);
        }
        request.headers.remove(&HOST);
    }
    Ok(Some(to))
}

/// The Location against the URL that answered with it; it inherits the fragment where it has none
/// (RFC 9110 §10.2.2). Bytes beyond ASCII are taken for UTF-8, or else for Latin-1, as browsers do.
fn resolve(from: &Url, location: &[u8]) -> Result<Url, Error> {
    let text = match std::str::from_utf8(location) {
        Ok(text) => text.into(),
        Err(_) => location.iter().map(|&b| char::from(b)).collect::<String>(),
    };
    // As those of a relative Location are.
    let to = from.join(&text)?.inherit_credentials(from);
    match (to.fragment(), from.fragment()) {
        (None, Some(fragment)) => Ok(to.with_fragment(Some(fragment))),
        _ => Ok(to),
    }
}
