//! Reads `Content-Disposition` of a part (RFC 7578 §4.2, RFC 6266, RFC 8187, RFC 2231 §3).
//!
//! Senders differ in how they write a name in quotes. Browsers percent-escape `"`, CR and LF and leave
//! the backslash alone (WHATWG Fetch reads so too); others escape `"` by a backslash. So a backslash
//! escapes a quote that does not end the value, and means itself anywhere else.

/// What a part says of itself.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Disposition {
    /// In lower case: `form-data`, `attachment`, …
    pub(super) kind: String,
    pub(super) name: Option<String>,
    /// Without folders.
    pub(super) file_name: Option<String>,
}

/// Reads a field value; the error says what is wrong with it.
pub(super) fn parse(value: &[u8]) -> Result<Disposition, &'static str> {
    let (kind, rest) = split(value, |b| b == b';');
    let kind = kind.trim_ascii();
    if !is_token(kind) {
        return Err("`Content-Disposition` does not begin with a type");
    }
    let mut params = Params { rest };
    let (mut name, mut plain, mut extended) = (None, None, None);
    let mut sections: Vec<Section> = Vec::new();
    while let Some(param) = params.next()? {
        let text = || lossy(&param.value);
        let twice = match &*param.name {
            "name" => name.replace(text()).is_some(),
            "filename" => plain.replace(text()).is_some(),
            "filename*" => extended.replace(extended_value(&param.value)).is_some(),
            other => match Section::of(other, param.value) {
                Some(section) => {
                    let twice = sections.iter().any(|one| one.number == section.number);
                    sections.push(section);
                    twice
                }
                None => false,
            },
        };
        if twice {
            return Err("`Content-Disposition` has a parameter twice");
        }
    }
    let file_name = extended.flatten().or_else(|| joined(sections)).or(plain);
    let file_name = file_name.map(|name| last_segment(&name));
    Ok(Disposition { kind: lossy(kind).to_ascii_lowercase(), name, file_name })
}

struct Param {
    /// In lower case.
    name: String,
    /// Without its quotes and escapes.
    value: Vec<u8>,
}

struct Params<'a> {
    rest: &'a [u8],
}

impl Params<'_> {
    fn next(&mut self) -> Result<Option<Param>, &'static str> {
        while let [b';' | b' ' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (name, rest) = split(self.rest, |b| matches!(b, b'=' | b';'));
        let name = name.trim_ascii();
        let [b'=', rest @ ..] = rest else {
            return Err("a parameter of `Content-Disposition` has no value");
        };
        if !is_token(name) {
            return Err("a parameter of `Content-Disposition` has a malformed name");
        }
        let name = lossy(name).to_ascii_lowercase();
        let value = match rest.trim_ascii_start() {
            [b'"', quoted @ ..] => {
                let (value, rest) = unquote(quoted)?;
                self.rest = rest;
                value
            }
            bare => {
                let (value, rest) = split(bare, |b| b == b';');
                self.rest = rest;
                value.trim_ascii_end().to_vec()
            }
        };
        Ok(Some(Param { name, value }))
    }
}

/// The text up to the closing quote, and what follows it.
fn unquote(quoted: &[u8]) -> Result<(Vec<u8>, &[u8]), &'static str> {
    let mut text = Vec::new();
    let mut rest = quoted;
    loop {
        rest = match rest {
            [] => return Err("a quote of `Content-Disposition` is not closed"),
            [b'\\', b'"', behind @ ..] if !ends_value(behind) => {
                text.push(b'"');
                behind
            }
            [b'"', behind @ ..] if ends_value(behind) => return Ok((text, behind)),
            [b'"', ..] => return Err("a quote of `Content-Disposition` is closed too early"),
            [b'%', b'2', b'2', behind @ ..] => {
                text.push(b'"');
                behind
            }
            [b'%', b'0', b'D' | b'd', behind @ ..] => {
                text.push(b'\r');
                behind
            }
            [b'%', b'0', b'A' | b'a', behind @ ..] => {
                text.push(b'\n');
                behind
            }
            [byte, behind @ ..] => {
                text.push(*byte);
                behind
            }
        };
    }
}

fn ends_value(behind: &[u8]) -> bool {
    let next = behind.iter().find(|byte| !matches!(byte, b' ' | b'\t'));
    next.is_none_or(|byte| *byte == b';')
}

/// A piece of a file name that is cut into several parameters (RFC 2231 §3).
struct Section {
    number: usize,
    extended: bool,
    value: Vec<u8>,
}

impl Section {
    fn of(name: &str, value: Vec<u8>) -> Option<Self> {
        let number = name.strip_prefix("filename*")?;
        let (number, extended) = match number.strip_suffix('*') {
            Some(number) => (number, true),
            None => (number, false),
        };
        // No sign, no leading zero.
        let canonical = number == "0" || !number.starts_with('0');
        if !canonical || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(Self { number: number.parse().ok()?, extended, value })
    }
}

/// The sections put together, where none is missing.
fn joined(mut sections: Vec<Section>) -> Option<String> {
    sections.sort_by_key(|section| section.number);
    let first = sections.first()?;
    let charset = if first.extended { Charset::of(&first.value)?.0 } else { Charset::Utf8 };
    let mut bytes = Vec::new();
    for (number, section) in sections.iter().enumerate() {
        if section.number != number {
            return None;
        }
        match (section.extended, number) {
            (true, 0) => bytes.extend(percent_decoded(Charset::of(&section.value)?.1)?),
            (true, _) => bytes.extend(percent_decoded(&section.value)?),
            (false, _) => bytes.extend_from_slice(&section.value),
        }
    }
    charset.decode(bytes)
}

