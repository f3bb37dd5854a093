//! What can go wrong with a connection.

use std::io;

use crate::proto::ProtocolError;

/// Why receiving, sending or closing failed.
///
/// All but [`Closed`](Self::Closed), [`Unfinished`](Self::Unfinished), [`WrongKind`](Self::WrongKind) and `Json`
/// end the connection.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The peer broke the protocol or a limit. It has been told by a close frame.
    #[error("the peer broke the protocol: {0}")]
    Protocol(#[from] ProtocolError),
    /// The transport failed.
    #[error("the connection failed: {0}")]
    Io(#[source] io::Error),
    /// The connection ended without a close frame: what browsers call 1006.
    #[error("the connection ended without a close frame")]
    Lost,
    /// Nothing came in time after a heartbeat's ping.
    #[error("no answer to a ping in time")]
    PongTimeout,
    /// The peer took nothing of what was to be written for [`Config::write_timeout`](crate::Config::write_timeout).
    #[error("the peer takes nothing of what is sent")]
    WriteTimeout,
    /// The peer did not answer a close frame in time.
    #[error("no answer to the close frame in time")]
    CloseTimeout,
    /// The connection is closed or closing; nothing can be sent any more.
    #[error("the connection is closed")]
    Closed,
    /// A whole message in the midst of one that is sent in parts. The connection goes on.
    #[error("a message that is sent in parts is not finished")]
    Unfinished,
    /// A message of the other kind than was asked for, or a part of another than the first. It is gone, the
    /// connection goes on.
    #[error("a {} message where a {expected} message was expected", if *expected == "text" { "binary" } else { "text" })]
    WrongKind {
        /// `text` or `binary`.
        expected: &'static str,
    },
    /// JSON that cannot be written, or is not what was expected. The connection goes on.
    #[cfg(feature = "json")]
    #[error("JSON: {0}")]
    Json(#[source] serde_json::Error),
}

impl Error {
    /// Whether the peer is gone without having said so: the connection failed, ended or fell silent. Most
    /// programs log nothing then.
    pub fn is_disconnect(&self) -> bool {
        matches!(
            self,
            Self::Io(_) | Self::Lost | Self::PongTimeout | Self::WriteTimeout | Self::CloseTimeout
        )
    }
}
