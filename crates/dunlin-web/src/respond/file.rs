//! `respond::file`: a file as a response.

use std::fmt;
use std::future::IntoFuture;
use std::path::PathBuf;

use dunlin_core::{BoxFuture, RequestHead, Response};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, StatusCode};

use super::{Representation, disposition};
use crate::error::{HttpError, Result};
use crate::files::{Dir, Wanted, load, off_thread, refuse};

/// Answers a request with a file: `respond::file(&req, "report.pdf").await`.
///
/// Preconditions, ranges, `HEAD`, `ETag`, `Last-Modified` and the media type are seen to; siblings
/// `.br`, `.zst` and `.gz` are sent to those who accept them. On plain TCP the kernel sends the file
/// (`sendfile`); otherwise it is read in steps of 256 KiB off the async threads. A file that is shortened
/// meanwhile cuts the connection; one that grows is sent as long as it was.
///
/// ```
/// use dunlin_core::Request;
/// use dunlin_web::{App, Result, respond};
///
/// async fn report(req: Request) -> Result {
///     respond::file(&req, "/srv/reports/today.pdf").attachment("report.pdf").await
/// }
///
/// let app = App::new().add_get("/report", report);
/// # app.build().unwrap();
/// ```
///
/// The path is the program's own and followed wherever it leads: one that is made of what a client sent
/// belongs to [`Statics`](crate::Statics), which keeps to its directory.
///
/// # Errors
///
/// When awaited: 404 where there is no such file, 403 for a directory, a device, a pipe or a file that
/// must not be read, 412 and 416 by the request, 500 where reading fails. They are the [`HttpError`]s of the
/// `Result`, but for 304, 412 and 416, which are responses.
///
/// # Panics
///
/// When awaited outside of a tokio runtime.
pub fn file<'r, R>(req: &'r R, path: impl Into<PathBuf>) -> FileResponse<'r>
where
    R: AsRef<RequestHead> + ?Sized,
{
    FileResponse {
        head: req.as_ref(),
        path: path.into(),
        precompressed: true,
        settings: Vec::new(),
        status: StatusCode::OK,
        max_ranges: None,
    }
}

/// A file on its way to become a response: made by [`file()`], finished by `.await`.
#[must_use = "it answers nothing until it is awaited"]
pub struct FileResponse<'r> {
    head: &'r RequestHead,
    path: PathBuf,
    precompressed: bool,
    settings: Vec<(HeaderName, HeaderValue)>,
    status: StatusCode,
    max_ranges: Option<usize>,
}

impl FileResponse<'_> {
    /// Sets a field of the response. A `Content-Encoding` of its own keeps siblings from being looked for.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.precompressed &= name != CONTENT_ENCODING;
        self.settings.push((name, value));
        self
    }

    /// Its media type. Default: by the file's name; `charset=utf-8` for text.
    pub fn content_type(self, media: HeaderValue) -> Self {
        self.header(CONTENT_TYPE, media)
    }

    /// Has browsers save it under that name: see [`attachment`](super::attachment).
    pub fn attachment(self, file_name: &str) -> Self {
        self.header(CONTENT_DISPOSITION, disposition::attachment(file_name))
    }

    /// `Cache-Control`. Default: none, so that caches decide by `Last-Modified`.
    pub fn cache_control(self, value: HeaderValue) -> Self {
        self.header(CACHE_CONTROL, value)
    }

    /// Whether siblings `.br`, `.zst` and `.gz` are sent in its place. Default: they are. A sibling that is
    /// a link is never sent.
    pub fn precompressed(mut self, on: bool) -> Self {
        self.precompressed &= on;
        self
    }

    /// The status in place of 200, such as that of an error page: see [`Representation::status`].
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Ranges that a request may list: see [`Representation::max_ranges`]. Default: 32.
    pub fn max_ranges(mut self, max: usize) -> Self {
        self.max_ranges = Some(max);
        self
    }

    async fn respond(self) -> Result {
        let wanted = Wanted::of(self.head, self.precompressed);
        let path = self.path;
        let loaded = off_thread(move || {
            let Some(name) = path.file_name() else {
                return Err(std::io::ErrorKind::IsADirectory.into());
            };
            load(&Dir::open(path.parent().unwrap_or(&path))?, name, true, wanted)
        });
        let (found, ..) = loaded.await?.map_err(refuse)?;
        let mut found = found.status(self.status);
        if let Some(max) = self.max_ranges {
            found = found.max_ranges(max);
        }
        let found = self
            .settings
            .into_iter()
            .fold(found, |found: Representation, (name, value)| found.header(name, value));
        Ok(found.respond(self.head))
    }
}

impl<'r> IntoFuture for FileResponse<'r> {
    type Output = Result<Response, HttpError>;
    type IntoFuture = BoxFuture<'r, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.respond())
    }
}

impl fmt::Debug for FileResponse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileResponse").field("path", &self.path).finish_non_exhaustive()
    }
}
