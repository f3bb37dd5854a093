//! What a challenge leaves behind: the session that requests are answered in (RFC 7616 §3.6).

use std::borrow::Cow;
use std::fmt::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::algorithm::Algorithm;
use super::error::DigestError;
use crate::auth::challenge::Challenge;

/// One request, as far as a digest covers it.
#[derive(Clone, Copy)]
pub(super) struct Covered<'a> {
    pub(super) method: &'a str,
    pub(super) uri: &'a str,
    /// `None` where it is not at hand, because it streams.
    pub(super) body: Option<&'a [u8]>,
}

/// A nonce, and how to answer in its name.
pub(super) struct Session {
    pub(super) realm: String,
    pub(super) nonce: String,
    opaque: Option<String>,
    pub(super) algorithm: Algorithm,
    /// As the server spelt it; not sent back where it sent none.
    algorithm_name: Option<String>,
    qops: Qops,
    /// Paths of the protection space on the origin; `None` where it is all of it.
    space: Option<Vec<String>>,
    user_hash: bool,
    utf8: bool,
    /// How many requests were answered with this nonce.
    count: u32,
    /// The hash of login, realm and password, and in `-sess` of the first nonces besides.
    key: Option<Key>,
}

struct Key {
    a1: String,
    /// In `-sess` the one client nonce of the session: servers that hash A1 anew for each request
    /// and servers that keep it then agree.
    cnonce: Option<String>,
}

/// What the server offers; with neither it is a server of RFC 2069.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Qops {
    auth: bool,
    auth_int: bool,
}

impl Session {
    /// Reads a challenge of the scheme Digest. `origin` is what relative entries of `domain` are
    /// joined to.
    pub(super) fn new(challenge: &Challenge, origin: &str) -> Result<Self, DigestError> {
        let realm = challenge.realm().ok_or(DigestError::MissingRealm)?;
        let nonce = challenge.parameter("nonce").filter(|nonce| !nonce.is_empty());
        let nonce = nonce.ok_or(DigestError::MissingNonce)?;
        let algorithm_name = challenge.parameter("algorithm");
        let algorithm = match algorithm_name {
            None => Algorithm::DEFAULT,
            Some(name) => Algorithm::from_name(name).ok_or(DigestError::UnsupportedAlgorithm)?,
        };
        let qops = Qops::parse(challenge.parameter("qop"))?;
        // Without `qop` no client nonce is sent, and a session key cannot be made without one.
        if algorithm.session && qops == Qops::default() {
            return Err(DigestError::UnsupportedQop);
        }
        let is_true = |name, yes: &str| {
            challenge.parameter(name).is_some_and(|value| value.eq_ignore_ascii_case(yes))
        };
        Ok(Self {
            realm: realm.to_owned(),
            nonce: nonce.to_owned(),
            opaque: challenge.parameter("opaque").map(str::to_owned),
            algorithm,
            algorithm_name: algorithm_name.map(str::to_owned),
            qops,
            space: challenge.parameter("domain").and_then(|domain| space(domain, origin)),
            user_hash: is_true("userhash", "true"),
            utf8: is_true("charset", "utf-8"),
            count: 0,
            key: None,
        })
    }

    /// Takes over the count and the key where the server sent the same nonce again: no count may be
    /// used twice with one.
    pub(super) fn follow(&mut self, before: Self) {
        let same = self.nonce == before.nonce
            && self.realm == before.realm
            && self.algorithm == before.algorithm;
        if same {
            self.count = before.count;
            self.key = before.key;
        }
    }

    /// Goes on with another nonce under the same key (RFC 7616 §3.5, §3.6).
    pub(super) fn renew(&mut self, nonce: &str) {
        if !nonce.is_empty() && nonce != self.nonce {
            self.nonce = nonce.to_owned();
            self.count = 0;
        }
    }

    /// Whether the server said of the path that the same login holds there.
    pub(super) fn covers(&self, uri: &str) -> bool {
        let Some(space) = &self.space else { return true };
        let path = uri.split(['?', '#']).next().unwrap_or_default();
        space.iter().any(|prefix| {
            // `/a` covers `/a` and `/a/b`, but not `/ab`.
            path.strip_prefix(prefix.as_str()).is_some_and(|rest| {
                rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/')
            })
        })
    }

