//! WebSockets over the client: the same cookies, proxies, TLS, middleware, redirects and traces.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use dunlin_core::{BoxError, Headers, ResponseHead};
use dunlin_websocket::{ClientHandshake, Config, HandshakeError, WebSocket};
use http::header::{
    CONNECTION, ORIGIN, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderName, HeaderValue, Method, StatusCode, Version};

use crate::client::Client;
use crate::error::{Error, ErrorKind, Phase};
use crate::request::{Request, RequestBuilder};
use crate::response::Response;
use crate::settings::Settings;
use crate::url::IntoUrl;

/// Bytes of a refusal's body that its error keeps.
const BODY_MAX: usize = 4 * 1024;

/// Longest wait for them.
const BODY_WAIT: Duration = Duration::from_secs(1);

/// The handshake's own fields: they are set last, whatever the request says.
const OWN: [HeaderName; 6] = [
    UPGRADE,
    CONNECTION,
    SEC_WEBSOCKET_VERSION,
    SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_EXTENSIONS,
];

impl Client {
    /// Opens a WebSocket (RFC 6455 §4.1): `ws` and `wss` URLs, and `http` and `https` for the same.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = dunlin_client::Client::new();
    /// let mut ws = client.ws_connect("wss://example.com/feed").protocols(["v1"]).send().await?;
    /// ws.send("hello").await?;
    /// while let Some(message) = ws.receive().await {
    ///     println!("{:?}", message?);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn ws_connect(&self, url: impl IntoUrl) -> WsBuilder {
        WsBuilder {
            client: self.clone(),
            request: self.request(Method::GET, url),
            config: Config::default(),
            protocols: Vec::new(),
        }
    }
}

/// A WebSocket that is to be opened. What is wrong in it is told by [`send`](Self::send).
///
/// It is opened by a request as any other: with the client's fields, cookies and credentials, through its proxies,
/// middleware and redirects, within its timeouts. [`request`](Self::request) changes any of them for this one.
/// Timeouts of requests end with the handshake; how long a peer may be silent from then on, and take to close,
/// is [`Config`]'s.
///
/// The connection goes to no other request afterwards. It keeps its place in the pool, and so counts against
/// [`PoolLimits`](crate::PoolLimits) and in [`PoolMetrics::open`](crate::PoolMetrics::open), until the socket
/// has come to its end or is dropped.
#[must_use = "nothing is opened until it is sent"]
pub struct WsBuilder {
    client: Client,
    request: RequestBuilder,
    config: Config,
    protocols: Vec<String>,
}

