//! From a request to its route, and from the handler's result to the response.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use dunlin_core::{BoxFuture, Captures, IntoResponse, Request, RequestHead, Response};
use dunlin_router::{HostRouter, Outcome, Router};
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ALLOW, HOST, ORIGIN};
use http::{HeaderValue, Method, StatusCode};

use super::endpoint::Endpoint;
use crate::error::{self, ErrorView, HttpError};
use crate::middleware::{Next, TrustedProxies};

/// The tables of a built app.
pub(crate) struct Tables {
    /// The first is that of the outermost app, the others are those of hosts.
    pub(crate) tables: Vec<Table>,
    pub(crate) hosts: Option<HostRouter<usize>>,
    /// Applied before anything is chosen.
    pub(crate) proxies: Vec<TrustedProxies>,
}

/// The routes of one app and of those mounted in it.
pub(crate) struct Table {
    pub(crate) router: Router<Arc<Endpoint>>,
    /// Which app a path belongs to, where apps are mounted.
    pub(crate) mounts: Option<Router<Mounted>>,
    pub(crate) misses: Misses,
    /// Of each route.
    pub(crate) names: Vec<Option<Box<str>>>,
}

/// An app mounted below a prefix.
pub(crate) struct Mounted {
    pub(crate) id: usize,
    /// Its routes alone, where a route of an outer app could take its paths.
    pub(crate) own: Option<Router<Arc<Endpoint>>>,
    pub(crate) misses: Misses,
}

/// What an app answers with where it has no route; its middleware runs around these.
#[derive(Clone)]
pub(crate) struct Misses {
    /// 404, or the app's fallback.
    pub(crate) not_found: Arc<Endpoint>,
    /// 405, a broken path, `OPTIONS *`: what the request's extensions say.
    pub(crate) missed: Arc<Endpoint>,
}

/// Why a request reached [`Misses::missed`]; rides in its extensions.
#[derive(Clone, Debug)]
pub(crate) enum Missed {
    MethodNotAllowed(String),
    /// A guard panicked, with this.
    GuardPanicked(String),
    BrokenPath(String),
    /// `OPTIONS *` asks about the server as a whole (RFC 9110 §9.3.7).
    Server,
}

/// The handler behind [`Misses`].
pub(crate) async fn missed(mut req: Request) -> Response {
    let error = match req.extensions_mut().remove::<Missed>() {
        None => HttpError::not_found(),
        Some(Missed::Server) => return Response::default(),
        Some(Missed::GuardPanicked(message)) => return error::panicked(&message),
        Some(Missed::BrokenPath(why)) => HttpError::bad_request().with_message(why),
        Some(Missed::MethodNotAllowed(allow)) => {
            let error = HttpError::new(StatusCode::METHOD_NOT_ALLOWED);
            match HeaderValue::try_from(allow) {
                Ok(allow) => error.with_header(ALLOW, allow),
                Err(_) => error,
            }
        }
    };
    error.into_response()
}

