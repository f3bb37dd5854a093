//! Hooks into what the client does, for metrics and logs.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use dunlin_core::Headers;
use http::{Method, StatusCode};

use crate::error::Error;
use crate::request::Request;
use crate::url::Url;

/// Begins a [`Trace`] for each request.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Instant;
/// use dunlin_client::{Client, Request, Trace, Tracer};
///
/// struct Times;
/// struct Time(Instant);
///
/// impl Tracer for Times {
///     fn trace(&self, _: &Request) -> Option<Arc<dyn Trace>> {
///         Some(Arc::new(Time(Instant::now())))
///     }
/// }
/// impl Trace for Time {
///     fn connection_create_end(&self) {
///         eprintln!("connected after {:?}", self.0.elapsed());
///     }
/// }
///
/// let client = Client::builder().tracer(Times).build()?;
/// # Ok::<(), dunlin_client::Error>(())
/// ```
pub trait Tracer: Send + Sync + 'static {
    /// The trace of this request; `None` where it is not to be traced.
    fn trace(&self, request: &Request) -> Option<Arc<dyn Trace>>;
}

/// What happens to one request, redirects included. Every method does nothing unless it is written.
///
/// ```text
/// request_start ─▶ (queued) ─▶ connection_reuse ────────────────────────────┐
///                      └─▶ connection_create_start                          │
///                              (dns_cache_hit | dns_cache_miss              │
///                                 dns_resolve_start, dns_resolve_end)       │
///                          connection_create_end ───────────────────────────┤
///   request_headers_sent, request_chunk_sent*, ◀────────────────────────────┘
///   (request_redirect, from the top) | request_end, response_chunk_received*
/// ```
///
/// The methods are called where things happen, on the task that sends the request, and must not block.
#[allow(unused_variables)]
pub trait Trace: Send + Sync + 'static {
    /// The request is about to be sent.
    fn request_start(&self, method: &Method, url: &Url, headers: &Headers) {}
    /// Its head has been handed to the connection.
    fn request_headers_sent(&self, method: &Method, url: &Url, headers: &Headers) {}
    /// A piece of its body has been handed to the connection.
    fn request_chunk_sent(&self, chunk: &[u8]) {}
    /// A piece of the response's body has come, before it is decoded.
    fn response_chunk_received(&self, chunk: &[u8]) {}
    /// A redirect will be followed.
    fn request_redirect(&self, from: &Url, status: StatusCode, to: &Url) {}
    /// The final response's head is there.
    fn request_end(&self, url: &Url, status: StatusCode, headers: &Headers) {}
    /// The request failed.
    fn request_exception(&self, error: &Error) {}
    /// It waits for a place in the pool.
    fn connection_queued_start(&self) {}
    /// It has one.
    fn connection_queued_end(&self) {}
    /// A connection is about to be opened.
    fn connection_create_start(&self) {}
    /// It has been.
    fn connection_create_end(&self) {}
    /// A kept connection is used.
    fn connection_reuse(&self) {}
    /// A name is about to be looked up.
    fn dns_resolve_start(&self, host: &str) {}
    /// It has been.
    fn dns_resolve_end(&self, host: &str) {}
    /// The name's addresses are known already.
    fn dns_cache_hit(&self, host: &str) {}
    /// They are not.
    fn dns_cache_miss(&self, host: &str) {}
    /// The connection that the request goes out on: both of its addresses, where they are known.
    fn connection_ready(&self, local: Option<SocketAddr>, peer: Option<SocketAddr>) {}
}

/// The traces of one request; mostly none.
#[derive(Clone, Default)]
pub(crate) struct Traces(Option<Arc<[Arc<dyn Trace>]>>);

impl Traces {
    pub(crate) fn begin(tracers: &[Arc<dyn Tracer>], request: &Request) -> Self {
        if tracers.is_empty() {
            return Self(None);
        }
        let traces: Arc<[_]> = tracers.iter().filter_map(|t| t.trace(request)).collect();
        Self((!traces.is_empty()).then_some(traces))
    }

    #[inline]
    pub(crate) fn emit(&self, event: impl Fn(&dyn Trace)) {
        if let Some(traces) = &self.0 {
            for trace in traces.iter() {
                event(&**trace);
            }
        }
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Traces({})", self.0.as_ref().map_or(0, |traces| traces.len()))
    }
}
