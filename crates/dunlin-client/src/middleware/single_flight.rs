//! Equal requests that share one exchange.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use dunlin_core::{BoxFuture, ResponseHead};
use http::{Extensions, HeaderMap, HeaderName, Method};
use tokio::sync::watch;

use super::whole::{Gathered, gather, with_trailers};
use super::{Middleware, Next};
use crate::cookies::CookieStore;
use crate::error::{Error, ErrorKind};
use crate::proxy::Proxies;
use crate::request::Request;
use crate::response::Response;
use crate::settings::Route;
use crate::timeouts::Timeouts;
use crate::url::Url;

/// Lets equal requests that are under way at the same time share one exchange.
///
/// Equal are GET and HEAD requests without body whose method, URL and [fields](Self::fields) are the
/// same, and that go by the same middleware, cookie store, proxies and terms of TLS: whose credentials
/// are added behind this has answers of their own. The first is sent; those that come before its answer
/// wait, and then have the same response or the same error. Nothing is kept after that: this is no
/// cache. Where the first is cancelled or runs out of time that the others have, the next one that
/// waits is sent.
///
/// A response that others wait for is read whole before anyone has it. One that is longer than
/// [`max_body`](Self::max_body), or an endless `text/event-stream`, goes to the first alone, and the
/// others are sent by themselves. Alone, a request pays nothing: its body is streamed as ever.
///
/// ```
/// use dunlin_client::{Client, SingleFlight};
///
/// let client = Client::builder().with(SingleFlight::new().max_body(64 * 1024)).build()?;
/// # Ok::<(), dunlin_client::Error>(())
/// ```
#[derive(Clone)]
pub struct SingleFlight {
    fields: Option<Arc<[HeaderName]>>,
    max_body: usize,
    flights: Flights,
}

/// Bounded by the number of requests under way: a flight ends with the future that leads it.
type Flights = Arc<Mutex<HashMap<Key, watch::Receiver<State>>>>;

/// Everything in which equal requests agree.
#[derive(Clone, Eq, Hash, PartialEq)]
struct Key {
    method: Method,
    url: Url,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    route: Arc<Route>,
    proxies: Same<Proxies>,
    /// Where what the answer sets is kept.
    cookies: Option<Same<dyn CookieStore>>,
    /// What may add credentials behind this.
    chain: Same<[Arc<dyn Middleware>]>,
}

/// Requests of one client share these, so that two are the same or unknown to be.
struct Same<T: ?Sized>(Arc<T>);

#[derive(Clone)]
enum State {
    UnderWay,
    /// Not to be shared.
    Alone,
    Done(Result<Arc<Shared>, Failed>),
}

/// Why the first has no response.
#[derive(Clone)]
struct Failed {
    error: Error,
    /// Those of the first.
    timeouts: Timeouts,
}

struct Shared {
    head: ResponseHead,
    body: Bytes,
    trailers: Option<HeaderMap>,
    url: Url,
    extensions: Extensions,
}

impl SingleFlight {
    /// Requests are equal where all of their fields are, and share bodies of up to 1 MiB.
    pub fn new() -> Self {
        Self { fields: None, max_body: 1024 * 1024, flights: Flights::default() }
    }

    /// The fields in which equal requests agree; others may differ, and those of the request that is
    /// sent are sent. Authorization, Cookie and Range always count. Default: all fields.
    #[must_use]
    pub fn fields(mut self, names: impl IntoIterator<Item = HeaderName>) -> Self {
        use http::header::{AUTHORIZATION, COOKIE, RANGE};
        self.fields = Some([AUTHORIZATION, COOKIE, RANGE].into_iter().chain(names).collect());
        self
    }

    /// Most bytes of a body that is shared. Default: 1 MiB.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// `None` for a request that no other is equal to.
    fn key(&self, request: &Request, next: &Next) -> Option<Key> {
        let shares = matches!(*request.method(), Method::GET | Method::HEAD)
            && request.body().is_empty()
            && !request.is_too_plain()
            && !request.headers().contains("upgrade");
        if !shares {
            return None;
        }
        let all = request.headers().iter();
        let chosen = all.filter(|(name, _)| match &self.fields {
            None => true,
            Some(fields) => {
                fields.iter().any(|field| field.as_str().as_bytes().eq_ignore_ascii_case(name))
            }
        });
        let mut fields: Vec<_> =
            chosen.map(|(name, value)| (name.to_ascii_lowercase(), value.to_vec())).collect();
        // Of different names the order means nothing; that of one name's values is kept.
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        Some(Key {
            method: request.method().clone(),
            url: request.url().with_fragment(None),
            fields,
            route: Arc::clone(&request.settings.route),
            proxies: Same(Arc::clone(&request.settings.proxies)),
            cookies: request.settings.cookies.clone().map(Same),
            chain: Same(next.chain()),
        })
    }

