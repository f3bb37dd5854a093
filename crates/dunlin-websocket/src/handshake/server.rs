//! The server's side (RFC 6455 §4.2).

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, PAD};
use dunlin_core::{IntoResponse, Request, RequestHead, Response};
use http::header::{
    CONNECTION, HOST, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderValue, Method, Version};

use super::error::{BadProtocol, Refused};
use super::list::{has_token, is_token, only};
use super::origin::Origins;
use super::{Agreed, accept_key};
use crate::config::{Config, Role};
use crate::proto::{Decoder, Encoder};
use crate::socket::{Served, WebSocket};

/// Accepts WebSockets: settings that are made once and held against every request.
///
/// ```
/// use dunlin_core::{Request, Response};
/// use dunlin_websocket::ServerHandshake;
///
/// async fn echo(req: Request) -> Response {
///     ServerHandshake::default().respond(&req, |mut ws| async move {
///         while let Some(Ok(message)) = ws.receive().await {
///             if ws.feed(message).await.is_err() {
///                 break;
///             }
///         }
///     })
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct ServerHandshake {
    config: Config,
    protocols: Vec<String>,
    origins: Origins,
}

impl ServerHandshake {
    /// A handshake for connections of these settings.
    pub fn new(config: Config) -> Self {
        Self { config, ..Self::default() }
    }

    /// The settings of the connections. Default: [`Config::default`].
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// The subprotocols that are spoken. Of those that the client names, the first that is among them is
    /// chosen; without one the connection is opened all the same, and has no
    /// [`protocol`](WebSocket::protocol). Default: none.
    ///
    /// # Errors
    ///
    /// [`BadProtocol`] for a name that no client could send.
    pub fn protocols<I: IntoIterator<Item: Into<String>>>(
        mut self,
        protocols: I,
    ) -> Result<Self, BadProtocol> {
        self.protocols = checked(protocols)?;
        Ok(self)
    }

    /// Whose pages may connect. Default: those of the same host and port.
    pub fn origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    /// Holds a request against the rules, and says what would be agreed on. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`Refused`], which is a response as well.
    pub fn check(&self, req: &Request) -> Result<Accepted, Refused> {
        self.check_head(req.head())
    }

    /// As [`check`](Self::check), where the request itself is gone.
    ///
    /// # Errors
    ///
    /// As of [`check`](Self::check).
    pub fn check_head(&self, head: &RequestHead) -> Result<Accepted, Refused> {
        let key = key_of(head)?;
        let headers = head.headers();
        let origin = only(headers, &ORIGIN).map_err(|_| Refused::Origin)?;
        if !self.origins.allows(origin, headers.get(&HOST)) {
            return Err(Refused::Origin);
        }
        let mut accepted = Accepted {
            accept: accept_key(key),
            config: self.config.clone(),
            agreed: Agreed::default(),
            extensions: None,
        };
        accepted.agreed.protocol = self.choose(headers).map(Into::into);
        #[cfg(feature = "deflate")]
        if let Some(deflate) = &self.config.deflate
            // A list that cannot be read offers nothing that could be taken.
            && let Ok(offers) = super::list::extensions(headers, &http::header::SEC_WEBSOCKET_EXTENSIONS)
            && let Some((params, answer)) = deflate.answer(&offers)
        {
            accepted.agreed.deflate = Some(params);
            accepted.extensions = Some(answer);
        }
        Ok(accepted)
    }

    /// Answers a request: with a 101, after which `then` has the socket, or with what is wrong.
    pub fn respond<F, Fut>(&self, req: &Request, then: F) -> Response
    where
        F: FnOnce(WebSocket) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        match self.check(req) {
            Ok(accepted) => accepted.on_upgrade(then),
            Err(refused) => refused.into_response(),
        }
    }

    /// The first of the client's subprotocols that is one of ours.
    fn choose(&self, headers: &dunlin_core::Headers) -> Option<&str> {
        headers
            .get_all(&SEC_WEBSOCKET_PROTOCOL)
            .flat_map(|value| value.split(|byte| *byte == b','))
            .find_map(|name| {
                self.protocols.iter().find(|ours| ours.as_bytes() == name.trim_ascii())
            })
            .map(String::as_str)
    }
}

