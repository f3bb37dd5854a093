//! Codings by name, and what a head says of them.

use dunlin_core::Headers;

/// A content coding.
///
/// ```
/// use dunlin_compress::Coding;
///
/// assert_eq!(Coding::from_name("br"), Some(Coding::Brotli));
/// assert_eq!(Coding::ALL.map(Coding::name), ["gzip", "deflate", "br", "zstd"]);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
pub enum Coding {
    /// `gzip` (RFC 1952).
    Gzip,
    /// `deflate`: zlib's format around it (RFC 1950).
    Deflate,
    /// `br` (RFC 7932).
    Brotli,
    /// `zstd` (RFC 8878).
    Zstd,
}

impl Coding {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Gzip, Self::Deflate, Self::Brotli, Self::Zstd];

    /// Its name in `Content-Encoding`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// The coding of that name in any case; `x-gzip` is `gzip` (RFC 9110 §8.4.1.3).
    pub fn from_name(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("x-gzip") {
            return Some(Self::Gzip);
        }
        Self::ALL.into_iter().find(|coding| name.eq_ignore_ascii_case(coding.name()))
    }

    /// The level for bodies made on the fly: 6 for gzip and deflate, 5 for br, 3 for zstd.
    pub fn default_level(self) -> u32 {
        match self {
            Self::Gzip | Self::Deflate => 6,
            Self::Brotli => 5,
            Self::Zstd => 3,
        }
    }

    /// The highest level: 9 for gzip and deflate, 11 for br, 19 for zstd, since those above ask for windows
    /// past the 8 MiB that a recipient has to take (RFC 9659). A higher one means this one.
    pub fn max_level(self) -> u32 {
        match self {
            Self::Gzip | Self::Deflate => 9,
            Self::Brotli => 11,
            Self::Zstd => 19,
        }
    }
}

/// Most codings on top of each other that are taken off; a peer that names more wants to waste time.
pub const MAX_LAYERS: usize = 3;

/// A `Content-Encoding` that cannot be taken off.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownCoding {
    /// A coding that is none of [`Coding::ALL`].
    #[error("unknown content coding {0:?}")]
    Name(String),
    /// More codings than [`MAX_LAYERS`].
    #[error("more than {MAX_LAYERS} content codings")]
    TooMany,
}

/// The codings of a body in the order in which they were put on, as its `Content-Encoding` has it; none
/// for `identity`.
///
/// # Errors
///
/// [`UnknownCoding`], since what is below a coding that is not known cannot be reached.
pub fn codings(headers: &Headers) -> Result<Vec<Coding>, UnknownCoding> {
    let mut layers = Vec::new();
    for value in headers.get_all("content-encoding") {
        let value = String::from_utf8_lossy(value);
        for name in value.split(',').map(|name| name.trim_matches([' ', '\t'])) {
            if name.is_empty() || name.eq_ignore_ascii_case("identity") {
                continue;
            }
            match Coding::from_name(name) {
                Some(_) if layers.len() == MAX_LAYERS => return Err(UnknownCoding::TooMany),
                Some(coding) => layers.push(coding),
                None => return Err(UnknownCoding::Name(name.chars().take(32).collect())),
            }
        }
    }
    Ok(layers)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::CONTENT_ENCODING;

    use super::*;

    #[test]
    fn a_list_over_several_lines_is_read_in_its_order_whatever_the_case() {
        let mut headers = Headers::new();
        assert_eq!(codings(&headers), Ok(vec![]));
        headers.append(CONTENT_ENCODING, HeaderValue::from_static("X-GZIP, identity ,, br"));
        headers.append(CONTENT_ENCODING, HeaderValue::from_static("ZSTD"));
        assert_eq!(codings(&headers), Ok(vec![Coding::Gzip, Coding::Brotli, Coding::Zstd]));
        headers.append(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(codings(&headers), Err(UnknownCoding::TooMany));
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip, pack200"));
        assert_eq!(codings(&headers), Err(UnknownCoding::Name("pack200".into())));
    }
}
