//! `Content-Disposition` of a part (RFC 7578 §4.2, RFC 6266, WHATWG HTML "multipart/form-data").
//!
//! Names are quoted as browsers quote them: UTF-8 as it is, `"`, CR and LF percent-escaped, and
//! nothing else, so that servers which were tested against browsers read them right. A backslash is
//! not an escape there, and `%` is not escaped either: `a%22` and `a"` look the same on the wire.

use std::fmt::Write;

/// What a part is called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Disposition<'a> {
    pub(crate) kind: &'static str,
    pub(crate) name: Option<&'a str>,
    pub(crate) file_name: Option<&'a str>,
    /// Whether `filename*` is added (RFC 8187).
    pub(crate) extended: bool,
}

impl Disposition<'_> {
    /// Appends the value. The names must have passed [`find_control`].
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.kind.as_bytes());
        if let Some(name) = self.name {
            out.extend_from_slice(b"; name=");
            write_quoted(out, name);
        }
        if let Some(file_name) = self.file_name {
            out.extend_from_slice(b"; filename=");
            write_quoted(out, file_name);
            if self.extended {
                out.extend_from_slice(b"; filename*=");
                out.extend_from_slice(extended_value(file_name).as_bytes());
            }
        }
    }
}

/// Offset of the first control character that a name may not have. CR and LF are not among them,
/// because they are escaped; a tab is allowed in field values (RFC 9110 §5.5).
pub(crate) fn find_control(text: &str) -> Option<usize> {
    text.bytes().position(|byte| byte.is_ascii_control() && !matches!(byte, b'\r' | b'\n' | b'\t'))
}

fn write_quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"%22"),
            b'\r' => out.extend_from_slice(b"%0D"),
            b'\n' => out.extend_from_slice(b"%0A"),
            byte => out.push(byte),
        }
    }
    out.push(b'"');
}

/// `ext-value` of RFC 8187 §3.2.1, always UTF-8.
fn extended_value(text: &str) -> String {
    let mut value = String::from("UTF-8''");
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            true => value.push(char::from(byte)),
            // Writing to a `String` cannot fail.
            false => drop(write!(value, "%{byte:02X}")),
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str, file_name: Option<&str>, extended: bool) -> String {
        let mut out = Vec::new();
        Disposition { kind: "form-data", name: Some(name), file_name, extended }.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn names_are_quoted_as_browsers_do() {
        assert_eq!(written("a", None, false), r#"form-data; name="a""#);
        assert_eq!(
            written("a\"b\r\nc\\d%", Some("ü.txt"), false),
            r#"form-data; name="a%22b%0D%0Ac\d%"; filename="ü.txt""#
        );
    }

    #[test]
    fn extended_file_names_are_percent_encoded_utf8() {
        assert_eq!(
            written("a", Some("€ rates'*.txt"), true),
            r#"form-data; name="a"; filename="€ rates'*.txt"; filename*=UTF-8''%E2%82%AC%20rates%27%2A.txt"#
        );
    }

    #[test]
    fn controls_are_found_but_for_those_that_are_escaped() {
        assert_eq!(find_control("a\r\n\tb"), None);
        assert_eq!(find_control("é\0"), Some(2));
        assert_eq!(find_control("a\x7f"), Some(1));
        assert_eq!(find_control("\x1b["), Some(0));
    }
}
