//! Request lines: method, target, version (RFC 9112 §3).

use super::{Method, Span, Version, unusual_version};
use crate::{
    error::HeadError,
    limits::Limits,
    scan::{Scan, stands_at},
    target::Target,
};

/// What a request line holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineSpans {
    pub(super) method: Span,
    pub(super) target: Target,
    pub(super) version: Version,
}

/// Where the parser stands in the request line.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RequestLine {
    /// Offset of the blank behind the method; 0 while unknown, as no method is empty.
    method_end: usize,
    /// Offset of the blank behind the target; 0 while unknown.
    target_end: usize,
    scanned: usize,
}

impl RequestLine {
    /// Whether bytes of a line have been seen.
    pub(super) fn is_begun(&self) -> bool {
        self.scanned > 0
    }

    /// Returns the line's parts and the offset behind it.
    #[inline(always)]
    pub(super) fn parse<'i>(
        &mut self,
        input: &'i [u8],
        scan: &mut impl Scan,
        limits: &Limits,
    ) -> Result<Option<(LineSpans, Method<'i>, usize)>, HeadError> {
        let Self { mut method_end, mut target_end, mut scanned } = *self;
        if method_end == 0 {
            // Most requests are a GET: one compare finds the end of that.
            method_end = match stands_at(input, 0, b"GET ") {
                true => 3,
                false => scan.token_end(scanned),
            };
            if method_end > limits.max_method_bytes {
                let error = HeadError::MethodTooLong { limit: limits.max_method_bytes };
                return Err(fail(limits.max_method_bytes, error, limits));
            }
            match input.get(method_end) {
                Some(b' ') if method_end > 0 => scanned = method_end + 1,
                // An empty line whose LF is still to come.
                Some(b'\r') if input.len() == 1 => return Ok(None),
                Some(&byte) => {
                    let error = HeadError::Method { byte, at: method_end };
                    return Err(fail(method_end, error, limits));
                }
                None => {
                    return self.pause(
                        input,
                        Self { scanned: method_end, ..Self::default() },
                        limits,
                    );
                }
            }
        }
        if target_end == 0 {
            target_end = scan.target_end(scanned);
            match input.get(target_end) {
                Some(b' ') if target_end > method_end + 1 => {}
                // A line that ends here is HTTP/0.9, which has no version.
                Some(b'\r') if target_end > method_end + 1 => {
                    return Err(fail(target_end, HeadError::Version { at: target_end }, limits));
                }
                Some(&byte) => {
                    let error = HeadError::Target { byte, at: target_end };
                    return Err(fail(target_end, error, limits));
                }
                None => {
                    return self.pause(
                        input,
                        Self { method_end, target_end: 0, scanned: target_end },
                        limits,
                    );
                }
            }
        }
        let version = if stands_at(input, target_end + 1, b"HTTP/1.1\r\n") {
            Version::Http11
        } else {
            let rest = input.get(target_end + 1..).unwrap_or_default();
            match unusual_version(rest, target_end + 1) {
                Ok(Some(version)) => version,
                Ok(None) => {
                    return self.pause(
                        input,
                        Self { method_end, target_end, scanned: target_end },
                        limits,
                    );
                }
                Err(error) => return Err(version_error(error, target_end, limits)),
            }
        };
        let end = target_end + 11;
        if end > limits.max_line_bytes {
            return Err(HeadError::LineTooLong { limit: limits.max_line_bytes });
        }
        let span = Span::between(0, method_end);
        let method = method_in(input, span);
        let target = Target::parse(method, input, Span::between(method_end + 1, target_end))?;
        Ok(Some((LineSpans { method: span, target, version }, method, end)))
    }

    /// Notes how far the line has been scanned.
    #[cold]
    fn pause<T>(
        &mut self,
        input: &[u8],
        here: Self,
        limits: &Limits,
    ) -> Result<Option<T>, HeadError> {
        if input.len() >= limits.max_line_bytes {
            return Err(HeadError::LineTooLong { limit: limits.max_line_bytes });
        }
        *self = here;
        Ok(None)
    }
}

/// The method that stands at `span`, the start of `head`, with a blank behind it.
#[inline]
pub(super) fn method_in(head: &[u8], span: Span) -> Method<'_> {
    match stands_at(head, 0, b"GET ") {
        true => Method::Get,
        false => Method::new(span.of(head)),
    }
}

/// The error for a bad byte at `at`: the line's bound where that comes first.
#[cold]
fn fail(at: usize, error: HeadError, limits: &Limits) -> HeadError {
    if at >= limits.max_line_bytes {
        return HeadError::LineTooLong { limit: limits.max_line_bytes };
    }
    error
}

#[cold]
fn version_error(error: HeadError, target_end: usize, limits: &Limits) -> HeadError {
    match error {
        HeadError::Version { at } | HeadError::LineEnd { at } => fail(at, error, limits),
        // Stands at the line's last byte.
        _ => fail(target_end + 10, error, limits),
    }
}
