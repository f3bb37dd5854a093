//! One event as it is written (WHATWG HTML §9.2.5).

use std::fmt::Write;
use std::time::Duration;

/// An event of a [`Sse`](crate::Sse) stream.
///
/// ```
/// use dunlin_web::SseEvent;
///
/// let event = SseEvent::new("one\ntwo").name("tick")?.id("7")?;
/// assert_eq!(event.to_string(), "data: one\ndata: two\nevent: tick\nid: 7\n\n");
/// # Ok::<(), dunlin_web::SseEventError>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SseEvent(String);

/// Text that would end its line, and so begin another field.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SseEventError {
    /// A name with a line break.
    #[error("line break at byte {at} of an event's name")]
    Name {
        /// Where it is.
        at: usize,
    },
    /// An id with a line break, or with NUL, which clients pass over.
    #[error("line break or NUL at byte {at} of an event's id")]
    Id {
        /// Where it is.
        at: usize,
    },
}

impl SseEvent {
    /// An event with that data, which may have any number of lines, ended by LF, CRLF or CR: clients get
    /// LF in their place.
    pub fn new(data: impl AsRef<str>) -> Self {
        let mut event = Self::default();
        event.push("data", data.as_ref());
        event
    }

    /// An event whose data is JSON.
    ///
    /// # Errors
    ///
    /// Where the value cannot be serialised.
    #[cfg(feature = "json")]
    pub fn json(value: &impl serde::Serialize) -> serde_json::Result<Self> {
        serde_json::to_string(value).map(Self::new)
    }

    /// Lines that clients pass over; no event is seen.
    pub fn comment(text: impl AsRef<str>) -> Self {
        let mut event = Self::default();
        event.push("", text.as_ref());
        event
    }

    /// The event's name, which clients listen for. Default: `message`.
    ///
    /// # Errors
    ///
    /// [`SseEventError::Name`] where it has a line break.
    pub fn name(mut self, name: impl AsRef<str>) -> Result<Self, SseEventError> {
        let name = name.as_ref();
        if let Some(at) = name.find(['\r', '\n']) {
            return Err(SseEventError::Name { at });
        }
        self.push("event", name);
        Ok(self)
    }

    /// The event's id, which a client that comes back names as [`LastEventId`](crate::LastEventId). An empty
    /// one takes back what was said before.
    ///
    /// # Errors
    ///
    /// [`SseEventError::Id`] where it has a line break or NUL.
    pub fn id(mut self, id: impl AsRef<str>) -> Result<Self, SseEventError> {
        let id = id.as_ref();
        if let Some(at) = id.find(['\r', '\n', '\0']) {
            return Err(SseEventError::Id { at });
        }
        self.push("id", id);
        Ok(self)
    }

    /// How long clients wait before they connect again, to the millisecond.
    #[must_use]
    pub fn retry(mut self, after: Duration) -> Self {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "retry: {}", after.as_millis());
        self
    }

    fn push(&mut self, field: &str, text: &str) {
        let mut rest = Some(text);
        while let Some(text) = rest {
            let (line, behind) = match text.find(['\r', '\n']) {
                None => (text, None),
                Some(at) => {
                    let len = if text[at..].starts_with("\r\n") { 2 } else { 1 };
                    (&text[..at], Some(&text[at + len..]))
                }
            };
            // The blank behind the colon is taken off again: a line may begin with one of its own.
            let _ = writeln!(self.0, "{field}: {line}");
            rest = behind;
        }
    }

    pub(super) fn into_bytes(mut self) -> bytes::Bytes {
        self.0.push('\n');
        self.0.into()
    }
}

/// As it goes over the wire.
impl std::fmt::Display for SseEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_break_splits_the_data_and_none_is_lost() {
        for (data, want) in [
            ("", "data: \n\n"),
            ("one", "data: one\n\n"),
            (" indented", "data:  indented\n\n"),
            ("a\nb\r\nc\rd", "data: a\ndata: b\ndata: c\ndata: d\n\n"),
            ("a\n", "data: a\ndata: \n\n"),
            ("\r\n\r\n", "data: \ndata: \ndata: \n\n"),
            ("a\n\rb", "data: a\ndata: \ndata: b\n\n"),
            ("x\nid: 9\n\ndata: forged", "data: x\ndata: id: 9\ndata: \ndata: data: forged\n\n"),
        ] {
            assert_eq!(SseEvent::new(data).to_string(), want, "{data:?}");
        }
        assert_eq!(SseEvent::comment("a\nb").to_string(), ": a\n: b\n\n");
    }

    #[test]
    fn names_and_ids_that_would_end_their_line_are_refused() {
        for bad in ["a\nb", "a\rb", "\r\n"] {
            let at = bad.find(['\r', '\n']).unwrap();
            assert_eq!(SseEvent::new("x").name(bad), Err(SseEventError::Name { at }));
            assert_eq!(SseEvent::new("x").id(bad), Err(SseEventError::Id { at }));
        }
        assert_eq!(SseEvent::new("x").id("7\0"), Err(SseEventError::Id { at: 1 }));
        let event = SseEvent::default().id("").unwrap().retry(Duration::from_millis(1_500));
        assert_eq!(event.to_string(), "id: \nretry: 1500\n\n");
    }

    #[cfg(feature = "json")]
    #[test]
    fn json_is_one_line_of_data() {
        let event = SseEvent::json(&serde_json::json!({"text": "a\nb"})).unwrap();
        assert_eq!(event.to_string(), "data: {\"text\":\"a\\nb\"}\n\n");
    }
}
