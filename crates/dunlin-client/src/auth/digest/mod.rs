//! Digest (RFC 7616), the client's side.

mod algorithm;
mod error;
mod session;

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::HeaderValue;

pub use self::error::DigestError;
use self::session::{Covered, Session};
use super::basic::{CredentialsError, check_login, sensitive};
use super::challenge::Challenge;

/// A login for Digest and what servers have said of it so far. Shared by all requests of one origin.
///
/// MD5, SHA, SHA-256, SHA-512-256 and SHA-512, each plain and `-sess`; of several challenges the one
/// with the strongest is answered. `auth-int` is chosen over `auth` where the body is at hand.
///
/// The credentials are answered to the first origin that they are used for, and to no other: a
/// redirect cannot carry them off (CVE-2026-54276). An origin is any text that is the same for the
/// same server, such as `https://example.com`.
///
/// ```
/// use dunlin_client::auth::{Challenge, DigestAuth};
///
/// let auth = DigestAuth::new("Mufasa", "Circle of Life")?;
/// let origin = "http://www.example.org";
/// // Before each request; there is nothing to send until the server has asked.
/// assert!(auth.preempt(origin, "GET", "/dir/index.html", Some(b"")).is_none());
///
/// // Behind a 401.
/// let field = br#"Digest realm="http-auth@example.org", qop="auth", algorithm=SHA-256, nonce="7ypf""#;
/// let challenges = Challenge::parse(field)?;
/// let value = auth.respond(origin, "GET", "/dir/index.html", Some(b""), &challenges)?;
/// assert!(value.to_str()?.contains("nc=00000001"));
///
/// // From now on without being asked.
/// assert!(auth.preempt(origin, "GET", "/other", Some(b"")).is_some());
/// assert!(auth.preempt("http://evil.org", "GET", "/other", Some(b"")).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct DigestAuth {
    login: String,
    password: String,
    preemptive: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The one origin that is answered; `None` before the first use.
    origin: Option<String>,
    session: Option<Session>,
}

impl DigestAuth {
    /// Credentials that no server has asked for yet.
    ///
    /// # Errors
    ///
    /// [`CredentialsError`] for a login with a colon or a control character.
    pub fn new(
        login: impl Into<String>,
        password: impl Into<String>,
    ) -> Result<Self, CredentialsError> {
        let login = login.into();
        check_login(&login)?;
        let (password, state) = (password.into(), Mutex::default());
        Ok(Self { login, password, preemptive: true, state })
    }

    /// Whether requests in a known protection space are answered before they are challenged.
    /// Default: yes.
    pub fn preemptive(mut self, preemptive: bool) -> Self {
        self.preemptive = preemptive;
        self
    }

    /// Pins the credentials to an origin from the start. Default: the first that they are used for.
    pub fn origin(self, origin: impl Into<String>) -> Self {
        self.state().origin = Some(origin.into());
        self
    }

    pub(crate) fn login(&self) -> &str {
        &self.login
    }

    /// What to send with a request that was not challenged, if anything.
    ///
    /// To be called for each request, because this also pins the origin: a redirect of the very first
    /// request is then already on the wrong side. `uri` is the target as it is sent. `body` is `None`
    /// where it streams.
    ///
    /// An answer is given within the protection space: the paths of `domain` where the challenge has
    /// them, else the whole origin (RFC 7616 §3.3).
    pub fn preempt(
        &self,
        origin: &str,
        method: &str,
        uri: &str,
        body: Option<&[u8]>,
    ) -> Option<HeaderValue> {
        let mut state = self.state();
        state.pin(origin).ok()?;
        if !self.preemptive {
            return None;
        }
        let session = state.session.as_mut().filter(|session| session.covers(uri))?;
        self.answer(session, Covered { method, uri, body }).ok()
    }

    /// The answer to the challenges of a response.
    ///
    /// How often that is done for one request is the caller's to bound: see
    /// [`may_answer`](Self::may_answer).
    ///
    /// # Errors
    ///
    /// [`DigestError::OtherOrigin`] for an origin that the credentials do not belong to, and the
    /// others where no challenge can be answered: the reason of the first.
    pub fn respond(
        &self,
        origin: &str,
        method: &str,
        uri: &str,
        body: Option<&[u8]>,
        challenges: &[Challenge],
    ) -> Result<HeaderValue, DigestError> {
        let covered = Covered { method, uri, body };
        let mut state = self.state();
        state.pin(origin)?;
        let mut chosen = strongest(challenges, origin, covered)?;
        if let Some(before) = state.session.take() {
            chosen.follow(before);
        }
        self.answer(state.session.insert(chosen), covered)
    }