/// Holds a request against what no setting changes, and gives its key.
fn key_of(head: &RequestHead) -> Result<&[u8], Refused> {
    if head.method() != Method::GET {
        return Err(Refused::Method);
    }
    let headers = head.headers();
    if !has_token(headers, &UPGRADE, "websocket") {
        return Err(Refused::NoUpgrade);
    }
    if head.version() != Version::HTTP_11 {
        return Err(Refused::HttpVersion);
    }
    if !has_token(headers, &CONNECTION, "upgrade") {
        return Err(Refused::NoConnection);
    }
    if only(headers, &SEC_WEBSOCKET_VERSION) != Ok(Some(b"13")) {
        return Err(Refused::Version);
    }
    match only(headers, &SEC_WEBSOCKET_KEY) {
        Ok(Some(key)) if KEY.decode(key).is_ok_and(|bytes| bytes.len() == 16) => Ok(key),
        _ => Err(Refused::Key),
    }
}

/// What a key is decoded by. Bits after its last byte may be set: there are clients that make up 22 characters, and
/// so does the example of RFC 6455 §4.1.
const KEY: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, PAD.with_decode_allow_trailing_bits(true));

/// Names that can stand in a list, each once (RFC 6455 §4.1).
pub(super) fn checked<I: IntoIterator<Item: Into<String>>>(
    protocols: I,
) -> Result<Vec<String>, BadProtocol> {
    let mut names: Vec<String> = Vec::new();
    for name in protocols {
        let name = name.into();
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(BadProtocol { name });
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// A request that can become a WebSocket.
#[derive(Debug)]
pub struct Accepted {
    accept: String,
    config: Config,
    agreed: Agreed,
    extensions: Option<String>,
}

impl Accepted {
    /// The subprotocol that was chosen.
    pub fn protocol(&self) -> Option<&str> {
        self.agreed.protocol.as_deref()
    }

    /// Both directions of the protocol with what is agreed on, for a transport of one's own.
    pub fn codec(&self) -> (Decoder, Encoder) {
        self.agreed.codec(Role::Server, self.config.limits)
    }

    /// The 101, after which `then` has the socket. It runs in the connection's own task, which lasts until the
    /// socket has come to its end, wherever `then` has moved it: a graceful end of the server waits for it.
    ///
    /// A socket that `then` drops is closed with 1000, or 1011 where it has panicked; see
    /// [`WebSocket`](WebSocket#the-end).
    pub fn on_upgrade<F, Fut>(self, then: F) -> Response
    where
        F: FnOnce(WebSocket) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let Self { accept, config, agreed, extensions } = self;
        // Base64, tokens and what we have put together ourselves: all of it is fit for a field.
        let fields = [
            (SEC_WEBSOCKET_ACCEPT, Some(accept)),
            (SEC_WEBSOCKET_PROTOCOL, agreed.protocol.as_deref().map(str::to_owned)),
            (http::header::SEC_WEBSOCKET_EXTENSIONS, extensions),
        ];
        let mut response = Response::upgrade(HeaderValue::from_static("websocket"), move |io| {
            Served::start(io, config, agreed, then)
        });
        for (name, value) in fields {
            if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
                response = response.with_header(name, value);
            }
        }
        response
    }
}

/// Whether a request asks for a WebSocket at all, rightly or not: what tells it from others for the same
/// path.
pub fn can_upgrade(req: &Request) -> bool {
    req.method() == Method::GET && has_token(req.headers(), &UPGRADE, "websocket")
}