/// `charset'language'percent%20encoded` (RFC 8187 §3.2.1); `None` where it is not.
fn extended_value(value: &[u8]) -> Option<String> {
    let (charset, encoded) = Charset::of(value)?;
    charset.decode(percent_decoded(encoded)?)
}

enum Charset {
    Utf8,
    Latin1,
}

impl Charset {
    /// The charset before the first two `'`, and what follows them.
    fn of(value: &[u8]) -> Option<(Self, &[u8])> {
        let (charset, rest) = split(value, |b| b == b'\'');
        let (_language, rest) = split(rest.get(1..)?, |b| b == b'\'');
        let charset = match charset {
            utf8 if utf8.eq_ignore_ascii_case(b"utf-8") => Self::Utf8,
            latin1 if latin1.eq_ignore_ascii_case(b"iso-8859-1") => Self::Latin1,
            _ => return None,
        };
        Some((charset, rest.get(1..)?))
    }

    fn decode(&self, bytes: Vec<u8>) -> Option<String> {
        match self {
            Self::Utf8 => String::from_utf8(bytes).ok(),
            Self::Latin1 => Some(bytes.into_iter().map(char::from).collect()),
        }
    }
}

fn percent_decoded(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, behind @ ..] = rest {
        rest = match (byte, behind) {
            (b'%', [high, low, behind @ ..]) => {
                // Two hexadecimal digits fit in a byte.
                bytes.push((digit(high)? * 16 + digit(low)?) as u8);
                behind
            }
            (b'%', _) => return None,
            (byte, behind) => {
                bytes.push(*byte);
                behind
            }
        };
    }
    Some(bytes)
}

/// The name without folders of either kind, without a drive and without control characters; empty
/// where nothing is left that could name a file. Some senders give the whole path, and some give one
/// that leads elsewhere.
fn last_segment(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let last = match last.as_bytes() {
        [drive, b':', ..] if drive.is_ascii_alphabetic() => &last[2..],
        _ => last,
    };
    let last: String = last.chars().filter(|c| !c.is_control()).collect();
    if matches!(last.as_str(), "." | "..") { String::new() } else { last }
}

fn split(text: &[u8], at: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|byte| at(*byte)).unwrap_or(text.len()))
}

fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| crate::boundary::is_token_byte(*byte))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(params: &str) -> (Option<String>, Option<String>) {
        let disposition = parse(format!("form-data{params}").as_bytes()).unwrap();
        (disposition.name, disposition.file_name)
    }

    fn file_name(params: &str) -> String {
        read(params).1.unwrap()
    }

    #[test]
    fn names_are_read_as_browsers_and_others_write_them() {
        for (written, name) in [
            (r#"; name="a""#, "a"),
            (";name=a", "a"),
            (r#" ; NAME = "a;b" ; x=y"#, "a;b"),
            (r#"; name="a%22b%0D%0Ac%41""#, "a\"b\r\nc%41"),
            (r#"; name="a\"b""#, "a\"b"),
            (r#"; name="a\b\\""#, r"a\b\\"),
            (r#"; name="é""#, "é"),
            (r#"; name="""#, ""),
            (";; name=a;", "a"),
        ] {
            assert_eq!(read(written).0.as_deref(), Some(name), "{written}");
        }
        assert_eq!(parse(b"form-data; name=\"\xff\"").unwrap().name.unwrap(), "\u{fffd}");
    }

    #[test]
    fn file_names_have_no_folders() {
        for (written, name) in [
            (r#"; filename="C:\Users\ada\sea.png""#, "sea.png"),
            (r#"; filename="../../etc/passwd""#, "passwd"),
            (r#"; filename="\\server\share\x""#, "x"),
            (r#"; filename="c:x.txt""#, "x.txt"),
            (r#"; filename="..""#, ""),
            (r#"; filename="a/""#, ""),
            (r#"; filename="a%0Db""#, "ab"),
            ("; filename*=UTF-8''..%2f..%2fx", "x"),
        ] {
            assert_eq!(file_name(written), name, "{written}");
        }
    }

    #[test]
    fn extended_names_go_before_plain_ones_where_they_can_be_read() {
        let plain = r#"; filename="plain"; filename*="#;
        for (extended, name) in [
            ("UTF-8''%e2%82%AC.txt", "€.txt"),
            ("utf-8'en'a", "a"),
            ("ISO-8859-1''%e9", "é"),
            ("klingon''a", "plain"),
            ("UTF-8''%ff", "plain"),
            ("UTF-8''%e", "plain"),
            ("no quotes", "plain"),
        ] {
            assert_eq!(file_name(&format!("{plain}{extended}")), name, "{extended}");
        }
    }

    #[test]
    fn continued_names_are_joined_in_the_order_of_their_numbers() {
        let sections = "; filename*1=\"b%20\"; filename*0*=UTF-8''%c3%a9; filename*2*=%21";
        assert_eq!(file_name(sections), "éb%20!");
        assert_eq!(read("; filename*0=a; filename*2=c").1, None, "one is missing");
        assert_eq!(read("; filename*00=a; filename*+1=c").1, None);
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for bad in [
            "",
            "; name=a",
            "form-data; name=a; name=b",
            "form-data; filename=a; FILENAME=b",
            "form-data; filename*0=a; filename*0*=b",
            "form-data; name=\"a",
            "form-data; name=\"a\"b\"",
            "form-data; name",
            "form-data; na me=a",
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
