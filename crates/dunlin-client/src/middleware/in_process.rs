//! Requests answered by a service of the same process.

use std::fmt;
use std::sync::Arc;

use dunlin_core::{Body, BoxFuture, DynService, RequestHead, Service, Upgraded};
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, StatusCode, Uri};

use super::whole::with_trailers;
use super::{Middleware, Next};
use crate::error::Error;
use crate::request::Request;
use crate::response::Response;
use crate::url::{Origin, Url};

/// Hands requests to a service in place of a server, without sockets: a test's way into an app, and
/// an app's way into another.
///
/// The service sees what it would see behind a server: the path and query as target, `Host`, and the
/// body with its framing field. What it answers comes back as a server would send it, so that HEAD,
/// 204 and 304 have no body. It runs within the future that waits for the response and is cancelled
/// with it. No timeout but [`total`](crate::Timeouts::total) applies, and that one to the head.
///
/// Add it last: middleware behind it is only asked about other hosts, where
/// [`for_host`](Self::for_host) names one.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use dunlin_client::{Client, InProcess};
/// use dunlin_web::{App, Path};
///
/// async fn hello(Path(name): Path<String>) -> String {
///     format!("Hello, {name}!")
/// }
///
/// let app = App::new().add_get("/hello/{name}", hello).build().unwrap();
/// let client = Client::builder().with(InProcess::new(app)).build()?;
/// let text = client.get("http://app/hello/ada").send().await?.ok()?.text().await?;
/// assert_eq!(text, "Hello, ada!");
/// # Ok::<(), dunlin_client::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct InProcess {
    service: Arc<dyn DynService>,
    host: Option<Box<str>>,
}

impl InProcess {
    /// Answers by the service, such as a built app of `dunlin_web`.
    pub fn new(service: impl Service) -> Self {
        Self { service: Arc::new(service), host: None }
    }

    /// Answers for this host alone, by any scheme and port; other requests go on. Default: for all.
    #[must_use]
    pub fn for_host(mut self, host: &str) -> Self {
        self.host = Some(host.to_ascii_lowercase().into());
        self
    }

    async fn answer(&self, mut request: Request) -> Result<Response, Error> {
        let (url, is_head) = (request.url().clone(), request.method() == Method::HEAD);
        let body = request.body().take().ok_or_else(|| {
            Error::invalid("the request's body", "it is a stream that has been sent already")
                .with_url(&url)
        })?;
        let body = with_trailers(body, request.trailers.take().map(|fields| *fields));
        let head = received(&mut request, &body);
        let mut asked = dunlin_core::Request::from_head(head, body);
        *asked.extensions_mut() = std::mem::take(request.extensions_mut());

        let mut answer = self.service.call_dyn(asked).await;
        let extensions = std::mem::take(answer.extensions_mut());
        let (mut head, mut body) = answer.into_parts();
        let upgrade = body.take_upgrade();
        let has_none = head.status.is_informational()
            || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if let Some(len) = body.exact_len()
            && !has_none
            && !head.headers.contains("content-length")
        {
            head.headers.append(CONTENT_LENGTH, len.into());
        }
        if has_none || is_head {
            body = Body::empty();
        }
        let mut response = Response::from_parts(head, body, url);
        *response.extensions_mut() = extensions;
        if let Some(upgrade) = upgrade {
            let (ours, theirs) = tokio::io::duplex(DUPLEX);
            tokio::spawn(upgrade.run(Upgraded::new(theirs, bytes::Bytes::new())));
            response.set_upgraded(Upgraded::new(ours, bytes::Bytes::new()));
        }
        Ok(response)
    }
}

/// Bytes under way in each direction of an upgraded connection.
const DUPLEX: usize = 64 * 1024;

/// The head as the service of a server sees it.
fn received(request: &mut Request, body: &Body) -> RequestHead {
    let url = request.url().clone();
    let path = url.uri().path_and_query().cloned();
    let target = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
    let mut head = RequestHead::new(request.method().clone(), Uri::from(target));
    let headers = head.headers_mut();
    *headers = std::mem::take(request.headers_mut());
    if !headers.contains("host")
        && let Ok(host) = HeaderValue::try_from(host_of(&url))
    {
        headers.insert(HOST, host);
    }
    if !headers.contains("content-length") && !headers.contains("transfer-encoding") {
        let expected = matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH);
        match body.exact_len() {
            Some(0) if !expected => {}
            Some(len) => headers.append(CONTENT_LENGTH, len.into()),
            None => headers.append(TRANSFER_ENCODING, HeaderValue::from_static("chunked")),
        }
    }
    head
}

/// As `Host` has it: the port only where it is not the scheme's (RFC 9110 §7.2).
fn host_of(url: &Url) -> String {
    let authority = url.uri().authority().map(|authority| authority.as_str().to_owned());
    authority.unwrap_or_else(|| Origin::authority(url.origin()))
}

impl Middleware for InProcess {
    fn handle(&self, request: Request, next: Next) -> BoxFuture<'_, Result<Response, Error>> {
        Box::pin(async move {
            match &self.host {
                Some(host) if **host != *request.url().host() => next.run(request).await,
                _ => self.answer(request).await,
            }
        })
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcess").field("host", &self.host).finish_non_exhaustive()
    }
}
