//! Whether a cookie may be set, and what it becomes (RFC 6265bis §5.7, steps 5 to 22).

use std::time::Duration;

use super::cookie::{Cookie, SameSite};
use super::matching::{
    Target, default_path, domain_match, is_canonical, is_ip, path_match, registrable,
};
use super::parse::{ParseError, SetCookie, check_pair};
use super::store::SameSiteContext;
use super::time::Timestamp;

/// A reason for which a jar refuses a cookie.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AddError {
    /// Name and value are none that can be sent.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The URL has no host.
    #[error("a URL without a host")]
    NoHost,
    /// The host is an address, and the jar is set to keep no cookies for these.
    #[error("an address for a host")]
    IpHost,
    /// The host or the domain is not made of lower case ASCII.
    #[error("a host or domain outside lower case ASCII")]
    DomainCharacters,
    /// The domain is one under which anybody may register, or reaches past one.
    #[error("a public suffix for a domain")]
    PublicSuffix,
    /// The domain does not cover the host.
    #[error("a domain that does not cover the host")]
    DomainMismatch,
    /// The path does not start with `/`.
    #[error("a path that does not start with /")]
    Path,
    /// `Secure` from a connection that is not.
    #[error("secure cookie over an insecure connection")]
    Insecure,
    /// A cookie from an insecure connection that would hide a `Secure` one.
    #[error("insecure cookie in place of a secure one")]
    OverlaysSecure,
    /// A response across sites sets a cookie that is not `SameSite=None`.
    #[error("same-site cookie in a cross-site response")]
    CrossSite,
    /// `SameSite=None` without `Secure`.
    #[error("SameSite=None without Secure")]
    SameSiteNone,
    /// A name prefix that promises attributes which the cookie lacks.
    #[error("attributes do not hold what the prefix of the name promises")]
    Prefix,
}

/// Turns what was asked for into a cookie of `target`'s host, or says why not.
///
/// The cookie may already be expired, which asks to delete the one it replaces.
pub(super) fn admit(
    set: SetCookie,
    target: &Target<'_>,
    context: SameSiteContext,
    max_lifetime: Duration,
    now: Timestamp,
) -> Result<Cookie, AddError> {
    let domain = domain(&set, target.host)?;
    let host_only = domain.is_none();
    let domain = Box::from(domain.unwrap_or(target.host));
    let path = match set.path.as_deref() {
        None | Some("") => default_path(target.path).into(),
        Some(path) => path.into(),
    };
    let cookie = Cookie {
        expires: expires(&set, max_lifetime, now),
        name: set.name,
        value: set.value,
        domain,
        host_only,
        path,
        secure: set.secure,
        http_only: set.http_only,
        same_site: set.same_site,
        creation: now,
        last_access: now,
    };
    if cookie.secure && !target.secure {
        return Err(AddError::Insecure);
    }
    if context == SameSiteContext::CrossSite && cookie.same_site != Some(SameSite::None) {
        return Err(AddError::CrossSite);
    }
    // The default path does not satisfy `__Host-`, even where it is `/` (step 21).
    check_marks(&cookie, set.path.is_some())?;
    Ok(cookie)
}

/// Checks a cookie that comes back from a file, where no request vouches for it.
pub(super) fn readmit(cookie: &Cookie) -> Result<(), AddError> {
    check_pair(&cookie.name, &cookie.value)?;
    if !is_canonical(&cookie.domain) {
        return Err(AddError::DomainCharacters);
    }
    let shared = cookie.domain.is_empty();
    if shared && cookie.host_only {
        return Err(AddError::NoHost);
    }
    // The list may have grown since the cookie was set (§5.8.3 step 3).
    if !shared && !cookie.host_only && registrable(&cookie.domain).is_none() {
        return Err(AddError::PublicSuffix);
    }
    if !cookie.path.starts_with('/') {
        return Err(AddError::Path);
    }
    check_marks(cookie, true)
}

