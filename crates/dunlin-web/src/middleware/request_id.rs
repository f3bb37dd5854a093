//! `RequestIds`: a name for each request, in logs here and elsewhere.

use std::collections::hash_map::RandomState;
use std::convert::Infallible;
use std::fmt::{self, Write};
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dunlin_core::{BoxFuture, FromParts, Request, Response};
use http::{HeaderName, HeaderValue};

use super::{Middleware, Next};

/// Longest id that is taken from a request.
const MAX_LEN: usize = 128;

const FIELD: HeaderName = HeaderName::from_static("x-request-id");

/// Gives each request an id: its own where it comes with a proper one, else a new one. Handlers find it as
/// [`RequestId`], clients in the response.
///
/// ```
/// use dunlin_web::{App, RequestId, RequestIds};
///
/// async fn index(id: RequestId) -> String {
///     format!("this is request {id}\n")
/// }
///
/// let app = App::new().middleware(RequestIds::new()).add_get("/", index);
/// # app.build().unwrap();
/// ```
///
/// | what | default |
/// | --- | --- |
/// | [`header`](Self::header) | `X-Request-Id` |
/// | [`accept`](Self::accept) of ids that come in | yes: letters, digits and `-._~+/=:@`, up to 128 of them |
/// | [`generate`](Self::generate) | 32 hexadecimal digits: a random number of the process, and a counter |
///
/// Whatever else comes in is replaced, so that an id can be put into logs and URLs as it is. It is no secret:
/// who has seen one can tell others.
#[derive(Clone)]
pub struct RequestIds {
    header: HeaderName,
    accept: bool,
    generate: Arc<Generate>,
}

type Generate = dyn Fn() -> String + Send + Sync;

/// The id of a request: an argument of handlers, a value in the request's extensions. Empty where no
/// [`RequestIds`] stands around the handler.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromParts for RequestId {
    type Rejection = Infallible;

    async fn from_parts(req: &mut Request) -> Result<Self, Infallible> {
        Ok(req.extensions().get::<Self>().cloned().unwrap_or_default())
    }
}

impl RequestIds {
    /// With the defaults.
    pub fn new() -> Self {
        let process = RandomState::new().build_hasher().finish();
        let count = AtomicU64::new(0);
        Self {
            header: FIELD,
            accept: true,
            generate: Arc::new(move || {
                let n = count.fetch_add(1, Ordering::Relaxed);
                let mut id = String::with_capacity(32);
                // Writing to a string does not fail.
                let _ = write!(id, "{process:016x}{n:016x}");
                id
            }),
        }
    }

    /// The field that ids come in and go out by. Default: `X-Request-Id`.
    #[must_use]
    pub fn header(self, name: HeaderName) -> Self {
        Self { header: name, ..self }
    }

    /// Whether an id that the request has is kept. Default: yes. Turn it off where anybody can ask, and
    /// nobody's ids but one's own are wanted in the logs.
    #[must_use]
    pub fn accept(self, accept: bool) -> Self {
        Self { accept, ..self }
    }

    /// Makes ids; one that cannot be a field's value is left out of the response.
    #[must_use]
    pub fn generate(self, generate: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self { generate: Arc::new(generate), ..self }
    }

    fn id(&self, req: &Request) -> RequestId {
        let given = req.headers().get_str(&self.header).filter(|id| self.accept && is_proper(id));
        RequestId(given.map_or_else(|| (self.generate)().into(), Arc::from))
    }
}

fn is_proper(id: &str) -> bool {
    (1..=MAX_LEN).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/=:@".contains(&b))
}

impl Default for RequestIds {
    fn default() -> Self {
        Self::new()
    }
}

impl Middleware for RequestIds {
    fn call(&self, mut req: Request, next: Next) -> BoxFuture<'static, Response> {
        let id = self.id(&req);
        let header = self.header.clone();
        req.extensions_mut().insert(id.clone());
        Box::pin(async move {
            let mut response = next.run(req).await;
            if let Ok(value) = HeaderValue::from_str(id.as_str()) {
                response.headers_mut().insert(header, value);
            }
            response.extensions_mut().insert(id);
            response
        })
    }
}

impl fmt::Debug for RequestIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestIds")
            .field("header", &self.header)
            .field("accept", &self.accept)
            .finish_non_exhaustive()
    }
}
