//! `LastEventId`: where a client that comes back has left a stream of events.

use std::convert::Infallible;

use dunlin_core::{FromParts, Request};
use http::HeaderName;

/// `Last-Event-ID`: the id of the last event that a client of [`Sse`](crate::Sse) has seen before it lost its
/// connection; none where it comes for the first time, or no event had an id.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "destructured in arguments")]
pub struct LastEventId(pub Option<String>);

impl FromParts for LastEventId {
    type Rejection = Infallible;

    async fn from_parts(req: &mut Request) -> Result<Self, Infallible> {
        let id = req.headers().get_str(HeaderName::from_static("last-event-id"));
        Ok(Self(id.filter(|id| !id.is_empty()).map(str::to_owned)))
    }
}
