//! Tower services as Dunlin services.

use std::future::poll_fn;

use bytes::Bytes;
use dunlin_core::{Body, BoxError, BoxFuture, IntoResponse, Lifecycle, Request, Response, Service};

use crate::error::TowerError;
use crate::messages::{into_http, response_from_http};

/// A tower service that answers HTTP requests, such as an axum router or what a tower-http layer makes; nobody
/// implements it by hand.
///
/// It is cloned for each request, and several threads do so at a time. One that cannot be is wrapped in
/// `tower::buffer::Buffer`; one that is `Send` alone, in `tower::util::BoxCloneSyncService`.
pub trait HttpService:
    tower_service::Service<
        http::Request<Body>,
        Response = http::Response<Self::Body>,
        Error: Into<BoxError>,
        Future: Send + 'static,
    > + Clone
    + Send
    + Sync
    + 'static
{
    /// Body of its responses.
    type Body: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static;
}

impl<S, B> HttpService for S
where
    S: tower_service::Service<
            http::Request<Body>,
            Response = http::Response<B>,
            Error: Into<BoxError>,
            Future: Send + 'static,
        > + Clone
        + Send
        + Sync
        + 'static,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Body = B;
}

/// A tower service as a Dunlin one: served by itself, or a handler of an app (`dunlin-web`'s feature `tower`).
///
/// It sees the whole path, whatever route led to it; axum's `nest` takes a prefix off, `fallback` of an app has
/// none.
///
/// ```
/// use axum::Router;
/// use axum::routing::get;
/// use dunlin_tower::from_tower;
/// use dunlin_web::App;
///
/// let api = Router::new().nest("/api", Router::new().route("/birds", get(|| async { "dunlin" })));
/// let app = App::new()
///     .add_get("/", || async { "hello" })
///     .add_any("/api/{rest:.*}", from_tower(api));
/// app.build().unwrap();
/// ```
pub fn from_tower<S: HttpService>(service: S) -> FromTower<S> {
    FromTower { service }
}

/// A tower service as a Dunlin one; see [`from_tower`].
#[derive(Clone, Debug)]
pub struct FromTower<S> {
    service: S,
}

impl<S: HttpService> FromTower<S> {
    /// Calls the service once it is ready.
    ///
    /// # Errors
    ///
    /// [`TowerError`] where the service fails, or cannot be told the request's target.
    pub fn try_call(
        &self,
        req: Request,
    ) -> impl Future<Output = Result<Response, TowerError>> + Send + 'static + use<S> {
        let service = self.service.clone();
        async move { call(service, into_http(req)?).await }
    }
}

/// Waits until the service is ready, and calls it.
pub(crate) async fn call<S: HttpService>(
    mut service: S,
    req: http::Request<Body>,
) -> Result<Response, TowerError> {
    poll_fn(|cx| service.poll_ready(cx)).await.map_err(TowerError::service)?;
    let response = service.call(req).await.map_err(TowerError::service)?;
    Ok(response_from_http(response))
}

/// Answers for a service that fails by [`TowerError`] as a response.
impl<S: HttpService> Service for FromTower<S> {
    type Future = BoxFuture<'static, Response>;

    fn call(&self, req: Request) -> Self::Future {
        let answer = self.try_call(req);
        Box::pin(async move { answer.await.into_response() })
    }
}

/// Tower services have nothing to set up.
impl<S: HttpService> Lifecycle for FromTower<S> {}
