//! `Tls`: what the handshake has told.

use std::sync::Arc;

use dunlin_core::{FromParts, Request, TlsInfo};

use crate::error::HttpError;

/// What the connection's TLS handshake has told: the version, the name that was asked for, the client's
/// certificates.
///
/// 403 where this server has not shaken hands itself: on a plain listener, and behind a proxy that speaks TLS in
/// its place. Take `Option<Tls>` to serve both.
///
/// ```
/// use dunlin_web::{App, Tls};
///
/// async fn whoami(Tls(tls): Tls) -> String {
///     let name = tls.server_name.as_deref().unwrap_or("no name");
///     format!("you asked for {name} and showed {} certificates\n", tls.peer_certificates.len())
/// }
/// # App::new().add_get("/", whoami).build().unwrap();
/// ```
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "destructured in arguments")]
pub struct Tls(pub Arc<TlsInfo>);

impl FromParts for Tls {
    type Rejection = HttpError;

    async fn from_parts(req: &mut Request) -> Result<Self, HttpError> {
        let tls = req.connection().and_then(|connection| connection.tls.clone());
        tls.map(Self)
            .ok_or_else(|| HttpError::forbidden().with_message("this is served over TLS alone"))
    }
}
