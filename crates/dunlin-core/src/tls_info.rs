//! What is known of a connection's encryption.

use bytes::Bytes;

/// What a TLS handshake has told of a [`Connection`](crate::Connection).
#[non_exhaustive]
#[derive(Clone, Debug, Default)]
pub struct TlsInfo {
    /// The version, such as `TLSv1.3`.
    pub version: &'static str,
    /// The cipher suite by its name in the registry, such as `TLS13_AES_256_GCM_SHA384`.
    pub cipher_suite: &'static str,
    /// The name that the client asked for (SNI), in lower case.
    pub server_name: Option<Box<str>>,
    /// The protocol that was agreed on (ALPN), such as `http/1.1`.
    pub alpn: Option<Box<str>>,
    /// The client's certificates, its own first, in DER; empty where it has shown none. They have been
    /// verified against the roots that the server was given.
    pub peer_certificates: Vec<Bytes>,
}
