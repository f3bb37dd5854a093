//! Server-sent events: the `text/event-stream` format (WHATWG HTML §9.2).
//!
//! [`EventSource`] asks a server for events, and again whenever the stream ends. It stands over
//! [`EventParser`], which reads no socket and keeps no clock: bytes in, [`Event`]s out. What to do when
//! a stream ends, and after how long to ask again, is for whoever owns it, who finds what is needed in
//! [`EventParser::last_event_id`] and [`EventParser::retry`].
//!
//! ```
//! use dunlin_client::sse::EventParser;
//!
//! let mut parser = EventParser::new();
//! parser.push(b"event: tick\nid: 7\ndata: one\ndata: two\n\n: ping\n\ndata: cut off");
//! let event = parser.next_event()?.unwrap();
//! assert_eq!((event.name(), event.data.as_str()), ("tick", "one\ntwo"));
//! assert!(parser.next_event()?.is_none());
//! assert_eq!(parser.last_event_id(), "7");
//! # Ok::<(), dunlin_client::sse::EventError>(())
//! ```

mod parser;
mod source;

pub use self::parser::{Event, EventError, EventLimits, EventParser};
pub use self::source::EventSource;
