//! The status lines of common responses, ready to be copied (RFC 9112 §4).

/// A line of a common status, with zeros behind: all are copied as one array, which is no call, and
/// the zeros taken back.
#[derive(Clone, Copy)]
pub(super) struct StatusLine {
    padded: [u8; 48],
    len: usize,
    /// Whether responses to GET with this status have a body, of any length.
    pub(super) has_body: bool,
}

impl StatusLine {
    const fn new(status: u16, text: &[u8]) -> Self {
        let mut padded = [0; 48];
        padded.split_at_mut(text.len()).0.copy_from_slice(text);
        let has_body = !matches!(status, 100..=199 | 204 | 205 | 304);
        Self { padded, len: text.len(), has_body }
    }

    #[inline(always)]
    pub(super) fn append(&self, out: &mut Vec<u8>) {
        let end = out.len() + self.len;
        out.extend_from_slice(&self.padded);
        out.truncate(end);
    }
}

/// The line of a status, where it is a common one.
#[inline(always)]
pub(super) fn prebuilt(status: u16) -> Option<&'static StatusLine> {
    let at = PLACES.get(usize::from(status))?;
    LINES.get(usize::from(*at))
}

/// Where in [`LINES`] a status has its line; behind their end where it has none.
static PLACES: [u8; 512] = {
    let mut places = [u8::MAX; 512];
    let mut at = 0;
    while at < COMMON.len() {
        places[COMMON[at] as usize] = at as u8;
        at += 1;
    }
    places
};

macro_rules! lines {
    ($($status:literal $reason:literal)*) => {
        const COMMON: [u16; LINES.len()] = [$($status),*];
        static LINES: [StatusLine; [$($status),*].len()] = [$(
            StatusLine::new(
                $status,
                concat!("HTTP/1.1 ", $status, " ", $reason, "\r\n").as_bytes(),
            ),
        )*];
    };
}

lines! {
    100 "Continue"
    101 "Switching Protocols"
    200 "OK"
    201 "Created"
    202 "Accepted"
    204 "No Content"
    206 "Partial Content"
    301 "Moved Permanently"
    302 "Found"
    303 "See Other"
    304 "Not Modified"
    307 "Temporary Redirect"
    308 "Permanent Redirect"
    400 "Bad Request"
    401 "Unauthorized"
    403 "Forbidden"
    404 "Not Found"
    405 "Method Not Allowed"
    408 "Request Timeout"
    409 "Conflict"
    413 "Payload Too Large"
    415 "Unsupported Media Type"
    422 "Unprocessable Entity"
    429 "Too Many Requests"
    500 "Internal Server Error"
    502 "Bad Gateway"
    503 "Service Unavailable"
}
