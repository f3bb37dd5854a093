//! `WsUpgrade`: a request that asks for a WebSocket.

use std::fmt;

use dunlin_core::{FromParts, IntoResponse, Request, RequestHead, Response};
use dunlin_websocket::{
    Accepted, BadProtocol, Config, Origins, ServerHandshake, WebSocket, check_upgrade,
};

use crate::error::{HttpError, Result};

/// A request that asks for a WebSocket (RFC 6455 §4.2), to be accepted with settings of one's own.
///
/// A request that asks for none, or wrongly, is answered for the handler: 426 with what to upgrade to, 400 or
/// 405. Where one path has a page as well, make it two routes, the first for whoever
/// [asks for a WebSocket](dunlin_websocket::can_upgrade) at all; or take an `Option<WsUpgrade>`, and who asks
/// wrongly gets the page too.
///
/// ```
/// # use dunlin_web::{App, WsUpgrade, get};
/// use dunlin_web::websocket::can_upgrade;
/// # async fn feed(ws: WsUpgrade) -> dunlin_core::Response { ws.on_upgrade(|_| async {}) }
/// # async fn page() -> &'static str { "a page" }
///
/// let app = App::new().routes([get("/feed", feed).guard(can_upgrade), get("/feed", page)]);
/// # app.build().unwrap();
/// ```
///
/// ```
/// use dunlin_core::Response;
/// use dunlin_web::websocket::Config;
/// use dunlin_web::{App, WsUpgrade};
///
/// async fn echo(ws: WsUpgrade) -> Response {
///     ws.config(Config { heartbeat: Some(std::time::Duration::from_secs(30)), ..Config::default() })
///         .protocols(["echo.v1"])
///         .on_upgrade(|mut ws| async move {
///             while let Some(Ok(message)) = ws.receive().await {
///                 if ws.feed(message).await.is_err() {
///                     break;
///                 }
///             }
///         })
/// }
/// # App::new().add_get("/echo", echo).build().unwrap();
/// ```
///
/// Pages of other hosts are refused with 403 unless [`origins`](Self::origins) lets them in: a browser sends
/// cookies along whatever page it is that connects.
///
/// What [`on_upgrade`](Self::on_upgrade) is given runs in the connection's own task and belongs to the server's
/// graceful end: see [`WebSocket`](WebSocket#the-end). Where it panics the peer is told 1011, and
/// [`App::on_error`](crate::App::on_error) as of any handler.
#[must_use = "nothing is accepted before `on_upgrade`"]
pub struct WsUpgrade {
    head: RequestHead,
    handshake: std::result::Result<ServerHandshake, BadProtocol>,
}

impl WsUpgrade {
    /// Settings of the connection. Default: [`Config::default`].
    pub fn config(self, config: Config) -> Self {
        self.edit(|handshake| Ok(handshake.config(config)))
    }

    /// The subprotocols that are spoken: of those that the client names, the first that is among them is
    /// chosen. Without one the connection is opened all the same. A name that is no token is a mistake of the
    /// program, and answered with 500. Default: none.
    pub fn protocols<I: IntoIterator<Item: Into<String>>>(self, protocols: I) -> Self {
        self.edit(|handshake| handshake.protocols(protocols))
    }

    /// Whose pages may connect. Default: those of the same host and port.
    pub fn origins(self, origins: Origins) -> Self {
        self.edit(|handshake| Ok(handshake.origins(origins)))
    }

    /// All settings at once, made before and kept, such as in the app's state.
    pub fn handshake(self, handshake: &ServerHandshake) -> Self {
        self.edit(|_| Ok(handshake.clone()))
    }

    fn edit(
        self,
        edit: impl FnOnce(ServerHandshake) -> std::result::Result<ServerHandshake, BadProtocol>,
    ) -> Self {
        Self { handshake: self.handshake.and_then(edit), ..self }
    }

    /// What would be agreed on, the subprotocol among it. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// 403 for a page of an origin that is not let in; 500 where the program has named a subprotocol that cannot
    /// be one.
    pub fn accept(self) -> Result<Accepted> {
        Ok(self.handshake?.check_head(&self.head)?)
    }

    /// The 101, after which `then` has the socket; or the answer that [`accept`](Self::accept) fails with.
    pub fn on_upgrade<F, Fut>(self, then: F) -> Response
    where
        F: FnOnce(WebSocket) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        match self.accept() {
            Ok(accepted) => accepted.on_upgrade(then),
            Err(error) => error.into_response(),
        }
    }
}

impl FromParts for WsUpgrade {
    type Rejection = HttpError;

    async fn from_parts(req: &mut Request) -> Result<Self> {
        check_upgrade(req.head())?;
        Ok(Self { head: req.head().clone(), handshake: Ok(ServerHandshake::default()) })
    }
}

impl fmt::Debug for WsUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsUpgrade").field("handshake", &self.handshake).finish_non_exhaustive()
    }
}
