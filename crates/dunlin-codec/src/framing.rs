//! Message framing: where a body ends (RFC 9112 §6), and what else a head says about its message.
//!
//! Gathered while the fields go by, so that nobody looks a field up again. Heads on which two
//! parties could disagree are refused here (§11.2, request smuggling). Reads no body bytes: see
//! [`BodyDecoder`](crate::BodyDecoder).

use crate::{
    error::FramingError,
    head::{Field, Method, Span, Version},
    names::{Shapes, is},
    scan::is_token,
    target::is_host,
};

/// How a message's body is delimited.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Framing {
    /// There is no body.
    None,
    /// A body of so many bytes (Content-Length).
    Length(u64),
    /// A body in chunks (`Transfer-Encoding: chunked`).
    Chunked,
    /// The body ends where the connection does; responses alone.
    UntilClose,
}

impl Framing {
    /// Whether no body bytes follow the head.
    pub const fn is_empty(&self) -> bool {
        matches!(self, Self::None | Self::Length(0))
    }
}

/// What the fields of a head say about the message itself.
///
/// A request in which one of these fields stands twice is refused with 400, whether or not the
/// values agree: Host, Content-Length, Transfer-Encoding, Content-Type, Content-Range,
/// Content-Location, Max-Forwards, User-Agent, ETag, Server. They are singletons (RFC 9110 §5.3),
/// the list is aiohttp's, and two readers that pick different ones can be played off against each
/// other. In responses that holds for Content-Length and Transfer-Encoding, and what is wrong with
/// them is told by [`response_framing`](Self::response_framing): many a response has no body whatever
/// they say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts {
    length: u64,
    host: Span,
    upgrade: Span,
    seen: u32,
    fields: u32,
}

// Singletons: once seen, not again.
const HOST: u32 = 1 << 0;
const LENGTH: u32 = 1 << 1;
const CHUNKED: u32 = 1 << 2;
const CONTENT_TYPE: u32 = 1 << 3;
const CONTENT_RANGE: u32 = 1 << 4;
const CONTENT_LOCATION: u32 = 1 << 5;
const MAX_FORWARDS: u32 = 1 << 6;
const USER_AGENT: u32 = 1 << 7;
const ETAG: u32 = 1 << 8;
const SERVER: u32 = 1 << 9;
// Marks.
const CLOSE: u32 = 1 << 10;
const KEEP_ALIVE: u32 = 1 << 11;
const UPGRADE_TOKEN: u32 = 1 << 12;
const UPGRADE: u32 = 1 << 13;
const CONTINUE: u32 = 1 << 14;
const HEAD: u32 = 1 << 15;
const CONNECT: u32 = 1 << 16;
const HTTP_10: u32 = 1 << 17;
/// What is wrong with a response's framing, should it have a body: in the high bits, which keep `Facts`
/// small, the place in [`FAULTS`], counted from 1.
const FAULT: u32 = 0xf << FAULT_SHIFT;
const FAULT_SHIFT: u32 = 28;

/// What may be wrong there.
const FAULTS: [FramingError; 8] = [
    FramingError::Repeated { name: "content-length" },
    FramingError::Repeated { name: "transfer-encoding" },
    FramingError::ContentLength,
    FramingError::LengthOverflow,
    FramingError::LengthAndEncoding,
    FramingError::TransferEncoding,
    FramingError::UnknownEncoding,
    FramingError::EncodingInHttp10,
];

impl Facts {
    /// What a request's line says; its fields are still to [`add`](Self::add_request_fields).
    #[inline(always)]
    pub(crate) fn of_request_line(method: Method<'_>, version: Version) -> Self {
        let seen = match method {
            Method::Head => HEAD,
            Method::Connect => CONNECT,
            _ => 0,
        };
        Self { seen: seen | version_mark(version), ..Self::default() }
    }

    /// Adds what the fields of the request's head, `bytes`, say.
    ///
    /// In place, and the facts are best moved only when the head is made: a move loads what was stored in
    /// parts just before, and waits for it.
    #[inline(always)]
    pub(crate) fn add_request_fields(
        &mut self,
        bytes: &[u8],
        fields: impl Iterator<Item = Field>,
    ) -> Result<(), FramingError> {
        let mut count = 0;
        for field in fields {
            count += 1;
            self.request_field(bytes, field)?;
        }
        self.fields = count;
        if self.seen & (HOST | HTTP_10) == 0 {
            return Err(FramingError::MissingHost);
        }
        self.checked()
    }

