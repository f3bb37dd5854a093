//! What a server answered, and whether that will do.

use std::fmt;

/// What came back over a connection.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Outcome {
    /// Final statuses, in order.
    pub(crate) statuses: Vec<u16>,
    /// Whether the server ended it.
    pub(crate) is_closed: bool,
}

/// What a server may do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Want {
    /// Nothing is answered as if it were in order, and the connection ends.
    Refused,
    /// So many answers of 2xx, and the connection goes on.
    Served(usize),
    /// So many answers of 2xx, and the connection ends.
    Closes(usize),
    /// That status alone.
    Status(u16),
}

impl Outcome {
    pub(crate) fn new(answer: &[u8], is_closed: bool) -> Self {
        const HEAD: &[u8] = b"HTTP/1.";
        let heads =
            answer.windows(12).filter(|window| window.starts_with(HEAD) && window[8] == b' ');
        let status = |head: &[u8]| std::str::from_utf8(&head[9..]).ok()?.parse().ok();
        let statuses = heads.filter_map(status).filter(|status| *status >= 200).collect();
        Self { statuses, is_closed }
    }

    /// Whether it will do.
    pub(crate) fn is(&self, wants: &[Want]) -> bool {
        let is_good = |status: &u16| (200..300).contains(status);
        wants.iter().any(|want| match *want {
            Want::Refused => self.is_closed && !self.statuses.iter().any(is_good),
            Want::Served(count) | Want::Closes(count) => {
                self.statuses.len() == count
                    && self.statuses.iter().all(is_good)
                    && self.is_closed == matches!(want, Want::Closes(_))
            }
            Want::Status(status) => self.statuses == [status],
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, status) in self.statuses.iter().enumerate() {
            write!(f, "{}{status}", if at > 0 { " " } else { "" })?;
        }
        match (self.statuses.is_empty(), self.is_closed) {
            (true, true) => f.write_str("closed"),
            (true, false) => f.write_str("waits"),
            (false, true) => f.write_str(", closed"),
            (false, false) => Ok(()),
        }
    }
}
