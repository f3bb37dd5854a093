//! Why a multipart body or a form could not be read.

use std::io;
use std::sync::Arc;

use dunlin_core::{BodyError, IntoResponse, Response};
use dunlin_multipart::ReadError;
use http::StatusCode;

use crate::error::HttpError;

/// What is wrong with a multipart body or a form. `?` in a handler turns it into its response.
#[non_exhaustive]
#[derive(Clone, Debug, thiserror::Error)]
pub enum MultipartError {
    /// The bytes are not such a body, or pass one of its limits; 400, 413 or 415.
    #[error("multipart: {0}")]
    Read(#[from] ReadError),
    /// The body could not be read, or text in it could not; as [`BodyError::status`] says.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The content type is none of a form; 415.
    #[error("a body of application/x-www-form-urlencoded or multipart/form-data is expected")]
    NotForm,
    /// A part or field that is gathered in memory is too long; 413.
    #[error("the field `{name}` exceeds the limit of {limit} bytes")]
    FieldTooLarge {
        /// The field's name.
        name: Box<str>,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A file is too long; 413.
    #[error("the file in field `{name}` exceeds the limit of {limit} bytes")]
    FileTooLarge {
        /// The field's name.
        name: Box<str>,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A form is too long as a whole; 413.
    #[error("the form exceeds the limit of {limit} bytes")]
    FormTooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The fields of a form that are no files are too long together; 413.
    #[error("the fields of the form exceed the limit of {limit} bytes together")]
    TextTooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// A form has too many fields and files; 413.
    #[error("the form has more than {limit} fields")]
    TooManyFields {
        /// The limit.
        limit: usize,
    },
    /// The text of a field is in no charset that is known, or not in the one that it names; 415.
    #[error("field `{name}`: {source}")]
    Text {
        /// The field's name.
        name: Box<str>,
        /// What is wrong with its text.
        source: BodyError,
    },
    /// `_charset_`, which names the charset of a form's fields, is no name of one; 400.
    #[error("the field `_charset_` names no charset")]
    BadCharset,
    /// A file could not be written to disk or read from there; 500.
    #[error("a file of the form could not be kept: {0}")]
    Io(Arc<io::Error>),
}

impl MultipartError {
    /// The status that answers a request whose body is such.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Read(error) => error.status(),
            Self::Body(error) | Self::Text { source: error, .. } => error.status(),
            Self::NotForm => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::FieldTooLarge { .. }
            | Self::FileTooLarge { .. }
            | Self::FormTooLarge { .. }
            | Self::TextTooLarge { .. }
            | Self::TooManyFields { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BadCharset => StatusCode::BAD_REQUEST,
            Self::Io(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<io::Error> for MultipartError {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}

impl From<MultipartError> for HttpError {
    fn from(error: MultipartError) -> Self {
        if let MultipartError::Body(error) = error {
            return error.into();
        }
        let own = Self::new(error.status());
        match &error {
            MultipartError::Io(_) => own.with_source(error),
            told => own.with_message(told.to_string()).with_source(error),
        }
    }
}

impl IntoResponse for MultipartError {
    fn into_response(self) -> Response {
        HttpError::from(self).into_response()
    }
}
