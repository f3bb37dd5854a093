//! `FormData`: a form gathered, its files spooled.

use std::borrow::Cow;

use bytes::Bytes;
use dunlin_core::{BodyError, FromRequest, Request, decode_text};
use dunlin_multipart::{Limits, ReadError};
use serde::de::DeserializeOwned;

use super::de;
use super::error::MultipartError;
use super::file::UploadedFile;
use super::limits::FormLimits;
use super::spool::Spool;
use super::stream::{Multipart, Part};
use crate::error::HttpError;

/// Longest name of a charset in the field `_charset_`.
const CHARSET_MAX: u64 = 31;

/// A form with its fields and files in order, names that come again included: `multipart/form-data` or
/// `application/x-www-form-urlencoded`.
///
/// Text is read in the charset that its field names, or the one that a first field `_charset_` names
/// (RFC 7578 §4.6), else UTF-8. [`FormLimits`] bound it: 413 past one. 400 where the body is malformed or
/// breaks off, 415 for another content type and for text in no known charset. What was kept of a form
/// that fails is freed at once.
///
/// [`Form<T>`](crate::Form) is the same as a value of one's own type.
///
/// ```
/// use dunlin_web::{FormData, FormValue};
///
/// async fn take(form: FormData) -> String {
///     let title = form.text("title").unwrap_or("untitled");
///     let files = form.iter().filter(|(_, value)| matches!(value, FormValue::File(_)));
///     format!("{title}: {} files\n", files.count())
/// }
/// # let _ = take;
/// ```
#[derive(Debug, Default)]
pub struct FormData {
    fields: Vec<(String, FormValue)>,
}

/// The value of a field of a form.
#[derive(Debug)]
#[non_exhaustive]
pub enum FormValue {
    /// Text.
    Text(String),
    /// A file, which is whatever has a file name, be it empty.
    File(UploadedFile),
}

impl FromRequest for FormData {
    type Rejection = MultipartError;

    async fn from_request(req: Request) -> Result<Self, MultipartError> {
        let limits = FormLimits::of(&req);
        Self::read(req, &limits).await
    }
}

impl FormData {
    /// Gathers the form that is a request's body, within limits of the caller's own.
    ///
    /// # Errors
    ///
    /// [`MultipartError`].
    pub async fn read(req: Request, limits: &FormLimits) -> Result<Self, MultipartError> {
        let essence = req.content_type().essence().to_owned();
        let total = limits.max_total_bytes.or_else(|| req.body().limit());
        match essence.as_str() {
            "multipart/form-data" => gather(req, limits, total).await,
            "application/x-www-form-urlencoded" => {
                let bytes = read_urlencoded(req, total, limits).await?;
                let pairs = form_urlencoded::parse(&bytes);
                let mut form = Self::default();
                for (name, value) in pairs.take(limits.max_fields.saturating_add(1)) {
                    let value = FormValue::Text(value.into_owned());
                    form.push(name.into_owned(), value, limits)?;
                }
                Ok(form)
            }
            _ => Err(MultipartError::NotForm),
        }
    }

    /// The number of fields and files.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &FormValue)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The first text of that name.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.iter().find_map(|(own, value)| match value {
            FormValue::Text(text) if own == name => Some(text.as_str()),
            _ => None,
        })
    }

    /// The first file of that name.
    pub fn file(&self, name: &str) -> Option<&UploadedFile> {
        self.iter().find_map(|(own, value)| match value {
            FormValue::File(file) if own == name => Some(file),
            _ => None,
        })
    }

    /// Takes the first file of that name out.
    pub fn take_file(&mut self, name: &str) -> Option<UploadedFile> {
        let is_file =
            |(own, value): &(String, FormValue)| own == name && matches!(value, FormValue::File(_));
        match self.fields.remove(self.fields.iter().position(is_file)?).1 {
            FormValue::File(file) => Some(file),
            FormValue::Text(_) => None,
        }
    }

    /// The form as a value: as [`Form<T>`](crate::Form).
    ///
    /// # Errors
    ///
    /// 400 that names the field which does not fit.
    pub fn deserialize<T: DeserializeOwned>(self) -> Result<T, HttpError> {
        serde_path_to_error::deserialize(de::Fields::of(self.fields)).map_err(|error| {
            HttpError::bad_request().with_message(format!("form: {error}")).with_source(error)
        })
    }

    fn push(
        &mut self,
        name: String,
        value: FormValue,
        limits: &FormLimits,
    ) -> Result<(), MultipartError> {
        if self.fields.len() >= limits.max_fields {
            return Err(MultipartError::TooManyFields { limit: limits.max_fields });
        }
        self.fields.push((name, value));
        Ok(())
    }
}

impl IntoIterator for FormData {
    type Item = (String, FormValue);
    type IntoIter = std::vec::IntoIter<(String, FormValue)>;

    fn into_iter(self) -> Self::IntoIter {
        self.fields.into_iter()
    }
}

