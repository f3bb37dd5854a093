//! The services that a program asks, written as apps.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use dunlin_client::{
    Client, ClientBuilder, Connect, Connecting, Error, InProcess, Middleware, Next, Request,
    Response, Url,
};
use dunlin_core::{BoxFuture, IntoService, Io};

use crate::error::TestError;
use crate::host::{Report, Served};
use crate::memory::{Memory, Pipes, Shared};
use crate::server::TestServerBuilder;

/// The outside world of a test: names, and the apps that answer for them. A client of it reaches nothing else.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use dunlin_test::TestNetwork;
/// use dunlin_web::App;
///
/// let mut network = TestNetwork::new();
/// network.service("https://api.weather.example", App::new().add_get("/today", || async { "rain" })).await?;
///
/// // The program under test takes this client in place of its own.
/// let client = network.client()?;
/// let today = client.get("https://api.weather.example/today").send().await?.text().await?;
/// assert_eq!(today, "rain");
///
/// let error = client.get("https://tracker.example/").send().await.unwrap_err();
/// assert!(error.to_string().contains("no service for https://tracker.example:443"));
/// network.stop().await?;
/// # Ok(()) }
/// ```
///
/// What is asked by `http` goes over a pipe, with both codecs and every deadline. `https` has no TLS here: such a
/// request is handed to the app by [`InProcess`], so that of the deadlines only
/// [`total`](dunlin_client::Timeouts::total) counts.
#[derive(Clone, Debug, Default)]
pub struct TestNetwork {
    services: Arc<Mutex<Services>>,
}

#[derive(Default)]
struct Services {
    by_name: HashMap<Name, Service>,
    served: Vec<Served>,
}

#[derive(Clone)]
struct Service {
    pipes: Pipes,
    in_process: InProcess,
}

/// What a service answers for; `None` stands for any.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Name {
    is_tls: Option<bool>,
    host: Box<str>,
    port: Option<u16>,
}

impl TestNetwork {
    /// A network of nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts an app that answers for a name: `api.example.com` by any scheme and port, `api.example.com:8080` by
    /// any scheme, `https://api.example.com` by that scheme and its port. The most exact name is taken.
    ///
    /// # Errors
    ///
    /// [`TestError::ServiceName`] for what is no name, [`TestError::ServiceTwice`] for one that is taken,
    /// [`TestError::Serve`] where the app has mistakes, or its startup fails.
    pub async fn service<A: IntoService>(&mut self, name: &str, app: A) -> Result<(), TestError> {
        let key = Name::parse(name).ok_or_else(|| TestError::ServiceName { name: name.into() })?;
        let taken = || TestError::ServiceTwice { name: name.into() };
        if self.lock().by_name.contains_key(&key) {
            return Err(taken());
        }
        let TestServerBuilder { server, faults, shutdown_timeout, .. } =
            TestServerBuilder::default();
        let (memory, service) =
            Memory::start(app, server, shutdown_timeout, faults.clone()).await?;
        let in_process = InProcess::new(Shared(service));
        let service = Service { pipes: memory.pipes(), in_process };
        let mut services = self.lock();
        services.by_name.insert(key, service);
        services.served.push(Served::new(memory, faults));
        Ok(())
    }

    /// A client with default settings that reaches these services alone, those that are added later too.
    ///
    /// # Errors
    ///
    /// As [`ClientBuilder::build`].
    pub fn client(&self) -> Result<Client, TestError> {
        Ok(self.join(Client::builder()).build()?)
    }

    /// The same for a client of other settings. To be called last: middleware that is added behind it does not
    /// see what is asked by `https`.
    pub fn join(&self, client: ClientBuilder) -> ClientBuilder {
        client.connector(self.clone()).with(self.clone())
    }

    /// Ends all services, in the order in which they were added; the reports come in it too.
    ///
    /// # Errors
    ///
    /// The first that an app's cleanup fails with; all have been ended then.
    pub async fn stop(self) -> Result<Vec<Report>, TestError> {
        let served = std::mem::take(&mut self.lock().served);
        let mut reports = Vec::with_capacity(served.len());
        for service in served {
            reports.push(service.stop().await);
        }
        reports.into_iter().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Services> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The service of the most exact name.
    fn find(&self, is_tls: bool, host: &str, port: u16) -> Result<Service, NoService> {
        let services = self.lock();
        let tries = [(Some(is_tls), Some(port)), (None, Some(port)), (None, None)];
        let named = |(is_tls, port)| Name { is_tls, host: host.into(), port };
        let found = tries.into_iter().find_map(|by| services.by_name.get(&named(by)));
        found.cloned().ok_or_else(|| {
            let mut known: Vec<_> = services.by_name.keys().map(Name::to_string).collect();
            known.sort_unstable();
            let scheme = if is_tls { "https" } else { "http" };
            NoService { asked: format!("{scheme}://{host}:{port}"), known }
        })
    }
}

impl Name {
    fn parse(text: &str) -> Option<Self> {
        let has_scheme = text.contains("://");
        let url = if has_scheme { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&url).ok()?;
        if url.path() != "/" || url.query().is_some() || url.credentials().is_some() {
            return None;
        }
        let named_port = text.rsplit_once(':').is_some_and(|(_, port)| {
            let port = port.trim_end_matches('/');
            !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
        });
        Some(Self {
            is_tls: has_scheme.then(|| url.origin().is_tls()),
            host: url.host().into(),
            port: (has_scheme || named_port).then(|| url.port()),
        })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_tls {
            Some(true) => f.write_str("https://")?,
            Some(false) => f.write_str("http://")?,
            None => {}
        }
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// A client of a [`TestNetwork`] asked for a host for which no app answers.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "the test's network has no service for {asked}, only for {known:?}: add one with \
     `network.service(name, app)`"
)]
#[non_exhaustive]
pub struct NoService {
    /// Scheme, host and port.
    pub asked: String,
    /// Names of the services that there are.
    pub known: Vec<String>,
}

impl Middleware for TestNetwork {
    fn handle(&self, request: Request, next: Next) -> BoxFuture<'_, Result<Response, Error>> {
        Box::pin(async move {
            let url = request.url();
            let (is_tls, host, port) = (url.origin().is_tls(), url.host(), url.port());
            match self.find(is_tls, host, port) {
                Ok(service) if is_tls => service.in_process.handle(request, next).await,
                Ok(_) => next.run(request).await,
                Err(nobody) => Err(Error::other(nobody).with_url(url)),
            }
        })
    }
}

impl Connect for TestNetwork {
    fn connect(&self, host: &str, port: u16) -> Connecting {
        let found = self.find(false, host, port);
        Box::pin(async move {
            let io = found?.pipes.connect().ok_or("the services of this network were stopped")?;
            Ok(Box::pin(io) as Pin<Box<dyn Io>>)
        })
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_name.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_as_much_as_they_hold() {
        let shown = |text| Name::parse(text).map(|name| name.to_string());
        assert_eq!(shown("a.example").as_deref(), Some("a.example"));
        assert_eq!(shown("A.example:80").as_deref(), Some("a.example:80"));
        assert_eq!(shown("https://a.example").as_deref(), Some("https://a.example:443"));
        assert_eq!(shown("http://a.example:81/").as_deref(), Some("http://a.example:81"));
        for none in ["", "ftp://a", "a/b", "http://a/b", "u:p@a", "a:b"] {
            assert_eq!(shown(none), None, "{none}");
        }
    }
}
