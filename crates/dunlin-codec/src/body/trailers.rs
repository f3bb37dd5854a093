//! The trailer section of a chunked body (RFC 9112 §7.1.2).

use core::fmt;

use super::super::head::Accepted;

/// Fields that came behind a chunked body.
///
/// They are checked like the fields of a head, and are kept apart from it: a recipient may not
/// merge a trailer unless that field's definition says how (RFC 9110 §6.5.1).
///
/// Fields that RFC 9110 §6.5.1 forbids in trailers, because somebody has acted on them already or
/// would be fooled by them, are passed over: framing, routing, request modifiers, authentication,
/// response control and content coding. Passed over and not refused, since no one reads them, and
/// where the message ends is clear by then.
#[derive(Clone)]
pub struct Trailers<'i> {
    lines: &'i [u8],
}

impl<'i> Trailers<'i> {
    pub(super) fn new(lines: &'i [u8]) -> Self {
        Self { lines }
    }

    /// Names and values, in wire order, without the forbidden ones.
    pub fn iter(&self) -> impl Iterator<Item = (&'i [u8], &'i [u8])> + use<'i> {
        Accepted::new(self.lines).filter(|(name, _)| !is_forbidden(name))
    }
}

impl fmt::Debug for Trailers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |(name, value): (&'_ [u8], &'_ [u8])| {
            (alloc::format!("{}", name.escape_ascii()), alloc::format!("{}", value.escape_ascii()))
        };
        f.debug_map().entries(self.iter().map(text)).finish()
    }
}

/// Whether a trailer may not have this name (RFC 9110 §6.5.1), in any case.
pub(crate) fn is_forbidden(name: &[u8]) -> bool {
    FORBIDDEN.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden.as_bytes()))
}

const FORBIDDEN: [&str; 35] = [
    // framing
    "transfer-encoding",
    "content-length",
    "trailer",
    "te",
    "connection",
    "keep-alive",
    "upgrade",
    // routing
    "host",
    "max-forwards",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    // request modifiers
    "cache-control",
    "expect",
    "range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
    "if-range",
    // authentication
    "authorization",
    "proxy-authorization",
    "www-authenticate",
    "proxy-authenticate",
    "cookie",
    "set-cookie",
    // response control
    "age",
    "date",
    "location",
    "retry-after",
    "vary",
    // how to read the content
    "content-encoding",
    "content-type",
    "content-range",
];

#[cfg(test)]
mod tests {
    use alloc::{format, vec::Vec};

    use super::*;

    #[test]
    fn forbidden_names_are_passed_over_in_any_case() {
        let trailers = Trailers::new(b"A: 1\r\nHOST: evil\r\ncontent-Length: 3\r\nb:2 \r\n\r\n");
        let fields: Vec<_> = trailers.iter().collect();
        assert_eq!(fields, [(&b"A"[..], &b"1"[..]), (b"b", b"2")]);
        assert_eq!(format!("{trailers:?}"), r#"{"A": "1", "b": "2"}"#);
    }
}
