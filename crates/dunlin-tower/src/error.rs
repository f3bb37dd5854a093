//! What goes wrong between the two worlds.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use dunlin_core::{BoxError, IntoResponse, Refusal, Response};
use http::StatusCode;

/// Why a tower service or layer gave no response.
///
/// As a response it is its status with a word for the peer, who is not told the cause; it stays in the
/// extensions for [`of`](Self::of).
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum TowerError {
    /// The service, or a layer around it, failed; 500. Layers that fail as a matter of course, such as a limit
    /// that sheds load, want another around them that says what they mean.
    Service(Arc<dyn Error + Send + Sync>),
    /// The request's target is one that [`http::Uri`] does not take, so that the service would see another;
    /// 400.
    Target,
    /// A layer called what it wraps with a request that is not the one it was given, or called it again; 500.
    /// The way to the handler goes along in the request's extensions, for one call.
    Lost,
}

impl TowerError {
    pub(crate) fn service(error: impl Into<BoxError>) -> Self {
        Self::Service(error.into().into())
    }

    /// The status that answers the request.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Target => StatusCode::BAD_REQUEST,
            Self::Service(_) | Self::Lost => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The error that a response was made from.
    pub fn of(response: &Response) -> Option<&Self> {
        response.extensions().get()
    }
}

impl fmt::Display for TowerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(source) => write!(f, "a tower service failed: {source}"),
            Self::Target => f.write_str("the request target is not one that http::Uri takes"),
            Self::Lost => f.write_str(
                "a layer called what it wraps a second time, or with a request that lacks the extensions of \
                 the one it was given: keep them, and call once",
            ),
        }
    }
}

/// By hand, since a derived one would give the pointer for the source, which nobody can downcast.
impl Error for TowerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Service(source) => Some(&**source),
            Self::Target | Self::Lost => None,
        }
    }
}

impl IntoResponse for TowerError {
    fn into_response(self) -> Response {
        let reason = match self {
            Self::Target => self.to_string(),
            Self::Service(_) | Self::Lost => "the request could not be answered".to_owned(),
        };
        let mut response = Refusal::new(self.status(), reason).into_response();
        response.extensions_mut().insert(self);
        response
    }
}
