//! What is sent and received: text and bytes.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;

use crate::error::Error;

/// A whole message.
///
/// ```
/// use dunlin_websocket::Message;
///
/// let message = Message::from("hello");
/// assert_eq!(message.as_text(), Some("hello"));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Message {
    /// A text message.
    Text(Text),
    /// A binary message.
    Binary(Bytes),
}

impl Message {
    /// The text, where it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// The payload, whatever it is.
    pub fn as_bytes(&self) -> &Bytes {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// The payload, whatever it is.
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    pub(crate) fn into_text(self) -> Result<Text, Error> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Binary(_) => Err(Error::WrongKind { expected: "text" }),
        }
    }

    pub(crate) fn into_binary(self) -> Result<Bytes, Error> {
        match self {
            Self::Binary(bytes) => Ok(bytes),
            Self::Text(_) => Err(Error::WrongKind { expected: "binary" }),
        }
    }

    /// A text message that holds the value as JSON, such as for [`Room::broadcast`](crate::Room::broadcast).
    ///
    /// # Errors
    ///
    /// [`Error::Json`] for a value that JSON has no form for, such as a map whose keys are no strings.
    #[cfg(feature = "json")]
    pub fn from_json<T: serde::Serialize + ?Sized>(value: &T) -> Result<Self, Error> {
        Ok(serde_json::to_string(value).map_err(Error::Json)?.into())
    }

    /// The value that the message holds as JSON, be it text or binary.
    ///
    /// ```
    /// use dunlin_websocket::Message;
    ///
    /// let message = Message::from_json(&("knot", 7))?;
    /// assert_eq!(message.as_text(), Some(r#"["knot",7]"#));
    /// assert_eq!(message.json::<(String, u32)>()?.1, 7);
    /// # Ok::<(), dunlin_websocket::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Json`] where it is malformed or does not fit `T`.
    #[cfg(feature = "json")]
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(self.as_bytes()).map_err(Error::Json)
    }

    /// Bytes of payload.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the payload is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A part of a message that is received in parts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Part {
    /// What has come; text is cut between characters. It may be empty in the last part.
    pub data: Message,
    /// Whether the message ends with it.
    pub is_last: bool,
}

impl From<Text> for Message {
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes.into())
    }
}

impl From<&[u8]> for Message {
    fn from(bytes: &[u8]) -> Self {
        Self::Binary(Bytes::copy_from_slice(bytes))
    }
}

/// UTF-8 in a buffer that is cheap to clone.
///
/// It was checked when it was made. Turning it into a [`str`] checks it again, because this crate has no
/// `unsafe` code: about 15 ns for 1 KiB. Passing it on does not.
#[derive(Clone, Default, Eq, Hash, PartialEq)]
pub struct Text(Bytes);

impl Text {
    /// Text of a literal, without a copy.
    pub const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// For bytes that were checked piece by piece.
    pub(crate) fn from_checked(bytes: Bytes) -> Self {
        debug_assert!(std::str::from_utf8(&bytes).is_ok());
        Self(bytes)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        // Only checked bytes get in, so the default is never taken.
        simdutf8::basic::from_utf8(&self.0).unwrap_or_default()
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// Its bytes.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into_bytes().into())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

/// Bytes that may be UTF-8; they are checked.
impl TryFrom<Bytes> for Text {
    type Error = std::str::Utf8Error;

    fn try_from(bytes: Bytes) -> Result<Self, Self::Error> {
        match simdutf8::basic::from_utf8(&bytes) {
            Ok(_) => Ok(Self(bytes)),
            // The slow one tells where.
            Err(_) => std::str::from_utf8(&bytes).map(|_| Self::default()),
        }
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_utf8_becomes_text() {
        assert_eq!(Text::try_from(Bytes::from_static("hé".as_bytes())).unwrap(), "hé");
        assert_eq!(Text::try_from(Bytes::from_static(b"h\xff")).unwrap_err().valid_up_to(), 1);
    }
}