enum Found<'t> {
    Route(&'t Arc<Endpoint>, Captures),
    Miss(&'t Misses, Option<Missed>),
}

impl Tables {
    /// Finds the endpoint of a request, and its captures.
    #[inline]
    fn find(&self, req: &mut Request) -> (&Arc<Endpoint>, Captures) {
        let table = self.table(req);
        if let Outcome::Found(found) =
            table.router.find_bytes(req.method().as_str(), req.head().path_bytes())
            && found.value().is_plain()
        {
            let endpoint = found.value();
            return (endpoint, captures(found.captures()));
        }
        match table.find_slowly(req) {
            Found::Route(endpoint, captures) => (endpoint, captures),
            Found::Miss(misses, None) => (&misses.not_found, Captures::default()),
            Found::Miss(misses, Some(why)) => {
                let not_allowed = matches!(why, Missed::MethodNotAllowed(_));
                let about = if not_allowed { table.asked_about(req) } else { None };
                req.extensions_mut().insert(why);
                match about {
                    Some((endpoint, captures)) => (endpoint.preflight(), captures),
                    None => (&misses.missed, Captures::default()),
                }
            }
        }
    }
}

impl Tables {
    /// The table of the request's host.
    #[inline]
    fn table(&self, req: &Request) -> &Table {
        let table = match &self.hosts {
            Some(hosts) => host(req).and_then(|host| hosts.find(host)).copied().unwrap_or(0),
            None => 0,
        };
        &self.tables[table]
    }

    /// Whether a route matches the request at another path.
    pub(crate) fn finds(&self, req: &Request, path: &str) -> bool {
        matches!(self.table(req).find_at(req, path), Found::Route(..))
    }
}

/// The host that a request is for: that of its target, else of its `Host` field (RFC 9112 §3.3).
fn host(req: &Request) -> Option<&str> {
    let target = req.head().target();
    if target.starts_with('/') || target == "*" {
        return req.headers().get_str(HOST);
    }
    let authority = req.uri().authority()?.as_str();
    Some(authority.rsplit_once('@').map_or(authority, |(_, host)| host))
}

/// Ranges as a request keeps them.
#[inline]
fn captures(found: &dunlin_router::Captures) -> Captures {
    if found.is_empty() { Captures::default() } else { found.iter().collect() }
}

impl Table {
    /// All but a plain hit: misses, and routes whose pattern reaches into the prefix of a mounted app.
    #[cold]
    fn find_slowly(&self, req: &Request) -> Found<'_> {
        // A target in absolute form may have no path: `/`, or `*` for OPTIONS (RFC 9112 §3.2.4).
        let path = match (req.path(), req.method()) {
            ("", &Method::CONNECT) => "",
            ("", &Method::OPTIONS) => "*",
            ("", _) => "/",
            (path, _) => path,
        };
        if path == "*" && req.method() == Method::OPTIONS {
            return Found::Miss(&self.misses, Some(Missed::Server));
        }
        self.find_at(req, path)
    }

    /// What a path leads to, mounted apps and all.
    fn find_at(&self, req: &Request, path: &str) -> Found<'_> {
        let (misses, outcome) = self.locate(req.method().as_str(), path);
        misses.answer(outcome, req)
    }

    /// The routes of a path and method, and whose misses are its misses.
    fn locate<'t, 'p>(
        &'t self,
        method: &str,
        path: &'p str,
    ) -> (&'t Misses, Outcome<'t, 'p, Arc<Endpoint>>) {
        let outcome = self.router.find(method, path);
        let Some(mounted) = self.mounts.as_ref().and_then(|mounts| mounts.at(path)) else {
            return (&self.misses, outcome);
        };
        let mounted = mounted.value();
        match (&outcome, &mounted.own) {
            (Outcome::Found(found), _) if !found.value().covers.contains(&mounted.id) => {
                (&mounted.misses, outcome)
            }
            // What lies below a mounted app's prefix is that app's, be it a miss.
            (_, Some(own)) => (&mounted.misses, own.find(method, path)),
            (_, None) => (&mounted.misses, outcome),
        }
    }

    /// The route that a preflight asks about (Fetch standard, §4.8): its middleware says who may use it.
    ///
    /// A guard may look at fields that a preflight only names; where none accepts it, the first route is asked.
    fn asked_about(&self, req: &Request) -> Option<(&Arc<Endpoint>, Captures)> {
        if req.method() != Method::OPTIONS || !req.headers().contains(ORIGIN) {
            return None;
        }
        let method = req.headers().get_str(ACCESS_CONTROL_REQUEST_METHOD)?;
        let (_, Outcome::Found(found)) = self.locate(method, req.path()) else { return None };
        let endpoint = match guarded(found.value(), req) {
            Ok(accepted) => accepted.unwrap_or_else(|| found.value()),
            Err(_) => return None,
        };
        Some((endpoint, captures(found.captures())))
    }
}

impl Misses {
    fn answer<'t>(&'t self, outcome: Outcome<'t, '_, Arc<Endpoint>>, req: &Request) -> Found<'t> {
        match outcome {
            Outcome::Found(found) => match guarded(found.value(), req) {
                Ok(Some(endpoint)) => Found::Route(endpoint, captures(found.captures())),
                Ok(None) => Found::Miss(self, None),
                Err(panicked) => Found::Miss(self, Some(panicked)),
            },
            Outcome::MethodNotAllowed(allow) => {
                Found::Miss(self, Some(Missed::MethodNotAllowed(allow.text().into_owned())))
            }
            Outcome::Malformed(why) => {
                Found::Miss(self, Some(Missed::BrokenPath(format!("the path is malformed: {why}"))))
            }
            _ => Found::Miss(self, None),
        }
    }
}

/// The first of a pattern's routes for a method whose guards all accept the request.
fn guarded<'t>(
    first: &'t Arc<Endpoint>,
    req: &Request,
) -> Result<Option<&'t Arc<Endpoint>>, Missed> {
    let routes =
        std::iter::once(first).chain(first.alternatives().map(|alternative| &alternative.endpoint));
    for endpoint in routes {
        let accepts = || endpoint.guards.iter().all(|guard| guard.accepts(req));
        match catch_unwind(AssertUnwindSafe(accepts)) {
            Ok(true) => return Ok(Some(endpoint)),
            Ok(false) => {}
            Err(payload) => {
                let text = payload.downcast_ref::<&'static str>().map(|text| (*text).to_owned());
                let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
                return Err(Missed::GuardPanicked(text.unwrap_or_default()));
            }
        }
    }
    Ok(None)
}

