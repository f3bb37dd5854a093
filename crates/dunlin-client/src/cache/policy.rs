//! The rules of RFC 9111 for a private cache: what may be stored, and what may be used.
//!
//! Times are seconds since 1970 and handed in; nothing here waits or sends.

use std::time::{Duration, UNIX_EPOCH};

use dunlin_core::Headers;
use http::StatusCode;

use super::control::{Directives, MAX_SECONDS, seconds};

/// When a response was asked for and came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) requested: u64,
    pub(super) received: u64,
}

/// What a stored response is good for now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Use {
    /// It answers the request.
    Fresh,
    /// It is stale, and the request takes that.
    Stale,
    /// It is stale and answers while it is validated (RFC 5861 §3).
    WhileValidated,
    /// It must be validated first.
    Validate,
}

/// Statuses that say what a cache can make use of by itself (RFC 9110 §15.1), but for 206.
fn is_heuristic(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// Whether a response to GET may be stored (RFC 9111 §3) and would be of use.
pub(super) fn may_store(request: &Directives, status: StatusCode, headers: &Headers) -> bool {
    let control = Directives::of(headers);
    // Final, not partial, and no answer to a condition.
    if status.is_informational() || matches!(status.as_u16(), 206 | 304) {
        return false;
    }
    if control.has("must-understand") {
        // The directive takes the place of `no-store` for who knows the status (§5.2.2.3).
        if !is_heuristic(status) && !matches!(status.as_u16(), 302 | 307) {
            return false;
        }
    } else if control.has("no-store") {
        return false;
    }
    if request.has("no-store") || vary(headers).any(|name| name == "*") {
        return false;
    }
    let explicit = control.has("max-age") || headers.contains("expires");
    let may = explicit || control.has("public") || control.has("private") || is_heuristic(status);
    let validates = headers.contains("etag") || headers.contains("last-modified");
    // What is neither fresh at any time nor can be validated would lie there for nothing.
    may && (explicit || validates)
}

/// The names of `Vary`, in lower case.
pub(super) fn vary(headers: &Headers) -> impl Iterator<Item = String> + '_ {
    headers
        .get_all("vary")
        .flat_map(|line| line.split(|&b| b == b','))
        .map(|name| String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase())
        .filter(|name| !name.is_empty())
}

/// The names of what a stored response may only be used with again: those of `Vary`; the credentials,
/// which a private cache need not look at (§3.5), but whose program may act for several people; and the
/// cookies where the response is one person's (§5.2.2.7), since they may be all that tells whose.
pub(super) fn selecting(headers: &Headers) -> Vec<String> {
    let mut names: Vec<String> = vary(headers).collect();
    names.extend(["authorization", IDENTITY].map(str::to_owned));
    if Directives::of(headers).has("private") {
        names.push("cookie".to_owned());
    }
    names.sort();
    names.dedup();
    names
}

/// Stands among names of fields for [`Asker::identity`](super::entry::Asker::identity); no field is
/// called so.
pub(super) const IDENTITY: &str = ":identity";

fn date(headers: &Headers, name: &str) -> Option<u64> {
    let time = httpdate::parse_http_date(headers.get_str(name)?).ok()?;
    time.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs())
}

/// How long a response is fresh from its date on (RFC 9111 §4.2.1 and §4.2.2).
pub(super) fn lifetime(
    status: StatusCode,
    headers: &Headers,
    times: Times,
    longest_guess: Duration,
) -> u64 {
    let control = Directives::of(headers);
    if let Some(age) = control.seconds("max-age") {
        return age;
    }
    let from = date(headers, "date").unwrap_or(times.received);
    if headers.contains("expires") {
        // No date, such as 0, lies in the past (§5.3).
        return date(headers, "expires").map_or(0, |at| at.saturating_sub(from));
    }
    if !(is_heuristic(status) || control.has("public")) {
        return 0;
    }
    match date(headers, "last-modified") {
        Some(at) => (from.saturating_sub(at) / 10).min(longest_guess.as_secs()),
        None => 0,
    }
}

/// How old a response is (RFC 9111 §4.2.3).
pub(super) fn age(headers: &Headers, times: Times, now: u64) -> u64 {
    let apparent = date(headers, "date").map_or(0, |date| times.received.saturating_sub(date));
    // Of a list the first counts; what is no number does not (§5.1).
    let told = headers.get_str("age").and_then(|value| seconds(value.split(',').next()?.trim()));
    let delay = times.received.saturating_sub(times.requested);
    let initial = apparent.max(told.unwrap_or(0).saturating_add(delay));
    // By a clock that was set back since, nobody knows.
    initial.saturating_add(now.checked_sub(times.received).unwrap_or(MAX_SECONDS))
}

/// Whether a stored response answers a request (RFC 9111 §4.2 and §5.2.1).
pub(super) fn judge(request: &Directives, headers: &Headers, lifetime: u64, age: u64) -> Use {
    let control = Directives::of(headers);
    if request.has("no-cache") || control.has("no-cache") {
        return Use::Validate;
    }
    let is_fresh = lifetime > age;
    // A reload asks for what never changes too (RFC 8246 §2).
    if request.seconds("max-age").is_some_and(|max| age > max)
        && !(is_fresh && control.has("immutable"))
    {
        return Use::Validate;
    }
    if request.seconds("min-fresh").is_some_and(|min| lifetime < age.saturating_add(min)) {
        return Use::Validate;
    }
    if is_fresh {
        return Use::Fresh;
    }
    if control.has("must-revalidate") {
        return Use::Validate;
    }
    let stale_for = age - lifetime;
    let takes_stale = request.is_bare("max-stale")
        || request.seconds("max-stale").is_some_and(|max| stale_for <= max);
    if takes_stale {
        return Use::Stale;
    }
    match control.seconds("stale-while-revalidate") {
        Some(max) if stale_for <= max => Use::WhileValidated,
        _ => Use::Validate,
    }
}

/// Whether a stale response answers where the server fails (RFC 5861 §4).
pub(super) fn may_stand_in(
    request: &Directives,
    headers: &Headers,
    lifetime: u64,
    age: u64,
) -> bool {
    let control = Directives::of(headers);
    if ["must-revalidate", "no-cache"].iter().any(|name| control.has(name))
        || request.has("no-cache")
    {
        return false;
    }
    let stale_for = age.saturating_sub(lifetime);
    [&control, request]
        .iter()
        .filter_map(|directives| directives.seconds("stale-if-error"))
        .any(|max| stale_for <= max)
}
