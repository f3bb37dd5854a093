//! From a pattern and values back to a URL.

use std::borrow::Cow;
use std::fmt::Display;

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::params::Captures;
use crate::pattern::{Part, Pattern, Piece, Segment};

/// Everything but `pchar` (RFC 3986 §3.3).
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');
const TAIL: &AsciiSet = &SEGMENT.remove(b'/');
/// Literals are in normal form: each `%` in them begins an escape.
const LITERAL: &AsciiSet = &TAIL.remove(b'%');
/// Of what RFC 3986 §3.4 allows, what neither ends a pair nor stands for a space in a form.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/')
    .remove(b':')
    .remove(b'@')
    .remove(b',');

/// A reason why there is no URL.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UrlError {
    /// No route has the name.
    #[error("no route is named `{name}`")]
    UnknownName {
        /// The name.
        name: Box<str>,
    },
    /// A capture was given no value.
    #[error("`{pattern}` needs a value for `{param}`")]
    Missing {
        /// The pattern as written.
        pattern: Box<str>,
        /// The capture.
        param: Box<str>,
    },
    /// A value was given for a capture that the pattern does not have.
    #[error("`{pattern}` has no capture `{param}`")]
    UnknownParam {
        /// The pattern as written.
        pattern: Box<str>,
        /// The name.
        param: Box<str>,
    },
    /// A capture was given two values.
    #[error("`{param}` of `{pattern}` has two values")]
    Repeated {
        /// The pattern as written.
        pattern: Box<str>,
        /// The capture.
        param: Box<str>,
    },
    /// The constraint of a capture does not let the value through.
    #[error("`{value}` does not fit `{param}` of `{pattern}`")]
    BadValue {
        /// The pattern as written.
        pattern: Box<str>,
        /// The capture.
        param: Box<str>,
        /// The value.
        value: Box<str>,
    },
    /// Matching would split the segment in another way, so that the values would be others.
    #[error("the values for `{pattern}` could not be told apart in `{segment}`")]
    Ambiguous {
        /// The pattern as written.
        pattern: Box<str>,
        /// The segment.
        segment: Box<str>,
    },
    /// A segment is `.` or `..`, which clients resolve and never send (RFC 3986 §5.2.4).
    #[error("`{path}` has a segment of dots, which no client would send")]
    DotSegment {
        /// The path.
        path: Box<str>,
    },
    /// The path begins with `//`, which makes the next part a host (RFC 3986 §4.2).
    #[error("`{path}` would be read as the address of another host")]
    OtherHost {
        /// The path.
        path: Box<str>,
    },
}

/// A URL in the making: the path of one pattern, and a query.
///
/// Values are given as plain text and percent-encoded here. Mistakes are told by
/// [`build`](Self::build).
///
/// ```
/// use dunlin_router::{Pattern, UrlBuilder};
///
/// let pattern = Pattern::parse("/files/{owner}/{path:.*}")?;
/// let url = UrlBuilder::new(&pattern).param("owner", "R&D/1").param("path", "a b/c").build()?;
/// assert_eq!(url, "/files/R&D%2F1/a%20b/c");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct UrlBuilder<'r> {
    pattern: &'r Pattern,
    params: Vec<(Box<str>, String)>,
    query: String,
}

impl<'r> UrlBuilder<'r> {
    /// Begins a URL for `pattern`.
    pub fn new(pattern: &'r Pattern) -> Self {
        Self { pattern, params: Vec::new(), query: String::new() }
    }

    /// The value of the capture `name`.
    pub fn param(mut self, name: &str, value: impl Display) -> Self {
        self.params.push((name.into(), value.to_string()));
        self
    }

    /// The values of several captures.
    pub fn params<N: AsRef<str>, V: Display>(
        mut self,
        params: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let params = params.into_iter();
        self.params.extend(params.map(|(name, value)| (name.as_ref().into(), value.to_string())));
        self
    }

