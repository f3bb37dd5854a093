//! One attempt: a connection, the request on it, the response's head.

use std::sync::Arc;

use dunlin_core::{Body, RequestHead};
use http::header::{EXPECT, PROXY_AUTHORIZATION};
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
use tokio::time::{Instant, timeout_at};

use crate::client::Client;
use crate::conn::{Answer, ConnBody, ConnInfo, Exchange, Terms};
use crate::error::{Error, ErrorKind, Phase};
use crate::pool::{Acquired, Key, Lease};
use crate::proxy::{Asked, Proxy};
use crate::request::Request;
use crate::response::Response;
use crate::trace::Traces;

/// What an attempt knows besides its request.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) deadline: Option<Instant>,
    pub(crate) traces: Traces,
    /// Takes no kept connection: one has just broken.
    pub(crate) fresh: bool,
}

/// Sends the request on a connection of its own or of the pool.
pub(crate) async fn send(
    client: &Client,
    mut request: Request,
    cx: Context,
) -> Result<Response, Error> {
    let url = request.url.clone();
    let may_resend = request.settings.replay && request.body.is_replayable();
    let may_repeat = may_resend && request.is_idempotent();
    let key = key(&request);
    let sent = match Objections::to(&request, &key) {
        None => exchange(client, &mut request, &key, &cx).await,
        Some(objections) => objections.meet(client, request, &key, &cx).await,
    };
    sent.map_err(|error| {
        let error = error.with_url(&url);
        // Decided on what was sent, which middleware may have changed.
        if may_repeat || may_resend && error.is_unsent() { error } else { error.settled() }
    })
}

fn key(request: &Request) -> Key {
    let settings = &request.settings;
    let proxy = match settings.route.unix {
        Some(_) => None,
        None => settings.proxies.select(&request.url, &request.headers),
    };
    Key { origin: request.url.origin().clone(), route: Arc::clone(&settings.route), proxy }
}

/// What somebody on the way may object to, so that the request is to be sent again in another form: the
/// expectation (417), and the credentials for a proxy that forwards it (407).
struct Objections {
    expects: bool,
    proxy: Option<Arc<Proxy>>,
}

impl Objections {
    /// `None` for most requests.
    fn to(request: &Request, key: &Key) -> Option<Self> {
        let expects = request.headers.contains("expect");
        let proxy = key.proxy.as_ref().filter(|proxy| {
            proxy.forwards(&key.origin)
                && proxy.has_login()
                && !request.headers.contains("proxy-authorization")
        });
        (expects || proxy.is_some()).then(|| Self { expects, proxy: proxy.cloned() })
    }

    async fn meet(
        mut self,
        client: &Client,
        mut request: Request,
        key: &Key,
        cx: &Context,
    ) -> Result<Response, Error> {
        let (method, target) = (request.method.clone(), request.url.uri().to_string());
        let body = request.body.clone();
        let asked = Asked { method: method.as_str(), target: &target, body: body.as_bytes() };
        if let Some(value) = self.proxy.as_ref().and_then(|proxy| proxy.preempt(asked)) {
            request.headers.insert(PROXY_AUTHORIZATION, value);
        }
        let mut answered = 0;
        loop {
            let mut again = request.clone();
            let response = exchange(client, &mut request, key, cx).await?;
            if !again.body.is_replayable() {
                // Given back, where nothing of it has gone out.
                again.body = request.body;
            }
            if !again.body.is_left() {
                return Ok(response);
            }
            match response.status() {
                // Somebody on the way knows of no expectations (RFC 9110 §10.1.1).
                StatusCode::EXPECTATION_FAILED if std::mem::take(&mut self.expects) => {
                    again.headers.remove(&EXPECT);
                }
                StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                    let proxy = self.proxy.as_ref();
                    let answer = proxy.and_then(|p| p.answer(asked, response.headers(), answered));
                    let Some(answer) = answer else { return Ok(response) };
                    answered += 1;
                    again.headers.insert(PROXY_AUTHORIZATION, answer);
                }
                _ => return Ok(response),
            }
            // Its place in the pool may be the only one.
            drop(response);
            request = again;
        }
    }
}

