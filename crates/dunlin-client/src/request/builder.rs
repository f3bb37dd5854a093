//! Building a request, setting by setting.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dunlin_codec::{Leniency, Limits};
use dunlin_core::{Body, BoxError, ResponseHead};
use dunlin_multipart::Form;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, EXPECT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use serde::Serialize;

use super::{Request, RequestBody};
use crate::auth::Netrc;
use crate::client::Client;
use crate::cookies::{CookieStore, SameSiteContext};
use crate::error::Error;
use crate::middleware::Middleware;
use crate::proxy::Proxy;
use crate::redirect::Redirects;
use crate::response::Response;
use crate::settings::Settings;
use crate::sse::EventSource;
use crate::timeouts::Timeouts;
use crate::trace::Tracer;
use crate::url::IntoUrl;

/// A request being built. What is wrong in it is told by [`send`](Self::send), so that calls chain.
///
/// ```no_run
/// # async fn run() -> Result<(), dunlin_client::Error> {
/// let client = dunlin_client::Client::new();
/// let response = client
///     .post("https://example.com/birds")
///     .query(&[("dry", "1")])
///     .json(&["dunlin", "knot"])
///     .send()
///     .await?;
/// println!("{}", response.status());
/// # Ok(()) }
/// ```
#[must_use = "a request does nothing until it is sent"]
pub struct RequestBuilder {
    client: Client,
    request: Result<Request, Error>,
    /// What the body is by itself, where no field says otherwise.
    content_type: Option<HeaderValue>,
    #[cfg(feature = "compress")]
    coding: Option<crate::compress::Coding>,
}

impl RequestBuilder {
    pub(crate) fn new(client: Client, method: Method, url: impl IntoUrl) -> Self {
        let request = url
            .into_url(client.base_url())
            .map(|url| Request::new(method, url, Arc::clone(client.settings())));
        Self {
            client,
            request,
            content_type: None,
            #[cfg(feature = "compress")]
            coding: None,
        }
    }

    fn edit(mut self, edit: impl FnOnce(&mut Request) -> Result<(), Error>) -> Self {
        if let Ok(request) = &mut self.request
            && let Err(error) = edit(request)
        {
            self.request = Err(error.with_url(&request.url.clone()));
        }
        self
    }

    fn set(self, set: impl FnOnce(&mut Settings)) -> Self {
        self.edit(|request| {
            set(Arc::make_mut(&mut request.settings));
            Ok(())
        })
    }

    /// Appends pairs to the URL's query, encoded as forms are: a slice of pairs, a map, or a struct.
    pub fn query<T: Serialize + ?Sized>(self, query: &T) -> Self {
        self.edit(|request| {
            let text = serde_html_form::to_string(query)
                .map_err(|error| Error::invalid("the query cannot be written", error))?;
            if !text.is_empty() {
                request.url = request.url.with_query_text(&text)?;
            }
            Ok(())
        })
    }