    /// Whether a challenge of this session can be answered for such a request.
    pub(super) fn check(&self, covered: Covered<'_>) -> Result<(), DigestError> {
        self.qops.choose(covered.body).map(drop)
    }

    /// The value of `Authorization`, with a new count.
    pub(super) fn answer(
        &mut self,
        login: &str,
        password: &str,
        covered: Covered<'_>,
        new_cnonce: impl FnOnce() -> String,
    ) -> Result<String, DigestError> {
        let qop = self.qops.choose(covered.body)?;
        self.count = self.count.checked_add(1).ok_or(DigestError::NonceSpent)?;
        let hash = self.algorithm.hash;
        let key = self.key.get_or_insert_with(|| Key {
            a1: hash.of(&[login.as_bytes(), self.realm.as_bytes(), password.as_bytes()]),
            cnonce: None,
        });
        let cnonce = match (&key.cnonce, self.algorithm.session) {
            (Some(cnonce), _) => cnonce.clone(),
            (None, false) => new_cnonce(),
            (None, true) => {
                let cnonce = new_cnonce();
                key.a1 = hash.of(&[key.a1.as_bytes(), self.nonce.as_bytes(), cnonce.as_bytes()]);
                key.cnonce.insert(cnonce).clone()
            }
        };
        let count = format!("{:08x}", self.count);
        let response = self.response(&Terms {
            nonce: &self.nonce,
            count: &count,
            cnonce: &cnonce,
            qop,
            covered,
        });

        let mut value = String::from("Digest ");
        match self.sent_login(login) {
            SentLogin::Quoted(login) => push_quoted(&mut value, "username", &login),
            SentLogin::Extended(login) => drop(write!(value, "username*=UTF-8''{login}")),
        }
        value.push_str(", ");
        push_quoted(&mut value, "realm", &self.realm);
        value.push_str(", ");
        push_quoted(&mut value, "uri", covered.uri);
        if let Some(name) = &self.algorithm_name {
            let _ = write!(value, ", algorithm={name}");
        }
        value.push_str(", ");
        push_quoted(&mut value, "nonce", &self.nonce);
        if let Some(qop) = qop {
            let _ = write!(value, ", nc={count}, cnonce=\"{cnonce}\", qop={}", qop.name());
        }
        let _ = write!(value, ", response=\"{response}\"");
        if let Some(opaque) = &self.opaque {
            value.push_str(", ");
            push_quoted(&mut value, "opaque", opaque);
        }
        if self.user_hash {
            value.push_str(", userhash=true");
        }
        Ok(value)
    }

    /// What a server that knows the password says of its response to a request that was answered
    /// by `sent`; `None` where that cannot be told. `body` is the response's, `None` where it streams.
    pub(super) fn expected_rspauth(&self, sent: &Challenge, body: Option<&[u8]>) -> Option<String> {
        let cnonce = sent.parameter("cnonce").unwrap_or_default();
        let key = self.key.as_ref()?;
        if sent.parameter("algorithm") != self.algorithm_name.as_deref() {
            return None;
        }
        if key.cnonce.as_ref().is_some_and(|own| own != cnonce) {
            return None;
        }
        let qop = match sent.parameter("qop") {
            None => None,
            Some("auth") => Some(Qop::Auth),
            Some(_) if body.is_some() => Some(Qop::AuthInt),
            Some(_) => return None,
        };
        let count = sent.parameter("nc").unwrap_or_default();
        // The method is left out of the A2 of a response (RFC 7616 §3.5).
        let covered = Covered { method: "", uri: sent.parameter("uri")?, body };
        let nonce = sent.parameter("nonce")?;
        Some(self.response(&Terms { nonce, count, cnonce, qop, covered }))
    }

