//! Bounds on forms and multipart bodies, set for an app, a group or a route.

use std::path::PathBuf;

use dunlin_core::{BoxFuture, Request, Response};
use dunlin_multipart::Limits;

use crate::middleware::{Middleware, Next};

/// What all text of a form may take where nothing else is said: 10 MiB.
const TEXT_BYTES: u64 = 10 * 1024 * 1024;

/// Upper bounds on a form that is gathered: [`FormData`](crate::FormData), [`Form`](crate::Form).
///
/// It is middleware, so that an app, a group or a route can have its own; the innermost counts.
///
/// ```
/// use dunlin_web::{App, FormData, FormLimits, post};
///
/// async fn upload(form: FormData) -> String {
///     format!("{} fields", form.len())
/// }
///
/// let limits = FormLimits::default().max_total_bytes(64 << 20).max_file_bytes(16 << 20);
/// let app = App::new().routes([post("/upload", upload).middleware(limits)]);
/// # app.build().unwrap();
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct FormLimits {
    /// The whole body, files included, in bytes; past it 413, before anything is read where its length
    /// is declared. Default: the route's `client_max_size`, 1 MiB unless that is set.
    pub max_total_bytes: Option<u64>,
    /// One field that is no file, in bytes; past it 413. Default: 1 MiB.
    pub max_field_bytes: u64,
    /// All that no file could take out of memory, in bytes: fields with their names, and names of files; of an
    /// urlencoded form the whole body. Past it 413. Default: 10 MiB, or
    /// [`max_field_bytes`](Self#structfield.max_field_bytes) where that is more.
    pub max_text_bytes: Option<u64>,
    /// One file, in bytes; past it 413. Default: no limit but that of the whole.
    pub max_file_bytes: Option<u64>,
    /// Fields and files together; past it 413. Default: 1,000.
    pub max_fields: usize,
    /// Bytes of files that one form keeps in memory; a file for which no room is left there goes to
    /// a temporary file. Default: 1 MiB.
    pub memory_bytes: usize,
    /// Where temporary files go. Default: the system's folder for them.
    pub temp_dir: Option<PathBuf>,
}

impl Default for FormLimits {
    fn default() -> Self {
        Self {
            max_total_bytes: None,
            max_field_bytes: 1024 * 1024,
            max_text_bytes: None,
            max_file_bytes: None,
            max_fields: 1000,
            memory_bytes: 1024 * 1024,
            temp_dir: None,
        }
    }
}

impl FormLimits {
    /// Sets [`max_total_bytes`](Self#structfield.max_total_bytes).
    pub fn max_total_bytes(mut self, bytes: u64) -> Self {
        self.max_total_bytes = Some(bytes);
        self
    }

    /// Sets [`max_field_bytes`](Self#structfield.max_field_bytes).
    pub fn max_field_bytes(mut self, bytes: u64) -> Self {
        self.max_field_bytes = bytes;
        self
    }

    /// Sets [`max_text_bytes`](Self#structfield.max_text_bytes).
    pub fn max_text_bytes(mut self, bytes: u64) -> Self {
        self.max_text_bytes = Some(bytes);
        self
    }

    /// Sets [`max_file_bytes`](Self#structfield.max_file_bytes); `None` takes it off.
    pub fn max_file_bytes(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.max_file_bytes = bytes.into();
        self
    }

    /// Sets [`max_fields`](Self#structfield.max_fields).
    pub fn max_fields(mut self, fields: usize) -> Self {
        self.max_fields = fields;
        self
    }

    /// Sets [`memory_bytes`](Self#structfield.memory_bytes).
    pub fn memory_bytes(mut self, bytes: usize) -> Self {
        self.memory_bytes = bytes;
        self
    }

    /// Sets [`temp_dir`](Self#structfield.temp_dir).
    pub fn temp_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.temp_dir = Some(dir.into());
        self
    }

    /// What fields that are no files may take together.
    pub(crate) fn text_bytes(&self) -> u64 {
        self.max_text_bytes.unwrap_or_else(|| self.max_field_bytes.max(TEXT_BYTES))
    }

    /// Those that hold for a request.
    pub(crate) fn of(req: &Request) -> Self {
        req.extensions().get::<Self>().cloned().unwrap_or_default()
    }
}

impl Middleware for FormLimits {
    fn call(&self, mut req: Request, next: Next) -> BoxFuture<'static, Response> {
        req.extensions_mut().insert(self.clone());
        Box::pin(next.run(req))
    }
}

/// The limits of [`Multipart`](crate::Multipart), set for an app, a group or a route.
impl Middleware for Limits {
    fn call(&self, mut req: Request, next: Next) -> BoxFuture<'static, Response> {
        req.extensions_mut().insert(self.clone());
        Box::pin(next.run(req))
    }
}
