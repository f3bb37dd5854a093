//! Methods of one resource, and the `Allow` list of a path.

use std::borrow::Cow;
use std::fmt;

use crate::router::RouteId;

/// A method made cheap to compare: its bytes as one number where they fit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Method<'m> {
    /// Zero for methods of more than eight bytes. No token has a zero byte, so none is cut short.
    key: u64,
    text: &'m str,
}

impl<'m> Method<'m> {
    #[inline(always)]
    pub(crate) fn new(text: &'m str) -> Self {
        Self { key: key(text), text }
    }
}

#[inline(always)]
fn key(text: &str) -> u64 {
    match text.as_bytes() {
        // Most requests are one of these, and a compare is quicker than the loop.
        b"GET" => const { number(b"GET") },
        b"POST" => const { number(b"POST") },
        text => other_key(text),
    }
}

fn other_key(text: &[u8]) -> u64 {
    if text.len() <= 8 { number(text) } else { 0 }
}

const fn number(text: &[u8]) -> u64 {
    let (mut key, mut rest) = (0, text);
    while let [byte, tail @ ..] = rest {
        (key, rest) = (key << 8 | *byte as u64, tail);
    }
    key
}

/// Which route answers which method; either one for all, or some by name.
#[derive(Debug, Default)]
pub(crate) struct Methods {
    /// The first few of `named`, where a look-up finds them without going elsewhere in memory.
    quick: [(u64, Option<RouteId>); 2],
    any: Option<RouteId>,
    named: Vec<(u64, Box<str>, RouteId)>,
    allow: Box<str>,
}

impl Methods {
    #[inline]
    pub(crate) fn find(&self, method: Method<'_>) -> Option<RouteId> {
        for &(key, route) in &self.quick {
            // A place that is not taken has no route, and a key of zero says nothing.
            if key == method.key && key != 0 {
                return route;
            }
        }
        if self.named.is_empty() { self.any } else { self.find_named(method) }
    }

    fn find_named(&self, method: Method<'_>) -> Option<RouteId> {
        self.named
            .iter()
            .find(|(key, text, _)| *key == method.key && (*key != 0 || **text == *method.text))
            .map(|&(_, _, route)| route)
            .or(self.any)
    }

    /// The route for exactly `method`.
    pub(crate) fn named(&self, method: &str) -> Option<RouteId> {
        self.named.iter().find(|(_, name, _)| **name == *method).map(|&(_, _, route)| route)
    }

    /// The route that was registered first.
    pub(crate) fn first(&self) -> Option<RouteId> {
        self.named.iter().map(|&(_, _, route)| route).chain(self.any).min()
    }

    pub(crate) fn any(&self) -> Option<RouteId> {
        self.any
    }

    pub(crate) fn set_any(&mut self, route: RouteId) {
        self.any = Some(route);
    }

    pub(crate) fn insert(&mut self, method: &str, route: RouteId) {
        self.named.push((key(method), method.into(), route));
    }

    /// Renders the `Allow` list, once there is nothing to add.
    pub(crate) fn finish(&mut self) {
        for (quick, (key, _, route)) in self.quick.iter_mut().zip(&self.named) {
            *quick = (*key, Some(*route));
        }
        self.allow = join(self.iter().collect()).into();
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(|(_, method, _)| &**method)
    }
}

fn join(mut methods: Vec<&str>) -> String {
    methods.sort_unstable();
    methods.dedup();
    methods.join(", ")
}

/// The methods that a path does answer, for a response of 405 (RFC 9110 §10.2.1).
///
/// `Display` and [`text`](Self::text) give the value of the `Allow` field: sorted, each method once.
#[derive(Clone, Debug)]
pub struct Allow<'r> {
    first: &'r Methods,
    /// Of further patterns that match the path.
    more: Vec<&'r Methods>,
}

impl<'r> Allow<'r> {
    pub(crate) fn new(first: &'r Methods) -> Self {
        Self { first, more: Vec::new() }
    }

    pub(crate) fn add(&mut self, methods: &'r Methods) {
        self.more.push(methods);
    }

    /// The list, comma separated. Borrowed from the table where one pattern alone matched.
    pub fn text(&self) -> Cow<'r, str> {
        if self.more.is_empty() {
            return Cow::Borrowed(&self.first.allow);
        }
        Cow::Owned(join(self.all().collect()))
    }

    /// Each method once, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &'r str> + use<'r> {
        let mut methods: Vec<_> = self.all().collect();
        methods.sort_unstable();
        methods.dedup();
        methods.into_iter()
    }

    /// Whether `method` is one of them.
    pub fn contains(&self, method: &str) -> bool {
        self.all().any(|allowed| allowed == method)
    }

    fn all(&self) -> impl Iterator<Item = &'r str> + '_ {
        self.first.iter().chain(self.more.iter().flat_map(|methods| methods.iter()))
    }
}

impl fmt::Display for Allow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text())
    }
}

/// Whether `method` is a token (RFC 9110 §5.6.2).
pub(crate) fn is_token(method: &str) -> bool {
    let is_tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !method.is_empty() && method.bytes().all(is_tchar)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn methods(list: &[&str]) -> Methods {
        let mut methods = Methods::default();
        for (i, method) in list.iter().enumerate() {
            methods.insert(method, RouteId::new(i));
        }
        methods.finish();
        methods
    }

    #[test]
    fn methods_are_found_by_their_exact_text() {
        let list = ["GET", "PROPFIND", "PROPPATCH", "UNSUBSCRIBE", "G"];
        let methods = methods(&list);
        for (i, method) in list.iter().enumerate() {
            assert_eq!(methods.find(Method::new(method)), Some(RouteId::new(i)));
        }
        for method in ["get", "GE", "GETT", "", "PROPPATCHED", "PROPFINDS"] {
            assert_eq!(methods.find(Method::new(method)), None, "{method}");
        }
    }

    #[test]
    fn allow_is_sorted_and_each_method_stands_once() {
        let (a, b) = (methods(&["POST", "GET"]), methods(&["GET", "DELETE"]));
        let mut allow = Allow::new(&a);
        assert!(matches!(allow.text(), Cow::Borrowed("GET, POST")));
        allow.add(&b);
        assert_eq!(allow.to_string(), "DELETE, GET, POST");
        assert!(allow.iter().eq(["DELETE", "GET", "POST"]));
        assert!(allow.contains("DELETE") && !allow.contains("PUT"));
    }

    #[test]
    fn methods_are_tokens() {
        assert!(is_token("M-SEARCH") && is_token("*"));
        assert!(!is_token("") && !is_token("GET ") && !is_token("GÉT") && !is_token("A,B"));
    }
}
