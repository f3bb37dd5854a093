//! `Content-Transfer-Encoding` of a part (RFC 2045 §6), taken off piece by piece.

use bytes::Bytes;

/// How the bytes of a part are encoded.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Transfer {
    /// 7bit, 8bit, binary: as they are.
    #[default]
    Identity,
    Base64(Base64),
    Quoted(Quoted),
}

/// A byte that is outside the encoding; 0 where the end came too soon.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Malformed {
    pub(super) encoding: &'static str,
    pub(super) byte: u8,
}

impl Transfer {
    /// The encoding of that name; `None` where it is unknown.
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        let is = |known: &str| name.trim_ascii().eq_ignore_ascii_case(known.as_bytes());
        if is("7bit") || is("8bit") || is("binary") {
            Some(Self::Identity)
        } else if is("base64") {
            Some(Self::Base64(Base64::default()))
        } else if is("quoted-printable") {
            Some(Self::Quoted(Quoted::Plain))
        } else {
            None
        }
    }

    /// Decodes the next piece, which may come out empty.
    pub(super) fn decode(&mut self, data: Bytes) -> Result<Bytes, Malformed> {
        match self {
            Self::Identity => Ok(data),
            Self::Base64(base64) => base64.decode(&data).map(Bytes::from),
            Self::Quoted(quoted) => quoted.decode(&data).map(Bytes::from),
        }
    }

    /// Checks that the encoding may end here.
    pub(super) fn end(&self) -> Result<(), Malformed> {
        match self {
            Self::Base64(Base64 { digits: 1.., .. }) => {
                Err(Malformed { encoding: BASE64, byte: 0 })
            }
            Self::Quoted(Quoted::Equals | Quoted::High(_)) => {
                Err(Malformed { encoding: QUOTED_PRINTABLE, byte: 0 })
            }
            _ => Ok(()),
        }
    }
}

const BASE64: &str = "base64";
const QUOTED_PRINTABLE: &str = "quoted-printable";

/// Base64 in lines of any length; nothing but blanks and line ends stands between its digits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Base64 {
    bits: u32,
    /// Digits of the present four, padding included.
    digits: u8,
    /// `=` of the present four.
    padding: u8,
    ended: bool,
}

impl Base64 {
    fn decode(&mut self, data: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut out = Vec::with_capacity(data.len() / 4 * 3 + 3);
        for &byte in data {
            let malformed = Malformed { encoding: BASE64, byte };
            let value = match byte {
                b' ' | b'\t' | b'\r' | b'\n' => continue,
                _ if self.ended => return Err(malformed),
                b'=' if self.digits >= 2 => {
                    self.padding += 1;
                    0
                }
                _ if self.padding > 0 => return Err(malformed),
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return Err(malformed),
            };
            self.bits = self.bits << 6 | u32::from(value);
            self.digits += 1;
            if self.digits == 4 {
                let [_, bytes @ ..] = self.bits.to_be_bytes();
                out.extend_from_slice(&bytes[..3 - usize::from(self.padding)]);
                self.ended = self.padding > 0;
                (self.bits, self.digits, self.padding) = (0, 0, 0);
            }
        }
        Ok(out)
    }
}

/// Quoted-printable. Blanks at the end of a line are kept: HTTP adds none on the way.
#[derive(Clone, Copy, Debug)]
pub(super) enum Quoted {
    Plain,
    /// Behind `=`.
    Equals,
    /// Behind `=` and one hexadecimal digit.
    High(u8),
    /// Behind `=` and blanks: the line end that follows is none.
    Soft,
    /// Behind `=` and CR.
    SoftCr,
}

impl Quoted {
    fn decode(&mut self, data: &[u8]) -> Result<Vec<u8>, Malformed> {
        // A digit is at most 15.
        let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
        let mut out = Vec::with_capacity(data.len());
        for &byte in data {
            let malformed = Malformed { encoding: QUOTED_PRINTABLE, byte };
            *self = match (*self, byte) {
                (Self::Plain, b'=') => Self::Equals,
                (Self::Plain, byte) => {
                    out.push(byte);
                    Self::Plain
                }
                (Self::Equals | Self::Soft, b' ' | b'\t') => Self::Soft,
                (Self::Equals | Self::Soft, b'\r') => Self::SoftCr,
                (Self::Equals | Self::Soft | Self::SoftCr, b'\n') => Self::Plain,
                (Self::Soft | Self::SoftCr, _) => return Err(malformed),
                (Self::Equals, byte) => Self::High(digit(byte).ok_or(malformed)?),
                (Self::High(high), byte) => {
                    out.push(high << 4 | digit(byte).ok_or(malformed)?);
                    Self::Plain
                }
            };
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes pieces of `read` bytes, then the end.
    fn decoded(name: &str, text: &str, read: usize) -> Result<Vec<u8>, Malformed> {
        let mut transfer = Transfer::named(name.as_bytes()).unwrap();
        let mut out = Vec::new();
        for piece in text.as_bytes().chunks(read) {
            out.extend(transfer.decode(Bytes::copy_from_slice(piece))?);
        }
        transfer.end().map(|()| out)
    }

    #[test]
    fn base64_is_read_over_line_ends_and_cuts() {
        for read in 1..9 {
            assert_eq!(
                decoded("Base64", "aGVs\r\nbG8g d29y\nbGQ=\r\n", read).unwrap(),
                b"hello world"
            );
            assert_eq!(decoded("base64", "AA==", read).unwrap(), [0]);
            assert_eq!(decoded("base64", "", read).unwrap(), b"");
            for bad in ["a", "ab", "abc", "ab=c", "a===", "ab==cd==", "ab*d", "=", "ab=\r\n"] {
                assert!(decoded("base64", bad, read).is_err(), "{bad}");
            }
        }
    }

    #[test]
    fn quoted_printable_is_read_over_line_ends_and_cuts() {
        for read in 1..9 {
            let text = "caf=C3=a9 =3D=20=\r\n on=  \n e\r\ntwo";
            assert_eq!(
                decoded("quoted-printable", text, read).unwrap(),
                "café =  on e\r\ntwo".as_bytes()
            );
            for bad in ["=", "=4", "=4g", "=g4", "= x", "=\rx"] {
                assert!(decoded("quoted-printable", bad, read).is_err(), "{bad}");
            }
        }
    }

    #[test]
    fn other_encodings_are_unknown() {
        assert!(Transfer::named(b"x-uuencode").is_none());
        assert!(matches!(Transfer::named(b" 8BIT "), Some(Transfer::Identity)));
    }
}
