//! Media types, as `Content-Type` names them (RFC 9110 §8.3.1).

use std::borrow::Cow;
use std::fmt;

/// A media type with its parameters, as a `Content-Type` field names it.
///
/// Read tolerantly, because senders differ: a parameter without a value is passed over, and a value
/// outside of quotes may have characters that a token has not. Type and subtype must be tokens.
///
/// ```
/// use dunlin_core::MediaType;
///
/// let html = MediaType::parse("Text/HTML; charset=\"utf-8\"").unwrap();
/// assert_eq!(html.essence(), "text/html");
/// assert_eq!(html.charset().as_deref(), Some("utf-8"));
/// assert!(MediaType::parse("text").is_none());
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MediaType<'a> {
    essence: Cow<'a, str>,
    params: &'a str,
}

impl<'a> MediaType<'a> {
    /// `application/octet-stream`: bytes of which nothing is known.
    pub const OCTET_STREAM: MediaType<'static> =
        MediaType { essence: Cow::Borrowed("application/octet-stream"), params: "" };

    /// Reads a field value; `None` where it does not begin with `type/subtype`.
    pub fn parse(value: &'a str) -> Option<Self> {
        let (essence, params) = value.split_at(value.find(';').unwrap_or(value.len()));
        let essence = essence.trim_matches(is_blank);
        let (kind, subtype) = essence.split_once('/')?;
        if !is_token(kind) || !is_token(subtype) {
            return None;
        }
        let essence = match essence.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Owned(essence.to_ascii_lowercase()),
            false => Cow::Borrowed(essence),
        };
        Some(Self { essence, params })
    }

    /// `type/subtype` in lower case.
    pub fn essence(&self) -> &str {
        &self.essence
    }

    /// The type in lower case: `text` of `text/html`.
    pub fn kind(&self) -> &str {
        self.essence.split_once('/').map_or("", |(kind, _)| kind)
    }

    /// The subtype in lower case: `html` of `text/html`.
    pub fn subtype(&self) -> &str {
        self.essence.split_once('/').map_or("", |(_, subtype)| subtype)
    }

    /// Whether it is `application/json` or ends in `+json` (RFC 6839 §3.1).
    pub fn is_json(&self) -> bool {
        self.essence() == "application/json" || self.subtype().ends_with("+json")
    }

    /// The parameters in order: names as written, values without their quotes.
    pub fn params(&self) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> + use<'a> {
        Params(self.params)
    }

    /// The first parameter of that name, in any case.
    pub fn param(&self, name: &str) -> Option<Cow<'a, str>> {
        self.params().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The parameter `charset`, as written.
    pub fn charset(&self) -> Option<Cow<'a, str>> {
        self.param("charset")
    }
}

/// As a field value, its parameters as they were written.
impl fmt::Display for MediaType<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.essence, self.params)
    }
}

struct Params<'a>(&'a str);

impl<'a> Iterator for Params<'a> {
    type Item = (&'a str, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.0.trim_start_matches(|c| c == ';' || is_blank(c));
            if rest.is_empty() {
                self.0 = "";
                return None;
            }
            let end = rest.find([';', '=']).unwrap_or(rest.len());
            let name = rest[..end].trim_matches(is_blank);
            let Some(value) = rest[end..].strip_prefix('=') else {
                self.0 = &rest[end..];
                continue;
            };
            let value = value.trim_start_matches(is_blank);
            let value = match value.strip_prefix('"') {
                Some(quoted) => {
                    let (text, rest) = unquote(quoted);
                    self.0 = rest;
                    text
                }
                None => {
                    let (text, rest) = value.split_at(value.find(';').unwrap_or(value.len()));
                    self.0 = rest;
                    Cow::Borrowed(text.trim_matches(is_blank))
                }
            };
            return Some((name, value));
        }
    }
}

/// Text of a quoted string whose opening quote is gone, up to the closing one or the end, and what
/// follows up to the next parameter (RFC 9110 §5.6.4).
pub(crate) fn unquote(quoted: &str) -> (Cow<'_, str>, &str) {
    let mut escaped = false;
    let close = quoted.find(|c| match (escaped, c) {
        (true, _) => {
            escaped = false;
            false
        }
        (false, '\\') => {
            escaped = true;
            false
        }
        (false, c) => c == '"',
    });
    let (text, rest) = match close {
        Some(close) => (&quoted[..close], &quoted[close + 1..]),
        None => (quoted, ""),
    };
    if !text.contains('\\') {
        return (Cow::Borrowed(text), rest);
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    (Cow::Owned(plain), rest)
}

pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(value: &str) -> Vec<(&str, String)> {
        MediaType::parse(value).unwrap().params().map(|(n, v)| (n, v.into_owned())).collect()
    }

    #[test]
    fn parameters_are_read_in_quotes_and_without() {
        assert_eq!(
            params(r#"multipart/mixed; boundary="a;b\"c" ;charset = utf-8;x"#),
            [("boundary", "a;b\"c".to_owned()), ("charset", "utf-8".to_owned())],
        );
        assert_eq!(params("a/b;;; c=--d:e/f=g"), [("c", "--d:e/f=g".to_owned())]);
        assert_eq!(params("a/b; c=\"open"), [("c", "open".to_owned())]);
        assert_eq!(params("a/b; c=\"\\"), [("c", String::new())]);
    }

    #[test]
    fn what_is_no_type_and_subtype_is_none() {
        for bad in ["", "text", "/html", "text/", "te xt/html", "text/ht\"ml", "é/b", ";a/b"] {
            assert!(MediaType::parse(bad).is_none(), "{bad}");
        }
        assert_eq!(MediaType::parse(" A/B ;c=D").unwrap().essence(), "a/b");
    }

    #[test]
    fn json_is_known_by_its_suffix_too() {
        for (text, json) in [
            ("application/json", true),
            ("application/problem+JSON; a=b", true),
            ("application/jsonp", false),
            ("text/json+x", false),
        ] {
            assert_eq!(MediaType::parse(text).unwrap().is_json(), json, "{text}");
        }
    }
}
