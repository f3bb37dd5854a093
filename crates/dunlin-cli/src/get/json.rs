//! JSON with indentation and colours.
//!
//! It is painted token by token: names keep their order, and numbers all of their digits.

use serde::de::IgnoredAny;

const NAME: &str = "\x1b[34m";
const STRING: &str = "\x1b[32m";
const NUMBER: &str = "\x1b[36m";
const WORD: &str = "\x1b[35m";
const PLAIN: &str = "\x1b[0m";

/// A JSON text indented by two and coloured, with a line break at its end; `None` for what is none.
pub(super) fn paint(json: &[u8]) -> Option<String> {
    // From here on it is known to be well-formed: what follows looks for the ends of tokens alone.
    serde_json::from_slice::<IgnoredAny>(json).ok()?;
    let text = std::str::from_utf8(json).ok()?;
    let mut painter = Painter { out: String::with_capacity(text.len() * 2), depth: 0 };
    painter.paint(text);
    painter.out.push('\n');
    Some(painter.out)
}

struct Painter {
    out: String,
    depth: usize,
}

impl Painter {
    fn paint(&mut self, text: &str) {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let len = match first {
                '"' => string_len(rest),
                '{' | '[' | '}' | ']' | ',' | ':' => 1,
                _ => rest.find([',', '}', ']', ' ', '\t', '\r', '\n']).unwrap_or(rest.len()),
            };
            let (token, behind) = rest.split_at(len);
            rest = behind.trim_start();
            match first {
                '{' | '[' if rest.starts_with(['}', ']']) => {
                    self.out.push(first);
                    self.out.push_str(&rest[..1]);
                    rest = rest[1..].trim_start();
                }
                '{' | '[' => {
                    self.out.push(first);
                    self.depth += 1;
                    self.line();
                }
                '}' | ']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.line();
                    self.out.push(first);
                }
                ',' => {
                    self.out.push(',');
                    self.line();
                }
                ':' => self.out.push_str(": "),
                '"' if rest.starts_with(':') => self.colored(NAME, token),
                '"' => self.colored(STRING, token),
                't' | 'f' | 'n' => self.colored(WORD, token),
                _ => self.colored(NUMBER, token),
            }
        }
    }

    fn line(&mut self) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n("  ", self.depth));
    }

    fn colored(&mut self, color: &str, token: &str) {
        self.out.push_str(color);
        for c in token.chars() {
            match c {
                // Those that JSON allows unescaped, and that terminals act on: U+007F to U+009F.
                c if c.is_control() => self.out.push_str(&format!("\\u{:04x}", c as u32)),
                c => self.out.push(c),
            }
        }
        self.out.push_str(PLAIN);
    }
}

/// The length of the string that `text` begins with, quotes included.
fn string_len(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(json: &str) -> Option<String> {
        let mut text = paint(json.as_bytes())?;
        for color in [NAME, STRING, NUMBER, WORD, PLAIN] {
            text = text.replace(color, "");
        }
        Some(text)
    }

    #[test]
    fn names_keep_their_order_and_numbers_their_digits() {
        let json = r#"{"z":1.0000000000000000001,"a":[true,null,{}, [ ]],"big":123456789012345678901234567890}"#;
        let expected = "{\n  \"z\": 1.0000000000000000001,\n  \"a\": [\n    true,\n    null,\n    {},\n    []\n  ],\n  \"big\": 123456789012345678901234567890\n}\n";
        assert_eq!(plain(json).as_deref(), Some(expected));
    }

    #[test]
    fn each_kind_has_its_color() {
        let text = paint(br#"{"k":"v","n":-1e5,"t":true}"#).unwrap();
        for part in ["\x1b[34m\"k\"", "\x1b[32m\"v\"", "\x1b[36m-1e5", "\x1b[35mtrue"] {
            assert!(text.contains(part), "{part:?} in {text:?}");
        }
    }

    #[test]
    fn what_is_in_strings_is_left_alone() {
        let json = r#""a\\\" {,:} [1]""#;
        assert_eq!(plain(json).as_deref(), Some("\"a\\\\\\\" {,:} [1]\"\n"));
        assert_eq!(plain("\"\u{9b}31m\"").as_deref(), Some("\"\\u009b31m\"\n"));
    }

    #[test]
    fn what_is_no_json_is_not_painted() {
        for wrong in ["", "{", "[1,]", "nul", "{}{}", "\"\x1b\""] {
            assert_eq!(paint(wrong.as_bytes()), None, "{wrong:?}");
        }
        assert_eq!(paint(b"\"\xff\""), None);
        // As deep as the parser goes, and no deeper.
        assert_eq!(paint("[".repeat(100_000).as_bytes()), None);
    }
}