async fn exchange(
    client: &Client,
    request: &mut Request,
    key: &Key,
    cx: &Context,
) -> Result<Response, Error> {
    let settings = Arc::clone(&request.settings);
    if request.is_too_plain() {
        return Err(Error::url(request.url.as_str(), "the client is set to https alone"));
    }
    // Taken here, so that a body that cannot be sent again costs no connection.
    let body = request.body.take().ok_or_else(|| {
        Error::invalid("the request's body", "it is a stream that has been sent already")
    })?;

    let mut lease = connection(client, key, request, cx).await?;
    let info = Arc::clone(lease.conn().info());
    cx.traces.emit(|trace| trace.connection_ready(info.local, info.peer));
    let head = wire_head(request, &info);
    let trailers = request.trailers.take();
    let terms =
        Terms { timeouts: settings.timeouts, deadline: cx.deadline, traces: cx.traces.clone() };
    let traced_body = body.as_whole().map(<[u8]>::is_empty);
    let mut outgoing = match lease.conn().begin(&head, request.url.authority(), body, trailers) {
        Ok(outgoing) => outgoing,
        Err(error) => {
            // Nothing was sent: the connection is as good as before.
            lease.release();
            return Err(error);
        }
    };
    cx.traces.emit(|trace| {
        trace.request_headers_sent(head.method(), &request.url, head.headers());
    });
    if traced_body == Some(false)
        && outgoing.is_handed_over()
        && let Some(bytes) = request.body.as_bytes()
    {
        cx.traces.emit(|trace| trace.request_chunk_sent(bytes));
    }

    let on_interim = settings.on_interim.as_ref();
    let answer = Exchange::new(lease.conn(), &mut outgoing, &terms, on_interim).await?;
    if let Answer::Whole(head, _) | Answer::Streaming(head, _) = &answer
        && matches!(head.status.as_u16(), 407 | 417)
        && let Some(body) = outgoing.unbegun()
    {
        // As good as new.
        request.body = body.into();
    }
    let url = request.url.clone();
    Ok(match answer {
        Answer::Whole(head, body) => {
            lease.release();
            Response::new(head, body.into(), url, Some(info))
        }
        Answer::Streaming(head, left) => {
            let is_accepted = head.status.as_u16() < 400;
            let body = ConnBody::new(lease, outgoing, terms, url.clone(), left, is_accepted);
            Response::new(head, Body::from_http_body(body), url, Some(info))
        }
        Answer::Upgraded(head) => {
            let (conn, place) = lease.into_parts();
            Response::upgraded(head, url, info, conn, place)
        }
    })
}

/// A connection for the request: kept, or opened.
async fn connection(
    client: &Client,
    key: &Key,
    request: &Request,
    cx: &Context,
) -> Result<Lease, Error> {
    let (pool, timeouts) = (client.pool(), &request.settings.timeouts);
    let acquire = pool.acquire(key, cx.fresh, &cx.traces);
    let acquired =
        within(acquire, timeouts.pool, "pool", cx.deadline, request, Phase::Queue).await?;
    match acquired {
        None => Err(Error::new(ErrorKind::Closed, Phase::Queue)),
        Some(Acquired::Kept(lease)) => {
            cx.traces.emit(|trace| trace.connection_reuse());
            Ok(lease)
        }
        Some(Acquired::Place(place)) => {
            cx.traces.emit(|trace| trace.connection_create_start());
            let open = client.connector().open(key, &cx.traces);
            let conn =
                within(open, timeouts.connect, "connect", cx.deadline, request, Phase::Connect)
                    .await??;
            cx.traces.emit(|trace| trace.connection_create_end());
            Ok(place.fill(conn))
        }
    }
}

/// Waits no longer than `limit`, and not past the request's own deadline.
async fn within<T>(
    work: impl Future<Output = T>,
    limit: Option<std::time::Duration>,
    setting: &'static str,
    deadline: Option<Instant>,
    request: &Request,
    phase: Phase,
) -> Result<T, Error> {
    // Most waits are none: no timer is set before the first poll.
    let mut work = std::pin::pin!(work);
    let first = std::future::poll_fn(|cx| std::task::Poll::Ready(work.as_mut().poll(cx))).await;
    if let std::task::Poll::Ready(done) = first {
        return Ok(done);
    }
    let own = limit.and_then(|limit| Instant::now().checked_add(limit));
    let (until, setting, after) = match (own, deadline) {
        (None, None) => return Ok(work.await),
        (Some(own), Some(deadline)) if deadline < own => {
            (deadline, "total", request.settings.timeouts.total)
        }
        (Some(own), _) => (own, setting, limit),
        (None, Some(deadline)) => (deadline, "total", request.settings.timeouts.total),
    };
    timeout_at(until, work)
        .await
        .map_err(|_| Error::timeout(phase, setting, after.unwrap_or_default()))
}

/// The head as it goes out: a server gets path and query, a proxy that forwards all of the URL.
fn wire_head(request: &mut Request, info: &ConnInfo) -> RequestHead {
    let method = request.method.clone();
    let mut head = match info.via_proxy {
        _ if method == Method::CONNECT => {
            // Host and port alone (RFC 9110 §9.3.6), which a URL's parts make whatever they are.
            let authority = Uri::try_from(request.url.origin().authority());
            RequestHead::new(method, authority.unwrap_or_default())
        }
        true => RequestHead::new(method, request.url.uri().clone()),
        false => RequestHead::with_target(method, request.url.target()),
    };
    if request.settings.version == Version::HTTP_10 {
        let mut old = http::Request::new(());
        *old.method_mut() = head.method().clone();
        *old.uri_mut() = head.uri().clone();
        *old.version_mut() = Version::HTTP_10;
        head = RequestHead::from_http(old).0;
    }
    *head.headers_mut() = std::mem::take(&mut request.headers);
    if !info.via_proxy && head.headers().contains(PROXY_AUTHORIZATION) {
        // Meant for a proxy, and there is none that reads it.
        head.headers_mut().remove(&PROXY_AUTHORIZATION);
    }
    for (name, value) in info.forward_fields.as_deref().into_iter().flatten() {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
            && !head.headers().contains(&name)
        {
            head.headers_mut().append(name, value);
        }
    }
    head
}
