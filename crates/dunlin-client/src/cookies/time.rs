//! Points in time as the jar counts them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, which fit a saved file and compare as one integer.
///
/// A clock set before 1970 reads as 1970: no cookie lives there.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Timestamp(pub(super) u64);

impl Timestamp {
    pub(super) fn now() -> Self {
        Self::from(SystemTime::now())
    }

    /// The point `span` later; the end of time where that overflows.
    pub(super) fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }

    /// The system's own form; its 1970 where the platform cannot represent the point.
    pub(super) fn to_system(self) -> SystemTime {
        UNIX_EPOCH.checked_add(Duration::from_millis(self.0)).unwrap_or(UNIX_EPOCH)
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}