    /// Where the request is the first of its kind, the way to tell others; else, what it is told.
    fn board(&self, key: &Key) -> Result<Leader<'_>, watch::Receiver<State>> {
        let mut flights = lock(&self.flights);
        if let Some(flight) = flights.get(key) {
            return Err(flight.clone());
        }
        let (tell, told) = watch::channel(State::UnderWay);
        flights.insert(key.clone(), told);
        Ok(Leader { flights: &self.flights, key: Some(key.clone()), tell })
    }

    async fn lead(
        &self,
        leader: Leader<'_>,
        request: Request,
        next: Next,
    ) -> Result<Response, Error> {
        let timeouts = request.settings.timeouts;
        let failed = |error: &Error| State::Done(Err(Failed { error: error.clone(), timeouts }));
        let mut response = match next.run(request).await {
            Ok(response) => response,
            Err(error) => {
                leader.finish(failed(&error));
                return Err(error);
            }
        };
        let endless =
            response.content_type().is_some_and(|t| t.eq_ignore_ascii_case("text/event-stream"));
        if endless || response.is_upgraded() {
            leader.finish(State::Alone);
            return Ok(response);
        }
        let Some(leader) = leader.unless_alone() else { return Ok(response) };
        let body = std::mem::take(response.body_mut());
        match gather(body, self.max_body).await {
            Ok(Gathered::Whole(body, trailers)) => {
                let shared = Arc::new(Shared {
                    head: response.head().clone(),
                    body,
                    trailers,
                    url: response.url().clone(),
                    extensions: response.extensions().clone(),
                });
                *response.body_mut() = shared.body();
                leader.finish(State::Done(Ok(shared)));
                Ok(response)
            }
            Ok(Gathered::TooLong(body)) => {
                leader.finish(State::Alone);
                *response.body_mut() = body;
                Ok(response)
            }
            Err(error) => {
                let error = response.locate(error.into());
                leader.finish(failed(&error));
                Err(error)
            }
        }
    }
}

impl Default for SingleFlight {
    fn default() -> Self {
        Self::new()
    }
}

impl Middleware for SingleFlight {
    fn handle(&self, request: Request, next: Next) -> BoxFuture<'_, Result<Response, Error>> {
        Box::pin(async move {
            let Some(key) = self.key(&request, &next) else { return next.run(request).await };
            'board: loop {
                let mut told = match self.board(&key) {
                    Ok(leader) => return self.lead(leader, request, next).await,
                    Err(told) => told,
                };
                // An error means that the first one is gone without a word.
                while told.changed().await.is_ok() {
                    let state = told.borrow_and_update().clone();
                    match state {
                        State::UnderWay => {}
                        State::Alone => return next.run(request).await,
                        State::Done(Ok(shared)) => return Ok(shared.response()),
                        State::Done(Err(failed)) if !failed.holds_for(&request) => continue 'board,
                        State::Done(Err(failed)) => return Err(failed.error),
                    }
                }
            }
        })
    }
}

impl Failed {
    /// Whether the request would have failed too: it may have more time than the first had.
    fn holds_for(&self, request: &Request) -> bool {
        let without_total = |timeouts| Timeouts { total: None, ..timeouts };
        match self.error.kind() {
            ErrorKind::Timeout { setting: "total", .. } => false,
            ErrorKind::Timeout { .. } => {
                without_total(self.timeouts) == without_total(request.settings.timeouts)
            }
            _ => true,
        }
    }
}

/// The one whose request is sent; gone, it makes way for the next.
struct Leader<'f> {
    flights: &'f Flights,
    key: Option<Key>,
    tell: watch::Sender<State>,
}

impl Leader<'_> {
    fn finish(mut self, state: State) {
        self.land();
        self.tell.send_replace(state);
    }

    /// `None` where nobody waits.
    fn unless_alone(mut self) -> Option<Self> {
        let mut flights = lock(self.flights);
        // The map has one itself.
        if self.tell.receiver_count() > 1 {
            drop(flights);
            return Some(self);
        }
        self.key.take().map(|key| flights.remove(&key));
        drop(flights);
        None
    }

    fn land(&mut self) {
        if let Some(key) = self.key.take() {
            lock(self.flights).remove(&key);
        }
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        self.land();
    }
}

impl Shared {
    fn body(&self) -> dunlin_core::Body {
        with_trailers(self.body.clone().into(), self.trailers.clone())
    }

    fn response(&self) -> Response {
        let mut response = Response::from_parts(self.head.clone(), self.body(), self.url.clone());
        *response.extensions_mut() = self.extensions.clone();
        response
    }
}

fn lock(flights: &Flights) -> MutexGuard<'_, HashMap<Key, watch::Receiver<State>>> {
    flights.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: ?Sized> Clone for Same<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: ?Sized> PartialEq for Same<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::as_ptr(&self.0).cast::<()>() == Arc::as_ptr(&other.0).cast::<()>()
    }
}

impl<T: ?Sized> Eq for Same<T> {}

impl<T: ?Sized> Hash for Same<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).cast::<()>().hash(state);
    }
}

impl fmt::Debug for SingleFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFlight")
            .field("fields", &self.fields)
            .field("max_body", &self.max_body)
            .field("under_way", &lock(&self.flights).len())
            .finish()
    }
}
