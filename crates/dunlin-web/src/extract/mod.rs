//! Handler arguments.

mod cookies;
mod de;
mod early_hints;
mod form;
#[cfg(feature = "sse")]
mod last_event_id;
mod path;
mod peer;
mod probe;
mod query;
mod state;
mod tls;
mod urls;
#[cfg(feature = "websocket")]
mod ws;

pub use self::cookies::{Cookies, Host};
pub use self::early_hints::EarlyHints;
pub use self::form::Form;
#[cfg(feature = "sse")]
pub use self::last_event_id::LastEventId;
pub use self::path::Path;
pub use self::peer::Peer;
pub use self::query::Query;
pub use self::state::State;
pub use self::tls::Tls;
pub use self::urls::Urls;
#[cfg(feature = "websocket")]
pub use self::ws::WsUpgrade;

use dunlin_core::Headers;

use crate::error::HttpError;

/// Characters of what a peer has sent that its answer repeats.
pub(crate) const SHOWN: usize = 100;

/// 415 that says what came instead.
#[cold]
pub(crate) fn unexpected_type(expected: &str, headers: &Headers) -> HttpError {
    let found = match headers.get_str("content-type") {
        Some(found) => format!("this one is `{}`", found.chars().take(SHOWN).collect::<String>()),
        None => "this one has no Content-Type".to_owned(),
    };
    let message = format!("a body of {expected} is expected, and {found}");
    HttpError::unsupported_media_type().with_message(message)
}

/// Whether `Content-Type` names a media type of which `is` holds: type and subtype in lower case,
/// without parameters.
pub(crate) fn content_type_is(headers: &Headers, is: impl FnOnce(&str) -> bool) -> bool {
    let Some(value) = headers.get_str("content-type") else { return false };
    let essence = value.split(';').next().unwrap_or(value).trim();
    if essence.bytes().any(|byte| byte.is_ascii_uppercase()) {
        is(&essence.to_ascii_lowercase())
    } else {
        is(essence)
    }
}
