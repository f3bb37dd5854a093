//! Response heads that own their bytes, read with as much leniency as a client wants.

use dunlin_core::{HeadBlock, ReasonPhrase, ResponseHead};

use super::lenient::{self, Leniency};
use super::owned::Taking;
use super::{ParsedResponse, ResponseParser};
use crate::{
    error::{FramingError, HeadError},
    framing::Facts,
    limits::Limits,
};

/// Decodes response heads into owned ones.
///
/// The counterpart of [`HeadDecoder`](super::HeadDecoder), with the same costs.
#[derive(Debug, Default)]
pub struct ResponseHeadDecoder {
    parser: ResponseParser,
    block: Option<HeadBlock>,
    leniency: Leniency,
    refused: Option<Refused>,
}

/// A head that breaks the grammar, and may be mended once it is there as a whole.
#[derive(Debug)]
struct Refused {
    error: HeadError,
    /// How far its end has been looked for.
    scanned: usize,
}

impl ResponseHeadDecoder {
    /// A decoder at the start of a head, which overlooks no fault.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with this leniency.
    #[must_use]
    pub fn lenient(mut self, leniency: Leniency) -> Self {
        self.leniency = leniency;
        self
    }

    /// Decodes the head at the front of `input` and takes it off there.
    ///
    /// `Ok(None)` means that the head is not complete. `input` is then left alone: append bytes
    /// and call again with the same front and limits. The reason phrase is kept only where it is
    /// not the one that is registered for the status.
    ///
    /// A head that needed leniency says that its connection does not persist. Whether fields leave open
    /// where the body ends is told by [`Facts::response_framing`].
    ///
    /// # Errors
    ///
    /// As [`ResponseParser::parse`]; with leniency only once the head is there as a whole.
    pub fn decode(
        &mut self,
        input: &mut &[u8],
        limits: &Limits,
    ) -> Result<Option<(ResponseHead, Facts)>, HeadError> {
        if input.is_empty() {
            return Ok(None);
        }
        if self.refused.is_none() {
            let mut rest = *input;
            match self.decode_strictly(&mut rest, limits) {
                Err(error) if self.may_mend(&error) => {
                    self.refused = Some(Refused { error, scanned: 0 });
                }
                Ok(Some((head, facts))) if let Some(error) = self.fault_to_mend(&facts) => {
                    return Ok(Some(self.mend_framing(error, input, limits).unwrap_or_else(
                        || {
                            *input = rest;
                            (head, facts)
                        },
                    )));
                }
                decoded => {
                    *input = rest;
                    return decoded;
                }
            }
        }
        self.decode_mended(input, limits)
    }

    /// What is wrong with the framing of a head, where that may be mended.
    #[inline]
    fn fault_to_mend(&self, facts: &Facts) -> Option<HeadError> {
        facts.fault().map(HeadError::Framing).filter(|error| self.may_mend(error))
    }

    /// The head at the front of `input`, which is there as a whole, without that fault; `None` where it
    /// cannot be mended, and is to be taken as it is: its framing may not matter.
    #[cold]
    fn mend_framing(
        &mut self,
        error: HeadError,
        input: &mut &[u8],
        limits: &Limits,
    ) -> Option<(ResponseHead, Facts)> {
        self.refused = Some(Refused { error, scanned: 0 });
        let mended = self.decode_mended(input, limits).ok().flatten();
        (self.parser, self.refused) = (ResponseParser::new(), None);
        mended
    }

    fn decode_strictly(
        &mut self,
        input: &mut &[u8],
        limits: &Limits,
    ) -> Result<Option<(ResponseHead, Facts)>, HeadError> {
        let mut block = Taking::new(self.block.take());
        let Some(parsed) = self.parser.parse(input, limits, &mut block)? else {
            self.block = block.into_block();
            return Ok(None);
        };
        let head = owned(&parsed, block)?;
        self.leniency.leading_empty_lines = false;
        Ok(Some(head))
    }

