//! The cache as middleware: find, answer, validate, store, invalidate.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use dunlin_core::{Body, BoxFuture, Headers, ResponseHead};
use http::header::{AGE, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use http::{HeaderName, HeaderValue, Method, StatusCode};

use super::control::Directives;
use super::entry::{Asker, Entry};
use super::policy::{self, Times, Use};
use super::shelf::{Shelves, Ticket};
use super::store::CacheStore;
use super::tee::tee;
use crate::error::Error;
use crate::middleware::{Middleware, Next};
use crate::request::Request;
use crate::response::Response;
use crate::url::Url;

/// A private cache: see the [module](crate::cache) for what it keeps and when it asks again.
///
/// Clones share what is stored. A [`CacheStatus`] in the extensions of a response says where it came
/// from; one that came from the store has an `Age`.
#[derive(Clone)]
pub struct Cache {
    shelves: Shelves,
    /// URLs that are validated behind a stale answer.
    validating: Arc<Mutex<HashSet<String>>>,
    max_body: usize,
    longest_guess: Duration,
    clock: Arc<dyn Fn() -> SystemTime + Send + Sync>,
}

/// Where a response came from.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum CacheStatus {
    /// From the store, without asking the server.
    Hit,
    /// From the store and no longer fresh: the request takes that, it is validated meanwhile, or the
    /// server failed.
    Stale,
    /// From the store, which the server has confirmed.
    Revalidated,
    /// From the server; or from nobody, where only the store was to be asked.
    Miss,
}

/// Fields that ask for a part, or on a condition of the program's own.
const PASSED_BY: [&str; 7] = [
    "range",
    "if-none-match",
    "if-modified-since",
    "if-match",
    "if-unmodified-since",
    "if-range",
    "upgrade",
];

impl Cache {
    /// A cache over a store.
    pub fn new(store: impl CacheStore) -> Self {
        Self {
            shelves: Shelves::new(Arc::new(store)),
            validating: Arc::default(),
            max_body: 8 * 1024 * 1024,
            longest_guess: Duration::from_secs(24 * 3600),
            clock: Arc::new(SystemTime::now),
        }
    }

    /// Most bytes of a body that is stored, before it is decoded. Default: 8 MiB.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// How long a response may count as fresh whose server says no more than when it changed last.
    /// Default: a day; zero asks each time.
    #[must_use]
    pub fn max_heuristic(mut self, max: Duration) -> Self {
        self.longest_guess = max;
        self
    }

    /// The time by which responses age. Default: the system's.
    #[must_use]
    pub fn clock(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(now);
        self
    }

    /// Forgets all responses of a URL.
    pub async fn forget(&self, url: &Url) {
        self.shelves.clear(&key_of(url, "")).await;
    }

    fn now(&self) -> u64 {
        (self.clock)().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
    }

    async fn serve(&self, request: Request, next: Next) -> Result<Response, Error> {
        if !is_safe(request.method()) {
            return self.change(request, next).await;
        }
        let asked = Directives::of_request(request.headers());
        let is_head = request.method() == Method::HEAD;
        let passes_by = !(is_head || request.method() == Method::GET)
            || !request.body().is_empty()
            || request.is_too_plain()
            || PASSED_BY.iter().any(|name| request.headers().contains(*name))
            || asked.has("no-store");
        let only_stored = asked.has("only-if-cached");
        if passes_by {
            return if only_stored { Ok(not_stored(&request)) } else { next.run(request).await };
        }
        let key = key(&request);
        let identity = identity(&request, &next);
        let found = self.shelves.find(&key, asker(&request, identity.as_deref())).await;
        if let Some(entry) = &found {
            let status = match self.judge(&asked, entry) {
                Use::Fresh => Some(CacheStatus::Hit),
                Use::Stale | Use::WhileValidated => Some(CacheStatus::Stale),
                Use::Validate => None,
            };
            if let Some(status) = status
                && let Some(response) = self.answer(&key, entry, &request, status).await
            {
                if self.judge(&asked, entry) == Use::WhileValidated && !only_stored && !is_head {
                    self.validate_behind(key, entry.clone(), request, next);
                }
                return Ok(response);
            }
        }
        match (only_stored, is_head) {
            (true, _) => Ok(not_stored(&request)),
            (false, true) => self.head(&key, found, request, next).await,
            (false, false) => self.fetch(&key, found, request, next).await,
        }
    }

