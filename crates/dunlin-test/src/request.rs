//! Requests made by hand, for handlers without a server.

use std::any::{Any, TypeId};
use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use dunlin_core::{Body, BoxError, Captures, Connection, Request, Scope, StateKey};
use http::header::CONTENT_TYPE;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde::Serialize;

/// Makes a request for a handler that is called without a server, an app or a route.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use dunlin_core::{FromRequest, Request, StateKey};
/// use dunlin_test::TestRequest;
/// use dunlin_web::{Json, Result};
///
/// static GREETING: StateKey<&str> = StateKey::new("greeting");
///
/// async fn hello(req: Request) -> Result<String> {
///     let name = req.param("name").unwrap_or_default().into_owned();
///     Ok(format!("{}, {name}!", req.state(&GREETING)))
/// }
///
/// let req = TestRequest::get("/people/ada").param("name", "ada").state(&GREETING, "Hello").build();
/// assert_eq!(hello(req).await.unwrap(), "Hello, ada!");
///
/// // Arguments are taken as a route would take them.
/// let req = TestRequest::post("/sum").json(&[1, 2]).build();
/// let Json(numbers) = Json::<Vec<u32>>::from_request(req).await.unwrap();
/// assert_eq!(numbers, [1, 2]);
/// # });
/// ```
///
/// # Panics
///
/// A value that makes no request (a target that is none, a field that cannot be sent) panics at the line of the
/// test that gave it, since a test has no other use for the error.
#[must_use = "it is a request once it is built"]
pub struct TestRequest {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
    limit: Option<u64>,
    extensions: Extensions,
    connection: Connection,
    route: TestRoute,
    spans: Vec<Range<usize>>,
}

impl TestRequest {
    /// A request of any method.
    #[track_caller]
    pub fn new(method: Method, target: &str) -> Self {
        let uri = target.parse().unwrap_or_else(|error| {
            panic!("{target:?} is no request target: {error}; write \"/path?query\"")
        });
        Self {
            method,
            uri,
            headers: HeaderMap::new(),
            body: Body::empty(),
            limit: None,
            extensions: Extensions::new(),
            connection: Connection::default(),
            route: TestRoute::default(),
            spans: Vec::new(),
        }
    }

    /// Adds a field; those of its name stay.
    #[track_caller]
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName, Error: fmt::Display>,
        V: TryInto<HeaderValue, Error: fmt::Display>,
    {
        let name = name.try_into().unwrap_or_else(|error| panic!("no field name: {error}"));
        let value = value
            .try_into()
            .unwrap_or_else(|error| panic!("no value for the field {name}: {error}"));
        self.headers.append(name, value);
        self
    }

    /// Sets the body as it is, without a field that tells its type.
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the body to the value as JSON, and `Content-Type: application/json` where none is set.
    #[track_caller]
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        let json = serde_json::to_vec(value)
            .unwrap_or_else(|error| panic!("the value is none that JSON has: {error}"));
        self.typed("application/json", json)
    }

    /// Sets the body to the value as a form, and its `Content-Type` where none is set.
    #[track_caller]
    pub fn form<T: Serialize + ?Sized>(self, value: &T) -> Self {
        let form = serde_html_form::to_string(value)
            .unwrap_or_else(|error| panic!("the value is none that a form has: {error}"));
        self.typed("application/x-www-form-urlencoded", form)
    }

    fn typed(mut self, content_type: &'static str, body: impl Into<Body>) -> Self {
        self.headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(content_type));
        self.body(body)
    }

    /// Most bytes that the handler can gather of the body, as `App::client_max_size`. Default: no limit.
    pub fn client_max_size(mut self, limit: u64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The address that it came from. Default: none, as on a unix socket.
    pub fn peer(mut self, peer: impl Into<SocketAddr>) -> Self {
        self.connection.peer = Some(peer.into());
        self
    }

    /// As if it had come over TLS.
    pub fn secure(mut self) -> Self {
        self.connection.secure = true;
        self
    }

    /// A value that middleware would hand on.
    pub fn extension<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.extensions.insert(value);
        self
    }

    /// A value that the app would keep.
    pub fn state<T: Send + Sync + 'static>(mut self, key: &StateKey<T>, value: T) -> Self {
        self.route.state.push((key.name(), TypeId::of::<T>(), Box::new(value)));
        self
    }

    /// A capture that the route would find: its value as it stands in the path, percent-encoding and all. Captures
    /// come in the order of the path.
    ///
    /// # Panics
    ///
    /// Where the value does not stand in the path behind the captures before it, since a handler reads it there.
    #[track_caller]
    pub fn param(mut self, name: &str, value: &str) -> Self {
        let path = self.uri.path();
        let from = self.spans.last().map_or(0, |span| span.end);
        let Some(at) = find(path, from, value) else {
            panic!("the capture {name:?} is {value:?}, which {path:?} has not from byte {from} on");
        };
        self.spans.push(at..at + value.len());
        let mut names = std::mem::take(&mut self.route.names).into_vec();
        names.push(name.into());
        self.route.names = names.into();
        self
    }

    /// The pattern of the route, for handlers that ask for it. Default: the path.
    pub fn pattern(mut self, pattern: &str) -> Self {
        self.route.pattern = pattern.into();
        self
    }

    /// The request.
    pub fn build(self) -> Request {
        let Self { method, uri, headers, body, limit, .. } = self;
        let Self { extensions, connection, mut route, spans, .. } = self;
        if route.pattern.is_empty() {
            route.pattern = uri.path().into();
        }
        let mut req = Request::new(method, uri, body);
        req.body_mut().set_limit(limit);
        *req.headers_mut() = headers.into();
        *req.extensions_mut() = extensions;
        req.set_connection(Arc::new(connection));
        req.set_route(Arc::new(route), spans.into_iter().collect::<Captures>());
        req
    }
}

