//! `Multipart`: the parts of a body as they come.

use bytes::Bytes;
use dunlin_core::{Body, FromRequest, MediaType, Request, decode_text};
use dunlin_multipart::{Event, Limits, PartHead, ReadError, Reader};
use http::HeaderMap;

use super::error::MultipartError;

/// A multipart body, part by part as it comes: nothing is gathered that the handler does not ask for.
///
/// 415 where the body is not multipart, 400 where it is malformed or breaks off, 413 past a limit. The
/// whole body is not bounded, as no body is that is read piece by piece, unless
/// [`MultipartLimits`](crate::MultipartLimits) say so, which are middleware of an app, a group or a
/// route.
///
/// ```
/// use dunlin_web::{App, Multipart, Result, post};
///
/// async fn upload(mut multipart: Multipart) -> Result<String> {
///     let mut told = String::new();
///     while let Some(mut part) = multipart.next_part().await? {
///         let mut len = 0;
///         while let Some(chunk) = part.chunk().await? {
///             len += chunk.len();
///         }
///         let name = part.file_name().unwrap_or("no file");
///         told += &format!("{name}: {len} bytes\n");
///     }
///     Ok(told)
/// }
///
/// let app = App::new().routes([post("/upload", upload)]);
/// # app.build().unwrap();
/// ```
#[derive(Debug)]
pub struct Multipart {
    source: Source,
}

impl FromRequest for Multipart {
    type Rejection = MultipartError;

    async fn from_request(req: Request) -> Result<Self, MultipartError> {
        let limits = req.extensions().get::<Limits>().cloned().unwrap_or_default();
        Self::new(req, limits)
    }
}

impl Multipart {
    /// The parts of a request's body, within limits of the caller's own.
    ///
    /// # Errors
    ///
    /// [`MultipartError::Read`] where its content type is not multipart or names no boundary, and where
    /// the length that is declared passes the limit.
    pub fn new(req: Request, limits: Limits) -> Result<Self, MultipartError> {
        let total = limits.max_total_bytes;
        let value = req.headers().get_str("content-type").unwrap_or("");
        let reader = Reader::from_content_type(value, limits)?;
        let body = req.into_body();
        if let (Some(len), Some(limit)) = (body.exact_len(), total)
            && len > limit
        {
            return Err(ReadError::TooLarge { limit }.into());
        }
        Ok(Self { source: Source::new(body, reader) })
    }

    /// The next part; `None` behind the last. What is left of the part before is passed over.
    ///
    /// # Errors
    ///
    /// [`MultipartError`]; nothing comes after it but the same.
    pub async fn next_part(&mut self) -> Result<Option<Part<'_>>, MultipartError> {
        self.source.next_part(1).await
    }
}

/// The parts of a part that is multipart itself: made by [`Part::nested`].
#[derive(Debug)]
pub struct Nested<'m> {
    source: &'m mut Source,
    /// Bodies around its parts.
    depth: usize,
    ended: bool,
}

impl Nested<'_> {
    /// As [`Multipart::next_part`].
    ///
    /// # Errors
    ///
    /// [`MultipartError`].
    pub async fn next_part(&mut self) -> Result<Option<Part<'_>>, MultipartError> {
        if self.ended {
            return Ok(None);
        }
        let part = self.source.next_part(self.depth).await?;
        self.ended = part.is_none();
        Ok(part)
    }
}

/// A part of a multipart body. It may be dropped before it is read to its end.
#[derive(Debug)]
pub struct Part<'m> {
    source: &'m mut Source,
    head: PartHead,
    /// Bodies around it.
    depth: usize,
    limit: Option<u64>,
    ended: bool,
}

impl<'m> Part<'m> {
    /// The field's name; in form data every part has one.
    pub fn name(&self) -> Option<&str> {
        self.head.name()
    }

    /// The name of the file without folders and control characters, empty where nothing is left of it;
    /// `None` for a field that is no file. It is the peer's word: keep files under names of your own.
    pub fn file_name(&self) -> Option<&str> {
        self.head.file_name()
    }

