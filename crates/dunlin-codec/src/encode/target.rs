//! Request targets on their way out, and the host that goes with them (RFC 9112 §3.2).

use std::ops::Range;

use dunlin_core::RequestHead;

use super::{EncodeError, RequestCtx, write::append_field};
use crate::{
    error::HeadError,
    head::{Method, Span, Version},
    limits::MAX_SECTION,
    scan,
    target::{Target, TargetForm, is_host},
};

/// A target as it goes out.
pub(super) struct WireTarget<'h> {
    /// What the head's own text lacks in front: the `/` of an empty path.
    pub(super) lead: &'static str,
    pub(super) text: &'h str,
    /// `host[:port]`, where the head's target has one.
    pub(super) authority: Option<&'h str>,
    /// Whether the authority goes out with the target, so that Host must be the same.
    pub(super) has_authority: bool,
}

impl<'h> WireTarget<'h> {
    /// Picks the form: what a server gets is path and query, `*` or an authority; a proxy gets the
    /// whole URI, and whoever gets a CONNECT the authority.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] for a target in which any reader would see something else, or none at all.
    #[inline]
    pub(super) fn new(
        head: &'h RequestHead,
        method: Method<'_>,
        via_proxy: bool,
    ) -> Result<Self, EncodeError> {
        let text = head.target();
        let end = scan::target_end(text.as_bytes(), 0);
        if text.is_empty() || end < text.len() || end >= MAX_SECTION {
            return Err(EncodeError::Target { at: end.min(MAX_SECTION) });
        }
        if text.starts_with('/') && !via_proxy && method != Method::Connect {
            return Ok(Self { lead: "", text, authority: None, has_authority: false });
        }
        Self::rare(text, method, via_proxy)
    }

    fn rare(text: &'h str, method: Method<'_>, via_proxy: bool) -> Result<Self, EncodeError> {
        let whole = Span::between(0, text.len());
        let target =
            Target::parse(method, text.as_bytes(), whole).map_err(|error| match error {
                HeadError::TargetAuthority => EncodeError::Authority,
                _ => EncodeError::TargetForm,
            })?;
        let part = |span: Span| &text[span.range()];
        let authority = target.authority().map(part);
        let sent = |lead, text, has_authority| Self { lead, text, authority, has_authority };
        match target.form() {
            // A proxy would not know where to.
            TargetForm::Origin => Err(EncodeError::TargetForm),
            TargetForm::Asterisk => Ok(sent("", text, false)),
            TargetForm::Authority => Ok(Self { authority: Some(text), ..sent("", text, true) }),
            TargetForm::Absolute if via_proxy => Ok(sent("", text, true)),
            TargetForm::Absolute => {
                let rest = &text[target.path().range().start..];
                Ok(match part(target.path()) {
                    // The server as a whole (RFC 9112 §3.2.4).
                    "" if rest.is_empty() && method == Method::Options => sent("", "*", false),
                    // An empty path is `/` (RFC 9110 §4.2.3).
                    "" => sent("/", rest, false),
                    _ => sent("", rest, false),
                })
            }
        }
    }
}

/// The Host line, which goes first though the field that decides on it may come last.
pub(super) struct HostLine<'t> {
    /// What the line says so far: the target's authority, else the context's.
    named: Option<&'t str>,
    /// Whether the target has vouched for it.
    is_checked: bool,
    /// What a Host of the user must be, because it goes out with the target too.
    bound: Option<&'t str>,
    line: Range<usize>,
}

impl<'t> HostLine<'t> {
    /// Appends the line, where anything but the user's fields has a host.
    #[inline]
    pub(super) fn begin(target: &WireTarget<'t>, ctx: &RequestCtx<'t>, out: &mut Vec<u8>) -> Self {
        let start = out.len();
        let named = target.authority.or(ctx.authority);
        if let Some(named) = named {
            append_field(b"host", named.as_bytes(), out);
        }
        Self {
            named,
            is_checked: target.authority.is_some(),
            bound: target.authority.filter(|_| target.has_authority),
            line: start..out.len(),
        }
    }

