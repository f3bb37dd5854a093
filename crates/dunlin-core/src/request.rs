//! A request: head, body, and what server and app know about it.

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Extensions, Method, Uri, Version};
use percent_encoding::percent_decode_str;

use crate::{
    Body, BodyError, BoxError, Captures, Connection, Headers, RequestHead, Scope, StateKey,
    decode_text,
};

/// An HTTP request.
///
/// `Send` and `Sync`, and small enough to be handed on by value.
///
/// ```
/// use dunlin_core::{Body, Request};
/// use http::{Method, Uri};
///
/// let req = Request::new(Method::GET, Uri::from_static("/notes?page=2"), Body::empty());
/// assert_eq!((req.path(), req.query()), ("/notes", Some("page=2")));
/// ```
#[derive(Debug)]
pub struct Request {
    head: RequestHead,
    body: Body,
    extensions: Extensions,
    connection: Option<Arc<Connection>>,
    route: Route,
}

#[derive(Clone, Default)]
struct Route {
    scope: Option<Arc<dyn Scope>>,
    captures: Captures,
}

/// What an [`http::Request`] has no place for.
#[derive(Clone)]
struct Origin {
    connection: Option<Arc<Connection>>,
    route: Route,
    /// The body's: what stands between may wrap the body in another.
    limit: Option<u64>,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.scope.as_ref().map(|scope| scope.pattern()).fmt(f)
    }
}

/// Why [`Request::url_for`] made no URL.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum UrlError {
    /// The request has not been routed, so there is no table to look in.
    #[error("the request was not routed by an app, so no route has a name")]
    NotRouted,
    /// No route has that name, or the parts do not fit its pattern.
    #[error("no URL for the route named {name:?}: {source}")]
    Unfit {
        /// The name asked for.
        name: Box<str>,
        /// What does not fit.
        source: BoxError,
    },
}

impl Request {
    /// A request made by hand, such as a test's.
    pub fn new(method: Method, uri: Uri, body: impl Into<Body>) -> Self {
        Self::from_head(RequestHead::new(method, uri), body.into())
    }

    /// A request from a decoded head.
    pub fn from_head(head: RequestHead, body: Body) -> Self {
        Self {
            head,
            body,
            extensions: Extensions::new(),
            connection: None,
            route: Route::default(),
        }
    }

    /// Method, target, version and fields; clone it to keep them past the handler.
    pub fn head(&self) -> &RequestHead {
        &self.head
    }

    /// The head, to change it.
    pub fn head_mut(&mut self) -> &mut RequestHead {
        &mut self.head
    }

    /// The method.
    pub fn method(&self) -> &Method {
        self.head.method()
    }

    /// HTTP/1.0 or HTTP/1.1.
    pub fn version(&self) -> Version {
        self.head.version()
    }

    /// The path as received: not decoded, without the query.
    pub fn path(&self) -> &str {
        self.head.path()
    }

    /// The query as received: not decoded, without its `?`.
    pub fn query(&self) -> Option<&str> {
        self.head.query()
    }

    /// The target as [`http::Uri`], built at the first call.
    pub fn uri(&self) -> &Uri {
        self.head.uri()
    }

    /// The header fields.
    pub fn headers(&self) -> &Headers {
        self.head.headers()
    }

    /// The header fields, to change them.
    pub fn headers_mut(&mut self) -> &mut Headers {
        self.head.headers_mut()
    }

    /// Values that middleware hands on, by type.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// Values that middleware hands on, to change them.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }

