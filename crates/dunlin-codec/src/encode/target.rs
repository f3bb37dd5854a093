//! Request targets on their way out, and the host that goes with them (RFC 9112 §3.2).

use dunlin_core::RequestHead;

use super::{EncodeError, RequestCtx};
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
    pub(super) lead: &'static [u8],
    pub(super) text: &'h [u8],
    /// `host[:port]`, where the head's target has one.
    pub(super) authority: Option<&'h [u8]>,
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
        let text = head.target_bytes();
        if !is_clean(text) || text.len() >= MAX_SECTION {
            return Err(EncodeError::Target {
                at: scan::target_end(text, 0).min(MAX_SECTION) as u32,
            });
        }
        if text.first() == Some(&b'/') && !via_proxy && method != Method::Connect {
            return Ok(Self { lead: b"", text, authority: None, has_authority: false });
        }
        Self::rare(text, method, via_proxy)
    }

    #[inline(never)]
    fn rare(text: &'h [u8], method: Method<'_>, via_proxy: bool) -> Result<Self, EncodeError> {
        if method != Method::Connect
            && let Some((authority, rest)) = split_usual(text)
        {
            let text = if via_proxy { text } else { rest };
            return Ok(Self {
                lead: b"",
                text,
                authority: Some(authority),
                has_authority: via_proxy,
            });
        }
        let whole = Span::between(0, text.len());
        let target = Target::parse(method, text, whole).map_err(|error| match error {
            HeadError::TargetAuthority => EncodeError::Authority,
            _ => EncodeError::TargetForm,
        })?;
        let part = |span: Span| &text[span.range()];
        let authority = target.authority().map(part);
        let sent = |lead: &'static [u8], text, has_authority| Self {
            lead,
            text,
            authority,
            has_authority,
        };
        match target.form() {
            // A proxy would not know where to.
            TargetForm::Origin => Err(EncodeError::TargetForm),
            TargetForm::Asterisk => Ok(sent(b"", text, false)),
            TargetForm::Authority => Ok(Self { authority: Some(text), ..sent(b"", text, true) }),
            TargetForm::Absolute if via_proxy => Ok(sent(b"", text, true)),
            TargetForm::Absolute => {
                let rest = &text[target.path().range().start..];
                Ok(match part(target.path()) {
                    // The server as a whole (RFC 9112 §3.2.4).
                    b"" if rest.is_empty() && method == Method::Options => sent(b"", b"*", false),
                    // An empty path is `/` (RFC 9110 §4.2.3).
                    b"" => sent(b"/", rest, false),
                    _ => sent(b"", rest, false),
                })
            }
        }
    }
}

/// Authority, and path with query, of the usual absolute form: its scheme is in lower case, its path not
/// empty. Whatever else there may be, and what is wrong with it, is for the parser.
#[inline]
fn split_usual(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = text.strip_prefix(b"http://").or_else(|| text.strip_prefix(b"https://"))?;
    // No host has a `?` in it, so the slash stands before the query.
    let (authority, path) = rest.split_at(scan::find(rest, 0..rest.len(), b'/'));
    let is_usual = !authority.is_empty() && !path.is_empty() && is_host(authority);
    is_usual.then_some((authority, path))
}

/// Whether there is a byte and each may stand in a target. Where one may not is for the scanner to say:
/// whether there is one takes no order, so that the compiler looks at blocks with vectors.
#[inline(always)]
fn is_clean(text: &[u8]) -> bool {
    let (blocks, Some(last)) = (text.as_chunks().0, text.last_chunk()) else {
        return !text.is_empty() && scan::target_end(text, 0) == text.len();
    };
    // The last block may overlap the one before.
    let mut lanes = foul(last);
    for block in blocks {
        for (lane, foul) in lanes.iter_mut().zip(foul(block)) {
            *lane |= foul;
        }
    }
    u128::from_le_bytes(lanes) == 0
}

/// Not zero for each byte of a block that may not stand in a target.
#[inline(always)]
fn foul(block: &[u8; 16]) -> [u8; 16] {
    let mask = |is_foul| if is_foul { u8::MAX } else { 0 };
    block.map(|byte| mask(byte.wrapping_sub(b'!') > b'~' - b'!') | mask(byte == b'#'))
}

/// What Host says: the user's, which is `own`, or else the target's authority, or else the context's.
///
/// # Errors
///
/// [`EncodeError`] for a host that is malformed or, but for HTTP/1.0, missing; and for one of the user
/// that is another than the target's where both go out: who reads the one and who reads the other must
/// see the same (RFC 9112 §3.2.2).
#[inline(always)]
pub(super) fn pick_host<'t>(
    own: Option<&'t [u8]>,
    target: &WireTarget<'t>,
    ctx: &RequestCtx<'t>,
    version: Version,
) -> Result<Option<&'t [u8]>, EncodeError> {
    let unchecked = match (own, target.authority) {
        (Some(own), Some(authority))
            if target.has_authority && !own.eq_ignore_ascii_case(authority) =>
        {
            return Err(EncodeError::Host);
        }
        // Checked with the target.
        (None, Some(authority)) => return Ok(Some(authority)),
        (own, _) => own.or_else(|| ctx.authority.map(str::as_bytes)),
    };
    match unchecked {
        Some(host) if is_host(host) => Ok(Some(host)),
        Some(_) => Err(EncodeError::Host),
        None if version == Version::Http10 => Ok(None),
        None => Err(EncodeError::MissingHost),
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
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Ok((text(&[wire.lead, wire.text].concat()), wire.authority.map(text)))
    }

    fn direct(method: &str, target: &str) -> String {
        wire(method, target, false).unwrap().0
    }

    #[test]
    fn a_server_gets_path_and_query() {
        assert_eq!(direct("GET", "/a?b"), "/a?b");
        assert_eq!(direct("GET", "http://h:1/a?b"), "/a?b");
        assert_eq!(direct("GET", "HTTPS://h:1/a?b"), "/a?b");
        assert_eq!(direct("GET", "https://[::1]:8/a?b//c"), "/a?b//c");
        assert_eq!(direct("GET", "http://h?a/b"), "/?a/b");
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

    #[test]
    fn every_byte_of_a_target_is_looked_at() {
        for len in [1, 2, 15, 16, 17, 31, 32, 33, 48, 100] {
            for at in 0..len {
                for byte in 0..=255 {
                    let mut text = vec![b'a'; len];
                    text[at] = byte;
                    let expected = scan::target_end(&text, 0) == len;
                    assert_eq!(is_clean(&text), expected, "{byte} at {at} of {len}");
                }
            }
        }
    }
}
