//! What head and connection say of a request, read.

use std::borrow::Cow;
use std::net::IpAddr;

use http::Version;
use percent_encoding::percent_decode_str;

use crate::{Disconnected, Forwarded, Interim, MediaType, Request, cookies};

impl Request {
    /// The path percent-decoded; bytes that are then not UTF-8 come out as U+FFFD.
    pub fn decoded_path(&self) -> Cow<'_, str> {
        percent_decode_str(self.path()).decode_utf8_lossy()
    }

    /// Path and query as received, without the authority that an absolute target begins with.
    pub fn path_and_query(&self) -> &str {
        let target = self.head().target();
        let Some(query) = self.query() else { return self.path() };
        // Path, `?` and query stand at the target's end.
        let len = self.path().len() + 1 + query.len();
        target.get(target.len().saturating_sub(len)..).unwrap_or(target)
    }

    /// The pairs of the query in order, decoded: names may come again, and values may be empty.
    ///
    /// ```
    /// use dunlin_core::Request;
    /// use http::{Method, Uri};
    ///
    /// let req = Request::new(Method::GET, Uri::from_static("/?a=1&b=&a=x+y%21&c"), ());
    /// let pairs: Vec<_> = req.query_pairs().map(|(name, value)| format!("{name}={value}")).collect();
    /// assert_eq!(pairs, ["a=1", "b=", "a=x y!", "c="]);
    /// assert_eq!(req.query_value("a").as_deref(), Some("1"));
    /// ```
    pub fn query_pairs(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        form_urlencoded::parse(self.query().unwrap_or("").as_bytes())
    }

    /// The first value of that name in the query.
    pub fn query_value(&self, name: &str) -> Option<Cow<'_, str>> {
        self.query_pairs().find_map(|(own, value)| (own == name).then_some(value))
    }

    /// The scheme of the connection: `https` where it is encrypted. What proxies say of theirs is not
    /// looked at.
    pub fn scheme(&self) -> &'static str {
        if self.connection().is_some_and(|connection| connection.secure) { "https" } else { "http" }
    }

    /// The host that the request is for, with its port where one is named: that of an absolute target,
    /// else of `Host`, else the address that the connection came to; empty where all are absent.
    pub fn host(&self) -> Cow<'_, str> {
        let target = self.head().target();
        let absolute = !target.starts_with('/') && target != "*";
        let authority = if absolute { self.uri().authority() } else { None };
        if let Some(authority) = authority {
            let authority = authority.as_str();
            return authority.rsplit_once('@').map_or(authority, |(_, host)| host).into();
        }
        match self.headers().get_str("host") {
            Some(host) => host.into(),
            None => self
                .connection()
                .and_then(|connection| connection.local)
                .map_or_else(|| "".into(), |local| local.to_string().into()),
        }
    }

    /// Address of the other end, without its port; `None` on a unix socket.
    pub fn remote(&self) -> Option<IpAddr> {
        self.peer().map(|peer| peer.ip())
    }

    /// What proxies say that they forwarded (RFC 7239), the first proxy first. Anyone can send it: not
    /// to be trusted by itself.
    pub fn forwarded(&self) -> Vec<Forwarded> {
        Forwarded::all(self.headers())
    }

    /// The media type of the body: `application/octet-stream` where none is named that can be read.
    pub fn content_type(&self) -> MediaType<'_> {
        self.headers()
            .get_str("content-type")
            .and_then(MediaType::parse)
            .unwrap_or(MediaType::OCTET_STREAM)
    }

    /// The charset that `Content-Type` names, as written.
    pub fn charset(&self) -> Option<Cow<'_, str>> {
        MediaType::parse(self.headers().get_str("content-type")?)?.charset()
    }

    /// The length that `Content-Length` declares, in bytes.
    pub fn content_length(&self) -> Option<u64> {
        let value = self.headers().get_str("content-length")?;
        // `parse` takes a sign.
        value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse().ok())?
    }

    /// Whether the head promises a body.
    pub fn body_exists(&self) -> bool {
        self.headers().contains("transfer-encoding") || self.content_length().is_some_and(|n| n > 0)
    }

    /// Whether there may be body left to read.
    pub fn can_read_body(&self) -> bool {
        !http_body::Body::is_end_stream(self.body())
    }

    /// The cookies in order, without quotes around their values. What is no cookie is passed over, and a
    /// name may come again.
    pub fn cookies(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        cookies::cookies(self.headers())
    }

    /// The cookie of that name, the last where it comes again.
    pub fn cookie(&self, name: &str) -> Option<Cow<'_, str>> {
        self.cookies().filter_map(|(own, value)| (own == name).then_some(value)).last()
    }

    /// Whether the client wants the connection to persist: in HTTP/1.1 unless it says `close`, in HTTP/1.0
    /// where it says `keep-alive` (RFC 9112 §9.3).
    pub fn keep_alive(&self) -> bool {
        let says = |option: &str| {
            let lines = self.headers().get_all("connection");
            let mut options = lines.flat_map(|line| line.split(|byte| *byte == b','));
            options.any(|one| one.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
        };
        match self.version() {
            Version::HTTP_09 => false,
            Version::HTTP_10 => says("keep-alive") && !says("close"),
            _ => !says("close"),
        }
    }

    /// Resolves when the client has gone: its connection is reset, or it has closed its half, which a
    /// client that still wants the answer rarely does. Borrows nothing, so that it can be awaited beside
    /// the body, or in a task of its own. Never resolves where there is no connection.
    ///
    /// A server drops a handler whose connection is reset, unless its route runs to completion; so this
    /// is for what was moved to a task, and for a client that has half closed. It is noticed while the handler
    /// waits, and while at most 16 KiB of further requests have come.
    ///
    /// ```
    /// # use dunlin_core::{Request, Response};
    /// async fn work(req: Request) -> Response {
    ///     let gone = req.disconnected();
    ///     // tokio::select! { answer = compute() => answer, () = gone => Response::default() }
    /// #   drop(gone);
    ///     Response::default()
    /// }
    /// ```
    pub fn disconnected(&self) -> Disconnected {
        self.connection().map_or_else(Disconnected::never, crate::Connection::disconnected)
    }
}