/// The body of an urlencoded form, all of which is text.
pub(crate) async fn read_urlencoded(
    req: Request,
    total: Option<u64>,
    limits: &FormLimits,
) -> Result<Bytes, MultipartError> {
    let mut body = req.into_body();
    let text = limits.text_bytes();
    let is_form = total.is_some_and(|total| total <= text);
    body.set_limit(if is_form { total } else { Some(text) });
    body.bytes().await.map_err(|error| match error {
        BodyError::TooLarge { limit } if !is_form => MultipartError::TextTooLarge { limit },
        other => other.into(),
    })
}

/// Takes the bytes of a text from what is left for all.
fn take_room(room: &mut u64, len: usize, limits: &FormLimits) -> Result<(), MultipartError> {
    let limit = limits.text_bytes();
    *room = room.checked_sub(len as u64).ok_or(MultipartError::TextTooLarge { limit })?;
    Ok(())
}

async fn gather(
    req: Request,
    limits: &FormLimits,
    total: Option<u64>,
) -> Result<FormData, MultipartError> {
    let of_form = |error| match error {
        MultipartError::Read(ReadError::TooLarge { limit }) => {
            MultipartError::FormTooLarge { limit }
        }
        MultipartError::Read(ReadError::TooManyParts { .. }) => {
            MultipartError::TooManyFields { limit: limits.max_fields }
        }
        other => other,
    };
    // A first field `_charset_` is none of the form's own.
    let parts = limits.max_fields.saturating_add(1);
    let parts = Limits::default().max_total_bytes(total).max_parts(parts);
    let mut multipart = Multipart::new(req, parts).map_err(of_form)?;
    let mut form = FormData::default();
    let mut charset: Option<String> = None;
    let mut room = limits.memory_bytes;
    let mut text_room = limits.text_bytes();
    let mut first = true;
    while let Some(part) = multipart.next_part().await.map_err(of_form)? {
        let name = part.name().unwrap_or_default().to_owned();
        let names = name.len() + part.file_name().unwrap_or_default().len();
        take_room(&mut text_room, names, limits)?;
        if std::mem::take(&mut first) && name == "_charset_" && part.file_name().is_none() {
            charset = Some(named_charset(part).await.map_err(of_form)?);
            continue;
        }
        let value = if part.file_name().is_some() {
            let file = keep(part, &name, limits, room).await.map_err(of_form)?;
            if file.path().is_none() {
                room -= usize::try_from(file.len()).map_or(room, |len| len.min(room));
            }
            FormValue::File(file)
        } else {
            let text = text(part, &name, limits, charset.as_deref(), text_room);
            let text = text.await.map_err(of_form)?;
            take_room(&mut text_room, text.len(), limits)?;
            FormValue::Text(text)
        };
        form.push(name, value, limits)?;
    }
    Ok(form)
}

async fn named_charset(part: Part<'_>) -> Result<String, MultipartError> {
    let bytes = part.max_bytes(CHARSET_MAX).bytes().await.map_err(|error| match error {
        MultipartError::FieldTooLarge { .. } => MultipartError::BadCharset,
        other => other,
    })?;
    match std::str::from_utf8(&bytes) {
        Ok(name) if !name.trim().is_empty() => Ok(name.trim().to_owned()),
        _ => Err(MultipartError::BadCharset),
    }
}

async fn text(
    part: Part<'_>,
    name: &str,
    limits: &FormLimits,
    default: Option<&str>,
    room: u64,
) -> Result<String, MultipartError> {
    let own = part.content_type().and_then(|media| Some(media.charset()?.into_owned()));
    let charset = own.map(Cow::Owned).or_else(|| default.map(Cow::Borrowed));
    let is_field = limits.max_field_bytes <= room;
    let bytes = part.max_bytes(limits.max_field_bytes.min(room)).bytes().await;
    let bytes = bytes.map_err(|error| match error {
        MultipartError::FieldTooLarge { .. } if !is_field => {
            MultipartError::TextTooLarge { limit: limits.text_bytes() }
        }
        other => other,
    })?;
    decode_text(charset.as_deref(), bytes.into())
        .map_err(|source| MultipartError::Text { name: name.into(), source })
}

async fn keep(
    mut part: Part<'_>,
    name: &str,
    limits: &FormLimits,
    room: usize,
) -> Result<UploadedFile, MultipartError> {
    let mut spool = Spool::new(room, limits.temp_dir.clone());
    while let Some(chunk) = part.chunk().await? {
        match limits.max_file_bytes {
            Some(limit) if spool.len() + chunk.len() as u64 > limit => {
                return Err(MultipartError::FileTooLarge { name: name.into(), limit });
            }
            _ => spool.write(&chunk).await?,
        }
    }
    let file_name = part.file_name().unwrap_or_default().to_owned();
    let content_type = part.content_type().map(|media| media.to_string());
    let len = spool.len();
    Ok(UploadedFile::new(name.to_owned(), file_name, content_type, len, spool.finish().await?))
}
