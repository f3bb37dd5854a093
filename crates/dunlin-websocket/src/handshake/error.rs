//! Why there is no WebSocket.

use dunlin_core::{IntoResponse, Response};
use http::header::{ALLOW, CONNECTION, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderName, HeaderValue, StatusCode};

/// Why a server does not accept a request as a WebSocket's; as a response it says so.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refused {
    /// Not a GET (RFC 6455 §4.1).
    #[error("a WebSocket is opened by a GET")]
    Method,
    /// Not HTTP/1.1.
    #[error("a WebSocket is opened over HTTP/1.1")]
    HttpVersion,
    /// No `Upgrade: websocket`: an ordinary request.
    #[error("this address speaks WebSocket")]
    NoUpgrade,
    /// No `Connection: upgrade`, which shows that a proxy on the way does not know what this is.
    #[error("the field Connection does not name upgrade")]
    NoConnection,
    /// Another version than 13, or none.
    #[error("only version 13 of WebSocket is spoken here")]
    Version,
    /// No key, several, or one that is not 16 bytes in base64.
    #[error("Sec-WebSocket-Key is not 16 bytes in base64")]
    Key,
    /// A page of an origin that is not let in; see [`Origins`](super::Origins).
    #[error("pages of this origin may not connect")]
    Origin,
}

impl Refused {
    /// 400, 403, 405 or 426.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoUpgrade | Self::Version => StatusCode::UPGRADE_REQUIRED,
            Self::Origin => StatusCode::FORBIDDEN,
            Self::HttpVersion | Self::NoConnection | Self::Key => StatusCode::BAD_REQUEST,
        }
    }

    /// The fields that belong to the status: `Allow` to 405; to 426 what to upgrade to (RFC 9110 §15.5.22),
    /// and which version of it (RFC 6455 §4.4).
    pub fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        match self {
            Self::Method => vec![(ALLOW, HeaderValue::from_static("GET"))],
            Self::NoUpgrade | Self::Version => vec![
                (CONNECTION, HeaderValue::from_static("upgrade")),
                (UPGRADE, HeaderValue::from_static("websocket")),
                (SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")),
            ],
            _ => Vec::new(),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let response = (self.status(), format!("{self}\n")).into_response();
        self.headers()
            .into_iter()
            .fold(response, |response, (name, value)| response.with_header(name, value))
    }
}

/// Why a client does not take a response for a WebSocket's (RFC 6455 §4.1).
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HandshakeError {
    /// Another status than 101.
    #[error("the server answered {0}, not 101")]
    Status(StatusCode),
    /// No `Upgrade: websocket`.
    #[error("the field Upgrade of the answer does not say websocket")]
    NoUpgrade,
    /// No `Connection: upgrade`.
    #[error("the field Connection of the answer does not name upgrade")]
    NoConnection,
    /// `Sec-WebSocket-Accept` does not belong to the key: whoever answered knows nothing of WebSocket, or
    /// the answer comes from a cache.
    #[error("Sec-WebSocket-Accept does not belong to the key that was sent")]
    Accept,
    /// An extension that was not offered, was offered otherwise, or comes twice.
    #[error("the server's extensions were not offered so")]
    Extensions,
    /// A subprotocol that was not offered.
    #[error("the server's subprotocol was not offered")]
    Protocol,
}

/// A subprotocol's name that is not a token.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{name:?} cannot be the name of a subprotocol")]
#[non_exhaustive]
pub struct BadProtocol {
    /// The name.
    pub name: String,
}
