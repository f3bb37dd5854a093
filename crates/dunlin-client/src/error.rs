//! The one error of the client: what went wrong, in which phase, with whom.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dunlin_codec::{ClientError, HeadError, SendError};
use dunlin_core::{BodyError, BoxError};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::url::{Origin, Redacted, Url};

/// Why a request failed.
///
/// It says in its text what happened, with whom and when; [`phase`](Self::phase),
/// [`requested_url`](Self::requested_url), [`host`](Self::host), [`port`](Self::port),
/// [`peer`](Self::peer) and [`source`](std::error::Error::source) say the same to programs. Passwords
/// of URLs are not shown.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use dunlin_client::{Client, Phase};
///
/// let error = Client::new().get("http://127.0.0.1:1/").send().await.unwrap_err();
/// assert!(error.is_connect() && !error.is_timeout());
/// assert_eq!((error.phase(), error.host(), error.port()), (Phase::Connect, Some("127.0.0.1"), Some(1)));
/// # });
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    phase: Phase,
    url: Option<Url>,
    /// Who was connected to, where that is not who the URL names: a proxy.
    origin: Option<Origin>,
    peer: Option<SocketAddr>,
    retry: Stale,
    /// The body's media type, where it is none of what it was read as.
    content_type: Option<Box<str>>,
}

/// What a broken connection says about whether its request may be sent again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stale {
    No,
    /// The connection had been used before, and no byte of a response had come.
    Unanswered,
    /// Besides, no byte of the request had left.
    Unsent,
}

/// How far the request had come.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Nothing has left the program: URL, fields, body or settings are at fault.
    Request,
    /// Waiting for a place in the pool.
    Queue,
    /// Looking the host's name up.
    Resolve,
    /// Opening a TCP connection or a Unix socket.
    Connect,
    /// Asking a proxy for the connection.
    Proxy,
    /// Shaking hands by TLS.
    Tls,
    /// Sending the request, or waiting for the head of its response.
    Exchange,
    /// Reading the response's body.
    Body,
    /// Following a redirect.
    Redirect,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "before sending",
            Self::Queue => "waiting for a connection",
            Self::Resolve => "resolving the name",
            Self::Connect => "connecting",
            Self::Proxy => "asking the proxy",
            Self::Tls => "shaking hands by TLS",
            Self::Exchange => "waiting for the response",
            Self::Body => "reading the response's body",
            Self::Redirect => "following a redirect",
        })
    }
}

type Source = Arc<dyn std::error::Error + Send + Sync>;