    /// Pairs to append to the query, in this order.
    pub fn query<K: Display, V: Display>(
        mut self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        for (key, value) in pairs {
            self.query.push(if self.query.is_empty() { '?' } else { '&' });
            self.query.extend(utf8_percent_encode(&key.to_string(), QUERY));
            self.query.push('=');
            self.query.extend(utf8_percent_encode(&value.to_string(), QUERY));
        }
        self
    }

    /// The path, then the query if there is one; relative to the root of the site.
    ///
    /// Matching the path against the pattern gives back the same values.
    ///
    /// # Errors
    ///
    /// [`UrlError`] for values that are missing, unknown, given twice, turned away by a constraint,
    /// or that make a path which clients would read otherwise.
    pub fn build(self) -> Result<String, UrlError> {
        self.check_names()?;
        let mut url = String::new();
        let mut names = self.pattern.names().iter();
        for piece in self.pattern.pieces() {
            match piece {
                Piece::Literal(text) => url.extend(utf8_percent_encode(text, LITERAL)),
                Piece::Segment(segment) => self.push_segment(segment, &mut names, &mut url)?,
                Piece::Tail { may_be_empty } => {
                    let (param, value) = self.value(&mut names)?;
                    if value.is_empty() && !may_be_empty {
                        return Err(self.bad_value(param, value));
                    }
                    url.extend(utf8_percent_encode(value, TAIL));
                }
            }
        }
        if url.split('/').any(|segment| segment == "." || segment == "..") {
            return Err(UrlError::DotSegment { path: url.into() });
        }
        if url.starts_with("//") {
            return Err(UrlError::OtherHost { path: url.into() });
        }
        url.push_str(&self.query);
        Ok(url)
    }

    fn push_segment<'n>(
        &self,
        segment: &Segment,
        names: &mut impl Iterator<Item = &'n Box<str>>,
        url: &mut String,
    ) -> Result<(), UrlError> {
        // What matching will see, and where it has to find the captures.
        let mut normal = String::new();
        let mut expected = Captures::new();
        for part in segment.parts() {
            match part {
                Part::Literal(text) => {
                    normal.push_str(text);
                    url.extend(utf8_percent_encode(text, LITERAL));
                }
                Part::Capture(capture) => {
                    let (param, value) = self.value(names)?;
                    let start = normal.len();
                    normal.push_str(&kept_escapes(value));
                    if !capture.matches(&normal.as_bytes()[start..]) {
                        return Err(self.bad_value(param, value));
                    }
                    expected.push(start, normal.len());
                    url.extend(utf8_percent_encode(value, SEGMENT));
                }
            }
        }
        let mut found = Captures::new();
        if segment.matches(normal.as_bytes(), 0, &mut found) && found == expected {
            return Ok(());
        }
        Err(UrlError::Ambiguous { pattern: self.pattern.as_str().into(), segment: normal.into() })
    }

    fn value<'n, 's>(
        &'s self,
        names: &mut impl Iterator<Item = &'n Box<str>>,
    ) -> Result<(&'s str, &'s str), UrlError> {
        let name = names.next().map_or("", |name| name);
        match self.params.iter().find(|(param, _)| **param == *name) {
            Some((param, value)) => Ok((param, value)),
            None => {
                Err(UrlError::Missing { pattern: self.pattern.as_str().into(), param: name.into() })
            }
        }
    }

    fn check_names(&self) -> Result<(), UrlError> {
        for (i, (name, _)) in self.params.iter().enumerate() {
            let (pattern, param) = (|| self.pattern.as_str().into(), || name.clone());
            if !self.pattern.names().contains(name) {
                return Err(UrlError::UnknownParam { pattern: pattern(), param: param() });
            }
            if self.params[..i].iter().any(|(other, _)| other == name) {
                return Err(UrlError::Repeated { pattern: pattern(), param: param() });
            }
        }
        Ok(())
    }

    fn bad_value(&self, param: &str, value: &str) -> UrlError {
        let pattern = self.pattern.as_str().into();
        UrlError::BadValue { pattern, param: param.into(), value: value.into() }
    }
}

