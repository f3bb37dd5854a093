//! Conditional requests: whether a request is to be carried out at all (RFC 9110 §13).

mod etag;
mod middleware;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dunlin_core::{Headers, RequestHead};
use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE};
use http::{HeaderName, HeaderValue, Method};

pub use self::etag::{BadETag, ETag};
pub use self::middleware::ConditionalGet;
pub(crate) use self::middleware::not_modified;

/// What tells one version of a representation from another.
///
/// [`check`](Self::check) before anything is done answers `If-None-Match` and its kin; before a change it
/// keeps two writers from overwriting each other:
///
/// ```
/// use dunlin_core::{Request, Response};
/// use dunlin_web::{ETag, HttpError, Precondition, Result, Validators};
///
/// async fn put(req: Request) -> Result {
///     let stored = Validators { etag: Some(ETag::of_content("as it is now")), last_modified: None };
///     match stored.check(&req) {
///         Precondition::Proceed => Ok(Response::new("changed")),
///         _ => Err(HttpError::precondition_failed()),
///     }
/// }
/// # let _ = put;
/// ```
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "made by naming its fields, of which HTTP has two")]
pub struct Validators {
    /// The entity tag, where there is one.
    pub etag: Option<ETag>,
    /// When it was changed last. Whole seconds count, as in `Last-Modified`; the rest is cut off.
    pub last_modified: Option<SystemTime>,
}

/// What a request's preconditions come to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9110 §13.2.2 has no other outcome")]
pub enum Precondition {
    /// Carry the request out.
    Proceed,
    /// The client has the current version: 304.
    NotModified,
    /// The client's idea of the current version is wrong: 412.
    Failed,
}

impl Validators {
    /// Evaluates the request's preconditions, in the order of RFC 9110 §13.2.2.
    ///
    /// `If-Match` compares strongly and goes before `If-Unmodified-Since`; `If-None-Match` compares
    /// weakly and goes before `If-Modified-Since`. Dates that are malformed, and lists from their first
    /// malformed tag on, count as absent. To be asked only where the answer would be 2xx without them.
    pub fn check(&self, req: &(impl AsRef<RequestHead> + ?Sized)) -> Precondition {
        let (headers, method) = (req.as_ref().headers(), req.as_ref().method());
        if headers.contains(IF_MATCH) {
            if !self.is_listed(headers, IF_MATCH, true) {
                return Precondition::Failed;
            }
        } else if let (Some(date), Some(modified)) =
            (date(headers, IF_UNMODIFIED_SINCE), self.modified_secs())
            && modified > date
        {
            return Precondition::Failed;
        }
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        if headers.contains(IF_NONE_MATCH) {
            return match self.is_listed(headers, IF_NONE_MATCH, false) {
                false => Precondition::Proceed,
                true if is_read => Precondition::NotModified,
                true => Precondition::Failed,
            };
        }
        match (date(headers, IF_MODIFIED_SINCE), self.modified_secs()) {
            (Some(date), Some(modified)) if is_read && modified <= date => {
                Precondition::NotModified
            }
            _ => Precondition::Proceed,
        }
    }

    /// Whether a `Range` is to be honoured: there is no `If-Range`, or it names this very version
    /// (RFC 9110 §13.1.5).
    pub fn allow_range(&self, req: &(impl AsRef<RequestHead> + ?Sized)) -> bool {
        let mut lines = req.as_ref().headers().get_all(IF_RANGE);
        let Some(line) = lines.next() else { return true };
        if lines.next().is_some() {
            return false;
        }
        if line.starts_with(b"\"") || line.starts_with(b"W/") {
            let Some(own) = &self.etag else { return false };
            return etag::list(line).next().is_some_and(|tag| {
                !tag.is_weak && !own.is_weak() && tag.tag == own.tag().as_bytes()
            });
        }
        // A date is a strong validator once its second is over, since nothing can change in it any more
        // (RFC 9110 §8.8.2.2).
        let is_over = |modified: u64| unix(SystemTime::now()) > modified;
        match (parse_date(line), self.modified_secs()) {
            (Some(date), Some(modified)) => date == modified && is_over(modified),
            _ => false,
        }
    }

    /// Sets `ETag` and `Last-Modified`. A time to come goes out as now (RFC 9110 §8.8.2.1).
    pub fn apply(&self, headers: &mut Headers) {
        if let Some(etag) = &self.etag {
            headers.insert(http::header::ETAG, etag.to_value());
        }
        if let Some(modified) = self.last_modified {
            let value = http_date(modified.min(SystemTime::now()));
            headers.insert(http::header::LAST_MODIFIED, value);
        }
    }

    /// Whether the request's list has the tag; `*` is any.
    fn is_listed(&self, headers: &Headers, name: HeaderName, strongly: bool) -> bool {
        headers.get_all(name).any(|line| {
            if line.trim_ascii() == b"*" {
                return true;
            }
            let Some(own) = &self.etag else { return false };
            let comparable = |weak: bool| !strongly || !(weak || own.is_weak());
            etag::list(line).any(|tag| comparable(tag.is_weak) && tag.tag == own.tag().as_bytes())
        })
    }

    fn modified_secs(&self) -> Option<u64> {
        self.last_modified.map(unix)
    }
}

/// Whole seconds since 1970; 0 for what was before.
fn unix(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A field that holds one date.
fn date(headers: &Headers, name: HeaderName) -> Option<u64> {
    let mut lines = headers.get_all(name);
    let line = lines.next()?;
    lines.next().is_none().then(|| parse_date(line))?
}

fn parse_date(line: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(line).ok()?;
    httpdate::parse_http_date(text.trim()).ok().map(unix)
}

/// A date as fields have it; one that they cannot have becomes the nearest that they can.
pub(crate) fn http_date(time: SystemTime) -> HeaderValue {
    // The last second of the year 9999, beyond which there is no IMF-fixdate.
    const LAST: Duration = Duration::from_secs(253_402_300_799);
    let time = time.clamp(UNIX_EPOCH, UNIX_EPOCH + LAST);
    HeaderValue::try_from(httpdate::fmt_http_date(time))
        .unwrap_or(HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"))
}

#[cfg(test)]
mod tests;