    /// What the fields of a response's head, `bytes`, say.
    #[inline]
    pub(crate) fn of_response(
        version: Version,
        bytes: &[u8],
        fields: impl Iterator<Item = Field>,
    ) -> Self {
        let mut facts = Self { seen: version_mark(version), ..Self::default() };
        let mut count = 0;
        for field in fields {
            count += 1;
            if let Err(fault) = facts.response_field(bytes, field) {
                facts.add_fault(fault);
            }
        }
        facts.fields = count;
        if let Err(fault) = facts.checked() {
            facts.add_fault(fault);
        }
        facts
    }

    /// Keeps the first fault.
    #[cold]
    fn add_fault(&mut self, fault: FramingError) {
        if self.seen & FAULT == 0 {
            // The last one stands for whatever a response cannot have.
            let place = FAULTS.iter().position(|known| *known == fault).unwrap_or(FAULTS.len() - 1);
            self.seen |= (place as u32 + 1) << FAULT_SHIFT;
        }
    }

    /// Checks what only the whole head can tell.
    #[inline]
    fn checked(&self) -> Result<(), FramingError> {
        if self.seen & (CHUNKED | CONNECT) == 0 { Ok(()) } else { self.checked_rarely() }
    }

    /// The same for chunks and CONNECT, out of the way of all the others.
    #[inline(never)]
    fn checked_rarely(&self) -> Result<(), FramingError> {
        match self.seen & (CHUNKED | LENGTH | HTTP_10) {
            _ if self.seen & CONNECT != 0 && !self.framing().is_empty() => {
                Err(FramingError::BodyForbidden)
            }
            both if both & (CHUNKED | LENGTH) == CHUNKED | LENGTH => {
                Err(FramingError::LengthAndEncoding)
            }
            old if old & (CHUNKED | HTTP_10) == CHUNKED | HTTP_10 => {
                Err(FramingError::EncodingInHttp10)
            }
            _ => Ok(()),
        }
    }

    /// Whether this is a HEAD request, whose response has no body (RFC 9110 §9.3.2).
    #[inline]
    pub fn is_head(&self) -> bool {
        self.seen & HEAD != 0
    }

    /// Whether this is a CONNECT request, which turns the connection into a tunnel where it
    /// succeeds (RFC 9110 §9.3.6).
    #[inline]
    pub fn is_connect(&self) -> bool {
        self.seen & CONNECT != 0
    }

    /// The message's protocol version.
    #[inline]
    pub fn version(&self) -> Version {
        if self.seen & HTTP_10 == 0 { Version::Http11 } else { Version::Http10 }
    }

    /// How many fields the head has. Trailers count on from here.
    #[inline]
    pub fn field_count(&self) -> u16 {
        self.fields as u16
    }

    /// How this request's body is delimited (RFC 9112 §6.3).
    #[inline]
    pub fn framing(&self) -> Framing {
        match self.seen & (CHUNKED | LENGTH) {
            0 => Framing::None,
            LENGTH => Framing::Length(self.length),
            _ => Framing::Chunked,
        }
    }

    /// How the body of this response to a request with `method` is delimited (RFC 9112 §6.3).
    ///
    /// Until-close means that the connection cannot persist, whatever
    /// [`keep_alive`](Self::keep_alive) says.
    ///
    /// # Errors
    ///
    /// [`FramingError`] where the fields leave open where the body ends; the connection must then close.
    /// Not where there is none by status and method: nobody looks at those fields then (RFC 9112 §6.3,
    /// RFC 9110 §9.3.6).
    pub fn response_framing(
        &self,
        status: u16,
        method: Method<'_>,
    ) -> Result<Framing, FramingError> {
        match (status, method) {
            (100..=199 | 204 | 304, _) | (_, Method::Head) => Ok(Framing::None),
            (200..=299, Method::Connect) => Ok(Framing::None),
            _ => match (self.fault(), self.framing()) {
                (Some(fault), _) => Err(fault),
                (None, Framing::None) => Ok(Framing::UntilClose),
                (None, framing) => Ok(framing),
            },
        }
    }

