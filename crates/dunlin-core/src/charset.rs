//! Bytes to text, by the charset that a sender named.

use crate::BodyError;

/// Text of bytes in that charset; UTF-8 where none is named.
///
/// UTF-8, US-ASCII and ISO-8859-1 are always known; with the feature `charset` all of the Encoding
/// standard are, in which the latter two mean windows-1252.
///
/// ```
/// let text = dunlin_core::decode_text(Some("utf-8"), "é".into()).unwrap();
/// assert_eq!(text, "é");
/// assert_eq!(dunlin_core::decode_text(Some("klingon"), vec![]).unwrap_err().status(), 415);
/// ```
///
/// # Errors
///
/// [`BodyError::UnknownCharset`], [`BodyError::NotUtf8`] and [`BodyError::Undecodable`].
pub fn decode_text(charset: Option<&str>, bytes: Vec<u8>) -> Result<String, BodyError> {
    match charset.map(str::trim) {
        None => utf8(bytes),
        Some(name) if name.eq_ignore_ascii_case("utf-8") => utf8(bytes),
        Some(name) => other(name, bytes),
    }
}

fn utf8(bytes: Vec<u8>) -> Result<String, BodyError> {
    String::from_utf8(bytes)
        .map_err(|error| BodyError::NotUtf8 { at: error.utf8_error().valid_up_to() })
}

#[cfg(feature = "charset")]
fn other(name: &str, bytes: Vec<u8>) -> Result<String, BodyError> {
    let encoding =
        encoding_rs::Encoding::for_label(name.as_bytes()).ok_or_else(|| unknown(name))?;
    if encoding == encoding_rs::UTF_8 {
        return utf8(bytes);
    }
    match encoding.decode_without_bom_handling_and_without_replacement(&bytes) {
        Some(text) => Ok(text.into_owned()),
        None => Err(BodyError::Undecodable { charset: encoding.name() }),
    }
}

#[cfg(not(feature = "charset"))]
fn other(name: &str, bytes: Vec<u8>) -> Result<String, BodyError> {
    if name.eq_ignore_ascii_case("us-ascii") {
        return match bytes.is_ascii() {
            true => utf8(bytes),
            false => Err(BodyError::Undecodable { charset: "US-ASCII" }),
        };
    }
    if name.eq_ignore_ascii_case("iso-8859-1") {
        return Ok(bytes.into_iter().map(char::from).collect());
    }
    Err(unknown(name))
}

fn unknown(name: &str) -> BodyError {
    /// Longest name that is repeated to the peer.
    const SHOWN: usize = 40;
    let name = name.chars().filter(|c| !c.is_control()).take(SHOWN).collect::<String>();
    BodyError::UnknownCharset { name: name.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_by_its_charset_or_not_at_all() {
        let read = |charset, bytes: &[u8]| decode_text(charset, bytes.to_vec());
        assert_eq!(read(None, "é".as_bytes()).unwrap(), "é");
        assert_eq!(read(Some(" UTF-8 "), "é".as_bytes()).unwrap(), "é");
        assert_eq!(read(Some("iso-8859-1"), b"\xe9").unwrap(), "é");
        assert!(matches!(read(None, b"a\xff"), Err(BodyError::NotUtf8 { at: 1 })));
        let error = read(Some("x\r\nklingon"), b"").unwrap_err();
        assert_eq!(error.status(), 415);
        assert!(error.to_string().contains("xklingon"), "{error}");
    }

    #[cfg(feature = "charset")]
    #[test]
    fn charsets_of_the_encoding_standard_are_known() {
        let read = |charset, bytes: &[u8]| decode_text(Some(charset), bytes.to_vec());
        assert_eq!(read("shift_jis", b"\x83\x86").unwrap(), "\u{30e6}");
        assert_eq!(read("windows-1252", b"\x80").unwrap(), "€");
        assert_eq!(read("utf8", "é".as_bytes()).unwrap(), "é");
        let error = read("euc-jp", b"\xff").unwrap_err();
        assert!(matches!(error, BodyError::Undecodable { charset: "EUC-JP" }));
        assert_eq!(error.status(), 415);
    }
}
