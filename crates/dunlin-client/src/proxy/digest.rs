//! Logins by Digest (RFC 7616), for proxies that ask for it.

use std::sync::{Arc, OnceLock};

use dunlin_core::Headers;
use http::HeaderValue;

use super::Proxy;
use crate::auth::{Challenge, DigestAuth, challenges};

/// What the proxy has said of the login, where it asks for Digest: shared by clones, and no part of what
/// a proxy is.
#[derive(Clone, Default)]
pub(super) struct Digest(Arc<OnceLock<Option<DigestAuth>>>);

impl PartialEq for Digest {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Digest {}

/// What a Digest is made of: a request as the proxy sees it.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'r> {
    pub(crate) method: &'r str,
    /// As it stands in the request line.
    pub(crate) target: &'r str,
    /// `None` where it streams.
    pub(crate) body: Option<&'r [u8]>,
}

/// The challenges of a 407.
pub(super) fn asked_for(headers: &Headers) -> Vec<Challenge> {
    let values: Vec<_> = headers
        .get_all("proxy-authenticate")
        .filter_map(|value| HeaderValue::from_bytes(value).ok())
        .collect();
    challenges(&values)
}

impl Proxy {
    /// What answers its Digest challenges, where it has a login that is its own to send.
    fn digest(&self) -> Option<&DigestAuth> {
        if self.is_socks() || self.has_own_credentials() {
            return None;
        }
        let login = self.login()?;
        let made = || DigestAuth::new(&login.user, &login.password).ok();
        self.digest.0.get_or_init(made).as_ref()
    }

    /// `Proxy-Authorization` by Digest, where the proxy has asked for that before.
    pub(crate) fn preempt(&self, asked: Asked<'_>) -> Option<HeaderValue> {
        let Asked { method, target, body } = asked;
        self.digest()?.preempt(&self.origin().to_string(), method, target, body)
    }

    /// The same in answer to a 407, the first, the second and so on to one request; `None` where it asks
    /// for something else or has been answered before.
    pub(crate) fn answer(
        &self,
        asked: Asked<'_>,
        refusal: &Headers,
        answered: u32,
    ) -> Option<HeaderValue> {
        let digest = self.digest()?;
        let challenges = asked_for(refusal);
        if !DigestAuth::may_answer(answered, &challenges) {
            return None;
        }
        let Asked { method, target, body } = asked;
        let origin = self.origin().to_string();
        digest.respond(&origin, method, target, body, &challenges).ok()
    }
}
