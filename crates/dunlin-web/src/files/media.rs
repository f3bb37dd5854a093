//! Media types by the name of a file.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::Path;

use http::HeaderValue;

/// What goes before the common table: archives, which are served as what they are and not as what is in
/// them, and modules, whose type has moved (RFC 9239).
const OWN: [(&str, &str); 7] = [
    ("br", "application/x-brotli"),
    ("bz2", "application/x-bzip2"),
    ("gz", "application/gzip"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("xz", "application/x-xz"),
    ("z", "application/x-compress"),
    ("zst", "application/zstd"),
];

/// The media type of a file, by the end of its name; text is said to be UTF-8.
pub(crate) fn by_name(name: &OsStr) -> HeaderValue {
    let extension = Path::new(name).extension().unwrap_or_default().to_string_lossy();
    let extension = extension.to_ascii_lowercase();
    let media = match OWN.iter().find(|(ext, _)| *ext == extension) {
        Some((_, media)) => Cow::Borrowed(*media),
        None => match mime_guess::from_ext(&extension).first_raw() {
            // XML says itself how it is encoded.
            Some(media @ "text/xml") => Cow::Borrowed(media),
            Some(text) if text.starts_with("text/") || text == "application/javascript" => {
                Cow::Owned(format!("{text}; charset=utf-8"))
            }
            Some(media) => Cow::Borrowed(media),
            None => Cow::Borrowed("application/octet-stream"),
        },
    };
    HeaderValue::try_from(&*media).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_go_by_the_last_extension_in_any_case() {
        for (name, want) in [
            ("a.html", "text/html; charset=utf-8"),
            ("A.TXT", "text/plain; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.mjs", "text/javascript; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.svg", "image/svg+xml"),
            ("a.wasm", "application/wasm"),
            ("a.xml", "text/xml"),
            ("a.tar.gz", "application/gzip"),
            ("a.Z", "application/x-compress"),
            ("a.js.br", "application/x-brotli"),
            ("a.zst", "application/zstd"),
            ("a.bz2", "application/x-bzip2"),
            ("a.xz", "application/x-xz"),
            ("a", "application/octet-stream"),
            (".html", "application/octet-stream"),
            ("a.unheard-of", "application/octet-stream"),
            ("", "application/octet-stream"),
        ] {
            assert_eq!(by_name(OsStr::new(name)), want, "{name}");
        }
    }
}
