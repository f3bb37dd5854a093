//! Standard input, line by line.

use std::io::{self, BufRead};

use tokio::sync::mpsc::{Receiver, channel};

/// Lines that may wait to be sent.
const AHEAD: usize = 16;

/// The lines, without their ends; closed at the end of the input.
///
/// They are read by a thread of their own, which nobody waits for: a read from a terminal cannot be called off.
pub(super) fn lines() -> Receiver<io::Result<String>> {
    let (sender, receiver) = channel(AHEAD);
    std::thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        loop {
            let mut line = Vec::new();
            let read = match stdin.read_until(b'\n', &mut line) {
                Ok(0) => return,
                Ok(_) => String::from_utf8(without_end(line))
                    .map_err(|_| io::Error::other("a line is no UTF-8, which text messages are")),
                Err(error) => Err(error),
            };
            let is_last = read.is_err();
            if sender.blocking_send(read).is_err() || is_last {
                return;
            }
        }
    });
    receiver
}

fn without_end(mut line: Vec<u8>) -> Vec<u8> {
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_end_of_a_line_is_taken_off() {
        for (line, left) in [("a\n", "a"), ("a\r\n", "a"), ("a", "a"), ("\n", ""), ("a\r", "a\r")] {
            assert_eq!(without_end(line.into()), left.as_bytes());
        }
    }
}