    /// Address of the other end; `None` on a unix socket, or where there is no connection.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.connection.as_ref()?.peer
    }

    /// What is known of the connection.
    pub fn connection(&self) -> Option<&Connection> {
        self.connection.as_deref()
    }

    /// Sets the connection; for servers.
    pub fn set_connection(&mut self, connection: Arc<Connection>) {
        self.connection = Some(connection);
    }

    /// Sets the route that was taken; for apps.
    pub fn set_route(&mut self, scope: Arc<dyn Scope>, captures: Captures) {
        self.route = Route { scope: Some(scope), captures };
    }

    /// The route that was taken.
    pub fn scope(&self) -> Option<&Arc<dyn Scope>> {
        self.route.scope.as_ref()
    }

    /// The captures of the route that was taken.
    pub fn captures(&self) -> &Captures {
        &self.route.captures
    }

    /// Pattern of the route that was taken.
    pub fn pattern(&self) -> Option<&str> {
        self.route.scope.as_ref().map(|scope| scope.pattern())
    }

    /// The value of a capture of the route's pattern, percent-decoded; bytes that are then not UTF-8
    /// come out as U+FFFD.
    pub fn param(&self, name: &str) -> Option<Cow<'_, str>> {
        let scope = self.route.scope.as_ref()?;
        let index = scope.capture_names().iter().position(|n| &**n == name)?;
        Some(percent_decode_str(self.raw_param(index)?).decode_utf8_lossy())
    }

    /// The capture at `index` in the pattern's order, as received.
    pub fn raw_param(&self, index: usize) -> Option<&str> {
        let bytes = self.head.path_bytes().get(self.route.captures.get(index)?)?;
        std::str::from_utf8(bytes).ok()
    }

    /// The value that the app keeps under `key`.
    ///
    /// # Panics
    ///
    /// Where no app on the route has it, which a server answers with 500. The extractor `State` is
    /// checked when the app is built instead.
    #[track_caller]
    pub fn state<T: Send + Sync + 'static>(&self, key: &StateKey<T>) -> &T {
        // No closure, so that the panic is told with the line of whoever calls.
        match self.try_state(key) {
            Some(value) => value,
            None => panic!(
                "no state for {key:?} on the route {:?}: set it with `.state(&KEY, value)` on its app, or ask \
                 with `try_state`",
                self.pattern().unwrap_or("")
            ),
        }
    }

    /// The value that the app keeps under `key`, if it does.
    pub fn try_state<T: Send + Sync + 'static>(&self, key: &StateKey<T>) -> Option<&T> {
        self.any_state(TypeId::of::<T>(), Some(key.name()))?.downcast_ref()
    }

    /// The only value of type `T` that the app keeps.
    pub fn state_of<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.any_state(TypeId::of::<T>(), None)?.downcast_ref()
    }

    fn any_state(&self, ty: TypeId, name: Option<&str>) -> Option<&(dyn Any + Send + Sync)> {
        self.route.scope.as_ref()?.state(ty, name)
    }

    /// The URL of a named route of the app, such as `req.url_for("user", [("id", "7")])`.
    ///
    /// # Errors
    ///
    /// [`UrlError`] where no route has that name, or the parts do not fit its pattern.
    pub fn url_for<'a>(
        &self,
        name: &str,
        params: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<String, UrlError> {
        let scope = self.route.scope.as_ref().ok_or(UrlError::NotRouted)?;
        let params: Vec<_> = params.into_iter().collect();
        scope.url_for(name, &params).map_err(|source| UrlError::Unfit { name: name.into(), source })
    }

    /// The body.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The body, to read it chunk by chunk.
    pub fn body_mut(&mut self) -> &mut Body {
        &mut self.body
    }

    /// Takes the body out and leaves an empty one: for who reads it and needs the head afterwards.
    pub fn take_body(&mut self) -> Body {
        std::mem::take(&mut self.body)
    }

    /// The body alone.
    pub fn into_body(self) -> Body {
        self.body
    }

    /// The whole body, bounded by the app's limit.
    ///
    /// # Errors
    ///
    /// As [`Body::bytes`].
    pub async fn bytes(self) -> Result<Bytes, BodyError> {
        self.body.bytes().await
    }

    /// The whole body as text in the charset that `Content-Type` names, UTF-8 where it names none; bounded
    /// by the app's limit.
    ///
    /// # Errors
    ///
    /// As [`Body::text`] and [`decode_text`]; an unknown charset is told before the body is read.
    pub async fn text(self) -> Result<String, BodyError> {
        let charset = self.charset().map(Cow::into_owned);
        if let Some(charset) = &charset {
            decode_text(Some(charset), Vec::new())?;
        }
        decode_text(charset.as_deref(), self.body.into_vec().await?)
    }

    /// Converts by move into the type that other libraries take. Connection, route and the body's limit stay in
    /// its extensions, so that they are there again when it is converted back. A target that `http` does not
    /// take comes out as by [`uri`](Self::uri); [`RequestHead::into_http`] refuses it instead.
    pub fn into_http(mut self) -> http::Request<Body> {
        if self.connection.is_some() || self.route.scope.is_some() {
            self.extensions.insert(Origin {
                connection: self.connection,
                route: self.route,
                limit: self.body.limit(),
            });
        }
        let (method, uri, version, headers) = self.head.into_http_parts();
        let mut req = http::Request::new(self.body);
        *req.method_mut() = method;
        *req.uri_mut() = uri;
        *req.version_mut() = version;
        *req.headers_mut() = headers.into_map();
        *req.extensions_mut() = self.extensions;
        req
    }
}

