//! What a proxy says of what stood in front of it (RFC 7239).

use std::net::{IpAddr, SocketAddr};

use dunlin_core::Headers;
use http::header::FORWARDED;

/// One proxy's word.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Hop {
    /// None where it is hidden, or was not said.
    pub(super) address: Option<SocketAddr>,
    pub(super) is_https: Option<bool>,
    pub(super) host: Option<String>,
}

/// The elements of `Forwarded`, that of the last proxy first; none in the place of a malformed one, and of all
/// of a line in which a quote is not closed, since where its elements end is anybody's guess.
pub(super) fn elements(headers: &Headers) -> Vec<Option<Hop>> {
    let lines: Vec<&[u8]> = headers.get_all(FORWARDED).collect();
    let mut hops = Vec::new();
    for line in lines.into_iter().rev() {
        match std::str::from_utf8(line).ok().and_then(|line| split(line, ',')) {
            Some(elements) => hops.extend(elements.into_iter().rev().map(hop)),
            None => hops.push(None),
        }
    }
    hops
}

fn hop(element: &str) -> Option<Hop> {
    let mut hop = Hop::default();
    let mut seen = Vec::new();
    for pair in split(element, ';')? {
        let pair = pair.trim_matches([' ', '\t']);
        if pair.is_empty() {
            continue;
        }
        let (name, value) = pair.split_once('=')?;
        let (name, value) = (name.to_ascii_lowercase(), unquoted(value)?);
        match &*name {
            // An element without `for` says nothing of the client, and one that hides it no more.
            "for" => hop.address = address(&value),
            "proto" => hop.is_https = is_https(&value),
            "host" => hop.host = Some(value),
            _ => {}
        }
        // Each comes once (§4).
        if seen.contains(&name) {
            return None;
        }
        seen.push(name);
    }
    Some(hop)
}

/// Pieces between separators outside of quotes; none where a quote stays open.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut quoted, mut escaped, mut from) = (false, false, 0);
    let mut pieces = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if c == separator && !quoted => {
                pieces.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    pieces.push(&text[from..]);
    (!quoted).then_some(pieces)
}

fn unquoted(value: &str) -> Option<String> {
    let Some(inner) = value.strip_prefix('"') else {
        return (!value.contains('"')).then(|| value.to_owned());
    };
    let inner = inner.strip_suffix('"')?;
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.push(chars.next()?),
            '"' => return None,
            c => text.push(c),
        }
    }
    Some(text)
}

/// An address, perhaps with a port, as proxies write it: `192.0.2.7`, `192.0.2.7:80`, `2001:db8::1`,
/// `[2001:db8::1]`, `[2001:db8::1]:80`.
pub(super) fn address(text: &str) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse::<IpAddr>()
        .map(|ip| SocketAddr::new(ip, 0))
        .or_else(|_| text.parse::<SocketAddr>())
        .ok()
}

pub(super) fn is_https(proto: &str) -> Option<bool> {
    let is = |name: &str| proto.eq_ignore_ascii_case(name);
    if is("https") || is("wss") {
        Some(true)
    } else if is("http") || is("ws") {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(lines: &[&str]) -> Vec<Option<Hop>> {
        let field = |line: &&str| (FORWARDED, HeaderValue::try_from(*line).unwrap());
        elements(&lines.iter().map(field).collect())
    }

    fn to(address: &str) -> Hop {
        Hop { address: Some(address.parse().unwrap()), ..Hop::default() }
    }

    #[test]
    fn elements_are_read_from_the_right_over_all_lines() {
        assert_eq!(
            read(&[
                "for=192.0.2.1, for=\"[2001:db8::1]:4711\"",
                "For=192.0.2.3;Proto=HTTPS;Host=\"a.example:8\";by=_x"
            ]),
            [
                Some(Hop {
                    is_https: Some(true),
                    host: Some("a.example:8".into()),
                    ..to("192.0.2.3:0")
                }),
                Some(to("[2001:db8::1]:4711")),
                Some(to("192.0.2.1:0")),
            ]
        );
        assert_eq!(
            read(&["for=unknown, for=_hidden;proto=http"]),
            [Some(Hop { is_https: Some(false), ..Hop::default() }), Some(Hop::default()),]
        );
        assert_eq!(read(&["for=\"192\\.0.2.1\""]), [Some(to("192.0.2.1:0"))]);
    }

    #[test]
    fn what_is_malformed_hides_itself_and_no_other() {
        assert_eq!(
            read(&["for=\"x, for=192.0.2.1", "for=192.0.2.3"]),
            [Some(to("192.0.2.3:0")), None]
        );
        assert_eq!(read(&["for=a\"b, for=192.0.2.3"]), [None]);
        for bad in ["for", "for=1;for=2", "for=\"1\"2"] {
            assert_eq!(read(&[&format!("{bad}, for=192.0.2.3")])[1..], [None], "{bad}");
        }
    }
}