    /// Puts the user's Host there.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Host`] where it is none, or another than the target's: who reads the one and who
    /// reads the other must see the same (RFC 9112 §3.2.2).
    pub(super) fn replace(&self, host: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let is_same = |named: &str| host.eq_ignore_ascii_case(named.as_bytes());
        if !is_host(host) || !self.bound.is_none_or(is_same) {
            return Err(EncodeError::Host);
        }
        if self.named.is_some_and(|named| named.as_bytes() == host) {
            return Ok(());
        }
        let line = [b"host: ", host, b"\r\n"].into_iter().flatten().copied();
        out.splice(self.line.clone(), line);
        Ok(())
    }

    /// Checks the line where the user had no Host.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] for a host that is malformed or, but for HTTP/1.0, missing.
    #[inline]
    pub(super) fn check(&self, version: Version) -> Result<(), EncodeError> {
        match self.named {
            Some(named) if self.is_checked || is_host(named.as_bytes()) => Ok(()),
            Some(_) => Err(EncodeError::Host),
            None if version == Version::Http10 => Ok(()),
            None => Err(EncodeError::MissingHost),
        }
    }
}

#[cfg(test)]
mod tests {
    use dunlin_core::{HeadBlock, RequestLine};

    use super::*;

    fn head(method: &str, target: &str) -> RequestHead {
        let line = RequestLine {
            method: method.parse().unwrap(),
            version: http::Version::HTTP_11,
            target: 0..target.len() as u16,
            path: 0..0,
            query: None,
        };
        HeadBlock::take().into_request(target.as_bytes(), line)
    }

    /// What goes out, and the authority behind it.
    fn wire(
        method: &str,
        target: &str,
        via_proxy: bool,
    ) -> Result<(String, Option<String>), EncodeError> {
        let head = head(method, target);
        let wire = WireTarget::new(&head, Method::new(method.as_bytes()), via_proxy)?;
        Ok((format!("{}{}", wire.lead, wire.text), wire.authority.map(String::from)))
    }

    fn direct(method: &str, target: &str) -> String {
        wire(method, target, false).unwrap().0
    }

    #[test]
    fn a_server_gets_path_and_query() {
        assert_eq!(direct("GET", "/a?b"), "/a?b");
        assert_eq!(direct("GET", "http://h:1/a?b"), "/a?b");
        assert_eq!(direct("GET", "HTTP://h"), "/");
        assert_eq!(direct("GET", "https://h?q=/"), "/?q=/");
        assert_eq!(direct("OPTIONS", "http://h"), "*");
        assert_eq!(direct("OPTIONS", "http://h/"), "/");
        assert_eq!(direct("OPTIONS", "*"), "*");
        assert_eq!(wire("GET", "http://h:1/a", false).unwrap().1.as_deref(), Some("h:1"));
    }

    #[test]
    fn a_proxy_gets_the_whole_uri_and_nothing_less() {
        let (text, authority) = wire("GET", "http://h:1/a?b", true).unwrap();
        assert_eq!((text.as_str(), authority.as_deref()), ("http://h:1/a?b", Some("h:1")));
        assert_eq!(wire("GET", "/a", true), Err(EncodeError::TargetForm));
    }

    #[test]
    fn connect_gets_an_authority() {
        for via_proxy in [false, true] {
            let (text, authority) = wire("CONNECT", "h:443", via_proxy).unwrap();
            assert_eq!((text.as_str(), authority.as_deref()), ("h:443", Some("h:443")));
            for target in ["/", "h", "*", "http://h:1/"] {
                assert_eq!(wire("CONNECT", target, via_proxy), Err(EncodeError::Authority));
            }
        }
    }

    #[test]
    fn targets_of_no_form_are_refused() {
        for target in ["*", "h:80", "ftp://h/", "plain", "?q"] {
            assert_eq!(wire("GET", target, false), Err(EncodeError::TargetForm), "{target}");
        }
        for target in ["http://", "http:///x", "http://u:p@h/", "http://h:x/"] {
            assert_eq!(wire("GET", target, false), Err(EncodeError::Authority), "{target}");
        }
    }

    #[test]
    fn no_byte_gets_out_that_ends_a_target() {
        for byte in (0..=b' ').chain([b'#', 0x7f]) {
            let target = format!("/a{}b", char::from(byte));
            assert_eq!(wire("GET", &target, false), Err(EncodeError::Target { at: 2 }));
        }
        assert_eq!(wire("GET", "/\u{e9}", false), Err(EncodeError::Target { at: 1 }));
        assert_eq!(wire("GET", "", false), Err(EncodeError::Target { at: 0 }));
    }
}
