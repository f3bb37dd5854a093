//! The body of a request, which may have to be sent more than once.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use dunlin_core::Body;
use dunlin_multipart::Form;

use crate::error::Error;

/// What a request carries.
///
/// Bytes and [`replayable`](Self::replayable) sources can be sent again: on another connection where
/// one broke before it answered, after a redirect that keeps the method, with digest credentials. A
/// [`Body`] that is a stream goes out once.
///
/// ```
/// use dunlin_client::{Client, RequestBody};
/// use dunlin_core::Body;
///
/// # fn send(client: &Client) {
/// // Made anew for each time that it has to be sent.
/// let body = RequestBody::replayable(|| Body::from("a,b\n1,2\n"));
/// let request = client.put("https://example.com/table").body(body);
/// # let _ = request;
/// # }
/// ```
#[derive(Clone, Default)]
pub struct RequestBody(Kind);

#[derive(Clone, Default)]
enum Kind {
    #[default]
    Empty,
    Whole(Bytes),
    Source(Arc<dyn Fn() -> Body + Send + Sync>),
    /// Goes to whoever takes it first.
    Once(Arc<std::sync::Mutex<Option<Body>>>),
}

impl RequestBody {
    /// No body.
    pub const fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// A body that is made anew each time it is sent.
    pub fn replayable(source: impl Fn() -> Body + Send + Sync + 'static) -> Self {
        Self(Kind::Source(Arc::new(source)))
    }

    /// Whether it can be sent again.
    pub fn is_replayable(&self) -> bool {
        !matches!(self.0, Kind::Once(_))
    }

    /// Whether it is known that no byte will be sent.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_some_and(<[u8]>::is_empty)
    }

    /// The bytes, where they are all here.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match &self.0 {
            Kind::Empty => Some(&[]),
            Kind::Whole(bytes) => Some(bytes),
            Kind::Source(_) | Kind::Once(_) => None,
        }
    }

    /// Whether there is one to [`take`](Self::take).
    pub(crate) fn is_left(&self) -> bool {
        match &self.0 {
            Kind::Empty | Kind::Whole(_) | Kind::Source(_) => true,
            Kind::Once(body) => {
                body.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_some()
            }
        }
    }

    /// A body to send now; `None` where it goes out once and has gone.
    pub fn take(&self) -> Option<Body> {
        match &self.0 {
            Kind::Empty => Some(Body::empty()),
            Kind::Whole(bytes) => Some(bytes.clone().into()),
            Kind::Source(source) => Some(source()),
            Kind::Once(body) => {
                body.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
            }
        }
    }
}

/// The body of a form, made anew each time it is sent where its parts can be.
pub(super) fn of_form(form: Form) -> Result<RequestBody, Error> {
    let invalid = |error| Error::invalid("the multipart form", error);
    if !form.is_replayable() {
        return form.into_body().map(RequestBody::from).map_err(invalid);
    }
    // Whatever is wrong with it shows the first time.
    let again = form.try_clone().unwrap_or_default();
    form.into_body().map_err(invalid)?;
    Ok(RequestBody::replayable(move || match again.try_clone().map(Form::into_body) {
        Some(Ok(body)) => body,
        _ => Body::from_stream(Unmade),
    }))
}

/// A form that could be made once and cannot again: an error, and never an empty body.
struct Unmade;

impl futures_core::Stream for Unmade {
    type Item = Result<Bytes, &'static str>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(Some(Err("the form cannot be made again")))
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Empty => f.write_str("Empty"),
            Kind::Whole(bytes) => write!(f, "Whole({} bytes)", bytes.len()),
            Kind::Source(_) => f.write_str("Replayable"),
            Kind::Once(_) => f.write_str("Once"),
        }
    }
}

impl From<Body> for RequestBody {
    fn from(body: Body) -> Self {
        match body.try_into_whole() {
            Ok(bytes) => bytes.into(),
            Err(body) => Self(Kind::Once(Arc::new(std::sync::Mutex::new(Some(body))))),
        }
    }
}

impl From<Bytes> for RequestBody {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::empty() } else { Self(Kind::Whole(bytes)) }
    }
}

macro_rules! from_bytes {
    ($($kind:ty),*) => {$(
        impl From<$kind> for RequestBody {
            fn from(bytes: $kind) -> Self {
                Bytes::from(bytes).into()
            }
        }
    )*};
}
from_bytes!(Vec<u8>, String, &'static [u8], &'static str);
