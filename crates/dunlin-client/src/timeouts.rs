//! How long each part of a request may take.

use std::time::Duration;

/// Deadlines of a request; each may be taken off with `None`.
///
/// Set for the client, and as a whole for a request: settings are replaced, not merged. Those of a
/// second and more are kept to within some milliseconds, never early.
///
/// ```
/// use std::time::Duration;
/// use dunlin_client::Timeouts;
///
/// let timeouts = Timeouts { read: Some(Duration::from_secs(10)), ..Timeouts::default() };
/// assert_eq!(timeouts.total, Some(Duration::from_secs(300)));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timeouts {
    /// All of it: queue, connection, sending, every redirect and retry, and the body to its end.
    /// Default: 5 minutes.
    pub total: Option<Duration>,
    /// Waiting for a place in the pool. Default: none but [`total`](Self::total).
    pub pool: Option<Duration>,
    /// Opening a connection: looking the name up, all addresses, proxy and TLS. Default: 30 seconds.
    pub connect: Option<Duration>,
    /// From the request's last byte to the end of the final response's head. Default: none.
    pub head: Option<Duration>,
    /// The longest silence of the server while something is awaited of it, the head too; the wait of a
    /// program that does not read is not counted. Default: none.
    pub read: Option<Duration>,
    /// The longest time in which the server takes no byte of the request, not of what TLS holds either.
    /// Default: none.
    pub write: Option<Duration>,
    /// How long a body waits for `100 Continue` before it is sent all the same (RFC 9110 §10.1.1).
    /// Default: 1 second.
    pub expect_continue: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            total: Some(Duration::from_secs(300)),
            connect: Some(Duration::from_secs(30)),
            ..Self::NONE
        }
    }
}

impl Timeouts {
    /// No deadline at all, but that of `100 Continue`.
    pub const NONE: Self = Self {
        total: None,
        pool: None,
        connect: None,
        head: None,
        read: None,
        write: None,
        expect_continue: Duration::from_secs(1),
    };
}
