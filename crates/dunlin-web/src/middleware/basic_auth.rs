//! `BasicAuth`: names and passwords (RFC 7617).

use std::fmt;
use std::future::Future;
use std::hint::black_box;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dunlin_core::{BoxFuture, FromParts, IntoResponse, Request, Response};
use http::HeaderValue;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};

use super::{Middleware, Next};
use crate::error::HttpError;

/// Lets in who has a name and a password; 401 with a challenge for everybody else.
///
/// ```
/// use dunlin_web::{App, AuthUser, BasicAuth};
///
/// async fn index(user: AuthUser) -> String {
///     format!("hello, {}\n", user.as_str())
/// }
///
/// let app = App::new()
///     .middleware(BasicAuth::user("ada", "countess").realm("engine room"))
///     .add_get("/", index);
/// # app.build().unwrap();
/// ```
///
/// Passwords that are kept as hashes are checked by a function, which may wait:
///
/// ```
/// # use dunlin_web::BasicAuth;
/// # async fn in_database(_: &str, _: &str) -> bool { true }
/// let auth = BasicAuth::check(|user, password| async move { in_database(&user, &password).await });
/// ```
///
/// Name and password are UTF-8, as the challenge says (`charset="UTF-8"`); what is not is refused. A name has no
/// colon. They are compared in a time that depends on what was sent, and not on what would be right. Use it
/// over TLS alone: they go over the wire as good as readable.
#[derive(Clone)]
pub struct BasicAuth {
    check: Arc<Check>,
    challenge: HeaderValue,
}

const CHALLENGE: &str = "Basic realm=\"restricted\", charset=\"UTF-8\"";

type Check = dyn Fn(String, String) -> BoxFuture<'static, bool> + Send + Sync;

/// The name that [`BasicAuth`] has let in; 401 where it stands not around the handler.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct AuthUser(Arc<str>);

impl AuthUser {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromParts for AuthUser {
    type Rejection = HttpError;

    async fn from_parts(req: &mut Request) -> Result<Self, HttpError> {
        req.extensions().get::<Self>().cloned().ok_or_else(HttpError::unauthorized)
    }
}

impl BasicAuth {
    /// One name and its password.
    pub fn user(name: impl Into<String>, password: impl Into<String>) -> Self {
        Self::users([(name, password)])
    }

    /// Several names, each with its password.
    pub fn users<N, P>(users: impl IntoIterator<Item = (N, P)>) -> Self
    where
        N: Into<String>,
        P: Into<String>,
    {
        let users: Vec<(String, String)> =
            users.into_iter().map(|(name, password)| (name.into(), password.into())).collect();
        Self::check(move |name, password| {
            // All of them, and both parts of each: when the answer comes tells nothing of whose part was right.
            let is_one = users.iter().fold(false, |found, (n, p)| {
                found
                    | (is_equal(n.as_bytes(), name.as_bytes())
                        & is_equal(p.as_bytes(), password.as_bytes()))
            });
            std::future::ready(is_one)
        })
    }

    /// Whoever `check` lets in, which is given name and password.
    pub fn check<F, Fut>(check: F) -> Self
    where
        F: Fn(String, String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = bool> + Send + 'static,
    {
        Self {
            check: Arc::new(move |name, password| Box::pin(check(name, password))),
            challenge: HeaderValue::from_static(CHALLENGE),
        }
    }

    /// What clients are told that they ask for. Default: `restricted`. Only visible ASCII and blanks are said;
    /// other characters are left out.
    #[must_use]
    pub fn realm(mut self, realm: &str) -> Self {
        let mut quoted = String::from("Basic realm=\"");
        for c in realm.chars().filter(|c| matches!(c, ' '..='~')) {
            if matches!(c, '"' | '\\') {
                quoted.push('\\');
            }
            quoted.push(c);
        }
        quoted.push_str("\", charset=\"UTF-8\"");
        if let Ok(challenge) = HeaderValue::try_from(quoted) {
            self.challenge = challenge;
        }
        self
    }
}

/// Name and password that a request was sent with, believed by nobody yet: for handlers that judge them by
/// what their path or their database says.
///
/// 401 with a challenge where there are none in this form; an `Option` leaves that to the handler. Where one
/// rule holds for a whole app, a group or a route, [`BasicAuth`] keeps it.
///
/// ```
/// use dunlin_web::{BasicCredentials, HttpError, Result};
///
/// async fn whoami(sent: BasicCredentials) -> Result<String> {
///     # let is_known = |_: &str, _: &str| true;
///     match is_known(&sent.name, &sent.password) {
///         true => Ok(sent.name),
///         false => Err(HttpError::forbidden()),
///     }
/// }
/// # let _ = whoami;
/// ```
#[derive(Clone, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct BasicCredentials {
    /// The name; it has no colon and no control characters.
    pub name: String,
    /// The password; it has no control characters. Compare it in constant time where it guards anything.
    pub password: String,
}

impl FromParts for BasicCredentials {
    type Rejection = HttpError;

    async fn from_parts(req: &mut Request) -> Result<Self, HttpError> {
        let challenge = HeaderValue::from_static(CHALLENGE);
        let (name, password) = credentials(req)
            .ok_or_else(|| HttpError::unauthorized().with_header(WWW_AUTHENTICATE, challenge))?;
        Ok(Self { name, password })
    }
}

/// Without the password.
impl fmt::Debug for BasicCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BasicCredentials").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Name and password, where the request has them in this form.
fn credentials(req: &Request) -> Option<(String, String)> {
    let mut fields = req.headers().get_all(AUTHORIZATION);
    let (Some(field), None) = (fields.next(), fields.next()) else { return None };
    let (scheme, token) = std::str::from_utf8(field).ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(token.trim_matches(' ')).ok()?).ok()?;
    let (name, password) = pair.split_once(':')?;
    let has_control = |text: &str| text.chars().any(char::is_control);
    (!has_control(name) && !has_control(password)).then(|| (name.to_owned(), password.to_owned()))
}

/// Compares in a time that depends on `given` alone.
fn is_equal(right: &[u8], given: &[u8]) -> bool {
    let mut differs = u8::from(right.len() != given.len());
    for (at, byte) in given.iter().enumerate() {
        let other = right.get(at % right.len().max(1)).copied().unwrap_or(0);
        differs = black_box(differs | (byte ^ other));
    }
    black_box(differs) == 0
}

impl Middleware for BasicAuth {
    fn call(&self, mut req: Request, next: Next) -> BoxFuture<'static, Response> {
        let refused =
            HttpError::unauthorized().with_header(WWW_AUTHENTICATE, self.challenge.clone());
        let Some((name, password)) = credentials(&req) else {
            return Box::pin(std::future::ready(refused.into_response()));
        };
        let user = AuthUser(name.as_str().into());
        let checked = (self.check)(name, password);
        Box::pin(async move {
            if !checked.await {
                return refused.into_response();
            }
            req.extensions_mut().insert(user);
            next.run(req).await
        })
    }
}

impl fmt::Debug for BasicAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BasicAuth").field("challenge", &self.challenge).finish_non_exhaustive()
    }
}