/// The future of an app: what the route's middleware and handler make of a request.
///
/// Two boxed pointers wide, since a server keeps one for each connection.
#[must_use = "nothing runs until it is polled"]
pub struct Dispatch {
    guard: Stage,
    watched: Option<Watched>,
}

impl Dispatch {
    #[inline]
    pub(crate) fn new(tables: &Tables, mut req: Request) -> Self {
        for proxies in &tables.proxies {
            proxies.apply(&mut req);
        }
        let (endpoint, captures) = tables.find(&mut req);
        req.body_mut().set_limit(endpoint.limit);
        if endpoint.to_its_end
            && let Some(connection) = req.connection()
        {
            connection.run_to_completion();
        }
        let watched = endpoint.watched().then(|| Watched::new(endpoint, &req));
        req.set_route(endpoint.clone(), captures);
        let guard = if endpoint.chain.is_empty() {
            // Runs nothing of the program's yet, so nothing that could panic.
            Stage(endpoint.handler.call(req))
        } else {
            Stage::new(|| Next::first(endpoint.clone()).step(req))
        };
        Self { guard, watched }
    }
}

impl Future for Dispatch {
    type Output = Response;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        let mut response = ready!(self.guard.poll(cx));
        match &self.watched {
            Some(watched) => watched.finish(&mut response),
            None if response.status().is_server_error() => error::log(&response),
            None => {}
        }
        Poll::Ready(response)
    }
}

impl fmt::Debug for Dispatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dispatch")
    }
}

/// The future of a stage, whose panics become responses.
pub(crate) struct Stage(BoxFuture<'static, Response>);

impl Stage {
    #[inline]
    pub(crate) fn new(start: impl FnOnce() -> BoxFuture<'static, Response>) -> Self {
        // A panic leaves the request half handled and nothing of it is looked at again.
        Self(
            catch_unwind(AssertUnwindSafe(start))
                .unwrap_or_else(|payload| Box::pin(std::future::ready(error::panicked(&*payload)))),
        )
    }

    #[inline]
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response> {
        catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx)))
            .unwrap_or_else(|payload| Poll::Ready(error::panicked(&*payload)))
    }
}

/// What hooks on responses need: the request's head, which the handler has consumed by then.
pub(crate) struct Watched {
    endpoint: Arc<Endpoint>,
    head: RequestHead,
}

impl Watched {
    pub(crate) fn new(endpoint: &Arc<Endpoint>, req: &Request) -> Self {
        Self { endpoint: endpoint.clone(), head: req.head().clone() }
    }

    /// Has the app word the error that the response was made from.
    pub(crate) fn word(&self, response: &mut Response) {
        let Some(renderer) = &self.endpoint.hooks.renderer else { return };
        if response.status().is_client_error() || response.status().is_server_error() {
            let pattern = &self.endpoint.pattern;
            let worded = catch_unwind(AssertUnwindSafe(|| {
                error::word(response, &**renderer, Some(&self.head), pattern);
            }));
            if let Err(payload) = worded {
                *response = error::panicked(&*payload);
            }
        }
    }

    /// The last look before the response goes to the server.
    fn finish(&self, response: &mut Response) {
        self.word(response);
        let hooks = &self.endpoint.hooks;
        let called = catch_unwind(AssertUnwindSafe(|| {
            if response.status().is_server_error() {
                match (&hooks.on_error, HttpError::of(response)) {
                    (Some(on_error), Some(error)) => {
                        let (request, pattern) = (Some(&self.head), &*self.endpoint.pattern);
                        on_error(&ErrorView { error, request, pattern });
                    }
                    (Some(_), None) => {}
                    (None, _) => error::log(response),
                }
            }
            for receiver in &hooks.prepare {
                receiver(&self.head, response.head_mut());
            }
            #[cfg(feature = "websocket")]
            if hooks.on_error.is_some() {
                super::upgraded::watch(response, &self.endpoint, &self.head);
            }
        }));
        if let Err(payload) = called {
            *response = error::panicked(&*payload);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dispatch_is_small_enough_to_ride_in_every_connection() {
        assert!(size_of::<Dispatch>() <= 32, "{}", size_of::<Dispatch>());
    }
}
