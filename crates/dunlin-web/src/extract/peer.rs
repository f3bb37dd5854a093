//! `Peer`: the other end of the connection.

use std::net::SocketAddr;

use dunlin_core::{FromParts, Request};

use crate::error::HttpError;

/// Address of the other end of the connection, be it a proxy.
///
/// 500 on a unix socket, which has none: take `Option<Peer>` where the program may serve one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "destructured in arguments")]
pub struct Peer(pub SocketAddr);

impl FromParts for Peer {
    type Rejection = HttpError;

    async fn from_parts(req: &mut Request) -> Result<Self, HttpError> {
        req.peer()
            .map(Self)
            .ok_or_else(|| HttpError::internal().with_source("the connection has no peer address"))
    }
}
