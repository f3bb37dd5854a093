//! The parser (WHATWG HTML §9.2.5 and §9.2.6).

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use memchr::memchr2;

/// One event of a stream.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Event {
    /// What `event` said of it; empty where there was none. See [`name`](Self::name).
    pub event: String,
    /// The lines of `data`, joined by newlines.
    pub data: String,
    /// The last `id` of the stream up to here, its own or that of an event before it; empty where
    /// there was none. Shared by all events up to the next `id`, because each has it.
    pub id: Arc<str>,
}

impl Event {
    /// The type that listeners are registered for: [`event`](Self::event), else `message`.
    pub fn name(&self) -> &str {
        if self.event.is_empty() { "message" } else { &self.event }
    }
}

/// Upper bounds that [`EventParser`] enforces on one event, in bytes.
///
/// ```
/// let limits = dunlin_client::sse::EventLimits::default().max_event_bytes(64 * 1024);
/// assert_eq!(limits.max_line_bytes, 1024 * 1024);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EventLimits {
    /// One line without its end, comments included. Default: 1 MiB.
    pub max_line_bytes: usize,
    /// All data of one event. Default: 4 MiB.
    pub max_event_bytes: usize,
}

impl EventLimits {
    /// Sets [`max_line_bytes`](Self::max_line_bytes).
    pub fn max_line_bytes(mut self, max: usize) -> Self {
        self.max_line_bytes = max;
        self
    }

    /// Sets [`max_event_bytes`](Self::max_event_bytes).
    pub fn max_event_bytes(mut self, max: usize) -> Self {
        self.max_event_bytes = max;
        self
    }
}

impl Default for EventLimits {
    fn default() -> Self {
        Self { max_line_bytes: 1024 * 1024, max_event_bytes: 4 * 1024 * 1024 }
    }
}

/// Takes the events off a stream, wherever its reads split it.
///
/// Bytes are looked at once, so the work is linear; a line that is not whole waits in the parser up
/// to [`EventLimits::max_line_bytes`]. An event that is not ended by an empty line is never given,
/// even when the stream ends.
#[derive(Debug, Default)]
pub struct EventParser {
    limits: EventLimits,
    input: BytesMut,
    /// How much of `input` is known to have no line end.
    scanned: usize,
    /// Whether a line has been read, so that no byte order mark can come any more.
    begun: bool,
    /// Whether the last line ended in CR, so that an LF at the front belongs to it.
    after_cr: bool,
    failed: Option<EventError>,
    fields: Fields,
}

/// The buffers that the specification has, and what they were flushed to.
#[derive(Debug, Default)]
struct Fields {
    event: String,
    data: String,
    /// As the lines say; counts from the next empty line on.
    id: Arc<str>,
    last_event_id: Arc<str>,
    retry: Option<Duration>,
}