    /// Sets a field; fields of that name that were set before stay.
    pub fn header<N, V>(self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName, Error: Into<BoxError>>,
        V: TryInto<HeaderValue, Error: Into<BoxError>>,
    {
        self.edit(|request| {
            let (name, value) = Error::field(name, value)?;
            request.headers.append(name, value);
            Ok(())
        })
    }

    /// Sets these fields in place of those of the same names.
    pub fn headers(self, headers: HeaderMap) -> Self {
        self.edit(|request| {
            for name in headers.keys() {
                request.headers.remove(name);
            }
            let mut last = None;
            for (name, value) in headers {
                last = name.or(last);
                if let Some(name) = &last {
                    request.headers.append(name.clone(), value);
                }
            }
            Ok(())
        })
    }

    /// Goes without the client's own field of this name, such as `User-Agent`.
    pub fn without_header(self, name: HeaderName) -> Self {
        self.edit(|request| {
            request.without.push(name);
            Ok(())
        })
    }

    /// The version that the request is sent in: HTTP/1.0 as such, any other as HTTP/1.1. Default: the
    /// client's, where it is HTTP/1.1.
    pub fn version(self, version: Version) -> Self {
        self.set(|settings| settings.version = version)
    }

    /// Sends a cookie with this request alone, to its own origin alone, beside those of the client's
    /// store.
    pub fn cookie(self, name: &str, value: &str) -> Self {
        self.edit(|request| {
            let own = format!("{name}={value}");
            let all: Vec<_> =
                request.headers.get_all("cookie").chain(std::iter::once(own.as_bytes())).collect();
            let all = HeaderValue::from_bytes(&all.join(&b"; "[..]))
                .map_err(|error| Error::invalid("not a cookie", error))?;
            request.headers.insert(COOKIE, all);
            Ok(())
        })
    }

    /// `Authorization: Basic` (RFC 7617).
    pub fn basic_auth(self, user: &str, password: &str) -> Self {
        self.edit(|request| {
            let value = crate::auth::basic(user, password)
                .map_err(|error| Error::invalid("basic credentials", error))?;
            request.headers.insert(AUTHORIZATION, value);
            Ok(())
        })
    }

    /// `Authorization: Bearer` (RFC 6750).
    pub fn bearer_auth(self, token: &str) -> Self {
        self.edit(|request| {
            let value = crate::auth::bearer(token)
                .map_err(|error| Error::invalid("bearer token", error))?;
            request.headers.insert(AUTHORIZATION, value);
            Ok(())
        })
    }

    /// Sets the body: bytes, text, or a [`Body`] that streams. Of several calls that set one the last
    /// counts.
    pub fn body(mut self, body: impl Into<RequestBody>) -> Self {
        self.content_type = None;
        self.edit(|request| {
            request.body = body.into();
            Ok(())
        })
    }

    /// Sends what the stream yields, in chunks.
    pub fn stream<S, B, E>(self, stream: S) -> Self
    where
        S: futures_core::Stream<Item = Result<B, E>> + Send + 'static,
        B: Into<bytes::Bytes>,
        E: Into<BoxError>,
    {
        self.body(Body::from_stream(stream))
    }

    /// Sends the value as JSON, and says so where no `Content-Type` is set.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        self.typed("application/json", || {
            serde_json::to_vec(value)
                .map_err(|error| Error::invalid("the value has no JSON form", error))
        })
    }

    /// Sends pairs, a map or a struct as a form, `application/x-www-form-urlencoded`, and says so where
    /// no `Content-Type` is set.
    pub fn form<T: Serialize + ?Sized>(self, form: &T) -> Self {
        self.typed("application/x-www-form-urlencoded", || {
            serde_html_form::to_string(form)
                .map(String::into_bytes)
                .map_err(|error| Error::invalid("the value has no form", error))
        })
    }

    fn typed(
        mut self,
        content_type: &'static str,
        bytes: impl FnOnce() -> Result<Vec<u8>, Error>,
    ) -> Self {
        self.content_type = Some(HeaderValue::from_static(content_type));
        self.edit(|request| {
            request.body = bytes()?.into();
            Ok(())
        })
    }

    /// Sends `multipart/form-data`: fields and files, which are streamed. A `Content-Type` that was set
    /// before goes, since it knows no boundary.
    pub fn multipart(mut self, form: Form) -> Self {
        self.content_type = Some(form.content_type());
        self.edit(|request| {
            request.headers.remove(&CONTENT_TYPE);
            request.body = super::body::of_form(form)?;
            Ok(())
        })
    }

    /// Fields to send after a body, which is sent in chunks then (RFC 9110 §6.5).
    pub fn trailers(self, trailers: HeaderMap) -> Self {
        self.edit(|request| {
            request.trailers = Some(Box::new(trailers));
            Ok(())
        })
    }

    /// Holds the body back until the server answers `100 Continue`, or
    /// [`Timeouts::expect_continue`] has passed. Where it answers 417, the request is sent once more
    /// without the expectation.
    pub fn expect_continue(self) -> Self {
        self.header(EXPECT, HeaderValue::from_static("100-continue"))
    }

    /// Asks for a media type.
    pub fn accept(self, media_type: &str) -> Self {
        self.edit(|request| {
            let value = HeaderValue::try_from(media_type)
                .map_err(|error| Error::invalid("not a media type", error))?;
            request.headers.insert(ACCEPT, value);
            Ok(())
        })
    }

    /// Compresses the body, whenever it is set, and says so in `Content-Encoding`.
    #[cfg(feature = "compress")]
    pub fn compress(mut self, coding: crate::compress::Coding) -> Self {
        self.coding = Some(coding);
        self
    }

    /// The deadlines of this request. Default: the client's.
    pub fn timeouts(self, timeouts: Timeouts) -> Self {
        self.set(|settings| settings.timeouts = timeouts)
    }

    /// The deadline for all of this request; `None` takes it off. Default: the client's.
    pub fn timeout(self, total: impl Into<Option<Duration>>) -> Self {
        let total = total.into();
        self.set(|settings| settings.timeouts.total = total)
    }

    /// What to do on redirects. Default: as the client does.
    pub fn redirects(self, redirects: Redirects) -> Self {
        self.set(|settings| settings.redirects = redirects)
    }

    /// Whether it is sent once more where a kept connection broke before it answered. Default: the
    /// client's, where it is on.
    pub fn replay(self, replay: bool) -> Self {
        self.set(|settings| settings.replay = replay)
    }

    /// Whether a status of 400 and more is an error. Default: the client's, where it is not.
    pub fn raise_for_status(self, raise: bool) -> Self {
        self.set(|settings| settings.raise_for_status = raise)
    }

    /// Whether a compressed body is decoded. Default: the client's, where it is.
    pub fn decompress(self, decompress: bool) -> Self {
        self.set(|settings| settings.decompress = decompress)
    }

    /// Most decoded bytes that the response's body may have; more of them are an error. Default: the
    /// client's, where there is no limit.
    pub fn max_body(self, bytes: impl Into<Option<u64>>) -> Self {
        let bytes = bytes.into();
        self.set(|settings| settings.max_body = bytes)
    }

    /// Most decoded bytes for each encoded one. Default: the client's, where it is 1100.
    pub fn max_ratio(self, ratio: impl Into<Option<u32>>) -> Self {
        let ratio = ratio.into();
        self.set(|settings| settings.max_ratio = ratio)
    }

    /// Credentials by host in place of the client's; `None` uses none.
    pub fn netrc(self, netrc: impl Into<Option<Netrc>>) -> Self {
        let netrc = netrc.into().map(Arc::new);
        self.set(|settings| settings.netrc = netrc)
    }

    /// A tracer of this request besides the client's.
    pub fn tracer(self, tracer: impl Tracer) -> Self {
        self.set(|settings| {
            let own: Arc<dyn Tracer> = Arc::new(tracer);
            settings.tracers = settings.tracers.iter().cloned().chain([own]).collect();
        })
    }

    /// The proxy of this request, whatever the client's settings and the environment say; `None` goes
    /// without.
    pub fn proxy(self, proxy: impl Into<Option<Proxy>>) -> Self {
        let proxy = proxy.into();
        self.set(|settings| settings.proxies = Arc::new(proxy.into()))
    }

    /// Connects to this Unix socket; the URL's host goes into Host alone.
    pub fn unix_socket(self, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        self.set(|settings| Arc::make_mut(&mut settings.route).unix = Some(path))
    }

    /// The address to connect from. Default: the client's.
    pub fn local_address(self, address: impl Into<Option<IpAddr>>) -> Self {
        let address = address.into();
        self.set(|settings| Arc::make_mut(&mut settings.route).local = address)
    }

    /// The terms of TLS. Default: the client's.
    #[cfg(feature = "tls")]
    pub fn tls(self, tls: crate::TlsConfig) -> Self {
        self.set(|settings| Arc::make_mut(&mut settings.route).tls = tls)
    }

    /// The cookie store of this request; `None` neither sends nor keeps any. Default: the client's.
    pub fn cookie_store(self, store: impl Into<Option<Arc<dyn CookieStore>>>) -> Self {
        let store = store.into();
        self.set(|settings| settings.cookies = store)
    }

    /// Who caused the request, for cookies that say whom they follow. Default: no other site.
    pub fn same_site(self, context: SameSiteContext) -> Self {
        self.set(|settings| settings.same_site = context)
    }

    /// The middleware of this request in place of the client's; none at all with `[]`.
    pub fn middleware(self, middleware: impl IntoIterator<Item = Arc<dyn Middleware>>) -> Self {
        let middleware = middleware.into_iter().collect();
        self.set(|settings| settings.middleware = middleware)
    }

    /// Called with every interim response, such as `103 Early Hints`.
    pub fn on_interim(self, hook: impl Fn(&ResponseHead) + Send + Sync + 'static) -> Self {
        self.set(|settings| settings.on_interim = Some(Arc::new(hook)))
    }

    /// Bounds of what is parsed. Default: the client's. Shares no connection with requests of others.
    pub fn limits(self, limits: Limits) -> Self {
        self.set(|settings| Arc::make_mut(&mut settings.route).limits = Arc::new(limits))
    }

    /// Faults of response heads to overlook. Default: the client's. Shares no connection with requests
    /// that overlook others.
    pub fn leniency(self, leniency: Leniency) -> Self {
        self.set(|settings| Arc::make_mut(&mut settings.route).leniency = leniency)
    }

    /// Whether a URL by `http` is an error, also where a redirect leads. Default: the client's, where
    /// it is none.
    pub fn https_only(self, https_only: bool) -> Self {
        self.set(|settings| settings.https_only = https_only)
    }

    /// Attaches a value for middleware and tracers to find.
    pub fn extension<T: Clone + Send + Sync + 'static>(self, value: T) -> Self {
        self.edit(|request| {
            request.extensions.insert(value);
            Ok(())
        })
    }

    /// The request as it stands.
    ///
    /// # Errors
    ///
    /// What was wrong in the calls before.
    pub fn build(self) -> Result<Request, Error> {
        self.finish().1
    }

    fn finish(mut self) -> (Client, Result<Request, Error>) {
        if let (Some(own), Ok(request)) = (self.content_type.take(), &mut self.request)
            && !request.headers.contains("content-type")
        {
            request.headers.insert(CONTENT_TYPE, own);
        }
        #[cfg(feature = "compress")]
        if let Some(coding) = self.coding.take() {
            self = self.edit(|request| crate::compress::encode_request(request, coding));
        }
        (self.client, self.request)
    }

    /// The server-sent events of the URL, asked for when the first is awaited.
    ///
    /// # Errors
    ///
    /// What was wrong in the calls before.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), dunlin_client::Error> {
    /// let mut birds = dunlin_client::Client::new().get("https://example.com/birds").events()?;
    /// while let Some(event) = birds.next().await {
    ///     println!("{}", event?.data);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn events(self) -> Result<EventSource, Error> {
        let (client, request) = self.finish();
        Ok(EventSource::new(client, request?))
    }

    /// Sends the request and waits for the head of its response.
    ///
    /// Dropping the future cancels the request: a connection on which it was under way is closed.
    ///
    /// # Errors
    ///
    /// [`Error`], whose [phase](Error::phase) says how far it came.
    pub async fn send(self) -> Result<Response, Error> {
        let (client, request) = self.finish();
        client.execute(request?).await
    }
}

impl fmt::Debug for RequestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestBuilder").field(&self.request).finish()
    }
}