    fn judge(&self, asked: &Directives, entry: &Entry) -> Use {
        let (headers, lifetime, age) = self.state(entry);
        policy::judge(asked, &headers, lifetime, age)
    }

    /// Fields, time of being fresh, and age.
    fn state(&self, entry: &Entry) -> (Headers, u64, u64) {
        let (head, times) = (entry.head(), entry.times());
        let lifetime = policy::lifetime(head.status, &head.headers, times, self.longest_guess);
        let age = policy::age(&head.headers, times, self.now());
        (head.headers, lifetime, age)
    }

    /// The stored response; `None` where its body is gone.
    async fn answer(
        &self,
        key: &str,
        entry: &Entry,
        request: &Request,
        status: CacheStatus,
    ) -> Option<Response> {
        let body = if request.method() == Method::HEAD {
            Body::empty()
        } else {
            match self.shelves.body(key, entry).await {
                Some(body) => body.into(),
                None => {
                    self.shelves.remove(key, entry).await;
                    return None;
                }
            }
        };
        let mut head = entry.head();
        let age = policy::age(&head.headers, entry.times(), self.now());
        head.headers.insert(AGE, HeaderValue::from(age));
        let mut response = Response::from_parts(head, body, request.url().clone());
        response.extensions_mut().insert(status);
        Some(response)
    }

    /// Asks the server, on the condition that what is stored has changed.
    async fn fetch(
        &self,
        key: &str,
        found: Option<Entry>,
        request: Request,
        next: Next,
    ) -> Result<Response, Error> {
        let asked = Directives::of_request(request.headers());
        let Some(mut entry) = found else { return self.load(key, request, next).await };
        let (ticket, identity) = (self.shelves.ticket(key), identity(&request, &next));
        let asker = asker(&request, identity.as_deref());
        let stored = entry.head().headers;
        let mut conditional = request.clone();
        let conditions = [("etag", IF_NONE_MATCH), ("last-modified", IF_MODIFIED_SINCE)];
        let mut validates = false;
        for (validator, condition) in conditions {
            if let Some(Ok(value)) = stored.get(validator).map(HeaderValue::from_bytes) {
                conditional.insert_header(condition, value);
                validates = true;
            }
        }
        let requested = self.now();
        let result = next.clone().run(conditional).await;
        let failed = match &result {
            Ok(response) => matches!(response.status().as_u16(), 500 | 502 | 503 | 504),
            Err(_) => true,
        };
        if failed {
            let (headers, lifetime, age) = self.state(&entry);
            if policy::may_stand_in(&asked, &headers, lifetime, age)
                && let Some(stale) = self.answer(key, &entry, &request, CacheStatus::Stale).await
            {
                return Ok(stale);
            }
        }
        let response = result?;
        let times = Times { requested, received: self.now() };
        if !(validates && response.status() == StatusCode::NOT_MODIFIED) {
            let response = self.keep(ticket, asker, response, times, Some(&entry)).await;
            return Ok(response);
        }
        if confirms(&stored, response.headers()) {
            entry.freshen(asker, response.headers(), times);
            drop(response);
            self.shelves.update(key, &entry).await;
            let confirmed = self.answer(key, &entry, &request, CacheStatus::Revalidated).await;
            self.remove_unless_allowed(key, &asked, &entry).await;
            if let Some(response) = confirmed {
                return Ok(response);
            }
        }
        // What was confirmed is gone or was another: ask for all of it.
        self.load(key, request, next).await
    }

