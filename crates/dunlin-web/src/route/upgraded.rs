//! Panics of what runs on a connection that was handed over, told as those of handlers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;

use dunlin_core::{Body, BoxFuture, RequestHead, Response};

use super::endpoint::Endpoint;
use crate::error::{self, ErrorView};

/// Puts a watch around what a `101 Switching Protocols` hands its connection to.
pub(super) fn watch(response: &mut Response, endpoint: &Arc<Endpoint>, head: &RequestHead) {
    let Some(upgrade) = response.body_mut().take_upgrade() else { return };
    let (endpoint, head) = (endpoint.clone(), head.clone());
    let watched = upgrade.map(move |run| Box::pin(watched(run, endpoint, head)));
    *response.body_mut() = Body::from_upgrade(watched);
}

async fn watched(mut run: BoxFuture<'static, ()>, endpoint: Arc<Endpoint>, head: RequestHead) {
    let ended = std::future::poll_fn(|cx| {
        // Nothing of it is looked at again after a panic.
        match catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(cx))) {
            Ok(polled) => polled.map(Ok),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    });
    if let Err(payload) = ended.await
        && let Some(on_error) = &endpoint.hooks.on_error
    {
        let error = &error::of_panic(&*payload);
        on_error(&ErrorView { error, request: Some(&head), pattern: &endpoint.pattern });
    }
}
