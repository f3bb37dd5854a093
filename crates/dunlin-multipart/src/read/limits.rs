//! Bounds on what is read.

/// Upper bounds that a [`Reader`](crate::Reader) enforces. Sizes are in bytes.
///
/// ```
/// let limits = dunlin_multipart::Limits::default().max_parts(20).max_total_bytes(1 << 20);
/// assert_eq!((limits.max_parts, limits.max_depth), (20, 3));
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Parts of the body, nested ones included; past it 413. Default: 1,000.
    pub max_parts: usize,
    /// Multipart bodies inside each other, the outermost included; past it 413. Default: 3.
    pub max_depth: usize,
    /// One header line of a part without its CRLF, and the blanks behind a delimiter; past it 400.
    /// Default: 8 KiB.
    pub max_header_line_bytes: usize,
    /// All header lines of a part; past it 400. Default: 16 KiB.
    pub max_header_bytes: usize,
    /// Header fields of a part; past it 400. Default: 128.
    pub max_headers: usize,
    /// What stands before the first delimiter of a body, and what stands behind its last, both of
    /// which mean nothing; past it 400. Default: 64 KiB.
    pub max_padding_bytes: u64,
    /// The whole body as it is on the wire; past it 413. Default: no limit.
    pub max_total_bytes: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_parts: 1000,
            max_depth: 3,
            max_header_line_bytes: 8 * 1024,
            max_header_bytes: 16 * 1024,
            max_headers: 128,
            max_padding_bytes: 64 * 1024,
            max_total_bytes: None,
        }
    }
}

impl Limits {
    /// Sets [`max_parts`](Self#structfield.max_parts).
    pub fn max_parts(mut self, parts: usize) -> Self {
        self.max_parts = parts;
        self
    }

    /// Sets [`max_depth`](Self#structfield.max_depth).
    pub fn max_depth(mut self, depth: usize) -> Self {
        self.max_depth = depth;
        self
    }

    /// Sets [`max_header_line_bytes`](Self#structfield.max_header_line_bytes).
    pub fn max_header_line_bytes(mut self, bytes: usize) -> Self {
        self.max_header_line_bytes = bytes;
        self
    }

    /// Sets [`max_header_bytes`](Self#structfield.max_header_bytes).
    pub fn max_header_bytes(mut self, bytes: usize) -> Self {
        self.max_header_bytes = bytes;
        self
    }

    /// Sets [`max_headers`](Self#structfield.max_headers).
    pub fn max_headers(mut self, fields: usize) -> Self {
        self.max_headers = fields;
        self
    }

    /// Sets [`max_padding_bytes`](Self#structfield.max_padding_bytes).
    pub fn max_padding_bytes(mut self, bytes: u64) -> Self {
        self.max_padding_bytes = bytes;
        self
    }

    /// Sets [`max_total_bytes`](Self#structfield.max_total_bytes); `None` takes it off.
    pub fn max_total_bytes(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.max_total_bytes = bytes.into();
        self
    }
}