impl EventParser {
    /// A parser at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// A parser with other limits.
    pub fn with_limits(limits: EventLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Takes what was read. Then [`next_event`](Self::next_event) is to be called until it has no
    /// more, so that little waits here.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.input.extend_from_slice(bytes);
        }
    }

    /// The next event. `Ok(None)` means that more bytes are needed.
    ///
    /// # Errors
    ///
    /// [`EventError`] past a limit, again and again: the rest of the stream cannot be read, because
    /// where its next event begins was not looked for.
    pub fn next_event(&mut self) -> Result<Option<Event>, EventError> {
        match self.failed {
            Some(error) => Err(error),
            None => self.advance().inspect_err(|&error| {
                self.failed = Some(error);
                self.input = BytesMut::new();
            }),
        }
    }

    /// What `Last-Event-ID` should be when the stream is asked for again: the last `id` that an
    /// empty line followed. Empty where there is none.
    pub fn last_event_id(&self) -> &str {
        &self.fields.last_event_id
    }

    /// How long to wait before the stream is asked for again, if the server has said so.
    pub fn retry(&self) -> Option<Duration> {
        self.fields.retry
    }

    /// Begins a new stream: drops what is not whole, keeps the last event id and the retry time.
    pub fn reset(&mut self) {
        let Fields { last_event_id, retry, .. } = std::mem::take(&mut self.fields);
        let fields =
            Fields { id: last_event_id.clone(), last_event_id, retry, ..Fields::default() };
        *self = Self { limits: self.limits, fields, ..Self::default() };
    }

    fn advance(&mut self) -> Result<Option<Event>, EventError> {
        let limit = self.limits.max_line_bytes;
        loop {
            if self.after_cr && !self.input.is_empty() {
                self.after_cr = false;
                if self.input[0] == b'\n' {
                    self.input.advance(1);
                }
            }
            let Some(found) = memchr2(b'\r', b'\n', &self.input[self.scanned..]) else {
                self.scanned = self.input.len();
                // A byte order mark is no part of the first line.
                let mark = if self.begun { 0 } else { BOM.len() };
                if self.scanned > limit.saturating_add(mark) {
                    return Err(EventError::LineTooLong { limit });
                }
                return Ok(None);
            };
            let end = self.scanned + found;
            let mut line = &self.input[..end];
            if !self.begun {
                line = line.strip_prefix(BOM).unwrap_or(line);
                self.begun = true;
            }
            if line.len() > limit {
                return Err(EventError::LineTooLong { limit });
            }
            let event = self.fields.line(line, self.limits.max_event_bytes)?;
            self.after_cr = self.input[end] == b'\r';
            self.input.advance(end + 1);
            self.scanned = 0;
            if event.is_some() {
                return Ok(event);
            }
        }
    }
}

/// The UTF-8 byte order mark, which a stream may begin with.
const BOM: &[u8] = b"\xef\xbb\xbf";

impl Fields {
    /// Takes a line without its end; an empty one gives the event.
    fn line(&mut self, line: &[u8], limit: usize) -> Result<Option<Event>, EventError> {
        if line.is_empty() {
            return Ok(self.dispatch());
        }
        // Neither a colon nor a line end is part of a longer character, so that decoding piece by
        // piece gives what decoding the stream would.
        let (name, value) = match memchr::memchr(b':', line) {
            Some(0) => return Ok(None),
            Some(colon) => {
                let value = &line[colon + 1..];
                (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &[][..]),
        };
        match name {
            b"data" => {
                let text = String::from_utf8_lossy(value);
                // The newline behind the last line is taken off again and does not count.
                if self.data.len() + text.len() > limit {
                    return Err(EventError::EventTooLong { limit });
                }
                self.data.push_str(&text);
                self.data.push('\n');
            }
            b"event" => self.event = String::from_utf8_lossy(value).into_owned(),
            b"id" if !value.contains(&0) => self.id = String::from_utf8_lossy(value).into(),
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                // A number that does not fit is no time that anyone would wait.
                let millis = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                self.retry = millis.map(Duration::from_millis).or(self.retry);
            }
            _ => {}
        }
        Ok(None)
    }

    /// An event without data is none, but its id counts.
    fn dispatch(&mut self) -> Option<Event> {
        self.last_event_id = Arc::clone(&self.id);
        let (event, mut data) = (std::mem::take(&mut self.event), std::mem::take(&mut self.data));
        data.pop()?;
        Some(Event { event, data, id: Arc::clone(&self.id) })
    }
}