/// Whether a request gets the cookie, which must be live (§5.8.3 step 3).
pub(super) fn is_sent(cookie: &Cookie, target: &Target<'_>, context: SameSiteContext) -> bool {
    let host = if cookie.host_only {
        *cookie.domain == *target.host
    } else {
        cookie.domain.is_empty() || domain_match(target.host, &cookie.domain)
    };
    let site = match context {
        SameSiteContext::SameSite => true,
        SameSiteContext::Lax => cookie.same_site != Some(SameSite::Strict),
        SameSiteContext::CrossSite => cookie.same_site == Some(SameSite::None),
    };
    host && site && (target.secure || !cookie.secure) && path_match(target.path, &cookie.path)
}

/// Whether the insecurely set `new` would hide `old`, which is secure (step 16).
pub(super) fn overlays(new: &Cookie, old: &Cookie) -> bool {
    old.secure
        && new.name == old.name
        && (domain_match(&old.domain, &new.domain) || domain_match(&new.domain, &old.domain))
        && path_match(&new.path, &old.path)
}

/// The `Domain` to keep; `None` for a cookie of the host alone (steps 7 to 10).
fn domain<'a>(set: &'a SetCookie, host: &str) -> Result<Option<&'a str>, AddError> {
    let Some(domain) = set.domain.as_deref().filter(|domain| !domain.is_empty()) else {
        return Ok(None);
    };
    let domain = std::str::from_utf8(domain)
        .ok()
        .filter(|domain| domain.is_ascii())
        .ok_or(AddError::DomainCharacters)?;
    if domain == host {
        // Nothing belongs to an address or lies under a public suffix by its leave (step 9).
        return Ok(registrable(host).and(Some(domain)));
    }
    if is_ip(host) || !domain_match(host, domain) {
        return Err(AddError::DomainMismatch);
    }
    // Where the two differ, a public suffix lies between them: under `*.ck`, a host `a.b.ck` may not
    // speak for `ck`'s other registrants, and neither could it for `b.ck`.
    if registrable(domain).is_none() || registrable(domain) != registrable(host) {
        return Err(AddError::PublicSuffix);
    }
    Ok(Some(domain))
}

/// `Max-Age` before `Expires`, both at most `max_lifetime` from now (§5.5, step 6).
fn expires(set: &SetCookie, max_lifetime: Duration, now: Timestamp) -> Option<Timestamp> {
    let wish = match (set.max_age, set.expires) {
        (Some(age), _) => match u64::try_from(age) {
            Ok(0) | Err(_) => Timestamp(0),
            Ok(age) => now.after(Duration::from_secs(age)),
        },
        (None, Some(date)) => Timestamp::from(date),
        (None, None) => return None,
    };
    Some(wish.min(now.after(max_lifetime)))
}

/// `SameSite=None` and the name prefixes (steps 19 to 22).
///
/// `__Http-` is of draft-ietf-httpbis-layered-cookies, §4.1.3; names are compared without case,
/// since some servers read them so, and values of nameless cookies as if they were names, since
/// `Cookie: __Host-a=b` looks the same either way.
fn check_marks(cookie: &Cookie, path_given: bool) -> Result<(), AddError> {
    if cookie.same_site == Some(SameSite::None) && !cookie.secure {
        return Err(AddError::SameSiteNone);
    }
    let nameless = cookie.name.is_empty();
    let shown = if nameless { &cookie.value } else { &cookie.name };
    let starts = |prefix: &str| {
        shown.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    let host = cookie.secure && cookie.host_only && path_given && &*cookie.path == "/";
    let http = cookie.secure && cookie.http_only;
    let kept = [
        ("__Secure-", cookie.secure),
        ("__Host-", host),
        ("__Http-", http),
        ("__Host-Http-", host && http),
    ]
    .iter()
    .all(|&(prefix, holds)| !starts(prefix) || holds && !nameless);
    kept.then_some(()).ok_or(AddError::Prefix)
}
