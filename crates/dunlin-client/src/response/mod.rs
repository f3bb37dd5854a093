//! Responses: the head at once, the body as it comes.

mod content;
mod file;
mod info;
mod lines;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use dunlin_core::{Body, Headers, ResponseHead, Upgraded};
use http::header::CONTENT_TYPE;
use http::{Extensions, HeaderMap, Method, StatusCode, Version};
use http_body::Body as _;
use serde::de::DeserializeOwned;

pub use self::info::Link;
pub use self::lines::{LINE_MAX, Lines};
use crate::conn::{ConnInfo, Connection};
use crate::error::{Error, ErrorKind, Phase};
use crate::pool::Place;
use crate::redirect::Redirect;
use crate::settings::Settings;
use crate::url::Url;

/// A response whose head is here and whose body can be read.
///
/// Reading the body to its end gives the connection back. Dropping the response before closes it,
/// unless the rest of the body has come already. A body that breaks off is always an error, and so is
/// one that is longer than [`max_body`](crate::ClientBuilder::max_body).
///
/// ```no_run
/// # async fn run() -> Result<(), dunlin_client::Error> {
/// # let client = dunlin_client::Client::new();
/// let mut response = client.get("https://example.com/birds").send().await?.ok()?;
/// println!("{} {:?}", response.status(), response.header("content-type"));
/// while let Some(chunk) = response.chunk().await? {
///     println!("{} bytes", chunk.len());
/// }
/// # Ok(()) }
/// ```
pub struct Response {
    head: ResponseHead,
    body: Body,
    url: Url,
    history: Vec<Redirect>,
    info: Option<Arc<ConnInfo>>,
    upgraded: Option<Upgraded>,
    trailers: Option<HeaderMap>,
    /// What the body failed with: it is never taken for whole afterwards.
    failed: Option<Error>,
    extensions: Extensions,
}

impl Response {
    pub(crate) fn new(
        head: ResponseHead,
        body: Body,
        url: Url,
        info: Option<Arc<ConnInfo>>,
    ) -> Self {
        Self {
            head,
            body,
            url,
            history: Vec::new(),
            info,
            upgraded: None,
            trailers: None,
            failed: None,
            extensions: Extensions::new(),
        }
    }

    pub(crate) fn upgraded(
        head: ResponseHead,
        url: Url,
        info: Arc<ConnInfo>,
        conn: Connection,
        place: Place,
    ) -> Self {
        let (io, read_ahead) = conn.into_parts();
        let io = crate::conn::Held::new(io, place);
        let mut response = Self::new(head, Body::empty(), url, Some(info));
        response.upgraded = Some(Upgraded::new(io, read_ahead));
        response
    }

    /// Where the connection goes after a 101 that came by no connection of the pool.
    pub(crate) fn set_upgraded(&mut self, upgraded: Upgraded) {
        self.upgraded = Some(upgraded);
    }

    /// Takes the connection and leaves the rest.
    #[cfg(feature = "websocket")]
    pub(crate) fn take_upgraded(&mut self) -> Option<Upgraded> {
        self.upgraded.take()
    }

    /// Whether there is a connection to hand over and no body.
    pub(crate) fn is_upgraded(&self) -> bool {
        self.upgraded.is_some()
    }

    /// A response that no server sent: from a cache, a recording, a test.
    pub fn from_parts(head: ResponseHead, body: Body, url: Url) -> Self {
        Self::new(head, body, url, None)
    }

    /// The last step for a response that goes to the program.
    pub(crate) fn finish(
        &mut self,
        history: Vec<Redirect>,
        settings: &Settings,
    ) -> Result<(), Error> {
        self.history = history;
        self.decode(settings)?;
        if settings.raise_for_status {
            self.check_status()?;
        }
        Ok(())
    }

    /// Puts the decoder of the content coding and the limits of the body around it.
    fn decode(&mut self, settings: &Settings) -> Result<(), Error> {
        if self.body.is_empty() && self.body.as_whole().is_some() {
            return Ok(());
        }
        #[cfg(feature = "compress")]
        if settings.decompress {
            let body = std::mem::take(&mut self.body);
            self.body = crate::compress::decoded(body, &self.head.headers, settings.max_ratio);
        }
        if let Some(limit) = settings.max_body {
            let body = std::mem::take(&mut self.body);
            self.body = crate::limited::limited(body, limit);
            if let Some(declared) = self.body.exact_len()
                && declared > limit
            {
                let error = dunlin_core::BodyError::TooLarge { limit };
                return Err(Error::new(ErrorKind::Body(error), Phase::Body).with_url(&self.url));
            }
        }
        Ok(())
    }

    pub(crate) fn into_redirect(self, method: Method) -> Redirect {
        Redirect {
            url: self.url.clone(),
            method,
            status: self.head.status,
            headers: self.head.headers,
        }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.head.status
    }

    /// The words behind the status, where they are text: the server's, or else those of the standard.
    pub fn reason(&self) -> Option<&str> {
        match &self.head.reason {
            Some(reason) => std::str::from_utf8(reason.as_bytes()).ok(),
            None => self.head.status.canonical_reason(),
        }
    }

    /// The version that the server speaks.
    pub fn version(&self) -> Version {
        self.head.version
    }