impl Request {
    /// Sends interim responses, such as `103 Early Hints`, before the response. Ask for it in the handler's own
    /// task; what it returns may go to others.
    pub fn interim(&self) -> Interim {
        self.connection().map_or_else(Interim::nowhere, crate::Connection::interim)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::{HeaderName, HeaderValue, Method, Uri};

    use super::*;
    use crate::Connection;

    fn request(target: &'static str, fields: &[(&'static str, &'static str)]) -> Request {
        let mut req = Request::new(Method::POST, Uri::from_static(target), ());
        for (name, value) in fields {
            let (name, value) = (HeaderName::from_static(name), HeaderValue::from_static(value));
            req.headers_mut().append(name, value);
        }
        req
    }

    #[test]
    fn path_and_query_are_those_of_the_target() {
        for (target, path_and_query, decoded) in [
            ("/a%20b?c=d", "/a%20b?c=d", "/a b"),
            ("http://h:1/a%ff?", "/a%ff?", "/a\u{fffd}"),
            ("http://h/a?b?c", "/a?b?c", "/a"),
            ("/a", "/a", "/a"),
        ] {
            let req = request(target, &[]);
            assert_eq!(req.path_and_query(), path_and_query, "{target}");
            assert_eq!(req.decoded_path(), decoded, "{target}");
        }
    }

    #[test]
    fn the_host_is_that_of_the_target_the_field_or_the_socket() {
        let field = [("host", "field:1")];
        assert_eq!(request("http://u@target:2/", &field).host(), "target:2");
        assert_eq!(request("/", &field).host(), "field:1");
        let mut req = request("/", &[]);
        assert_eq!((req.host(), req.scheme(), req.remote()), ("".into(), "http", None));
        let mut connection = Connection::default();
        connection.local = Some("[::1]:80".parse().unwrap());
        connection.peer = Some("192.0.2.1:9".parse().unwrap());
        connection.secure = true;
        req.set_connection(Arc::new(connection));
        assert_eq!((req.host(), req.scheme()), ("[::1]:80".into(), "https"));
        assert_eq!(req.remote().unwrap().to_string(), "192.0.2.1");
    }

    #[test]
    fn content_type_and_length_are_read_and_bad_ones_are_none() {
        let typed = |value| request("/", &[("content-type", value)]);
        assert_eq!(typed("Text/Plain; charset=\"x\"").content_type().essence(), "text/plain");
        assert_eq!(typed("text/plain; charset=x").charset().as_deref(), Some("x"));
        assert_eq!(typed("nonsense").content_type(), MediaType::OCTET_STREAM);
        assert_eq!(request("/", &[]).content_type().essence(), "application/octet-stream");
        for (value, length) in [("12", Some(12)), ("+1", None), ("1_0", None), ("", None)] {
            let req = request("/", &[("content-length", value)]);
            assert_eq!(req.content_length(), length, "{value}");
        }
        assert!(request("/", &[("content-length", "1")]).body_exists());
        assert!(request("/", &[("transfer-encoding", "chunked")]).body_exists());
        let none = request("/", &[("content-length", "0")]);
        assert!(!none.body_exists() && !none.can_read_body());
    }

    #[test]
    fn the_last_cookie_of_a_name_wins() {
        let req = request("/", &[("cookie", "a=1; b=2; a=3")]);
        assert_eq!((req.cookie("a").as_deref(), req.cookie("c")), (Some("3"), None));
        assert_eq!(req.cookies().count(), 3);
    }

    #[test]
    fn persistence_follows_version_and_connection() {
        let keeps = |version, value| {
            let mut req = request("/", &[("connection", value)]).into_http();
            *req.version_mut() = version;
            Request::from(req).keep_alive()
        };
        assert!(keeps(Version::HTTP_11, "upgrade"));
        assert!(!keeps(Version::HTTP_11, "x, Close"));
        assert!(keeps(Version::HTTP_10, "Keep-Alive"));
        assert!(!keeps(Version::HTTP_10, "x"));
    }

    #[tokio::test]
    async fn nobody_goes_where_there_is_no_connection() {
        let req = request("/", &[]);
        let gone = req.disconnected();
        assert!(!gone.is_gone());
        let yielded = tokio::task::yield_now();
        tokio::select! { biased; () = gone => panic!("nobody went"), () = yielded => {} }
    }
}
