//! What is sent and received, on standard error.

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use dunlin::Headers;
use dunlin::client::{Error, Request, Trace, Tracer, Url};
use dunlin::http::{Method, StatusCode};

use crate::text::printable;

/// Traces every request.
pub(super) struct Verbose;

impl Tracer for Verbose {
    fn trace(&self, _: &Request) -> Option<Arc<dyn Trace>> {
        Some(Arc::new(Self))
    }
}

impl Trace for Verbose {
    fn dns_resolve_start(&self, host: &str) {
        eprintln!("* looking {host} up");
    }

    fn connection_ready(&self, _: Option<SocketAddr>, peer: Option<SocketAddr>) {
        if let Some(peer) = peer {
            eprintln!("* connected to {peer}");
        }
    }

    fn request_headers_sent(&self, method: &Method, url: &Url, headers: &Headers) {
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let first = format!("{method} {}{query} HTTP/1.1", url.path());
        eprintln!("{}", head('>', &first, headers));
    }

    fn request_redirect(&self, _: &Url, status: StatusCode, to: &Url) {
        eprintln!("* {status}: on to {}", to.redacted());
    }

    fn request_end(&self, _: &Url, status: StatusCode, headers: &Headers) {
        eprintln!("{}", head('<', &status.to_string(), headers));
    }

    fn request_exception(&self, error: &Error) {
        eprintln!("* failed {}", error.phase());
    }
}

fn head(mark: char, first: &str, headers: &Headers) -> String {
    let mut text = format!("{mark} {}\n", printable(first.as_bytes()));
    for (name, value) in headers.iter() {
        let _ = writeln!(text, "{mark} {}: {}", printable(name), printable(value));
    }
    text.push(mark);
    text
}
