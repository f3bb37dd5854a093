//! Reads multipart bodies: bytes in, events out.

mod delimiter;
mod disposition;
mod error;
mod head;
mod level;
mod limits;
mod transfer;

use bytes::Bytes;
use dunlin_core::MediaType;

pub use self::error::ReadError;
pub use self::head::PartHead;
use self::level::{Level, Step};
pub use self::limits::Limits;
use self::transfer::Malformed;
use crate::boundary::Boundary;

/// What a [`Reader`] finds in a body.
///
/// ```text
/// ( Part  Data*  PartEnd )*  End
/// ```
///
/// Between `Part` and `PartEnd` of a part that was [entered](Reader::enter) stand the parts in it.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum Event {
    /// A part begins.
    Part(PartHead),
    /// Bytes of the part, never none: a slice of the input, unless a transfer encoding was taken off.
    Data(Bytes),
    /// The part ends.
    PartEnd,
    /// The body ends; what comes behind it means nothing.
    End,
}

/// Reads a multipart body of any subtype (RFC 2046 §5.1, RFC 7578), fed by whoever has its bytes.
///
/// ```
/// use bytes::Bytes;
/// use dunlin_multipart::{Event, Limits, Reader};
///
/// let mut reader = Reader::from_content_type("multipart/form-data; boundary=sep", Limits::default())?;
/// let mut read = Vec::new();
/// for piece in ["--sep\r\nContent-Disposition: form-data; na", "me=\"q\"\r\n\r\ndun", "lin\r\n--sep--\r\n"] {
///     let mut input = Bytes::from(piece);
///     while let Some(event) = reader.decode(&mut input)? {
///         match event {
///             Event::Part(head) => read.push((head.name().unwrap().to_owned(), Vec::new())),
///             Event::Data(data) => read.last_mut().unwrap().1.extend_from_slice(&data),
///             _ => {}
///         }
///     }
/// }
/// reader.finish()?;
/// assert_eq!(read, [("q".to_owned(), b"dunlin".to_vec())]);
/// # Ok::<(), dunlin_multipart::ReadError>(())
/// ```
///
/// # Strictness
///
/// Lines end with CRLF, and what follows a boundary on its line is blanks: a body that two readers
/// could cut in different places is refused. `Content-Length` of a part is not looked at, since the
/// delimiter alone ends a part, nor is its `Content-Encoding`, which form data has none of (RFC 7578
/// §4.8). `Content-Transfer-Encoding` is taken off.
///
/// # Costs
///
/// Linear in the length of the body, times the depth to which parts are entered. Kept from one call to
/// the next are the header lines of a part while they come in, and nothing of its bytes.
#[derive(Debug)]
pub struct Reader {
    /// The outermost body first.
    levels: Vec<Level>,
    limits: Limits,
    /// Parts that have begun.
    parts: usize,
    /// Bytes that have been used.
    total: u64,
    /// The part that has just begun, where it is multipart: what to read it by.
    enterable: Option<(Boundary, bool)>,
    failed: Option<ReadError>,
}

impl Reader {
    /// Reads a body that has this boundary. [`from_content_type`](Self::from_content_type) knows
    /// besides whether it is form data.
    pub fn new(boundary: &Boundary, limits: Limits) -> Self {
        Self::of(boundary, false, limits)
    }

    /// Reads a body whose `Content-Type` has this value. Parts of `multipart/form-data` must then say
    /// so and have a name (RFC 7578 §4.2).
    ///
    /// # Errors
    ///
    /// [`ReadError::NotMultipart`] for another media type, [`ReadError::NoBoundary`] and
    /// [`ReadError::Boundary`].
    pub fn from_content_type(value: &str, limits: Limits) -> Result<Self, ReadError> {
        let media = MediaType::parse(value).ok_or(ReadError::NotMultipart)?;
        let (boundary, form_data) = boundary_of(&media)?;
        Ok(Self::of(&boundary, form_data, limits))
    }

    fn of(boundary: &Boundary, form_data: bool, limits: Limits) -> Self {
        Self {
            levels: vec![Level::new(boundary, form_data)],
            limits,
            parts: 0,
            total: 0,
            enterable: None,
            failed: None,
        }
    }

    /// The number of bodies around the next part, 1 for those of the outermost.
    pub fn depth(&self) -> usize {
        self.levels.len()
    }

