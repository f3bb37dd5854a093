//! Form data: named fields and files (RFC 7578).

use bytes::Bytes;
use dunlin_core::Body;
use http::HeaderValue;

use crate::boundary::Boundary;
use crate::multipart::{Multipart, MultipartError};
use crate::part::Part;

/// A `multipart/form-data` body in the making.
///
/// Fields keep their order, and a name may come several times. Text is sent as it is, without the
/// change of line ends that browsers do.
///
/// ```
/// use dunlin_multipart::{Boundary, Form};
///
/// let form = Form::new().boundary(Boundary::new("sep")?).text("q", "dunlin");
/// assert_eq!(form.content_type(), "multipart/form-data; boundary=sep");
/// assert_eq!(
///     form.into_body()?.as_whole(),
///     Some(&b"--sep\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\ndunlin\r\n--sep--\r\n"[..]),
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Form {
    multipart: Multipart,
}

impl Form {
    /// A form without fields.
    pub fn new() -> Self {
        Self { multipart: Multipart::form_data() }
    }

    /// Sets the boundary; see [`Multipart::boundary`]. Default: random.
    pub fn boundary(mut self, boundary: Boundary) -> Self {
        self.multipart = self.multipart.boundary(boundary);
        self
    }

    /// Adds a field of text. It has no content type, as browsers send it: readers take UTF-8.
    pub fn text(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.part(name, Part::plain_text(value))
    }

    /// Adds a field of bytes: `application/octet-stream` without a file name.
    pub fn bytes(self, name: impl Into<String>, value: impl Into<Bytes>) -> Self {
        self.part(name, Part::bytes(value))
    }

    /// Adds a field of any kind, under this name whatever the part was called.
    pub fn part(mut self, name: impl Into<String>, part: Part) -> Self {
        self.multipart = self.multipart.part(part.name(name));
        self
    }

    /// Adds fields of text.
    ///
    /// ```
    /// let form = dunlin_multipart::Form::new().add_fields([("tag", "a"), ("tag", "b")]);
    /// assert_eq!(form.len(), 2);
    /// ```
    pub fn add_fields<N, V>(self, fields: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<String>,
    {
        fields.into_iter().fold(self, |form, (name, value)| form.text(name, value))
    }

    /// The number of fields.
    pub fn len(&self) -> usize {
        self.multipart.len()
    }

    /// Whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.multipart.is_empty()
    }

    /// The value of `Content-Type` that names the boundary.
    pub fn content_type(&self) -> HeaderValue {
        self.multipart.content_type()
    }

    /// Whether [`try_clone`](Self::try_clone) gives a form.
    pub fn is_replayable(&self) -> bool {
        self.multipart.is_replayable()
    }

    /// The same form with the same boundary, unless a part can be sent only once.
    pub fn try_clone(&self) -> Option<Self> {
        Some(Self { multipart: self.multipart.try_clone()? })
    }

    /// The body. Its length is known if that of every part is.
    ///
    /// # Errors
    ///
    /// [`MultipartError::Part`] for the first field that cannot be written.
    pub fn into_body(self) -> Result<Body, MultipartError> {
        self.multipart.into_body()
    }
}

impl Default for Form {
    fn default() -> Self {
        Self::new()
    }
}

/// To give it parameters, or parts without a name of their own.
impl From<Form> for Multipart {
    fn from(form: Form) -> Self {
        form.multipart
    }
}