    /// Whether a request should be answered again. `answered` is how often
    /// [`respond`](Self::respond) was called for it; what was sent unasked does not count.
    ///
    /// Once always: credentials that were sent unasked may be of a nonce that is gone. Later only
    /// where the server says `stale`, which means that the password was right and the nonce old; and
    /// never more than [`MAX_ANSWERS`] times.
    pub fn may_answer(answered: u32, challenges: &[Challenge]) -> bool {
        let stale = |challenge: &Challenge| {
            challenge.parameter("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true"))
        };
        let mut digests = challenges.iter().filter(|challenge| challenge.is("Digest"));
        match answered {
            0 => digests.next().is_some(),
            MAX_ANSWERS.. => false,
            _ => digests.any(stale),
        }
    }

    /// Reads `Authentication-Info` or `Proxy-Authentication-Info` of a response (RFC 7616 §3.5).
    ///
    /// `sent` is the value of `Authorization` that the request had. `body` is the body of the
    /// response, where it was gathered: `auth-int` covers it, and is not checked without. The next
    /// nonce, if there is one, is taken for the requests to come.
    ///
    /// # Errors
    ///
    /// [`DigestError::WrongServer`] where `rspauth` is wrong, and the response is then not to be
    /// believed; [`DigestError::MalformedInfo`] where the field does not parse;
    /// [`DigestError::OtherOrigin`].
    pub fn authentication_info(
        &self,
        origin: &str,
        sent: &HeaderValue,
        info: &HeaderValue,
        body: Option<&[u8]>,
    ) -> Result<(), DigestError> {
        let info =
            Challenge::parse_parameters(info.as_bytes()).map_err(|_| DigestError::MalformedInfo)?;
        let sent = Challenge::parse(sent.as_bytes()).unwrap_or_default();
        let Some(sent) = sent.first().filter(|sent| sent.is("Digest")) else { return Ok(()) };
        let mut state = self.state();
        state.pin(origin)?;
        // Another challenge may have come in between, under which this one can no more be checked.
        let same = |session: &&mut Session| Some(session.realm.as_str()) == sent.realm();
        let Some(session) = state.session.as_mut().filter(same) else { return Ok(()) };

        if let (Some(rspauth), Some(expected)) =
            (info.parameter("rspauth"), session.expected_rspauth(sent, body))
            && !rspauth.eq_ignore_ascii_case(&expected)
        {
            return Err(DigestError::WrongServer);
        }
        // Only the response to the newest nonce says what comes next.
        if let Some(next) = info.parameter("nextnonce")
            && sent.parameter("nonce") == Some(session.nonce.as_str())
        {
            session.renew(next);
        }
        Ok(())
    }

    fn answer(
        &self,
        session: &mut Session,
        covered: Covered<'_>,
    ) -> Result<HeaderValue, DigestError> {
        let value = session.answer(&self.login, &self.password, covered, random_cnonce)?;
        sensitive(value).ok_or(DigestError::Unfit)
    }

    /// Nothing panics while it is held, and a half-made answer would be no worse than a wrong one.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Most answers to one request: 3.
pub const MAX_ANSWERS: u32 = 3;

impl State {
    fn pin(&mut self, origin: &str) -> Result<(), DigestError> {
        match &self.origin {
            Some(own) if own != origin => Err(DigestError::OtherOrigin),
            Some(_) => Ok(()),
            None => {
                self.origin = Some(origin.to_owned());
                Ok(())
            }
        }
    }
}

/// The challenge with the strongest algorithm of those that can be answered; of equals the first.
fn strongest(
    challenges: &[Challenge],
    origin: &str,
    covered: Covered<'_>,
) -> Result<Session, DigestError> {
    let mut best: Result<Session, DigestError> = Err(DigestError::NoChallenge);
    for challenge in challenges.iter().filter(|challenge| challenge.is("Digest")) {
        let read = Session::new(challenge, origin)
            .and_then(|session| session.check(covered).map(|()| session));
        match (&best, read) {
            (Ok(have), Ok(new)) if new.algorithm.hash <= have.algorithm.hash => {}
            (_, Ok(new)) => best = Ok(new),
            (Err(DigestError::NoChallenge), Err(error)) => best = Err(error),
            (_, Err(_)) => {}
        }
    }
    best
}

/// 32 random hex digits, of the standard library's randomness for hash maps: it must not repeat and
/// must not be guessed before it is sent.
fn random_cnonce() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

impl fmt::Debug for DigestAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DigestAuth")
            .field("login", &self.login)
            .field("preemptive", &self.preemptive)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
