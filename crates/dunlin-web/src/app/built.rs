//! An app that was checked: what a server drives.

use std::fmt;
use std::sync::Arc;

use dunlin_core::{
    BoxError, BoxFuture, IntoResponse, Lifecycle, Refusal, Request, Response, Service,
};

use super::lifecycle::Lifecycles;
use crate::error::word;
use crate::route::{Dispatch, RouteView, Routes, Tables};

/// An app that was checked, ready to be served: made by [`App::build`](crate::App::build).
///
/// It is a [`Service`] and a [`Lifecycle`], so that it runs behind any server, and in tests behind
/// none:
///
/// ```
/// use dunlin_core::{Lifecycle, Request, Service};
/// use dunlin_web::App;
/// use http::{Method, Uri};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let app = App::new().add_get("/", || async { "hello" }).build().unwrap();
/// app.startup().await.unwrap();
/// let response = app.call(Request::new(Method::GET, Uri::from_static("/"), ())).await;
/// assert_eq!(response.into_body().bytes().await.unwrap(), "hello");
/// app.cleanup().await.unwrap();
/// # });
/// ```
pub struct BuiltApp {
    pub(super) tables: Arc<Tables>,
    /// Parallel to the tables; none for the first.
    pub(super) hosts: Vec<Box<str>>,
    pub(super) lifecycles: Lifecycles,
}

impl BuiltApp {
    /// Its routes, and those of the apps in it; `Display` prints them as a table.
    pub fn routes(&self) -> Routes<'_> {
        let mut routes = Vec::new();
        for (index, table) in self.tables.tables.iter().enumerate() {
            let host = index.checked_sub(1).and_then(|host| self.hosts.get(host)).map(|h| &**h);
            for (route, name) in table.router.routes().zip(&table.names) {
                let name = name.as_deref();
                routes.push(RouteView { route, host, name, alternative: None });
                routes.extend(route.value().alternatives().map(|alternative| RouteView {
                    route,
                    host,
                    name: alternative.name.as_deref(),
                    alternative: Some(alternative),
                }));
            }
        }
        Routes(routes.into_iter())
    }
}

impl Service for BuiltApp {
    type Future = Dispatch;

    #[inline]
    fn call(&self, req: Request) -> Dispatch {
        Dispatch::new(&self.tables, req)
    }

    /// As the app words its other errors.
    fn refuse(&self, why: Refusal) -> Response {
        let mut response = why.into_response();
        if let Some(table) = self.tables.tables.first()
            && let Some(renderer) = &table.misses.missed.hooks.renderer
        {
            word(&mut response, &**renderer, None, "");
        }
        response
    }
}

impl Lifecycle for BuiltApp {
    fn startup(&self) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(self.lifecycles.startup())
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.lifecycles.shutdown())
    }

    fn tasks_ended(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.lifecycles.tasks_ended())
    }

    fn cut_tasks(&self) -> usize {
        self.lifecycles.cut_tasks()
    }

    fn cleanup(&self) -> BoxFuture<'_, Result<(), BoxError>> {
        Box::pin(self.lifecycles.cleanup())
    }
}

impl fmt::Debug for BuiltApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuiltApp").field("routes", &self.routes()).finish_non_exhaustive()
    }
}