/// What went wrong.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The URL cannot be requested.
    #[error("cannot request {url:?}: {reason}")]
    Url {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting or a part of the request is not valid.
    #[error("{what}: {reason}")]
    Invalid {
        /// The setting or part.
        what: &'static str,
        /// What is wrong with it.
        reason: Source,
    },
    /// A deadline passed; the setting to change is named by the field of
    /// [`Timeouts`](crate::Timeouts).
    #[error("no success within {after:?} ({setting} timeout)")]
    Timeout {
        /// The deadline.
        after: Duration,
        /// Which of the timeouts it was.
        setting: &'static str,
    },
    /// The name has no address.
    #[error("cannot resolve the name: {0}")]
    Resolve(#[source] Source),
    /// No connection came about.
    #[error("cannot connect: {0}")]
    Connect(#[source] Source),
    /// The address is not one that the client may connect to.
    #[error("the address is refused: {0}")]
    Refused(#[source] Source),
    /// TLS failed: a certificate that is not trusted, or no common version.
    #[error("TLS failed: {0}")]
    Tls(#[source] Source),
    /// The certificate is none of those that are pinned.
    #[error("the certificate with SHA-256 {found} is not one of those pinned")]
    Pin {
        /// SHA-256 of the certificate that came, in hexadecimal.
        found: String,
    },
    /// The proxy refused the connection.
    #[error("the proxy refused: {reason}")]
    Proxy {
        /// Its status, where it speaks HTTP.
        status: Option<StatusCode>,
        /// What it said.
        reason: String,
    },
    /// Reading or writing failed.
    #[error("the connection failed: {0}")]
    Io(#[source] Arc<io::Error>),
    /// The server broke the rules of HTTP, or cut its response.
    #[error("bad response: {0}")]
    Protocol(#[source] ClientError),
    /// The request breaks the rules of HTTP and was not sent.
    #[error("the request cannot be sent: {0}")]
    Send(#[source] SendError),
    /// The request's own body failed while it was sent.
    #[error("the request's body failed: {0}")]
    RequestBody(#[source] BodyError),
    /// The body cannot be decoded, or is longer than allowed.
    #[error("{0}")]
    Body(#[source] BodyError),
    /// The body was decoded, and is not what was asked for.
    #[error("the body is no valid {what}: {reason}")]
    Content {
        /// What it was taken for.
        what: &'static str,
        /// Where it is wrong.
        reason: Source,
    },
    /// More redirects than allowed.
    #[error("more than {limit} redirects")]
    TooManyRedirects {
        /// The limit.
        limit: usize,
    },
    /// A redirect that cannot be followed.
    #[error("cannot follow the redirect: {0}")]
    Redirect(#[source] Source),
    /// The status says that the request failed, and an error was asked for then.
    #[error("the server answered {status}")]
    Status {
        /// The status.
        status: StatusCode,
    },
    /// The server's answer opens no WebSocket.
    #[cfg(feature = "websocket")]
    #[error("no WebSocket: {0}")]
    Handshake(#[source] Arc<crate::ws::WsRefusal>),
    /// The client was closed.
    #[error("the client is closed")]
    Closed,
    /// Middleware, a resolver, a cookie store or a body's sink failed.
    #[error("{0}")]
    Other(#[source] Source),
}

impl ErrorKind {
    /// Whether its text says by itself how far the request had come.
    fn tells(&self, phase: Phase) -> bool {
        match self {
            Self::Resolve(_)
            | Self::Connect(_)
            | Self::Refused(_)
            | Self::Tls(_)
            | Self::Pin { .. }
            | Self::Proxy { .. }
            | Self::TooManyRedirects { .. }
            | Self::Redirect(_)
            | Self::Status { .. } => true,
            #[cfg(feature = "websocket")]
            Self::Handshake(_) => true,
            _ => phase == Phase::Request,
        }
    }

    /// What to do about the common failures, at the end of the text.
    fn hint(&self) -> &'static str {
        match self {
            Self::Connect(source) if is_refused(&**source) => {
                "; nothing listens there: is the server running, and is the port right?"
            }
            Self::Protocol(ClientError::Head(HeadError::Version { .. })) => {
                "; it does not begin as HTTP/1 does: is the port right, and is it http, not https?"
            }
            Self::TooManyRedirects { .. } => "; the limit is that of `Redirects::follow`",
            Self::Body(BodyError::TooLarge { .. }) => "; the limit is that of `max_body`",
            _ => "",
        }
    }
}

fn is_refused(error: &(dyn std::error::Error + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

impl Error {
    /// An error of a kind, in a phase.
    pub fn new(kind: ErrorKind, phase: Phase) -> Self {
        Self(Arc::new(Inner {
            kind,
            phase,
            url: None,
            origin: None,
            peer: None,
            retry: Stale::No,
            content_type: None,
        }))
    }

    /// Any error, for middleware that fails.
    pub fn other(error: impl Into<BoxError>) -> Self {
        Self::new(ErrorKind::Other(error.into().into()), Phase::Request)
    }

    pub(crate) fn url(url: impl Into<String>, reason: impl fmt::Display) -> Self {
        let url = redacted(&url.into());
        let kind = ErrorKind::Url { url, reason: reason.to_string() };
        Self::new(kind, Phase::Request)
    }

    pub(crate) fn invalid(what: &'static str, reason: impl Into<BoxError>) -> Self {
        Self::new(ErrorKind::Invalid { what, reason: reason.into().into() }, Phase::Request)
    }

    /// A field that a program sets, or what is wrong with it.
    pub(crate) fn field<N, V>(name: N, value: V) -> Result<(HeaderName, HeaderValue), Self>
    where
        N: TryInto<HeaderName, Error: Into<BoxError>>,
        V: TryInto<HeaderValue, Error: Into<BoxError>>,
    {
        let name = name.try_into().map_err(|error| Self::invalid("not a field name", error))?;
        let value = value.try_into().map_err(|error| {
            let (error, hint) =
                (error.into(), "line breaks and control characters are not allowed");
            Self::invalid("not a field value", format!("{name}: {error}; {hint}"))
        })?;
        Ok((name, value))
    }

    pub(crate) fn timeout(phase: Phase, setting: &'static str, after: Duration) -> Self {
        Self::new(ErrorKind::Timeout { after, setting }, phase)
    }

    pub(crate) fn io(phase: Phase, error: io::Error) -> Self {
        Self::new(ErrorKind::Io(Arc::new(error)), phase)
    }

    pub(crate) fn protocol(phase: Phase, error: ClientError) -> Self {
        Self::new(ErrorKind::Protocol(error), phase)
    }

    fn edit(mut self, edit: impl FnOnce(&mut Inner)) -> Self {
        edit(Arc::make_mut(&mut self.0));
        self
    }

    /// Names the URL, where none is named yet.
    #[must_use]
    pub fn with_url(self, url: &Url) -> Self {
        if self.0.url.is_some() {
            return self;
        }
        self.edit(|inner| inner.url = Some(url.clone()))
    }

    pub(crate) fn with_origin(self, origin: &Origin) -> Self {
        if self.0.origin.is_some() {
            return self;
        }
        self.edit(|inner| inner.origin = Some(origin.clone()))
    }

    pub(crate) fn with_peer(self, peer: Option<SocketAddr>) -> Self {
        if peer.is_none() || self.0.peer.is_some() {
            return self;
        }
        self.edit(|inner| inner.peer = peer)
    }

    /// Says what the body was, by its `Content-Type`, of which 100 characters are kept.
    pub(crate) fn with_content_type(self, found: &str) -> Self {
        self.edit(|inner| inner.content_type = Some(found.chars().take(100).collect()))
    }

    pub(crate) fn stale(self, how: Stale) -> Self {
        self.edit(|inner| inner.retry = how)
    }

    /// An error behind which nothing is sent again.
    pub(crate) fn settled(self) -> Self {
        if self.0.retry == Stale::No {
            return self;
        }
        self.edit(|inner| inner.retry = Stale::No)
    }

    pub(crate) fn is_stale(&self) -> bool {
        self.0.retry != Stale::No
    }

    pub(crate) fn is_unsent(&self) -> bool {
        self.0.retry == Stale::Unsent
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// How far the request had come.
    pub fn phase(&self) -> Phase {
        self.0.phase
    }

    /// The URL that was asked for, after redirects the last.
    pub fn requested_url(&self) -> Option<&Url> {
        self.0.url.as_ref()
    }

    /// The host that was spoken to: the server, or the proxy.
    pub fn host(&self) -> Option<&str> {
        self.spoken_to().map(Origin::host)
    }

    /// Its port.
    pub fn port(&self) -> Option<u16> {
        self.spoken_to().map(Origin::port)
    }

    fn spoken_to(&self) -> Option<&Origin> {
        self.0.origin.as_ref().or_else(|| self.0.url.as_ref().map(Url::origin))
    }

    /// The address of the other end, where it came to one.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.0.peer
    }

    /// The status, where the server's or the proxy's answer is the failure.
    pub fn status(&self) -> Option<StatusCode> {
        match &self.0.kind {
            ErrorKind::Status { status } => Some(*status),
            ErrorKind::Proxy { status, .. } => *status,
            #[cfg(feature = "websocket")]
            ErrorKind::Handshake(refusal) => Some(refusal.status()),
            _ => None,
        }
    }

    /// Whether the text has this address without its being added.
    fn has_shown(&self, peer: SocketAddr) -> bool {
        matches!(self.0.kind, ErrorKind::Connect(_))
            || self.spoken_to().is_some_and(|origin| {
                origin.ip() == Some(peer.ip()) && origin.port() == peer.port()
            })
    }

    /// Whether nothing was sent because URL, fields, body or settings are not valid.
    pub fn is_request(&self) -> bool {
        self.0.phase == Phase::Request
    }

    /// Whether a deadline passed, the client's or the system's.
    pub fn is_timeout(&self) -> bool {
        match &self.0.kind {
            ErrorKind::Timeout { .. } | ErrorKind::Body(BodyError::TimedOut) => true,
            ErrorKind::Io(error) => error.kind() == io::ErrorKind::TimedOut,
            ErrorKind::Connect(source) => source
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == io::ErrorKind::TimedOut),
            _ => false,
        }
    }

    /// Whether there was no connection to send the request on: the server has not seen it.
    pub fn is_connect(&self) -> bool {
        use Phase::{Connect, Proxy, Queue, Resolve, Tls};
        matches!(self.0.phase, Queue | Resolve | Connect | Proxy | Tls)
    }

    /// Whether the response's head had come and its body failed.
    pub fn is_body(&self) -> bool {
        self.0.phase == Phase::Body
    }

    /// Whether redirects are at fault.
    pub fn is_redirect(&self) -> bool {
        self.0.phase == Phase::Redirect
    }

    /// Whether a status was made an error.
    pub fn is_status(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Status { .. })
    }
}

/// Text that was meant for a URL, without the password that may stand in it.
fn redacted(text: &str) -> String {
    let start = text.find(':').map_or(0, |colon| colon + 1);
    let start = start + text[start..].len() - text[start..].trim_start_matches(['/', '\\']).len();
    let end = text[start..].find(['/', '?', '#']).map_or(text.len(), |end| start + end);
    match text[start..end].rfind('@') {
        Some(at) => format!("{}***@{}", &text[..start], &text[start + at + 1..]),
        None => text.to_owned(),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        match (&inner.kind, self.host()) {
            // What a resolver says does not name what it was asked for.
            (ErrorKind::Resolve(error), Some(host)) => {
                write!(f, "cannot resolve the name {host}: {error}")?;
            }
            (kind, _) => write!(f, "{kind}")?,
        }
        if let Some(found) = &inner.content_type {
            write!(f, " (its Content-Type is {found})")?;
        }
        if !inner.kind.tells(inner.phase) {
            write!(f, ", {}", inner.phase)?;
        }
        if let Some(proxy) = &inner.origin {
            write!(f, ", through the proxy {}", proxy.authority())?;
        }
        if let Some(peer) = inner.peer
            && !self.has_shown(peer)
        {
            write!(f, " [{peer}]")?;
        }
        if let Some(url) = &inner.url {
            write!(f, ", for {}", Redacted(url))?;
        }
        f.write_str(inner.kind.hint())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("phase", &self.0.phase)
            .field("url", &self.0.url)
            .field("peer", &self.0.peer)
            .finish_non_exhaustive()
    }
}

/// What went wrong stands in the text; the source is what lies beneath it.
impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        use ErrorKind::{Connect, Io, Other, Redirect, Refused, Resolve, Tls};
        match &self.0.kind {
            // Out of its `Arc`, which would hide its type from a downcast.
            Resolve(error) | Connect(error) | Refused(error) | Tls(error) | Redirect(error)
            | Other(error) => Some(&**error),
            Io(error) => Some(&**error),
            #[cfg(feature = "websocket")]
            ErrorKind::Handshake(refusal) => Some(&**refusal),
            kind => std::error::Error::source(kind),
        }
    }
}

/// A body carries the client's errors to whoever reads it.
impl From<Error> for BodyError {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Body(body) => body.clone(),
            _ => Self::source(error),
        }
    }
}

/// What a response's body failed with: the client's own error again, where it was one.
impl From<BodyError> for Error {
    fn from(error: BodyError) -> Self {
        if let BodyError::Source(source) = &error
            && let Some(own) = source.downcast_ref::<Self>()
        {
            return own.clone();
        }
        Self::new(ErrorKind::Body(error), Phase::Body)
    }
}