/// Holds a request against what no setting changes: all of RFC 6455 §4.2.1 but the origin.
///
/// # Errors
///
/// [`Refused`], which is a response as well.
pub fn check_upgrade(head: &RequestHead) -> Result<(), Refused> {
    key_of(head).map(drop)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, StatusCode, Uri};

    use super::*;

    fn request(edit: impl FnOnce(&mut Request)) -> Request {
        let mut req = Request::new(Method::GET, Uri::from_static("/ws"), ());
        for (name, value) in [
            (HOST, "a.example"),
            (UPGRADE, "WebSocket"),
            (CONNECTION, "keep-alive, Upgrade"),
            (SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="),
            (SEC_WEBSOCKET_VERSION, "13"),
        ] {
            req.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        edit(&mut req);
        req
    }

    fn with(name: HeaderName, value: &'static str) -> Request {
        request(|req| req.headers_mut().insert(name, HeaderValue::from_static(value)))
    }

    fn without(name: &HeaderName) -> Request {
        request(|req| drop(req.headers_mut().remove(name)))
    }

    fn refused(req: &Request) -> Refused {
        ServerHandshake::default().check(req).unwrap_err()
    }

    #[test]
    fn each_fault_has_its_own_answer() {
        let twice = request(|req| {
            let again = HeaderValue::from_static("AQIDBAUGBwgJCgsMDQ4PEC==");
            req.headers_mut().append(SEC_WEBSOCKET_KEY, again);
        });
        assert_eq!(refused(&twice), Refused::Key);
        assert_eq!(refused(&without(&SEC_WEBSOCKET_KEY)), Refused::Key);
        assert_eq!(refused(&with(SEC_WEBSOCKET_KEY, "eHh4eHh4eHh4eHh4eHh4")), Refused::Key);
        assert_eq!(refused(&without(&UPGRADE)), Refused::NoUpgrade);
        assert_eq!(refused(&with(UPGRADE, "h2c")), Refused::NoUpgrade);
        assert_eq!(refused(&without(&CONNECTION)), Refused::NoConnection);
        assert_eq!(refused(&with(SEC_WEBSOCKET_VERSION, "12")), Refused::Version);
        assert_eq!(refused(&with(ORIGIN, "https://b.example")), Refused::Origin);
        let post = Request::new(Method::POST, Uri::from_static("/ws"), ());
        assert_eq!(refused(&post), Refused::Method);
        let response = Refused::Version.into_response();
        assert_eq!(response.status(), StatusCode::UPGRADE_REQUIRED);
        assert_eq!(response.headers().get(&SEC_WEBSOCKET_VERSION), Some(&b"13"[..]));
    }

    #[test]
    fn the_keys_of_the_standard_are_keys() {
        // RFC 6455 §1.3 and §4.1; the second has bits set after its last byte.
        for key in ["dGhlIHNhbXBsZSBub25jZQ==", "AQIDBAUGBwgJCgsMDQ4PEC=="] {
            assert!(ServerHandshake::default().check(&with(SEC_WEBSOCKET_KEY, key)).is_ok());
        }
        for bad in ["AQIDBAUGBwgJCgsMDQ4PEC", "AQIDBAUGBwgJCgsMDQ4PEC=", "AQIDBAUGBwgJCgsMDQ4P=="] {
            assert_eq!(refused(&with(SEC_WEBSOCKET_KEY, bad)), Refused::Key, "{bad}");
        }
    }

    #[test]
    fn the_clients_first_choice_that_we_speak_is_taken() {
        let handshake = ServerHandshake::default().protocols(["v1", "v2"]).unwrap();
        let accepted = handshake.check(&with(SEC_WEBSOCKET_PROTOCOL, "v3, v2,v1")).unwrap();
        assert_eq!(accepted.protocol(), Some("v2"));
        let response = accepted.on_upgrade(|_| async {});
        assert_eq!(response.headers().get(&SEC_WEBSOCKET_PROTOCOL), Some(&b"v2"[..]));
        assert_eq!(handshake.check(&with(SEC_WEBSOCKET_PROTOCOL, "v3")).unwrap().protocol(), None);
        assert!(ServerHandshake::default().protocols(["not a token"]).is_err());
    }

    #[test]
    fn who_asks_for_a_websocket_is_told_from_others() {
        assert!(can_upgrade(&request(|_| ())));
        assert!(!can_upgrade(&without(&UPGRADE)));
    }
}
