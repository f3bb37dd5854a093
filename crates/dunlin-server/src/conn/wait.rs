//! What a connection waits for, and the deadline that goes with it.

use std::time::Duration;

use crate::config::Config;

/// What a connection waits for between polls.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wait {
    /// Nothing yet: the next wait begins its deadline anew.
    Fresh,
    /// A head, from the accept or from the first byte of a later request to the head's end. Its
    /// deadline does not move, so that a head which dribbles in is cut in time.
    Head,
    /// The first byte of the next request.
    KeepAlive,
    /// Bytes of a body that the handler waits for; each read begins the deadline anew, and all such waits
    /// together are bounded by the [`Pace`](super::pace::Pace).
    Body,
    /// Somebody to read a body whose response is sent; each read begins the deadline anew.
    Kept,
    /// The handler, for as long as it likes.
    Handler,
    /// Room to write; each write begins the deadline anew.
    Write,
    /// The rest of a body that nobody wants, or the peer's own close after ours.
    Linger,
}

impl Wait {
    /// How long the wait may last; `None` for ever.
    pub(super) fn timeout(self, config: &Config) -> Option<Duration> {
        match self {
            Self::Head => Some(config.head_timeout),
            Self::KeepAlive => Some(config.keep_alive),
            Self::Body | Self::Kept => Some(config.body_timeout),
            Self::Write => Some(config.write_timeout),
            Self::Linger => Some(config.linger),
            Self::Fresh | Self::Handler => None,
        }
        // A timeout of nothing switches the deadline off.
        .filter(|timeout| !timeout.is_zero())
    }
}
