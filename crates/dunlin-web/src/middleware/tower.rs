//! Tower layers as middleware, and tower services as handlers.

use dunlin_core::{BoxFuture, IntoResponse, Request, Response};
use dunlin_tower::{FromTower, HttpService, Inner, Layered, TowerError};
use tower_layer::Layer;

use super::{Middleware, Next};
use crate::error::{HttpError, Result};
use crate::handler::Handler;

/// A tower layer as middleware: of an app, a group or a route.
///
/// ```
/// use dunlin_web::{App, get, layer};
/// use http::{HeaderValue, header::SERVER};
/// use tower::limit::ConcurrencyLimitLayer;
/// use tower_http::set_header::SetResponseHeaderLayer;
///
/// let server = SetResponseHeaderLayer::overriding(SERVER, HeaderValue::from_static("mine"));
/// let few = ConcurrencyLimitLayer::new(2);
/// let app = App::new()
///     .middleware(layer(server))
///     .routes([get("/report", || async { "long in the making" }).middleware(layer(few))]);
/// app.build().unwrap();
/// ```
///
/// The layer is applied once, here, so that limits of concurrency hold over all requests, and `poll_ready` is
/// waited for. Request and response keep what they have: route, state, extensions, trailers, WebSockets. A layer
/// must call what it wraps with the request that it was given, as it was or changed, and once.
///
/// A layer that fails is answered by 500 with a [`TowerError`] as the cause, for
/// [`App::on_error`](crate::App::on_error); axum's `HandleErrorLayer` turns failures into other responses before.
pub fn layer<L>(layer: L) -> impl Middleware
where
    L: Layer<Inner, Service: HttpService>,
{
    TowerLayer(Layered::new(layer))
}

struct TowerLayer<S>(Layered<S>);

impl<S: HttpService> Middleware for TowerLayer<S> {
    fn call(&self, req: Request, next: Next) -> BoxFuture<'static, Response> {
        let answer = self.0.call(req, move |req| Box::pin(next.run(req)));
        Box::pin(async move { answer.await.map_err(failed).into_response() })
    }
}

/// Tells a handler that is a tower service from functions.
#[derive(Debug)]
#[non_exhaustive]
pub enum ViaTower {}

/// Answers for a service that fails as [`layer`] does.
impl<S: HttpService> Handler<ViaTower> for FromTower<S> {
    async fn call(self, req: Request) -> Response {
        let answer: Result = self.try_call(req).await.map_err(failed);
        answer.into_response()
    }
}

fn failed(error: TowerError) -> HttpError {
    let status = error.status();
    let message = status.is_client_error().then(|| error.to_string());
    let failed = HttpError::new(status).with_source(error);
    match message {
        Some(message) => failed.with_message(message),
        None => failed,
    }
}
