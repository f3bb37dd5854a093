//! Text in the charset that the response names.

use encoding_rs::{Encoding, UTF_8};

use super::Response;

impl Response {
    /// The media type, without parameters.
    pub fn content_type(&self) -> Option<&str> {
        let value = self.header("content-type")?;
        let essence = value.split(';').next().unwrap_or_default().trim();
        (!essence.is_empty()).then_some(essence)
    }

    /// The charset that `Content-Type` names, where it is one that is known.
    pub(super) fn charset(&self) -> Option<&'static Encoding> {
        let value = self.header("content-type")?;
        value.split(';').skip(1).find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            if !name.trim().eq_ignore_ascii_case("charset") {
                return None;
            }
            Encoding::for_label(value.trim().trim_matches('"').as_bytes())
        })
    }
}

/// A byte order mark goes before the named charset, as in the Encoding standard.
pub(super) fn decode(bytes: &[u8], charset: Option<&'static Encoding>) -> String {
    charset.unwrap_or(UTF_8).decode(bytes).0.into_owned()
}

#[cfg(test)]
mod tests {
    use dunlin_core::{Body, ResponseHead};
    use http::{HeaderName, HeaderValue};

    use super::*;
    use crate::Url;

    fn typed(content_type: &'static str, body: &'static [u8]) -> Response {
        let mut head = ResponseHead::default();
        let name = HeaderName::from_static("content-type");
        head.headers.insert(name, HeaderValue::from_static(content_type));
        Response::from_parts(head, Body::from(body), Url::parse("http://a/").unwrap())
    }

    #[tokio::test]
    async fn text_is_read_in_its_charset() {
        for (content_type, body, text) in [
            ("text/plain; charset=ISO-8859-1", &b"caf\xe9"[..], "caf\u{e9}"),
            ("text/html;charset=\"Shift_JIS\"", b"\x83\x86", "\u{30e6}"),
            ("text/plain", "caf\u{e9}".as_bytes(), "caf\u{e9}"),
            ("text/plain; charset=klingon", b"a\xff", "a\u{fffd}"),
            ("text/plain; charset=latin1", b"\xef\xbb\xbf\xc3\xa9", "\u{e9}"),
        ] {
            assert_eq!(typed(content_type, body).text().await.unwrap(), text, "{content_type}");
        }
        assert_eq!(typed("Text/HTML ; x=y", b"").content_type(), Some("Text/HTML"));
    }
}