impl<B> From<http::Request<B>> for Request
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn from(req: http::Request<B>) -> Self {
        let (parts, body) = req.into_parts();
        let headers = parts.headers.into();
        let head = RequestHead::assemble(parts.method, parts.uri, parts.version, headers);
        let mut req = Self::from_head(head, Body::from_http_body(body));
        req.extensions = parts.extensions;
        if let Some(origin) = req.extensions.remove::<Origin>() {
            (req.connection, req.route) = (origin.connection, origin.route);
            req.body.set_limit(origin.limit);
        }
        req
    }
}

impl From<Request> for http::Request<Body> {
    fn from(req: Request) -> Self {
        req.into_http()
    }
}

/// So that what looks at a head alone takes a request as well.
impl AsRef<RequestHead> for Request {
    fn as_ref(&self) -> &RequestHead {
        self.head()
    }
}

impl AsRef<Self> for RequestHead {
    fn as_ref(&self) -> &Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Users;

    impl Scope for Users {
        fn pattern(&self) -> &str {
            "/users/{id}"
        }

        fn capture_names(&self) -> &[Box<str>] {
            static NAMES: std::sync::LazyLock<Vec<Box<str>>> =
                std::sync::LazyLock::new(|| vec!["id".into()]);
            &NAMES
        }

        fn state(&self, ty: TypeId, name: Option<&str>) -> Option<&(dyn Any + Send + Sync)> {
            (ty == TypeId::of::<u8>() && name.is_none_or(|n| n == "n")).then_some(&7u8)
        }

        fn url_for(&self, name: &str, params: &[(&str, &str)]) -> Result<String, BoxError> {
            if name == "user" { Ok(format!("/users/{}", params[0].1)) } else { Err("none".into()) }
        }
    }

    fn routed() -> Request {
        let mut req = Request::new(Method::GET, Uri::from_static("/users/a%20b"), ());
        req.set_route(Arc::new(Users), std::iter::once(7..12).collect());
        req
    }

    #[test]
    fn a_request_is_at_most_200_bytes_and_crosses_threads() {
        fn send_sync<T: Send + Sync>() {}
        send_sync::<Request>();
        assert!(size_of::<Request>() <= 200, "{}", size_of::<Request>());
    }

    #[test]
    fn captures_are_decoded_by_name_and_raw_by_index() {
        let req = routed();
        assert_eq!(req.param("id").as_deref(), Some("a b"));
        assert_eq!(req.raw_param(0), Some("a%20b"));
        assert_eq!(req.param("other"), None);
    }

    #[test]
    fn state_is_found_by_key_and_by_type() {
        let req = routed();
        assert_eq!(req.try_state(&StateKey::<u8>::new("n")), Some(&7));
        assert_eq!(req.try_state(&StateKey::<u8>::new("m")), None);
        assert_eq!(req.state_of::<u8>(), Some(&7));
    }

    #[test]
    fn url_for_names_what_it_did_not_find() {
        let req = routed();
        assert_eq!(req.url_for("user", [("id", "7")]).unwrap(), "/users/7");
        assert!(req.url_for("note", []).unwrap_err().to_string().contains("\"note\""));
    }

    #[test]
    fn conversions_to_and_from_http_keep_everything() {
        let mut req = http::Request::builder()
            .method("PUT")
            .uri("/a?b=c")
            .header("x-a", "1")
            .body(Body::from("hi"))
            .unwrap();
        req.extensions_mut().insert(7u8);
        let back = Request::from(req).into_http();
        assert_eq!((back.method(), back.uri().to_string()), (&Method::PUT, "/a?b=c".into()));
        assert_eq!(back.headers()["x-a"], "1");
        assert_eq!(back.extensions().get::<u8>(), Some(&7));
        assert_eq!(back.body().exact_len(), Some(2));
    }

    #[test]
    fn route_and_connection_survive_a_conversion_and_back() {
        let mut req = routed();
        req.set_connection(Arc::new(Connection::default()));
        req.body_mut().set_limit(Some(7));
        let back = Request::from(req.into_http());
        assert_eq!(back.body().limit(), Some(7));
        assert_eq!(
            (back.pattern(), back.param("id").as_deref()),
            (Some("/users/{id}"), Some("a b"))
        );
        assert!(back.connection().is_some() && back.extensions().is_empty());
    }
}
