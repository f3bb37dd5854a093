//! The format language of lines, as Apache and aiohttp have it.

use std::fmt::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dunlin_core::Headers;

use super::AccessEntry;

/// A format, parsed once.
#[derive(Clone, Debug)]
pub(super) enum Format {
    Text(Vec<Part>),
    Json,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Part {
    Literal(String),
    Remote,
    Started,
    Pid,
    RequestLine,
    Status,
    Bytes,
    Seconds,
    SecondsFraction,
    Micros,
    Request(String),
    Response(String),
}

impl Format {
    /// Unknown directives stay as they are written.
    pub(super) fn parse(format: &str) -> Self {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = format;
        while let Some(at) = rest.find('%') {
            literal.push_str(&rest[..at]);
            rest = &rest[at..];
            let Some((part, len)) = directive(rest) else {
                literal.push('%');
                rest = &rest[1..];
                continue;
            };
            match part {
                Part::Literal(text) => literal.push_str(&text),
                part => {
                    if !literal.is_empty() {
                        parts.push(Part::Literal(std::mem::take(&mut literal)));
                    }
                    parts.push(part);
                }
            }
            rest = &rest[len..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Self::Text(parts)
    }

    pub(super) fn line(&self, entry: &AccessEntry<'_>) -> String {
        let mut line = String::with_capacity(160);
        match self {
            Self::Text(parts) => parts.iter().for_each(|part| part.write(entry, &mut line)),
            Self::Json => json(entry, &mut line),
        }
        line
    }
}

/// The directive that `text` begins with, and its length.
fn directive(text: &str) -> Option<(Part, usize)> {
    if let Some(named) = text.strip_prefix("%{") {
        let end = named.find('}')?;
        let name = named[..end].to_owned();
        let part = match named[end + 1..].chars().next()? {
            'i' => Part::Request(name),
            'o' => Part::Response(name),
            // What is in the environment does not change: it is looked up once.
            'e' => {
                let value = std::env::var_os(name);
                let mut text = String::new();
                match value {
                    Some(value) => escape(value.as_encoded_bytes(), &mut text),
                    None => text.push('-'),
                }
                Part::Literal(text)
            }
            _ => return None,
        };
        return Some((part, end + 4));
    }
    if text.starts_with("%Tf") {
        return Some((Part::SecondsFraction, 3));
    }
    let part = match text[1..].chars().next()? {
        '%' => Part::Literal("%".into()),
        'a' => Part::Remote,
        't' => Part::Started,
        'P' => Part::Pid,
        'r' => Part::RequestLine,
        's' => Part::Status,
        'b' => Part::Bytes,
        'T' => Part::Seconds,
        'D' => Part::Micros,
        _ => return None,
    };
    Some((part, 2))
}

impl Part {
    /// Writing to a string does not fail.
    fn write(&self, entry: &AccessEntry<'_>, line: &mut String) {
        let head = entry.head;
        let _ = match self {
            Self::Literal(text) => line.write_str(text),
            Self::Remote => match entry.peer {
                Some(peer) => write!(line, "{}", peer.ip()),
                None => line.write_str("-"),
            },
            Self::Started => clf_time(entry.started, line),
            Self::Pid => write!(line, "{}", std::process::id()),
            Self::RequestLine => {
                escape(head.method().as_str().as_bytes(), line);
                line.push(' ');
                escape(head.target().as_bytes(), line);
                write!(line, " {:?}", head.version())
            }
            Self::Status => write!(line, "{}", entry.status.as_u16()),
            Self::Bytes => write!(line, "{}", entry.bytes),
            Self::Seconds => write!(line, "{}", entry.took.as_secs()),
            Self::SecondsFraction => write!(line, "{:.6}", entry.took.as_secs_f64()),
            Self::Micros => write!(line, "{}", entry.took.as_micros()),
            Self::Request(name) => field(Some(head.headers()), name, line),
            Self::Response(name) => field(entry.response, name, line),
        };
    }
}

fn field(headers: Option<&Headers>, name: &str, line: &mut String) -> std::fmt::Result {
    match headers.and_then(|headers| headers.get(name)) {
        None => line.write_str("-"),
        Some(value) => {
            escape(value, line);
            Ok(())
        }
    }
}

/// Writes what a peer has sent so that it can neither end the line nor look like another part of it: visible
/// ASCII and blanks as they are, `"` and `\` behind a `\`, all other bytes as `\xHH`.
fn escape(bytes: &[u8], line: &mut String) {
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => {
                line.push('\\');
                line.push(char::from(byte));
            }
            b' '..=b'~' => line.push(char::from(byte)),
            _ => {
                let _ = write!(line, "\\x{byte:02x}");
            }
        }
    }
}

fn json(entry: &AccessEntry<'_>, line: &mut String) {
    let head = entry.head;
    line.push_str("{\"time\":\"");
    let _ = rfc3339(entry.started, line);
    line.push('"');
    let mut text = |name: &str, value: Option<&[u8]>| {
        let _ = write!(line, ",\"{name}\":");
        match value {
            None => line.push_str("null"),
            Some(value) => quote(&String::from_utf8_lossy(value), line),
        }
    };
    let remote = entry.peer.map(|peer| peer.ip().to_string());
    text("remote", remote.as_deref().map(str::as_bytes));
    text("method", Some(head.method().as_str().as_bytes()));
    text("target", Some(head.target().as_bytes()));
    text("version", Some(format!("{:?}", head.version()).as_bytes()));
    text("host", head.headers().get("host"));
    text("referer", head.headers().get("referer"));
    text("user_agent", head.headers().get("user-agent"));
    text("pattern", Some(entry.pattern.as_bytes()).filter(|pattern| !pattern.is_empty()));
    text("request_id", entry.request_id.map(str::as_bytes));
    let _ = write!(
        line,
        ",\"status\":{},\"bytes\":{},\"duration_us\":{},\"complete\":{}}}",
        entry.status.as_u16(),
        entry.bytes,
        entry.took.as_micros(),
        entry.complete
    );
}

/// A JSON string (RFC 8259 §7), with what ends a line for some readers escaped too.
fn quote(text: &str, line: &mut String) {
    line.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                line.push('\\');
                line.push(c);
            }
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                let _ = write!(line, "\\u{:04x}", u32::from(c));
            }
            c => line.push(c),
        }
    }
    line.push('"');
}

