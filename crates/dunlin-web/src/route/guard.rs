//! Guards: what else than path and method decides on a route.

use dunlin_core::{CheckError, Request};
use dunlin_router::HostRouter;

/// Decides whether a route takes a request whose path and method are its own.
///
/// A pattern may have one method several times, each but the last with guards: the first that accepts the
/// request takes it, in the order of registration. Where none does, the answer is 404.
///
/// Every `Fn(&Request) -> bool` is one; [`header_is`] and [`host_is`] are ready made. Guards run before
/// all middleware: what refuses a request with an answer of its own belongs there.
///
/// ```
/// use dunlin_core::Request;
/// use dunlin_web::{App, get, header_is, host_is};
///
/// async fn v1() -> &'static str { "1" }
/// async fn v2() -> &'static str { "2" }
/// async fn local() -> &'static str { "local" }
///
/// let app = App::new().routes([
///     get("/", v2).guard(header_is("api-version", "2")),
///     get("/", local).guard(host_is("localhost")).guard(|req: &Request| req.query().is_none()),
///     get("/", v1),
/// ]);
/// # app.build().unwrap();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a guard",
    note = "a guard is a `Fn(&Request) -> bool`, with the type of its argument written, or a type that implements `Guard`"
)]
pub trait Guard: Send + Sync + 'static {
    /// Whether the route takes the request, whose captures are not there yet.
    fn accepts(&self, req: &Request) -> bool;

    /// Asked once, when the app is built.
    ///
    /// # Errors
    ///
    /// A mistake that keeps the guard from ever accepting a request.
    fn check(&self) -> Result<(), CheckError> {
        Ok(())
    }
}

impl<F: Fn(&Request) -> bool + Send + Sync + 'static> Guard for F {
    fn accepts(&self, req: &Request) -> bool {
        self(req)
    }
}

/// A guard that accepts requests with a field of that name and value, among others of the name or alone.
/// The name compares without regard to case, the value byte by byte.
pub fn header_is(name: impl Into<String>, value: impl Into<String>) -> impl Guard {
    HeaderIs { name: name.into(), value: value.into() }
}

struct HeaderIs {
    name: String,
    value: String,
}

impl Guard for HeaderIs {
    fn accepts(&self, req: &Request) -> bool {
        req.headers().get_all(self.name.as_str()).any(|value| value == self.value.as_bytes())
    }

    fn check(&self) -> Result<(), CheckError> {
        match http::HeaderName::from_bytes(self.name.as_bytes()) {
            Ok(_) => Ok(()),
            Err(_) => {
                Err(CheckError::Other(format!("`{}` is not the name of a field", self.name).into()))
            }
        }
    }
}

/// A guard that accepts requests for a host: `example.com`, or `*.example.com` for those below it, with
/// `:port` where the port matters, as for [`App::host`](crate::App::host).
pub fn host_is(host: impl Into<String>) -> impl Guard {
    let host = host.into();
    let mut hosts = HostRouter::builder();
    hosts.add(&host, ());
    HostIs { hosts: hosts.build().map_err(|errors| errors.to_string()) }
}

struct HostIs {
    hosts: Result<HostRouter<()>, String>,
}

impl Guard for HostIs {
    fn accepts(&self, req: &Request) -> bool {
        self.hosts.as_ref().is_ok_and(|hosts| hosts.find(&req.host()).is_some())
    }

    fn check(&self) -> Result<(), CheckError> {
        match &self.hosts {
            Ok(_) => Ok(()),
            Err(errors) => Err(CheckError::Other(errors.clone().into())),
        }
    }
}
