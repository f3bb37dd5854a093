//! From foreign errors to [`HttpError`], in a word.

use dunlin_core::BoxError;
use http::StatusCode;

use super::{HttpError, Result};

/// Says what an error, or nothing, means for the peer, so that `?` can go on: on every `Result` whose error is one, and
/// on `Option`.
///
/// The error becomes the [source](HttpError::with_source) of the answer: the log gets it with its own sources, the
/// peer the status and no word of it.
///
/// ```
/// use dunlin_web::{App, HttpError, OrError, Path, Result};
/// use http::StatusCode;
///
/// # #[derive(Debug)] struct DbError;
/// # impl std::fmt::Display for DbError {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("no such table") }
/// # }
/// # impl std::error::Error for DbError {}
/// # async fn find(id: u32) -> std::result::Result<Option<String>, DbError> {
/// #     if id == 0 { Err(DbError) } else { Ok(None) }
/// # }
/// async fn show(Path(id): Path<String>) -> Result<String> {
///     let id = id.parse::<u32>().or_error(|| HttpError::bad_request().with_message("ids are numbers"))?;
///     let note = find(id).await.or_internal()?;
///     note.or_status(StatusCode::NOT_FOUND)
/// }
///
/// let app = App::new().add_get("/notes/{id}", show);
/// # use dunlin_core::{Request, Service};
/// # let app = app.build().unwrap();
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// # for (path, status) in [("/notes/x", 400), ("/notes/0", 500), ("/notes/1", 404)] {
/// #     let req = Request::new(http::Method::GET, path.parse().unwrap(), ());
/// #     assert_eq!(app.call(req).await.status(), status);
/// # }
/// # });
/// ```
///
/// `?` alone does it for the errors that [`HttpError`] has a `From` for, and for those of your own that you write one
/// for. It does not for all errors there are: then none could have a status of its own.
pub trait OrError<T>: sealed::Sealed + Sized {
    /// 500: the program, or something that it depends on, failed.
    ///
    /// # Errors
    ///
    /// What was none, as this status.
    fn or_internal(self) -> Result<T> {
        self.or_error(HttpError::internal)
    }

    /// An error of that status.
    ///
    /// # Errors
    ///
    /// What was none, as this status.
    fn or_status(self, status: StatusCode) -> Result<T> {
        self.or_error(|| HttpError::new(status))
    }

    /// The error that `answer` makes, with this one as its source where it has none.
    ///
    /// # Errors
    ///
    /// What was none, as this error.
    fn or_error(self, answer: impl FnOnce() -> HttpError) -> Result<T>;
}

impl<T, E: Into<BoxError>> OrError<T> for std::result::Result<T, E> {
    fn or_error(self, answer: impl FnOnce() -> HttpError) -> Result<T> {
        self.map_err(|error| {
            let answer = answer();
            if answer.0.source.is_some() { answer } else { answer.with_source(error) }
        })
    }
}

impl<T> OrError<T> for Option<T> {
    fn or_error(self, answer: impl FnOnce() -> HttpError) -> Result<T> {
        self.ok_or_else(answer)
    }
}

mod sealed {
    pub trait Sealed {}
    impl<T, E> Sealed for Result<T, E> {}
    impl<T> Sealed for Option<T> {}
}
