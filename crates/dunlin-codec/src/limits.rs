//! Upper bounds on what a peer may send before it is refused.

/// Upper bounds that the decoders enforce.
///
/// Sizes are bytes on the wire, line terminators included. A bound is checked on incomplete input
/// too, so a peer cannot make anyone buffer more than a bound by never ending its line.
///
/// ```
/// let limits = dunlin_codec::Limits::default().max_headers(32);
/// assert_eq!(limits.max_head_bytes, 64 * 1024);
/// assert_eq!(limits.max_headers, 32);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Start line, field lines and the closing empty line together; past it, 431 (RFC 6585 §5).
    /// Default, and the most that takes effect: 65,536, because positions in a head are 16 bits
    /// wide.
    pub max_head_bytes: usize,
    /// The request line or status line; past it, 414 (RFC 9110 §15.5.15), since a target is all
    /// that can make it long. Default: 8,190, as in aiohttp.
    pub max_line_bytes: usize,
    /// One field line, in a head or a trailer section; past it, 431. Default: 8,190, as in aiohttp.
    pub max_field_bytes: usize,
    /// Field lines in one head, and in head and trailer section together; past it, 431.
    /// Default: 128, as in aiohttp.
    pub max_headers: u16,
    /// The method; past it, 501 (RFC 9110 §15.6.2): no method that anybody implements is longer.
    /// Default: 32.
    pub max_method_bytes: usize,
    /// Empty lines before a request line, which a robust server skips (RFC 9112 §2.2); past it,
    /// 400. Default: 8.
    pub max_empty_lines: u8,
    /// One chunk-size line with its extensions; past it, 400. Default: 8,190.
    pub max_chunk_line_bytes: usize,
    /// Chunk extensions of one body together; past it, 400. RFC 9112 §7.1.1 asks for this bound:
    /// nobody reads extensions, so they only serve to make a small body expensive.
    /// Default: 64 KiB.
    pub max_chunk_ext_bytes: usize,
    /// The trailer section with its closing empty line; past it, 431. Default: 16 KiB; 65,536 is
    /// the most that takes effect.
    pub max_trailer_bytes: usize,
    /// Interim responses (1xx) before the final one (RFC 9110 §15.2), which a server could send
    /// without end. Default: 32.
    pub max_interims: u16,
}

/// The most bytes that 16-bit positions can address.
pub(crate) const MAX_SECTION: usize = 1 << 16;

impl Limits {
    /// What a head may have at most. The least that makes sense is an empty line.
    #[inline]
    pub(crate) fn head_bound(&self) -> usize {
        self.max_head_bytes.clamp(2, MAX_SECTION)
    }

    /// Sets [`max_head_bytes`](Self::max_head_bytes). Default: 65,536.
    #[must_use]
    pub const fn max_head_bytes(mut self, bytes: usize) -> Self {
        self.max_head_bytes = bytes;
        self
    }

    /// Sets [`max_line_bytes`](Self::max_line_bytes). Default: 8,190.
    #[must_use]
    pub const fn max_line_bytes(mut self, bytes: usize) -> Self {
        self.max_line_bytes = bytes;
        self
    }

    /// Sets [`max_field_bytes`](Self::max_field_bytes). Default: 8,190.
    #[must_use]
    pub const fn max_field_bytes(mut self, bytes: usize) -> Self {
        self.max_field_bytes = bytes;
        self
    }

    /// Sets [`max_headers`](Self::max_headers). Default: 128.
    #[must_use]
    pub const fn max_headers(mut self, count: u16) -> Self {
        self.max_headers = count;
        self
    }

    /// Sets [`max_method_bytes`](Self::max_method_bytes). Default: 32.
    #[must_use]
    pub const fn max_method_bytes(mut self, bytes: usize) -> Self {
        self.max_method_bytes = bytes;
        self
    }

    /// Sets [`max_empty_lines`](Self::max_empty_lines). Default: 8.
    #[must_use]
    pub const fn max_empty_lines(mut self, lines: u8) -> Self {
        self.max_empty_lines = lines;
        self
    }

    /// Sets [`max_chunk_line_bytes`](Self::max_chunk_line_bytes). Default: 8,190.
    #[must_use]
    pub const fn max_chunk_line_bytes(mut self, bytes: usize) -> Self {
        self.max_chunk_line_bytes = bytes;
        self
    }

    /// Sets [`max_chunk_ext_bytes`](Self::max_chunk_ext_bytes). Default: 64 KiB.
    #[must_use]
    pub const fn max_chunk_ext_bytes(mut self, bytes: usize) -> Self {
        self.max_chunk_ext_bytes = bytes;
        self
    }

    /// Sets [`max_trailer_bytes`](Self::max_trailer_bytes). Default: 16 KiB.
    #[must_use]
    pub const fn max_trailer_bytes(mut self, bytes: usize) -> Self {
        self.max_trailer_bytes = bytes;
        self
    }

    /// Sets [`max_interims`](Self::max_interims). Default: 32.
    #[must_use]
    pub const fn max_interims(mut self, count: u16) -> Self {
        self.max_interims = count;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_head_bytes: MAX_SECTION,
            max_line_bytes: 8190,
            max_field_bytes: 8190,
            max_headers: 128,
            max_method_bytes: 32,
            max_empty_lines: 8,
            max_chunk_line_bytes: 8190,
            max_chunk_ext_bytes: 64 * 1024,
            max_trailer_bytes: 16 * 1024,
            max_interims: 32,
        }
    }
}
