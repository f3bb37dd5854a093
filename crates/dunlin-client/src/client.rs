//! The client: one pool, one set of defaults, and the way of a request through its redirects.

use std::fmt;
use std::sync::Arc;

use dunlin_core::Headers;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, COOKIE};
use http::{HeaderName, HeaderValue, Method};
use tokio::time::Instant;

use crate::attempt;
use crate::builder::ClientBuilder;
use crate::connect::Connector;
use crate::error::{Error, ErrorKind, Phase};
use crate::middleware::Next;
use crate::pool::{Pool, PoolMetrics};
use crate::redirect;
use crate::request::{Request, RequestBuilder};
use crate::response::Response;
use crate::settings::Settings;
use crate::trace::Traces;
use crate::url::{IntoUrl, Url};

/// An HTTP client: make one, clone it freely, use it everywhere.
///
/// All clones share their connections, cookies and settings; it is `Send` and `Sync`. Made with
/// [`new`](Self::new) it has [`ClientBuilder`]'s defaults.
///
/// ```no_run
/// # async fn run() -> Result<(), dunlin_client::Error> {
/// let client = dunlin_client::Client::new();
/// let text = client.get("https://example.com/").send().await?.ok()?.text().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Client(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) pool: Arc<Pool>,
    pub(crate) connector: Connector,
    pub(crate) settings: Arc<Settings>,
    pub(crate) base: Option<Url>,
    /// Sent with every request that does not set the same field.
    pub(crate) headers: Headers,
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

macro_rules! methods {
    ($($name:ident $method:ident $text:literal),*) => {$(
        #[doc = concat!("A ", $text, " request.")]
        pub fn $name(&self, url: impl IntoUrl) -> RequestBuilder {
            self.request(Method::$method, url)
        }
    )*};
}

impl Client {
    /// A client with the defaults.
    pub fn new() -> Self {
        ClientBuilder::new().build_infallible()
    }

    /// A client with settings of one's own.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    pub(crate) fn from_inner(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// A request by any method. Text is joined to the base URL, where the client has one.
    pub fn request(&self, method: Method, url: impl IntoUrl) -> RequestBuilder {
        RequestBuilder::new(self.clone(), method, url)
    }

    methods!(get GET "GET", post POST "POST", put PUT "PUT", patch PATCH "PATCH",
        delete DELETE "DELETE", head HEAD "HEAD", options OPTIONS "OPTIONS");

    /// What the pool holds now.
    pub fn pool_metrics(&self) -> PoolMetrics {
        self.0.pool.metrics()
    }

    /// Closes the connections that serve no request.
    pub fn close_idle(&self) {
        self.0.pool.close_idle();
    }

    /// Closes the client with all of its clones: requests under way may end, no other begins.
    pub fn close(&self) {
        self.0.pool.close();
    }

    /// Forgets the addresses of a name, or of all.
    pub fn clear_dns_cache(&self, host: Option<&str>) {
        self.0.connector.dns.clear(host);
    }

    pub(crate) fn pool(&self) -> &Arc<Pool> {
        &self.0.pool
    }

    pub(crate) fn connector(&self) -> &Connector {
        &self.0.connector
    }

    pub(crate) fn settings(&self) -> &Arc<Settings> {
        &self.0.settings
    }

    pub(crate) fn base_url(&self) -> Option<&Url> {
        self.0.base.as_ref()
    }

    /// Sends a request that was [built](RequestBuilder::build) and waits for the head of its response,
    /// following redirects.
    ///
    /// # Errors
    ///
    /// [`Error`], whose [phase](Error::phase) says how far it came.
    pub async fn execute(&self, request: Request) -> Result<Response, Error> {
        let traces = Traces::begin(&request.settings.tracers, &request);
        traces.emit(|trace| trace.request_start(&request.method, &request.url, &request.headers));
        let result = self.follow(request, &traces).await;
        match &result {
            Ok(response) => traces.emit(|trace| {
                trace.request_end(response.url(), response.status(), response.headers());
            }),
            Err(error) => traces.emit(|trace| trace.request_exception(error)),
        }
        // To middleware that asked for something of its own, the failure is no reason to begin again.
        result.map_err(Error::settled)
    }

    async fn follow(&self, mut request: Request, traces: &Traces) -> Result<Response, Error> {
        let settings = Arc::clone(&request.settings);
        let total = settings.timeouts.total;
        let deadline = total.and_then(|total| Instant::now().checked_add(total));
        let mut history = Vec::new();
        let mut is_filled = false;
        let first = request.url.clone();
        loop {
            let hop = self.prepare(&request, is_filled, &first)?;
            let cx = attempt::Context { deadline, traces: traces.clone(), fresh: false };
            let mut response = self.attempts(hop, cx).await?;
            // Middleware may have sent it elsewhere: who answered sets cookies and redirects.
            if request.url != *response.url() {
                request.url = response.url().clone();
            }
            if let Some(cookies) = &settings.cookies
                && response.headers().contains("set-cookie")
            {
                let mut lines = response.headers().get_all("set-cookie");
                cookies.store(&mut lines, request.url.as_url(), settings.same_site);
            }
            if response.status().is_redirection() && !is_filled {
                // What a redirect takes away, the client's defaults must not bring back.
                self.fill(&mut request);
                is_filled = true;
            }
            let (status, headers) = (response.status(), response.headers());
            let method = request.method.clone();
            let Some(to) = redirect::follow(&mut request, status, headers, &history)? else {
                response.finish(history, &settings)?;
                return Ok(response);
            };
            traces.emit(|trace| trace.request_redirect(&request.url, status, &to));
            history.push(response.into_redirect(method));
            request.url = to;
        }
    }