    /// What is wrong with the framing of a response.
    #[inline]
    pub(crate) fn fault(&self) -> Option<FramingError> {
        match self.seen >> FAULT_SHIFT {
            0 => None,
            place => FAULTS.get(place as usize - 1).copied(),
        }
    }

    /// The Content-Length, as given; a HEAD or 304 response has one without a body. `None` where a
    /// response's is not to be trusted.
    #[inline]
    pub fn content_length(&self) -> Option<u64> {
        (self.seen & (LENGTH | FAULT) == LENGTH).then_some(self.length)
    }

    /// Whether the sender wants the connection to persist (RFC 9112 §9.3): 1.1 unless it says
    /// `close`, 1.0 only if it says `keep-alive`. Never behind a response whose framing is contradictory,
    /// even if it has no body: its sender is not to be trusted with another.
    #[inline]
    pub fn keep_alive(&self) -> bool {
        match self.version() {
            Version::Http11 => self.seen & (CLOSE | FAULT) == 0,
            Version::Http10 => self.seen & (CLOSE | KEEP_ALIVE | FAULT) == KEEP_ALIVE,
        }
    }

    /// The same of a message whose sender is not to be trusted with another.
    #[cfg(feature = "std")]
    pub(crate) fn closing(mut self) -> Self {
        self.seen |= CLOSE;
        self
    }

    /// Whether the client waits for `100 Continue` before it sends the body that it announced
    /// (RFC 9110 §10.1.1). Never true for HTTP/1.0 or without a body.
    #[inline]
    pub fn expects_continue(&self) -> bool {
        self.seen & CONTINUE != 0 && !self.framing().is_empty()
    }

    /// Value of the Upgrade field, where `Connection: upgrade` makes it count (RFC 9110 §7.8).
    /// Never there for HTTP/1.0; the first line where there are several.
    #[inline]
    pub fn upgrade(&self) -> Option<Span> {
        const BOTH: u32 = UPGRADE | UPGRADE_TOKEN;
        (self.seen & (BOTH | HTTP_10) == BOTH).then_some(self.upgrade)
    }

    /// Value of the Host field.
    #[inline]
    pub fn host(&self) -> Option<Span> {
        (self.seen & HOST != 0).then_some(self.host)
    }

    /// Looks at the next field of a request.
    #[inline(always)]
    fn request_field(&mut self, bytes: &[u8], field: Field) -> Result<(), FramingError> {
        let name = field.name.of(bytes);
        if MEANINGFUL.may_hold(name) { self.meant_for_server(name, bytes, field) } else { Ok(()) }
    }

    fn meant_for_server(
        &mut self,
        name: &[u8],
        bytes: &[u8],
        field: Field,
    ) -> Result<(), FramingError> {
        match name.len() {
            4 if is(name, b"host") => self.add_host(bytes, field.value),
            4 if is(name, b"etag") => self.once(ETAG, "etag"),
            6 if is(name, b"expect") => self.add_expect(field.value.of(bytes)),
            6 if is(name, b"server") => self.once(SERVER, "server"),
            10 if is(name, b"user-agent") => self.once(USER_AGENT, "user-agent"),
            12 if is(name, b"content-type") => self.once(CONTENT_TYPE, "content-type"),
            12 if is(name, b"max-forwards") => self.once(MAX_FORWARDS, "max-forwards"),
            13 if is(name, b"content-range") => self.once(CONTENT_RANGE, "content-range"),
            16 if is(name, b"content-location") => self.once(CONTENT_LOCATION, "content-location"),
            _ => self.meant_for_both(name, bytes, field),
        }
    }

    /// Looks at the next field of a response.
    #[inline(always)]
    fn response_field(&mut self, bytes: &[u8], field: Field) -> Result<(), FramingError> {
        let name = field.name.of(bytes);
        if MEANINGFUL.may_hold(name) { self.meant_for_both(name, bytes, field) } else { Ok(()) }
    }

    fn meant_for_both(
        &mut self,
        name: &[u8],
        bytes: &[u8],
        field: Field,
    ) -> Result<(), FramingError> {
        match name.len() {
            7 if is(name, b"upgrade") => {
                if self.seen & UPGRADE == 0 {
                    (self.upgrade, self.seen) = (field.value, self.seen | UPGRADE);
                }
                Ok(())
            }
            10 if is(name, b"connection") => {
                self.add_connection(field.value.of(bytes));
                Ok(())
            }
            14 if is(name, b"content-length") => self.add_length(field.value.of(bytes)),
            17 if is(name, b"transfer-encoding") => self.add_encoding(field.value.of(bytes)),
            _ => Ok(()),
        }
    }

