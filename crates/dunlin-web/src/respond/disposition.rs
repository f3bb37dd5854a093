//! `Content-Disposition` (RFC 6266): whether a browser shows or saves a response, and under which name.

use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but `attr-char` of RFC 8187 §3.2.1.
const NOT_ATTR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Value of a `Content-Disposition` that has browsers save the response under `file_name`.
///
/// Whatever the name holds, the value is well formed and names no folder: separators and control characters
/// become `_`. Names beyond ASCII go along in UTF-8 (`filename*`), behind one for old clients.
///
/// ```
/// use dunlin_web::respond::attachment;
///
/// assert_eq!(attachment("a \"b\".txt"), r#"attachment; filename="a \"b\".txt""#);
/// assert_eq!(
///     attachment("übung.txt"),
///     "attachment; filename=\"_bung.txt\"; filename*=UTF-8''%C3%BCbung.txt"
/// );
/// assert_eq!(attachment("../../etc/passwd"), "attachment; filename=\".._.._etc_passwd\"");
/// ```
pub fn attachment(file_name: &str) -> HeaderValue {
    disposition("attachment", file_name)
}

/// As [`attachment`], but browsers show what they can; the name is for when the user saves it.
pub fn inline(file_name: &str) -> HeaderValue {
    disposition("inline", file_name)
}

fn disposition(kind: &'static str, file_name: &str) -> HeaderValue {
    let is_safe = |c: char| !c.is_control() && !matches!(c, '/' | '\\');
    let name: String = file_name.chars().map(|c| if is_safe(c) { c } else { '_' }).collect();
    let mut value = format!("{kind}; filename=\"");
    for c in name.chars() {
        match c {
            '"' => value.push_str("\\\""),
            c if c.is_ascii() => value.push(c),
            _ => value.push('_'),
        }
    }
    value.push('"');
    // Some clients decode percent signs in the plain name as well: the other form is exact.
    if !name.is_ascii() || name.contains('%') {
        value.push_str("; filename*=UTF-8''");
        value.extend(utf8_percent_encode(&name, NOT_ATTR));
    }
    HeaderValue::try_from(value).unwrap_or_else(|_| HeaderValue::from_static(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_splits_the_field() {
        for name in ["", "a\r\nset-cookie: x=1", "\0", "a\u{7f}b", "\u{85}", "日本.txt", "50%.txt"]
        {
            let value = attachment(name);
            let text = value.to_str().unwrap();
            assert!(text.starts_with("attachment; filename=\""), "{text}");
            assert!(text.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{text}");
        }
        assert_eq!(inline("50%.txt"), "inline; filename=\"50%.txt\"; filename*=UTF-8''50%25.txt");
    }
}