    /// Whether there is a point in waiting for the rest of a head with that error.
    fn may_mend(&self, error: &HeadError) -> bool {
        let is_fault = match error {
            HeadError::TooLarge { .. }
            | HeadError::FieldTooLong { .. }
            | HeadError::LineTooLong { .. }
            | HeadError::TooManyFields { .. }
            | HeadError::LineEnd { .. } => false,
            HeadError::Framing(error) => {
                matches!(error, FramingError::Repeated { .. } | FramingError::ContentLength)
            }
            _ => true,
        };
        is_fault && self.leniency != Leniency::default()
    }

    #[cold]
    fn decode_mended(
        &mut self,
        input: &mut &[u8],
        limits: &Limits,
    ) -> Result<Option<(ResponseHead, Facts)>, HeadError> {
        let Some(Refused { error, scanned }) = &mut self.refused else { return Ok(None) };
        let bound = limits.head_bound();
        let bytes = &input[..input.len().min(bound)];
        let Some(start) = self.leniency.start(bytes, limits, *error)? else { return Ok(None) };
        let Some(end) = lenient::head_end(&bytes[start..], *scanned) else {
            *scanned = bytes.len() - start;
            if bytes.len() == bound {
                return Err(HeadError::TooLarge { limit: bound });
            }
            return Ok(None);
        };
        let head = &bytes[start..start + end];
        Leniency::check_bounds(head, limits)?;
        let mended = self.leniency.mend(head).ok_or(*error)?;
        let (mut parser, mut block) = (ResponseParser::new(), Taking::new(self.block.take()));
        // A blank behind a colon may have come in.
        let limits = limits.max_field_bytes(limits.max_field_bytes.saturating_add(1));
        let parsed = match parser.parse(&mut &mended[..], &limits, &mut block) {
            Ok(Some(parsed)) => parsed,
            // What is too long stays so.
            Err(bound @ (HeadError::FieldTooLong { .. } | HeadError::TooManyFields { .. })) => {
                return Err(bound);
            }
            Ok(None) | Err(_) => return Err(*error),
        };
        let (head, facts) = owned(&parsed, block).map_err(|_| *error)?;
        if facts.fault().is_some() {
            return Err(*error);
        }
        *input = &input[start + end..];
        (self.parser, self.refused) = (ResponseParser::new(), None);
        self.leniency.leading_empty_lines = false;
        Ok(Some((head, facts.closing())))
    }

    /// Whether a head has been begun: bytes of it were seen by [`decode`](Self::decode).
    pub fn is_within_head(&self) -> bool {
        self.refused.is_some() || self.parser.is_within_head()
    }
}

fn owned(
    parsed: &ParsedResponse<'_>,
    mut block: Taking,
) -> Result<(ResponseHead, Facts), HeadError> {
    let facts = Facts::of_response(parsed.version(), parsed.bytes(), block.fields());
    let mut head = ResponseHead::default();
    head.status =
        http::StatusCode::from_u16(parsed.status()).map_err(|_| HeadError::Status { at: 9 })?;
    head.version = parsed.version().into();
    let registered = head.status.canonical_reason().unwrap_or_default();
    if !parsed.reason().is_empty() && parsed.reason() != registered.as_bytes() {
        // Never refused: the parser has let the same bytes through.
        head.reason = ReasonPhrase::new(parsed.reason()).ok();
    }
    if let Some(block) = block.into_block() {
        head.headers = block.into_vouched_headers(parsed.bytes());
    }
    Ok((head, facts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_head_keeps_a_reason_of_its_own() {
        let decode = |mut input: &[u8]| {
            let mut decoder = ResponseHeadDecoder::new();
            decoder.decode(&mut input, &Limits::default()).unwrap().unwrap().0
        };
        let head = decode(b"HTTP/1.1 404 Not Found\r\nA: b\r\n\r\n");
        assert_eq!((head.status.as_u16(), head.reason), (404, None));
        assert_eq!(head.headers.get_str("a"), Some("b"));
        let head = decode(b"HTTP/1.0 599 Own\r\n\r\n");
        assert_eq!(head.reason.unwrap().as_bytes(), b"Own");
        assert_eq!(head.version, http::Version::HTTP_10);
    }
}