    /// Takes the next event off the front of `input`.
    ///
    /// `Ok(None)` means that all of `input` was used: call again with what comes next.
    ///
    /// # Errors
    ///
    /// [`ReadError`] for a body outside the grammar or past a limit; every further call tells it again.
    pub fn decode(&mut self, input: &mut Bytes) -> Result<Option<Event>, ReadError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let before = input.len() as u64;
        let event = match self.limits.max_total_bytes {
            Some(limit) if self.total + before > limit => Err(ReadError::TooLarge { limit }),
            _ => self.next(input),
        };
        self.total += before - input.len() as u64;
        if let Err(error) = &event {
            self.failed = Some(error.clone());
        }
        event
    }

    /// Reads the part that has just begun as a multipart body of its own: its parts come next, and its
    /// [`Event::PartEnd`] behind them. To be called after its [`Event::Part`], before anything else.
    ///
    /// # Errors
    ///
    /// [`ReadError::NotMultipart`] where it is none, or where reading has gone on;
    /// [`ReadError::TooDeep`].
    pub fn enter(&mut self) -> Result<(), ReadError> {
        let (boundary, form_data) = self.enterable.take().ok_or(ReadError::NotMultipart)?;
        if self.levels.len() >= self.limits.max_depth {
            return Err(ReadError::TooDeep { limit: self.limits.max_depth });
        }
        self.levels.push(Level::new(&boundary, form_data));
        Ok(())
    }

    /// Checks that the body may end here.
    ///
    /// # Errors
    ///
    /// [`ReadError::Unterminated`] before the closing delimiter, and what [`decode`](Self::decode) has
    /// failed with.
    pub fn finish(&self) -> Result<(), ReadError> {
        match &self.failed {
            Some(error) => Err(error.clone()),
            None => self.levels[0].end(),
        }
    }

    fn next(&mut self, input: &mut Bytes) -> Result<Option<Event>, ReadError> {
        // The innermost body that has something to read; those around it feed it.
        let mut at = self.levels.len() - 1;
        loop {
            let part = self.parts.saturating_sub(1);
            let level = &mut self.levels[at];
            let step = if at == 0 {
                level.step(input, self.parts, &self.limits)?
            } else {
                let mut own = std::mem::take(&mut level.input);
                let step = level.step(&mut own, self.parts, &self.limits);
                level.input = own;
                step?
            };
            let malformed = |Malformed { encoding, byte }| ReadError::MalformedTransferEncoding {
                part,
                encoding,
                byte,
            };
            match step {
                None if at == 0 => return Ok(None),
                None => at -= 1,
                Some(Step::Head(block)) => return self.begin(at, &block).map(Some),
                Some(Step::Data(data)) => {
                    let data = level.transfer.decode(data).map_err(malformed)?;
                    if data.is_empty() {
                        continue;
                    }
                    self.enterable = None;
                    match self.levels.get_mut(at + 1) {
                        None => return Ok(Some(Event::Data(data))),
                        Some(inner) => {
                            inner.input = data;
                            at = self.levels.len() - 1;
                        }
                    }
                }
                Some(Step::PartEnd) => {
                    level.transfer.end().map_err(malformed)?;
                    for inner in &self.levels[at + 1..] {
                        inner.end()?;
                    }
                    self.levels.truncate(at + 1);
                    self.enterable = None;
                    return Ok(Some(Event::PartEnd));
                }
                Some(Step::Closed) if at == 0 => return Ok(Some(Event::End)),
                // The part around it ends it.
                Some(Step::Closed) => {}
            }
        }
    }

    fn begin(&mut self, at: usize, block: &[u8]) -> Result<Event, ReadError> {
        if self.parts >= self.limits.max_parts {
            return Err(ReadError::TooManyParts { limit: self.limits.max_parts });
        }
        let level = &mut self.levels[at];
        let (head, transfer) = PartHead::parse(block, self.parts, level.form_data, &self.limits)?;
        level.transfer = transfer;
        self.parts += 1;
        self.enterable = head.content_type().and_then(|media| boundary_of(&media).ok());
        Ok(Event::Part(head))
    }
}

/// The boundary that a content type names, and whether it is form data.
fn boundary_of(media: &MediaType<'_>) -> Result<(Boundary, bool), ReadError> {
    if media.kind() != "multipart" {
        return Err(ReadError::NotMultipart);
    }
    let is_boundary = |(name, _): &(&str, _)| name.eq_ignore_ascii_case("boundary");
    let mut named = media.params().filter(is_boundary);
    match (named.next(), named.next()) {
        // Two readers may each take another one.
        (Some((_, text)), None) => Ok((Boundary::new(&text)?, media.subtype() == "form-data")),
        _ => Err(ReadError::NoBoundary),
    }
}

#[cfg(test)]
mod tests;
