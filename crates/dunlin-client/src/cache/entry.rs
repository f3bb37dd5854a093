//! A stored response, but for its body.

use dunlin_core::{Headers, ReasonPhrase, ResponseHead};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::policy::{self, IDENTITY, Times};

/// Who asks, as far as it decides which stored response may answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker<'r> {
    pub(super) headers: &'r Headers,
    /// What decides besides the fields who asks whom; `None` for nobody in particular.
    pub(super) identity: Option<&'r str>,
}

/// Head, times and what the request had in the fields that `Vary` names.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Entry {
    /// Names the body in the store, and nothing else ever again.
    pub(super) id: String,
    status: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Each byte of a value as the character of that number, since values need not be UTF-8.
    headers: Vec<(String, String)>,
    /// Names ([`policy::selecting`]), and hashes of values: they may be secret.
    vary: Vec<(String, Option<String>)>,
    requested: u64,
    received: u64,
    /// Bytes of the body.
    pub(super) len: u64,
}

/// Fields that are about the connection (RFC 9111 §3.1), and cookies, which were set when they came.
const NOT_STORED: [&str; 11] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Fields of a stored response that a 304 does not change: they are those of the stored body.
const OF_THE_BODY: [&str; 4] =
    ["content-encoding", "content-length", "content-range", "content-type"];

impl Entry {
    pub(super) fn new(asker: Asker<'_>, head: &ResponseHead, times: Times) -> Self {
        let reason = head.reason.as_ref().map(|reason| latin1(reason.as_bytes()));
        let mut headers = stored(&head.headers);
        if !head.headers.contains("date") {
            headers.push(("date".to_owned(), http_date(times.received)));
        }
        Self {
            id: fresh_id(),
            status: head.status.as_u16(),
            reason,
            headers,
            vary: asker.hashes(&head.headers),
            requested: times.requested,
            received: times.received,
            len: 0,
        }
    }

    /// Whether it answers this asker (RFC 9111 §4.1).
    pub(super) fn matches(&self, asker: Asker<'_>) -> bool {
        self.vary.iter().all(|(name, hash)| asker.hash_of(name) == *hash)
    }

    /// Whether it can be what was stored: a store may be damaged.
    pub(super) fn is_sound(&self) -> bool {
        StatusCode::from_u16(self.status).is_ok()
    }

    /// Whether it answers the same requests as another.
    pub(super) fn replaces(&self, other: &Self) -> bool {
        self.vary == other.vary
    }

    pub(super) fn times(&self) -> Times {
        Times { requested: self.requested, received: self.received }
    }

    /// The head as it came. What a damaged store makes unreadable is left out.
    pub(super) fn head(&self) -> ResponseHead {
        let mut head = ResponseHead::default();
        head.status = StatusCode::from_u16(self.status).unwrap_or_default();
        head.reason = self.reason.as_deref().and_then(|r| ReasonPhrase::new(bytes(r)?).ok());
        for (name, value) in &self.headers {
            if let Ok(name) = HeaderName::try_from(name)
                && let Some(Ok(value)) = bytes(value).map(|v| HeaderValue::from_bytes(&v))
            {
                head.headers.append(name, value);
            }
        }
        head
    }

    /// Takes over what a response that confirms it, to this asker, says (RFC 9111 §3.2).
    pub(super) fn freshen(&mut self, asker: Asker<'_>, headers: &Headers, times: Times) {
        let new: Vec<_> = stored(headers)
            .into_iter()
            .filter(|(name, _)| !OF_THE_BODY.contains(&name.as_str()))
            .collect();
        self.headers.retain(|(name, _)| {
            // An age that is not confirmed was that of the former response.
            name != "age" && name != "date" && !new.iter().any(|(n, _)| n == name)
        });
        if !headers.contains("date") {
            self.headers.push(("date".to_owned(), http_date(times.received)));
        }
        self.headers.extend(new);
        (self.requested, self.received) = (times.requested, times.received);
        // It may vary by more now.
        self.vary = asker.hashes(&self.head().headers);
    }
}

fn stored(headers: &Headers) -> Vec<(String, String)> {
    let named: Vec<String> = headers
        .get_all("connection")
        .flat_map(|line| line.split(|&b| b == b','))
        .map(|name| String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase())
        .collect();
    headers
        .iter()
        .map(|(name, value)| (latin1(&name.to_ascii_lowercase()), latin1(value)))
        .filter(|(name, _)| !NOT_STORED.contains(&name.as_str()) && !named.contains(name))
        .collect()
}

fn http_date(seconds: u64) -> String {
    // The last second that the format can write, 9999-12-31.
    let seconds = seconds.min(253_402_300_799);
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds))
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(c).ok()).collect()
}

impl Asker<'_> {
    fn hashes(self, response: &Headers) -> Vec<(String, Option<String>)> {
        let names = policy::selecting(response).into_iter();
        names
            .map(|name| {
                let hash = self.hash_of(&name);
                (name, hash)
            })
            .collect()
    }

    /// Values that differ in nothing but blanks around them are the same.
    fn hash_of(self, name: &str) -> Option<String> {
        let mut hash = None;
        if name == IDENTITY {
            hash = self.identity.map(|identity| Sha256::new().chain_update(identity));
        }
        for value in self.headers.get_all(name) {
            let hash = hash.get_or_insert_with(Sha256::new);
            for part in value.split(|&b| b == b',') {
                hash.update(part.trim_ascii());
                hash.update(b",");
            }
        }
        hash.map(|hash| hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Random enough that two programs over one directory do not meet.
fn fresh_id() -> String {
    use std::hash::{BuildHasher, Hasher};
    let random = || std::collections::hash_map::RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}