    #[inline]
    fn once(&mut self, field: u32, name: &'static str) -> Result<(), FramingError> {
        if self.seen & field != 0 {
            return Err(FramingError::Repeated { name });
        }
        self.seen |= field;
        Ok(())
    }

    #[inline]
    fn add_host(&mut self, bytes: &[u8], value: Span) -> Result<(), FramingError> {
        self.once(HOST, "host")?;
        self.host = value;
        if is_host(value.of(bytes)) { Ok(()) } else { Err(FramingError::Host) }
    }

    #[inline(never)]
    fn add_length(&mut self, value: &[u8]) -> Result<(), FramingError> {
        self.once(LENGTH, "content-length")?;
        if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return Err(FramingError::ContentLength);
        }
        self.length = value
            .iter()
            .try_fold(0u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
            .ok_or(FramingError::LengthOverflow)?;
        Ok(())
    }

    #[inline(never)]
    fn add_encoding(&mut self, value: &[u8]) -> Result<(), FramingError> {
        self.once(CHUNKED, "transfer-encoding")?;
        if value.eq_ignore_ascii_case(b"chunked") {
            return Ok(());
        }
        // Other codings are refused as unknown if the list makes sense at all: then the sender
        // learns from a 501 that it may try again without them.
        let mut chunked = false;
        for coding in members(value) {
            let (name, has_params) = match coding.iter().position(|&byte| byte == b';') {
                Some(end) => (coding[..end].trim_ascii_end(), true),
                None => (coding, false),
            };
            let is_chunked = name.eq_ignore_ascii_case(b"chunked");
            if !is_token(name) || chunked || (is_chunked && has_params) {
                return Err(FramingError::TransferEncoding);
            }
            chunked = is_chunked;
        }
        Err(FramingError::UnknownEncoding)
    }

    #[inline(never)]
    fn add_connection(&mut self, value: &[u8]) {
        self.seen |= match value.len() {
            10 if is(value, b"keep-alive") => KEEP_ALIVE,
            5 if is(value, b"close") => CLOSE,
            _ => members(value).map(connection_option).fold(0, |all, one| all | one),
        };
    }

    #[inline(never)]
    fn add_expect(&mut self, value: &[u8]) -> Result<(), FramingError> {
        match self.version() {
            // RFC 9110 §10.1.1: a server ignores it from an HTTP/1.0 client.
            Version::Http10 => Ok(()),
            Version::Http11 => {
                // A list, in which the same may stand again, and empty members count for nothing.
                for expectation in members(value).filter(|one| !one.is_empty()) {
                    if !expectation.eq_ignore_ascii_case(b"100-continue") {
                        return Err(FramingError::UnknownExpectation);
                    }
                    self.seen |= CONTINUE;
                }
                Ok(())
            }
        }
    }
}

#[inline]
fn version_mark(version: Version) -> u32 {
    match version {
        Version::Http10 => HTTP_10,
        Version::Http11 => 0,
    }
}

fn connection_option(option: &[u8]) -> u32 {
    match option {
        _ if option.eq_ignore_ascii_case(b"close") => CLOSE,
        _ if option.eq_ignore_ascii_case(b"keep-alive") => KEEP_ALIVE,
        _ if option.eq_ignore_ascii_case(b"upgrade") => UPGRADE_TOKEN,
        _ => 0,
    }
}

/// Members of a comma-separated list, without the whitespace around them (RFC 9110 §5.6.1).
pub(crate) fn members(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|&byte| byte == b',').map(|member| {
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let start = member.iter().position(|byte| !blank(byte)).unwrap_or(member.len());
        let end = member.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
        &member[start..end]
    })
}

/// Fields that mean something here.
static MEANINGFUL: Shapes = Shapes::of(&[
    "connection",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "etag",
    "expect",
    "host",
    "max-forwards",
    "server",
    "transfer-encoding",
    "upgrade",
    "user-agent",
]);

#[cfg(test)]
mod tests;
