//! Why a connection ends (RFC 6455 §7.4).

use std::fmt;

use crate::Text;

/// A status code that may stand in a close frame.
///
/// Those that never go over the wire (1004, 1005, 1006, 1015) and those that nobody has defined cannot
/// be made.
///
/// ```
/// use dunlin_websocket::CloseCode;
///
/// assert_eq!(CloseCode::new(1000), Some(CloseCode::NORMAL));
/// assert_eq!(CloseCode::new(4001).map(u16::from), Some(4001)); // an application's own
/// assert_eq!(CloseCode::new(1006), None);
/// ```
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct CloseCode(u16);

impl CloseCode {
    /// The purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// A server goes down, or a browser leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke the protocol.
    pub const PROTOCOL: Self = Self(1002);
    /// Data of a kind that the endpoint cannot take.
    pub const UNSUPPORTED: Self = Self(1003);
    /// Data that is not what it says: text that is not UTF-8, say.
    pub const INVALID_DATA: Self = Self(1007);
    /// Against a policy that no other code tells of.
    pub const POLICY: Self = Self(1008);
    /// A message that is too large.
    pub const TOO_LARGE: Self = Self(1009);
    /// A client misses an extension in the server's answer.
    pub const EXTENSION: Self = Self(1010);
    /// Something went wrong at the server.
    pub const INTERNAL: Self = Self(1011);
    /// The server restarts; reconnect later.
    pub const RESTART: Self = Self(1012);
    /// The server is overloaded; try another, or later.
    pub const TRY_LATER: Self = Self(1013);
    /// A gateway got a bad answer.
    pub const BAD_GATEWAY: Self = Self(1014);

    /// A code that may be sent: 1000 to 1003, 1007 to 1014, 3000 to 4999.
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseCode({})", self.0)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a close frame says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CloseFrame {
    /// The status code.
    pub code: CloseCode,
    /// Words for a log, not for a person; 123 bytes at most.
    pub reason: Text,
}

/// Longest reason in a close frame: a control frame's payload less the code.
pub(crate) const MAX_REASON: usize = 123;

/// As much of a reason as a close frame holds, cut between two characters.
pub(crate) fn fit_reason(reason: &str) -> &str {
    let mut end = reason.len().min(MAX_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    &reason[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_cut_between_characters() {
        assert_eq!(fit_reason("bye"), "bye");
        let long = "\u{20ac}".repeat(50);
        assert_eq!(fit_reason(&long).len(), 123);
        let long = format!("ab{long}");
        assert_eq!(fit_reason(&long).len(), 122);
    }

    #[test]
    fn codes_that_must_not_be_sent_cannot_be_made() {
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
            assert_eq!(CloseCode::new(code), None);
        }
    }
}
