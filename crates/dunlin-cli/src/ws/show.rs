//! A message as a line.

use std::fmt::Write;

use dunlin::websocket::Message;

use crate::text::printable;

/// The line for a message, its end included. For a terminal, control characters are escaped.
pub(super) fn line(message: &Message, for_terminal: bool) -> Vec<u8> {
    let mut line = match message {
        Message::Binary(bytes) => {
            let mut line = String::with_capacity(8 + 2 * bytes.len());
            line.push_str("binary: ");
            for byte in bytes {
                let _ = write!(line, "{byte:02x}");
            }
            line.into_bytes()
        }
        Message::Text(text) if for_terminal => {
            // A text of several lines is one on a terminal too, and not an attack.
            let lines: Vec<String> = text.lines().map(|line| printable(line.as_bytes())).collect();
            lines.join("\n").into_bytes()
        }
        Message::Text(text) => text.as_bytes().to_vec(),
    };
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_as_digits_and_text_as_it_is() {
        assert_eq!(line(&Message::from(vec![0, 0xff, 0x41]), false), b"binary: 00ff41\n");
        assert_eq!(line(&Message::from("a\x1b[1m"), false), b"a\x1b[1m\n");
        assert_eq!(line(&Message::from("a\x1b[1m\nb"), true), b"a\\u{1b}[1m\nb\n");
    }
}
