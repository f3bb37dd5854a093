//! The client's side (RFC 6455 §4.1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dunlin_core::{ResponseHead, Upgraded};
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderName, HeaderValue, StatusCode};

use super::error::{BadProtocol, HandshakeError};
use super::list::{has_token, only};
use super::server::checked;
use super::{Agreed, Extension, accept_key};
use crate::config::{Config, Role};
use crate::deflate::DeflateParams;
use crate::proto::{Decoder, Encoder, Keys};
use crate::socket::WebSocket;

/// Opens one WebSocket: the fields of the request, and the check of what is answered.
///
/// It sends nothing itself, so that any HTTP client can:
///
/// ```
/// use dunlin_core::{ResponseHead, Upgraded};
/// use dunlin_websocket::{ClientHandshake, Config, HandshakeError, WebSocket};
///
/// # fn send(_: Vec<(http::HeaderName, http::HeaderValue)>) -> (ResponseHead, Upgraded) {
/// #     (ResponseHead::default(), Upgraded::new(tokio::io::empty(), bytes::Bytes::new()))
/// # }
/// fn open() -> Result<WebSocket, HandshakeError> {
///     let handshake = ClientHandshake::new(Config::default());
///     let (head, connection) = send(handshake.headers()); // a GET
///     Ok(handshake.check(&head)?.open(connection))
/// }
/// # assert!(open().is_err());
/// ```
#[derive(Debug)]
pub struct ClientHandshake {
    config: Config,
    protocols: Vec<String>,
    key: String,
}

impl ClientHandshake {
    /// A handshake with a key of its own, for one request.
    pub fn new(config: Config) -> Self {
        let mut keys = Keys::new();
        let mut key = [0; 16];
        for half in key.chunks_exact_mut(8) {
            half.copy_from_slice(&keys.next().to_ne_bytes());
        }
        Self { config, protocols: Vec::new(), key: STANDARD.encode(key) }
    }

    /// The subprotocols to choose from, the preferred one first. Default: none.
    ///
    /// # Errors
    ///
    /// [`BadProtocol`] for a name that cannot stand in a list.
    pub fn protocols<I: IntoIterator<Item: Into<String>>>(
        mut self,
        protocols: I,
    ) -> Result<Self, BadProtocol> {
        self.protocols = checked(protocols)?;
        Ok(self)
    }

    /// The fields that make a GET a request for a WebSocket.
    pub fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        let mut fields = vec![
            (UPGRADE, HeaderValue::from_static("websocket")),
            (CONNECTION, HeaderValue::from_static("Upgrade")),
            (SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")),
        ];
        // Base64, tokens and what we have put together ourselves: all of it is fit for a field.
        let mut add = |name, value: &str| {
            fields.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        };
        add(SEC_WEBSOCKET_KEY, &self.key);
        if !self.protocols.is_empty() {
            add(SEC_WEBSOCKET_PROTOCOL, &self.protocols.join(", "));
        }
        #[cfg(feature = "deflate")]
        if let Some(deflate) = &self.config.deflate {
            add(SEC_WEBSOCKET_EXTENSIONS, &deflate.offer());
        }
        fields
    }

    /// Holds the answer against the rules and against what was offered.
    ///
    /// # Errors
    ///
    /// [`HandshakeError`]; the connection is of no use then.
    pub fn check(self, head: &ResponseHead) -> Result<Confirmed, HandshakeError> {
        if head.status != StatusCode::SWITCHING_PROTOCOLS {
            return Err(HandshakeError::Status(head.status));
        }
        let headers = &head.headers;
        // To this and nothing else (RFC 6455 §4.1).
        let upgrade = only(headers, &UPGRADE);
        if !matches!(upgrade, Ok(Some(value)) if value.eq_ignore_ascii_case(b"websocket")) {
            return Err(HandshakeError::NoUpgrade);
        }
        if !has_token(headers, &CONNECTION, "upgrade") {
            return Err(HandshakeError::NoConnection);
        }
        let expected = accept_key(self.key.as_bytes());
        if only(headers, &SEC_WEBSOCKET_ACCEPT) != Ok(Some(expected.as_bytes())) {
            return Err(HandshakeError::Accept);
        }
        let protocol = match only(headers, &SEC_WEBSOCKET_PROTOCOL) {
            Ok(None) => None,
            Ok(Some(name)) => match self.protocols.iter().find(|one| one.as_bytes() == name) {
                Some(ours) => Some(ours.as_str().into()),
                None => return Err(HandshakeError::Protocol),
            },
            Err(_) => return Err(HandshakeError::Protocol),
        };
        let answer = super::list::extensions(headers, &SEC_WEBSOCKET_EXTENSIONS)
            .map_err(|_| HandshakeError::Extensions)?;
        let deflate = match &answer[..] {
            [] => None,
            [one] => Some(self.confirm(one).ok_or(HandshakeError::Extensions)?),
            _ => return Err(HandshakeError::Extensions),
        };
        Ok(Confirmed { config: self.config, agreed: Agreed { protocol, deflate } })
    }

