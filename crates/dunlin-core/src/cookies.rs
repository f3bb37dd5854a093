//! Cookies of a request, read tolerantly (RFC 6265 §5.4).

use std::borrow::Cow;

use crate::Headers;
use crate::media_type::is_token;

/// The cookies that `Cookie` fields hold, in order. A pair without `=` and one whose name is no token
/// are passed over.
pub(crate) fn cookies(headers: &Headers) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    headers.get_all("cookie").flat_map(|field| field.split(|byte| *byte == b';')).filter_map(
        |pair| {
            let at = pair.iter().position(|byte| *byte == b'=')?;
            let name = std::str::from_utf8(pair[..at].trim_ascii()).ok()?;
            is_token(name).then(|| (name, value(pair[at + 1..].trim_ascii())))
        },
    )
}

/// A value without the quotes around it and the escapes in them: `\"`, `\\`, and `\073` for a byte, as
/// senders write that quote at all. Bytes that are then not UTF-8 come out as U+FFFD.
fn value(bytes: &[u8]) -> Cow<'_, str> {
    let Some(quoted) = bytes.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) else {
        return String::from_utf8_lossy(bytes);
    };
    if !quoted.contains(&b'\\') {
        return String::from_utf8_lossy(quoted);
    }
    let mut plain = Vec::with_capacity(quoted.len());
    let mut rest = quoted;
    while let [byte, behind @ ..] = rest {
        rest = match (byte, behind) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', behind @ ..]) => {
                plain.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                behind
            }
            (b'\\', [escaped, behind @ ..]) => {
                plain.push(*escaped);
                behind
            }
            (byte, behind) => {
                plain.push(*byte);
                behind
            }
        };
    }
    Cow::Owned(String::from_utf8_lossy(&plain).into_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::COOKIE;

    use super::*;

    fn read(fields: &[&'static [u8]]) -> Vec<(String, String)> {
        let mut headers = Headers::new();
        for field in fields {
            headers.append(COOKIE, HeaderValue::from_bytes(field).unwrap());
        }
        cookies(&headers).map(|(name, value)| (name.to_owned(), value.into_owned())).collect()
    }

    #[test]
    fn pairs_come_in_order_and_what_is_none_is_passed_over() {
        assert_eq!(
            read(&[b"a=1; b=2=3;;c ; =x; bad name=1; a=4", b"d="]),
            [("a", "1"), ("b", "2=3"), ("a", "4"), ("d", "")].map(|(n, v)| (n.into(), v.into())),
        );
        assert!(read(&[b"", b";;;", b"\xff=1"]).is_empty());
    }

    #[test]
    fn quotes_and_their_escapes_come_off() {
        for (field, value) in [
            (&b"a=\"1 2\""[..], "1 2"),
            (br#"a="x\"y\\z\073\303\251""#, "x\"y\\z;é"),
            (b"a=\"open", "\"open"),
            (b"a=\"", "\""),
            (br#"a="\""#, "\\"),
            (b"a=\xff", "\u{fffd}"),
        ] {
            assert_eq!(read(&[field])[0].1, value, "{field:?}");
        }
    }
}
