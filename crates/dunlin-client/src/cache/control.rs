//! `Cache-Control` (RFC 9111 §5.2), of requests and responses.

use dunlin_core::Headers;

/// The directives of a message, in order.
#[derive(Debug, Default)]
pub(super) struct Directives(Vec<(String, Option<String>)>);

/// More than any server means: the bound of RFC 9111 §1.2.2.
pub(super) const MAX_SECONDS: u64 = 1 << 31;

impl Directives {
    pub(super) fn of(headers: &Headers) -> Self {
        let mut all = Self::default();
        for line in headers.get_all("cache-control") {
            all.read(&String::from_utf8_lossy(line));
        }
        all
    }

    /// `Pragma: no-cache` stands for the directive where there is none at all (RFC 9111 §5.4).
    pub(super) fn of_request(headers: &Headers) -> Self {
        let mut all = Self::of(headers);
        if !headers.contains("cache-control")
            && headers.get_all("pragma").any(|v| v.eq_ignore_ascii_case(b"no-cache"))
        {
            all.read("no-cache");
        }
        all
    }

    /// Takes in one line of the list; commas in quotes separate nothing.
    fn read(&mut self, line: &str) {
        let (mut quoted, mut escaped) = (false, false);
        let parts = line.split(|c: char| {
            if std::mem::take(&mut escaped) {
                return false;
            }
            match c {
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                ',' => return !quoted,
                _ => {}
            }
            false
        });
        for part in parts {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name, Some(value.trim())),
                None => (part, None),
            };
            let name = name.trim().to_ascii_lowercase();
            if !name.is_empty() {
                // Arguments come as token or in quotes, and mean the same.
                let value = value.map(|v| v.trim_matches('"').to_owned());
                self.0.push((name, value));
            }
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| n == name)
    }

    /// Whether the directive is there and has no argument.
    pub(super) fn is_bare(&self, name: &str) -> bool {
        self.0.iter().any(|(n, value)| n == name && value.is_none())
    }

    /// The first value (RFC 9111 §4.2.1). One that is no number of seconds counts as none at all: the
    /// response is stale, the request takes nothing that is older.
    pub(super) fn seconds(&self, name: &str) -> Option<u64> {
        let (_, value) = self.0.iter().find(|(n, _)| n == name)?;
        Some(value.as_deref().and_then(seconds).unwrap_or(0))
    }
}

/// Digits alone; too many of them are the most.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(MAX_SECONDS).min(MAX_SECONDS))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::{CACHE_CONTROL, PRAGMA};

    use super::*;

    #[test]
    fn lists_are_read_whatever_their_spelling() {
        let mut headers = Headers::new();
        for line in ["Max-Age=\"5\" ,, no-cache=\"a, b\\\",c\"", "x=1,MAX-AGE=7, immutable"] {
            headers.append(CACHE_CONTROL, HeaderValue::from_static(line));
        }
        let all = Directives::of(&headers);
        assert_eq!(all.0.len(), 5, "{all:?}");
        assert_eq!(all.seconds("max-age"), Some(5));
        assert!(all.has("no-cache") && all.is_bare("immutable") && !all.is_bare("no-cache"));
        for (text, value) in [
            ("max-age=99999999999999999999", MAX_SECONDS),
            ("max-age", 0),
            ("max-age=", 0),
            ("max-age=-1", 0),
            ("max-age=1.5", 0),
            ("max-age=\"", 0),
        ] {
            let mut all = Directives::default();
            all.read(text);
            assert_eq!(all.seconds("max-age"), Some(value), "{text}");
        }
    }

    #[test]
    fn pragma_counts_where_there_is_no_cache_control() {
        let mut headers = Headers::new();
        headers.append(PRAGMA, HeaderValue::from_static("No-Cache"));
        assert!(Directives::of_request(&headers).has("no-cache"));
        assert!(!Directives::of(&headers).has("no-cache"));
        headers.append(CACHE_CONTROL, HeaderValue::from_static("max-age=1"));
        assert!(!Directives::of_request(&headers).has("no-cache"));
    }
}
