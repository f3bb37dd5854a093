//! Dunlin services as tower services.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use dunlin_core::{Body, BoxError, IntoResponse, IntoService, Refusal, Request, Service};
use http::StatusCode;
use pin_project_lite::pin_project;

use crate::messages::{AtHome, response_into_http};

/// An app, or any Dunlin service, as a tower service that never fails and is always ready: to be nested in an
/// axum router, or served by hyper.
///
/// Nobody tells it of a server's life. Where the app has steps for that, call them around serving, by
/// [`IntoTower::service`]:
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use dunlin_core::Lifecycle;
/// use dunlin_tower::into_tower;
/// use dunlin_web::App;
///
/// let birds = into_tower(App::new().add_get("/", || async { "dunlin" }))?;
/// let app = birds.service().clone();
/// let router: axum::Router = axum::Router::new().nest_service("/birds", birds);
///
/// app.startup().await?;
/// // axum::serve(listener, router).with_graceful_shutdown(...).await?;
/// app.shutdown().await;
/// app.tasks_ended().await;
/// app.cleanup().await?;
/// # let _ = router;
/// # Ok::<(), dunlin_core::BoxError>(())
/// # }).unwrap();
/// ```
///
/// # Errors
///
/// What is wrong with the app; a function or another service has nothing to be.
pub fn into_tower<A: IntoService>(app: A) -> Result<IntoTower<A::Service>, A::Error> {
    Ok(IntoTower { service: Arc::new(app.into_service()?) })
}

/// A Dunlin service as a tower service; see [`into_tower`].
pub struct IntoTower<S> {
    service: Arc<S>,
}

impl<S> IntoTower<S> {
    /// The service itself, such as a built app.
    pub fn service(&self) -> &Arc<S> {
        &self.service
    }
}

impl<S> Clone for IntoTower<S> {
    fn clone(&self) -> Self {
        Self { service: Arc::clone(&self.service) }
    }
}

impl<S: fmt::Debug> fmt::Debug for IntoTower<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntoTower").field("service", &self.service).finish()
    }
}

impl<S, B> tower_service::Service<http::Request<B>> for IntoTower<S>
where
    S: Service,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = IntoTowerFuture<S::Future>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut req: http::Request<B>) -> Self::Future {
        let at_home = req.extensions_mut().remove::<AtHome>().is_some();
        IntoTowerFuture { future: self.service.call(Request::from(req)), at_home }
    }
}

pin_project! {
    /// The future of [`IntoTower`].
    #[must_use = "nothing runs until it is awaited"]
    pub struct IntoTowerFuture<F> {
        #[pin]
        future: F,
        at_home: bool,
    }
}

impl<F: Future<Output = dunlin_core::Response>> Future for IntoTowerFuture<F> {
    type Output = Result<http::Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.future.poll(cx));
        if response.body().is_upgrade() && !*this.at_home {
            // A 101 whose connection stays where it is would leave the peer waiting.
            let reason = "this server cannot hand its connection over";
            response = Refusal::new(StatusCode::NOT_IMPLEMENTED, reason).into_response();
        }
        Poll::Ready(Ok(response_into_http(response)))
    }
}

impl<F> fmt::Debug for IntoTowerFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IntoTowerFuture")
    }
}
