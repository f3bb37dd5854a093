//! The opening handshake (RFC 6455 §4).

mod client;
mod error;
mod list;
mod origin;
mod server;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

pub use self::client::{ClientHandshake, Confirmed};
pub use self::error::{BadProtocol, HandshakeError, Refused};
pub(crate) use self::list::Extension;
pub use self::origin::Origins;
pub use self::server::{Accepted, ServerHandshake, can_upgrade, check_upgrade};
use crate::config::{Limits, Role};
use crate::deflate::{Compressor, DeflateParams, Inflater};
use crate::proto::{Decoder, Encoder};

/// What a server appends to the key (RFC 6455 §1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`.
fn accept_key(key: &[u8]) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

/// What both ends have agreed on.
#[derive(Debug, Default)]
pub(crate) struct Agreed {
    pub(crate) protocol: Option<Box<str>>,
    pub(crate) deflate: Option<DeflateParams>,
}

impl Agreed {
    pub(crate) fn is_compressed(&self) -> bool {
        self.deflate.is_some()
    }

    /// Both directions of the protocol, with what was agreed on.
    pub(crate) fn codec(&self, role: Role, limits: Limits) -> (Decoder, Encoder) {
        let (mut decoder, mut encoder) = (Decoder::new(role, limits), Encoder::new(role));
        decoder.set_inflater(self.deflate.as_ref().map(Inflater::new));
        encoder.set_compressor(self.deflate.as_ref().and_then(Compressor::new));
        (decoder, encoder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_standard_is_accepted_as_the_standard_says() {
        // RFC 6455 §1.3.
        assert_eq!(accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
