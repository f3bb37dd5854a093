//! Files of the disk: opened once, looked at when open, and read off the async threads.
//!
//! | file | what it does |
//! | --- | --- |
//! | `dir` | directories by handle, so that nothing is looked up twice |
//! | `variant` | the file, or its precompressed sibling that the client would rather have |
//! | `coding` | `Accept-Encoding` (RFC 9110 §12.5.3) |
//! | `media` | media types by name |
//! | `read` | the body that reads |

mod coding;
mod dir;
mod media;
mod read;
mod variant;

use std::io;

pub(crate) use self::coding::{Accepted, Coding};
pub(crate) use self::dir::{Dir, Kind, Opened, is_loop};
pub(crate) use self::media::by_name;
pub(crate) use self::read::{FileStream, body};
pub(crate) use self::variant::{Wanted, is_settled, load};
use crate::error::HttpError;

/// What answers a request for a file that cannot be served: 404 for what is not there, 403 for what is not
/// to be read, and 500 or 503 for the system's own failures.
pub(crate) fn refuse(error: io::Error) -> HttpError {
    use io::ErrorKind::{
        InvalidFilename, InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied,
    };
    match error.kind() {
        NotFound | NotADirectory | InvalidInput | InvalidFilename => HttpError::not_found(),
        PermissionDenied | IsADirectory => HttpError::forbidden(),
        _ if dir::is_loop(&error) => HttpError::not_found(),
        _ if dir::is_exhausted(&error) => HttpError::service_unavailable(),
        _ => HttpError::internal(),
    }
    .with_source(error)
}

/// Runs what blocks on a thread that may.
pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, HttpError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| HttpError::internal().with_source(error))
}