    /// Asks the server for the whole.
    async fn load(&self, key: &str, request: Request, next: Next) -> Result<Response, Error> {
        let (ticket, identity) = (self.shelves.ticket(key), identity(&request, &next));
        let headers = request.headers().clone();
        let asker = Asker { headers: &headers, identity: identity.as_deref() };
        let requested = self.now();
        let response = next.run(request).await?;
        let times = Times { requested, received: self.now() };
        Ok(self.keep(ticket, asker, response, times, None).await)
    }

    /// Removes what was confirmed by an answer that forbids to keep it.
    async fn remove_unless_allowed(&self, key: &str, asked: &Directives, entry: &Entry) {
        let head = entry.head();
        if !policy::may_store(asked, head.status, &head.headers) {
            self.shelves.remove(key, entry).await;
        }
    }

    /// Stores a response as it is read, where that is allowed.
    async fn keep(
        &self,
        ticket: Ticket,
        asker: Asker<'_>,
        mut response: Response,
        times: Times,
        before: Option<&Entry>,
    ) -> Response {
        response.extensions_mut().insert(CacheStatus::Miss);
        let asked = Directives::of_request(asker.headers);
        let may = policy::may_store(&asked, response.status(), response.headers())
            && !response.is_upgraded()
            && response.content_length().is_none_or(|len| len <= self.max_body as u64);
        if !may {
            // Another answer took its place; a failure did not.
            if let Some(before) = before
                && !response.status().is_server_error()
            {
                self.shelves.remove(ticket.key(), before).await;
            }
            return response;
        }
        let entry = Entry::new(asker, response.head(), times);
        match std::mem::take(response.body_mut()).try_into_whole() {
            Ok(bytes) => {
                self.shelves.insert(ticket, entry, bytes.clone()).await;
                *response.body_mut() = bytes.into();
            }
            Err(body) => {
                let shelves = self.shelves.clone();
                let store = move |bytes: Bytes| -> BoxFuture<'static, ()> {
                    Box::pin(async move { shelves.insert(ticket, entry, bytes).await })
                };
                *response.body_mut() = tee(body, self.max_body, Box::new(store));
            }
        }
        response
    }

    /// Sends HEAD; its answer freshens what is stored, or shows that it has changed (RFC 9111 §4.3.5).
    async fn head(
        &self,
        key: &str,
        found: Option<Entry>,
        request: Request,
        next: Next,
    ) -> Result<Response, Error> {
        let (headers, identity) = (request.headers().clone(), identity(&request, &next));
        let asker = Asker { headers: &headers, identity: identity.as_deref() };
        let requested = self.now();
        let mut response = next.run(request).await?;
        let times = Times { requested, received: self.now() };
        response.extensions_mut().insert(CacheStatus::Miss);
        if let Some(mut entry) = found
            && response.status() == StatusCode::OK
        {
            let stored = entry.head();
            let same_length =
                response.header("content-length").is_none_or(|len| len.parse() == Ok(entry.len));
            if stored.status == StatusCode::OK
                && same_length
                && confirms(&stored.headers, response.headers())
            {
                entry.freshen(asker, response.headers(), times);
                self.shelves.update(key, &entry).await;
                self.remove_unless_allowed(key, &Directives::default(), &entry).await;
            } else {
                self.shelves.remove(key, &entry).await;
            }
        }
        Ok(response)
    }

    /// Sends what may change things; where it did, what is stored of them goes (RFC 9111 §4.4).
    async fn change(&self, request: Request, next: Next) -> Result<Response, Error> {
        let (url, place) = (request.url().clone(), place(&request));
        let response = next.run(request).await?;
        if response.status().is_success() || response.status().is_redirection() {
            self.shelves.clear(&key_of(&url, &place)).await;
            for name in ["location", "content-location"] {
                let named = response.header(name).and_then(|text| url.join(text).ok());
                if let Some(named) = named.filter(|named| named.origin() == url.origin()) {
                    self.shelves.clear(&key_of(&named, &place)).await;
                }
            }
        }
        Ok(response)
    }

    /// Validates in a task of its own, at most once at a time for each URL.
    fn validate_behind(&self, key: String, entry: Entry, request: Request, next: Next) {
        if !self.lock().insert(key.clone()) {
            return;
        }
        let total = request.settings.timeouts.total;
        let next = next.with_deadline(total);
        let guard = Validating { cache: self.clone(), key };
        tokio::spawn(async move {
            let key = guard.key.clone();
            let fetch = async {
                if let Ok(mut response) = guard.cache.fetch(&key, Some(entry), request, next).await
                {
                    // Read to its end, it is stored.
                    while let Ok(Some(_)) = response.chunk().await {}
                }
            };
            match total {
                Some(total) => drop(tokio::time::timeout(total, fetch).await),
                None => fetch.await,
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.validating.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A URL that is being validated, until this is dropped.
struct Validating {
    cache: Cache,
    key: String,
}

impl Drop for Validating {
    fn drop(&mut self) {
        self.cache.lock().remove(&self.key);
    }
}

/// Methods that change nothing (RFC 9110 §9.2.1).
fn is_safe(method: &Method) -> bool {
    method.is_safe() || method.as_str() == "QUERY"
}

/// Whether a 304, or the answer to HEAD, speaks of the stored response: what it says of the validators
/// is the same (RFC 9111 §4.3.4).
fn confirms(stored: &Headers, new: &Headers) -> bool {
    let strong = |tag: &[u8]| tag.strip_prefix(b"W/").unwrap_or(tag).to_vec();
    if let Some(tag) = new.get("etag") {
        return stored.get("etag").is_some_and(|own| strong(own) == strong(tag));
    }
    match new.get("last-modified") {
        Some(date) => stored.get("last-modified") == Some(date),
        None => true,
    }
}

/// `504 Gateway Timeout`, where only the store was to be asked (RFC 9111 §5.2.1.7).
fn not_stored(request: &Request) -> Response {
    let mut head = ResponseHead::default();
    head.status = StatusCode::GATEWAY_TIMEOUT;
    let length = HeaderName::from_static("content-length");
    head.headers.insert(length, HeaderValue::from_static("0"));
    let mut response = Response::from_parts(head, Body::empty(), request.url().clone());
    response.extensions_mut().insert(CacheStatus::Miss);
    response
}

fn key(request: &Request) -> String {
    key_of(request.url(), &place(request))
}

fn asker<'r>(request: &'r Request, identity: Option<&'r str>) -> Asker<'r> {
    Asker { headers: request.headers(), identity }
}

/// By whose credentials the request is sent that are added behind the cache, and by which means it is
/// known who answers: what a request without verification brought is not for one with it.
fn identity(request: &Request, next: &Next) -> Option<String> {
    let mut parts = next.identities();
    parts.extend(terms_of_tls(request));
    (!parts.is_empty()).then(|| parts.join("\n"))
}

#[cfg(feature = "tls")]
fn terms_of_tls(request: &Request) -> Option<String> {
    request.settings.route.tls.identity().filter(|_| request.url().origin().is_tls())
}

#[cfg(not(feature = "tls"))]
fn terms_of_tls(_: &Request) -> Option<String> {
    None
}

/// A name at a Unix socket is another server than the same name elsewhere.
fn place(request: &Request) -> String {
    let socket = request.settings.route.unix.as_ref();
    socket.map(|path| format!("unix:{} ", path.display())).unwrap_or_default()
}

/// The URL without credentials and fragment.
fn key_of(url: &Url, place: &str) -> String {
    format!("{place}{}", url.uri())
}

impl Middleware for Cache {
    fn handle(&self, request: Request, next: Next) -> BoxFuture<'_, Result<Response, Error>> {
        Box::pin(self.serve(request, next))
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("max_body", &self.max_body)
            .field("max_heuristic", &self.longest_guess)
            .finish_non_exhaustive()
    }
}