/// Why a stream cannot be read on.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EventError {
    /// A line is longer than [`EventLimits::max_line_bytes`].
    #[error("a line of the event stream exceeds {limit} bytes")]
    LineTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The data of one event is longer than [`EventLimits::max_event_bytes`].
    #[error("an event exceeds {limit} bytes")]
    EventTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// All events of a stream that comes in reads of so many bytes.
    fn read(
        stream: &[u8],
        at_a_time: usize,
        parser: &mut EventParser,
    ) -> Result<Vec<Event>, EventError> {
        let mut events = Vec::new();
        for chunk in stream.chunks(at_a_time) {
            parser.push(chunk);
            while let Some(event) = parser.next_event()? {
                events.push(event);
            }
        }
        Ok(events)
    }

    fn events(stream: &str) -> Vec<(String, String, String)> {
        let events = read(stream.as_bytes(), usize::MAX, &mut EventParser::new()).unwrap();
        events.into_iter().map(|event| (event.event, event.data, event.id.to_string())).collect()
    }

    fn event(event: &str, data: &str, id: &str) -> (String, String, String) {
        (event.to_owned(), data.to_owned(), id.to_owned())
    }

    #[test]
    fn the_examples_of_the_specification_are_read() {
        let stream = "data: YHOO\ndata: +2\ndata: 10\n\n";
        assert_eq!(events(stream), [event("", "YHOO\n+2\n10", "")]);
        let stream = ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n\
                      data:  third event\n\n";
        assert_eq!(
            events(stream),
            [
                event("", "first event", "1"),
                event("", "second event", ""),
                event("", " third event", "")
            ]
        );
        assert_eq!(events("data\n\ndata\ndata\n\ndata:"), [event("", "", ""), event("", "\n", "")]);
        assert_eq!(events("data:test\n\ndata: test\n\n").len(), 2);
    }

    #[test]
    fn all_three_line_ends_are_read() {
        let one = [event("a", "b\nc", "")];
        for stream in [
            "event:a\ndata:b\ndata:c\n\n",
            "event:a\rdata:b\rdata:c\r\r",
            "event:a\r\ndata:b\r\ndata:c\r\n\r\n",
            "event:a\rdata:b\ndata:c\r\n\r",
        ] {
            assert_eq!(events(stream), one, "{stream:?}");
        }
    }

    #[test]
    fn an_event_that_ends_in_cr_does_not_wait_for_lf() {
        let mut parser = EventParser::new();
        assert_eq!(read(b"data:a\r\n\r", 1, &mut parser).unwrap().len(), 1);
        assert!(read(b"\n", 1, &mut parser).unwrap().is_empty());
        assert_eq!(read(b"data:b\n\n", 1, &mut parser).unwrap().len(), 1);
    }

    #[test]
    fn one_byte_order_mark_is_passed_over_at_the_start_alone() {
        assert_eq!(events("\u{feff}data:a\n\n"), [event("", "a", "")]);
        assert!(events("\u{feff}\u{feff}data:a\n\n").is_empty());
        assert!(events("\n\u{feff}data:a\n\n").is_empty());
    }

    #[test]
    fn ids_persist_and_count_from_the_empty_line_on() {
        let mut parser = EventParser::new();
        let read =
            |stream: &str, parser: &mut EventParser| read(stream.as_bytes(), 3, parser).unwrap();
        let events = read("id:1\ndata:a\n\ndata:b\n\n", &mut parser);
        assert!(Arc::ptr_eq(&events[0].id, &events[1].id) && *events[1].id == *"1");
        assert!(read("id:2\n\n", &mut parser).is_empty());
        assert_eq!(parser.last_event_id(), "2");
        read("id:3\ndata:c\n", &mut parser);
        assert_eq!(parser.last_event_id(), "2");
        parser.reset();
        assert_eq!(
            read("data:d\n\n", &mut parser),
            [Event { event: "".into(), data: "d".into(), id: "2".into() }]
        );
        read("id:4\0\n\n", &mut parser);
        assert_eq!(parser.last_event_id(), "2");
    }

    #[test]
    fn retry_is_digits_or_nothing() {
        let mut parser = EventParser::new();
        let mut retry = |stream: &str| {
            read(stream.as_bytes(), 2, &mut parser).unwrap();
            parser.retry()
        };
        assert_eq!(retry("retry: +1\nretry:1s\nretry:\nretry:1.5\n"), None);
        assert_eq!(retry("retry:\u{663}\n"), None);
        assert_eq!(retry("retry: 1500\n"), Some(Duration::from_millis(1500)));
        assert_eq!(retry("retry:99999999999999999999\n"), Some(Duration::from_millis(1500)));
    }

    #[test]
    fn unknown_fields_and_comments_are_passed_over() {
        assert!(events(":data:a\nDATA:a\n data:a\ndata :a\n\n").is_empty());
        assert_eq!(events("x:y\n:\ndata:a:b\n\n"), [event("", "a:b", "")]);
    }

    #[test]
    fn an_event_without_data_gives_nothing_and_leaves_no_name() {
        assert_eq!(events("event:a\n\ndata:b\n\n"), [event("", "b", "")]);
        let event = Event { event: String::new(), data: String::new(), id: "".into() };
        assert_eq!(event.name(), "message");
    }

    #[test]
    fn bytes_outside_utf8_are_replaced() {
        let events = read(b"data:a\xffb\xe2\x82\n\n", 1, &mut EventParser::new()).unwrap();
        assert_eq!(events[0].data, "a\u{fffd}b\u{fffd}");
    }

    #[test]
    fn limits_hold_with_or_without_a_line_end_and_are_final() {
        let limits = EventLimits::default().max_line_bytes(8).max_event_bytes(6);
        for at_a_time in [1, 4, 100] {
            let read = |stream: &[u8]| {
                let mut parser = EventParser::with_limits(limits);
                let read = read(stream, at_a_time, &mut parser);
                parser.push(b"\n\ndata:a\n\n");
                assert_eq!(parser.next_event().err(), read.as_ref().err().copied());
                read
            };
            assert_eq!(read(b":2345678\n").unwrap(), []);
            assert_eq!(read(b"\xef\xbb\xbf:2345678\n").unwrap(), []);
            for long in [&b":23456789"[..], b"data:6789\n\n", b"\xef\xbb\xbf:23456789"] {
                let padded = [long, b"123456"].concat();
                assert_eq!(read(&padded), Err(EventError::LineTooLong { limit: 8 }));
            }
            assert_eq!(read(b"data:12\ndata:345\n\n").unwrap()[0].data, "12\n345");
            let long = read(b"data:12\ndata:345\ndata\n\n");
            assert_eq!(long, Err(EventError::EventTooLong { limit: 6 }));
            assert_eq!(read(b"data:123\ndata:456\n\n"), Err(EventError::EventTooLong { limit: 6 }));
        }
    }

    /// Lines that the parser has something to do with, among others.
    fn stream() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            "(data|event|id|retry|other|)(:| |: |)(é|[a-z0-9]{0,6})".prop_map(String::into_bytes),
            Just(b"\n".to_vec()),
            Just(b"\r".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"\n\n".to_vec()),
            Just(BOM.to_vec()),
            vec(any::<u8>(), 0..4),
        ];
        vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    /// By the letter of the specification: the whole stream is decoded, then split into lines.
    fn by_the_letter(stream: &[u8]) -> (Vec<(String, String, String)>, String) {
        let text = String::from_utf8_lossy(stream).into_owned();
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let Some((whole, _)) = text.rsplit_once('\n') else { return Default::default() };
        let (mut events, mut last) = (Vec::new(), String::new());
        let (mut name, mut data, mut id) = (String::new(), String::new(), String::new());
        for line in whole.split('\n') {
            if line.is_empty() {
                last.clone_from(&id);
                let name = std::mem::take(&mut name);
                let data = std::mem::take(&mut data);
                if let Some(data) = data.strip_suffix('\n') {
                    events.push(event(&name, data, &id));
                }
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
            match field {
                "event" => name = value,
                "data" => data += &(value + "\n"),
                "id" if !value.contains('\0') => id = value,
                _ => {}
            }
        }
        (events, last)
    }

    proptest! {
        /// Where reads split the stream never changes what is read, which is what the specification
        /// says.
        #[test]
        fn split_points_do_not_matter(stream in stream(), at_a_time in 1usize..16) {
            let mut parser = EventParser::new();
            let events = read(&stream, at_a_time, &mut parser).unwrap();
            let events: Vec<_> = events.into_iter().map(|e| (e.event, e.data, e.id.to_string())).collect();
            let (expected, last) = by_the_letter(&stream);
            prop_assert_eq!(events, expected);
            prop_assert_eq!(parser.last_event_id(), last);
        }
    }
}
