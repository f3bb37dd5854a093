//! Which names a server answers to that is for this machine alone.
//!
//! A page from elsewhere can have its own name mean 127.0.0.1 for a moment (DNS rebinding), and would then read the files
//! as if they were its own site's. So they are served only under names that no stranger has.

use std::net::IpAddr;

use dunlin::http::StatusCode;
use dunlin::web::Next;
use dunlin::{Request, Response};

/// Whether the address that is listened on is this machine's own affair.
pub(super) fn is_local(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// Refuses requests for names that are not this machine's.
pub(super) async fn own_names(req: Request, next: Next) -> Response {
    if is_own(&req.host()) {
        return next.run(req).await;
    }
    let text = "This server is for its own machine: ask for localhost, or start it with --host.\n";
    Response::new(text).with_status(StatusCode::MISDIRECTED_REQUEST)
}

/// Whether `host`, with a port or without, is an address or a name that always means this machine (RFC 6761 §6.3).
fn is_own(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_stranger_may_have_are_not_ones_own() {
        for own in
            ["localhost", "LocalHost:80", "a.localhost:8080", "127.0.0.1:1", "[::1]:80", "10.0.0.7"]
        {
            assert!(is_own(own), "{own}");
        }
        for other in [
            "evil.test",
            "localhost.evil.test:80",
            "127.0.0.1.evil.test",
            "notlocalhost",
            "",
            "[x]:1",
        ] {
            assert!(!is_own(other), "{other}");
        }
    }

    #[test]
    fn only_loopback_is_local() {
        assert!(is_local("127.0.0.1") && is_local("::1") && is_local("localhost"));
        assert!(!is_local("0.0.0.0") && !is_local("192.0.2.7") && !is_local("example.org"));
    }
}