macro_rules! methods {
    ($($name:ident $method:ident;)*) => {
        impl TestRequest {$(
            #[doc = concat!("A `", stringify!($method), "` of a target: path, and query where there is one.")]
            #[track_caller]
            pub fn $name(target: &str) -> Self {
                Self::new(Method::$method, target)
            }
        )*}
    };
}

methods! {
    get GET;
    head HEAD;
    post POST;
    put PUT;
    patch PATCH;
    delete DELETE;
    options OPTIONS;
}

/// Where the value stands, whole segments before parts of one.
fn find(path: &str, from: usize, value: &str) -> Option<usize> {
    let rest = path.get(from..)?;
    let is_whole = |at: usize| {
        let (before, after) = (path[..at].bytes().last(), path[at + value.len()..].bytes().next());
        before.is_none_or(|byte| byte == b'/') && after.is_none_or(|byte| byte == b'/')
    };
    let mut found = rest.match_indices(value).map(|(at, _)| from + at);
    let first = found.clone().next();
    found.find(|at| is_whole(*at)).or(first)
}

/// The route of a request that took none.
#[derive(Default)]
struct TestRoute {
    pattern: Box<str>,
    names: Box<[Box<str>]>,
    state: Vec<(&'static str, TypeId, Box<dyn Any + Send + Sync>)>,
}

impl Scope for TestRoute {
    fn pattern(&self) -> &str {
        &self.pattern
    }

    fn capture_names(&self) -> &[Box<str>] {
        &self.names
    }

    fn state(&self, ty: TypeId, name: Option<&str>) -> Option<&(dyn Any + Send + Sync)> {
        let is_it = |key: &str, of: TypeId| of == ty && name.is_none_or(|name| name == key);
        let found = self.state.iter().rev().find(|(key, of, _)| is_it(key, *of));
        found.map(|(_, _, value)| &**value)
    }

    fn url_for(&self, name: &str, _: &[(&str, &str)]) -> Result<String, BoxError> {
        Err(format!("a TestRequest has no routes; ask an app in memory for {name:?}").into())
    }
}

impl fmt::Debug for TestRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestRequest")
            .field("method", &self.method)
            .field("uri", &self.uri)
            .field("headers", &self.headers)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_stand_where_the_path_has_them() {
        let req =
            TestRequest::get("/users/use/a%20b").param("a", "use").param("b", "a%20b").build();
        assert_eq!((req.raw_param(0), req.param("b").as_deref()), (Some("use"), Some("a b")));
        assert_eq!(req.param("c"), None);
    }

    #[test]
    #[should_panic(
        expected = "the capture \"id\" is \"8\", which \"/users/7\" has not from byte 0 on"
    )]
    fn a_capture_that_the_path_has_not_is_told() {
        let _ = TestRequest::get("/users/7").param("id", "8");
    }

    #[test]
    #[should_panic(expected = "\"no path\" is no request target")]
    fn a_target_that_is_none_is_told() {
        let _ = TestRequest::get("no path");
    }

    #[test]
    #[should_panic(expected = "no value for the field x-a")]
    fn a_value_that_cannot_be_sent_is_told() {
        let _ = TestRequest::get("/").header("x-a", "a\r\nb");
    }

    #[tokio::test]
    async fn everything_that_is_set_is_there() {
        static KEY: StateKey<u8> = StateKey::new("key");
        let req = TestRequest::put("/a?b=c")
            .header("x-a", "1")
            .header("x-a", "2")
            .form(&[("k", "v w")])
            .peer(([192, 0, 2, 1], 80))
            .secure()
            .extension(7u16)
            .state(&KEY, 7)
            .pattern("/{x}")
            .build();
        assert_eq!((req.method(), req.path(), req.query()), (&Method::PUT, "/a", Some("b=c")));
        assert_eq!(req.headers().get_all("x-a").count(), 2);
        let form = Some("application/x-www-form-urlencoded");
        assert_eq!(req.headers().get_str("content-type"), form);
        assert_eq!(req.peer(), Some(([192, 0, 2, 1], 80).into()));
        assert!(req.connection().unwrap().secure);
        assert_eq!(req.extensions().get::<u16>(), Some(&7));
        assert_eq!((req.state(&KEY), req.state_of::<u8>()), (&7, Some(&7)));
        assert_eq!(req.pattern(), Some("/{x}"));
        assert!(req.url_for("x", []).is_err());
        assert_eq!(req.text().await.unwrap(), "k=v+w");
    }

    #[tokio::test]
    async fn the_limit_of_a_body_holds() {
        let req = TestRequest::post("/").client_max_size(4).body("12345").build();
        assert_eq!(req.bytes().await.unwrap_err().status(), 413);
    }
}
