//! What a server drives.

use std::pin::Pin;

use crate::{BoxError, IntoResponse, Lifecycle, Refusal, Request, Response};

/// A boxed future that may cross threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Handles one request. Never fails: errors have become responses by now.
///
/// Its future owns what it needs, so that a driver can name and store it; keep it small, since every
/// connection reserves its size. Every `Fn(Request) -> impl Future<Output = Response>` is a service.
///
/// ```
/// use dunlin_core::{Request, Response, Service};
///
/// fn check(service: impl Service) -> impl Service {
///     service
/// }
/// check(|_req: Request| async { Response::new("hello") });
/// ```
pub trait Service: Send + Sync + 'static {
    /// Resolves to the response.
    type Future: Future<Output = Response> + Send + 'static;

    /// Begins to handle a request.
    fn call(&self, req: Request) -> Self::Future;

    /// Words for what the server or codec refused before there was a request.
    fn refuse(&self, why: Refusal) -> Response {
        why.into_response()
    }
}

impl<F, Fut> Service for F
where
    F: Fn(Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Response> + Send + 'static,
{
    type Future = Fut;

    fn call(&self, req: Request) -> Fut {
        self(req)
    }
}

/// [`Service`] behind a pointer, for hosts that choose among several at run time.
pub trait DynService: Send + Sync + 'static {
    /// As [`Service::call`], boxed.
    fn call_dyn(&self, req: Request) -> BoxFuture<'static, Response>;
}

impl<S: Service> DynService for S {
    fn call_dyn(&self, req: Request) -> BoxFuture<'static, Response> {
        Box::pin(self.call(req))
    }
}

/// What a server and the test tools take: an app, which is built and checked here, or any
/// [`Service`] that is a [`Lifecycle`] too, as every function is.
pub trait IntoService {
    /// The service.
    type Service: Service + Lifecycle;

    /// Why it could not be built.
    type Error: Into<BoxError>;

    /// Builds the service.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with it, all at once.
    fn into_service(self) -> Result<Self::Service, Self::Error>;
}

impl<S: Service + Lifecycle> IntoService for S {
    type Service = S;
    type Error = std::convert::Infallible;

    fn into_service(self) -> Result<S, Self::Error> {
        Ok(self)
    }
}
