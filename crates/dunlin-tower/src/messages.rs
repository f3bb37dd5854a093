//! Messages of one world as those of the other.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use dunlin_core::{Body, BoxError, Goodbye, OnUpgrade, Request, Response};
use http::StatusCode;

use crate::error::TowerError;

/// In a request's extensions: the response goes back to a Dunlin server, which can hand its connection over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AtHome;

/// In a response's extensions: what a body that is wrapped in another would lose.
#[derive(Clone)]
struct Kept(Arc<Mutex<Parts>>);

#[derive(Default)]
struct Parts {
    upgrade: Option<OnUpgrade>,
    goodbye: Option<Goodbye>,
}

/// The request as a tower service takes it.
pub(crate) fn into_http(mut req: Request) -> Result<http::Request<Body>, TowerError> {
    // What is asked for on the other side must be what was asked for here.
    let (uri, target) = (req.uri(), req.head().target());
    if *uri != *target && target.parse::<http::Uri>().is_err() {
        return Err(TowerError::Target);
    }
    req.extensions_mut().insert(AtHome);
    Ok(req.into_http())
}

/// The response as tower hands it on.
pub(crate) fn response_into_http(mut response: Response) -> http::Response<Body> {
    let body = response.body_mut();
    let parts = Parts { upgrade: body.take_upgrade(), goodbye: body.take_goodbye() };
    if parts.upgrade.is_some() || parts.goodbye.is_some() {
        response.extensions_mut().insert(Kept(Arc::new(Mutex::new(parts))));
    }
    response.into_http()
}

/// The response of a tower service, with what was kept of it.
pub(crate) fn response_from_http<B>(response: http::Response<B>) -> Response
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let mut response = Response::from(response);
    let Some(Kept(kept)) = response.extensions_mut().remove::<Kept>() else { return response };
    let parts = std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner));
    if let Some(goodbye) = parts.goodbye {
        let body = std::mem::take(response.body_mut());
        *response.body_mut() = body.with_goodbye(goodbye);
    }
    // What stands between may have answered otherwise.
    if let Some(upgrade) = parts.upgrade
        && response.status() == StatusCode::SWITCHING_PROTOCOLS
    {
        *response.body_mut() = Body::from_upgrade(upgrade);
    }
    response
}