    /// `request-digest` (RFC 7616 §3.4.1), and without `qop` that of RFC 2069.
    fn response(&self, terms: &Terms<'_>) -> String {
        let hash = self.algorithm.hash;
        let a1 = self.key.as_ref().map_or("", |key| key.a1.as_str());
        let (method, uri) = (terms.covered.method.as_bytes(), terms.covered.uri.as_bytes());
        let a2 = match terms.qop {
            Some(Qop::AuthInt) => {
                let body = hash.of(&[terms.covered.body.unwrap_or_default()]);
                hash.of(&[method, uri, body.as_bytes()])
            }
            Some(Qop::Auth) | None => hash.of(&[method, uri]),
        };
        match terms.qop {
            None => hash.of(&[a1, terms.nonce, &a2].map(str::as_bytes)),
            Some(qop) => {
                let pieces = [a1, terms.nonce, terms.count, terms.cnonce, qop.name(), &a2];
                hash.of(&pieces.map(str::as_bytes))
            }
        }
    }

    /// How the login is sent (RFC 7616 §3.4.4). Outside ASCII it has a form of its own, which only
    /// servers that speak of UTF-8 are known to read; others are sent the bytes.
    fn sent_login<'a>(&self, login: &'a str) -> SentLogin<'a> {
        if self.user_hash {
            let hashed = self.algorithm.hash.of(&[login.as_bytes(), self.realm.as_bytes()]);
            return SentLogin::Quoted(hashed.into());
        }
        if self.utf8 && !login.is_ascii() {
            return SentLogin::Extended(utf8_percent_encode(login, NOT_ATTR_CHAR).to_string());
        }
        SentLogin::Quoted(login.into())
    }
}

/// What a digest is made of besides the key.
struct Terms<'a> {
    nonce: &'a str,
    count: &'a str,
    cnonce: &'a str,
    qop: Option<Qop>,
    covered: Covered<'a>,
}

enum SentLogin<'a> {
    Quoted(Cow<'a, str>),
    Extended(String),
}

/// All but `attr-char` (RFC 8187 §3.2.1).
const NOT_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Qop {
    Auth,
    AuthInt,
}

impl Qop {
    fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }
}

impl Qops {
    fn parse(list: Option<&str>) -> Result<Self, DigestError> {
        let list = list.map(str::trim).unwrap_or_default();
        let mut qops = Self::default();
        for qop in list.split(',').map(str::trim) {
            qops.auth |= qop.eq_ignore_ascii_case("auth");
            qops.auth_int |= qop.eq_ignore_ascii_case("auth-int");
        }
        match list.is_empty() || qops != Self::default() {
            true => Ok(qops),
            false => Err(DigestError::UnsupportedQop),
        }
    }

    /// `auth-int` covers more, so it comes first where the body is at hand.
    fn choose(self, body: Option<&[u8]>) -> Result<Option<Qop>, DigestError> {
        match (self.auth_int, self.auth) {
            (true, _) if body.is_some() => Ok(Some(Qop::AuthInt)),
            (_, true) => Ok(Some(Qop::Auth)),
            (true, false) => Err(DigestError::BodyNeeded),
            (false, false) => Ok(None),
        }
    }
}

/// The paths of `domain` on this origin; `None` where all of it is meant (RFC 7616 §3.3).
///
/// Entries on other origins are left out: credentials never go there.
fn space(domain: &str, origin: &str) -> Option<Vec<String>> {
    let mut entries = domain.split_ascii_whitespace().take(MAX_DOMAIN).peekable();
    entries.peek()?;
    let base = Url::parse(origin).ok();
    let path = |entry: &str| match &base {
        Some(base) => {
            let url = base.join(entry).ok()?;
            (url.origin() == base.origin()).then(|| url.path().to_owned())
        }
        // An origin that is no URL has paths and nothing else.
        None => (entry.starts_with('/') && !entry.starts_with("//")).then(|| entry.to_owned()),
    };
    Some(entries.filter_map(path).collect())
}

/// Most entries of `domain` that are looked at; behind the others a challenge is waited for.
const MAX_DOMAIN: usize = 64;

fn push_quoted(out: &mut String, name: &str, value: &str) {
    out.push_str(name);
    out.push_str("=\"");
    for c in value.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}