    /// Status, version, reason and fields.
    pub fn head(&self) -> &ResponseHead {
        &self.head
    }

    /// The same, for middleware to change.
    pub fn head_mut(&mut self) -> &mut ResponseHead {
        &mut self.head
    }

    /// The fields, as they came: a decoded body keeps its `Content-Encoding`.
    pub fn headers(&self) -> &Headers {
        &self.head.headers
    }

    /// The first field of that name, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get_str(name)
    }

    /// The URL that answered: behind redirects the last.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The redirects that led here, first to last.
    pub fn history(&self) -> &[Redirect] {
        &self.history
    }

    /// The other end and what is known of it; `None` where no connection was used.
    pub fn connection(&self) -> Option<&ConnInfo> {
        self.info.as_deref()
    }

    /// What middleware attached.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// The same, to change.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }

    /// Fields behind a chunked body, once it has been read to its end by [`chunk`](Self::chunk).
    pub fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_ref()
    }

    /// The response, where its status is below 400.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Status`] otherwise.
    pub fn ok(self) -> Result<Self, Error> {
        self.check_status()?;
        Ok(self)
    }

    fn check_status(&self) -> Result<(), Error> {
        let status = self.head.status;
        if status.is_client_error() || status.is_server_error() {
            let error = Error::new(ErrorKind::Status { status }, Phase::Exchange);
            return Err(self.locate(error));
        }
        Ok(())
    }

    pub(crate) fn locate(&self, error: Error) -> Error {
        let peer = self.info.as_ref().and_then(|info| info.peer);
        error.with_url(&self.url).with_peer(peer)
    }

    /// Bytes that the body still has, where it is known: of the decoded body, and so never of one that
    /// is being decoded.
    pub fn content_length(&self) -> Option<u64> {
        self.body.exact_len()
    }

    /// The next bytes of the body; `None` at its end.
    ///
    /// # Errors
    ///
    /// [`Error::is_body`], where it breaks off, cannot be decoded or is too long.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        loop {
            let frame =
                std::future::poll_fn(|cx| std::pin::Pin::new(&mut self.body).poll_frame(cx));
            match frame.await {
                None => return Ok(None),
                Some(Err(error)) => {
                    let error = self.locate(error.into());
                    self.failed = Some(error.clone());
                    return Err(error);
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => return Ok(Some(data)),
                    Err(frame) => self.trailers = frame.into_trailers().ok(),
                },
            }
        }
    }

    /// The whole body.
    ///
    /// # Errors
    ///
    /// As [`chunk`](Self::chunk).
    pub async fn bytes(mut self) -> Result<Bytes, Error> {
        let body = std::mem::take(&mut self.body);
        body.bytes().await.map_err(|error| self.locate(error.into()))
    }

    /// The whole body as text: in the charset of its `Content-Type`, or of its byte order mark, or else
    /// in UTF-8. What is no text in it becomes U+FFFD.
    ///
    /// # Errors
    ///
    /// As [`chunk`](Self::chunk).
    pub async fn text(self) -> Result<String, Error> {
        let charset = self.charset();
        let bytes = self.bytes().await?;
        Ok(content::decode(&bytes, charset))
    }

    /// The whole body, read as JSON.
    ///
    /// # Errors
    ///
    /// As [`chunk`](Self::chunk), and [`ErrorKind::Content`] where it is none, or not what `T` takes.
    pub async fn json<T: DeserializeOwned>(mut self) -> Result<T, Error> {
        let body = std::mem::take(&mut self.body);
        let bytes = body.into_vec().await.map_err(|error| self.locate(error.into()))?;
        serde_json::from_slice(&bytes).map_err(|error| {
            let kind = ErrorKind::Content { what: "JSON", reason: Arc::new(error) };
            let error = Error::new(kind, Phase::Body);
            // A page in place of JSON is what its type tells first.
            let error = match self.headers().get_str(CONTENT_TYPE) {
                Some(found) if !found.contains("json") => error.with_content_type(found),
                _ => error,
            };
            self.locate(error)
        })
    }

    /// The body line by line, without the ends of lines.
    pub fn lines(self) -> Lines {
        Lines::new(self)
    }

    /// The body, to be handed on: to a response of a server, or to [`http_body`] code.
    pub fn into_body(self) -> Body {
        self.body
    }

    /// The body, for middleware to look at or replace.
    pub fn body_mut(&mut self) -> &mut Body {
        &mut self.body
    }

    /// Head and body.
    pub fn into_parts(self) -> (ResponseHead, Body) {
        (self.head, self.body)
    }

    /// The response in the `http` crate's types.
    pub fn into_http(self) -> http::Response<Body> {
        let mut response = self.head.into_http(self.body);
        *response.extensions_mut() = self.extensions;
        response
    }

    /// The connection, after a 101 or a 2xx to CONNECT.
    ///
    /// # Errors
    ///
    /// The response itself, where it is another one.
    pub fn into_upgraded(mut self) -> Result<Upgraded, Box<Self>> {
        match self.upgraded.take() {
            Some(upgraded) => Ok(upgraded),
            None => Err(Box::new(self)),
        }
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.head.status)
            .field("url", &self.url)
            .field("headers", &self.head.headers)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}