impl WsBuilder {
    /// Settings of the connection: limits, compression, heartbeat. Default: [`Config::default`].
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// The subprotocols to choose from, the preferred one first. An answer that names another is an error;
    /// one that names none is not, and [`WebSocket::protocol`] says so. Default: none.
    pub fn protocols<I: IntoIterator<Item: Into<String>>>(mut self, protocols: I) -> Self {
        self.protocols = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// The page that connects, for servers that ask for one: `https://example.com`. Default: none, as of
    /// programs that are no browser.
    pub fn origin(self, origin: &str) -> Self {
        self.header(ORIGIN, origin)
    }

    /// Sets a field; fields of that name that were set before stay. Those of the handshake itself are not to be
    /// set.
    pub fn header<N, V>(self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName, Error: Into<BoxError>>,
        V: TryInto<HeaderValue, Error: Into<BoxError>>,
    {
        self.request(|request| request.header(name, value))
    }

    /// The deadline for opening the connection and the handshake, redirects and all; `None` takes it off.
    /// Default: the client's [`total`](crate::Timeouts::total).
    pub fn timeout(self, total: impl Into<Option<Duration>>) -> Self {
        let total = total.into();
        self.request(|request| request.timeout(total))
    }

    /// Changes anything else of the request that opens it.
    ///
    /// ```
    /// # let client = dunlin_client::Client::new();
    /// let ws = client.ws_connect("wss://example.com/").request(|request| {
    ///     request.bearer_auth("token").query(&[("room", "birds")]).proxy(None)
    /// });
    /// # drop(ws);
    /// ```
    pub fn request(mut self, edit: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        self.request = edit(self.request);
        self
    }

    /// Opens it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Handshake`] where the server answers otherwise, with what it answered; and whatever else can
    /// go wrong with a request.
    pub async fn send(self) -> Result<WebSocket, Error> {
        self.send_with_response().await.map(|(ws, _)| ws)
    }

    /// Opens it, and gives the 101 as well: its fields, the redirects before it, both addresses.
    ///
    /// # Errors
    ///
    /// As of [`send`](Self::send).
    pub async fn send_with_response(self) -> Result<(WebSocket, Response), Error> {
        let Self { client, request, config, protocols } = self;
        let mut request = request.build()?;
        let handshake = ClientHandshake::new(config)
            .protocols(protocols)
            .map_err(|error| Error::invalid("the subprotocols", error).with_url(request.url()))?;
        prepare(&mut request, &handshake);
        let mut response = client.execute(request).await?;
        let confirmed = match handshake.check(response.head()) {
            Ok(confirmed) => confirmed,
            Err(reason) => return Err(refused(reason, response).await),
        };
        match response.take_upgraded() {
            Some(connection) => Ok((confirmed.open(connection), response)),
            None => Err(response.locate(Error::other("a 101 came without its connection"))),
        }
    }
}

/// Makes a request one for a WebSocket.
fn prepare(request: &mut Request, handshake: &ClientHandshake) {
    let headers = request.headers_mut();
    for name in &OWN {
        headers.remove(name);
    }
    for (name, value) in handshake.headers() {
        headers.append(name, value);
    }
    let settings: &mut Settings = Arc::make_mut(&mut request.settings);
    settings.version = Version::HTTP_11;
    // What is answered instead of a 101 is told as a whole, and read here within other bounds.
    settings.raise_for_status = false;
    settings.max_body = None;
}

async fn refused(reason: HandshakeError, mut response: Response) -> Error {
    let mut body = BytesMut::new();
    let reading = async {
        while body.len() < BODY_MAX
            && let Ok(Some(chunk)) = response.chunk().await
        {
            body.extend_from_slice(&chunk[..chunk.len().min(BODY_MAX - body.len())]);
        }
    };
    // What came in time is told.
    let _ = tokio::time::timeout(BODY_WAIT, reading).await;
    let refusal = WsRefusal { reason, head: response.head().clone(), body: body.freeze() };
    let kind = ErrorKind::Handshake(Arc::new(refusal));
    response.locate(Error::new(kind, Phase::Exchange))
}

/// An answer that opens no WebSocket: see [`ErrorKind::Handshake`].
///
/// ```
/// use dunlin_client::{Error, ErrorKind};
///
/// fn asks_for_login(error: &Error) -> bool {
///     matches!(error.kind(), ErrorKind::Handshake(refusal) if refusal.status() == 401)
/// }
/// # let _ = asks_for_login;
/// ```
#[derive(Clone, Debug)]
pub struct WsRefusal {
    reason: HandshakeError,
    head: ResponseHead,
    body: Bytes,
}

impl WsRefusal {
    /// What is wrong with the answer.
    pub fn reason(&self) -> &HandshakeError {
        &self.reason
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.head.status
    }

    /// Its fields.
    pub fn headers(&self) -> &Headers {
        &self.head.headers
    }

    /// The beginning of its body, decoded: up to 4 KiB, and what came within a second.
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

impl fmt::Display for WsRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        let text = String::from_utf8_lossy(&self.body);
        // A line such as `404: Not Found` repeats the status.
        let status = self.head.status.as_str();
        let says_more = |line: &&str| !line.is_empty() && !line.starts_with(status);
        let first = text.lines().map(str::trim).find(says_more).unwrap_or_default();
        // Words for a log: no page, and nothing that moves a terminal's cursor.
        let is_words = !first.is_empty() && !first.starts_with('<');
        if is_words && !first.chars().any(char::is_control) {
            let words: String = first.chars().take(120).collect();
            write!(f, ": {words:?}")?;
        }
        Ok(())
    }
}

impl std::error::Error for WsRefusal {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.reason)
    }
}

impl fmt::Debug for WsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsBuilder")
            .field("request", &self.request)
            .field("config", &self.config)
            .field("protocols", &self.protocols)
            .finish_non_exhaustive()
    }
}