/// `value` in normal form: what its encoding will be once a path is normalised.
fn kept_escapes(value: &str) -> Cow<'_, str> {
    if !value.contains(['%', '/']) {
        return Cow::Borrowed(value);
    }
    Cow::Owned(value.replace('%', "%25").replace('/', "%2F"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(pattern: &str, params: &[(&str, &str)]) -> Result<String, UrlError> {
        let pattern = Pattern::parse(pattern).unwrap();
        UrlBuilder::new(&pattern).params(params.iter().copied()).build()
    }

    #[test]
    fn values_are_encoded_for_their_place() {
        let value = [("x", "a/b c%é;=@?#")];
        assert_eq!(url("/{x}", &value).unwrap(), "/a%2Fb%20c%25%C3%A9;=@%3F%23");
        assert_eq!(url("/{x:.*}", &value).unwrap(), "/a/b%20c%25%C3%A9;=@%3F%23");
    }

    #[test]
    fn literals_are_encoded_once() {
        assert_eq!(url("/café/a b/%2f%25%41", &[]).unwrap(), "/caf%C3%A9/a%20b/%2F%25A");
        assert_eq!(url("/é-{x}é", &[("x", "1")]).unwrap(), "/%C3%A9-1%C3%A9");
        assert_eq!(url("", &[]).unwrap(), "");
    }

    #[test]
    fn query_pairs_keep_their_order_and_are_encoded() {
        let pattern = Pattern::parse("/").unwrap();
        let url = UrlBuilder::new(&pattern).query([("q", "a b&c=d+e")]).query([("p", 2)]);
        assert_eq!(url.build().unwrap(), "/?q=a%20b%26c%3Dd%2Be&p=2");
    }

    #[test]
    fn names_have_to_fit() {
        let error = |params| url("/{a}/{b}", params).unwrap_err().to_string();
        assert_eq!(error(&[("a", "1")]), "`/{a}/{b}` needs a value for `b`");
        assert_eq!(error(&[("a", "1"), ("c", "1")]), "`/{a}/{b}` has no capture `c`");
        assert_eq!(error(&[("a", "1"), ("a", "2")]), "`a` of `/{a}/{b}` has two values");
    }

    #[test]
    fn values_have_to_fit_their_constraints() {
        assert!(url(r"/{id:\d+}", &[("id", "12")]).is_ok());
        for (pattern, value) in [(r"/{x:\d+}", "1a"), ("/{x}", ""), ("/{x:.+}", "")] {
            let refused = url(pattern, &[("x", value)]);
            assert!(matches!(refused, Err(UrlError::BadValue { .. })), "{pattern}");
        }
        assert_eq!(url("/a{x:.*}", &[("x", "")]).unwrap(), "/a");
    }

    #[test]
    fn values_that_would_be_split_otherwise_are_refused() {
        assert!(url("/{a}-{b}", &[("a", "x-y"), ("b", "z")]).is_ok());
        let refused = url("/{a}-{b}", &[("a", "x"), ("b", "y-z")]);
        assert!(matches!(refused, Err(UrlError::Ambiguous { .. })), "{refused:?}");
    }

    #[test]
    fn paths_that_clients_rewrite_are_refused() {
        for value in [".", "..", "a/../b"] {
            let refused = url("/{x:.*}", &[("x", value)]);
            assert!(matches!(refused, Err(UrlError::DotSegment { .. })), "{value}");
        }
        let refused = url("/{x:.*}", &[("x", "/example.com")]);
        assert!(matches!(refused, Err(UrlError::OtherHost { .. })));
        assert!(url("/{x}", &[("x", "..a")]).is_ok());
    }
}