    /// What an extension of the answer makes of the offer.
    #[cfg(feature = "deflate")]
    fn confirm(&self, answer: &Extension) -> Option<DeflateParams> {
        self.config.deflate.as_ref()?.confirm(answer)
    }

    #[cfg(not(feature = "deflate"))]
    #[expect(clippy::unused_self, reason = "the other one needs it")]
    fn confirm(&self, _: &Extension) -> Option<DeflateParams> {
        None
    }
}

/// An answer that opens a WebSocket.
#[derive(Debug)]
pub struct Confirmed {
    config: Config,
    agreed: Agreed,
}

impl Confirmed {
    /// The subprotocol that the server chose.
    pub fn protocol(&self) -> Option<&str> {
        self.agreed.protocol.as_deref()
    }

    /// Both directions of the protocol with what is agreed on, for a transport of one's own.
    pub fn codec(&self) -> (Decoder, Encoder) {
        self.agreed.codec(Role::Client, self.config.limits)
    }

    /// The socket over the connection that the answer came by.
    pub fn open(self, io: Upgraded) -> WebSocket {
        WebSocket::open(io, Role::Client, self.config, self.agreed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(key: &str, more: &[(HeaderName, &'static str)]) -> ResponseHead {
        let mut head = ResponseHead::default();
        head.status = StatusCode::SWITCHING_PROTOCOLS;
        head.headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        head.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        let accept = HeaderValue::try_from(accept_key(key.as_bytes())).unwrap();
        head.headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        for (name, value) in more {
            head.headers.insert(name.clone(), HeaderValue::from_static(value));
        }
        head
    }

    fn check(more: &[(HeaderName, &'static str)]) -> Result<Confirmed, HandshakeError> {
        let handshake = ClientHandshake::new(Config::default()).protocols(["v1"]).unwrap();
        let head = answer(&handshake.key, more);
        handshake.check(&head)
    }

    #[test]
    fn keys_differ_and_are_sixteen_bytes() {
        let key = || ClientHandshake::new(Config::default()).key;
        assert_ne!(key(), key());
        assert_eq!(STANDARD.decode(key()).unwrap().len(), 16);
    }

    #[test]
    fn only_what_was_offered_is_taken() {
        assert_eq!(check(&[]).unwrap().protocol(), None);
        assert_eq!(check(&[(SEC_WEBSOCKET_PROTOCOL, "v1")]).unwrap().protocol(), Some("v1"));
        let error = |more: &[_]| check(more).unwrap_err();
        assert_eq!(error(&[(SEC_WEBSOCKET_PROTOCOL, "v2")]), HandshakeError::Protocol);
        assert_eq!(error(&[(SEC_WEBSOCKET_EXTENSIONS, "x")]), HandshakeError::Extensions);
        assert_eq!(error(&[(SEC_WEBSOCKET_ACCEPT, "x")]), HandshakeError::Accept);
        assert_eq!(error(&[(UPGRADE, "h2c")]), HandshakeError::NoUpgrade);
        assert_eq!(error(&[(CONNECTION, "close")]), HandshakeError::NoConnection);
    }

    #[test]
    fn one_protocol_is_upgraded_to_and_none_is_named_twice() {
        let twice = check(&[(UPGRADE, "h2c, websocket")]).unwrap_err();
        assert_eq!(twice, HandshakeError::NoUpgrade);
        assert!(check(&[(UPGRADE, "WebSocket")]).is_ok());
        let handshake = ClientHandshake::new(Config::default()).protocols(["v1", "v2", "v1"]);
        let fields = handshake.unwrap().headers();
        let (_, value) = fields.iter().find(|(name, _)| *name == SEC_WEBSOCKET_PROTOCOL).unwrap();
        assert_eq!(value, "v1, v2");
    }

    #[test]
    fn another_status_is_told() {
        let head = ResponseHead::default();
        let error = ClientHandshake::new(Config::default()).check(&head).unwrap_err();
        assert_eq!(error, HandshakeError::Status(StatusCode::OK));
    }
}
