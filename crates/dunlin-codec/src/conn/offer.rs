//! What a request offers to go on in, and whether an answer takes that up (RFC 9110 §7.8).

use dunlin_core::Headers;

use crate::framing::members;

/// The protocols that a request's Upgrade fields name, as one list.
#[derive(Debug)]
pub(super) struct Offer(Box<[u8]>);

impl Offer {
    /// What these fields of a request offer.
    #[cold]
    pub(super) fn of(request: &Headers) -> Self {
        let values: Vec<_> = request.get_all("upgrade").collect();
        Self(values.join(&b","[..]).into())
    }

    /// Whether the Upgrade fields of a response name a protocol, and none that was not offered; names
    /// compare without regard to case.
    #[cold]
    pub(super) fn holds_all_of(&self, response: &Headers) -> bool {
        let mut named = response.get_all("upgrade").flat_map(members).filter(|p| !p.is_empty());
        let holds = |protocol: &[u8]| members(&self.0).any(|p| p.eq_ignore_ascii_case(protocol));
        named.next().is_some_and(holds) && named.all(holds)
    }
}
