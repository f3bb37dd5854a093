//! `Forwarded` fields (RFC 7239).

use crate::Headers;
use crate::media_type::{is_token, unquote};

/// Most parameters of an element, of which four are registered; one that has more is malformed.
const MAX_PARAMS: usize = 16;

/// What one proxy says of the request that it forwarded: an element of a `Forwarded` field.
///
/// Anyone can send one: nothing in it is to be trusted unless it is known who wrote it.
///
/// ```
/// use dunlin_core::{Forwarded, Headers};
/// use http::{HeaderValue, header::FORWARDED};
///
/// let value = HeaderValue::from_static("for=192.0.2.43;proto=https, For=\"[2001:db8::1]:80\"");
/// let all = Forwarded::all(&Headers::from_iter([(FORWARDED, value)]));
/// assert_eq!((all[0].client(), all[0].proto()), (Some("192.0.2.43"), Some("https")));
/// assert_eq!(all[1].get("for"), Some("[2001:db8::1]:80"));
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Forwarded {
    params: Vec<(String, String)>,
}

impl Forwarded {
    /// The elements of all `Forwarded` fields, that of the first proxy first; malformed ones are left out.
    pub fn all(headers: &Headers) -> Vec<Self> {
        Self::elements(headers).into_iter().flatten().collect()
    }

    /// The elements of all `Forwarded` fields, that of the first proxy first, and `None` in the place of each that
    /// is malformed: for who goes from one proxy to the next, and must not step over one.
    ///
    /// A line in which a quote stays open is one malformed element, since where its elements end is anybody's
    /// guess. Empty elements are none (RFC 9110 §5.6.1). Values without quotes may have the colons and brackets of
    /// addresses and ports, which proxies write although the grammar would have them quoted.
    pub fn elements(headers: &Headers) -> Vec<Option<Self>> {
        let mut elements = Vec::new();
        for line in headers.get_all("forwarded") {
            match std::str::from_utf8(line).ok().and_then(|line| split(line, ',')) {
                Some(pieces) => {
                    let told = pieces.into_iter().filter(|piece| !trim(piece).is_empty());
                    elements.extend(told.map(Self::parse));
                }
                None => elements.push(None),
            }
        }
        elements
    }

    fn parse(element: &str) -> Option<Self> {
        let mut params: Vec<(String, String)> = Vec::new();
        for pair in split(element, ';')? {
            let pair = trim(pair);
            if pair.is_empty() {
                continue;
            }
            let (name, value) = pair.split_once('=')?;
            let value = match value.strip_prefix('"') {
                Some(quoted) if quoted.ends_with('"') => match unquote(quoted) {
                    (text, "") => text.into_owned(),
                    _ => return None,
                },
                _ if is_token(&value.replace([':', '[', ']'], "a")) => value.to_owned(),
                _ => return None,
            };
            let name = name.to_ascii_lowercase();
            // Each parameter comes once (§4): which of two holds is anybody's guess.
            let is_new = params.len() < MAX_PARAMS && params.iter().all(|(own, _)| *own != name);
            if !is_token(&name) || !is_new {
                return None;
            }
            params.push((name, value));
        }
        (!params.is_empty()).then_some(Self { params })
    }

    /// The parameters in order, names in lower case.
    pub fn params(&self) -> impl Iterator<Item = (&str, &str)> {
        self.params.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The parameter of that name, in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.params().find_map(|(own, value)| (own == name).then_some(value))
    }

    /// Who made the request (`for`): an address, perhaps with a port, `unknown` or a name for it.
    pub fn client(&self) -> Option<&str> {
        self.get("for")
    }

    /// Where the proxy received it (`by`).
    pub fn by(&self) -> Option<&str> {
        self.get("by")
    }

    /// The `Host` that the proxy received.
    pub fn host(&self) -> Option<&str> {
        self.get("host")
    }

    /// The scheme by which the proxy received it: `http` or `https`.
    pub fn proto(&self) -> Option<&str> {
        self.get("proto")
    }
}

/// Pieces between separators that stand outside of quotes; `None` where a quote stays open.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut quoted, mut escaped) = (false, false);
    let pieces = text
        .split(|c: char| {
            match c {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                _ => return c == separator && !quoted,
            }
            false
        })
        .collect();
    (!quoted).then_some(pieces)
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::FORWARDED;

    use super::*;

    fn read(field: &'static str) -> Vec<String> {
        let headers = Headers::from_iter([(FORWARDED, HeaderValue::from_static(field))]);
        let shown = |one: &Forwarded| one.params().map(|(n, v)| format!("{n}={v};")).collect();
        Forwarded::all(&headers).iter().map(shown).collect()
    }

    #[test]
    fn elements_are_read_one_by_one_and_malformed_ones_left_out() {
        assert_eq!(
            read(r#"For="[::1]:80";Proto=http;host="a,b;c" , by=_x; ;ext="q\"r""#),
            ["for=[::1]:80;proto=http;host=a,b;c;", "by=_x;ext=q\"r;"],
        );
        for bad in
            ["", ",,", "for", "for=a b", "for=a;for=b", "=a", "for=\"a", "for=\"a\"b", "for=a\"b"]
        {
            assert!(read(bad).is_empty(), "{bad}");
        }
        assert_eq!(read("for=a b, for=c"), ["for=c;"]);
        let params = |n: usize| (0..n).map(|n| format!("p{n}=a;")).collect::<String>();
        let headers =
            |n| Headers::from_iter([(FORWARDED, HeaderValue::try_from(params(n)).unwrap())]);
        assert_eq!(
            Forwarded::elements(&headers(MAX_PARAMS))[0].as_ref().unwrap().params().count(),
            16
        );
        assert_eq!(Forwarded::elements(&headers(MAX_PARAMS + 1)), [None]);
        // As proxies write addresses.
        assert_eq!(read("for=[::1]:80;host=a:8"), ["for=[::1]:80;host=a:8;"]);
    }

    #[test]
    fn what_is_malformed_keeps_its_place_and_an_open_quote_hides_its_line() {
        let lines = ["for=\"x, for=192.0.2.1", "for=a;for=b, ,for=c", "for=1\\, for=\"\\\"\""];
        let fields = lines.map(|line| (FORWARDED, HeaderValue::from_static(line)));
        let elements = Forwarded::elements(&fields.into_iter().collect());
        let clients: Vec<_> =
            elements.iter().map(|one| one.as_ref().and_then(Forwarded::client)).collect();
        assert_eq!(clients, [None, None, Some("c"), None, Some("\"")]);
    }
}