    /// The request of one hop: with defaults, cookies and credentials as they are for its URL.
    fn prepare(&self, request: &Request, is_filled: bool, first: &Url) -> Result<Request, Error> {
        let settings = &request.settings;
        let mut hop = request.clone();
        if !is_filled {
            self.fill(&mut hop);
        }
        if let Some(store) = &settings.cookies
            && let Some(kept) = store.header(hop.url.as_url(), settings.same_site)
        {
            let all = match hop.headers.contains("cookie") {
                true => {
                    let own = hop.headers.get_all("cookie");
                    let all: Vec<_> = std::iter::once(kept.as_bytes()).chain(own).collect();
                    HeaderValue::from_bytes(&all.join(&b"; "[..]))
                        .map_err(|error| Error::invalid("the cookies", error))?
                }
                false => kept,
            };
            hop.headers.insert(COOKIE, all);
        }
        if !hop.headers.contains("authorization")
            && let Some(value) = self.credentials(&hop, first)?
        {
            hop.headers.insert(AUTHORIZATION, value);
        }
        Ok(hop)
    }

    /// Adds the client's fields that the request neither sets nor goes without.
    fn fill(&self, request: &mut Request) {
        if request.headers.is_empty() && request.without.is_empty() {
            request.headers = self.0.headers.clone();
            return;
        }
        for (name, value) in &self.0.headers {
            if !request.headers.contains(name_text(name))
                && let (Ok(name), Ok(value)) =
                    (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
                && !request.without.contains(&name)
                // A part of an encoded body could not be decoded.
                && !(name == ACCEPT_ENCODING && request.headers.contains("range"))
            {
                request.headers.append(name, value);
            }
        }
    }

    /// Those of the URL, or else of the netrc file.
    /// Those of the file go to hosts that it names, wherever a redirect leads, unless it leads away from
    /// TLS; those for any host only to the one that the program asked.
    fn credentials(&self, request: &Request, first: &Url) -> Result<Option<HeaderValue>, Error> {
        let of_url = request.url.credentials();
        let whose = if of_url.is_some() { "the URL's credentials" } else { "the netrc entry" };
        let found = of_url.or_else(|| {
            let netrc = request.settings.netrc.as_ref()?;
            let (asked, now) = (first.origin(), request.url.origin());
            let entry = match asked == now {
                true => netrc.find(now.host())?,
                false if asked.is_tls() && !now.is_tls() => return None,
                false => netrc.find_named(now.host())?,
            };
            Some((entry.login()?.to_owned(), entry.password().unwrap_or_default().to_owned()))
        });
        let Some((user, password)) = found else { return Ok(None) };
        let value = crate::auth::basic(&user, &password)
            .map_err(|error| Error::invalid(whose, error).with_url(&request.url))?;
        Ok(Some(value))
    }

    /// Sends the request of a hop, and once more where a kept connection broke before a byte of the
    /// answer came and the server may get the request twice, or before a byte of it had left.
    async fn attempts(&self, hop: Request, cx: attempt::Context) -> Result<Response, Error> {
        let again = (hop.settings.replay && hop.body.is_replayable()).then(|| hop.clone());
        let first = self.attempt(hop, cx.clone()).await;
        match (first, again) {
            (Err(error), Some(again)) if error.is_stale() => {
                self.attempt(again, attempt::Context { fresh: true, ..cx }).await
            }
            (first, _) => first,
        }
    }

    async fn attempt(&self, hop: Request, cx: attempt::Context) -> Result<Response, Error> {
        if hop.settings.middleware.is_empty() {
            return attempt::send(self, hop, cx).await;
        }
        let deadline = cx.deadline;
        let (total, url) = (hop.settings.timeouts.total, hop.url.clone());
        let chain = Arc::clone(&hop.settings.middleware);
        let run = Next::new(self.clone(), chain, cx).run(hop);
        match deadline {
            // What middleware waits for by itself counts too.
            Some(deadline) => tokio::time::timeout_at(deadline, run).await.unwrap_or_else(|_| {
                let after = total.unwrap_or_default();
                let kind = ErrorKind::Timeout { after, setting: "total" };
                Err(Error::new(kind, Phase::Exchange).with_url(&url))
            }),
            None => run.await,
        }
    }
}

/// Names of a client's own fields are tokens, and so text.
fn name_text(name: &[u8]) -> &str {
    std::str::from_utf8(name).unwrap_or_default()
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("pool", &self.0.pool).field("base", &self.0.base).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    fn is_sent<T: Send + 'static>(_: &T) {}

    #[tokio::test]
    async fn clients_and_what_they_return_cross_threads() {
        let client = Client::new();
        is_shared(&client);
        let request = client.get("http://127.0.0.1:1/");
        is_sent(&request);
        let sending = request.send();
        is_sent(&sending);
        let error = sending.await.unwrap_err();
        is_shared(&error);
        fn is_sync<T: Send + Sync>() {}
        is_sync::<Response>();
        is_sync::<Request>();
    }
}