/// Year, month and day of a day since 1970 (the proleptic Gregorian calendar).
fn civil(days: u64) -> (u64, usize, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + u64::from(month <= 2), month as usize, day)
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// `[23/Nov/2026:03:25:04 +0000]`.
fn clf_time(time: SystemTime, line: &mut String) -> std::fmt::Result {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = since_epoch(time).as_secs();
    let (year, month, day) = civil(seconds / 86_400);
    let month = MONTHS.get(month - 1).copied().unwrap_or("");
    let (h, m, s) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    write!(line, "[{day:02}/{month}/{year}:{h:02}:{m:02}:{s:02} +0000]")
}

/// `2026-11-23T03:25:04.123Z`.
fn rfc3339(time: SystemTime, line: &mut String) -> std::fmt::Result {
    let since = since_epoch(time);
    let seconds = since.as_secs();
    let (year, month, day) = civil(seconds / 86_400);
    let (h, m, s) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    write!(line, "{year}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{:03}Z", since.subsec_millis())
}

#[cfg(test)]
mod tests {
    use dunlin_core::RequestHead;
    use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};

    use super::*;

    fn entry<'a>(head: &'a RequestHead, response: &'a Headers) -> AccessEntry<'a> {
        AccessEntry {
            peer: Some("192.0.2.7:4711".parse().unwrap()),
            head,
            pattern: "/a",
            started: UNIX_EPOCH + Duration::from_millis(1_795_404_304_123),
            took: Duration::from_micros(1_234_567),
            status: StatusCode::OK,
            bytes: 42,
            complete: true,
            response: Some(response),
            request_id: Some("r-1"),
            line: &Format::Json,
        }
    }

    fn head(fields: &[(&'static str, &[u8])]) -> RequestHead {
        let mut head = RequestHead::new(Method::GET, Uri::from_static("/a?b=c"));
        for (name, value) in fields {
            let value = HeaderValue::from_bytes(value).unwrap();
            head.headers_mut().append(HeaderName::from_static(name), value);
        }
        head
    }

    #[test]
    fn every_directive_is_what_it_stands_for_and_others_stay() {
        let head = head(&[("user-agent", b"curl")]);
        let response =
            Headers::from_iter([(HeaderName::from_static("x-a"), HeaderValue::from_static("b"))]);
        let pid = std::process::id().to_string();
        for (format, want) in [
            ("%a", "192.0.2.7"),
            ("%t", "[23/Nov/2026:03:25:04 +0000]"),
            ("%P", &pid),
            ("%r", "GET /a?b=c HTTP/1.1"),
            ("%s %b", "200 42"),
            ("%T %Tf %D", "1 1.234567 1234567"),
            ("%{User-Agent}i|%{Referer}i", "curl|-"),
            ("%{X-A}o|%{X-B}o", "b|-"),
            ("%{DUNLIN_NO_SUCH_VARIABLE}e", "-"),
            ("100%%", "100%"),
            ("%O %{X} %{X}q %z %", "%O %{X} %{X}q %z %"),
            ("é%sé", "é200é"),
            ("", ""),
        ] {
            assert_eq!(Format::parse(format).line(&entry(&head, &response)), want, "{format}");
        }
    }

    #[test]
    fn nothing_that_a_peer_sends_ends_a_line_or_a_quote() {
        let evil = head(&[("user-agent", b"a\"b\\c\td\xff\xc2\x85 \xe2\x80\xa8")]);
        let none = Headers::new();
        let line = Format::parse("\"%{User-Agent}i\"").line(&entry(&evil, &none));
        assert_eq!(line, r#""a\"b\\c\x09d\xff\xc2\x85 \xe2\x80\xa8""#);
        let json = Format::Json.line(&entry(&evil, &none));
        assert!(json.contains(r#""user_agent":"a\"b\\c\u0009d"#), "{json}");
        assert!(json.chars().all(|c| !c.is_control() && c != '\u{2028}'), "{json}");
    }

    #[test]
    fn a_json_line_has_all_of_it() {
        let head = head(&[("host", b"a.example")]);
        let line = Format::Json.line(&entry(&head, &Headers::new()));
        assert_eq!(
            line,
            concat!(
                r#"{"time":"2026-11-23T03:25:04.123Z","remote":"192.0.2.7","method":"GET","#,
                r#""target":"/a?b=c","version":"HTTP/1.1","host":"a.example","referer":null,"#,
                r#""user_agent":null,"pattern":"/a","request_id":"r-1","status":200,"bytes":42,"#,
                r#""duration_us":1234567,"complete":true}"#
            )
        );
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (days, date) in [
            (0, (1970, 1, 1)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (19_782, (2024, 2, 29)),
            (47_540, (2100, 2, 28)),
            (47_541, (2100, 3, 1)),
        ] {
            assert_eq!(civil(days), date, "{days}");
        }
    }
}
