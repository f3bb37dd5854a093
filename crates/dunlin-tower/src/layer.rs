//! Tower layers around whatever handles a request further in.

use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use dunlin_core::{Body, BoxError, BoxFuture, IntoResponse, Request, Response};
use tower_layer::Layer;

use crate::error::TowerError;
use crate::from::{HttpService, call};
use crate::messages::{AtHome, into_http, response_into_http};

/// A layer that was applied once, for hosts of middleware: each call says what handles the request further in.
///
/// A layer wraps a service when it is applied, and middleware hears of the way to the handler with each
/// request. So what the layer wraps is [`Inner`], which finds that way in the request's extensions; state that
/// the layer makes for its service, such as a semaphore, is one for all requests.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use dunlin_core::{IntoResponse, Request};
/// use dunlin_tower::Layered;
/// use http::{HeaderValue, Method, Uri, header::SERVER};
/// use tower_http::set_header::SetResponseHeaderLayer;
///
/// let layer = SetResponseHeaderLayer::overriding(SERVER, HeaderValue::from_static("dunlin"));
/// let layered = Layered::new(layer);
/// let req = Request::new(Method::GET, Uri::from_static("/"), ());
/// let response = layered.call(req, |_| Box::pin(async { "hello".into_response() })).await.unwrap();
/// assert_eq!(response.headers().get_str("server"), Some("dunlin"));
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Layered<S> {
    service: S,
}

impl<S: HttpService> Layered<S> {
    /// Applies the layer.
    pub fn new<L: Layer<Inner, Service = S>>(layer: L) -> Self {
        Self { service: layer.layer(Inner(())) }
    }

    /// Sends a request through the layer, and on by `then` if the layer lets it through.
    ///
    /// # Errors
    ///
    /// [`TowerError::Service`] where the layer fails, [`TowerError::Lost`] where it does not call `then` as it
    /// should, [`TowerError::Target`] where it cannot be told the request's target.
    pub fn call<F>(
        &self,
        req: Request,
        then: F,
    ) -> impl Future<Output = Result<Response, TowerError>> + Send + 'static + use<S, F>
    where
        F: FnOnce(Request) -> BoxFuture<'static, Response> + Send + 'static,
    {
        let service = self.service.clone();
        let way = Way(Arc::new(Mutex::new(Some(Box::new(then) as Then))));
        async move {
            let mut req = into_http(req)?;
            req.extensions_mut().insert(way);
            let mut response = call(service, req).await?;
            match response.extensions_mut().remove::<Strayed>() {
                Some(Strayed) => Err(TowerError::Lost),
                None => Ok(response),
            }
        }
    }
}

type Then = Box<dyn FnOnce(Request) -> BoxFuture<'static, Response> + Send>;

/// In a request's extensions: what handles it further in.
#[derive(Clone)]
struct Way(Arc<Mutex<Option<Then>>>);

/// In a response's extensions: it was made for want of a way.
#[derive(Clone, Copy)]
struct Strayed;

/// What a [`Layered`] layer wraps: hands a request on to where it was to go. It never fails, and is always
/// ready.
#[derive(Clone)]
pub struct Inner(());

impl<B> tower_service::Service<http::Request<B>> for Inner
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut req: http::Request<B>) -> Self::Future {
        let way = req.extensions_mut().remove::<Way>();
        req.extensions_mut().remove::<AtHome>();
        let then = way.and_then(|way| way.0.lock().unwrap_or_else(PoisonError::into_inner).take());
        Box::pin(async move {
            let Some(then) = then else {
                let mut response = TowerError::Lost.into_response();
                response.extensions_mut().insert(Strayed);
                return Ok(response.into_http());
            };
            Ok(response_into_http(then(Request::from(req)).await))
        })
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inner")
    }
}