    /// The media type that the part names.
    pub fn content_type(&self) -> Option<MediaType<'_>> {
        self.head.content_type()
    }

    /// The header fields, as they were sent.
    pub fn headers(&self) -> &HeaderMap {
        self.head.headers()
    }

    /// Sets the most bytes that [`bytes`](Self::bytes) and [`text`](Self::text) gather; `None` takes the
    /// limit off. Default: the route's `client_max_size`, 1 MiB unless that is set.
    #[must_use]
    pub fn max_bytes(mut self, limit: impl Into<Option<u64>>) -> Self {
        self.limit = limit.into();
        self
    }

    /// The next bytes of the part; `None` at its end. Nothing is lost where the future is dropped.
    ///
    /// # Errors
    ///
    /// [`MultipartError`].
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, MultipartError> {
        while !self.ended {
            match self.source.next_event().await? {
                Some(Event::Data(data)) => return Ok(Some(data)),
                Some(Event::PartEnd) | None => self.ended = true,
                Some(_) => {}
            }
        }
        Ok(None)
    }

    /// The whole part.
    ///
    /// # Errors
    ///
    /// [`MultipartError::FieldTooLarge`] past the limit, and what [`chunk`](Self::chunk) fails with.
    pub async fn bytes(mut self) -> Result<Bytes, MultipartError> {
        let Some(first) = self.chunk().await? else { return Ok(Bytes::new()) };
        self.check(first.len())?;
        let Some(second) = self.chunk().await? else { return Ok(first) };
        let mut whole = Vec::from(first);
        let mut next = Some(second);
        while let Some(chunk) = next {
            self.check(whole.len() + chunk.len())?;
            whole.extend_from_slice(&chunk);
            next = self.chunk().await?;
        }
        Ok(whole.into())
    }

    /// The whole part as text in the charset that it names, UTF-8 where it names none.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes), and [`MultipartError::Text`].
    pub async fn text(self) -> Result<String, MultipartError> {
        let name: Box<str> = self.name().unwrap_or_default().into();
        let charset = self.content_type().and_then(|media| Some(media.charset()?.into_owned()));
        let bytes = self.bytes().await?;
        decode_text(charset.as_deref(), bytes.into())
            .map_err(|source| MultipartError::Text { name, source })
    }

    /// The parts in it, where it is multipart itself. To be asked before anything of it is read.
    ///
    /// # Errors
    ///
    /// [`MultipartError::Read`] where it is not multipart, was begun, or stands too deep.
    pub fn nested(self) -> Result<Nested<'m>, MultipartError> {
        self.source.reader.enter()?;
        Ok(Nested { source: self.source, depth: self.depth + 1, ended: false })
    }

    fn check(&self, len: usize) -> Result<(), MultipartError> {
        match self.limit {
            Some(limit) if len as u64 > limit => Err(MultipartError::FieldTooLarge {
                name: self.name().unwrap_or_default().into(),
                limit,
            }),
            _ => Ok(()),
        }
    }
}

/// A body and what reads it.
#[derive(Debug)]
struct Source {
    body: Body,
    reader: Reader,
    input: Bytes,
    /// Parts that have begun and not ended, each inside the one before.
    open: usize,
    ended: bool,
    failed: Option<MultipartError>,
}

impl Source {
    fn new(body: Body, reader: Reader) -> Self {
        Self { body, reader, input: Bytes::new(), open: 0, ended: false, failed: None }
    }

    /// The next part with that many bodies around it; `None` where the last of them ends.
    async fn next_part(&mut self, depth: usize) -> Result<Option<Part<'_>>, MultipartError> {
        loop {
            match self.next_event().await? {
                None => return Ok(None),
                Some(Event::PartEnd) if self.open + 1 < depth => return Ok(None),
                Some(Event::Part(head)) if self.open == depth => {
                    let limit = self.body.limit();
                    return Ok(Some(Part { source: self, head, depth, limit, ended: false }));
                }
                // What is left of a part that is passed over.
                Some(_) => {}
            }
        }
    }

    /// The next event; `None` behind the last.
    async fn next_event(&mut self) -> Result<Option<Event>, MultipartError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        while !self.ended {
            match self.reader.decode(&mut self.input) {
                Ok(Some(event)) => {
                    match event {
                        Event::Part(_) => self.open += 1,
                        Event::PartEnd => self.open -= 1,
                        Event::End => self.ended = true,
                        _ => {}
                    }
                    if !self.ended {
                        return Ok(Some(event));
                    }
                }
                Ok(None) => match self.body.chunk().await {
                    Some(Ok(chunk)) => self.input = chunk,
                    Some(Err(error)) => return Err(self.fail(error)),
                    None => {
                        if let Err(error) = self.reader.finish() {
                            return Err(self.fail(error));
                        }
                        self.ended = true;
                    }
                },
                Err(error) => return Err(self.fail(error)),
            }
        }
        Ok(None)
    }

    /// Keeps the error and lets go of everything else.
    fn fail(&mut self, error: impl Into<MultipartError>) -> MultipartError {
        let error = error.into();
        self.input = Bytes::new();
        self.body = Body::empty();
        self.failed = Some(error.clone());
        error
    }
}
