//! Lists in header fields: tokens, and extensions with parameters (RFC 6455 §9.1).

use dunlin_core::Headers;
use http::HeaderName;

/// An extension that is offered or agreed on.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Extension {
    pub(crate) name: String,
    pub(crate) params: Vec<(String, Option<String>)>,
}

/// A list that is not by the grammar.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Malformed;

/// Whether one of the values, which are lists of tokens, names that one, in upper or lower case.
pub(super) fn has_token(headers: &Headers, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .flat_map(|value| value.split(|byte| *byte == b','))
        .any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// The only value; `None` where there is none, `Err` where there are several.
pub(super) fn only<'a>(
    headers: &'a Headers,
    name: &'a HeaderName,
) -> Result<Option<&'a [u8]>, Malformed> {
    let mut values = headers.get_all(name);
    let first = values.next();
    if values.next().is_some() { Err(Malformed) } else { Ok(first) }
}

/// All extensions of all values, in order.
pub(super) fn extensions(
    headers: &Headers,
    name: &HeaderName,
) -> Result<Vec<Extension>, Malformed> {
    let mut all = Vec::new();
    for value in headers.get_all(name) {
        let mut scan = Scan(value);
        loop {
            // RFC 9110 §5.6.1: empty elements are skipped.
            while scan.skips(b',') {}
            if scan.is_done() {
                break;
            }
            all.push(scan.extension()?);
            if !scan.is_done() && !scan.skips(b',') {
                return Err(Malformed);
            }
        }
    }
    Ok(all)
}

/// Whether the byte may be in a token (RFC 9110 §5.6.2).
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

struct Scan<'a>(&'a [u8]);

impl Scan<'_> {
    fn is_done(&mut self) -> bool {
        self.0 = self.0.trim_ascii_start();
        self.0.is_empty()
    }

    fn skips(&mut self, byte: u8) -> bool {
        self.0 = self.0.trim_ascii_start();
        match self.0.split_first() {
            Some((first, rest)) if *first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn extension(&mut self) -> Result<Extension, Malformed> {
        let name = self.token()?;
        let mut params = Vec::new();
        while self.skips(b';') {
            let name = self.token()?;
            let value = if self.skips(b'=') { Some(self.value()?) } else { None };
            params.push((name, value));
        }
        Ok(Extension { name, params })
    }

    fn token(&mut self) -> Result<String, Malformed> {
        self.0 = self.0.trim_ascii_start();
        let len = self.0.iter().take_while(|byte| is_token(**byte)).count();
        let (token, rest) = self.0.split_at(len);
        self.0 = rest;
        match std::str::from_utf8(token) {
            Ok(token) if len > 0 => Ok(token.to_ascii_lowercase()),
            _ => Err(Malformed),
        }
    }

    /// A token, or a quoted string that holds one.
    fn value(&mut self) -> Result<String, Malformed> {
        if !self.skips(b'"') {
            return self.token();
        }
        let mut value = String::new();
        while let Some((&byte, rest)) = self.0.split_first() {
            self.0 = rest;
            let byte = match (byte, rest.split_first()) {
                (b'"', _) => return if value.is_empty() { Err(Malformed) } else { Ok(value) },
                (b'\\', Some((&escaped, rest))) => {
                    self.0 = rest;
                    escaped
                }
                (byte, _) => byte,
            };
            if !is_token(byte) {
                return Err(Malformed);
            }
            value.push(byte.into());
        }
        Err(Malformed)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::SEC_WEBSOCKET_EXTENSIONS;

    use super::*;

    fn parse(value: &str) -> Result<Vec<Extension>, Malformed> {
        let mut headers = Headers::default();
        headers.insert(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_str(value).unwrap());
        extensions(&headers, &SEC_WEBSOCKET_EXTENSIONS)
    }

    #[test]
    fn extensions_have_parameters_with_and_without_values() {
        let all = parse(r#"a; x ; y = 1;z="1\0" , , b"#).unwrap();
        let param = |name: &str, value: Option<&str>| (name.to_owned(), value.map(str::to_owned));
        assert_eq!(all.len(), 2);
        assert_eq!(
            all[0].params,
            [param("x", None), param("y", Some("1")), param("z", Some("10"))]
        );
        assert_eq!((&*all[1].name, all[1].params.len()), ("b", 0));
    }

    #[test]
    fn what_is_not_by_the_grammar_is_refused() {
        for bad in
            ["a b", "a;", "a; =1", "a; x=", "a; x=\"1", "a; x=\"\"", "a; x=\"1 2\"", "a/b", ";"]
        {
            assert_eq!(parse(bad), Err(Malformed), "{bad}");
        }
    }
}
